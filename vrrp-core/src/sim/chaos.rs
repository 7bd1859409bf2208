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

/// `count` things that go wrong with this world in the `span` from now, then calm, and two lasting ones after it.
///
/// Routers come and go, are drained, and become sync groups on every host or on none. Priorities change, but to 255 only that of
/// the first host. What all routers of an id have to agree on changes on all
/// of them, one after the other: password and list, and in version 2 the interval.
#[must_use]
pub fn random_plan(world: &World, seed: u64, count: usize, span: Duration) -> Vec<Planned> {
    let mut random = Random::new(seed);
    let end = world.now() + span;
    let mut plan = Plan { world, changed: BTreeMap::new() };
    let mut moments: Vec<Instant> =
        (0..count).map(|_| world.now() + Duration::from_nanos(random.below(span.as_nanos() as u64))).collect();
    moments.sort();
    let mut planned = Vec::new();
    for at in moments {
        plan.put(&mut planned, at, |plan, random| plan.passing(random, span), &mut random);
    }
    planned.sort_by_key(|planned| planned.at);
    planned.push(Planned { at: end, what: Disturbance::Calm });
    for n in 0..2 {
        plan.put(&mut planned, end + Duration::from_millis(n), Plan::lasting, &mut random);
    }
    planned
}

/// Runs a plan in a world of its own, to `until`. What fails is tried again with less and less planned, and told with the
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

/// Leaves out of a plan what it takes not to fail any more: first large parts, at last single things.
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

/// A plan in the making.
struct Plan<'a> {
    world: &'a World,
    /// Configurations that are planned so far.
    changed: BTreeMap<(HostId, RouterId), Config>,
}

/// How long after each other the routers of an id get their part of a change.
const ROLLING: u64 = 40;

impl Plan<'_> {
    fn put(
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
        let world = self.world;
        let Some(host) = any_host(world, random) else { return vec![] };
        let Some((router, lan)) = any_router(world, host, random) else { return vec![] };
        let other = any_host(world, random).unwrap_or(host);
        vec![match random.below(36) {
            0 | 1 => Disturbance::Stall(host, Duration::from_nanos(random.below(span.as_nanos() as u64 / 4 + 1))),
            2 | 3 => Disturbance::Drift(host, random.below(20_001) as i32 - 10_000),
            4 | 5 => Disturbance::FalseStamps(host, random.below(20_000_000_000) as i64 - 10_000_000_000),
            6 | 7 => Disturbance::Link(lan, Some((host, other)), bad_link(random)),
            8 | 9 => Disturbance::Link(lan, None, bad_link(random)),
            10 | 11 => Disturbance::Cut(lan, host, other),
            12 | 13 => Disturbance::Mend(lan, host, other),
            14 | 15 => Disturbance::Partition(lan, vec![]),
            16 | 17 => Disturbance::Installs(host, installs(random)),
            18 | 19 => Disturbance::Kill(host),
            20 => Disturbance::Attack(lan, attack((host, router), random)),
            21 | 22 => return self.refused(host, router, random),
            _ => return self.lasting(random),
        }]
    }

    fn lasting(&self, random: &mut Random) -> Vec<Disturbance> {
        let world = self.world;
        let Some(host) = any_host(world, random) else { return vec![] };
        let Some((router, lan)) = any_router(world, host, random) else { return vec![] };
        vec![match random.below(21) {
            0 => Disturbance::PowerOff(host),
            1 => Disturbance::Stop(host),
            2..=4 => Disturbance::Start(host),
            5 => {
                let members: Vec<HostId> = world.network().members(lan).collect();
                Disturbance::Partition(lan, members.into_iter().filter(|_| random.below(2) == 0).collect())
            }
            6 => Disturbance::Interface(host, lan, random.below(3) > 0),
            7 => Disturbance::Addresses(host, lan, random.below(3) > 0),
            8 => match self.tracker(host, router, random) {
                Some(tracker) => Disturbance::Tracker(host, router, tracker, random.below(2) == 0),
                None => Disturbance::Start(host),
            },
            9 | 10 => self.reconfigured(host, router, random).unwrap_or(Disturbance::Start(host)),
            11 => Disturbance::SetPriority(host, router, any_priority(host, random)),
            12 => Disturbance::Remove { host, router, releases: random.below(3) > 0 },
            13 | 14 => match self.config(host, router) {
                Some(config) => Disturbance::Add(host, lan, Box::new(config.clone())),
                None => Disturbance::Start(host),
            },
            15..=17 => Disturbance::Drain(host, router, drain(random)),
            18 => Disturbance::Undrain(host, router),
            19 => return self.regrouped(random),
            _ => return self.reconfigured_all(host, router, random),
        }]
    }

    /// One address that a host, or every host, cannot set, or can again.
    fn refused(&self, host: HostId, router: RouterId, random: &mut Random) -> Vec<Disturbance> {
        let addresses = self.config(host, router).map_or(&[][..], Config::addresses);
        let Some(address) = random.pick(addresses) else { return vec![] };
        let (refuses, known, everywhere) = (random.below(3) > 0, random.below(2) == 0, random.below(4) == 0);
        let hosts = self.world.hosts().filter(|other| everywhere || *other == host);
        hosts.map(|host| Disturbance::Refuses { host, address, refuses, known }).collect()
    }

    /// What a router may have for itself.
    fn reconfigured(&self, host: HostId, router: RouterId, random: &mut Random) -> Option<Disturbance> {
        let config = self.config(host, router)?.clone();
        let config = match random.below(4) {
            0 => config.with_priority(any_priority(host, random)),
            1 => {
                let hold = config.preempt_hold();
                let preempt = config.preempt();
                config.with_preempt(!preempt, hold)
            }
            2 if config.profile().version() == Version::V3 && !config.version2_too() => {
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

    /// What all routers of an id must have in common.
    fn reconfigured_all(&self, host: HostId, router: RouterId, random: &mut Random) -> Vec<Disturbance> {
        let Some(about) = self.config(host, router) else { return vec![] };
        let (vrid, family) = (about.vrid(), about.family());
        let (what, number) = (random.below(3), random.below(5));
        let changed = |config: &Config| match what {
            0 if config.profile().version() == Version::V2 || config.version2_too() => {
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
        for host in self.world.hosts() {
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
        self.world.hosts().map(of).collect()
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

fn any_host(world: &World, random: &mut Random) -> Option<HostId> {
    let hosts = world.hosts().len() as u64;
    world.hosts().nth(random.below(hosts) as usize)
}

fn any_router(world: &World, host: HostId, random: &mut Random) -> Option<(RouterId, LanId)> {
    let count = world.routers(host).count() as u64;
    world.routers(host).nth(random.below(count) as usize)
}
