//! FIFOs that take a line for each change, in keepalived's format: `INSTANCE "name" MASTER 100`.
//!
//! Nothing waits for their readers: what a FIFO has no room for is lost, and counted. It is open at both ends here, so that lines
//! stay in it while nobody reads.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::{chown, mkfifo};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::change::Subject;
use crate::vrrpd::config::{Command, Fifo};
use crate::vrrpd::exec::{self, Ended};
use crate::vrrpd::log::log;

/// The longest line that goes into a FIFO whole or not at all (`PIPE_BUF` of pipe(7)).
const LONGEST_LINE: usize = 4096;

/// The time that the readers of a FIFO have at its end to read what is left in it.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The FIFOs of a configuration. Dropping it kills their readers.
#[derive(Debug, Default)]
pub struct Fifos {
    pipes: Vec<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    fifo: Fifo,
    /// `None`: it could not be opened, which was said.
    end: Option<End>,
    /// Its script, as long as that runs.
    reader: JoinSet<()>,
}

#[derive(Debug)]
struct End {
    path: PathBuf,
    file: File,
    /// True if it was made here, and must be removed.
    made: bool,
    /// The number of lines that found no room since the last that did.
    lost: u64,
}

impl Fifos {
    /// Replaces the FIFOs. One that stays is not touched, and its reader goes on. Any other is made if it is
    /// missing, and its reader is started.
    pub async fn replace(&mut self, fifos: &[Fifo]) {
        let mut before = std::mem::take(&mut self.pipes);
        for fifo in fifos {
            let known = before.iter().position(|known| known.fifo == *fifo);
            self.pipes.extend(known.map(|at| before.swap_remove(at)));
        }
        // One with another reader has the same path.
        for gone in before {
            gone.end(true).await;
        }
        for fifo in fifos {
            if !self.pipes.iter().any(|pipe| pipe.fifo == *fifo) {
                self.pipes.push(Pipe::open(fifo.clone()).await);
            }
        }
    }

    /// Writes a line about a subject. Returns at once.
    pub fn tell(&mut self, subject: &Subject, what: &str, priority: u8) {
        let line = format!("{} \"{}\" {what} {priority}\n", subject.kind(), subject.name());
        for end in self.pipes.iter_mut().filter_map(|pipe| pipe.end.as_mut()) {
            end.write(&line);
        }
    }

    /// Closes the FIFOs; those that were made here are removed, unless another program goes on with them. Their readers have a
    /// second to read what is left.
    pub async fn close(self, remove: bool) {
        let mut ends = JoinSet::new();
        for pipe in self.pipes {
            ends.spawn(pipe.end(remove));
        }
        while ends.join_next().await.is_some() {}
    }
}

impl Pipe {
    async fn open(fifo: Fifo) -> Self {
        let (path, script) = (fifo.path.clone(), fifo.script.clone());
        let opened = spawn_blocking(move || End::open(&path, script.as_ref())).await;
        let end = match opened.map_err(|why| why.to_string()).and_then(|opened| opened) {
            Ok(end) => Some(end),
            Err(why) => {
                let path = fifo.path.display().to_string();
                log!(FifoUnusable, path = path, why = why, "FIFO {path}: {why}: nothing is written to it");
                None
            }
        };
        let mut reader = JoinSet::new();
        if let Some(script) = fifo.script.clone().filter(|_| end.is_some()) {
            reader.spawn(read(script, fifo.path.clone()));
        }
        Self { fifo, end, reader }
    }

    async fn end(mut self, remove: bool) {
        if let Some(End { path, file, made, .. }) = self.end {
            if made && remove {
                // Who has it open reads on.
                let _ = std::fs::remove_file(path);
            }
            drop(file);
        }
        let ended = timeout(LAST_LINES, async { while self.reader.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            self.reader.shutdown().await;
        }
    }
}

impl End {
    /// May block.
    fn open(path: &Path, script: Option<&Command>) -> Result<Self, String> {
        let made = match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => true,
            Err(nix::errno::Errno::EEXIST) => false,
            Err(why) => return Err(format!("cannot be made: {}", why.desc())),
        };
        let is_fifo = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_fifo());
        if !is_fifo {
            return Err("is not a FIFO".to_owned());
        }
        if let Some(user) = script.and_then(|script| script.user.as_ref()).filter(|_| made) {
            let (uid, gid) = exec::ids(user)?;
            chown(path, Some(uid), Some(gid))
                .map_err(|why| format!("cannot be given to its reader: {}", why.desc()))?;
        }
        // Neither this nor a write ever waits.
        let opened = OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
        let file = opened.map_err(|why| format!("cannot be opened: {why}"))?;
        Ok(Self { path: path.to_owned(), file, made, lost: 0 })
    }

    fn write(&mut self, line: &str) {
        let path = self.path.display();
        // Half a line would spoil the next one too.
        let written = line.len() <= LONGEST_LINE && self.file.write(line.as_bytes()).is_ok();
        match (written, self.lost) {
            (true, 0) => {}
            (true, lost) => {
                log!(
                    FifoReadAgain,
                    path = path.to_string(),
                    lost = lost,
                    "FIFO {path}: it is read again; {lost} lines were lost"
                );
                self.lost = 0;
            }
            (false, lost) => {
                if lost == 0 {
                    log!(
                        FifoFull,
                        path = path.to_string(),
                        "FIFO {path}: it is full, nobody reads it; lines are lost from {} on",
                        line.trim_end()
                    );
                }
                self.lost = lost.saturating_add(1);
            }
        }
    }
}

