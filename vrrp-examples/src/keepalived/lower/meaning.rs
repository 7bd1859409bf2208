//! What an instance means: keepalived's defaults and rules, applied once everything is read.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::global::Globals;
use super::instance::{Initial, InstanceDraft};
use super::script::with_default_user;
use super::track::{TrackDraft, WeightDraft};
use crate::config::{Instance, Notify, Script, Track, TrackWeight, Unicast};
use crate::keepalived::report::{Report, Span};
use crate::keepalived::values::{At, unique};
use vrrp_core::{AdvertInterval, Priority, Vrid, Weight};
use vrrp_io_linux::VirtualIp;

/// Addresses that one advertisement can count. That many IPv4 addresses fit into any usual MTU.
const MAX_ADDRESSES: usize = 255;

impl InstanceDraft {
    /// The instance, if nothing that it cannot do without is missing; what is wrong goes to `report`.
    pub(super) fn meaning(mut self, globals: &Globals, scripts: &[Script], report: &mut Report) -> Option<Instance> {
        self.check_addresses(report);
        let priority = self.priority();
        let (preempt, preempt_delay) = self.preemption(priority, report);
        let interval = self.interval(report)?;
        let unicast = self.unicast(report);
        let track_interfaces = self.tracked_interfaces(priority, report);
        let track_scripts = self.tracked_scripts(priority, scripts, report);
        let command = |command| with_default_user(command, globals);
        let notify = Notify {
            master: self.notify.master.map(command),
            backup: self.notify.backup.map(command),
            fault: self.notify.fault.map(command),
            stop: self.notify.stop.map(command),
            any: self.notify.any.map(command),
        };
        Some(Instance {
            name: self.name.text,
            interface: self.interface?.value,
            vrid: Vrid::new(self.vrid?.value).ok()?,
            priority,
            interval,
            preempt,
            preempt_delay,
            password: self.authentication.and_then(|authentication| authentication.password),
            source: self.source.map(|source| IpAddr::V4(source.value)),
            unicast,
            addresses: values(self.addresses),
            excluded: values(self.excluded),
            track_interfaces,
            track_scripts,
            notify,
            announce: self.garp.over(globals.garp),
        })
    }

    /// Without a priority a `state MASTER` owns the addresses, and anybody else has the default.
    fn priority(&self) -> Priority {
        match (self.priority, self.initial) {
            (Some(priority), _) => Priority::new(priority.value).unwrap_or_default(),
            (None, Some(Initial::Master)) => Priority::OWNER,
            (None, _) => Priority::DEFAULT,
        }
    }

