//! The bound on how often something that somebody keeps removing is put back.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The number that is put back at once within `WITHIN`.
const AT_ONCE: usize = 3;
const WITHIN: Duration = Duration::from_secs(10);
/// Then the first wait, which doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LAST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The history of one thing so far.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The moments at which it was last put back, the oldest first.
    put_back: VecDeque<Instant>,
    /// The last wait, unless it then stayed for as long.
    waited: Option<Duration>,
}

impl Backoff {
    /// Notes that it is gone. Returns the time to wait before it is put back; none means at once.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        let since = |at: &Instant| now.saturating_duration_since(*at);
        let stayed = self.put_back.back().map(since);
        if stayed.zip(self.waited).is_some_and(|(stayed, waited)| stayed >= waited) {
            *self = Self::default();
        }
        self.put_back.retain(|at| since(at) < WITHIN);
        if self.waited.is_none() && self.put_back.len() < AT_ONCE {
            return None;
        }
        let wait = self.waited.map_or(FIRST_WAIT, |waited| (waited * 2).clamp(2 * FIRST_WAIT, LAST_WAIT));
        self.waited = Some(wait);
        Some(wait)
    }

    /// Notes that it is there again.
    pub(super) fn put_back(&mut self, now: Instant) {
        if self.put_back.len() == AT_ONCE {
            self.put_back.pop_front();
        }
        self.put_back.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests a thing that somebody removes at once, each time.
    #[test]
    fn three_times_at_once_and_then_ever_more_slowly() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = backoff.wait(now).unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait + Duration::from_millis(1);
            backoff.put_back(now);
        }
        assert_eq!(waits, [0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
    }

    #[test]
    fn what_stayed_for_as_long_as_the_last_wait_is_put_back_at_once() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(backoff.wait(now), None);
            backoff.put_back(now);
        }
        assert_eq!(backoff.wait(now), Some(FIRST_WAIT));
        now += FIRST_WAIT;
        backoff.put_back(now);
        now += FIRST_WAIT - Duration::from_millis(1);
        assert_eq!(backoff.wait(now), Some(2 * FIRST_WAIT));
        now += 2 * FIRST_WAIT;
        backoff.put_back(now);
        now += 2 * FIRST_WAIT;
        assert_eq!(backoff.wait(now), None);
    }

    #[test]
    fn now_and_then_is_no_fight() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(backoff.wait(now), None);
            backoff.put_back(now);
            now += WITHIN / 2;
        }
    }
}
