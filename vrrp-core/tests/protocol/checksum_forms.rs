//! Version 3 over IPv4 has two forms of the checksum in the field: which is sent, and which is accepted (PKT-24, AMB-01).

use crate::common::{Bench, OWN, PROFILES, Raw, config, errors_counted, families, host, without_counters};
use vrrp_core::wire::{ChecksumForm, Endpoints};
use vrrp_core::{
    AdvertKind, Config, Discard, Family, InterfaceId, Profile, RouterSet, RxPacket, SendChecksum, UnicastPeer, Version,
};

const FORMS: [(bool, ChecksumForm); 2] = [(false, ChecksumForm::Message), (true, ChecksumForm::PseudoHeader)];
const PROFILES_OF_3: [Profile; 3] = [Profile::Rfc5798, Profile::Rfc9568, Profile::Rfc9568Errata];

fn v4(profile: Profile) -> Config {
    config(profile, Family::Ipv4)
}

fn sends(bench: &Bench) -> ChecksumForm {
    bench.router.message(AdvertKind::Regular).checksum
}

fn hears(bench: &mut Bench, pseudo_header: bool, priority: u8) -> Result<(), Discard> {
    let raw = Raw { pseudo_header, ..bench.raw(OWN + 1, priority) };
    bench.receive(&raw)
}

#[test]
fn by_default_the_form_is_that_of_the_profile_and_either_is_accepted() {
    for profile in PROFILES_OF_3 {
        let own = if profile == Profile::Rfc5798 { ChecksumForm::PseudoHeader } else { ChecksumForm::Message };
        let mut bench = Bench::started(v4(profile));
        for (pseudo_header, _) in FORMS {
            assert_eq!(hears(&mut bench, pseudo_header, 200), Ok(()));
            assert_eq!(sends(&bench), own, "nothing is learned");
        }
        let stats = bench.router.stats();
        assert_eq!((stats.checksum_message, stats.checksum_pseudo_header), (1, 1));
    }
}

/// What keepalived up to 1.3.6 sends to a unicast peer: the pseudo-header names the group.
#[test]
fn a_unicast_router_takes_the_pseudo_header_of_the_group_for_one() {
    for profile in PROFILES_OF_3 {
        let peer = UnicastPeer { address: host(Family::Ipv4, OWN + 1), min_ttl: 255 };
        let unicast = v4(profile).with_unicast_peers(&[peer]).unwrap();
        let exact = |send| unicast.clone().with_checksum(send).with_exact_checksum(true);
        let (found, expected) = (ChecksumForm::PseudoHeader, ChecksumForm::Message);
        for (config, result) in [
            (unicast.clone(), Ok(())),
            (exact(SendChecksum::PseudoHeader), Ok(())),
            (exact(SendChecksum::Message), Err(Discard::ChecksumForm { found, expected })),
        ] {
            let mut bench = Bench::started(config);
            let raw = Raw { pseudo_header: true, ..bench.raw(OWN + 1, 200) };
            let endpoints = Endpoints::new(raw.source, host(Family::Ipv4, OWN)).unwrap();
            let rx = RxPacket { endpoints, ttl: 255, payload: &raw.octets() };
            assert_eq!(bench.router.handle_packet(bench.now, rx).map(drop), result, "{profile:?}");
            assert_eq!(bench.router.stats().checksum_pseudo_header, u64::from(result.is_ok()));
        }
    }
}

/// What is insisted on is what is sent; `AsHeard` insists on nothing.
#[test]
fn an_exact_router_accepts_the_form_that_it_sends() {
    for profile in PROFILES_OF_3 {
        for (send, only) in [
            (SendChecksum::Message, Some(ChecksumForm::Message)),
            (SendChecksum::PseudoHeader, Some(ChecksumForm::PseudoHeader)),
            (SendChecksum::AsHeard, None),
        ] {
            let config = v4(profile).with_checksum(send).with_exact_checksum(true);
            for mut bench in [Bench::started(config.clone()), Bench::master(config)] {
                for (pseudo_header, found) in FORMS {
                    let (before, stats) = (without_counters(&bench.router), *bench.router.stats());
                    let result = hears(&mut bench, pseudo_header, 50);
                    match only.filter(|expected| *expected != found) {
                        None => assert_eq!(result, Ok(()), "{profile:?} {send:?}"),
                        Some(expected) => {
                            assert_eq!(result, Err(Discard::ChecksumForm { found, expected }), "{profile:?}");
                            assert_eq!(without_counters(&bench.router), before);
                            assert_eq!(errors_counted(&stats, bench.router.stats()), ["checksum_errors"]);
                            assert_eq!(bench.router.stats().advert_rcvd, stats.advert_rcvd, "AMB-16");
                        }
                    }
                }
            }
        }
    }
}

