//! Virtual routes and rules: set when all addresses of a Master are there, removed when it is Master no more.
//!
//! What is set carries protocol 112. By that a removal never touches the same route or rule of somebody else, and a start
//! finds what a run that was killed left of those in its configuration.

mod gate;
mod kernel;

use std::io;
use std::time::Duration;

use rtnetlink::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use vrrp_io_linux::Event;

use crate::config::Instance;
use gate::{Gate, Wish};
use kernel::Item;

/// Follows the instances that have routes or rules. Dropping it leaves what is set where it is.
#[derive(Debug)]
pub struct Routing {
    /// One for each instance; `None`: it has neither routes nor rules.
    followers: Vec<Option<Follower>>,
    workers: JoinSet<()>,
    connection: Option<AbortHandle>,
}

/// What the worker of one instance is told.
#[derive(Debug)]
struct Follower {
    gate: Gate,
    wish: watch::Sender<Wish>,
}

/// Removes what an earlier run left behind, and starts a worker on the current tokio runtime for each instance that has
/// something to set.
///
/// # Errors
/// Where there is something to set and no netlink socket to be had.
pub async fn spawn(instances: &[Instance]) -> io::Result<Routing> {
    let mut routing = Routing { followers: Vec::new(), workers: JoinSet::new(), connection: None };
    let mut opened: Option<Handle> = None;
    for instance in instances {
        let mut items = items(instance);
        if items.is_empty() {
            routing.followers.push(None);
            continue;
        }
        let handle = match &opened {
            Some(handle) => handle.clone(),
            None => {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                routing.connection = Some(tokio::spawn(connection).abort_handle());
                opened.insert(handle).clone()
            }
        };
        sweep(&instance.name, &items, &handle).await;
        let (wish, wishes) = watch::channel(Wish::Absent);
        let name = instance.name.clone();
        routing.workers.spawn(async move { work(&name, &mut items, handle, wishes).await });
        let addresses = instance.addresses.iter().chain(&instance.excluded).map(|vip| vip.address);
        routing.followers.push(Some(Follower { gate: Gate::new(addresses), wish }));
    }
    Ok(routing)
}

impl Routing {
    /// Acts upon what happened to a router. Returns at once.
    pub fn follow(&mut self, event: &Event) {
        if let Some(Follower { gate, wish }) = self.followers.get_mut(event.router).and_then(Option::as_mut) {
            let wanted = gate.follow(&event.kind);
            wish.send_if_modified(|wish| std::mem::replace(wish, wanted) != wanted);
        }
    }

    /// Removes everything, for `limit` at most.
    pub async fn stop(mut self, limit: Duration) {
        self.followers.clear();
        let removed = timeout(limit, async { while self.workers.join_next().await.is_some() {} }).await;
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
fn items(instance: &Instance) -> Vec<Item> {
    let routes = instance.routes.iter().cloned().map(Item::route);
    routes.chain(instance.rules.iter().cloned().map(Item::rule)).collect()
}

async fn sweep(name: &str, items: &[Item], handle: &Handle) {
    for item in items.iter().rev() {
        match item.delete(handle).await {
            Ok(true) => tracing::warn!("{name}: an earlier run left {item}, removed it"),
            Ok(false) => {}
            Err(error) => tracing::warn!("{name}: cannot look for {item} of an earlier run: {error}"),
        }
    }
}

/// Brings the kernel to the last wish, one after the other, until nobody can wish any more.
async fn work(name: &str, items: &mut [Item], handle: Handle, mut wishes: watch::Receiver<Wish>) {
    while wishes.changed().await.is_ok() {
        let wish = *wishes.borrow_and_update();
        match wish {
            Wish::Absent => remove(name, items, &handle).await,
            Wish::Present { .. } => install(name, items, &handle).await,
        }
    }
    remove(name, items, &handle).await;
}

/// What is there already is set again, and found there: the kernel drops a route when its address or interface goes.
async fn install(name: &str, items: &mut [Item], handle: &Handle) {
    for item in items {
        match item.add(handle).await {
            Ok(()) => {
                item.ours = true;
                tracing::info!("{name}: set {item}");
            }
            Err(error) if item.ours && error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => tracing::warn!("{name}: cannot set {item}: {error}"),
        }
    }
}

async fn remove(name: &str, items: &mut [Item], handle: &Handle) {
    for item in items.iter_mut().rev().filter(|item| item.ours) {
        item.ours = false;
        match item.delete(handle).await {
            // Gone already: the kernel removes the routes of an address together with it.
            Ok(_) => tracing::info!("{name}: removed {item}"),
            Err(error) => tracing::warn!("{name}: cannot remove {item}: {error}"),
        }
    }
}
