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
    /// The file with the number of the process that is the router.
    child: PathBuf,
    log: PathBuf,
}

impl Host {
    /// Starts `keepalived` with a configuration. `$D` in it means the host's directory.
    pub(crate) fn keepalived(&self, configuration: &str) -> Keepalived {
        self.keepalived_with(configuration, &[])
    }

    /// Does the same as `keepalived`, with more arguments.
    pub(crate) fn keepalived_with(&self, configuration: &str, arguments: &[&str]) -> Keepalived {
        let directory = self.directory().display().to_string();
        let path = self.path("keepalived.conf");
        fs::write(&path, configuration.replace("$D", &directory)).unwrap();
        let mut command = Command::new("keepalived");
        command.args(["--dont-fork", "--log-console", "--vrrp", "--no-syslog"]).arg("--use-file").arg(path);
        command
            .arg("--pid")
            .arg(self.path("keepalived.pid"))
            .arg("--vrrp_pid")
            .arg(self.path("vrrp.pid"))
            .args(arguments);
        let log = fs::File::create(self.path("keepalived.log")).unwrap();
        let process = self.spawn(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log));
        Keepalived { process: Mutex::new(process), child: self.path("vrrp.pid"), log: self.path("keepalived.log") }
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

    /// SIGKILL for it and for its child, which is the router. Nothing is sent, and the addresses stay.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        let child: i32 = fs::read_to_string(&self.child).unwrap().trim().parse().unwrap();
        // The child first: it would release its addresses when its parent is gone.
        kill(Pid::from_raw(child), Signal::SIGKILL).unwrap();
        // Nobody waits for the child, so the next keepalived would think that it runs.
        fs::remove_file(&self.child).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        if process.try_wait().is_ok_and(|ended| ended.is_none()) {
            // Its child goes with it.
            let _ = kill(Pid::from_raw(process.id().try_into().unwrap_or_default()), Signal::SIGTERM);
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("keepalived said:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}
