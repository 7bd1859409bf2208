//! Logging to stderr without ever waiting for whoever reads it.
//!
//! A log pipe that nobody empties must stop neither a health check's verdict nor a signal from being acted upon. So lines
//! go through a bounded queue to a thread that may block. What finds the queue full is lost, and counted in the log.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

use crate::vrrpd::journal::{self, Journal};

/// Lines that may wait.
const CAPACITY: usize = 4096;
/// How long the last lines may take to be written when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Prints what there is to say before the log runs. May block. Where even this cannot be written there is nobody to tell.
pub(super) fn say(level: Level, text: &str) {
    let text = if journal::is_stderr() { journal::lines(level, text) } else { format!("{text}\n") };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints an answer to a command. Whoever asked may have read enough.
pub(super) fn answer(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An error, and behind it each that it came from.
pub(super) fn with_sources(error: &dyn Error) -> String {
    let texts = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ")
}

/// Keeps the log going; when it is dropped, what was logged has been written, or nobody reads it.
#[derive(Debug)]
pub(super) struct Log(Arc<Queue>);

impl Log {
    /// Logs to stderr from now on.
    pub(super) fn to_stderr() -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.drain(io::stderr()))?;
        let asked_for = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(asked_for.unwrap_or(LevelFilter::INFO))
            .with_writer(Arc::clone(&queue))
            .with_target(false)
            .with_ansi(io::stderr().is_terminal());
        // Fails only where logging is set up already: then that is used.
        let _ = if journal::is_stderr() { subscriber.event_format(Journal).try_init() } else { subscriber.try_init() };
        Ok(Self(queue))
    }
}

impl Log {
    /// Waits until what was logged has been written, or nobody reads it.
    pub(super) fn flush(&self, limit: Duration) {
        let waiting = |state: &mut State| state.writing || !state.lines.is_empty();
        let _ = self.0.changed.wait_timeout_while(self.0.state(), limit, waiting);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush(LAST_WORDS);
    }
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    lost: u64,
    /// The writer has taken a line that is not written yet.
    writing: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes for ever.
    fn drain(&self, mut out: impl Write) {
        loop {
            let line = self.next();
            // Where even this cannot be written there is nobody to tell.
            let _ = out.write_all(&line);
        }
    }

    /// Waits for the next line. How many were lost is told where they are missing.
    fn next(&self) -> Vec<u8> {
        let mut state = self.state();
        state.writing = false;
        self.changed.notify_all();
        let empty = |state: &mut State| state.lines.is_empty();
        let mut state = self.changed.wait_while(state, empty).unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        let line = state.lines.pop_front().unwrap_or_default();
        if state.lines.is_empty() && state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            let text = format!("{lost} lines of the log are missing here: nobody read them\n");
            let text = if journal::is_stderr() { journal::lines(Level::WARN, &text) } else { text };
            state.lines.push_back(text.into());
        }
        line
    }
}

/// The subscriber writes each event with one call.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.lines.len() < CAPACITY && state.lost == 0 {
            state.lines.push_back(line.to_vec());
        } else {
            state.lost += 1;
        }
        self.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(queue: &Queue) -> String {
        String::from_utf8(queue.next()).unwrap()
    }

    #[test]
    fn a_full_queue_loses_the_newest_lines_and_says_how_many() {
        let queue = Queue::default();
        (0..CAPACITY + 3).for_each(|n| (&queue).write_all(format!("{n}\n").as_bytes()).unwrap());
        (0..CAPACITY).for_each(|n| assert_eq!(text(&queue), format!("{n}\n")));
        assert_eq!(text(&queue), "3 lines of the log are missing here: nobody read them\n");
        (&queue).write_all(b"again\n").unwrap();
        assert_eq!(text(&queue), "again\n");
    }
}
