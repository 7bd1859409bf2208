//! Many routers behind one driver: whose a packet is, what counts for all of them, and that the set adds nothing.

use crate::common::{
    Bench, OWN, PROFILES, Random, Raw, VRID, config, counters, host, installs, millis, priority, secs, show_all,
};
use vrrp_core::wire::ParseError;
use vrrp_core::{
    Action, Config, Discard, Family, GlobalStats, Input, Instant, InterfaceId, Priority, Profile, Rejected, Role,
    RouterId, RouterSet, RxPacket, Stats, VirtualRouter, Vrid,
};

const START: Instant = Instant::from_nanos(1_000_000_000_000);

fn receive(set: &mut RouterSet, interface: u32, ttl: u8, raw: &Raw) -> Result<RouterId, Rejected> {
    let rx = RxPacket { endpoints: raw.endpoints(), ttl, payload: &raw.octets() };
    set.handle_packet(START, InterfaceId(interface), rx).map(|(id, _)| id)
}

/// Three routers that share one id: two interfaces, two families; all Backup.
fn three() -> (RouterSet, [RouterId; 3]) {
    let mut set = RouterSet::new();
    let keys = [(1, Family::Ipv4), (1, Family::Ipv6), (2, Family::Ipv4)];
    let ids =
        keys.map(|(interface, family)| set.insert(InterfaceId(interface), config(Profile::Rfc9568, family)).unwrap());
    for ((_, family), id) in keys.into_iter().zip(ids) {
        set.handle(START, id, Input::PrimaryAddress(Some(host(family, OWN))));
        set.handle(START, id, Input::Startup);
    }
    while set.poll_action().is_some() {}
    (set, ids)
}

/// IP-13.
#[test]
fn a_packet_is_for_its_interface_family_and_id() {
    let (mut set, [four, six, other]) = three();
    assert_eq!(set.iter().map(|(id, _)| id.index()).collect::<Vec<_>>(), [0, 1, 2]);
    let duplicate = set.insert(InterfaceId(1), config(Profile::Rfc5798, Family::Ipv6)).unwrap_err();
    assert_eq!(duplicate.to_string(), format!("there is already a virtual router {VRID} for IPv6 on interface 1"));

    let raw = |family| Raw::new(Profile::Rfc9568, family, OWN + 1, 200);
    assert_eq!(receive(&mut set, 1, 255, &raw(Family::Ipv4)), Ok(four));
    assert_eq!(receive(&mut set, 1, 255, &raw(Family::Ipv6)), Ok(six));
    assert_eq!(receive(&mut set, 2, 255, &raw(Family::Ipv4)), Ok(other));
    assert_eq!(receive(&mut set, 2, 255, &raw(Family::Ipv6)), Err(for_nobody(Discard::Vrid(Vrid::new(VRID).ok()))));
    let received: Vec<u64> = set.iter().map(|(_, router)| router.stats().advert_rcvd).collect();
    assert_eq!(received, [1, 1, 1]);
}

/// STAT-01 to STAT-04, RX-02 to RX-08, AMB-29: counted for all, and for the router if there is one.
#[test]
fn global_counters_move_for_packets_of_any_router_and_of_none() {
    type Spoil = fn(&mut Raw);
    type Count = fn(&GlobalStats) -> u64;
    let checks: [(Spoil, u8, usize, Count); 6] = [
        (|_| {}, 254, usize::MAX, |stats| stats.ttl_errors),
        (|_| {}, 255, 7, |stats| stats.packet_length_errors),
        (|raw| raw.version = 2, 255, usize::MAX, |stats| stats.version_errors),
        (|raw| raw.version = 4, 255, usize::MAX, |stats| stats.version_errors),
        (|raw| raw.count = 3, 255, usize::MAX, |stats| stats.packet_length_errors),
        (|raw| raw.pseudo_header = true, 255, usize::MAX, |stats| stats.checksum_errors),
    ];
    for (index, (spoil, ttl, keep, count)) in checks.into_iter().enumerate() {
        for vrid in [VRID, VRID + 1] {
            let (mut set, ids) = three();
            let mut raw = Raw { vrid, ..Raw::new(Profile::Rfc9568, Family::Ipv4, OWN + 1, 200) };
            spoil(&mut raw);
            let mut octets = raw.octets();
            // A checksum over a pseudo-header is right too, unless it is another's.
            octets[6] ^= u8::from(raw.pseudo_header);
            let rx = RxPacket { endpoints: raw.endpoints(), ttl, payload: &octets[..octets.len().min(keep)] };
            let Rejected { router: whose, .. } = set.handle_packet(START, InterfaceId(1), rx).unwrap_err();
            // Version 2 for no router here is a sound version, of an unknown id, with a length of its own.
            let foreign_v2 = vrid != VRID && raw.version == 2;
            if foreign_v2 {
                assert_eq!(set.stats().version_errors, 0);
            } else {
                assert_eq!(count(set.stats()), 1, "check {index} for {vrid}");
            }
            assert_eq!(total(set.stats()), 1, "one count for one packet");
            assert_eq!(whose, (vrid == VRID).then_some(ids[0]));
            let own = set.get(ids[0]).unwrap().stats();
            let moved = counters(own).iter().map(|(_, n)| n).sum::<u64>();
            assert_eq!(moved, u64::from(vrid == VRID), "check {index}");
        }
    }

    let (mut set, _) = three();
    for vrid in [0, VRID + 1] {
        let raw = Raw { vrid, ..Raw::new(Profile::Rfc9568, Family::Ipv4, OWN + 1, 200) };
        assert_eq!(receive(&mut set, 1, 255, &raw), Err(for_nobody(Discard::Vrid(Vrid::new(vrid).ok()))));
    }
    assert_eq!((set.stats().vrid_errors, total(set.stats())), (2, 2));
    let empty =
        RxPacket { endpoints: Raw::new(Profile::Rfc9568, Family::Ipv4, 1, 1).endpoints(), ttl: 255, payload: &[] };
    let short = ParseError::TooShort { needed: 8, had: 0 };
    assert_eq!(set.handle_packet(START, InterfaceId(1), empty), Err(for_nobody(short.into())));
}

