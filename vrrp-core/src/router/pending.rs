//! What a router has still to hand out.

use core::net::IpAddr;

use crate::action::AdvertKind;
use crate::cause::{PriorityCause, Transition};
use crate::types::Priority;

/// What `poll_action` has still to hand out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    pub(super) release: bool,
    /// The addresses go before anything else happens, though they are to come back.
    pub(super) remove_first: bool,
    pub(super) advertise: bool,
    pub(super) last_word: bool,
    /// What was handed out in version 3 and is still to be in version 2.
    pub(super) version2: Option<AdvertKind>,
    /// There may be one of the following, which are only to be told.
    pub(super) news: bool,
    pub(super) transition: Option<Transition>,
    /// The priority that was last told, and what changed it last.
    pub(super) priority: Option<(Priority, PriorityCause)>,
    /// What is at fault is not what was last told.
    pub(super) faults: bool,
    pub(super) nobody_took_over: bool,
    /// A lower Master was heard, of this priority.
    pub(super) lower_heard: Option<(IpAddr, Priority)>,
}

impl Pending {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        let Self { release, remove_first, advertise, last_word, version2, news, .. } = self;
        !(*release | *remove_first | *advertise | *last_word | *news) && version2.is_none()
    }

    /// Whether something is still to be said of what is over.
    pub(super) fn ends_something(&self) -> bool {
        self.release || self.last_word || self.version2.is_some_and(|kind| !kind.serves_on())
    }
}
