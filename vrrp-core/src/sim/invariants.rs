//! What must hold whatever happens; `docs/convergence.md` says why it can.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::Check;
use super::network::{HostId, LanId};
use super::world::{Step, StepKind, World};
use crate::cause::{Cause, Role, Transition};
use crate::config::{Config, Peers};
use crate::fsm::State;
use crate::health::{Fault, RouterId};
use crate::router::AdvertKind;
use crate::time::Instant;
use crate::types::{AdvertInterval, Family, Priority, Version, Vrid};

/// Advertisements beyond its rate that a router may send in one go: four answers to a lower Master, and what a takeover
/// and a release add.
const BURST: i64 = 8;

/// What every world must keep, and the bounds that its timers give.
///
/// After every step:
///
/// - A host that is awake has all addresses of its Masters that it confirmed, and none of any other router.
/// - The members of a sync group are Master together, or none is.
/// - Nobody sends more than its interval and the answers that it owes allow.
/// - A Master_Down_Timer ran for three intervals and its Skew_Time, or after a release for its Skew_Time: not less and not
///   more.
/// - A Master answers a release at once, and says nothing more while an address is not confirmed.
/// - Who yields does so to a better router, and who stops releases.
/// - No fault comes from nowhere.
///
/// Where the routers of a VRID are compatible (version, interval, password, checksum, owner, and all of their addresses
/// differ), and once nothing is [wrong](World::is_calm) any more:
///
/// - Two of them that hear each other are both Master for [`overlap`](Self::overlap) at most.
/// - After [`convergence`](Self::convergence) each part of a LAN has exactly one Master, and nobody who may preempt is better.
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
    /// When the sends so far are paid for, at the rate that is allowed.
    paid_at: i64,
    /// Sends of this step beside the rate: answers to releases, and what changes of state ask for.
    owed: i64,
    /// The last advertisement that started its Master_Down_Timer, and whether that was a release.
    heard: Option<(Instant, bool)>,
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
        self.stretched(self.facts.longest_interval + world.slowest_install() + world.network.longest())
    }

    /// How long after the last disturbance there is exactly one Master, the right one. See `docs/convergence.md`.
    #[must_use]
    pub fn convergence(&self, world: &World) -> Duration {
        let interval = self.facts.longest_interval;
        // The longest Skew_Time, of priority 1.
        let down = 3 * interval + interval.max(Duration::from_secs(1));
        let talk = interval + world.slowest_install() + world.network.longest();
        let group =
            if self.instances.iter().any(|instance| instance.grouped) { down + interval } else { Duration::ZERO };
        self.stretched(2 * down + self.facts.longest_hold + 2 * talk + group)
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
                let member = Member { host, router, paid_at: 0, owed: 0, heard: None };
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

    fn plan_look(&mut self, world: &World) {
        let settle_at = self.quiet_at.filter(|_| !self.settled).map(|at| at + self.convergence(world));
        self.next_look = self.instances.iter().filter_map(|instance| instance.one_by).chain(settle_at).min();
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

    fn sent(&mut self, world: &World, host: HostId, router: RouterId) -> Result<(), String> {
        let now = world.now().as_nanos() as i64;
        let Some((facts, instance, position)) = self.member(world, host, router) else { return Ok(()) };
        let Some(member) = instance.members.get_mut(position) else { return Ok(()) };
        if member.owed > 0 {
            member.owed -= 1;
            return Ok(());
        }
        let config = world.config(host, router);
        let price = price(facts, config);
        // Who speaks both versions says everything twice.
        member.paid_at = member.paid_at.max(now) + price / if config.is_some_and(Config::version2_too) { 2 } else { 1 };
        if member.paid_at - now > BURST * price {
            return Err(format!("{} sends a storm of advertisements", name(host, router)));
        }
        Ok(())
    }

    fn owes(&mut self, world: &World, host: HostId, router: RouterId, sends: i64) {
        let Some((_, instance, position)) = self.member(world, host, router) else { return };
        if let Some(member) = instance.members.get_mut(position) {
            member.owed = if sends == 0 { 0 } else { member.owed + sends };
        }
    }

    fn accepted(&mut self, world: &World, host: HostId, router: RouterId, priority: u8) {
        if priority == 0 {
            self.owes(world, host, router, 2);
        }
        let Some(own) = world.router(host, router).map(|router| (router.priority_in_use(), router.config().preempt()))
        else {
            return;
        };
        let now = world.now();
        let Some((_, instance, position)) = self.member(world, host, router) else { return };
        let Some(member) = instance.members.get_mut(position) else { return };
        if priority == 0 || priority >= own.0.get() || !(own.1 || own.0.is_owner()) {
            member.heard = Some((now, priority == 0));
        }
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
            if change.to != Role::Backup {
                if let Some(member) = instance.members.get_mut(position) {
                    member.heard = None;
                }
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
        let heard = instance.members.get(position).and_then(|member| member.heard);
        let exact = instance.compatible && !instance.grouped && facts.longest_interval == facts.shortest_interval;
        let (Some((heard, release)), Some(calm_since), true) = (heard, calm_since, exact) else { return Ok(()) };
        let Some(router_now) = world.router(host, router) else { return Ok(()) };
        let config = router_now.config();
        if heard <= calm_since || release != released || !config.preempt_hold().is_zero() || config.version2_too() {
            return Ok(());
        }
        let interval = config.interval().duration().as_nanos();
        let of = if config.profile().version() == Version::V2 { 1_000_000_000 } else { interval };
        let skew = ((256 - u128::from(router_now.priority_in_use().get())) * of).div_ceil(256);
        let due = if released { skew } else { 3 * interval + skew };
        let took = world.now().since(heard).as_nanos();
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
        for (host, router, priority) in &step.accepted {
            self.accepted(world, *host, *router, *priority);
        }
        for (host, router, _) in step.accepted.iter().filter(|(.., priority)| *priority == 0) {
            answers_release(world, step, *host, *router)?;
        }
        for (host, router, _) in &step.transitions {
            self.owes(world, *host, *router, 4);
        }
        for (host, router, kind) in &step.sends {
            self.sent(world, *host, *router)?;
            if *kind == AdvertKind::Regular {
                speaks_for_what_it_has(world, step, *host, *router)?;
            }
        }
        let touched = step.sends.iter().map(|(host, router, _)| (*host, *router));
        let heard = step.accepted.iter().map(|(host, router, _)| (*host, *router));
        for (host, router) in touched.chain(heard) {
            self.owes(world, host, router, 0);
        }
        let outside = matches!(step.kind, StepKind::Disturbance | StepKind::Resumed);
        if outside {
            self.learn(world);
            self.unsettle(world);
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

impl Instance {
    fn learn(&mut self, world: &World) {
        let configs: Vec<(HostId, &Config)> = self
            .members
            .iter()
            .filter_map(|member| Some((member.host, world.config(member.host, member.router)?)))
            .collect();
        let address = |host| world.network.address(self.lan, host, self.family);
        let pairs = || {
            configs
                .iter()
                .enumerate()
                .flat_map(|(index, one)| configs.iter().skip(index + 1).map(move |two| (one, two)))
        };
        self.compatible =
            pairs().all(|((host, one), (other, two))| are_compatible(one, two) && address(*host) != address(*other));
        self.grouped = self.members.iter().any(|member| is_grouped(world, member));
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

/// After that of its takeover a Master sends no advertisement until its host has confirmed every address but those that it
/// cannot set, and one at least.
fn speaks_for_what_it_has(world: &World, step: &Step, host: HostId, id: RouterId) -> Result<(), String> {
    let Some(router) = world.router(host, id) else { return Ok(()) };
    let installed = router.status().installed;
    let holds_all = installed > 0 && installed + router.missing().count() == router.config().addresses().len();
    let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
    if router.role() == Role::Master && !holds_all && !changed {
        return Err(format!("{} advertises addresses that its host has not confirmed", name(host, id)));
    }
    Ok(())
}

/// A Master that hears a release speaks at once or, when there are many of them, within a quarter of its interval; unless its
/// addresses are still to be confirmed.
fn answers_release(world: &World, step: &Step, host: HostId, id: RouterId) -> Result<(), String> {
    let Some(router) = world.router(host, id) else { return Ok(()) };
    let installed = router.status().installed;
    let holds_all = installed > 0 && installed + router.missing().count() == router.config().addresses().len();
    let changed = step.transitions.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
    let spoke = step.sends.iter().any(|(whose, which, _)| (*whose, *which) == (host, id));
    // Of many releases not each is answered: then the next advertisement comes soon.
    let soon = router.stats().assert_suppressed > 0
        && matches!(router.state(), State::Master { next_advert }
            if next_advert.since(router.latest()) <= router.config().interval().duration() / 4);
    if router.role() == Role::Master && holds_all && !changed && !spoke && !soon {
        return Err(format!("{} is Master, heard a release and said nothing", name(host, id)));
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

fn are_compatible(one: &Config, two: &Config) -> bool {
    let both_owners = one.priority().is_owner() && two.priority().is_owner();
    let same_list = !(one.strict_list() || two.strict_list()) || one.advertised() == two.advertised();
    let multicast = |config: &Config| matches!(config.peers(), Peers::Multicast);
    one.profile().version() == two.profile().version()
        && one.interval() == two.interval()
        && one.password() == two.password()
        && one.version2_too() == two.version2_too()
        && one.exact_checksum() == two.exact_checksum()
        && multicast(one)
        && multicast(two)
        && same_list
        && !both_owners
}

/// Groups settle where the whole LANs are together, and one host is better than another in all of them or in none.
fn groups_can_settle(world: &World) -> bool {
    let whole = world.network.lans().all(|lan| world.parts(lan).is_some_and(|parts| parts.len() <= 1));
    let priorities = |host: HostId| {
        world.routers(host).filter_map(move |(router, lan)| {
            Some((lan, world.family_of(host, router)?, world.router(host, router)?.priority_in_use()))
        })
    };
    let consistent = world.hosts().all(|one| {
        world.hosts().all(|two| {
            let mut orders = priorities(one).flat_map(|(lan, family, mine)| {
                priorities(two)
                    .filter(move |(theirs, of, _)| (*theirs, *of) == (lan, family))
                    .map(move |(_, _, theirs)| mine.cmp(&theirs))
            });
            let first = orders.next();
            orders.all(|order| Some(order) == first)
        })
    });
    whole && consistent
}

/// Whether a router takes over from a lower Master: one of a sync group does when all of them would.
fn preempts(world: &World, host: HostId, router: RouterId) -> bool {
    let alone = |router| {
        let router = world.router(host, router);
        router.is_some_and(|router| router.config().preempt() || router.priority_in_use().is_owner())
    };
    let mut groups = world.hosts.get(host.index()).into_iter().flat_map(|host| host.groups());
    match groups.find(|group| group.contains(&router)) {
        Some(group) => group.iter().all(|member| alone(*member)),
        None => alone(router),
    }
}

fn is_grouped(world: &World, member: &Member) -> bool {
    let host = world.hosts.get(member.host.index());
    host.is_some_and(|host| host.groups().iter().any(|group| group.contains(&member.router)))
}

/// Nanoseconds in which one advertisement is paid for: one each interval, and four answers.
fn price(facts: &Facts, config: Option<&Config>) -> i64 {
    let interval =
        config.map_or(AdvertInterval::DEFAULT.duration(), |config| config.interval().duration()).as_nanos() as i64;
    let price = interval / 5;
    price - price * i64::from(facts.drift) / 500_000
}

fn name(host: HostId, router: RouterId) -> String {
    format!("host {} router {}", host.index(), router.index())
}
