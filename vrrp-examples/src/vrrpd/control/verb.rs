//! What a verb of the control protocol is.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::order::{Order, Reply};
use super::refused::Refused;
use super::snapshot::Snapshot;

/// A verb: a file of its own says what is asked (its fields are both JSON and command line), what is answered, and how that
/// reads. It is a [`Question`] or an [`Act`].
pub trait Verb {
    /// What the daemon answers.
    type Answer: Serialize + DeserializeOwned;

    /// Returns the answer as people read it.
    fn text(&self, answer: &Self::Answer) -> String;

    /// Whether it came out as who asked wanted it: the exit status says so.
    fn succeeded(&self, _answer: &Self::Answer) -> bool {
        true
    }
}

/// A verb that changes nothing.
pub trait Question: Verb {
    /// Makes the answer from what the daemon knows.
    fn answer(&self, daemon: &Snapshot) -> Self::Answer;
}

/// A verb that the supervisor carries out.
pub trait Act: Verb {
    /// Makes the order, with where its answer goes.
    ///
    /// # Errors
    /// Where it would make no sense.
    fn order(&self, reply: Reply<Self::Answer>) -> Result<Order, Refused>;
}
