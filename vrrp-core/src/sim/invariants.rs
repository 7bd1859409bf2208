//! What must hold whatever happens; `docs/convergence.md` says why it can.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::Check;
use super::host::Hosted;
use super::ledger::Ledger;
use super::network::{HostId, LanId};
use super::relations::{are_compatible, groups_can_settle, is_grouped, preempts};
use super::world::{Heard, Step, StepKind, World};
use crate::action::AdvertKind;
use crate::cause::{Cause, Transition};
use crate::config::Config;
use crate::fsm::{Role, State};
use crate::health::Fault;
use crate::router::VirtualRouter;
use crate::time::Instant;
use crate::types::{Family, Priority, RouterId, Version, Vrid};

/// Regular advertisements beyond one an interval that may leave in one go: a process that was late.
const BURST: i64 = 3;
/// Answers to lower Masters and to releases that a router gives in one of its intervals, whoever asks.
const ANSWERS: i64 = 4;
/// Those beyond that rate that may leave in one go.
const ANSWERS_BURST: i64 = 8;
/// Answers, and advertisements that come sooner, in an interval while more releases come than are answered.
const PRESSED: i64 = 2 * ANSWERS;
/// Takeovers in a row, beyond one in each interval of the router.
const TAKEOVERS: i64 = 8;
/// When what could not be set is asked for again, in seconds after the first time, and then every quarter of an hour.
const RETRIES: [u64; 6] = [30, 90, 210, 450, 930, 1830];

/// What every world must keep, and the bounds that its timers give.
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
/// - What a router says that has yielded shortens nobody's wait for the Master, and nobody yields to it.
/// - A Master answers a release, and where it is configured to a lower Master, at once, unless it answered the same sender, or
///   four others, less than an interval ago. It says nothing more while an address is not confirmed.
/// - Who yields does so to a better router, and who stops releases.
/// - No fault comes from nowhere, and none from a host that is at work. What a host cannot set it tries ever more rarely.
///
/// Where the routers of a VRID are compatible (version, password, checksum, owner, peers, an address that they share, in
/// version 2 the interval; and all of their own addresses differ), and once nothing is [wrong](World::is_calm) any more:
///
/// - Two of them that hear each other are both Master for [`overlap`](Self::overlap) at most.
/// - After [`convergence`](Self::convergence) each part of a LAN has exactly one Master, and nobody who may preempt is better.
/// - It serves every address, or says which it does not and nobody there can set more.
/// - Within one more second and the rounds that its policy may put off, what a neighbour sends to one of its addresses
///   reaches it.
///
/// And whether compatible or not, after that nobody changes its state until something is disturbed again.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    instances: Vec<Instance>,
    prepared: bool,
    facts: Facts,
    /// From here on nothing is under way that was sent, or asked for, before all was well.
    quiet_at: Option<Instant>,
    /// The last disturbance, if all was well after it.
    calm_since: Option<Instant>,
    settled: bool,
    /// All neighbours know the Masters by then.
    known_by: Option<Instant>,
    next_look: Option<Instant>,
}

/// One virtual router: all that speak of it on a LAN.
#[derive(Clone, Debug)]
struct Instance {
    lan: LanId,
    family: Family,
    vrid: Vrid,
    members: Vec<Member>,
    compatible: bool,
    grouped: bool,
    /// Two Masters must have become one by then.
    one_by: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Member {
    host: HostId,
    router: RouterId,
    /// When the regular sends so far are paid for, at the rate that is allowed; the answers; the announcements.
    regular: Ledger,
    answers: Ledger,
    announcements: Ledger,
    takeovers: Ledger,
    /// Priority in use, as of the last step of its host.
    priority: Option<Priority>,
    setbacks: Setbacks,
    /// While releases come, the Backups that heard one wait for less.
    pressed_until: Instant,
    /// Sends of this step beside the rate: what changes of state ask for.
    owed: i64,
    /// Whom it answered last, and when.
    answered: [Option<(IpAddr, Instant)>; ANSWERS_BURST as usize],
    /// The last advertisement that started its Master_Down_Timer.
    heard: Option<Timed>,
    /// Three intervals after the last word of a Master, while that is known.
    patient_until: Option<Instant>,
}

/// What started a Master_Down_Timer.
#[derive(Clone, Copy, Debug)]
struct Timed {
    at: Instant,
    released: bool,
    /// The interval that counts.
    interval: Duration,
}

/// A router's failures to set addresses that nothing from outside explains.
#[derive(Clone, Copy, Debug, Default)]
struct Setbacks {
    since: Instant,
    count: u32,
}

/// The extremes that there ever were: what was learned from a configuration outlives it.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    longest_interval: Duration,
    shortest_interval: Duration,
    longest_hold: Duration,
    drift: u32,
}

