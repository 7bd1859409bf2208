//! What a program learns of its routers when it asks.

use std::time::Duration;

use vrrp_core::{
    Cause, Config, Discard, Family, Fault, LastEvent, NewMasterReason, Priority, Profile, Reading, Role, Tracker, Vrid,
    Weight,
};

use crate::common::*;
use crate::peers::forge;

const VIP: &str = "192.0.2.100";

#[test]
fn a_status_has_what_the_management_models_ask_for() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let mut master = host.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_role(Role::Master);
        let mut backup = peer.start(vec![router(fast(100, &[address(VIP)]))]);
        backup.until_role(Role::Backup);
        eventually("the Master is heard", || backup.status().last_advertisement_from == Some(host.address()));

        let status = master.status();
        assert!(matches!(status.cause, Cause::MasterDown { master: None, .. }), "{:?}", status.cause);
        assert!(status.why.starts_with("no Master was heard for "), "{}", status.why);
        assert_eq!(status.last_event, LastEvent::MasterTimeout);
        assert_eq!(status.new_master_reason, NewMasterReason::MasterNoResponse);
        assert!(status.up_for >= status.in_state_for && status.up_since <= status.since, "Backup before");

        let status = backup.status();
        assert_eq!((status.cause, status.last_event), (Cause::Startup, LastEvent::Startup));
        assert_eq!(status.new_master_reason, NewMasterReason::NotMaster);
        assert!(status.skew_time > Duration::ZERO);
        assert_eq!(status.master_down_interval, Duration::from_millis(600) + status.skew_time);

        host.ip("link set eth0 down");
        master.until_role(Role::Initialize);
        let status = master.status();
        assert_eq!(status.cause, Cause::Fault(Fault::InterfaceDown));
        assert_eq!(status.why, "interface eth0 is down");
        assert_eq!((status.up_since, status.up_for), (None, None));
        assert!(
            status.faults.iter().any(|it| it.fault == Fault::InterfaceDown && it.text == status.why),
            "{:?}",
            status.faults
        );
    });
}

#[test]
fn it_is_counted_how_late_advertisements_leave_and_how_long_takeovers_take() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let mut master = host.start(vec![router(fast(200, &[address(VIP)]).with_lease(true))]);
        master.until_role(Role::Master);
        let mut backup = peer.start(vec![router(fast(100, &[address(VIP)]))]);
        eventually("the Master is heard", || backup.status().last_advertisement_from == Some(host.address()));
        eventually("advertisements are timed", || master.driver_status().advertisement_lateness.count() >= 5);
        let counted = backup.driver_status();
        assert_eq!(
            (counted.advertisement_lateness.count(), counted.takeovers.count()),
            (0, 0),
            "a Backup says nothing"
        );
        let lease = master.status().lease.unwrap();
        assert!(lease.left > Duration::ZERO && lease.left <= lease.lifetime, "{lease:?}");
        assert_eq!(backup.status().lease, None);

        let skew = backup.status().skew_time;
        master.stop();
        backup.until_role(Role::Master);
        eventually("its takeover is timed", || backup.driver_status().takeovers.count() == 1);
        let took = backup.driver_status().takeovers.sum();
        assert!(took >= skew, "{took:?} from the release, and Skew_Time is {skew:?}");
        let late = backup.driver_status().advertisement_lateness;
        assert!(late.count() >= 1 && late.sum() < Duration::from_secs(20), "{late:?}");
    });
}

#[test]
fn a_fault_and_what_it_says_are_found_by_the_ids_of_router_and_tracker() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let mut config = fast(200, &[address(VIP)]);
        let tracker = Tracker { name: "the service".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        let mut node = host.start(vec![router(config)]);
        let id = run(node.vrrp().router("eth0/51")).unwrap().unwrap();
        node.track(0, tracker, true);
        node.until_role(Role::Master);
        node.track(0, tracker, false);
        node.until_role(Role::Initialize);

        let driver = node.driver_status();
        let status = driver.router(id).unwrap();
        assert_eq!((status.id, status.trackers[0].id), (id, tracker));
        let faults: Vec<_> = status.faults.iter().map(|it| (it.fault, it.text.as_str())).collect();
        assert_eq!(faults, [(Fault::Tracker(tracker), "the service failed")]);
        assert!(node.log().iter().all(|event| event.router == id));
    });
}

