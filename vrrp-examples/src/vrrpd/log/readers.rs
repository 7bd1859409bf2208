//! Readers of the log: each gets every line as it is logged, in a queue that nobody waits for.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::line::Record;

/// Lines that may wait for the slowest reader. All readers share them.
const LINES: usize = 4096;
/// Readers at once.
pub(in crate::vrrpd) const READERS: usize = 16;

/// The way of lines to the readers. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Lines(broadcast::Sender<Item>);

#[derive(Clone, Debug)]
enum Item {
    Line(Arc<Record>),
    End(End),
}

/// The reason why no more lines come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum End {
    /// The daemon has stopped.
    Stopped,
    /// Another program goes on in its place.
    Upgraded,
}

/// The next thing that a reader reads.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "who reads must act on each")]
pub enum Read {
    /// A line.
    Line(Arc<Record>),
    /// The number of lines that were here, and were not read in time.
    Lost(u64),
    /// There are no more.
    End(End),
}

/// A reader of the log.
#[derive(Debug)]
pub struct Reader(broadcast::Receiver<Item>);

impl Default for Lines {
    fn default() -> Self {
        Self(broadcast::Sender::new(LINES))
    }
}

impl Lines {
    /// Reads along from now on. `None` where as many do as may.
    #[must_use]
    pub fn read_along(&self) -> Option<Reader> {
        (self.0.receiver_count() < READERS).then(|| Reader(self.0.subscribe()))
    }

    /// Says that no more lines come.
    pub(in crate::vrrpd) fn end(&self, end: End) {
        let _ = self.0.send(Item::End(end));
    }

    /// Returns true if there is a reader.
    pub(in crate::vrrpd) fn is_read(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Returns how many read along.
    #[cfg(test)]
    pub(in crate::vrrpd) fn readers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Logs a line for the readers only.
    #[cfg(test)]
    pub(in crate::vrrpd) fn say(&self, sequence: u64, line: crate::vrrpd::log::Line) {
        let at = std::time::SystemTime::UNIX_EPOCH;
        self.put(&Arc::new(Record { sequence: Some(sequence), at, line }));
    }

    pub(super) fn put(&self, record: &Arc<Record>) {
        // Mostly nobody reads along.
        let _ = self.0.send(Item::Line(Arc::clone(record)));
    }
}

impl Reader {
    /// Waits for what comes next. Who drops the future loses nothing.
    pub async fn next(&mut self) -> Read {
        match self.0.recv().await {
            Ok(Item::Line(record)) => Read::Line(record),
            Ok(Item::End(end)) => Read::End(end),
            Err(RecvError::Lagged(lost)) => Read::Lost(lost),
            Err(RecvError::Closed) => Read::End(End::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::vrrpd::log::{Id, Line};

    fn record(sequence: u64) -> Arc<Record> {
        let line = Line::new(Id::Started, "started");
        Arc::new(Record { sequence: Some(sequence), at: SystemTime::UNIX_EPOCH, line })
    }

    #[tokio::test]
    async fn who_reads_too_slowly_is_told_how_many_lines_are_missing_and_holds_nobody_up() {
        let lines = Lines::default();
        let (mut slow, mut quick) = (lines.read_along().unwrap(), lines.read_along().unwrap());
        let all = LINES as u64 + 5;
        for sequence in 1..=all {
            lines.put(&record(sequence));
            let Read::Line(read) = quick.next().await else { panic!() };
            assert_eq!(read.sequence(), Some(sequence));
        }
        let Read::Lost(lost) = slow.next().await else { panic!() };
        assert_eq!(lost, 5);
        let Read::Line(read) = slow.next().await else { panic!() };
        assert_eq!(read.sequence(), Some(lost + 1));
        lines.end(End::Upgraded);
        assert!(matches!(quick.next().await, Read::End(End::Upgraded)));
    }

    #[test]
    fn only_so_many_read_along() {
        let lines = Lines::default();
        let mut readers: Vec<_> = (0..READERS).map(|_| lines.read_along().unwrap()).collect();
        assert!(lines.is_read() && lines.read_along().is_none());
        readers.pop();
        assert!(lines.read_along().is_some());
        drop(readers);
        assert!(!lines.is_read());
    }
}
