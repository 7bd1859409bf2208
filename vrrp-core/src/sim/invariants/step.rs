//! Rules that every step must keep: addresses, yielding, answers, timers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::bounds::shortened;
use super::hand_over::OVERLAP;
use super::rate::{ANSWERS, TAKEOVERS};
use super::records::{Records, Timed, name};
use crate::action::AdvertKind;
use crate::fsm::{Role, State};
use crate::router::VirtualRouter;
use crate::sim::host::Life;
use crate::sim::network::HostId;
use crate::sim::world::{Heard, Step, StepKind, World};
use crate::time::Instant;
use crate::types::{Priority, RouterId, Version};

impl Records {
    pub(super) fn accepted(&mut self, world: &World, heard: &Heard) {
        let (host, id, now) = (heard.host, heard.router, world.now());
        let Some(router) = world.router(host, id) else { return };
        let own = router.priority();
        let preempts = (router.config().preempt() && router.drain_status().is_none()) || own.is_owner();
        let holds = !router.config().preempt_hold().is_zero();
        let configured = router.config().interval().duration();
        let version2 = router.config().profile().version() == Version::V2;
        let said = if version2 { configured } else { heard.interval };
        let Some((_, instance, position)) = self.member(world, host, id) else { return };
        let Some(member) = instance.members.get_mut(position) else { return };
        if heard.priority > 0 && !member.masters.contains(&heard.source) {
            member.masters.push(heard.source);
        }
        if heard.priority == 0 {
            member.pressed_until = now + 2 * configured;
            let interval = member.heard.map_or(Some(configured), |before| before.interval);
            member.heard = Some(Timed { at: now, released: true, interval });
            member.patient_until = None;
            return;
        }
        let counts = heard.priority >= own.get() || !preempts;
        if counts {
            member.heard = Some(Timed { at: now, released: false, interval: Some(said) });
        }
        match is_yield(heard.kind) {
            // Meant for this router as the better Master, which it is no more: they crossed.
            true if said == configured => member.patient_until = None,
            // Whoever waits to preempt is patient with a lower one.
            false if !counts && holds => member.patient_until = None,
            _ if counts && !version2 => member.patient_until = Some(now + 3 * heard.master_interval),
            _ => {}
        }
    }

    /// A Master that hears a release, or one that is lower, answers, unless it did so just now.
    pub(super) fn answers(&mut self, world: &World, step: &Step, heard: &Heard) -> Result<(), String> {
        let (host, id, now) = (heard.host, heard.router, world.now());
        let Some(router) = world.router(host, id) else { return Ok(()) };
        let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
        // A Master that hands over does not answer.
        if router.role() != Role::Master || router.hands_over() {
            return Ok(());
        }
        let released = heard.priority == 0;
        let lower = !released && router.config().answer_lower();
        let holds_all = is_served(router);
        let interval = router.config().interval().duration();
        let soon = matches!(router.state(), State::Master { next_advert }
            if next_advert.since(router.latest()) <= interval / 4);
        let spoke = step.sends.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
        let Some((facts, instance, position)) = self.member(world, host, id) else { return Ok(()) };
        let interval = interval + interval * facts.drift / 500_000 + Duration::from_nanos(10);
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        // While its addresses are not confirmed it would answer, but may not.
        if spoke || !holds_all {
            member.answered.rotate_right(1);
            if let Some(first) = member.answered.first_mut() {
                *first = Some((heard.source, now));
            }
            return Ok(());
        }
        // A clock that seems to stand still earns nothing.
        let stands_still = world.hosts.get(host.index()).is_none_or(|host| host.stamps_off != 0);
        if changed || stands_still || step.kind != StepKind::Packet || step.accepted.len() > 1 {
            return Ok(());
        }
        let recent = || member.answered.iter().flatten().filter(|(_, at)| now.since(*at) <= interval);
        let others = recent().count() as i64 >= ANSWERS;
        // Of many releases not each is answered: then the next advertisement comes soon.
        if released && !soon {
            return Err(format!("{} is Master, heard a release and will say nothing soon", name(host, id)));
        }
        if (released || lower) && !others && !recent().any(|(whom, _)| *whom == heard.source) {
            let what = if released { "a release" } else { "a lower Master" };
            return Err(format!("{} is Master, heard {what} and said nothing", name(host, id)));
        }
        Ok(())
    }

