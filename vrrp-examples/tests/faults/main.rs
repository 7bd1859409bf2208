//! Faults met in real use, and what must hold instead: a test for each, on real hosts that are network namespaces.
//!
//! The letter and the number in a test's name are those of the list that it came from: P for the protocol, A for addresses,
//! N for networks, D for the daemon as a process, S for what it says. `tests/faults/run` runs all of them against the release
//! build and prints a table.
//!
//! `VRRPD=/path/to/vrrpd cargo test -p vrrp-examples --test faults` puts another build to the same test, with the `vrrpctl`
//! beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

/// What users met. `.ci/run` leaves tests of this name out of the run of everything, and runs them by themselves: they wait
/// most of the time, so more of them at once than there are processors.
mod met {
    mod abundance;
    mod addresses;
    mod daemon;
    mod network;
    mod protocol;
    mod setups;
    mod words;
}

use std::sync::{PoisonError, RwLock};

use common::{Host, Lan, Vrrpd, in_namespace};

/// Who floods a LAN wants the processors for itself.
static PROCESSORS: RwLock<()> = RwLock::new(());

/// Runs a test in its own namespace, beside others of its kind.
fn on_hosts<F: FnOnce()>(test: F) {
    let _shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
    in_namespace(test);
}

/// Runs a test in its own namespace while no other one of this program runs.
fn on_hosts_alone<F: FnOnce()>(test: F) {
    let _alone = PROCESSORS.write().unwrap_or_else(PoisonError::into_inner);
    in_namespace(test);
}

/// `VI_1`: VRID 1 on `eth0`, for 192.0.2.100 unless the lines name another address.
fn router(priority: u8, lines: &str) -> String {
    instance("VI_1", 1, priority, lines)
}

fn instance(name: &str, vrid: u8, priority: u8, lines: &str) -> String {
    let addresses = if lines.contains("virtual_ipaddress {") { "" } else { "virtual_ipaddress {\n192.0.2.100/24\n}" };
    let named = lines.lines().any(|line| line.trim().starts_with("interface "));
    let interface = if named { "" } else { "interface eth0" };
    format!(
        "vrrp_instance {name} {{
             {interface}
             virtual_router_id {vrid}
             priority {priority}
             {lines}
             {addresses}
         }}\n"
    )
}

/// Version 3 over IPv6, five times a second, for 2001:db8::100.
fn router_v6(priority: u8, lines: &str) -> String {
    router(priority, &format!("advert_int 0.2\n{lines}\nvirtual_ipaddress {{\nfe80::100/64\n2001:db8::100/64\n}}"))
}

/// Hosts 1 and 2 with a pair of daemons; the first is Master and the second hears it.
struct Pair {
    lan: Lan,
    first: Host,
    second: Host,
    better: Vrrpd,
    worse: Vrrpd,
}

impl Pair {
    /// At priorities 200 and 100.
    fn new(configuration: impl Fn(u8) -> String) -> Self {
        Self::prepared(configuration, |_| ())
    }

    /// As `new`, on hosts that `prepare` has had first.
    fn prepared(configuration: impl Fn(u8) -> String, prepare: impl Fn(&Host)) -> Self {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        prepare(&first);
        prepare(&second);
        let better = first.vrrpd(&configuration(200));
        better.until_is("VI_1", "Master");
        let worse = second.vrrpd(&configuration(100));
        common::until("the Master is heard", || worse.json("VI_1")["master"]["us"] == false);
        Self { lan, first, second, better, worse }
    }
}
