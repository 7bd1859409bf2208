//! Recordings that vrrpd writes by itself when an address moved and nobody had moved it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::future::pending;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use vrrp_core::record::Recording;
use vrrp_core::{Cause, Role, RouterId, Transition};
use vrrp_io_linux::{Event, EventKind, Vrrp};

use crate::vrrpd::keepalived;
use crate::vrrpd::log::log;

/// The time after a takeover that its recording includes: addresses are set and announced, and the group follows.
const AFTERMATH: Duration = Duration::from_secs(2);
/// The time from one file to the next. What happens meanwhile is in the next one.
const PAUSE: Duration = Duration::from_secs(30);
/// Files that are kept, the newest, and how large all of them may be together.
const FILES: usize = 32;
const OCTETS: u64 = 64 * 1024 * 1024;
/// The extension of these files.
const EXTENSION: &str = "vrrp-recording";

/// The folder of the recordings, and the routers of the next one.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    directory: Option<PathBuf>,
    routers: BTreeSet<RouterId>,
    names: BTreeSet<String>,
    why: Option<String>,
    due: Option<Instant>,
    not_before: Option<Instant>,
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
        tokio::spawn(async move {
            // Where it runs no more, or records nothing, there is nothing to keep.
            let Ok(Some(recording)) = vrrp.record().await else { return };
            let written = spawn_blocking(move || {
                let ids: Vec<RouterId> = routers.into_iter().collect();
                let mut recording = recording.only(&ids);
                recording.about = about(&why);
                keep(&directory, names.first().map_or("", |name| name), &recording).map_err(|why| (directory, why))
            });
            match written.await {
                Ok(Ok(file)) => {
                    let path = file.display().to_string();
                    log!(Recorded, path = path, "what happened is recorded in {path}: read it with vrrp-replay");
                }
                Ok(Err((directory, error))) => {
                    let (path, error) = (directory.display().to_string(), error.to_string());
                    log!(NotRecorded, path = path, error = error, "cannot keep a recording in {path}: {error}");
                }
                Err(_) => {}
            }
        });
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

/// Writes a recording into a directory, and removes the oldest of those that are too many.
fn keep(directory: &Path, router: &str, recording: &Recording) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let router: String = router.chars().take(64).map(safe).collect();
    let file = directory.join(format!("{seconds}-{router}.{EXTENSION}"));
    // Who looks finds all of it, or nothing.
    let unfinished = directory.join(format!(".{seconds}.unfinished"));
    write(&unfinished, recording)
        .and_then(|()| fs::rename(&unfinished, &file))
        .inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    tidy(directory)?;
    Ok(file)
}

/// Writes a recording, for its owner alone: it may contain a password.
fn write(path: &Path, recording: &Recording) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut out = BufWriter::new(file);
    recording.lines().try_for_each(|line| out.write_all(line.as_bytes()))?;
    out.flush()
}

/// Removes the oldest recordings: there are as many as is allowed, and all together no larger.
fn tidy(directory: &Path) -> io::Result<()> {
    let is_ours = |path: &Path| path.extension().is_some_and(|extension| extension == EXTENSION);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let (path, data) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if is_ours(&path) && data.is_file() {
            files.push((data.modified()?, path, data.len()));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let mut octets = 0;
    for (place, (_, path, len)) in files.into_iter().enumerate() {
        octets += len;
        if place > 0 && (place >= FILES || octets > OCTETS) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
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

    #[test]
    fn the_newest_are_kept_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("vrrp-recordings-{}", std::process::id()));
        let kept = keep(&directory, "a/../b", &Recording::default()).unwrap();
        assert!(kept.parent() == Some(&*directory) && kept.to_string_lossy().ends_with("-a_.._b.vrrp-recording"));
        assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Recording::from_text(&fs::read(&kept).unwrap()).is_ok());
        let old = SystemTime::UNIX_EPOCH;
        for n in 0..FILES + 3 {
            let path = directory.join(format!("{n}.{EXTENSION}"));
            let file = fs::File::create(&path).unwrap();
            file.set_modified(old + Duration::from_secs(n as u64)).unwrap();
        }
        fs::write(directory.join("notes.txt"), "mine").unwrap();
        tidy(&directory).unwrap();
        let names: BTreeSet<String> =
            fs::read_dir(&directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names.len(), FILES + 1, "{names:?}");
        assert!(kept.exists() && names.contains("notes.txt") && !names.contains("3.vrrp-recording"), "{names:?}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
