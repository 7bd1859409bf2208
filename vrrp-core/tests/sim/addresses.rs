//! Hosts that cannot set an address, and hosts that are slow (`docs/partial-service.md`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use vrrp_core::sim::{Disturbance, HostId, Installs, Invariants, Link, Sim, Step, World};
use vrrp_core::{Config, Family, Profile, Role, RouterId, Vrid};

use crate::lans::{PROFILES, at, config, lan, millis, priority, virtual_addresses};

type Changes = Arc<Mutex<BTreeMap<usize, usize>>>;

/// Two hosts, and how often each changes its state.
fn two(configs: [Config; 2]) -> (Sim, Vec<(HostId, RouterId)>, Changes) {
    let (mut sim, routers) = lan(1, Link::GOOD, configs);
    sim.add_check(Invariants::new());
    let changes = Changes::default();
    let counted = Arc::clone(&changes);
    sim.add_check(move |_: &World, step: &Step| {
        for (host, ..) in &step.transitions {
            *counted.lock().unwrap().entry(host.index()).or_default() += 1;
        }
        Ok(())
    });
    (sim, routers, changes)
}

fn refuses(sim: &mut Sim, host: HostId, address: IpAddr, known: bool) {
    sim.plan(at(0), Disturbance::Refuses { host, address, refuses: true, known });
}

fn state(sim: &Sim, (host, router): (HostId, RouterId)) -> (Role, Vec<IpAddr>, Vec<IpAddr>) {
    let world = sim.world();
    let mut held = world.held(host, router).to_vec();
    held.sort();
    (world.role(host, router), held, world.router(host, router).unwrap().missing().collect())
}

fn both(profile: Profile) -> [Config; 2] {
    [150, 100].map(|own| config(profile, Family::Ipv4, own))
}

#[test]
fn whoever_can_set_every_address_serves() {
    let all = virtual_addresses(Family::Ipv4);
    for profile in PROFILES {
        for known in [true, false] {
            let (mut sim, routers, changes) = two(both(profile));
            refuses(&mut sim, routers[0].0, all[1], known);
            sim.run_until(at(600)).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(state(&sim, routers[1]), (Role::Master, all.to_vec(), vec![]), "{profile:?} {known}");
            assert_eq!(state(&sim, routers[0]), (Role::Backup, vec![], vec![all[1]]), "{profile:?} {known}");
            assert!(changes.lock().unwrap().values().sum::<usize>() <= 6, "{changes:?}");
            // The reason is gone, and the better one is Master again.
            let gone = Disturbance::Refuses { host: routers[0].0, address: all[1], refuses: false, known: true };
            sim.plan(at(600), gone);
            sim.run_until(at(610)).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(state(&sim, routers[0]), (Role::Master, all.to_vec(), vec![]), "{profile:?} {known}");
        }
    }
}

#[test]
fn where_nobody_can_the_best_one_serves_the_rest_and_nothing_flaps() {
    let all = virtual_addresses(Family::Ipv4);
    for profile in PROFILES {
        for known in [true, false] {
            let (mut sim, routers, changes) = two(both(profile));
            routers.iter().for_each(|(host, _)| refuses(&mut sim, *host, all[1], known));
            sim.run_until(at(3_600)).unwrap_or_else(|failure| panic!("{failure}"));
            assert_eq!(state(&sim, routers[0]), (Role::Master, vec![all[0]], vec![all[1]]), "{profile:?} {known}");
            assert_eq!(state(&sim, routers[1]), (Role::Backup, vec![], vec![all[1]]), "{profile:?} {known}");
            let changes: usize = changes.lock().unwrap().values().sum();
            assert!(changes <= 8, "{profile:?} {known}: {changes} in an hour");
        }
    }
}

