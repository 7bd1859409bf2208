//! One child process and the group it leads.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

use super::outcome::Outcome;
use super::program::{Obstacle, is_secure};
use super::stderr::Stderr;
use super::user::Ids;
use super::{inheritance, limits, own};
use crate::vrrpd::config::Command;
use crate::vrrpd::log::log;

/// The time that the last words may take to arrive once everybody who could still write them has been killed.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A started command. Dropping it kills its group.
///
/// The group is only ever signalled while its leader is unreaped: until then the kernel gives its number to nobody else.
#[derive(Debug)]
pub(super) struct Child {
    process: tokio::process::Child,
    group: Pid,
    stderr: Stderr,
    child_signals: Signals,
    reaped: bool,
}

impl Child {
    /// Starts `command`, or says in one sentence why it cannot be started. May block.
    pub(super) fn start(command: &Command, arguments: &[String]) -> Result<Self, String> {
        let [program, words @ ..] = command.words.as_slice() else {
            return Err("cannot run a command without words".to_owned());
        };
        let ids = command.user.as_ref().map(Ids::of).transpose()?.filter(|ids| !ids.are_ours());
        let cannot = |error: io::Error| explain(program, ids.as_ref(), &error);

        if command.secure {
            let refused = |obstacle: Obstacle| format!("{}; `enable_script_security` is on", obstacle.problem);
            is_secure(command, false).map_err(refused)?;
        }

        // Listening before the start: no death can be missed.
        let child_signals = signal(SignalKind::child()).map_err(cannot)?;
        inheritance::keep_capabilities().map_err(|why| format!("cannot run {program}: {why}"))?;
        let mut builder = tokio::process::Command::from(limits::command(program));
        builder.args(words).args(arguments).process_group(0);
        for (variable, _) in std::env::vars_os() {
            if variable.to_str().is_some_and(inheritance::is_ours) {
                builder.env_remove(variable);
            }
        }
        builder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(ids) = &ids {
            builder.gid(ids.gid.as_raw()).uid(ids.uid.as_raw());
        }
        let mut process = builder.spawn().map_err(cannot)?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let Some(group) = group else {
            return Err(format!("cannot run {program}: it has no process id"));
        };
        own::started(group);
        let stderr = Stderr::new(process.stderr.take());
        Ok(Self { process, group, stderr, child_signals, reaped: false })
    }

    /// Ends when the command itself has ended, reading along what it says, so that it never waits for a reader.
    pub(super) async fn ended(&mut self) {
        while !has_ended(self.group) {
            tokio::select! {
                _ = self.child_signals.recv() => {}
                () = self.stderr.read(), if self.stderr.is_open() => {}
            }
        }
    }

    /// Kills what the ended command left running, reaps it and tells how it went.
    pub(super) async fn collect(mut self) -> Outcome {
        self.signal_group(Signal::SIGKILL);
        self.reap().await
    }

    /// Reaps the ended command and tells how it went. What it left running lives on, and may write to its stderr.
    pub(super) async fn collect_alone(mut self) -> Outcome {
        let outcome = self.reap().await;
        self.stderr.give_away();
        outcome
    }

    async fn reap(&mut self) -> Outcome {
        // Elapses only when somebody who lives on holds the pipe.
        let _ = timeout(LAST_WORDS, self.stderr.read_to_end()).await;
        let status = self.process.wait().await;
        self.reaped = true;
        own::reaped(self.group);
        let stderr = self.last_words();
        match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(status), _) => Outcome::Exited { status, stderr },
                (None, signal) => Outcome::Signalled { signal: signal.unwrap_or_default(), stderr },
            },
            Err(error) => Outcome::NotStarted(format!("its end was missed: {error}")),
        }
    }

    /// Sends a signal to the command and everything in its group.
    pub(super) fn signal_group(&self, signal: Signal) {
        match killpg(self.group, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => log!(
                KillFailed,
                error = errno.desc(),
                "cannot send {signal} to process group {}: {}",
                self.group,
                errno.desc()
            ),
        }
    }

    /// Returns the last message on stderr so far.
    pub(super) fn last_words(&self) -> Option<String> {
        self.stderr.last_message()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal_group(Signal::SIGKILL);
            own::left(self.group);
        }
    }
}

/// Returns true if the process is dead; leaves it to be reaped.
fn has_ended(process: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // Other errors mean that it died of a signal without a name, or is not a child any more.
    !matches!(waitid(Id::Pid(process), flags), Ok(WaitStatus::StillAlive) | Err(Errno::EINTR))
}

/// Returns the sentence for a failed start. The switch of user and the exec report through the same error; these two numbers
/// are the switch's.
fn explain(program: &str, ids: Option<&Ids>, error: &io::Error) -> String {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let why = errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned());
    if let (Some(ids), Some(Errno::EPERM | Errno::EINVAL)) = (ids, errno) {
        return format!("cannot switch to {}: {why}; vrrpd needs CAP_SETUID and CAP_SETGID for that", ids.name);
    }
    let hint = match errno {
        Some(Errno::ENOENT) if Path::new(program).exists() => {
            "; the file is there, but the interpreter on its #! line is not"
        }
        Some(Errno::ENOEXEC) => "; a script needs a #! line",
        _ => "",
    };
    format!("cannot run {program}: {why}{hint}")
}
