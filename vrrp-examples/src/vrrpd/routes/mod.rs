//! Virtual routes and rules, and those that are there as long as the daemon runs. The virtual ones are set once the addresses of
//! a Master are there, are kept there, and are removed when it is Master no more.
//!
//! All of them carry protocol 112. So a removal never touches the same route or rule of somebody else, and a start
//! finds those in its configuration that a killed run left behind. A route or rule of two instances is there as
//! long as one of them is Master. If somebody removes one, or the kernel does because of an interface, it is put back.

mod address;
mod backoff;
mod gate;
mod item;
mod keeper;
mod news;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use vrrp_io_linux::Event;

use crate::vrrpd::config::{Fixed, Instance};
use crate::vrrpd::log::log;
use gate::{Gate, Wish};
use item::Item;
use keeper::{FIXED, Keeper, Order};
use news::Listener;

/// Follows the instances that have routes or rules. Dropping it leaves what is set where it is.
#[derive(Debug)]
pub struct Routing {
    /// One for each instance, by its name: one that has nothing to set may get something.
    gates: BTreeMap<String, Gate>,
    /// `None`: there was never anything to set.
    keeper: Option<mpsc::UnboundedSender<Order>>,
    tasks: JoinSet<()>,
    connection: Option<AbortHandle>,
}

/// Removes what an earlier run left behind, and starts to follow on the current tokio runtime.
///
/// # Errors
/// Where there is something to set and no netlink socket to be had.
pub async fn spawn(instances: &[Instance], fixed: &Fixed) -> io::Result<Routing> {
    spawn_from(instances, fixed, &BTreeMap::new()).await
}

/// Does the same where some instances are Master already: for each of these, by its name, its addresses, each with true if it
/// is there. The routes and rules that they have set are not touched.
///
/// # Errors
/// The same.
pub async fn spawn_from(
    instances: &[Instance],
    fixed: &Fixed,
    masters: &BTreeMap<String, Vec<(IpAddr, bool)>>,
) -> io::Result<Routing> {
    let gate = |instance: &Instance| {
        let known = masters.get(&instance.name)?;
        Some((instance.name.clone(), Gate::of_master(addresses(instance), known)))
    };
    let gates = instances.iter().filter_map(gate).collect();
    let mut routing = Routing { gates, keeper: None, tasks: JoinSet::new(), connection: None };
    routing.replace(instances, fixed).await?;
    Ok(routing)
}

impl Routing {
    /// Replaces the instances and the items that are always there. Those that stay are not touched and not asked for again.
    ///
    /// # Errors
    /// There is something to set for the first time, and no netlink socket can be opened; nothing was changed then.
    pub async fn replace(&mut self, instances: &[Instance], fixed: &Fixed) -> io::Result<()> {
        let has_any = |instance: &Instance| !(instance.routes.is_empty() && instance.rules.is_empty());
        if self.keeper.is_none() && (*fixed != Fixed::default() || instances.iter().any(has_any)) {
            self.start(instances, fixed).await?;
        }
        let mut before = std::mem::take(&mut self.gates);
        for instance in instances {
            let gate = match before.remove(&instance.name) {
                Some(mut gate) => {
                    gate.readdress(addresses(instance));
                    gate
                }
                None => Gate::new(addresses(instance)),
            };
            self.gates.insert(instance.name.clone(), gate);
        }
        if let Some(keeper) = &self.keeper {
            let always = (FIXED.to_owned(), Wish::Present { round: 0 });
            let wishers = self.gates.iter().map(|(name, gate)| (name.clone(), gate.wish())).chain([always]).collect();
            let all = instances.iter().filter(|instance| has_any(instance));
            let of_instances = all.map(|instance| (instance.name.clone(), items(instance).collect()));
            let items = std::iter::once((FIXED.to_owned(), fixed_items(fixed).collect())).chain(of_instances).collect();
            // It ends only when this is dropped.
            let _ = keeper.send(Order::Replace { wishers, items });
        }
        Ok(())
    }

    /// Acts upon what happened to a router. Returns at once.
    pub fn on_event(&mut self, event: &Event) {
        if let Some(gate) = self.gates.get_mut(&*event.name) {
            let before = gate.wish();
            gate.on_event(&event.kind);
            let wish = gate.wish();
            if let Some(keeper) = self.keeper.as_ref().filter(|_| wish != before) {
                // It ends only when this is dropped.
                let _ = keeper.send(Order::Wish(event.name.to_string(), wish));
            }
        }
    }

    /// Starts to keep the routes and rules of these instances.
    async fn start(&mut self, instances: &[Instance], fixed: &Fixed) -> io::Result<()> {
        // First the ears: nothing that happens from now on is missed.
        let listener = Listener::open()?;
        let (connection, handle, _) =
            rtnetlink::new_connection_with_strict_check().or_else(|_| rtnetlink::new_connection())?;
        self.connection = Some(tokio::spawn(connection).abort_handle());
        let mut keeper = Keeper::new(handle);
        keeper.add(FIXED, fixed_items(fixed));
        instances.iter().for_each(|instance| keeper.add(&instance.name, items(instance)));
        let of_master = |name: &str| self.gates.get(name).is_some_and(|gate| gate.wish() != Wish::Absent);
        keeper.sweep(|name| name == FIXED || of_master(name)).await;
        let (sender, orders) = mpsc::unbounded_channel();
        self.keeper = Some(sender);
        self.tasks.spawn(keeper.run(orders, listener));
        Ok(())
    }

    /// Removes everything, for `limit` at most.
    pub async fn stop(mut self, limit: Duration) {
        self.keeper = None;
        let removed = timeout(limit, async { while self.tasks.join_next().await.is_some() {} }).await;
        if removed.is_err() {
            log!(
                RoutesNotRemoved,
                seconds = limit.as_secs_f64(),
                "the kernel did not remove all routes and rules within {limit:?}"
            );
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

/// Returns the items that are always there, with the addresses first: a route may need one.
fn fixed_items(fixed: &Fixed) -> impl Iterator<Item = Item> {
    let addresses = fixed.addresses.iter().cloned().map(Item::Address);
    let routes = fixed.routes.iter().cloned().map(Item::Route);
    addresses.chain(routes).chain(fixed.rules.iter().cloned().map(Item::Rule))
}

fn addresses(instance: &Instance) -> impl Iterator<Item = IpAddr> {
    instance.addresses.iter().chain(&instance.excluded).map(|virtual_ip| virtual_ip.address)
}

/// Returns the items of an instance, with the routes first: a rule that chooses an empty table chooses nothing.
fn items(instance: &Instance) -> impl Iterator<Item = Item> {
    let routes = instance.routes.iter().cloned().map(Item::Route);
    routes.chain(instance.rules.iter().cloned().map(Item::Rule))
}
