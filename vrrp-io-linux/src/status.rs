//! The status of a running driver.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use vrrp_core::{
    Cause, DrainStatus, Family, Fault, GlobalStats, LastEvent, NewMasterReason, Priority, Reading, Role, RouterId,
    Stats, Tracker, TrackerId, Vrid, Weight,
};

use crate::address_error::AddressError;
use crate::disagreement::Disagreement;
use crate::heard::{HeardFrom, IgnoredFrom, NotSent, Stranger, TimersStatus};
use crate::histogram::Histogram;
use crate::virtual_ip::VirtualIp;

/// All routers of one start and of what changed it, now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DriverStatus {
    /// Its routers, in the order in which [`start`](crate::start) and later changes got them.
    pub routers: Vec<RouterStatus>,
    /// Counters over all routers, and of packets that were for none of them.
    pub global: GlobalStats,
    /// Events that were [lost](crate::EventKind::Lost), of all readers together.
    pub events_lost: u64,
    /// Messages of the kernel about links and addresses that were not understood: what they said is not known here.
    pub news_not_understood: u64,
    /// The delay of advertisements: from the moment at which their timer ran out, until they were sent.
    #[cfg_attr(feature = "serde", serde(default))]
    pub advertisement_lateness: Histogram,
    /// The time that Backups took to take over: from the moment at which Master_Down_Timer ran out, or the Master was
    /// heard to release the addresses, until the kernel had confirmed the last address.
    #[cfg_attr(feature = "serde", serde(default))]
    pub takeovers: Histogram,
    /// Virtual routers that were heard beside ours and are none of ours: a bounded number of them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub strangers: Vec<Stranger>,
}

impl DriverStatus {
    /// Returns the router with this id.
    #[must_use]
    pub fn router(&self, id: RouterId) -> Option<&RouterStatus> {
        self.routers.iter().find(|router| router.id == id)
    }
}

/// One router, now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RouterStatus {
    /// Its id, as in its events.
    pub id: RouterId,
    /// Its name.
    pub name: String,
    /// Its interface.
    pub interface: String,
    /// Its address family.
    pub family: Family,
    /// Its id.
    pub vrid: Vrid,
    /// Its state.
    pub role: Role,
    /// Priority in use, after tracking.
    pub priority: Priority,
    /// Priority as configured.
    pub configured_priority: Priority,
    /// The address of the Master, where it is known.
    pub master: Option<IpAddr>,
    /// The Master's priority, where known.
    pub master_priority: Option<Priority>,
    /// The moment at which the state was entered, on the wall clock; `None` before the router has entered any.
    pub since: Option<SystemTime>,
    /// The time that has passed since then.
    pub in_state_for: Option<Duration>,
    /// The cause of entering it.
    pub cause: Cause,
    /// The cause as a sentence, with the names of this host.
    pub why: String,
    /// The state of its drain, if it is drained.
    pub drain: Option<DrainStatus>,
    /// Everything that keeps the router out of the election.
    pub faults: Vec<FaultStatus>,
    /// Its trackers, and what each of them does now.
    pub trackers: Vec<TrackerStatus>,
    /// Interfaces whose state does [not count yet](crate::Router::with_interface_delays).
    pub interface_changes: Vec<InterfaceChange>,
    /// Another router that is Master too, where this one is Master and has heard it within the last ten seconds.
    pub other_master: Option<OtherMaster>,
    /// Its addresses.
    pub addresses: Vec<AddressStatus>,
    /// The moment at which it last began to take part in the election, on the wall clock (STAT-43).
    pub up_since: Option<SystemTime>,
    /// The time that has passed since then.
    pub up_for: Option<Duration>,
    /// The cause in the words of RFC 8347 (STAT-34).
    pub last_event: LastEvent,
    /// The reason why it last became Master, in the words of RFC 6527 and RFC 8347, even if it no longer is (STAT-30).
    pub new_master_reason: NewMasterReason,
    /// The sender of the last advertisement that passed every check (STAT-42).
    pub last_advertisement_from: Option<IpAddr>,
    /// Master_Down_Interval (STAT-44).
    pub master_down_interval: Duration,
    /// Skew_Time (STAT-44).
    pub skew_time: Duration,
    /// Its counters.
    pub stats: Stats,
    /// The time that its addresses last, if it is Master and they have a [lease](vrrp_core::Config::with_lease).
    #[cfg_attr(feature = "serde", serde(default))]
    pub lease: Option<LeaseStatus>,
    /// The address that its own advertisements come from; the last known one, where there is none any more.
    #[cfg_attr(feature = "serde", serde(default))]
    pub source: Option<IpAddr>,
    /// The time until each of its timers runs out.
    #[cfg_attr(feature = "serde", serde(default))]
    pub timers: TimersStatus,
    /// The last advertisement of each source that it accepted, who was heard last first: a bounded number of them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub heard: Vec<HeardFrom>,
    /// The advertisements that it ignored with its present configuration, the last first: for each reason, the last of each of a
    /// bounded number of sources.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ignored: Vec<IgnoredFrom>,
    /// The last advertisement that could not be sent.
    #[cfg_attr(feature = "serde", serde(default))]
    pub not_sent: Option<NotSent>,
}

