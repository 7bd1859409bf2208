//! Orders of an administrator to the running daemon. The supervisor carries them out, and reports what it did.
//!
//! An order that was accepted is carried out to its end, even if the client has gone.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use vrrp_core::Priority;

use super::refused::{ConfigFinding, Refused, find};
use super::snapshot::ByHand;

/// The channel by which the supervisor gets orders. When its end is dropped, clients are told that the daemon is about
/// to stop.
pub type Orders = mpsc::Sender<Order>;

/// The channel on which the supervisor says what became of an order. Dropped without a word, it says that the daemon is
/// about to stop.
pub type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// An order, with the reply channel for its result.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again and change what it changes: all of it, or nothing.
    Reload(Reply<Reloaded>),
    /// Say what a reload would change if this file were the configuration.
    Diff(PathBuf, Reply<Changes>),
    /// Hand the addresses over; the reply comes when each router has, or nobody took over.
    Drain(Drain, Reply<DrainEnded>),
    /// End what a drain began.
    Undrain(Routers, Reply<Touched>),
    /// Set a router's priority in place of the configured one.
    Priority(NewPriority, Reply<PriorityChanged>),
    /// Run the check (`vrrp_script`) of this name at once.
    Check(String, Reply<Checked>),
    /// Release routers and leave them stopped; the reply comes when their addresses are gone.
    Stop(Routers, Reply<Touched>),
    /// Start stopped routers.
    Start(Routers, Reply<Touched>),
    /// Go on as the program that is on disk now.
    Upgrade(Reply<Upgraded>),
    /// Say what happened.
    Record(Routers, Reply<Recorded>),
}

impl Order {
    /// Refuses the order, whatever it is.
    pub fn refuse(self, why: Refused) {
        // Who asked may have gone.
        match self {
            Self::Reload(reply) => drop(reply.send(Err(why))),
            Self::Diff(_, reply) => drop(reply.send(Err(why))),
            Self::Drain(_, reply) => drop(reply.send(Err(why))),
            Self::Undrain(_, reply) | Self::Stop(_, reply) | Self::Start(_, reply) => drop(reply.send(Err(why))),
            Self::Priority(_, reply) => drop(reply.send(Err(why))),
            Self::Check(_, reply) => drop(reply.send(Err(why))),
            Self::Upgrade(reply) => drop(reply.send(Err(why))),
            Self::Record(_, reply) => drop(reply.send(Err(why))),
        }
    }
}

/// The routers that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routers {
    /// Every one.
    All,
    /// These, by the names of their instances.
    Named(Vec<String>),
}

impl Routers {
    /// Returns the places in `known`, the names of all instances, of those that are meant: each once, in the order of `known`.
    ///
    /// # Errors
    /// Where a name is none of these.
    pub fn places(&self, known: &[&str]) -> Result<Vec<usize>, Refused> {
        let mut places = match self {
            Self::All => return Ok((0..known.len()).collect()),
            Self::Named(names) => names.iter().map(|name| router(name, known)).collect::<Result<Vec<_>, _>>()?,
        };
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }
}

/// Returns the place of a router's name in `known`, the names of all instances.
///
/// # Errors
/// Where it is none of these.
pub fn router(name: &str, known: &[&str]) -> Result<usize, Refused> {
    find(name, known).map_err(|known| Refused::NoSuchRouter { name: name.to_owned(), known })
}

/// Returns the place of a check's name in `known`, the names of all checks.
///
/// # Errors
/// Where it is none of these.
pub fn check(name: &str, known: &[&str]) -> Result<usize, Refused> {
    find(name, known).map_err(|known| Refused::NoSuchCheck { name: name.to_owned(), known })
}

/// An order to hand addresses over. A drain of one member of a sync group drains all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The routers to drain.
    pub routers: Routers,
    /// The priority of a drained router; without it the library's own choice, the lowest.
    pub priority: Option<Priority>,
    /// The time to wait for another Master; without it the library's own choice, three intervals.
    pub limit: Option<Duration>,
}

/// A priority by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPriority {
    /// The router's name.
    pub router: String,
    /// The new priority.
    pub priority: Priority,
}

/// The changes that a reload would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The file that was read.
    pub file: String,
    /// In the order of the file; what is removed comes last.
    pub changes: Vec<Change>,
    /// The number of routers that go on without anything touched.
    pub undisturbed: usize,
    /// Findings about a file that would run all the same.
    #[serde(default)]
    pub notices: Vec<ConfigFinding>,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The kind of thing.
    pub what: Thing,
    /// Its name; empty for the daemon as a whole.
    pub name: String,
    /// The change.
    pub how: How,
    /// The details, each a phrase such as `priority 120, was 100`.
    #[serde(default)]
    pub details: Vec<String>,
}

