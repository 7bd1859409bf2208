//! Operators, and who attacks as one: nine thousand connections to the control socket and as many to HTTP, readers that read
//! nothing, floods of requests. What it does to advertisements, and to memory.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use vrrp_examples::testbed::netlink::Station;

use crate::Result;
use crate::configuration::{Configuration, Router};
use crate::daemon::{Daemon, Kind, Programs};
use crate::network::Network;
use crate::observer::{Observer, Said, Seen};
use crate::report::Report;

const MASTER: usize = 0;
const PRIORITY: u8 = 200;
const INTERVAL: Duration = Duration::from_millis(100);
const ROUTERS: u8 = 255;
const PATIENCE: Duration = Duration::from_secs(60);
const SETTLED: Duration = Duration::from_secs(6);
/// The time for which it is looked at, without them and beside them, for each round.
const WINDOW: Duration = Duration::from_secs(30);

const SOCKET: &str = "/run/vrrpd.sock";
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9112);
/// Connections to each that say nothing.
const CONNECTIONS: usize = 9_000;
/// Clients of each that ask and ask and read nothing.
const UNREAD: usize = 32;
/// Clients of each that watch and read nothing.
const WATCHERS: usize = 16;
/// Clients of each that ask as fast as they are answered.
const FLOODS: usize = 4;

/// A Master of 255 routers at 100 ms, left alone and then asked by all of them. Only vrrpd has such a socket.
pub(crate) fn measure(
    network: &Network,
    programs: &Programs,
    kind: Kind,
    rounds: usize,
    report: &mut Report,
) -> Result<()> {
    if kind == Kind::Keepalived {
        return Ok(());
    }
    let host = network.hosts.get(MASTER).ok_or("there is no such host")?;
    let routers = (1..=ROUTERS).map(|vrid| Router::new(0, vrid)).collect();
    let configuration = Configuration { routers, interval: INTERVAL, real_time: false };
    let mut observer = Observer::open(network)?;
    let arguments = ["--http", &HTTP.to_string()];
    let daemon = Daemon::start_with(kind, programs, host, &configuration.text(PRIORITY), &arguments)?;
    let steady = observer.steady(MASTER, ROUTERS.into(), INTERVAL * 2, PATIENCE);
    steady.map_err(|error| format!("{error}\n    {}", daemon.last_lines().join("\n    ")))?;
    sleep(SETTLED);
    let (mut most_alone, mut most_beside) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let alone = watch(&mut observer, &daemon, "alone", kind, report)?;
        let attack = Attack::begin(host)?;
        let beside = watch(&mut observer, &daemon, "beside 18,000 connections and floods", kind, report)?;
        let (connected, answered) = attack.end();
        (most_alone, most_beside) = (most_alone.max(alone), most_beside.max(beside));
        report.add(kind, "operators: connections made", "", connected as f64);
        report.add(kind, "operators: requests answered, per second", "", answered as f64 / WINDOW.as_secs_f64());
        observer.check()?;
    }
    let more = (most_beside.as_secs_f64() - most_alone.as_secs_f64()) * 1000.0;
    report.add(kind, "operators: largest delay of all rounds, more than alone", "ms", more);
    Ok(())
}

/// The largest delay of an advertisement within a window.
fn watch(observer: &mut Observer, daemon: &Daemon<'_>, how: &str, kind: Kind, report: &mut Report) -> Result<Duration> {
    let (mark, before) = (observer.mark()?, daemon.processor_time()?);
    sleep(WINDOW);
    let percent = (daemon.processor_time()? - before) / WINDOW.as_secs_f64() * 100.0;
    observer.mark()?;
    let mut last = BTreeMap::new();
    let mut delays = Vec::new();
    for Seen { at, said, .. } in observer.since(mark).iter().filter(|seen| seen.is_advert_of(MASTER)) {
        if let Said::Advert { vrid, .. } = said {
            let before = last.insert(*vrid, *at);
            delays.extend(before.map(|before| at.saturating_sub(before + INTERVAL)));
        }
    }
    delays.sort_unstable();
    let largest = *delays.last().ok_or("no advertisement was seen")?;
    let common = delays.get(delays.len() * 999 / 1000).copied().unwrap_or(largest);
    report.add(kind, &format!("operators: largest delay {how}"), "ms", largest.as_secs_f64() * 1000.0);
    report.add(kind, &format!("operators: delay {how} of all but 1 in 1,000"), "ms", common.as_secs_f64() * 1000.0);
    report.add(kind, &format!("operators: advertisements {how}"), "", delays.len() as f64);
    report.add(kind, &format!("operators: memory {how}"), "MiB", daemon.memory()?);
    report.add(kind, &format!("operators: processor time {how}"), "% cpu", percent);
    Ok(largest)
}

