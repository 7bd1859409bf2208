//! `vrrp_instance` as it is written. What it means is told one storey below.

use std::net::IpAddr;
use std::time::Duration;

use crate::vrrpd::config::Notify;
use crate::vrrpd::keepalived::blocks::address::{self, AddressDraft};
use crate::vrrpd::keepalived::blocks::global::Garp;
use crate::vrrpd::keepalived::blocks::keywords::{AUTHENTICATION, INSTANCE};
use crate::vrrpd::keepalived::blocks::routing::route::{self, RouteDraft};
use crate::vrrpd::keepalived::blocks::routing::rule::{self, RuleDraft};
use crate::vrrpd::keepalived::blocks::switches::Switches;
use crate::vrrpd::keepalived::blocks::track::{self, Kind, TrackDraft};
use crate::vrrpd::keepalived::blocks::unicast::{self, PeerDraft};
use crate::vrrpd::keepalived::blocks::values::{At, interface as interface_name};
use crate::vrrpd::keepalived::blocks::vmac::VmacDraft;
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Password;

/// An instance as written; `None` and empty: not written, or wrong and reported.
pub(crate) struct InstanceDraft {
    pub(crate) name: Word,
    pub(crate) initial: Option<At<Initial>>,
    pub(crate) interface: Option<At<String>>,
    pub(crate) vrid: Option<At<u8>>,
    pub(crate) priority: Option<At<u8>>,
    pub(crate) interval: Option<At<Duration>>,
    pub(crate) nopreempt: Option<Span>,
    pub(crate) preempt: Option<Span>,
    pub(crate) preempt_delay: Option<At<Duration>>,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) switches: Switches,
    pub(crate) native_ipv6: Option<Span>,
    pub(crate) accept: Option<Span>,
    pub(crate) no_accept: Option<Span>,
    pub(crate) mcast_source: Option<At<IpAddr>>,
    pub(crate) unicast_source: Option<At<IpAddr>>,
    pub(crate) unicast_ttl: Option<At<u8>>,
    /// `unicast_fault_no_peer`.
    pub(crate) never_to_group: Option<Span>,
    pub(crate) vmac: Option<VmacDraft>,
    pub(crate) vmac_xmit_base: Option<Span>,
    pub(crate) untracked_interface: Option<Span>,
    pub(crate) no_addresses: Option<Span>,
    pub(crate) notify: Notify,
    pub(crate) priority_changes: Option<At<bool>>,
    pub(crate) garp: Garp,
    /// The first `unicast_peer`.
    pub(crate) unicast_peer: Option<Span>,
    pub(crate) peers: Vec<PeerDraft>,
    pub(crate) addresses: Vec<AddressDraft>,
    pub(crate) excluded: Vec<AddressDraft>,
    pub(crate) routes: Vec<RouteDraft>,
    pub(crate) rules: Vec<RuleDraft>,
    pub(crate) track_interfaces: Vec<TrackDraft>,
    pub(crate) track_checks: Vec<TrackDraft>,
    /// Keywords that are in the block, right or wrong: one with an error is not reported as missing too.
    written: Vec<String>,
}

/// The `state` an instance starts in. keepalived gives it a say in other things only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initial {
    Master,
    Backup,
}

/// The `authentication` block.
pub(crate) struct Authentication {
    pub(crate) span: Span,
    pub(crate) password: Option<Password>,
}

