//! Routers that advertise no address (EXT-11): they decide which host is Master, and something else acts on that.

use std::net::IpAddr;

use crate::common::{
    Bench, INTERVAL, OWN, PROFILES, Raw, VRID, config, families, host, installs, millis, priority, secs, show_all,
    virtual_addresses, without_counters,
};
use vrrp_core::wire::{AddressList, Endpoints, Packet};
use vrrp_core::{
    AdvertKind, Cause, Config, Discard, Drain, Family, Fault, Input, InterfaceId, Profile, Role, RouterSet, Version,
    VirtualRouter, Vrid,
};

fn none(profile: Profile, family: Family) -> Config {
    Config::without_addresses(profile, family, Vrid::new(VRID).unwrap()).unwrap()
}

fn v2() -> Config {
    none(Profile::Rfc3768, Family::Ipv4)
}

/// Returns what a faultless peer says that advertises these.
fn says(bench: &Bench, list: &[IpAddr], host_number: u8, priority: u8) -> Raw {
    Raw { count: list.len() as u8, addresses: list.to_vec(), ..bench.raw(host_number, priority) }
}

fn says_none(bench: &Bench, host_number: u8, priority: u8) -> Raw {
    says(bench, &[], host_number, priority)
}

fn everywhere() -> impl Iterator<Item = (Profile, Family)> {
    PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |family| (profile, *family)))
}

fn sent(bench: &Bench, kind: AdvertKind) -> Vec<u8> {
    let router = &bench.router;
    let endpoints = Endpoints::new(router.source().unwrap(), router.config().family().group()).unwrap();
    let mut octets = [0; 1500];
    let len = router.encode(kind, endpoints, &mut octets).unwrap();
    assert_eq!(router.message(kind).len(), len);
    octets[..len].to_vec()
}

#[test]
fn every_version_has_them_but_ipv6_in_version_2() {
    let vrid = Vrid::new(VRID).unwrap();
    for (profile, family) in everywhere() {
        let config = none(profile, family);
        assert_eq!((config.family(), config.advertised()), (family, AddressList::none(family)));
        assert!(config.addresses().is_empty() && config.excluded().is_empty());
    }
    for profile in [Profile::Rfc2338, Profile::Rfc3768] {
        Config::without_addresses(profile, Family::Ipv6, vrid).unwrap_err();
    }
}

/// keepalived 2.2.7 sends this for an instance of id 51 and priority 150 without `virtual_ipaddress`.
#[test]
fn it_says_what_keepalived_says() {
    let config = Config::without_addresses(Profile::Rfc3768, Family::Ipv4, Vrid::new(51).unwrap()).unwrap();
    let bench = Bench::master(config.with_priority(priority(150)));
    let octets = [0x21, 51, 150, 0, 0, 1, 0x48, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(sent(&bench, AdvertKind::Regular), octets);
}

#[test]
fn a_master_advertises_a_count_of_0_and_does_nothing_else() {
    for (profile, family) in everywhere() {
        let mut bench = Bench::started(none(profile, family));
        bench.next_deadline();
        assert_eq!(show_all(&bench.actions()), ["advertise", "Backup > Master"]);
        let pseudo_header = profile == Profile::Rfc5798;
        let master = Raw { pseudo_header, ..says_none(&bench, OWN, 100) };
        assert_eq!(sent(&bench, AdvertKind::Regular), master.octets());
        let packet = master.octets();
        let packet = Packet::parse(profile.version(), &packet, master.endpoints()).unwrap();
        assert_eq!((packet.address_count(), packet.addresses().len()), (0, 0));
        for _ in 0..100 {
            let before = bench.now;
            bench.next_deadline();
            assert_eq!((bench.now, show_all(&bench.actions())), (before + INTERVAL, vec!["advertise".to_string()]));
        }
        assert_eq!((bench.router.installed(), bench.router.stats().unconfirmed_suppressed), (0, 0));
        bench.input(Input::Shutdown);
        assert_eq!(show_all(&bench.actions()), ["release", "Master > Initialize"]);
        let len = if profile.version() == Version::V2 { 16 } else { 8 };
        assert_eq!(sent(&bench, AdvertKind::Release).len(), len);
    }
}

/// RX-11, RX-14.
#[test]
fn it_hears_those_that_advertise_none_and_nobody_else() {
    for (profile, family) in everywhere() {
        for is_master in [false, true] {
            let start = |config| if is_master { Bench::master(config) } else { Bench::started(config) };
            for priority in [0, 50, 200] {
                let mut bench = start(none(profile, family));
                let before = without_counters(&bench.router);
                let some = says(&bench, &virtual_addresses(family), OWN + 1, priority);
                assert_eq!(bench.receive(&some), Err(Discard::AddressList), "{profile:?}");
                assert_eq!(without_counters(&bench.router), before);
                assert_eq!(bench.router.stats().address_list_errors, 1);
                assert_eq!(bench.receive(&says_none(&bench, OWN + 1, priority)), Ok(()));

                let mut bench = start(config(profile, family));
                let before = without_counters(&bench.router);
                assert_eq!(bench.receive(&says_none(&bench, OWN + 1, priority)), Err(Discard::NoAddress));
                assert_eq!(without_counters(&bench.router), before);
            }
        }
    }
}

/// A list that differs from ours is no news where there is none: nothing is counted.
#[test]
fn what_it_accepts_has_no_other_addresses() {
    for (profile, family) in everywhere() {
        let strict = none(profile, family).with_strict_list(true);
        let mut bench = Bench::master(strict);
        let raw = says_none(&bench, OWN - 1, 50);
        let octets = raw.octets();
        let rx = vrrp_core::RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &octets };
        let accepted = bench.router.handle_packet(bench.now, rx).unwrap();
        assert!(accepted.contest && !accepted.other_addresses && accepted.addresses().len() == 0);
        assert_eq!(bench.router.stats().address_list_errors, 0);
    }
}

