//! What waits to be told to one instance's scripts.

use std::collections::VecDeque;

/// Changes that may wait before the scripts count as left behind.
const CAPACITY: usize = 16;

/// Changes in order. When it is full, all that wait give way to the newest: whoever is that far behind needs the state
/// that holds, not the history, and the newest state is never lost.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<T>,
    dropped: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(CAPACITY), dropped: 0, closed: false }
    }

    pub(super) fn push(&mut self, change: T) {
        if self.waiting.len() >= CAPACITY {
            self.dropped += self.waiting.len();
            self.waiting.clear();
        }
        self.waiting.push_back(change);
    }

    /// The next change, and how many before it were dropped.
    pub(super) fn pop(&mut self) -> Option<(T, usize)> {
        let change = self.waiting.pop_front()?;
        Some((change, std::mem::take(&mut self.dropped)))
    }

    /// Nothing comes after what waits now.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_a_full_queue_collapses_to_the_newest() {
        let mut queue = Queue::new();
        (0..CAPACITY).for_each(|change| queue.push(change));
        assert_eq!(queue.pop(), Some((0, 0)));
        queue.push(CAPACITY);
        assert_eq!((queue.len(), queue.pop()), (CAPACITY, Some((1, 0))));

        (0..CAPACITY).for_each(|change| queue.push(100 + change));
        assert_eq!(queue.pop(), Some((100 + 1, CAPACITY)));
    }
}
