//! The status of the daemon.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::vrrpd::control::snapshot::Hand;

/// The whole daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Its virtual routers, as configured.
    pub routers: Vec<RouterView>,
    /// Its checks, as configured.
    #[serde(default)]
    pub checks: Vec<CheckView>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Name in the configuration.
    pub name: String,
    /// The kind of check: `script`, `tcp`, `file` and so on.
    pub kind: String,
    /// True if it passes, with its `rise` and `fall`; none before its first result.
    pub passing: Option<bool>,
    /// The number that it says, where it is one that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i32>,
    /// The outcome of its last look; none before the first.
    pub last: Option<LookView>,
}

/// One look of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookView {
    /// True if it succeeded.
    pub passed: bool,
    /// The fact that decided it.
    pub result: String,
}

/// One virtual router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouterView {
    /// Name in the configuration.
    pub name: String,
    /// Interface that VRRP runs on.
    pub interface: String,
    /// `IPv4` or `IPv6`.
    pub family: String,
    /// Virtual router id.
    pub vrid: u8,
    /// `Master`, `Backup`, `Fault` or `Initialize`.
    pub state: String,
    /// Priority in use, after tracking.
    pub priority: u8,
    /// Priority in the configuration.
    pub configured_priority: u8,
    /// The changes made by hand, until the next reload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<Hand>,
    /// The state of its drain, if it is drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainView>,
    /// Its virtual addresses.
    pub addresses: Vec<AddressView>,
    /// The faults that keep it out of the election, each with its name and reason.
    pub faults: Vec<String>,
    /// Its trackers, each with its present effect.
    #[serde(default)]
    pub trackers: Vec<TrackerView>,
    /// The Master, where one is known.
    pub master: Option<MasterView>,
    /// Another router that is Master too, where this one is Master and hears it.
    #[serde(default)]
    pub other_master: Option<OtherMasterView>,
    /// The moment at which it entered its state; none before it has entered one.
    pub since: Option<Since>,
    /// The reason why it is in its state.
    pub cause: String,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
}

/// The state of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrainView {
    /// It is Master, and waits for another one.
    HandingOver,
    /// It is Master, for nobody took over.
    LastResort,
    /// It is not Master, and takes its addresses only where nobody else has them.
    Reserve,
}

/// One tracked script or interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerView {
    /// `check NAME` or `interface NAME`.
    pub name: String,
    /// Its last result; none before the first.
    pub passing: Option<bool>,
    /// The result in words, with its reason.
    pub says: String,
    /// True if it keeps the router out of the election now.
    pub fault: bool,
    /// The number that it adds to the priority now.
    pub priority: i32,
    /// The number that it adds to the priority: a positive one while it passes, a negative one while it fails, the other way round
    /// if it is reversed. A factor where it says a number. None if it decides about a fault.
    pub weight: Option<i32>,
}

/// Another Master of the same virtual router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMasterView {
    /// Its own address.
    pub address: String,
    /// The priority that it advertises.
    pub priority: Option<u8>,
    /// The reason why it is ignored, or what its list of addresses has instead of ours; none if it has only to yield.
    pub why: Option<String>,
}

/// One virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// With its prefix length.
    pub address: String,
    /// True if the router is Master and has set it.
    pub installed: bool,
    /// Its presence on this host, whoever has set it.
    pub host: Place,
    /// The reason why this host cannot set it, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// The state of an address in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Not there.
    Absent,
    /// There, but not known to be unique yet.
    Tentative,
    /// There, but another host has it too: detection of duplicates failed.
    Duplicate,
    /// There, by the daemon.
    Ours,
    /// There, by somebody else.
    Foreign,
}

/// The router that is Master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterView {
    /// Its own address.
    pub address: String,
    /// The priority that it advertises.
    pub priority: Option<u8>,
    /// True if it is this router.
    pub us: bool,
}

/// A moment in the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// The seconds since then, by a clock that nobody sets.
    pub seconds: f64,
    /// The moment, by the wall clock: RFC 3339, UTC.
    pub at: String,
}

impl Since {
    /// Returns the moment `ago` before `now`.
    #[must_use]
    pub fn new(ago: Duration, now: SystemTime) -> Self {
        let at = now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH).max(SystemTime::UNIX_EPOCH);
        Self { seconds: ago.as_secs_f64(), at: humantime::format_rfc3339_seconds(at).to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_both_clocks() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_210_096);
        let since = Since::new(Duration::from_millis(1500), now);
        assert_eq!(since, Since { seconds: 1.5, at: "2024-02-29T12:34:54Z".to_owned() });
        let before_all = Since::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH);
        assert_eq!(before_all.at, "1970-01-01T00:00:00Z");
    }
}
