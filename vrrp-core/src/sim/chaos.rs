//! Plans by chance, and the shortest plan that still fails.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::attack::Attack;
use super::disturbance::{Disturbance, Installs, Planned};
use super::network::{HostId, LanId, Link};
use super::random::Random;
use super::simulation::{Failure, Sim};
use super::world::World;
use crate::config::Config;
use crate::drain::Drain;
use crate::time::Instant;
use crate::types::{AdvertInterval, Family, Password, Priority, RouterId, TrackerId, Version};

/// Returns `count` things that go wrong with this world in the `span` from now, then calm, and two lasting ones after it. To choose
/// which kinds, and on which hosts, take a [`Mix`].
///
/// Routers come and go, are drained, and become sync groups on every host or on none. Priorities change, but to 255 only that of
/// the first host. What all routers of an id have to agree on changes on all
/// of them, one after the other: password and list, and in version 2 the interval.
#[must_use]
pub fn random_plan(world: &World, seed: u64, count: usize, span: Duration) -> Vec<Planned> {
    let mut random = Random::new(seed);
    let end = world.now() + span;
    let mut plan = Plan::new(world, world.hosts().collect());
    let mut moments: Vec<Instant> =
        (0..count).map(|_| world.now() + Duration::from_nanos(random.below(span.as_nanos() as u64))).collect();
    moments.sort();
    let mut planned = Vec::new();
    for at in moments {
        plan.add_disturbances(&mut planned, at, |plan, random| plan.passing(random, span), &mut random);
    }
    planned.sort_by_key(|planned| planned.at);
    planned.push(Planned { at: end, what: Disturbance::Calm });
    for n in 0..2 {
        plan.add_disturbances(&mut planned, end + Duration::from_millis(n), Plan::lasting, &mut random);
    }
    planned
}

/// Runs a plan in a world of its own, to `until`. A plan that fails is tried again with less and less of it, and told with the
/// shortest plan that still fails.
///
/// # Errors
/// [`Failure`] with that plan.
pub fn run_plan(build: impl Fn() -> Sim, plan: &[Planned], until: Instant) -> Result<Sim, Failure> {
    let run = |plan: &[Planned]| {
        let mut sim = build();
        for planned in plan {
            sim.plan(planned.at, planned.what.clone());
        }
        sim.run_until(until).map(|()| sim)
    };
    let failure = match run(plan) {
        Ok(sim) => return Ok(sim),
        Err(failure) => failure,
    };
    let plan = shrink(plan, |shorter| run(shorter).is_err());
    Err(Failure { plan: plan.clone(), ..run(&plan).err().unwrap_or(failure) })
}

/// Leaves everything out of a plan without which it still fails: first large parts, at last single things.
pub fn shrink(plan: &[Planned], fails: impl Fn(&[Planned]) -> bool) -> Vec<Planned> {
    let mut plan = plan.to_vec();
    let mut part = plan.len().div_ceil(2);
    while part > 0 {
        let mut start = 0;
        while start < plan.len() {
            let end = (start + part).min(plan.len());
            let shorter = [plan.get(..start).unwrap_or_default(), plan.get(end..).unwrap_or_default()].concat();
            if fails(&shorter) {
                plan = shorter;
            } else {
                start = end;
            }
        }
        part = if part == 1 { 0 } else { part.div_ceil(2) };
    }
    plan
}

