//! The meaning of an instance: keepalived's defaults and rules, applied once everything is read.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::vrrpd::config::{Check, Instance, Notify, Track, TrackWeight};
use crate::vrrpd::keepalived::blocks::address::AddressDraft;
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::instance::{Initial, InstanceDraft};
use crate::vrrpd::keepalived::lower::script::with_globals;
use crate::vrrpd::keepalived::lower::track::{check_no_macvlan, check_once, in_order};
use crate::vrrpd::report::{Report, Span};
use vrrp_core::{AdvertInterval, Family, Priority, Version, Vrid, Weight};
use vrrp_io_linux::VirtualIp;

/// Addresses that one advertisement can count. That many fit into any usual MTU.
const MAX_IPV4: usize = 255;

impl InstanceDraft {
    /// Returns the instance, unless it lacks something that it needs. All errors go to `report`.
    /// `macvlans` are the interfaces of virtual MAC addresses.
    pub(crate) fn meaning(
        mut self,
        globals: &Globals,
        checks: &[Check],
        macvlans: &BTreeSet<String>,
        report: &mut Report,
    ) -> Option<Instance> {
        self.check_addresses(report);
        let family = self.family();
        let priority = self.priority();
        let (preempt, preempt_delay) = self.preemption(priority, report);
        let interval = self.interval(globals, report)?;
        let protocol = self.protocol(globals, priority, report);
        let has_password = self.version(globals) == Version::V2;
        let (source, unicast) = (self.source(report), self.unicast(report));
        let virtual_mac = self.virtual_mac(self.strict(globals), report);
        let announce = self.announce(globals);
        let track_interfaces = self.tracked_interfaces(priority, macvlans, report);
        let track_checks = self.tracked_checks(priority, checks, report);
        let priority_changes = self.priority_changes.or(globals.priority_changes).is_some_and(|told| told.value);
        let notify = Notify { priority_changes, ..self.notify.map(|command| with_globals(command, globals)) };
        Some(Instance {
            name: self.name.text,
            interface: self.interface?.value,
            track_own_interface: self.untracked_interface.is_none(),
            family,
            vrid: Vrid::new(self.vrid?.value).ok()?,
            protocol,
            priority,
            interval,
            preempt,
            preempt_delay,
            password: self.authentication.and_then(|authentication| authentication.password).filter(|_| has_password),
            source,
            unicast,
            virtual_mac,
            addresses: values(self.addresses),
            excluded: values(self.excluded),
            routes: self.routes.into_iter().map(|draft| draft.route).collect(),
            rules: self.rules.into_iter().map(|draft| draft.rule).collect(),
            track_interfaces,
            track_checks,
            notify,
            announce,
        })
    }

    /// Without a priority a `state MASTER` owns the addresses, and anybody else has the default.
    fn priority(&self) -> Priority {
        match (self.priority, self.initial()) {
            (Some(priority), _) => Priority::new(priority.value).unwrap_or_default(),
            (None, Some(Initial::Master)) => Priority::OWNER,
            (None, _) => Priority::DEFAULT,
        }
    }

    fn initial(&self) -> Option<Initial> {
        self.initial.map(|initial| initial.value)
    }

    fn preemption(&self, priority: Priority, report: &mut Report) -> (bool, Duration) {
        if let (Some(nopreempt), Some(_)) = (self.nopreempt, self.preempt) {
            report.error(nopreempt, "`nopreempt` and `preempt` in one instance").with_expected("one of the two");
        }
        let master = self.initial() == Some(Initial::Master);
        let nopreempt = self.nopreempt.filter(|span| {
            let why = match (master, priority.is_owner()) {
                (true, _) => "`state MASTER` preempts",
                (false, true) => "priority 255 preempts whatever is configured",
                (false, false) => return true,
            };
            report.notice(*span, format!("`nopreempt` has no effect: {why}"));
            false
        });
        let delay = self.preempt_delay.filter(|delay| {
            let why = match (master, nopreempt) {
                (true, _) => "`state MASTER` does not wait",
                (false, Some(_)) => "`nopreempt` never takes over from a worse router",
                (false, None) => return true,
            };
            report.notice(delay.span, format!("`preempt_delay` has no effect: {why}"));
            false
        });
        (nopreempt.is_none(), delay.map_or(Duration::ZERO, |delay| delay.value))
    }

