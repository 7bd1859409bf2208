//! Routers that advertise no address: they decide which host is Master, and something else acts on that.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Config, Family, Priority, Profile, Role};
use vrrp_io_linux::{EventKind, Router, Scheduling, VirtualMac, start_from, start_with};

use crate::common::*;
use crate::keepalived::Keepalived;

const VIP: &str = "192.0.2.100";

fn none(family: Family, priority: u8) -> Config {
    let config = Config::without_addresses(Profile::Rfc9568Errata, family, vrid(51)).unwrap();
    let config = config.with_priority(Priority::new(priority).unwrap());
    config.with_interval(AdvertInterval::from_centis(20).unwrap()).unwrap()
}

fn addresses(host: &Host) -> String {
    let shown = host.ip("-oneline address show");
    shown.lines().filter_map(|line| Some(line.split_once("\\")?.0.to_owned() + "\n")).collect()
}

fn has_table(host: &Host) -> bool {
    let list = || Command::new("nft").args(["list", "tables"]).output();
    host.run(move || list().is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("vrrp")))
}

#[test]
fn one_host_is_master_and_nothing_of_the_host_changes() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, client) = (lan.host(1), lan.host(2), lan.host(9));
        eventually("link-local addresses", || {
            [&one, &two].iter().all(|host| {
                let shown = host.ip("-6 address show dev eth0");
                shown.contains("fe80") && !shown.contains("tentative")
            })
        });
        let before = [&one, &two].map(addresses);
        for (family, vmac) in [(Family::Ipv4, false), (Family::Ipv4, true), (Family::Ipv6, false), (Family::Ipv6, true)]
        {
            let start = |host: &Host, priority| {
                // No accept mode: of nothing there is nothing to close.
                let router = Router::new("eth0", none(family, priority));
                host.start(vec![if vmac { router.with_virtual_mac(VirtualMac::new()) } else { router }])
            };
            let mut tap = client.tap();
            let mut first = start(&one, 200);
            first.until_role(Role::Master);
            let mut second = start(&two, 100);
            second.until_role(Role::Backup);
            let frames = tap.during(Duration::from_millis(700));
            let adverts: Vec<&Advert> = frames.iter().filter_map(|(_, frame)| frame.advert()).collect();
            assert!(adverts.len() >= 2 && adverts.iter().all(|it| it.priority.is_some()), "{frames:?}");
            if vmac {
                let mac = vrid(51).virtual_mac(family);
                assert!(adverts.iter().all(|it| it.source_mac == mac), "{adverts:?}");
            }
            assert!(!frames.iter().any(|(_, frame)| frame.announced().is_some()), "{frames:?}");
            let status = first.status();
            assert_eq!((status.role, status.addresses, status.faults), (Role::Master, vec![], vec![]));
            assert_eq!([&one, &two].map(addresses), before);
            assert!(!has_table(&one) && !has_table(&two));
            // A fault and its end, then a stop.
            lan.carrier(&one, false);
            first.until_role(Role::Initialize);
            second.until_role(Role::Master);
            lan.carrier(&one, true);
            first.until_role(Role::Master);
            second.until_role(Role::Backup);
            tap.so_far();
            first.stop();
            tap.until("a release", Frame::is_release);
            second.until_role(Role::Master);
            second.stop();
            assert_eq!([&one, &two].map(addresses), before);
        }
    });
}

