//! `embed-smoltcp`: a process that is a host of its own, behind a [`tap`](super::Lan::tap) of the switch.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// It is killed when dropped.
pub(crate) struct Smoltcp(Child);

impl Smoltcp {
    /// Starts it as host `number`, at the port that is a TAP interface.
    pub(crate) fn start(number: u8, vrid: u8, priority: u8, interval: Duration, addresses: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_embed-smoltcp"));
        command.args([format!("port{number}"), format!("192.0.2.{number}/24")]);
        command.args([vrid, priority].map(|value| value.to_string())).arg((interval.as_millis() / 10).to_string());
        Self(command.args(addresses).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Sends a signal that ends it. Returns how it ended.
    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
        self.0.wait().unwrap()
    }
}

impl Drop for Smoltcp {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
