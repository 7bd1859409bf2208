//! Tests of the findings that the daemon and the host lead to, and of those that they must not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{chosen, examine};
use crate::vrrpd::control::refused::Refused;
use crate::vrrpd::control::snapshot::{Reasons, Snapshot};
use crate::vrrpd::control::testing::{driver, router};
use crate::vrrpd::doctor::testing::{claim, lacking, mac, neighbour, overheard, rule, with_took, without_filter};
use crate::vrrpd::doctor::{Finding, Host, Id};
use crate::vrrpd::keepalived::parse_str;

const PEER: &str = "192.0.2.2";
const OWN: &str = "192.0.2.1";
const VIP: &str = "192.0.2.100";

/// Returns a span of time as the status has it.
fn millis(millis: u64) -> Value {
    json!({"secs": millis / 1000, "nanos": millis % 1000 * 1_000_000})
}

fn ago(milliseconds: u64, fields: &Value) -> Value {
    let mut it = json!({
        "source": PEER, "at": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "ago": millis(milliseconds), "count": 3,
    });
    for (name, value) in fields.as_object().unwrap() {
        it[name] = value.clone();
    }
    it
}

/// Returns an ignored advertisement with this reason.
fn ignored(reason: Value) -> Value {
    json!({"ignored": [ago(100, &json!({"reason": reason, "authenticated": false, "priority": 100, "addresses": []}))]})
}

/// Returns a heard advertisement with these `fields`.
fn heard(fields: Value) -> Value {
    let mut it = json!({
        "priority": 100, "interval": 100, "version": "V3", "checksum": "PseudoHeader", "ttl": 255, "for_now": millis(10_000),
        "difference": null,
    });
    for (name, value) in fields.as_object().unwrap() {
        it[name] = value.clone();
    }
    json!({"heard": [ago(100, &it)]})
}

/// Returns a Master that has these fields too.
fn master(fields: Value) -> Value {
    let mut router = json!({"role": "Master", "priority": 150, "configured_priority": 150, "source": OWN, "in_state_for": millis(60_000)});
    for (name, value) in fields.as_object().unwrap() {
        router[name] = value.clone();
    }
    router
}

fn snapshot(lines: &str, fields: Value, strangers: Value) -> Snapshot {
    let text = format!(
        "vrrp_instance VI {{\ninterface eth0\nvirtual_router_id 51\npriority 150\nadvert_int 1\nversion 3\nvirtual_ipaddress {{\n{VIP}/24\n}}\n{lines}\n}}\n"
    );
    let config = Arc::new(parse_str("t", &text).unwrap().daemon);
    let mut router = router("VI", fields);
    router["vrid"] = json!(51);
    let mut driver = driver(&[router]);
    driver.strangers = serde_json::from_value(strangers).unwrap();
    let (taken_at, reasons) = (SystemTime::UNIX_EPOCH, Reasons::default());
    Snapshot { taken_at, config, driver, checks: vec![], reasons, by_hand: vec![] }
}

fn found_by(lines: &str, fields: Value, strangers: Value, host: &Host) -> Vec<Finding> {
    let daemon = snapshot(lines, fields, strangers);
    let routers = chosen(&daemon, None).unwrap();
    examine(&daemon, &routers, host).findings
}

fn found(fields: Value) -> Vec<Finding> {
    found_by("", fields, json!([]), &Host::default())
}

fn on_host(lines: &str, fields: Value, host: &Host) -> Vec<Finding> {
    found_by(lines, fields, json!([]), host)
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}

fn stranger(vrid: u8, source: &str, addresses: &[&str]) -> Value {
    json!([ago(
        100,
        &json!({
            "interface": "eth0", "family": "Ipv4", "vrid": vrid, "source": source, "priority": 100, "version": "V3", "addresses": addresses,
        })
    )])
}

