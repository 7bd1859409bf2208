//! Routers in one sync group move together (EXT-06).

use vrrp_core::{AdvertInterval, Config, Priority, Profile, Role, Tracker, TrackerId, Weight};
use vrrp_io_linux::Router;

use crate::common::*;

const VIPS: [&str; 2] = ["192.0.2.100", "192.0.2.200"];

/// Two routers of one group; the second has a tracker, which has to pass.
fn group(own: u8) -> (Vec<Router>, TrackerId) {
    let config = |number: u8, virtual_ip| {
        Config::new(Profile::Rfc9568Errata, vrid(number), &[address(virtual_ip)])
            .unwrap()
            .with_priority(Priority::new(own).unwrap())
            .with_interval(AdvertInterval::from_centis(20).unwrap())
            .unwrap()
    };
    let (first, mut second) = (config(51, VIPS[0]), config(52, VIPS[1]));
    let check = Tracker { name: "check".into(), weight: Weight::Fault, reverse: false };
    let tracker = second.add_tracker(check).unwrap();
    let named = |config, name: &str| router(config).with_name(name).with_sync_group("both");
    (vec![named(first, "first"), named(second, "second")], tracker)
}

fn holds_both(host: &Host) -> bool {
    VIPS.iter().all(|virtual_ip| host.has(address(virtual_ip)))
}

fn holds_none(host: &Host) -> bool {
    !VIPS.iter().any(|virtual_ip| host.has(address(virtual_ip)))
}

#[test]
fn a_fault_of_one_moves_both_and_its_end_brings_both_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let ((routers, tracker), (others, other_tracker)) = (group(200), group(100));
        let mut node = host.start(routers);
        node.track(1, tracker, true);
        eventually("the better host holds both", || holds_both(&host));
        let mut standby = peer.start(others);
        standby.track(1, other_tracker, true);
        standby.until_role(Role::Backup);
        standby.until_role(Role::Backup);

        node.track(1, tracker, false);
        eventually("the other host holds both", || holds_both(&peer));
        eventually("the better host holds none", || holds_none(&host));
        assert_eq!(node.faults(), ["second of the sync group both is at fault"]);

        node.track(1, tracker, true);
        eventually("the better host holds both again", || holds_both(&host));
        eventually("the other host holds none", || holds_none(&peer));
        let story = node.story();
        for told in [
            "first: Master -> Fault: second of the sync group both is at fault",
            "second: Master -> Fault: check failed",
            "first: Fault -> Backup at priority 200: no fault any more, the last was: second of the sync group both",
        ] {
            assert!(story.contains(told), "{told}:\n{story}");
        }
        let story = standby.story();
        assert_eq!(story.matches("Backup -> Master").count(), 2, "{story}");
        // Which of them yields first is up to the host; the other one follows it.
        assert_eq!(story.matches("of the sync group both yielded to a better Master").count(), 1, "{story}");

        node.stop();
        eventually("the other host holds both", || holds_both(&peer));
        standby.stop();
        assert!(holds_none(&host) && holds_none(&peer));
    });
}
