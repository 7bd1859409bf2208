//! Statistics and notifications in the words of RFC 6527 and RFC 8347: each moves by its trigger, and nothing else does.

use std::net::IpAddr;
use std::time::Duration;

use crate::common::{Bench, OWN, Raw, VRID, config, counters, host, millis, priority, secs};
use vrrp_core::{
    AuthError, Cause, Config, Discard, Drain, Family, Input, InterfaceId, LastEvent, NewMasterReason, Password,
    Priority, Profile, ProtocolError, Role, RouterSet, RxPacket, SendChecksum, Timers, VirtualRouterError, Vrid,
};

/// One packet, the counters that it moves, each by one, and what the models call it.
struct Case {
    id: &'static str,
    config: Config,
    spoil: fn(&mut Packet),
    moved: &'static [&'static str],
    reported: Reported,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reported {
    Nothing,
    Protocol(ProtocolError),
    Router(VirtualRouterError),
    Auth(AuthError),
}

struct Packet {
    raw: Raw,
    ttl: u8,
    keep: usize,
    flip: u8,
}

fn v2() -> Config {
    config(Profile::Rfc3768, Family::Ipv4)
}

fn v3() -> Config {
    config(Profile::Rfc9568Errata, Family::Ipv4)
}

fn v6(profile: Profile) -> Config {
    config(profile, Family::Ipv6)
}

/// Every check of section 7.1, where it drops and where it only counts.
fn cases() -> Vec<Case> {
    use Reported::{Auth, Nothing, Protocol, Router};
    use VirtualRouterError::{AddressList, Interval, PacketLength};

    const RECEIVED: [&str; 2] = ["advert_rcvd", "checksum_message"];
    let case = |id, config, spoil: fn(&mut Packet), moved, reported| Case { id, config, spoil, moved, reported };
    let secret = config(Profile::Rfc2338, Family::Ipv4).with_password(Password::new(b"secret").unwrap()).unwrap();
    vec![
        case("sound", v3(), |_| {}, &RECEIVED, Nothing),
        case("RX-01", v3(), |p| p.raw.destination = host(Family::Ipv4, OWN), &["source_errors"], Nothing),
        case("RX-02", v3(), |p| p.ttl = 254, &["ttl_errors"], Protocol(ProtocolError::IpTtl)),
        case("RX-03", v3(), |p| p.keep = 7, &["packet_length_errors"], Router(PacketLength)),
        case("RX-04", v3(), |p| p.raw.version = 2, &["version_errors"], Protocol(ProtocolError::Version)),
        case("RX-05", v3(), |p| p.raw.kind = 2, &["invalid_type_rcvd"], Nothing),
        case("RX-06", v3(), |p| p.raw.count = 3, &["packet_length_errors"], Router(PacketLength)),
        case("RX-07", v3(), |p| p.flip = 1, &["checksum_errors"], Protocol(ProtocolError::Checksum)),
        case(
            "RX-07, the other form",
            v3().with_checksum(SendChecksum::PseudoHeader).with_exact_checksum(true),
            |_| {},
            &["checksum_errors"],
            Protocol(ProtocolError::Checksum),
        ),
        // The router has no counter of them: the set does.
        case("RX-08", v3(), |p| p.raw.vrid = VRID + 1, &[], Protocol(ProtocolError::Vrid)),
        case(
            "RX-09, dropped",
            v2().with_priority(Priority::OWNER),
            |_| {},
            &["advert_rcvd", "owner_conflict", "checksum_message"],
            Nothing,
        ),
        case(
            "RX-09, counted",
            v3().with_priority(Priority::OWNER),
            |_| {},
            &["advert_rcvd", "owner_conflict", "checksum_message"],
            Nothing,
        ),
        case(
            "RX-10, no such type",
            v2(),
            |p| p.raw.reserved_or_auth = 3,
            &["advert_rcvd", "invalid_auth_type", "checksum_message"],
            Auth(AuthError::InvalidAuthType),
        ),
        case(
            "RX-10, not our type",
            v2(),
            |p| p.raw.reserved_or_auth = 1,
            &["advert_rcvd", "auth_type_mismatch", "checksum_message"],
            Auth(AuthError::AuthTypeMismatch),
        ),
        case(
            "RX-10, wrong password",
            secret,
            |p| p.raw.reserved_or_auth = 1,
            &["advert_rcvd", "auth_failures", "checksum_message"],
            Auth(AuthError::AuthFailure),
        ),
        case(
            "RX-11",
            v3(),
            |p| (p.raw.count, p.raw.addresses) = (0, Vec::new()),
            &["advert_rcvd", "address_list_errors", "checksum_message"],
            Router(AddressList),
        ),
        case(
            "RX-12, dropped",
            v6(Profile::Rfc9568Errata),
            |p| p.raw.addresses.reverse(),
            &["advert_rcvd", "address_list_errors", "checksum_pseudo_header"],
            Router(AddressList),
        ),
        case(
            "RX-12, counted",
            v6(Profile::Rfc5798),
            |p| p.raw.addresses.reverse(),
            &["advert_rcvd", "address_list_errors", "checksum_pseudo_header"],
            Nothing,
        ),
        case(
            "RX-13",
            v3(),
            |p| p.raw.interval = 0,
            &["advert_rcvd", "interval_errors", "checksum_message"],
            Router(Interval),
        ),
        case(
            "RX-14, dropped",
            v2().with_strict_list(true),
            |p| p.raw.addresses[0] = host(Family::Ipv4, 99),
            &["advert_rcvd", "address_list_errors", "checksum_message"],
            Router(AddressList),
        ),
        case(
            "RX-14, counted",
            v3(),
            |p| p.raw.addresses[0] = host(Family::Ipv4, 99),
            &["advert_rcvd", "address_list_errors", "checksum_message"],
            Nothing,
        ),
        case(
            "RX-15, dropped",
            v2(),
            |p| p.raw.interval = 200,
            &["advert_rcvd", "interval_errors", "checksum_message"],
            Router(Interval),
        ),
        case(
            "RX-15, counted",
            v3(),
            |p| p.raw.interval = 200,
            &["advert_rcvd", "interval_errors", "checksum_message"],
            Nothing,
        ),
        case(
            "RX-16, own",
            v3(),
            |p| p.raw.source = host(Family::Ipv4, OWN),
            &["advert_rcvd", "duplicate_address", "checksum_message"],
            Nothing,
        ),
        case(
            "RX-16, no host",
            v3(),
            |p| p.raw.source = IpAddr::from([224, 0, 0, 1]),
            &["advert_rcvd", "source_errors", "checksum_message"],
            Nothing,
        ),
        case("STAT-09", v3(), |p| p.raw.priority = 0, &["advert_rcvd", "prio_zero_rcvd", "checksum_message"], Nothing),
        case("RX-26", v3(), |p| p.raw.priority = 100, &["advert_rcvd", "equal_priority", "checksum_message"], Nothing),
        case("PKT-24", v3(), |p| p.raw.pseudo_header = true, &["advert_rcvd", "checksum_pseudo_header"], Nothing),
    ]
}

