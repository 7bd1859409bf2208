//! Actions that a router has still to hand out.

use core::net::IpAddr;

use crate::action::AdvertKind;
use crate::cause::{PriorityCause, Transition};
use crate::types::Priority;

/// The actions that `poll_action` has still to return.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    pub(super) release: bool,
    /// The addresses go before anything else happens, though they are to come back.
    pub(super) remove_first: bool,
    pub(super) advertise: bool,
    pub(super) yield_advertisement: bool,
    /// The kind of an advertisement that was handed out in version 3 and still has to be in version 2.
    pub(super) version2: Option<AdvertKind>,
    /// There may be one of the following, which are only to be told.
    pub(super) news: bool,
    pub(super) transition: Option<Transition>,
    /// The priority that was last told, and what changed it last.
    pub(super) priority: Option<(Priority, PriorityCause)>,
    /// True if the faults are not those that were last told.
    pub(super) faults: bool,
    pub(super) nobody_took_over: bool,
    /// A lower Master was heard, of this priority.
    pub(super) lower_heard: Option<(IpAddr, Priority)>,
}

impl Pending {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        let Self { release, remove_first, advertise, yield_advertisement, version2, news, .. } = self;
        !(*release | *remove_first | *advertise | *yield_advertisement | *news) && version2.is_none()
    }

    /// Tells whether a release or a yield advertisement is still to be sent.
    pub(super) fn ends_something(&self) -> bool {
        self.release || self.yield_advertisement || self.version2.is_some_and(|kind| !kind.serves_on())
    }
}
