//! The programs that run on a proxy, and what they say.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::testbed::error::Error;
use crate::testbed::namespace::Namespace;

/// Lines of each program's log that are kept for when a check fails.
const KEPT_LINES: usize = 30;

/// The last lines that one program on one host said.
#[derive(Debug)]
pub(super) struct Log {
    host: String,
    program: &'static str,
    stream: bool,
    lines: Mutex<VecDeque<String>>,
}

impl Log {
    /// With `stream`, every line is also printed as it comes.
    pub(super) fn new(host: &str, program: &'static str, stream: bool) -> Arc<Self> {
        Arc::new(Self { host: host.to_owned(), program, stream, lines: Mutex::default() })
    }

    /// Returns the last lines, each with host and program in front.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{} {}: {line}", self.host, self.program)).collect()
    }

    fn push(&self, line: String) {
        if self.stream {
            eprintln!("    {} {}: {line}", self.host, self.program);
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn forward_output(self: &Arc<Self>, output: Option<impl Read + Send + 'static>) {
        let log = Arc::clone(self);
        if let Some(output) = output {
            thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|line| log.push(line)));
        }
    }
}

/// A program on a host. It leads a process group of its own and is killed, with that group, when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    what: String,
}

impl Process {
    /// Starts `command` inside `namespace`.
    pub(super) fn start(namespace: &Namespace, log: &Arc<Log>, mut command: Command) -> Result<Self, Error> {
        let what = format!("{} on {}", log.program, namespace.name());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child =
            namespace.run(move || command.spawn()).map_err(|error| Error::new(format!("starting {what}"), error))?;
        log.forward_output(child.stdout.take());
        log.forward_output(child.stderr.take());
        Ok(Self { child, what })
    }

    /// Ends it in good order and waits for that.
    pub(super) async fn terminate(mut self) -> Result<ExitStatus, Error> {
        self.signal(Signal::SIGTERM)?;
        for _ in 0..1_000 {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(Error::new(format!("stopping {}", self.what), std::io::Error::from(std::io::ErrorKind::TimedOut)))
    }

    /// Kills it, and every process of its group, without warning.
    pub(super) fn kill(self) {
        drop(self);
    }

    /// Returns how it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(|error| Error::new(format!("waiting for {}", self.what), error))
    }

    /// Signals it, and every process of its group.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Error> {
        // A process id of the kernel's fits its own type; 0, which would mean this process's own group, is none.
        let group = i32::try_from(self.child.id()).unwrap_or(i32::MAX);
        killpg(Pid::from_raw(group), signal).map_err(|errno| Error::new(format!("signalling {}", self.what), errno))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            // It may end by itself in between: either way it is gone.
            let _ = self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
