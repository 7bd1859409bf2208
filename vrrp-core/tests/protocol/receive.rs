//! Acceptance: one check after the other, the first that fails decides, and a rejected packet leaves no trace but one
//! count (RX-01 to RX-28, AUTH-01 to AUTH-03).

use std::net::IpAddr;

use crate::common::{
    Bench, OWN, PROFILES, Raw, VRID, centis, config, counters, errors_counted, families, host, millis, priority, secs,
    virtual_addresses, without_counters,
};
use proptest::prelude::*;
use vrrp_core::wire::ParseError;
use vrrp_core::{
    Config, Discard, Family, Input, Instant, InterfaceId, Password, Priority, Profile, Rejected, Role, RouterSet,
    RxPacket, SendChecksum, Version, Vrid,
};

/// A faultless advertisement and what can be wrong around it.
#[derive(Clone, Debug)]
struct Datagram {
    raw: Raw,
    ttl: u8,
    /// Octets that arrive, if not all.
    keep: Option<usize>,
    corrupt: bool,
}

impl Datagram {
    fn new(raw: Raw) -> Self {
        Self { raw, ttl: 255, keep: None, corrupt: false }
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = self.raw.octets();
        octets[7] ^= u8::from(self.corrupt);
        octets.truncate(self.keep.unwrap_or(octets.len()));
        octets
    }

    fn deliver(&self, bench: &mut Bench) -> Result<(), Discard> {
        let rx = RxPacket { endpoints: self.raw.endpoints(), ttl: self.ttl, payload: &self.octets() };
        bench.router.handle_packet(bench.now, rx).map(drop)
    }
}

/// One check of section 7.1: where it is made, how to fail it, and what comes of that.
struct Check {
    id: &'static str,
    made: fn(Profile, Family) -> bool,
    fail: fn(&mut Datagram),
    discard: fn(&Datagram, Profile) -> Discard,
    counter: &'static [&'static str],
}

fn v2(profile: Profile) -> bool {
    profile.version() == Version::V2
}

