//! Two hosts that read another configuration every second: routers, addresses, leaders, groups, checks, scripts and routes come,
//! go and change at random. What a change does not concern has exactly one holder at every moment, and everything has once the
//! hosts have settled. In the end neither memory nor descriptors nor threads have grown.
//!
//! `VRRP_SOAK_SECONDS=600 cargo test -p vrrp-examples --test soak` goes on for ten minutes, `VRRP_SOAK_SEED=7` with the changes of
//! another seed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;
mod watch;
mod world;

use std::env;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{Host, Lan, Vrrpd, in_namespace, until};
use watch::Watch;
use world::{Dice, World};

const ROUND: Duration = Duration::from_secs(1);
/// What a daemon may have grown by, of which the allocator decides more than the daemon.
const GROWTH_KIB: u64 = 2048;

#[test]
fn reloads_every_second_leave_one_holder_for_each_address_and_nothing_behind() {
    in_namespace(|| {
        let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
        let time = Duration::from_secs(number("VRRP_SOAK_SECONDS").unwrap_or(20));
        let lan = Lan::new();
        let pair = Pair::new(&lan);
        let mut dice = Dice(number("VRRP_SOAK_SEED").unwrap_or(1));
        let watch = Watch::new();
        thread::scope(|scope| {
            scope.spawn(|| watch.run(&pair.hosts));
            // Ends the thread, also by a panic.
            let _ending = watch.ending();
            // The first part is for what grows once: caches, the allocator, the threads that block.
            pair.run(time / 4, &mut dice, &watch);
            let before = pair.sizes();
            pair.run(time - time / 4, &mut dice, &watch);
            let after = pair.sizes();
            println!("sizes after the first quarter {before:?}, at the end {after:?}");
            for (before, after) in before.iter().zip(&after) {
                assert!(after.memory <= before.memory + GROWTH_KIB, "{before:?} became {after:?}");
                assert_eq!((before.descriptors, before.routers), (after.descriptors, after.routers));
            }
        });
        for daemon in &pair.daemons {
            assert_eq!(daemon.logged("panicked"), 0);
            assert!(daemon.terminate().success());
        }
    });
}

/// Two hosts with a daemon each.
struct Pair {
    hosts: [Host; 2],
    daemons: [Vrrpd; 2],
}

/// How large a daemon is, with the first of all configurations.
#[derive(Debug)]
struct Size {
    memory: u64,
    descriptors: usize,
    routers: usize,
}

impl Pair {
    fn new(lan: &Lan) -> Self {
        let hosts = [lan.host(1), lan.host(2)];
        for host in &hosts {
            host.script("told", "exit 0");
            host.script("check", "exit 0");
        }
        let daemons = [0, 1].map(|at| hosts[at].vrrpd(&World::first().configuration(at)));
        Self { hosts, daemons }
    }

    /// A change every second, and watches each.
    fn run(&self, time: Duration, dice: &mut Dice, watch: &Watch) {
        let start = Instant::now();
        let mut world = World::first();
        self.settle(&world, watch);
        while start.elapsed() < time {
            let begun = Instant::now();
            let (next, concerned) = world.changed(dice);
            let goes_on = |(router, address): &(u8, String)| {
                !concerned.contains(router) && next.addresses().iter().any(|(_, stays)| stays == address)
            };
            watch.expect(world.addresses().into_iter().filter(goes_on));
            world = next;
            let first = dice.below(2) as usize;
            for at in [first, 1 - first] {
                self.reload(at, &world, dice.below(4) == 0);
            }
            self.settle(&world, watch);
            thread::sleep(ROUND.saturating_sub(begun.elapsed()));
        }
        watch.expect([]);
        world = World::first();
        (0..2).for_each(|at| self.reload(at, &world, false));
        self.settle(&world, watch);
    }

    /// By the signal or by `vrrpctl`, until it is done.
    fn reload(&self, at: usize, world: &World, by_signal: bool) {
        let (host, daemon) = (&self.hosts[at], &self.daemons[at]);
        host.reconfigure(&world.configuration(at));
        if by_signal {
            let done = daemon.logged("reloaded /");
            daemon.hang_up();
            until("the signal is heeded", || daemon.logged("reloaded /") > done);
        } else {
            let output = host.vrrpctl(&["reload"]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Waits until each address is where it belongs; from then on it has to stay there.
    fn settle(&self, world: &World, watch: &Watch) {
        until("each address is on its host", || {
            let here = [0, 1].map(|at| watch::holds(&self.hosts[at]));
            world.addresses().iter().all(|(router, address)| {
                let leader = world.leader(*router);
                here[leader].contains(address) && !here[1 - leader].contains(address)
            }) && here.iter().map(|held| held.len()).sum::<usize>() == world.addresses().len()
        });
        watch.expect(world.addresses());
    }

    fn sizes(&self) -> Vec<Size> {
        // What the last round began in the background ends.
        thread::sleep(Duration::from_millis(500));
        self.daemons.iter().map(Size::of).collect()
    }
}

/// Returns the number of open files of a process that it always has: beside a check that runs it has more.
fn least_descriptors(process: &str) -> usize {
    let counts = (0..20).map(|_| {
        thread::sleep(Duration::from_millis(30));
        fs::read_dir(format!("{process}/fd")).unwrap().count()
    });
    counts.min().unwrap()
}

impl Size {
    fn of(daemon: &Vrrpd) -> Self {
        let process = format!("/proc/{}", daemon.pid());
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            memory: memory.trim().trim_end_matches(" kB").parse().unwrap(),
            descriptors: least_descriptors(&process),
            routers: daemon.status().routers.len(),
        }
    }
}
