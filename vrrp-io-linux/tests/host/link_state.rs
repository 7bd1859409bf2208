//! Interfaces that are down, and do not count as that: not at all, or not yet.

use std::num::NonZeroI16;
use std::time::{Duration, Instant};

use vrrp_core::{AdvertInterval, Profile, Role, Tracker, Weight};
use vrrp_io_linux::{EventKind, Router};

use crate::common::*;

const VIP: &str = "192.0.2.100";
const VIP6: &str = "2001:db8::100";

fn untracked(lease: bool) -> Router {
    let config = fast(254, &[address(VIP)]).with_excluded(&[address(VIP6)]).unwrap().with_lease(lease);
    router(config).with_own_interface_tracked(false)
}

fn is_advert(frame: &Frame) -> bool {
    frame.advert().is_some_and(|advert| advert.priority.is_some())
}

fn has_both(host: &Host) -> bool {
    host.has(address(VIP)) && host.has(address(VIP6))
}

/// Nothing that happens to it is a fault: the states that it entered since this was last asked.
fn states(node: &mut Node) -> Vec<Role> {
    let states = node.log().iter().filter_map(|event| entered(&event.kind)).collect();
    node.forget();
    states
}

#[test]
fn a_master_that_is_not_to_be_at_fault_stays_master_and_has_its_addresses_when_the_link_is_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        for lease in [false, true] {
            let mut node = host.start(vec![untracked(lease)]);
            node.until_announced();
            eventually("both addresses", || has_both(&host));
            states(&mut node);
            // Set down, the kernel takes the IPv6 address; the lease of the other one ends when nothing can be sent.
            host.ip("link set eth0 down");
            node.until("a refusal", |kind| matches!(kind, EventKind::SendFailed { .. }));
            eventually("the kernel took it", || !host.has(address(VIP6)) && (!lease || !host.has(address(VIP))));
            assert_eq!((states(&mut node), node.faults()), (vec![], vec![]));
            assert_eq!(node.status().role, Role::Master);
            let mut tap = client.tap();
            host.ip("link set eth0 up");
            tap.until("an advertisement", is_advert);
            eventually("both addresses are back", || has_both(&host));
            tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIP), host.mac())));
            tap.until("a neighbour advertisement", |frame| frame.announced() == Some((address(VIP6), host.mac())));
            // Without a carrier nobody takes anything.
            lan.carrier(&host, false);
            std::thread::sleep(Duration::from_secs(1));
            lan.carrier(&host, true);
            tap.until("an advertisement", is_advert);
            assert_eq!((states(&mut node), node.faults(), has_both(&host)), (vec![], vec![], true));
            // It gives up what it has all the same when it is better to.
            let better = lan.host(2 + u8::from(lease)).start(vec![router(fast(255, &[address(VIP)]))]);
            node.until_role(Role::Backup);
            eventually("no address", || !host.has(address(VIP)) && !host.has(address(VIP6)));
            better.stop();
            node.stop();
        }
    });
}

#[test]
fn an_interface_that_is_not_there_is_a_fault_all_the_same_and_one_that_is_down_at_the_start_is_not() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut tap = client.tap();
        host.ip("link set eth0 down");
        let mut node = host.start(vec![untracked(false)]);
        node.until_role(Role::Master);
        eventually("the address", || host.has(address(VIP)));
        assert!(!tap.so_far().iter().any(is_advert));
        host.ip("link set eth0 up");
        tap.until("an advertisement", is_advert);
        tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIP), host.mac())));
        eventually("both addresses", || has_both(&host) && node.status().addresses.iter().all(|it| it.installed));
        assert_eq!(states(&mut node).last(), Some(&Role::Master));

        lan.unplug(&host);
        node.until_role(Role::Initialize);
        assert_eq!(node.faults(), ["there is no interface eth0"]);
        lan.plug(&host);
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
        node.until_role(Role::Master);
        eventually("the address", || host.has(address(VIP)));
        node.stop();
    });
}

