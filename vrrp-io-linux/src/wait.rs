//! Waiting for a future on a thread that has no executor, or that is inside one.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Waits for a future of this crate, which needs no runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    // A task of tokio's that calls this has a budget, which nobody would fill up meanwhile.
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        signal.wait();
    }
}

/// Waits as [`block_on`] does, but no longer than `limit`. Returns whether the future has ended.
pub(crate) fn block_on_for(limit: Duration, future: impl Future<Output = ()>) -> bool {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(tokio::task::unconstrained(future));
    let end = Instant::now() + limit;
    loop {
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return true;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        signal.wait_for(left);
    }
}

/// A condition variable: who parks its thread could take away what wakes the executor around it.
#[derive(Default)]
struct Signal {
    is_given: Mutex<bool>,
    given: Condvar,
}

impl Signal {
    fn wait(&self) {
        let is_given = self.is_given.lock().unwrap_or_else(PoisonError::into_inner);
        let is_given = self.given.wait_while(is_given, |is_given| !*is_given);
        *is_given.unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn wait_for(&self, limit: Duration) {
        let is_given = self.is_given.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut is_given, _) = self
            .given
            .wait_timeout_while(is_given, limit, |is_given| !*is_given)
            .unwrap_or_else(PoisonError::into_inner);
        *is_given = false;
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.is_given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.given.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use tokio::sync::oneshot;

    #[test]
    fn a_future_is_waited_for_within_a_runtime_too_whose_budget_is_spent() {
        run(async {
            for round in 0..1000 {
                let (sender, receiver) = oneshot::channel();
                std::thread::spawn(move || sender.send(round));
                assert_eq!(block_on(receiver), Ok(round));
            }
        });
    }

    #[test]
    fn nobody_waits_for_ever_who_named_a_limit() {
        assert!(!block_on_for(Duration::from_millis(1), std::future::pending()));
        assert!(block_on_for(Duration::ZERO, async {}));
    }
}
