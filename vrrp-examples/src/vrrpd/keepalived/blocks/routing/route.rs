//! One line of `virtual_routes`.

use crate::vrrpd::config::{Route, RouteKind};
use crate::vrrpd::keepalived::blocks::address::scope;
use crate::vrrpd::keepalived::blocks::routing::words::{Words, Written};
use crate::vrrpd::keepalived::blocks::values::interface;
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use vrrp_core::Family;

/// A route as written.
pub(crate) struct RouteDraft {
    pub(crate) route: Route,
    /// True if its interface is tracked.
    pub(crate) tracked: bool,
}

const SYNTAX: &str = "[unicast|blackhole|unreachable|prohibit|throw] NETWORK|default [via IP] [dev INTERFACE] [src IP] [table TABLE] [metric N] [scope SCOPE] [onlink] [mtu N], one on a line";

const NAMES: [&str; 14] = [
    "blackhole",
    "default",
    "dev",
    "metric",
    "mtu",
    "no_track",
    "onlink",
    "prohibit",
    "scope",
    "src",
    "table",
    "throw",
    "unreachable",
    "via",
];

/// Words that keepalived knows and vrrpd does not.
const UNSUPPORTED: [&str; 30] = [
    "advmss",
    "as",
    "congctl",
    "cwnd",
    "dsfield",
    "encap",
    "expires",
    "fastopen_no_cookie",
    "features",
    "from",
    "hoplimit",
    "initcwnd",
    "initrwnd",
    "local",
    "multicast",
    "nat",
    "nexthop",
    "or",
    "pref",
    "quickack",
    "realms",
    "reordering",
    "rto_min",
    "rtt",
    "rttvar",
    "ssthresh",
    "tos",
    "ttl-propagate",
    "vrf",
    "window",
];

pub(crate) fn read(entry: &Statement, report: &mut Report) -> Option<RouteDraft> {
    let mut words = Words::of(entry, "route", SYNTAX, &NAMES, &UNSUPPORTED);
    let mut route = RouteWords::default();
    while let Some(word) = words.next(report) {
        route.take(word, &mut words, report)?;
    }
    route.finish(&entry.keyword, words.family, report)
}

/// The line so far.
#[derive(Default)]
struct RouteWords {
    kind: RouteKind,
    destination: Option<Written>,
    via: Option<std::net::IpAddr>,
    device: Option<String>,
    source: Option<std::net::IpAddr>,
    table: Option<u32>,
    metric: Option<u32>,
    scope: Option<u8>,
    onlink: bool,
    mtu: Option<u32>,
    untracked: bool,
}

impl RouteWords {
    fn take(&mut self, word: &Word, words: &mut Words<'_>, report: &mut Report) -> Option<()> {
        match word.text.as_str() {
            "unicast" => self.kind = RouteKind::Unicast,
            "blackhole" => self.kind = RouteKind::Blackhole,
            "unreachable" => self.kind = RouteKind::Unreachable,
            "prohibit" => self.kind = RouteKind::Prohibit,
            "throw" => self.kind = RouteKind::Throw,
            "via" | "gw" => {
                let mut value = words.value(word, report)?;
                if matches!(value.text.as_str(), "inet" | "inet6") {
                    value = words.value(word, report)?;
                }
                self.via = Some(words.host(value, report)?);
            }
            "src" => {
                let value = words.value(word, report)?;
                self.source = Some(words.host(value, report)?);
            }
            "dev" | "oif" => self.device = Some(interface(words.value(word, report)?, report)?),
            "table" => self.table = Some(words.table(word, report)?),
            "metric" | "priority" | "preference" => self.metric = Some(words.number(word, report)?),
            "scope" => self.scope = Some(scope(words.value(word, report)?, report)?.number()),
            "onlink" => self.onlink = true,
            "mtu" => self.mtu = Some(words.number(word, report)?),
            "protocol" | "proto" => {
                words.value(word, report)?;
                report.notice(word.span, "the protocol is always 112: it marks the routes that vrrpd has set");
            }
            "no_track" => self.untracked = true,
            "to" => {
                let value = words.value(word, report)?;
                self.destination = Some(words.prefix(value, report)?);
            }
            text if UNSUPPORTED.contains(&text) => {
                words.refuse(word, report);
                return None;
            }
            _ => self.destination = Some(words.prefix(word, report)?),
        }
        Some(())
    }

    fn finish(self, first: &Word, family: Option<Family>, report: &mut Report) -> Option<RouteDraft> {
        let Some(destination) = self.destination else {
            report.error(first.span, "this route has no destination").with_expected(SYNTAX);
            return None;
        };
        if self.kind == RouteKind::Unicast && self.via.is_none() && self.device.is_none() {
            report
                .error(first.span, "this route has neither a gateway nor an interface")
                .with_expected("`via IP`, `dev INTERFACE` or both");
            return None;
        }
        if self.kind != RouteKind::Unicast && (self.via.is_some() || self.device.is_some()) {
            let message = format!("a route of type {} takes no gateway and no interface", self.kind.name());
            report.error(first.span, message).with_expected("neither `via` nor `dev`");
            return None;
        }
        let route = Route {
            kind: self.kind,
            destination: destination.of(family.unwrap_or(Family::Ipv4)),
            via: self.via,
            device: self.device,
            source: self.source,
            table: self.table.unwrap_or(Route::MAIN),
            metric: self.metric,
            scope: self.scope,
            onlink: self.onlink,
            mtu: self.mtu,
        };
        Some(RouteDraft { route, tracked: !self.untracked })
    }
}
