//! Every signal that can be caught is: none ends a Master without a release and a word. `docs/process.md` has the table.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

/// Exporters and scripts written for another daemon send a signal every few seconds: one line in so long tells of them.
const BETWEEN_LINES: Duration = Duration::from_secs(3600);
/// Somebody who has changed the configuration waits for a line.
const BETWEEN_HANGUPS: Duration = Duration::from_secs(10);

/// An orderly stop.
const STOPS: [(i32, &str); 3] = [(libc::SIGTERM, "SIGTERM"), (libc::SIGINT, "SIGINT"), (libc::SIGQUIT, "SIGQUIT")];

/// What would end the process in silence and means nothing here. Not among them: a crash (SIGSEGV and the like), and SIGXCPU,
/// by which the kernel ends a real-time thread that never pauses: a handler would never come to its turn.
const MEANINGLESS: [(i32, &str); 10] = [
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    (libc::SIGXFSZ, "SIGXFSZ"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGUSR2, "SIGUSR2"),
];

/// The signals of the process, caught from the moment that it exists. Dropping it leaves them caught, and without effect.
#[derive(Debug)]
pub(super) struct Signals {
    stops: mpsc::Receiver<&'static str>,
    /// One for each signal.
    _listeners: JoinSet<()>,
}

impl Signals {
    /// Call it on the runtime.
    pub(super) fn catch() -> io::Result<Self> {
        let mut listeners = JoinSet::new();
        let (sender, stops) = mpsc::channel(1);
        for (number, name) in STOPS {
            let (mut signal, sender) = (signal(SignalKind::from_raw(number))?, sender.clone());
            listeners.spawn(async move {
                while signal.recv().await.is_some() {
                    // Full: it stops already.
                    let _ = sender.try_send(name);
                }
            });
        }
        listeners.spawn(say(
            signal(SignalKind::hangup())?,
            "SIGHUP: restart vrrpd to have the configuration read again".to_owned(),
            BETWEEN_HANGUPS,
        ));
        let meaningless = MEANINGLESS.map(|(number, name)| (number, name.to_owned()));
        let first = libc::SIGRTMIN();
        let real_time = (first..=libc::SIGRTMAX()).map(|number| (number, real_time_name(number - first)));
        for (number, name) in meaningless.into_iter().chain(real_time) {
            listeners.spawn(say(signal(SignalKind::from_raw(number))?, meaning(number, &name), BETWEEN_LINES));
        }
        Ok(Self { stops, _listeners: listeners })
    }

    /// Waits for a signal to stop; returns its name.
    pub(super) async fn stop(&mut self) -> &'static str {
        // The listeners have the other end and never end.
        self.stops.recv().await.unwrap_or("no signal can be received any more")
    }
}

fn real_time_name(offset: i32) -> String {
    if offset == 0 { "SIGRTMIN".to_owned() } else { format!("SIGRTMIN+{offset}") }
}

/// keepalived writes files at the user signals and some of the real-time ones.
fn meaning(number: i32, name: &str) -> String {
    if number == libc::SIGUSR1 || number == libc::SIGUSR2 || number >= libc::SIGRTMIN() {
        format!("{name}: has no effect in vrrpd; `vrrpctl status` tells state and counters, with --json for programs")
    } else {
        format!("{name}: has no effect in vrrpd")
    }
}

/// Says `text` for a signal, at most once in `between`.
async fn say(mut signal: Signal, text: String, between: Duration) {
    let mut lines = Lines::new(between);
    while signal.recv().await.is_some() {
        match lines.another(Instant::now()) {
            None => {}
            Some(0) => warn!("{text}"),
            Some(held_back) => warn!("{text} (and {held_back} times since the last line)"),
        }
    }
}

/// Holds back what was said a moment ago.
#[derive(Debug)]
struct Lines {
    between: Duration,
    last: Option<Instant>,
    held_back: u64,
}

impl Lines {
    const fn new(between: Duration) -> Self {
        Self { between, last: None, held_back: 0 }
    }

    /// Whether to say it now: with how often it was held back since it was last said.
    fn another(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < self.between) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporter_gets_one_line_an_hour() {
        let (mut lines, start) = (Lines::new(BETWEEN_LINES), Instant::now());
        let at = |n| start + n * Duration::from_secs(20);
        let said: Vec<_> = (0..400).filter_map(|n| lines.another(at(n)).map(|times| (n, times))).collect();
        assert_eq!(said, [(0, 0), (180, 179), (360, 179)]);
    }

    #[test]
    fn who_asks_for_files_is_told_what_to_use_instead() {
        for number in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGRTMIN(), libc::SIGRTMAX()] {
            assert!(meaning(number, "x").contains("vrrpctl status"), "{number}");
        }
        assert_eq!(meaning(libc::SIGALRM, "SIGALRM"), "SIGALRM: has no effect in vrrpd");
        assert_eq!((real_time_name(0).as_str(), real_time_name(3).as_str()), ("SIGRTMIN", "SIGRTMIN+3"));
    }
}
