//! A test of a program that acts on routers: a controller that drains hosts, in the simulator.
//!
//! `drain_controller` looks for a plan that makes the careless controller stop the last host in service, and prints it as Rust.
//! The tests below are what a project of your own would have: `cargo test --example drain_controller`. The guide's chapter
//! on the simulator explains them.

#![allow(clippy::expect_used, clippy::panic, reason = "an example of tests")]

mod controller;

use controller::{Care, plan, run};
use vrrp_core::sim::Random;

fn main() {
    match (0..1_000).find_map(|seed| run(Care::Little, &plan(&choices(seed))).err()) {
        Some(failure) => print!("{}", failure.to_rust()),
        None => println!("the careless controller was lucky a thousand times"),
    }
}

/// Eight numbers by chance.
fn choices(seed: u64) -> [u64; 8] {
    let mut random = Random::new(seed);
    std::array::from_fn(|_| random.number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vrrp_core::sim::Planned;

    /// The plan that `drain_controller` printed, pasted as it was.
    mod found {
        include!("found.rs");

        pub(super) fn as_printed() -> Vec<vrrp_core::sim::Planned> {
            plan().expect("it was a plan")
        }
    }

    const FAULT: &str = "the controller stopped the last host that was in service";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_careful_controller_never_stops_the_last_host(choices in prop::collection::vec(any::<u64>(), 0..10)) {
            if let Err(failure) = run(Care::Full, &plan(&choices)) {
                return Err(TestCaseError::fail(failure.to_string()));
            }
        }
    }

    #[test]
    fn the_bug_is_found_and_the_plan_is_short() {
        let failure = (0..1_000).find_map(|seed| run(Care::Little, &plan(&choices(seed))).err());
        let failure = failure.expect("a thousand plans find it");
        assert_eq!(failure.what, FAULT);
        assert!(failure.plan.len() <= 3, "{failure}");
        if std::env::var_os("VRRP_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/drain_controller/found.rs");
            std::fs::write(path, failure.to_rust()).expect("the file can be written");
        }
        assert_eq!(failure.to_rust(), include_str!("found.rs"), "write it anew with VRRP_BLESS=1");
    }

    #[test]
    fn the_printed_plan_fails_again_and_the_mended_controller_passes_it() {
        let plan: Vec<Planned> = found::as_printed();
        assert_eq!(run(Care::Little, &plan).expect_err("the bug is there").what, FAULT);
        assert!(run(Care::Full, &plan).is_ok());
    }

    #[test]
    fn where_nothing_goes_wrong_every_host_has_its_turn() {
        let sim = run(Care::Full, &[]).expect("nothing is wrong");
        let orders = sim.world().journal().to_string();
        for order in ["Drain", "Stop", "Start"] {
            assert_eq!(orders.matches(&format!("ordered: {order}")).count(), 3, "{orders}");
        }
    }
}
