//! Virtual routes and rules: set when the addresses of a Master are there, kept there, removed when it is Master no more.
//!
//! What is set carries protocol 112. By that a removal never touches the same route or rule of somebody else, and a start
//! finds what a run that was killed left of those in its configuration. What two instances have in common is there as
//! long as one of them is Master. What somebody removes, or the kernel does with an interface, is put back.

mod backoff;
mod gate;
mod item;
mod keeper;
mod news;

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use vrrp_io_linux::Event;

use crate::vrrpd::config::Instance;
use gate::Gate;
use item::Item;
use keeper::{Keeper, Wished};
use news::Listener;

/// Follows the instances that have routes or rules. Dropping it leaves what is set where it is.
#[derive(Debug)]
pub struct Routing {
    /// One for each instance; `None`: it has neither routes nor rules.
    gates: Vec<Option<Gate>>,
    /// `None`: there is nothing to set.
    keeper: Option<mpsc::UnboundedSender<Wished>>,
    tasks: JoinSet<()>,
    connection: Option<AbortHandle>,
}

/// Removes what an earlier run left behind, and starts to follow on the current tokio runtime.
///
/// # Errors
/// Where there is something to set and no netlink socket to be had.
pub async fn spawn(instances: &[Instance]) -> io::Result<Routing> {
    let has_any = |instance: &Instance| !(instance.routes.is_empty() && instance.rules.is_empty());
    let gate = |instance: &Instance| {
        let addresses = instance.addresses.iter().chain(&instance.excluded).map(|vip| vip.address);
        has_any(instance).then(|| Gate::new(addresses))
    };
    let gates = instances.iter().map(gate).collect();
    let mut routing = Routing { gates, keeper: None, tasks: JoinSet::new(), connection: None };
    if !instances.iter().any(has_any) {
        return Ok(routing);
    }
    // First the ears: nothing that happens from now on is missed.
    let listener = Listener::open()?;
    let (connection, handle, _) =
        rtnetlink::new_connection_with_strict_check().or_else(|_| rtnetlink::new_connection())?;
    routing.connection = Some(tokio::spawn(connection).abort_handle());
    let mut keeper = Keeper::new(handle);
    instances.iter().for_each(|instance| keeper.add(&instance.name, items(instance)));
    keeper.sweep().await;
    let (sender, wishes) = mpsc::unbounded_channel();
    routing.keeper = Some(sender);
    routing.tasks.spawn(keeper.run(wishes, listener));
    Ok(routing)
}

impl Routing {
    /// Acts upon what happened to a router. Returns at once.
    pub fn follow(&mut self, event: &Event) {
        if let Some(gate) = self.gates.get_mut(event.router.index()).and_then(Option::as_mut) {
            let wish = gate.follow(&event.kind);
            if let Some(keeper) = &self.keeper {
                // It ends only when this is dropped.
                let _ = keeper.send((event.router.index(), wish));
            }
        }
    }

    /// Removes everything, for `limit` at most.
    pub async fn stop(mut self, limit: Duration) {
        self.keeper = None;
        let removed = timeout(limit, async { while self.tasks.join_next().await.is_some() {} }).await;
        if removed.is_err() {
            tracing::warn!("the kernel did not remove all routes and rules within {limit:?}");
        }
    }
}

impl Drop for Routing {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.abort();
        }
    }
}

/// The routes first: a rule that chooses an empty table chooses nothing.
fn items(instance: &Instance) -> impl Iterator<Item = Item> {
    let routes = instance.routes.iter().cloned().map(Item::Route);
    routes.chain(instance.rules.iter().cloned().map(Item::Rule))
}
