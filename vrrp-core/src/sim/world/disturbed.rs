//! Disturbances from outside.

use alloc::vec::Vec;

use core::net::IpAddr;
use core::time::Duration;

use super::{EventKind, Happened, World};
use crate::action::Input;
use crate::config::Peers;
use crate::sim::attack::STRANGER;
use crate::sim::disturbance::{Disturbance, Installs};
use crate::sim::host::{Host, Life};
use crate::sim::network::{Frame, HostId, Link};
use crate::sim::recorder::Sent;
use crate::sim::world::StepKind;
use crate::types::{Priority, RouterId};
use crate::wire::{Endpoints, RxPacket};

impl World {
    pub(in crate::sim) fn disturb(&mut self, what: Disturbance, ordered: bool) {
        self.step.kind = StepKind::Disturbance;
        let happened = if ordered { Happened::Ordered(what.clone()) } else { Happened::Disturbed(what.clone()) };
        self.record_event(None, happened);
        let now = self.now;
        match what {
            Disturbance::PowerOff(host) => self.end(host, true),
            Disturbance::Kill(host) => self.end(host, false),
            Disturbance::Stop(host) => {
                if let Some((host, local)) = self.awake(host) {
                    host.set.handle_all(local, Input::Shutdown);
                }
                self.run_due(host);
                if !self.is_stalled(host) {
                    self.end(host, false);
                }
            }
            Disturbance::Start(host) => self.start(host),
            Disturbance::Stall(host, span) => {
                let until = now + span;
                if let Some(entry) = self.hosts.get_mut(host.index()).filter(|entry| entry.life != Life::Dead) {
                    entry.life = Life::Stalled;
                    entry.stalled_until = entry.stalled_until.max(until);
                    self.schedule(until, EventKind::Resume(host));
                    self.timers.set(u32::from(host.0), None);
                }
            }
            Disturbance::Drift(host, per_million) => {
                if let Some(entry) = self.hosts.get_mut(host.index()) {
                    entry.clock.drift(now, per_million);
                    self.run_due(host);
                }
            }
            Disturbance::FalseStamps(host, by) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    host.stamps_off = by;
                }
            }
            Disturbance::Link(lan, way, link) => self.network.set_link(lan, way, link),
            Disturbance::Cut(lan, from, to) => self.network.cut(lan, from, to, true),
            Disturbance::Mend(lan, from, to) => self.network.cut(lan, from, to, false),
            Disturbance::Partition(lan, hosts) => self.network.partition(lan, hosts),
            Disturbance::Interface(host, lan, up) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    host.set_interface(lan, |interface| interface.up = up);
                }
                self.report_news(host);
            }
            Disturbance::Addresses(host, lan, there) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    host.set_interface(lan, |interface| interface.has_address = there);
                }
                self.report_news(host);
            }
            Disturbance::Tracker(host, router, tracker, passing) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    let meant = host.meant(router).unwrap_or(router);
                    host.set_verdict(meant, tracker, passing);
                }
                self.report_news(host);
            }
            Disturbance::Installs(host, installs) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    host.installs = installs;
                }
            }
            Disturbance::Refuses { host, address, refuses, known } => self.refuse(host, address, refuses, known),
            Disturbance::Reconfigure(host, router, config) => self.reconfigure(host, router, &config),
            Disturbance::Add(host, lan, config) => self.add(host, lan, &config),
            Disturbance::Remove { host, router, releases } => self.remove(host, router, releases),
            Disturbance::Group(host, members) => self.regroup(host, &members),
            Disturbance::SetPriority(host, router, priority) => self.set_priority(host, router, priority),
            Disturbance::Drain(host, router, drain) => self.set_drain(host, router, Some(drain)),
            Disturbance::Undrain(host, router) => self.set_drain(host, router, None),
            Disturbance::Attack(lan, attack) => {
                let longest = Duration::from_millis(10 * u64::from(*attack.intervals.end()));
                self.longest_forged = self.longest_forged.max(longest);
                self.schedule(now, EventKind::Strike(self.attacks.len()));
                self.attacks.push((lan, attack.clone(), Some(now + attack.span)));
            }
            Disturbance::Inject { lan, from, source, destination, ttl, payload } => {
                if let Some(endpoints) = Endpoints::new(source, destination) {
                    self.inject(lan, from, RxPacket { endpoints, ttl, payload: &payload });
                }
            }
            Disturbance::Calm => self.calm(),
        }
    }

    /// The next packet of an attack.
    pub(super) fn strike(&mut self, index: usize) {
        let Some((lan, attack, Some(ends))) = self.attacks.get(index).cloned() else { return };
        if self.now >= ends {
            self.end_attack(index);
            // From here on it is calm again.
            self.step.kind = StepKind::Disturbance;
            return;
        }
        self.schedule((self.now + attack.pace).min(ends), EventKind::Strike(index));
        let (host, router) = attack.about;
        let Some(config) = self.hosts.get(host.index()).and_then(|host| host.running(host.meant(router)?)) else {
            return;
        };
        let (key, config) = (config.key(), &config.config);
        let family = config.family();
        let members: Vec<HostId> = self.network.members(lan).collect();
        let own: Vec<IpAddr> = members.iter().filter_map(|host| self.network.address(lan, *host, family)).collect();
        let source = attack.source(lan, family, &own, &mut self.random);
        let message = attack.message(config, &mut self.random);
        let priority = message.priority.map_or(0, Priority::get);
        let group = [family.group()];
        let to = if matches!(config.peers(), Peers::Multicast) { &group[..] } else { &own[..] };
        for destination in to.iter().filter(|destination| **destination != source) {
            let Some(ends) = Endpoints::new(source, *destination) else { continue };
            let Ok(len) = message.write(ends, &mut self.message) else { continue };
            let number = self.recorder.sent(Sent { at: self.now, host: STRANGER, key, kind: None, priority });
            let frame = Frame { number: Some(number), ..Frame::forged(self.now, STRANGER) };
            self.network.send_frame(lan, frame, None, ends, self.message.get(..len).unwrap_or_default());
        }
    }

    fn end_attack(&mut self, index: usize) {
        if let Some((.., ends)) = self.attacks.get_mut(index) {
            *ends = None;
        }
    }

    fn calm(&mut self) {
        (0..self.attacks.len()).for_each(|index| self.end_attack(index));
        let original: Vec<Link> = self.original_links.clone();
        for (lan, link) in self.network.lans().zip(original) {
            self.network.set_link(lan, None, link);
            self.network.partition(lan, []);
            let members: Vec<HostId> = self.network.members(lan).collect();
            for from in &members {
                members.iter().for_each(|to| self.network.cut(lan, *from, *to, false));
            }
        }
        for host in self.hosts() {
            let Some(entry) = self.hosts.get_mut(host.index()) else { continue };
            entry.clock.drift(self.now, 0);
            entry.stamps_off = 0;
            if !matches!(entry.installs, Installs::OneByOne(_)) {
                entry.installs = Installs::AtOnce;
            }
            if entry.life == Life::Stalled {
                entry.stalled_until = self.now;
                self.resume(host);
            } else {
                self.run_due(host);
            }
        }
        self.step.kind = StepKind::Disturbance;
    }

    pub(super) fn end(&mut self, host: HostId, power_off: bool) {
        if self.turn_foreign(host, false) {
            return;
        }
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        for running in entry.routers() {
            running.config.addresses().iter().for_each(|address| self.neighbours.excuse(running.lan, *address));
        }
        entry.end(power_off);
        while let Some((arrival, _)) = entry.socket.pop_front() {
            self.network.done(arrival);
        }
        self.step.addresses_changed = true;
        self.timers.set(u32::from(host.0), None);
    }

    pub(super) fn start(&mut self, host: HostId) {
        let now = self.now;
        if self.turn_foreign(host, true) {
            return;
        }
        let Some(entry) = self.hosts.get_mut(host.index()).filter(|host| host.life == Life::Dead) else { return };
        entry.never_started = false;
        entry.start(now);
        self.step.addresses_changed = true;
        self.report_news(host);
        if let Some((host, local)) = self.awake(host) {
            host.set.handle_all(local, Input::Startup);
        }
        self.run_due(host);
    }

    /// Tells a process everything that it watches: what is no news changes nothing.
    pub(super) fn report_news(&mut self, host: HostId) {
        let Some(entry) = self.hosts.get(host.index()).filter(|host| host.life == Life::Running) else { return };
        for router in entry.ids() {
            self.report_news_of(host, router);
        }
        self.run_due(host);
    }

    pub(super) fn report_news_of(&mut self, host: HostId, router: RouterId) {
        let Some(entry) = self.hosts.get(host.index()) else { return };
        let Some(about) = entry.running(router) else { return };
        let address = self.network.address(about.lan, host, about.config.family());
        let interface = entry.interface(about.lan);
        let verdicts = about.verdicts.clone();
        let unavailable: Vec<IpAddr> =
            entry.refused.iter().filter(|(_, known)| *known).map(|(address, _)| *address).collect();
        let Some((entry, local)) = self.awake(host) else { return };
        entry.set.handle(local, router, Input::InterfaceUp(interface.up));
        entry.set.handle(local, router, Input::PrimaryAddress(address.filter(|_| interface.has_address)));
        for (tracker, passing) in verdicts {
            entry.set.handle(local, router, Input::Tracker(tracker, passing.into()));
        }
        for address in unavailable {
            self.tell_available(host, router, address, false);
        }
    }

    /// Makes a host unable to set an address, or able again. If it knows, it tells its routers, and again when it can set it.
    fn refuse(&mut self, host: HostId, address: IpAddr, refuses: bool, known: bool) {
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let was_known = entry.refused.contains(&(address, true));
        // It does not forget what it knows before it can again.
        let known = known || (refuses && was_known);
        entry.refused.retain(|(refused, _)| *refused != address);
        entry.refused.extend(refuses.then_some((address, known)));
        for router in self.hosts.get(host.index()).map(Host::ids).unwrap_or_default() {
            if refuses && known {
                self.lose(host, router, address);
            }
            if known || was_known {
                self.tell_available(host, router, address, !refuses);
            }
        }
        self.run_due(host);
    }

    /// The kernel takes an address away.
    fn lose(&mut self, host: HostId, router: RouterId, address: IpAddr) {
        if self.hosts.get_mut(host.index()).is_some_and(|host| host.kernel.remove(router, address)) {
            self.step.addresses_changed = true;
            self.record_event(Some((host, router)), Happened::Removed(address));
        }
    }

    fn tell_available(&mut self, host: HostId, router: RouterId, address: IpAddr, available: bool) {
        let Some((entry, local)) = self.awake(host) else { return };
        let running = entry.running(router);
        let addresses = running.map_or(&[][..], |router| router.config.addresses());
        if let Some(index) = addresses.iter().position(|own| *own == address) {
            entry.set.handle(local, router, Input::AddressAvailable(index, available));
        }
    }
}
