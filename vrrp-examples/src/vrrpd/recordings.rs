//! Recordings that vrrpd writes by itself when an address moved and nobody had moved it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, DirEntry};
use std::future::pending;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};
use vrrp_core::record::Recording;
use vrrp_core::{Cause, Role, RouterId, Transition};
use vrrp_io_linux::{Event, EventKind, Vrrp};

use crate::vrrpd::control::record::{self, UNFINISHED};
use crate::vrrpd::keepalived;
use crate::vrrpd::log::log;

/// The time after a takeover that its recording includes: addresses are set and announced, and the group follows.
const AFTERMATH: Duration = Duration::from_secs(2);
/// The time from one file to the next. What happens meanwhile is in the next one.
const PAUSE: Duration = Duration::from_secs(30);
/// The time that the last one may take where the daemon ends.
const LAST: Duration = Duration::from_secs(1);
/// Files that are kept, the newest, and how large all of them may be together.
const FILES: usize = 32;
const OCTETS: u64 = 64 * 1024 * 1024;
/// The extension of these files.
const EXTENSION: &str = "vrrp-recording";
/// The age from which nobody goes on with an unfinished file: whoever wrote it was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The folder of the recordings, and the routers of the next one.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    directory: Option<PathBuf>,
    routers: BTreeSet<RouterId>,
    names: BTreeSet<String>,
    why: Option<String>,
    due: Option<Instant>,
    not_before: Option<Instant>,
    /// The last one, which may still be written.
    writing: Option<JoinHandle<()>>,
}

impl Recordings {
    /// Keeps recordings in a directory, which is made when it is needed; or none.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, ..Self::default() }
    }

    /// Takes note of a change that nobody asked for.
    pub(super) fn on_event(&mut self, event: &Event) {
        let EventKind::StateChanged { transition, why, .. } = &event.kind else { return };
        if self.directory.is_none() || !is_unexpected(transition) {
            return;
        }
        self.routers.insert(event.router);
        self.names.insert(event.name.to_string());
        let (from, to) = (transition.from, transition.to);
        self.why.get_or_insert_with(|| format!("{}: {from} -> {to}: {why}", event.name));
        let soon = Instant::now() + AFTERMATH;
        self.due.get_or_insert(self.not_before.map_or(soon, |at| at.max(soon)));
    }

    /// Waits until a recording is to be written.
    pub(super) async fn due(&self) {
        match self.due {
            Some(at) => sleep_until(at).await,
            None => pending().await,
        }
    }

    /// Writes the recording that is due, beside everything else.
    pub(super) fn write(&mut self, vrrp: &Vrrp) {
        self.due = None;
        self.not_before = Some(Instant::now() + PAUSE);
        let (routers, names) = (std::mem::take(&mut self.routers), std::mem::take(&mut self.names));
        let why = self.why.take().unwrap_or_default();
        let Some(directory) = self.directory.clone() else { return };
        let vrrp = vrrp.clone();
        self.writing = Some(tokio::spawn(async move {
            // Where it runs no more, or records nothing, there is nothing to keep.
            let Ok(Some(recording)) = vrrp.record().await else { return };
            let written = spawn_blocking(move || {
                let ids: Vec<RouterId> = routers.into_iter().collect();
                let mut recording = recording.only(&ids);
                recording.about = about(&why);
                let kept = keep(&directory, names.first().map_or("", |name| name), &recording);
                let tidied = kept.as_ref().map_or(Ok(()), |file| tidy(&directory, file));
                (directory, kept, tidied)
            });
            let Ok((directory, kept, tidied)) = written.await else { return };
            let directory = directory.display().to_string();
            match kept {
                Ok(file) => {
                    let path = file.display().to_string();
                    log!(Recorded, path = path, "what happened is recorded in {path}: read it with vrrp-replay");
                }
                Err(error) => {
                    let (path, error) = (directory.as_str(), error.to_string());
                    log!(NotRecorded, path = path, error = error, "cannot keep a recording in {path}: {error}");
                }
            }
            if let Err(error) = tidied {
                let (path, error) = (directory.as_str(), error.to_string());
                log!(
                    RecordingsNotRemoved,
                    path = path,
                    error = error,
                    "cannot remove old recordings in {path}: {error}"
                );
            }
        }));
    }

    /// Writes what is due, for the daemon is about to end. It does not wait for long.
    pub(super) async fn finish(&mut self, vrrp: &Vrrp) {
        if self.due.is_some() {
            self.write(vrrp);
        }
        if let Some(writing) = self.writing.take() {
            // A disk that is slower than that keeps no address here.
            let _ = timeout(LAST, writing).await;
        }
    }
}

/// Returns the recorder and the reason.
pub(super) fn about(why: &str) -> String {
    format!("vrrpd {} on {}: {why}", env!("CARGO_PKG_VERSION"), keepalived::host_id())
}

/// Returns true if an address moved and nobody had moved it: not at a start, a stop, a drain, or an orderly leave of a Master.
fn is_unexpected(transition: &Transition) -> bool {
    match (transition.from, transition.to, transition.cause) {
        (Role::Backup, Role::Master, cause) => matches!(cause, Cause::MasterDown { master: Some(_), .. }),
        (Role::Master, _, cause) => match cause {
            Cause::HigherPriority { .. } | Cause::HigherAddress { .. } | Cause::Lapsed { .. } => true,
            Cause::GroupYielded(_) => true,
            Cause::Fault(fault) => !fault.is_pending(),
            _ => false,
        },
        _ => false,
    }
}

