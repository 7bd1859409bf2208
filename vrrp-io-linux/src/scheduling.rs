//! The scheduling of the driver's thread on a busy host.

use std::thread;
use std::time::Duration;

use vrrp_core::Instant;

use crate::warning::Warning;
use crate::{clock, sys};

/// The processor time that a real-time thread may use without a pause, unless another limit is set.
const LIMIT: Duration = Duration::from_secs(2);

/// The kernel's treatment of the driver: its thread and the memory of the process. By default that of everything else.
///
/// If the kernel refuses a setting, a warning tells it, and the routers run without it. Real-time scheduling and a negative nice
/// value need `CAP_SYS_NICE` (or `RLIMIT_RTPRIO`, `RLIMIT_NICE`), locked memory `CAP_IPC_LOCK` (or `RLIMIT_MEMLOCK`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    real_time: Option<u8>,
    limit: Option<Duration>,
    nice: Option<i8>,
    locked: bool,
}

impl Scheduling {
    /// The least [limit](Self::with_real_time_limit) of a real-time thread: a takeover of thousands of addresses takes as long.
    pub const LEAST_REAL_TIME_LIMIT: Duration = Duration::from_millis(200);

    /// Returns the treatment that everything else on the host has.
    #[must_use]
    pub const fn new() -> Self {
        Self { real_time: None, limit: None, nice: None, locked: false }
    }

    /// Has the driver's thread run before every ordinary one (`SCHED_RR`), with a priority from 1 to 99; what is beyond
    /// counts as the nearest of these. No other thread and no child process inherits it.
    ///
    /// A busy host then neither delays advertisements nor lets a Backup miss them. Under a flood of packets the thread still
    /// pauses, as an ordinary one does: for 50 us after each 50 ms. One that ran wild would keep a processor for itself: the kernel
    /// ends the process (`SIGXCPU`) when it [never pauses](Self::with_real_time_limit), and its addresses with their leases.
    #[must_use]
    pub const fn with_real_time(mut self, priority: u8) -> Self {
        self.real_time = Some(priority);
        self
    }

    /// Sets how much processor time the real-time thread may use without a pause (`RLIMIT_RTTIME`): 2 s unless set, and at
    /// least [`LEAST_REAL_TIME_LIMIT`](Self::LEAST_REAL_TIME_LIMIT).
    #[must_use]
    pub const fn with_real_time_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the nice value of the driver's thread, from -20 to 19; a value beyond counts as the nearest of these.
    #[must_use]
    pub const fn with_nice(mut self, nice: i8) -> Self {
        self.nice = Some(nice);
        self
    }

    /// Sets whether the memory of the process, what it has touched so far and what it touches later, stays out of swap.
    #[must_use]
    pub const fn with_locked_memory(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    /// Returns the real-time priority as it was set.
    #[must_use]
    pub const fn real_time(&self) -> Option<u8> {
        self.real_time
    }

    /// Returns the limit of the real-time thread as it was set.
    #[must_use]
    pub const fn real_time_limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Returns the nice value as it was set.
    #[must_use]
    pub const fn nice(&self) -> Option<i8> {
        self.nice
    }

    /// Tells whether memory stays out of swap.
    #[must_use]
    pub const fn locked_memory(&self) -> bool {
        self.locked
    }

    /// Applies it to the calling thread; what the kernel refused is returned.
    pub(crate) fn apply(&self) -> Vec<Warning> {
        let real_time = self.real_time.and_then(|priority| {
            let limit = self.limit.unwrap_or(LIMIT).max(Self::LEAST_REAL_TIME_LIMIT);
            let set = sys::limit_real_time(limit).and_then(|()| sys::set_round_robin(priority.clamp(1, 99)));
            Some(Warning::RealTime(set.err()?.into()))
        });
        let nice = self.nice.and_then(|nice| Some(Warning::Nice(sys::set_nice(nice).err()?.into())));
        let lock = || Some(Warning::LockedMemory(sys::lock_memory().err()?.into()));
        [real_time, nice, self.locked.then(lock).flatten()].into_iter().flatten().collect()
    }
}

/// After so much processor time the thread pauses: a fraction of the least limit.
const RUN: Duration = Duration::from_millis(50);
/// Long enough to give the processor away, which the kernel takes for a pause, and for nobody to notice.
const PAUSE: Duration = Duration::from_micros(50);
/// The period at which the thread looks how long it has run: that takes a system call.
const LOOK: Duration = Duration::from_millis(5);

/// The pauses that the thread takes of its own accord: under a flood it never waits for anything, and the kernel would end a
/// real-time process. An ordinary thread takes them too, and leaves the runtime's other tasks and the host a moment.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    looked_at: Instant,
    /// Processor time of the thread, in nanoseconds.
    paused_at: u64,
}

