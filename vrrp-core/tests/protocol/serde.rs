//! What is written with serde is read back as the same, and what no router can have is refused.

use std::fmt::Debug;
use std::net::IpAddr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vrrp_core::wire::{BufferTooSmall, ChecksumForm, ParseError};
use vrrp_core::{
    Action, AdvertInterval, AuthError, Cause, Config, ConfigError, Discard, Family, Fault, GlobalStats, GroupError,
    Input, Instant, InterfaceId, LastEvent, NewMasterReason, Priority, Profile, ProtocolError, ReconfigureError, Role,
    RouterId, RouterSet, Stats, Status, Tracker, TrackerId, Transition, Version, VirtualRouterError, Vrid, Weight,
};

use crate::common::{Bench, OWN, PROFILES, VRID, config, families, host, priority, secs};

/// The text that `value` is written as, which is read as the same value.
fn text<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    text
}

/// Returns why `text` is no value of this type.
fn refused<T: DeserializeOwned + Debug>(text: &str) -> String {
    serde_json::from_str::<T>(text).unwrap_err().to_string()
}

fn ids() -> (RouterId, TrackerId) {
    let mut config = config(Profile::Rfc9568, Family::Ipv4);
    let tracker = Tracker { name: "a".into(), weight: Weight::Fault, reverse: false };
    let tracker = config.add_tracker(tracker).unwrap();
    (RouterSet::new().insert(InterfaceId(1), config).unwrap(), tracker)
}

#[test]
fn values_are_plain_numbers_and_names() {
    let (router, tracker) = ids();
    let centis = AdvertInterval::from_centis(150).unwrap();
    let instant = Instant::from_nanos(1_500_000_000);
    assert_eq!([text(&Vrid::new(VRID).unwrap()), text(&Priority::OWNER), text(&centis)], ["7", "255", "150"]);
    assert_eq!([text(&router), text(&tracker), text(&InterfaceId(9)), text(&instant)], ["0", "0", "9", "1500000000"]);
    assert_eq!([text(&Family::Ipv6), text(&Version::V2), text(&Role::Master)], ["\"Ipv6\"", "\"V2\"", "\"Master\""]);
    assert_eq!(text(&ChecksumForm::PseudoHeader), "\"PseudoHeader\"");
    for profile in PROFILES {
        text(&profile);
    }
    text(&Weight::Adjust(std::num::NonZeroI16::new(-20).unwrap()));
}

/// Recordings call an address `vip`, those of earlier states too.
#[test]
fn an_announcement_is_written_with_the_keys_of_recordings() {
    let mut bench = Bench::idle(config(Profile::Rfc3768, Family::Ipv4).with_priority(Priority::OWNER));
    bench.input(Input::Startup);
    let request = crate::common::installs(&bench.actions())[0];
    let key = text(&Action::AnnounceAddress { request, count: 2 });
    assert!(key.starts_with("{\"AnnounceAddress\":{\"vip\":{\"address\":"), "{key}");
}

#[test]
fn what_is_out_of_range_is_no_value() {
    assert!(refused::<Vrid>("0").starts_with("virtual router id is 0, must be 1 to 255"));
    assert!(refused::<Priority>("0").starts_with("priority is 0, must be 1 to 255"));
    assert!(refused::<AdvertInterval>("0").starts_with("advertisement interval is 0, must be 1 to 25500 cs"));
    assert!(refused::<AdvertInterval>("25501").contains("25501"));
    refused::<Vrid>("256");
    refused::<Weight>("{\"Adjust\":0}");
    refused::<Profile>("\"Rfc9999\"");
}

#[test]
fn the_models_names_are_read_as_they_are_written() {
    use LastEvent::*;
    let events = [
        None,
        Startup,
        Shutdown,
        HigherPriorityBackup,
        MasterTimeout,
        InterfaceUp,
        InterfaceDown,
        NoPrimaryIpAddress,
        PrimaryIpAddress,
        NoVirtualIpAddresses,
        VirtualIpAddresses,
        PreemptHoldTimeout,
        LowerPriorityMaster,
        OwnerPreempt,
    ];
    for event in events {
        assert_eq!(text(&event), format!("\"{}\"", event.as_str()));
    }
    use NewMasterReason as Reason;
    let reasons = [Reason::NotMaster, Reason::Priority, Reason::Preempted, Reason::MasterNoResponse];
    reasons.iter().for_each(|reason| assert_eq!(text(reason), format!("\"{}\"", reason.as_str())));
    [ProtocolError::IpTtl, ProtocolError::Version, ProtocolError::Checksum, ProtocolError::Vrid].iter().for_each(
        |error| {
            text(error);
        },
    );
    [VirtualRouterError::AddressList, VirtualRouterError::Interval, VirtualRouterError::PacketLength].iter().for_each(
        |error| {
            text(error);
        },
    );
    let auth =
        [AuthError::InvalidAuthType, AuthError::AuthTypeMismatch, AuthError::AuthFailure].map(|error| text(&error));
    assert_eq!(auth, ["\"invalidAuthType\"", "\"authTypeMismatch\"", "\"authFailure\""]);
    let said = refused::<NewMasterReason>("\"luck\"");
    assert!(said.contains("expected one of not-master priority preempted no-response"), "{said}");
}

