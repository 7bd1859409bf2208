//! Single things that go wrong, with what exactly follows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp_core::sim::{
    Disturbance, Happened, HostId, Installs, Invariants, Link, Network, Planned, Random, Sim, Step, World, random_plan,
    run_plan, shrink,
};
use vrrp_core::wire::Endpoints;
use vrrp_core::{AdvertInterval, Config, Family, Instant, Password, Profile, Role, RxPacket, Version};

use crate::lans::{PROFILES, at, config, lan, millis, priority};

fn v2(own: u8) -> Config {
    config(Profile::Rfc3768, Family::Ipv4, own)
}

/// Whoever is Master, by host.
fn masters(world: &World) -> Vec<usize> {
    let hosts = world.hosts().filter(|host| world.routers(*host).any(|(id, _)| world.role(*host, id) == Role::Master));
    hosts.map(|host| host.index()).collect()
}

/// Returns when somebody became Master first after `after`.
fn takeover(world: &World, after: Instant) -> Option<Instant> {
    let is_takeover =
        |happened: &Happened| matches!(happened, Happened::State { change, .. } if change.to == Role::Master);
    world.journal().iter().find(|entry| entry.at > after && is_takeover(&entry.what)).map(|entry| entry.at)
}

#[test]
fn the_second_best_takes_over_to_the_nanosecond() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(150), v2(100)]);
    sim.add_check(Invariants::new());
    sim.plan(at(100), Disturbance::PowerOff(routers[0].0));
    sim.run_until(at(120)).unwrap();
    assert_eq!(masters(sim.world()), [1]);
    // Down at the start, then once a second.
    let down = |own: u64| Duration::from_nanos(3_000_000_000 + (256 - own) * 3_906_250);
    let last = at(96) + down(200) + Link::GOOD.latency;
    assert_eq!(takeover(sim.world(), at(100)), Some(last + down(150)));
}

#[test]
fn a_stalled_master_without_a_lease_finds_its_successor_and_yields() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(100), v2(90)].map(|config| config.with_lease(false)));
    sim.add_check(Invariants::new());
    sim.plan(at(10), Disturbance::Stall(routers[0].0, Duration::from_secs(7)));
    sim.run_until(at(16)).unwrap();
    assert_eq!(masters(sim.world()), [0, 1], "the one that sleeps does not know");
    sim.run_until(at(17) + millis(1)).unwrap();
    assert_eq!(masters(sim.world()), [0], "the one that comes back is better");
}

#[test]
fn a_stalled_backup_counts_what_arrived_meanwhile() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    sim.add_check(Invariants::new());
    sim.plan(at(10), Disturbance::Stall(routers[1].0, Duration::from_secs(60)));
    sim.run_until(at(100)).unwrap();
    let taken = sim.world().router(routers[1].0, routers[1].1).unwrap().stats().master_transitions;
    assert_eq!((masters(sim.world()), taken), (vec![0], 0));
}

#[test]
fn the_addresses_of_a_killed_process_go_before_its_successor_comes() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    let (host, router) = routers[0];
    sim.add_check(Invariants::new());
    sim.run_until(at(10)).unwrap();
    assert_eq!(sim.world().held(host, router).len(), 2);
    sim.plan(at(10), Disturbance::Kill(host));
    sim.run_until(at(12) + millis(500)).unwrap();
    assert_eq!((sim.world().held(host, router).len(), takeover(sim.world(), at(10))), (0, None));
    sim.run_until(at(14)).unwrap();
    assert_eq!(masters(sim.world()), [1]);
}

#[test]
fn a_killed_process_without_a_lease_leaves_its_addresses_and_the_next_one_removes_them() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)].map(|config| config.with_lease(false)));
    let (host, router) = routers[0];
    sim.run_until(at(10)).unwrap();
    assert_eq!(sim.world().held(host, router).len(), 2);
    sim.plan(at(10), Disturbance::Kill(host));
    sim.run_until(at(20)).unwrap();
    assert_eq!((sim.world().held(host, router).len(), sim.world().role(host, router)), (2, Role::Initialize));
    sim.plan(at(20), Disturbance::Start(host));
    sim.run_until(at(21)).unwrap();
    assert_eq!((sim.world().held(host, router).len(), sim.world().role(host, router)), (0, Role::Backup));
}

