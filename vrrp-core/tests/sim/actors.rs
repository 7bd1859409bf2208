//! Programs that act in a world, and a world that goes on twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp_core::sim::{
    Actor, Disturbance, Happened, HostId, Invariants, Link, Planned, Sim, Step, StepKind, World, run_plan,
};
use vrrp_core::{Drain, Family, Instant, Profile, Role, RouterId};

use crate::lans::{any_world, at, config, lan, millis};

/// Drains a router at a moment, and ends the drain a second after it is no longer Master.
#[derive(Clone)]
struct Maintenance {
    at: Instant,
    router: (HostId, RouterId),
    back_at: Option<Instant>,
    begun: bool,
    done: bool,
}

impl Maintenance {
    fn of(router: (HostId, RouterId), at: Instant) -> Self {
        Self { at, router, back_at: None, begun: false, done: false }
    }
}

impl Actor for Maintenance {
    fn act(&mut self, world: &World, _: &Step) -> Vec<Planned> {
        let (now, (host, router)) = (world.now(), self.router);
        if !self.begun && now >= self.at {
            self.begun = true;
            return vec![Planned { at: now, what: Disturbance::Drain(host, router, Drain::default()) }];
        }
        if self.begun && self.back_at.is_none() && world.role(host, router) == Role::Backup {
            self.back_at = Some(now + Duration::from_secs(1));
        }
        if !self.done && self.back_at.is_some_and(|at| now >= at) {
            self.done = true;
            return vec![Planned { at: now, what: Disturbance::Undrain(host, router) }];
        }
        vec![]
    }

    fn next_act(&self) -> Option<Instant> {
        if self.begun { self.back_at.filter(|_| !self.done) } else { Some(self.at) }
    }
}

fn three() -> (Sim, Vec<(HostId, RouterId)>) {
    let configs = [200, 150, 100].map(|own| config(Profile::Rfc9568, Family::Ipv4, own));
    let (mut sim, routers) = lan(1, Link::GOOD, configs);
    sim.add_check(Invariants::new());
    (sim, routers)
}

/// Returns when orders of actors were carried out.
fn orders(sim: &Sim) -> Vec<(Instant, Disturbance)> {
    let ordered = sim.world().journal().iter().filter_map(|entry| match &entry.what {
        Happened::Ordered(what) => Some((entry.at, what.clone())),
        _ => None,
    });
    ordered.collect()
}

#[test]
fn an_actor_acts_at_its_moments_and_after_what_it_saw() {
    let (mut sim, routers) = three();
    let when = at(10) + millis(3);
    sim.add_actor(Maintenance::of(routers[0], when));
    sim.run_until(at(30)).unwrap_or_else(|failure| panic!("{failure}"));
    let handed_over = sim.world().journal().iter().find(|entry| match entry.what {
        Happened::State { change, .. } => entry.who == Some(routers[0]) && change.to == Role::Backup && entry.at > when,
        _ => false,
    });
    let handed_over = handed_over.unwrap().at;
    let (host, router) = routers[0];
    let expected = [
        (when, Disturbance::Drain(host, router, Drain::default())),
        (handed_over + Duration::from_secs(1), Disturbance::Undrain(host, router)),
    ];
    assert_eq!(orders(&sim), expected, "to the nanosecond");
    assert!(handed_over < when + millis(500));
    assert!(sim.world().journal().to_string().contains("ordered: Drain"));
}

#[test]
fn what_is_ordered_for_the_last_moment_happens_in_it() {
    let (mut sim, routers) = three();
    sim.add_actor(Maintenance::of(routers[0], at(10)));
    sim.run_until(at(10)).unwrap();
    assert_eq!(orders(&sim).len(), 1);
}

