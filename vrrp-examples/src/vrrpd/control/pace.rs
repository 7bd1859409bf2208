//! The bounds on how often something may happen, and how much of a processor it may take: what comes too early waits
//! for its turn, in order.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Gives out turns.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time from one turn to the next.
    step: Duration,
    /// The longest unused time that may be used later, at once.
    burst: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(step: Duration, burst: Duration) -> Self {
        Self { step, burst, next: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn. Dropping the future takes none.
    pub(crate) async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        let now = Instant::now();
        *next = (*next).max(now.checked_sub(self.burst).unwrap_or(now)) + self.step;
    }
}

/// Gives out turns such that this thread takes a fifth of a processor at most, however often somebody asks.
#[derive(Debug)]
pub(crate) struct Share {
    account: Mutex<Account>,
}

/// The thread works for one of so many parts of the time.
const PARTS: u32 = 5;
/// The most rest from before that counts for the work that follows it.
const SAVED: Duration = Duration::from_millis(500);
/// The longest rest: the thread also reads thousands of routers anew at a reload, and nobody who asks then is to wait for long.
const LONGEST: Duration = Duration::from_secs(1);

impl Share {
    pub(crate) fn new() -> Self {
        Self { account: Mutex::new(Account { worked: processor_time(), rested: Instant::now() }) }
    }

    /// Waits until the thread has rested from all that it did so far. Dropping the future takes no turn.
    pub(crate) async fn turn(&self) {
        let mut account = self.account.lock().await;
        let rested = account.charge(processor_time(), Instant::now());
        sleep_until(rested).await;
    }
}

/// The work of the thread, and its rest.
#[derive(Debug)]
struct Account {
    /// Its processor time so far.
    worked: Duration,
    /// The moment at which it has rested from that. A part of the rest is the work itself.
    rested: Instant,
}

impl Account {
    /// Adds the work since the last time. Returns when the thread will have rested from it.
    fn charge(&mut self, worked: Duration, now: Instant) -> Instant {
        let more = worked.saturating_sub(self.worked);
        self.worked = worked;
        // The thread has also rested between two parts of this work, so the rest is added up first and limited then.
        let owed = self.rested + more * PARTS;
        self.rested = owed.max(now.checked_sub(SAVED).unwrap_or(now)).min(now + LONGEST);
        self.rested
    }
}

/// Returns the processor time of the calling thread. Nothing where the kernel has no such clock: then nobody waits.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_what_follows_step_by_step() {
        let pace = Pace::new(Duration::from_millis(10), Duration::from_millis(100));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn work_without_a_pause_gets_a_fifth_of_the_time() {
        let begun = Instant::now();
        let (mut now, mut worked) = (begun, Duration::ZERO);
        let mut account = Account { worked, rested: begun };
        let work = Duration::from_millis(5);
        while now < begun + Duration::from_secs(10) {
            now = now.max(account.charge(worked, now)) + work;
            worked += work;
        }
        let share = worked.as_secs_f64() / (now - begun).as_secs_f64();
        assert!((0.199..0.201).contains(&share), "{share}");

        // After a quiet time some work is done at once, and no more than after half a second.
        let mut at_once = 0;
        now += Duration::from_secs(3600);
        while account.charge(worked, now) <= now {
            (now, worked, at_once) = (now + work, worked + work, at_once + 1);
        }
        assert_eq!(at_once, 500 / 20 + 1);
        assert_eq!(account.charge(worked + Duration::from_secs(60), now), now + LONGEST, "after a large reload");
    }

    #[tokio::test(start_paused = true)]
    async fn other_work_that_leaves_enough_rest_delays_no_turn() {
        let begun = Instant::now();
        let mut account = Account { worked: Duration::ZERO, rested: begun };
        for seconds in [1, 15, 60, 3600] {
            let now = account.rested + SAVED + Duration::from_secs(seconds);
            let worked = account.worked + Duration::from_secs(seconds) / 10;
            assert!(account.charge(worked, now) <= now, "a tenth of a processor for {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_comes_once_the_thread_has_rested() {
        let share = Share::new();
        let begun = Instant::now();
        let before = processor_time();
        while processor_time() < before + Duration::from_millis(20) {}
        share.turn().await;
        let owed = (processor_time() - before) * PARTS;
        assert!(begun.elapsed() >= Duration::from_millis(100), "{:?} of {owed:?}", begun.elapsed());
        assert!(begun.elapsed() <= owed * 2, "{:?} of {owed:?}", begun.elapsed());
    }
}
