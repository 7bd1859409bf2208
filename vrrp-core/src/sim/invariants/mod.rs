//! Rules that must hold whatever happens; `docs/convergence.md` says why they can.

mod bounds;
mod election;
mod hand_over;
mod rate;
mod records;
mod step;

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::check::Check;
use super::network::HostId;
use super::rate_limit::RateLimit;
use super::world::{Step, StepKind, World};
use crate::action::AdvertKind;
use crate::cause::{Cause, Transition};
use crate::fsm::Role;
use crate::health::Fault;
use crate::time::Instant;
use crate::types::{Priority, RouterId};

use records::{Instance, Records, Setbacks, name};
use step::{host_is_sound, is_yield, speaks_for_what_it_has};

/// The rules that every world must keep, and the bounds that its timers give.
///
/// After every step:
///
/// - A host that is awake has all addresses of its Masters that it confirmed, and none of any other router.
/// - The members of a sync group are Master together, or none is.
/// - Nobody takes over more than eight times in a row, and then once an interval.
/// - Nobody sends more than one advertisement an interval, four answers, and what changes of its state ask for; nor announces
///   more than its policy promises. Only its own interval counts, whatever it hears from whom.
/// - A Master_Down_Timer ran for three intervals and its Skew_Time, or after a release for its Skew_Time: not less and not
///   more.
/// - The advertisements of a router that has yielded shorten nobody's wait for the Master, and nobody yields to it.
/// - A Master answers a release, and where it is configured to a lower Master, at once, unless it answered the same sender, or
///   four others, less than an interval ago. It says nothing more while an address is not confirmed.
/// - A router yields only to a better one, or after it was drained and heard another Master. A router that stops releases.
/// - A drained router preempts nobody, and a removed one has no address any more. A router that is added, removed or
///   reconfigured touches no other router of its host but those of its own sync group.
/// - No fault comes from nowhere, and none from a host that is at work. A host tries an address that it cannot set ever more
///   rarely.
///
/// Where the routers of a VRID are compatible (version, password, checksum, owner, peers, an address that they share, in
/// version 2 the interval; and all of their own addresses differ), and once nothing is [wrong](World::is_calm) any more:
///
/// - Two of them that hear each other are both Master for [`overlap`](Self::overlap) at most.
/// - After [`convergence`](Self::convergence) each part of a LAN has exactly one Master, and nobody who may preempt is better.
/// - It serves every address, or says which it does not serve, and nobody there can set more.
/// - A router that is drained while all is well, and has stand-ins that are in order, yields within the Skew_Time of the best,
///   two ways and 50 ms; until then somebody has each address at every moment.
/// - Within one more second and the rounds that its policy may put off, packets of a neighbour to one of its addresses
///   reach it.
///
/// And whether compatible or not, after that nobody changes its state until something is disturbed again.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    records: Records,
    prepared: bool,
    /// From here on nothing is under way that was sent, or asked for, before all was well.
    quiet_at: Option<Instant>,
    /// The last disturbance, if all was well after it.
    calm_since: Option<Instant>,
    settled: bool,
    /// All neighbours know the Masters by then.
    known_by: Option<Instant>,
    next_look: Option<Instant>,
}

impl Invariants {
    /// Makes the check, which sees nothing before its first step.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how long two Masters that hear each other may both be Master: an interval until the better one speaks, the time that a
    /// host takes to confirm its addresses, and the way.
    #[must_use]
    pub fn overlap(&self, world: &World) -> Duration {
        self.records.overlap(world)
    }

    /// Returns how long after the last disturbance there is exactly one Master, the right one. See `docs/convergence.md`.
    #[must_use]
    pub fn convergence(&self, world: &World) -> Duration {
        self.records.convergence(world)
    }

