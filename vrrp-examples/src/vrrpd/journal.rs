//! Where stderr is the journal of systemd: lines that begin with the number of their level, as syslog has it, and leave the
//! time to the journal.

use std::fmt;
use std::io;
use std::sync::LazyLock;

use nix::sys::stat::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether stderr is the journal.
pub(super) fn is_stderr() -> bool {
    static IS: LazyLock<bool> = LazyLock::new(|| {
        let named = std::env::var("JOURNAL_STREAM").ok();
        let stderr = fstat(io::stderr()).map(|file| (file.st_dev, file.st_ino));
        named.zip(stderr.ok()).is_some_and(|(named, (device, inode))| is_named(&named, device, inode))
    });
    *IS
}

/// The variable outlives a redirection: only the file that it names is the journal.
fn is_named(stream: &str, device: u64, inode: u64) -> bool {
    let numbers = stream.split_once(':').map(|(device, inode)| (device.parse(), inode.parse()));
    numbers == Some((Ok(device), Ok(inode)))
}

/// A text as lines for the journal: each has the level, or all but the first would count as less.
pub(super) fn lines(level: Level, text: &str) -> String {
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    text.lines().map(|line| format!("<{priority}>{line}\n")).collect()
}

/// Events in this form.
#[derive(Debug)]
pub(super) struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        to.write_str(&lines(*event.metadata().level(), &text))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn only_the_file_that_is_named_is_the_journal() {
        assert!(is_named("8:4711", 8, 4711));
        for other in ["8:4712", "9:4711", "8", "", ":", "8:4711:1", "x:4711", "8:-1"] {
            assert!(!is_named(other, 8, 4711), "{other}");
        }
        // What cargo runs tests with.
        assert!(!is_stderr());
    }

    #[test]
    fn every_line_has_the_number_of_its_level_and_no_time() {
        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl Write for Lines {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(text)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let written = Lines::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).event_format(Journal);
        tracing::subscriber::with_default(subscriber.with_writer(move || to.clone()).finish(), || {
            tracing::error!("of {} lines:\nfirst\nsecond", 3);
            tracing::warn!("warning");
            tracing::info!("information");
            tracing::debug!("detail");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "<3>of 3 lines:\n<3>first\n<3>second\n<4>warning\n<6>information\n<7>detail\n");
    }
}
