//! The form of a line.

use std::io::{self, IsTerminal};

use super::journal;
use super::level::Level;
use super::line::{Record, time};

/// The formats of `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::vrrpd) enum Choice {
    /// Time, level and message
    Text,
    /// The level as syslog counts (`<4>`), and the message
    Syslog,
    /// One JSON object a line
    Json,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vrrpd) enum Format {
    Text { colours: bool },
    Syslog,
    Json { levels: bool },
}

impl Format {
    /// Finds the right one for stderr: the journal of systemd takes the levels from the lines, and off them.
    pub(super) fn of_stderr(choice: Option<Choice>) -> Self {
        match choice {
            Some(Choice::Json) => Self::Json { levels: journal::is_stderr() },
            Some(Choice::Syslog) => Self::Syslog,
            None if journal::is_stderr() => Self::Syslog,
            Some(Choice::Text) | None => Self::Text { colours: io::stderr().is_terminal() },
        }
    }

    /// Returns the record as it is written, with the ends of its lines.
    pub(super) fn render(self, record: &Record) -> String {
        let (level, message) = (record.line.level, &record.line.message);
        match self {
            Self::Text { colours: false } => format!("{} {:>5} {message}\n", time(record.at), word(level)),
            Self::Text { colours: true } => {
                let colour = match level {
                    Level::Error => 31,
                    Level::Warning => 33,
                    Level::Info => 32,
                    Level::Debug => 34,
                };
                let (time, word) = (time(record.at), word(level));
                format!("\x1b[2m{time}\x1b[0m \x1b[{colour}m{word:>5}\x1b[0m {message}\n")
            }
            Self::Syslog => journal::lines(level, message),
            Self::Json { levels: false } => record.as_written().text() + "\n",
            Self::Json { levels: true } => journal::lines(level, &record.as_written().text()),
        }
    }

    /// Returns a line printed before the log runs, which is not an event: bare, if people read it.
    pub(super) fn render_bare(self, record: &Record) -> String {
        match self {
            Self::Text { .. } => format!("{}\n", record.line.message),
            Self::Syslog | Self::Json { .. } => self.render(record),
        }
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warning => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::vrrpd::log::{Id, Line};

    fn record(line: Line) -> Record {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_709_210_096_000_250);
        Record { sequence: Some(7), at, line }
    }

    #[test]
    fn each_format_has_the_level_and_the_words() {
        let line = Line::new(Id::CheckFailed, "of 2 lines:\nsecond").of("vr1").with("check", "squid");
        let record = record(line);
        for (format, text) in [
            (Format::Text { colours: false }, "2024-02-29T12:34:56.000250Z  WARN of 2 lines:\nsecond\n"),
            (
                Format::Text { colours: true },
                "\x1b[2m2024-02-29T12:34:56.000250Z\x1b[0m \x1b[33m WARN\x1b[0m of 2 lines:\nsecond\n",
            ),
            (Format::Syslog, "<4>of 2 lines:\n<4>second\n"),
            (
                Format::Json { levels: false },
                "{\"sequence\":7,\"time\":\"2024-02-29T12:34:56.000250Z\",\"level\":\"warning\",\"id\":\"check-failed\",\
                 \"router\":\"vr1\",\"message\":\"of 2 lines:\\nsecond\",\"fields\":{\"check\":\"squid\"}}\n",
            ),
        ] {
            assert_eq!(format.render(&record), text);
        }
        let journal = Format::Json { levels: true }.render(&record);
        assert!(journal.starts_with("<4>{") && journal.ends_with("}\n") && journal.lines().count() == 1, "{journal}");
        assert_eq!(Format::Text { colours: true }.render_bare(&record), "of 2 lines:\nsecond\n");
        assert_eq!(Format::Syslog.render_bare(&record), "<4>of 2 lines:\n<4>second\n");
    }
}