/// The kinds of disturbances that chance chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DisturbanceKind {
    /// [`Disturbance::Stall`].
    Stall,
    /// [`Disturbance::Drift`].
    Drift,
    /// [`Disturbance::FalseStamps`].
    FalseStamps,
    /// [`Disturbance::Link`], from one host to another.
    Way,
    /// [`Disturbance::Link`], of a whole LAN.
    Link,
    /// [`Disturbance::Cut`].
    Cut,
    /// [`Disturbance::Mend`].
    Mend,
    /// [`Disturbance::Partition`] of none: all hear each other again.
    Rejoin,
    /// [`Disturbance::Installs`].
    Installs,
    /// [`Disturbance::Kill`].
    Kill,
    /// [`Disturbance::Attack`].
    Attack,
    /// [`Disturbance::Refuses`], on one host or on all.
    Refuses,
    /// [`Disturbance::PowerOff`].
    PowerOff,
    /// [`Disturbance::Stop`].
    Stop,
    /// [`Disturbance::Start`].
    Start,
    /// [`Disturbance::Partition`].
    Partition,
    /// [`Disturbance::Interface`].
    Interface,
    /// [`Disturbance::Addresses`].
    Addresses,
    /// [`Disturbance::Tracker`].
    Tracker,
    /// [`Disturbance::Reconfigure`], with a change that one router may make alone.
    Reconfigure,
    /// [`Disturbance::SetPriority`].
    SetPriority,
    /// [`Disturbance::Remove`].
    Remove,
    /// [`Disturbance::Add`].
    Add,
    /// [`Disturbance::Drain`].
    Drain,
    /// [`Disturbance::Undrain`].
    Undrain,
    /// [`Disturbance::Group`], on every host.
    Group,
    /// [`Disturbance::Reconfigure`], with a change that all routers of an id make, one after the other.
    ReconfigureAll,
}

use DisturbanceKind as Kind;

/// The weight of each kind of disturbance in a [`random_plan`]; `None` is one that lasts.
const PASSING: &[(Option<Kind>, u32)] = &[
    (Some(Kind::Stall), 2),
    (Some(Kind::Drift), 2),
    (Some(Kind::FalseStamps), 2),
    (Some(Kind::Way), 2),
    (Some(Kind::Link), 2),
    (Some(Kind::Cut), 2),
    (Some(Kind::Mend), 2),
    (Some(Kind::Rejoin), 2),
    (Some(Kind::Installs), 2),
    (Some(Kind::Kill), 2),
    (Some(Kind::Attack), 1),
    (Some(Kind::Refuses), 2),
    (None, 13),
];

/// The kinds that calm does not end.
const LASTING: &[(Kind, u32)] = &[
    (Kind::PowerOff, 1),
    (Kind::Stop, 1),
    (Kind::Start, 3),
    (Kind::Partition, 1),
    (Kind::Interface, 1),
    (Kind::Addresses, 1),
    (Kind::Tracker, 1),
    (Kind::Reconfigure, 2),
    (Kind::SetPriority, 1),
    (Kind::Remove, 1),
    (Kind::Add, 2),
    (Kind::Drain, 3),
    (Kind::Undrain, 1),
    (Kind::Group, 1),
    (Kind::ReconfigureAll, 1),
];

/// The things that may go wrong in a plan by chance: which kinds, how often each, and on which hosts.
///
/// A plan follows from a list of plain numbers, one for each thing that goes wrong: so every library that makes and shrinks lists
/// of numbers makes and shrinks plans, and a fuzzer's octets are one too.
///
/// ```
/// use core::time::Duration;
/// use vrrp_core::sim::{Disturbance, DisturbanceKind, Link, Mix, Sim};
/// use vrrp_core::{Config, Profile, Vrid};
///
/// let mut sim = Sim::new(1);
/// let (lan, host) = (sim.add_lan(Link::GOOD), sim.add_host());
/// sim.add_router(host, lan, Config::new(Profile::Rfc9568, Vrid::new(1)?, &["192.0.2.1".parse()?])?)?;
/// let mix = Mix::none().with(DisturbanceKind::PowerOff, 1).with(DisturbanceKind::Start, 3);
/// // As a property test has it: `vec(any::<u64>(), 0..8)`.
/// let plan = mix.plan(sim.world(), &[0x1234_5678_9abc_def0, 7], Duration::from_secs(30));
/// assert_eq!(plan.len(), 3, "two of them, then calm");
/// assert_eq!(plan[2].what, Disturbance::Calm);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Mix {
    weights: Vec<(DisturbanceKind, u32)>,
    /// `None`: all.
    hosts: Option<Vec<HostId>>,
}

impl Mix {
    /// Returns a mix of nothing, to which kinds are [added](Self::with).
    #[must_use]
    pub const fn none() -> Self {
        Self { weights: Vec::new(), hosts: None }
    }

