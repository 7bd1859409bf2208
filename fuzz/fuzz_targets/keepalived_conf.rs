//! Any text: a configuration, or diagnostics that point into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_examples::keepalived;

fuzz_target!(|text: &str| {
    let found = match keepalived::parse_str("fuzz.conf", text) {
        Ok(loaded) => loaded.notices,
        Err(diagnostics) => {
            assert!(!diagnostics.0.is_empty());
            diagnostics.0
        }
    };
    for diagnostic in found {
        let lines = text.lines().count().max(1) + 1;
        assert!(diagnostic.line <= lines, "{diagnostic}");
    }
});
