//! `vrrpd` on a host: the one that cargo built, or the one that the environment variable `VRRPD` names.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe, write};
use serde_json::Value;
use vrrp_examples::vrrpd::control::ask;
use vrrp_examples::vrrpd::control::status::{self, RouterView, Status};

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

/// How a `vrrpd` ended by itself, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// It succeeded.
    pub(crate) success: bool,
    /// Its output and its log.
    pub(crate) said: String,
}

impl Host {
    /// Starts `vrrpd` with a configuration, and waits until it answers. `$D` in it means the host's directory.
    pub(crate) fn vrrpd(&self, configuration: &str) -> Vrrpd {
        self.vrrpd_with(configuration, &[])
    }

    /// Does the same as `vrrpd`, with more arguments.
    pub(crate) fn vrrpd_with(&self, configuration: &str, arguments: &[&str]) -> Vrrpd {
        self.vrrpd_under(&[], configuration, arguments)
    }

    /// Does the same as `vrrpd_with`, started by `wrapper`: the signals go to that one, which may become the daemon (`exec`).
    pub(crate) fn vrrpd_under(&self, wrapper: &[&str], configuration: &str, arguments: &[&str]) -> Vrrpd {
        let (reader, writer) = pipe().unwrap();
        let daemon = self.start(wrapper, configuration, arguments, writer);
        let (log, ended) = (Arc::clone(&daemon.log), Arc::clone(&daemon.log_ended));
        ended.store(false, Ordering::Release);
        thread::spawn(move || {
            let lines = BufReader::new(File::from(reader)).lines().map_while(Result::ok);
            lines.for_each(|line| log.lock().unwrap().push(line));
            ended.store(true, Ordering::Release);
        });
        daemon.until("it answers", || daemon.ask().is_some());
        daemon
    }