/// In order. RX-09 depends on the router, not on the packet: `an_owner_is_deaf_after_the_checks_of_the_packet`.
const CHECKS: &[Check] = &[
    Check {
        id: "RX-01",
        made: |_, _| true,
        fail: |datagram| datagram.raw.destination = host(family_of(datagram), OWN),
        discard: |datagram, _| Discard::Destination(datagram.raw.destination),
        counter: &["source_errors"],
    },
    Check {
        id: "RX-02",
        made: |_, _| true,
        fail: |datagram| datagram.ttl = 254,
        discard: |_, _| Discard::Ttl { found: 254, min: 255 },
        counter: &["ttl_errors"],
    },
    Check {
        id: "RX-03",
        made: |_, _| true,
        fail: |datagram| datagram.keep = Some(7),
        discard: |_, _| ParseError::TooShort { needed: 8, had: 7 }.into(),
        counter: &["packet_length_errors"],
    },
    Check {
        id: "RX-04",
        made: |_, _| true,
        fail: |datagram| datagram.raw.version ^= 1,
        discard: |datagram, profile| {
            ParseError::Version { found: datagram.raw.version, expected: profile.version() }.into()
        },
        counter: &["version_errors"],
    },
    Check {
        id: "RX-05",
        made: |_, _| true,
        fail: |datagram| datagram.raw.kind = 7,
        discard: |_, _| ParseError::Type { found: 7 }.into(),
        counter: &["invalid_type_rcvd"],
    },
    Check {
        id: "RX-06",
        made: |_, _| true,
        fail: |datagram| datagram.keep = Some(datagram.raw.octets().len() - 1),
        discard: |datagram, _| {
            let needed = datagram.raw.octets().len();
            ParseError::TooShort { needed, had: needed - 1 }.into()
        },
        counter: &["packet_length_errors"],
    },
    Check {
        id: "RX-07",
        made: |_, _| true,
        fail: |datagram| datagram.corrupt = true,
        discard: |datagram, _| {
            let octets = datagram.octets();
            ParseError::Checksum { found: u16::from_be_bytes([octets[6], octets[7]]) }.into()
        },
        counter: &["checksum_errors"],
    },
    Check {
        id: "RX-08",
        made: |_, _| true,
        fail: |datagram| datagram.raw.vrid = VRID + 1,
        discard: |_, _| Discard::Vrid(Vrid::new(VRID + 1).ok()),
        counter: &[],
    },
    Check {
        id: "RX-10",
        made: |profile, _| v2(profile),
        fail: |datagram| datagram.raw.reserved_or_auth = 1,
        discard: |_, _| Discard::AuthTypeMismatch { found: 1, expected: 0 },
        counter: &["auth_type_mismatch"],
    },
    Check {
        id: "RX-11",
        made: |_, _| true,
        fail: |datagram| (datagram.raw.count, datagram.raw.addresses) = (0, Vec::new()),
        discard: |_, _| Discard::NoAddress,
        counter: &["address_list_errors"],
    },
    Check {
        id: "RX-12",
        made: |profile, family| profile == Profile::Rfc9568Errata && family == Family::Ipv6,
        fail: |datagram| datagram.raw.addresses.reverse(),
        discard: |datagram, _| Discard::NotLinkLocal(datagram.raw.addresses[0]),
        counter: &["address_list_errors"],
    },
    Check {
        id: "RX-13",
        made: |_, _| true,
        fail: |datagram| datagram.raw.interval = 0,
        discard: |_, _| Discard::ZeroInterval,
        counter: &["interval_errors"],
    },
    Check {
        id: "RX-14",
        made: |profile, _| v2(profile),
        fail: |datagram| datagram.raw.addresses[1] = host(family_of(datagram), 99),
        discard: |_, _| Discard::AddressList,
        counter: &["address_list_errors"],
    },
    Check {
        id: "RX-15",
        made: |profile, _| v2(profile),
        fail: |datagram| datagram.raw.interval = 200,
        discard: |_, _| Discard::Interval { found: centis(200), expected: centis(100) },
        counter: &["interval_errors"],
    },
    Check {
        id: "RX-16, own source",
        made: |_, _| true,
        fail: |datagram| datagram.raw.source = host(family_of(datagram), OWN),
        discard: |datagram, _| Discard::OwnSource(datagram.raw.source),
        counter: &["duplicate_address"],
    },
    Check {
        id: "RX-16, no host",
        made: |_, _| true,
        fail: |datagram| datagram.raw.source = family_of(datagram).group(),
        discard: |datagram, _| Discard::Source(datagram.raw.source),
        counter: &["source_errors"],
    },
];

fn family_of(datagram: &Datagram) -> Family {
    Family::of(datagram.raw.source)
}

/// Every profile with every family of its version, where lists are compared strictly.
fn configs() -> impl Iterator<Item = (Profile, Family, Config)> {
    PROFILES.into_iter().flat_map(|profile| {
        families(profile).iter().map(move |family| (profile, *family, config(profile, *family).with_strict_list(true)))
    })
}

/// Delivers what has to be rejected: the reason, the one counter, and nothing else.
fn rejected(bench: &mut Bench, datagram: &Datagram, id: &str) -> (Discard, Vec<&'static str>) {
    bench.after(millis(100));
    let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
    let discard = datagram.deliver(bench).expect_err(id);
    assert_eq!(without_counters(&bench.router), before, "{id} left a trace");
    assert_eq!(bench.router.poll_action(), None, "{id} caused an action");
    (discard, errors_counted(&stats, bench.router.stats()))
}

#[test]
fn each_check_rejects_in_the_profiles_that_make_it() {
    for (profile, family, config) in configs() {
        for mut bench in [Bench::started(config.clone()), Bench::master(config.clone())] {
            let sound = Datagram::new(bench.raw(OWN + 1, 50));
            for check in CHECKS {
                let mut datagram = sound.clone();
                (check.fail)(&mut datagram);
                if (check.made)(profile, family) {
                    let expected = ((check.discard)(&datagram, profile), check.counter.to_vec());
                    assert_eq!(rejected(&mut bench, &datagram, check.id), expected, "{} {profile:?}", check.id);
                } else {
                    assert_eq!(datagram.deliver(&mut bench.clone()), Ok(()), "{} {profile:?}", check.id);
                }
            }
            assert_eq!(sound.deliver(&mut bench), Ok(()), "{profile:?}");
        }
    }
}