    fn preemption(&self, priority: Priority, report: &mut Report) -> (bool, Duration) {
        if let (Some(nopreempt), Some(_)) = (self.nopreempt, self.preempt) {
            report.error(nopreempt, "`nopreempt` and `preempt` in one instance").with_expected("one of the two");
        }
        let master = self.initial == Some(Initial::Master);
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

    /// Version 2 has whole seconds: keepalived rounds to the nearest, and to 1 at least.
    fn interval(&self, report: &mut Report) -> Option<AdvertInterval> {
        let Some(interval) = self.interval else { return Some(AdvertInterval::DEFAULT) };
        let rounded = ((interval.value.as_millis() + 500) / 1000).max(1);
        if interval.value.as_micros() != rounded * 1_000_000 {
            let message = format!("version 2 advertises in whole seconds; {rounded} s are used, as in keepalived");
            report.notice(interval.span, message);
        }
        AdvertInterval::from_secs(u8::try_from(rounded).ok()?).ok()
    }

    fn unicast(&self, report: &mut Report) -> Option<Unicast> {
        let Some(peers) = &self.peers else {
            if let Some(source) = self.source {
                let message = "`unicast_src_ip` without `unicast_peer`: advertisements go to the multicast group";
                report.notice(source.span, message);
            }
            return None;
        };
        let keys = peers.iter().map(|peer| (peer.value, peer.span));
        unique(keys, report, |peer| format!("the peer {peer} is named twice"), "each peer once");
        for peer in peers {
            if self.source.is_some_and(|source| source.value == peer.value) {
                report
                    .error(peer.span, format!("{} is this router's own `unicast_src_ip`", peer.value))
                    .with_expected("the addresses of the other routers only");
            }
        }
        Some(Unicast { peers: peers.iter().map(|peer| IpAddr::V4(peer.value)).collect() })
    }

    fn check_addresses(&self, report: &mut Report) {
        if let Some(too_many) = self.addresses.get(MAX_ADDRESSES) {
            report
                .error(too_many.span, format!("the instance has {} virtual addresses", self.addresses.len()))
                .with_expected(format!("at most {MAX_ADDRESSES}, which is what one advertisement can carry"))
                .with_help("further ones can go into `virtual_ipaddress_excluded`");
        }
    }

    /// The tracked interfaces, and the devices of virtual addresses, which are tracked without being named.
    fn tracked_interfaces(&mut self, priority: Priority, report: &mut Report) -> Vec<Track> {
        let drafts = std::mem::take(&mut self.track_interfaces);
        check_once(&drafts, report);
        let own = self.interface.as_ref().map(|interface| interface.value.as_str());
        let mut devices: BTreeSet<&str> =
            self.addresses.iter().chain(&self.excluded).filter_map(|vip| vip.value.device.as_deref()).collect();
        devices.retain(|device| Some(*device) != own);
        let mut tracks = Vec::new();
        for TrackDraft { name, weight } in drafts {
            if Some(name.text.as_str()) == own {
                report
                    .error(name.span, format!("`{}` is the instance's own interface", name.text))
                    .with_expected("other interfaces only: this one is always tracked");
            }
            let mut weight = WeightDraft::over(weight, TrackWeight::default());
            if devices.remove(name.text.as_str()) && weight.weight != Weight::Fault {
                let message = format!("`{}` carries a virtual address: without it the instance is in fault", name.text);
                report.notice(name.span, message);
                weight = TrackWeight::default();
            }
            notice_owner(priority, weight, name.span, report);
            tracks.push(Track { name: name.text, weight });
        }
        let named_by_address = |device: &str| Track { name: device.to_owned(), weight: TrackWeight::default() };
        tracks.extend(devices.into_iter().map(named_by_address));
        tracks
    }

    fn tracked_scripts(&mut self, priority: Priority, scripts: &[Script], report: &mut Report) -> Vec<Track> {
        let drafts = std::mem::take(&mut self.track_scripts);
        check_once(&drafts, report);
        let mut tracks = Vec::new();
        for TrackDraft { name, weight } in drafts {
            match scripts.iter().find(|script| script.name == name.text) {
                Some(script) => {
                    let weight = WeightDraft::over(weight, script.weight);
                    notice_owner(priority, weight, name.span, report);
                    tracks.push(Track { name: name.text, weight });
                }
                None => {
                    report
                        .error(name.span, format!("no `vrrp_script` is called `{}`", name.text))
                        .with_expected("the name of a `vrrp_script` block")
                        .with_nearest(&name.text, scripts.iter().map(|script| script.name.as_str()));
                }
            }
        }
        tracks
    }
}

fn check_once(drafts: &[TrackDraft], report: &mut Report) {
    let names = drafts.iter().map(|draft| (&draft.name.text, draft.name.span));
    unique(names, report, |name| format!("`{name}` is tracked twice"), "each name once");
}

fn notice_owner(priority: Priority, weight: TrackWeight, span: Span, report: &mut Report) {
    if priority.is_owner() && weight.weight != Weight::Fault {
        report.notice(span, "its weight has no effect: nothing changes priority 255");
    }
}

fn values(vips: Vec<At<VirtualIp>>) -> Vec<VirtualIp> {
    vips.into_iter().map(|vip| vip.value).collect()
}