impl InstanceDraft {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        let (name, body) = statement.named_block("the name of the instance", report)?;
        let mut draft = Self {
            name: name.clone(),
            initial: None,
            interface: None,
            vrid: None,
            priority: None,
            interval: None,
            nopreempt: None,
            preempt: None,
            preempt_delay: None,
            authentication: None,
            switches: Switches::default(),
            native_ipv6: None,
            accept: None,
            no_accept: None,
            mcast_source: None,
            unicast_source: None,
            unicast_ttl: None,
            never_to_group: None,
            vmac: None,
            vmac_xmit_base: None,
            untracked_interface: None,
            no_addresses: None,
            notify: Notify::default(),
            priority_changes: None,
            garp: Garp::default(),
            unicast_peer: None,
            peers: Vec::new(),
            addresses: Vec::new(),
            excluded: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            track_interfaces: Vec::new(),
            track_checks: Vec::new(),
            written: body.iter().map(|statement| statement.keyword.text.clone()).collect(),
        };
        INSTANCE.read(Some(body), &mut draft, report);
        draft.require(report);
        Some(draft)
    }

    pub(crate) fn peers(&mut self, statement: &Statement, report: &mut Report) {
        let entries = statement.some_entries("the address of each other router, one on a line", report);
        self.unicast_peer.get_or_insert(statement.keyword.span);
        self.peers.extend(entries.iter().filter_map(|entry| unicast::peer(entry, report)));
    }

    pub(crate) fn addresses(&mut self, statement: &Statement, report: &mut Report) {
        self.addresses.extend(address::read(statement.entries(report), report));
    }

    pub(crate) fn excluded(&mut self, statement: &Statement, report: &mut Report) {
        self.excluded.extend(address::read(statement.entries(report), report));
    }

    pub(crate) fn routes(&mut self, statement: &Statement, report: &mut Report) {
        self.routes.extend(statement.entries(report).iter().filter_map(|entry| route::read(entry, report)));
    }

    pub(crate) fn rules(&mut self, statement: &Statement, report: &mut Report) {
        self.rules.extend(statement.entries(report).iter().filter_map(|entry| rule::read(entry, report)));
    }

    pub(crate) fn track_interfaces(&mut self, statement: &Statement, report: &mut Report) {
        let tracks = track::read(Kind::Interface, statement, report);
        self.track_interfaces.extend(tracks.into_iter().filter(|track| interface_name(&track.name, report).is_some()));
    }

    pub(crate) fn track_checks(&mut self, kind: Kind, statement: &Statement, report: &mut Report) {
        self.track_checks.extend(track::read(kind, statement, report));
    }

    /// Every address with the device that it is put on.
    pub(crate) fn installed(&self) -> impl Iterator<Item = ((&str, std::net::IpAddr), Span)> {
        let interface = self.interface.as_ref().map(|interface| interface.value.as_str());
        self.addresses.iter().chain(&self.excluded).filter_map(move |virtual_ip| {
            let device = virtual_ip.virtual_ip.device.as_deref().or(interface)?;
            Some(((device, virtual_ip.virtual_ip.address), virtual_ip.span))
        })
    }

    pub(crate) fn spans(&self) -> Spans {
        let interface = self.interface.as_ref().map_or(self.name.span, |interface| interface.span);
        Spans { interface, virtual_mac: self.vmac.as_ref().map(|vmac| vmac.span) }
    }

    /// Returns true if there is no `interface`, neither right nor wrong.
    pub(crate) fn lacks_interface(&self) -> bool {
        self.interface.is_none() && !INSTANCE.has("interface", self.written.iter().map(String::as_str))
    }

    fn require(&self, report: &mut Report) {
        let keyword = "virtual_router_id";
        if !INSTANCE.has(keyword, self.written.iter().map(String::as_str)) {
            let message = format!("the instance `{}` has no `{keyword}`", self.name.text);
            let expected = "`virtual_router_id` with a whole number from 1 to 255";
            report.error(self.name.span, message).with_code(Code::Missing).with_expected(expected);
        }
    }
}

impl Authentication {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        let mut authentication = Self { span: statement.keyword.span, password: None };
        let body = statement.block(report)?;
        AUTHENTICATION.read(Some(body), &mut authentication, report);
        for (keyword, expected) in [("auth_type", "`auth_type PASS`"), ("auth_pass", "`auth_pass` with a password")] {
            let written = body.iter().map(|statement| statement.keyword.text.as_str());
            if !AUTHENTICATION.has(keyword, written) {
                report
                    .error(statement.keyword.span, format!("`authentication` without `{keyword}`"))
                    .with_code(Code::Missing)
                    .with_expected(expected);
            }
        }
        Some(authentication)
    }
}

/// `auth_type`.
pub(crate) fn authentication_type(statement: &Statement, report: &mut Report) {
    let Some(kind) = statement.value("PASS", report) else { return };
    let error = match kind.text.as_str() {
        "PASS" => return,
        "AH" => report.error(kind.span, "the authentication header (`AH`, RFC 2338 type 2) is not supported"),
        // It may be the password.
        _ => report.error(kind.span, "this is not a type of authentication"),
    };
    error.with_expected("PASS").with_nearest(&kind.text, ["PASS"]);
}

/// `state`.
pub(crate) fn initial(statement: &Statement, report: &mut Report) -> Option<At<Initial>> {
    let word = statement.value("MASTER or BACKUP", report)?;
    let value = match word.text.as_str() {
        "MASTER" => Initial::Master,
        "BACKUP" => Initial::Backup,
        other => {
            report
                .notice(word.span, format!("`{other}` is not a state; it is taken for BACKUP, as in keepalived"))
                .with_expected("MASTER or BACKUP")
                .with_nearest(other, ["MASTER", "BACKUP"]);
            Initial::Backup
        }
    };
    Some(At { value, span: word.span })
}

/// `interface`.
pub(crate) fn interface(statement: &Statement, report: &mut Report) -> Option<At<String>> {
    let word = statement.value("the name of an interface", report)?;
    interface_name(word, report).map(|value| At { value, span: word.span })
}

/// `auth_pass`. Version 2 carries eight octets; keepalived cuts off the rest, and so both ends agree.
pub(crate) fn password(statement: &Statement, report: &mut Report) -> Option<Password> {
    let word = statement.value("a password of 1 to 8 octets", report)?;
    let octets = word.text.as_bytes();
    let used = octets.get(..8).unwrap_or(octets);
    if used.len() < octets.len() {
        let message = format!("the password is {} octets long; the first 8 are used, as in keepalived", octets.len());
        report.notice(word.span, message);
    }
    Password::new(used).ok()
}
