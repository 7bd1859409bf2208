//! `[router.NAME]`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Family, Password, Priority, Version, Vrid, Weight};

use crate::vrrpd::config::{Check, Instance, Peer, Protocol, Track, TrackWeight, Unicast, VirtualMac};
use crate::vrrpd::native::defaults;
use crate::vrrpd::native::read::address::{self, Address};
use crate::vrrpd::native::read::announce;
use crate::vrrpd::native::read::command::Scripts;
use crate::vrrpd::native::read::routing;
use crate::vrrpd::native::read::track;
use crate::vrrpd::native::section::{Section, host, mismatch};
use crate::vrrpd::native::shape::Kind;
use crate::vrrpd::native::tables::{PEER, ROUTER};
use crate::vrrpd::native::tree::{At, Node, Value, Word};
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness;

/// Addresses that one advertisement can count. That many fit into any usual MTU.
const MAX_IPV4: usize = 255;

/// A router as far as it was read.
pub(crate) struct RouterRead {
    pub(crate) name: Word,
    pub(crate) spans: Spans,
    /// The place of its virtual router id.
    pub(crate) vrid: Span,
    /// The place of each address, in the order of the instance's addresses, the excluded ones last.
    pub(crate) addresses: Vec<Span>,
    /// The place where the interface of its virtual MAC address is named.
    pub(crate) mac: Span,
    /// Tracked interfaces as written.
    tracks: Vec<Span>,
    /// Devices of addresses and routes.
    devices: BTreeSet<String>,
    /// `None`: something that it cannot do without is missing.
    pub(crate) instance: Option<Instance>,
}

/// Reads a router.
pub(crate) fn read(
    (name, node): &(Word, Node),
    scripts: &Scripts,
    checks: (&[Check], &[(Word, Node)]),
    report: &mut Report,
) -> RouterRead {
    let mut read = RouterRead {
        name: name.clone(),
        spans: Spans { interface: name.span, virtual_mac: None },
        vrid: name.span,
        addresses: Vec::new(),
        mac: name.span,
        tracks: Vec::new(),
        devices: BTreeSet::new(),
        instance: None,
    };
    let Some(section) = Section::read(node, name.span, &[&ROUTER], report) else { return read };
    read.spans.interface = section.node("interface").map_or(name.span, |node| node.span);
    read.spans.virtual_mac = section.key_span("virtual_mac");
    read.vrid = section.node("vrid").map_or(name.span, |node| node.span);
    read.instance = instance(&section, &mut read, scripts, checks, report);
    read
}

fn instance(
    section: &Section<'_>,
    read: &mut RouterRead,
    scripts: &Scripts,
    checks: (&[Check], &[(Word, Node)]),
    report: &mut Report,
) -> Option<Instance> {
    let interface = section.interface("interface", report);
    let vrid = section.whole("vrid", report).and_then(|vrid: At<u8>| Vrid::new(vrid.value).ok());
    let priority = section.whole("priority", report).and_then(|priority: At<u8>| Priority::new(priority.value).ok());
    let priority = priority.unwrap_or(Priority::DEFAULT);
    let addresses = address::list(section, "addresses", report);
    let excluded = address::list(section, "excluded", report);
    let family = family(section, &addresses, report);
    check_addresses(family, &addresses, report);
    let version = version(section, family, report);
    let strict = section.flag("strict", report).is_some_and(|strict| strict.value);
    let protocol = protocol(section, version, strict, priority, report);
    let interval = interval(section, version, report);
    let (preempt, preempt_delay) = preemption(section, priority, report);
    let password = password(section, version, report);
    let source = section.host("source", report);
    let unicast = unicast(section, family, source, report);
    if let Some(source) = source {
        check_family("source", source, family, report);
    }
    let virtual_mac = virtual_mac(section, (family, vrid), unicast.is_some(), read, report);
    if strict {
        check_strict(section, report);
    }
    let (routes, rules) = (routing::routes(section, report), routing::rules(section, report));
    let track_interfaces = track::interfaces(section, report);
    let track_checks = track::checks(section, checks, report);
    for track in track_interfaces.iter().chain(&track_checks) {
        notice_owner(priority, track, report);
    }
    let notify = scripts.notify(section, report);
    let announce = announce::read(section, strict, report);
    let track_own_interface = section.flag("track_own_interface", report).is_none_or(|own| own.value);
    let all = || addresses.iter().chain(&excluded);
    let of_addresses = all().filter(|address| address.tracked).map(|address| address.virtual_ip.value.device.as_ref());
    let of_routes = routes.iter().filter(|read| read.tracked).map(|read| read.route.device.as_ref());
    read.devices = of_addresses.chain(of_routes).flatten().cloned().collect();
    read.addresses = all().map(|address| address.virtual_ip.span).collect();
    read.tracks = track_interfaces.iter().map(|track| track.span).collect();
    Some(Instance {
        name: read.name.value.clone(),
        interface: interface?.value,
        track_own_interface,
        family,
        vrid: vrid?,
        protocol,
        priority,
        interval: interval?,
        preempt,
        preempt_delay,
        password,
        source: source.map(|source| source.value),
        unicast,
        virtual_mac,
        addresses: addresses.into_iter().map(|address| address.virtual_ip.value).collect(),
        excluded: excluded.into_iter().map(|address| address.virtual_ip.value).collect(),
        routes: routes.into_iter().map(|read| read.route).collect(),
        rules,
        track_interfaces: track_interfaces.into_iter().map(|track| track.value).collect(),
        track_checks: track_checks.into_iter().map(|track| track.value).collect(),
        notify,
        announce,
    })
}

