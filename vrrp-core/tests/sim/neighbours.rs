//! Where frames go that neighbours send to a virtual address: after every takeover to the Master, within a second.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp_core::sim::{Disturbance, HostId, Invariants, LanId, Link, Sim, Step, World};
use vrrp_core::{AnnouncePolicy, Family, Instant, Profile, Role, RouterId};

use crate::lans::{PROFILES, at, config, lan, millis, virtual_addresses};

type Routers = Vec<(HostId, RouterId)>;

/// Three routers and their neighbours; from the virtual MAC address, which needs no round at contests, or each from its own.
fn three(profile: Profile, virtual_mac: bool, yield_advertisement: bool) -> (Sim, Routers, LanId) {
    let policy = AnnouncePolicy { contest_repeat: u8::from(!virtual_mac), ..AnnouncePolicy::default() };
    let configs = [200, 150, 100];
    let configs = configs.map(|own| {
        config(profile, Family::Ipv4, own).with_yield_advertisement(yield_advertisement).with_announce(policy)
    });
    let (mut sim, routers) = lan(1, Link::GOOD, configs);
    if virtual_mac {
        routers.iter().for_each(|(host, router)| sim.use_virtual_mac(*host, *router));
    }
    sim.add_check(Invariants::new());
    let lan = sim.world().network().lans().next().unwrap();
    (sim, routers, lan)
}

/// Returns whether every neighbour's frame for every address ends up at this host.
fn all_reach(world: &World, lan: LanId, host: HostId) -> bool {
    let to = |beside, address: &IpAddr| world.delivers_to(lan, beside, *address);
    world.hosts().all(|beside| virtual_addresses(Family::Ipv4).iter().all(|address| to(beside, address) == Some(host)))
}

/// Returns how long after `from` every neighbour's frames go to `host` for good, in a run to `until`.
fn astray(sim: &mut Sim, lan: LanId, host: HostId, from: Instant, until: Instant) -> Duration {
    let found_at = Arc::new(Mutex::new(from));
    let found = Arc::clone(&found_at);
    let mut reached = true;
    sim.add_check(move |world: &World, _: &Step| {
        if world.now() >= from && world.now() < until {
            let reaches = all_reach(world, lan, host);
            if reaches != reached {
                *found.lock().unwrap() = world.now();
            }
            reached = reaches;
        }
        Ok(())
    });
    sim.run_until(until).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(all_reach(sim.world(), lan, host));
    let found_at = *found_at.lock().unwrap();
    found_at.since(from)
}

/// Runs until a router is Master.
fn until_master(sim: &mut Sim, (host, router): (HostId, RouterId)) {
    while sim.world().role(host, router) != Role::Master {
        assert!(sim.world().now() < at(30), "it never is");
        sim.step(at(30)).unwrap();
    }
}

#[test]
fn who_takes_over_is_reached_at_once() {
    for profile in PROFILES {
        for virtual_mac in [false, true] {
            let (mut sim, routers, lan) = three(profile, virtual_mac, !virtual_mac);
            sim.plan(at(10), Disturbance::PowerOff(routers[0].0));
            sim.run_until(at(20)).unwrap();
            assert!(all_reach(sim.world(), lan, routers[1].0), "{profile:?} {virtual_mac}");
            // The better one comes back and preempts: nothing that the loser says moves anything back.
            sim.plan(at(20), Disturbance::Start(routers[0].0));
            sim.run_until(at(23)).unwrap();
            until_master(&mut sim, routers[0]);
            let (from, master) = (sim.world().now() + millis(1), routers[0].0);
            let lost = astray(&mut sim, lan, master, from, from + millis(10_000));
            assert!(lost.is_zero(), "{profile:?} {virtual_mac}: {lost:?}");
        }
    }
}

#[test]
fn after_a_split_every_neighbour_finds_the_master_that_stays() {
    for profile in PROFILES {
        for virtual_mac in [false, true] {
            let (mut sim, routers, lan) = three(profile, virtual_mac, !virtual_mac);
            sim.plan(at(10), Disturbance::Partition(lan, vec![routers[1].0, routers[2].0]));
            sim.run_until(at(20)).unwrap();
            let there = |sim: &Sim, beside: usize| {
                sim.world().delivers_to(lan, routers[beside].0, virtual_addresses(Family::Ipv4)[0])
            };
            assert_eq!((there(&sim, 0), there(&sim, 2)), (Some(routers[0].0), Some(routers[1].0)));
            sim.plan(at(20), Disturbance::Partition(lan, vec![]));
            let lost = astray(&mut sim, lan, routers[0].0, at(20), at(40));
            // Its next advertisement, and the round that the yield advertisement asks for.
            assert!(lost <= millis(1_010), "{profile:?} {virtual_mac}: {lost:?}");
        }
    }
}

/// Why a router with a virtual MAC address sends no yield advertisement: it would be the last frame that the switch saw from there.
#[test]
fn a_yield_advertisement_from_the_virtual_mac_would_lead_astray() {
    let lost = [true, false].map(|yield_advertisement| {
        let (mut sim, routers, lan) = three(Profile::Rfc5798, true, yield_advertisement);
        routers.iter().for_each(|(host, _)| sim.hide_macs(*host));
        sim.plan(at(10), Disturbance::PowerOff(routers[0].0));
        sim.plan(at(20), Disturbance::Start(routers[0].0));
        sim.run_until(at(23)).unwrap();
        until_master(&mut sim, routers[0]);
        let (from, master) = (sim.world().now() + millis(1), routers[0].0);
        astray(&mut sim, lan, master, from, from + millis(10_000))
    });
    assert!(lost[0] > millis(500) && lost[1].is_zero(), "{lost:?}");
}
