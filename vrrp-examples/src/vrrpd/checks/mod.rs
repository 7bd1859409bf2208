//! Checks that run on their schedule: one file a kind.

pub mod script;

/// A check passes or fails, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the check.
    pub script: String,
    /// Which of the checks that had this name one after the other.
    serial: u64,
    /// Whether it passes.
    pub passed: bool,
    /// The result that decided it, for people.
    pub reason: String,
}

/// One run that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Whether it succeeded.
    pub success: bool,
    /// How it ended, for people.
    pub outcome: String,
    /// Whether the check passes after it: single results may not change that.
    pub passes: bool,
}
