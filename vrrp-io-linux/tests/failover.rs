//! The program in the README, as a crate of somebody else's: two hosts run it, one fails; and it leaves nothing behind, however
//! it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod common;

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use vrrp_core::{Profile, Role};
use vrrp_io_linux::{EventKind, VirtualMac};

use common::*;

/// The virtual address in the README.
const VIP: &str = "192.0.2.1";

/// How many times the program ends in each of the ways together.
const RUNS: &str = "VRRP_RUNS";

/// The README's program, and others that end in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Documented,
    /// Returns from `main` without `stop`.
    Drops,
    /// Panics in the place of `stop`.
    Panics,
}

impl Program {
    /// Its name as a binary, and what it has in the place of `STOP`.
    fn variant(self) -> (&'static str, &'static str) {
        match self {
            Self::Documented => ("embedder", STOP),
            Self::Drops => ("drops", ""),
            Self::Panics => ("panics", "if !vrrp.status().await?.routers.is_empty() { panic!(\"on purpose\") }"),
        }
    }
}

const STOP: &str = "vrrp.stop_all().await?;";

/// The first block of code in `text` that is fenced as `language`.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, code) = text.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language}"));
    code.split_once("```").unwrap().0
}

/// Builds the programs as README.md says, in a new project beside this one; returns where they are.
fn program() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let (this, outside) = (Path::new(env!("CARGO_MANIFEST_DIR")), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let (workspace, package) = (this.parent().unwrap(), outside.join("embed/program"));
        let readme = fs::read_to_string(workspace.join("README.md")).unwrap();
        let (_, readme) = readme.split_once("## Embed it\n").unwrap();
        let (dependencies, code) = (block(readme, "toml"), block(readme, "rust"));
        // The table of `[workspace]`: it lies inside this one here.
        let manifest = format!(
            "[package]\nname = \"embedder\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n{dependencies}"
        );
        fs::create_dir_all(package.join("src/bin")).unwrap();
        let project = outside.join("embed/vrrp");
        // A target directory may have come from elsewhere.
        if fs::read_link(&project).ok().as_deref() != Some(workspace) {
            let _ = fs::remove_file(&project);
            symlink(workspace, &project).unwrap();
        }
        write_if_new(&package.join("Cargo.toml"), &manifest);
        assert_eq!(code.matches(STOP).count(), 1);
        for program in [Program::Documented, Program::Drops, Program::Panics] {
            let (name, end) = program.variant();
            let file = match program {
                Program::Documented => "src/main.rs".to_owned(),
                _ => format!("src/bin/{name}.rs"),
            };
            write_if_new(&package.join(file), &code.replace(STOP, end));
        }
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
        target.join("debug")
    })
}

/// What has not changed need not be built again.
fn write_if_new(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::write(path, text).unwrap();
}

/// Runs the documented program on a host.
fn start(host: &Host) -> Process {
    run(host, Program::Documented)
}

fn run(host: &Host, which: Program) -> Process {
    let program = program().join(which.variant().0);
    let child = host.run(move || Command::new(program).stdout(Stdio::piped()).stderr(Stdio::null()).spawn());
    Process::of(child.unwrap())
}

#[test]
fn the_documented_program_fails_over_and_cleans_up_after_itself() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second, client) = (lan.host(11), lan.host(12), lan.host(19));
        let virtual_address = address(VIP);
        let mut tap = client.tap();
        let mut one = start(&first);
        one.until("sent 1 gratuitous ARP");
        let mut two = start(&second);
        two.until("Initialize -> Backup");
        assert!(first.has(virtual_address) && !second.has(virtual_address));

        one.kill();
        two.until("Backup -> Master");
        two.until("sent 1 gratuitous ARP");
        assert!(second.has(virtual_address));
        tap.until("the announcement", |frame| frame.announced() == Some((virtual_address, second.mac())));

        // The kernel took the address away from the dead process before the other host had it. The next process waits its turn.
        assert!(!first.has(virtual_address));
        drop(one);
        let mut one = start(&first);
        one.until("Initialize -> Backup");
        assert!(!first.has(virtual_address));

        two.signal(Signal::SIGINT);
        assert!(two.wait().success());
        assert!(!second.has(virtual_address));
        one.until("the Master 192.0.2.12 released the addresses");
        one.until("sent 1 gratuitous ARP");
        assert!(first.has(virtual_address));
    });
}

