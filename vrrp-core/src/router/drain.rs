//! Handing the addresses over on command, without a gap (`docs/drain.md`).

use super::VirtualRouter;
use super::hand_over::{HandOver, Successor};
use crate::cause::{Cause, PriorityCause};
use crate::drain::{Drain, DrainStatus};
use crate::fsm::{Advert, Event, Role};

/// How many intervals a Master waits for somebody to take over, where no other limit is given.
const INTERVALS: u32 = 3;

impl VirtualRouter {
    /// Returns how it stands, if it is drained.
    #[must_use]
    pub fn drain_status(&self) -> Option<DrainStatus> {
        self.drain?;
        Some(match (self.role(), self.hand_over) {
            (Role::Master, Some(hand_over)) => DrainStatus::HandingOver { until: hand_over.until() },
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
            self.hand_over = Some(HandOver::new(self.now + limit));
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

    /// An advertisement came to a Master that hands over: it does not argue. Returns whether it is one.
    #[cold]
    pub(super) fn hear_successor(&mut self, advert: Advert) -> bool {
        let interval = self.config.interval().duration();
        self.hand_over.as_mut().map(|hand_over| hand_over.hear(advert, self.now, interval)).is_some()
    }

    /// Acts on the deadline of a Master that hands over.
    #[cold]
    pub(super) fn expire_hand_over(&mut self) {
        let Some(hand_over) = self.hand_over.filter(|it| it.deadline() <= self.now) else { return };
        match hand_over.to() {
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