#[test]
fn causes_and_faults_keep_their_evidence() {
    let (router, tracker) = ids();
    let (master, address) = (host(Family::Ipv6, 9), IpAddr::from([192, 0, 2, 1]));
    let faults = [
        Fault::InterfaceDown,
        Fault::NoPrimaryAddress,
        Fault::NotInstalled(address),
        Fault::Stray(address),
        Fault::Tracker(tracker),
        Fault::Unchecked(tracker),
        Fault::GroupMember(router),
        Fault::GroupPending(router),
    ];
    let causes = [
        Cause::New,
        Cause::Startup,
        Cause::OwnerStartup,
        Cause::MasterDown { master: None, silence: secs(3) },
        Cause::MasterDown { master: Some(master), silence: secs(3) },
        Cause::MasterReleased { master },
        Cause::Preempted { master, priority: priority(50) },
        Cause::HigherPriority { master, priority: priority(200) },
        Cause::HigherAddress { master },
        Cause::Lapsed { silence: secs(30) },
        Cause::GroupYielded(router),
        Cause::OwnerNoMore,
        Cause::Shutdown,
    ];
    let of_faults = faults.into_iter().flat_map(|fault| [Cause::Fault(fault), Cause::Recovered(fault)]);
    for cause in causes.into_iter().chain(of_faults) {
        text(&Transition::new(Role::Backup, Role::Master, cause));
    }
    assert_eq!(text(&Fault::Tracker(tracker)), "{\"Tracker\":0}");
}

#[test]
fn refusals_and_errors_say_the_same_again() {
    let (router, _) = ids();
    let (found, min) = (254, 255);
    for discard in [
        Discard::NotStarted,
        Discard::Ttl { found, min },
        Discard::NotAPeer(host(Family::Ipv4, 3)),
        Discard::Parse(ParseError::TooShort { needed: 20, had: 3 }),
        Discard::Parse(ParseError::Version { found: 2, expected: Version::V3 }),
        Discard::ChecksumForm { found: ChecksumForm::Message, expected: ChecksumForm::PseudoHeader },
        Discard::Vrid(Vrid::new(VRID).ok()),
        Discard::Owner { by: host(Family::Ipv4, 3), priority: None },
        Discard::Interval { found: AdvertInterval::DEFAULT, expected: AdvertInterval::DEFAULT },
        Discard::OtherCluster,
    ] {
        text(&discard);
    }
    text(&ConfigError::PasswordNeedsRfc2338(Profile::Rfc9568));
    text(&BufferTooSmall { needed: 20, had: 1 });
    text(&GroupError::Taken(router));
    text(&ReconfigureError::Family { from: Family::Ipv4, to: Family::Ipv6 });
    let mut set = RouterSet::new();
    let duplicate = [(); 2].map(|()| set.insert(InterfaceId(1), config(Profile::Rfc9568, Family::Ipv4)));
    text(&duplicate[1].unwrap_err());
    let out_of_range = serde_json::to_string(&Vrid::new(0).unwrap_err()).unwrap();
    assert!(out_of_range.contains("\"given\":0"), "written only: {out_of_range}");
}

#[test]
fn a_configuration_is_of_the_family_that_it_says() {
    let of_ipv4 = text(&config(Profile::Rfc9568, Family::Ipv4));
    let error = refused::<Config>(&of_ipv4.replacen("Ipv4", "Ipv6", 1));
    assert!(error.contains("192.0.2.101 is of another family than that of the configuration"), "{error}");
}

#[test]
fn a_status_and_its_counters_are_read_back_whole() {
    for profile in PROFILES {
        for family in families(profile) {
            let mut bench = Bench::master(config(profile, *family));
            text::<Status>(&bench.router.status());
            let moved: &Stats = bench.router.stats();
            assert!(text(moved).contains("\"master_transitions\":1"));
            bench.router.handle(bench.now, Input::InterfaceUp(false));
            bench.after(secs(60));
            bench.router.handle(bench.now, Input::Timeout);
            text::<Status>(&bench.router.status());
            bench.hear(OWN + 1, 200).ok();
            text::<Status>(&bench.router.status());
        }
    }
    text(&GlobalStats::default());
    // A counter that an earlier release did not have is 0.
    assert_eq!(serde_json::from_str::<Stats>("{}").unwrap(), Stats::default());
}
