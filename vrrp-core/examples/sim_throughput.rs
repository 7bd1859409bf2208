//! Router-seconds a second of the simulator: five routers at 1 s on a quiet LAN, every step checked.
//!
//! `cargo run --release -p vrrp-core --features sim --example sim_throughput`

use std::time::{Duration, Instant as Clock};

use vrrp_core::sim::{Invariants, Link, Sim};
use vrrp_core::{Config, Instant, Priority, Profile, Vrid};

const ROUTERS: u8 = 5;
const SPAN: Duration = Duration::from_secs(1_000_000);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (what, checked) in [("with invariants", true), ("without checks", false)] {
        let mut sim = Sim::new(1);
        let lan = sim.add_lan(Link::GOOD);
        for number in 0..ROUTERS {
            let config = Config::new(Profile::Rfc3768, Vrid::new(1)?, &["192.0.2.1".parse()?])?;
            let host = sim.add_host();
            sim.add_router(host, lan, config.with_priority(Priority::new(100 + number)?))?;
        }
        if checked {
            sim.add_check(Invariants::new());
        }
        let started = Clock::now();
        sim.run_until(Instant::ZERO + SPAN)?;
        let rate = f64::from(ROUTERS) * SPAN.as_secs_f64() / started.elapsed().as_secs_f64();
        println!("{what}: {rate:.0} router-seconds a second");
    }
    Ok(())
}
