//! The outcome of a look.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use vrrp_core::Reading;

use crate::os_error::OsError;

/// The outcome of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Outcome {
    /// The finding. One that could not be made counts as failing.
    pub reading: Reading,
    /// The reason, for people: where it failed, what was expected and what was there.
    pub reason: String,
}

impl Outcome {
    /// Returns whether it counts as a success.
    #[must_use]
    pub fn success(&self) -> bool {
        self.reading != Reading::Failing
    }

    /// The outcome at this `place`.
    pub(super) fn at(place: impl fmt::Display, found: Result<String, Failure>) -> Self {
        match found {
            Ok(found) => Self { reading: Reading::Passing, reason: format!("{place}: {found}") },
            Err(failure) => Self { reading: Reading::Failing, reason: format!("{place}: {failure}") },
        }
    }
}

/// The step at which it failed, and why.
#[derive(Debug)]
pub(super) struct Failure {
    step: Cow<'static, str>,
    why: Why,
}

/// The reason why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    #[error("{0}")]
    Os(OsError),
    #[error("nothing within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("expected {expected}, found {found}")]
    Unexpected { expected: String, found: String },
    #[error("{0}")]
    Other(String),
}

impl Failure {
    pub(super) fn new(step: impl Into<Cow<'static, str>>, why: impl Into<Why>) -> Self {
        Self { step: step.into(), why: why.into() }
    }

    pub(super) fn unexpected(step: &'static str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::new(step, Why::Unexpected { expected: expected.to_string(), found: found.to_string() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        Self::Os(error.into())
    }
}

impl From<nix::Error> for Why {
    fn from(error: nix::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<String> for Why {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

impl From<hyper::Error> for Why {
    fn from(error: hyper::Error) -> Self {
        // Its own words are general; what it comes from says what was wrong.
        let causes = std::iter::successors(error.source(), |error| (*error).source());
        Self::Other(causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
    }
}
