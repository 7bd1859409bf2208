//! Routes and rules.

use std::net::IpAddr;

use vrrp_core::Family;

use crate::vrrpd::config::{Mark, Prefix, Route, RouteKind, Rule};
use crate::vrrpd::native::read::address::scope;
use crate::vrrpd::native::section::{Section, mismatch};
use crate::vrrpd::native::shape::Kind;
use crate::vrrpd::native::tables::{ROUTE, RULE};
use crate::vrrpd::native::tree::{At, Node, Value};
use crate::vrrpd::report::{Report, Span};

/// A route as written.
pub(crate) struct RouteRead {
    pub(crate) route: Route,
    /// True if its device is tracked.
    pub(crate) tracked: bool,
}

/// Reads a list of routes.
pub(crate) fn routes(section: &Section<'_>, report: &mut Report) -> Vec<RouteRead> {
    section.list("routes", report).iter().filter_map(|node| route(node, report)).collect()
}

/// Reads a list of rules.
pub(crate) fn rules(section: &Section<'_>, report: &mut Report) -> Vec<Rule> {
    section.list("rules", report).iter().filter_map(|node| rule(node, report)).collect()
}

fn route(node: &Node, report: &mut Report) -> Option<RouteRead> {
    let section = Section::read(node, node.span, &[&ROUTE], report)?;
    let kind = section.choice("kind", report).map_or("unicast", |kind| kind.value);
    let kind = match kind {
        "blackhole" => RouteKind::Blackhole,
        "unreachable" => RouteKind::Unreachable,
        "prohibit" => RouteKind::Prohibit,
        "throw" => RouteKind::Throw,
        _ => RouteKind::Unicast,
    };
    let destination = network(&section, "to", report);
    let (via, source) = (section.host("via", report), section.host("source", report));
    let device = section.interface("device", report).map(|device| device.value);
    let scope = section.node("scope").and_then(|node| scope(node, report)).map(|scope| scope.number());
    let route = Route {
        kind,
        destination: destination?.value,
        via: via.map(|via| via.value),
        device,
        source: source.map(|source| source.value),
        table: table(&section, report).unwrap_or(Route::MAIN),
        metric: section.whole("metric", report).map(|metric| metric.value),
        scope,
        onlink: section.flag("onlink", report).is_some_and(|onlink| onlink.value),
        mtu: section.whole("mtu", report).map(|mtu| mtu.value),
    };
    let leads = route.via.is_some() || route.device.is_some();
    if (route.kind == RouteKind::Unicast) != leads {
        let (message, expected) = match leads {
            true => (
                format!("a route of kind {} takes no gateway and no interface", route.kind.name()),
                "neither `via` nor `device`",
            ),
            false => ("this route has neither a gateway nor an interface".to_owned(), "`via`, `device` or both"),
        };
        report.error(node.span, message).with_expected(expected);
    }
    one_family("route", Family::of(route.destination.address), [via, source].into_iter().flatten(), report);
    let tracked = section.flag("track", report).is_none_or(|track| track.value);
    Some(RouteRead { route, tracked })
}

fn rule(node: &Node, report: &mut Report) -> Option<Rule> {
    let section = Section::read(node, node.span, &[&RULE], report)?;
    let (from, to) = (network(&section, "from", report), network(&section, "to", report));
    let of = |network: At<Prefix>| Family::of(network.value.address);
    let family = match section.choice("family", report).map(|family| family.value) {
        Some("ipv6") => Family::Ipv6,
        Some(_) => Family::Ipv4,
        None => from.or(to).map_or(Family::Ipv4, of),
    };
    let networks = [from, to].into_iter().flatten();
    one_family("rule", family, networks.map(|at| At { value: at.value.address, span: at.span }), report);
    let input = section.interface("input", report).map(|name| name.value);
    let output = section.interface("output", report).map(|name| name.value);
    let mark = section.node("mark").and_then(|node| mark(node, report));
    let priority = section.whole("priority", report);
    let table = table(&section, report);
    Some(Rule {
        family,
        invert: section.flag("invert", report).is_some_and(|invert| invert.value),
        from: from.map(|from| from.value),
        to: to.map(|to| to.value),
        input,
        output,
        mark,
        priority: priority?.value,
        table: table?,
    })
}

fn one_family(what: &str, family: Family, addresses: impl Iterator<Item = At<IpAddr>>, report: &mut Report) {
    for At { value, span } in addresses.filter(|address| Family::of(address.value) != family) {
        report
            .error(span, format!("{value} in a {what} for {family}"))
            .with_expected(format!("{family} only, as in the rest of the {what}"));
    }
}

fn network(section: &Section<'_>, name: &str, report: &mut Report) -> Option<At<Prefix>> {
    let text = section.text(name, report)?;
    if text.value == "default" {
        return Some(At { value: Prefix::all(Family::Ipv4), span: text.span });
    }
    let (address, length) = match text.value.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text.value.as_str(), None),
    };
    let parsed = address.parse::<IpAddr>().ok().and_then(|address| {
        let max = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(max), |length| length.parse().ok().filter(|length| *length <= max))?;
        Some(Prefix { address, length })
    });
    let Some(prefix) = parsed else {
        let message = format!("`{}` is not a network", text.value);
        report.error(text.span, message).with_expected(section.expected(name));
        return None;
    };
    let first = masked(prefix);
    if first != prefix.address {
        report
            .error(text.span, format!("{} has bits beyond its first {}", prefix.address, prefix.length))
            .with_expected(format!("{first}/{}", prefix.length));
        return None;
    }
    Some(At { value: prefix, span: text.span })
}

fn masked(Prefix { address, length }: Prefix) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(length).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(length).unwrap_or(0)).into()),
    }
}

fn table(section: &Section<'_>, report: &mut Report) -> Option<u32> {
    let node = section.node("table")?;
    let (number, shown) = match &node.value {
        Value::Whole(number) => (*number, report.slice(node.span).to_owned()),
        Value::Text(name) => {
            let number = match name.as_str() {
                "default" => Some(253),
                "main" => Some(254),
                "local" => Some(255),
                _ => None,
            };
            (number, name.clone())
        }
        _ => {
            mismatch(node, Kind::TableNumber.expected(), report);
            return None;
        }
    };
    let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    if number.is_none() {
        let message = format!("`{shown}` is not a routing table");
        report.error(node.span, message).with_expected(Kind::TableNumber.expected());
    }
    number
}

fn mark(node: &Node, report: &mut Report) -> Option<Mark> {
    let mark = match &node.value {
        Value::Whole(number) => number.and_then(|number| u32::try_from(number).ok()).map(|value| (value, None)),
        Value::Text(text) => match text.split_once('/') {
            Some((value, mask)) => whole(value).zip(whole(mask)).map(|(value, mask)| (value, Some(mask))),
            None => whole(text).map(|value| (value, None)),
        },
        _ => None,
    };
    if mark.is_none() {
        not_a_mark(node.span, report);
    }
    mark.map(|(value, mask)| Mark { value, mask })
}

fn not_a_mark(span: Span, report: &mut Report) {
    report.error(span, "this is not a mark").with_expected(Kind::Mark.expected());
}

fn whole(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
