//! What the daemon says about itself.

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
    /// What kind of check it is: `script`, `tcp`, `file` and so on.
    pub kind: String,
    /// Whether it passes, with its `rise` and `fall`; none before its first result.
    pub passing: Option<bool>,
    /// The number that it says, where it is one that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<i32>,
    /// How its last look ended; none before the first.
    pub last: Option<LookView>,
}

/// One look of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookView {
    /// Whether it succeeded.
    pub passed: bool,
    /// What decided that.
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
    /// What was changed by hand, until the next reload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<Hand>,
    /// How its drain stands, where it is drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainView>,
    /// Its virtual addresses.
    pub addresses: Vec<AddressView>,
    /// What keeps it out of the election, each by its name and with its reason.
    pub faults: Vec<String>,
    /// What it tracks, each with what it does now.
    #[serde(default)]
    pub trackers: Vec<TrackerView>,
    /// The Master, where one is known.
    pub master: Option<MasterView>,
    /// Another router that is Master too, where this one is Master and hears it.
    #[serde(default)]
    pub other_master: Option<OtherMasterView>,
    /// When it entered its state; none before it has entered one.
    pub since: Option<Since>,
    /// Why it is in its state.
    pub cause: String,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
}

/// How a drain stands.
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
    /// What it last said; none before its first result.
    pub passing: Option<bool>,
    /// That in words, with its reason.
    pub says: String,
    /// Whether it keeps the router out of the election now.
    pub fault: bool,
    /// What it adds to the priority now.
    pub priority: i32,
    /// What it adds to the priority when it does, and takes away when it is negative; none where it decides about a fault.
    pub weight: Option<i32>,
}

/// Another Master of the same virtual router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMasterView {
    /// Its own address.
    pub address: String,
    /// The priority that it advertises.
    pub priority: Option<u8>,
    /// Why it is ignored, or what its list of addresses has instead of ours; none where it has only to yield.
    pub why: Option<String>,
}

/// One virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// With its prefix length.
    pub address: String,
    /// Whether the router is Master and holds it.
    pub installed: bool,
    /// Whether it is on this host, whoever put it there.
    pub host: Place,
    /// Why this host cannot set it, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// What the kernel says of an address.
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
    /// Whether it is this router.
    pub us: bool,
}

/// A moment in the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// How long ago, by a clock that nobody sets.
    pub seconds: f64,
    /// When, by the wall clock: RFC 3339, UTC.
    pub at: String,
}

impl Since {
    /// The moment `ago` before `now`.
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
