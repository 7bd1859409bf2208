//! What a router has still to hand out, and in which order.

use super::VirtualRouter;
use crate::action::{Action, AdvertKind};
use crate::cause::{Cause, PriorityCause, Transition};
use crate::fsm::Role;
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
}

impl Pending {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        let Self { release, remove_first, advertise, last_word, version2, news, .. } = self;
        !(*release | *remove_first | *advertise | *last_word | *news) && version2.is_none()
    }

    /// Whether something is still to be said of what is over.
    pub(super) fn ends_something(&self) -> bool {
        self.release || self.last_word || self.version2.is_some_and(|kind| !kind.is_regular())
    }
}

impl VirtualRouter {
    /// Whether there may be an action.
    #[inline]
    pub(crate) fn has_actions(&self) -> bool {
        !(self.pending.is_empty() && self.slots.are_idle())
    }

    /// The next thing to carry out: what the protocol has in an order is handed out in that.
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
            return Some(self.send(AdvertKind::Regular));
        }
        if let Some(action) = self.slots.poll(master, self.config.addresses()) {
            if matches!(action, Action::InstallAddress(_)) {
                self.await_confirmation();
            }
            return Some(action);
        }
        if core::mem::take(&mut self.pending.last_word) && !master {
            return Some(self.send(AdvertKind::LastWord));
        }
        let news = self.news();
        self.pending.news = news.is_some();
        news
    }

    /// What is only to be told, when all that the protocol wants is on its way.
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