fn address(host: Value, obstacle: Value) -> Value {
    json!([{
        "vip": {"address": VIP, "prefix_len": 24, "device": null, "label": null, "scope": "Global", "broadcast": null},
        "installed": false, "host": host, "obstacle": obstacle,
    }])
}

/// Every case, with what is found of it first.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(Id, Vec<Finding>)> {
    let parse = |error: Value| master(ignored(json!({ "Parse": error })));
    let fault = |fault: Value| json!({"role": "Initialize", "faults": [{"fault": fault, "text": "interface eth0 is down"}], "source": OWN});
    let unicast = "unicast_peer {\n192.0.2.2\n}";
    let set = |interface: &str, key: &'static str, value| Host {
        settings: [((interface.to_owned(), key), value)].into(),
        ..Host::default()
    };
    let alone = || master(json!({"addresses": address(json!({"Here": {"ours": true}}), json!(null))}));
    vec![
        (Id::CapabilityMissing, on_host("", alone(), &lacking("CAP_NET_ADMIN"))),
        (Id::AtFault, found(fault(json!("InterfaceDown")))),
        (Id::AtFault, found(fault(json!("NoPrimaryAddress")))),
        (Id::AtFault, found(fault(json!({"NotInstalled": VIP})))),
        (
            Id::CannotSend,
            found(master(json!({"not_sent": {
                "destination": "224.0.0.18", "error": {"errno": 1, "text": "Operation not permitted"}, "ago": millis(100),
            }}))),
        ),
        (Id::FirewallDropsVrrp, on_host("", alone(), &rule("ingress"))),
        (Id::WrongInterface, on_host("", alone(), &overheard("eth1", PEER, 51, VIP))),
        (Id::VersionMismatch, found(parse(json!({"Version": {"found": 2, "expected": "V3"}})))),
        (Id::PasswordMismatch, found(master(ignored(json!("AuthFailure"))))),
        (Id::PasswordMismatch, found(master(ignored(json!({"AuthTypeMismatch": {"found": 0, "expected": 1}}))))),
        (Id::PasswordMismatch, found(master(ignored(json!({"AuthTypeMismatch": {"found": 1, "expected": 0}}))))),
        (Id::AuthenticationUnsupported, found(master(ignored(json!({"AuthTypeUnknown": 254}))))),
        (
            Id::AuthenticationUnsupported,
            found(master(ignored(json!({"AuthTypeMismatch": {"found": 2, "expected": 0}})))),
        ),
        (Id::IntervalMismatch, found(master(ignored(json!({"Interval": {"found": 200, "expected": 100}}))))),
        (Id::IntervalMismatch, found(master(ignored(json!("ZeroInterval"))))),
        (Id::IntervalMismatch, found(heard(json!({"interval": 200})))),
        (Id::AddressListMismatch, found(master(ignored(json!("NoAddress"))))),
        (Id::AddressListMismatch, found(master(ignored(json!("AddressList"))))),
        (
            Id::AddressListMismatch,
            found(heard(json!({"difference": {"Addresses": {"there": ["192.0.2.101"], "here": []}}}))),
        ),
        (Id::VridClash, found(master(ignored(json!("OtherCluster"))))),
        (Id::ForeignVrid, found_by("", alone(), stranger(52, PEER, &[VIP]), &Host::default())),
        (Id::ForeignVrid, found_by(unicast, alone(), stranger(52, PEER, &["192.0.2.200"]), &Host::default())),
        (
            Id::ChecksumForm,
            found(master(ignored(json!({"ChecksumForm": {"found": "Message", "expected": "PseudoHeader"}})))),
        ),
        (Id::ChecksumForm, found(heard(json!({"checksum": "Message"})))),
        (Id::ChecksumWrong, found(parse(json!({"Checksum": {"found": 1}})))),
        (Id::TtlTooLow, found(master(ignored(json!({"Ttl": {"found": 64, "min": 255}}))))),
        (Id::TwoOwners, found(master(ignored(json!({"Owner": {"by": PEER, "priority": 255}}))))),
        (Id::EqualPriorities, found(json!({"priority": 150, "heard": heard(json!({"priority": 150}))["heard"]}))),
        (Id::UnicastPeerMissing, found(master(ignored(json!({"NotAPeer": PEER}))))),
        (Id::UnicastOneSided, found(master(ignored(json!({"Destination": OWN}))))),
        (Id::UnicastOneSided, on_host(unicast, alone(), &overheard("eth0", PEER, 51, VIP))),
        (Id::UnicastPeerUnreachable, on_host(unicast, alone(), &neighbour(PEER, None))),
        (Id::Ipv6Source, {
            let fields = json!({"family": "Ipv6", "priority": 150, "heard": heard(json!({"source": "2001:db8::2", "priority": 200}))["heard"]});
            found(fields)
        }),
        (Id::Ipv6FirstAddress, found(heard(json!({"difference": "NotLinkLocal"})))),
        (Id::OwnAddressElsewhere, found(master(ignored(json!({"OwnSource": OWN}))))),
        (Id::NotAnAdvertisement, found(parse(json!({"Type": {"found": 7}})))),
        (Id::NotAnAdvertisement, found(parse(json!({"Carp": {"expected": "V2"}})))),
        (Id::PeerDoesNotYield, found(master(heard(json!({}))))),
        (Id::PeerDoesNotYield, found(master(ignored(json!({"Owner": {"by": PEER, "priority": 100}}))))),
        (Id::NoAdvertisementHeard, on_host("", alone(), &Host { answers: vec![claim(VIP, 2)], ..Host::default() })),
        (
            Id::DuplicateAddress,
            on_host("", json!({"source": OWN}), &Host { claims: vec![claim(OWN, 2)], ..Host::default() }),
        ),
        (
            Id::DuplicateAddress,
            on_host(
                "",
                json!({"source": OWN}),
                &Host { answers: vec![claim(VIP, 2), claim(VIP, 3)], ..Host::default() },
            ),
        ),
        (Id::DuplicateAddress, found(json!({"addresses": address(json!("Duplicate"), json!(null))}))),
        (
            Id::AddressNotExpectedHere,
            found(
                json!({"addresses": address(json!({"Here": {"ours": false}}), json!(null)), "in_state_for": millis(60_000)}),
            ),
        ),
        (Id::AddressNotExpectedHere, found(fault(json!({"Stray": VIP})))),
        (
            Id::AddressNotExpectedHere,
            on_host(
                "",
                alone(),
                &Host { addresses: vec![("eth1".to_owned(), VIP.parse().unwrap())], ..Host::default() },
            ),
        ),
        (
            Id::AddressCannotBeSet,
            found(master(
                json!({"addresses": address(json!("Absent"), json!({"NoInterface": {"interface": "eth0"}}))}),
            )),
        ),
        (Id::PromoteSecondariesOff, on_host("", alone(), &set("eth0", "promote_secondaries", 0))),
        (Id::RpFilterStrict, on_host("use_vmac", alone(), &set("vrrp.51", "rp_filter", 1))),
    ]
}

