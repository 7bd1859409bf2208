//! How fast it is, and that it allocates nothing while nothing changes.

use std::time::{Duration, Instant as Clock};

use vrrp_core::sim::{Invariants, Link};
use vrrp_core::{Family, Profile};

use crate::lans::{at, config, lan};

/// Built with optimisation it is some five million (`examples/sim_throughput.rs`); this is a debug build, on whatever runs
/// it, beside whatever else runs there.
const AT_LEAST: f64 = 20_000.0;

#[test]
fn router_seconds_a_second() {
    let configs = (0..5).map(|n| config(Profile::Rfc3768, Family::Ipv4, 100 + n));
    let (mut sim, routers) = lan(1, Link::GOOD, configs);
    sim.add_check(Invariants::new());
    let (span, started) = (20_000, Clock::now());
    sim.run_until(at(span)).unwrap();
    let rate = routers.len() as f64 * Duration::from_secs(span).as_secs_f64() / started.elapsed().as_secs_f64();
    println!("{rate:.0} router-seconds a second");
    assert!(rate > AT_LEAST, "{rate}");
}

#[test]
fn a_quiet_world_allocates_nothing() {
    let configs = (0..5).map(|n| config(Profile::Rfc9568, Family::Ipv6, 100 + n));
    let (mut sim, _) = lan(1, Link { jitter: Duration::from_millis(3), ..Link::GOOD }, configs);
    sim.add_check(Invariants::new());
    sim.run_until(at(1_000)).unwrap();
    let counted = allocation_counter::measure(|| sim.run_until(at(2_000)).unwrap());
    assert_eq!(counted.count_total, 0);
}
