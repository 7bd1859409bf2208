//! Access to a router that only a simulator has.

use core::fmt;

use super::VirtualRouter;
use crate::time::Instant;

impl VirtualRouter {
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