#[test]
fn a_tracker_that_says_a_number_is_weighed_and_told_by_it() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut config = fast(200, &[address(VIP)]);
        let weight = Weight::Adjust((-2).try_into().unwrap());
        let queue = config.add_tracker(Tracker { name: "queue".to_owned(), weight, reverse: false }).unwrap();
        let mut node = host.start(vec![router(config)]);
        node.track(0, queue, Reading::Value(0));
        node.until_role(Role::Master);
        assert_eq!((node.status().priority.get(), node.status().trackers[0].value), (200, Some(0)));
        assert!(node.status().trackers[0].passing == Some(true) && !node.status().trackers[0].is_fault());

        node.track(0, queue, Reading::Value(30));
        node.until("a lower priority", |kind| kind.to_string() == "priority 200 -> 140: queue says 30");
        let tracker = node.status().trackers.remove(0);
        assert_eq!((tracker.value, tracker.adjustment, tracker.says.as_str()), (Some(30), -60, "queue says 30"));
        // More than a priority holds.
        node.track(0, queue, Reading::Value(127));
        node.until_role(Role::Initialize);
        assert_eq!(node.faults(), ["queue says 127"]);
        assert!(node.status().trackers[0].is_fault());
        // A verdict is a verdict still.
        node.track(0, queue, true);
        node.until_role(Role::Master);
        let tracker = node.status().trackers.remove(0);
        assert_eq!((tracker.value, tracker.passing, tracker.says.as_str()), (None, Some(true), "queue passes"));
        node.stop();
    });
}

/// What a router heard and what it ignored, each with its source; and that noting it changes nothing.
#[test]
fn a_status_says_whom_it_heard_and_what_it_ignored() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer, stranger) = (lan.host(1), lan.host(2), lan.host(3));
        let mut master = peer.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_role(Role::Master);
        let mut backup = host.start(vec![router(fast(100, &[address(VIP)]))]);
        backup.until_role(Role::Backup);
        eventually("the Master is heard", || !backup.status().heard.is_empty());
        let group = Family::Ipv4.group();
        forge(&stranger, group, 255, fast(250, &[address("192.0.2.200")]));
        let other = Config::new(Profile::Rfc9568, Vrid::new(9).unwrap(), &[address("192.0.2.9")]).unwrap();
        forge(&stranger, group, 255, other);
        eventually("both are noted", || {
            backup.status().ignored.len() == 1 && backup.driver_status().strangers.len() == 1
        });

        let status = backup.status();
        let [heard] = &status.heard[..] else { panic!("{:?}", status.heard) };
        assert_eq!((heard.source, heard.priority.map(Priority::get), heard.ttl), (peer.address(), Some(200), 255));
        assert!(heard.count > 0 && heard.ago < Duration::from_secs(10) && heard.difference.is_none());
        let [ignored] = &status.ignored[..] else { panic!("{:?}", status.ignored) };
        assert_eq!((ignored.source, ignored.reason), (stranger.address(), Discard::OtherCluster));
        assert_eq!((ignored.addresses.as_slice(), ignored.count), ([address("192.0.2.200")].as_slice(), 1));
        let [unknown] = &backup.driver_status().strangers[..] else { panic!("one stranger") };
        assert_eq!((unknown.vrid.get(), unknown.source, unknown.interface.as_str()), (9, stranger.address(), "eth0"));
        assert_eq!(
            (status.role, status.master, status.source),
            (Role::Backup, Some(peer.address()), Some(host.address()))
        );
        assert!(status.timers.master_down_in.is_some_and(|left| left <= status.master_down_interval));
        let timers = master.status().timers;
        assert!(timers.next_advertisement_in.is_some() && timers.master_down_in.is_none());
    });
}
