//! Addresses, routes and rules.

use vrrp_core::Family;
use vrrp_io_linux::{Scope, VirtualIp};

use crate::vrrpd::config::{Mark, Prefix, Route, RouteKind, Rule};
use crate::vrrpd::native::write::out::{flag, inline, text};

/// Returns an address; `untracked`: its device is not tracked.
pub(super) fn address(virtual_ip: &VirtualIp, untracked: bool) -> String {
    let VirtualIp { address: _, prefix_len: _, device, label, scope, broadcast, no_prefix_route } = virtual_ip;
    let number = |scope: &Scope| match scope {
        Scope::Global => None,
        Scope::Site => Some(text("site")),
        Scope::Link => Some(text("link")),
        Scope::Host => Some(text("host")),
        Scope::Other(number) => Some(number.to_string()),
    };
    let options = [
        ("device", device.as_deref().map(text)),
        ("label", label.as_deref().map(text)),
        ("scope", number(scope)),
        ("broadcast", broadcast.map(|broadcast| text(&broadcast.to_string()))),
        ("prefix_route", no_prefix_route.then(|| "false".to_owned())),
        ("track", untracked.then(|| "false".to_owned())),
    ];
    let address = text(&virtual_ip.to_string());
    match options.iter().all(|(_, value)| value.is_none()) {
        true => address,
        false => inline([("address", Some(address))].into_iter().chain(options)),
    }
}

/// Returns a route; `untracked`: its device is not tracked.
pub(super) fn route(route: &Route, untracked: bool) -> String {
    let Route { kind, destination, via, device, source, table, metric, scope, onlink, mtu } = route;
    inline([
        ("to", Some(network(destination))),
        ("kind", (*kind != RouteKind::Unicast).then(|| text(kind.name()))),
        ("via", via.map(|via| text(&via.to_string()))),
        ("device", device.as_deref().map(text)),
        ("source", source.map(|source| text(&source.to_string()))),
        ("table", (*table != Route::MAIN).then(|| table.to_string())),
        ("metric", metric.map(|metric| metric.to_string())),
        ("scope", scope.map(|scope| scope.to_string())),
        ("mtu", mtu.map(|mtu| mtu.to_string())),
        ("onlink", flag(*onlink)),
        ("track", untracked.then(|| "false".to_owned())),
    ])
}

/// Returns a rule.
pub(super) fn rule(rule: &Rule) -> String {
    let Rule { family, invert, from, to, input, output, mark, priority, table } = rule;
    let told = from.as_ref().or(to.as_ref()).map_or(Family::Ipv4, |network| Family::of(network.address));
    inline([
        ("priority", Some(priority.to_string())),
        ("family", (*family != told).then(|| text(family_name(*family)))),
        ("invert", flag(*invert)),
        ("from", from.as_ref().map(network)),
        ("to", to.as_ref().map(network)),
        ("input", input.as_deref().map(text)),
        ("output", output.as_deref().map(text)),
        ("mark", mark.map(self::mark)),
        ("table", Some(if *table == Route::MAIN { text("main") } else { table.to_string() })),
    ])
}

/// Returns the name of a family.
pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn network(Prefix { address, length }: &Prefix) -> String {
    match (address.is_ipv4(), length) {
        (true, 0) => text("default"),
        _ => text(&format!("{address}/{length}")),
    }
}

fn mark(Mark { value, mask }: Mark) -> String {
    match mask {
        Some(mask) => format!("\"{value:#x}/{mask:#x}\""),
        None => format!("{value:#x}"),
    }
}