#[test]
fn the_better_of_two_is_master_and_the_other_follows() {
    for (profile, family) in everywhere() {
        let mut bench = Bench::master(none(profile, family));
        bench.receive(&says_none(&bench, OWN + 1, 200)).unwrap();
        assert_eq!(show_all(&bench.actions()), ["yield advertisement", "Master > Backup"]);
        assert_eq!(sent(&bench, AdvertKind::Yield)[2..4], [1, 0], "the lowest priority, and no address");
        bench.receive(&says_none(&bench, OWN + 1, 0)).unwrap();
        bench.next_deadline();
        assert_eq!(show_all(&bench.actions()), ["advertise", "Backup > Master"]);
    }
}

#[test]
fn both_versions_say_none() {
    let mut bench = Bench::started(none(Profile::Rfc9568Errata, Family::Ipv4).with_also_version2(true).unwrap());
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["advertise", "advertise in version 2", "Backup > Master"]);
    assert_eq!(sent(&bench, AdvertKind::Regular).len(), 8);
    // Version 2 ends with eight octets of authentication data.
    assert_eq!(sent(&bench, AdvertKind::RegularVersion2), none_of_version2());
}

fn none_of_version2() -> Vec<u8> {
    says_none(&Bench::started(v2()), OWN, 100).octets()
}

#[test]
fn nothing_can_be_missing_of_none() {
    for config in [v2(), v2().with_priority(priority(255))] {
        let mut bench = Bench::master(config);
        for input in [Input::Installing, Input::LinkAddressChanged, Input::AddressAvailable(0, false)] {
            bench.input(input);
            assert_eq!(show_all(&bench.actions()), [""; 0], "{input:?}");
        }
        bench.after(millis(300));
        let same = bench.router.config().clone();
        bench.router.reconfigure(bench.now, same).unwrap();
        assert_eq!(show_all(&bench.actions()), [""; 0]);
        for _ in 0..2_000 {
            bench.next_deadline();
            assert_eq!(show_all(&bench.actions()), ["advertise"]);
        }
        let status = bench.router.status();
        assert_eq!((status.role, bench.router.faults().count()), (Role::Master, 0));
        assert_eq!(bench.router.missing().count(), 0);
    }
}

mod excluded {
    use super::*;

    fn only_excluded() -> (Config, [IpAddr; 2]) {
        let excluded = virtual_addresses(Family::Ipv4);
        (v2().with_excluded(&excluded).unwrap(), excluded)
    }

