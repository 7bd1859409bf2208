//! One failover in the simulator, as a picture: `failover_picture > failover.svg`, and with `--html` as a page.
//!
//! It is the same to the octet whenever and wherever it runs.

use std::error::Error;
use std::time::Duration;

use vrrp_core::sim::{Disturbance, Link, Sim};
use vrrp_core::timeline::Timeline;
use vrrp_core::{Config, Instant, Priority, Profile, Vrid};

fn main() -> Result<(), Box<dyn Error>> {
    let timeline = failover()?;
    match std::env::args().nth(1).as_deref() {
        None => print!("{}", timeline.to_svg()),
        Some("--html") => print!("{}", timeline.to_html()),
        Some(other) => return Err(format!("{other}: expected --html, or nothing for SVG").into()),
    }
    Ok(())
}

/// Two hosts share an address. The Master loses its power and comes back; on the way two advertisements are lost.
pub fn failover() -> Result<Timeline, Box<dyn Error>> {
    let mut sim = Sim::new(1);
    let lan = sim.add_lan(Link::GOOD);
    let mut hosts = Vec::new();
    for priority in [200, 100] {
        let config = Config::new(Profile::Rfc3768, Vrid::new(51)?, &["192.0.2.1".parse()?])?;
        let host = sim.add_host();
        sim.add_router(host, lan, config.with_priority(Priority::new(priority)?))?;
        hosts.push(host);
    }
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    let (first, second) = (hosts[0], hosts[1]);
    sim.plan(at(6_000), Disturbance::Link(lan, Some((first, second)), Link { loss: 1_000_000, ..Link::GOOD }));
    sim.plan(at(7_500), Disturbance::Link(lan, None, Link::GOOD));
    sim.plan(at(9_500), Disturbance::PowerOff(first));
    sim.plan(at(15_300), Disturbance::Start(first));
    sim.run_until(at(21_500))?;
    let mut timeline = sim.world().picture("The Master loses its power, and comes back");
    timeline.shows(at(4_500), at(21_500));
    Ok(timeline)
}
