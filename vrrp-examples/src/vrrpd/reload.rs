//! Reloads, one after the other: the file is read and checked, then the routers get what it says, all or nothing. What comes
//! after that is the supervisor's. Who asks while one is under way gets the next one, together with all who ask meanwhile.

use std::future::pending;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};
use vrrp_core::RouterId;
use vrrp_io_linux::{ChangeError, Router, Vrrp};

use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::order::{Changes, Reloaded, Reply};
use crate::vrrpd::control::refused::{ConfigFinding, Refused};
use crate::vrrpd::difference::{difference, lines, undisturbed};
use crate::vrrpd::log::{self, log};
use crate::vrrpd::reading::Source;
use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::vrrpd::routers::{Prepared, ScriptUsers};
use crate::vrrpd::verdict;

/// The reload under way, and the clients that wait for the next.
pub(super) struct Reloads {
    source: Source,
    phase: Phase,
    /// The clients that wait for the end of the reload under way.
    asked: Vec<Reply<Reloaded>>,
    /// The clients that asked since the reload began and wait for the next one; `None` if nobody asked.
    next: Option<Vec<Reply<Reloaded>>>,
}

enum Phase {
    Idle,
    Reading(JoinHandle<Result<Read, Diagnostics>>),
    Applying(JoinHandle<Result<Vec<RouterId>, ChangeError>>, Candidate),
}

/// A configuration that would run.
struct Read {
    candidate: Candidate,
    routers: Vec<Router>,
    notices: Vec<Diagnostic>,
}

/// All that is to run, in addition to the routers of a configuration.
pub(super) struct Candidate {
    pub(super) daemon: Box<Daemon>,
    pub(super) users: ScriptUsers,
    pub(super) changes: Changes,
}

/// The outcome of a reload.
pub(super) enum Outcome {
    /// Nothing was changed.
    Refused(Refused),
    /// The routers run as they are wanted, under these ids, in the order of the configuration.
    Applied(Candidate, Vec<RouterId>),
}

impl Reloads {
    pub(super) fn new(source: Source) -> Self {
        Self { source, phase: Phase::Idle, asked: Vec::new(), next: None }
    }

    /// Takes in that somebody wants one, and may wait for its end. It begins at once, which this returns, or when the one under
    /// way has ended.
    pub(super) fn ask(&mut self, reply: Option<Reply<Reloaded>>, running: &Arc<Daemon>) -> bool {
        self.next.get_or_insert_default().extend(reply);
        self.begin(running)
    }

    /// Returns true while routers are being changed.
    pub(super) const fn is_applying(&self) -> bool {
        matches!(self.phase, Phase::Applying(..))
    }

    /// Waits for the outcome of the reload under way; without one, for ever. Who drops the future loses nothing.
    pub(super) async fn outcome(&mut self, vrrp: &Vrrp) -> Outcome {
        loop {
            match &mut self.phase {
                Phase::Idle => pending().await,
                Phase::Reading(reading) => match reading.await {
                    Ok(Ok(Read { candidate, routers, notices })) => {
                        say(&notices);
                        let vrrp = vrrp.clone();
                        let applying = tokio::spawn(async move { vrrp.apply(routers).await });
                        self.phase = Phase::Applying(applying, candidate);
                    }
                    Ok(Err(found)) => {
                        say(&found.0);
                        return self.refuse(Refused::invalid(&self.source.path, &found));
                    }
                    Err(why) => return self.refuse(Refused::Failed { why: why.to_string() }),
                },
                Phase::Applying(applying, _) => {
                    let applied = applying.await;
                    let Phase::Applying(_, candidate) = std::mem::replace(&mut self.phase, Phase::Idle) else {
                        continue;
                    };
                    return match applied {
                        Ok(Ok(ids)) => Outcome::Applied(candidate, ids),
                        Ok(Err(why @ ChangeError::Stopped(_))) => {
                            Outcome::Refused(Refused::Failed { why: why.to_string() })
                        }
                        Ok(Err(why)) => Outcome::Refused(Refused::Impossible { why: log::with_sources(&why) }),
                        Err(why) => Outcome::Refused(Refused::Failed { why: why.to_string() }),
                    };
                }
            }
        }
    }