    /// Returns the interval in the units of the version: whole seconds, or hundredths. keepalived rounds to the nearest, and to
    /// one unit at least.
    fn interval(&self, globals: &Globals, report: &mut Report) -> Option<AdvertInterval> {
        let Some(interval) = self.interval else { return Some(AdvertInterval::DEFAULT) };
        let (number, unit, units) = match self.version(globals) {
            Version::V2 => (2, 100, "whole seconds"),
            Version::V3 => (3, 1, "hundredths of a second"),
        };
        let micros = unit * 10_000;
        let centis = ((interval.value.as_micros() + micros / 2) / micros).max(1) * unit;
        if (number, centis) > (3, 4095) {
            report
                .error(interval.span, "version 3 cannot carry this interval")
                .with_expected("seconds from 0.01 to 40.95");
            return None;
        }
        let rounded = AdvertInterval::from_centis(u16::try_from(centis).ok()?).ok()?;
        if interval.value.as_micros() != centis * 10_000 {
            let message = format!("version {number} advertises in {units}; {rounded} are used, as in keepalived");
            report.notice(interval.span, message);
        }
        Some(rounded)
    }

    fn check_addresses(&self, report: &mut Report) {
        match (self.no_addresses, self.addresses.first()) {
            (Some(none), Some(_)) => {
                report
                    .error(none, "`no_virtual_ipaddress` in an instance with virtual addresses")
                    .with_expected("one of the two");
            }
            (None, None) if !report.failed() => {
                let message =
                    format!("`{}` has no virtual address: it is elected, and advertises none", self.name.text);
                report.notice(self.name.span, message);
            }
            _ => {}
        }
        let max = match self.family() {
            Family::Ipv4 => MAX_IPV4,
            Family::Ipv6 => usize::from(vrrp_core::wire::MAX_IPV6_ADDRESSES),
        };
        if let Some(too_many) = self.addresses.get(max) {
            report
                .error(too_many.span, format!("the instance has {} virtual addresses", self.addresses.len()))
                .with_expected(format!("at most {max}, which is what one advertisement can carry"))
                .with_help("further ones can go into `virtual_ipaddress_excluded`");
        }
    }

    /// Returns the tracked interfaces, and the devices of virtual addresses, which are tracked without being named.
    fn tracked_interfaces(
        &mut self,
        priority: Priority,
        macvlans: &BTreeSet<String>,
        report: &mut Report,
    ) -> Vec<Track> {
        let drafts = std::mem::take(&mut self.track_interfaces);
        check_once(&drafts, report);
        let own = self.interface.as_ref().map(|interface| interface.value.as_str());
        let of_addresses = self.addresses.iter().chain(&self.excluded).filter(|draft| draft.tracked);
        let of_addresses = of_addresses.map(|draft| draft.virtual_ip.device.as_deref());
        let of_routes = self.routes.iter().filter(|draft| draft.tracked).map(|draft| draft.route.device.as_deref());
        let mut devices: BTreeSet<&str> = of_addresses.chain(of_routes).flatten().collect();
        // The interface of a virtual MAC address is up only while its router is Master.
        devices.retain(|device| Some(*device) != own && !macvlans.contains(*device));
        let mut tracks = Vec::new();
        for draft in drafts {
            let (mut track, span) = (draft.interface(), draft.name.span);
            if Some(track.name.as_str()) == own {
                let but = if draft.weight.is_some() { ", and its weight does not count" } else { "" };
                let message = format!("`{}` is the instance's own interface; this line is ignored{but}", track.name);
                report.notice(span, message);
                continue;
            }
            check_no_macvlan(&draft.name, macvlans, report);
            if devices.remove(track.name.as_str()) && track.weight.weight != Weight::Fault {
                let name = &track.name;
                let message =
                    format!("`{name}` carries a virtual address or route: without it the instance is in fault");
                report.notice(span, message);
                track.weight = TrackWeight::default();
            }
            notice_owner(priority, track.weight, span, report);
            tracks.push(track);
        }
        let named_by_address = |device: &str| Track { name: device.to_owned(), weight: TrackWeight::default() };
        tracks.extend(devices.into_iter().map(named_by_address));
        tracks
    }

    fn tracked_checks(&mut self, priority: Priority, checks: &[Check], report: &mut Report) -> Vec<Track> {
        let drafts = std::mem::take(&mut self.track_checks);
        check_once(&drafts, report);
        let mut tracks = Vec::new();
        for draft in drafts {
            if let Some(track) = draft.check(checks, report) {
                notice_owner(priority, track.weight, draft.name.span, report);
                tracks.push(track);
            }
        }
        in_order(tracks, checks)
    }
}

fn notice_owner(priority: Priority, weight: TrackWeight, span: Span, report: &mut Report) {
    if priority.is_owner() && weight.weight != Weight::Fault {
        report.notice(span, "its weight has no effect: nothing changes priority 255");
    }
}

fn values(virtual_ips: Vec<AddressDraft>) -> Vec<VirtualIp> {
    let mut values: Vec<VirtualIp> = virtual_ips.into_iter().map(|draft| draft.virtual_ip).collect();
    // Collected where the larger drafts were.
    values.shrink_to_fit();
    values
}