/// STAT-01 to STAT-19, STAT-31, STAT-32, STAT-35, STAT-51 to STAT-53, RX-22, RX-27.
#[test]
fn each_packet_moves_its_counters_and_no_other() {
    for Case { id, config, spoil, moved, reported } in cases() {
        let mut bench = Bench::started(config);
        let mut packet = Packet { raw: bench.raw(OWN + 1, 50), ttl: 255, keep: usize::MAX, flip: 0 };
        spoil(&mut packet);
        let mut octets = packet.raw.octets();
        octets[6] ^= packet.flip;
        octets.truncate(packet.keep);
        let before = counters(bench.router.stats());
        let rx = RxPacket { endpoints: packet.raw.endpoints(), ttl: packet.ttl, payload: &octets };
        let result = bench.router.handle_packet(bench.now, rx);
        let after = counters(bench.router.stats());
        let expected = before.map(|(name, n)| (name, n + u64::from(moved.contains(&name))));
        assert_eq!(after, expected, "{id}");
        assert_eq!(result.err().map_or(Reported::Nothing, |discard| in_the_models(&discard)), reported, "{id}");
    }
}

fn in_the_models(discard: &Discard) -> Reported {
    let all = [
        discard.protocol_error().map(Reported::Protocol),
        discard.virtual_router_error().map(Reported::Router),
        discard.auth_error().map(Reported::Auth),
    ];
    assert!(all.iter().flatten().count() <= 1, "{discard}");
    all.into_iter().flatten().next().unwrap_or(Reported::Nothing)
}

/// STAT-05, STAT-07, STAT-10, STAT-19: what a router does is counted as it is handed out.
#[test]
fn each_deed_moves_its_counters_and_no_other() {
    let mut bench = Bench::started(v2());
    let mut expected = counters(bench.router.stats());
    assert!(expected.iter().all(|(_, n)| *n == 0));
    let mut check = |bench: &Bench, what, moved: &[&str]| {
        expected = expected.map(|(name, n)| (name, n + u64::from(moved.contains(&name))));
        assert_eq!(counters(bench.router.stats()), expected, "{what}");
    };
    bench.next_deadline();
    check(&bench, "not yet handed out", &["master_transitions"]);
    bench.carry_out_all();
    check(&bench, "taken over", &["advert_sent"]);
    bench.next_deadline();
    bench.carry_out_all();
    check(&bench, "one interval later", &["advert_sent"]);
    bench.router.count_tx_error();
    check(&bench, "not sent", &["tx_errors"]);
    bench.input(Input::Shutdown);
    bench.carry_out_all();
    check(&bench, "released", &["advert_sent", "prio_zero_sent"]);
    bench.hear(OWN + 1, 200).unwrap_err();
    check(&bench, "not started", &[]);
}

