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
        // What there is now is to be had at once, by who waits for a change too.
        state.mark_changed();
        Self { state }
    }

    /// Returns the state; the last one when the router is gone.
    #[must_use]
    pub fn get(&self) -> RouterState {
        self.state.borrow().clone()
    }

    /// Waits until the state is another than this last returned, and returns it; the first time at once. `None`: the router is
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
