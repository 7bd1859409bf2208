//! Hosts on a LAN, each in a network namespace of its own, all in one test process.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

pub mod process;
pub mod tap;
#[path = "../../src/testing.rs"]
mod testing;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use vrrp_core::{AdvertInterval, Config, Priority, Profile, Reading, Role, TrackerId, Vrid};
use vrrp_io_linux::{
    DriverStatus, Event, EventKind, Events, Router, RouterStatus, Scheduling, VirtualIp, Vrrp, start_with,
};

pub use process::Process;
pub use tap::{Advert, Frame, Mac, Tap};
pub(crate) use testing::{in_namespace, ip, missing, run, skip};

/// Far beyond what anything here takes, on a machine that has time.
pub const LIMIT: Duration = Duration::from_secs(15);

type Job = Box<dyn FnOnce() + Send>;

/// A switch, in the namespace of the test.
pub struct Lan;

/// A host with `eth0` on the LAN and `lo`, both up.
///
/// A thread stands for it: what that thread opens, and every thread and process it starts, is in the host's namespace.
pub struct Host {
    number: u8,
    /// A path by which other processes find the namespace.
    namespace: String,
    jobs: mpsc::Sender<Job>,
}

impl Lan {
    pub fn new() -> Self {
        ip("link add lan type bridge forward_delay 0 mcast_snooping 0");
        ip("link set lan up");
        Self
    }

    /// Host `number` has the address 192.0.2.`number`.
    pub fn host(&self, number: u8) -> Host {
        let host = Host::new(number);
        self.plug(&host);
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
        host
    }

    /// Host `number`, as a container is: its `eth0` is a macvlan of a card that it does not see.
    pub fn container(&self, number: u8) -> Host {
        let host = Host::new(number);
        let (port, namespace) = (host.port(), &host.namespace);
        ip(&format!("link add {port} type veth peer name card{number}"));
        ip(&format!("link set {port} master lan up"));
        ip(&format!("link set card{number} up"));
        ip(&format!("link add link card{number} name eth0 netns {namespace} type macvlan mode bridge"));
        host.ip("link set eth0 up");
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
        host
    }

    /// Gives a host its `eth0`, on port `port<number>`.
    pub fn plug(&self, host: &Host) {
        let (port, namespace) = (host.port(), &host.namespace);
        ip(&format!("link add {port} type veth peer name eth0 netns {namespace}"));
        ip(&format!("link set {port} master lan up"));
        host.ip("link set eth0 up");
    }

    /// Takes the cable and the card out.
    pub fn unplug(&self, host: &Host) {
        ip(&format!("link delete {}", host.port()));
    }

    /// The host's carrier goes, or comes back.
    pub fn carrier(&self, host: &Host, on: bool) {
        ip(&format!("link set {} {}", host.port(), if on { "up" } else { "down" }));
    }

    /// Nothing passes between these hosts any more, or everything does again; all others still reach each.
    pub fn split(&self, hosts: &[&Host], split: bool) {
        for host in hosts {
            let state = if split { "on" } else { "off" };
            ip(&format!("link set {} type bridge_slave isolated {state}", host.port()));
        }
    }
}

impl Host {
    fn new(number: u8) -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (made, namespace) = mpsc::channel();
        let run = move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace for a host");
            made.send(format!("/proc/{}/task/{}/ns/net", nix::unistd::getpid(), nix::unistd::gettid())).unwrap();
            todo.into_iter().for_each(|job| job());
        };
        thread::Builder::new().name(format!("host{number}")).spawn(run).unwrap();
        let host = Self { number, namespace: namespace.recv().unwrap(), jobs };
        host.ip("link set lo up");
        host
    }

    /// Does something on the host.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, result) = mpsc::channel();
        self.jobs.send(Box::new(move || drop(sender.send(job())))).unwrap();
        result.recv().expect("the job panicked")
    }

    /// Runs `ip` with the words of `arguments` on the host; returns what it printed.
    pub fn ip(&self, arguments: &str) -> String {
        let arguments = arguments.to_owned();
        self.run(move || ip(&arguments))
    }

    pub fn write(&self, path: &str, text: &str) {
        let (path, text) = (path.to_owned(), text.to_owned());
        self.run(move || std::fs::write(&path, text).unwrap_or_else(|error| panic!("{path}: {error}")));
    }

    pub fn address(&self) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, self.number).into()
    }

    /// The MAC address of its `eth0`.
    pub fn mac(&self) -> Mac {
        let link = self.ip("-oneline link show dev eth0");
        let mac = link.split_once("link/ether ").unwrap().1.split(' ').next().unwrap().to_owned();
        tap::mac(&mac)
    }

    pub fn has(&self, address: IpAddr) -> bool {
        self.ip("-oneline address show").contains(&format!(" {address}/"))
    }

    /// Everything that arrives at, and leaves through, its `eth0` from now on.
    pub fn tap(&self) -> Tap {
        self.run(Tap::new)
    }

    /// Starts routers on it.
    pub fn start(&self, routers: Vec<Router>) -> Node {
        self.start_with(Scheduling::new(), routers)
    }

    /// The same, on a thread that the kernel treats in another way.
    pub fn start_with(&self, scheduling: Scheduling, routers: Vec<Router>) -> Node {
        let (vrrp, events) = self.run(move || start_with(scheduling, routers)).unwrap();
        Node { vrrp, events, log: Vec::new() }
    }

    fn port(&self) -> String {
        format!("port{}", self.number)
    }
}