    /// Returns a mix of every kind, on every host, with weights from 1 to 3.
    #[must_use]
    pub fn all() -> Self {
        let passing = PASSING.iter().filter_map(|(kind, weight)| Some(((*kind)?, *weight)));
        Self { weights: passing.chain(LASTING.iter().copied()).collect(), hosts: None }
    }

    /// Sets how often a kind comes, beside the weights of the others; 0: never.
    #[must_use]
    pub fn with(mut self, kind: DisturbanceKind, weight: u32) -> Self {
        self.weights.retain(|(known, _)| *known != kind);
        self.weights.extend((weight > 0).then_some((kind, weight)));
        self
    }

    /// Lets things go wrong on these hosts only, and on the LANs of their routers.
    #[must_use]
    pub fn only_hosts(mut self, hosts: &[HostId]) -> Self {
        self.hosts = Some(hosts.to_vec());
        self
    }

    /// Returns what goes wrong with this world in the `span` from now, then calm. Each choice decides one disturbance: its upper
    /// half when, its lower half what. Without one of them the others stay as they are, but for changes of a configuration,
    /// which build on those before.
    #[must_use]
    pub fn plan(&self, world: &World, choices: &[u64], span: Duration) -> Vec<Planned> {
        let nanos = span.as_nanos().min(u64::MAX.into()) as u64;
        let moment = |choice: u64| {
            let after = (u128::from(nanos) * u128::from(choice >> 32)) >> 32;
            world.now() + Duration::from_nanos(after as u64)
        };
        let mut choices: Vec<u64> = choices.to_vec();
        choices.sort_unstable();
        let hosts = self.hosts.clone().unwrap_or_else(|| world.hosts().collect());
        let mut plan = Plan::new(world, hosts);
        let mut planned = Vec::new();
        for choice in choices {
            let mut random = Random::new(choice & u64::from(u32::MAX));
            let what = |plan: &Plan<'_>, random: &mut Random| {
                let kind = pick_weighted(&self.weights, random);
                let place = plan.place(random);
                kind.zip(place).map(|(kind, place)| plan.of_kind(kind, place, span, random)).unwrap_or_default()
            };
            plan.add_disturbances(&mut planned, moment(choice), what, &mut random);
        }
        planned.sort_by_key(|planned| planned.at);
        planned.push(Planned { at: world.now() + span, what: Disturbance::Calm });
        planned
    }

    /// Returns `count` things that go wrong by chance, which follows from `seed`: see [`plan`](Self::plan).
    #[must_use]
    pub fn random_plan(&self, world: &World, seed: u64, count: usize, span: Duration) -> Vec<Planned> {
        let mut random = Random::new(seed);
        let choices: Vec<u64> = (0..count).map(|_| random.number()).collect();
        self.plan(world, &choices, span)
    }
}

impl Default for Mix {
    /// Everything.
    fn default() -> Self {
        Self::all()
    }
}

/// Picks one as often as its weight says; `None` of none.
fn pick_weighted<T: Copy>(choices: &[(T, u32)], random: &mut Random) -> Option<T> {
    let total = choices.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut number = random.below(total);
    for (choice, weight) in choices {
        match number.checked_sub((*weight).into()) {
            None => return Some(*choice),
            Some(rest) => number = rest,
        }
    }
    None
}

/// The place of a disturbance: a router of a host, and any other host.
#[derive(Clone, Copy)]
struct Place {
    host: HostId,
    router: RouterId,
    lan: LanId,
    other: HostId,
}

/// A plan in the making.
struct Plan<'a> {
    world: &'a World,
    /// Hosts that something happens to.
    hosts: Vec<HostId>,
    /// Configurations that are planned so far.
    changed: BTreeMap<(HostId, RouterId), Config>,
}

/// The time between the routers of an id, when each gets its part of a change.
const ROLLING: u64 = 40;

impl<'a> Plan<'a> {
    const fn new(world: &'a World, hosts: Vec<HostId>) -> Self {
        Self { world, hosts, changed: BTreeMap::new() }
    }