#[test]
fn who_is_heard_and_does_not_hear_keeps_its_place() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    let lan = sim.world().network().lans().next().unwrap();
    sim.add_check(Invariants::new());
    sim.plan(at(10), Disturbance::Cut(lan, routers[1].0, routers[0].0));
    sim.run_until(at(60)).unwrap();
    assert_eq!(masters(sim.world()), [0]);
    sim.plan(at(60), Disturbance::Cut(lan, routers[0].0, routers[1].0));
    sim.run_until(at(70)).unwrap();
    assert_eq!(masters(sim.world()), [0, 1]);
    sim.plan(at(70), Disturbance::Calm);
    sim.run_until(at(72)).unwrap();
    assert_eq!(masters(sim.world()), [0]);
}

#[test]
fn each_part_of_a_partition_has_a_master() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(150), v2(100), v2(50)]);
    let lan = sim.world().network().lans().next().unwrap();
    sim.add_check(Invariants::new());
    sim.plan(at(10), Disturbance::Partition(lan, vec![routers[1].0, routers[3].0]));
    sim.run_until(at(60)).unwrap();
    assert_eq!(masters(sim.world()), [0, 1]);
}

#[test]
fn clocks_that_run_apart_by_two_percent_do_no_harm() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v2(200), v2(150)]);
    sim.add_check(Invariants::new());
    sim.plan(at(10), Disturbance::Drift(routers[0].0, -10_000));
    sim.plan(at(11), Disturbance::Drift(routers[1].0, 10_000));
    sim.run_until(at(10_000)).unwrap();
    assert_eq!(masters(sim.world()), [0]);
}

/// A failure of a check comes with the seed, the shortest plan and the journal.
#[test]
fn a_failure_is_told_with_the_one_thing_that_it_takes() {
    let build = || {
        let (mut sim, _) = lan(42, Link::GOOD, [v2(200), v2(100), v2(50)]);
        sim.add_check(|world: &World, _: &Step| match masters(world).contains(&2) {
            true => Err("the last one serves".to_owned()),
            false => Ok(()),
        });
        sim
    };
    let world = build();
    let mut hosts = world.world().hosts();
    let (first, second) = (hosts.next().unwrap(), hosts.next().unwrap());
    let mut plan: Vec<Planned> = (20..40).map(|n| Planned { at: at(n), what: Disturbance::Drift(first, 1) }).collect();
    plan.insert(7, Planned { at: at(27), what: Disturbance::PowerOff(first) });
    plan.insert(15, Planned { at: at(34), what: Disturbance::PowerOff(second) });
    let failure = run_plan(build, &plan, at(60)).unwrap_err();
    let needed = [Disturbance::PowerOff(first), Disturbance::PowerOff(second)];
    assert_eq!(failure.plan.iter().map(|planned| planned.what.clone()).collect::<Vec<_>>(), needed);
    let text = failure.to_string();
    for part in [
        "seed 42, at 37",
        "the last one serves",
        "PowerOff(HostId(1))",
        "Backup > Master at 50: the Master 10.0.0.2 was silent",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(shrink(&plan, |_| true), []);
}

/// No check, no fault: but for the plan nothing is drawn by chance, and every seed makes a plan of its own.
#[test]
fn plans_follow_from_their_seed() {
    let (sim, _) = lan(1, Link::GOOD, [v2(200), v2(100)]);
    let plan = |seed| random_plan(sim.world(), seed, 9, Duration::from_secs(10));
    assert_eq!(plan(3), plan(3));
    assert_ne!(plan(3), plan(4));
}

#[test]
fn hosts_of_another_make_meet_on_the_same_lans() {
    let mut network = Network::new(1);
    let hosts: Vec<_> = Sim::new(0).world().hosts().collect();
    assert!(hosts.is_empty());
    let lan = network.add_lan(Link { duplication: 1_000_000, ..Link::GOOD });
    let (mut world, routers) = lan_of_three();
    world.run_until(at(0)).unwrap();
    let [one, two, three] = [0, 1, 2].map(|n| routers[n].0);
    for (n, host) in [one, two, three].into_iter().enumerate() {
        network.attach(lan, host, [[192, 0, 2, n as u8].into(), [0xfe80, 0, 0, 0, 0, 0, 0, n as u16].into()]);
    }
    network.cut(lan, one, three, true);
    let endpoints = Endpoints::new([192, 0, 2, 0].into(), Family::Ipv4.group()).unwrap();
    let packet = RxPacket { endpoints, ttl: 7, payload: b"hello" };
    network.send(at(1), lan, one, packet);
    for _ in 0..2 {
        assert_eq!(network.next_at(), Some(at(1) + Link::GOOD.latency));
        let arrival = network.take_next().unwrap();
        assert_eq!((arrival.to, network.packet(&arrival)), (two, Some((lan, packet))));
        network.done(arrival);
    }
    assert_eq!(network.take_next(), None);
}

fn lan_of_three() -> (Sim, Vec<(HostId, vrrp_core::RouterId)>) {
    lan(1, Link::GOOD, [v2(3), v2(2), v2(1)])
}

/// Processes die, hang and come back, hosts lose power. With a lease no address is ever on two hosts: its takeover waits
/// for the silence of the Master. One that preempts does not, so nobody does here.
#[test]
fn no_address_is_ever_in_two_places() {
    let mut overlaps = [0; 2];
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let link = Link { latency: Duration::from_micros(50), jitter: Duration::from_micros(50), ..Link::GOOD };
        for lease in [true, false] {
            let profile = if seed % 2 == 0 { Profile::Rfc3768 } else { Profile::Rfc9568 };
            let configs = (0..3).map(|n| config(profile, Family::Ipv4, 100 + n / 2 * 50).with_lease(lease));
            let configs = configs.map(|config| config.with_preempt(false, Duration::ZERO));
            let (mut sim, routers) = lan(seed, link, configs);
            sim.add_check(Invariants::new());
            for (host, _) in &routers {
                // A kernel takes longer than a packet.
                sim.plan(at(0), Disturbance::Installs(*host, Installs::After(Duration::from_micros(200))));
            }
            for _ in 0..8 {
                let host = routers[random.below(3) as usize].0;
                let span = millis(random.below(8_000));
                let what = match random.below(6) {
                    0 => Disturbance::PowerOff(host),
                    1 => Disturbance::Kill(host),
                    2 | 3 => Disturbance::Stall(host, span),
                    _ => Disturbance::Start(host),
                };
                sim.plan(at(5) + millis(random.below(40_000)), what);
            }
            let places = |world: &World, _: &Step| {
                let holds = |host| world.routers(host).any(|(id, _)| !world.held(host, id).is_empty());
                let places = world.hosts().filter(|host| holds(*host)).count();
                if places > 1 { Err(format!("the addresses are in {places} places")) } else { Ok(()) }
            };
            sim.add_check(places);
            match sim.run_until(at(60)) {
                Ok(()) => {}
                Err(failure) if failure.what.contains("places") && !lease => overlaps[0] += 1,
                Err(failure) => panic!("{failure}"),
            }
            overlaps[1] += 1;
        }
    }
    assert!(overlaps[0] > 100, "{overlaps:?}: without a lease they are");
}

