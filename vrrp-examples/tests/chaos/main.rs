//! Three hosts with two virtual routers, and everything that goes wrong on real hosts: killed and hung daemons, interfaces and
//! cables, renamed and small links, lost frames, hands on the addresses, strangers on the LAN. After each round of it a calm
//! time, and then one Master for each router, which alone has the addresses, and which the clients reach.
//!
//! What happens follows from a seed; with every third one the routers have virtual MAC addresses. `VRRP_CHAOS_SEEDS=10 cargo test -p vrrp-examples --test chaos` runs ten of them,
//! `VRRP_CHAOS_SEED=7` the seventh alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;
mod disturbance;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use common::testing::ip;
use common::{Host, Lan, Vrrpd, in_namespace, until};
use disturbance::Disturbance;

/// How many seeds run unless the environment says more.
const SEEDS: u64 = 2;
const ROUNDS: usize = 7;
/// The time after the last disturbance in which there may be disorder: the longest of the protocol's waits several
/// times over.
const CALM: Duration = Duration::from_secs(20);
/// The time for which order is watched.
const WATCH: Duration = Duration::from_millis(1200);

/// Name, addresses, virtual MAC address.
const ROUTERS: [(&str, &[&str], &str); 2] =
    [("VI_4", &["192.0.2.100"], "00:00:5e:00:01:01"), ("VI_6", &["fe80::100", "2001:db8::100"], "00:00:5e:00:02:06")];

#[test]
fn order_returns_after_every_disturbance_with_odd_seeds() {
    in_namespace(|| run_all(1));
}

#[test]
fn order_returns_after_every_disturbance_with_even_seeds() {
    in_namespace(|| run_all(0));
}

fn run_all(parity: u64) {
    let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    let seeds = match number("VRRP_CHAOS_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("VRRP_CHAOS_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds.filter(|seed| seed % 2 == parity) {
        run(seed);
        ip("link delete switch");
        until("the ports are gone", || !ip("-oneline link show").contains("port"));
    }
}

fn run(seed: u64) {
    let start = Instant::now();
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut cluster = Cluster::new(seed % 3 == 0);
    cluster.until_in_order();
    // Each kind comes before any comes again.
    let mut kinds = Vec::new();
    for round in 1..=ROUNDS {
        for _ in 0..dice.below(3) + 1 {
            if kinds.is_empty() {
                kinds.extend(Disturbance::KINDS);
            }
            let kind = kinds.swap_remove(dice.below(kinds.len() as u64) as usize);
            let disturbance = kind(&mut dice);
            println!("seed {seed}, round {round}, {:.1} s: {disturbance:?}", start.elapsed().as_secs_f64());
            disturbance.inflict(&mut cluster);
            thread::sleep(Duration::from_millis(dice.below(400)));
        }
        cluster.until_in_order();
    }
    println!("seed {seed} took {:.1} s", start.elapsed().as_secs_f64());
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    /// A number from 0 to one less than `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn host(&mut self) -> usize {
        self.below(3).try_into().unwrap()
    }
}

/// Hosts 1 to 3 with a daemon each, and host 4, the client.
struct Cluster {
    daemons: [Vrrpd; 3],
    hosts: [Host; 3],
    client: Host,
    lan: Lan,
    virtual_mac: bool,
}

impl Cluster {
    fn new(virtual_mac: bool) -> Self {
        let lan = Lan::new();
        let (hosts, client) = ([lan.host(1), lan.host(2), lan.host(3)], lan.host(4));
        client.ip("address add fe80::4/64 dev eth0 nodad");
        client.ip("address add 2001:db8::4/64 dev eth0 nodad");
        let daemons = [0, 1, 2].map(|at| hosts[at].vrrpd(&configuration(at, virtual_mac)));
        Self { daemons, hosts, client, lan, virtual_mac }
    }

    fn start(&mut self, at: usize) {
        self.daemons[at] = self.hosts[at].vrrpd(&configuration(at, self.virtual_mac));
    }

    /// Waits for order, and watches that it stays.
    fn until_in_order(&self) {
        let start = Instant::now();
        let mut since = None;
        loop {
            match (self.disorder(), since) {
                (None, None) => since = Some(Instant::now()),
                (None, Some(since)) if Instant::now() - since >= WATCH => return,
                (None, Some(_)) => {}
                (Some(disorder), _) => {
                    assert!(start.elapsed() < CALM, "after {CALM:?} of calm: {disorder}");
                    since = None;
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns what is not as it has to be.
    fn disorder(&self) -> Option<String> {
        ROUTERS.iter().find_map(|(name, addresses, virtual_mac)| {
            let routers: Vec<_> = self.daemons.iter().map(|daemon| daemon.json(name)).collect();
            let states: Vec<_> = routers.iter().map(|router| router["state"].as_str().unwrap_or("?")).collect();
            let masters: Vec<_> = (0..3).filter(|at| states[*at] == "Master").collect();
            let &[master] = &masters[..] else { return Some(format!("{name}: {states:?}")) };
            if states.iter().filter(|state| **state == "Backup").count() != 2 {
                let faults: Vec<String> = routers.iter().map(|router| router["faults"].to_string()).collect();
                return Some(format!("{name}: {states:?}: {}", faults.join(", ")));
            }
            let holders = |address: &&str| -> Vec<usize> { (0..3).filter(|at| self.hosts[*at].has(address)).collect() };
            for address in *addresses {
                if holders(address) != [master] {
                    return Some(format!("{address} is on hosts {:?}, {name}: {states:?}", holders(address)));
                }
                if let Some(wrong) = self.misled(address, master, virtual_mac) {
                    return Some(format!("{address}, Master is host {}: {wrong}", master + 1));
                }
            }
            routers.iter().enumerate().find_map(|(at, router)| {
                let shown =
                    router["addresses"].as_array()?.iter().map(|address| address["installed"] == (at == master));
                let wrong = shown.into_iter().any(|right| !right);
                wrong.then(|| format!("{name}, {states:?}: host {} shows {}", at + 1, router["addresses"]))
            })
        })
    }

    /// Returns where the client sends what is for an address, if not to the Master.
    fn misled(&self, address: &str, master: usize, virtual_mac: &str) -> Option<String> {
        let scope = if address.starts_with("fe80") { "%eth0" } else { "" };
        if !self.client.reaches(&format!("{address}{scope}")) {
            return Some("no answer to the client".to_owned());
        }
        let link = self.hosts[master].ip("-oneline link show dev eth0");
        let own = link.split("link/ether ").nth(1)?.split(' ').next()?;
        let mac = if self.virtual_mac { virtual_mac } else { own };
        let (port, number) = (self.lan.port_of(mac), self.hosts[master].number());
        if port != Some(number) {
            return Some(format!("the switch sends what is for {mac} to {port:?}"));
        }
        let entry = self.client.ip(&format!("neighbour show to {address} dev eth0"));
        (!entry.contains(mac)).then(|| format!("the client's neighbour entry is {entry:?}, the Master's address {mac}"))
    }
}

fn configuration(at: usize, virtual_mac: bool) -> String {
    let priority = [200, 150, 100][at];
    let [vmac_4, vmac_6] =
        ROUTERS.map(|(name, ..)| if virtual_mac { format!("use_vmac {name}") } else { String::new() });
    format!(
        "vrrp_instance VI_4 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             {vmac_4}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}
         vrrp_instance VI_6 {{
             interface eth0
             virtual_router_id 6
             priority {priority}
             advert_int 0.2
             {vmac_6}
             virtual_ipaddress {{
                 fe80::100/64
                 2001:db8::100/64
             }}
         }}"
    )
}
