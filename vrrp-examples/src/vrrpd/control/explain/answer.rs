//! The explanation of one router's state, with all the facts that it follows from.

use serde::{Deserialize, Serialize};

use crate::vrrpd::control::status::Since;
use crate::vrrpd::doctor::Finding;

/// The reason why a router is in its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Name in the configuration.
    pub router: String,
    /// Interface that VRRP runs on.
    pub interface: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Virtual router id.
    pub vrid: u8,
    /// `Master`, `Backup`, `Fault` or `Initialize`.
    pub state: String,
    /// The moment at which it entered its state; none before it has entered one.
    pub since: Option<Since>,
    /// The reason why it is in its state.
    pub cause: String,
    /// The source of its own advertisements.
    pub source: Option<String>,
    /// Priority in use.
    pub priority: u8,
    /// Priority in the configuration.
    pub configured_priority: u8,
    /// The reasons why the one is not the other, and what was changed by hand.
    pub priority_because: Vec<String>,
    /// All that is wrong, as far as the daemon knows without listening and asking.
    pub findings: Vec<Finding>,
    /// The last advertisement of each router that was heard, the latest first.
    pub heard: Vec<HeardView>,
    /// The ignored advertisements, the latest first.
    pub ignored: Vec<IgnoredView>,
    /// The last advertisement that could not be sent, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<String>,
    /// The state of each tracker, with its last result.
    pub trackers: Vec<String>,
    /// The timers that run.
    pub timers: Vec<TimerView>,
    /// The next events.
    pub next: Vec<String>,
    /// The events that would make it Master; none if it is.
    pub becomes_master: Vec<String>,
    /// The events that would end its being Master; none if it is not.
    pub loses_master: Vec<String>,
}

/// The last advertisement of one router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeardView {
    /// The sender.
    pub source: String,
    /// Its priority; 0: the sender released the addresses.
    pub priority: u8,
    /// Its interval in seconds.
    pub interval: f64,
    /// 2 or 3.
    pub version: u8,
    /// The moment at which it came.
    pub last: Since,
    /// The number that came from this one.
    pub count: u64,
}

/// The last advertisement of one router that was ignored for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IgnoredView {
    /// The sender.
    pub source: String,
    /// The reason why it was ignored.
    pub why: String,
    /// The moment at which it came.
    pub last: Since,
    /// The number that was ignored of this one for this reason.
    pub count: u64,
}

/// A timer that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerView {
    /// `master-down`, `preempt-delay`, `advertisement`, `lease`, `retry` or `hand-over`.
    pub timer: String,
    /// The seconds until it runs out.
    pub ends_in: f64,
    /// The action then.
    pub then: String,
}