    fn add_disturbances(
        &mut self,
        planned: &mut Vec<Planned>,
        at: Instant,
        what: impl FnOnce(&Self, &mut Random) -> Vec<Disturbance>,
        random: &mut Random,
    ) {
        for (n, what) in (0..).zip(what(self, random)) {
            match &what {
                Disturbance::Reconfigure(host, router, config) => {
                    self.changed.insert((*host, *router), (**config).clone());
                }
                Disturbance::SetPriority(host, router, priority) => {
                    let config = self.config(*host, *router).cloned();
                    let config = config.map(|config| config.with_priority(*priority));
                    self.changed.extend(config.map(|config| ((*host, *router), config)));
                }
                _ => {}
            }
            planned.push(Planned { at: at + Duration::from_millis(n * random.below(ROLLING)), what });
        }
    }

    fn config(&self, host: HostId, router: RouterId) -> Option<&Config> {
        self.changed.get(&(host, router)).or_else(|| self.world.config(host, router))
    }

    fn passing(&self, random: &mut Random, span: Duration) -> Vec<Disturbance> {
        let Some(place) = self.place(random) else { return vec![] };
        match pick_weighted(PASSING, random).flatten() {
            Some(kind) => self.of_kind(kind, place, span, random),
            None => self.lasting(random),
        }
    }

    fn lasting(&self, random: &mut Random) -> Vec<Disturbance> {
        let Some(host) = self.any_host(random) else { return vec![] };
        let Some((router, lan)) = any_router(self.world, host, random) else { return vec![] };
        let place = Place { host, router, lan, other: host };
        let kind = pick_weighted(LASTING, random);
        kind.map(|kind| self.of_kind(kind, place, Duration::ZERO, random)).unwrap_or_default()
    }

    fn place(&self, random: &mut Random) -> Option<Place> {
        let host = self.any_host(random)?;
        let (router, lan) = any_router(self.world, host, random)?;
        let other = self.any_host(random).unwrap_or(host);
        Some(Place { host, router, lan, other })
    }

    /// Makes a disturbance of a kind, or the several that belong together.
    fn of_kind(&self, kind: Kind, place: Place, span: Duration, random: &mut Random) -> Vec<Disturbance> {
        let Place { host, router, lan, other } = place;
        vec![match kind {
            Kind::Stall => Disturbance::Stall(host, Duration::from_nanos(random.below(span.as_nanos() as u64 / 4 + 1))),
            Kind::Drift => Disturbance::Drift(host, random.below(20_001) as i32 - 10_000),
            Kind::FalseStamps => Disturbance::FalseStamps(host, random.below(20_000_000_000) as i64 - 10_000_000_000),
            Kind::Way => Disturbance::Link(lan, Some((host, other)), bad_link(random)),
            Kind::Link => Disturbance::Link(lan, None, bad_link(random)),
            Kind::Cut => Disturbance::Cut(lan, host, other),
            Kind::Mend => Disturbance::Mend(lan, host, other),
            Kind::Rejoin => Disturbance::Partition(lan, vec![]),
            Kind::Installs => Disturbance::Installs(host, installs(random)),
            Kind::Kill => Disturbance::Kill(host),
            Kind::Attack => Disturbance::Attack(lan, attack((host, router), random)),
            Kind::Refuses => return self.refused(host, router, random),
            Kind::PowerOff => Disturbance::PowerOff(host),
            Kind::Stop => Disturbance::Stop(host),
            Kind::Start => Disturbance::Start(host),
            Kind::Partition => {
                let members: Vec<HostId> = self.world.network().members(lan).collect();
                Disturbance::Partition(lan, members.into_iter().filter(|_| random.below(2) == 0).collect())
            }
            Kind::Interface => Disturbance::Interface(host, lan, random.below(3) > 0),
            Kind::Addresses => Disturbance::Addresses(host, lan, random.below(3) > 0),
            Kind::Tracker => match self.tracker(host, router, random) {
                Some(tracker) => Disturbance::Tracker(host, router, tracker, random.below(2) == 0),
                None => Disturbance::Start(host),
            },
            Kind::Reconfigure => self.reconfigured(host, router, random).unwrap_or(Disturbance::Start(host)),
            Kind::SetPriority => Disturbance::SetPriority(host, router, any_priority(host, random)),
            Kind::Remove => Disturbance::Remove { host, router, releases: random.below(3) > 0 },
            Kind::Add => match self.config(host, router) {
                Some(config) => Disturbance::Add(host, lan, Box::new(config.clone())),
                None => Disturbance::Start(host),
            },
            Kind::Drain => Disturbance::Drain(host, router, drain(random)),
            Kind::Undrain => Disturbance::Undrain(host, router),
            Kind::Group => return self.regrouped(random),
            Kind::ReconfigureAll => return self.reconfigured_all(host, router, random),
        }]
    }

