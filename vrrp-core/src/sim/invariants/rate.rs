//! The bounds on how often a router may send, announce and take over.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::bounds::shortened;
use super::records::{ANSWERS_BURST, Records, name};
use crate::action::AdvertKind;
use crate::sim::network::HostId;
use crate::sim::world::{Step, StepKind, World};
use crate::types::RouterId;

/// Regular advertisements beyond one an interval that may leave in one go: a process that was late.
const BURST: i64 = 3;
/// Answers to lower Masters and to releases that a router gives in one of its intervals, whoever asks.
pub(super) const ANSWERS: i64 = 4;
/// Answers, and advertisements that come sooner, in an interval while more releases come than are answered.
const PRESSED: i64 = 2 * ANSWERS;
/// Takeovers in a row, beyond one in each interval of the router.
pub(super) const TAKEOVERS: i64 = 8;
/// The seconds after the first time at which what could not be set is asked for again; then it is every quarter of an
/// hour.
const RETRIES: [u64; 6] = [30, 90, 210, 450, 930, 1830];

impl Records {
    pub(super) fn sent(
        &mut self,
        world: &World,
        step: &Step,
        host: HostId,
        router: RouterId,
        kind: AdvertKind,
    ) -> Result<(), String> {
        let now = world.now();
        let Some((facts, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let drift = facts.drift;
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        if matches!(kind, AdvertKind::Regular | AdvertKind::RegularVersion2) {
            member.regular_at = Some(now);
        }
        if member.allowed > 0 {
            member.allowed -= 1;
            return Ok(());
        }
        let Some(config) = world.config(host, router) else { return Ok(()) };
        let interval = shortened(config.interval().duration().as_nanos() as i64, drift);
        // A router that speaks both versions says everything twice.
        let copies = if config.also_version2() { 2 } else { 1 };
        let kept = match step.kind {
            _ if now <= member.pressed_until => {
                member.answers.spend(now, 1, interval / copies / PRESSED, 2 * PRESSED * copies)
            }
            StepKind::Deadline => member.regular.spend(now, 1, interval / copies, BURST * copies),
            _ => member.answers.spend(now, 1, interval / copies / ANSWERS, ANSWERS_BURST * copies),
        };
        if kept { Ok(()) } else { Err(format!("{} sends a storm of advertisements", name(host, router))) }
    }

    pub(super) fn announced(
        &mut self,
        world: &World,
        step: &Step,
        host: HostId,
        router: RouterId,
        count: u8,
    ) -> Result<(), String> {
        let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, router));
        if changed || matches!(step.kind, StepKind::Answer | StepKind::Disturbance | StepKind::Resumed) {
            return Ok(());
        }
        let Some((facts, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let drift = facts.drift;
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        let Some(config) = world.config(host, router) else { return Ok(()) };
        let policy = config.announce();
        let addresses = config.addresses().len() as i64;
        let each = |times: u8, period: Duration| {
            if period.is_zero() { 0.0 } else { f64::from(times) / period.as_secs_f64() }
        };
        let rate = each(policy.contest_repeat, policy.contest_holdoff.max(config.interval().duration()))
            + each(policy.refresh_repeat, policy.refresh.unwrap_or_default());
        let spacing = if rate > 0.0 { 1e9 / (rate * addresses as f64) } else { 3_600e9 };
        let rounds = 3 * i64::from(policy.contest_repeat) + 2 * i64::from(policy.refresh_repeat.max(policy.repeat));
        let spacing = shortened(spacing as i64, drift);
        if member.announcements.spend(world.now(), i64::from(count), spacing, rounds * addresses) {
            return Ok(());
        }
        Err(format!("{} announces its addresses in a storm", name(host, router)))
    }

    pub(super) fn allow_sends(&mut self, world: &World, host: HostId, router: RouterId, sends: i64) {
        let Some((_, instance, position)) = self.member(world, host, router) else { return };
        if let Some(member) = instance.members.get_mut(position) {
            member.allowed = if sends == 0 { 0 } else { member.allowed + sends };
        }
    }

    /// A router is handicapped, or no longer: another one may be better now. That happens when an address could not be set,
    /// or could when it was asked for again, and no oftener.
    pub(super) fn reprioritised(&mut self, world: &World, host: HostId, outside: bool) -> Result<bool, String> {
        let now = world.now();
        let mut changed = false;
        for (id, _) in world.routers(host) {
            let Some(router) = world.router(host, id) else { continue };
            let priority = router.priority();
            let Some((_, instance, position)) = self.member(world, host, id) else { continue };
            let grouped = instance.grouped;
            let Some(member) = instance.members.get_mut(position) else { continue };
            if member.priority.replace(priority) == Some(priority) || outside {
                continue;
            }
            changed = true;
            member.setbacks.count += 1;
            let elapsed = now.since(member.setbacks.since).as_secs();
            let retries = RETRIES.iter().filter(|after| elapsed >= **after).count() as u64;
            let retries = retries + elapsed.saturating_sub(1830) / 900;
            // Each time it may fail, and succeed: or another member of its group may.
            if u64::from(member.setbacks.count) > (4 + 2 * retries) * if grouped { 4 } else { 1 } {
                return Err(format!("{} changes its priority again and again", name(host, id)));
            }
        }
        Ok(changed)
    }
}