#[test]
fn addresses_come_to_a_master_without_any_and_go_again() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let without = || router(none(Family::Ipv4, 200));
        let with = || router(none(Family::Ipv4, 200).with_addresses(&[address(VIP)]).unwrap());
        let excluded = || router(none(Family::Ipv4, 200).with_excluded(&[address("2001:db8::100")]).unwrap());
        let mut node = host.start(vec![without()]);
        node.until_role(Role::Master);
        let before = addresses(&host);
        for _ in 0..2 {
            run(node.vrrp().apply(vec![with().with_accept_mode(false)])).unwrap();
            assert!(host.has(address(VIP)) && (has_table(&host) || missing(&["nft"]).is_some()));
            run(node.vrrp().apply(vec![with()])).unwrap();
            assert!(host.has(address(VIP)) && !has_table(&host));
            run(node.vrrp().apply(vec![without()])).unwrap();
            assert_eq!(addresses(&host), before, "what is gone is gone when the change is done");
            run(node.vrrp().apply(vec![excluded()])).unwrap();
            eventually("the address that nobody is told of", || host.has(address("2001:db8::100")));
            run(node.vrrp().apply(vec![without()])).unwrap();
            assert_eq!(addresses(&host), before);
        }
        // It was Master all the time.
        let states: Vec<Role> = node.log().iter().filter_map(|event| entered(&event.kind)).collect();
        assert_eq!(states, [Role::Backup, Role::Master]);
        run(node.vrrp().apply(vec![excluded()])).unwrap();
        eventually("the address that nobody is told of", || host.has(address("2001:db8::100")));
        node.stop();
        assert_eq!(addresses(&host), before);
    });
}

#[test]
fn a_master_without_addresses_goes_on_in_the_next_process() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let wanted = || [router(none(Family::Ipv4, 200))];
        let (vrrp, events) = host.run(move || start_with(Scheduling::new(), wanted())).unwrap();
        eventually("Master", || run(vrrp.status()).unwrap().routers[0].role == Role::Master);
        let mut tap = client.tap();
        let suspended = run(vrrp.suspend()).unwrap();
        drop((vrrp, events));
        let (vrrp, mut events) = host.run(move || start_from(Scheduling::new(), wanted(), suspended)).unwrap();
        let status = run(vrrp.status()).unwrap().routers.remove(0);
        assert_eq!(status.role, Role::Master);
        for _ in 0..2 {
            tap.until("an advertisement", |frame| frame.advert().is_some_and(|it| it.priority.is_some()));
        }
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        assert!(!told.iter().any(|event| matches!(event.kind, EventKind::StateChanged { .. })), "{told:?}");
        run(vrrp.stop_all()).unwrap();
    });
}

/// keepalived takes no address list in version 2 alone.
#[test]
fn it_and_keepalived_without_addresses_yield_to_each_other() {
    in_namespace(|| {
        if let Some(program) = missing(&["keepalived"]) {
            return skip("it_and_keepalived_without_addresses_yield_to_each_other", &format!("no {program}"));
        }
        let lan = Lan::new();
        let (host, theirs) = (lan.host(1), lan.host(2));
        let text = "vrrp_instance none {\n interface eth0\n version 2\n virtual_router_id 51\n priority 150\n advert_int 1\n}\n";
        let mut tap = host.tap();
        let _keepalived = Keepalived::start(&theirs, "no_addresses", text);
        tap.until("keepalived as Master", |frame| frame.advert().is_some_and(|it| it.source == theirs.address()));
        let config = |priority| {
            let config = Config::without_addresses(Profile::Rfc3768, Family::Ipv4, vrid(51)).unwrap();
            router(config.with_priority(Priority::new(priority).unwrap()))
        };
        let mut node = host.start(vec![config(100)]);
        node.until_role(Role::Backup);
        eventually("it knows the Master", || node.status().master == Some(theirs.address()));
        run(node.vrrp().apply(vec![config(200)])).unwrap();
        node.until_role(Role::Master);
        // From now on the other one is silent.
        let sender = |frame: &Frame| frame.advert().map(|advert| advert.source);
        std::thread::sleep(Duration::from_millis(500));
        tap.so_far();
        let frames = tap.during(Duration::from_millis(2_500));
        let senders: Vec<IpAddr> = frames.iter().filter_map(|(_, frame)| sender(frame)).collect();
        assert!(senders.len() >= 2 && senders.iter().all(|it| *it == host.address()), "{senders:?}");
        node.stop();
        tap.until("keepalived as Master", |frame| sender(frame) == Some(theirs.address()));
    });
}