impl Invariants {
    /// Sees nothing before its first step.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long two Masters that hear each other may both be Master: an interval until the better one speaks, the time that a
    /// host takes to confirm its addresses, and the way.
    #[must_use]
    pub fn overlap(&self, world: &World) -> Duration {
        let talk = self.facts.longest_interval + world.slowest_install() + world.network.longest();
        self.stretched(talk + self.muted(world))
    }

    /// How long a router of version 2 is not heard by those of both versions, because somebody forged version 3 in its name.
    fn muted(&self, world: &World) -> Duration {
        let mut configs =
            world.hosts().flat_map(|host| world.routers(host).filter_map(move |(id, _)| world.config(host, id)));
        match configs.any(Config::version2_too) {
            true => 4 * world.longest_forged,
            false => Duration::ZERO,
        }
    }

    /// How long after the last disturbance there is exactly one Master, the right one. See `docs/convergence.md`.
    #[must_use]
    pub fn convergence(&self, world: &World) -> Duration {
        let interval = self.facts.longest_interval;
        // The longest Skew_Time, of priority 1; and who took over too often waits for an interval more.
        let down = 4 * interval + interval.max(Duration::from_secs(1));
        let talk = interval + world.slowest_install() + world.network.longest();
        let group =
            if self.instances.iter().any(|instance| instance.grouped) { down + interval } else { Duration::ZERO };
        self.stretched(2 * down + self.facts.longest_hold + 2 * talk + group + self.muted(world))
    }

    /// How long announcements may be put off: the round at the end of a contest, which three intervals of silence end, or
    /// at the end of a holdoff.
    fn put_off(&self, world: &World) -> Duration {
        let configs = world.hosts().flat_map(|host| world.routers(host).map(move |(router, _)| (host, router)));
        let holdoffs =
            configs.filter_map(|(host, router)| Some(world.config(host, router)?.announce().contest_holdoff));
        let longest = holdoffs.max().unwrap_or_default();
        self.stretched(Duration::from_secs(1) + longest + 4 * self.facts.longest_interval)
    }

    /// By the slowest clock.
    fn stretched(&self, span: Duration) -> Duration {
        span + span * self.facts.drift / 500_000 + Duration::from_nanos(10)
    }

    fn prepare(&mut self, world: &World) {
        self.prepared = true;
        for host in world.hosts() {
            for (router, lan) in world.routers(host) {
                let Some(config) = world.config(host, router) else { continue };
                let (family, vrid) = (config.family(), config.vrid());
                let member = Member::new(host, router);
                let known =
                    |instance: &&mut Instance| (instance.lan, instance.family, instance.vrid) == (lan, family, vrid);
                match self.instances.iter_mut().find(known) {
                    Some(instance) => instance.members.push(member),
                    None => self.instances.push(Instance {
                        lan,
                        family,
                        vrid,
                        members: alloc::vec![member],
                        compatible: true,
                        grouped: false,
                        one_by: None,
                    }),
                }
            }
        }
        self.learn(world);
    }

