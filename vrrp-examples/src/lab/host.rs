//! One proxy host: its files, its forward proxy and its VRRP daemon.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::options::{DaemonKind, ProxyKind};
use super::process::{Log, Process};
use super::proxy;
use super::states;
use super::topology::HostId;
use crate::testbed::error::Error;
use crate::testbed::namespace::{Namespace, mount_tmpfs, this_program};
use crate::vrrpd::control::{self, record, reload};

/// The name under which the lab's program is the VRRP daemon.
pub(super) const VRRPD: &str = "vrrpd";

const CONFIGURATION_FILE: &str = "/run/keepalived.conf";
const CONTROL_SOCKET: &str = "/run/vrrpd.sock";
/// The time that vrrpd may take to read another configuration.
const RELOAD_PATIENCE: Duration = Duration::from_secs(5);

/// The way in which the VRRP daemon of a host finds out about its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// By the article's script, which sees a process.
    Script,
    /// By a check in the daemon as well, which gets a page through the proxy.
    Page,
}

/// The programs of one proxy host.
#[derive(Debug)]
pub(super) struct Host {
    id: HostId,
    daemon_kind: DaemonKind,
    /// Its daemon tells of its states.
    tells_states: bool,
    proxy: Option<Process>,
    daemon: Option<Process>,
    proxy_log: Arc<Log>,
    daemon_log: Arc<Log>,
}

impl Host {
    /// Gives the host its own `/run`, `/dev/shm` and proxy, and the article's configuration. Starts nothing.
    pub(super) fn install(
        id: HostId,
        namespace: &Namespace,
        proxy_kind: ProxyKind,
        daemon_kind: DaemonKind,
        tells_states: bool,
        stream_logs: bool,
    ) -> Result<Self, Error> {
        let files = || {
            mount_tmpfs(Path::new("/run"))?;
            mount_tmpfs(Path::new("/dev/shm"))?;
            fs::write(CONFIGURATION_FILE, configuration(id, Watch::Script, tells_states))
        };
        namespace.run(files).map_err(|error| Error::new(format!("giving {id} files of its own"), error))?;
        proxy::install(namespace, id, proxy_kind)?;
        let proxy_log = Log::new(id.name(), "squid", stream_logs);
        let daemon_log = Log::new(id.name(), daemon_kind.program(), stream_logs);
        Ok(Self { id, daemon_kind, tells_states, proxy: None, daemon: None, proxy_log, daemon_log })
    }

    pub(super) const fn daemon_kind(&self) -> DaemonKind {
        self.daemon_kind
    }

    pub(super) fn start_proxy(&mut self, namespace: &Namespace) -> Result<(), Error> {
        self.proxy = Some(Process::start(namespace, &self.proxy_log, proxy::command(self.id))?);
        Ok(())
    }

    pub(super) fn start_daemon(&mut self, namespace: &Namespace) -> Result<(), Error> {
        let command = self.daemon_kind.command()?;
        self.daemon = Some(Process::start(namespace, &self.daemon_log, command)?);
        Ok(())
    }

    pub(super) async fn terminate_proxy(&mut self) -> Result<(), Error> {
        terminate(&mut self.proxy).await
    }

    pub(super) async fn terminate_daemon(&mut self) -> Result<(), Error> {
        terminate(&mut self.daemon).await
    }

    pub(super) fn kill_daemon(&mut self) {
        self.daemon.take().into_iter().for_each(Process::kill);
    }

    /// Stops every process of the daemon by SIGSTOP, or lets them go on.
    pub(super) fn hang_daemon(&self, hang: bool) -> Result<(), Error> {
        let signal = if hang { Signal::SIGSTOP } else { Signal::SIGCONT };
        self.daemon.as_ref().map_or(Ok(()), |daemon| daemon.signal(signal))
    }

    /// Stops every process of the forward proxy by SIGSTOP, or lets them go on.
    pub(super) fn hang_proxy(&self, hang: bool) -> Result<(), Error> {
        let signal = if hang { Signal::SIGSTOP } else { Signal::SIGCONT };
        self.proxy.as_ref().map_or(Ok(()), |proxy| proxy.signal(signal))
    }

