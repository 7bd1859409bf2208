//! Version 2 besides version 3, to migrate: RFC 9568 section 8.4 (INT-01 to INT-06, INT-10, AMB-19).

use crate::common::{
    Bench, INTERVAL, OWN, Raw, centis, config, counters, errors_counted, host, millis, priority, secs,
    virtual_addresses, without_counters,
};
use vrrp_core::fsm::State;
use vrrp_core::wire::{Endpoints, Packet, ParseError};
use vrrp_core::{Action, AdvertKind, Config, Discard, Family, Input, Profile, Role, UnicastPeer, Version};

const PROFILES_OF_3: [Profile; 3] = [Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata];

fn one(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

fn both(profile: Profile) -> Config {
    one(profile).with_also_version2(true).unwrap()
}

/// Returns what host `number` sends in version 2.
fn in_version2(number: u8, priority: u8) -> Raw {
    Raw::new(Profile::Rfc3768, Family::Ipv4, number, priority)
}

/// Every advertisement among what is due, with its version, priority (0: release) and interval, as a receiver reads it.
fn sent(bench: &mut Bench, destination: u8) -> Vec<(Version, u8, u16)> {
    let endpoints = match destination {
        0 => Endpoints::new(host(Family::Ipv4, OWN), Family::Ipv4.group()),
        peer => Endpoints::new(host(Family::Ipv4, OWN), host(Family::Ipv4, peer)),
    };
    let kinds = bench.actions().into_iter().filter_map(|action| match action {
        Action::SendAdvertisement(kind) => Some(kind),
        _ => None,
    });
    let kinds: Vec<AdvertKind> = kinds.collect();
    kinds.into_iter().map(|kind| read(bench, kind, endpoints.unwrap())).collect()
}

fn read(bench: &Bench, kind: AdvertKind, endpoints: Endpoints) -> (Version, u8, u16) {
    let mut octets = [0; 100];
    let len = bench.router.encode(kind, endpoints, &mut octets).unwrap();
    let version = bench.router.message(kind).version;
    let packet = Packet::parse(version, &octets[..len], endpoints).unwrap();
    assert!(packet.addresses().eq(virtual_addresses(Family::Ipv4)) && packet.auth().is_none_or(|auth| auth.kind == 0));
    (version, packet.priority().map_or(0, |priority| priority.get()), packet.interval().unwrap().centis())
}

/// INT-02: at the takeover, at every interval, as an answer to a release and to a lower Master, and when leaving.
#[test]
fn whatever_is_sent_is_sent_in_version_3_then_in_version_2() {
    let pair = |priority| vec![(Version::V3, priority, 100), (Version::V2, priority, 100)];
    for profile in PROFILES_OF_3 {
        let mut bench = Bench::started(both(profile));
        bench.next_deadline();
        assert_eq!(bench.router.role(), Role::Master);
        let mut takeover = bench.clone();
        let shown = crate::common::show_all(&takeover.actions());
        assert_eq!(shown[..3], ["advertise", "advertise in version 2", "install 192.0.2.101"], "before the addresses");
        bench.carry_out_all();
        assert_eq!(bench.router.stats().advert_sent, 2, "STAT-07");
        bench.next_deadline();
        assert_eq!(sent(&mut bench, 0), pair(100));
        bench.hear(OWN + 1, 0).unwrap();
        assert_eq!(sent(&mut bench, 0), pair(100), "FSM-A-03");
        bench.hear(OWN + 1, 50).unwrap();
        let answer = if profile == Profile::Rfc5798 { vec![] } else { pair(100) };
        assert_eq!(sent(&mut bench, 0), answer, "FSM-A-07");
        bench.input(Input::Shutdown);
        assert_eq!(sent(&mut bench, 0), pair(0), "FSM-A-01");
        assert_eq!(bench.router.stats().prio_zero_sent, 2, "STAT-10");
    }
}

/// The yield advertisement of a router that yields is one more advertisement like any other.
#[test]
fn the_yield_advertisement_is_sent_in_both() {
    let mut bench = Bench::master(both(Profile::Rfc9568));
    bench.hear(OWN + 1, 200).unwrap();
    let said = crate::common::show_all(&bench.actions());
    let expected = [
        "remove 192.0.2.101",
        "remove 192.0.2.102",
        "yield advertisement",
        "yield advertisement in version 2",
        "Master > Backup",
    ];
    assert_eq!(said, expected);
}

/// A transition between the two halves: what was true no more is not said, a release stays true.
#[test]
fn the_second_half_is_dropped_when_it_became_wrong() {
    let mut bench = Bench::master(both(Profile::Rfc9568).with_yield_advertisement(false));
    bench.next_deadline();
    assert_eq!(bench.router.poll_action(), Some(Action::SendAdvertisement(AdvertKind::Regular)));
    bench.hear(OWN + 1, 200).unwrap();
    assert_eq!(
        crate::common::show_all(&bench.actions()),
        ["remove 192.0.2.101", "remove 192.0.2.102", "Master > Backup"]
    );

    let mut bench = Bench::master(both(Profile::Rfc9568));
    bench.input(Input::Shutdown);
    assert_eq!(bench.router.poll_action(), Some(Action::SendAdvertisement(AdvertKind::Release)));
    bench.input(Input::Startup);
    assert_eq!(crate::common::show_all(&bench.actions())[0], "release in version 2");
}

/// INT-06: at least what is configured, never less; PKT-08.
#[test]
fn the_octet_of_version_2_is_rounded_up() {
    for (configured, octet) in [(1, 1), (10, 1), (100, 1), (101, 2), (150, 2), (4095, 41)] {
        let mut bench = Bench::master(both(Profile::Rfc9568).with_interval(centis(configured)).unwrap());
        bench.next_deadline();
        assert_eq!(sent(&mut bench, 0), [(Version::V3, 100, configured), (Version::V2, 100, octet * 100)]);
    }
}

/// EXT-01: both to each peer, with what the peer's address asks of the checksum.
#[test]
fn unicast_peers_get_both() {
    let peers = [1, 2].map(|n| UnicastPeer { address: host(Family::Ipv4, n), min_ttl: 255 });
    let mut bench = Bench::master(both(Profile::Rfc9568).with_unicast_peers(&peers).unwrap());
    bench.next_deadline();
    assert_eq!(sent(&mut bench, 2), [(Version::V3, 100, 100), (Version::V2, 100, 100)]);
    let to_us = Raw { destination: host(Family::Ipv4, OWN), ..in_version2(1, 200) };
    assert_eq!(bench.receive(&to_us), Ok(()));
    assert_eq!(bench.router.role(), Role::Backup);
}

/// A kind of version 2 from a router of one version is that version's.
#[test]
fn a_router_of_one_version_never_says_anything_in_the_other() {
    for profile in [Profile::Rfc3768, Profile::Rfc9568] {
        let bench = Bench::master(one(profile));
        for (kind, same) in
            [(AdvertKind::Regular, AdvertKind::RegularVersion2), (AdvertKind::Release, AdvertKind::ReleaseVersion2)]
        {
            assert_eq!(bench.router.message(kind), bench.router.message(same), "{profile:?}");
        }
    }
}

/// INT-03: seconds become centiseconds, under the skew of version 3.
#[test]
fn a_backup_times_a_master_of_version_2_by_its_seconds() {
    for profile in PROFILES_OF_3 {
        let mut bench = Bench::started(both(profile).with_interval(centis(10)).unwrap());
        bench.receive(&Raw { interval: 300, ..in_version2(OWN + 1, 200) }).unwrap();
        let skew = std::time::Duration::from_nanos((256 - 100) * 3_000_000_000 / 256);
        assert_eq!(bench.router.deadline(), Some(bench.now + secs(9) + skew), "{profile:?}");
    }
}

/// INT-05: counted, in every profile, and never dropped. The octet is compared with what ours would say.
#[test]
fn another_interval_in_version_2_is_counted_only() {
    for profile in PROFILES_OF_3 {
        for (ours, theirs, counted) in [(100, 100, false), (10, 100, false), (150, 200, false), (150, 100, true)] {
            let mut bench = Bench::started(both(profile).with_interval(centis(ours)).unwrap());
            let raw = Raw { interval: theirs, ..in_version2(OWN + 1, 200) };
            assert_eq!(bench.receive(&raw), Ok(()));
            assert_eq!(bench.router.stats().interval_errors, u64::from(counted), "{profile:?} {ours} {theirs}");
        }
    }
}

/// INT-04: ignored without an error for as long as the source is heard in version 3, and no longer.
#[test]
fn version_2_of_a_source_heard_in_version_3_is_shadowed() {
    for (profile, released) in PROFILES_OF_3.into_iter().flat_map(|profile| [(profile, false), (profile, true)]) {
        let mut bench = Bench::started(both(profile).with_priority(priority(50)));
        bench.receive(&Raw { interval: 10, ..bench.raw(OWN + 1, 200) }).unwrap();
        if released {
            bench.receive(&Raw { interval: 10, ..bench.raw(OWN + 1, 0) }).unwrap();
        }
        let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
        for said in [200, 0] {
            let shadowed = Err(Discard::Version2Shadowed(host(Family::Ipv4, OWN + 1)));
            assert_eq!(bench.receive(&in_version2(OWN + 1, said)), shadowed);
            // Whatever version 3 was content with.
            assert_eq!(bench.receive(&Raw { interval: 200, ..in_version2(OWN + 1, said) }), shadowed);
        }
        assert_eq!(without_counters(&bench.router), before, "RX-20");
        let moved: Vec<_> =
            counters(&stats).into_iter().zip(counters(bench.router.stats())).filter(|(a, b)| a != b).collect();
        assert!(moved.iter().all(|(a, _)| matches!(a.0, "advert_rcvd" | "checksum_message")), "{moved:?}");

        // Others are not shadowed by it.
        assert_eq!(bench.clone().receive(&in_version2(OWN + 2, 200)), Ok(()));

        // Three intervals and the skew of 50: 0.3 s and 206 / 256 of 0.1 s.
        let down = millis(300) + std::time::Duration::from_nanos(206 * 390_625);
        let mut early = bench.clone();
        early.now = bench.now + down.saturating_sub(millis(1));
        assert!(early.receive(&in_version2(OWN + 1, 200)).is_err());
        bench.now = bench.now + down + millis(1);
        assert_eq!(bench.receive(&in_version2(OWN + 1, 200)), Ok(()));
    }
}

/// RX-20, INT-04: a rejected packet of version 3 shadows nothing.
#[test]
fn only_accepted_version_3_shadows() {
    let mut bench = Bench::started(both(Profile::Rfc9568));
    assert!(bench.receive(&Raw { interval: 0, ..bench.raw(OWN + 1, 200) }).is_err());
    assert_eq!(bench.receive(&in_version2(OWN + 1, 200)), Ok(()));
    assert!(bench.hear(OWN + 1, 200).is_ok(), "version 3 is never shadowed");
}

/// RX-10: no authentication besides version 3, which has none.
#[test]
fn authenticated_version_2_is_rejected() {
    for (kind, discard, counter) in [
        (1, Discard::AuthTypeMismatch { found: 1, expected: 0 }, "auth_type_mismatch"),
        (2, Discard::AuthTypeMismatch { found: 2, expected: 0 }, "auth_type_mismatch"),
        (3, Discard::AuthTypeUnknown(3), "invalid_auth_type"),
    ] {
        let mut bench = Bench::master(both(Profile::Rfc9568));
        let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
        let raw = Raw { reserved_or_auth: kind, ..in_version2(OWN + 1, 200) };
        assert_eq!(bench.receive(&raw), Err(discard));
        assert_eq!(without_counters(&bench.router), before);
        assert_eq!(errors_counted(&stats, bench.router.stats()), [counter]);
    }
}

/// INT-10: both ways.
#[test]
fn without_the_flag_the_other_version_is_a_version_error_and_nothing_else() {
    for profile in crate::common::PROFILES {
        let version = profile.version();
        let (other, found) = match version {
            Version::V2 => (Profile::Rfc9568, 3),
            Version::V3 => (Profile::Rfc3768, 2),
        };
        let mut bench = Bench::started(one(profile));
        let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
        let raw = Raw::new(other, Family::Ipv4, OWN + 1, 200);
        assert_eq!(bench.receive(&raw), Err(ParseError::Version { found, expected: version }.into()));
        assert_eq!(without_counters(&bench.router), before);
        assert_eq!(errors_counted(&stats, bench.router.stats()), ["version_errors"]);
        assert_eq!(bench.router.stats().advert_rcvd, 0);
    }
    // And with it a version that never was.
    let mut bench = Bench::started(both(Profile::Rfc9568));
    let raw = Raw { version: 4, ..bench.raw(OWN + 1, 200) };
    assert_eq!(bench.receive(&raw), Err(ParseError::Version { found: 4, expected: Version::V3 }.into()));
}

/// A migration: the Master speaks both, one Backup each of version 2, version 3 and both follows it for a minute.
#[test]
fn one_master_of_both_keeps_every_kind_of_backup_quiet() {
    let mut master = Bench::master(both(Profile::Rfc9568Errata).with_priority(priority(200)));
    let backups = [one(Profile::Rfc3768), one(Profile::Rfc5798), both(Profile::Rfc9568)];
    let mut backups = backups.map(|config| {
        let mut backup = Bench::idle(config.with_priority(priority(50)));
        backup.now = master.now;
        backup.input(Input::Startup);
        backup
    });
    let endpoints = Endpoints::new(host(Family::Ipv4, OWN + 1), Family::Ipv4.group()).unwrap();
    let start = master.now;
    for _ in 0..60 {
        master.next_deadline();
        for action in master.actions() {
            let Action::SendAdvertisement(kind) = action else { panic!("{action:?}") };
            let mut octets = [0; 100];
            let len = master.router.encode(kind, endpoints, &mut octets).unwrap();
            for backup in &mut backups {
                backup.run_until(master.now);
                let rx = vrrp_core::RxPacket { endpoints, ttl: 255, payload: &octets[..len] };
                backup.router.handle_packet(backup.now, rx).ok();
            }
        }
    }
    assert_eq!(master.now, start + INTERVAL * 60);
    for backup in &backups {
        assert!(matches!(backup.router.state(), State::Backup(_)));
        assert_eq!(backup.router.stats().master_transitions, 0);
    }
    let stats = backups[2].router.stats();
    assert_eq!((stats.version_errors, stats.interval_errors, stats.advert_rcvd), (0, 0, 120));
    assert_eq!([0, 1].map(|n| backups[n].router.stats().version_errors), [60, 60]);
}
