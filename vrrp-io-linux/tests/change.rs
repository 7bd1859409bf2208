//! `examples/change.rs` as somebody runs it: while it changes what runs, a client that asks every 2 ms misses no answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod common;

use std::collections::BTreeSet;
use std::env;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use vrrp_core::Role;

use common::*;

/// The address that the client asks.
const VIP: &str = "192.0.2.100";
const PORT: u16 = 7000;
/// From one question to the next.
const PERIOD: Duration = Duration::from_millis(2);
/// The time to wait for the last answers.
const LAST: Duration = Duration::from_secs(1);

/// Builds the example; returns where it is.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        // With the features of the whole workspace, and as from a shell, so that nothing is built again.
        build.args(["build", "--offline", "--workspace", "--example", "change", "--manifest-path"]);
        build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).arg("--target-dir").arg(target);
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
        {
            build.env_remove(name);
        }
        let output = build.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug/examples/change")
    })
}

/// The example on a host, and the one who types.
struct Operator {
    program: Process,
    input: ChildStdin,
}

impl Operator {
    fn start(host: &Host) -> Self {
        let child = host.run(|| {
            let mut command = Command::new(program());
            command.args(["eth0", "51", VIP]).stdin(Stdio::piped()).stdout(Stdio::piped());
            command.spawn().unwrap()
        });
        let mut child = child;
        let input = child.stdin.take().unwrap();
        Self { program: Process::of(child), input }
    }

    /// Types a command; returns what is said of it.
    fn says(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}").unwrap();
        let line = self.program.until_any(&["done: ", "refused: "]);
        line.trim_start_matches("done: ").to_owned()
    }

    /// Ends the input, and waits for the program.
    fn ends(self) {
        let Self { mut program, input } = self;
        drop(input);
        assert!(program.wait().success());
    }
}

/// Answers everybody who asks a host, whatever address they ask.
fn serve(host: &Host) {
    host.run(|| {
        let socket = UdpSocket::bind(("0.0.0.0", PORT)).unwrap();
        thread::spawn(move || {
            let mut question = [0; 8];
            while let Ok((len, who)) = socket.recv_from(&mut question) {
                let _ = socket.send_to(&question[..len], who);
            }
        });
    });
}

/// Asks again and again from a host.
struct Client {
    stops: Arc<AtomicBool>,
    asking: JoinHandle<Vec<Instant>>,
    hearing: JoinHandle<BTreeSet<u64>>,
}

impl Client {
    fn start(host: &Host) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stops);
        let (asking, hearing) = host.run(move || {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
            socket.set_read_timeout(Some(LAST)).unwrap();
            let sender = socket.try_clone().unwrap();
            let asking = thread::spawn(move || {
                let (to, mut asked) = (SocketAddr::new(VIP.parse().unwrap(), PORT), Vec::new());
                while !stopped.load(Ordering::Relaxed) {
                    // What cannot be sent is not answered either.
                    let _ = sender.send_to(&(asked.len() as u64).to_be_bytes(), to);
                    asked.push(Instant::now());
                    thread::sleep(PERIOD);
                }
                asked
            });
            let hearing = thread::spawn(move || {
                let (mut answer, mut heard) = ([0; 8], BTreeSet::new());
                while socket.recv(&mut answer).is_ok() {
                    heard.insert(u64::from_be_bytes(answer));
                }
                heard
            });
            (asking, hearing)
        });
        Self { stops, asking, hearing }
    }

    /// Ends; returns how many questions there were, and when those that had no answer.
    fn end(self) -> (usize, Vec<Instant>) {
        self.stops.store(true, Ordering::Relaxed);
        let asked = self.asking.join().unwrap();
        let heard = self.hearing.join().unwrap();
        let missed = (0..).zip(&asked).filter(|(number, _)| !heard.contains(number)).map(|(_, at)| *at);
        (asked.len(), missed.collect())
    }
}

/// Does what `work` does while a client asks, which must miss no answer.
fn undisturbed(client: &Host, what: &str, work: impl FnOnce()) {
    let asking = Client::start(client);
    thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    work();
    thread::sleep(Duration::from_millis(300));
    let (asked, missed) = asking.end();
    let when: Vec<Duration> = missed.iter().map(|at| at.saturating_duration_since(begun)).collect();
    assert!(asked > 50, "{what}: the client asked {asked} times");
    assert!(missed.is_empty(), "{what}: {} of {asked} unanswered, after {when:?}", missed.len());
}