/// RX-27.
#[test]
fn of_two_failing_checks_the_first_decides() {
    for (profile, family, config) in configs() {
        let mut bench = Bench::started(config);
        let made: Vec<_> = CHECKS.iter().filter(|check| (check.made)(profile, family)).collect();
        for (index, first) in made.iter().enumerate() {
            for second in &made[index + 1..] {
                let mut datagram = Datagram::new(bench.raw(OWN + 1, 50));
                // Where both touch one field the first has the last word.
                (second.fail)(&mut datagram);
                (first.fail)(&mut datagram);
                let expected = ((first.discard)(&datagram, profile), first.counter.to_vec());
                let pair = format!("{} and {}, {profile:?}", first.id, second.id);
                assert_eq!(rejected(&mut bench, &datagram, &pair), expected, "{pair}");
            }
        }
    }
}

/// RX-09, where the profile has it: behind RX-08, before everything that compares with the configuration.
#[test]
fn an_owner_is_deaf_after_the_checks_of_the_packet() {
    for (profile, family, config) in configs() {
        let deaf = matches!(profile, Profile::Rfc3768 | Profile::Rfc5798 | Profile::Rfc9568);
        let mut bench = Bench::started(config.with_priority(Priority::OWNER));
        for check in CHECKS.iter().filter(|check| (check.made)(profile, family)) {
            let mut datagram = Datagram::new(bench.raw(OWN + 1, 50));
            (check.fail)(&mut datagram);
            let expected = if deaf && check.id > "RX-08" {
                let discard = Discard::Owner { by: datagram.raw.source, priority: Some(priority(50)) };
                (discard, vec!["owner_conflict"])
            } else {
                ((check.discard)(&datagram, profile), check.counter.to_vec())
            };
            assert_eq!(rejected(&mut bench, &datagram, check.id), expected, "{} {profile:?}", check.id);
        }
        assert_eq!(bench.hear(OWN + 1, 50).is_ok(), !deaf, "{profile:?}");
    }
}

/// FSM-I-04: not even counted, for nothing is compared.
#[test]
fn who_is_not_started_hears_nothing() {
    for (_, _, config) in configs() {
        let mut bench = Bench::idle(config);
        let sound = Datagram::new(bench.raw(OWN + 1, 200));
        let broken = Datagram { ttl: 1, keep: Some(0), ..sound.clone() };
        for datagram in [sound, broken] {
            assert_eq!(rejected(&mut bench, &datagram, "FSM-I-04"), (Discard::NotStarted, vec![]));
        }
    }
}

