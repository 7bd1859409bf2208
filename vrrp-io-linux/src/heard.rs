//! The advertisements of others that a router heard, for operators: nothing is decided by them.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use vrrp_core::wire::ChecksumForm;
use vrrp_core::{AdvertInterval, Discard, Family, Priority, Version, Vrid};

use crate::disagreement::ListDifference;
use crate::os_error::OsError;

/// The last advertisement of one source that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HeardFrom {
    /// The address of its sender.
    pub source: IpAddr,
    /// Its priority; `None`: the sender released the addresses.
    pub priority: Option<Priority>,
    /// Its interval.
    pub interval: AdvertInterval,
    /// Its version.
    pub version: Version,
    /// The form of its checksum.
    pub checksum: ChecksumForm,
    /// Its TTL or hop limit.
    pub ttl: u8,
    /// The moment at which it came, on the wall clock.
    pub at: SystemTime,
    /// The time that has passed since then.
    pub ago: Duration,
    /// The number that was heard of this source.
    pub count: u64,
    /// The time for which the source has advertised without a break of more than three intervals.
    pub for_now: Duration,
    /// The difference between its list of addresses and ours, looked for once per second at most. Of a long list only the first ones
    /// are named.
    pub difference: Option<ListDifference>,
}

/// The last advertisement of one source that was ignored for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct IgnoredFrom {
    /// The address of its sender.
    pub source: IpAddr,
    /// The reason why it was ignored.
    pub reason: Discard,
    /// It came behind an IP authentication header, which nobody checks.
    pub authenticated: bool,
    /// The priority that it says, read once per second at most; `None`: a release, or nothing that was read.
    pub priority: Option<Priority>,
    /// The first addresses that it lists, where it is sound, read with the priority.
    pub addresses: Vec<IpAddr>,
    /// The moment at which it came, on the wall clock.
    pub at: SystemTime,
    /// The time that has passed since then.
    pub ago: Duration,
    /// The number that was ignored of this source for this reason.
    pub count: u64,
}

/// Another virtual router on the link of one of ours: nobody here has its id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stranger {
    /// The interface that it was heard on.
    pub interface: String,
    /// Its address family.
    pub family: Family,
    /// Its id.
    pub vrid: Vrid,
    /// Its Master.
    pub source: IpAddr,
    /// The priority that it says; `None`: a release.
    pub priority: Option<Priority>,
    /// Its version.
    pub version: Version,
    /// The first addresses that it lists, read once per second at most.
    pub addresses: Vec<IpAddr>,
    /// The time since it was heard.
    pub ago: Duration,
    /// The number of its advertisements that were heard.
    pub count: u64,
}

/// The last advertisement that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NotSent {
    /// The address that it was for.
    pub destination: IpAddr,
    /// The system's error.
    pub error: OsError,
    /// The time that has passed since then.
    pub ago: Duration,
}

/// The time until each timer of a router runs out; see [`vrrp_core::Timers`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct TimersStatus {
    /// The time until a Backup that hears nobody is Master.
    pub master_down_in: Option<Duration>,
    /// The time for which a lower Master is still tolerated.
    pub preempt_hold_for: Option<Duration>,
    /// A Backup waits for the other members of its sync group.
    pub waits_for_group: bool,
    /// The time until a Master advertises next.
    pub next_advertisement_in: Option<Duration>,
    /// The time until a Master that says nothing gives its addresses up.
    pub lease_ends_in: Option<Duration>,
    /// The time until addresses that could not be set are asked for again.
    pub retry_in: Option<Duration>,
    /// The time until a Master that was drained no longer waits for another one, or until it removes its addresses after another
    /// one became Master.
    pub hand_over_ends_in: Option<Duration>,
}