#[test]
fn each_kind_is_found_alone_with_its_evidence_and_its_fix() {
    for (index, (id, findings)) in cases().into_iter().enumerate() {
        assert_eq!(ids(&findings), [id.name()], "case {index}");
        let Finding { evidence, problem, fix, .. } = &findings[0];
        assert!(
            !evidence.is_empty() && !problem.ends_with('.') && fix.ends_with(['.', ')']),
            "case {index}: {findings:#?}"
        );
    }
    let covered: BTreeSet<Id> = cases().into_iter().map(|(id, _)| id).collect();
    assert_eq!(covered, Id::ALL.iter().copied().collect());
}

#[test]
fn the_other_host_is_named_where_there_is_one() {
    let here = [
        Id::CapabilityMissing,
        Id::AtFault,
        Id::CannotSend,
        Id::FirewallDropsVrrp,
        Id::AddressNotExpectedHere,
        Id::AddressCannotBeSet,
        Id::PromoteSecondariesOff,
        Id::RpFilterStrict,
    ];
    for (index, (id, findings)) in cases().into_iter().enumerate() {
        let is_dad = findings[0].evidence.iter().any(|it| it.contains("dadfailed"));
        assert_eq!(findings[0].peer.is_none(), here.contains(&id) || is_dad, "case {index}: {findings:#?}");
    }
}