const fn for_nobody(reason: Discard) -> Rejected {
    Rejected { router: None, other_master: None, reason }
}

fn total(stats: &GlobalStats) -> u64 {
    let all =
        [stats.checksum_errors, stats.version_errors, stats.vrid_errors, stats.ttl_errors, stats.packet_length_errors];
    assert_eq!(format!("{stats:?}").matches(": ").count(), all.len(), "a counter is missing here");
    all.iter().sum()
}

/// Actions of one router come in its order, and all of them before another's.
#[test]
fn one_routers_actions_stay_together() {
    let (mut set, ids) = three();
    let (deadline, first) = set.deadline().unwrap();
    assert_eq!(first, ids[0], "the first of equals");
    set.handle_timeout(deadline);
    let mut done = Vec::new();
    while let Some((id, action)) = set.poll_action() {
        done.push((id, show_all(&[action])[0].clone()));
        if let Action::InstallAddress(request) = action {
            set.handle(deadline, id, Input::AddressInstalled(request));
        }
    }
    assert!(done.is_sorted_by_key(|(id, _)| *id), "{done:?}");
    let whose = |id| done.iter().filter(|(whose, _)| *whose == id).map(|(_, what)| what.as_str()).collect::<Vec<_>>();
    let takeover = [
        "advertise",
        "install 192.0.2.101",
        "announce 192.0.2.101 x1",
        "install 192.0.2.102",
        "announce 192.0.2.102 x1",
        "Backup > Master",
    ];
    assert_eq!((whose(ids[0]), whose(ids[2])), (takeover.to_vec(), takeover.to_vec()));

    set.count_tx_error(ids[1]);
    let errors: Vec<u64> = set.iter().map(|(_, router)| router.stats().tx_errors).collect();
    assert_eq!(errors, [0, 1, 0]);
}

/// Also where no deadline can move on, and where every one has passed.
#[test]
fn handling_timeouts_comes_to_an_end() {
    for now in [START, START + secs(3600), Instant::MAX] {
        let (mut set, ids) = three();
        set.handle_timeout(now);
        let roles = ids.map(|id| set.get(id).unwrap().role());
        assert_eq!(roles, [if now == START { Role::Backup } else { Role::Master }; 3], "{now:?}");
        if now < Instant::MAX {
            assert!(set.deadline().unwrap().0 > now);
        }
    }
    RouterSet::new().handle_timeout(Instant::MAX);
}

/// What one step did to one router.
#[derive(Debug, PartialEq)]
struct Trace {
    actions: Vec<String>,
    role: Role,
    deadline: Option<Instant>,
    stats: Stats,
}

fn trace(router: &VirtualRouter, actions: &[Action]) -> Trace {
    Trace { actions: show_all(actions), role: router.role(), deadline: router.deadline(), stats: *router.stats() }
}