#[test]
fn an_address_that_is_not_advertised_faults_nobody() {
    let (all, excluded) = (virtual_addresses(Family::Ipv4), "2001:db8::1".parse().unwrap());
    for profile in PROFILES {
        let (mut sim, routers, changes) = two(both(profile).map(|config| config.with_excluded(&[excluded]).unwrap()));
        routers.iter().for_each(|(host, _)| refuses(&mut sim, *host, excluded, false));
        sim.run_until(at(3_600)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(state(&sim, routers[0]), (Role::Master, all.to_vec(), vec![excluded]), "{profile:?}");
        assert!(changes.lock().unwrap().values().sum::<usize>() <= 8, "{changes:?}");
    }
}

#[test]
fn where_nothing_can_be_set_the_tries_become_rare() {
    let (all, excluded) = (virtual_addresses(Family::Ipv4), "2001:db8::1".parse().unwrap());
    for profile in PROFILES {
        for with_excluded in [false, true] {
            let configs = both(profile).map(|config| match with_excluded {
                true => config.with_excluded(&[excluded]).unwrap(),
                false => config,
            });
            let (mut sim, routers, changes) = two(configs);
            for (host, _) in &routers {
                all.iter().for_each(|address| refuses(&mut sim, *host, *address, false));
            }
            sim.run_until(at(3_600)).unwrap_or_else(|failure| panic!("{failure}"));
            assert!(routers.iter().all(|router| state(&sim, *router).1.is_empty()));
            for (host, changes) in changes.lock().unwrap().iter() {
                // After 30 s, then 1, 2, 4, 8, 15, 15 ... minutes: nine, each of three changes, and the first ones.
                assert!((6..=30).contains(changes), "{profile:?}: host {host} changes {changes} times in an hour");
            }
        }
    }
}

/// Many routers of many addresses on one host that sets one after the other.
fn crowd(hosts: usize, routers: u8, addresses: u8, each: std::time::Duration) -> Sim {
    let mut sim = Sim::new(3);
    let lan = sim.add_lan(Link::GOOD);
    for number in 0..hosts {
        let host = sim.add_host();
        for vrid in 1..=routers {
            let list: Vec<IpAddr> = (1..=addresses).map(|n| Ipv4Addr::new(192, 0, vrid, n).into()).collect();
            let config = Config::new(Profile::Rfc9568, Vrid::new(vrid).unwrap(), &list).unwrap();
            sim.add_router(host, lan, config.with_priority(priority(200 - 50 * number as u8))).unwrap();
        }
        sim.plan(at(0), Disturbance::Installs(host, Installs::OneByOne(each)));
    }
    sim.add_check(Invariants::new());
    sim.add_check(|world: &World, step: &Step| {
        let faulty = step.transitions.iter().find(|(.., change)| change.to == Role::Initialize);
        let missing =
            |(host, id): (HostId, RouterId)| world.router(host, id).is_some_and(|it| it.missing().next().is_some());
        let mut all = world.hosts().flat_map(|host| world.routers(host).map(move |(id, _)| (host, id)));
        match (faulty, step.kind == vrrp_core::sim::StepKind::Answer && all.any(missing)) {
            (None, false) => Ok(()),
            _ => Err("a host that makes progress is at fault for being slow".into()),
        }
    });
    sim
}

#[test]
fn a_host_that_makes_progress_is_never_at_fault() {
    // 60 routers of 20 addresses, 10 ms each: 12 s, where each has to confirm within a second.
    for hosts in [1, 2] {
        let mut sim = crowd(hosts, 60, 20, millis(10));
        sim.run_until(at(60)).unwrap_or_else(|failure| panic!("{failure}"));
        let world = sim.world();
        let first = world.hosts().next().unwrap();
        for (id, _) in world.routers(first) {
            assert_eq!((world.role(first, id), world.held(first, id).len()), (Role::Master, 20), "{hosts} {id:?}");
        }
    }
}

/// The better one takes over at its full priority and then finds out that it cannot set everything: whom it took over from
/// has yielded, so it serves what it can until that one preempts it.
#[test]
fn a_takeover_that_fails_in_part_leaves_nobody_without_a_master() {
    for profile in PROFILES {
        let (mut sim, routers, _) = two(both(profile));
        refuses(&mut sim, routers[0].0, virtual_addresses(Family::Ipv4)[1], false);
        sim.plan(at(0), Disturbance::PowerOff(routers[0].0));
        sim.plan(at(10), Disturbance::Start(routers[0].0));
        sim.add_check(|world: &World, _: &Step| {
            let is_master = |(host, id)| world.role(host, id) == Role::Master;
            let mut all = world.hosts().flat_map(|host| world.routers(host).map(move |(id, _)| (host, id)));
            if world.now() < at(8) || all.any(is_master) { Ok(()) } else { Err("nobody is Master".into()) }
        });
        sim.run_until(at(60)).unwrap_or_else(|failure| panic!("{profile:?}\n{failure}"));
        assert_eq!(state(&sim, routers[1]).0, Role::Master, "{profile:?}");
    }
}