#[test]
fn a_link_that_is_down_for_a_moment_is_no_fault_and_one_that_is_up_for_a_moment_is_no_recovery() {
    const UP: Duration = Duration::from_secs(3);
    const DOWN: Duration = Duration::from_secs(2);
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let config = fast(254, &[address(VIP)]).with_excluded(&[address(VIP6)]).unwrap();
        let mut node = host.start(vec![router(config).with_interface_delays("eth0", UP, DOWN)]);
        node.until_announced();
        eventually("both addresses", || has_both(&host));
        states(&mut node);

        host.ip("link set eth0 down");
        eventually("the change is told", || !node.status().interface_changes.is_empty());
        let change = node.status().interface_changes.remove(0);
        assert!(!change.up && change.counts_in <= DOWN, "{change}");
        assert!(change.to_string().starts_with("interface eth0 is down, which counts in "), "{change}");
        host.ip("link set eth0 up");
        eventually("nothing is pending", || node.status().interface_changes.is_empty());
        eventually("both addresses are back", || has_both(&host));
        std::thread::sleep(DOWN);
        assert_eq!((states(&mut node), node.faults()), (vec![], vec![]), "{}", node.story());

        // For longer.
        let gone_at = Instant::now();
        lan.carrier(&host, false);
        node.until_role(Role::Initialize);
        assert!(gone_at.elapsed() >= DOWN);
        assert_eq!(states(&mut node), [Role::Initialize]);
        assert_eq!(node.faults(), ["interface eth0 has no carrier"]);
        eventually("no address", || !host.has(address(VIP)));
        let back_at = Instant::now();
        lan.carrier(&host, true);
        let told = "interface eth0 is up, which counts when it has been so for 3s";
        eventually("the change is told", || node.faults() == [told]);
        assert!(node.status().interface_changes.iter().any(|change| change.up));
        // Not for long enough.
        lan.carrier(&host, false);
        eventually("it is told", || node.faults() == ["interface eth0 has no carrier"]);
        std::thread::sleep(UP);
        assert_eq!(states(&mut node), []);
        let again_at = Instant::now();
        lan.carrier(&host, true);
        node.until_role(Role::Master);
        assert!(again_at.elapsed() >= UP && back_at.elapsed() >= UP * 2, "{:?}", again_at.elapsed());
        // One that is not there counts at once.
        let gone_at = Instant::now();
        lan.unplug(&host);
        node.until_role(Role::Initialize);
        assert!(gone_at.elapsed() < DOWN, "{:?}", gone_at.elapsed());
        node.stop();
    });
}

#[test]
fn a_tracked_interface_counts_after_its_delay_and_what_is_changed_holds_for_a_delay_that_runs() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link add uplink type veth peer name far");
        host.ip("link set far up");
        host.ip("link set uplink up");
        let wanted = |down: u64| {
            let mut config = config(Profile::Rfc9568Errata, 200, &[address(VIP)]);
            let weight = Weight::Adjust(NonZeroI16::new(-50).unwrap());
            let tracker = Tracker { name: "uplink".to_owned(), weight, reverse: false };
            let tracker = config.add_tracker(tracker).unwrap();
            let router = router(config).with_tracked_interface(tracker, "uplink");
            router.with_interface_delays("uplink", Duration::ZERO, Duration::from_secs(down))
        };
        let mut node = host.start(vec![wanted(3)]);
        node.until_role(Role::Master);
        host.ip("link set uplink down");
        eventually("the change is told", || !node.status().interface_changes.is_empty());
        let status = node.status();
        let tracker = &status.trackers[0];
        assert_eq!((tracker.passing, tracker.adjustment, status.priority.get()), (Some(true), 0, 200));
        assert_eq!(tracker.says, "interface uplink is down, which counts when it has been so for 3s");
        node.until("a lower priority", |kind| matches!(kind, EventKind::PriorityChanged { .. }));
        assert_eq!((node.status().priority.get(), node.status().trackers[0].passing), (150, Some(false)));
        assert_eq!(node.status().trackers[0].says, "interface uplink is down");
        host.ip("link set uplink up");
        node.until("its own priority", |kind| matches!(kind, EventKind::PriorityChanged { to, .. } if to.get() == 200));

        // What is longer than any test, until it is not.
        run(node.vrrp().apply(vec![wanted(1_000)])).unwrap();
        host.ip("link set uplink down");
        eventually("the change is told", || !node.status().interface_changes.is_empty());
        assert_eq!(node.status().priority.get(), 200);
        run(node.vrrp().apply(vec![wanted(0)])).unwrap();
        eventually("it counts", || node.status().priority.get() == 150);
        node.stop();
    });
}

#[test]
fn a_delay_is_over_when_it_is_over_though_nothing_else_is_due() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // An owner is Master at once, and then has nothing to do for 40 s.
        let interval = AdvertInterval::from_centis(4_000).unwrap();
        let config = config(Profile::Rfc9568Errata, 255, &[address(VIP)]).with_interval(interval).unwrap();
        let delay = Duration::from_secs(1);
        let mut node = host.start(vec![router(config).with_interface_delays("eth0", delay, delay)]);
        node.until_announced();
        let gone_at = Instant::now();
        lan.carrier(&host, false);
        node.until_role(Role::Initialize);
        assert!(gone_at.elapsed() >= delay);
        node.stop();
    });
}
