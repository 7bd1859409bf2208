//! The change that is being made: how far it has come, and what it waits for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use vrrp_core::{Instant, RouterId};

use super::command::{Change, Reply};
use crate::claims::Refusal;
use crate::error::ChangeError;
use crate::kernel::filter::Generation;
use crate::packets::needs::{Needs, Ready};
use crate::router::Router;

/// The change that is being made, and the changes that are to follow it.
#[derive(Debug, Default)]
pub(super) struct Changing {
    pub(super) current: Option<Box<Applying>>,
    pub(super) waiting: VecDeque<(Vec<Change>, ChangeReply)>,
}

pub(super) type ChangeReply = Reply<Result<Vec<RouterId>, ChangeError>>;

/// One that is being carried out.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) steps: Vec<ChangeStep>,
    /// Nobody waits for the end of a start.
    pub(super) answer: Option<ChangeReply>,
    /// The ports whose routers change, and what they needed before.
    pub(super) ports: BTreeMap<usize, Needs>,
    /// The ports among them that need something else during the change.
    pub(super) opened: Vec<usize>,
    /// The sync groups whose members change.
    pub(super) groups: BTreeSet<String>,
    pub(super) stage: Stage,
    /// The moment until which this stage waits.
    pub(super) limit: Instant,
}

#[derive(Debug)]
pub(super) enum ChangeStep {
    Add(Router),
    Added(RouterId),
    Remove(RouterId),
    Reconfigure(RouterId, Router),
}

#[derive(Debug)]
pub(super) enum Stage {
    /// The routers that come are claimed for this process.
    Claiming(Task<Result<Vec<Ready>, Refusal>>),
    /// Their addresses are closed to packets, where they must not accept any.
    Filtering(Vec<Ready>, Filtering),
    /// The routers that go have released their addresses, and the kernel has yet to answer.
    Leaving,
    /// Macvlans are made.
    Making,
    /// Everything runs as it is to, and the kernel has yet to answer.
    Settling,
    /// Everything that nobody needs any more is let go.
    Closing(Task<Result<Vec<Ready>, Refusal>>),
    /// Macvlans that nobody needs are removed, and addresses that nobody has are open again.
    Going(Filtering),
}

/// The packet filter is asked to change.
#[derive(Debug, Default)]
pub(super) struct Filtering {
    pub(super) awaited: Option<Generation>,
    pub(super) failed: Option<io::Error>,
}

/// Something that a thread of its own does.
#[derive(Debug)]
pub(super) struct Task<T> {
    receiver: oneshot::Receiver<T>,
    result: Option<Result<T, oneshot::error::RecvError>>,
}

impl Changing {
    /// Tells whether a router has been released and is about to be forgotten.
    pub(super) fn is_leaving(&self, id: RouterId) -> bool {
        let current = self.current.as_ref().filter(|applying| matches!(applying.stage, Stage::Leaving));
        current.is_some_and(|applying| applying.removed().any(|removed| removed == id))
    }

    /// The packet filter has changed, or has not.
    pub(super) fn filter_changed(&mut self, generation: Generation, failed: Option<io::Error>) {
        let stage = self.current.as_mut().map(|applying| &mut applying.stage);
        if let Some(Stage::Filtering(_, filtering) | Stage::Going(filtering)) = stage {
            if filtering.awaited == Some(generation) {
                *filtering = Filtering { awaited: None, failed };
            }
        }
    }
}

impl From<io::Result<Option<Generation>>> for Filtering {
    fn from(asked: io::Result<Option<Generation>>) -> Self {
        match asked {
            Ok(awaited) => Self { awaited, failed: None },
            Err(error) => Self { awaited: None, failed: Some(error) },
        }
    }
}

impl Applying {
    pub(super) fn removed(&self) -> impl Iterator<Item = RouterId> {
        self.steps.iter().filter_map(|step| if let ChangeStep::Remove(id) = step { Some(*id) } else { None })
    }

    pub(super) fn added(&self) -> impl Iterator<Item = &Router> {
        self.steps.iter().filter_map(|step| if let ChangeStep::Add(router) = step { Some(router) } else { None })
    }

    pub(super) fn started(&self) -> impl Iterator<Item = RouterId> {
        self.steps.iter().filter_map(|step| if let ChangeStep::Added(id) = step { Some(*id) } else { None })
    }

    pub(super) fn becomes(&self) -> impl Iterator<Item = (RouterId, &Router)> {
        self.steps
            .iter()
            .filter_map(|step| if let ChangeStep::Reconfigure(id, to) = step { Some((*id, to)) } else { None })
    }

    /// The routers that come, and what those become that change.
    pub(super) fn coming(&self) -> impl Iterator<Item = (Option<RouterId>, &Router)> {
        self.steps.iter().filter_map(|step| match step {
            ChangeStep::Add(router) => Some((None, router)),
            ChangeStep::Reconfigure(id, router) => Some((Some(*id), router)),
            ChangeStep::Added(_) | ChangeStep::Remove(_) => None,
        })
    }

    pub(super) fn reconfigured(&self) -> impl Iterator<Item = RouterId> {
        self.becomes().map(|(id, _)| id)
    }
}

impl ChangeStep {
    pub(super) fn id(&self) -> Option<RouterId> {
        match self {
            Self::Add(_) => None,
            Self::Added(id) | Self::Remove(id) | Self::Reconfigure(id, _) => Some(*id),
        }
    }
}

impl From<Change> for ChangeStep {
    fn from(change: Change) -> Self {
        match change {
            Change::Add(router) => Self::Add(router),
            Change::Remove(id) => Self::Remove(id),
            Change::Reconfigure(id, router) => Self::Reconfigure(id, router),
        }
    }
}

impl<T> Task<T> {
    pub(super) fn new(receiver: oneshot::Receiver<T>) -> Self {
        Self { receiver, result: None }
    }

    /// Tells whether the task is done; otherwise the poller is woken when it is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.result.is_none() {
            if let Poll::Ready(result) = Pin::new(&mut self.receiver).poll(cx) {
                self.result = Some(result);
            }
        }
        self.result.is_some()
    }

    /// Takes the result, once.
    pub(super) fn take(&mut self) -> Option<Result<T, oneshot::error::RecvError>> {
        self.result.take().or_else(|| self.receiver.try_recv().ok().map(Ok))
    }
}
