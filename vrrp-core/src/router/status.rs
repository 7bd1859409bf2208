//! What operators and management ask a router for, besides its configuration and its counters.

use core::net::IpAddr;
use core::time::Duration;

use super::VirtualRouter;
use super::evidence::Heard;
use crate::cause::Cause;
use crate::fsm::{Role, State};
use crate::management::{LastEvent, NewMasterReason};
use crate::time::Instant;
use crate::types::Priority;

/// How a router stands (STAT-40 to STAT-44).
///
/// What stands still is in [`Config`](crate::Config): addresses, interval, Preempt_Mode, the virtual router's MAC address.
/// Accept_Mode is the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Status {
    /// State (STAT-33).
    pub role: Role,
    /// Priority in use, after tracking. 255: the owner.
    pub priority: Priority,
    /// Who is Master: our own primary address, or the source of the last accepted advertisement (STAT-41).
    pub master: Option<IpAddr>,
    /// The Master's priority, where known.
    pub master_priority: Option<Priority>,
    /// When the state was entered.
    pub since: Instant,
    /// Why it was entered.
    pub cause: Cause,
    /// That in the words of RFC 8347 (STAT-34, STAT-42).
    pub last_event: LastEvent,
    /// Why it last became Master, even if it no longer is (STAT-30).
    pub new_master_reason: NewMasterReason,
    /// Source of the last advertisement that passed every check, whatever its priority (STAT-42).
    pub last_adv_source: Option<IpAddr>,
    /// When Initialize was left; `None` in Initialize (STAT-43).
    pub up_since: Option<Instant>,
    /// Master_Down_Interval of a Backup, from the learned interval; else what it would begin with (STAT-44).
    ///
    /// RFC 8347 wants centiseconds: `as_millis() / 10`.
    pub master_down_interval: Duration,
    /// Skew_Time, from the same interval (STAT-44). RFC 8347 wants microseconds: `as_micros()`.
    pub skew_time: Duration,
    /// Addresses that the host confirmed.
    pub installed: usize,
}

impl VirtualRouter {
    /// What operators ask for.
    #[must_use]
    pub fn status(&self) -> Status {
        let (master, master_priority) = match (self.state, self.evidence.accepted) {
            (State::Master { .. }, _) => (self.source, Some(self.params.priority)),
            (State::Backup(_), Some(Heard { source, priority: Some(priority), .. })) => (Some(source), Some(priority)),
            _ => (None, None),
        };
        let interval = match self.state {
            State::Backup(backup) => backup.interval(&self.params),
            _ => self.config.interval(),
        };
        Status {
            role: self.role(),
            priority: self.params.priority,
            master,
            master_priority,
            since: self.since,
            cause: self.cause,
            last_event: self.cause.last_event(&self.config),
            new_master_reason: self.past.new_master_reason,
            last_adv_source: self.past.last_adv_source,
            up_since: self.past.up_since,
            master_down_interval: self.params.master_down_interval(interval),
            skew_time: self.params.skew_time(interval),
            installed: self.slots.installed(),
        }
    }
}