#[test]
fn an_actor_that_never_ends_is_a_failure_and_no_endless_run() {
    #[derive(Clone)]
    struct Restless(HostId);
    impl Actor for Restless {
        fn act(&mut self, world: &World, _: &Step) -> Vec<Planned> {
            vec![Planned { at: world.now(), what: Disturbance::Start(self.0) }]
        }
    }
    let (mut sim, routers) = three();
    sim.add_actor(Restless(routers[0].0));
    let failure = sim.run_until(at(1)).unwrap_err();
    assert_eq!((failure.at, &*failure.what), (at(0), "an actor gives orders for this moment without end"));
}

#[test]
fn a_plan_that_makes_an_actor_fail_is_shrunk_with_the_actor_in_each_run() {
    let build = || {
        let (mut sim, routers) = three();
        sim.add_actor(Maintenance::of(routers[0], at(20)));
        sim.add_check(move |world: &World, _: &Step| {
            let masters = routers.iter().filter(|(host, router)| world.role(*host, *router) == Role::Master).count();
            match masters {
                0 if world.now() > at(5) => Err("nobody is Master".to_owned()),
                _ => Ok(()),
            }
        });
        sim
    };
    let hosts: Vec<HostId> = build().world().hosts().collect();
    let mut plan: Vec<Planned> = Vec::new();
    for secs in 6..19 {
        plan.push(Planned { at: at(secs), what: Disturbance::Start(hosts[(secs % 3) as usize]) });
    }
    // Only while the first is drained has the second the addresses.
    plan.push(Planned { at: at(20) + millis(900), what: Disturbance::PowerOff(hosts[1]) });
    assert!(run_plan(build, &plan[..13], at(40)).is_ok());
    let failure = run_plan(build, &plan, at(40)).unwrap_err();
    assert_eq!(failure.plan, plan[13..]);
    assert_eq!(failure.what, "nobody is Master");
}

#[test]
fn a_world_goes_on_twice_and_does_the_same() {
    const fn is_send<T: Send + Clone>() {}
    const { is_send::<Sim>() };
    for seed in 0..20 {
        let mut sim = any_world(seed);
        let (host, router) = {
            let host = sim.world().hosts().next().unwrap();
            let (router, _) = sim.world().routers(host).next().unwrap();
            (host, router)
        };
        sim.add_actor(Maintenance::of((host, router), at(12)));
        sim.run_until(at(10)).unwrap_or_else(|failure| panic!("{failure}"));
        let (mut same, mut other) = (sim.clone(), sim.clone());
        other.plan(at(11), Disturbance::PowerOff(host));
        let elsewhere = std::thread::spawn(move || {
            same.run_until(at(40)).unwrap_or_else(|failure| panic!("{failure}"));
            same
        });
        other.run_until(at(40)).unwrap_or_else(|failure| panic!("{failure}"));
        sim.run_until(at(40)).unwrap_or_else(|failure| panic!("{failure}"));
        let same = elsewhere.join().unwrap();
        assert_eq!(same.world().digest(), sim.world().digest(), "{seed}");
        assert_eq!(same.world().journal(), sim.world().journal(), "{seed}");
        assert_ne!(other.world().digest(), sim.world().digest(), "{seed}");
        assert_eq!((orders(&sim).is_empty(), orders(&same)), (false, orders(&sim)), "{seed}");
    }
}

#[test]
fn a_check_is_copied_with_what_it_remembers() {
    let (mut sim, _) = three();
    let most = Arc::new(Mutex::new(0));
    let (seen, mut steps) = (Arc::clone(&most), 0);
    sim.add_check(move |_: &World, step: &Step| {
        steps += usize::from(step.kind != StepKind::Look);
        let mut seen = seen.lock().unwrap();
        *seen = steps.max(*seen);
        Ok(())
    });
    sim.run_until(at(10)).unwrap();
    let after_ten = *most.lock().unwrap();
    let mut fork = sim.clone();
    sim.run_until(at(20)).unwrap();
    let after_twenty = *most.lock().unwrap();
    fork.run_until(at(20)).unwrap();
    assert!(after_ten > 10 && after_twenty > after_ten);
    assert_eq!(*most.lock().unwrap(), after_twenty, "the copy counts on from where it was made");
}