#[test]
fn what_is_well_is_no_finding() {
    let (mac, mut silent) = (mac(9), heard(json!({})));
    silent["heard"][0]["ago"] = millis(5000);
    let well = [
        // A Master that hears nobody, a Backup that hears its Master, and one that has just lost.
        found(master(json!({}))),
        found(heard(json!({"priority": 200}))),
        found(
            json!({"role": "Master", "priority": 150, "in_state_for": millis(3000), "source": OWN, "heard": heard(json!({}))["heard"]}),
        ),
        found(master(silent)),
        // What was repaired, and what is long ago.
        found(
            json!({"ignored": [{"source": PEER, "at": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "ago": millis(2000), "count": 1,
            "reason": "AuthFailure", "authenticated": false, "priority": null, "addresses": []}], "heard": heard(json!({"priority": 200}))["heard"]}),
        ),
        found(
            json!({"ignored": [{"source": PEER, "at": {"secs_since_epoch": 0, "nanos_since_epoch": 0}, "ago": millis(61_000), "count": 1,
            "reason": "AuthFailure", "authenticated": false, "priority": null, "addresses": []}]}),
        ),
        // Other clusters of the link.
        found_by("", master(json!({})), stranger(52, PEER, &["192.0.2.200"]), &Host::default()),
        // A check without a result yet.
        found(
            json!({"role": "Initialize", "faults": [{"fault": {"Unchecked": 0}, "text": "check x has no result yet"}]}),
        ),
        // The Master answers to a Backup, and this host to nobody.
        on_host("", json!({"source": OWN}), &Host { answers: vec![claim(VIP, 2)], ..Host::default() }),
        on_host(
            "",
            master(json!({})),
            &Host { answers: vec![claim(VIP, 9)], macs: vec![("eth0".to_owned(), mac)], ..Host::default() },
        ),
        // A load balancer has it on the loopback.
        on_host(
            "",
            master(json!({})),
            &Host { addresses: vec![("lo".to_owned(), VIP.parse().unwrap())], ..Host::default() },
        ),
        on_host("unicast_peer {\n192.0.2.2\n}", master(json!({})), &neighbour(PEER, Some(mac))),
        // An address of its own.
        on_host("", master(json!({})), &overheard("eth1", PEER, 52, VIP)),
    ];
    for (index, findings) in well.iter().enumerate() {
        assert_eq!(ids(findings), [""; 0], "{index}: {findings:#?}");
    }
}

#[test]
fn an_address_that_another_router_of_this_daemon_manages_there_is_no_finding() {
    const LINK_LOCAL: &str = "fe80::100";
    let on = |interface: &str, address: &str| (interface.to_owned(), address.parse().unwrap());
    let examined = |more: &str, addresses: Value, there| {
        let mut daemon = snapshot("", master(json!({"addresses": addresses})), json!([]));
        let text = format!(
            "vrrp_instance VI {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n{VIP}/24\n}}\n}}\n{more}\n"
        );
        daemon.config = Arc::new(parse_str("t", &text).unwrap().daemon);
        let routers = chosen(&daemon, None).unwrap();
        let host = Host { addresses: vec![there], ..Host::default() };
        ids(&examine(&daemon, &routers, &host).findings).join(" ")
    };
    let other = |lines: &str| {
        format!(
            "vrrp_instance V2 {{\ninterface eth1\nvirtual_router_id 51\nvirtual_ipaddress {{\n192.0.2.200/24\n}}\n{lines}\n}}"
        )
    };
    let mine = || address(json!({"Here": {"ours": true}}), json!(null));
    let excluded = |device: &str| other(&format!("virtual_ipaddress_excluded {{\n{VIP}/32{device}\n}}"));
    assert_eq!(examined(&other(""), mine(), on("eth1", VIP)), "address-not-expected-here");
    assert_eq!(examined(&excluded(""), mine(), on("eth1", VIP)), "");
    assert_eq!(examined(&excluded(" dev eth2"), mine(), on("eth2", VIP)), "");
    assert_eq!(examined(&excluded(" dev eth2"), mine(), on("eth1", VIP)), "address-not-expected-here");
    assert_eq!(examined(&format!("static_ipaddress {{\n{VIP}/32 dev eth3\n}}"), mine(), on("eth3", VIP)), "");
    // On another link that is another address.
    let mut link_local = mine();
    link_local[0]["vip"]["address"] = json!(LINK_LOCAL);
    assert_eq!(examined("", link_local, on("eth1", LINK_LOCAL)), "");
}