/// AUTH-01 to AUTH-03, PKT-10: RFC 2338 with and without a password, RFC 3768 without.
#[test]
fn passwords_are_compared_by_type_first() {
    const NONE: [u8; 8] = [0; 8];
    const SECRET: [u8; 8] = *b"secret\0\0";
    let mismatch = |found, expected| Err((Discard::AuthTypeMismatch { found, expected }, vec!["auth_type_mismatch"]));
    let unknown = |found| Err((Discard::AuthTypeUnknown(found), vec!["invalid_auth_type"]));
    let failure = || Err((Discard::AuthFailure, vec!["auth_failures"]));

    let plain = |profile| config(profile, Family::Ipv4);
    let secret = plain(Profile::Rfc2338).with_password(Password::new(b"secret").unwrap()).unwrap();
    let cases = [
        (plain(Profile::Rfc3768), 0, NONE, Ok(())),
        (plain(Profile::Rfc3768), 0, SECRET, Ok(())),
        (plain(Profile::Rfc3768), 1, SECRET, mismatch(1, 0)),
        (plain(Profile::Rfc3768), 2, NONE, mismatch(2, 0)),
        (plain(Profile::Rfc3768), 3, NONE, unknown(3)),
        (plain(Profile::Rfc2338), 0, NONE, Ok(())),
        (plain(Profile::Rfc2338), 1, NONE, mismatch(1, 0)),
        (plain(Profile::Rfc2338), 254, NONE, unknown(254)),
        (secret.clone(), 1, SECRET, Ok(())),
        (secret.clone(), 1, *b"secret\0x", failure()),
        (secret.clone(), 1, *b"Secret\0\0", failure()),
        (secret.clone(), 1, NONE, failure()),
        (secret.clone(), 0, SECRET, mismatch(0, 1)),
        (secret.clone(), 2, SECRET, mismatch(2, 1)),
        (secret.clone(), 3, SECRET, unknown(3)),
    ];
    for (config, kind, data, expected) in cases {
        let mut bench = Bench::started(config);
        let raw = Raw { reserved_or_auth: kind, auth: Some(data), ..bench.raw(OWN + 1, 200) };
        let datagram = Datagram::new(raw);
        match expected {
            Ok(()) => assert_eq!(datagram.deliver(&mut bench), Ok(())),
            Err(expected) => assert_eq!(rejected(&mut bench, &datagram, "RX-10"), expected),
        }
    }

    let router = Bench::started(secret).router;
    assert!(!format!("{router:?}").contains("secret") && !format!("{router:?}").contains("115, 101"), "never printed");
}

/// EXT-03, EXT-08: what is wrong is said by the name that it has on the other make, and counted by what it is.
#[test]
fn what_other_makes_send_is_named_for_what_it_is() {
    const CISCO: Option<[u8; 8]> = Some([0; 8]);
    let plain = |profile| Bench::started(config(profile, Family::Ipv4));
    let hear = |bench: &mut Bench, octets: &[u8]| {
        let endpoints = bench.raw(OWN + 1, 200).endpoints();
        let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
        let discard =
            bench.router.handle_packet(bench.now, RxPacket { endpoints, ttl: 255, payload: octets }).unwrap_err();
        assert_eq!(without_counters(&bench.router), before, "{discard}");
        (discard, errors_counted(&stats, bench.router.stats()))
    };
    let says = |discard: Discard, words: &[&str]| {
        let said = discard.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said:?} without one of {words:?}");
    };

    // The checksum covers the trailer, and so is wrong for the message alone.
    let mut bench = plain(Profile::Rfc3768);
    let mut cisco = Raw { reserved_or_auth: 254, auth: CISCO, ..bench.raw(OWN + 1, 200) }.octets();
    cisco[7] ^= 0x55;
    cisco.extend([0x5c; 30]);
    let (discard, counted) = hear(&mut bench, &cisco);
    assert_eq!((discard, counted), (Discard::AuthTypeUnknown(254), vec!["invalid_auth_type"]));
    says(discard, &["254", "MD5", "Cisco", "turn it off"]);
    // RX-08: of another virtual router it is none of our business.
    cisco[1] = VRID + 1;
    assert_eq!(hear(&mut bench, &cisco), (Discard::Vrid(Vrid::new(VRID + 1).ok()), vec![]));

    let extreme = Raw { kind: 7, ..bench.raw(OWN + 1, 200) }.octets();
    let (discard, counted) = hear(&mut bench, &extreme);
    assert_eq!((discard, counted), (ParseError::Type { found: 7 }.into(), vec!["invalid_type_rcvd"]));
    says(discard, &["7", "Extreme", "seconds"]);

    let mut carp = vec![0x21, VRID, 0, 7, 0, 1, 0x12, 0x34];
    carp.resize(36, 0xc5);
    for (profile, counter) in [(Profile::Rfc3768, "packet_length_errors"), (Profile::Rfc9568, "version_errors")] {
        let (discard, counted) = hear(&mut plain(profile), &carp);
        let expected = ParseError::Carp { expected: profile.version() };
        assert_eq!((discard, counted), (expected.into(), vec![counter]));
        says(discard, &["CARP", "not VRRP"]);
    }

    let mut bench = plain(Profile::Rfc9568);
    let junos = Raw { interval: 0, ..bench.raw(OWN + 1, 200) }.octets();
    let (discard, counted) = hear(&mut bench, &junos);
    assert_eq!((discard, counted), (Discard::ZeroInterval, vec!["interval_errors"]));
    says(discard, &["interval 0", "Junos", "fast-interval"]);

    says(Discard::AuthTypeMismatch { found: 2, expected: 0 }, &["Authentication Header", "AH"]);
}

