//! keepalived.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vrrp_core::{Family, Version};

use crate::case::{PASSWORD, VRID};
use crate::common::eventually;
use crate::process::Process;
use crate::seat::{Seat, Speaker};

/// What its log says of a packet that it rejects, or of a configuration that it does not like.
const COMPLAINTS: [&str; 9] =
    ["expect", "mismatch", "nvalid", "hecksum", "not present", "not a unicast peer", "not in range", "WARNING", "rror"];
/// The last line of its statistics, but for the one that counts releases sent.
const LAST_TITLE: &str = "Priority Zero:";
/// Of the parent, and of the child that speaks.
const PID_FILES: [&str; 2] = ["parent.pid", "vrrp.pid"];

struct Keepalived {
    process: Process,
    dir: PathBuf,
}

pub(crate) fn start(seat: &Seat) -> impl Speaker + use<> {
    seat.write("keepalived.conf", &configuration(seat));
    for file in PID_FILES {
        // It would find that it runs already, until somebody has taken note of the death of its orphan.
        let _ = fs::remove_file(seat.dir.join(file));
    }
    let mut command = Command::new("keepalived");
    command.args(["--dont-fork", "--log-console", "--no-syslog", "--log-detail", "--vrrp", "--dont-respawn"]);
    command.args(["--use-file", "keepalived.conf", "--pid", PID_FILES[0], "--vrrp_pid", PID_FILES[1]]);
    // Its statistics go there.
    command.current_dir(&seat.dir).env("TMPDIR", &seat.dir);
    Keepalived { process: Process::start(&seat.host, command), dir: seat.dir.clone() }
}

fn configuration(seat: &Seat) -> String {
    let case = seat.case;
    let version = if case.version == Version::V2 { 2 } else { 3 };
    let interval = f64::from(case.centis) / 100.0;
    let (source, peer, priority) = (seat.source(), seat.peer(), seat.priority);
    let mut text = format!(
        "vrrp_instance interop {{\n interface eth0\n version {version}\n virtual_router_id {VRID}\n priority {priority}\n \
         advert_int {interval}\n"
    );
    if !seat.preempt {
        text += " nopreempt\n";
    }
    if case.password {
        write!(text, " authentication {{\n  auth_type PASS\n  auth_pass {PASSWORD}\n }}\n").unwrap();
    }
    if case.unicast {
        write!(text, " unicast_src_ip {source}\n unicast_ttl 255\n unicast_peer {{\n  {peer}\n }}\n").unwrap();
    }
    if case.virtual_mac {
        text += " use_vmac vmac\n";
    }
    text += " virtual_ipaddress {\n";
    let prefix = if case.family == Family::Ipv4 { 32 } else { 128 };
    for virtual_ip in case.virtual_ips() {
        writeln!(text, "  {virtual_ip}/{prefix}").unwrap();
    }
    text + " }\n}\n"
}

impl Speaker for Keepalived {
    fn until_backup(&mut self) {
        self.process.until("Entering BACKUP STATE");
    }

    fn complaints(&mut self) -> Vec<String> {
        let path = self.dir.join("keepalived.stats");
        // An earlier answer, if there was one.
        let _ = fs::remove_file(&path);
        self.process.signal(Signal::SIGUSR2);
        let mut statistics = String::new();
        eventually("keepalived's statistics", || {
            statistics = fs::read_to_string(&path).unwrap_or_default();
            statistics.split_once(LAST_TITLE).is_some_and(|(_, rest)| rest.lines().count() >= 3)
        });
        let (_, errors) = statistics.split_once("Packet Errors:").unwrap();
        let (errors, _) = errors.split_once(LAST_TITLE).unwrap();
        let counted = errors.lines().map(str::trim).filter(|line| !line.is_empty() && !line.ends_with(':'));
        let counted = counted.filter(|line| !line.ends_with(": 0")).map(|line| format!("counted {line}"));
        let logged = self.process.log();
        let logged = logged.into_iter().filter(|line| COMPLAINTS.iter().any(|word| line.contains(word)));
        counted.chain(logged).collect()
    }

    fn kill(self: Box<Self>) {
        // The child first: it would say goodbye when it loses its parent.
        let child = fs::read_to_string(self.dir.join(PID_FILES[1])).unwrap();
        kill(Pid::from_raw(child.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
        drop(self.process);
    }

    fn stop(mut self: Box<Self>) {
        self.process.signal(Signal::SIGTERM);
        self.process.ended();
    }
}
