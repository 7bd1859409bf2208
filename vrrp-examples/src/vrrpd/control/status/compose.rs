//! The answer, from what the daemon knows.

use std::collections::BTreeMap;

use vrrp_core::{DrainStatus, Fault, Priority, Role, Weight};
use vrrp_io_linux::checks::{Outcome, Reading};
use vrrp_io_linux::{AddressStatus, DriverStatus, FaultStatus, OnHost, RouterStatus, TrackerStatus};

use super::answer::{
    AddressView, CheckView, DrainView, LookView, MasterView, OtherMasterView, Place, RouterView, Since, Status,
    TrackerView,
};
use crate::vrrpd::control::snapshot::{ByHand, CheckState, Hand, Reasons, Snapshot};

/// Returns the state of everything. A fault of a failing check is followed by the last result of the check.
pub(super) fn status(daemon: &Snapshot) -> Status {
    let routers = daemon.driver.routers.iter().map(|status| router(status, daemon)).collect();
    let checks = daemon.checks.iter().map(check).collect();
    Status { version: env!("CARGO_PKG_VERSION").to_owned(), routers, checks }
}

fn check(CheckState { name, kind, verdict, last }: &CheckState) -> CheckView {
    let value = match verdict {
        Some(Reading::Value(value)) => Some(*value),
        _ => None,
    };
    let look = |outcome: &Outcome| LookView { passed: outcome.success(), result: outcome.reason.clone() };
    CheckView {
        name: name.clone(),
        kind: (*kind).to_owned(),
        passing: verdict.map(|verdict| verdict != Reading::Failing),
        value,
        last: last.as_ref().map(look),
    }
}

fn router(status: &RouterStatus, daemon: &Snapshot) -> RouterView {
    RouterView {
        name: status.name.clone(),
        interface: status.interface.clone(),
        family: status.family.to_string(),
        vrid: status.vrid.get(),
        state: state(status),
        priority: status.priority.get(),
        configured_priority: status.configured_priority.get(),
        by_hand: by_hand(&status.name, &daemon.by_hand),
        drain: status.drain.and_then(drain),
        addresses: status.addresses.iter().map(address).collect(),
        faults: status.faults.iter().map(|it| fault(it, status, &daemon.reasons)).collect(),
        trackers: status.trackers.iter().map(|it| tracker(it, status, &daemon.reasons)).collect(),
        master: status.master.map(|address| MasterView {
            address: address.to_string(),
            priority: status.master_priority.map(Priority::get),
            us: status.role == Role::Master,
        }),
        other_master: status.other_master.as_ref().map(|other| OtherMasterView {
            address: other.address.to_string(),
            priority: Some(other.priority.get()),
            why: other.why.as_ref().map(ToString::to_string),
        }),
        since: status.in_state_for.map(|ago| Since::new(ago, daemon.taken_at)),
        cause: status.why.clone(),
        counters: counters(status, &daemon.driver),
    }
}

/// Returns its state in the operators' words: a router that health keeps in Initialize is in Fault.
pub(super) fn state(status: &RouterStatus) -> String {
    match status.role {
        Role::Initialize if !status.faults.is_empty() => "Fault".to_owned(),
        role => role.to_string(),
    }
}

fn by_hand(router: &str, all: &[ByHand]) -> Vec<Hand> {
    all.iter().filter(|by_hand| by_hand.router == router).map(|by_hand| by_hand.change.clone()).collect()
}

const fn drain(drain: DrainStatus) -> Option<DrainView> {
    match drain {
        DrainStatus::HandingOver { .. } => Some(DrainView::HandingOver),
        DrainStatus::LastResort => Some(DrainView::LastResort),
        DrainStatus::Reserve => Some(DrainView::Reserve),
        _ => None,
    }
}

fn address(address: &AddressStatus) -> AddressView {
    AddressView {
        address: address.virtual_ip.to_string(),
        installed: address.installed,
        host: place(address.host),
        obstacle: address.obstacle.as_ref().map(ToString::to_string),
    }
}

fn fault(fault: &FaultStatus, of: &RouterStatus, reasons: &Reasons) -> String {
    match fault.fault {
        Fault::Tracker(tracker) => reasons.explain(of.id, tracker, &fault.text),
        _ => fault.text.clone(),
    }
}

