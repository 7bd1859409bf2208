//! Plans by chance, and the shortest plan that still fails.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use super::disturbance::{Disturbance, Installs, Planned};
use super::network::{HostId, LanId, Link};
use super::random::Random;
use super::world::World;
use super::{Failure, Sim};
use crate::health::RouterId;
use crate::time::Instant;
use crate::types::{Family, Priority};

/// `count` things that go wrong with this world in the `span` from now, then calm, and two lasting ones after it.
///
/// Intervals, passwords and lists of advertised addresses stay as they are; priorities change, but to 255 only that of
/// the first host.
#[must_use]
pub fn random_plan(world: &World, seed: u64, count: usize, span: Duration) -> Vec<Planned> {
    let mut random = Random::new(seed);
    let end = world.now() + span;
    let mut plan: Vec<Planned> = (0..count)
        .map(|_| {
            let at = world.now() + Duration::from_nanos(random.below(span.as_nanos() as u64));
            Planned { at, what: passing(world, &mut random, span) }
        })
        .collect();
    plan.sort_by_key(|planned| planned.at);
    plan.push(Planned { at: end, what: Disturbance::Calm });
    plan.extend((0..2).map(|n| Planned { at: end + Duration::from_millis(n), what: lasting(world, &mut random) }));
    plan
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

fn passing(world: &World, random: &mut Random, span: Duration) -> Disturbance {
    let Some(host) = any_host(world, random) else { return Disturbance::Calm };
    let Some((_, lan)) = any_router(world, host, random) else { return Disturbance::Calm };
    let other = any_host(world, random).unwrap_or(host);
    match random.below(16) {
        0 => Disturbance::Stall(host, Duration::from_nanos(random.below(span.as_nanos() as u64 / 4 + 1))),
        1 => Disturbance::Drift(host, random.below(20_001) as i32 - 10_000),
        2 => Disturbance::FalseStamps(host, random.below(20_000_000_000) as i64 - 10_000_000_000),
        3 => Disturbance::Link(lan, Some((host, other)), bad_link(random)),
        4 => Disturbance::Link(lan, None, bad_link(random)),
        5 => Disturbance::Cut(lan, host, other),
        6 => Disturbance::Mend(lan, host, other),
        7 => Disturbance::Partition(lan, vec![]),
        8 => Disturbance::Installs(host, installs(random)),
        9 => Disturbance::Kill(host),
        _ => lasting(world, random),
    }
}

fn lasting(world: &World, random: &mut Random) -> Disturbance {
    let Some(host) = any_host(world, random) else { return Disturbance::Calm };
    let Some((router, lan)) = any_router(world, host, random) else { return Disturbance::Calm };
    match random.below(11) {
        0 => Disturbance::PowerOff(host),
        1 => Disturbance::Stop(host),
        2..=4 => Disturbance::Start(host),
        5 => {
            let members: Vec<HostId> = world.network().members(lan).collect();
            Disturbance::Partition(lan, members.into_iter().filter(|_| random.below(2) == 0).collect())
        }
        6 => Disturbance::Interface(host, lan, random.below(3) > 0),
        7 => Disturbance::Addresses(host, lan, random.below(3) > 0),
        8 => match tracker(world, host, router, random) {
            Some(tracker) => Disturbance::Tracker(host, router, tracker, random.below(2) == 0),
            None => Disturbance::Start(host),
        },
        _ => reconfigured(world, host, router, random).unwrap_or(Disturbance::Start(host)),
    }
}

fn reconfigured(world: &World, host: HostId, router: RouterId, random: &mut Random) -> Option<Disturbance> {
    let config = world.config(host, router)?.clone();
    let config = match random.below(3) {
        0 => {
            let highest = if host.index() == 0 { 255 } else { 254 };
            let priority = Priority::new(1 + random.below(highest) as u8).ok()?;
            config.with_priority(priority)
        }
        1 => {
            let hold = config.preempt_hold();
            let preempt = config.preempt();
            config.with_preempt(!preempt, hold)
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
    match random.below(4) {
        0 => Installs::AtOnce,
        1 => Installs::Refused,
        2 => Installs::Ignored,
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

fn tracker(world: &World, host: HostId, router: RouterId, random: &mut Random) -> Option<crate::TrackerId> {
    let count = world.config(host, router)?.trackers().len() as u64;
    (count > 0).then(|| crate::TrackerId(random.below(count) as u16))
}