    /// Takes configurations anew.
    fn learn(&mut self, world: &World) {
        let mut facts = self.facts;
        facts.longest_interval = facts.longest_interval.max(world.longest_forged);
        for instance in &mut self.instances {
            instance.learn(world);
            for config in instance.members.iter().filter_map(|member| world.config(member.host, member.router)) {
                let interval = config.interval().duration();
                facts.longest_interval = facts.longest_interval.max(interval);
                let shortest = facts.shortest_interval;
                facts.shortest_interval = if shortest.is_zero() { interval } else { shortest.min(interval) };
                facts.longest_hold = facts.longest_hold.max(config.preempt_hold());
            }
        }
        facts.drift = facts.drift.max(world.largest_drift());
        self.facts = facts;
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
        let confirmed = world.slowest_install() < self.facts.shortest_interval.max(Duration::from_millis(100));
        self.quiet_at = Some(quiet_at).filter(|_| world.is_calm() && confirmed && !failing);
        let overlap = self.overlap(world);
        for instance in &mut self.instances {
            instance.one_by = self.quiet_at.filter(|_| instance.contested(world)).map(|at| at + overlap);
        }
    }

    /// A router is handicapped, or no longer: another one may be better now. That happens when an address could not be set,
    /// or could when it was asked for again, and no oftener.
    fn reprioritised(&mut self, world: &World, host: HostId, outside: bool) -> Result<(), String> {
        let now = world.now();
        let mut changed = false;
        for (id, _) in world.routers(host) {
            let Some(router) = world.router(host, id) else { continue };
            let priority = router.priority_in_use();
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
        if changed {
            self.unsettle(world);
        }
        Ok(())
    }

    fn plan_look(&mut self, world: &World) {
        let settle_at = self.quiet_at.filter(|_| !self.settled).map(|at| at + self.convergence(world));
        let ones = self.instances.iter().filter_map(|instance| instance.one_by);
        self.next_look = ones.chain(settle_at).chain(self.known_by).min();
    }

    fn member(&mut self, world: &World, host: HostId, router: RouterId) -> Option<(&Facts, &mut Instance, usize)> {
        let (lan, config) =
            (world.hosts.get(host.index())?.routers().get(router.index())?.lan, world.config(host, router)?);
        let key = (lan, config.family(), config.vrid());
        let instance =
            self.instances.iter_mut().find(|instance| (instance.lan, instance.family, instance.vrid) == key)?;
        let position = instance.members.iter().position(|member| (member.host, member.router) == (host, router))?;
        Some((&self.facts, instance, position))
    }

    fn sent(&mut self, world: &World, step: &Step, host: HostId, router: RouterId) -> Result<(), String> {
        let now = world.now();
        let Some((facts, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let drift = facts.drift;
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        if member.owed > 0 {
            member.owed -= 1;
            return Ok(());
        }
        let Some(config) = world.config(host, router) else { return Ok(()) };
        let interval = shortened(config.interval().duration().as_nanos() as i64, drift);
        // Who speaks both versions says everything twice.
        let copies = if config.version2_too() { 2 } else { 1 };
        let kept = match step.kind {
            _ if now <= member.pressed_until => {
                member.answers.spend(now, 1, interval / copies / PRESSED, 2 * PRESSED * copies)
            }
            StepKind::Deadline => member.regular.spend(now, 1, interval / copies, BURST * copies),
            _ => member.answers.spend(now, 1, interval / copies / ANSWERS, ANSWERS_BURST * copies),
        };
        if kept { Ok(()) } else { Err(format!("{} sends a storm of advertisements", name(host, router))) }
    }

    fn announced(
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
        let price = if rate > 0.0 { 1e9 / (rate * addresses as f64) } else { 3_600e9 };
        let rounds = 3 * i64::from(policy.contest_repeat) + 2 * i64::from(policy.refresh_repeat.max(policy.repeat));
        let price = shortened(price as i64, drift);
        if member.announcements.spend(world.now(), i64::from(count), price, rounds * addresses) {
            return Ok(());
        }
        Err(format!("{} announces its addresses in a storm", name(host, router)))
    }

    fn owes(&mut self, world: &World, host: HostId, router: RouterId, sends: i64) {
        let Some((_, instance, position)) = self.member(world, host, router) else { return };
        if let Some(member) = instance.members.get_mut(position) {
            member.owed = if sends == 0 { 0 } else { member.owed + sends };
        }
    }

    fn accepted(&mut self, world: &World, heard: &Heard) {
        let (host, id, now) = (heard.host, heard.router, world.now());
        let Some(router) = world.router(host, id) else { return };
        let (own, preempts) = (router.priority_in_use(), router.config().preempt());
        let preempts = preempts || own.is_owner();
        let holds = !router.config().preempt_hold().is_zero();
        let configured = router.config().interval().duration();
        let version2 = router.config().profile().version() == Version::V2;
        let said = if version2 { configured } else { heard.interval };
        let Some((_, instance, position)) = self.member(world, host, id) else { return };
        let Some(member) = instance.members.get_mut(position) else { return };
        if heard.priority == 0 {
            member.pressed_until = now + 2 * configured;
            let interval = member.heard.map_or(configured, |before| before.interval);
            member.heard = Some(Timed { at: now, released: true, interval });
            member.patient_until = None;
            return;
        }
        let counts = heard.priority >= own.get() || !preempts;
        if counts {
            member.heard = Some(Timed { at: now, released: false, interval: said });
        }
        match is_last_word(heard.kind) {
            // Meant for this router as the better Master, which it is no more: they crossed.
            true if said == configured => member.patient_until = None,
            // Whoever waits to preempt is patient with a lower one.
            false if !counts && holds => member.patient_until = None,
            _ if counts && !version2 => member.patient_until = Some(now + 3 * heard.master_interval),
            _ => {}
        }
    }

    /// A Master that hears a release, or one that is lower, answers, unless it did so just now.
    fn answers(&mut self, world: &World, step: &Step, heard: &Heard) -> Result<(), String> {
        let (host, id, now) = (heard.host, heard.router, world.now());
        let Some(router) = world.router(host, id) else { return Ok(()) };
        let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
        if router.role() != Role::Master {
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
        let window = self.facts.longest_interval.max(Duration::from_millis(100));
        let answered = self.calm_since.is_some_and(|at| world.now() >= at + window);
        if matches!(change.cause, Cause::Fault(Fault::NotInstalled(_))) && answered {
            return Err(format!("{} misses an address though its host answers", name(host, router)));
        }
        let yields = matches!(change.cause, Cause::HigherPriority { .. } | Cause::HigherAddress { .. });
        let mut heard = step.accepted.iter().filter(|heard| (heard.host, heard.router) == (host, router));
        // At the lowest priority the addresses decide.
        let lowest = world.router(host, router).is_some_and(|router| router.priority_in_use() == Priority::LOWEST);
        if yields && !lowest && heard.next_back().is_some_and(|heard| is_last_word(heard.kind)) {
            return Err(format!("{} yields to one that has yielded itself", name(host, router)));
        }
        match change.cause {
            Cause::MasterDown { .. } => self.took_over(world, host, router, false)?,
            Cause::MasterResigned { .. } => self.took_over(world, host, router, true)?,
            Cause::HigherPriority { master, priority } => self.yielded(world, host, router, master, Some(priority))?,
            Cause::HigherAddress { master } => self.yielded(world, host, router, master, None)?,
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
        if let Some((_, instance, position)) = self.member(world, host, router) {
            let yielded = (change.from, change.to) == (Role::Master, Role::Backup);
            if let (Some(member), false) = (instance.members.get_mut(position), yielded) {
                (member.heard, member.patient_until) = (None, None);
                // Each takeover has rounds of its own.
                member.announcements = Ledger::default();
            }
            match (instance.contested(world), change.to) {
                (false, _) => instance.one_by = None,
                (true, Role::Master) => instance.one_by = quiet_at.map(|at| at.max(now) + overlap),
                (true, _) => {}
            }
        }
        Ok(())
    }

    /// Checks the timer that ran out against the formulas of section 6.1, written down once more.
    fn took_over(&mut self, world: &World, host: HostId, router: RouterId, released: bool) -> Result<(), String> {
        let (calm_since, facts) = (self.calm_since, self.facts);
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
        if heard.at <= calm_since || heard.released != released || config.version2_too() {
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
        let interval = heard.interval.as_nanos();
        let of = if config.profile().version() == Version::V2 { 1_000_000_000 } else { interval };
        let skew = ((256 - u128::from(router_now.priority_in_use().get())) * of).div_ceil(256);
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

    /// Nobody yields to a worse router: the greater priority, at equal ones the greater address, is better.
    fn yielded(
        &self,
        world: &World,
        host: HostId,
        router: RouterId,
        to: IpAddr,
        priority: Option<Priority>,
    ) -> Result<(), String> {
        let Some(own) = world.router(host, router) else { return Ok(()) };
        let better = match (priority, own.source(), to) {
            (Some(priority), ..) => priority > own.priority_in_use(),
            (None, Some(IpAddr::V4(own)), IpAddr::V4(to)) => u32::from(to) > u32::from(own),
            (None, Some(IpAddr::V6(own)), IpAddr::V6(to)) => u128::from(to) > u128::from(own),
            _ => false,
        };
        if better { Ok(()) } else { Err(format!("{} yields to {to}, which is no better", name(host, router))) }
    }

    fn look(&mut self, world: &World) -> Result<(), String> {
        let now = world.now();
        for instance in &self.instances {
            if instance.one_by.is_some_and(|at| now >= at) && instance.contested(world) {
                return Err(format!(
                    "virtual router {} has two Masters that hear each other, for too long",
                    instance.vrid
                ));
            }
        }
        self.instances
            .iter_mut()
            .filter(|instance| instance.one_by.is_some_and(|at| now >= at))
            .for_each(|instance| instance.one_by = None);
        if !self.settled && self.quiet_at.is_some_and(|at| now >= at + self.convergence(world)) {
            self.settled = true;
            for instance in &self.instances {
                self.settled &= instance.settled(world)?;
            }
            if !self.settled {
                self.quiet_at = None;
            }
            self.known_by = Some(now + self.put_off(world)).filter(|_| self.settled);
        }
        if self.known_by.take_if(|at| now >= *at).is_some() {
            for instance in &self.instances {
                instance.is_known(world)?;
            }
        }
        Ok(())
    }
}

impl Check for Invariants {
    fn check(&mut self, world: &World, step: &Step) -> Result<(), String> {
        if !self.prepared {
            self.prepare(world);
            self.unsettle(world);
            self.plan_look(world);
        }
        for heard in &step.accepted {
            self.accepted(world, heard);
        }
        for heard in &step.accepted {
            self.answers(world, step, heard)?;
        }
        for (host, router, _) in &step.transitions {
            self.owes(world, *host, *router, 4);
        }
        for (host, router, kind) in &step.sends {
            self.sent(world, step, *host, *router)?;
            if *kind == AdvertKind::Regular {
                speaks_for_what_it_has(world, step, *host, *router)?;
            }
        }
        for (host, router, _, count) in &step.announced {
            self.announced(world, step, *host, *router, *count)?;
        }
        let touched = step.sends.iter().map(|(host, router, _)| (*host, *router));
        let heard = step.accepted.iter().map(|heard| (heard.host, heard.router));
        for (host, router) in touched.chain(heard) {
            self.owes(world, host, router, 0);
        }
        let outside = matches!(step.kind, StepKind::Disturbance | StepKind::Resumed);
        if outside {
            self.learn(world);
            self.unsettle(world);
            let begun = Setbacks { since: world.now(), count: 0 };
            for member in self.instances.iter_mut().flat_map(|instance| &mut instance.members) {
                member.setbacks = begun;
                // What was spent at another interval.
                member.regular.settle(world.now());
                member.answers.settle(world.now());
                member.takeovers.settle(world.now());
            }
        }
        if let Some(host) = step.host {
            self.reprioritised(world, host, outside)?;
        }
        for (host, router, change) in &step.transitions {
            self.changed(world, step, *host, *router, *change)?;
        }
        if outside || step.addresses_changed || !step.transitions.is_empty() {
            for host in world.hosts() {
                host_is_sound(world, host)?;
            }
            self.plan_look(world);
        }
        if self.next_look.is_some_and(|at| world.now() >= at) {
            self.look(world)?;
            self.plan_look(world);
        }
        Ok(())
    }

    fn next_look(&self) -> Option<Instant> {
        self.next_look
    }
}

impl Member {
    fn new(host: HostId, router: RouterId) -> Self {
        let never = Ledger::default();
        Self {
            host,
            router,
            regular: never,
            answers: never,
            announcements: never,
            takeovers: never,
            priority: None,
            setbacks: Setbacks::default(),
            pressed_until: Instant::ZERO,
            owed: 0,
            answered: [None; ANSWERS_BURST as usize],
            heard: None,
            patient_until: None,
        }
    }
}

impl Instance {
    fn learn(&mut self, world: &World) {
        let config_of = |member: &Member| {
            let address = world.network.address(self.lan, member.host, self.family)?;
            Some((world.config(member.host, member.router)?, address))
        };
        let configs: Vec<(&Config, IpAddr)> = self.members.iter().filter_map(config_of).collect();
        let mut pairs = configs
            .iter()
            .enumerate()
            .flat_map(|(index, one)| configs.iter().skip(index + 1).map(move |two| (*one, *two)));
        self.compatible = pairs.all(|(one, two)| are_compatible(one, two));
        self.grouped = self.members.iter().any(|member| is_grouped(world, member.host, member.router));
    }

    /// Whether two compatible Masters hear each other.
    fn contested(&self, world: &World) -> bool {
        let is_master = |member: &&Member| world.role(member.host, member.router) == Role::Master;
        let both_ways = |a: HostId, b: HostId| {
            world.network.hears(self.lan, a, b)
                && world.network.hears(self.lan, b, a)
                && world.is_up(a, self.lan)
                && world.is_up(b, self.lan)
        };
        self.compatible
            && self.members.iter().filter(is_master).any(|one| {
                self.members.iter().filter(is_master).any(|two| one.host != two.host && both_ways(one.host, two.host))
            })
    }

    /// Whether what neighbours send to the addresses of a Master reaches it.
    fn is_known(&self, world: &World) -> Result<(), String> {
        let Some(parts) = world.parts(self.lan).filter(|_| self.compatible) else { return Ok(()) };
        // Who yields without a word leaves the neighbours beside it as they are, unless the MAC address stays the same.
        let hosted = |member: &Member| world.hosts.get(member.host.index())?.routers().get(member.router.index());
        let all = |tells: &dyn Fn(&Hosted) -> bool| self.members.iter().filter_map(hosted).all(tells);
        let speaks = |hosted: &Hosted| hosted.config.announce().contest_repeat > 0 && hosted.config.last_word();
        if !all(&|hosted| hosted.virtual_mac) && !all(&speaks) {
            return Ok(());
        }
        // An owner that listens to nobody never learns that there was another Master.
        let listens = |member: &Member| {
            let router = world.router(member.host, member.router);
            router.is_some_and(|router| {
                let deaf = router.priority_in_use().is_owner() && !router.config().owner_listens();
                router.role() == Role::Master && !deaf
            })
        };
        for master in self.members.iter().filter(|member| listens(member)) {
            let part = parts.iter().find(|part| part.contains(&master.host)).into_iter().flatten();
            for beside in part.filter(|_| world.is_up(master.host, self.lan)) {
                let held = world.held(master.host, master.router).iter();
                for address in held.filter(|address| world.neighbours.is_promised(self.lan, **address)) {
                    let to = world.delivers_to(self.lan, *beside, *address);
                    if to.is_some_and(|to| to != master.host) {
                        return Err(format!(
                            "{} serves {address}, but the neighbour beside host {} sends to {to:?}",
                            name(master.host, master.router),
                            beside.index()
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether nothing can change any more. False: it cannot be said.
    fn settled(&self, world: &World) -> Result<bool, String> {
        if !self.compatible {
            return Ok(true);
        }
        if self.grouped && !groups_can_settle(world) {
            return Ok(false);
        }
        let Some(parts) = world.parts(self.lan) else { return Ok(false) };
        for part in parts {
            let mut routers = Vec::new();
            for member in self.members.iter().filter(|member| part.contains(&member.host)) {
                match world.router(member.host, member.router) {
                    Some(router) if router.role() != Role::Initialize => routers.push((member, router)),
                    _ => {}
                }
            }
            let mut masters = routers.iter().filter(|(_, router)| router.role() == Role::Master);
            let (one, two) = (masters.next(), masters.next());
            let Some((master, best)) = one else {
                match routers.first() {
                    Some((member, _)) => {
                        return Err(format!(
                            "{} and those that it hears have no Master",
                            name(member.host, member.router)
                        ));
                    }
                    None => continue,
                }
            };
            if two.is_some() {
                return Err(format!("virtual router {} has two Masters", self.vrid));
            }
            let better = routers.iter().find(|(member, router)| {
                router.priority_in_use() > best.priority_in_use() && preempts(world, member.host, member.router)
            });
            // An owner stays, and so does who is preempted by nobody.
            let whole = |member: &Member| {
                let host = world.hosts.get(member.host.index());
                host.is_some_and(|host| host.can_set_all(member.router))
            };
            let serves_more = routers.iter().find(|(member, router)| {
                let able = whole(member) && router.missing().next().is_none();
                able && router.priority_in_use().get() > 32 && preempts(world, member.host, member.router)
            });
            let lacks = !whole(master) && best.missing().next().is_some() && !best.priority_in_use().is_owner();
            if let (Some((able, _)), true, false) = (serves_more, lacks, self.grouped) {
                return Err(format!(
                    "{} is Master without all of its addresses, and {} could set them",
                    name(master.host, master.router),
                    name(able.host, able.router)
                ));
            }
            let served = |address: &&IpAddr| {
                let host = world.hosts.get(master.host.index());
                let asked_again = best.missing().any(|missing| missing == **address);
                asked_again || host.is_some_and(|host| host.kernel.held(master.router).contains(*address))
            };
            if let Some(address) = best.config().addresses().iter().find(|address| !served(address)) {
                return Err(format!("{} does not serve {address}, nor says so", name(master.host, master.router)));
            }
            if let Some((better, _)) = better {
                return Err(format!(
                    "{} is Master, but {} is better",
                    name(master.host, master.router),
                    name(better.host, better.router)
                ));
            }
        }
        Ok(true)
    }
}

/// Every address of a router is confirmed, or known to be impossible, and one of the advertised is confirmed.
fn is_served(router: &VirtualRouter) -> bool {
    let missing = |address: &IpAddr| router.missing().any(|missing| missing == *address);
    let config = router.config();
    let any = config.advertised().as_slice().iter().any(|address| router.is_installed(*address));
    any && config.addresses().iter().all(|address| router.is_installed(*address) || missing(address))
}

/// After that of its takeover a Master sends no advertisement until its host has answered for every address.
fn speaks_for_what_it_has(world: &World, step: &Step, host: HostId, id: RouterId) -> Result<(), String> {
    let Some(router) = world.router(host, id) else { return Ok(()) };
    let holds_all = is_served(router);
    let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
    if router.role() == Role::Master && !holds_all && !changed {
        return Err(format!("{} advertises addresses that its host has not confirmed", name(host, id)));
    }
    Ok(())
}

/// Addresses and sync groups of one host.
fn host_is_sound(world: &World, id: HostId) -> Result<(), String> {
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
                    && held.len() >= router.status().installed
                    && (held.len() == wanted.len() || router.status().installed < wanted.len())
            }
            Role::Backup | Role::Initialize => held.is_empty() && !host.kernel.is_busy(router_id),
        };
        if !sound {
            return Err(format!("{} is {} and its host has {held:?}", name(id, router_id), router.role()));
        }
    }
    for members in host.groups() {
        let masters = members.iter().filter(|router| world.role(id, **router) == Role::Master).count();
        if masters != 0 && masters != members.len() {
            return Err(format!(
                "{masters} of {} members of a sync group of host {} are Master",
                members.len(),
                id.index()
            ));
        }
    }
    Ok(())
}

/// A span by the fastest clock.
fn shortened(nanos: i64, drift: u32) -> i64 {
    nanos - nanos / 500_000 * i64::from(drift)
}

/// Said by one that has yielded.
fn is_last_word(kind: Option<AdvertKind>) -> bool {
    matches!(kind, Some(AdvertKind::LastWord | AdvertKind::LastWordVersion2))
}

fn name(host: HostId, router: RouterId) -> String {
    format!("host {} router {}", host.index(), router.index())
}
