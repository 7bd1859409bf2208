//! The verbs of the control protocol: one line each.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::snapshot::Snapshot;
use super::status;
use super::verb::Verb;

macro_rules! verbs {
    ($($name:ident($request:ty),)*) => {
        /// What a client asks for: `{"verb":"status"}` with whatever else the verb takes, and `vrrpctl status`.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Subcommand)]
        #[serde(tag = "verb", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Request {
            $(#[allow(missing_docs)] $name($request),)*
        }

        $(impl From<$request> for Request {
            fn from(request: $request) -> Self {
                Self::$name(request)
            }
        })*

        impl Request {
            /// Makes the answer from what the daemon knows.
            pub(super) fn answer(&self, daemon: &Snapshot) -> Result<Value, serde_json::Error> {
                match self {
                    $(Self::$name(verb) => serde_json::to_value(verb.answer(daemon)),)*
                }
            }

            /// Returns an answer as it is printed.
            pub(super) fn print(&self, answer: Value, json: bool) -> Result<String, serde_json::Error> {
                match self {
                    $(Self::$name(verb) => print(verb, answer, json),)*
                }
            }
        }
    };
}

// Each begins with a line here; its name is the one in lower case.
verbs! {
    Status(status::Request),
}

impl Request {
    /// Returns the names of all verbs.
    pub(super) fn names() -> Vec<String> {
        let verbs = Self::augment_subcommands(clap::Command::new("verbs"));
        verbs.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
    }
}

fn print<V: Verb>(verb: &V, answer: Value, json: bool) -> Result<String, serde_json::Error> {
    let answer: V::Answer = serde_json::from_value(answer)?;
    if json { serde_json::to_string_pretty(&answer).map(|text| text + "\n") } else { Ok(verb.text(&answer)) }
}
