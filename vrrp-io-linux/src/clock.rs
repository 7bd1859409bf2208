//! The monotonic clock as the core's [`Instant`], and an alarm on it.
//!
//! A timerfd wakes about 0.1 ms late, the runtime's own timers 1 ms and more: they round up to whole milliseconds, and
//! that would merge the skews of neighbouring priorities at short intervals.

use std::fs::File;
use std::io::{self, Read};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use tokio::io::unix::AsyncFd;
use vrrp_core::Instant;

use crate::sys;

/// Now, on `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(sys::monotonic_nanos())
}

/// Returns the time on the wall clock when this clock was 0, in nanoseconds since 1970. The wall clock can be set: the result is
/// right for its present setting.
pub(crate) fn epoch() -> Option<u64> {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos();
    u64::try_from(wall).ok()?.checked_sub(now().as_nanos())
}

/// One wake-up at an absolute time.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: AsyncFd<File>,
    armed: Option<Instant>,
}

impl Alarm {
    /// An alarm that is not armed. Needs a running tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { timer: sys::watch(sys::timer()?)?, armed: None })
    }

    /// Replaces the time to fire at; `None`: never. A time that has passed fires at once. Free when nothing changes.
    pub(crate) fn arm(&mut self, at: Option<Instant>) -> io::Result<()> {
        if self.armed != at {
            sys::set_timer(self.timer.get_ref(), at.map(Instant::as_nanos))?;
            self.armed = at;
        }
        Ok(())
    }

    /// Fires at `at` at the latest: a time armed before stays where it is not later, and then fires for nothing. So a
    /// deadline that moves on with each packet costs no system call.
    pub(crate) fn arm_by(&mut self, at: Option<Instant>) -> io::Result<()> {
        match (at, self.armed) {
            (None, _) => Ok(()),
            (Some(at), Some(armed)) if armed <= at => Ok(()),
            (at, _) => self.arm(at),
        }
    }

    /// Ready once for each time armed that has come; the alarm is then no longer armed.
    pub(crate) fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.timer.poll_read_ready(cx))?;
            let mut expiries = [0; 8];
            if let Ok(read) = guard.try_io(|timer| timer.get_ref().read(&mut expiries)) {
                self.armed = None;
                return Poll::Ready(read.map(drop));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;
    use crate::testing::run;

    /// On a busy machine a process may have to wait for its turn.
    const GENEROUS: Duration = Duration::from_secs(2);

    async fn fired(alarm: &mut Alarm) -> Instant {
        poll_fn(|cx| alarm.poll_fired(cx)).await.unwrap();
        now()
    }

    #[test]
    fn fires_not_before_its_time_and_soon_after() {
        run(async {
            let mut alarm = Alarm::new().unwrap();
            let mut least = Duration::MAX;
            for millis in [1, 3, 5, 10, 20] {
                let due = now() + Duration::from_millis(millis);
                alarm.arm(Some(due)).unwrap();
                let at = fired(&mut alarm).await;
                assert!(at >= due && at.since(due) < GENEROUS, "due {due:?}, fired {at:?}");
                least = least.min(at.since(due));
            }
            assert!(least < Duration::from_millis(50), "late by {least:?} at least");
        });
    }

    #[test]
    fn a_time_that_has_passed_fires_at_once_each_time_it_is_armed() {
        run(async {
            let mut alarm = Alarm::new().unwrap();
            for past in [Instant::ZERO, now(), now().before(Duration::from_secs(1))] {
                for _ in 0..2 {
                    let start = now();
                    alarm.arm(Some(past)).unwrap();
                    assert!(fired(&mut alarm).await.since(start) < GENEROUS);
                }
            }
        });
    }

    #[test]
    fn armed_by_a_time_it_fires_then_or_earlier() {
        run(async {
            let mut alarm = Alarm::new().unwrap();
            let (soon, late) = (now() + Duration::from_millis(5), now() + Duration::from_secs(3600));
            alarm.arm_by(Some(late)).unwrap();
            for at in [Some(soon), Some(late), None] {
                alarm.arm_by(at).unwrap();
                assert_eq!(alarm.armed, Some(soon));
            }
            assert!(fired(&mut alarm).await >= soon);
            alarm.arm_by(Some(late)).unwrap();
            assert_eq!(alarm.armed, Some(late));
        });
    }

    #[test]
    fn only_the_last_time_armed_fires_and_only_once() {
        run(async {
            let mut alarm = Alarm::new().unwrap();
            alarm.arm(Some(Instant::ZERO)).unwrap();
            alarm.arm(Some(Instant::MAX)).unwrap();
            let quiet = async |alarm: &mut Alarm| {
                let wait = Duration::from_millis(20);
                assert!(tokio::time::timeout(wait, poll_fn(|cx| alarm.poll_fired(cx))).await.is_err());
            };
            quiet(&mut alarm).await;
            alarm.arm(Some(now())).unwrap();
            fired(&mut alarm).await;
            quiet(&mut alarm).await;
            alarm.arm(Some(now())).unwrap();
            alarm.arm(None).unwrap();
            quiet(&mut alarm).await;
        });
    }
}
