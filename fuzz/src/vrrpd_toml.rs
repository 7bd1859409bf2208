//! Any text: a configuration in the native format, or diagnostics that point into the text.

use vrrp_examples::vrrpd::config::Daemon;
use vrrp_examples::vrrpd::native;
use vrrp_examples::vrrpd::report::diagnostics::{Diagnostic, Severity};

pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match native::parse_str("fuzz.toml", &text) {
        Ok(loaded) => {
            points_into(&text, &loaded.notices);
            assert!(loaded.notices.iter().all(|found| found.severity == Severity::Notice));
            says_the_same_again(&loaded.daemon);
        }
        Err(diagnostics) => {
            points_into(&text, &diagnostics.0);
            assert!(diagnostics.0.iter().any(|found| found.severity == Severity::Error));
        }
    }
}

/// Written and read again it is the same, passwords too.
pub fn says_the_same_again(daemon: &Daemon) {
    let written = native::print(daemon);
    let again = native::parse_str("fuzz.toml", &written).unwrap_or_else(|why| panic!("{written}\n{why}")).daemon;
    assert!(again == *daemon, "{written}\nis {again:#?}\ninstead of {daemon:#?}");
}

fn points_into(text: &str, found: &[Diagnostic]) {
    for found in found {
        let line = found.line.checked_sub(1).and_then(|before| text.split('\n').nth(before));
        let columns = line.map_or(0, |line| line.chars().count().max(1));
        assert!((1..=columns).contains(&found.column), "{found}");
        assert!(found.severity == Severity::Notice || found.expected.is_some(), "{found}");
        assert!(found.to_string().starts_with(&format!("fuzz.toml:{}:{}: ", found.line, found.column)));
    }
}
