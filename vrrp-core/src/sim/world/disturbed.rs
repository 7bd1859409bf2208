//! What happens from outside.

use alloc::vec::Vec;

use super::{Happened, What, World};
use crate::config::Config;
use crate::health::RouterId;
use crate::router::Input;
use crate::sim::disturbance::{Disturbance, Installs};
use crate::sim::host::Life;
use crate::sim::network::{HostId, Link};
use crate::sim::world::StepKind;

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
                    host.set_verdict(router, tracker, passing);
                }
                self.report_news(host);
            }
            Disturbance::Installs(host, installs) => {
                if let Some(host) = self.hosts.get_mut(host.index()) {
                    host.installs = installs;
                }
            }
            Disturbance::Reconfigure(host, router, config) => self.reconfigure(host, router, &config),
            Disturbance::Calm => self.calm(),
        }
    }

    fn calm(&mut self) {
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
            entry.installs = Installs::AtOnce;
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
        for index in 0..entry.routers().len() {
            self.report_news_of(host, RouterId(index as u32));
        }
        self.settle(host);
    }

    fn report_news_of(&mut self, host: HostId, router: RouterId) {
        let Some(entry) = self.hosts.get(host.index()) else { return };
        let Some(about) = entry.routers().get(router.index()) else { return };
        let address = self.network.address(about.lan, host, about.config.family());
        let interface = entry.interface(about.lan);
        let verdicts = about.verdicts.clone();
        let Some((entry, local)) = self.awake(host) else { return };
        entry.set.handle(local, router, Input::InterfaceUp(interface.up));
        entry.set.handle(local, router, Input::PrimaryAddress(address.filter(|_| interface.has_address)));
        for (tracker, passing) in verdicts {
            entry.set.handle(local, router, Input::Tracker(tracker, passing));
        }
    }

    fn reconfigure(&mut self, host: HostId, router: RouterId, config: &Config) {
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let now = entry.clock.at(self.now);
        if entry.reconfigure(now, router, config) {
            self.report_news(host);
        }
        self.settle(host);
    }
}