/// STAT-01 to STAT-03: the same of a virtual router that is none of ours.
#[test]
fn what_other_makes_send_to_others_is_counted_by_what_it_is() {
    let mut carp = vec![0x21, VRID, 0, 7, 0, 1, 0x12, 0x34];
    carp.resize(36, 0xc5);
    let raw = Raw::new(Profile::Rfc3768, Family::Ipv4, OWN + 1, 200);
    let mut cisco = Raw { reserved_or_auth: 254, ..raw.clone() }.octets();
    cisco[7] ^= 0x55;
    let mut set = RouterSet::new();
    let mut hear = |octets: &[u8]| {
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: octets };
        let Rejected { router: None, other_master: None, reason } =
            set.handle_packet(Instant::ZERO, InterfaceId(1), rx).unwrap_err()
        else {
            panic!("it is for nobody here")
        };
        let stats = set.stats();
        (reason, [stats.packet_length_errors, stats.vrid_errors, stats.checksum_errors, stats.version_errors])
    };
    let expected = ParseError::Carp { expected: Version::V2 };
    assert_eq!(hear(&carp), (expected.into(), [1, 0, 0, 0]));
    assert_eq!(hear(&cisco), (Discard::Vrid(Vrid::new(VRID).ok()), [1, 1, 0, 0]));
}

/// RX-14, RX-23, AMB-06, AMB-18.
#[test]
fn lists_compare_as_sets_and_only_strict_version_2_drops() {
    for profile in PROFILES {
        let [a, b] = virtual_addresses(Family::Ipv4);
        let c = host(Family::Ipv4, 99);
        for (list, same) in [
            (vec![a, b], true),
            (vec![b, a], true),
            (vec![a], false),
            (vec![a, a], false),
            (vec![a, c], false),
            (vec![a, b, c], false),
        ] {
            for (strict, sender) in [(false, 50), (true, 50), (true, 0), (true, 255)] {
                let mut bench = Bench::started(config(profile, Family::Ipv4).with_strict_list(strict));
                let addresses = list.clone();
                let raw = Raw { count: addresses.len() as u8, addresses, ..bench.raw(OWN + 1, sender) };
                let dropped = !same && strict && v2(profile) && sender != 255;
                let expected = if dropped { Err(Discard::AddressList) } else { Ok(()) };
                assert_eq!(bench.receive(&raw), expected, "{profile:?} {list:?} {strict} {sender}");
                assert_eq!(bench.router.stats().address_list_errors, u64::from(!same));
            }
        }
    }
}

/// RX-14: to yield to a list without one of our addresses would leave ours with nobody, whoever sends it.
#[test]
fn another_clusters_list_moves_nothing_whatever_its_priority() {
    for profile in PROFILES {
        for sender in [0, 50, 200, 255] {
            let addresses = vec![host(Family::Ipv4, 98), host(Family::Ipv4, 99)];
            for mut bench in
                [Bench::started(config(profile, Family::Ipv4)), Bench::master(config(profile, Family::Ipv4))]
            {
                let raw = Raw { addresses: addresses.clone(), ..bench.raw(OWN + 1, sender) };
                let before = without_counters(&bench.router);
                assert_eq!(bench.receive(&raw), Err(Discard::OtherCluster), "{profile:?} {sender}");
                assert_eq!(without_counters(&bench.router), before);
                assert_eq!(bench.router.stats().address_list_errors, 1);
            }
        }
    }
}

