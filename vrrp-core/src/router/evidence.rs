//! Advertisements that were heard, for causes and yield advertisements, and values of the past that management asks for.

use core::net::IpAddr;

use crate::management::NewMasterReason;
use crate::time::Instant;
use crate::types::{AdvertInterval, Priority};

/// Advertisements that were heard, for causes.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Evidence {
    /// Last accepted advertisement (FSM-B-12).
    pub(super) accepted: Option<Heard>,
    /// A lower Master's advertisement, discarded since then.
    pub(super) lower: Option<Heard>,
}

/// The better Master that this one yielded to.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Winner {
    pub(super) address: IpAddr,
    pub(super) interval: AdvertInterval,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Heard {
    pub(super) source: IpAddr,
    pub(super) priority: Option<Priority>,
    pub(super) interval: AdvertInterval,
    pub(super) at: Instant,
}

/// Values of the past that management asks for.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct History {
    pub(super) up_since: Option<Instant>,
    pub(super) new_master_reason: NewMasterReason,
    pub(super) last_adv_source: Option<IpAddr>,
}
