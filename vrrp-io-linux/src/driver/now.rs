//! The moment of a status.

use std::time::{Duration, SystemTime};

use vrrp_core::{Instant, Timers};

use crate::heard::TimersStatus;

/// One moment, by both clocks.
pub(super) struct Now {
    pub(super) monotonic: Instant,
    pub(super) wall: SystemTime,
}

impl Now {
    /// Returns how long ago that was.
    pub(super) fn ago(&self, at: Instant) -> Duration {
        self.monotonic.since(at)
    }

    /// Returns when that was on the wall clock.
    pub(super) fn wall(&self, at: Instant) -> SystemTime {
        self.wall.checked_sub(self.ago(at)).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Returns how long it takes until each of these runs out.
    pub(super) fn left(&self, timers: &Timers) -> TimersStatus {
        let left = |at: Option<Instant>| at.map(|at| at.since(self.monotonic));
        TimersStatus {
            master_down_in: left(timers.master_down),
            preempt_hold_for: left(timers.preempt_hold.filter(|until| *until > self.monotonic)),
            waits_for_group: timers.waits_for_group,
            next_advertisement_in: left(timers.next_advert),
            lease_ends_in: left(timers.lease),
            retry_in: left(timers.retry),
            hand_over_ends_in: left(timers.hand_over),
        }
    }
}