/// RX-14, RX-15, RX-26: each of them is said, whatever else is to be said.
#[test]
fn what_is_accepted_says_what_it_is_to_the_router() {
    let [a, b] = virtual_addresses(Family::Ipv4);
    let lists = [(vec![a, b], false), (vec![b, a], false), (vec![a], true), (vec![a, b, host(Family::Ipv4, 99)], true)];
    for profile in [Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata] {
        for (addresses, other_addresses) in &lists {
            for (interval, other_interval) in [(100, false), (200, true)] {
                for sender in [0, 50, 200] {
                    for (mut bench, master) in [
                        (Bench::started(config(profile, Family::Ipv4)), false),
                        (Bench::master(config(profile, Family::Ipv4)), true),
                    ] {
                        let (count, addresses) = (addresses.len() as u8, addresses.clone());
                        let raw = Raw { count, addresses, interval, ..bench.raw(OWN + 1, sender) };
                        let octets = raw.octets();
                        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &octets };
                        let accepted = bench.router.handle_packet(bench.now, rx).unwrap();
                        assert!(accepted.addresses().eq(raw.addresses));
                        let said = (accepted.priority, accepted.interval);
                        assert_eq!(said, (Priority::from_wire(sender), centis(interval)));
                        assert_eq!(accepted.contest, master && sender != 200, "{profile:?} {sender}");
                        assert_eq!(accepted.other_addresses, *other_addresses);
                        // RFC 5798 finds nothing in it.
                        assert_eq!(accepted.other_interval, other_interval && profile != Profile::Rfc5798);
                    }
                }
            }
        }
    }
}

/// RX-14: a second Master with another list is both.
#[test]
fn another_master_with_another_list_is_a_contest_and_another_list() {
    for profile in PROFILES {
        let mut bench = Bench::master(config(profile, Family::Ipv4));
        let addresses = vec![virtual_addresses(Family::Ipv4)[0]];
        let raw = Raw { count: 1, addresses, ..bench.raw(OWN + 1, 50) };
        let octets = raw.octets();
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &octets };
        let accepted = bench.router.handle_packet(bench.now, rx).unwrap();
        assert_eq!((accepted.contest, accepted.other_addresses), (true, true), "{profile:?}");
        assert_eq!(accepted.priority, Some(priority(50)));
    }
}

/// Of what is ignored a set tells who else is Master of the router that it was for: if that is Master, and the packet one of
/// a router of its id.
#[test]
fn an_ignored_master_of_the_same_router_is_named_to_a_master_alone() {
    let config = config(Profile::Rfc2338, Family::Ipv4).with_password(Password::new(b"secret").unwrap()).unwrap();
    for master in [false, true] {
        let mut set = RouterSet::new();
        let id = set.insert(InterfaceId(1), config.clone()).unwrap();
        set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        set.handle(Instant::ZERO, id, Input::Startup);
        let now = if master { set.deadline().unwrap().0 } else { Instant::ZERO };
        set.handle_timeout(now);
        let mut ignored = |spoil: fn(&mut Raw)| {
            let mut raw = Raw::new(Profile::Rfc2338, Family::Ipv4, OWN + 1, 200);
            spoil(&mut raw);
            let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() };
            let rejected = set.handle_packet(now, InterfaceId(1), rx).unwrap_err();
            assert_eq!(rejected.router, (raw.vrid == VRID).then_some(id));
            assert_eq!(rejected.to_string(), rejected.reason.to_string());
            rejected.other_master
        };
        assert_eq!(ignored(|_| {}), master.then_some(priority(200)), "no password");
        assert_eq!(ignored(|raw| raw.priority = 0), None, "a release");
        assert_eq!(ignored(|raw| raw.source = host(Family::Ipv4, OWN)), master.then_some(priority(200)));
        assert_eq!(ignored(|raw| raw.version = 3), master.then_some(priority(200)), "another version");
        assert_eq!(ignored(|raw| raw.kind = 2), None, "no advertisement");
        assert_eq!(ignored(|raw| raw.vrid = VRID + 1), None, "another router's");
    }
}

