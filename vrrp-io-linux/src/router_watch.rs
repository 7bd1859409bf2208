//! The state of one router as a value that is always of now.

use tokio::sync::watch;

use crate::status::RouterState;
use crate::wait::block_on;

/// The state of one router, for gauges: always the newest, whoever else reads it, and whatever was missed in between.
///
/// It works on every executor, and without one.
#[derive(Clone, Debug)]
pub struct RouterWatch {
    /// Not shown: who holds a borrowed value of it holds up the routers.
    state: watch::Receiver<RouterState>,
}

impl RouterWatch {
    pub(crate) fn new(mut state: watch::Receiver<RouterState>) -> Self {
        // The present state is given at once, also to a reader who waits for a change.
        state.mark_changed();
        Self { state }
    }

    /// Returns the state; the last one when the router is gone.
    #[must_use]
    pub fn get(&self) -> RouterState {
        self.state.borrow().clone()
    }

    /// Waits until the state differs from the one last returned, and returns it; the first time at once. `None`: the router is
    /// gone, or all are. To drop the future loses nothing.
    pub async fn changed(&mut self) -> Option<RouterState> {
        self.state.changed().await.ok()?;
        Some(self.state.borrow_and_update().clone())
    }

    /// Does what [`changed`](Self::changed) does, and blocks its thread meanwhile, also within a runtime.
    pub fn blocking_changed(&mut self) -> Option<RouterState> {
        block_on(self.changed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Cause, Priority, Role};

    fn state(role: Role) -> RouterState {
        RouterState { role, priority: Priority::DEFAULT, since: None, cause: Cause::Startup, drain: None }
    }

    #[test]
    fn it_shows_the_newest_state_and_the_last_one_of_a_router_that_is_gone() {
        let (sender, receiver) = watch::channel(state(Role::Initialize));
        let mut watch = RouterWatch::new(receiver);
        assert_eq!(watch.get().role, Role::Initialize);
        assert_eq!(
            watch.blocking_changed(),
            Some(state(Role::Initialize)),
            "what was there is news to who has not asked"
        );
        for role in [Role::Backup, Role::Master] {
            // Nobody reads, and the routers do not wait.
            sender.send_replace(state(role));
        }
        assert_eq!(watch.clone().blocking_changed(), Some(state(Role::Master)));
        assert_eq!(watch.blocking_changed(), Some(state(Role::Master)), "a clone reads for itself");
        drop(sender);
        assert_eq!(watch.blocking_changed(), None);
        assert_eq!(watch.get().role, Role::Master);
    }
}
