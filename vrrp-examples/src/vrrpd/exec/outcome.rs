//! The outcome of a run, in the words of the log.

use std::fmt;
use std::time::Duration;

use nix::sys::signal::Signal;

/// The outcome of a run. Only exit status 0 is a success: whatever cannot be known counts as failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself.
    Exited {
        /// Exit status.
        status: i32,
        /// Its last message on stderr.
        stderr: Option<String>,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// Its last message on stderr.
        stderr: Option<String>,
    },
    /// It took longer than it may and was killed with its process group.
    TimedOut {
        /// The time that it may take.
        limit: Duration,
        /// Its last message on stderr until then.
        stderr: Option<String>,
    },
    /// It could not be run; the whole sentence why.
    NotStarted(String),
}

impl Outcome {
    /// Returns true if it ended by itself with exit status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        matches!(self, Self::Exited { status: 0, .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stderr = match self {
            Self::Exited { status, stderr } => {
                write!(f, "exit status {status}")?;
                stderr.as_ref().filter(|_| *status != 0)
            }
            Self::Signalled { signal, stderr } => {
                write!(f, "killed by signal {signal}")?;
                if let Ok(signal) = Signal::try_from(*signal) {
                    write!(f, " ({signal})")?;
                }
                stderr.as_ref()
            }
            Self::TimedOut { limit, stderr } => {
                write!(f, "timed out after {} s, killed with its children", limit.as_secs_f64())?;
                stderr.as_ref()
            }
            Self::NotStarted(why) => return f.write_str(why),
        };
        match stderr {
            Some(line) => write!(f, ": {line}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_it_so() {
        let line = || Some("no running copy".to_owned());
        for (outcome, text) in [
            (Outcome::Exited { status: 0, stderr: line() }, "exit status 0"),
            (Outcome::Exited { status: 1, stderr: None }, "exit status 1"),
            (Outcome::Exited { status: 1, stderr: line() }, "exit status 1: no running copy"),
            (Outcome::Signalled { signal: 11, stderr: None }, "killed by signal 11 (SIGSEGV)"),
            (Outcome::Signalled { signal: 40, stderr: None }, "killed by signal 40"),
            (
                Outcome::TimedOut { limit: Duration::from_secs(3), stderr: line() },
                "timed out after 3 s, killed with its children: no running copy",
            ),
            (
                Outcome::TimedOut { limit: Duration::from_millis(500), stderr: None },
                "timed out after 0.5 s, killed with its children",
            ),
            (Outcome::NotStarted("cannot run x: y".to_owned()), "cannot run x: y"),
        ] {
            assert_eq!(outcome.to_string(), text);
        }
    }

    #[test]
    fn only_exit_status_0_is_a_success() {
        assert!(Outcome::Exited { status: 0, stderr: None }.success());
        assert!(!Outcome::Exited { status: 1, stderr: None }.success());
        assert!(!Outcome::Signalled { signal: 15, stderr: None }.success());
    }
}