/// RX-12 where it drops nothing: counted, once, whatever else is wrong with the list. E-8300 drops.
#[test]
fn a_first_address_that_is_not_link_local_is_counted_without_the_erratum() {
    for profile in [Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata] {
        let [link_local, global] = virtual_addresses(Family::Ipv6);
        for (addresses, counted) in
            [(vec![link_local, global], 0), (vec![global, link_local], 1), (vec![global, host(Family::Ipv6, 99)], 1)]
        {
            let mut bench = Bench::started(config(profile, Family::Ipv6));
            let result = bench.receive(&Raw { addresses, ..bench.raw(OWN + 1, 200) });
            let dropped = counted == 1 && profile == Profile::Rfc9568Errata;
            assert_eq!(result, if dropped { Err(Discard::NotLinkLocal(global)) } else { Ok(()) }, "{profile:?}");
            assert_eq!(bench.router.stats().address_list_errors, counted, "{profile:?}");
        }
    }
}

/// OWN-04, RX-09: the setting decides, the profile only proposes.
#[test]
fn an_owner_listens_as_configured() {
    for profile in PROFILES {
        for listens in [false, true] {
            let config = config(profile, Family::Ipv4).with_priority(Priority::OWNER).with_owner_listens(listens);
            let mut bench = Bench::master(config);
            let result = bench.hear(OWN + 1, 255);
            let (expected, role) = match listens {
                true => (Ok(()), Role::Backup),
                false => {
                    let (by, priority) = (host(Family::Ipv4, OWN + 1), Some(Priority::OWNER));
                    (Err(Discard::Owner { by, priority }), Role::Master)
                }
            };
            assert_eq!((result, bench.router.role()), (expected, role), "{profile:?}");
            assert_eq!(bench.router.stats().owner_conflict, 1);
        }
    }
}

/// RX-15, RX-24, RX-25, AMB-07: dropped in version 2, learned in version 3, counted in RFC 9568 and RFC 2338/3768.
#[test]
fn another_interval_is_dropped_or_learned_by_version() {
    for profile in PROFILES {
        let mut bench = Bench::started(config(profile, Family::Ipv4));
        let raw = Raw { interval: 300, ..bench.raw(OWN + 1, 200) };
        let (found, expected) = (centis(300), centis(100));
        let result = if v2(profile) { Err(Discard::Interval { found, expected }) } else { Ok(()) };
        let before = bench.router.deadline();
        assert_eq!(bench.receive(&raw), result);
        assert_eq!(bench.router.stats().interval_errors, u64::from(profile != Profile::Rfc5798), "{profile:?}");
        let skew_cs = (256 - 100) * 300 * 10_000_000 / 256;
        let learned = bench.now + secs(9) + std::time::Duration::from_nanos(skew_cs);
        assert_eq!(bench.router.deadline(), if v2(profile) { before } else { Some(learned) });
    }
}

/// STAT-06, STAT-09, PKT-24, OWN-05: what is sound is counted too, each by its own.
#[test]
fn sound_packets_count_by_what_they_are() {
    let moved = |bench: &Bench| {
        let counters = counters(bench.router.stats());
        counters.into_iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>()
    };
    let mut bench = Bench::started(config(Profile::Rfc5798, Family::Ipv4));
    assert_eq!(moved(&bench), []);
    bench.hear(OWN + 1, 200).unwrap();
    assert_eq!(moved(&bench), [("advert_rcvd", 1), ("checksum_message", 1)]);
    bench.receive(&Raw { pseudo_header: true, ..bench.raw(OWN + 1, 0) }).unwrap();
    let all = [("advert_rcvd", 2), ("prio_zero_rcvd", 1), ("checksum_message", 1), ("checksum_pseudo_header", 1)];
    assert_eq!(moved(&bench), all);

    let mut bench = Bench::started(config(Profile::Rfc9568Errata, Family::Ipv6).with_priority(Priority::OWNER));
    let before = *bench.router.stats();
    bench.hear(OWN + 1, 200).unwrap();
    assert_eq!(errors_counted(&before, bench.router.stats()), ["owner_conflict"]);
    assert_eq!(bench.router.stats().checksum_pseudo_header, 1);
}