fn v3(own: u8) -> Config {
    config(Profile::Rfc9568, Family::Ipv4, own)
}

/// Advertisements that a host sends in a span.
fn count_sends(sim: &mut Sim, host: HostId, from: Instant, to: Instant) -> Arc<Mutex<usize>> {
    let sends = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&sends);
    sim.add_check(move |world: &World, step: &Step| {
        if world.now() >= from && world.now() < to {
            *counted.lock().unwrap() += step.sends.iter().filter(|(whose, ..)| *whose == host).count();
        }
        Ok(())
    });
    sends
}

/// RFC 9568 section 6.4.3: each of them gets its answer.
#[test]
fn two_lower_masters_are_both_answered() {
    let (mut sim, routers) = lan(1, Link::GOOD, [v3(200), v3(150), v3(100)]);
    let lan = sim.world().network().lans().next().unwrap();
    sim.add_check(Invariants::new());
    // Both lower ones hear nobody.
    for (from, to) in [(0, 1), (0, 2), (1, 2), (2, 1)] {
        sim.plan(at(10), Disturbance::Cut(lan, routers[from].0, routers[to].0));
    }
    let sends = count_sends(&mut sim, routers[0].0, at(20), at(40));
    sim.run_until(at(40)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(masters(sim.world()), [0, 1, 2]);
    let sends = *sends.lock().unwrap();
    assert!((59..=61).contains(&sends), "20 of its own, 20 for each: {sends}");
}

/// Three routers of different intervals: whoever yields to the slow one makes no second Master of the third, in any profile.
#[test]
fn who_yields_to_a_slower_master_makes_no_other_one() {
    let fast = AdvertInterval::from_centis(10).unwrap();
    for profile in PROFILES.into_iter().filter(|profile| profile.version() == Version::V3) {
        for family in [Family::Ipv4, Family::Ipv6] {
            for (own, centis) in [(200, 100), (255, 4_095)] {
                let slow = config(profile, family, own).with_interval(AdvertInterval::from_centis(centis).unwrap());
                let quick = [150, 100].map(|own| config(profile, family, own).with_interval(fast).unwrap());
                let [second, third] = quick;
                let (mut sim, routers) = lan(1, Link::GOOD, [slow.unwrap(), second, third]);
                sim.add_check(Invariants::new());
                // The best one comes when the second is Master.
                sim.plan(at(0), Disturbance::PowerOff(routers[0].0));
                sim.plan(at(10), Disturbance::Start(routers[0].0));
                let too_long = Arc::new(Mutex::new(0));
                let (counted, mut since) = (Arc::clone(&too_long), None);
                sim.add_check(move |world: &World, _: &Step| {
                    // Two at most until the packet of the better one has arrived.
                    let now = world.now();
                    let begun = *since.get_or_insert(now);
                    match masters(world).len() {
                        0 | 1 => since = None,
                        _ if now > begun + millis(1) => *counted.lock().unwrap() += 1,
                        _ => {}
                    }
                    Ok(())
                });
                sim.run_until(at(200)).unwrap_or_else(|failure| panic!("{failure}"));
                assert_eq!(
                    (masters(sim.world()), *too_long.lock().unwrap()),
                    (vec![0], 0),
                    "{profile:?} {family:?} {own}"
                );
            }
        }
    }
}

#[test]
fn a_backup_that_heard_nobody_takes_over_a_new_interval() {
    let slow = AdvertInterval::from_centis(4_095).unwrap();
    let (mut sim, routers) = lan(1, Link::GOOD, [v3(200).with_interval(slow).unwrap()]);
    sim.add_check(Invariants::new());
    let (host, router) = routers[0];
    sim.plan(at(1), Disturbance::Reconfigure(host, router, Box::new(v3(200))));
    sim.run_until(at(5)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(masters(sim.world()), [0]);
}

/// The others still have the configuration that ends.
#[test]
fn a_release_speaks_the_configuration_that_ends() {
    let secret = |text: &[u8]| Password::new(text).unwrap();
    let old = |own| config(Profile::Rfc2338, Family::Ipv4, own).with_password(secret(b"old")).unwrap();
    let (mut sim, routers) = lan(1, Link::GOOD, [old(255), old(200)]);
    sim.add_check(Invariants::new());
    let interval = AdvertInterval::from_secs(2).unwrap();
    let new = old(100).with_password(secret(b"new")).unwrap().with_interval(interval).unwrap();
    sim.plan(at(10), Disturbance::Reconfigure(routers[0].0, routers[0].1, Box::new(new)));
    sim.run_until(at(10) + millis(300)).unwrap_or_else(|failure| panic!("{failure}"));
    // Skew_Time, and not the whole Master_Down_Interval.
    assert_eq!(masters(sim.world()), [1]);
}

#[test]
fn two_clusters_of_one_id_both_serve() {
    let other = |own| {
        let list = ["198.51.100.1".parse().unwrap()];
        Config::new(Profile::Rfc9568, v3(own).vrid(), &list).unwrap().with_priority(priority(own))
    };
    let (mut sim, _) = lan(1, Link::GOOD, [v3(200), v3(150), other(100), other(50)]);
    sim.add_check(Invariants::new());
    sim.run_until(at(60)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(masters(sim.world()), [0, 2]);
}

#[test]
fn a_link_that_is_gone_for_a_moment_changes_no_master() {
    for own in [v2(200), v3(200)] {
        let other = config(own.profile(), Family::Ipv4, 150);
        let (mut sim, routers) = lan(1, Link::GOOD, [own, other]);
        let lan = sim.world().network().lans().next().unwrap();
        sim.add_check(Invariants::new());
        sim.plan(at(10), Disturbance::Interface(routers[0].0, lan, false));
        sim.plan(at(10) + millis(200), Disturbance::Interface(routers[0].0, lan, true));
        sim.run_until(at(10) + millis(201)).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(masters(sim.world()), [0], "at once");
        sim.run_until(at(30)).unwrap_or_else(|failure| panic!("{failure}"));
        let taken = sim.world().router(routers[1].0, routers[1].1).unwrap().stats().master_transitions;
        assert_eq!((masters(sim.world()), taken), (vec![0], 0));
    }
}