    /// Says what became of it to the log and to all who asked, and begins the next one where somebody waits for it: whether
    /// it did.
    pub(super) fn end(&mut self, result: &Result<Reloaded, Refused>, running: &Arc<Daemon>) -> bool {
        let path = self.source.path.display().to_string();
        match result {
            Ok(Reloaded { changes, ended }) => {
                let count = changes.changes.len();
                let what = match count {
                    0 => "no change".to_owned(),
                    1 => "1 change".to_owned(),
                    n => format!("{n} changes"),
                };
                log!(Reloaded, file = path, changes = count, "reloaded {path}: {what}");
                changes.changes.iter().flat_map(lines).for_each(|line| log!(ReloadChange, "{line}"));
                for by_hand in ended {
                    let router = by_hand.router.as_str();
                    log!(ReloadEndedByHand, router = router, "{by_hand}: by hand, ended with the reload");
                }
            }
            // What is wrong with the file was said.
            Err(Refused::InvalidConfiguration { .. }) => {
                log!(ReloadRefused, file = path, "{path} would not run: nothing was changed");
            }
            Err(why @ Refused::Impossible { .. }) => {
                log!(ReloadRefused, file = path, "{path}: {why}: nothing was changed");
            }
            Err(why) => {
                let why = why.to_string();
                log!(ReloadFailed, file = path, why = why, "{path}: the reload failed before its end: {why}");
            }
        }
        for reply in self.asked.drain(..) {
            // Who asked may have gone.
            let _ = reply.send(result.clone());
        }
        self.begin(running)
    }

    fn begin(&mut self, running: &Arc<Daemon>) -> bool {
        if !matches!(self.phase, Phase::Idle) {
            return false;
        }
        let Some(asked) = self.next.take() else { return false };
        let path = self.source.path.display().to_string();
        log!(Reloading, file = path, "reloading {path}");
        self.asked = asked;
        let (source, running) = (self.source.clone(), Arc::clone(running));
        self.phase = Phase::Reading(spawn_blocking(move || read(&source, &running)));
        true
    }

    fn refuse(&mut self, why: Refused) -> Outcome {
        self.phase = Phase::Idle;
        Outcome::Refused(why)
    }
}

/// Says what a reload of a file would change. May block.
pub(super) fn diff(source: &Source, running: &Daemon) -> Result<Changes, Refused> {
    let read = read(source, running).map_err(|found| Refused::invalid(&source.path, &found));
    read.map(|read| read.candidate.changes)
}

/// May block.
fn read(source: &Source, running: &Daemon) -> Result<Read, Diagnostics> {
    let (prepared, mut notices) = source.read()?;
    if prepared.daemon.instances.is_empty() {
        // At a start nothing is lost by it. Here it would take every address from this host.
        notices.iter_mut().for_each(|notice| notice.severity = Severity::Error);
        return Err(Diagnostics(notices));
    }
    let changes = Changes {
        file: source.path.display().to_string(),
        changes: difference(running, &prepared.daemon),
        undisturbed: undisturbed(running, &prepared.daemon),
        notices: notices.iter().map(ConfigFinding::from).collect(),
    };
    let Prepared { daemon, routers, script_users: users } = prepared;
    Ok(Read { candidate: Candidate { daemon: Box::new(daemon), users, changes }, routers, notices })
}

fn say(found: &[Diagnostic]) {
    found.iter().for_each(|found| verdict::line(found, &found.to_string()).emit());
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_without_routers_starts_a_daemon_and_is_refused_at_a_reload() {
        let path = std::env::temp_dir().join(format!("vrrpd-reload-{}.conf", std::process::id()));
        fs::write(&path, "# no router yet\n").unwrap();
        let source = Source { path: path.clone(), id: "host".to_owned(), lease: true };
        let idle = source.load().map_err(|found| found.to_string()).unwrap();
        assert!(idle.prepared.routers.is_empty());
        let refused = diff(&source, &idle.prepared.daemon).err().map(|refused| format!("{refused:?}"));
        assert!(refused.is_some_and(|refused| refused.contains("no virtual router is configured")));
        fs::remove_file(path).unwrap();
    }
}
