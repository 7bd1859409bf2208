//! What a verb of the control protocol is.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::snapshot::Snapshot;

/// A verb: a file of its own says what is asked (its fields are both JSON and command line), what is answered, and how that
/// reads.
pub trait Verb {
    /// What the daemon answers.
    type Answer: Serialize + DeserializeOwned;

    /// Makes the answer from what the daemon knows.
    fn answer(&self, daemon: &Snapshot) -> Self::Answer;

    /// Returns the answer as people read it.
    fn text(&self, answer: &Self::Answer) -> String;
}
