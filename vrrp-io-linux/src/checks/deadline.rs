//! The one limit of a look, which all its steps share.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::outcome::{Failure, Why};

/// No check takes longer, whatever it is told.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The moment at which a look has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout.min(LONGEST), timeout }
    }

    /// Returns the result of a future that is done in time.
    pub(super) async fn within<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.at, future).await.ok()
    }

    /// Takes a step, for as long as there is time.
    pub(super) async fn step<T, E: Into<Why>>(
        &self,
        step: impl Into<Cow<'static, str>>,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        match self.within(future).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(why)) => Err(Failure::new(step, why)),
            None => Err(Failure::new(step, Why::TimedOut(self.timeout))),
        }
    }
}

/// Work that may block, on a thread of tokio's pool. One at a time: as long as one is stuck, as on a file server that is gone,
/// there is no second one.
#[derive(Debug, Default)]
pub(super) struct Aside(Option<JoinHandle<()>>);

impl Aside {
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        deadline: Deadline,
        step: impl Into<Cow<'static, str>>,
        work: impl FnOnce() -> Result<T, Why> + Send + 'static,
    ) -> Result<T, Failure> {
        let stuck = &mut self.0;
        let done = async {
            if let Some(before) = stuck {
                // However it ended.
                let _ = before.await;
            }
            let (sender, done) = tokio::sync::oneshot::channel();
            *stuck = Some(tokio::task::spawn_blocking(move || drop(sender.send(work()))));
            done.await.unwrap_or_else(|_| Err(Why::Other("it was not done".to_owned())))
        };
        let done = deadline.step(step, done).await;
        if self.0.as_ref().is_some_and(JoinHandle::is_finished) {
            self.0 = None;
        }
        done
    }
}
