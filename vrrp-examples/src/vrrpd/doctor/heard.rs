//! Findings from the advertisements that a router heard.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::{ChecksumForm, ParseError};
use vrrp_core::{Discard, Family, Priority, Role, Version};
use vrrp_io_linux::{HeardFrom, IgnoredFrom, ListDifference, RouterStatus};

use super::finding::{Finding, Id};
use crate::vrrpd::config::Instance;

/// A message that came within this time, or within four intervals, counts as coming now.
const NOW: Duration = Duration::from_secs(5);
/// The time for which a message is evidence of how another router is configured: that one may be silent since then.
const EVIDENCE: Duration = Duration::from_secs(60);

/// Finds what is wrong between a router and those that it heard. For each peer there is one cause, the first that shows.
pub(super) fn findings(router: &RouterStatus, instance: &Instance) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    // Whoever was accepted after that has been repaired.
    let is_repaired =
        |it: &IgnoredFrom| router.heard.iter().any(|heard| heard.source == it.source && heard.ago < it.ago);
    for it in router.ignored.iter().filter(|it| is_recent(it.ago, instance) && !is_repaired(it)) {
        let finding = ignored(it, router, instance);
        found.extend(finding.filter(|new| !found.iter().any(|known| known.id == new.id && known.peer == new.peer)));
    }
    for it in router.heard.iter().filter(|it| is_recent(it.ago, instance)) {
        found.extend(accepted(it, router, instance));
        let is_explained = found.iter().any(|known| known.peer.as_deref() == Some(it.source.to_string().as_str()));
        if !is_explained && does_not_yield(it, router, instance) {
            found.push(stubborn(it.source, it.priority, router, instance).because(last(it)));
        }
    }
    found
}

/// Tells whether something that was heard so long ago goes on.
pub(super) fn is_now(ago: Duration, instance: &Instance) -> bool {
    ago <= NOW.max(instance.interval.duration() * 4)
}

/// Tells whether something that was heard so long ago says how another router is configured.
fn is_recent(ago: Duration, instance: &Instance) -> bool {
    ago <= EVIDENCE || is_now(ago, instance)
}

fn last(HeardFrom { source, priority, interval, ago, count, .. }: &HeardFrom) -> String {
    let priority = priority.map_or(0, Priority::get);
    let ago = seconds(*ago);
    format!("{source} advertises priority {priority} every {interval}; the last one came {ago} ago, {count} in all")
}

fn ignored_evidence(it: &IgnoredFrom) -> String {
    let (ago, reason) = (seconds(it.ago), it.reason);
    format!("{} of its advertisements were ignored, the last one {ago} ago: {reason}", it.count)
}