impl Pauses {
    /// Makes the pauses of the calling thread.
    pub(crate) fn new() -> Self {
        Self { looked_at: clock::now(), paused_at: sys::processor_nanos() }
    }

    /// Pauses if it is time. Not while something `is_due` at once, unless that has been so for long.
    pub(crate) fn take(&mut self, is_due: impl FnOnce(Instant) -> bool) {
        let now = clock::now();
        if now.since(self.looked_at) < LOOK {
            return;
        }
        let ran = Duration::from_nanos(sys::processor_nanos().saturating_sub(self.paused_at));
        if ran < RUN || (ran < 2 * RUN && is_due(now)) {
            // While something is due it is looked at again at once.
            self.looked_at = if ran < RUN { now } else { self.looked_at };
            return;
        }
        thread::sleep(PAUSE);
        (self.looked_at, self.paused_at) = (now, sys::processor_nanos());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn field(name: &str, file: &str) -> Option<String> {
        let text = fs::read_to_string(format!("/proc/thread-self/{file}")).unwrap();
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches([':', ' ', '\t']).to_owned()))
    }

    #[test]
    fn the_thread_is_nicer_and_only_that_thread() {
        let nice = || {
            let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse::<i32>().unwrap()
        };
        let before = nice();
        let wanted = i8::try_from(before).unwrap().saturating_add(1).min(19);
        let set = thread::spawn(move || (Scheduling::new().with_nice(wanted).apply(), nice())).join().unwrap();
        assert_eq!(set, (Vec::new(), i32::from(wanted)));
        assert_eq!(nice(), before);
    }

    #[test]
    fn a_thread_that_never_waits_pauses_in_time() {
        // The thread's own processor time: nothing depends on how busy the machine is.
        let run_for = |time: Duration, is_due: bool| {
            let mut pauses = Pauses::new();
            let (start, mut before, mut taken) = (sys::processor_nanos(), pauses.paused_at, Vec::new());
            while Duration::from_nanos(sys::processor_nanos() - start) < time {
                pauses.take(|_| is_due);
                if pauses.paused_at != before {
                    taken.push(Duration::from_nanos(pauses.paused_at - before));
                    before = pauses.paused_at;
                }
            }
            taken
        };
        for (is_due, least) in [(false, RUN), (true, 2 * RUN)] {
            let taken = run_for(5 * RUN, is_due);
            assert!(!taken.is_empty() && taken.iter().all(|ran| *ran >= least && *ran < least + RUN), "{taken:?}");
        }
    }

    #[test]
    fn real_time_is_granted_or_told_to_be_refused() {
        let scheduling = Scheduling::new().with_real_time(1).with_real_time_limit(Duration::from_secs(5));
        let (refused, policy) = thread::spawn(move || {
            let refused = scheduling.apply();
            let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
            (refused, stat.rsplit_once(") ").unwrap().1.split(' ').nth(38).unwrap().to_owned())
        })
        .join()
        .unwrap();
        match refused.as_slice() {
            [] => {
                assert_eq!(policy, "2", "SCHED_RR");
                let limit = field("Max realtime timeout", "limits").unwrap();
                assert!(limit.starts_with("5000000"), "{limit}");
            }
            // By the kernel, and not by a C library that has no such function.
            [Warning::RealTime(error)] => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
            more => panic!("{more:?}"),
        }
    }
}
