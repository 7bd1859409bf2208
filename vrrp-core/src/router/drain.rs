//! Handing the addresses over on command, without a gap (`docs/drain.md`).

use core::net::IpAddr;
use core::time::Duration;

use super::VirtualRouter;
use crate::cause::{Cause, PriorityCause};
use crate::drain::{Drain, DrainStatus};
use crate::fsm::{Advert, Event, Role};
use crate::time::Instant;
use crate::types::AdvertInterval;

/// How many intervals a Master waits for somebody to take over, where no other limit is given.
const INTERVALS: u32 = 3;
/// How long a Master keeps its addresses at most when another one has announced itself: until that one has them, and the
/// neighbours know.
const OVERLAP: Duration = Duration::from_millis(50);

/// What a Master that hands over waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandOver {
    until: Instant,
    to: Option<Successor>,
}

/// Another Master that has announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Successor {
    address: IpAddr,
    interval: AdvertInterval,
    /// When this router yields to it.
    yield_at: Instant,
}

impl HandOver {
    #[inline]
    pub(super) fn deadline(&self) -> Instant {
        self.to.map_or(self.until, |to| to.yield_at)
    }

    /// Tells whether another Master is there: this one says no more.
    pub(super) const fn is_silent(&self) -> bool {
        self.to.is_some()
    }
}

impl VirtualRouter {
    /// Returns how it stands, if it is drained.
    #[must_use]
    pub fn drain_status(&self) -> Option<DrainStatus> {
        self.drain?;
        Some(match (self.role(), self.hand_over) {
            (Role::Master, Some(hand_over)) => DrainStatus::HandingOver { until: hand_over.until },
            (Role::Master, None) => DrainStatus::LastResort,
            _ => DrainStatus::Reserve,
        })
    }

    pub(crate) const fn hands_over(&self) -> bool {
        self.hand_over.is_some()
    }

    pub(super) fn begin_drain(&mut self, drain: Drain) {
        self.drain = Some(drain);
        self.note_weighed_priority(PriorityCause::Drain);
        self.reparametrise();
        if self.role() == Role::Master {
            let limit = drain.limit.unwrap_or(self.config.interval().duration() * INTERVALS);
            self.hand_over = Some(HandOver { until: self.now + limit, to: None });
            self.advertise();
        }
    }

    pub(super) fn end_drain(&mut self) {
        if self.drain.take().is_none() {
            return;
        }
        self.note_weighed_priority(PriorityCause::Drain);
        let called = self.hand_over.take().is_some();
        self.reparametrise();
        if called && self.role() == Role::Master {
            // Whoever was called takes over soon, unless it hears this.
            self.advertise();
        }
    }

    /// An advertisement came to a Master that hands over. Returns whether that is all about it: the Master does not argue.
    pub(super) fn hear_successor(&mut self, advert: Advert) -> bool {
        let Some(hand_over) = &mut self.hand_over else { return false };
        let overlap = OVERLAP.min(self.config.interval().duration() / 2);
        match (advert.priority, hand_over.to) {
            (Some(_), Some(to)) if to.address == advert.source => {}
            (Some(_), _) => {
                let (address, interval) = (advert.source, advert.interval);
                hand_over.to = Some(Successor { address, interval, yield_at: self.now + overlap });
            }
            // It is none any more.
            (None, Some(to)) if to.address == advert.source => hand_over.to = None,
            (None, _) => {}
        }
        true
    }

    /// Acts on the deadline of a Master that hands over.
    pub(super) fn expire_hand_over(&mut self) {
        let Some(hand_over) = self.hand_over.filter(|it| it.deadline() <= self.now) else { return };
        match hand_over.to {
            Some(Successor { address, interval, .. }) => {
                self.apply(Event::HandedOver { interval }, |_| Cause::HandedOver { to: address });
            }
            None => {
                self.hand_over = None;
                (self.pending.nobody_took_over, self.pending.news) = (true, true);
            }
        }
    }
}
