//! A program on a host, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{Host, LIMIT, eventually, within};

/// Lines of its log that a failing story shows.
const RECENT: usize = 40;

/// Killed when dropped.
pub(crate) struct Process {
    what: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Runs a command on a host.
    pub(crate) fn start(host: &Host, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = host.run(move || command.spawn()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let log = Arc::default();
        record(child.stdout.take().unwrap(), &log);
        record(child.stderr.take().unwrap(), &log);
        Self { what, child, log }
    }

    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    /// Every line that it printed so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has printed a line with this text.
    pub(crate) fn until(&self, text: &str) {
        let said = || self.log.lock().unwrap().iter().any(|line| line.contains(text));
        assert!(within(LIMIT, said), "`{text}` was not printed, but: {:#?}", self.log());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) {
        eventually("the end of a process", || self.child.try_wait().unwrap().is_some());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let (name, log) = (thread::current().name().unwrap_or_default().to_owned(), self.log());
            let recent = log[log.len().saturating_sub(RECENT)..].join("\n    ");
            eprintln!("{name}: the last lines of {}:\n    {recent}", self.what);
        }
    }
}

fn record(from: impl Read + Send + 'static, log: &Arc<Mutex<Vec<String>>>) {
    let log = Arc::clone(log);
    let lines = BufReader::new(from).lines().map_while(Result::ok);
    thread::spawn(move || lines.for_each(|line| log.lock().unwrap().push(line)));
}