/// Version 2 and IPv6 have one form each, whatever is configured for the one that has two.
#[test]
fn where_there_is_one_form_the_settings_say_nothing() {
    for profile in PROFILES {
        let chosen = |family: &&Family| profile.version() == Version::V2 || **family == Family::Ipv6;
        for family in families(profile).iter().filter(chosen) {
            for send in [SendChecksum::Message, SendChecksum::PseudoHeader] {
                let mut bench = Bench::started(config(profile, *family).with_checksum(send).with_exact_checksum(true));
                assert_eq!(bench.hear(OWN + 1, 200), Ok(()), "{profile:?} {family:?} {send:?}");
            }
        }
    }
    // Of two versions, version 2.
    let both = v4(Profile::Rfc9568).with_checksum(SendChecksum::PseudoHeader).with_exact_checksum(true);
    let mut bench = Bench::started(both.with_also_version2(true).unwrap());
    assert_eq!(bench.receive(&Raw::new(Profile::Rfc3768, Family::Ipv4, OWN + 1, 200)), Ok(()));
}

/// RX-20: of what was rejected nothing is learned, of what was accepted the last.
#[test]
fn as_heard_follows_the_last_accepted_form() {
    for profile in PROFILES_OF_3 {
        let mut bench = Bench::started(v4(profile).with_checksum(SendChecksum::AsHeard));
        assert_eq!(sends(&bench), ChecksumForm::Message, "until something was heard");
        for (pseudo_header, form) in FORMS.into_iter().rev() {
            let other = if form == ChecksumForm::Message { ChecksumForm::PseudoHeader } else { ChecksumForm::Message };
            assert_eq!((hears(&mut bench, pseudo_header, 200), sends(&bench)), (Ok(()), form), "{profile:?}");
            let raw = Raw { pseudo_header: !pseudo_header, interval: 0, ..bench.raw(OWN + 1, 200) };
            assert_eq!((bench.receive(&raw), sends(&bench)), (Err(Discard::ZeroInterval), form), "not {other:?}");
        }
        // A lower one that a Master answers is accepted too: the answer is then one that it can read.
        let mut bench = Bench::master(v4(profile).with_checksum(SendChecksum::AsHeard));
        hears(&mut bench, true, 50).unwrap();
        assert_eq!(sends(&bench), ChecksumForm::PseudoHeader);
    }
}

/// What version 2 carries says nothing of version 3.
#[test]
fn nothing_is_learned_from_version_2() {
    let config = v4(Profile::Rfc9568).with_checksum(SendChecksum::AsHeard).with_also_version2(true).unwrap();
    let mut bench = Bench::started(config);
    hears(&mut bench, true, 200).unwrap();
    assert_eq!(bench.receive(&Raw::new(Profile::Rfc3768, Family::Ipv4, OWN + 2, 200)), Ok(()));
    assert_eq!(sends(&bench), ChecksumForm::PseudoHeader);
}

/// STAT-01.
#[test]
fn a_set_counts_the_other_form_as_a_wrong_checksum() {
    let mut set = RouterSet::new();
    let bench = Bench::started(v4(Profile::Rfc9568));
    let id = set.insert(InterfaceId(1), v4(Profile::Rfc9568).with_exact_checksum(true)).unwrap();
    set.handle(bench.now, id, vrrp_core::Input::PrimaryAddress(bench.router.source()));
    set.handle(bench.now, id, vrrp_core::Input::Startup);
    let raw = Raw { pseudo_header: true, ..bench.raw(OWN + 1, 200) };
    assert!(
        set.handle_packet(
            bench.now,
            InterfaceId(1),
            RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() }
        )
        .is_err()
    );
    assert_eq!(set.stats().checksum_errors, 1);
}
