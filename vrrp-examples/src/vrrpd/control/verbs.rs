//! The verbs of the control protocol: one line each.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::daemon::Daemon;
use super::refused::Refused;
use super::verb::{Act, Look, Nexts, Question, Streaming, Verb};
use super::{
    check, diff, doctor, drain, explain, priority, record, reload, start, stats, status, stop, undrain, upgrade, watch,
};

macro_rules! verbs {
    ($($name:ident($request:ty) by $how:ident,)*) => {
        /// A request of a client: `{"verb":"status"}` with the other fields of the verb, and `vrrpctl status`.
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
            /// Has the daemon answer it. What comes before the answer goes to `nexts`.
            pub(super) async fn answer(&self, daemon: &Daemon, nexts: &Nexts) -> Result<Value, Refused> {
                match self {
                    $(Self::$name(verb) => $how(verb, daemon, nexts).await,)*
                }
            }

            /// Returns what comes before an answer as it is printed.
            pub(super) fn print_next(&self, next: &Value, json: bool) -> Result<String, serde_json::Error> {
                let text = match self {
                    $(Self::$name(verb) => verb.next(next)?,)*
                };
                Ok(if json { format!("{next}\n") } else { text })
            }

            /// Returns true if its answer comes in parts, and in JSON is one object a line.
            #[must_use]
            pub fn is_stream(&self) -> bool {
                match self {
                    $(Self::$name(verb) => verb.is_stream(),)*
                }
            }

            /// Returns true if it only asks for information, and is answered at once.
            pub(super) fn is_question(&self) -> bool {
                match self {
                    $(Self::$name(verb) => stringify!($how) != "acting" && !verb.is_stream(),)*
                }
            }

            /// Returns an answer as it is printed.
            pub(super) fn print(&self, answer: Value, json: bool) -> Result<Printed, serde_json::Error> {
                match self {
                    $(Self::$name(verb) => print(verb, answer, json),)*
                }
            }
        }
    };
}

// Each begins with a line here; its name is the one in lower case.
verbs! {
    Status(status::Request) by asking,
    Explain(explain::Request) by looking,
    Doctor(doctor::Request) by looking,
    Reload(reload::Request) by acting,
    Diff(diff::Request) by acting,
    Drain(drain::Request) by acting,
    Undrain(undrain::Request) by acting,
    Priority(priority::Request) by acting,
    Check(check::Request) by acting,
    Stop(stop::Request) by acting,
    Start(start::Request) by acting,
    Upgrade(upgrade::Request) by acting,
    Watch(watch::Request) by streaming,
    Stats(stats::Request) by streaming,
    Record(record::Request) by acting,
}

/// An answer for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// Text or JSON, as it was asked for.
    pub text: String,
    /// True if the result is the one that the user wanted.
    pub succeeded: bool,
}

impl Request {
    /// Returns the names of all verbs.
    pub(super) fn names() -> Vec<String> {
        let verbs = Self::augment_subcommands(clap::Command::new("verbs"));
        verbs.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
    }
}

async fn asking<V: Question>(verb: &V, daemon: &Daemon, _: &Nexts) -> Result<Value, Refused> {
    let snapshot = daemon.snapshot().await?;
    to_value(&verb.answer(&snapshot))
}

async fn looking<V: Look>(verb: &V, daemon: &Daemon, _: &Nexts) -> Result<Value, Refused> {
    to_value(&verb.look(daemon).await?)
}

async fn acting<V: Act>(verb: &V, daemon: &Daemon, _: &Nexts) -> Result<Value, Refused> {
    to_value(&daemon.carry_out(|reply| verb.order(reply)).await?)
}

async fn streaming<V: Streaming>(verb: &V, daemon: &Daemon, nexts: &Nexts) -> Result<Value, Refused> {
    to_value(&verb.answer(daemon, nexts).await?)
}

fn to_value(answer: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(answer).map_err(|error| Refused::Failed { why: error.to_string() })
}

fn print<V: Verb>(verb: &V, answer: Value, json: bool) -> Result<Printed, serde_json::Error> {
    let answer: V::Answer = serde_json::from_value(answer)?;
    let text = match json {
        false => verb.text(&answer),
        true if verb.is_stream() => serde_json::to_string(&answer)? + "\n",
        true => serde_json::to_string_pretty(&answer)? + "\n",
    };
    Ok(Printed { text, succeeded: verb.succeeded(&answer) })
}
