//! The bound on how often something may be done in a short time.

use std::time::Duration;

use vrrp_core::Instant;

/// The number of times within `SPAN`.
const LIMIT: usize = 3;
const SPAN: Duration = Duration::from_secs(10);

/// The last times that something was done.
#[derive(Debug, Default)]
pub(crate) struct Burst(Vec<Instant>);

impl Burst {
    /// Tells whether it was done too often lately to be done now.
    pub(crate) fn is_spent(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.since(*at) < SPAN);
        self.0.len() >= LIMIT
    }

    /// Tells whether it may be done now; if so, it counts as done.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let may = !self.is_spent(now);
        if may {
            self.0.push(now);
        }
        may
    }

    /// Tells whether no time is recorded at which it was done.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
