//! Every signal that can be caught is: none ends a Master without a release and a word. `docs/process.md` has the table.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::signal::Signal as NixSignal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::vrrpd::log::log;

/// Exporters and scripts written for another daemon send a signal every few seconds: so many are heeded in an hour.
const HOUR: Duration = Duration::from_secs(3600);
/// Lines that say that a signal has no effect.
const LINES: usize = 1;
/// The time for which the event loop looks for signals that came late.
const LOOK: Duration = Duration::from_millis(1);
/// Dumps of either kind: enough for whoever sends the signal by hand.
const DUMPS: usize = 6;

/// The request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// An orderly end, with the name of the signal.
    Stop(&'static str),
    /// Read the configuration again.
    Reload,
    /// Log the state of everything.
    DumpData,
    /// Log the counters.
    DumpStatistics,
    /// End as it is, for a process that goes on.
    HandOver,
}

/// The signals that came too late for this program.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Signals that the next program is to get.
    pub(super) signals: Vec<NixSignal>,
    /// True if a service manager wants this process to end as it is.
    pub(super) hand_over: bool,
}

/// An orderly stop.
const STOPS: [(i32, &str); 3] = [(libc::SIGTERM, "SIGTERM"), (libc::SIGINT, "SIGINT"), (libc::SIGQUIT, "SIGQUIT")];

