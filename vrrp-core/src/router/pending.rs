//! What a router has still to hand out, and in which order.

use super::VirtualRouter;
use crate::action::{Action, AdvertKind};
use crate::cause::Transition;
use crate::fsm::Role;

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
    pub(super) transition: Option<Transition>,
}

impl Pending {
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        let Self { release, remove_first, advertise, last_word, version2, transition } = self;
        !(*release | *remove_first | *advertise | *last_word) && version2.is_none() && transition.is_none()
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
        self.pending.transition.take().map(Action::StateChanged)
    }
}