#[test]
fn a_leftover_with_another_prefix_goes_too() {
    if Process::is_this() {
        return;
    }
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(11);
        let mut process = Process::start_without_lease(&host, 254, address(VIP));
        process.until("sent 1 gratuitous ARP");
        drop(process);
        assert!(host.has(address(VIP)));

        let router = router(config(Profile::Rfc3768, 100, &[address(VIP)])).with_address(virtual_ip("192.0.2.1/24"));
        let mut node = host.start(vec![router.unwrap()]);
        node.until_role(Role::Backup);
        assert!(matches!(node.log()[0].kind, EventKind::Leftover { .. }), "{}", node.story());
        assert!(!host.has(address(VIP)));
        node.stop();
    });
}

#[test]
fn a_leftover_without_a_virtual_mac_goes_too() {
    if Process::is_this() {
        return;
    }
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(11);
        let mut process = Process::start_without_lease(&host, 254, address(VIP));
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
        let mut backup = start(&sleeper);
        backup.until("Initialize -> Backup");
        let mut tap = client.tap();

        backup.stop();
        // Its Down interval is 3.4 s.
        thread::sleep(Duration::from_millis(4500));
        backup.go_on();
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

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    program: Program,
    signal: Signal,
    /// The line of its log after which it is told to.
    after: &'static str,
}

/// Every way, from every state.
fn endpoints() -> Vec<End> {
    let ways = [
        (Program::Documented, Signal::SIGTERM),
        (Program::Documented, Signal::SIGINT),
        (Program::Drops, Signal::SIGTERM),
        (Program::Panics, Signal::SIGTERM),
        (Program::Documented, Signal::SIGKILL),
    ];
    let after = ["sent 1 gratuitous ARP", "Backup -> Master", "Initialize -> Backup"];
    let endpoints = after.map(|after| ways.map(|(program, signal)| End { program, signal, after }));
    endpoints.into_iter().flatten().collect()
}

/// Runs the program once on a host of its own; says what is wrong afterwards.
fn end_once(host: &Host, end: End) -> Result<(), String> {
    let mut process = run(host, end.program);
    process.until(end.after);
    process.signal(end.signal);
    let status = process.wait();
    let has = || host.has(address(VIP));
    let is_as_expected = match (end.program, end.signal) {
        // Its lease is 2 s, and the kernel takes up to one more to notice.
        (_, Signal::SIGKILL) => within(Duration::from_secs(4), || !has()),
        (Program::Panics, _) => status.code() == Some(101) && !has(),
        _ => status.success() && !has(),
    };
    if is_as_expected {
        Ok(())
    } else {
        Err(format!("{end:?}: {status}, address there: {};\n{}", has(), process.story()))
    }
}

#[test]
fn however_the_documented_program_ends_its_address_does_not_stay() {
    program();
    in_namespace(|| {
        let endpoints = endpoints();
        let runs = env::var(RUNS).map_or(endpoints.len(), |runs| runs.parse().expect("a number in VRRP_RUNS"));
        let lan = Lan::new();
        let hosts: Vec<Host> = (11..).take(runs.min(60)).map(|number| lan.host(number)).collect();
        // Each is alone, and soon a Master.
        lan.split(&hosts.iter().collect::<Vec<_>>(), true);
        let next = AtomicUsize::new(0);
        let complaints = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for host in &hosts {
                scope.spawn(|| {
                    let taken = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
                    for run in taken.take_while(|run| *run < runs) {
                        let result = end_once(host, endpoints[run % endpoints.len()]);
                        complaints.lock().unwrap().extend(result.err());
                    }
                });
            }
        });
        println!("{runs} runs");
        let complaints = complaints.into_inner().unwrap();
        assert!(complaints.is_empty(), "{} of {runs}:\n{}", complaints.len(), complaints.join("\n"));
    });
}

/// There is one program, wherever it is shown.
#[test]
fn every_page_shows_the_same_program() {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(this.join(path)).unwrap();
    let (front, own, program) = (read("../README.md"), read("README.md"), read("examples/one_router.rs"));
    let (_, front) = front.split_once("## Embed it\n").unwrap();
    assert_eq!([block(front, "rust"), block(&own, "rust,no_run")], [&program; 2]);
    assert_eq!(block(front, "toml"), block(&own, "toml"));
}
