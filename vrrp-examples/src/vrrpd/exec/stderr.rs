//! The end of a command's output on stderr. At night an operator needs it more than the exit status.

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::sync::Semaphore;

/// Octets kept; the last message is looked for among them.
const KEPT: usize = 512;

/// Pipes that are read for those who live on. Each is a descriptor of ours: they must not run out.
static READ_FOR_OTHERS: Semaphore = Semaphore::const_new(64);

/// Reads everything, so that the command never blocks on a full pipe, and keeps the end.
#[derive(Debug)]
pub(super) struct Stderr {
    pipe: Option<ChildStderr>,
    end: Vec<u8>,
}

impl Stderr {
    pub(super) fn new(pipe: Option<ChildStderr>) -> Self {
        Self { pipe, end: Vec::new() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits for the next piece. Losing the race in a `select!` loses no octet.
    pub(super) async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut piece = [0; KEPT];
        match pipe.read(&mut piece).await {
            Ok(len) if len > 0 => self.keep(piece.get(..len).unwrap_or_default()),
            _ => self.pipe = None,
        }
    }

    pub(super) async fn read_to_end(&mut self) {
        while self.is_open() {
            self.read().await;
        }
    }

    /// Reads on for a process that still holds the other end: its next write would kill it otherwise (`SIGPIPE`).
    pub(super) fn give_away(&mut self) {
        let Some(mut pipe) = self.pipe.take() else { return };
        if let Ok(permit) = READ_FOR_OTHERS.try_acquire() {
            tokio::spawn(async move {
                let _permit = permit;
                let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
            });
        }
    }

    /// Returns the last message: the last line that is not blank, with the line that it continues where it is indented
    /// (Squid's fatal errors end in such lines). Control characters are replaced: it ends in logs and on terminals.
    pub(super) fn last_message(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.end);
        let mut lines = Vec::new();
        for line in text.lines().rev().filter(|line| !line.trim().is_empty()) {
            lines.push(line.trim());
            if !line.starts_with([' ', '\t']) {
                break;
            }
        }
        lines.reverse();
        let message = lines.join(" ").replace(char::is_control, "\u{fffd}");
        Some(message).filter(|message| !message.is_empty())
    }

    fn keep(&mut self, piece: &[u8]) {
        self.end.extend_from_slice(piece);
        let surplus = self.end.len().saturating_sub(KEPT);
        self.end.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&[u8]]) -> Option<String> {
        let mut stderr = Stderr::new(None);
        pieces.iter().for_each(|piece| stderr.keep(piece));
        stderr.last_message()
    }

    #[test]
    fn an_indented_line_continues_the_one_before() {
        let squid = b"WARNING: x\nFATAL: failed to open /run/squid.pid\n    exception location: File.cc(190) open\n\n";
        let expected = "FATAL: failed to open /run/squid.pid exception location: File.cc(190) open";
        assert_eq!(last(&[squid]).as_deref(), Some(expected));
        assert_eq!(last(&[b"  only\n\tindented"]).as_deref(), Some("only indented"));
    }

    #[test]
    fn the_last_line_with_text_counts() {
        assert_eq!(last(&[b"first\nsecond", b" half\n", b" \n\n"]).as_deref(), Some("second half"));
        assert_eq!(last(&[b"\n \n"]), None);
        assert_eq!(last(&[]), None);
    }

    #[test]
    fn terminals_are_safe_from_it() {
        assert_eq!(last(&[b"a\x1b[2J\xff"]).as_deref(), Some("a\u{fffd}[2J\u{fffd}"));
    }

    #[test]
    fn only_the_end_is_kept() {
        let long = [b'x'; 10 * KEPT];
        assert_eq!(last(&[&long, b"end"]).map(|line| line.len()), Some(KEPT));
        assert_eq!(last(&[&long, b"\nend"]).as_deref(), Some("end"));
    }
}
