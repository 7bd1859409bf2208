//! Tells systemd, or another program at `NOTIFY_SOCKET`, that vrrpd is ready, reads its configuration again, stops, and lives.
//!
//! vrrpd lives if its protocol loop answers: [`ServiceManager::report`] takes a status of the loop, and without it the watchdog
//! is not fed. Nothing here waits for the service manager: what cannot be sent now is sent with the next message.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::future::pending;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
use nix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use tokio::time::{Instant, sleep_until};
use vrrp_core::Role;
use vrrp_io_linux::{DriverStatus, RouterStatus};

use crate::vrrpd::log::log;

/// The period of the look whether every router has left its start.
const LOOK_FOR_START: Duration = Duration::from_millis(250);
/// A check that takes longer for its first result is not waited for: the service would count as one that does not start.
const LONGEST_START: Duration = Duration::from_secs(30);
/// The time until a change is told: a takeover changes several things.
const SETTLE: Duration = Duration::from_millis(500);

/// The service manager, where there is one.
#[derive(Debug)]
pub(super) struct ServiceManager {
    /// None: nobody is told anything.
    listener: Option<Listener>,
    /// The longest that it does without a sign of life.
    watchdog: Option<Duration>,
    begun: Instant,
    phase: Phase,
    /// The phase that it knows of.
    told: Option<Phase>,
    /// The text that `systemctl status` shows, as last sent.
    status: String,
    told_status: String,
    /// True if the configuration on disk would not run.
    refused: bool,
    next_look: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Reloading {
        /// On the monotonic clock: the service manager tells so which of its requests is meant.
        since_usec: i128,
    },
    Stopping,
}

impl ServiceManager {
    /// Finds the service manager by the environment.
    pub(super) fn from_environment() -> Self {
        Self::new(std::env::var_os("NOTIFY_SOCKET"), sd_notify::watchdog_enabled())
    }

    fn new(address: Option<OsString>, watchdog: Option<Duration>) -> Self {
        let listener = address.and_then(|address| {
            let listener = Listener::new(&address);
            let complain = |why: io::Error| {
                log!(
                    ServiceManager,
                    error = why.to_string(),
                    "cannot tell the service manager anything at NOTIFY_SOCKET={address:?}: {why}"
                );
            };
            listener.map_err(complain).ok()
        });
        let begun = Instant::now();
        Self {
            watchdog: watchdog.filter(|every| listener.is_some() && !every.is_zero()),
            next_look: listener.is_some().then_some(begun),
            listener,
            begun,
            phase: Phase::Starting,
            told: None,
            status: String::new(),
            told_status: String::new(),
            refused: false,
        }
    }

    /// Waits until [`ServiceManager::report`] needs a status of the routers: for ever, if it needs none. The future may be
    /// dropped at any time.
    pub(super) async fn look(&self) {
        match self.next_look {
            Some(at) => sleep_until(at).await,
            None => pending().await,
        }
    }

    /// Notes a change of the routers: their status is wanted soon.
    pub(super) fn changed(&mut self) {
        if self.listener.is_some() {
            let soon = Instant::now() + SETTLE;
            self.next_look = Some(self.next_look.map_or(soon, |at| at.min(soon)));
        }
    }

    /// Reports the state of the routers, and with it that the protocol loop lives: it was the loop that answered `driver`.
    pub(super) fn report(&mut self, driver: &DriverStatus) {
        self.follow_at(driver, Instant::now());
    }

    fn follow_at(&mut self, driver: &DriverStatus, now: Instant) {
        let waited = now.saturating_duration_since(self.begun) >= LONGEST_START;
        if self.phase == Phase::Starting && (waited || driver.routers.iter().all(has_started)) {
            self.phase = Phase::Ready;
        }
        if self.phase != Phase::Stopping {
            self.status = status(driver, self.refused);
        }
        let look_for_start = (self.phase == Phase::Starting).then_some(LOOK_FOR_START);
        // Twice as often as it must be.
        let every = look_for_start.or(self.watchdog.map(|longest| longest / 2));
        self.next_look = every.filter(|_| self.listener.is_some()).map(|every| now + every);
        self.tell(self.watchdog.is_some());
    }

    /// Reports that the configuration is about to be read again.
    pub(super) fn reloading(&mut self) {
        let since_usec = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map_or(0, |now| i128::from(now.tv_sec()) * 1_000_000 + i128::from(now.tv_nsec()) / 1000);
        self.phase = Phase::Reloading { since_usec };
        self.tell(false);
    }

    /// Reports the end of a reload, which has changed nothing if the configuration would not run. It does not wait until the
    /// new routers have left their start.
    pub(super) fn reloaded(&mut self, refused: bool) {
        self.phase = Phase::Ready;
        self.refused = refused;
        self.changed();
        self.tell(false);
    }

    /// Reports that the end has begun.
    pub(super) fn stopping(&mut self) {
        self.phase = Phase::Stopping;
        "stopping".clone_into(&mut self.status);
        self.tell(false);
    }

