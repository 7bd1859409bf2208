//! The time since the start.

use vrrp_core::Instant;

use crate::chip::{self, HERTZ, TICKS};

/// A clock that counts nanoseconds since the start, and never goes back.
#[derive(Default)]
pub struct Clock {
    /// Ticks at the last look. The chip's own count begins anew every 49 days.
    ticks: u64,
}

impl Clock {
    /// Returns the time. It has to be asked at least once in 49 days.
    pub fn now(&mut self) -> Instant {
        const NANOS_OF_A_TICK: u64 = 1_000_000_000 / TICKS as u64;
        const NANOS_OF_A_CYCLE: u64 = 1_000_000_000 / HERTZ as u64;
        let (ticks, cycles) = chip::ticks();
        self.ticks += u64::from(ticks.wrapping_sub(self.ticks as u32));
        Instant::from_nanos(self.ticks * NANOS_OF_A_TICK + u64::from(cycles) * NANOS_OF_A_CYCLE)
    }
}
