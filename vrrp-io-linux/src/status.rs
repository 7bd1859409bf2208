//! What a running driver says of itself when asked.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use vrrp_core::{Family, Priority, Role, Stats, Vrid};

use crate::VirtualIp;

/// One router, now.
#[derive(Clone, Debug)]
pub struct RouterStatus {
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
    /// Who is Master, where known.
    pub master: Option<IpAddr>,
    /// The Master's priority, where known.
    pub master_priority: Option<Priority>,
    /// When the state was entered, on the wall clock.
    pub since: SystemTime,
    /// How long ago that was.
    pub in_state_for: Duration,
    /// Why it was entered, as a sentence.
    pub cause: String,
    /// Everything that keeps the router out of the election.
    pub faults: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<AddressStatus>,
    /// Its counters.
    pub stats: Stats,
    /// Events of the whole driver that found the channel full.
    pub events_lost: u64,
}

/// One address, now.
#[derive(Clone, Debug)]
pub struct AddressStatus {
    /// The address and how it is installed.
    pub vip: VirtualIp,
    /// Whether the kernel confirmed it to a Master.
    pub installed: bool,
    /// Whether it is on this host, whoever put it there.
    pub host: OnHost,
    /// Why this host cannot set it, as a phrase; `None`: nothing is known to be in the way.
    pub obstacle: Option<String>,
}

/// What the kernel says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHost {
    /// It is not on the interface.
    Absent,
    /// IPv6: it is there, but not known to be unique yet.
    Tentative,
    /// IPv6: it is there, but another host of the link has it too, so nothing passes (`dadfailed`).
    Duplicate,
    /// It is there and serves.
    Here {
        /// Whether this process set it, or has taken it over.
        ours: bool,
    },
}
