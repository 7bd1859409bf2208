//! Any text: a configuration, or diagnostics that point into the text.

use vrrp_examples::vrrpd::config::Daemon;
use vrrp_examples::vrrpd::keepalived;
use vrrp_examples::vrrpd::native;
use vrrp_examples::vrrpd::report::diagnostics::{Diagnostic, Severity};

pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match keepalived::parse_str("fuzz.conf", &text) {
        Ok(loaded) => {
            points_into(&text, &loaded.notices);
            assert!(loaded.notices.iter().all(|found| found.severity == Severity::Notice));
            converts(&loaded.daemon);
            says_the_same_again(loaded.daemon);
        }
        Err(diagnostics) => {
            points_into(&text, &diagnostics.0);
            assert!(diagnostics.0.iter().any(|found| found.severity == Severity::Error));
        }
    }
}

/// Printed and read again it is the same, but for passwords, which are not printed.
fn says_the_same_again(mut daemon: Daemon) {
    let printed = keepalived::print(&daemon);
    let again = keepalived::parse_str("fuzz.conf", &printed).unwrap_or_else(|why| panic!("{printed}\n{why}")).daemon;
    daemon.instances.iter_mut().for_each(|instance| instance.password = None);
    assert!(again == daemon, "{printed}\nis {again:#?}\ninstead of {daemon:#?}");
}

/// In the native format it is the same, passwords too.
fn converts(daemon: &Daemon) {
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
        assert!(found.to_string().starts_with(&format!("fuzz.conf:{}:{}: ", found.line, found.column)));
    }
}