/// Returns a time as an operator reads it.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 10.0 => format!("{short:.1} s"),
        long => format!("{long:.0} s"),
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns the problem of a peer whose advertisements are ignored.
fn ignored(it: &IgnoredFrom, router: &RouterStatus, instance: &Instance) -> Option<Finding> {
    let (peer, name, vrid) = (it.source, &router.name, router.vrid);
    let (id, problem, fix) = match it.reason {
        _ if it.authenticated => (
            Id::AuthenticationUnsupported,
            format!("{peer} sends behind an IP Authentication Header (AH), which is not supported"),
            format!("On {peer}: use auth_type PASS, or no authentication at all."),
        ),
        Discard::Interval { found, expected } => interval(peer, name, &found.to_string(), &expected.to_string()),
        Discard::ZeroInterval => interval(peer, name, "0 s", &instance.interval.to_string()),
        Discard::AuthFailure => (
            Id::PasswordMismatch,
            format!("{peer} has another password than {name}"),
            format!("Set the same password (auth_pass) on {peer} and here. Only its first 8 characters count."),
        ),
        Discard::AuthTypeMismatch { found: 0, .. } => (
            Id::PasswordMismatch,
            format!("{peer} has no password, {name} has one"),
            format!("Set the same password (auth_type PASS, auth_pass) on {peer}, or remove it here."),
        ),
        Discard::AuthTypeMismatch { found: 1, .. } => (
            Id::PasswordMismatch,
            format!("{peer} has a password, {name} has none"),
            format!("Set the same password (auth_type PASS, auth_pass) here, or remove it on {peer}."),
        ),
        Discard::AuthTypeMismatch { .. } | Discard::AuthTypeUnknown(_) | Discard::Parse(ParseError::Md5) => (
            Id::AuthenticationUnsupported,
            format!("{peer} uses an authentication that is not supported"),
            format!("On {peer}: turn this authentication off, or use a simple text password."),
        ),
        Discard::NoAddress => (
            Id::AddressListMismatch,
            format!("{peer} advertises no address, {name} advertises {}", list(&own_addresses(instance))),
            format!("Configure the same virtual addresses on {peer} and here."),
        ),
        Discard::AddressList => (
            Id::AddressListMismatch,
            format!(
                "{peer} advertises {}, {name} advertises {}",
                list_or_none(&it.addresses),
                list_or_none(&own_addresses(instance))
            ),
            format!("Configure the same virtual addresses on {peer} and here."),
        ),
        Discard::OtherCluster => (
            Id::VridClash,
            format!("{peer} uses virtual router id {vrid} too, for other addresses ({})", list_or_none(&it.addresses)),
            format!(
                "If {peer} belongs to another cluster: give one of the two clusters another virtual_router_id. If it is the peer of \
                 {name}: configure the same virtual addresses on both."
            ),
        ),
        Discard::NotLinkLocal(first) => (
            Id::Ipv6FirstAddress,
            format!("the first IPv6 address that {peer} advertises, {first}, is not link-local"),
            format!("On {peer}: put a link-local address (fe80::/10) first in its list."),
        ),
        Discard::Parse(ParseError::Version { found, expected }) => (
            Id::VersionMismatch,
            format!("{peer} speaks VRRP version {found}, {name} speaks {expected}"),
            format!("Set the same vrrp_version on {peer} and here."),
        ),
        Discard::ChecksumForm { found, expected } => (
            Id::ChecksumForm,
            format!("{peer} sends the checksum {found}, {name} accepts it only {expected}"),
            format!("Set the same form of the checksum on {peer} and here."),
        ),
        Discard::Parse(ParseError::Checksum { .. }) => (
            Id::ChecksumWrong,
            format!("the checksum of what {peer} sends is wrong"),
            format!(
                "On {peer}: if it runs keepalived, remove old_unicast_checksum from its unicast instances and use a release after 1.3.6. \
                 Else look for a device in between that changes packets (NAT)."
            ),
        ),
        Discard::Ttl { found, min } => (
            Id::TtlTooLow,
            format!("what {peer} sends arrives with TTL {found}, and must have {min} at least"),
            "Look for a router, a tunnel or a packet filter between the two hosts that lowers the TTL: both must be on one link. For \
             unicast over routers lower min_ttl of this peer here, or raise unicast_ttl there."
                .to_owned(),
        ),
        Discard::Owner { priority: Some(Priority::OWNER), .. } => two_owners(peer, name),
        Discard::Owner { priority, .. } => {
            let has_time = lasts(router, it.ago, instance);
            return has_time.then(|| stubborn(peer, priority, router, instance).because(ignored_evidence(it)));
        }
        Discard::NotAPeer(_) => (
            Id::UnicastPeerMissing,
            format!("{peer} sends advertisements to this host, but it is not a unicast peer of {name}"),
            format!(
                "Add {peer} to unicast_peer of {name} here, if it is the other router of this pair. The peers here are {}. Else remove \
                 this host from unicast_peer on {peer}.",
                list_or_none(&peers(instance))
            ),
        ),
        Discard::Destination(to) if to.is_multicast() => one_sided(peer, name, false),
        Discard::Destination(_) if instance.unicast.is_none() => one_sided(peer, name, true),
        Discard::Destination(to) => (
            Id::UnicastOneSided,
            format!("{peer} sends to {to}, and {name} listens at {}", source(router)),
            format!("On {peer}: put {} into unicast_peer in place of {to}, or set unicast_src_ip here to {to}.", source(router)),
        ),
        Discard::OwnSource(own) => (
            Id::OwnAddressElsewhere,
            format!("advertisements of virtual router id {vrid} come in from {own}, which is this host's own address"),
            format!(
                "Find the host that has {own} too (`arping -D -I {} {own}`) and give it another address. If there is none, find the loop \
                 in the switches.",
                router.interface
            ),
        ),
        Discard::Parse(reason) => (
            Id::NotAnAdvertisement,
            format!("{peer} sends something with protocol number 112 that is not an advertisement: {reason}"),
            format!("Look at what {peer} runs: CARP and some makes use the same protocol number. `vrrp-decode` shows the packets."),
        ),
        Discard::Source(_) => (
            Id::NotAnAdvertisement,
            format!("advertisements come from {peer}, which is not the address of a host"),
            "Find the host that sends them (`tcpdump -e`), and give it an address.".to_owned(),
        ),
        // A packet for another router, one that was only early, and reasons of a newer core.
        _ => return None,
    };
    Some(Finding::new(id, problem, fix).of(name).peer(peer).because(ignored_evidence(it)))
}

