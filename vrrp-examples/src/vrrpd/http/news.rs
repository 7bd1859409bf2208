//! The last lines of the log, by their numbers, for readers that follow them. A slow reader, or one that does not read at all,
//! delays nothing and makes nothing grow; a reader that is too slow is told how many lines it has missed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::vrrpd::log::{Read, Reader};

/// Lines that are kept.
const KEPT: usize = 512;

/// The last lines.
#[derive(Debug)]
pub(super) struct News {
    /// Another one in every process: numbers begin anew with it.
    run: u64,
    kept: Mutex<Kept>,
    /// The number of the next line.
    next: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Each with its number, as JSON.
    lines: VecDeque<(u64, Arc<str>)>,
    next: u64,
}

/// The lines for a reader from a number on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) parts: Vec<Part>,
    /// The number at which it goes on.
    pub(super) next: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The number of lines that are gone.
    Missed(u64),
    /// A line with its number.
    Line(u64, Arc<str>),
}

impl Default for News {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { run: since.as_micros() as u64, kept: Mutex::default(), next: watch::Sender::new(0) }
    }
}

impl News {
    /// Takes in every line until there are no more.
    pub(super) async fn take_in(&self, mut reader: Reader) {
        loop {
            match reader.next().await {
                Read::Line(record) => {
                    if let Some(number) = record.sequence() {
                        self.keep(number, record.json().to_string().into());
                    }
                }
                // The next number tells.
                Read::Lost(_) => {}
                Read::End(_) => return,
            }
        }
    }

    fn keep(&self, number: u64, line: Arc<str>) {
        {
            let mut kept = self.kept();
            kept.lines.push_back((number, line));
            if kept.lines.len() > KEPT {
                kept.lines.pop_front();
            }
            kept.next = number.saturating_add(1);
        }
        self.next.send_replace(number.saturating_add(1));
    }

    /// Returns what tells of each new line that there is one.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.next.subscribe()
    }

    pub(super) const fn run(&self) -> u64 {
        self.run
    }

    /// Returns the number of the next line; with `last` of those before it, where they are kept, that of the first of these.
    pub(super) fn before_next(&self, last: usize) -> u64 {
        let kept = self.kept();
        let first = kept.lines.len().saturating_sub(last);
        kept.lines.get(first).map_or(kept.next, |(number, _)| *number)
    }

    /// Returns `at_most` so many lines from a number on.
    pub(super) fn read(&self, number: u64, at_most: usize) -> Batch {
        let kept = self.kept();
        let mut batch = Batch { parts: Vec::new(), next: number };
        let skip = kept.lines.partition_point(|(known, _)| *known < number);
        for (number, line) in kept.lines.iter().skip(skip).take(at_most) {
            if *number > batch.next {
                batch.parts.push(Part::Missed(number - batch.next));
            }
            batch.parts.push(Part::Line(*number, Arc::clone(line)));
            batch.next = number.saturating_add(1);
        }
        // A number from the future means: from the next line on.
        batch.next = batch.next.min(kept.next);
        batch
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Lines with these numbers.
    pub(in crate::vrrpd::http) fn news(numbers: impl IntoIterator<Item = u64>) -> News {
        let news = News::default();
        numbers.into_iter().for_each(|number| news.keep(number, format!("{{\"n\":{number}}}").into()));
        news
    }

    fn line(number: u64) -> Part {
        Part::Line(number, format!("{{\"n\":{number}}}").into())
    }

    #[test]
    fn each_line_has_a_number_and_who_reads_on_misses_none() {
        let news = news(3..=7);
        assert_eq!(news.read(3, 3), Batch { parts: vec![line(3), line(4), line(5)], next: 6 });
        assert_eq!(news.read(6, 3), Batch { parts: vec![line(6), line(7)], next: 8 });
        assert_eq!(news.read(8, 3), Batch { parts: vec![], next: 8 });
        assert_eq!(news.read(u64::MAX, 3), Batch { parts: vec![], next: 8 }, "of the future");
        assert_eq!((news.before_next(0), news.before_next(2), news.before_next(usize::MAX)), (8, 6, 3));
        assert_eq!(News::default().before_next(5), 0);
    }

    #[test]
    fn only_the_last_are_kept_and_who_was_too_slow_is_told_how_many_are_gone() {
        let news = news(1..=KEPT as u64 + 10);
        assert_eq!(news.read(4, 2), Batch { parts: vec![Part::Missed(7), line(11), line(12)], next: 13 });
        assert_eq!(news.kept().lines.len(), KEPT);
    }

    #[test]
    fn what_was_not_taken_in_is_missing_too() {
        let news = news([1, 2, 9]);
        assert_eq!(news.read(2, 9), Batch { parts: vec![line(2), Part::Missed(6), line(9)], next: 10 });
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let news = news([1]);
        let mut next = news.subscribe();
        assert_eq!(*next.borrow_and_update(), 2);
        news.keep(2, "{}".into());
        next.changed().await.unwrap();
        assert_eq!(*next.borrow(), 3);
    }
}
