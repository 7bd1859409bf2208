//! `keepalived` on a host, as Debian has it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Host, until};

/// A running daemon. It is killed when dropped.
pub(crate) struct Keepalived {
    process: Mutex<Child>,
    log: PathBuf,
}

impl Host {
    /// Starts `keepalived` with a configuration, in which `$D` stands for the host's directory.
    pub(crate) fn keepalived(&self, configuration: &str) -> Keepalived {
        let directory = self.directory().display().to_string();
        let path = self.path("keepalived.conf");
        fs::write(&path, configuration.replace("$D", &directory)).unwrap();
        let mut command = Command::new("keepalived");
        command.args(["--dont-fork", "--log-console", "--vrrp", "--no-syslog"]).arg("--use-file").arg(path);
        command.arg("--pid").arg(self.path("keepalived.pid")).arg("--vrrp_pid").arg(self.path("vrrp.pid"));
        let log = fs::File::create(self.path("keepalived.log")).unwrap();
        let process = self.spawn(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log));
        Keepalived { process: Mutex::new(process), log: self.path("keepalived.log") }
    }
}

impl Keepalived {
    /// SIGTERM, and wait for the end.
    pub(crate) fn terminate(&self) {
        let mut process = self.process.lock().unwrap();
        kill(Pid::from_raw(process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let process = Mutex::new(&mut *process);
        until("keepalived ends", || process.lock().unwrap().try_wait().unwrap().is_some());
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        // Its child goes with it.
        let _ = kill(Pid::from_raw(process.id().try_into().unwrap_or_default()), Signal::SIGTERM);
        let _ = process.wait();
        if std::thread::panicking() {
            eprintln!("keepalived said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
