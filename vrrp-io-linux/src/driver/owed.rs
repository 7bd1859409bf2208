//! Answers that the driver owes, and what each waits for.

use vrrp_core::RouterId;

use super::command::Reply;
use crate::error::{DrainError, NoSuchRouter};
use crate::status::Drained;

/// Answers that wait for something.
#[derive(Debug, Default)]
pub(super) struct Owed {
    pub(super) drains: Vec<Draining>,
    /// Answers for the moment at which the addresses of a router that was stopped are gone.
    pub(super) stops: Vec<(RouterId, Reply<Result<(), NoSuchRouter>>)>,
    /// Routers that became owners by command, or are none any more, and whose addresses are to be closed.
    pub(super) owners: Vec<RouterId>,
}

#[derive(Debug)]
pub(super) struct Draining {
    pub(super) id: RouterId,
    /// The end of the drain; then only its addresses are still to go.
    pub(super) end: Option<Drained>,
    pub(super) reply: Reply<Result<Drained, DrainError>>,
}

impl Owed {
    pub(super) fn is_empty(&self) -> bool {
        self.drains.is_empty() && self.stops.is_empty() && self.owners.is_empty()
    }

    pub(super) fn end_drain(&mut self, id: RouterId, end: Drained) {
        for draining in self.drains.iter_mut().filter(|draining| draining.id == id) {
            draining.end.get_or_insert(end);
        }
    }
}
