//! The changes that wait for the scripts of one instance or group.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::change::{Change, NotifyState};

/// The time for which a newer state waits for the script of an older one.
const PATIENCE: Duration = Duration::from_secs(2);
/// A change that has waited longer, with newer states behind it, is left out: its script would soon be stopped.
const STALE: Duration = Duration::from_secs(1);
/// Changes that may wait before the scripts count as left behind.
const CAPACITY: usize = 16;

/// Changes in order. Scripts that are left behind are told the newest state, not the history, and the newest is never lost.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<(Change, Instant)>,
    left_out: usize,
    /// The last change was a stop.
    stopped: bool,
    /// Nothing comes after what waits now.
    closed: bool,
    /// True once the reader has been told that there are no more.
    ended: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        let waiting = VecDeque::with_capacity(CAPACITY);
        Self { waiting, left_out: 0, stopped: false, closed: false, ended: false }
    }

    /// Adds a change. A stop does not wait, and none follows another.
    pub(super) fn push(&mut self, change: Change, now: Instant) {
        let stops = change.state == NotifyState::Stop;
        // A change that is not a state is told only if nothing else waits: it replaces none.
        let idle = change.state == NotifyState::LowerPriority && !self.waiting.is_empty();
        if self.closed || idle || (stops && self.stopped) {
            return;
        }
        self.stopped = stops || (self.stopped && change.state == NotifyState::LowerPriority);
        if stops || self.waiting.len() >= CAPACITY {
            self.left_out += self.waiting.len();
            self.waiting.clear();
        }
        self.waiting.push_back((change, now));
    }

    /// Takes the next change, and returns how many before it were left out.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Change, usize)> {
        let (_, since) = self.waiting.front()?;
        if now.saturating_duration_since(*since) >= STALE {
            let older = self.waiting.len() - 1;
            self.waiting.drain(..older);
            self.left_out += older;
        }
        let (change, _) = self.waiting.pop_front()?;
        Some((change, std::mem::take(&mut self.left_out)))
    }

    /// Returns the end of the time of the script that runs now, and the newest state that then must be told. `None`: nothing waits.
    pub(super) fn patience(&self) -> Option<(Instant, NotifyState)> {
        // A change that is not a state stops no script.
        let (_, since) = self.waiting.iter().find(|(change, _)| change.state != NotifyState::LowerPriority)?;
        let (newest, _) = self.waiting.back()?;
        let patience = if newest.state == NotifyState::Stop { Duration::ZERO } else { PATIENCE };
        Some((*since + patience, newest.state))
    }

    /// Closes the queue: nothing comes after the changes that wait now.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Goes on after it was closed; `false`: it is too late.
    pub(super) fn reopen(&mut self) -> bool {
        self.closed &= self.ended;
        !self.ended
    }

    /// Ends the queue if nothing will come. Called when nothing waits; returns true if it has ended, for ever.
    pub(super) fn end(&mut self) -> bool {
        self.ended = self.closed;
        self.ended
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::NotifyState::{Backup, Fault, LowerPriority, Master, Stop};
    use super::*;

    fn change(state: NotifyState, priority: u8) -> Change {
        Change { state, priority }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn order_is_kept_and_a_full_queue_collapses_to_the_newest() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        (0..16).for_each(|n| queue.push(change(Master, n), now));
        assert_eq!(queue.pop(now), Some((change(Master, 0), 0)));
        queue.push(change(Master, 16), now);
        assert_eq!(queue.pop(now), Some((change(Master, 1), 0)));
        assert_eq!(queue.waiting.len(), CAPACITY - 1);

        (100..117).for_each(|n| queue.push(change(Backup, n), now));
        assert_eq!(queue.pop(now), Some((change(Backup, 101), CAPACITY)));
    }

    #[test]
    fn what_has_waited_long_gives_way_to_the_newest() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.push(change(Master, 1), now);
        queue.push(change(Backup, 2), now + ms(400));
        queue.push(change(Fault, 3), now + ms(900));
        assert_eq!(queue.pop(now + ms(999)), Some((change(Master, 1), 0)));
        queue.push(change(Master, 4), now + ms(1000));
        assert_eq!(queue.pop(now + ms(1400)), Some((change(Master, 4), 2)));
        assert_eq!(queue.pop(now + ms(9000)), None);
    }

    #[test]
    fn what_is_no_state_leaves_none_out_and_cuts_no_script_off() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.push(change(LowerPriority, 1), now);
        queue.push(change(LowerPriority, 2), now);
        assert_eq!(queue.patience(), None);
        queue.push(change(Backup, 3), now + ms(10));
        assert_eq!(queue.patience(), Some((now + ms(10) + PATIENCE, Backup)));
        queue.push(change(LowerPriority, 4), now + ms(20));
        assert_eq!(queue.pop(now + ms(20)), Some((change(LowerPriority, 1), 0)));
        assert_eq!(queue.pop(now + ms(20)), Some((change(Backup, 3), 0)));
        assert_eq!(queue.pop(now + ms(20)), None);
    }

    #[test]
    fn the_first_that_waits_sets_the_time_and_a_stop_has_none() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        assert_eq!(queue.patience(), None);
        queue.push(change(Backup, 1), now);
        queue.push(change(Fault, 1), now + ms(1500));
        assert_eq!(queue.patience(), Some((now + PATIENCE, Fault)), "however often the state changes");
        queue.push(change(Stop, 1), now + ms(1600));
        assert_eq!(queue.patience(), Some((now + ms(1600), Stop)));
        assert_eq!(queue.pop(now + ms(1600)), Some((change(Stop, 1), 2)));
    }
}