    /// Sends what the service manager does not know yet.
    fn tell(&mut self, alive: bool) {
        let Some(listener) = &mut self.listener else { return };
        let mut news = Vec::new();
        if self.told != Some(self.phase) {
            match self.phase {
                Phase::Starting => {}
                Phase::Ready => news.push(NotifyState::Ready),
                Phase::Reloading { since_usec } => {
                    news.extend([NotifyState::Reloading, NotifyState::MonotonicUsec(since_usec)]);
                }
                Phase::Stopping => news.push(NotifyState::Stopping),
            }
        }
        if self.told_status != self.status {
            news.push(NotifyState::Status(&self.status));
        }
        if alive {
            news.push(NotifyState::Watchdog);
        }
        if !news.is_empty() && listener.send(&news) {
            self.told = Some(self.phase);
            self.told_status.clone_from(&self.status);
        }
    }
}

/// Returns true if a router has left its start: it takes part, or the reason that keeps it out is known.
fn has_started(router: &RouterStatus) -> bool {
    router.role != Role::Initialize || router.faults.iter().any(|fault| !fault.fault.is_pending())
}

/// Returns the numbers of routers in each state, in a line.
fn status(driver: &DriverStatus, refused: bool) -> String {
    let count = |matches: fn(&RouterStatus) -> bool| driver.routers.iter().filter(|router| matches(router)).count();
    let master = count(|router| router.role == Role::Master);
    let backup = count(|router| router.role == Role::Backup);
    let fault = count(|router| router.role == Role::Initialize && has_started(router));
    let waiting = count(|router| !has_started(router));
    let mut text = format!("{master} Master, {backup} Backup, {fault} in fault");
    // Writing to a String cannot fail.
    if waiting > 0 {
        let _ = write!(text, ", {waiting} not started");
    }
    if refused {
        text += "; the configuration on disk would not run, see the log";
    }
    text
}

/// The address at which the service manager listens.
#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    address: UnixAddr,
    /// True if a failure to reach it has been logged.
    complained: bool,
}

impl Listener {
    /// Opens the service manager's address. One that begins with `@` is an abstract one.
    fn new(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
            [b'/', ..] => UnixAddr::new(address)?,
            _ => return Err(io::Error::other("neither a path nor an abstract socket (@...)")),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        Ok(Self { socket, address, complained: false })
    }

