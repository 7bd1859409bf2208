//! Running one command in a process group of its own: a check within a time limit, gone with all its children; a script
//! that is told something until it ends or is cut off.
//!
//! Nothing here blocks the calling thread. Looking up a user and starting a program can both hang (a directory service,
//! a dead file server), so they happen on the runtime's blocking threads and count against the limit.

mod child;
mod inheritance;
mod limits;
mod outcome;
mod own;
mod program;
mod stderr;
mod user;

use std::pin::pin;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::vrrpd::config::{Command, User};
use child::Child;
pub(crate) use limits::{become_command, remember, restore as restore_limits};
pub use outcome::Outcome;
pub(crate) use own::retain_foreign;
pub use program::{Obstacle, can_run, is_secure, needs_no_shell};

/// Runs `command` with `arguments` after its own words, for `limit` at most; past it, the whole process group is killed.
/// A command that ends in time takes what it left running in its group along. Only what made itself a group of its own
/// (`setsid`) outlives it.
///
/// The outcome is there as soon as it is known. A new run should wait until [`Remains::gone`], or two may run at once.
/// Dropping either future kills the group.
pub async fn run(command: &Command, arguments: &[String], limit: Duration) -> (Outcome, Remains) {
    let deadline = Instant::now() + limit;
    let (command, arguments) = (command.clone(), arguments.to_owned());
    let mut starting = spawn_blocking(move || Child::start(&command, &arguments));
    let mut child = match timeout_at(deadline, &mut starting).await {
        Ok(Ok(Ok(child))) => child,
        Ok(Ok(Err(why))) => return (Outcome::NotStarted(why), Remains(Left::Nothing)),
        Ok(Err(cancelled)) => {
            return (Outcome::NotStarted(format!("cannot start: {cancelled}")), Remains(Left::Nothing));
        }
        Err(_) => return (Outcome::TimedOut { limit, stderr: None }, Remains(Left::Starting(starting))),
    };
    match timeout_at(deadline, child.ended()).await {
        Ok(()) => (child.collect().await, Remains(Left::Nothing)),
        Err(_) => {
            child.signal_group(Signal::SIGKILL);
            (Outcome::TimedOut { limit, stderr: child.last_words() }, Remains(Left::Killed(Box::new(child))))
        }
    }
}

/// Returns the numbers of a user and its group. May block (directory services).
///
/// # Errors
/// The fault of the names, as a phrase.
pub(crate) fn ids(user: &User) -> Result<(Uid, Gid), String> {
    user::Ids::of(user).map(|ids| (ids.uid, ids.gid))
}

/// The time from SIGTERM to SIGKILL for a script that is cut off.
pub const GRACE: Duration = Duration::from_secs(1);

/// Runs `command` with `arguments` after its own words until it ends, or until `cut` says why it must. Then its process
/// group gets SIGTERM, and all that is left of it gets SIGKILL after [`GRACE`].
///
/// Processes that a command leaves running when it ends by itself live on. This function returns when the command itself is gone
/// or has been sent SIGKILL. For the rest the same is true as for [`run`].
pub async fn run_until<R>(
    command: &Command,
    arguments: &[String],
    cut: impl Future<Output = R>,
) -> (Ended<R>, Remains) {
    let (command, arguments) = (command.clone(), arguments.to_owned());
    let begun = Instant::now();
    let mut starting = spawn_blocking(move || Child::start(&command, &arguments));
    let mut cut = pin!(cut);
    let started = tokio::select! {
        biased;
        started = &mut starting => started,
        why = &mut cut => {
            let cut_off = CutOff { why, ran: begun.elapsed(), killed: false, stderr: None };
            return (Ended::CutOff(cut_off), Remains(Left::Starting(starting)));
        }
    };
    let mut child = match started {
        Ok(Ok(child)) => child,
        Ok(Err(why)) => return (Ended::ByItself(Outcome::NotStarted(why)), Remains(Left::Nothing)),
        Err(cancelled) => {
            let why = format!("cannot start: {cancelled}");
            return (Ended::ByItself(Outcome::NotStarted(why)), Remains(Left::Nothing));
        }
    };
    let why = tokio::select! {
        biased;
        () = child.ended() => return (Ended::ByItself(child.collect_alone().await), Remains(Left::Nothing)),
        why = &mut cut => why,
    };
    let ran = begun.elapsed();
    child.signal_group(Signal::SIGTERM);
    let kill_at = Instant::now() + GRACE;
    let killed = timeout_at(kill_at, child.ended()).await.is_err();
    let ended = Ended::CutOff(CutOff { why, ran, killed, stderr: child.last_words() });
    if killed {
        child.signal_group(Signal::SIGKILL);
        return (ended, Remains(Left::Killed(Box::new(child))));
    }
    // Nobody waits for what the command has started: the number of its group is kept until then.
    tokio::spawn(async move {
        sleep_until(kill_at).await;
        child.collect().await
    });
    (ended, Remains(Left::Nothing))
}

/// The end of a script that may be cut off for a reason `R`.
#[derive(Debug)]
pub enum Ended<R> {
    /// Nobody had to end it.
    ByItself(Outcome),
    /// It was cut off.
    CutOff(CutOff<R>),
}

/// The details of how a script was cut off.
#[derive(Debug)]
pub struct CutOff<R> {
    /// The reason.
    pub why: R,
    /// The time for which it had run until then.
    pub ran: Duration,
    /// True if SIGTERM was not enough.
    pub killed: bool,
    /// Its last message on stderr until then.
    pub stderr: Option<String>,
}

/// The processes of a run that may still be there after its outcome is known.
#[derive(Debug)]
pub struct Remains(Left);

#[derive(Debug)]
enum Left {
    /// It ended by itself.
    Nothing,
    /// It has not even started.
    Starting(JoinHandle<Result<Child, String>>),
    /// It was sent SIGKILL. A process stuck in the kernel dies of it only when the kernel lets it go.
    Killed(Box<Child>),
}

impl Remains {
    /// Ends when the command is dead; one that still was to start is killed as soon as it does.
    pub async fn gone(self) {
        match self.0 {
            Left::Nothing => {}
            Left::Starting(starting) => {
                if let Ok(Ok(mut child)) = starting.await {
                    child.signal_group(Signal::SIGKILL);
                    child.ended().await;
                }
            }
            Left::Killed(mut child) => child.ended().await,
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
