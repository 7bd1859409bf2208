//! Network namespaces that are hosts, and the switch between them.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};

use super::Wire;
use super::testing::ip;

const SWITCH: &str = "switch";

/// A switch, in the namespace of the test itself.
pub(crate) struct Lan {
    wire: Wire,
}

impl Lan {
    /// Call it inside [`in_namespace`](super::in_namespace).
    pub(crate) fn new() -> Self {
        // Nobody here answers IGMP queries: a switch that snooped would soon forward to nobody.
        ip(&format!("link add {SWITCH} type bridge mcast_snooping 0"));
        ip(&format!("link set {SWITCH} up"));
        Self { wire: Wire::listen() }
    }

    /// Returns all that the hosts have sent so far.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Plugs in a host whose `eth0` has `192.0.2.<number>/24`.
    pub(crate) fn host(&self, number: u8) -> Host {
        let host = Host::new(number);
        host.ip("link set lo up");
        self.plug(&host);
        host
    }

    /// Gives a host a network card named `eth0`, with a cable to the switch. To take it away, delete `eth0` on the host.
    pub(crate) fn plug(&self, host: &Host) {
        let port = host.port();
        host.ip(&format!("link add eth0 type veth peer name {port} netns {}", std::process::id()));
        ip(&format!("link set {port} master {SWITCH} up"));
        self.wire.name(if_nametoindex(port.as_str()).unwrap(), host.number);
        host.ip("link set eth0 up");
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
    }

    /// Adds a port of the switch that is a TAP interface, for a process that is host `number`; returns its name.
    pub(crate) fn tap(&self, number: u8) -> String {
        let port = format!("port{number}");
        ip(&format!("tuntap add dev {port} mode tap"));
        ip(&format!("link set {port} master {SWITCH} up"));
        self.wire.name(if_nametoindex(port.as_str()).unwrap(), number);
        port
    }

    /// Plugs the hosts into a second switch too, with `eth1`, where they have `198.51.100.<number>/24`.
    pub(crate) fn second_network(&self, hosts: &[&Host]) {
        ip("link add second type bridge mcast_snooping 0");
        ip("link set second up");
        for host in hosts {
            let port = format!("second{}", host.number());
            host.ip(&format!("link add eth1 type veth peer name {port} netns {}", std::process::id()));
            ip(&format!("link set {port} master second up"));
            host.ip("link set eth1 up");
            host.ip(&format!("address add 198.51.100.{}/24 dev eth1", host.number()));
        }
    }

    /// At which host's port the switch has learned a MAC address.
    pub(crate) fn port_of(&self, mac: &str) -> Option<u8> {
        let output = Command::new("bridge").args(["fdb", "show", "br", SWITCH]).output().expect("bridge (iproute2)");
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = table.lines().find(|line| line.starts_with(mac) && !line.contains("permanent"))?;
        line.split_once("dev port")?.1.split(' ').next()?.parse().ok()
    }

    /// Drops every frame between the hosts, or no more.
    pub(crate) fn split(&self, hosts: &[&Host], split: bool) {
        let flag = if split { "on" } else { "off" };
        hosts.iter().for_each(|host| drop(ip(&format!("link set {} type bridge_slave isolated {flag}", host.port()))));
    }
}

/// A host with a network namespace and a directory of its own.
pub(crate) struct Host {
    number: u8,
    network: File,
    directory: PathBuf,
}

impl Host {
    pub(crate) fn new(number: u8) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(format!("vrrpd-test-{}-{}", id.0, id.1));
        fs::create_dir_all(&directory).unwrap();
        let network = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        Self { number, network: network.join().unwrap(), directory }
    }

    /// The same host with another directory: for a second process with files of its own.
    pub(crate) fn again(&self) -> Self {
        let mut other = Self::new(self.number);
        other.network = self.network.try_clone().unwrap();
        other
    }

    /// Its own address on the LAN.
    pub(crate) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number)
    }

    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Returns where its network namespace can be opened, for `ip link set ... netns`.
    pub(crate) fn namespace(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.network.as_raw_fd())
    }

    /// The switch's end of its cable.
    fn port(&self) -> String {
        format!("port{}", self.number)
    }

    /// Gives it `eth1`, with nobody at the other end of the wire.
    pub(crate) fn add_eth1(&self) {
        self.ip("link add eth1 type veth peer name nowhere");
        self.ip("link set nowhere up");
        self.ip("link set eth1 up");
    }

    /// Pulls the cable, or plugs it in again.
    pub(crate) fn set_carrier(&self, carrier: bool) {
        ip(&format!("link set {} {}", self.port(), if carrier { "up" } else { "down" }));
    }

    /// Runs `ip` on the host; returns what it printed.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        self.run(|| ip(arguments))
    }

    /// Runs a line of shell on the host; panics where it fails. Returns what it printed.
    pub(crate) fn sh(&self, line: &str) -> String {
        let output = self.output(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line} on host {}: {error}", self.number);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a line of shell on the host, whatever comes of it.
    pub(crate) fn output(&self, line: &str) -> Output {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn(&mut command).wait_with_output().unwrap()
    }

    /// Writes a setting of the host's network, by its path under `/proc/sys/net`.
    pub(crate) fn set(&self, key: &str, value: &str) {
        let path = format!("/proc/sys/net/{key}");
        self.run(|| fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}")));
    }

    /// Returns true if an address answers this host within a second.
    pub(crate) fn reaches(&self, address: &str) -> bool {
        self.output(&format!("ping -n -c 1 -W 1 {address}")).status.success()
    }

    /// Returns the line of `ip` about an address of this host; `None` if it has no such address.
    pub(crate) fn line_of(&self, address: &str) -> Option<String> {
        let all = self.ip("-oneline address show");
        let found = all.lines().find(|line| line.contains(&format!(" {address}/")));
        found.map(|line| line.split('\\').next().unwrap_or_default().trim().to_owned())
    }

    pub(crate) fn has(&self, address: &str) -> bool {
        self.line_of(address).is_some()
    }

    /// A path in the host's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file that `/bin/sh` runs, with `$D` for the host's directory; returns its path.
    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let (path, scratch) = (self.path(name), self.path(&format!(".{name}")));
        fs::write(&scratch, format!("#!/bin/sh\nD={}\n{body}\n", self.directory.display())).unwrap();
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o755)).unwrap();
        // Whole or not at all: it may be about to run.
        fs::rename(&scratch, &path).unwrap();
        path.display().to_string()
    }

    /// Returns the lines of a file in the host's directory; none if there is no file.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Starts a command on the host.
    pub(crate) fn spawn(&self, command: &mut Command) -> std::process::Child {
        self.run(|| command.spawn().unwrap())
    }

    /// Runs `work` in the host's namespace, on a thread that enters it and never leaves.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let entered = || {
                setns(&self.network, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            };
            scope.spawn(entered).join().unwrap()
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
