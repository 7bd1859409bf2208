//! Logs to stderr without ever waiting for the reader.
//!
//! A log pipe that nobody empties must not delay the verdict of a health check or the reaction to a signal. So lines
//! go through a bounded queue to a thread that may block. A line that finds the queue full is lost, and counted in the log.
//!
//! Every line has an id: `docs/log.md` has the table. Clients of the control socket can [read along](Lines).

mod format;
pub(super) mod id;
mod journal;
mod level;
mod libraries;
pub(super) mod line;
mod queue;
mod readers;

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(super) use format::Choice;
use format::Format;
pub(super) use id::Id;
pub use level::Level;
use libraries::Libraries;
pub use line::Record;
pub(super) use line::{Line, line, log};
use queue::Queue;
pub(super) use readers::READERS;
pub use readers::{End, Lines, Read, Reader};

/// The time that the last lines may take to be written when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The sink of lines, from the moment at which the log runs.
static SINK: OnceLock<Sink> = OnceLock::new();
/// The form of lines.
static FORMAT: OnceLock<Format> = OnceLock::new();

#[derive(Debug)]
struct Sink {
    queue: Arc<Queue>,
    /// The level of the lines that are written. Readers get more, but no details.
    shown: Option<Level>,
}

/// Chooses how everything is written to stderr. The first one counts.
pub(super) fn choose(choice: Option<Choice>) {
    let _ = FORMAT.set(Format::of_stderr(choice));
}

fn format() -> Format {
    *FORMAT.get_or_init(|| Format::of_stderr(None))
}

/// Returns true if lines on stderr are for people, who like colours and excerpts.
pub(super) fn is_for_people() -> bool {
    matches!(format(), Format::Text { .. })
}

/// Prints what there is to say before the log runs. May block. Where even this cannot be written there is nobody to tell.
pub(super) fn say(line: Line) {
    let text = format().render_bare(&Record { sequence: None, at: SystemTime::now(), line });
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints an answer to a command. Whoever asked may have read enough.
pub(super) fn answer(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Has a panic told as a line where programs read them.
pub(super) fn tell_panics() {
    if !is_for_people() {
        std::panic::set_hook(Box::new(|panic| say(Line::new(Id::Panic, panic.to_string()))));
    }
}

/// Returns an error with the errors that caused it.
pub(super) fn with_sources(error: &dyn Error) -> String {
    let texts = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    texts.collect::<Vec<_>>().join(": ")
}

impl Line {
    /// Logs it. Before the log runs nobody hears it.
    pub(super) fn emit(self) {
        let Some(Sink { queue, shown }) = SINK.get() else { return };
        let shown = shown.is_some_and(|shown| self.level <= shown);
        if shown || self.level <= Level::Info {
            queue.put(self, shown);
        }
    }
}

/// Keeps the log going; when it is dropped, what was logged has been written, or nobody reads it.
#[derive(Debug)]
pub(super) struct Log(Arc<Queue>);

impl Log {
    /// Logs to stderr from now on.
    pub(super) fn to_stderr() -> io::Result<Self> {
        let (queue, format) = (Arc::new(Queue::default()), format());
        let writer = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.drain(format, io::stderr()))?;
        let asked_for = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
        let filter: LevelFilter = asked_for.unwrap_or(LevelFilter::INFO);
        let _ = SINK.set(Sink { queue: Arc::clone(&queue), shown: filter.into_level().map(Level::from) });
        // Fails only where logging is set up already: then that is used.
        let _ = tracing_subscriber::registry().with(Libraries.with_filter(filter)).try_init();
        Ok(Self(queue))
    }

    /// Returns where to read along.
    pub(super) fn lines(&self) -> Lines {
        self.0.lines.clone()
    }

    /// Waits until what was logged has been written, or nobody reads it.
    pub(super) fn flush(&self, limit: Duration) {
        self.0.flush(limit);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests;
