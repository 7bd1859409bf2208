//! Millions of packets that nobody sane sends: no panic, and a rejected one changes nothing (PKT-15, RX-20, SEC-08).

use crate::common::{OWN, PROFILES, Random, Raw, config, families, host, millis, secs};
use vrrp_core::fsm::State;
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, Family, Input, Instant, InterfaceId, Priority, Profile, RouterId, RouterSet, RxPacket, Status,
};

const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// A router of every profile and family, and of both versions, each on its own interface; every third an owner.
fn routers() -> (RouterSet, Vec<(RouterId, u32, Raw)>) {
    let mut set = RouterSet::new();
    let kinds = PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |family| (profile, *family)));
    let kinds = kinds.flat_map(|(profile, family)| {
        let one = config(profile, family);
        let both = one.clone().with_also_version2(true).ok();
        // Of both versions two: one hears version 3, the other version 2.
        let version2 = both.clone().map(|config| (config, Raw::new(Profile::Rfc3768, family, OWN + 1, 100)));
        let raw = Raw::new(profile, family, OWN + 1, 100);
        [Some((one, raw.clone())), both.map(|config| (config, raw)), version2].into_iter().flatten()
    });
    let members = (0..).zip(kinds).map(|(interface, (config, raw))| {
        let family = config.family();
        let priority = if interface % 3 == 2 { Priority::OWNER } else { Priority::DEFAULT };
        let id = set.insert(InterfaceId(interface), config.with_priority(priority)).unwrap();
        set.handle(START, id, Input::PrimaryAddress(Some(host(family, OWN))));
        set.handle(START, id, Input::Startup);
        (id, interface, raw)
    });
    let members = members.collect();
    drain(&mut set, START);
    (set, members)
}

/// All of a router that is quickly compared, but its counters.
fn essence(set: &RouterSet, id: RouterId) -> (State, Status, Option<Instant>) {
    let router = set.get(id).unwrap();
    (*router.state(), router.status(), router.deadline())
}

/// Delivers one datagram; whether it was accepted.
fn deliver(set: &mut RouterSet, now: Instant, (id, interface): (RouterId, u32), rx: RxPacket<'_>) -> bool {
    let before = essence(set, id);
    let accepted = set.handle_packet(now, InterfaceId(interface), rx).is_ok();
    if !accepted {
        assert_eq!(essence(set, id), before, "{rx:?}");
        assert!(set.poll_action().is_none(), "{rx:?}");
    }
    drain(set, now);
    accepted
}

fn drain(set: &mut RouterSet, now: Instant) {
    while let Some((id, action)) = set.poll_action() {
        if let Action::InstallAddress(request) = action {
            set.handle(now, id, Input::AddressInstalled(request));
        }
    }
}

/// Moves the time on a little, and once in a while over a silence that makes every router Master.
fn tick(set: &mut RouterSet, random: &mut Random, now: &mut Instant) {
    *now = *now + if random.below(64) == 0 { secs(5) } else { millis(random.next() % 20) };
    set.handle_timeout(*now);
    drain(set, *now);
}

#[test]
fn a_million_random_payloads() {
    let (mut set, members) = routers();
    let (mut random, mut now) = (Random(1), START);
    let mut octets = [0; 128];
    let mut accepted = 0;
    for n in 0..1_000_000 {
        let (id, interface, raw) = &members[n % members.len()];
        let len = random.below(octets.len());
        random.fill(&mut octets[..len]);
        // Half of them look right at the first glance.
        if n % 2 == 0 {
            octets[..3].copy_from_slice(&[raw.version << 4 | 1, raw.vrid, random.next() as u8]);
            octets[3] %= 4;
        }
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &octets[..len] };
        accepted += u32::from(deliver(&mut set, now, (*id, *interface), rx));
        if n % 16 == 0 {
            tick(&mut set, &mut random, &mut now);
        }
    }
    assert!(accepted < 1_000, "{accepted}: a checksum has 16 bits");
    let stats = set.stats();
    assert!(stats.checksum_errors > 1_000 && stats.packet_length_errors > 1_000 && stats.version_errors > 1_000);
}

#[test]
fn a_million_mutated_packets() {
    let (mut set, members) = routers();
    let (mut random, mut now) = (Random(2), START);
    let mut counts = [0_u32; 2];
    for n in 0..1_000_000 {
        let (id, interface, raw) = &members[n % members.len()];
        let (raw, ttl) = mutate(raw, &mut random);
        let mut octets = raw.octets();
        match random.below(8) {
            0 => octets.truncate(random.below(octets.len() + 1)),
            1 => octets.extend([0xa5; 100].iter().take(random.below(100))),
            2 => {
                let at = random.below(octets.len());
                octets[at] = random.next() as u8;
            }
            _ => {}
        }
        let rx = RxPacket { endpoints: raw.endpoints(), ttl, payload: &octets };
        counts[usize::from(deliver(&mut set, now, (*id, *interface), rx))] += 1;
        if n % 16 == 0 {
            tick(&mut set, &mut random, &mut now);
        }
    }
    assert!(counts[0] > 100_000 && counts[1] > 100_000, "rejected and accepted: {counts:?}");
    let transitions: Vec<u64> = set.iter().map(|(_, router)| router.stats().master_transitions).collect();
    assert!(transitions.iter().filter(|n| **n > 100).count() >= 5, "all but owners come and go: {transitions:?}");
}

/// A sound packet, or one with one or two fields of its own, under a right checksum.
fn mutate(raw: &Raw, random: &mut Random) -> (Raw, u8) {
    let family = Family::of(raw.source);
    let mut raw = Raw { priority: random.next() as u8, ..raw.clone() };
    let mut ttl = 255;
    for _ in 0..random.below(3) {
        let octet = random.next() as u8;
        match random.below(10) {
            0 => raw.version = octet & 0x0f,
            1 => raw.kind = octet & 0x0f,
            2 => raw.vrid = octet,
            3 => raw.count = octet % 5,
            4 => raw.reserved_or_auth = octet & 0x0f,
            5 => raw.interval = random.next() as u16 & 0x0fff,
            6 => raw.addresses = (0..octet % 5).map(|n| host(family, n)).collect(),
            7 => raw.source = host(family, octet),
            8 => raw.destination = host(family, octet),
            _ => ttl = octet,
        }
    }
    (raw, ttl)
}

/// Headers of one family on a link of the other are for nobody.
#[test]
fn families_never_meet() {
    let (mut set, members) = routers();
    for (id, interface, raw) in &members {
        let other = match Family::of(raw.source) {
            Family::Ipv4 => Family::Ipv6,
            Family::Ipv6 => Family::Ipv4,
        };
        let endpoints = Endpoints::new(host(other, OWN + 1), other.group()).unwrap();
        let rx = RxPacket { endpoints, ttl: 255, payload: &raw.octets() };
        assert!(!deliver(&mut set, START, (*id, *interface), rx));
    }
}