    /// Runs `vrrpd`, under `wrapper` where there is one, with a control socket of its own; `None` where it runs on for
    /// ten seconds, and then it is killed.
    pub(crate) fn vrrpd_ends(&self, configuration: &str, wrapper: &[&str], arguments: &[&str]) -> Option<Ended> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("other{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let path = self.path(&format!("{name}.conf"));
        fs::write(&path, configuration.replace("$D", &self.directory().display().to_string())).unwrap();
        let words = wrapper.iter().map(OsString::from).chain([program("vrrpd", env!("CARGO_BIN_EXE_vrrpd")).into()]);
        let words: Vec<OsString> = words.collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("--config").arg(path).arg("--control").arg(self.path(&name)).args(arguments);
        let (reader, writer) = pipe().unwrap();
        let mut process = self.spawn(command.env_remove("RUST_LOG").stdout(writer.try_clone().unwrap()).stderr(writer));
        // It holds the other ends of the pipe.
        drop(command);
        let said = thread::spawn(move || {
            let mut said = String::new();
            let _ = File::from(reader).read_to_string(&mut said);
            said
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Some(status) = process.try_wait().unwrap() {
                return Some(Ended { success: status.success(), said: said.join().unwrap() });
            }
            thread::sleep(Duration::from_millis(10));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        None
    }

    /// Does the same as `vrrpd`, but its stderr is a pipe that is full, and stays so as long as the other end is kept.
    pub(crate) fn vrrpd_unread(&self, configuration: &str) -> (Vrrpd, OwnedFd) {
        let (reader, writer) = pipe().unwrap();
        let blocking = |flags| fcntl(&writer, FcntlArg::F_SETFL(flags)).unwrap();
        blocking(OFlag::O_NONBLOCK);
        while write(&writer, &[b'.'; 512]).is_ok() {}
        blocking(OFlag::empty());
        let daemon = self.start(&[], configuration, &[], writer);
        daemon.until("it answers", || daemon.ask().is_some());
        (daemon, reader)
    }

    fn start(&self, wrapper: &[&str], configuration: &str, arguments: &[&str], stderr: OwnedFd) -> Vrrpd {
        let socket = self.path("control");
        let mut command = self.vrrpd_command(wrapper, configuration);
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
        self.vrrpctl_beside(arguments).wait_with_output().unwrap()
    }

    /// Starts `vrrpctl` on the host.
    pub(crate) fn vrrpctl_beside(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(program("vrrpctl", env!("CARGO_BIN_EXE_vrrpctl")));
        command.args(arguments).arg("--control").arg(self.path("control"));
        self.spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// Writes the file that `vrrpd` reads, whole or not at all.
    pub(crate) fn reconfigure(&self, configuration: &str) {
        let scratch = self.path(".vrrpd.conf");
        fs::write(&scratch, configuration.replace("$D", &self.directory().display().to_string())).unwrap();
        fs::rename(&scratch, self.path(file(configuration))).unwrap();
    }

    fn vrrpd_command(&self, wrapper: &[&str], configuration: &str) -> Command {
        let path = self.path(file(configuration));
        self.reconfigure(configuration);
        let vrrpd = program("vrrpd", env!("CARGO_BIN_EXE_vrrpd"));
        let mut command = match wrapper {
            [] => Command::new(vrrpd),
            [program, words @ ..] => {
                let mut command = Command::new(program);
                command.args(words).arg(vrrpd);
                command
            }
        };
        command.arg("--config").arg(path).env_remove("RUST_LOG");
        command
    }
}

/// A program of the release under test: beside the `vrrpd` that the environment names, or as cargo built it.
pub(crate) fn program(name: &str, built: &str) -> PathBuf {
    match std::env::var_os("VRRPD") {
        None => PathBuf::from(built),
        Some(vrrpd) if name == "vrrpd" => vrrpd.into(),
        Some(vrrpd) => Path::new(&vrrpd).with_file_name(name),
    }
}

/// The name of the file: what begins with a table is in the native format.
fn file(configuration: &str) -> &'static str {
    if configuration.starts_with('[') { "vrrpd.toml" } else { "vrrpd.conf" }
}

impl Vrrpd {
    pub(crate) fn status(&self) -> Status {
        ask(&self.socket, status::Request {}, Duration::from_secs(5)).unwrap()
    }

    pub(crate) fn router(&self, name: &str) -> RouterView {
        let routers = self.status().routers;
        routers.into_iter().find(|router| router.name == name).unwrap_or_else(|| panic!("no router {name}"))
    }

    pub(crate) fn is(&self, name: &str, state: &str) -> bool {
        self.json(name)["state"] == state
    }

    /// Returns a router's part of the status, with all fields that this release has.
    pub(crate) fn json(&self, name: &str) -> Value {
        let status = self.ask().unwrap_or_else(|| panic!("vrrpd on host {} does not answer", self.host));
        let routers = status["ok"]["routers"].as_array().cloned().unwrap_or_default();
        routers.into_iter().find(|router| router["name"] == name).unwrap_or_else(|| panic!("no router {name}"))
    }

    /// Returns its answer to `status`, with all fields that this release has.
    pub(crate) fn ask(&self) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(b"{\"v\":1,\"verb\":\"status\"}\n").ok()?;
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        let mut answers = lines.map_while(|line| serde_json::from_str::<Value>(&line).ok());
        answers.find(|answer| answer["pending"].is_null())
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
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

    /// Returns how many lines contain `text`.
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

    /// Stops it, as a host that hangs does.
    pub(crate) fn freeze(&self) {
        kill(self.pid, Signal::SIGSTOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        kill(self.pid, Signal::SIGCONT).unwrap();
    }

    #[track_caller]
    fn signal(&self, signal: Signal) -> ExitStatus {
        kill(self.pid, signal).unwrap();
        self.wait()
    }

    /// Waits for its end, which must come soon.
    #[track_caller]
    pub(crate) fn wait(&self) -> ExitStatus {
        let ended = || self.process.lock().unwrap().try_wait().unwrap();
        self.until("it ends", || ended().is_some() && self.log_ended.load(Ordering::Acquire));
        ended().unwrap()
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, condition: impl Fn() -> bool) {
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
