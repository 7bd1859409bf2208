//! Unicast routers and multicast routers never hear each other (EXT-01, EXT-02, AMB-23, RX-01).

use crate::common::{
    Bench, OWN, PROFILES, Raw, config, errors_counted, families, host, virtual_addresses, without_counters,
};
use vrrp_core::wire::{ChecksumForm, Endpoints, Packet};
use vrrp_core::{AdvertKind, Config, Discard, Family, Profile, RxPacket, UnicastPeer};

const NEAR: u8 = 1;
const FAR: u8 = 2;
const STRANGER: u8 = 3;

/// One peer on the link, and one some hops away.
fn with_peers(config: Config) -> Config {
    let peer = |number, min_ttl| UnicastPeer { address: host(config.family(), number), min_ttl };
    let peers = [peer(NEAR, 255), peer(FAR, 250)];
    config.with_unicast_peers(&peers).unwrap()
}

/// Delivers, and sees that a rejected packet changed one counter and nothing else.
fn deliver(bench: &mut Bench, raw: &Raw, ttl: u8) -> Result<(), (Discard, Vec<&'static str>)> {
    let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
    let rx = RxPacket { endpoints: raw.endpoints(), ttl, payload: &raw.octets() };
    bench.router.handle_packet(bench.now, rx).map(drop).map_err(|discard| {
        assert_eq!(without_counters(&bench.router), before);
        (discard, errors_counted(&stats, bench.router.stats()))
    })
}

#[test]
fn unicast_routers_hear_their_peers_and_nobody_else() {
    for (profile, &family) in
        PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |f| (profile, f)))
    {
        let [near, far, stranger, own] = [NEAR, FAR, STRANGER, OWN].map(|number| host(family, number));
        let group = family.group();
        let ttl = |found, min| Err((Discard::Ttl { found, min }, vec!["ttl_errors"]));
        let source = |discard| Err((discard, vec!["source_errors"]));
        let config = with_peers(config(profile, family));
        for mut bench in [Bench::started(config.clone()), Bench::master(config)] {
            for (from, to, hops, expected) in [
                (near, own, 255, Ok(())),
                (near, own, 254, ttl(254, 255)),
                (far, own, 250, Ok(())),
                (far, own, 249, ttl(249, 250)),
                (stranger, own, 255, source(Discard::NotAPeer(stranger))),
                (near, group, 255, source(Discard::Destination(group))),
                (near, stranger, 255, source(Discard::Destination(stranger))),
                (stranger, group, 255, source(Discard::Destination(group))),
            ] {
                let raw = Raw { source: from, destination: to, ..bench.raw(NEAR, 50) };
                assert_eq!(deliver(&mut bench, &raw, hops), expected, "{profile:?} {from} to {to}, TTL {hops}");
            }
        }
    }
}

#[test]
fn multicast_routers_ignore_what_is_sent_to_them_alone() {
    for (profile, &family) in
        PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |f| (profile, f)))
    {
        for mut bench in [Bench::started(config(profile, family)), Bench::master(config(profile, family))] {
            let own = host(family, OWN);
            let raw = Raw { destination: own, ..bench.raw(NEAR, 200) };
            let expected = Err((Discard::Destination(own), vec!["source_errors"]));
            assert_eq!(deliver(&mut bench, &raw, 255), expected, "{profile:?}");
        }
    }
}

/// PKT-22: over IPv6 the sum covers the peer's address, so that a copy for one peer is wrong for another. Over IPv4 all
/// copies are the same.
#[test]
fn each_peer_is_sent_a_checksum_of_its_own_over_ipv6() {
    for (profile, &family) in
        PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |f| (profile, f)))
    {
        let bench = Bench::master(with_peers(config(profile, family)));
        let [near, far] = [NEAR, FAR].map(|peer| Endpoints::new(host(family, OWN), host(family, peer)).unwrap());
        let copy = |endpoints| {
            let mut octets = [0; 100];
            let len = bench.router.encode(AdvertKind::Regular, endpoints, &mut octets).unwrap();
            octets[..len].to_vec()
        };
        let (to_near, to_far) = (copy(near), copy(far));
        let read =
            |octets, endpoints| Packet::parse(profile.version(), octets, endpoints).map(|packet| packet.checksum());
        let pseudo_header = family == Family::Ipv6 || profile == Profile::Rfc5798;
        let form = if pseudo_header { ChecksumForm::PseudoHeader } else { ChecksumForm::Message };
        assert_eq!((read(&to_near, near), read(&to_far, far)), (Ok(form), Ok(form)));
        assert_eq!(to_near != to_far, pseudo_header, "{profile:?}");
        assert_eq!(read(&to_near, far).is_err(), pseudo_header, "{profile:?}");
    }
}

/// A peer need not be link-local (the draft says so, deployed configurations do not).
#[test]
fn peers_over_ipv6_may_be_global() {
    let peer = UnicastPeer { address: virtual_addresses(Family::Ipv6)[1], min_ttl: 255 };
    for profile in PROFILES.into_iter().filter(|profile| families(*profile).contains(&Family::Ipv6)) {
        assert!(config(profile, Family::Ipv6).with_unicast_peers(&[peer]).is_ok());
    }
}