/// Runs the reader of a FIFO, which gets its path after its own words.
async fn read(script: Command, path: PathBuf) {
    let shown = path.display().to_string();
    let (ended, remains) = exec::run_until(&script, std::slice::from_ref(&shown), std::future::pending::<()>()).await;
    if let Ended::ByItself(outcome) = ended {
        log!(
            FifoReaderEnded,
            path = shown,
            outcome = outcome.to_string(),
            "FIFO {shown}: its reader has ended, and is not started again: {outcome}"
        );
    }
    remains.gone().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::exec::testing::{Dir, until};
    use std::io::Read;

    fn subject() -> Subject {
        Subject::Instance("V I".to_owned())
    }

    fn fifo(dir: &Dir, script: Option<Command>) -> Fifo {
        Fifo { path: dir.path("fifo"), script }
    }

    fn drain(path: &Path) -> String {
        let mut file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).unwrap();
        let mut text = Vec::new();
        let _ = file.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_line_waits_for_its_reader_and_the_fifo_goes_if_it_was_made() {
        let dir = Dir::new();
        let mut fifos = Fifos::default();
        fifos.replace(&[fifo(&dir, None)]).await;
        fifos.tell(&subject(), "MASTER", 100);
        fifos.tell(&Subject::Group("g".to_owned()), "BACKUP", 0);
        assert_eq!(drain(&dir.path("fifo")), "INSTANCE \"V I\" MASTER 100\nGROUP \"g\" BACKUP 0\n");
        fifos.close(true).await;
        assert!(!dir.path("fifo").exists());

        mkfifo(&dir.path("fifo"), Mode::S_IRWXU).unwrap();
        let mut fifos = Fifos::default();
        fifos.replace(&[fifo(&dir, None)]).await;
        fifos.close(true).await;
        assert!(dir.path("fifo").exists(), "it was there before");
    }

    #[tokio::test]
    async fn a_fifo_that_is_full_loses_whole_lines_and_holds_nobody_up() {
        let dir = Dir::new();
        let mut fifos = Fifos::default();
        fifos.replace(&[fifo(&dir, None)]).await;
        (0..10_000).for_each(|_| fifos.tell(&subject(), "MASTER", 100));
        let lost = fifos.pipes[0].end.as_ref().unwrap().lost;
        let text = drain(&dir.path("fifo"));
        assert!(lost > 0 && text.lines().all(|line| line == "INSTANCE \"V I\" MASTER 100"));
        assert_eq!(u64::try_from(text.lines().count()).unwrap() + lost, 10_000);
        fifos.tell(&subject(), "BACKUP", 100);
        assert_eq!(fifos.pipes[0].end.as_ref().unwrap().lost, 0);
        assert_eq!(drain(&dir.path("fifo")), "INSTANCE \"V I\" BACKUP 100\n");
        fifos.close(true).await;
    }

    #[tokio::test]
    async fn a_reader_is_started_with_the_path_and_reads_to_the_end() {
        let dir = Dir::new();
        let script = dir.script("read", "echo \"$*\" >$D/arguments; exec cat \"$2\" >$D/read.lines");
        let with_words = Command { words: vec![script.words[0].clone(), "word".to_owned()], ..script };
        let mut fifos = Fifos::default();
        let fifo = fifo(&dir, Some(with_words));
        fifos.replace(std::slice::from_ref(&fifo)).await;
        fifos.tell(&subject(), "MASTER", 100);
        until("it has begun", || !dir.lines("arguments").is_empty()).await;
        assert_eq!(dir.lines("arguments"), [format!("word {}", dir.path("fifo").display())]);
        until("it has read", || dir.lines("read.lines").len() == 1).await;
        fifos.replace(&[fifo]).await;
        fifos.tell(&subject(), "STOP", 100);
        fifos.close(true).await;
        assert_eq!(dir.lines("read.lines"), ["INSTANCE \"V I\" MASTER 100", "INSTANCE \"V I\" STOP 100"]);
    }

    #[tokio::test]
    async fn what_is_no_fifo_is_not_written_to() {
        let dir = Dir::new();
        std::fs::write(dir.path("fifo"), "text").unwrap();
        let mut fifos = Fifos::default();
        fifos.replace(&[fifo(&dir, None)]).await;
        fifos.tell(&subject(), "MASTER", 100);
        fifos.close(true).await;
        assert_eq!(dir.lines("fifo"), ["text"]);
    }
}