    fn any_host(&self, random: &mut Random) -> Option<HostId> {
        random.pick(&self.hosts)
    }

    /// One address that a host, or every host, cannot set, or can again.
    fn refused(&self, host: HostId, router: RouterId, random: &mut Random) -> Vec<Disturbance> {
        let addresses = self.config(host, router).map_or(&[][..], Config::addresses);
        let Some(address) = random.pick(addresses) else { return vec![] };
        let (refuses, known, everywhere) = (random.below(3) > 0, random.below(2) == 0, random.below(4) == 0);
        let hosts = self.hosts.iter().copied().filter(|other| everywhere || *other == host);
        hosts.map(|host| Disturbance::Refuses { host, address, refuses, known }).collect()
    }

    /// Picks a change that one router may make alone.
    fn reconfigured(&self, host: HostId, router: RouterId, random: &mut Random) -> Option<Disturbance> {
        let config = self.config(host, router)?.clone();
        let config = match random.below(4) {
            0 => config.with_priority(any_priority(host, random)),
            1 => {
                let hold = config.preempt_hold();
                let preempt = config.preempt();
                config.with_preempt(!preempt, hold)
            }
            2 if config.profile().version() == Version::V3 && !config.also_version2() => {
                let interval = AdvertInterval::from_centis(random.pick(&[10, 30, 100, 250])?).ok()?;
                config.with_interval(interval).ok()?
            }
            _ => {
                let own = match config.family() {
                    Family::Ipv4 => IpAddr::from([198, 51, 100, 1 + random.below(3) as u8]),
                    Family::Ipv6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1 + random.below(3) as u16]),
                };
                config.with_excluded(&[own]).ok()?
            }
        };
        Some(Disturbance::Reconfigure(host, router, Box::new(config)))
    }

    /// Picks a change that all routers of an id must make together.
    fn reconfigured_all(&self, host: HostId, router: RouterId, random: &mut Random) -> Vec<Disturbance> {
        let Some(about) = self.config(host, router) else { return vec![] };
        let (vrid, family) = (about.vrid(), about.family());
        let (what, number) = (random.below(3), random.below(5));
        let changed = |config: &Config| match what {
            0 if config.profile().version() == Version::V2 || config.also_version2() => {
                config.clone().with_interval(AdvertInterval::from_secs(1 + (number % 2) as u8).ok()?).ok()
            }
            1 if config.password().is_some() => {
                let text: &[u8] = if number % 2 == 0 { b"secret" } else { b"new" };
                config.clone().with_password(Password::new(text).ok()?).ok()
            }
            _ if number == 4 => Some(config.clone().with_no_addresses()),
            _ => {
                // One more, or none.
                let extra = match family {
                    Family::Ipv4 => IpAddr::from([203, 0, 113, number as u8]),
                    Family::Ipv6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, number as u16]),
                };
                // A router without addresses gets one, and another.
                let first = match family {
                    Family::Ipv4 => IpAddr::from([203, 0, 113, 101]),
                    Family::Ipv6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 1, 0x101]),
                };
                let old = config.advertised();
                let old = if old.is_empty() { &[first] } else { old.as_slice() };
                let mut list: Vec<IpAddr> = old.iter().copied().take(2).collect();
                list.extend((number > 0).then_some(extra));
                config.clone().with_excluded(&[]).and_then(|config| config.with_addresses(&list)).ok()
            }
        };
        let mut all = Vec::new();
        for host in self.hosts.iter().copied() {
            for (id, _) in self.world.routers(host) {
                let config = self.config(host, id).filter(|config| (config.vrid(), config.family()) == (vrid, family));
                let config = config.and_then(changed);
                all.extend(config.map(|config| Disturbance::Reconfigure(host, id, Box::new(config))));
            }
        }
        all
    }

    /// All that a host has become a sync group, or nobody is in one any more: on every host.
    fn regrouped(&self, random: &mut Random) -> Vec<Disturbance> {
        let together = random.below(3) > 0;
        let of = |host: HostId| {
            let all: Vec<RouterId> = self.world.routers(host).map(|(router, _)| router).collect();
            match together {
                true => Disturbance::Group(host, all),
                false => Disturbance::Group(host, all.into_iter().take(1).collect()),
            }
        };
        self.hosts.iter().copied().map(of).collect()
    }

    fn tracker(&self, host: HostId, router: RouterId, random: &mut Random) -> Option<TrackerId> {
        let count = self.config(host, router)?.trackers().len() as u64;
        (count > 0).then(|| TrackerId(random.below(count) as u16))
    }
}