    /// Checks the timer that ran out against the formulas of section 6.1, written down once more.
    pub(super) fn took_over(
        &mut self,
        world: &World,
        host: HostId,
        router: RouterId,
        released: bool,
        calm_since: Option<Instant>,
    ) -> Result<(), String> {
        let facts = self.facts;
        let Some((_, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let (compatible, grouped) = (instance.compatible, instance.grouped);
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        let Some(own) = world.config(host, router).map(|config| config.interval().duration().as_nanos() as i64) else {
            return Ok(());
        };
        if !member.takeovers.spend(world.now(), 1, shortened(own, facts.drift), TAKEOVERS + 1) {
            return Err(format!("{} takes over again and again", name(host, router)));
        }
        // One that was put off is late.
        if !member.takeovers.clone().spend(world.now(), 0, own, TAKEOVERS / 2) {
            return Ok(());
        }
        let (Some(heard), Some(calm_since)) = (member.heard, calm_since) else { return Ok(()) };
        let Some(router_now) = world.router(host, router) else { return Ok(()) };
        let config = router_now.config();
        if heard.at <= calm_since || heard.released != released || config.also_version2() {
            return Ok(());
        }
        let early = |until: Instant| until.since(world.now()) > until.since(heard.at) * facts.drift / 500_000;
        // What was said before a change of the interval may be out of date.
        let since_then = heard.at > calm_since + world.network.longest();
        if !released && since_then && member.patient_until.is_some_and(early) {
            return Err(format!(
                "{} takes over though its Master was silent for less than three intervals",
                name(host, router)
            ));
        }
        if !compatible || grouped || !config.preempt_hold().is_zero() {
            return Ok(());
        }
        let Some(interval) = heard.interval.map(|interval| interval.as_nanos()) else { return Ok(()) };
        let of = if config.profile().version() == Version::V2 { 1_000_000_000 } else { interval };
        let skew = ((256 - u128::from(router_now.priority().get())) * of).div_ceil(256);
        let due = if released { skew } else { 3 * interval + skew };
        let took = world.now().since(heard.at).as_nanos();
        let leeway = due * u128::from(facts.drift) / 500_000 + 2;
        if took.abs_diff(due) > leeway {
            let what = if released { "the release" } else { "its Master for the last time" };
            let who = name(host, router);
            return Err(format!("{who} took over {took} ns after it heard {what}, its timer is {due} ns"));
        }
        Ok(())
    }

    /// Checks that a router that yields on command was told to, and heard the one that it yields to.
    pub(super) fn handed_over(
        &mut self,
        world: &World,
        host: HostId,
        router: RouterId,
        to: IpAddr,
        calm_since: Option<Instant>,
    ) -> Result<(), String> {
        let is_drained = world.router(host, router).is_some_and(|router| router.drain_status().is_some());
        let Some((_, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let lan = instance.lan;
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        if !is_drained || !member.masters.contains(&to) {
            return Err(format!("{} hands over to {to}, and was not told to or did not hear it", name(host, router)));
        }
        // It watches from now on, by what it heard: nobody's interval may have changed since.
        let unchanged = calm_since.is_some_and(|at| world.now().since(at) > OVERLAP * 2 + world.network.longest());
        let interval = world.config(host, router).and_then(|config| world.interval_of(lan, to, config));
        let interval = interval.filter(|_| unchanged);
        member.heard = Some(Timed { at: world.now(), released: false, interval });
        member.patient_until = interval.map(|interval| world.now() + 3 * interval);
        Ok(())
    }

    /// Nobody yields to a worse router: the greater priority, at equal ones the greater address, is better.
    pub(super) fn yielded(
        &self,
        world: &World,
        host: HostId,
        router: RouterId,
        to: IpAddr,
        priority: Option<Priority>,
    ) -> Result<(), String> {
        let Some(own) = world.router(host, router) else { return Ok(()) };
        let better = match (priority, own.source(), to) {
            (Some(priority), ..) => priority > own.priority(),
            (None, Some(IpAddr::V4(own)), IpAddr::V4(to)) => u32::from(to) > u32::from(own),
            (None, Some(IpAddr::V6(own)), IpAddr::V6(to)) => u128::from(to) > u128::from(own),
            _ => false,
        };
        if better { Ok(()) } else { Err(format!("{} yields to {to}, which is no better", name(host, router))) }
    }
}

/// After that of its takeover a Master sends no advertisement until its host has answered for every address.
pub(super) fn speaks_for_what_it_has(world: &World, step: &Step, host: HostId, id: RouterId) -> Result<(), String> {
    let Some(router) = world.router(host, id) else { return Ok(()) };
    let holds_all = is_served(router);
    let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
    if router.role() == Role::Master && !holds_all && !changed {
        return Err(format!("{} advertises addresses that its host has not confirmed", name(host, id)));
    }
    Ok(())
}

/// Addresses and sync groups of one host.
pub(super) fn host_is_sound(world: &World, id: HostId) -> Result<(), String> {
    let Some(host) = world.hosts.get(id.index()) else { return Ok(()) };
    if world.is_stalled(id) {
        return Ok(());
    }
    for (router_id, _) in world.routers(id) {
        let Some(router) = world.router(id, router_id) else { continue };
        let (held, wanted) = (host.kernel.held(router_id), router.config().addresses());
        let sound = match router.role() {
            Role::Master => {
                held.iter().all(|address| wanted.contains(address))
                    && held.len() >= router.installed()
                    && (held.len() == wanted.len() || router.installed() < wanted.len())
            }
            Role::Backup | Role::Initialize => held.is_empty() && !host.kernel.is_busy(router_id),
        };
        if !sound {
            return Err(format!("{} is {} and its host has {held:?}", name(id, router_id), router.role()));
        }
    }
    let ids: Vec<RouterId> = world.routers(id).map(|(router, _)| router).collect();
    if let Some(address) = host.kernel.left_behind(&ids).next().filter(|_| host.life == Life::Running) {
        return Err(format!("host {} has {address} of a router that was removed", id.index()));
    }
    for group in host.groups() {
        // A member that joined Masters and is none yet does not count; one that hands over goes alone.
        let members: Vec<RouterId> = group.iter().copied().filter(|member| !host.set.is_joining(*member)).collect();
        let masters = members.iter().filter(|router| world.role(id, **router) == Role::Master).count();
        let handing_over = members.iter().any(|it| host.set.get(*it).is_some_and(VirtualRouter::hands_over));
        if masters != 0 && masters != members.len() && !handing_over {
            return Err(format!(
                "{masters} of {} members of a sync group of host {} are Master",
                members.len(),
                id.index()
            ));
        }
    }
    Ok(())
}

/// Every address of a router is confirmed, or known to be impossible, and one of those that count is confirmed: the
/// advertised, or where none is advertised all. A router without any serves as it is.
fn is_served(router: &VirtualRouter) -> bool {
    let missing = |address: &IpAddr| router.missing().any(|missing| missing == *address);
    let config = router.config();
    let counts = if config.advertised().is_empty() { config.addresses() } else { config.advertised().as_slice() };
    let any = counts.is_empty() || counts.iter().any(|address| router.is_installed(*address));
    any && config.addresses().iter().all(|address| router.is_installed(*address) || missing(address))
}

/// Said by one that has yielded.
pub(super) fn is_yield(kind: Option<AdvertKind>) -> bool {
    matches!(kind, Some(AdvertKind::Yield | AdvertKind::YieldVersion2))
}
