//! Whether somebody keeps to a rate.

use crate::time::Instant;

/// A rate, and what was spent of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ledger {
    paid_at: i64,
}

impl Ledger {
    /// Spends `times` a `price`, in nanoseconds. False: it was more than `burst` times.
    pub(super) fn spend(&mut self, now: Instant, times: i64, price: i64, burst: i64) -> bool {
        let now = now.as_nanos() as i64;
        self.paid_at = self.paid_at.max(now).saturating_add(times.saturating_mul(price));
        self.paid_at - now <= burst.saturating_mul(price)
    }

    /// Whatever was spent so far is paid for.
    pub(super) fn settle(&mut self, now: Instant) {
        self.paid_at = self.paid_at.min(now.as_nanos() as i64);
    }
}