/// Returns the problems of a peer whose advertisements are accepted.
fn accepted(it: &HeardFrom, router: &RouterStatus, instance: &Instance) -> Vec<Finding> {
    let (peer, name) = (it.source, &router.name);
    let mut found = Vec::new();
    let mut add = |(id, problem, fix): (Id, String, String)| {
        found.push(Finding::new(id, problem, fix).of(name).peer(peer).because(last(it)));
    };
    if it.interval != instance.interval {
        add(interval(peer, name, &it.interval.to_string(), &instance.interval.to_string()));
    }
    match &it.difference {
        Some(ListDifference::NotLinkLocal) => add((
            Id::Ipv6FirstAddress,
            format!("the first IPv6 address that {peer} advertises is not link-local"),
            format!("Put a link-local address (fe80::/10) first in the list of {name}, on {peer} and here."),
        )),
        Some(difference) => add((
            Id::AddressListMismatch,
            format!("{peer} advertises {difference}"),
            format!("Configure the same virtual addresses on {peer} and for {name} here."),
        )),
        None => {}
    }
    let is_owner = instance.priority.is_owner();
    if it.priority == Some(Priority::OWNER) && is_owner {
        add(two_owners(peer, name));
    } else if it.priority == Some(instance.priority) && router.priority == instance.priority {
        add((
            Id::EqualPriorities,
            format!("{peer} and {name} have the same priority, {}", instance.priority),
            format!(
                "Give the two hosts different priorities. While they are equal the higher IP address wins a contest, and whoever is \
                 Master stays it: {peer} or {}.",
                source(router)
            ),
        ));
    }
    let ours = if instance.protocol.pseudo_header { ChecksumForm::PseudoHeader } else { ChecksumForm::Message };
    if (it.version, router.family) == (Version::V3, Family::Ipv4) && it.checksum != ours {
        add((
            Id::ChecksumForm,
            format!(
                "{peer} sends the checksum {}, {name} sends it {ours}; {peer} may ignore what it gets",
                it.checksum
            ),
            format!("Set v3_checksum_as_v2 to the same on {peer} and here."),
        ));
    }
    if let (IpAddr::V6(source), None) = (peer, &instance.unicast) {
        if !source.is_unicast_link_local() {
            add((
                Id::Ipv6Source,
                format!("{peer} sends from an address that is not link-local, and other routers may ignore that"),
                format!(
                    "On {peer}: remove mcast_src_ip, so that it sends from the link-local address of its interface."
                ),
            ));
        }
    }
    found
}

