//! What a simulator sees of a router that nobody else does.

use core::fmt;

use super::VirtualRouter;
use crate::time::Instant;
use crate::types::Priority;

impl VirtualRouter {
    /// Priority after tracking.
    pub(crate) const fn priority_in_use(&self) -> Priority {
        self.params.priority
    }

    /// The latest time that it has seen.
    pub(crate) const fn latest(&self) -> Instant {
        self.now
    }

    /// Writes down all that a rejected packet must not change: everything but the counters.
    pub(crate) fn write_down(&mut self, out: &mut impl fmt::Write) -> fmt::Result {
        let stats = core::mem::take(&mut self.stats);
        let written = write!(out, "{self:?}");
        self.stats = stats;
        written
    }
}