    /// Sends one message; whether it went out.
    fn send(&mut self, news: &[NotifyState<'_>]) -> bool {
        let message: String = news.iter().map(|news| format!("{news}\n")).collect();
        let flags = MsgFlags::MSG_NOSIGNAL;
        match sendto(self.socket.as_raw_fd(), message.as_bytes(), &self.address, flags) {
            Ok(_) => {
                self.complained = false;
                true
            }
            Err(errno) => {
                if !std::mem::replace(&mut self.complained, true) {
                    let why = errno.desc();
                    log!(
                        ServiceManager,
                        error = why,
                        "cannot tell the service manager anything at NOTIFY_SOCKET: {why}"
                    );
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use serde_json::json;

    use super::*;
    use crate::vrrpd::control::testing::{driver, router};
    use crate::vrrpd::exec::testing::Dir;

    /// A service manager that listens at a path.
    struct Systemd {
        socket: UnixDatagram,
        path: OsString,
        _dir: Dir,
    }

    impl Systemd {
        fn new() -> Self {
            let dir = Dir::new();
            let path = dir.path("notify").into_os_string();
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, path, _dir: dir }
        }

        /// All that it was told since it was last asked, a message after the other.
        fn heard(&self) -> Vec<String> {
            heard(&self.socket)
        }

        fn manager(&self, watchdog: Option<Duration>) -> ServiceManager {
            ServiceManager::new(Some(self.path.clone()), watchdog)
        }
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 1000];
        std::iter::from_fn(|| {
            socket.recv(&mut buffer).ok().map(|len| String::from_utf8(buffer[..len].to_vec()).unwrap())
        })
        .collect()
    }

    fn with_role(role: &str) -> serde_json::Value {
        router("a", json!({"role": role}))
    }

    fn unchecked() -> serde_json::Value {
        router("b", json!({"role": "Initialize", "faults": [{"fault": {"Unchecked": 0}, "text": "no result yet"}]}))
    }

    fn failed() -> serde_json::Value {
        router("b", json!({"role": "Initialize", "faults": [{"fault": {"Tracker": 0}, "text": "failed"}]}))
    }

    #[tokio::test]
    async fn it_is_ready_once_every_router_has_left_its_start() {
        let systemd = Systemd::new();
        let mut manager = systemd.manager(None);
        manager.look().await;
        manager.report(&driver(&[with_role("Master"), with_role("Initialize")]));
        manager.report(&driver(&[with_role("Master"), unchecked()]));
        assert_eq!(systemd.heard(), ["STATUS=1 Master, 0 Backup, 0 in fault, 1 not started\n"], "said once");
        assert!(manager.next_look.is_some(), "it looks again");
        manager.report(&driver(&[with_role("Master"), failed()]));
        assert_eq!(systemd.heard(), ["READY=1\nSTATUS=1 Master, 0 Backup, 1 in fault\n"]);
        assert_eq!(manager.next_look, None);
        manager.report(&driver(&[with_role("Initialize"), with_role("Backup")]));
        assert_eq!(systemd.heard(), ["STATUS=0 Master, 1 Backup, 0 in fault, 1 not started\n"], "ready for good");
    }

    #[tokio::test]
    async fn a_check_without_end_does_not_keep_it_from_being_ready() {
        let systemd = Systemd::new();
        let mut manager = systemd.manager(None);
        let (begun, routers) = (manager.begun, driver(&[unchecked()]));
        manager.follow_at(&routers, begun + LONGEST_START - Duration::from_millis(1));
        assert_eq!(systemd.heard(), ["STATUS=0 Master, 0 Backup, 0 in fault, 1 not started\n"]);
        manager.follow_at(&routers, begun + LONGEST_START);
        assert_eq!(systemd.heard(), ["READY=1\n"]);
    }

    #[tokio::test]
    async fn the_watchdog_is_fed_with_each_answer_of_the_protocol_loop_and_by_nothing_else() {
        let systemd = Systemd::new();
        let mut manager = systemd.manager(Some(Duration::from_secs(30)));
        let routers = driver(&[with_role("Backup")]);
        manager.report(&routers);
        assert_eq!(systemd.heard(), ["READY=1\nSTATUS=0 Master, 1 Backup, 0 in fault\nWATCHDOG=1\n"]);
        let now = manager.begun + Duration::from_secs(100);
        manager.follow_at(&routers, now);
        assert_eq!(systemd.heard(), ["WATCHDOG=1\n"]);
        assert_eq!(manager.next_look, Some(now + Duration::from_secs(15)), "twice as often as it must be");
        manager.reloading();
        manager.reloaded(false);
        manager.stopping();
        assert!(systemd.heard().iter().all(|message| !message.contains("WATCHDOG")));
    }

    #[tokio::test]
    async fn a_reload_is_told_with_the_monotonic_time_and_whether_the_file_would_run() {
        let systemd = Systemd::new();
        let mut manager = systemd.manager(None);
        let routers = driver(&[with_role("Master")]);
        manager.report(&routers);
        systemd.heard();
        let micros = || {
            let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
            Duration::from(now).as_micros()
        };
        let before = micros();
        manager.reloading();
        let [message] = &systemd.heard()[..] else { panic!() };
        let told: u128 = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end().parse().unwrap();
        assert!(before <= told && told <= micros(), "{before} {told}");
        // The watchdog is still fed meanwhile, and this does not end the reload.
        manager.report(&routers);
        assert_eq!(systemd.heard(), [""; 0]);
        manager.reloaded(true);
        assert_eq!(systemd.heard(), ["READY=1\n"]);
        assert!(manager.next_look.is_some(), "the status is wanted");
        manager.report(&routers);
        let refused = "STATUS=1 Master, 0 Backup, 0 in fault; the configuration on disk would not run, see the log\n";
        assert_eq!(systemd.heard(), [refused]);
        manager.reloading();
        manager.reloaded(false);
        manager.report(&routers);
        assert_eq!(systemd.heard()[1..], ["READY=1\n", "STATUS=1 Master, 0 Backup, 0 in fault\n"]);
        manager.stopping();
        assert_eq!(systemd.heard(), ["STOPPING=1\nSTATUS=stopping\n"]);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_sent_with_what_comes_next() {
        let systemd = Systemd::new();
        let mut manager = systemd.manager(None);
        let away = systemd.path.to_str().unwrap().to_owned() + ".away";
        std::fs::rename(&systemd.path, &away).unwrap();
        let routers = driver(&[with_role("Master")]);
        manager.report(&routers);
        std::fs::rename(&away, &systemd.path).unwrap();
        assert_eq!(systemd.heard(), [""; 0]);
        manager.report(&routers);
        assert_eq!(systemd.heard(), ["READY=1\nSTATUS=1 Master, 0 Backup, 0 in fault\n"]);

        // One that does not read holds up nobody: what finds no room waits.
        for n in 0..10_000 {
            manager.report(&driver(&vec![with_role("Master"); n % 2]));
        }
        manager.stopping();
        assert!(systemd.heard().len() < 10_000);
        manager.report(&routers);
        assert_eq!(systemd.heard(), ["STOPPING=1\nSTATUS=stopping\n"]);
    }

    #[tokio::test]
    async fn an_abstract_address_is_found_and_a_strange_one_is_as_none() {
        let name = format!("vrrpd-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut manager = ServiceManager::new(Some(format!("@{name}").into()), None);
        manager.stopping();
        assert_eq!(heard(&socket), ["STOPPING=1\nSTATUS=stopping\n"]);

        for nobody in [None, Some("vsock:2:1"), Some(""), Some("relative")] {
            let mut manager = ServiceManager::new(nobody.map(OsString::from), Some(Duration::from_secs(1)));
            manager.report(&driver(&[with_role("Master")]));
            manager.changed();
            assert_eq!((manager.next_look, manager.watchdog), (None, None), "{nobody:?}");
        }
    }
}
