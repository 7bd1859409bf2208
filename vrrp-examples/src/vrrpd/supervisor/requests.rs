//! The requests of signals that wait until the loop has time for them, one of each kind.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::vrrpd::signals::Request;

/// The queue, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: Mutex<Vec<Request>>,
    more: Notify,
}

impl Requests {
    /// Adds one. If one of its kind waits already, that one is enough.
    pub(super) fn put(&self, request: Request) {
        let mut waiting = self.waiting();
        if !waiting.contains(&request) {
            waiting.push(request);
            self.more.notify_one();
        }
    }

    /// Waits for the next one. Who drops the future loses nothing.
    pub(super) async fn next(&self) -> Request {
        loop {
            let first = {
                let mut waiting = self.waiting();
                if waiting.is_empty() { None } else { Some(waiting.remove(0)) }
            };
            match first {
                Some(request) => return request,
                None => self.more.notified().await,
            }
        }
    }

    /// Takes one of this kind. Returns false where none waits.
    pub(super) fn take(&self, request: Request) -> bool {
        let mut waiting = self.waiting();
        let before = waiting.len();
        waiting.retain(|it| *it != request);
        waiting.len() < before
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Request>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use tokio::time::timeout;

    #[tokio::test]
    async fn one_of_each_kind_waits_however_often_another_kind_comes() {
        let requests = Requests::default();
        (0..100).for_each(|_| requests.put(Request::DumpData));
        for request in [Request::Reload, Request::HandOver, Request::Reload, Request::DumpStatistics] {
            requests.put(request);
        }
        for expected in [Request::DumpData, Request::Reload] {
            assert_eq!(requests.next().await, expected);
        }
        assert!(requests.take(Request::HandOver) && !requests.take(Request::HandOver));
        assert_eq!(requests.next().await, Request::DumpStatistics);
        assert!(timeout(Duration::ZERO, requests.next()).await.is_err());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let requests = Requests::default();
        let (request, ()) = tokio::join!(requests.next(), async { requests.put(Request::Reload) });
        assert_eq!(request, Request::Reload);
    }
}
