//! Reloads, one after the other: the file is read and checked, then the routers get what it says, all or nothing. What comes
//! after that is the supervisor's. Who asks while one is under way gets the next one, together with all who ask meanwhile.

use std::future::pending;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{error, info, warn};
use vrrp_core::RouterId;
use vrrp_io_linux::{ChangeError, Router, Vrrp};

use crate::vrrpd::config::Daemon;
use crate::vrrpd::control::order::{Changes, Reloaded, Reply};
use crate::vrrpd::control::refused::{Finding, Refused};
use crate::vrrpd::difference::{difference, lines, undisturbed};
use crate::vrrpd::log;
use crate::vrrpd::reading::Source;
use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::vrrpd::routers::{Prepared, ScriptUsers};

/// The reload under way, and those who wait for the next.
pub(super) struct Reloads {
    source: Source,
    phase: Phase,
    /// Who waits for the end of the one under way.
    asked: Vec<Reply<Reloaded>>,
    /// Whether somebody asked since it began, and who waits for that.
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

/// What is to run beside the routers of a configuration.
pub(super) struct Candidate {
    pub(super) daemon: Box<Daemon>,
    pub(super) users: ScriptUsers,
    pub(super) changes: Changes,
}

/// How far a reload came.
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

    /// Whether routers are being changed.
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
        let path = self.source.path.display();
        match result {
            Ok(Reloaded { changes, ended }) => {
                match changes.changes.len() {
                    0 => info!("reloaded {path}: it says what runs already"),
                    n => info!("reloaded {path}: {n} change{}", if n == 1 { "" } else { "s" }),
                }
                changes.changes.iter().flat_map(lines).for_each(|line| info!("{line}"));
                ended.iter().for_each(|by_hand| info!("{by_hand}: by hand, ended with the reload"));
            }
            // What is wrong with the file was said.
            Err(Refused::InvalidConfiguration { .. }) => error!("{path} would not run: nothing was changed"),
            Err(why @ Refused::Impossible { .. }) => error!("{path}: {why}: nothing was changed"),
            Err(why) => error!("{path}: the reload did not come to its end: {why}"),
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
        info!("reloading {}", self.source.path.display());
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
    let (prepared, notices) = source.read()?;
    let changes = Changes {
        file: source.path.display().to_string(),
        changes: difference(running, &prepared.daemon),
        undisturbed: undisturbed(running, &prepared.daemon),
        notices: notices.iter().map(Finding::from).collect(),
    };
    let Prepared { daemon, routers, script_users: users } = prepared;
    Ok(Read { candidate: Candidate { daemon: Box::new(daemon), users, changes }, routers, notices })
}

fn say(found: &[Diagnostic]) {
    for found in found {
        match found.severity {
            Severity::Error => error!("{found}"),
            Severity::Warning | Severity::Notice => warn!("{found}"),
        }
    }
}
