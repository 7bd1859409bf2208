//! `squid-failover` itself, with the built-in proxy so that nothing need be installed.

use std::process::{Command, Output};

/// Set by whoever wants tests skipped where the kernel refuses namespaces.
const SKIP: &str = "VRRP_SKIP_NAMESPACES";

fn squid_failover(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_squid-failover")).args(arguments).output().unwrap()
}

#[test]
fn a_stopped_daemon_is_taken_over_from_and_takes_back() {
    let output = squid_failover(&["--proxy", "builtin", "--only", "4", "--json"]);
    let progress = String::from_utf8_lossy(&output.stderr);
    if progress.contains("the kernel refuses") {
        assert!(
            std::env::var_os(SKIP).is_some_and(|value| value == "1"),
            "{progress}(set {SKIP}=1 to skip such tests)"
        );
        println!("SKIPPED: a_stopped_daemon_is_taken_over_from_and_takes_back: {progress}");
        return;
    }
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{progress}"));
    assert!(output.status.success() && result["passed"] == true, "{progress}{result:#}");
    let outcome = &result["outcomes"][0];
    assert_eq!(outcome["check"], "4");
    assert_eq!(outcome["lost_by_name"], 0);
    assert_eq!(outcome["minimum_ms"], 609.375);
    assert!(outcome["lost"].as_u64().is_some_and(|lost| lost > 0), "a takeover costs requests: {outcome:#}");
    assert_eq!(outcome["holders"][0], "01 > none > 02 > 01");
    assert_eq!(outcome["holders"][1], "02");
}

#[test]
fn an_unknown_check_is_refused_before_anything_is_made() {
    let output = squid_failover(&["--only", "4,7"]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("--only 7: there is no such check; there are 1, 1b, 1c, 2"), "{message}");
}
