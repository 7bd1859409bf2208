//! Tests of the explanation of a router in each state.

use std::num::NonZeroI16;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use vrrp_core::{Priority, Weight};
use vrrp_io_linux::checks::{Outcome, Reading};

use super::{Explanation, compose, text};
use crate::vrrpd::control::snapshot::{ByHand, CheckState, Hand, Reasons, Snapshot};
use crate::vrrpd::control::testing::{driver, router};
use crate::vrrpd::keepalived::parse_str;

fn millis(millis: u64) -> Value {
    json!({"secs": millis / 1000, "nanos": millis % 1000 * 1_000_000})
}

fn explain(lines: &str, fields: Value) -> Explanation {
    let text = format!(
        "vrrp_instance VI {{\ninterface eth0\nvirtual_router_id 51\npriority 100\nadvert_int 1\nversion 3\nvirtual_ipaddress {{\n192.0.2.100/24\n}}\n{lines}\n}}\n"
    );
    let config = Arc::new(parse_str("t", &text).unwrap().daemon);
    let mut status = router("VI", fields);
    status["vrid"] = json!(51);
    let driver = driver(&[status]);
    let last = Some(Outcome { reading: Reading::Passing, reason: "192.0.2.9:80: connected".to_owned() });
    let check = CheckState { name: "squid".to_owned(), kind: "tcp", verdict: Some(Reading::Passing), last };
    let (taken_at, reasons) = (SystemTime::UNIX_EPOCH + Duration::from_secs(3600), Reasons::default());
    let by_hand = ByHand { router: "VI".to_owned(), change: Hand::Priority { priority: Priority::new(90).unwrap() } };
    let by_hand = if status_is_lowered(&driver) { vec![by_hand] } else { vec![] };
    let daemon = Snapshot { taken_at, config, driver, checks: vec![check], reasons, by_hand };
    compose::explanation(&daemon.driver.routers[0], &daemon.config.instances[0], &daemon, vec![])
}

fn status_is_lowered(driver: &vrrp_io_linux::DriverStatus) -> bool {
    driver.routers[0].priority.get() == 90
}

/// Returns a Backup of a Master with this priority.
fn backup(priority: u8) -> Value {
    json!({
        "in_state_for": millis(60_000), "why": "started", "source": "192.0.2.1", "master": "192.0.2.2", "master_priority": priority,
        "master_down_interval": millis(3609), "skew_time": millis(609),
        "timers": {"master_down_in": millis(3200)},
        "heard": [{
            "source": "192.0.2.2", "priority": priority, "interval": 100, "version": "V3", "checksum": "PseudoHeader", "ttl": 255,
            "at": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "ago": millis(400), "count": 61, "for_now": millis(60_000),
            "difference": null,
        }],
        "ignored": [{
            "source": "192.0.2.7", "reason": "AuthFailure", "authenticated": false, "priority": 100, "addresses": [],
            "at": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "ago": millis(200_000), "count": 2,
        }],
    })
}

fn tracker(name: &str, weight: Weight, says: &str) -> Value {
    json!({
        "id": 0, "name": name, "interface": null, "passing": true, "value": null, "says": says, "weight": weight, "reverse": false,
        "adjustment": 0,
    })
}

#[test]
fn a_backup_is_explained_in_short_sentences_the_most_important_first() {
    let expected = "\
VI is Backup, since 1970-01-01T00:59:00Z (60 s ago).
Why: started.
It runs on eth0, IPv4, VRID 51, with priority 100, and sends from 192.0.2.1.

What happens next

  The next advertisement of the Master 192.0.2.2 is due in 0.6 s.
  If no Master is heard for 3.2 s, this router becomes Master.

What would make it Master

  The Master 192.0.2.2 falls silent for 3.6 s (Master_Down_Interval).
  The Master 192.0.2.2 releases the addresses (stop, fault or drain there): then 0.6 s later (Skew_Time), if nobody better is there.
  Its priority 100 rises above the 150 of 192.0.2.2, or that one falls below it.

Evidence

  Heard from 192.0.2.2: priority 150, every 1 s, version 3; the last one 0.4 s ago, 61 in all.
  Ignored from 192.0.2.7: wrong password: configure the same one on every router; the last one 3m 20s ago, 2 in all.
  Timer master-down runs out in 3.2 s: this router becomes Master, unless a Master is heard before.
";
    assert_eq!(text::render(&explain("", backup(150))), expected);
}