/// A set of routers and the same routers alone, through long random histories.
#[test]
fn a_set_adds_nothing_to_its_routers() {
    let mut random = Random(0x5eed);
    for _ in 0..20 {
        let keys: Vec<(u32, Config)> = (0..8).map(|index| (index / 2, any_config(&mut random, index))).collect();
        let mut set = RouterSet::new();
        let ids: Vec<RouterId> =
            keys.iter().map(|(link, config)| set.insert(InterfaceId(*link), config.clone()).unwrap()).collect();
        let mut alone: Vec<Bench> = keys.iter().map(|(_, config)| Bench::idle(config.clone())).collect();
        let mut now = alone[0].now;
        for (id, bench) in ids.iter().zip(&mut alone) {
            let own = host(bench.router.config().family(), OWN);
            set.handle(now, *id, Input::PrimaryAddress(Some(own)));
        }
        for _ in 0..500 {
            let which = random.below(8);
            alone.iter_mut().for_each(|bench| bench.now = now);
            match random.below(8) {
                0 => now = now + millis(random.next() % 1500),
                1 | 2 => {
                    now = set.deadline().map_or(now, |(at, _)| at.max(now));
                    set.handle_timeout(now);
                    for bench in &mut alone {
                        bench.now = now;
                        if bench.router.deadline().is_some_and(|at| at <= now) {
                            bench.input(Input::Timeout);
                        }
                    }
                }
                3 => {
                    let input = [Input::Startup, Input::Startup, Input::Shutdown, Input::InterfaceUp(true)];
                    let input = input[random.below(4)];
                    set.handle(now, ids[which], input);
                    alone[which].input(input);
                }
                _ => {
                    let raw = alone[which].raw(OWN - 1 + random.below(3) as u8, [0, 50, 100, 200][random.below(4)]);
                    let octets = raw.octets();
                    let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &octets };
                    let expected = alone[which].receive(&raw).map(|()| ids[which]);
                    let heard = set.handle_packet(now, InterfaceId(keys[which].0), rx);
                    let whose = heard.map(|(id, _)| id).map_err(|rejected| (rejected.router, rejected.reason));
                    assert_eq!(whose, expected.map_err(|discard| (Some(ids[which]), discard)));
                }
            }
            compare(&mut set, &ids, &mut alone, now);
        }
        assert_eq!(*set.stats(), GlobalStats::default(), "every packet found its router");
    }
}

fn any_config(random: &mut Random, index: u32) -> Config {
    let profile = PROFILES[random.below(5)];
    let family = match profile.version() {
        vrrp_core::Version::V3 if index % 2 == 1 => Family::Ipv6,
        _ => Family::Ipv4,
    };
    let priority = [priority(1), priority(100), Priority::OWNER][random.below(3)];
    // Two routers share an interface: they need ids or families of their own.
    let vrid = Vrid::new(VRID + (index % 2) as u8).unwrap();
    Config::new(profile, vrid, &crate::common::virtual_addresses(family)).unwrap().with_priority(priority)
}

/// Drains both, confirms what was asked for, and compares.
fn compare(set: &mut RouterSet, ids: &[RouterId], alone: &mut [Bench], now: Instant) {
    let mut together: Vec<Vec<Action>> = vec![Vec::new(); ids.len()];
    while let Some((id, action)) = set.poll_action() {
        together[id.index()].push(action);
    }
    for ((id, bench), together) in ids.iter().zip(alone.iter_mut()).zip(together) {
        let actions = bench.actions();
        assert_eq!(trace(set.get(*id).unwrap(), &together), trace(&bench.router, &actions), "{id:?}");
        for (ours, theirs) in installs(&actions).into_iter().zip(installs(&together)) {
            bench.input(Input::AddressInstalled(ours));
            set.handle(now, *id, Input::AddressInstalled(theirs));
        }
    }
    let earliest = alone.iter().zip(ids).filter_map(|(bench, id)| Some((bench.router.deadline()?, *id))).min();
    assert_eq!(set.deadline(), earliest);
}

/// FSM-I-04: a packet for a router that is not started is counted as one of the interface.
#[test]
fn what_is_wrong_with_a_packet_counts_though_its_router_is_not_started() {
    type Count = fn(&GlobalStats) -> u64;
    let sound = Raw::new(Profile::Rfc9568, Family::Ipv4, OWN + 1, 50);
    let cases: [(Raw, u8, Option<Count>); 5] = [
        (sound.clone(), 255, None),
        (sound.clone(), 254, Some(|stats| stats.ttl_errors)),
        (Raw { version: 4, ..sound.clone() }, 255, Some(|stats| stats.version_errors)),
        (Raw { count: 9, ..sound.clone() }, 255, Some(|stats| stats.packet_length_errors)),
        (Raw { pseudo_header: true, source: host(Family::Ipv4, OWN), ..sound }, 255, None),
    ];
    for (raw, ttl, count) in cases {
        let mut set = RouterSet::new();
        let id = set.insert(InterfaceId(1), config(Profile::Rfc9568, Family::Ipv4)).unwrap();
        let rejected = Rejected { router: Some(id), other_master: None, reason: Discard::NotStarted };
        assert_eq!(receive(&mut set, 1, ttl, &raw), Err(rejected));
        assert_eq!(total(set.stats()), u64::from(count.is_some()), "{raw:?}");
        assert!(count.is_none_or(|count| count(set.stats()) == 1), "{raw:?}");
        assert_eq!(*set.get(id).unwrap().stats(), Stats::default());
    }
}
