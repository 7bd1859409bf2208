//! The rules that a configuration must keep in every format.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::vrrpd::config::{Check, Daemon, Instance, SyncGroup};
use crate::vrrpd::report::diagnostics::{Code, Diagnostic};
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;
use vrrp_io_linux::Scheduling;

/// Longest time that a certificate can be asked to be valid for: a hundred years.
pub(crate) const MAX_VALIDITY: Duration = Duration::from_secs(3_155_760_000);

/// A configuration that would run.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The daemon's configuration.
    pub daemon: Daemon,
    /// Findings that the reader should know, in the order of the text. All are notices.
    pub notices: Vec<Diagnostic>,
}

/// Reports every virtual router id that is taken on an interface.
pub(crate) fn router_ids<'a>(routers: impl IntoIterator<Item = ((u8, Family, &'a String), Span)>, report: &mut Report) {
    let taken = |(vrid, family, interface): &(u8, Family, &String)| {
        format!("virtual router id {vrid} is taken on {interface} for {family}")
    };
    unique(routers, report, taken, "an id that no other instance on this interface has");
}

/// Reports every address that is on a device already, and every one that a router has on two devices. The fixed ones belong to
/// no router.
pub(crate) fn addresses<'a>(
    routers: impl IntoIterator<Item = Vec<((&'a str, IpAddr), Span)>>,
    fixed: impl IntoIterator<Item = ((&'a str, IpAddr), Span)>,
    report: &mut Report,
) {
    let mut all: Vec<_> = fixed.into_iter().collect();
    for of_router in routers {
        let mut devices = BTreeSet::new();
        let on_each =
            of_router.iter().filter(|(key, _)| devices.insert(*key)).map(|((_, address), span)| (*address, *span));
        let twice = |address: &_| format!("this router has the address {address} on another device too");
        unique(on_each, report, twice, "each address once in a router");
        all.extend(of_router);
    }
    let taken = |(device, address): &_| format!("the address {address} is taken on {device}");
    unique(all, report, taken, "each address once on a device");
}

/// Reports every FIFO that has the path of another one.
pub(crate) fn fifos<'a>(paths: impl IntoIterator<Item = (&'a Path, Span)>, report: &mut Report) {
    unique(paths, report, |_| "two FIFOs with one path".to_owned(), "a path of its own for each");
}

/// Says where a limit of real time is raised. `least` is the least one, as it is written in this format.
pub(crate) fn real_time_limit(limit: Duration, (keyword, least): (&str, &str), span: Span, report: &mut Report) {
    if limit < Scheduling::LEAST_REAL_TIME_LIMIT {
        let message = format!("`{keyword}` is raised to {least}: a takeover of many addresses can take that long");
        report.notice(span, message);
    }
}

/// Reports a source address of another family than the target of its check.
pub(crate) fn source_of_check((source, span): (IpAddr, Span), target: IpAddr, report: &mut Report) {
    let family = Family::of(target);
    if Family::of(source) != family {
        report
            .error(span, format!("{target} cannot be reached from {source}"))
            .with_expected(format!("an {family} address of this host"));
    }
}

/// Returns true if a single host can have this address.
pub(crate) fn is_of_one(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// Returns true if a text can be in the first line of a request, or be the name of a header.
pub(crate) fn is_request_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Returns true for the path of a URL.
pub(crate) fn is_path_of_url(text: &str) -> bool {
    text.starts_with('/') && is_request_text(text)
}

/// Returns true for a URL that a proxy can be asked for.
pub(crate) fn is_url_for_proxy(text: &str) -> bool {
    text.strip_prefix("http://").is_some_and(is_request_text)
}

/// Returns true for HOST:PORT.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    text.rsplit_once(':').is_some_and(|(host, port)| is_request_text(host) && is_port(port))
}

/// Reports every name of an interface of a virtual MAC address that another one has.
pub(crate) fn mac_interfaces<'a>(names: impl IntoIterator<Item = (&'a String, Span)>, report: &mut Report) {
    unique(names, report, |name| format!("the interface name `{name}` is taken"), "a name of its own");
}

/// Reports every member that is in a group already.
pub(crate) fn members<'a>(members: impl IntoIterator<Item = (&'a String, Span)>, report: &mut Report) {
    unique(members, report, |name| format!("`{name}` is in a group already"), "each instance in one group at most");
}

/// Reports what is tracked twice in one place.
pub(crate) fn tracked_once<'a>(names: impl IntoIterator<Item = (&'a String, Span)>, report: &mut Report) {
    unique(names, report, |name| format!("`{name}` is tracked twice"), "each name once");
}

/// Reports the interface of a virtual MAC address where one is tracked.
pub(crate) fn no_mac_interface(name: &str, span: Span, mac_interfaces: &BTreeSet<String>, report: &mut Report) {
    if mac_interfaces.contains(name) {
        report
            .error(span, format!("`{name}` is down whenever its router is not Master"))
            .with_expected("an interface that is not that of a virtual MAC address");
    }
}

/// Returns the checks that count for some instance, which are those that run; `spans` are of their names.
pub(crate) fn that_count(
    checks: Vec<Check>,
    spans: &[Span],
    instances: &[Instance],
    groups: &[SyncGroup],
    report: &mut Report,
) -> Vec<Check> {
    let of_groups = groups.iter().flat_map(|group| &group.track_checks);
    let tracks = instances.iter().flat_map(|instance| &instance.track_checks).chain(of_groups);
    let tracks: BTreeSet<&str> = tracks.map(|track| track.name.as_str()).collect();
    let (tracked, idle): (Vec<_>, Vec<_>) =
        checks.into_iter().zip(spans).partition(|(check, _)| tracks.contains(check.name.as_str()));
    // After an error this may be the consequence of a name that was wrong.
    if !report.failed() {
        for (check, span) in idle {
            report.notice(*span, format!("`{}` is not run: it counts for no instance", check.name));
        }
    }
    tracked.into_iter().map(|(check, _)| check).collect()
}

/// Reports every item after the first with the same key; `message` names it.
pub(crate) fn unique<K: Ord>(
    items: impl IntoIterator<Item = (K, Span)>,
    report: &mut Report,
    message: impl Fn(&K) -> String,
    expected: &str,
) {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_by_key(|(_, span)| *span);
    let mut first = BTreeMap::new();
    for (key, span) in items {
        match first.get(&key) {
            Some(earlier) => {
                let place = report.place(*earlier, span);
                let error = report.error(span, format!("{}, first on {place}", message(&key)));
                error.with_code(Code::Repeated).with_expected(expected);
            }
            None => {
                first.insert(key, span);
            }
        }
    }
}