impl RouterRead {
    /// Adds the devices that are tracked without being named. `mac_interfaces` are those of all virtual MAC addresses.
    pub(crate) fn track_devices(&mut self, mac_interfaces: &BTreeSet<String>, report: &mut Report) {
        let Some(instance) = &mut self.instance else { return };
        // The interface of a virtual MAC address is up only while its router is Master.
        self.devices.retain(|device| *device != instance.interface && !mac_interfaces.contains(device));
        for (track, span) in instance.track_interfaces.iter_mut().zip(&self.tracks) {
            if track.name == instance.interface {
                report
                    .error(*span, format!("`{}` is the router's own interface", track.name))
                    .with_expected("other interfaces only: `track_own_interface` is for this one");
            }
            soundness::no_mac_interface(&track.name, *span, mac_interfaces, report);
            if self.devices.remove(&track.name) && track.weight.weight != Weight::Fault {
                let name = &track.name;
                let message = format!("`{name}` carries a virtual address or route: without it the router is in fault");
                report.notice(*span, message);
                track.weight = TrackWeight::default();
            }
        }
        let unnamed = std::mem::take(&mut self.devices).into_iter();
        instance.track_interfaces.extend(unnamed.map(|name| Track { name, weight: TrackWeight::default() }));
    }
}

fn family(section: &Section<'_>, addresses: &[Address], report: &mut Report) -> Family {
    match section.choice("family", report).map(|family| family.value) {
        Some("ipv6") => Family::Ipv6,
        Some(_) => Family::Ipv4,
        None => addresses.first().map_or(Family::Ipv4, |first| Family::of(first.virtual_ip.value.address)),
    }
}

fn check_addresses(family: Family, addresses: &[Address], report: &mut Report) {
    for address in addresses.iter().filter(|address| Family::of(address.virtual_ip.value.address) != family) {
        report
            .error(address.virtual_ip.span, format!("{} among {family} addresses", address.virtual_ip.value.address))
            .with_expected(format!("{family} addresses only: an advertisement carries one family"))
            .with_help("it can go into `excluded`, or into a router of its own");
    }
    let max = match family {
        Family::Ipv4 => MAX_IPV4,
        Family::Ipv6 => usize::from(vrrp_core::wire::MAX_IPV6_ADDRESSES),
    };
    if let Some(too_many) = addresses.get(max) {
        report
            .error(too_many.virtual_ip.span, format!("the router has {} virtual addresses", addresses.len()))
            .with_expected(format!("at most {max}, which is what one advertisement can carry"))
            .with_help("further ones can go into `excluded`");
    }
}

fn version(section: &Section<'_>, family: Family, report: &mut Report) -> Version {
    let Some(written) = section.whole("version", report) else { return defaults::version(family) };
    match (written.value, family) {
        (3_u8, _) => Version::V3,
        (_, Family::Ipv4) => Version::V2,
        (_, Family::Ipv6) => {
            report
                .error(written.span, "version 2 of VRRP is for IPv4 only")
                .with_expected("version 3, which is the default of IPv6");
            Version::V3
        }
    }
}

