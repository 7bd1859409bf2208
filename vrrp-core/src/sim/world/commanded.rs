//! Commands of an operator for routers of a host, while others run there.

use alloc::format;
use alloc::vec::Vec;

use super::World;
use crate::action::Input;
use crate::config::Config;
use crate::drain::Drain;
use crate::sim::host::{Host, Life};
use crate::sim::network::{HostId, LanId};
use crate::types::{Priority, RouterId};

impl World {
    pub(super) fn add(&mut self, host: HostId, lan: LanId, config: &Config) {
        if self.is_stalled(host) {
            return;
        }
        let before = self.traces(host, &[]);
        // A second one of the same id is no news.
        let Ok(router) = self.add_router(host, lan, config.clone()) else { return };
        self.report_news_of(host, router);
        if let Some((entry, local)) = self.awake(host) {
            entry.set.handle(local, router, Input::Startup);
        }
        self.compare(host, &before);
        self.run_due(host);
    }

    pub(super) fn remove(&mut self, host: HostId, router: RouterId, releases: bool) {
        let Some((router, together)) = self.meant(host, router) else { return };
        let before = self.traces(host, &together);
        if let Some((entry, local)) = self.awake(host).filter(|_| releases) {
            entry.set.ungroup(local, router);
            entry.leave_groups(&[router]);
            entry.set.handle(local, router, Input::Shutdown);
            self.act(host);
        }
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let held: Vec<_> = entry.kernel.held(router).to_vec();
        if let Some(running) = entry.running(router) {
            let lan = running.lan;
            held.iter().for_each(|address| self.neighbours.excuse(lan, *address));
        }
        let local = entry.clock.at(self.now);
        entry.set.remove(local, router);
        entry.forget(router);
        self.step.addresses_changed |= !held.is_empty();
        self.compare(host, &before);
        self.run_due(host);
    }

    pub(super) fn regroup(&mut self, host: HostId, members: &[RouterId]) {
        let meant: Vec<_> = members.iter().filter_map(|member| self.meant(host, *member)).collect();
        let ids: Vec<RouterId> = meant.iter().map(|(id, _)| *id).collect();
        let together: Vec<RouterId> = meant.into_iter().flat_map(|(_, together)| together).collect();
        let before = self.traces(host, &together);
        if let Some(entry) = self.hosts.get_mut(host.index()) {
            let local = entry.clock.at(self.now);
            // Some may be of two groups: then nothing changes.
            let _ = entry.group(local, &ids);
        }
        self.compare(host, &before);
        self.run_due(host);
    }

    pub(super) fn reconfigure(&mut self, host: HostId, router: RouterId, config: &Config) {
        let Some((router, together)) = self.meant(host, router) else { return };
        let before = self.traces(host, &together);
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let now = entry.clock.at(self.now);
        if entry.reconfigure(now, router, config) {
            self.report_news_of(host, router);
        }
        self.compare(host, &before);
        self.run_due(host);
    }

    pub(super) fn set_priority(&mut self, host: HostId, router: RouterId, priority: Priority) {
        let Some((router, together)) = self.meant(host, router) else { return };
        let before = self.traces(host, &together);
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let now = entry.clock.at(self.now);
        entry.set_priority(now, router, priority);
        self.compare(host, &before);
        self.run_due(host);
    }

    /// `None`: it is drained no more.
    pub(super) fn set_drain(&mut self, host: HostId, router: RouterId, drain: Option<Drain>) {
        let Some((router, together)) = self.meant(host, router) else { return };
        let before = self.traces(host, &together);
        let Some((entry, local)) = self.awake(host) else { return };
        entry.set.handle(local, router, drain.map_or(Input::Undrain, Input::Drain));
        let longest = entry.routers().map(|running| running.config.interval().duration()).max().unwrap_or_default();
        if let Some(drain) = drain {
            self.longest_call = self.longest_call.max(drain.limit.unwrap_or(3 * longest));
        }
        self.compare(host, &before);
        self.run_due(host);
    }

    /// The router that an id means, and all that are in a sync group with it, itself among them. `None` where there is none, or
    /// its process hears no command.
    fn meant(&self, host: HostId, router: RouterId) -> Option<(RouterId, Vec<RouterId>)> {
        let entry = self.hosts.get(host.index()).filter(|host| host.life != Life::Stalled)?;
        let id = entry.meant(router)?;
        let group = entry.groups().iter().find(|group| group.contains(&id));
        Some((id, group.map_or_else(|| [id].to_vec(), Clone::clone)))
    }

    /// All that there is of the routers of a host that have nothing to do with a change.
    fn traces(&mut self, host: HostId, concerned: &[RouterId]) -> Vec<(RouterId, u64)> {
        self.awake(host).map(|(entry, _)| entry.traces(concerned)).unwrap_or_default()
    }

    /// Checks that a change left everything that it does not concern as it was, to the octet.
    fn compare(&mut self, host: HostId, before: &[(RouterId, u64)]) {
        let Some((entry, _)) = self.awake(host) else { return };
        let after = entry.traces(&[]);
        let touched = before.iter().find(|trace| !after.contains(trace));
        if let Some((router, _)) = touched {
            let (host, router) = (host.index(), router.index());
            self.violation = Some(format!("a change of another router on host {host} touched router {router}"));
        } else if !entry.wakes_in_time() {
            self.violation = Some(format!("host {} waits for another moment than its routers", host.index()));
        }
    }
}

impl Host {
    /// Everything of each router but its counters.
    fn traces(&mut self, except: &[RouterId]) -> Vec<(RouterId, u64)> {
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        let traces: Vec<_> = ids.into_iter().zip(self.trace_each()).collect();
        traces.into_iter().filter(|(id, _)| !except.contains(id)).collect()
    }

    /// Tells whether its deadline is the first of its routers' deadlines; a sync group may have an earlier one of its own.
    fn wakes_in_time(&self) -> bool {
        let first = self.set.iter().filter_map(|(_, router)| router.deadline()).min();
        match (self.set.deadline().map(|(at, _)| at), first) {
            (Some(at), Some(first)) if !self.groups().is_empty() => at <= first,
            (Some(_), None) => !self.groups().is_empty(),
            (at, first) => at == first,
        }
    }
}