#[test]
fn a_backup_that_is_better_says_why_it_is_none_the_less() {
    let last = |lines, fields| explain(lines, fields).becomes_master.pop().unwrap();
    assert_eq!(
        last("nopreempt", backup(50)),
        "Its priority 100 is not lower than the 50 of 192.0.2.2, but it does not preempt (nopreempt)."
    );
    assert_eq!(last("", backup(50)), "Its priority 100 is higher than the 50 of 192.0.2.2, so it preempts.");
    assert!(last("nopreempt", backup(150)).starts_with("A higher priority alone does not make it Master"));
    let mut held = backup(50);
    held["timers"]["preempt_hold_for"] = millis(8000);
    let next = explain("preempt_delay 10", held).next;
    assert!(
        next.contains(&"It is better than the Master, and takes over when preempt_delay ends, in 8.0 s.".to_owned())
    );
    let grouped = json!({"timers": {"waits_for_group": true}});
    assert!(explain("", grouped).next[0].contains("waits for the other members of its sync group"));
}

#[test]
fn a_master_says_what_would_end_it() {
    let weight = Weight::Adjust(NonZeroI16::new(-20).unwrap());
    let explanation = explain(
        "",
        json!({
            "role": "Master", "priority": 90, "source": "192.0.2.1",
            "timers": {"next_advertisement_in": millis(300), "lease_ends_in": millis(2000)},
            "trackers": [tracker("check squid", Weight::Fault, "check squid passes"), tracker("interface eth1", weight, "interface eth1 is up")],
        }),
    );
    assert_eq!(
        explanation.loses_master,
        [
            "Another router with virtual router id 51 advertises a priority above 90, or the same one from an address above 192.0.2.1.",
            "eth0 goes down or loses its address.",
            "check squid fails: that is a fault.",
            "interface eth1 fails: -20 priority. Then any Backup with a higher one takes over.",
            "It cannot advertise for 2.0 s (its process hangs, or the packet filter drops it).",
            "Somebody hands it over: `vrrpctl drain VI`.",
        ]
    );
    assert_eq!(explanation.next, ["It advertises in 0.3 s, and then every 1 s."]);
    assert_eq!(explanation.priority_because, ["priority 90 by hand, until the next reload"]);
    assert_eq!(
        explanation.trackers,
        [
            "check squid passes (last result: 192.0.2.9:80: connected): as it should be",
            "interface eth1 is up: no change of the priority",
        ]
    );
    assert_eq!(explanation.becomes_master, [""; 0]);
    let timers: Vec<&str> = explanation.timers.iter().map(|timer| timer.timer.as_str()).collect();
    assert_eq!(timers, ["advertisement", "lease"]);
}

#[test]
fn a_tracker_lowers_the_priority_where_it_would_and_has_not() {
    let ways = |weight: i16, reverse: bool, passing: bool, value: Option<i32>| {
        let mut tracker = tracker("check x", Weight::Adjust(NonZeroI16::new(weight).unwrap()), "");
        tracker["reverse"] = json!(reverse);
        tracker["passing"] = json!(passing);
        tracker["value"] = json!(value);
        let ways = explain("", json!({"role": "Master", "trackers": [tracker]})).loses_master;
        let way = ways.iter().find_map(|way| way.strip_prefix("check x "));
        way.map(|way| way.trim_end_matches(". Then any Backup with a higher one takes over.").to_owned())
    };
    for weight in [10, -10] {
        assert_eq!(ways(weight, false, true, None).as_deref(), Some("fails: -10 priority"), "{weight}");
        assert_eq!(ways(weight, false, false, None), None, "{weight}");
        assert_eq!(ways(weight, true, false, None).as_deref(), Some("passes: -10 priority"), "{weight}");
        assert_eq!(ways(weight, true, true, None), None, "{weight}");
    }
    for (weight, reverse, way) in [(2, false, "lower"), (-2, false, "higher"), (2, true, "higher"), (-2, true, "lower")]
    {
        let expected = format!("says a {way} number: -2 priority for each 1");
        assert_eq!(ways(weight, reverse, false, Some(7)), Some(expected), "{weight} {reverse}");
    }
}

#[test]
fn a_router_at_fault_and_one_that_is_stopped_say_what_must_come_first() {
    let fault = explain(
        "",
        json!({"role": "Initialize", "faults": [{"fault": "InterfaceDown", "text": "interface eth0 is down"}]}),
    );
    assert_eq!(fault.state, "Fault");
    assert_eq!(fault.becomes_master[0], "This fault must end first: interface eth0 is down.");
    let stopped = explain("", json!({"role": "Initialize"}));
    assert_eq!(
        (stopped.state.as_str(), stopped.becomes_master[0].as_str()),
        ("Initialize", "It must be started first: `vrrpctl start VI`.")
    );
    let drained = explain("", json!({"drain": "Reserve"}));
    assert_eq!(drained.becomes_master[0], "It is drained. `vrrpctl undrain VI` ends that.");
}
