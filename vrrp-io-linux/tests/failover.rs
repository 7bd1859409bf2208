//! The program in the README, as a crate of somebody else's: two hosts run it, one fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vrrp_core::{Profile, Role};
use vrrp_io_linux::{EventKind, VirtualMac};

use common::*;

/// The virtual address in the README.
const VIP: &str = "192.0.2.1";

/// Builds the README's program in a crate outside the workspace; returns where it is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let (this, outside) = (Path::new(env!("CARGO_MANIFEST_DIR")), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let (workspace, package) = (this.parent().unwrap(), outside.join("embedder"));
        let readme = fs::read_to_string(this.join("README.md")).unwrap();
        let (_, code) = readme.split_once("```rust,no_run\n").expect("an example in the README");
        let (code, _) = code.split_once("```").unwrap();
        let manifest = format!(
            "[package]\nname = \"embedder\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             vrrp-core = {{ path = {:?} }}\nvrrp-io-linux = {{ path = {this:?} }}\n\
             tokio = {{ version = \"1\", features = [\"macros\", \"rt\", \"signal\"] }}\n",
            workspace.join("vrrp-core")
        );
        fs::create_dir_all(package.join("src")).unwrap();
        write_if_new(&package.join("Cargo.toml"), &manifest);
        write_if_new(&package.join("src/main.rs"), code);
        let lock = package.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(workspace.join("Cargo.lock"), &lock).unwrap();
        }
        // In the place of this build: most of the dependencies are there already.
        let target = outside.parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--offline", "--manifest-path"]).arg(package.join("Cargo.toml"));
        let output = build.arg("--target-dir").arg(target).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/embedder")
    })
}

/// What has not changed need not be built again.
fn write_if_new(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::write(path, text).unwrap();
}

/// The program, running on a host; killed when dropped.
struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

impl Process {
    fn start(host: &Host) -> Self {
        let program = program();
        let mut child = host.run(move || Command::new(program).stdout(Stdio::piped()).spawn()).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, log: Vec::new() }
    }

    /// Waits until it prints a line with this text.
    fn until(&mut self, text: &str) {
        let end = Instant::now() + LIMIT;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.log.push(line);
            if self.log.last().unwrap().contains(text) {
                return;
            }
        }
        panic!("`{text}` was not printed, but: {:#?}", self.log);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_documented_program_fails_over_and_cleans_up_after_itself() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second, client) = (lan.host(11), lan.host(12), lan.host(19));
        let virtual_address = address(VIP);
        let mut tap = client.tap();
        let mut one = Process::start(&first);
        one.until("sent 1 gratuitous ARP");
        let mut two = Process::start(&second);
        two.until("Initialize -> Backup");
        assert!(first.has(virtual_address) && !second.has(virtual_address));

        one.signal(Signal::SIGKILL);
        two.until("Backup -> Master");
        two.until("sent 1 gratuitous ARP");
        assert!(second.has(virtual_address));
        tap.until("the announcement", |frame| frame.announced() == Some((virtual_address, second.mac())));

        // The dead process left the address behind. The next one takes it away first of all, and waits its turn.
        assert!(first.has(virtual_address));
        drop(one);
        let mut one = Process::start(&first);
        one.until("Initialize -> Backup");
        assert_eq!(one.log[0], "eth0/51: an earlier run left 192.0.2.1/32 on eth0, removing it");
        assert!(!first.has(virtual_address));

        two.signal(Signal::SIGINT);
        assert!(two.child.wait().unwrap().success());
        assert!(!second.has(virtual_address));
        one.until("the Master 192.0.2.12 released the addresses");
        one.until("sent 1 gratuitous ARP");
        assert!(first.has(virtual_address));
    });
}

#[test]
fn a_leftover_with_another_prefix_goes_too() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(11);
        let mut process = Process::start(&host);
        process.until("sent 1 gratuitous ARP");
        drop(process);
        assert!(host.has(address(VIP)));

        let router = router(config(Profile::Rfc3768, 100, &[address(VIP)])).with_address(vip("192.0.2.1/24"));
        let mut node = host.start(vec![router.unwrap()]);
        node.until_role(Role::Backup);
        assert!(matches!(node.log()[0].kind, EventKind::Leftover { .. }), "{}", node.story());
        assert!(!host.has(address(VIP)));
        node.stop();
    });
}

#[test]
fn a_leftover_without_a_virtual_mac_goes_too() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(11);
        let mut process = Process::start(&host);
        process.until("sent 1 gratuitous ARP");
        drop(process);

        let config = config(Profile::Rfc3768, 100, &[address(VIP)]);
        let mut node = host.start(vec![router(config).with_virtual_mac(VirtualMac::new())]);
        node.until_role(Role::Backup);
        assert!(matches!(node.log()[0].kind, EventKind::Leftover { .. }), "{}", node.story());
        assert!(!host.has(address(VIP)));
        node.stop();
    });
}

#[test]
fn a_backup_that_was_suspended_does_not_take_over_on_waking() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let (better, sleeper, client) = (lan.host(12), lan.host(11), lan.host(19));
        let mut master = better.start(vec![router(config(Profile::Rfc3768, 254, &[address(VIP)]))]);
        master.until_announced();
        let mut backup = Process::start(&sleeper);
        backup.until("Initialize -> Backup");
        let mut tap = client.tap();

        backup.signal(Signal::SIGSTOP);
        // Its Down interval is 3.4 s.
        thread::sleep(Duration::from_millis(4500));
        backup.signal(Signal::SIGCONT);
        let frames = tap.during(Duration::from_millis(5500));
        let speakers = frames.iter().filter_map(|(_, frame)| frame.advert());
        assert!(speakers.clone().count() >= 8);
        assert_eq!(speakers.filter(|advert| advert.source == sleeper.address()).count(), 0);
        assert!(!sleeper.has(address(VIP)));
        assert_eq!(master.status().role, Role::Master);

        // It is alive, and no less ready.
        master.stop();
        backup.until("the Master 192.0.2.12 released the addresses");
    });
}