#[test]
fn who_has_the_addresses_is_called_by_its_address_where_that_is_known() {
    let host = Host { answers: vec![claim(VIP, 2)], ..neighbour(PEER, Some(mac(2))) };
    assert_eq!(on_host("", master(json!({})), &host)[0].peer.as_deref(), Some(PEER));
    let host = Host { answers: vec![claim(VIP, 2)], ..Host::default() };
    assert_eq!(on_host("", master(json!({})), &host)[0].peer.as_deref(), Some("02:00:00:00:00:02"));
}

#[test]
fn what_was_claimed_while_the_addresses_changed_hands_is_no_finding() {
    let both = |took| with_took(took, Host { claims: vec![claim(VIP, 2), claim(VIP, 3)], ..Host::default() });
    let master_for = |span| master(json!({"in_state_for": millis(span)}));
    assert_eq!(ids(&on_host("", master_for(3000), &both(3100))), [""; 0]);
    assert_eq!(ids(&on_host("", master_for(3200), &both(3100))), ["no-advertisement-heard"; 2]);
    // A Backup of a Master that has advertised for 2.1 s.
    let mut backup = heard(json!({"priority": 200, "for_now": millis(2000)}));
    (backup["master"], backup["in_state_for"]) = (json!(PEER), millis(60_000));
    assert_eq!(ids(&on_host("", backup.clone(), &both(2200))), [""; 0]);
    assert_eq!(ids(&on_host("", backup, &both(2000))), ["duplicate-address"]);
    // The address of this host itself goes nowhere.
    let own = with_took(3100, Host { claims: vec![claim(OWN, 2)], ..Host::default() });
    assert_eq!(ids(&on_host("", master_for(3000), &own)), ["duplicate-address"]);
}

#[test]
fn a_packet_filter_that_cannot_be_seen_is_a_note() {
    let daemon = snapshot("", master(json!({})), json!([]));
    let routers = chosen(&daemon, None).unwrap();
    let notes = examine(&daemon, &routers, &without_filter("there is no nft")).notes;
    assert_eq!(notes[0], "could not look at the packet filter: there is no nft");
}

#[test]
fn two_masters_with_a_known_cause_are_no_second_finding() {
    let host = Host { answers: vec![claim(VIP, 2)], ..Host::default() };
    assert_eq!(ids(&on_host("", master(ignored(json!("AuthFailure"))), &host)), ["password-mismatch"]);
}

#[test]
fn an_unknown_router_is_refused_with_those_that_there_are() {
    let daemon = snapshot("", json!({}), json!([]));
    let refused = chosen(&daemon, Some("V")).unwrap_err();
    assert_eq!(refused, Refused::NoSuchRouter { name: "V".to_owned(), known: vec!["VI".to_owned()] });
    assert_eq!(refused.to_string(), "no virtual router is called \"V\"; there is only VI");
    assert_eq!(chosen(&daemon, Some("VI")).unwrap().len(), 1);
}
