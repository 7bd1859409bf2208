//! Every history of two and three routers in a small world: all orders of delivery, loss, timers, confirmations, crashes,
//! stops, starts, changes of priority, removals and drains, until nothing new can be reached.
//!
//! No state may break what [`world`] watches. And from every state, were it calm from then on: exactly one Master, the right
//! one, after a time that is asserted here, and for ever. `VRRP_DEEP=1` searches larger worlds too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod search;
mod world;

use std::time::{Duration, Instant};

use search::search;
use vrrp_core::Profile;
use world::Scenario;

/// Searches to the end. Sizes are those of the last time, or something is other than it was; times are in quanta.
fn exhaust(scenario: Scenario, states: usize, depth: usize, settled_after: u32, two_masters_for: u32) {
    let start = Instant::now();
    let report = search(scenario, 50_000_000).unwrap_or_else(|story| panic!("{story}"));
    println!("{:<26} {report:?} in {:.1?}", scenario.name, start.elapsed());
    let seen = (report.states, report.depth, report.settled_after, report.two_masters_for);
    assert_eq!(seen, (states, depth, settled_after, two_masters_for), "{}", scenario.name);
}

const TWO: Scenario = Scenario { name: "two", routers: &[(192, 100), (128, 100)], slumps: true, ..Scenario::BASE };
const THREE: Scenario = Scenario { name: "three", routers: &[(192, 100), (64, 100), (128, 100)], ..Scenario::BASE };

/// Two Masters for an interval and the latency at most; in the right state after the longest Down interval, 15 quanta, and
/// the packets on the way, unless a hold comes before or the priorities changed meanwhile.
#[test]
fn two_routers() {
    exhaust(TWO, 30_661, 39, 16, 5);
    exhaust(Scenario { name: "two, no yield advertisement", yield_advertisement: false, ..TWO }, 24_936, 39, 16, 5);
    exhaust(Scenario { name: "two, equal", routers: &[(128, 100), (128, 100)], ..TWO }, 29_282, 38, 17, 5);
    exhaust(Scenario { name: "two, no preempt", preempt: false, ..TWO }, 30_661, 39, 18, 5);
    exhaust(Scenario { name: "two, hold", hold: Duration::from_secs(2), ..TWO }, 51_670, 50, 37, 5);
    let owner = Scenario { name: "two, owner", routers: &[(255, 100), (128, 100)], slumps: false, ..TWO };
    exhaust(owner, 3_856, 28, 15, 5);
    let version3 = Scenario {
        name: "two, learned interval",
        profile: Profile::Rfc9568,
        routers: &[(128, 100), (192, 50)],
        quantum: Duration::from_millis(125),
        slumps: false,
        ..TWO
    };
    exhaust(version3, 3_185, 60, 28, 5);
}

#[test]
fn three_routers() {
    exhaust(Scenario { name: "three, no latency", latency: 0, ..THREE }, 224_690, 38, 15, 4);
    exhaust(Scenario { name: "three, no stops", stops: false, ..THREE }, 150_676, 36, 16, 6);
}

/// Half an interval is the moment for which both Masters keep the address.
const DRAINED: Scenario = Scenario {
    name: "drained",
    profile: Profile::Rfc9568,
    routers: &[(192, 10), (128, 10)],
    quantum: Duration::from_millis(25),
    drains: Some(64),
    removes: true,
    latency: 0,
    ..Scenario::BASE
};

/// Drained, removed and set to other priorities at any moment. What is calm meanwhile is handed over without a gap, within the
/// Skew_Time of the other one. Two that call for each other are both Master until the first has called for long enough: three
/// intervals, 12 quanta.
#[test]
fn two_routers_that_are_changed() {
    exhaust(DRAINED, 40_709, 56, 17, 14);
    exhaust(Scenario { name: "drained, no preempt", preempt: false, ..DRAINED }, 36_722, 56, 17, 14);
    let few = Scenario { losses: false, crashes: false, stops: false, removes: false, ..DRAINED };
    exhaust(Scenario { name: "drained, set", commands: true, ..few }, 139_153, 61, 17, 14);
    exhaust(Scenario { name: "drained, latency", latency: 1, ..few }, 54_711, 55, 19, 14);
}

#[test]
fn larger_worlds_when_asked() {
    if std::env::var_os("VRRP_DEEP").is_none() {
        return;
    }
    exhaust(Scenario { name: "two, latency 3", latency: 3, ..TWO }, 632_077, 54, 26, 7);
    let changed = Scenario { crashes: false, stops: false, ..DRAINED };
    exhaust(Scenario { name: "drained, set, removed", commands: true, ..changed }, 226_351, 63, 17, 14);
    exhaust(THREE, 12_817_316, 51, 16, 6);
    let to_all = Scenario { macs_known: false, ..APART };
    exhaust(Scenario { name: "apart, owner, to all", ..to_all }, 586_279, 46, 14, 4);
    let late = Scenario { latency: 1, stops: false, ..APART };
    exhaust(Scenario { name: "apart, latency", ..late }, 675_780, 39, 16, 5);
    exhaust(Scenario { name: "apart, latency, to all", macs_known: false, ..late }, 3_912_093, 50, 18, 5);
}

/// Version 3 learns intervals: each has its own. The owner at 1 s comes and goes, those at 0.5 s take turns without it.
const APART: Scenario = Scenario {
    name: "apart, an owner",
    profile: Profile::Rfc9568,
    routers: &[(255, 100), (128, 50), (128, 50)],
    latency: 0,
    ..Scenario::BASE
};

/// Nobody takes over within three intervals of a Master that it heard, whatever others said meanwhile: one that yields
/// teaches nobody its own interval.
#[test]
fn three_routers_of_different_intervals() {
    exhaust(APART, 211_126, 46, 14, 4);
    let equal = Scenario { routers: &[(128, 50), (128, 100), (128, 50)], stops: false, ..APART };
    exhaust(Scenario { name: "apart, equal", ..equal }, 46_830, 53, 14, 4);
    // As where a driver cannot see whose frame made a Master yield.
    exhaust(Scenario { name: "apart, yield advertisement to all", macs_known: false, ..equal }, 64_182, 54, 14, 4);
    let eighths = Scenario {
        name: "apart, preempts",
        routers: &[(192, 100), (128, 50), (64, 50)],
        quantum: Duration::from_millis(125),
        stops: false,
        ..APART
    };
    exhaust(eighths, 115_303, 76, 30, 8);
    exhaust(Scenario { name: "apart, no preempt", preempt: false, ..eighths }, 142_594, 80, 30, 8);
}