/// Routers that run on a host.
pub struct Node {
    vrrp: Vrrp,
    events: Events,
    log: Vec<Event>,
}

impl Node {
    /// The next event that is wanted; those before it are kept in the log.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let event = run(async { tokio::time::timeout(Duration::from_millis(100), self.events.recv()).await });
            let Ok(event) = event else { continue };
            let Some(event) = event else { break };
            self.log.push(event.clone());
            if wanted(&event.kind) {
                return event.kind;
            }
        }
        panic!("{what} did not happen, but:\n{}", self.story());
    }

    pub fn until_role(&mut self, role: Role) {
        self.until(&format!("becoming {role}"), |kind| entered(kind) == Some(role));
    }

    /// Waits until the router is Master and has announced what it holds.
    pub fn until_announced(&mut self) {
        self.until("an announcement", |kind| matches!(kind, EventKind::Announced { .. }));
    }

    /// Every event so far.
    pub fn log(&mut self) -> &[Event] {
        while let Ok(event) = self.events.try_recv() {
            self.log.push(event);
        }
        &self.log
    }

    /// Every event so far, one a line.
    pub fn story(&mut self) -> String {
        self.log().iter().map(|event| format!("  {event}\n")).collect()
    }

    /// Forgets the events so far.
    pub fn forget(&mut self) {
        self.log();
        self.log.clear();
    }

    pub fn status(&self) -> RouterStatus {
        self.driver_status().routers.remove(0)
    }

    pub fn driver_status(&self) -> DriverStatus {
        run(self.vrrp.status()).unwrap()
    }

    /// Returns what keeps the first router out, as phrases.
    pub fn faults(&self) -> Vec<String> {
        self.status().faults.iter().map(ToString::to_string).collect()
    }

    /// Hands in what a tracker says for the router at this position.
    pub fn track(&self, router: usize, tracker: TrackerId, reading: impl Into<Reading>) {
        let (id, _) = run(self.vrrp.routers()).unwrap()[router];
        run(self.vrrp.track(id, tracker, reading)).unwrap();
    }

    pub fn vrrp(&self) -> &Vrrp {
        &self.vrrp
    }

    pub fn stop(self) {
        run(self.vrrp.stop_all()).unwrap();
    }
}

/// The state that an event says was entered.
pub fn entered(kind: &EventKind) -> Option<Role> {
    match kind {
        EventKind::StateChanged { transition, .. } => Some(transition.to),
        _ => None,
    }
}

pub fn vrid(number: u8) -> Vrid {
    Vrid::new(number).unwrap()
}

/// An advertisement each second, as in the RFC. Without a lease, which a machine that is busy elsewhere might let run out.
pub fn config(profile: Profile, priority: u8, addresses: &[IpAddr]) -> Config {
    let config = Config::new(profile, vrid(51), addresses).unwrap().with_lease(false);
    config.with_priority(Priority::new(priority).unwrap())
}

/// Five advertisements a second: a takeover takes less than one.
pub fn fast(priority: u8, addresses: &[IpAddr]) -> Config {
    let interval = AdvertInterval::from_centis(20).unwrap();
    config(Profile::Rfc9568Errata, priority, addresses).with_interval(interval).unwrap()
}

/// A router on `eth0` that accepts what is sent to its addresses.
pub fn router(config: Config) -> Router {
    Router::new("eth0", config).with_accept_mode(true)
}

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn virtual_ip(text: &str) -> VirtualIp {
    text.parse().unwrap()
}

/// Waits for something that no event tells of.
pub fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    assert!(within(LIMIT, is_so), "{what}: not in {LIMIT:?}");
}

/// Returns whether something becomes so in time.
pub fn within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}
