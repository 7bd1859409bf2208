//! The parts of a verb of the control protocol.

use serde::Serialize;
use serde::de::{DeserializeOwned, Error};
use serde_json::Value;
use tokio::sync::mpsc;

use super::daemon::Daemon;
use super::order::{Order, Reply};
use super::refused::Refused;
use super::snapshot::Snapshot;

/// A verb: a file of its own says what is asked (its fields are both JSON and command line), what is answered, and how that
/// reads. It is a [`Question`], a [`Look`], an [`Act`], or [`Streaming`].
pub trait Verb {
    /// The answer of the daemon.
    type Answer: Serialize + DeserializeOwned;

    /// Returns the answer as people read it.
    fn text(&self, answer: &Self::Answer) -> String;

    /// Returns true if the result is the one that the user wanted. The exit status depends on it.
    fn succeeded(&self, _answer: &Self::Answer) -> bool {
        true
    }

    /// Returns what comes before the answer as people read it.
    ///
    /// # Errors
    /// Where nothing may come before the answer, or something else.
    fn next(&self, _next: &Value) -> Result<String, serde_json::Error> {
        Err(serde_json::Error::custom("it has several parts"))
    }

    /// Returns true if parts come before the answer, so that in JSON each is on a line of its own.
    fn is_stream(&self) -> bool {
        false
    }
}

/// A verb that changes nothing.
pub trait Question: Verb {
    /// Makes the answer from what the daemon knows.
    fn answer(&self, daemon: &Snapshot) -> Self::Answer;
}

/// A verb that changes nothing, and looks around before it answers: that may take its time.
pub trait Look: Verb {
    /// Makes the answer from what it sees, and what the daemon knows after that.
    ///
    /// # Errors
    /// Where it makes no sense.
    fn look(&self, daemon: &Daemon) -> impl Future<Output = Result<Self::Answer, Refused>> + Send;
}

/// A verb that the supervisor carries out.
pub trait Act: Verb {
    /// Makes the order, with where its answer goes.
    ///
    /// # Errors
    /// Where it would make no sense.
    fn order(&self, reply: Reply<Self::Answer>) -> Result<Order, Refused>;
}

/// A verb that is answered bit by bit, as long as the daemon runs or there is more.
pub trait Streaming: Verb {
    /// Gives what comes, one after the other, and returns what comes last.
    fn answer(&self, daemon: &Daemon, nexts: &Nexts) -> impl Future<Output = Result<Self::Answer, Refused>> + Send;
}

/// The channel for what comes before an answer. The sender waits until the client has taken what was given before.
#[derive(Debug)]
pub struct Nexts(mpsc::Sender<Value>);

impl Nexts {
    pub(super) fn new() -> (Self, mpsc::Receiver<Value>) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Gives the next part.
    ///
    /// # Errors
    /// Where the client has gone.
    pub(super) async fn give(&self, next: &impl Serialize) -> Result<(), Refused> {
        let failed = |why: String| Refused::Failed { why };
        let next = serde_json::to_value(next).map_err(|why| failed(why.to_string()))?;
        self.0.send(next).await.map_err(|_| failed("the client has gone".to_owned()))
    }
}
