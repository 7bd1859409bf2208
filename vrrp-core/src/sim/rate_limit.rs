//! A check that somebody keeps to a rate.

use crate::time::Instant;

/// A rate that something may happen at, and what was used of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateLimit {
    /// At the rate, everything that happened so far would have taken until this moment.
    used_until: i64,
}

impl RateLimit {
    /// Counts what happened `times`, once in `spacing` nanoseconds at most. Returns false if it was more than `burst` times
    /// too many.
    pub(super) fn spend(&mut self, now: Instant, times: i64, spacing: i64, burst: i64) -> bool {
        let now = now.as_nanos() as i64;
        self.used_until = self.used_until.max(now).saturating_add(times.saturating_mul(spacing));
        self.used_until - now <= burst.saturating_mul(spacing)
    }

    /// Forgets everything that happened so far.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.used_until = self.used_until.min(now.as_nanos() as i64);
    }
}