/// Writes a recording into a directory.
fn keep(directory: &Path, router: &str, recording: &Recording) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let router: String = router.chars().take(64).map(safe).collect();
    let file = directory.join(format!("{seconds}-{router}.{EXTENSION}"));
    record::write(&file, recording.lines())?;
    Ok(file)
}

/// Removes the oldest recordings besides the last one: there are as many as is allowed, and all together no larger. A clock that
/// was set back makes the last one look old.
fn tidy(directory: &Path, last: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    let mut octets = 0;
    for entry in fs::read_dir(directory)? {
        // Others tidy up here too.
        let Some((modified, path, len)) = there(look_at(&entry?))?.flatten() else { continue };
        if path == last {
            octets += len;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push((modified, path, len));
        } else if is_abandoned(&path, modified) {
            there(fs::remove_file(path))?;
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    for (place, (_, path, len)) in (1..).zip(files) {
        octets += len;
        if place >= FILES || octets > OCTETS {
            there(fs::remove_file(path))?;
        }
    }
    Ok(())
}

/// Returns the time, the path and the length of an ordinary file.
fn look_at(entry: &DirEntry) -> io::Result<Option<(SystemTime, PathBuf, u64)>> {
    let data = entry.metadata()?;
    Ok(if data.is_file() { Some((data.modified()?, entry.path(), data.len())) } else { None })
}

/// Returns true for a file that was never finished, and will not be.
fn is_abandoned(path: &Path, modified: SystemTime) -> bool {
    path.extension().is_some_and(|extension| extension == UNFINISHED)
        && modified.elapsed().is_ok_and(|age| age > ABANDONED)
}

/// Returns what was done with a file; `None`: it is gone.
fn there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use vrrp_core::Fault;

    #[test]
    fn only_what_nobody_asked_for_is_kept() {
        let master = IpAddr::from([192, 0, 2, 1]);
        let silence = Duration::from_secs(3);
        let is = |from, to, cause| is_unexpected(&Transition::new(from, to, cause));
        use Role::{Backup, Initialize, Master};
        assert!(is(Backup, Master, Cause::MasterDown { master: Some(master), silence }));
        assert!(is(Master, Backup, Cause::HigherAddress { master }));
        assert!(is(Master, Initialize, Cause::Fault(Fault::InterfaceDown)));
        assert!(is(Master, Master, Cause::Lapsed { silence }));
        for (from, to, cause) in [
            (Backup, Master, Cause::MasterDown { master: None, silence }),
            (Backup, Master, Cause::MasterReleased { master }),
            (Initialize, Master, Cause::OwnerStartup),
            (Initialize, Initialize, Cause::Fault(Fault::InterfaceDown)),
            (Backup, Initialize, Cause::Fault(Fault::InterfaceDown)),
            (Master, Backup, Cause::HandedOver { to: master }),
            (Master, Initialize, Cause::Shutdown),
        ] {
            assert!(!is(from, to, cause), "{from} -> {to}: {cause:?}");
        }
    }

    /// An empty folder of its own for a test.
    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("vrrp-recordings-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Puts a file there that was written at that time.
    fn put(path: PathBuf, modified: SystemTime) {
        fs::File::create(path).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn the_newest_are_kept_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = folder("newest");
        let kept = keep(&directory, "a/../b", &Recording::default()).unwrap();
        assert!(kept.parent() == Some(&*directory) && kept.to_string_lossy().ends_with("-a_.._b.vrrp-recording"));
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Recording::from_text(&fs::read(&kept).unwrap()).is_ok());
        let old = SystemTime::UNIX_EPOCH;
        for n in 0..FILES + 3 {
            put(directory.join(format!("{n}.{EXTENSION}")), old + Duration::from_secs(n as u64));
        }
        fs::write(directory.join("notes.txt"), "mine").unwrap();
        tidy(&directory, &kept).unwrap();
        let names = names(&directory);
        assert_eq!(names.len(), FILES + 1, "{names:?}");
        assert!(kept.exists() && names.contains("notes.txt") && !names.contains("3.vrrp-recording"), "{names:?}");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_last_one_is_kept_whatever_the_clock_says() {
        let directory = folder("clock");
        let kept = keep(&directory, "a", &Recording::default()).unwrap();
        let later = SystemTime::now() + Duration::from_secs(1_000_000);
        (0..FILES).for_each(|n| put(directory.join(format!("{n}.{EXTENSION}")), later));
        tidy(&directory, &kept).unwrap();
        assert!(kept.exists());
        assert_eq!(names(&directory).len(), FILES);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_was_never_finished_goes_once_it_is_old() {
        let directory = folder("unfinished");
        let kept = keep(&directory, "a", &Recording::default()).unwrap();
        let (now, long) = (SystemTime::now(), ABANDONED + Duration::from_secs(60));
        put(directory.join(".old.1.unfinished"), now - long);
        put(directory.join(".new.1.unfinished"), now);
        put(directory.join(".later.1.unfinished"), now + long);
        tidy(&directory, &kept).unwrap();
        let names = names(&directory);
        assert!(!names.contains(".old.1.unfinished") && names.len() == 3, "{names:?}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