/// STAT-30, STAT-34, STAT-42, STAT-50, AMB-15: the words of the models, and that a reason outlives the Master.
#[test]
fn a_life_in_the_words_of_the_models() {
    let peer = host(Family::Ipv4, OWN + 1);
    let mut bench = Bench::idle(v2());
    let at = |bench: &Bench| {
        let status = bench.router.status();
        (status.last_event.as_str(), status.new_master_reason.as_str(), status.last_adv_source)
    };
    assert_eq!(at(&bench), ("vrrp-event-none", "not-master", None));
    bench.input(Input::Startup);
    assert_eq!(at(&bench), ("vrrp-event-startup", "not-master", None));
    bench.next_deadline();
    bench.carry_out_all();
    assert_eq!(at(&bench), ("vrrp-event-master-timeout", "no-response", None));
    bench.hear(OWN + 1, 200).unwrap();
    assert_eq!(at(&bench), ("vrrp-event-higher-priority-backup", "no-response", Some(peer)));
    bench.hear(OWN + 1, 50).unwrap();
    bench.next_deadline();
    bench.carry_out_all();
    assert_eq!(at(&bench), ("vrrp-event-lower-priority-master", "preempted", Some(peer)));
    bench.input(Input::InterfaceUp(false));
    bench.carry_out_all();
    assert_eq!(at(&bench), ("vrrp-event-interface-down", "preempted", Some(peer)));
    bench.after(secs(3));
    bench.input(Input::InterfaceUp(true));
    assert_eq!(at(&bench), ("vrrp-event-interface-up", "preempted", Some(peer)));
    bench.input(Input::PrimaryAddress(None));
    assert_eq!(at(&bench), ("vrrp-event-no-primary-ip-address", "preempted", Some(peer)));
    bench.input(Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
    assert_eq!(at(&bench), ("vrrp-event-primary-ip-address", "preempted", Some(peer)));
    bench.hear(OWN + 1, 0).unwrap();
    bench.next_deadline();
    assert_eq!(at(&bench), ("vrrp-event-master-timeout", "priority", Some(peer)));
    // Nobody confirms the addresses.
    bench.actions();
    bench.next_deadline();
    assert_eq!(at(&bench), ("vrrp-event-no-virtual-ip-addresses", "priority", Some(peer)));
    bench.next_deadline();
    assert_eq!(at(&bench), ("vrrp-event-virtual-ip-addresses", "priority", Some(peer)));
    bench.input(Input::Shutdown);
    assert_eq!(at(&bench), ("vrrp-event-shutdown", "priority", Some(peer)));
}

/// STAT-34: the events that depend on the configuration.
#[test]
fn owners_and_those_who_hold_preempt_by_another_name() {
    let master = host(Family::Ipv4, OWN + 1);
    let preempted = Cause::Preempted { master, priority: priority(50) };
    assert_eq!(preempted.last_event(&v2()), LastEvent::LowerPriorityMaster);
    let held = v2().with_preempt(true, secs(3));
    assert_eq!(preempted.last_event(&held), LastEvent::PreemptHoldTimeout);
    assert_eq!(preempted.last_event(&held.with_priority(Priority::OWNER)), LastEvent::OwnerPreempt);

    let bench = Bench::started(v2().with_priority(Priority::OWNER));
    let status = bench.router.status();
    assert_eq!((status.last_event, status.new_master_reason), (LastEvent::Startup, NewMasterReason::Priority));
}

/// STAT-33, STAT-40, STAT-41, STAT-43, STAT-44.
#[test]
fn a_status_says_who_since_when_and_how_long() {
    let own = host(Family::Ipv4, OWN);
    let mut bench = Bench::idle(v3());
    let status = bench.router.status();
    assert_eq!((status.role as u8, status.master, status.up_since), (1, None, None));
    assert_eq!(bench.router.config().virtual_mac(), [0, 0, 0x5e, 0, 1, VRID]);

    let up = bench.now;
    bench.input(Input::Startup);
    bench.after(millis(100));
    bench.receive(&Raw { interval: 10, ..bench.raw(OWN + 1, 200) }).unwrap();
    let status = bench.router.status();
    assert_eq!((status.role as u8, status.master, status.up_since), (2, Some(host(Family::Ipv4, OWN + 1)), Some(up)));
    // (256 - 100) / 256 of the learned 10 cs.
    assert_eq!(
        (status.skew_time, status.master_down_interval.as_millis() / 10),
        (Duration::from_nanos(60_937_500), 36)
    );
    bench.next_deadline();
    let status = bench.router.status();
    assert_eq!((status.role as u8, status.master, status.up_since), (3, Some(own), Some(up)));
    assert_eq!((status.skew_time.as_micros(), status.master_down_interval.as_millis() / 10), (609_375, 360));
    bench.input(Input::InterfaceUp(false));
    assert_eq!((bench.router.role(), bench.router.status().up_since), (Role::Initialize, None));
}

#[test]
fn a_status_says_which_timer_runs_out_when() {
    let config = v2().with_preempt(true, secs(10)).with_lease(true);
    let lease = config.lease().unwrap();
    let mut bench = Bench::idle(config);
    assert_eq!(
        (bench.router.status().timers, bench.router.status().source),
        (Timers::default(), Some(host(Family::Ipv4, OWN)))
    );
    bench.input(Input::Startup);
    bench.hear(OWN + 1, 50).unwrap();
    let timers = bench.router.status().timers;
    assert_eq!((timers.master_down, timers.preempt_hold), (bench.router.deadline(), Some(bench.now + secs(10))));
    assert_eq!((timers.next_advert, timers.lease), (None, None), "a Backup advertises nothing");

    bench.next_deadline();
    bench.carry_out_all();
    let timers = bench.router.status().timers;
    assert_eq!((timers.master_down, timers.preempt_hold, timers.retry), (None, None, None));
    assert_eq!((timers.next_advert, timers.lease), (Some(bench.now + secs(1)), Some(bench.now + lease)));
    bench.input(Input::Drain(Drain::default()));
    bench.carry_out_all();
    assert_eq!(bench.router.status().timers.hand_over.map(|at| at > bench.now), Some(true));
    bench.input(Input::InterfaceUp(false));
    assert_eq!(bench.router.status().timers, Timers::default());
}

/// STAT-45.
#[test]
fn a_set_knows_how_many_routers_on_how_many_interfaces() {
    let mut set = RouterSet::new();
    assert_eq!((set.len(), set.interface_count()), (0, 0));
    let virtual_addresses = crate::common::virtual_addresses(Family::Ipv4);
    for (interface, vrid) in [(3, 1), (1, 1), (3, 2), (1, 2), (2, 1)] {
        set.insert(
            InterfaceId(interface),
            Config::new(Profile::Rfc3768, Vrid::new(vrid).unwrap(), &virtual_addresses).unwrap(),
        )
        .unwrap();
    }
    set.insert(InterfaceId(3), v6(Profile::Rfc5798)).unwrap();
    assert_eq!((set.len(), set.interface_count()), (6, 3));
}

/// STAT-30 to STAT-34: the names of RFC 8347.
#[test]
fn the_models_names_are_those_of_the_models() {
    let errors = [ProtocolError::IpTtl, ProtocolError::Version, ProtocolError::Checksum, ProtocolError::Vrid];
    assert_eq!(errors.map(ProtocolError::as_str), ["ip-ttl-error", "version-error", "checksum-error", "vrid-error"]);
    let errors = [VirtualRouterError::AddressList, VirtualRouterError::Interval, VirtualRouterError::PacketLength];
    assert_eq!(errors.map(VirtualRouterError::as_str), ["address-list-error", "interval-error", "packet-length-error"]);
    for (event, name) in [
        (LastEvent::Shutdown, "shutdown"),
        (LastEvent::InterfaceUp, "interface-up"),
        (LastEvent::InterfaceDown, "interface-down"),
        (LastEvent::NoPrimaryIpAddress, "no-primary-ip-address"),
        (LastEvent::PrimaryIpAddress, "primary-ip-address"),
        (LastEvent::NoVirtualIpAddresses, "no-virtual-ip-addresses"),
        (LastEvent::VirtualIpAddresses, "virtual-ip-addresses"),
        (LastEvent::PreemptHoldTimeout, "preempt-hold-timeout"),
        (LastEvent::LowerPriorityMaster, "lower-priority-master"),
        (LastEvent::OwnerPreempt, "owner-preempt"),
    ] {
        assert_eq!(event.as_str().strip_prefix("vrrp-event-"), Some(name));
    }
    assert_eq!(NewMasterReason::Priority.as_str(), "priority");
}
