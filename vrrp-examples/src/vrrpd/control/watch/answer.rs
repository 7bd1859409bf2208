//! The messages for a client that watches.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::vrrpd::control::snapshot;
use crate::vrrpd::control::status::Since;
use crate::vrrpd::log::{Level, Record};

/// One message of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Watched {
    /// The state of everything. It comes first.
    Snapshot(Snapshot),
    /// Something happened.
    Event(Event),
    /// Here were more events, which this reader did not read in time.
    Lost {
        /// The number of lost events.
        count: u64,
    },
    /// Something of a newer release.
    #[serde(other)]
    Other,
}

/// The state of everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of the daemon.
    pub version: String,
    /// The time at which it was taken: RFC 3339, UTC.
    pub time: String,
    /// The virtual routers, as configured.
    pub routers: Vec<Standing>,
}

/// The state of one router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub router: String,
    /// `Master`, `Backup`, `Fault` or `Initialize`.
    pub state: String,
    /// Priority in use.
    pub priority: u8,
    /// The Master's own address, where one is known.
    pub master: Option<String>,
    /// The moment at which it entered its state; none before it has entered one.
    pub since: Option<Since>,
    /// The reason why it is in its state.
    pub cause: String,
}

/// Something that happened: a line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub sequence: u64,
    /// The time: RFC 3339, UTC.
    pub time: String,
    /// The level: how much it matters.
    pub level: Level,
    /// Its kind (`docs/log.md` lists all).
    pub id: String,
    /// The virtual router that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// The event in words, for people.
    pub message: String,
    /// Its parts, for programs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// The last word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// `end`.
    kind: End,
    /// The reason why nothing more comes.
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    End,
}

/// The reason why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// The daemon has stopped.
    Stopped,
    /// Another program goes on in its place: its events are to be asked for again.
    Upgraded,
}

impl Ended {
    pub(super) const fn new(why: Why) -> Self {
        Self { kind: End::End, why }
    }
}

pub(super) fn snapshot(daemon: &snapshot::Snapshot) -> Snapshot {
    let status = crate::vrrpd::control::status::of(daemon);
    let routers = status.routers.into_iter().map(|router| Standing {
        router: router.name,
        state: router.state,
        priority: router.priority,
        master: router.master.map(|master| master.address),
        since: router.since,
        cause: router.cause,
    });
    let time = humantime::format_rfc3339_micros(daemon.taken_at).to_string();
    Snapshot { version: status.version, time, routers: routers.collect() }
}

/// Returns a line of the log as [`Watched::Event`].
pub(super) fn event(record: &Record) -> Value {
    let mut event = record.json();
    event["kind"] = "event".into();
    event
}
