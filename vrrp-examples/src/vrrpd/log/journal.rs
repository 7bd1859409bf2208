//! Lines for the journal of systemd, if stderr is that: they begin with the number of their level, as syslog has it,
//! and leave the time to the journal.

use std::io;
use std::sync::LazyLock;

use nix::sys::stat::fstat;

use super::level::Level;

/// Returns true if stderr is the journal.
pub(super) fn is_stderr() -> bool {
    static IS: LazyLock<bool> = LazyLock::new(|| {
        let named = std::env::var("JOURNAL_STREAM").ok();
        let stderr = fstat(io::stderr()).map(|file| (file.st_dev, file.st_ino));
        named.zip(stderr.ok()).is_some_and(|(named, (device, inode))| is_named(&named, device, inode))
    });
    *IS
}

/// Returns true if the file is the journal that the variable names. The variable outlives a redirection.
fn is_named(stream: &str, device: u64, inode: u64) -> bool {
    let numbers = stream.split_once(':').map(|(device, inode)| (device.parse(), inode.parse()));
    numbers == Some((Ok(device), Ok(inode)))
}

/// Returns a text as lines for the journal. Each has the level, or all but the first would count as less.
pub(super) fn lines(level: Level, text: &str) -> String {
    let priority = level.priority();
    text.lines().map(|line| format!("<{priority}>{line}\n")).collect()
}

#[cfg(test)]
mod tests {
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
    fn every_line_has_the_number_of_its_level() {
        let text = "of 2 lines:\nsecond";
        for (level, told) in [
            (Level::Error, "<3>of 2 lines:\n<3>second\n"),
            (Level::Warning, "<4>of 2 lines:\n<4>second\n"),
            (Level::Info, "<6>of 2 lines:\n<6>second\n"),
            (Level::Debug, "<7>of 2 lines:\n<7>second\n"),
        ] {
            assert_eq!(lines(level, text), told);
        }
    }
}
