//! `vrrpd` on a host.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe, write};
use vrrp_examples::control::{self, RouterStatus, Status};

use super::{Host, until};

/// A running daemon and what it has logged. It is killed when dropped; after a panic its log is printed.
pub(crate) struct Vrrpd {
    host: u8,
    process: Mutex<Child>,
    pid: Pid,
    socket: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    /// Nothing comes any more.
    log_ended: Arc<AtomicBool>,
}

impl Host {
    /// Starts `vrrpd` with a configuration, in which `$D` stands for the host's directory, and waits until it answers.
    pub(crate) fn vrrpd(&self, configuration: &str) -> Vrrpd {
        self.vrrpd_with(configuration, &[])
    }

    /// As `vrrpd`, with more arguments.
    pub(crate) fn vrrpd_with(&self, configuration: &str, arguments: &[&str]) -> Vrrpd {
        let (reader, writer) = pipe().unwrap();
        let daemon = self.start(configuration, arguments, writer);
        let (log, ended) = (Arc::clone(&daemon.log), Arc::clone(&daemon.log_ended));
        ended.store(false, Ordering::Release);
        thread::spawn(move || {
            let lines = BufReader::new(File::from(reader)).lines().map_while(Result::ok);
            lines.for_each(|line| log.lock().unwrap().push(line));
            ended.store(true, Ordering::Release);
        });
        daemon.until("it answers", || control::status(&daemon.socket, Duration::from_secs(5)).is_ok());
        daemon
    }

    /// As `vrrpd`, but its stderr is a pipe that is full, and stays so as long as the other end is kept.
    pub(crate) fn vrrpd_unread(&self, configuration: &str) -> (Vrrpd, OwnedFd) {
        let (reader, writer) = pipe().unwrap();
        let blocking = |flags| fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
        blocking(OFlag::O_NONBLOCK);
        while write(&writer, &[b'.'; 512]).is_ok() {}
        blocking(OFlag::empty());
        let daemon = self.start(configuration, &[], writer);
        daemon.until("it answers", || control::status(&daemon.socket, Duration::from_secs(5)).is_ok());
        (daemon, reader)
    }

    fn start(&self, configuration: &str, arguments: &[&str], stderr: OwnedFd) -> Vrrpd {
        let socket = self.path("control");
        let mut command = self.vrrpd_command(configuration);
        let process = self.spawn(command.args(arguments).arg("--control").arg(&socket).stderr(stderr));
        let pid = Pid::from_raw(process.id().try_into().unwrap());
        Vrrpd {
            host: self.number(),
            process: Mutex::new(process),
            pid,
            socket,
            log: Arc::default(),
            log_ended: Arc::new(true.into()),
        }
    }

    /// Runs `vrrpctl` on the host.
    pub(crate) fn vrrpctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vrrpctl"));
        command.args(arguments).arg("--control").arg(self.path("control"));
        self.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).wait_with_output().unwrap()
    }

    fn vrrpd_command(&self, configuration: &str) -> Command {
        let path = self.path("vrrpd.conf");
        let directory = self.directory().display().to_string();
        fs::write(&path, configuration.replace("$D", &directory)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vrrpd"));
        command.arg("--config").arg(path).env_remove("RUST_LOG");
        command
    }
}

impl Vrrpd {
    pub(crate) fn status(&self) -> Status {
        control::status(&self.socket, Duration::from_secs(5)).unwrap()
    }

    pub(crate) fn router(&self, name: &str) -> RouterStatus {
        let routers = self.status().routers;
        routers.into_iter().find(|router| router.name == name).unwrap_or_else(|| panic!("no router {name}"))
    }

    pub(crate) fn is(&self, name: &str, state: &str) -> bool {
        self.router(name).state == state
    }

    /// Waits for a state.
    #[track_caller]
    pub(crate) fn until_is(&self, name: &str, state: &str) {
        self.until(&format!("{name} is {state}"), || self.is(name, state));
    }

    /// The lines so far, without time and level.
    pub(crate) fn log(&self) -> Vec<String> {
        let lines = self.log.lock().unwrap();
        let text = |line: &String| match line.split_once("Z ") {
            Some((_time, rest)) => rest.trim_start().split_once(' ').map_or(rest, |(_level, text)| text).to_owned(),
            None => line.clone(),
        };
        lines.iter().map(text).collect()
    }

    /// How many lines contain `text`.
    pub(crate) fn logged(&self, text: &str) -> usize {
        self.log().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a line that contains `text`.
    #[track_caller]
    pub(crate) fn until_logged(&self, text: &str) {
        self.until(&format!("it logs {text:?}"), || self.logged(text) > 0);
    }

    /// SIGTERM, and how it ends then.
    #[track_caller]
    pub(crate) fn terminate(&self) -> ExitStatus {
        self.signal(Signal::SIGTERM)
    }

    /// SIGKILL, and wait for the end.
    #[track_caller]
    pub(crate) fn kill(&self) -> ExitStatus {
        self.signal(Signal::SIGKILL)
    }

    /// SIGHUP, which does not end it.
    pub(crate) fn hang_up(&self) {
        kill(self.pid, Signal::SIGHUP).unwrap();
    }

    #[track_caller]
    fn signal(&self, signal: Signal) -> ExitStatus {
        kill(self.pid, signal).unwrap();
        let ended = || self.process.lock().unwrap().try_wait().unwrap();
        self.until(&format!("it ends after {signal}"), || ended().is_some() && self.log_ended.load(Ordering::Acquire));
        ended().unwrap()
    }

    #[track_caller]
    fn until(&self, what: &str, condition: impl Fn() -> bool) {
        until(&format!("vrrpd on host {}: {what}", self.host), condition);
    }
}

impl Drop for Vrrpd {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
        if thread::panicking() {
            eprintln!("vrrpd on host {} said:\n  {}", self.host, self.log.lock().unwrap().join("\n  "));
        }
    }
}
