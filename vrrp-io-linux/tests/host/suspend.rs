//! Routers that go on where others were suspended: the host and the link notice nothing.

use std::thread;
use std::time::{Duration, Instant};

use vrrp_core::{Profile, Role};
use vrrp_io_linux::{EventKind, Scheduling, Scope, Suspended, VirtualIp, VirtualMac, start_from, start_with};

use crate::common::*;

const VIP: &str = "192.0.2.100";
const VIP6: &str = "2001:db8::7";

fn leased(priority: u8, addresses: &[&str]) -> vrrp_core::Config {
    let addresses: Vec<_> = addresses.iter().map(|text| address(text)).collect();
    config(Profile::Rfc9568Errata, priority, &addresses).with_lease(true)
}

/// As another process gets it.
fn carried(suspended: Suspended) -> Suspended {
    #[cfg(feature = "serde")]
    let suspended = serde_json::from_str(&serde_json::to_string(&suspended).unwrap()).unwrap();
    suspended
}

/// Returns what `ip monitor` would tell of addresses and links, but for renewals.
fn state(host: &Host) -> String {
    let addresses = host.ip("-oneline address show");
    let without_lifetimes = addresses.lines().filter_map(|line| Some(line.split_once("\\")?.0.to_owned() + "\n"));
    without_lifetimes.collect::<String>() + &host.ip("-oneline link show")
}

#[test]
fn a_master_that_goes_on_elsewhere_says_what_it_would_have_said_and_nothing_else() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        for (vmac, accept) in [(false, true), (true, true), (false, false)] {
            let config = leased(254, &[VIP]).with_excluded(&[address(VIP6)]).unwrap();
            let mut wanted = router(config).with_accept_mode(accept);
            if vmac {
                wanted = wanted.with_virtual_mac(VirtualMac::new());
            }
            let routers = vec![wanted];
            let of_start = routers.clone();
            let (mut vrrp, events) = host.run(move || start_with(Scheduling::new(), of_start)).unwrap();
            eventually("Master", || run(vrrp.status()).unwrap().routers[0].addresses.iter().all(|it| it.installed));
            thread::sleep(Duration::from_millis(1_200));
            drop(events);
            let (before, mut tap) = (state(&host), host.tap());
            let mut counted = run(vrrp.status()).unwrap().routers[0].stats.advert_sent;
            let (mut last, mut gaps) = (None, Vec::new());
            for _ in 0..3 {
                let suspended = run(vrrp.suspend()).unwrap();
                assert_eq!(state(&host), before, "nothing is released");
                let (suspended, of_start) = (carried(suspended), routers.clone());
                let (next, mut events) = host.run(move || start_from(Scheduling::new(), of_start, suspended)).unwrap();
                drop(std::mem::replace(&mut vrrp, next));
                let status = &run(vrrp.status()).unwrap().routers[0];
                assert_eq!((status.role, status.addresses.iter().all(|it| it.installed)), (Role::Master, true));
                assert!(status.stats.advert_sent >= counted, "counters go on");
                counted = status.stats.advert_sent;
                let until = Instant::now() + Duration::from_millis(2_100);
                while Instant::now() < until {
                    let Some(octets) = tap.octets(Duration::from_millis(50)) else { continue };
                    let frame = Frame::from(&octets[..]);
                    assert_eq!(frame.announced(), None, "nobody is told again");
                    assert!(!frame.is_release());
                    if frame.advert().is_some() {
                        let now = Instant::now();
                        gaps.extend(last.replace(now).map(|last| now - last));
                    }
                }
                let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
                let changes = |kind: &EventKind| {
                    matches!(
                        kind,
                        EventKind::StateChanged { .. }
                            | EventKind::AddressInstalled { .. }
                            | EventKind::AddressRemoved { .. }
                            | EventKind::Leftover { .. }
                            | EventKind::Stray { .. }
                    )
                };
                assert!(!told.iter().any(|event| changes(&event.kind)), "{told:?}");
                assert_eq!(state(&host), before, "as it was");
            }
            eprintln!("virtual MAC address {vmac}, accept mode {accept}: {gaps:?}");
            assert!(gaps.len() >= 4 && gaps.iter().all(|gap| *gap < Duration::from_secs(3)), "{gaps:?}");
            run(vrrp.stop_all()).unwrap();
            let left = state(&host);
            assert!(!left.contains(VIP) && !left.contains(VIP6) && !left.contains("vrrp"), "{left}");
        }
    });
}

