//! How often something may be done in a short time.

use std::time::Duration;

use vrrp_core::Instant;

/// So often within `SPAN`.
const LIMIT: usize = 3;
const SPAN: Duration = Duration::from_secs(10);

/// The last times that something was done.
#[derive(Debug, Default)]
pub(crate) struct Burst(Vec<Instant>);

impl Burst {
    /// Whether it may not be done now.
    pub(crate) fn is_spent(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.since(*at) < SPAN);
        self.0.len() >= LIMIT
    }

    /// Whether it may be done now. It then counts as done.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let may = !self.is_spent(now);
        if may {
            self.0.push(now);
        }
        may
    }

    /// Whether it was never done.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