    /// Something happened: everything is open again.
    fn unsettle(&mut self, world: &World) {
        self.settled = false;
        self.known_by = None;
        self.calm_since = Some(world.now()).filter(|_| world.is_calm());
        let quiet_at = world.now() + world.slowest_install() + 2 * world.network.longest();
        let failing = world.hosts().any(|host| {
            world.routers(host).any(|(router, _)| {
                let router = world.router(host, router);
                router.is_some_and(|router| router.faults().any(|fault| matches!(fault, Fault::NotInstalled(_))))
            })
        });
        let confirmed = world.slowest_install() < self.records.facts.shortest_interval.max(Duration::from_millis(100));
        self.quiet_at = Some(quiet_at).filter(|_| world.is_calm() && confirmed && !failing);
        let overlap = self.overlap(world);
        for instance in &mut self.records.instances {
            let contested = instance.contested(world);
            let calls_until = instance.calls_until(world);
            instance.one_by = self.quiet_at.filter(|_| contested).map(|at| at.max(calls_until) + overlap);
        }
    }

    fn plan_look(&mut self, world: &World) {
        let settle_at = self.quiet_at.filter(|_| !self.settled).map(|at| at + self.convergence(world));
        let ones = self.records.instances.iter().filter_map(|instance| instance.one_by);
        let calls = self.records.instances.iter().filter_map(Instance::next_call);
        self.next_look = ones.chain(calls).chain(settle_at).chain(self.known_by).min();
    }

    fn changed(
        &mut self,
        world: &World,
        step: &Step,
        host: HostId,
        router: RouterId,
        change: Transition,
    ) -> Result<(), String> {
        let outside = matches!(step.kind, StepKind::Disturbance | StepKind::Resumed);
        if self.settled && !outside {
            return Err(format!(
                "{} goes from {} to {} though nothing happened",
                name(host, router),
                change.from,
                change.to
            ));
        }
        if let (Cause::Fault(fault), false) = (change.cause, outside) {
            if !matches!(fault, Fault::NotInstalled(_) | Fault::GroupMember(_) | Fault::GroupPending(_)) {
                return Err(format!("{} has a fault from nowhere", name(host, router)));
            }
        }
        if matches!(change.cause, Cause::Fault(_) | Cause::Recovered(_)) && !outside {
            self.unsettle(world);
        }
        let window = self.records.facts.longest_interval.max(Duration::from_millis(100));
        let answered = self.calm_since.is_some_and(|at| world.now() >= at + window);
        if matches!(change.cause, Cause::Fault(Fault::NotInstalled(_))) && answered {
            return Err(format!("{} misses an address though its host answers", name(host, router)));
        }
        let yields = matches!(change.cause, Cause::HigherPriority { .. } | Cause::HigherAddress { .. });
        // A router that reads many at once yields to one of them, not to the last.
        let heard = || step.accepted.iter().filter(|heard| (heard.host, heard.router) == (host, router));
        let only_yields = heard().next().is_some() && heard().all(|heard| is_yield(heard.kind));
        // At the lowest priority the addresses decide.
        let lowest = world.router(host, router).is_some_and(|router| router.priority() == Priority::LOWEST);
        if yields && !lowest && only_yields {
            return Err(format!("{} yields to one that has yielded itself", name(host, router)));
        }
        match change.cause {
            Cause::MasterDown { .. } => self.records.took_over(world, host, router, false, self.calm_since)?,
            Cause::MasterReleased { .. } => self.records.took_over(world, host, router, true, self.calm_since)?,
            Cause::HigherPriority { master, priority } => {
                self.records.yielded(world, host, router, master, Some(priority))?
            }
            Cause::HigherAddress { master } => self.records.yielded(world, host, router, master, None)?,
            Cause::HandedOver { to } => self.records.handed_over(world, host, router, to, self.calm_since)?,
            Cause::Preempted { .. } if world.router(host, router).is_some_and(|it| it.drain_status().is_some()) => {
                return Err(format!("{} is drained, and preempts", name(host, router)));
            }
            _ => {}
        }
        let released = step.sends.contains(&(host, router, AdvertKind::Release));
        // Nothing can be sent on an interface that is down.
        let silenced = change.cause == Cause::Fault(Fault::InterfaceDown);
        if (change.from, change.to) == (Role::Master, Role::Initialize) && !released && !silenced {
            return Err(format!("{} is Master no more and did not release", name(host, router)));
        }
        let (quiet_at, overlap) = (self.quiet_at, self.overlap(world));
        let now = world.now();
        if let Some((_, instance, position)) = self.records.member(world, host, router) {
            instance.changed_at = now;
            if let Some(member) = instance.members.get_mut(position) {
                member.masters.clear();
            }
            let yielded = (change.from, change.to) == (Role::Master, Role::Backup);
            if let (Some(member), false) = (instance.members.get_mut(position), yielded) {
                (member.heard, member.patient_until) = (None, None);
                // Each takeover has rounds of its own.
                member.announcements = RateLimit::default();
            }
            match (instance.contested(world), change.to) {
                (false, _) => instance.one_by = None,
                (true, Role::Master) => {
                    let from = now.max(instance.calls_until(world));
                    instance.one_by = quiet_at.map(|at| at.max(from) + overlap);
                }
                (true, _) => {}
            }
        }
        Ok(())
    }

