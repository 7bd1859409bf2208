//! Random histories: whatever goes wrong, the invariants hold, and all is well again in the end.

use std::time::{Duration, Instant as Clock};

use vrrp_core::Instant;
use vrrp_core::sim::{Failure, Sim, random_plan, run_plan};

use crate::lans::any_world;

/// In CI; more with `VRRP_HISTORIES=100000`.
const HISTORIES: u64 = 10_000;

const SPAN: Duration = Duration::from_secs(30);

fn history(seed: u64) -> Result<Sim, Box<Failure>> {
    let plan = random_plan(any_world(seed).world(), seed, 1 + seed as usize % 12, SPAN);
    run_plan(|| any_world(seed), &plan, end()).map_err(Box::new)
}

/// Time enough to settle, and then to be seen quiet.
fn end() -> Instant {
    Instant::ZERO + SPAN + Duration::from_secs(60)
}

#[test]
fn ten_thousand_histories() {
    let count = std::env::var("VRRP_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let first = std::env::var("VRRP_SEED").map_or(0, |text| text.parse().unwrap());
    let started = Clock::now();
    let mut router_seconds = 0;
    for seed in first..first + count {
        match history(seed) {
            Ok(sim) => {
                let world = sim.world();
                let routers: usize = world.hosts().map(|host| world.routers(host).count()).sum();
                router_seconds += routers as u64 * end().since(Instant::ZERO).as_secs();
            }
            Err(failure) => panic!("{failure}"),
        }
    }
    let took = started.elapsed();
    println!("{count} histories, {router_seconds} router-seconds in {took:?}");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in [1, 7, 12, 4711] {
        let (one, two) = (history(seed).unwrap(), history(seed).unwrap());
        assert_eq!(one.world().digest(), two.world().digest());
        assert_eq!(one.world().journal(), two.world().journal());
        let other = history(seed + 1).unwrap();
        assert_ne!(one.world().digest(), other.world().digest());
    }
}