#[test]
fn what_is_wanted_otherwise_by_then_is_changed_and_what_is_wanted_no_more_goes() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let first = router(leased(254, &[VIP, "192.0.2.101"]));
        let second = {
            let config = vrrp_core::Config::new(Profile::Rfc9568Errata, vrid(52), &[address("192.0.2.102")]).unwrap();
            let config = config.with_priority(vrrp_core::Priority::new(254).unwrap());
            router(config).with_virtual_mac(VirtualMac::new())
        };
        let (vrrp, events) = host.run(move || start_with(Scheduling::new(), [first, second])).unwrap();
        eventually("Masters", || {
            let status = run(vrrp.status()).unwrap();
            status.routers.iter().all(|it| it.addresses.iter().all(|it| it.installed))
        });
        let suspended = run(vrrp.suspend()).unwrap();
        drop((vrrp, events));
        assert!(host.has(address("192.0.2.102")) && host.has(address("192.0.2.101")));
        let first = router(leased(254, &["192.0.2.103", VIP]));
        let (vrrp, _events) = host.run(move || start_from(Scheduling::new(), [first], suspended)).unwrap();
        eventually("the new one, and not the old ones", || {
            host.has(address("192.0.2.103")) && !host.has(address("192.0.2.101")) && !host.has(address("192.0.2.102"))
        });
        assert!(host.has(address(VIP)) && !state(&host).contains("vrrp"), "{}", state(&host));
        assert_eq!(run(vrrp.status()).unwrap().routers[0].role, Role::Master);
        run(vrrp.stop_all()).unwrap();
        assert!(!host.has(address(VIP)) && !host.has(address("192.0.2.103")));
    });
}

/// As they are when a running router is changed.
#[test]
fn an_address_that_is_to_be_set_otherwise_by_then_is_set_anew() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // In one network with the host's own address it could have no other scope.
        let plain: VirtualIp = format!("{VIP}/25").parse().unwrap();
        let with = |virtual_ip: VirtualIp| router(leased(254, &[VIP])).with_address(virtual_ip).unwrap();
        let of_start = with(plain.clone());
        let (mut vrrp, mut events) = host.run(move || start_with(Scheduling::new(), [of_start])).unwrap();
        eventually("Master", || run(vrrp.status()).unwrap().routers[0].addresses[0].installed);
        for (virtual_ip, shown) in [
            (VirtualIp { label: Some("eth0:vip".to_owned()), ..plain.clone() }, " eth0:vip"),
            (VirtualIp { scope: Scope::Link, ..plain.clone() }, " scope link"),
            (VirtualIp { broadcast: Some([192, 0, 2, 255].into()), ..plain.clone() }, " brd 192.0.2.255"),
            (VirtualIp { no_prefix_route: true, ..plain.clone() }, " noprefixroute"),
            (VirtualIp { prefix_len: 26, ..plain.clone() }, "/26"),
        ] {
            let line = || {
                let lines = host.ip("-oneline address show dev eth0");
                lines.lines().filter(|line| line.contains(VIP)).map(|line| format!("{line}\n")).collect::<String>()
            };
            assert!(!line().contains(shown), "{}", line());
            let (suspended, wanted) = (carried(run(vrrp.suspend()).unwrap()), with(virtual_ip));
            let (next, told) = host.run(move || start_from(Scheduling::new(), [wanted], suspended)).unwrap();
            drop((std::mem::replace(&mut vrrp, next), std::mem::replace(&mut events, told)));
            eventually(shown, || line().contains(shown) && line().lines().count() == 1);
            assert_eq!(run(vrrp.status()).unwrap().routers[0].role, Role::Master);
        }
        run(vrrp.stop_all()).unwrap();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn one_that_was_suspended_answers_nobody_and_one_that_nobody_goes_on_with_loses_its_addresses() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let (vrrp, _events) = host.run(|| start_with(Scheduling::new(), [router(leased(254, &[VIP]))])).unwrap();
        eventually("the address is here", || host.has(address(VIP)));
        let other = vrrp.clone();
        let suspended = run(vrrp.suspend()).unwrap();
        assert!(run(other.status()).is_err() && run(other.stop_all()).is_ok());
        drop((vrrp, other));
        assert!(host.has(address(VIP)), "a drop releases nothing");
        eventually("its lease is over", || !host.has(address(VIP)));
        // Too late: it was silent for longer than its lease.
        let (vrrp, mut events) =
            host.run(move || start_from(Scheduling::new(), [router(leased(254, &[VIP]))], suspended)).unwrap();
        let lapsed = |event: vrrp_io_linux::Event| match event.kind {
            EventKind::StateChanged { transition, .. } => matches!(transition.cause, vrrp_core::Cause::Lapsed { .. }),
            _ => false,
        };
        eventually("it begins anew", || events.try_recv().is_ok_and(lapsed));
        run(vrrp.stop_all()).unwrap();
    });
}