    fn check_deadlines(&mut self, world: &World) -> Result<(), String> {
        let now = world.now();
        for instance in &self.records.instances {
            if instance.one_by.is_some_and(|at| now >= at) && instance.contested(world) {
                return Err(format!(
                    "virtual router {} has two Masters that hear each other, for too long",
                    instance.vrid
                ));
            }
        }
        self.records
            .instances
            .iter_mut()
            .filter(|instance| instance.one_by.is_some_and(|at| now >= at))
            .for_each(|instance| instance.one_by = None);
        if !self.settled && self.quiet_at.is_some_and(|at| now >= at + self.convergence(world)) {
            self.settled = true;
            for instance in &self.records.instances {
                self.settled &= instance.settled(world)?;
            }
            if !self.settled {
                self.quiet_at = None;
            }
            self.known_by = Some(now + self.records.put_off(world)).filter(|_| self.settled);
        }
        if self.known_by.take_if(|at| now >= *at).is_some() {
            for instance in &self.records.instances {
                instance.is_known(world)?;
            }
        }
        Ok(())
    }
}

impl Check for Invariants {
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String> {
        if !self.prepared {
            self.prepared = true;
            self.records.learn(world);
            self.unsettle(world);
            self.plan_look(world);
        }
        for heard in &step.accepted {
            self.records.accepted(world, heard);
        }
        for heard in &step.accepted {
            self.records.answers(world, step, heard)?;
        }
        for (host, router, _) in &step.transitions {
            self.records.allow_sends(world, *host, *router, 4);
        }
        for (host, router, kind) in &step.sends {
            self.records.sent(world, step, *host, *router, *kind)?;
            if matches!(kind, AdvertKind::Regular | AdvertKind::HandOver) {
                speaks_for_what_it_has(world, step, *host, *router)?;
            }
        }
        for (host, router, _, count) in &step.announced {
            self.records.announced(world, step, *host, *router, *count)?;
        }
        let touched = step.sends.iter().map(|(host, router, _)| (*host, *router));
        let heard = step.accepted.iter().map(|heard| (heard.host, heard.router));
        for (host, router) in touched.chain(heard) {
            self.records.allow_sends(world, host, router, 0);
        }
        let outside = matches!(step.kind, StepKind::Disturbance | StepKind::Resumed);
        if outside {
            self.records.learn(world);
            self.unsettle(world);
            let begun = Setbacks { since: world.now(), count: 0 };
            for member in self.records.instances.iter_mut().flat_map(|instance| &mut instance.members) {
                member.setbacks = begun;
                // What was spent at another interval.
                member.regular.forgive(world.now());
                member.answers.forgive(world.now());
                member.takeovers.forgive(world.now());
            }
        }
        if let Some(host) = step.host {
            if self.records.reprioritised(world, host, outside)? {
                self.unsettle(world);
            }
        }
        for (host, router, change) in &step.transitions {
            self.changed(world, step, *host, *router, *change)?;
        }
        if outside {
            let Records { instances, facts } = &mut self.records;
            instances.iter_mut().for_each(|instance| instance.listen(world, facts));
        }
        if outside || step.addresses_changed || !step.transitions.is_empty() {
            for host in world.hosts() {
                host_is_sound(world, host)?;
            }
            self.plan_look(world);
        }
        for instance in &mut self.records.instances {
            instance.is_handed_over(world)?;
        }
        if self.next_look.is_some_and(|at| world.now() >= at) {
            self.check_deadlines(world)?;
            self.plan_look(world);
        }
        Ok(())
    }

    fn next_look(&self) -> Option<Instant> {
        self.next_look
    }
}
