//! keepalived on a host.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::Host;

/// Asked to stop when dropped.
pub(crate) struct Keepalived(Child);

impl Keepalived {
    /// Starts it, with a folder of this name for its files.
    pub(crate) fn start(host: &Host, files: &str, configuration: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("host").join(files);
        // What an earlier run left is of no use, and may not be there.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("keepalived.conf"), configuration).unwrap();
        let mut command = Command::new("keepalived");
        command.args(["--dont-fork", "--log-console", "--no-syslog", "--vrrp", "--dont-respawn"]);
        command.args(["--use-file", "keepalived.conf", "--pid", "parent.pid", "--vrrp_pid", "vrrp.pid"]);
        command.current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
        Self(host.run(move || command.spawn()).unwrap())
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id().try_into().unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