/// A thing that a file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// `vrrp_instance`, with its notify scripts, routes and rules.
    Router,
    /// `vrrp_sync_group`, with its notify scripts.
    SyncGroup,
    /// `vrrp_script`.
    Check,
    /// `global_defs`.
    Daemon,
}

/// A way in which a thing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is new.
    Added,
    /// It ends.
    Removed,
    /// It goes on, in another way.
    Changed,
    /// It ends and begins anew: another interface, address family or VRID makes another router.
    Replaced,
    /// It stays as it is until the daemon starts the next time.
    NextStart,
}

/// The result of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The changes that it made.
    #[serde(flatten)]
    pub changes: Changes,
    /// The changes made by hand that ended with the reload.
    #[serde(default)]
    pub ended: Vec<ByHand>,
}

/// The end of a drain, for each router that it drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainEnded {
    /// In the order of the configuration.
    pub routers: Vec<DrainedRouter>,
}

/// The end of the drain of one router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainedRouter {
    /// Its name.
    pub router: String,
    /// The fate of its addresses.
    #[serde(flatten)]
    pub outcome: DrainOutcome,
}

/// The fate of a drained router's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum DrainOutcome {
    /// This router has them now.
    HandedOver {
        /// Its own address.
        to: IpAddr,
    },
    /// Nobody took over in time: they are still here, at the lowered priority.
    NobodyTookOver,
    /// They were not here, or are not any more for another reason.
    NotMaster,
    /// Something else ended the drain before.
    Undone,
    /// It cannot be drained.
    Impossible {
        /// The reason.
        why: String,
    },
}

impl DrainOutcome {
    /// Returns true if the addresses are not on this host any more.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::HandedOver { .. } | Self::NotMaster)
    }
}

/// The result for each router of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// In the order of the configuration.
    pub routers: Vec<TouchedRouter>,
}

/// The result for one router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedRouter {
    /// Its name.
    pub router: String,
    /// False if it was so before.
    pub changed: bool,
}

/// A priority that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityChanged {
    /// The router's name.
    pub router: String,
    /// The priority that replaces the configured one now.
    pub priority: Priority,
    /// The configured one.
    pub configured: Priority,
}

/// The result of a check that was run at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Its name.
    pub check: String,
    /// True if this run passed.
    pub passed: bool,
    /// The outcome, for people: `exit status 1: no running copy`.
    pub result: String,
    /// The verdict on the check after this run, with its `rise` and `fall`; none before it has one.
    pub verdict: Option<bool>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The text of the file.
    pub recording: String,
}

/// The program that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// Version that ran before.
    pub from: String,
    /// Version that runs now.
    pub to: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["proxy_ip1", "proxy_ip2", "mail"];

    fn named(names: &[&str]) -> Routers {
        Routers::Named(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn routers_are_meant_by_name_each_once_in_the_order_of_the_configuration() {
        assert_eq!(Routers::All.places(&KNOWN), Ok(vec![0, 1, 2]));
        assert_eq!(named(&["mail", "proxy_ip1", "mail"]).places(&KNOWN), Ok(vec![0, 2]));
        assert_eq!(named(&[]).places(&KNOWN), Ok(vec![]));
    }

    #[test]
    fn one_unknown_name_refuses_all_and_the_nearest_comes_first() {
        let known = ["mail", "proxy_ip1", "proxy_ip2"].map(str::to_owned).to_vec();
        let refused = Refused::NoSuchRouter { name: "mial".to_owned(), known };
        assert_eq!(named(&["proxy_ip1", "mial"]).places(&KNOWN), Err(refused));
        let known = vec!["chk_squid".to_owned(), "chk_dns".to_owned()];
        assert_eq!(
            check("chk_sqiud", &["chk_dns", "chk_squid"]),
            Err(Refused::NoSuchCheck { name: "chk_sqiud".to_owned(), known })
        );
        assert_eq!((router("mail", &KNOWN), check("mail", &KNOWN)), (Ok(2), Ok(2)));
    }

    #[tokio::test]
    async fn any_order_can_be_refused() {
        let (reply, answer) = oneshot::channel();
        Order::Stop(Routers::All, reply).refuse(Refused::Stopping);
        assert_eq!(answer.await.unwrap(), Err(Refused::Stopping));
        let (reply, gone) = oneshot::channel();
        drop(gone);
        Order::Reload(reply).refuse(Refused::Stopping);
    }
}
