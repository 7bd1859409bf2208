//! One route, rule or static address in the kernel.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::pin;

use futures_util::StreamExt;
use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::{Error, Handle, IpVersion};
use vrrp_core::Family;
use vrrp_io_linux::VirtualIp;

use super::address;

use crate::vrrpd::config::{Mark, Prefix, Route, RouteKind, Rule};

/// The mark of vrrpd's routes and rules: the protocol number of VRRP.
pub(super) const MARK: RouteProtocol = RouteProtocol::Other(112);

/// The kernel's metric of an IPv6 route that names none.
const METRIC_OF_IPV6: u32 = 1024;

/// A route, a rule or a static address.
#[derive(Debug)]
pub(super) enum Item {
    /// It names its device.
    Address(VirtualIp),
    Route(Route),
    Rule(Rule),
}

/// The state of an item in the kernel, with our mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is there, with the configured values.
    There,
    /// Another route in its place: somebody, or the kernel, changed something about it.
    Altered,
    /// Nothing.
    Gone,
}

/// All that the kernel has with our mark.
#[derive(Debug, Default)]
pub(super) struct Marked {
    routes: Vec<RouteMessage>,
    rules: Vec<RuleMessage>,
    /// All addresses, with our mark or without.
    addresses: Vec<AddressMessage>,
}