#[test]
fn a_macvlan_that_is_to_be_another_by_then_is_exchanged_and_one_that_is_not_wanted_goes() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let with = |vmac: Option<VirtualMac>| {
            let plain = router(leased(254, &[VIP]));
            vmac.map_or(plain.clone(), |vmac| plain.with_virtual_mac(vmac))
        };
        let chosen = || VirtualMac::new().with_address("02:00:5e:10:00:01".parse().unwrap());
        let of_start = with(Some(VirtualMac::new()));
        let (mut vrrp, mut events) = host.run(move || start_with(Scheduling::new(), [of_start])).unwrap();
        eventually("Master", || run(vrrp.status()).unwrap().routers[0].addresses[0].installed);
        for (vmac, device, mac) in [
            (Some(chosen()), "vrrp.51", "02:00:5e:10:00:01"),
            (Some(chosen().with_name("other")), "other", "02:00:5e:10:00:01"),
            (None, "eth0", ""),
        ] {
            let suspended = carried(run(vrrp.suspend()).unwrap());
            let (wanted, macvlans) = (with(vmac.clone()), usize::from(vmac.is_some()));
            let (next, told) = host.run(move || start_from(Scheduling::new(), [wanted], suspended)).unwrap();
            drop((std::mem::replace(&mut vrrp, next), std::mem::replace(&mut events, told)));
            let is_there = || {
                let links = host.ip("-oneline link show type macvlan");
                host.ip(&format!("-oneline address show dev {device}")).contains(VIP)
                    && links.lines().count() == macvlans
                    && links.contains(mac)
            };
            assert!(
                within(LIMIT, || host.ip("link show").contains(device) && is_there()),
                "not on {device} {mac} alone:\n{}{}",
                state(&host),
                std::iter::from_fn(|| events.try_recv().ok()).map(|event| format!("{event}\n")).collect::<String>()
            );
            assert_eq!(run(vrrp.status()).unwrap().routers[0].role, Role::Master);
            let warnings = std::iter::from_fn(|| events.try_recv().ok());
            let warnings: Vec<_> = warnings.filter(|it| matches!(it.kind, EventKind::Warning(_))).collect();
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        run(vrrp.stop_all()).unwrap();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn an_interface_that_is_down_and_does_not_count_as_that_does_not_in_the_next_process() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link add uplink type veth peer name far");
        host.ip("link set far up");
        host.ip("link set uplink up");
        // What is down at the start counts as that.
        let is_up = |name: &str| host.ip(&format!("-oneline link show dev {name}")).contains(" state UP ");
        eventually("both are up", || is_up("eth0") && is_up("uplink"));
        let long = Duration::from_secs(1_000);
        let wanted = move || {
            let mut config = config(Profile::Rfc9568Errata, 254, &[address(VIP)]);
            let weight = vrrp_core::Weight::Fault;
            let uplink = vrrp_core::Tracker { name: "uplink".to_owned(), weight, reverse: false };
            let uplink = config.add_tracker(uplink).unwrap();
            let router = router(config).with_tracked_interface(uplink, "uplink");
            router.with_interface_delays("eth0", long, long).with_interface_delays("uplink", long, long)
        };
        let (vrrp, events) = host.run(move || start_with(Scheduling::new(), [wanted()])).unwrap();
        eventually("Master", || run(vrrp.status()).unwrap().routers[0].addresses[0].installed);
        lan.carrier(&host, false);
        host.ip("link set uplink down");
        let pending = |vrrp: &vrrp_io_linux::Vrrp| run(vrrp.status()).unwrap().routers[0].interface_changes.len();
        eventually("both are pending", || pending(&vrrp) == 2);
        let suspended = carried(run(vrrp.suspend()).unwrap());
        drop((vrrp, events));
        let (vrrp, _events) = host.run(move || start_from(Scheduling::new(), [wanted()], suspended)).unwrap();
        eventually("both are pending", || pending(&vrrp) == 2);
        let status = run(vrrp.status()).unwrap().routers.remove(0);
        assert_eq!((status.role, status.faults), (Role::Master, vec![]));
        run(vrrp.stop_all()).unwrap();
    });
}
