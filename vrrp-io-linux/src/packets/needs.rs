//! The needs that routers have of their ports, and the claims that ports need before they can meet them.
//!
//! Routers come and go in two steps: a [`PortChanges`] claims what is new, for all ports or for none, and only then the ports are
//! [changed](crate::packets::ports::Port::change).

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use vrrp_core::Peers;

use crate::claims::{self, Claim, Refusal, Vrids, Wish};
use crate::router::Router;

/// The needs that the routers of a port have of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Their ids.
    pub(crate) vrids: Vrids,
    /// True if any of them speaks to the group.
    pub(crate) multicast: bool,
}

/// Ports that are to have other needs, and what has to be claimed for that.
#[derive(Debug, Default)]
pub(crate) struct PortChanges(Vec<(usize, Needs, Option<Wish>)>);

/// A port by number, what it is to need from now on, and the claim for that, if it takes another one.
pub(crate) type Ready = (usize, Needs, Option<Arc<Claim>>);

impl Needs {
    /// Takes in one router after the other.
    pub(crate) fn add(&mut self, router: &Router) {
        self.multicast |= matches!(router.config.peers(), Peers::Multicast);
        self.vrids.insert(router.config.vrid());
    }
}

impl<'a> FromIterator<&'a Router> for Needs {
    fn from_iter<T: IntoIterator<Item = &'a Router>>(routers: T) -> Self {
        let mut needs = Self::default();
        routers.into_iter().for_each(|router| needs.add(router));
        needs
    }
}

impl PortChanges {
    /// Adds a port, with what it has to claim.
    pub(super) fn push(&mut self, port: usize, needs: Needs, wish: Option<Wish>) {
        self.0.push((port, needs, wish));
    }

    /// Claims everything, or nothing. What stands in the way may take as long as `patience` to go. The position in a refusal
    /// is the number of the port.
    pub(crate) fn claim(self, patience: Duration) -> Result<Vec<Ready>, Refusal> {
        let (ports, wishes): (Vec<usize>, Vec<Wish>) =
            self.0.iter().filter_map(|(port, _, wish)| Some((*port, wish.clone()?))).unzip();
        let claims = claims::claim(&wishes, patience).map_err(|refusal| match refusal {
            Refusal::Taken { position, vrid, by } => {
                Refusal::Taken { position: ports.get(position).copied().unwrap_or(position), vrid, by }
            }
            os @ Refusal::Os(_) => os,
        })?;
        let mut claims = claims.into_iter().map(Arc::new);
        let ready = |(port, needs, wish): (usize, Needs, Option<Wish>)| (port, needs, wish.and_then(|_| claims.next()));
        Ok(self.0.into_iter().map(ready).collect())
    }

    /// Claims as [`claim`](Self::claim) does, without patience, on a thread of its own: another start that is under way may keep
    /// this waiting for some milliseconds.
    pub(crate) fn start(self) -> oneshot::Receiver<Result<Vec<Ready>, Refusal>> {
        let (answer, claimed) = oneshot::channel();
        let work = move |plan: Self| drop(answer.send(plan.claim(Duration::ZERO)));
        if self.0.iter().all(|(_, _, wish)| wish.is_none()) {
            work(self);
            return claimed;
        }
        // If there is no thread, the end of the channel tells it.
        let _ = thread::Builder::new().name("vrrp-claims".to_owned()).spawn(move || work(self));
        claimed
    }
}