impl Item {
    /// Returns true if the kernel takes the two for one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route(one), Self::Route(two)) => is_same_route(one, two),
            (Self::Rule(one), Self::Rule(two)) => Selectors::of(one) == Selectors::of(two),
            (Self::Address(one), Self::Address(two)) => one == two,
            _ => false,
        }
    }

    /// Returns true if the kernel can hold only one of the two: a route replaces one with the same destination.
    pub(super) fn is_in_place_of(&self, other: &Self) -> bool {
        let place = |route: &Route| (route.destination, route.table, metric(route));
        matches!((self, other), (Self::Route(one), Self::Route(two)) if place(one) == place(two))
    }

    /// Returns true if it names an interface where the [same](Self::is_same) one does not.
    pub(super) fn says_more_than(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Route(one), Self::Route(two)) if one.device.is_some() && two.device.is_none())
    }

    pub(super) async fn add(&self, handle: &Handle) -> io::Result<()> {
        match self {
            Self::Address(virtual_ip) => return add_address(virtual_ip, handle).await,
            Self::Route(route) => handle.route().add(route_message(route)?).execute().await,
            Self::Rule(rule) => {
                let mut request = handle.rule().add();
                *request.message_mut() = rule_message(rule);
                request.execute().await
            }
        }
        .map_err(reason)
    }

    /// Sets it in the place of one with our mark.
    pub(super) async fn replace(&self, handle: &Handle) -> io::Result<()> {
        match self {
            Self::Route(route) => handle.route().add(route_message(route)?).replace().execute().await.map_err(reason),
            Self::Rule(_) | Self::Address(_) => self.add(handle).await,
        }
    }

    /// Returns whether there was one with our mark.
    pub(super) async fn delete(&self, handle: &Handle) -> io::Result<bool> {
        let deleted = match self {
            Self::Route(route) => handle.route().del(route_place(route)).execute().await,
            Self::Rule(rule) => handle.rule().del(rule_message(rule)).execute().await,
            Self::Address(virtual_ip) => {
                let found = all_addresses(handle).await?;
                if !found.iter().any(|found| address::is_there(virtual_ip, found) && address::is_ours(found)) {
                    return Ok(false);
                }
                handle.address().del(address::message(virtual_ip)?).execute().await
            }
        };
        match deleted.map_err(reason) {
            Ok(()) => Ok(true),
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Marked {
    /// Asks the kernel.
    pub(super) async fn read(handle: &Handle) -> io::Result<Self> {
        let mut marked = Self { addresses: all_addresses(handle).await?, ..Self::default() };
        for (family, version) in [(Family::Ipv4, IpVersion::V4), (Family::Ipv6, IpVersion::V6)] {
            let mut filter = RouteMessage::default();
            filter.header.address_family = address_family(family);
            filter.header.protocol = MARK;
            let mut routes = pin!(handle.route().get(filter).execute());
            while let Some(route) = routes.next().await {
                match route {
                    // Kernels before 4.20 do not filter.
                    Ok(route) if route.header.protocol == MARK => marked.routes.push(route),
                    Ok(_) => {}
                    // A host without IPv6.
                    Err(error) => absent_family(error)?,
                }
            }
            let mut rules = pin!(handle.rule().get(version).execute());
            while let Some(rule) = rules.next().await {
                match rule {
                    Ok(rule) if rule.attributes.contains(&RuleAttribute::Protocol(MARK)) => marked.rules.push(rule),
                    Ok(_) => {}
                    Err(error) => absent_family(error)?,
                }
            }
        }
        Ok(marked)
    }

    pub(super) fn has(&self, item: &Item) -> Presence {
        match item {
            Item::Route(route) => {
                let Some(found) = self.routes.iter().find(|found| is_in_place(route, found)) else {
                    return Presence::Gone;
                };
                if is_as_configured(route, found) { Presence::There } else { Presence::Altered }
            }
            Item::Address(virtual_ip) => {
                match self.addresses.iter().any(|found| address::is_there(virtual_ip, found)) {
                    true => Presence::There,
                    false => Presence::Gone,
                }
            }
            Item::Rule(rule) => match self.rules.iter().any(|found| is_rule(rule, found)) {
                true => Presence::There,
                false => Presence::Gone,
            },
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(virtual_ip) => {
                write!(f, "address {virtual_ip} on {}", virtual_ip.device.as_deref().unwrap_or_default())
            }
            Self::Route(route) => write!(f, "route {route}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// Sets an address. One that somebody else has set already is there.
async fn add_address(virtual_ip: &VirtualIp, handle: &Handle) -> io::Result<()> {
    let mut request = handle.address().add(0, virtual_ip.address, virtual_ip.prefix_len);
    *request.message_mut() = address::message(virtual_ip)?;
    match request.execute().await.map_err(reason) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        done => done,
    }
}

async fn all_addresses(handle: &Handle) -> io::Result<Vec<AddressMessage>> {
    let mut addresses = pin!(handle.address().get().execute());
    let mut all = Vec::new();
    while let Some(address) = addresses.next().await {
        all.push(address.map_err(reason)?);
    }
    Ok(all)
}

/// Returns true if two routes are alike, except that one may leave the interface open.
fn is_same_route(one: &Route, two: &Route) -> bool {
    let device = one.device.as_ref().or(two.device.as_ref());
    let written_out = |route: &Route| Route {
        device: route.device.as_ref().or(device).cloned(),
        metric: Some(metric(route)),
        scope: (Family::of(route.destination.address) == Family::Ipv4).then(|| scope(route).into()),
        ..route.clone()
    };
    written_out(one) == written_out(two)
}

/// All that tells one rule from others, with every default written out.
#[derive(PartialEq, Eq)]
struct Selectors<'a> {
    family: Family,
    invert: bool,
    from: Option<Prefix>,
    to: Option<Prefix>,
    input: Option<&'a str>,
    output: Option<&'a str>,
    mark: (u32, u32),
    priority: u32,
    table: u32,
}

impl<'a> Selectors<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            family: rule.family,
            invert: rule.invert,
            from: rule.from.filter(|from| from.length > 0),
            to: rule.to.filter(|to| to.length > 0),
            input: rule.input.as_deref(),
            output: rule.output.as_deref(),
            mark: rule.mark.map_or((0, 0), |Mark { value, mask }| (value, mask.unwrap_or(u32::MAX))),
            priority: rule.priority,
            table: rule.table,
        }
    }
}

/// Returns true if a kernel's route is in the place of `route`: there is one for each table, destination and metric.
fn is_in_place(route: &Route, found: &RouteMessage) -> bool {
    let table = attribute(found, |attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    found.header.address_family == address_family(Family::of(route.destination.address))
        && found.header.destination_prefix_length == route.destination.length
        && table.unwrap_or_else(|| found.header.table.into()) == route.table
        && destination(found).is_none_or(|there| there == route.destination.address.into())
        && found_metric(found) == metric(route)
}

/// Returns true if a route [in the place](is_in_place) of `route` is the configured one.
fn is_as_configured(route: &Route, found: &RouteMessage) -> bool {
    let has = |wanted: RouteAttribute| found.attributes.contains(&wanted);
    let gateway = attribute(found, |attribute| match attribute {
        RouteAttribute::Gateway(gateway) => Some(gateway.clone()),
        _ => None,
    });
    let source = attribute(found, |attribute| match attribute {
        RouteAttribute::PrefSource(source) => Some(source.clone()),
        _ => None,
    });
    let mtu = attribute(found, |attribute| match attribute {
        RouteAttribute::Metrics(metrics) => metrics.iter().find_map(|metric| match metric {
            RouteMetric::Mtu(mtu) => Some(*mtu),
            _ => None,
        }),
        _ => None,
    });
    let device = |name: &String| if_nametoindex(name.as_str()).is_ok_and(|index| has(RouteAttribute::Oif(index)));
    found.header.kind == kind(route)
        && gateway == route.via.map(Into::into)
        && source == route.source.map(Into::into)
        && mtu == route.mtu
        && route.device.as_ref().is_none_or(device)
        && (found.header.address_family == AddressFamily::Inet6 || found.header.scope == scope(route))
}

/// Returns true if a rule in the kernel is this one.
fn is_rule(rule: &Rule, found: &RuleMessage) -> bool {
    let (mut from, mut to, mut input, mut output) = (None, None, None, None);
    let (mut mark, mut mask, mut priority, mut table) = (0, 0, 0, u32::from(found.header.table));
    for attribute in &found.attributes {
        match attribute {
            RuleAttribute::Source(address) => from = Some(*address),
            RuleAttribute::Destination(address) => to = Some(*address),
            RuleAttribute::Iifname(name) => input = Some(name.as_str()),
            RuleAttribute::Oifname(name) => output = Some(name.as_str()),
            RuleAttribute::FwMark(value) => mark = *value,
            RuleAttribute::FwMask(value) => mask = *value,
            RuleAttribute::Priority(value) => priority = *value,
            RuleAttribute::Table(value) => table = *value,
            _ => {}
        }
    }
    let prefix = |address: Option<IpAddr>, length| address.map(|address| Prefix { address, length });
    let selectors = Selectors {
        family: rule.family,
        invert: found.header.flags.contains(RuleFlags::Invert),
        from: prefix(from, found.header.src_len),
        to: prefix(to, found.header.dst_len),
        input,
        output,
        mark: (mark, mask),
        priority,
        table,
    };
    found.header.family == address_family(rule.family)
        && found.header.action == RuleAction::ToTable
        && selectors == Selectors::of(rule)
}

fn attribute<T>(message: &RouteMessage, read: impl Fn(&RouteAttribute) -> Option<T>) -> Option<T> {
    message.attributes.iter().find_map(read)
}

/// Returns the destination; none for a default route.
fn destination(message: &RouteMessage) -> Option<RouteAddress> {
    attribute(message, |attribute| match attribute {
        RouteAttribute::Destination(destination) => Some(destination.clone()),
        _ => None,
    })
}

fn found_metric(message: &RouteMessage) -> u32 {
    let metric = attribute(message, |attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    metric.unwrap_or_default()
}

/// Returns the metric that the kernel uses.
fn metric(route: &Route) -> u32 {
    match Family::of(route.destination.address) {
        Family::Ipv4 => route.metric.unwrap_or_default(),
        Family::Ipv6 => route.metric.filter(|metric| *metric > 0).unwrap_or(METRIC_OF_IPV6),
    }
}

fn kind(route: &Route) -> RouteType {
    match route.kind {
        RouteKind::Unicast => RouteType::Unicast,
        RouteKind::Blackhole => RouteType::BlackHole,
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Prohibit => RouteType::Prohibit,
        RouteKind::Throw => RouteType::Throw,
    }
}

/// Returns a message that removes the route with our mark in the place of this one, even if other parts of it were changed.
fn route_place(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: address_family(Family::of(route.destination.address)),
        destination_prefix_length: route.destination.length,
        protocol: MARK,
        scope: RouteScope::NoWhere,
        kind: RouteType::Unspec,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Table(route.table),
        RouteAttribute::Destination(route.destination.address.into()),
        RouteAttribute::Priority(metric(route)),
    ];
    message
}

fn route_message(route: &Route) -> io::Result<RouteMessage> {
    let family = Family::of(route.destination.address);
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: address_family(family),
        destination_prefix_length: route.destination.length,
        protocol: MARK,
        scope: scope(route),
        kind: kind(route),
        flags: if route.onlink { RouteFlags::Onlink } else { RouteFlags::empty() },
        ..RouteHeader::default()
    };
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(route.table));
    attributes.push(RouteAttribute::Destination(route.destination.address.into()));
    attributes.extend(route.via.map(|via| RouteAttribute::Gateway(via.into())));
    attributes.extend(route.source.map(|source| RouteAttribute::PrefSource(source.into())));
    attributes.extend(route.metric.map(RouteAttribute::Priority));
    attributes.extend(route.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
    if let Some(device) = &route.device {
        attributes.push(RouteAttribute::Oif(if_nametoindex(device.as_str())?));
    }
    Ok(message)
}

/// Returns the scope. The default is that of `ip route`: a destination on the link is valid on the link.
fn scope(route: &Route) -> RouteScope {
    match (route.scope, route.kind, route.via) {
        (Some(scope), ..) => RouteScope::from(scope),
        (None, RouteKind::Unicast, None) => RouteScope::Link,
        (None, ..) => RouteScope::Universe,
    }
}

fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = address_family(rule.family);
    message.header.action = RuleAction::ToTable;
    if rule.invert {
        message.header.flags = RuleFlags::Invert;
    }
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Protocol(MARK));
    attributes.push(RuleAttribute::Table(rule.table));
    attributes.push(RuleAttribute::Priority(rule.priority));
    attributes.extend(rule.input.clone().map(RuleAttribute::Iifname));
    attributes.extend(rule.output.clone().map(RuleAttribute::Oifname));
    if let Some(mark) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark.value));
        attributes.extend(mark.mask.map(RuleAttribute::FwMask));
    }
    if let Some(Prefix { address, length }) = rule.from.filter(|from| from.length > 0) {
        message.header.src_len = length;
        message.attributes.push(RuleAttribute::Source(address));
    }
    if let Some(Prefix { address, length }) = rule.to.filter(|to| to.length > 0) {
        message.header.dst_len = length;
        message.attributes.push(RuleAttribute::Destination(address));
    }
    message
}

const fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    }
}

/// Returns true for the kernel's errors about things that are missing: no such route, rule, table or interface.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT | libc::ENODEV))
}

/// Ignores the error of a kernel that does not know the family.
fn absent_family(error: Error) -> io::Result<()> {
    let error = reason(error);
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::ENOENT) => Ok(()),
        _ => Err(error),
    }
}

fn reason(error: Error) -> io::Error {
    match error {
        Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