    #[test]
    fn they_come_and_go_and_are_not_advertised() {
        let (config, excluded) = only_excluded();
        let mut bench = Bench::started(config);
        bench.next_deadline();
        let actions = bench.actions();
        let taken = ["advertise", "install 192.0.2.101", "install 192.0.2.102", "Backup > Master"];
        assert_eq!(show_all(&actions), taken);
        assert_eq!(sent(&bench, AdvertKind::Regular)[3], 0);
        // FSM-A-02 waits for them all the same.
        bench.input(Input::AddressInstalled(installs(&actions)[0]));
        bench.receive(&says_none(&bench, OWN + 1, 0)).unwrap();
        assert_eq!(show_all(&bench.actions()), ["announce 192.0.2.101 x1"]);
        bench.input(Input::AddressInstalled(installs(&actions)[1]));
        bench.actions();
        assert!(excluded.iter().all(|address| bench.router.is_installed(*address)));
        bench.next_deadline();
        assert_eq!(show_all(&bench.actions()), ["advertise"]);
        bench.input(Input::Shutdown);
        let left = ["release", "remove 192.0.2.101", "remove 192.0.2.102", "Master > Initialize"];
        assert_eq!(show_all(&bench.actions()), left);
    }

    /// `docs/partial-service.md`, rules 1 to 3: they count as the advertised do elsewhere.
    #[test]
    fn one_that_cannot_be_set_is_a_handicap_and_all_of_them_are_a_fault() {
        let (config, excluded) = only_excluded();
        let mut bench = Bench::started(config);
        bench.next_deadline();
        let [first, second] = installs(&bench.actions())[..] else { panic!("two addresses") };
        bench.input(Input::AddressFailed(first));
        assert_eq!((bench.router.role(), bench.router.priority()), (Role::Master, priority(13)));
        bench.input(Input::AddressFailed(second));
        assert_eq!(bench.router.faults().collect::<Vec<_>>(), [Fault::NotInstalled(excluded[0])]);
        assert_eq!(bench.router.role(), Role::Initialize);
    }

    #[test]
    fn what_the_host_knows_beforehand_counts_too() {
        let (config, _) = only_excluded();
        let mut bench = Bench::started(config);
        bench.input(Input::AddressAvailable(0, false));
        assert_eq!((bench.router.role(), bench.router.priority()), (Role::Backup, priority(13)));
        bench.input(Input::AddressAvailable(1, false));
        assert_eq!(bench.router.role(), Role::Initialize);
        bench.input(Input::AddressAvailable(1, true));
        assert_eq!(bench.router.role(), Role::Backup);
    }
}

#[test]
fn addresses_can_be_taken_from_a_master_and_given_back() {
    for (profile, family) in everywhere() {
        let some = config(profile, family).with_priority(priority(120));
        let mut bench = Bench::master(some.clone());
        bench.router.reconfigure(bench.now, some.clone().with_no_addresses()).unwrap();
        let [first, last] = virtual_addresses(family).map(|address| format!("remove {address}"));
        assert_eq!(show_all(&bench.actions()), [last, first], "{profile:?}");
        assert_eq!(*bench.router.config(), none(profile, family).with_priority(priority(120)));
        let next = bench.router.deadline().unwrap();
        bench.next_deadline();
        assert_eq!(show_all(&bench.actions()), ["advertise"]);
        assert_eq!(sent(&bench, AdvertKind::Regular)[3], 0);

        bench.router.reconfigure(bench.now, some.clone()).unwrap();
        let actions = bench.actions();
        assert_eq!(show_all(&actions), virtual_addresses(family).map(|address| format!("install {address}")));
        // Silent until they are there.
        bench.receive(&bench.raw(OWN + 1, 0)).unwrap();
        assert_eq!(show_all(&bench.actions()), [""; 0]);
        installs(&actions).into_iter().for_each(|request| bench.input(Input::AddressInstalled(request)));
        assert_eq!(
            show_all(&bench.actions()),
            virtual_addresses(family).map(|address| format!("announce {address} x1"))
        );
        bench.next_deadline();
        assert!(bench.now > next && sent(&bench, AdvertKind::Regular)[3] == 2);
    }
}