/// RX-16.
#[test]
fn no_hosts_address_is_no_source() {
    for source in ["224.0.0.18", "0.0.0.0", "255.255.255.255", "ff02::12", "::"] {
        let source: IpAddr = source.parse().unwrap();
        let mut bench = Bench::started(config(Profile::Rfc9568, Family::of(source)));
        let datagram = Datagram::new(Raw { source, ..bench.raw(OWN + 1, 200) });
        let expected = (Discard::Source(source), vec!["source_errors"]);
        assert_eq!(rejected(&mut bench, &datagram, "RX-16"), expected);
    }
}

/// Every configuration of [`configs`], and those of version 3 with every option that changes what is accepted.
fn configs_with_options() -> Vec<Config> {
    let plain = configs().map(|(_, _, config)| config);
    let optioned =
        configs().filter(|(profile, family, _)| !v2(*profile) && *family == Family::Ipv4).flat_map(|config| {
            let capped = config.2.with_learned_interval_cap(Some(centis(200))).with_owner_listens(true);
            let both = capped.clone().with_also_version2(true).unwrap();
            [
                capped.with_checksum(SendChecksum::PseudoHeader).with_exact_checksum(true),
                both.clone().with_exact_checksum(true),
                both.with_checksum(SendChecksum::AsHeard),
            ]
        });
    plain.chain(optioned).collect()
}

/// The states that a packet can meet.
fn situations(config: &Config) -> Vec<Bench> {
    let mut held = Bench::started(config.clone().with_preempt(true, secs(60)));
    held.hear(OWN + 1, 50).ok();
    let mut released = Bench::started(config.clone());
    released.hear(OWN + 1, 0).ok();
    let mut unconfirmed = Bench::started(config.clone());
    unconfirmed.next_deadline();
    unconfirmed.actions();
    let mut contested = Bench::master(config.clone());
    contested.hear(OWN - 1, 50).ok();
    contested.actions();
    let mut faulty = Bench::master(config.clone());
    faulty.input(Input::InterfaceUp(false));
    faulty.actions();
    let owner = Bench::started(config.clone().with_priority(Priority::OWNER));
    assert_eq!((unconfirmed.router.role(), owner.router.role()), (Role::Master, Role::Master));
    vec![Bench::idle(config.clone()), held, released, unconfirmed, contested, faulty, owner]
}

proptest! {
    /// RX-20: whatever is rejected, for whatever reasons, in whatever state.
    #[test]
    fn a_rejected_packet_leaves_no_trace(
        which in 0_usize..17,
        situation in 0_usize..7,
        failing in prop::collection::vec(0..CHECKS.len(), 0..4),
        sender in prop::sample::select(vec![OWN - 1, OWN + 1]),
        rx: u8,
        pseudo_header: bool,
        in_version2: bool,
        wait in 0_u64..2_000,
    ) {
        let config = configs_with_options().swap_remove(which);
        let mut bench = situations(&config).swap_remove(situation);
        bench.after(millis(wait));
        let raw = match in_version2 && config.also_version2() {
            true => Raw::new(Profile::Rfc3768, Family::Ipv4, sender, rx),
            false => Raw { pseudo_header, ..bench.raw(sender, rx) },
        };
        let mut datagram = Datagram::new(raw);
        for check in failing {
            // RX-12 and RX-14 spoil the list that RX-11 takes away.
            if !(matches!(CHECKS[check].id, "RX-12" | "RX-14") && datagram.raw.addresses.is_empty()) {
                (CHECKS[check].fail)(&mut datagram);
            }
        }
        let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
        if datagram.deliver(&mut bench).is_err() {
            prop_assert_eq!(without_counters(&bench.router), before);
            prop_assert!(errors_counted(&stats, bench.router.stats()).len() <= 1);
        }
    }
}
