//! The values that operators and management ask a router for, besides its configuration and its counters.

use core::net::IpAddr;
use core::time::Duration;

use super::VirtualRouter;
use super::evidence::Heard;
use super::hand_over::HandOver;
use crate::cause::Cause;
use crate::fsm::{Backup, Role, State};
use crate::management::{LastEvent, NewMasterReason};
use crate::time::Instant;
use crate::types::Priority;

/// The status of a router (STAT-40 to STAT-44).
///
/// Configured values are in [`Config`](crate::Config): addresses, interval, Preempt_Mode, the virtual router's MAC address.
/// Accept_Mode is the driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Status {
    /// State (STAT-33).
    pub role: Role,
    /// Priority in use, after tracking. 255: the owner.
    pub priority: Priority,
    /// The Master: our own primary address, or the source of the last accepted advertisement (STAT-41).
    pub master: Option<IpAddr>,
    /// The Master's priority, where known.
    pub master_priority: Option<Priority>,
    /// The moment at which the state was entered.
    pub since: Instant,
    /// The cause of entering it.
    pub cause: Cause,
    /// The cause in the words of RFC 8347 (STAT-34, STAT-42).
    pub last_event: LastEvent,
    /// The reason why it last became Master, even if it no longer is (STAT-30).
    pub new_master_reason: NewMasterReason,
    /// Source of the last advertisement that passed every check, whatever its priority (STAT-42).
    pub last_adv_source: Option<IpAddr>,
    /// The moment at which Initialize was left; `None` in Initialize (STAT-43).
    pub up_since: Option<Instant>,
    /// Master_Down_Interval of a Backup, from the learned interval; else what it would begin with (STAT-44).
    ///
    /// RFC 8347 wants centiseconds: `as_millis() / 10`.
    pub master_down_interval: Duration,
    /// Skew_Time, from the same interval (STAT-44). RFC 8347 wants microseconds: `as_micros()`.
    pub skew_time: Duration,
    /// Addresses that the host confirmed.
    pub installed: usize,
    /// Source address of its own advertisements; the last known one, if there is none any more.
    pub source: Option<IpAddr>,
    /// The timers that run now.
    pub timers: Timers,
}

/// The moments at which the timers of a router run out. `None`: that timer does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Timers {
    /// Master_Down_Timer: a Backup that hears nobody until then is Master.
    pub master_down: Option<Instant>,
    /// The moment until which a lower Master is tolerated (PRE-02). From then on its advertisements do not restart the timer, and
    /// it is preempted when `master_down` comes.
    pub preempt_hold: Option<Instant>,
    /// A Backup that would be Master, and waits for the other members of its sync group (EXT-06). No timer runs then.
    pub waits_for_group: bool,
    /// Adver_Timer: when a Master advertises next.
    pub next_advert: Option<Instant>,
    /// A Master that says nothing until then gives its addresses up.
    pub lease: Option<Instant>,
    /// The moment at which addresses that could not be set are asked for again.
    pub retry: Option<Instant>,
    /// The moment until which a Master that was drained waits for another one, or still has its addresses beside that.
    pub hand_over: Option<Instant>,
}

impl VirtualRouter {
    /// Returns the state of this router, the Master that it knows, and its timers.
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
            source: self.source,
            timers: self.timers(),
        }
    }

    fn timers(&self) -> Timers {
        let timers = Timers { retry: self.retry_at, ..Timers::default() };
        match self.state {
            State::Initialize => timers,
            State::Backup(Backup { due: true, .. }) => Timers { waits_for_group: true, ..timers },
            State::Backup(Backup { master_down, hold_until, .. }) => {
                let preempt_hold = hold_until.filter(|until| *until > self.now);
                Timers { master_down: Some(master_down), preempt_hold, ..timers }
            }
            State::Master { next_advert } => Timers {
                next_advert: Some(next_advert),
                lease: Some(self.lease_over).filter(|over| *over != Instant::MAX),
                hand_over: self.hand_over.as_ref().map(HandOver::deadline),
                ..timers
            },
        }
    }
}
