//! Requests from outside to a running driver.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use vrrp_core::record::Recorded;
use vrrp_core::{Drain, Priority, Reading, RouterId, TrackerId};

use crate::error::{ChangeError, DrainError, NoSuchRouter, TrackError};
use crate::events::Events;
use crate::preflight::Preflight;
use crate::router::Router;
use crate::status::{Drained, DriverStatus, RouterState};
use crate::suspended::Suspended;

/// The way of an answer. Whoever asked may have gone: what was begun is carried out all the same.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A request from outside to a running driver.
#[derive(Debug)]
pub(crate) enum Command {
    Track(RouterId, TrackerId, Reading, Reply<Result<(), TrackError>>),
    Status(Reply<DriverStatus>),
    /// The record of what happened; the answer is `None` where nothing is recorded.
    Record(Reply<Option<Recorded>>),
    SetRecorderSize(usize, Reply<()>),
    /// The running routers, as they were asked for, in order: for a plan.
    Running(Reply<Vec<(RouterId, Arc<Router>)>>),
    Apply {
        changes: Vec<Change>,
        reply: Reply<Result<Vec<RouterId>, ChangeError>>,
    },
    /// Findings about routers before they were changed, to be told.
    Found(Vec<(RouterId, Preflight)>, Reply<()>),
    SetPriority(RouterId, Priority, Reply<Result<(), NoSuchRouter>>),
    /// The answer comes when it is handed over, or nobody took over, or at once where it is no Master.
    Drain(RouterId, Drain, Reply<Result<Drained, DrainError>>),
    Undrain(RouterId, Reply<Result<(), NoSuchRouter>>),
    /// Releases it, it stays known; the answer comes when its addresses are gone.
    Stop(RouterId, Reply<Result<(), NoSuchRouter>>),
    Start(RouterId, Reply<Result<(), NoSuchRouter>>),
    Subscribe(Reply<Events>),
    Watch(RouterId, Reply<Result<watch::Receiver<RouterState>, NoSuchRouter>>),
    StopAll(Reply<()>),
    /// Ends without releasing anything; the answer comes when everything is closed.
    Suspend(Reply<Suspended>),
}

/// One change of what runs.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Add(Router),
    Remove(RouterId),
    Reconfigure(RouterId, Router),
}

impl Change {
    /// Returns the router that is to run after the change.
    pub(crate) fn wanted(&self) -> Option<&Router> {
        match self {
            Self::Add(router) | Self::Reconfigure(_, router) => Some(router),
            Self::Remove(_) => None,
        }
    }
}