type Told = (Id, String, String);

fn interval(peer: IpAddr, name: &str, theirs: &str, ours: &str) -> Told {
    (
        Id::IntervalMismatch,
        format!("{peer} advertises every {theirs}, {name} every {ours}"),
        format!("Set the same interval (advert_int) on {peer} and here."),
    )
}

fn two_owners(peer: IpAddr, name: &str) -> Told {
    (
        Id::TwoOwners,
        format!("{peer} and {name} both have priority 255: each says that it owns the addresses"),
        format!(
            "Give 255 to the host only that has the address as its own, and 254 or less to the other. Change {peer}, or {name} here."
        ),
    )
}

fn one_sided(peer: IpAddr, name: &str, they_are_unicast: bool) -> Told {
    let (they, we) =
        if they_are_unicast { ("to this host alone (unicast)", "multicast") } else { ("by multicast", "unicast") };
    (
        Id::UnicastOneSided,
        format!("{peer} sends {they}, and {name} uses {we}"),
        format!(
            "Use unicast_peer on both hosts, or on none: add {peer} to unicast_peer of {name} here, or remove unicast_peer on {peer}."
        ),
    )
}

/// Does the same as [`one_sided`] for a peer that was overheard.
pub(super) fn speaks_multicast(peer: IpAddr, name: &str) -> Finding {
    let (id, problem, fix) = one_sided(peer, name, false);
    Finding::new(id, problem, fix).of(name).peer(peer)
}

/// Returns true if a Master goes on to hear a Master that has to yield to it.
fn does_not_yield(it: &HeardFrom, router: &RouterStatus, instance: &Instance) -> bool {
    let is_lower = match it.priority {
        None => false,
        Some(priority) if priority == router.priority => router.source.is_some_and(|own| it.source < own),
        Some(priority) => priority < router.priority,
    };
    let theirs = it.interval.duration();
    is_lower && it.ago <= theirs * 7 / 2 && it.for_now >= theirs * 3 && lasts(router, it.ago, instance)
}

/// Returns true if this router had been Master for four intervals when it heard that.
fn lasts(router: &RouterStatus, ago: Duration, instance: &Instance) -> bool {
    let master_for = router.in_state_for.filter(|_| router.role == Role::Master);
    let interval = instance.interval.duration();
    ago <= interval * 7 / 2 && master_for.is_some_and(|master_for| master_for.saturating_sub(ago) >= interval * 4)
}

fn stubborn(peer: IpAddr, priority: Option<Priority>, router: &RouterStatus, instance: &Instance) -> Finding {
    let (name, own) = (&router.name, source(router));
    let theirs = priority.map_or(0, Priority::get);
    let way = match instance.unicast {
        None => "multicast (224.0.0.18 or ff02::12, protocol 112)",
        Some(_) => "unicast (protocol 112)",
    };
    Finding::new(
        Id::PeerDoesNotYield,
        format!(
            "{peer} is Master too, although its priority {theirs} is less than the {} of {name}: it does not hear this host, or ignores \
             what it hears",
            router.priority
        ),
        format!(
            "On {peer}: let protocol 112 from {own} in (firewall), and look into its log for why it ignores {own}. Between the hosts: \
             the switch must pass {way} in both directions (IGMP snooping)."
        ),
    )
    .of(name)
    .peer(peer)
}

fn source(router: &RouterStatus) -> String {
    router.source.map_or_else(|| "this host".to_owned(), |source| source.to_string())
}

fn own_addresses(instance: &Instance) -> Vec<IpAddr> {
    instance.addresses.iter().map(|virtual_ip| virtual_ip.address).collect()
}

fn peers(instance: &Instance) -> Vec<IpAddr> {
    instance.unicast.iter().flat_map(|unicast| &unicast.peers).map(|peer| peer.address).collect()
}

fn list_or_none(addresses: &[IpAddr]) -> String {
    if addresses.is_empty() { "none".to_owned() } else { list(addresses) }
}