/// Few packets at a high rate, or a low rate for long.
fn attack(about: (HostId, RouterId), random: &mut Random) -> Attack {
    let (pace, span) = match random.below(3) {
        0 => (Duration::from_micros(10), Duration::from_micros(random.below(4_000))),
        1 => (Duration::from_millis(1), Duration::from_millis(random.below(300))),
        _ => (Duration::from_millis(20), Duration::from_millis(random.below(5_000))),
    };
    let (first, last) = (random.below(256) as u8, random.below(256) as u8);
    let priorities = match random.below(3) {
        0 => 0..=0,
        1 => 1..=1,
        _ => first.min(last)..=first.max(last),
    };
    let longest = 1 + random.below(300) as u16;
    let shortest = if random.below(2) == 0 { 1 } else { longest };
    let senders = 1 + random.below(40) as u8;
    Attack { about, pace, span, priorities, intervals: shortest..=longest, senders, spoofs: random.below(3) == 0 }
}

/// Only the first host is ever the owner.
fn any_priority(host: HostId, random: &mut Random) -> Priority {
    let highest = if host.index() == 0 { 255 } else { 254 };
    Priority::new(1 + random.below(highest) as u8).unwrap_or_default()
}

fn drain(random: &mut Random) -> Drain {
    let priority = match random.below(4) {
        0 => Priority::new(1 + random.below(255) as u8).unwrap_or_default(),
        _ => Priority::LOWEST,
    };
    let limit = (random.below(4) == 0).then(|| Duration::from_millis(random.below(10_000)));
    Drain { priority, limit }
}

fn bad_link(random: &mut Random) -> Link {
    let mut chance = |highest: u64| if random.below(2) == 0 { random.below(highest) as u32 } else { 0 };
    let (loss, duplication, reordering, corruption) =
        (chance(1_000_001), chance(500_000), chance(500_000), chance(500_000));
    Link {
        latency: Duration::from_micros(random.below(5_000)),
        jitter: Duration::from_micros(random.below(5_000)),
        loss,
        duplication,
        reordering,
        held_up: Duration::from_millis(random.below(50)),
        corruption,
    }
}

fn installs(random: &mut Random) -> Installs {
    match random.below(5) {
        0 => Installs::AtOnce,
        1 => Installs::Refused,
        2 => Installs::Ignored,
        3 => Installs::OneByOne(Duration::from_micros(random.below(80_000))),
        _ => Installs::After(Duration::from_micros(random.below(20_000))),
    }
}

fn any_router(world: &World, host: HostId, random: &mut Random) -> Option<(RouterId, LanId)> {
    let count = world.routers(host).count() as u64;
    world.routers(host).nth(random.below(count) as usize)
}
