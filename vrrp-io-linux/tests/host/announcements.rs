//! Announcements that keep a distance from each other, for switches that take no more; and nothing else that waits for them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use vrrp_core::{AdvertInterval, AnnouncePolicy, Config, Priority, Profile, Role};
use vrrp_io_linux::{EventKind, Router, Scheduling, Warning, start_from, start_with};

use crate::accept::nft;
use crate::common::*;
use crate::keepalived::Keepalived;

const VIPS: [&str; 3] = ["192.0.2.100", "192.0.2.101", "192.0.2.102"];
const OTHER: &str = "192.0.2.110";
const GAP: Duration = Duration::from_millis(150);
const REPEAT: u8 = 3;

fn repeated(config: Config) -> Config {
    config.with_announce(AnnouncePolicy { repeat: REPEAT, ..AnnouncePolicy::default() })
}

fn paced(priority: u8, gap: Duration) -> Router {
    router(repeated(fast(priority, &VIPS.map(address)))).with_announcement_gap(gap)
}

/// Another router on the same interface.
fn other(gap: Duration) -> Router {
    let config = Config::new(Profile::Rfc9568Errata, vrid(52), &[address(OTHER)]).unwrap().with_lease(false);
    let config = config.with_priority(Priority::new(200).unwrap());
    router(repeated(config).with_interval(fast(1, &[address(OTHER)]).interval()).unwrap()).with_announcement_gap(gap)
}

/// Returns when which address was announced.
fn announced(frames: &[(Duration, Frame)]) -> Vec<(Duration, IpAddr)> {
    frames
        .iter()
        .filter_map(|(at, frame)| Some((*at, frame.announced()?.0)))
        .filter(|(_, it)| is_virtual(*it))
        .collect()
}

fn is_virtual(address: IpAddr) -> bool {
    VIPS.iter().chain([&OTHER]).any(|virtual_ip| *virtual_ip == address.to_string())
}

fn distances(announced: &[(Duration, IpAddr)]) -> Vec<Duration> {
    announced.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

/// Returns what keepalived is to have: the same two routers.
fn configuration() -> String {
    let mut text = format!("global_defs {{\n vrrp_garp_interval {}\n}}\n", GAP.as_secs_f64());
    for (vrid, virtual_ips) in [(51, &VIPS[..]), (52, &[OTHER])] {
        write!(
            text,
            "vrrp_instance i{vrid} {{\n interface eth0\n version 3\n virtual_router_id {vrid}\n priority 200\n \
             advert_int 0.2\n garp_master_repeat {REPEAT}\n garp_master_delay 0\n virtual_ipaddress {{\n  {}\n }}\n}}\n",
            virtual_ips.join("\n  ")
        )
        .unwrap();
    }
    text
}

/// The first goes at once, the others keep their distance: of both routers of the interface together.
#[test]
fn announcements_are_as_far_apart_as_those_of_keepalived() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, theirs, client) = (lan.host(1), lan.host(2), lan.host(9));
        let check = |who: &str, frames: &[(Duration, Frame)], times: [usize; 2]| {
            let announced = announced(frames);
            let distances = distances(&announced);
            eprintln!("{who}: {} announcements, {distances:?}", announced.len());
            // The kernel's two clocks need not be equally fast.
            assert!(distances.iter().all(|distance| *distance >= GAP.mul_f64(0.95)), "{who}: {announced:?}");
            for virtual_ip in VIPS.iter().chain([&OTHER]) {
                let count = announced.iter().filter(|(_, address)| address.to_string() == *virtual_ip).count();
                assert!((times[0]..=times[1]).contains(&count), "{who}: {virtual_ip} {count} times, {announced:?}");
            }
            let mut adverts = frames.iter().filter(|(_, frame)| frame.advert().is_some());
            let advertised = adverts.next().unwrap().0;
            let before: Vec<_> = adverts.take_while(|(at, _)| *at < announced[0].0).collect();
            assert!(announced[0].0 > advertised && before.len() <= 2, "{who}: after {before:?}");
        };
        let mut tap = client.tap();
        let watch = thread::spawn(move || {
            let frames = tap.stamped(Duration::from_secs(4));
            (tap, frames)
        });
        let mut node = host.start(vec![paced(200, GAP), other(GAP)]);
        let (mut tap, frames) = watch.join().unwrap();
        check("this library", &frames, [usize::from(REPEAT); 2]);
        // What is told of each is told when the first of it has gone out.
        let told = node.log().iter().filter(|it| matches!(it.kind, EventKind::Announced { count: REPEAT, .. })).count();
        assert_eq!(told, VIPS.len() + 1);
        node.stop();
        if let Some(program) = missing(&["keepalived"]) {
            return skip("announcements_are_as_far_apart_as_those_of_keepalived", &format!("no {program}"));
        }
        tap.so_far();
        let watch = thread::spawn(move || tap.stamped(Duration::from_secs(5)));
        let _keepalived = Keepalived::start(&theirs, "announcements", &configuration());
        // It makes one of what waits for an address.
        check("keepalived", &watch.join().unwrap(), [1, usize::from(REPEAT)]);
    });
}

