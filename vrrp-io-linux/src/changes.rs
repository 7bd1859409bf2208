//! Changes of what runs, one after the other. Each has a thread of its own, because it asks the kernel about interfaces, which
//! can take a while; and because nobody who gives up waiting shall leave half a change.

use std::sync::Arc;
use std::thread;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use vrrp_core::RouterId;

use crate::driver::command::{Change, Command};
use crate::error::{ChangeError, StartError, Stopped};
use crate::line::WeakLine;
use crate::plan::{self, Plan};
use crate::preflight::Examiner;
use crate::router::Router;
use crate::wait::block_on;

/// The changes of one start.
#[derive(Debug)]
pub(crate) struct Changes {
    line: WeakLine,
    /// Whoever has it may change.
    examiner: Arc<Mutex<Examiner>>,
}

/// One change, on its thread.
struct Work {
    line: WeakLine,
    examiner: OwnedMutexGuard<Examiner>,
}

impl Changes {
    pub(crate) fn new(line: WeakLine, examiner: Examiner) -> Self {
        Self { line, examiner: Arc::new(Mutex::new(examiner)) }
    }

    pub(crate) async fn add(&self, mut router: Router) -> Result<RouterId, ChangeError> {
        self.begin(move |work| {
            plan::rank_last(&mut router, &work.running()?);
            let ids = work.carry_out(vec![Change::Add(router)])?;
            // Each change has an id.
            ids.first().copied().ok_or(ChangeError::Stopped(Stopped::Died))
        })
        .await
    }

    pub(crate) async fn remove(&self, router: RouterId) -> Result<(), ChangeError> {
        self.begin(move |work| work.carry_out(vec![Change::Remove(router)]).map(drop)).await
    }

    pub(crate) async fn reconfigure(&self, router: RouterId, mut to: Router) -> Result<(), ChangeError> {
        self.begin(move |work| {
            let mut running = work.running()?;
            match running.iter().position(|(id, _)| *id == router).map(|position| running.remove(position)) {
                Some((_, now)) if now.sync_group == to.sync_group => to.rank = now.rank,
                _ => plan::rank_last(&mut to, &running),
            }
            work.carry_out(vec![Change::Reconfigure(router, to)]).map(drop)
        })
        .await
    }

    pub(crate) async fn apply(&self, wanted: Vec<Router>) -> Result<Vec<RouterId>, ChangeError> {
        self.begin(move |work| {
            let plan = Plan::new(work.running()?, wanted)?;
            work.apply_plan(plan)
        })
        .await
    }

    pub(crate) async fn carry_out(&self, plan: Plan) -> Result<Vec<RouterId>, ChangeError> {
        self.begin(
            move |work| if plan.is_of(&work.running()?) { work.apply_plan(plan) } else { Err(ChangeError::Stale) },
        )
        .await
    }

    /// Does `work` when it is its turn, and to its end.
    async fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Work) -> Result<T, ChangeError> + Send + 'static,
    ) -> Result<T, ChangeError> {
        let examiner = Arc::clone(&self.examiner).lock_owned().await;
        let mut on = Work { line: self.line.clone(), examiner };
        let (reply, result) = oneshot::channel();
        let run = move || {
            let result = work(&mut on);
            // It is the next one's turn.
            drop(on);
            // The caller may have gone.
            let _ = reply.send(result);
        };
        let thread = thread::Builder::new().name("vrrp-change".to_owned()).spawn(run);
        thread.map_err(|error| StartError::Os { what: "cannot start a thread", error })?;
        result.await.map_err(|_| Stopped::Died)?
    }
}

/// Returns what runs as values of one's own: the routers' thread has no time to copy it.
pub(crate) fn owned(running: Vec<(RouterId, Arc<Router>)>) -> Vec<(RouterId, Router)> {
    running.into_iter().map(|(id, router)| (id, Router::clone(&router))).collect()
}

impl Work {
    fn running(&self) -> Result<Vec<(RouterId, Router)>, Stopped> {
        Ok(owned(block_on(self.line.ask(Command::Running))?))
    }

    /// Makes the changes of a plan. Returns the ids of the routers that it wants, in its order.
    fn apply_plan(&mut self, plan: Plan) -> Result<Vec<RouterId>, ChangeError> {
        let (changes, ids) = plan.into_changes();
        let changed = if changes.is_empty() { Vec::new() } else { self.carry_out(changes)? };
        Ok(ids.resolve(&changed))
    }

    fn carry_out(&mut self, changes: Vec<Change>) -> Result<Vec<RouterId>, ChangeError> {
        let found = self.examiner.examine_fit(changes.iter().filter_map(Change::wanted))?;
        let are_wanted: Vec<bool> = changes.iter().map(|change| change.wanted().is_some()).collect();
        let ids = block_on(self.line.ask(|reply| Command::Apply { changes, reply }))??;
        let wanted = ids.iter().zip(are_wanted).filter(|(_, is_wanted)| *is_wanted).map(|(id, _)| *id);
        let found: Vec<_> = wanted.zip(found).filter(|(_, found)| !found.concerns.is_empty()).collect();
        if !found.is_empty() {
            // It is done, whatever has become of the routers since.
            let _ = block_on(self.line.ask(|reply| Command::Found(found, reply)));
        }
        Ok(ids)
    }
}
