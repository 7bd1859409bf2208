//! A VRRP daemon on a host: all its processes.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vrrp_examples::testbed::netlink::Station;

use crate::Result;

/// Name of our daemon.
pub(crate) const VRRPD: &str = "vrrpd";

/// On a host's own tmpfs. What begins with a table is in vrrpd's native format.
const CONFIGURATION_FILES: [&str; 2] = ["/run/vrrp.conf", "/run/vrrp.toml"];
const LOG_FILE: &str = "/run/vrrp.log";
/// The time that an orderly end may take.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Vrrpd,
    Keepalived,
    /// A vrrpd of another build, such as an earlier release.
    Other,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Vrrpd, Self::Keepalived, Self::Other];

    /// Returns what its log says of a router that enters a fault.
    const fn fault(self) -> &'static str {
        match self {
            Self::Vrrpd | Self::Other => "-> Fault",
            Self::Keepalived => "FAULT STATE",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vrrpd => VRRPD,
            Self::Keepalived => "keepalived",
            Self::Other => "the other vrrpd",
        })
    }
}

/// Where the daemons are.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) vrrpd: PathBuf,
    /// The vrrpd of another build, if it is to run as well.
    pub(crate) other: Option<PathBuf>,
}

impl Programs {
    /// The command of a daemon, without arguments; nothing for one that is not to run.
    pub(crate) fn command(&self, kind: Kind) -> Option<Command> {
        match kind {
            Kind::Vrrpd => Some(Command::new(&self.vrrpd)),
            Kind::Keepalived => Some(Command::new("keepalived")),
            Kind::Other => self.other.as_ref().map(Command::new),
        }
    }
}

/// A running daemon. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon<'a> {
    child: Child,
    kind: Kind,
    host: &'a Station,
    /// The moment at which it was executed, on the clock of the observer's stamps.
    pub(crate) started: Duration,
}

impl<'a> Daemon<'a> {
    pub(crate) fn start(kind: Kind, programs: &Programs, host: &'a Station, configuration: &str) -> Result<Self> {
        Self::start_with(kind, programs, host, configuration, &[])
    }

    /// Does the same as `start`, with more arguments for vrrpd.
    pub(crate) fn start_with(
        kind: Kind,
        programs: &Programs,
        host: &'a Station,
        configuration: &str,
        more: &[&str],
    ) -> Result<Self> {
        let file = file(configuration);
        let mut command = programs.command(kind).ok_or_else(|| format!("where {kind} is was not said"))?;
        match kind {
            Kind::Vrrpd | Kind::Other => command.args(["--config", file, "--control", "/run/vrrpd.sock"]).args(more),
            Kind::Keepalived => command.args(["--dont-fork", "--log-console", "--vrrp", "--use-file", file]),
        };
        let spawn = || -> io::Result<(Child, Duration)> {
            fs::write(file, configuration)?;
            let log = File::create(LOG_FILE)?;
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
            let started = now();
            Ok((command.spawn()?, started))
        };
        let spawned = host.namespace.run(spawn);
        let (child, started) = spawned.map_err(|error| format!("starting {kind}: {error}"))?;
        Ok(Self { child, kind, host, started })
    }

    /// Stops it as an administrator would, and waits until all of it is gone.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() || !self.processes()?.is_empty() {
            if Instant::now() > deadline {
                return Err(format!("it did not end within {STOP_PATIENCE:?} of SIGTERM").into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Has it read another configuration; does not wait.
    pub(crate) fn reload(&self, configuration: &str) -> Result<()> {
        self.host.namespace.run(|| fs::write(file(configuration), configuration))?;
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGHUP)?)
    }

    /// Asks it to stop; does not wait.
    pub(crate) fn terminate(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?)
    }

    /// Halts all of it, as a host that hangs.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Processor time so far, in seconds: to the nanosecond, as the scheduler counts it. The kernel's samples of who runs
    /// at each tick say little of a process whose own timers run in step with the ticks.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        let mut nanoseconds = 0.0;
        for process in self.processes()? {
            for thread in fs::read_dir(process.join("task"))? {
                let figures = fs::read_to_string(thread?.path().join("schedstat"))?;
                let running = figures.split_whitespace().next().unwrap_or_default();
                nanoseconds += running.parse::<f64>()?;
            }
        }
        Ok(nanoseconds / 1e9)
    }

    /// Memory that it alone accounts for, shared pages by their share: in MiB.
    pub(crate) fn memory(&self) -> Result<f64> {
        let mut kib = 0.0;
        for process in self.processes()? {
            let rollup = fs::read_to_string(process.join("smaps_rollup"))?;
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
            kib += pss.trim().trim_end_matches(" kB").parse::<f64>()?;
        }
        Ok(kib / 1024.0)
    }

    /// The last lines that it said.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let log = self.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(5)).map(ToString::to_string).collect()
    }

    /// Returns how many lines it has said.
    pub(crate) fn lines(&self) -> Result<usize> {
        Ok(self.log()?.lines().count())
    }

    /// Returns how often it has said that a router is at fault.
    pub(crate) fn faults(&self) -> Result<usize> {
        Ok(self.log()?.lines().filter(|line| line.contains(self.kind.fault())).count())
    }

    fn log(&self) -> io::Result<String> {
        let log = self.host.namespace.run(|| fs::read(LOG_FILE))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        for process in self.processes()? {
            let status = fs::read_to_string(process.join("status"))?;
            // /proc may be that of another PID namespace; the last number is the one in this one.
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
            let id = ids.split_whitespace().last().ok_or("the kernel does not tell process ids (NSpid)")?;
            kill(Pid::from_raw(id.parse()?), signal)?;
        }
        Ok(())
    }

    /// All its processes, as directories of /proc: whoever is in the host's network namespace.
    fn processes(&self) -> Result<Vec<PathBuf>> {
        let namespace = fs::read_link(format!("/proc/self/fd/{}", self.host.namespace.network_fd().as_raw_fd()))?;
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            // One that has just ended has no namespace any more.
            if fs::read_link(path.join("ns/net")).is_ok_and(|its| its == namespace) {
                processes.push(path);
            }
        }
        Ok(processes)
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        // It may have ended already: either way it is gone.
        let _ = self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn file(configuration: &str) -> &'static str {
    let [keepalived, native] = CONFIGURATION_FILES;
    if configuration.starts_with('[') { native } else { keepalived }
}

/// Since the Unix epoch.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