#[test]
fn nothing_waits_for_announcements_and_what_is_left_is_dropped_with_the_addresses() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer, client) = (lan.host(1), lan.host(2), lan.host(9));
        let mut tap = client.tap();
        let mut node = host.start(vec![paced(200, Duration::from_secs(1_000))]);
        node.until_announced();
        eventually("all addresses", || VIPS.iter().all(|virtual_ip| host.has(address(virtual_ip))));
        let frames = tap.stamped(Duration::from_secs(2));
        assert_eq!(announced(&frames).len(), 1, "{frames:?}");
        assert!(frames.iter().filter(|(_, frame)| frame.advert().is_some()).count() >= 5, "{frames:?}");
        // It waits no longer than it should by now.
        run(node.vrrp().apply(vec![paced(200, GAP)])).unwrap();
        tap.until("the next one", |frame| frame.announced().is_some_and(|(it, _)| it == address(VIPS[1])));

        // Not all has been said when a better router is there.
        let better = peer.start(vec![router(fast(255, &VIPS.map(address)))]);
        node.until_role(Role::Backup);
        eventually("no address", || VIPS.iter().all(|virtual_ip| !host.has(address(virtual_ip))));
        tap.so_far();
        let mac = host.mac();
        let frames = tap.stamped(GAP * 5);
        assert!(!frames.iter().any(|(_, frame)| frame.announced().is_some_and(|(_, by)| by == mac)), "{frames:?}");
        better.stop();
        // Each is announced anew when it is Master again.
        for virtual_ip in VIPS {
            tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(virtual_ip), mac)));
        }
        node.stop();
    });
}

#[test]
fn what_is_left_is_announced_by_the_process_that_goes_on_at_the_same_distance() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let long = Duration::from_secs(1_000);
        let mut tap = client.tap();
        let (vrrp, events) = host.run(move || start_with(Scheduling::new(), [paced(200, long)])).unwrap();
        eventually("all addresses", || run(vrrp.status()).unwrap().routers[0].addresses.iter().all(|it| it.installed));
        tap.until("the first one", |frame| frame.announced().is_some_and(|(it, _)| is_virtual(it)));
        let suspended = run(vrrp.suspend()).unwrap();
        drop((vrrp, events));
        let watch = thread::spawn(move || tap.stamped(Duration::from_secs(3)));
        let (vrrp, _events) = host.run(move || start_from(Scheduling::new(), [paced(200, GAP)], suspended)).unwrap();
        let announced = announced(&watch.join().unwrap());
        assert!(distances(&announced).iter().all(|distance| *distance >= GAP.mul_f64(0.95)), "{announced:?}");
        // Of each three, and one has been said once.
        assert_eq!(announced.len(), usize::from(REPEAT) * 3 - 1, "{announced:?}");
        run(vrrp.stop_all()).unwrap();
    });
}

/// The queue of the interface is full when the first one is to go.
#[test]
fn one_that_the_kernel_refuses_is_told_and_made_up_for() {
    if let Some(program) = missing(&["nft"]) {
        return skip("one_that_the_kernel_refuses_is_told_and_made_up_for", &format!("no {program}"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let client = lan.host(9);
        for (number, repeat, gap) in [(1, 1, Duration::ZERO), (2, REPEAT, Duration::ZERO), (3, 1, GAP)] {
            let host = lan.host(number);
            nft(
                &host,
                "add table netdev link; add chain netdev link full { type filter hook egress device eth0 priority 0; }; \
                 add rule netdev link full ether type arp limit rate 1/hour burst 1 packets drop",
            );
            let mut tap = client.tap();
            let config =
                fast(200, &[address(VIPS[0])]).with_announce(AnnouncePolicy { repeat, ..AnnouncePolicy::default() });
            let mut node = host.start(vec![router(config).with_announcement_gap(gap)]);
            node.until("the refusal", |kind| matches!(kind, EventKind::Warning(Warning::NotAnnounced { .. })));
            for _ in 0..repeat {
                tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIPS[0]), host.mac())));
            }
            node.until("its end", |kind| matches!(kind, EventKind::Announced { count, .. } if *count == repeat));
            node.stop();
        }
    });
}

/// Nothing else is to do for a long time.
#[test]
fn the_next_goes_when_the_gap_is_over_though_nothing_else_is_due() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut tap = client.tap();
        let config = config(Profile::Rfc9568Errata, 255, &VIPS.map(address));
        let config = config.with_interval(AdvertInterval::from_centis(4_000).unwrap()).unwrap();
        let node = host.start(vec![router(config).with_announcement_gap(GAP)]);
        for virtual_ip in VIPS {
            tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(virtual_ip), host.mac())));
        }
        node.stop();
    });
}