fn protocol(
    section: &Section<'_>,
    version: Version,
    strict: bool,
    priority: Priority,
    report: &mut Report,
) -> Protocol {
    let mut protocol = defaults::protocol(version, strict, priority);
    let owner = priority.is_owner();
    if let Some(accept) = section.flag("accept", report) {
        if owner && !accept.value {
            report.notice(accept.span, "`accept` has no effect: priority 255 owns the addresses");
        }
        protocol.accept = owner || accept.value;
    }
    if let Some(listens) = section.flag("owner_listens", report) {
        if owner {
            protocol.owner_listens = listens.value;
        } else if !listens.value {
            report.notice(listens.span, "no effect: the owner of the addresses has priority 255");
        }
    }
    if let Some(list) = section.flag("strict_list", report) {
        if list.value && !strict {
            report.error(list.span, "`strict_list` without `strict`").with_expected("`strict = true` beside it");
        }
        protocol.strict_list = list.value;
    }
    let mut set = |name, value: &mut bool| *value = section.flag(name, report).map_or(*value, |flag| flag.value);
    set("answer_lower", &mut protocol.answer_lower);
    set("yield_advertisement", &mut protocol.yield_advertisement);
    set("pseudo_header", &mut protocol.pseudo_header);
    protocol
}

/// Reads the interval. The version's field has whole seconds, or hundredths.
fn interval(section: &Section<'_>, version: Version, report: &mut Report) -> Option<AdvertInterval> {
    if section.node("interval").is_none() {
        return Some(AdvertInterval::DEFAULT);
    }
    let written = section.time("interval", report)?;
    let (number, unit, expected) = match version {
        Version::V2 => (2, 1_000_000, "whole seconds from \"1s\" to \"255s\""),
        Version::V3 => (3, 10_000, "hundredths of a second from \"10ms\" to \"40.95s\""),
    };
    let micros = written.value.as_micros();
    let carried = |centis: &u16| number == 2 || *centis <= 4095;
    let centis = u16::try_from(micros / 10_000).ok().filter(|centis| micros % unit == 0 && carried(centis));
    let interval = centis.and_then(|centis| AdvertInterval::from_centis(centis).ok());
    if interval.is_none() {
        let message = format!("version {number} cannot carry this interval");
        report.error(written.span, message).with_expected(expected);
    }
    interval
}

fn preemption(section: &Section<'_>, priority: Priority, report: &mut Report) -> (bool, Duration) {
    let preempt = section.flag("preempt", report).filter(|preempt| !preempt.value).is_none_or(|never| {
        if priority.is_owner() {
            report.notice(never.span, "`preempt` has no effect: priority 255 preempts whatever is configured");
        }
        priority.is_owner()
    });
    let delay = section.time("preempt_delay", report).filter(|delay| {
        if !preempt {
            let message = "`preempt_delay` has no effect: this router never takes over from a worse one";
            report.notice(delay.span, message);
        }
        preempt
    });
    (preempt, delay.map_or(Duration::ZERO, |delay| delay.value))
}

fn password(section: &Section<'_>, version: Version, report: &mut Report) -> Option<Password> {
    let node = section.node("password")?;
    if version == Version::V3 {
        report
            .error(node.span, "version 3 of VRRP has no authentication")
            .with_expected("no `password`, or `version = 2`");
    }
    let octet = |item: &Node| match item.value {
        Value::Whole(Some(number)) => u8::try_from(number).ok(),
        _ => None,
    };
    let octets: Option<Vec<u8>> = match &node.value {
        Value::Text(text) => Some(text.as_bytes().to_vec()),
        Value::List(items) => items.iter().map(octet).collect(),
        _ => None,
    };
    // The value itself is told to nobody.
    let wrong = match octets.as_deref().map(Password::new) {
        Some(Ok(password)) => return Some(password),
        Some(Err(_)) => format!("this password is {} octets long", octets.unwrap_or_default().len()),
        None => "this is not a password".to_owned(),
    };
    report.error(node.span, wrong).with_expected(section.expected("password"));
    None
}

