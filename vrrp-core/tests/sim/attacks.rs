//! Somebody on the LAN forges advertisements, as many as fit on it: what the routers send stays within their own rates, and
//! once it is over all is as it was.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp_core::sim::{Attack, Disturbance, HostId, Invariants, Link, Sim, Step, World};
use vrrp_core::{Family, Profile, Role, RouterId, UnicastPeer, Version};

use crate::lans::{PROFILES, address, at, config, lan, millis};

/// 100,000 packets a second.
const PACE: Duration = Duration::from_micros(10);
const SPAN: Duration = Duration::from_millis(100);

/// What one router sent in all during an attack.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    advertisements: usize,
    announcements: usize,
    changes: usize,
}

/// Three routers at 1 s, the first of which is Master; what that one sends during the attack.
fn attacked(profile: Profile, family: Family, unicast: bool, priorities: RangeInclusive<u8>, spoofs: bool) -> Sent {
    let mut total = Sent::default();
    for (intervals, senders) in [(1..=1, 1), (1..=300, 1), (1..=1, 200), (300..=300, 200)] {
        let network = Sim::new(0).add_lan(Link::GOOD);
        let configs = [200, 150, 100].into_iter().enumerate().map(|(number, own)| {
            let config = config(profile, family, own);
            let others = (0..3).filter(|other| *other != number as u64);
            let peers: Vec<_> =
                others.map(|other| UnicastPeer { address: address(network, other, family), min_ttl: 1 }).collect();
            if unicast { config.with_unicast_peers(&peers).unwrap() } else { config }
        });
        let (mut sim, routers) = lan(1, Link::GOOD, configs);
        sim.add_check(Invariants::new());
        let sent = count(&mut sim, routers[0]);
        let attack = Attack {
            about: routers[0],
            pace: PACE,
            span: SPAN,
            priorities: priorities.clone(),
            intervals,
            senders,
            spoofs,
        };
        sim.plan(at(10), Disturbance::Attack(network, attack.clone()));
        sim.run_until(at(60)).unwrap_or_else(|failure| panic!("{profile:?} {family:?} {attack:?}\n{failure}"));
        assert_eq!(sim.world().role(routers[0].0, routers[0].1), Role::Master, "{profile:?} {attack:?}");
        let sent = *sent.lock().unwrap();
        total.advertisements = total.advertisements.max(sent.advertisements);
        total.announcements = total.announcements.max(sent.announcements);
        total.changes = total.changes.max(sent.changes);
    }
    total
}

/// Counts what a router sends in the second that begins with the attack.
fn count(sim: &mut Sim, (host, router): (HostId, RouterId)) -> Arc<Mutex<Sent>> {
    let sent = Arc::new(Mutex::new(Sent::default()));
    let counted = Arc::clone(&sent);
    sim.add_check(move |world: &World, step: &Step| {
        let ours = |whose: HostId, which: RouterId| (whose, which) == (host, router);
        if world.now() >= at(10) && world.now() < at(11) {
            let mut sent = counted.lock().unwrap();
            sent.advertisements += step.sends.iter().filter(|(host, router, _)| ours(*host, *router)).count();
            let announced = step.announced.iter().filter(|(host, router, ..)| ours(*host, *router));
            sent.announcements += announced.map(|(.., count)| usize::from(*count)).sum::<usize>();
            sent.changes += step.transitions.iter().filter(|(host, router, _)| ours(*host, *router)).count();
        }
        Ok(())
    });
    sent
}

fn families(profile: Profile) -> &'static [Family] {
    if profile.version() == Version::V3 { &[Family::Ipv4, Family::Ipv6] } else { &[Family::Ipv4] }
}

/// At most two regular ones, and twice four answers: the burst, and what the second adds.
const ADVERTISEMENTS: usize = 10;

#[test]
fn lower_advertisements_are_answered_at_our_own_rate() {
    for profile in PROFILES {
        for family in families(profile) {
            for (unicast, spoofs) in [(false, false), (false, true), (true, true)] {
                let sent = attacked(profile, *family, unicast, 1..=99, spoofs);
                assert_eq!(sent.changes, 0, "{profile:?}");
                assert!(sent.advertisements <= ADVERTISEMENTS, "{profile:?} {family:?} {unicast}: {sent:?}");
                // Two rounds of two addresses, and the one that ends the contest.
                assert!(sent.announcements <= 6, "{profile:?} {family:?} {unicast}: {sent:?}");
            }
        }
    }
}

#[test]
fn releases_are_answered_at_our_own_rate() {
    for profile in PROFILES {
        for family in families(profile) {
            for (unicast, spoofs) in [(false, false), (false, true), (true, true)] {
                let sent = attacked(profile, *family, unicast, 0..=0, spoofs);
                assert_eq!((sent.changes, sent.announcements), (0, 0), "{profile:?}");
                assert!(sent.advertisements <= ADVERTISEMENTS, "{profile:?} {family:?} {unicast}: {sent:?}");
            }
        }
    }
}

/// Whoever can forge can take the addresses away, in every version: that is not promised. But it ends with the attack.
#[test]
fn higher_ones_and_any_end_with_the_attack() {
    for profile in PROFILES {
        for family in families(profile) {
            attacked(profile, *family, false, 254..=254, false);
            let sent = attacked(profile, *family, false, 0..=254, true);
            // A takeover waits for Skew_Time.
            let skews = (SPAN.as_nanos() / millis(200).as_nanos() + 1) as usize * 2;
            assert!(sent.changes <= skews, "{profile:?}: {sent:?}");
        }
    }
}

/// Each packet makes the Master yield, and its interval lets it take over at once: eight times in a row, and then at its own.
#[test]
fn better_ones_of_short_intervals_cost_a_takeover_an_interval() {
    for profile in PROFILES.into_iter().filter(|profile| profile.version() == Version::V3) {
        let (mut sim, routers) = lan(1, Link::GOOD, [200, 150].map(|own| config(profile, Family::Ipv4, own)));
        sim.add_check(Invariants::new());
        let takeovers = |sim: &Sim| sim.world().router(routers[0].0, routers[0].1).unwrap().stats().master_transitions;
        let attack = Attack {
            about: routers[0],
            pace: millis(40),
            span: Duration::from_secs(20),
            priorities: 254..=254,
            intervals: 1..=1,
            senders: 1,
            spoofs: false,
        };
        let network = sim.world().network().lans().next().unwrap();
        sim.plan(at(10), Disturbance::Attack(network, attack));
        sim.run_until(at(30)).unwrap_or_else(|failure| panic!("{failure}"));
        let taken = takeovers(&sim);
        assert!((15..=30).contains(&taken), "{profile:?}: {taken}");
        sim.run_until(at(60)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((takeovers(&sim), sim.world().role(routers[0].0, routers[0].1)), (taken + 1, Role::Master));
    }
}
