//! `squid-failover` itself, with the built-in proxy: by itself, and beside Debian's keepalived, both ways round.
#![allow(clippy::panic, reason = "a test stops at the first surprise")]

#[path = "../../vrrp-io-linux/src/testing.rs"]
mod testing;

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use testing::{missing, skip};

static ALONE: Mutex<()> = Mutex::new(());

fn squid_failover(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_squid-failover")).args(arguments).output()
}

/// The outcomes of a run in which every check passed; `None` where the kernel refuses namespaces.
fn passed(test: &str, arguments: &[&str]) -> Option<Vec<Value>> {
    // One lab at a time: each measures, and keeps both processors busy.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = squid_failover(&[&["--proxy", "builtin", "--json"], arguments].concat());
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("squid-failover: {error}"));
    let progress = String::from_utf8_lossy(&stderr);
    if progress.contains("the kernel refuses") {
        skip(test, &progress);
        return None;
    }
    let result: Value = serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{progress}"));
    assert!(status.success() && result["passed"] == true, "{progress}{result:#}");
    result["outcomes"].as_array().cloned()
}

#[test]
fn a_stopped_daemon_is_taken_over_from_and_takes_back() {
    let Some(outcomes) = passed("a_stopped_daemon_is_taken_over_from_and_takes_back", &["--only", "4"]) else { return };
    let outcome = &outcomes[0];
    assert_eq!(outcome["check"], "4");
    assert_eq!(outcome["lost_by_name"], 0);
    assert_eq!(outcome["minimum_ms"], 609.375);
    assert!(outcome["lost"].as_u64().is_some_and(|lost| lost > 0), "a takeover costs requests: {outcome:#}");
    assert!(outcome["holders"][0].as_str().is_some_and(|holders| holders.ends_with("none > 02 > 01")), "{outcome:#}");
    assert_eq!(outcome["holders"][1], "02");
}

#[test]
fn no_address_outlives_its_daemon_on_two_hosts() {
    let Some(outcomes) = passed("no_address_outlives_its_daemon_on_two_hosts", &["--only", "5,7"]) else { return };
    for outcome in outcomes {
        assert_eq!(outcome["both_after_failure_ms"], 0.0, "{outcome:#}");
        let holders = outcome["holders"][0].as_str().unwrap_or_default();
        assert!(holders.starts_with("01 > none > 02"), "{outcome:#}");
    }
}

/// The three failures of the article and a stop, each with the way back; an address on both hosts fails a check.
const FAILURES: [&str; 6] = ["1a", "1b", "2a", "2b", "3", "4"];

#[test]
fn keepalived_takes_over_from_vrrpd_and_yields_to_it() {
    beside_keepalived("keepalived_takes_over_from_vrrpd_and_yields_to_it", "vrrpd", "keepalived", &FAILURES);
}

#[test]
fn vrrpd_takes_over_from_keepalived_and_yields_to_it() {
    let test = "vrrpd_takes_over_from_keepalived_and_yields_to_it";
    // Without root keepalived cannot switch to the user of its checks, and then runs without them.
    let failures = if nix::unistd::geteuid().is_root() {
        FAILURES.to_vec()
    } else {
        skip(test, "keepalived runs no checks without root: leaving out check 3");
        FAILURES.into_iter().filter(|check| *check != "3").collect()
    };
    beside_keepalived(test, "keepalived", "vrrpd", &failures);
}

fn beside_keepalived(test: &str, first: &str, second: &str, checks: &[&str]) {
    if let Some(program) = missing(&["keepalived"]) {
        return skip(test, &format!("{program} is not installed"));
    }
    let Some(outcomes) = passed(test, &["--daemon", first, "--peer", second, "--only", &checks.join(",")]) else {
        return;
    };
    let seen: Vec<_> = outcomes.iter().filter_map(|outcome| outcome["check"].as_str()).collect();
    assert_eq!(seen, checks);
}

#[test]
fn an_unknown_check_is_refused_before_anything_is_made() {
    let output = squid_failover(&["--only", "4,9"]).unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("--only 9: there is no such check; there are 1a, 1b, 1c, 2a"), "{message}");
}
