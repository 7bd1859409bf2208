//! Handing the addresses over on command: what is asked of a router, and how far it is (`docs/drain.md`).

use core::time::Duration;

use crate::time::Instant;
use crate::types::Priority;

/// An order to serve only where nobody else does: before maintenance of the router's host.
///
/// A Master goes on serving, and calls the Backups with priority 0 each interval, until one is Master. Then it yields. Meanwhile and
/// until [`Input::Undrain`](crate::Input::Undrain) it has a lower priority and preempts nobody; when nobody else is left it
/// takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal, the rest from its default")]
pub struct Drain {
    /// The priority in use is this, or the router's own where that is lower.
    pub priority: Priority,
    /// The time that a Master calls before it reports that [nobody took over](crate::Action::NobodyTookOver), and
    /// serves on at the lower priority. `None`: three intervals.
    pub limit: Option<Duration>,
}

impl Default for Drain {
    /// Priority 1, three intervals.
    fn default() -> Self {
        Self { priority: Priority::LOWEST, limit: None }
    }
}

/// The state of a drained router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DrainStatus {
    /// It is Master, and calls for another one.
    HandingOver {
        /// The moment at which it stops calling.
        until: Instant,
    },
    /// It is Master, for nobody took over, or nobody else was left.
    LastResort,
    /// It is not Master.
    Reserve,
}