fn unicast(section: &Section<'_>, family: Family, source: Option<At<IpAddr>>, report: &mut Report) -> Option<Unicast> {
    section.node("unicast")?;
    let section = section.table("unicast", report)?;
    let nodes = section.list("peers", report);
    if let Some(node) = section.node("peers").filter(|_| nodes.is_empty()) {
        if matches!(node.value, Value::List(_)) {
            report.error(node.span, "there are no peers").with_expected("the address of each other router");
        }
    }
    let peers: Vec<(Peer, Span)> = nodes.iter().filter_map(|node| peer(node, report)).collect();
    let keys = peers.iter().map(|(peer, span)| (peer.address, *span));
    soundness::unique(keys, report, |peer| format!("the peer {peer} is named twice"), "each peer once");
    for (peer, span) in &peers {
        check_family("peer", At { value: peer.address, span: *span }, family, report);
        if source.is_some_and(|source| source.value == peer.address) {
            report
                .error(*span, format!("{} is this router's own address", peer.address))
                .with_expected("the addresses of the other routers only");
        }
    }
    let ttl = section.whole("ttl", report).map_or(defaults::ttl(family), |ttl| ttl.value);
    Some(Unicast { peers: peers.into_iter().map(|(peer, _)| peer).collect(), ttl })
}

fn peer(node: &Node, report: &mut Report) -> Option<(Peer, Span)> {
    if matches!(node.value, Value::Text(_)) {
        let address = host(node, report)?;
        return Some((Peer { address: address.value, min_ttl: 0 }, address.span));
    }
    if !matches!(node.value, Value::Table(_)) {
        mismatch(node, Kind::Short(&Kind::Host, &PEER).expected(), report);
        return None;
    }
    let section = Section::read(node, node.span, &[&PEER], report)?;
    let min_ttl = section.whole("min_ttl", report).map_or(0, |min_ttl| min_ttl.value);
    let address = section.host("address", report)?;
    Some((Peer { address: address.value, min_ttl }, address.span))
}

fn check_family(what: &str, address: At<IpAddr>, family: Family, report: &mut Report) {
    if Family::of(address.value) != family {
        report
            .error(address.span, format!("the {what} {} of a router for {family}", address.value))
            .with_expected(format!("an {family} address, as the virtual ones are"));
    }
}

fn virtual_mac(
    section: &Section<'_>,
    (family, vrid): (Family, Option<Vrid>),
    unicast: bool,
    read: &mut RouterRead,
    report: &mut Report,
) -> Option<VirtualMac> {
    section.node("virtual_mac")?;
    let section = section.table("virtual_mac", report)?;
    let interface = section.interface("interface", report);
    read.mac = interface.as_ref().map_or(section.span, |interface| interface.span);
    let address = section.node("address").and_then(|node| mac(node, report));
    let base = section.flag("transmit_base", report);
    if let Some(never) = base.filter(|base| unicast && !base.value) {
        report.notice(never.span, "no effect: unicast comes from the interface's own MAC address");
    }
    let interface = match interface {
        Some(interface) => interface.value,
        None => defaults::mac_interface(family, vrid?),
    };
    Some(VirtualMac { interface, address, transmit_base: unicast || base.is_some_and(|base| base.value) })
}

fn mac(node: &Node, report: &mut Report) -> Option<[u8; 6]> {
    let Value::Text(text) = &node.value else {
        mismatch(node, Kind::Mac.expected(), report);
        return None;
    };
    let octet = |text: &str| u8::from_str_radix(text, 16).ok().filter(|_| text.len() == 2);
    let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
    let mac = octets.and_then(|octets| <[u8; 6]>::try_from(octets).ok());
    let wrong = match mac {
        Some([first, ..]) if first % 2 == 1 => format!("`{text}` is the address of a group"),
        Some([0, 0, 0, 0, 0, 0]) => format!("`{text}` is nobody's address"),
        Some(mac) => return Some(mac),
        None => format!("`{text}` is not a MAC address"),
    };
    report.error(node.span, wrong).with_expected(Kind::Mac.expected());
    None
}

/// Refuses what goes beyond the RFCs.
fn check_strict(section: &Section<'_>, report: &mut Report) {
    for name in ["password", "unicast", "preempt_delay"] {
        if let Some(span) = section.key_span(name) {
            report
                .error(span, format!("strict mode cannot be used with `{name}`"))
                .with_expected("no such key, or `strict = false`");
        }
    }
}

fn notice_owner(priority: Priority, track: &At<Track>, report: &mut Report) {
    if priority.is_owner() && track.value.weight.weight != Weight::Fault {
        report.notice(track.span, "its weight has no effect: nothing changes priority 255");
    }
}
