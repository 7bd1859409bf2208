//! Running one command: in a process group of its own, within a time limit, gone with all its children.
//!
//! Nothing here blocks the calling thread. Looking up a user and starting a program can both hang (a directory service,
//! a dead file server), so they happen on the runtime's blocking threads and count against the limit.

mod child;
mod outcome;
mod program;
mod stderr;
mod user;

use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use crate::config::Command;
use child::Child;
pub use outcome::Outcome;
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
            child.kill_group();
            (Outcome::TimedOut { limit, stderr: child.last_words() }, Remains(Left::Killed(Box::new(child))))
        }
    }
}

/// What may still be there of a run whose outcome is known.
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
                    child.kill_group();
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
