//! FRR: its zebra, which minds the interfaces, and its vrrpd.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use vrrp_core::{Family, Version};

use crate::case::VRID;
use crate::common::eventually;
use crate::process::Process;
use crate::seat::{Seat, Speaker};

pub(crate) const ZEBRA: &str = "/usr/lib/frr/zebra";
pub(crate) const VRRPD: &str = "/usr/lib/frr/vrrpd";

/// What its log says of a packet that it rejects. It counts no errors.
const COMPLAINTS: [&str; 2] = ["Datagram invalid", "Bad "];

struct Frr {
    vrrpd: Process,
    zebra: Process,
}

/// Makes the macvlan that it expects to find, with the virtual MAC address and the virtual addresses.
pub(crate) fn prepare(seat: &Seat) {
    let (kind, prefix) = match seat.case.family {
        Family::Ipv4 => (1, "32"),
        Family::Ipv6 => (2, "128 nodad"),
    };
    let mac = format!("00:00:5e:00:{kind:02x}:{VRID:02x}");
    seat.host.ip(&format!("link add vmac link eth0 address {mac} type macvlan mode bridge"));
    seat.host.ip("link set vmac addrgenmode none");
    seat.host.ip("link set vmac up");
    for virtual_ip in seat.case.virtual_ips() {
        seat.host.ip(&format!("address add {virtual_ip}/{prefix} dev vmac"));
    }
    if seat.case.family == Family::Ipv6 {
        // Its advertisements come from the macvlan's first link-local address: the one that was added last.
        seat.host.ip(&format!("address delete {}/64 dev eth0", seat.source()));
        seat.host.ip(&format!("address add {}/64 dev vmac nodad", seat.source()));
    }
}

pub(crate) fn start(seat: &Seat) -> impl Speaker + use<> {
    seat.write("zebra.conf", "");
    seat.write("vrrpd.conf", &configuration(seat));
    // It wants its user to be in this group, and root is the one user of an unprivileged namespace.
    let groups = fs::read_to_string("/etc/group").unwrap();
    let groups = groups.lines().filter(|line| !line.starts_with("frrvty:"));
    let groups: String = groups.map(|line| format!("{line}\n")).collect();
    seat.write("group", &(groups + "frrvty:x:0:\n"));
    let api = seat.dir.join("zserv.api");
    // That of an earlier one.
    let _ = fs::remove_file(&api);
    let zebra = daemon(seat, ZEBRA);
    eventually("zebra listens", || api.exists());
    Frr { vrrpd: daemon(seat, VRRPD), zebra }
}

fn daemon(seat: &Seat, program: &str) -> Process {
    let name = program.rsplit('/').next().unwrap();
    let script = format!(
        "mount --bind group /etc/group && exec {program} --user root --group root --config_file {name}.conf \
         --pid_file {name}.pid --socket zserv.api --vty_socket . --vty_port 0 --log stdout --log-level debug"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", &script]).current_dir(&seat.dir);
    Process::start(&seat.host, command)
}

fn configuration(seat: &Seat) -> String {
    let case = seat.case;
    let version = if case.version == Version::V2 { 2 } else { 3 };
    let (priority, millis) = (seat.priority, 10 * case.centis);
    let preempt = if seat.preempt { "" } else { "no " };
    let mut text = format!(
        "debug vrrp packets\ndebug vrrp protocol\ninterface eth0\n vrrp {VRID} version {version}\n vrrp {VRID} priority \
         {priority}\n vrrp {VRID} advertisement-interval {millis}\n {preempt}vrrp {VRID} preempt\n"
    );
    let word = if case.family == Family::Ipv4 { "ip" } else { "ipv6" };
    for virtual_ip in case.virtual_ips() {
        writeln!(text, " vrrp {VRID} {word} {virtual_ip}").unwrap();
    }
    text
}

impl Speaker for Frr {
    fn until_backup(&mut self) {
        self.vrrpd.until("Initialize -> Backup");
    }

    fn complaints(&mut self) -> Vec<String> {
        let logged = self.vrrpd.log().into_iter();
        logged.filter(|line| COMPLAINTS.iter().any(|word| line.contains(word))).collect()
    }

    fn kill(self: Box<Self>) {
        drop(self.vrrpd);
        drop(self.zebra);
    }

    fn stop(mut self: Box<Self>) {
        for process in [&mut self.vrrpd, &mut self.zebra] {
            process.signal(Signal::SIGTERM);
            process.ended();
        }
    }
}
