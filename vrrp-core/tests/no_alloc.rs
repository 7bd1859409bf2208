//! Nothing is allocated once a router is built: not by packets, timers, takeovers, nor by fetching and encoding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use allocation_counter::measure;
use common::{OWN, PROFILES, Raw, config, families, host};
use vrrp_core::wire::Endpoints;
use vrrp_core::{Action, Family, Input, Instant, InterfaceId, Profile, RouterId, RouterSet, RxPacket, SendChecksum};

const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// A driver without a heap: carries out, confirms, encodes.
fn drain(set: &mut RouterSet, now: Instant) -> usize {
    let mut sent = 0;
    while let Some((id, action)) = set.poll_action() {
        match action {
            Action::InstallAddress(request) => set.handle(now, id, Input::AddressInstalled(request)),
            Action::SendAdvertisement(kind) => {
                let router = set.get(id).unwrap();
                let group = router.config().family().group();
                let endpoints = Endpoints::new(router.source().unwrap(), group).unwrap();
                let mut octets = [0; 1500];
                sent += usize::from(router.encode(kind, endpoints, &mut octets).is_ok());
            }
            _ => {}
        }
    }
    sent
}

fn receive(set: &mut RouterSet, now: Instant, id: RouterId, raw: &Raw, octets: &[u8]) -> bool {
    let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: octets };
    set.handle_packet(now, InterfaceId(id.index() as u32), rx).is_ok()
}

/// The same packet cut anywhere, with each octet of its header and its last one changed, and from beyond the link.
fn refuse(set: &mut RouterSet, now: Instant, id: RouterId, raw: &Raw, octets: &[u8]) {
    let mut copy = [0; 128];
    let copy = &mut copy[..octets.len()];
    for changed in (0..8).chain([octets.len() - 1]) {
        copy.copy_from_slice(octets);
        copy[changed] ^= 0x11;
        assert!(!receive(set, now, id, raw, copy), "octet {changed}");
    }
    assert!((0..octets.len()).all(|len| !receive(set, now, id, raw, &octets[..len])));
    let rx = RxPacket { endpoints: raw.endpoints(), ttl: 254, payload: octets };
    assert!(set.handle_packet(now, InterfaceId(id.index() as u32), rx).is_err());
}

/// Becomes Master by silence, contests, yields, refuses, hears a release, hangs, is faulted and stopped.
fn live(set: &mut RouterSet, now: &mut Instant, id: RouterId, packets: &[(Raw, Vec<u8>)]) -> usize {
    let mut sent = 0;
    for input in [Input::Startup, Input::InterfaceUp(false), Input::InterfaceUp(true)] {
        set.handle(*now, id, input);
        sent += drain(set, *now);
    }
    for (raw, octets) in packets {
        for _ in 0..5 {
            *now = set.deadline().map_or(*now, |(at, _)| at);
            set.handle_timeout(*now);
            sent += drain(set, *now);
        }
        receive(set, *now, id, raw, octets);
        sent += drain(set, *now);
        refuse(set, *now, id, raw, octets);
        assert_eq!(drain(set, *now), 0);
    }
    // Once more Master, and then silent for longer than any lease.
    for hang in [0, 0, 0, 5] {
        *now = set.deadline().map_or(*now, |(at, _)| at) + Duration::from_secs(hang);
        set.handle_timeout(*now);
        sent += drain(set, *now);
        std::hint::black_box(set.get(id).map(|router| (router.status(), *router.stats())));
    }
    set.handle(*now, id, Input::Shutdown);
    sent + drain(set, *now)
}

/// The others are alone; these are one group.
#[test]
fn a_group_allocates_nothing() {
    let mut set = RouterSet::new();
    let family = Family::Ipv4;
    let ids: Vec<_> =
        (0..4).map(|link| set.insert(InterfaceId(link), config(Profile::Rfc9568, family)).unwrap()).collect();
    set.group(Instant::ZERO, &ids).unwrap();
    ids.iter().for_each(|id| set.handle(START, *id, Input::PrimaryAddress(Some(host(family, OWN)))));
    let packets: Vec<(Raw, Vec<u8>)> = [50, 0, 200, 0, 100]
        .map(|priority| Raw::new(Profile::Rfc9568, family, OWN + 1, priority))
        .map(|raw| (raw.clone(), raw.octets()))
        .into();
    let (mut now, mut sent) = (START, 0);
    let used = measure(|| {
        for id in &ids {
            set.handle_all(now, Input::Startup);
            sent += live(&mut set, &mut now, *id, &packets);
        }
    });
    assert_eq!(used.count_total, 0);
    assert!(sent > 30, "{sent} advertisements were encoded meanwhile");
}

#[test]
fn a_whole_life_allocates_nothing() {
    let mut set = RouterSet::new();
    let kinds = PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |family| (profile, *family)));
    let mut lives = Vec::new();
    let kinds = kinds.flat_map(|(profile, family)| {
        let one = config(profile, family).with_lease(true);
        let both = one.clone().with_checksum(SendChecksum::AsHeard).with_also_version2(true).ok();
        [Some(one), both].into_iter().flatten().map(move |config| (profile, family, config))
    });
    for (interface, (profile, family, config)) in kinds.enumerate() {
        let id = set.insert(InterfaceId(interface as u32), config).unwrap();
        set.handle(START, id, Input::PrimaryAddress(Some(host(family, OWN))));
        let packets: Vec<(Raw, Vec<u8>)> = [50, 0, 200, 0, 100]
            .map(|priority| Raw::new(profile, family, OWN + 1, priority))
            .map(|raw| (raw.clone(), raw.octets()))
            .into();
        lives.push((id, packets));
    }
    let (mut now, mut sent) = (START, 0);
    let used = measure(|| {
        for (id, packets) in &lives {
            sent += live(&mut set, &mut now, *id, packets);
        }
    });
    assert_eq!(used.count_total, 0);
    assert!(sent > 14 * 10, "{sent} advertisements were encoded meanwhile");
    assert!(set.iter().all(|(_, router)| router.stats().master_transitions >= 2));
    assert!(measure(|| drop(std::hint::black_box(vec![0_u8; 100]))).count_total > 0, "the counter counts");
}