fn tracker(tracker: &TrackerStatus, of: &RouterStatus, reasons: &Reasons) -> TrackerView {
    let is_owner = of.configured_priority.is_owner();
    let weight = match tracker.weight {
        Weight::Fault => None,
        // Nothing changes the owner's.
        Weight::Adjust(_) if is_owner => Some(0),
        Weight::Adjust(weight) if tracker.reverse => Some(-i32::from(weight.get())),
        Weight::Adjust(weight) => Some(weight.get().into()),
    };
    TrackerView {
        name: tracker.name.clone(),
        passing: tracker.passing,
        says: reasons.explain(of.id, tracker.id, &tracker.says),
        fault: tracker.is_fault(),
        priority: if is_owner { 0 } else { tracker.adjustment },
        weight,
    }
}

const fn place(host: OnHost) -> Place {
    match host {
        OnHost::Absent => Place::Absent,
        OnHost::Tentative => Place::Tentative,
        OnHost::Duplicate => Place::Duplicate,
        OnHost::Here { ours: true } => Place::Ours,
        OnHost::Here { ours: false } => Place::Foreign,
    }
}

/// Returns the counters by their names in the core, those of the driver with them.
fn counters(status: &RouterStatus, driver: &DriverStatus) -> BTreeMap<String, u64> {
    let stats = serde_json::to_value(status.stats).unwrap_or_default();
    let named = stats.as_object().into_iter().flatten();
    let mut counters: BTreeMap<String, u64> =
        named.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect();
    counters.insert("events_lost".to_owned(), driver.events_lost);
    counters.insert("news_not_understood".to_owned(), driver.news_not_understood);
    counters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::control::status::{dump, text};
    use crate::vrrpd::control::testing::{driver, router};
    use serde_json::json;
    use std::time::SystemTime;
    use vrrp_core::{RouterId, TrackerId};

    /// Returns a router with a check that fails, whatever that is called.
    fn snapshot(wording: &str, reasons: Reasons) -> Snapshot {
        let fields = json!({
            "role": "Initialize", "cause": {"Fault": {"Tracker": 0}}, "why": wording,
            "faults": [
                {"fault": {"Tracker": 0}, "text": wording},
                {"fault": "InterfaceDown", "text": "interface eth0 is down"},
            ],
            "trackers": [{
                "id": 0, "name": "check squid", "interface": null, "passing": false, "says": wording,
                "weight": "Fault", "reverse": false, "adjustment": 0,
            }],
            "addresses": [{
                "vip": {"address": "192.0.2.1", "prefix_len": 24, "device": null, "label": null, "scope": "Global", "broadcast": null},
                "installed": false, "host": "Absent", "obstacle": {"NoInterface": {"interface": "eth1"}},
            }],
        });
        let driver = driver(&[router("a", fields)]);
        let config = std::sync::Arc::default();
        Snapshot { taken_at: SystemTime::UNIX_EPOCH, config, driver, checks: vec![], reasons, by_hand: vec![] }
    }

    #[test]
    fn the_reason_of_a_failed_check_is_told_however_its_fault_is_worded() {
        let id: (RouterId, TrackerId) = serde_json::from_value(json!([0, 0])).unwrap();
        for wording in ["check squid failed", "the check squid does not pass"] {
            let reasons = [(id, "exit status 1".to_owned())].into_iter().collect();
            let router = status(&snapshot(wording, reasons)).routers.remove(0);
            let told = format!("{wording}: exit status 1");
            assert_eq!(router.faults, [&told, "interface eth0 is down"]);
            assert_eq!(router.trackers[0].says, told);
            assert_eq!((router.state.as_str(), router.cause.as_str()), ("Fault", wording));

            let router = status(&snapshot(wording, Reasons::default())).routers.remove(0);
            assert_eq!(router.faults, [wording, "interface eth0 is down"], "a check that passes has nothing to blame");
        }
    }

    #[test]
    fn a_check_has_its_kind_its_verdict_and_its_last_result() {
        let outcome = |reading| Some(Outcome { reading, reason: "192.0.2.1: connect: refused".to_owned() });
        let state = |name: &str, verdict, last| CheckState { name: name.to_owned(), kind: "tcp", verdict, last };
        let mut snapshot = snapshot("", Reasons::default());
        snapshot.checks = vec![
            state("new", None, None),
            state("good", Some(Reading::Passing), outcome(Reading::Passing)),
            state("bad", Some(Reading::Failing), outcome(Reading::Failing)),
            state("nearly", Some(Reading::Passing), outcome(Reading::Failing)),
            state("number", Some(Reading::Value(-3)), outcome(Reading::Value(-3))),
        ];
        let status = status(&snapshot);
        let passing: Vec<_> = status.checks.iter().map(|check| (check.passing, check.value)).collect();
        assert_eq!(
            passing,
            [(None, None), (Some(true), None), (Some(false), None), (Some(true), None), (Some(true), Some(-3))]
        );
        let text = text::render(&status);
        let checks = text.split_once("\nchecks\n").unwrap().1;
        assert_eq!(
            checks,
            "  new (tcp) has no result yet\n  good (tcp) passes: 192.0.2.1: connect: refused\n  \
             bad (tcp) failed: 192.0.2.1: connect: refused\n  \
             nearly (tcp) passes, but its last run failed: 192.0.2.1: connect: refused\n  \
             number (tcp) says -3: 192.0.2.1: connect: refused\n"
        );
    }

    #[test]
    fn what_was_changed_by_hand_stands_with_its_router() {
        let priority = Hand::Priority { priority: Priority::DEFAULT };
        let mut snapshot = snapshot("", Reasons::default());
        let by_hand = |router: &str, change: &Hand| ByHand { router: router.to_owned(), change: change.clone() };
        snapshot.by_hand = vec![by_hand("b", &Hand::Stopped), by_hand("a", &priority)];
        let router = status(&snapshot).routers.remove(0);
        assert_eq!(router.by_hand, [priority]);
        assert_eq!(serde_json::to_value(&router.by_hand).unwrap(), json!([{"change": "priority", "priority": 100}]));
    }

    #[test]
    fn a_drain_says_how_it_stands() {
        let stands = |drain: serde_json::Value| {
            let driver = driver(&[router("a", json!({ "drain": drain }))]);
            let (taken_at, reasons) = (SystemTime::UNIX_EPOCH, Reasons::default());
            let router = status(&Snapshot {
                taken_at,
                config: std::sync::Arc::default(),
                driver,
                checks: vec![],
                reasons,
                by_hand: vec![],
            })
            .routers
            .remove(0);
            serde_json::to_value(router).unwrap()["drain"].clone()
        };
        assert_eq!(stands(json!(null)), json!(null));
        assert_eq!(stands(json!("LastResort")), json!("last-resort"));
        assert_eq!(stands(json!("Reserve")), json!("reserve"));
    }

    #[test]
    fn a_dump_has_a_line_for_each_router_and_says_where_there_is_more() {
        let mut snapshot = snapshot("check squid failed", Reasons::default());
        snapshot.by_hand = vec![ByHand { router: "a".to_owned(), change: Hand::Stopped }];
        let more = "`vrrpctl status` shows more, with --json for programs";
        let router = "a: Fault on eth0, IPv4, VRID 1; since 1970-01-01T00:00:00Z (1s ago): check squid failed; \
                      fault: check squid failed; fault: interface eth0 is down; master: none known; priority 100; \
                      by hand: stopped; 192.0.2.1/24 not here: there is no interface eth1";
        assert_eq!(dump::data(&snapshot), [router, more]);
        assert_eq!(dump::statistics(&snapshot), ["a: 3 events_lost, 2 news_not_understood", more]);
        snapshot.driver.routers.clear();
        assert_eq!(dump::data(&snapshot), [more]);
    }

    #[test]
    fn a_status_keeps_the_names_and_words_of_the_protocol() {
        let router = status(&snapshot("", Reasons::default())).routers.remove(0);
        let address = json!({
            "address": "192.0.2.1/24", "installed": false, "host": "absent", "obstacle": "there is no interface eth1",
        });
        assert_eq!(serde_json::to_value(&router.addresses).unwrap(), json!([address]));
        assert_eq!(router.family, "IPv4");
        assert_eq!((router.counters["events_lost"], router.counters["news_not_understood"]), (3, 2));
    }
}
