//! The order in which a router hands out what is to be done.

use super::VirtualRouter;
use crate::action::{Action, AdvertKind};
use crate::cause::Cause;
use crate::fsm::Role;

impl VirtualRouter {
    /// Tells whether there may be an action.
    #[inline]
    pub(crate) fn has_actions(&self) -> bool {
        !(self.pending.is_empty() && self.slots.are_idle())
    }

    /// Returns the next thing to carry out, in the order that the protocol prescribes.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        let master = self.role() == Role::Master;
        if let Some(kind) = self.pending.version2.take() {
            return Some(self.send(kind));
        }
        if core::mem::take(&mut self.pending.release) {
            return Some(self.send(AdvertKind::Release));
        }
        if self.pending.remove_first {
            if let Some(action) = self.slots.poll(false, self.config.addresses()) {
                return Some(action);
            }
            self.pending.remove_first = false;
            self.slots.rewind();
        }
        if core::mem::take(&mut self.pending.advertise) && master {
            return Some(if self.hand_over.is_some() {
                self.send(AdvertKind::HandOver)
            } else {
                self.send(AdvertKind::Regular)
            });
        }
        if let Some(action) = self.slots.poll(master, self.config.addresses()) {
            if matches!(action, Action::InstallAddress(_)) {
                self.await_confirmation();
            }
            return Some(action);
        }
        if core::mem::take(&mut self.pending.yield_advertisement) && !master {
            return Some(self.send(AdvertKind::Yield));
        }
        let news = self.news();
        self.pending.news = news.is_some();
        news
    }

    /// Returns what is only to be told, when everything that the protocol wants is on its way.
    fn news(&mut self) -> Option<Action> {
        let to = self.params.priority;
        if let Some((from, by)) = self.pending.priority.take().filter(|(from, _)| *from != to) {
            return Some(Action::PriorityChanged { from, to, by });
        }
        if let Some(transition) = self.pending.transition.take() {
            // All that is at fault by now is told with it.
            if matches!(transition.cause, Cause::Fault(_)) {
                self.note_told_faults();
            }
            return Some(Action::StateChanged(transition));
        }
        if core::mem::take(&mut self.pending.nobody_took_over) {
            return Some(Action::NobodyTookOver);
        }
        if let Some((from, priority)) = self.pending.lower_heard.take() {
            return Some(Action::LowerPriorityHeard { from, priority });
        }
        core::mem::take(&mut self.pending.faults).then(|| {
            self.note_told_faults();
            Action::FaultsChanged
        })
    }

    fn note_told_faults(&mut self) {
        self.pending.faults = false;
        self.told_faults.clear();
        self.told_faults.extend(self.health.known_faults(self.config.trackers()));
    }
}