/// Signals that would end the process in silence and have no meaning here. Two are left out: a crash (SIGSEGV and the like),
/// and SIGXCPU, by which the kernel ends a real-time thread that never pauses. A handler of that would never run.
const MEANINGLESS: [(i32, &str); 8] = [
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// The signals of the process, caught from the moment that it exists. Dropping it leaves them caught, and without effect.
#[derive(Debug)]
pub(super) struct Signals {
    stops: [(Signal, &'static str); STOPS.len()],
    hangup: Signal,
    hand_over: Signal,
    data: Dump,
    statistics: Dump,
    /// One for each signal without effect.
    _listeners: JoinSet<()>,
}

impl Signals {
    /// Call it on the runtime.
    pub(super) fn catch() -> io::Result<Self> {
        let catch = |number| signal(SignalKind::from_raw(number));
        let [terminate, interrupt, quit] = STOPS.map(|(number, name)| catch(number).map(|signal| (signal, name)));
        let mut listeners = JoinSet::new();
        let meaningless = MEANINGLESS.map(|(number, name)| (number, name.to_owned()));
        let first = libc::SIGRTMIN();
        let real_time = (first..=libc::SIGRTMAX()).filter(|number| *number != hand_over());
        let real_time = real_time.map(|number| (number, real_time_name(number - first)));
        for (number, name) in meaningless.into_iter().chain(real_time) {
            listeners.spawn(say(catch(number)?, meaning(number, &name)));
        }
        Ok(Self {
            stops: [terminate?, interrupt?, quit?],
            hangup: catch(libc::SIGHUP)?,
            hand_over: catch(hand_over())?,
            data: Dump::new(catch(libc::SIGUSR1)?, "SIGUSR1"),
            statistics: Dump::new(catch(libc::SIGUSR2)?, "SIGUSR2"),
            _listeners: listeners,
        })
    }

    /// Waits for a signal that asks for something; a stop comes before all else. A signal that comes again before it was
    /// returned counts once. Waiting can be given up at any time: nothing is lost.
    pub(super) async fn next(&mut self) -> Request {
        poll_fn(|context| self.poll(context)).await
    }

    /// Takes the signals that came after the last [`next`](Self::next), for a program that goes on in this one's place.
    pub(super) async fn take_late(&mut self) -> Late {
        let mut late = Late::default();
        // The event loop has to look once.
        while let Ok(request) = timeout(LOOK, self.next()).await {
            match request {
                Request::Stop(name) => late.signals.extend(name.parse::<NixSignal>().ok()),
                Request::Reload => late.signals.push(NixSignal::SIGHUP),
                Request::HandOver => late.hand_over = true,
                Request::DumpData | Request::DumpStatistics => {}
            }
        }
        late
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Request> {
        for (signal, name) in &mut self.stops {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(Request::Stop(name));
            }
        }
        if self.hangup.poll_recv(context).is_ready() {
            return Poll::Ready(Request::Reload);
        }
        if self.hand_over.poll_recv(context).is_ready() {
            return Poll::Ready(Request::HandOver);
        }
        if self.data.is_due(context) {
            return Poll::Ready(Request::DumpData);
        }
        if self.statistics.is_due(context) { Poll::Ready(Request::DumpStatistics) } else { Poll::Pending }
    }
}

/// A signal that asks for lines in the log.
#[derive(Debug)]
struct Dump {
    signal: Signal,
    name: &'static str,
    ration: Ration,
}

impl Dump {
    const fn new(signal: Signal, name: &'static str) -> Self {
        Self { signal, name, ration: Ration::new(DUMPS) }
    }

    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let name = self.name;
        while self.signal.poll_recv(context) == Poll::Ready(Some(())) {
            match self.ration.another(Instant::now()) {
                Ok(0) => return true,
                Ok(held_back) => {
                    log!(
                        DumpHeldBack,
                        signal = name,
                        held_back = held_back,
                        "{name}: came {held_back} times since the last dump; at most {DUMPS} are written in an hour"
                    );
                    return true;
                }
                Err(1) => {
                    log!(
                        DumpHeldBack,
                        signal = name,
                        held_back = 1,
                        "{name}: {DUMPS} dumps were written within an hour, the next one has to wait; ask with `vrrpctl status`"
                    );
                }
                Err(_) => {}
            }
        }
        false
    }
}

/// `RestartKillSignal=` of the unit. Counted from the end: how many of the first ones a C library keeps differs.
fn hand_over() -> i32 {
    libc::SIGRTMAX() - 1
}

fn real_time_name(offset: i32) -> String {
    if offset == 0 { "SIGRTMIN".to_owned() } else { format!("SIGRTMIN+{offset}") }
}

/// keepalived writes files at some of the real-time signals.
fn meaning(number: i32, name: &str) -> String {
    if number >= libc::SIGRTMIN() {
        format!("{name}: has no effect in vrrpd; `vrrpctl status` tells state and counters, with --json for programs")
    } else {
        format!("{name}: has no effect in vrrpd")
    }
}

/// Says `text` for a signal, at most once an hour.
async fn say(mut signal: Signal, text: String) {
    let mut lines = Ration::new(LINES);
    while signal.recv().await.is_some() {
        match lines.another(Instant::now()) {
            Err(_) => {}
            Ok(0) => log!(SignalWithoutEffect, held_back = 0, "{text}"),
            Ok(held_back) => {
                log!(SignalWithoutEffect, held_back = held_back, "{text} (and {held_back} times since the last line)")
            }
        }
    }
}

/// A bound on the number in an hour.
#[derive(Debug)]
struct Ration {
    most: usize,
    given: VecDeque<Instant>,
    held_back: u64,
}

impl Ration {
    const fn new(most: usize) -> Self {
        Self { most, given: VecDeque::new(), held_back: 0 }
    }

    /// Counts one more and, if it is allowed now, returns the number of those held back since the last allowed one.
    ///
    /// # Errors
    /// It is not allowed now: the number of those held back, with this one.
    fn another(&mut self, now: Instant) -> Result<u64, u64> {
        self.given.retain(|given| now.saturating_duration_since(*given) < HOUR);
        if self.given.len() < self.most {
            self.given.push_back(now);
            Ok(std::mem::take(&mut self.held_back))
        } else {
            self.held_back += 1;
            Err(self.held_back)
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal::{SIGHUP as HUP, SIGTERM as TERM, SIGUSR1 as USR1, SIGUSR2 as USR2};
    use nix::sys::signal::raise;
    use tokio::time::timeout;

    use super::*;
    use crate::vrrpd::exec::testing::SOON;

    /// Returns the answers to an exporter that asks every 20 seconds: the number of the question, and how many were held back.
    fn given(most: usize) -> Vec<(u32, u64)> {
        let (mut ration, start) = (Ration::new(most), Instant::now());
        let at = |n| start + n * Duration::from_secs(20);
        (0..400).filter_map(|n| ration.another(at(n)).ok().map(|held_back| (n, held_back))).collect()
    }

    #[test]
    fn an_exporter_gets_one_line_an_hour_and_six_dumps() {
        assert_eq!(given(LINES), [(0, 0), (180, 179), (360, 179)]);
        let first: Vec<(u32, u64)> = (0..6).map(|n| (n, 0)).collect();
        let later = |n: u32| [(n, 174), (n + 1, 0), (n + 2, 0), (n + 3, 0), (n + 4, 0), (n + 5, 0)];
        assert_eq!(given(DUMPS), [&first[..], &later(180), &later(360)].concat());
        let mut ration = Ration::new(1);
        let now = Instant::now();
        assert_eq!([0; 3].map(|_| ration.another(now)), [Ok(0), Err(1), Err(2)]);
    }

    #[test]
    fn who_asks_for_files_is_told_what_to_use_instead() {
        for number in [libc::SIGRTMIN(), libc::SIGRTMAX()] {
            assert!(meaning(number, "x").contains("vrrpctl status"), "{number}");
        }
        assert_eq!(meaning(libc::SIGALRM, "SIGALRM"), "SIGALRM: has no effect in vrrpd");
        assert_eq!((real_time_name(0).as_str(), real_time_name(3).as_str()), ("SIGRTMIN", "SIGRTMIN+3"));
    }

    #[tokio::test]
    async fn each_signal_asks_for_something_and_a_stop_comes_first() {
        let mut signals = Signals::catch().unwrap();
        let mut last = signal(SignalKind::terminate()).unwrap();
        for signal in [TERM, HUP, USR1, USR2] {
            raise(signal).unwrap();
        }
        // The runtime of another test may tell of these, by their numbers: this one comes last.
        timeout(SOON, last.recv()).await.unwrap();
        for request in [Request::Stop("SIGTERM"), Request::Reload, Request::DumpData, Request::DumpStatistics] {
            assert_eq!(timeout(SOON, signals.next()).await.unwrap(), request);
        }
    }
}
