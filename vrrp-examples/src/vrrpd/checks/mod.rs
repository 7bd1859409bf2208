//! Checks that run on their schedule: one file a kind.

pub mod script;

/// A check passes or fails, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Index of the check in the list that was started.
    pub script: usize,
    /// Whether it passes.
    pub passed: bool,
    /// The result that decided it, for people.
    pub reason: String,
}