#[test]
fn one_at_fault_for_its_addresses_is_so_no_more_without_them() {
    let some = config(Profile::Rfc3768, Family::Ipv4);
    let mut bench = Bench::started(some.clone());
    for index in [0, 1] {
        bench.input(Input::AddressAvailable(index, false));
    }
    bench.actions();
    assert_eq!(bench.router.role(), Role::Initialize);
    bench.router.reconfigure(bench.now, some.with_no_addresses()).unwrap();
    assert_eq!(show_all(&bench.actions()), ["priority 13 > 100", "Initialize > Backup"]);
    assert_eq!(bench.router.deadline(), Some(bench.now + secs(3) + millis(156 * 1000) / 256));
}

#[test]
fn one_that_hung_begins_anew() {
    let mut bench = Bench::master(v2());
    bench.after(secs(20));
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["Master > Backup"]);
    assert!(matches!(bench.router.cause(), Cause::Lapsed { .. }));
    let mut bench = Bench::master(v2());
    bench.after(millis(2_500));
    bench.input(Input::Timeout);
    assert_eq!(show_all(&bench.actions()), ["advertise", "Master > Master"]);
}

#[test]
fn a_drained_master_calls_and_hands_over() {
    let mut bench = Bench::master(v2());
    bench.input(Input::Drain(Drain::default()));
    assert_eq!(show_all(&bench.actions()), ["hand over", "priority 100 > 1"]);
    bench.receive(&says_none(&bench, OWN + 1, 50)).unwrap();
    bench.next_deadline();
    assert_eq!(show_all(&bench.actions()), ["Master > Backup"]);
    assert_eq!(*bench.router.cause(), Cause::HandedOver { to: host(Family::Ipv4, OWN + 1) });
}

#[test]
fn the_next_process_goes_on() {
    for config in [v2(), v2().with_excluded(&virtual_addresses(Family::Ipv4)).unwrap()] {
        let mut bench = Bench::master(config.clone());
        bench.next_deadline();
        bench.carry_out_all();
        let suspended = bench.router.suspend().unwrap();
        let mut next = Bench { router: VirtualRouter::resume(config, suspended).unwrap(), now: bench.now };
        assert_eq!((next.router.status(), next.router.deadline()), (bench.router.status(), bench.router.deadline()));
        // With addresses from now on, or without.
        let suspended = bench.router.suspend().unwrap();
        let some = crate::common::config(Profile::Rfc3768, Family::Ipv4);
        let mut other = Bench { router: VirtualRouter::resume(some, suspended).unwrap(), now: bench.now };
        assert_eq!(other.router.role(), Role::Master);
        other.carry_out_all();
        assert_eq!(other.router.installed(), 2);
        assert_eq!(next.carry_out_all(), [""; 0]);
        next.next_deadline();
        assert_eq!(next.carry_out_all(), ["advertise"]);
    }
}

#[test]
fn it_can_be_in_a_sync_group_with_one_that_has_some() {
    let mut set = RouterSet::new();
    let some = set.insert(InterfaceId(1), config(Profile::Rfc3768, Family::Ipv4)).unwrap();
    let none = set.insert(InterfaceId(2), v2()).unwrap();
    let mut now = vrrp_core::Instant::from_nanos(1_000_000_000_000);
    set.group(now, &[some, none]).unwrap();
    for id in [some, none] {
        set.handle(now, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        set.handle(now, id, Input::Startup);
    }
    let run = |set: &mut RouterSet, now: vrrp_core::Instant| {
        let mut done = Vec::new();
        while let Some((id, action)) = set.poll_action() {
            done.push((id, crate::common::show(&action)));
            if let vrrp_core::Action::InstallAddress(request) = action {
                set.handle(now, id, Input::AddressInstalled(request));
            }
        }
        done
    };
    run(&mut set, now);
    while set.get(none).unwrap().role() != Role::Master {
        now = set.deadline().unwrap().0;
        set.handle_timeout(now);
        let done = run(&mut set, now);
        let masters = [some, none].map(|id| set.get(id).unwrap().role() == Role::Master);
        assert!(masters[0] == masters[1], "{done:?}");
    }
    set.handle(now, none, Input::InterfaceUp(false));
    run(&mut set, now);
    assert_eq!([some, none].map(|id| set.get(id).unwrap().role()), [Role::Initialize; 2]);
}
