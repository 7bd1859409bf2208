//! One route or rule in the kernel.

use std::fmt;
use std::io;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};
use rtnetlink::{Error, Handle};
use vrrp_core::Family;

use crate::config::{Prefix, Route, RouteKind, Rule};

/// What the routes and rules of vrrpd are marked with: the protocol number of VRRP.
const MARK: RouteProtocol = RouteProtocol::Other(112);

/// A route or a rule.
#[derive(Debug)]
pub(super) struct Item {
    what: What,
    /// It was set by us.
    pub(super) ours: bool,
}

#[derive(Debug)]
enum What {
    Route(Route),
    Rule(Rule),
}

impl Item {
    pub(super) fn route(route: Route) -> Self {
        Self { what: What::Route(route), ours: false }
    }

    pub(super) fn rule(rule: Rule) -> Self {
        Self { what: What::Rule(rule), ours: false }
    }

    pub(super) async fn add(&self, handle: &Handle) -> io::Result<()> {
        match &self.what {
            What::Route(route) => handle.route().add(route_message(route)?).execute().await,
            What::Rule(rule) => {
                let mut request = handle.rule().add();
                *request.message_mut() = rule_message(rule);
                request.execute().await
            }
        }
        .map_err(reason)
    }

    /// Returns whether there was one with our mark.
    pub(super) async fn delete(&self, handle: &Handle) -> io::Result<bool> {
        let deleted = match &self.what {
            What::Route(route) => match route_message(route) {
                Ok(message) => handle.route().del(message).execute().await,
                // Without the interface there is no route to it.
                Err(_) => return Ok(false),
            },
            What::Rule(rule) => handle.rule().del(rule_message(rule)).execute().await,
        };
        match deleted.map_err(reason) {
            Ok(()) => Ok(true),
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Route(route) => write!(f, "route {route}"),
            What::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

fn route_message(route: &Route) -> io::Result<RouteMessage> {
    let family = Family::of(route.destination.address);
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: address_family(family),
        destination_prefix_length: route.destination.length,
        protocol: MARK,
        scope: route.scope.map_or_else(|| scope(route), RouteScope::from),
        kind: match route.kind {
            RouteKind::Unicast => RouteType::Unicast,
            RouteKind::Blackhole => RouteType::BlackHole,
            RouteKind::Unreachable => RouteType::Unreachable,
            RouteKind::Prohibit => RouteType::Prohibit,
            RouteKind::Throw => RouteType::Throw,
        },
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

/// As `ip route` chooses it: a destination on the link is valid on the link.
fn scope(route: &Route) -> RouteScope {
    match (route.kind, route.via) {
        (RouteKind::Unicast, None) => RouteScope::Link,
        _ => RouteScope::Universe,
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

/// What the kernel says of what is not there: no such route, no such rule, no such table or interface.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::ENOENT | libc::ENODEV))
}

fn reason(error: Error) -> io::Error {
    match error {
        Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}
