//! Version, strict mode and the switches of the protocol, with keepalived's defaults.

use std::net::IpAddr;
use std::time::Duration;

use crate::vrrpd::config::{self, Announce, Protocol};
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::instance::{Initial, InstanceDraft};
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::{Report, Span};
use vrrp_core::{Family, Priority, Version};

impl InstanceDraft {
    /// Returns the family of its advertisements: that of its addresses, or, without any, that of its peers.
    pub(crate) fn family(&self) -> Family {
        let unicast = self.unicast_source.map(|source| source.value).or(self.peers.first().map(|it| it.peer.address));
        match (self.addresses.first(), self.native_ipv6) {
            (Some(first), _) => Family::of(first.virtual_ip.address),
            (None, Some(_)) => Family::Ipv6,
            (None, None) => unicast.map_or(Family::Ipv4, Family::of),
        }
    }

    /// Version 2 unless it is told otherwise; IPv6 has version 3 only.
    pub(crate) fn version(&self, globals: &Globals) -> Version {
        match (self.switches.version, globals.switches.version, self.family()) {
            (Some(own), _, _) => own.value,
            (None, _, Family::Ipv6) => Version::V3,
            (None, Some(global), Family::Ipv4) => global.value,
            (None, None, Family::Ipv4) => Version::V2,
        }
    }

    pub(crate) fn strict(&self, globals: &Globals) -> bool {
        self.switches.strict.or(globals.switches.strict).is_some_and(|strict| strict.value)
    }

    /// Everything that follows from version, strict mode and the switches.
    pub(crate) fn protocol(&self, globals: &Globals, priority: Priority, report: &mut Report) -> Protocol {
        self.check_family(report);
        self.check_version(globals, report);
        let (version, strict) = (self.version(globals), self.strict(globals));
        if strict {
            self.check_strict(version, priority, report);
        } else if let Some(first) = self.routable_first().filter(|_| self.unicast_peer.is_none()) {
            report
                .notice(first, "the first IPv6 address is not link-local; other routers may therefore ignore this one");
        }
        let skips_list = self.skips_list(globals, strict, report);
        let (own, global) = (&self.switches, &globals.switches);
        let is = |own: Option<At<bool>>, global: Option<At<bool>>, default: bool| {
            // What strict mode decides, an instance can contradict, which is an error, but nothing global can.
            own.or(global.filter(|_| !strict)).map_or(default, |switch| switch.value)
        };
        Protocol {
            profile: config::profile(version, strict),
            accept: self.accepts(strict, priority, report),
            answer_lower: !is(own.lower_prio_no_advert, global.lower_prio_no_advert, strict),
            yield_advertisement: is(own.higher_prio_send_advert, global.higher_prio_send_advert, !strict),
            owner_listens: !self.owner_ignores(globals, strict, priority, report),
            strict_list: strict && !skips_list,
            pseudo_header: self.pseudo_header(globals, version, report),
        }
    }

    /// Strict mode repeats nothing when it hears a lower Master.
    pub(crate) fn announce(&self, globals: &Globals) -> Announce {
        let gap = match self.family() {
            Family::Ipv4 => globals.gaps.ipv4,
            Family::Ipv6 => globals.gaps.ipv6,
        };
        let announce = Announce { gap: gap.map_or(Duration::ZERO, |gap| gap.value), ..self.garp.over(globals.garp) };
        match self.strict(globals) {
            true => Announce { lower_prio_repeat: 0, lower_prio_delay: None, ..announce },
            false => announce,
        }
    }

    fn check_family(&self, report: &mut Report) {
        let family = self.family();
        if let Some(other) =
            self.addresses.iter().find(|virtual_ip| Family::of(virtual_ip.virtual_ip.address) != family)
        {
            report
                .error(other.span, format!("{} among {family} addresses", other.virtual_ip.address))
                .with_expected(format!("{family} addresses only: an advertisement carries one family"))
                .with_help("it can go into `virtual_ipaddress_excluded`, or into an instance of its own");
        }
        if let Some(native) = self.native_ipv6.filter(|_| family == Family::Ipv4 && !self.addresses.is_empty()) {
            report
                .error(native, "`native_ipv6` in an instance with IPv4 addresses")
                .with_expected("IPv6 addresses, or no such line");
        }
    }

    /// Returns the first address, if it is of IPv6 and not link-local.
    fn routable_first(&self) -> Option<Span> {
        let first = self.addresses.first()?;
        match first.virtual_ip.address {
            IpAddr::V6(address) if !address.is_unicast_link_local() => Some(first.span),
            _ => None,
        }
    }

    fn check_version(&self, globals: &Globals, report: &mut Report) {
        if let Some(version) = self.switches.version.filter(|version| version.value == Version::V2) {
            if self.family() == Family::Ipv6 || self.native_ipv6.is_some() {
                report
                    .error(version.span, "version 2 of VRRP is for IPv4 only")
                    .with_expected("version 3, which is the default of IPv6");
            }
        }
        if let Some(authentication) = &self.authentication {
            if self.version(globals) == Version::V3 {
                let message = "version 3 of VRRP has no authentication: the password is neither sent nor expected";
                report.notice(authentication.span, message);
            }
        }
    }

