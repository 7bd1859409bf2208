//! A router that is drained where all is well hands over without a gap, and in time (`docs/drain.md`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::rate::TAKEOVERS;
use super::records::{Call, Facts, Instance, Member, name};
use crate::drain::DrainStatus;
use crate::fsm::{Backup, Role, State};
use crate::router::VirtualRouter;
use crate::sim::world::World;
use crate::time::Instant;
use crate::types::Version;

/// The longest time that a Master keeps its addresses when another one is there.
pub(super) const OVERLAP: Duration = Duration::from_millis(50);

impl Instance {
    /// Something happened from outside: whether somebody begins to call, where nothing is in the way. Who called before may
    /// have heard somebody who is gone now.
    pub(super) fn listen(&mut self, world: &World, facts: &Facts) {
        let called_before = self.calls_until > Instant::ZERO;
        self.calls_until = self.calls_until(world);
        self.call = None;
        let quiet_for = facts.longest_interval + 2 * world.network.longest() + world.slowest_install();
        let unchanged = world.now().since(self.changed_at) > quiet_for;
        let whole = world.parts(self.lan).is_some_and(|parts| parts.len() == 1);
        if !world.is_calm() || !self.compatible || self.grouped || !unchanged || !whole || called_before {
            return;
        }
        let present = || self.members.iter().filter_map(|it| Some((it, world.router(it.host, it.router)?)));
        let mut masters = present().filter(|(_, router)| router.role() == Role::Master);
        let (Some((caller, router)), None) = (masters.next(), masters.next()) else { return };
        if !router.hands_over() {
            return;
        }
        let backups: Vec<(&Member, &VirtualRouter)> =
            present().filter(|(_, router)| router.role() == Role::Backup).collect();
        let overlap = OVERLAP.min(router.config().interval().duration() / 2);
        let takes = world.slowest_install() + world.network.longest();
        let quick = takes + takes * facts.drift / 500_000 < overlap - overlap * facts.drift / 500_000;
        let caller_address = router.source();
        let able = |(member, router): &(&Member, &VirtualRouter)| {
            let host = world.hosts.get(member.host.index());
            // A call teaches no interval: who heard nothing else of this Master may wait for longer than from call to call.
            let heard = router.status().master == caller_address;
            host.is_some_and(|host| host.can_set_all(member.router)) && router.missing().next().is_none() && heard
        };
        if !quick || !backups.iter().all(able) {
            return;
        }
        let everywhere = |address: &IpAddr| {
            backups.iter().all(|(_, router)| router.config().addresses().contains(address))
                && router.config().addresses().contains(address)
        };
        let held = world.held(caller.host, caller.router).iter().copied();
        let due = backups.iter().filter_map(|(member, router)| skew(world, member, router)).min();
        let over_by = due.filter(|_| !backups.iter().any(|(_, router)| router.config().also_version2()));
        // Who needs almost an interval may be called anew before, by a clock that is faster or over a way that is.
        let next_call = router.config().interval().duration();
        let hasty = |skew: &Duration| *skew + *skew * facts.drift / 500_000 + world.network.longest() < next_call;
        // A regular advertisement that is still under way may arrive after the call.
        let under_way = caller.regular_at.is_some_and(|at| world.now().since(at) <= world.network.longest());
        let over_by = over_by.filter(hasty).filter(|_| !under_way).map(|skew| {
            let span = skew + 2 * world.network.longest() + overlap;
            world.now() + span + span * facts.drift / 500_000 + Duration::from_micros(1)
        });
        // Its limit may be shorter.
        let until = match router.drain_status() {
            Some(DrainStatus::HandingOver { until }) => world.true_time(caller.host, until),
            _ => None,
        };
        self.call = Some(Call {
            host: caller.host,
            router: caller.router,
            addresses: held.filter(everywhere).collect(),
            over_by: over_by.filter(|at| until.is_some_and(|until| *at < until)),
        });
    }

    /// Returns the moment until which somebody may still call: until then two routers that call may both be Master.
    pub(super) fn calls_until(&self, world: &World) -> Instant {
        let until = |member: &Member| match world.router(member.host, member.router)?.drain_status()? {
            DrainStatus::HandingOver { until } => world.true_time(member.host, until),
            _ => None,
        };
        self.members.iter().filter_map(until).max().unwrap_or(Instant::ZERO)
    }

    pub(super) const fn next_call(&self) -> Option<Instant> {
        match &self.call {
            Some(call) => call.over_by,
            None => None,
        }
    }

    /// Somebody has the addresses at every moment, and the call has an end.
    pub(super) fn is_handed_over(&mut self, world: &World) -> Result<(), String> {
        let Some(call) = &self.call else { return Ok(()) };
        let (host, id) = (call.host, call.router);
        let served = |address: &&IpAddr| {
            self.members.iter().any(|member| world.held(member.host, member.router).contains(*address))
        };
        if let Some(address) = call.addresses.iter().find(|address| !served(address)) {
            return Err(format!("{} is drained, and nobody serves {address}", name(host, id)));
        }
        let calls = world.router(host, id).is_some_and(VirtualRouter::hands_over);
        if calls && call.over_by.is_some_and(|at| world.now() >= at) {
            return Err(format!("{} is drained, and still Master though another one could have come", name(host, id)));
        }
        if !calls {
            self.call = None;
        }
        Ok(())
    }
}

/// Skew_Time of a Backup by the formulas of section 6.1; `None`: it took over too often, and waits.
fn skew(world: &World, member: &Member, router: &VirtualRouter) -> Option<Duration> {
    let config = router.config();
    let interval = match (config.profile().version(), router.state()) {
        (Version::V3, State::Backup(Backup { heard: Some(heard), .. })) => heard.duration(),
        _ => Duration::from_secs(1),
    };
    let own = config.interval().duration().as_nanos() as i64;
    let free = member.takeovers.clone().spend(world.now(), 0, own, TAKEOVERS / 2);
    free.then(|| interval * (256 - u32::from(router.priority().get())) / 256)
}