/// The client knows where the address is before it counts.
fn find(client: &Host, address: &str) {
    let address = address.to_owned();
    let answers = move || {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let to = SocketAddr::new(address.parse::<IpAddr>().unwrap(), PORT);
        let _ = socket.send_to(b"there?", to);
        socket.recv(&mut [0; 8]).is_ok()
    };
    client.run(move || eventually("an answer", answers));
}

#[test]
fn a_client_misses_no_answer_while_everything_else_changes() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client, observer) = (lan.host(11), lan.host(19), lan.host(18));
        serve(&host);
        let mut operator = Operator::start(&host);
        operator.program.until("sent 1 gratuitous ARP");
        find(&client, VIP);
        let mut tap = observer.tap();

        undisturbed(&client, "an address that comes", || {
            assert_eq!(operator.says("add 51 192.0.2.101"), "reconfigure eth0/51: address 192.0.2.101/32 added");
            assert!(host.has(address("192.0.2.101")), "the answer comes when it is there");
        });
        undisturbed(&client, "a router that comes", || {
            let expected = "add eth0/52: virtual router 52 on eth0 (IPv4), priority 150, 192.0.2.102/32";
            assert_eq!(operator.says("add 52 192.0.2.102"), expected);
            eventually("the new router is Master", || host.has(address("192.0.2.102")));
        });
        undisturbed(&client, "another router that is reconfigured", || {
            assert_eq!(operator.says("add 52 192.0.2.103"), "reconfigure eth0/52: address 192.0.2.103/32 added");
        });
        undisturbed(&client, "another router that is drained, and not any more", || {
            assert_eq!(operator.says("drain eth0/52"), "nobody took over: serving on at the lower priority");
            assert!(host.has(address("192.0.2.102")), "it is the last one");
            assert_eq!(operator.says("undrain eth0/52"), "undrained");
        });
        undisturbed(&client, "priorities", || assert!(operator.says("weigh").starts_with("priority 1")));
        undisturbed(&client, "what cannot be", || {
            for command in ["add 52 192.0.2.1.1", "add 0 192.0.2.9", "drain eth0/9", "dance", "remove 51 192.0.2.1x"] {
                assert!(operator.says(command).starts_with("refused: "), "{command}");
            }
        });
        undisturbed(&client, "what goes", || {
            for (command, said, gone) in [
                ("remove 52 192.0.2.103", "reconfigure eth0/52: address 192.0.2.103/32 removed", "192.0.2.103"),
                ("remove 52 192.0.2.102", "remove eth0/52", "192.0.2.102"),
                ("remove 51 192.0.2.101", "reconfigure eth0/51: address 192.0.2.101/32 removed", "192.0.2.101"),
            ] {
                assert_eq!(operator.says(command), said);
                assert!(!host.has(address(gone)), "the answer comes when it is gone: {command}");
            }
        });
        // Nor was anything said of the address that stayed.
        let frames = tap.so_far();
        let announced: Vec<IpAddr> = frames.iter().filter_map(Frame::announced).map(|(address, _)| address).collect();
        assert!(announced.contains(&address("192.0.2.103")), "{announced:?}");
        assert!(!announced.contains(&address(VIP)), "{announced:?}");
        operator.ends();
        assert!(!host.has(address(VIP)));
        // A client that is not answered notices.
        let asking = Client::start(&client);
        thread::sleep(Duration::from_millis(100));
        let (asked, missed) = asking.end();
        assert!(asked > 0 && missed.len() == asked, "{} of {asked}", missed.len());
    });
}

#[test]
fn a_client_misses_no_answer_while_a_stand_in_takes_over() {
    program();
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other, client) = (lan.host(11), lan.host(12), lan.host(19));
        serve(&host);
        serve(&other);
        let mut operator = Operator::start(&host);
        operator.program.until("sent 1 gratuitous ARP");
        let mut stand_in = other.start(vec![router(fast(100, &[address(VIP)]))]);
        stand_in.until_role(Role::Backup);
        find(&client, VIP);

        undisturbed(&client, "a drain", || {
            assert_eq!(operator.says("drain eth0/51"), format!("handed over to {}", other.address()));
            assert!(other.has(address(VIP)));
        });
        assert!(!host.has(address(VIP)));
        // Drained it is a reserve.
        stand_in.forget();
        drop(stand_in);
        operator.program.until("Backup -> Master");
        let mut stand_in = other.start(vec![router(fast(100, &[address(VIP)]))]);
        stand_in.until_role(Role::Master);

        assert_eq!(operator.says("undrain eth0/51"), "undrained");
        eventually("it takes its address back", || host.has(address(VIP)) && !other.has(address(VIP)));
        operator.ends();
        stand_in.until_role(Role::Master);
    });
}