/// The time that a Master's addresses last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LeaseStatus {
    /// The time from each renewal on.
    pub lifetime: Duration,
    /// The time from now on.
    pub left: Duration,
}

/// The state of one router, for a gauge; see [`RouterWatch`](crate::RouterWatch).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RouterState {
    /// Its state.
    pub role: Role,
    /// Priority in use, after tracking and whatever else lowers it.
    pub priority: Priority,
    /// The moment at which the state was entered, on the wall clock; `None` before the router has entered any.
    pub since: Option<SystemTime>,
    /// The cause of entering it.
    pub cause: Cause,
    /// The state of its drain, if it is drained.
    pub drain: Option<DrainStatus>,
}

/// The end of a drain. The router stays drained all the same, except after [`Undone`](Self::Undone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Drained {
    /// Another router has the addresses.
    HandedOver {
        /// Its address.
        to: IpAddr,
    },
    /// Nobody else became Master within the limit: the router serves on, at the lower priority.
    NobodyTookOver,
    /// It was no Master, or is none any more for another reason: there was nothing to hand over.
    NotMaster,
    /// Somebody ended the drain first.
    Undone,
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandedOver { to } => write!(f, "handed over to {to}"),
            Self::NobodyTookOver => f.write_str("nobody took over: serving on at the lower priority"),
            Self::NotMaster => f.write_str("not Master: nothing to hand over"),
            Self::Undone => f.write_str("the drain was ended before anybody took over"),
        }
    }
}

/// One reason why a router stays out of the election.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct FaultStatus {
    /// The reason.
    pub fault: Fault,
    /// The fault as a phrase, with the names of this host.
    pub text: String,
}

impl fmt::Display for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// One tracked thing, now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct TrackerStatus {
    /// Its id in the configuration, as in [`Fault::Tracker`].
    pub id: TrackerId,
    /// Its name in the configuration.
    pub name: String,
    /// The interface, where it is one.
    pub interface: Option<String>,
    /// True where it passes, by its last word; `None` before its first result.
    pub passing: Option<bool>,
    /// The number that it last said, if that was one.
    pub value: Option<i32>,
    /// The verdict as a phrase, with the reason if the host shows it.
    pub says: String,
    /// Its effect on the router.
    pub weight: Weight,
    /// True if that is reversed.
    pub reverse: bool,
    /// The number that it adds to the priority now.
    pub adjustment: i32,
}

impl TrackerStatus {
    /// Tells whether it keeps the router out now. With the weight `Fault` it does so before its first result too.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        let Self { weight, reverse, .. } = *self;
        let reading = self.value.map(Reading::Value).or_else(|| self.passing.map(Reading::from));
        let tracker = Tracker { name: String::new(), weight, reverse };
        reading.map_or(weight == Weight::Fault, |reading| tracker.is_fault(reading))
    }
}

/// An interface that is up, or down, and does not count as that yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InterfaceChange {
    /// Its name.
    pub interface: String,
    /// True where it is up.
    pub up: bool,
    /// The time for which it must stay so from now on, before it counts.
    pub counts_in: Duration,
}

impl fmt::Display for InterfaceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.up { "up" } else { "down" };
        write!(f, "interface {} is {state}, which counts in {:.1} s", self.interface, self.counts_in.as_secs_f64())
    }
}

/// Another Master of the same virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OtherMaster {
    /// Its address.
    pub address: IpAddr,
    /// The priority that it advertises.
    pub priority: Priority,
    /// The reason why its advertisements are ignored, or the difference of its list of addresses; `None`: it must
    /// yield.
    pub why: Option<Disagreement>,
}

/// One address, now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AddressStatus {
    /// The address and how it is installed.
    #[cfg_attr(feature = "serde", serde(rename = "vip"))]
    pub virtual_ip: VirtualIp,
    /// True if the kernel confirmed it to a Master.
    pub installed: bool,
    /// Its state on this host, whoever put it there.
    pub host: OnHost,
    /// The reason why this host cannot set it; `None`: nothing is known to be in the way.
    pub obstacle: Option<AddressError>,
}

/// The state of an address, as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "who shows it must show each")]
pub enum OnHost {
    /// It is not on the interface.
    Absent,
    /// IPv6: it is there, but not known to be unique yet.
    Tentative,
    /// IPv6: it is there, but another host of the link has it too, so nothing passes (`dadfailed`).
    Duplicate,
    /// It is there and serves.
    Here {
        /// True if this process set it, or has taken it over.
        ours: bool,
    },
}
