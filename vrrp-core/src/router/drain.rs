//! Handing the addresses over on command, without a gap (EXT-10, `docs/drain.md`).

use super::VirtualRouter;
use super::evidence::{Evidence, Heard};
use super::hand_over::{HandOver, Successor};
use crate::cause::{Cause, PriorityCause};
use crate::drain::{Drain, DrainStatus};
use crate::fsm::{Advert, Event, Role, State};

/// The intervals that a Master waits for somebody to take over, if no other limit is given.
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
            self.call();
        }
        self.spare_the_lower();
    }

    /// A Backup that was about to preempt a lower Master puts up with it from now on.
    fn spare_the_lower(&mut self) {
        let Evidence { lower: Some(Heard { source, priority, interval, .. }), .. } = self.evidence else { return };
        if self.role() == Role::Backup {
            self.apply(Event::Advert(Advert { source, priority, interval }), |this| this.cause);
            self.evidence = Evidence { accepted: self.evidence.lower, lower: None };
        }
    }

    /// Calls at once, and next in an interval: sooner it would only have the Backups wait for their Skew_Time anew.
    fn call(&mut self) {
        self.advertise();
        if let (State::Master { next_advert }, true) = (&mut self.state, self.pending.advertise) {
            *next_advert = self.now + self.config.interval().duration();
        }
    }

    pub(super) fn end_drain(&mut self) {
        if self.drain.take().is_none() {
            return;
        }
        self.note_weighed_priority(PriorityCause::Drain);
        self.pending.nobody_took_over = false;
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
        let Some(hand_over) = &mut self.hand_over else { return false };
        let was_silent = hand_over.is_silent();
        hand_over.hear(advert, self.now, interval);
        if was_silent && !hand_over.is_silent() {
            // The neighbours may have believed the one that went.
            let count = self.contest.schedule.on_contest(self.config.announce(), self.now, interval);
            self.slots.announce_all(count);
        }
        true
    }

    /// Acts on the deadline of a Master that hands over. Returns whether nothing else is to be done: while another one is there this
    /// one neither advertises nor announces, or the neighbours would believe it again.
    #[cold]
    pub(super) fn expire_hand_over(&mut self) -> bool {
        let Some(hand_over) = self.hand_over else { return false };
        let is_over = hand_over.deadline() <= self.now;
        match hand_over.to() {
            Some(Successor { address, interval, .. }) if is_over => {
                self.apply(Event::HandedOver { interval }, |_| Cause::HandedOver { to: address });
            }
            Some(_) => {
                // Its timers run on.
                self.apply(Event::Timer, |this| this.cause);
                let interval = self.config.interval().duration();
                self.contest.schedule.fire(self.config.announce(), self.now, interval);
            }
            None if is_over => {
                self.hand_over = None;
                (self.pending.nobody_took_over, self.pending.news) = (true, true);
            }
            None => {}
        }
        hand_over.is_silent()
    }
}
