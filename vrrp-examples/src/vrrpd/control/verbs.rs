//! The verbs of the control protocol: one line each.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::daemon::Daemon;
use super::refused::Refused;
use super::verb::{Act, Question, Verb};
use super::{check, diff, drain, priority, reload, start, status, stop, undrain, upgrade};

macro_rules! verbs {
    ($($name:ident($request:ty) by $how:ident,)*) => {
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
            /// Has the daemon answer it.
            pub(super) async fn answer(&self, daemon: &Daemon) -> Result<Value, Refused> {
                match self {
                    $(Self::$name(verb) => $how(verb, daemon).await,)*
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
    Reload(reload::Request) by acting,
    Diff(diff::Request) by acting,
    Drain(drain::Request) by acting,
    Undrain(undrain::Request) by acting,
    Priority(priority::Request) by acting,
    Check(check::Request) by acting,
    Stop(stop::Request) by acting,
    Start(start::Request) by acting,
    Upgrade(upgrade::Request) by acting,
}

/// An answer for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// Text or JSON, as it was asked for.
    pub text: String,
    /// Whether it came out as who asked wanted it.
    pub succeeded: bool,
}

impl Request {
    /// Returns the names of all verbs.
    pub(super) fn names() -> Vec<String> {
        let verbs = Self::augment_subcommands(clap::Command::new("verbs"));
        verbs.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
    }
}

async fn asking<V: Question>(verb: &V, daemon: &Daemon) -> Result<Value, Refused> {
    to_value(&verb.answer(&daemon.snapshot().await?))
}

async fn acting<V: Act>(verb: &V, daemon: &Daemon) -> Result<Value, Refused> {
    to_value(&daemon.carry_out(|reply| verb.order(reply)).await?)
}

fn to_value(answer: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(answer).map_err(|error| Refused::Failed { why: error.to_string() })
}

fn print<V: Verb>(verb: &V, answer: Value, json: bool) -> Result<Printed, serde_json::Error> {
    let answer: V::Answer = serde_json::from_value(answer)?;
    let text = if json { serde_json::to_string_pretty(&answer)? + "\n" } else { verb.text(&answer) };
    Ok(Printed { text, succeeded: verb.succeeded(&answer) })
}