/// All of them, on threads of this process.
struct Attack {
    over: Arc<AtomicBool>,
    connected: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Attack {
    fn begin(host: &Station) -> Result<Self> {
        let files = 2 * CONNECTIONS as u64 + 1000;
        setrlimit(Resource::RLIMIT_NOFILE, files, files)?;
        let (over, connected, answered) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let mut attack = Self { over, connected, answered, threads: Vec::new() };
        // The socket's path is the host's.
        host.namespace.run(|| -> std::io::Result<()> {
            attack.spawn(|over, connected, _| hold(over, connected, control));
            attack.spawn(|over, connected, _| hold(over, connected, http));
            for verb in ["status", "watch"] {
                let clients = if verb == "watch" { WATCHERS } else { UNREAD };
                let request = format!("{{\"v\":1,\"verb\":\"{verb}\"}}\n");
                attack.spawn(move |over, _, _| unread(over, clients, control, &request));
            }
            for path in ["/status.json", "/events"] {
                let clients = if path == "/events" { WATCHERS } else { UNREAD };
                attack.spawn(move |over, _, _| unread(over, clients, http, &get(path)));
            }
            for _ in 0..FLOODS {
                attack.spawn(|over, _, answered| flood(over, answered));
                attack.spawn(|over, _, answered| flood_http(over, answered));
            }
            Ok(())
        })?;
        // Before they are looked at, all are there.
        sleep(Duration::from_secs(3));
        attack.answered.store(0, Ordering::Relaxed);
        Ok(attack)
    }

    fn spawn(&mut self, work: impl FnOnce(&AtomicBool, &AtomicU64, &AtomicU64) + Send + 'static) {
        let (over, connected, answered) =
            (Arc::clone(&self.over), Arc::clone(&self.connected), Arc::clone(&self.answered));
        self.threads.push(thread::spawn(move || work(&over, &connected, &answered)));
    }

    /// Returns how many connections were made, and how many requests answered.
    fn end(self) -> (u64, u64) {
        let answered = self.answered.load(Ordering::Relaxed);
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        (self.connected.load(Ordering::Relaxed), answered)
    }
}

/// A connection on which nothing waits.
trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

type Open = fn() -> io::Result<Box<dyn Connection>>;

fn control() -> io::Result<Box<dyn Connection>> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(SOCKET)?)?;
    Ok(Box::new(UnixStream::from(socket)))
}

fn http() -> io::Result<Box<dyn Connection>> {
    let stream = TcpStream::connect_timeout(&HTTP, Duration::from_millis(100))?;
    stream.set_nonblocking(true)?;
    Ok(Box::new(stream))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HTTP}\r\n\r\n")
}

/// Holds thousands of connections, and makes those anew that the daemon closes.
fn hold(over: &AtomicBool, connected: &AtomicU64, open: Open) {
    let mut held = Vec::new();
    while !over.load(Ordering::Relaxed) {
        for _ in 0..100 {
            // No more fit into the queue of the socket.
            let Ok(made) = open() else { break };
            connected.fetch_add(1, Ordering::Relaxed);
            held.push(made);
        }
        if held.len() > CONNECTIONS {
            held.retain_mut(
                |stream| matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock),
            );
            let excess = held.len().saturating_sub(CONNECTIONS);
            drop(held.drain(..excess));
        }
        sleep(Duration::from_millis(5));
    }
}

/// Asks and asks, and reads nothing.
fn unread(over: &AtomicBool, clients: usize, open: Open, request: &str) {
    let requests = request.repeat(100);
    let mut held: Vec<Option<Box<dyn Connection>>> = (0..clients).map(|_| None).collect();
    while !over.load(Ordering::Relaxed) {
        for client in &mut held {
            if client.is_none() {
                *client = open().ok();
            }
            let gone = |stream: &mut Box<dyn Connection>| match stream.write(requests.as_bytes()) {
                Ok(_) => false,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            if client.as_mut().is_some_and(gone) {
                *client = None;
            }
        }
        sleep(Duration::from_millis(20));
    }
}

/// Asks as fast as it is answered.
fn flood(over: &AtomicBool, answered: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        let Ok(stream) = UnixStream::connect(SOCKET) else {
            sleep(Duration::from_millis(5));
            continue;
        };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let Ok(mut writer) = stream.try_clone() else { continue };
        let (mut reader, begun) = (BufReader::new(stream), Instant::now());
        let mut line = String::new();
        while !over.load(Ordering::Relaxed) && begun.elapsed() < PATIENCE {
            line.clear();
            let asked = writer.write_all(b"{\"v\":1,\"verb\":\"status\"}\n{\"v\":1,\"verb\":\"stats\"}\n");
            if asked.is_err() || !matches!(reader.read_line(&mut line), Ok(1..)) {
                break;
            }
            answered.fetch_add(u64::from(line.contains("\"ok\"")), Ordering::Relaxed);
        }
    }
}

/// The same over HTTP, with a connection for each request.
fn flood_http(over: &AtomicBool, answered: &AtomicU64) {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {HTTP}\r\nConnection: close\r\n\r\n");
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&HTTP, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200 "))
    };
    while !over.load(Ordering::Relaxed) {
        match ask() {
            Ok(true) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Ok(false) | Err(_) => sleep(Duration::from_millis(1)),
        }
    }
}
