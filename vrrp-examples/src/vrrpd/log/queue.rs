//! Lines on their way to stderr: a bounded queue, to a thread that may block.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::format::Format;
use super::id::Id;
use super::line::{Line, Record};
use super::readers::Lines;

/// Lines that may wait.
const CAPACITY: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    pub(super) lines: Lines,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Record>>,
    /// Number of the last line.
    sequence: u64,
    lost: u64,
    /// The writer has taken a line that is not written yet.
    writing: bool,
}

impl Queue {
    /// Numbers a line, and hands it to the readers and, if it is `shown`, to the writer.
    pub(super) fn put(&self, line: Line, shown: bool) {
        let mut state = self.state();
        state.sequence += 1;
        let record = Arc::new(Record { sequence: Some(state.sequence), at: SystemTime::now(), line });
        self.lines.put(&record);
        if !shown {
            return;
        }
        if state.waiting.len() < CAPACITY && state.lost == 0 {
            state.waiting.push_back(record);
        } else {
            state.lost += 1;
        }
        self.changed.notify_all();
    }

    /// Writes for ever.
    pub(super) fn drain(&self, format: Format, mut out: impl Write) {
        loop {
            if let Some(record) = self.next() {
                // Where even this cannot be written there is nobody to tell.
                let _ = out.write_all(format.render(&record).as_bytes());
            }
        }
    }

    /// Waits until what was logged has been written, or nobody reads it.
    pub(super) fn flush(&self, limit: Duration) {
        let waiting = |state: &mut State| state.writing || !state.waiting.is_empty();
        let _ = self.changed.wait_timeout_while(self.state(), limit, waiting);
    }

    /// Waits for the next line. How many were lost is told where they are missing.
    fn next(&self) -> Option<Arc<Record>> {
        let mut state = self.state();
        state.writing = false;
        self.changed.notify_all();
        let empty = |state: &mut State| state.waiting.is_empty();
        let mut state = self.changed.wait_while(state, empty).unwrap_or_else(PoisonError::into_inner);
        state.writing = true;
        let record = state.waiting.pop_front();
        if state.waiting.is_empty() && state.lost > 0 {
            let count = std::mem::take(&mut state.lost);
            let text = format!("{count} lines of the log are missing here: nobody read them");
            let line = Line::new(Id::LinesLost, text).with("count", count);
            state.waiting.push_back(Arc::new(Record { sequence: None, at: SystemTime::now(), line }));
        }
        record
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::log::Read;

    fn text(queue: &Queue) -> String {
        queue.next().unwrap().line.message.clone()
    }

    fn put(queue: &Queue, text: &str) {
        queue.put(Line::new(Id::Started, text), true);
    }

    #[test]
    fn a_full_queue_loses_the_newest_lines_and_says_how_many() {
        let queue = Queue::default();
        (0..CAPACITY + 3).for_each(|n| put(&queue, &n.to_string()));
        (0..CAPACITY).for_each(|n| assert_eq!(text(&queue), n.to_string()));
        assert_eq!(text(&queue), "3 lines of the log are missing here: nobody read them");
        put(&queue, "again");
        assert_eq!(text(&queue), "again");
    }

    #[tokio::test]
    async fn who_reads_along_gets_each_line_with_its_number_also_what_is_not_shown() {
        let queue = Queue::default();
        let mut reader = queue.lines.read_along().unwrap();
        queue.put(Line::new(Id::Started, "hidden"), false);
        put(&queue, "shown");
        for (sequence, message) in [(1, "hidden"), (2, "shown")] {
            let Read::Line(record) = reader.next().await else { panic!() };
            assert_eq!((record.sequence(), record.line.message.as_str()), (Some(sequence), message));
        }
        assert_eq!(text(&queue), "shown");
    }
}
