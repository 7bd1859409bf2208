//! The clock of one host: its own epoch, its own rate.

use crate::time::Instant;

/// A monotonic clock that runs `rate` parts per million fast, or slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    truth: u64,
    local: u64,
    /// Local nanoseconds in a million true ones.
    rate: u64,
}

const TRUE_RATE: u64 = 1_000_000;

impl Clock {
    /// Shows `local` at the true time `now`.
    pub(super) const fn new(now: Instant, local: u64) -> Self {
        Self { truth: now.as_nanos(), local, rate: TRUE_RATE }
    }

    /// From `now` on it runs `per_million` fast; it never stands still.
    pub(super) fn drift(&mut self, now: Instant, per_million: i32) {
        (self.local, self.truth) = (self.at(now).as_nanos(), now.as_nanos());
        self.rate = TRUE_RATE.saturating_add_signed(i64::from(per_million)).max(1);
    }

    /// Returns how far its rate is off, in parts per million.
    pub(super) fn drift_now(&self) -> u32 {
        u32::try_from(self.rate.abs_diff(TRUE_RATE)).unwrap_or(u32::MAX)
    }

    /// Returns the time that it shows at the true time `now`.
    pub(super) fn at(&self, now: Instant) -> Instant {
        Instant::from_nanos(self.local.saturating_add(scale(
            now.as_nanos().saturating_sub(self.truth),
            self.rate,
            TRUE_RATE,
            false,
        )))
    }

    /// The first true moment at which it shows `local`.
    pub(super) fn when(&self, local: Instant) -> Instant {
        Instant::from_nanos(self.truth.saturating_add(scale(
            local.as_nanos().saturating_sub(self.local),
            TRUE_RATE,
            self.rate,
            true,
        )))
    }
}

fn scale(span: u64, multiply: u64, divide: u64, up: bool) -> u64 {
    if multiply == divide {
        return span;
    }
    let product = u128::from(span) * u128::from(multiply);
    let divide = u128::from(divide);
    u64::try_from(if up { product.div_ceil(divide) } else { product / divide }).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn woken_when_the_clock_shows_it_and_not_a_nanosecond_sooner() {
        let at = Instant::from_nanos;
        for rate in [-300_000, -1, 0, 7, 999_999] {
            let mut clock = Clock::new(at(5), 1_000);
            clock.drift(at(77), rate);
            for local in [1_073, 1_999, 123_456_789] {
                let when = clock.when(at(local));
                assert!(clock.at(when) >= at(local), "{rate} {local}");
                assert!(clock.at(at(when.as_nanos() - 1)) < at(local), "{rate} {local}");
            }
        }
    }
}