    fn accepts(&self, strict: bool, priority: Priority, report: &mut Report) -> bool {
        if let (Some(_), Some(no_accept)) = (self.accept, self.no_accept) {
            report.error(no_accept, "`accept` and `no_accept` in one instance").with_expected("one of the two");
        }
        if let Some(no_accept) = self.no_accept.filter(|_| priority.is_owner()) {
            report.notice(no_accept, "`no_accept` has no effect: priority 255 owns the addresses");
        }
        priority.is_owner() || self.accept.is_some() || (self.no_accept.is_none() && !strict)
    }

    fn owner_ignores(&self, globals: &Globals, strict: bool, priority: Priority, report: &mut Report) -> bool {
        let own = self.switches.owner_ignore_adverts;
        if !priority.is_owner() {
            if let Some(written) = own.filter(|ignores| ignores.value) {
                report.notice(written.span, "no effect: the owner of the addresses has priority 255");
            }
            return false;
        }
        let global = globals.switches.owner_ignore_adverts.filter(|_| !strict);
        own.or(global).map_or(strict, |ignores| ignores.value)
    }

    fn skips_list(&self, globals: &Globals, strict: bool, report: &mut Report) -> bool {
        let Some(skip) = self.switches.skip_check_adv_addr.or(globals.switches.skip_check_adv_addr) else {
            return false;
        };
        if skip.value && !strict {
            let message = "this has no effect: it is always on, except in strict mode";
            report.notice_once("skip_check_adv_addr", skip.span, message);
        }
        skip.value
    }

    fn pseudo_header(&self, globals: &Globals, version: Version, report: &mut Report) -> bool {
        let one_form = version == Version::V2 || self.family() == Family::Ipv6;
        if let Some(written) = self.switches.checksum_as_v2.filter(|_| one_form) {
            report.notice(written.span, "no effect: only version 3 over IPv4 has two forms of the checksum");
        }
        let as_v2 = self.switches.checksum_as_v2.or(globals.switches.checksum_as_v2);
        !as_v2.is_some_and(|as_v2| as_v2.value)
    }

    /// Reports what the instance asks for against strict mode. keepalived reports it and goes on without it.
    fn check_strict(&self, version: Version, priority: Priority, report: &mut Report) {
        let owner = priority.is_owner();
        let is = |switch: Option<At<bool>>, value: bool| switch.filter(|at| at.value == value).map(|at| at.span);
        let state = |initial: &At<Initial>| (initial.value == Initial::Master) != owner;
        let conflicts: [(Option<Span>, &str, &str); 12] = [
            (
                self.addresses.is_empty().then(|| self.no_addresses.unwrap_or(self.name.span)),
                "an instance without addresses",
                "an address in `virtual_ipaddress`",
            ),
            (self.authentication.as_ref().map(|a| a.span), "authentication", "no `authentication`"),
            (self.unicast_peer, "unicast", "no `unicast_peer`"),
            (self.preempt_delay.filter(|delay| !delay.value.is_zero()).map(|d| d.span), "preempt_delay", "no delay"),
            (
                self.garp.lower_prio_repeat.filter(|repeat| repeat.value > 0).map(|repeat| repeat.span),
                "garp_lower_prio_repeat",
                "0: nothing is announced again",
            ),
            (
                self.garp.lower_prio_delay.filter(|delay| !delay.value.is_zero()).map(|delay| delay.span),
                "garp_lower_prio_delay",
                "0: nothing is announced again",
            ),
            (is(self.switches.lower_prio_no_advert, false), "lower_prio_no_advert off", "on"),
            (is(self.switches.higher_prio_send_advert, true), "higher_prio_send_advert", "off"),
            (is(self.switches.owner_ignore_adverts, false).filter(|_| owner), "owner_ignore_adverts off", "on"),
            (
                self.accept.filter(|_| !owner && version == Version::V2),
                "accept",
                "no such line: version 2 accepts for the owner, priority 255, only",
            ),
            (
                self.initial.as_ref().filter(|i| state(i)).map(|initial| initial.span),
                "this state",
                "MASTER with priority 255, else BACKUP",
            ),
            (
                self.routable_first(),
                "a first IPv6 address that is not link-local",
                "an address of fe80::/10 before all others",
            ),
        ];
        let help = match self.switches.strict {
            Some(_) => {
                "delete `strict_mode` from the instance, or write `strict_mode off`: with it the addresses do not answer unless the priority is 255"
            }
            None => {
                "delete `vrrp_strict` from global_defs: with it the addresses do not answer unless the priority is 255"
            }
        };
        for (span, what, expected) in conflicts {
            if let Some(span) = span {
                report
                    .error(span, format!("strict mode cannot be used with {what}"))
                    .with_code(Code::Conflict)
                    .with_expected(expected)
                    .with_help(help);
            }
        }
    }
}
