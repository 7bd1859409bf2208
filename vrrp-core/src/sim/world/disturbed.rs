//! What happens from outside.

use alloc::vec::Vec;

use core::net::IpAddr;
use core::time::Duration;

use super::{Happened, What, World};
use crate::action::Input;
use crate::config::Peers;
use crate::sim::attack::STRANGER;
use crate::sim::disturbance::{Disturbance, Installs};
use crate::sim::host::{Host, Life};
use crate::sim::network::{HostId, Link};
use crate::sim::world::StepKind;
use crate::types::RouterId;
use crate::wire::Endpoints;

impl World {
    pub(in crate::sim) fn disturb(&mut self, what: Disturbance) {
        self.step.kind = StepKind::Disturbance;
        self.note(None, Happened::Disturbed(what.clone()));
        let now = self.now;
        match what {
            Disturbance::PowerOff(host) => self.end(host, true),
            Disturbance::Kill(host) => self.end(host, false),
            Disturbance::Stop(host) => {
                if let Some((host, local)) = self.awake(host) {
                    host.set.handle_all(local, Input::Shutdown);
                }
                self.settle(host);
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
                    self.put(until, What::Resume(host));
                    self.timers.set(u32::from(host.0), None);
                }
            }
            Disturbance::Drift(host, per_million) => {
                if let Some(entry) = self.hosts.get_mut(host.index()) {
                    entry.clock.drift(now, per_million);
                    self.settle(host);
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
                self.put(now, What::Strike(self.attacks.len()));
                self.attacks.push((lan, attack.clone(), Some(now + attack.span)));
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
        self.put((self.now + attack.pace).min(ends), What::Strike(index));
        let (host, router) = attack.about;
        let Some(config) = self.hosts.get(host.index()).and_then(|host| host.hosted(host.meant(router)?)) else {
            return;
        };
        let config = &config.config;
        let family = config.family();
        let members: Vec<HostId> = self.network.members(lan).collect();
        let own: Vec<IpAddr> = members.iter().filter_map(|host| self.network.address(lan, *host, family)).collect();
        let source = attack.source(lan, family, &own, &mut self.random);
        let message = attack.message(config, &mut self.random);
        let group = [family.group()];
        let to = if matches!(config.peers(), Peers::Multicast) { &group[..] } else { &own[..] };
        for destination in to.iter().filter(|destination| **destination != source) {
            let Some(ends) = Endpoints::new(source, *destination) else { continue };
            let Ok(len) = message.write(ends, &mut self.message) else { continue };
            self.network.send(self.now, lan, STRANGER, ends, self.message.get(..len).unwrap_or_default());
        }
    }

    fn end_attack(&mut self, index: usize) {
        if let Some((.., ends)) = self.attacks.get_mut(index) {
            *ends = None;
        }
    }

    fn calm(&mut self) {
        (0..self.attacks.len()).for_each(|index| self.end_attack(index));
        let made: Vec<Link> = self.made.clone();
        for (lan, link) in self.network.lans().zip(made) {
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
                self.settle(host);
            }
        }
        self.step.kind = StepKind::Disturbance;
    }

    pub(super) fn end(&mut self, host: HostId, power_off: bool) {
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        for hosted in entry.routers() {
            hosted.config.addresses().iter().for_each(|address| self.neighbours.excuse(hosted.lan, *address));
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
        let Some(entry) = self.hosts.get_mut(host.index()).filter(|host| host.life == Life::Dead) else { return };
        entry.never_started = false;
        entry.start(now);
        self.step.addresses_changed = true;
        self.report_news(host);
        if let Some((host, local)) = self.awake(host) {
            host.set.handle_all(local, Input::Startup);
        }
        self.settle(host);
    }

    /// Tells a process everything that it watches: what is no news changes nothing.
    pub(super) fn report_news(&mut self, host: HostId) {
        let Some(entry) = self.hosts.get(host.index()).filter(|host| host.life == Life::Running) else { return };
        for router in entry.ids() {
            self.report_news_of(host, router);
        }
        self.settle(host);
    }

    pub(super) fn report_news_of(&mut self, host: HostId, router: RouterId) {
        let Some(entry) = self.hosts.get(host.index()) else { return };
        let Some(about) = entry.hosted(router) else { return };
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

    /// What a host knows of addresses that it cannot set it tells its routers, and so it does when it can again.
    fn refuse(&mut self, host: HostId, address: IpAddr, refuses: bool, known: bool) {
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let was_known = entry.refused.contains(&(address, true));
        // What it knows it does not forget before it can again.
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
        self.settle(host);
    }

    /// The kernel takes an address away.
    fn lose(&mut self, host: HostId, router: RouterId, address: IpAddr) {
        if self.hosts.get_mut(host.index()).is_some_and(|host| host.kernel.remove(router, address)) {
            self.step.addresses_changed = true;
            self.note(Some((host, router)), Happened::Removed(address));
        }
    }

    fn tell_available(&mut self, host: HostId, router: RouterId, address: IpAddr, available: bool) {
        let Some((entry, local)) = self.awake(host) else { return };
        let hosted = entry.hosted(router);
        let addresses = hosted.map_or(&[][..], |router| router.config.addresses());
        if let Some(index) = addresses.iter().position(|own| *own == address) {
            entry.set.handle(local, router, Input::AddressAvailable(index, available));
        }
    }
}
