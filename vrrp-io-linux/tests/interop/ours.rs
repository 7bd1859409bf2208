//! This library, in a process that can be killed: this test binary once more.

use std::env;
use std::io::{Write as _, stdin};
use std::process::Command;
use std::thread;
use std::time::Duration;

use vrrp_core::{
    AdvertInterval, Cause, Config, Password, Priority, Profile, SendChecksum, Stats, UnicastPeer, Version,
};
use vrrp_io_linux::{EventKind, Router, VirtualMac, start as start_routers};

use crate::CASES;
use crate::case::{Case, PASSWORD, VRID};
use crate::common::{address, run, vrid};
use crate::large::LARGE;
use crate::process::Process;
use crate::seat::{Seat, Speaker};

/// What the process is to run: the words of [`program`].
const SETUP: &str = "VRRP_INTEROP_SETUP";
/// Begins the answer to `complaints`, and ends it if there is none.
const COMPLAINT: &str = "complaint: ";
const NO_MORE: &str = "no more complaints";

struct Ours(Process);

pub(crate) fn start(seat: &Seat) -> impl Speaker + use<> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "ours::program", "--nocapture", "--include-ignored"]);
    let (case, priority, preempt) = (seat.case.name, seat.priority, seat.preempt);
    command.env(SETUP, format!("{case} {priority} {preempt} {} {}", seat.source(), seat.peer()));
    Ours(Process::start(&seat.host, command))
}

impl Ours {
    fn ask(&mut self, what: &str) {
        writeln!(self.0.stdin(), "{what}").unwrap();
    }
}

impl Speaker for Ours {
    fn until_backup(&mut self) {
        self.0.until("-> Backup");
    }

    fn complaints(&mut self) -> Vec<String> {
        self.ask("complaints");
        self.0.until(NO_MORE);
        self.0.log().into_iter().filter(|line| line.starts_with(COMPLAINT)).collect()
    }

    fn kill(self: Box<Self>) {
        drop(self.0);
    }

    fn stop(mut self: Box<Self>) {
        self.ask("stop");
        self.0.ended();
    }
}

/// Runs a router until it is told to stop.
#[test]
#[ignore = "no test, but the process that the others start"]
fn program() {
    let Ok(setup) = env::var(SETUP) else { return };
    let words: Vec<&str> = setup.split(' ').collect();
    let [case, priority, preempt, source, peer] = words[..] else { panic!("{setup}") };
    let case = CASES.iter().chain([&LARGE]).find(|known| known.name == case).unwrap();
    let config = config(case, peer).with_priority(Priority::new(priority.parse().unwrap()).unwrap());
    let config = config.with_preempt(preempt.parse().unwrap(), Duration::ZERO);
    let mut router = Router::new("eth0", config).with_accept_mode(true).with_source(address(source));
    if case.virtual_mac {
        router = router.with_virtual_mac(VirtualMac::new());
    }

    let (vrrp, mut events) = start_routers([router]).unwrap();
    thread::spawn(move || {
        while let Some(event) = events.blocking_recv() {
            let mark = if is_complaint(&event.kind) { COMPLAINT } else { "" };
            println!("{mark}{event}");
        }
    });
    for line in stdin().lines() {
        match line.unwrap().as_str() {
            "complaints" => {
                let stats = run(vrrp.status()).unwrap().routers.remove(0).stats;
                errors(&stats).into_iter().for_each(|error| println!("{COMPLAINT}{error}"));
                println!("{NO_MORE}");
            }
            _ => break,
        }
    }
    run(vrrp.stop_all()).unwrap();
}

fn config(case: &Case, peer: &str) -> Config {
    let profile = match (case.version, case.password, case.checksum) {
        (Version::V2, true, _) => Profile::Rfc2338,
        (Version::V2, false, _) => Profile::Rfc3768,
        (Version::V3, _, SendChecksum::PseudoHeader) => Profile::Rfc5798,
        (Version::V3, ..) => Profile::Rfc9568Errata,
    };
    let interval = AdvertInterval::from_centis(case.centis).unwrap();
    let config = Config::new(profile, vrid(VRID), &case.virtual_ips()).unwrap().with_checksum(case.checksum);
    let mut config = config.with_interval(interval).unwrap();
    if case.password {
        config = config.with_password(Password::new(PASSWORD.as_bytes()).unwrap()).unwrap();
    }
    if case.unicast {
        config = config.with_unicast_peers(&[UnicastPeer { address: address(peer), min_ttl: 255 }]).unwrap();
    }
    config
}

fn is_complaint(kind: &EventKind) -> bool {
    use EventKind::{
        AddressExpired, AddressFailed, AddressLost, Ignored, OtherAddresses, SendFailed, StateChanged, Warning,
    };
    match kind {
        StateChanged { transition, .. } => matches!(transition.cause, Cause::Fault(_)),
        Ignored { .. } | OtherAddresses { .. } | SendFailed { .. } => true,
        AddressExpired { .. } | AddressFailed { .. } | AddressLost { .. } | Warning(_) => true,
        _ => false,
    }
}

/// Every error that was counted.
fn errors(stats: &Stats) -> Vec<String> {
    let counters = [
        ("interval", stats.interval_errors),
        ("type", stats.invalid_type_rcvd),
        ("address list", stats.address_list_errors),
        ("length", stats.packet_length_errors),
        ("password", stats.auth_failures),
        ("no authentication type", stats.invalid_auth_type),
        ("other authentication type", stats.auth_type_mismatch),
        ("checksum", stats.checksum_errors),
        ("version", stats.version_errors),
        ("TTL", stats.ttl_errors),
        ("source", stats.source_errors),
        ("owner", stats.owner_conflict),
        ("own address", stats.duplicate_address),
        ("sending", stats.tx_errors),
    ];
    counters.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name}: {count}")).collect()
}
