//! The rules that a configuration must keep in every format.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::vrrpd::config::{Check, Daemon, Instance, SyncGroup};
use crate::vrrpd::report::diagnostics::{Code, Diagnostic};
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;

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

/// Reports every address that is on a device already.
pub(crate) fn addresses<'a>(addresses: impl IntoIterator<Item = ((&'a str, IpAddr), Span)>, report: &mut Report) {
    let taken = |(device, address): &_| format!("the address {address} is taken on {device}");
    unique(addresses, report, taken, "each address once on a device");
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