    /// Gives vrrpd another configuration while it runs.
    pub(super) fn configure(&self, namespace: &Namespace, watch: Watch) -> Result<(), Error> {
        let (id, tells_states) = (self.id, self.tells_states);
        let reload = || {
            fs::write(CONFIGURATION_FILE, configuration(id, watch, tells_states))?;
            control::ask(Path::new(CONTROL_SOCKET), reload::Request {}, RELOAD_PATIENCE).map_err(io::Error::other)
        };
        namespace.run(reload).map_err(|error| Error::new(format!("reloading vrrpd on {id}"), error))?;
        Ok(())
    }

    /// Writes what vrrpd recorded into a directory; of a check that is run again the last time counts.
    pub(super) fn record(&self, namespace: &Namespace, directory: &Path, check: &str) -> Result<(), Error> {
        if self.daemon_kind != DaemonKind::Vrrpd {
            return Ok(());
        }
        let file = directory.join(format!("{check}-{}.vrrp-recording", self.id));
        let record = || {
            let request = record::Request::default();
            let recorded =
                control::ask(Path::new(CONTROL_SOCKET), request, RELOAD_PATIENCE).map_err(io::Error::other)?;
            fs::create_dir_all(directory)?;
            fs::write(&file, recorded.recording)
        };
        namespace.run(record).map_err(|error| Error::new(format!("recording what vrrpd did on {}", self.id), error))
    }

    /// Returns a program that should be running and is not.
    pub(super) fn dead_program(&mut self) -> Option<String> {
        let programs = [(&mut self.proxy, "squid"), (&mut self.daemon, self.daemon_kind.program())];
        programs.into_iter().find_map(|(process, program)| {
            let status = process.as_mut()?.ended().ok().flatten()?;
            Some(format!("{program} on {} has ended ({status})", self.id))
        })
    }

    /// Returns the last lines of both programs.
    pub(super) fn last_lines(&self) -> Vec<String> {
        [self.daemon_log.last_lines(), self.proxy_log.last_lines()].concat()
    }
}

async fn terminate(process: &mut Option<Process>) -> Result<(), Error> {
    match process.take() {
        Some(process) => process.terminate().await.map(|_| ()),
        None => Ok(()),
    }
}

/// Returns the article's final configuration of `host`, unchanged or with a check in the daemon in addition to the script, and
/// with a FIFO for the daemon's states if somebody reads them.
fn configuration(host: HostId, watch: Watch, tells_states: bool) -> String {
    let article = match host {
        HostId::Proxy1 => include_str!("../../article/proxy-serv01.conf"),
        HostId::Proxy2 => include_str!("../../article/proxy-serv02.conf"),
    };
    let states = if tells_states { states::CONFIGURATION } else { "" };
    match watch {
        Watch::Script => states.to_owned() + article,
        Watch::Page => {
            let script = "        chk_squid_service\n";
            [states, PAGE, &article.replace(script, &format!("{script}        squid_gets_a_page\n"))].concat()
        }
    }
}

/// The check in the daemon: the proxy gets a page.
const PAGE: &str = include_str!("../../article/page.conf");

impl DaemonKind {
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Vrrpd => VRRPD,
            Self::Keepalived => "keepalived",
        }
    }

    fn command(self) -> Result<Command, Error> {
        Ok(match self {
            Self::Vrrpd => {
                let mut command = Command::new(this_program()?);
                command.arg0(VRRPD).args(["--config", CONFIGURATION_FILE, "--control", CONTROL_SOCKET]);
                command
            }
            Self::Keepalived => {
                let mut command = Command::new("keepalived");
                command.args([
                    "--dont-fork",
                    "--log-console",
                    "--log-detail",
                    "--vrrp",
                    "--use-file",
                    CONFIGURATION_FILE,
                ]);
                command
            }
        })
    }
}
