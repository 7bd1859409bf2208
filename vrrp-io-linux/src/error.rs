//! Errors of a start, of a change, and of requests to running routers.

use std::io;
use std::net::IpAddr;

use vrrp_core::{GroupError, RouterId, TrackerId, Vrid};

use crate::router::RouterError;
use crate::suitability::Unsuitable;
use crate::vmac::MacAddress;

/// The routers do not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Stopped {
    /// They were told to, by [`stop_all`](crate::Vrrp::stop_all): their addresses are gone, or go at this moment.
    #[error("the virtual routers were stopped, as `stop_all` asked; `start` starts them anew")]
    Told,
    /// Their thread ended before it was told to. That is a bug of this library, whose panic was printed to stderr. Nobody
    /// renews the routers' addresses: they go with their [lease](vrrp_core::Config::with_lease).
    #[error("the virtual routers do not run any more, and nobody stopped them: their thread panicked, see stderr")]
    Died,
}

/// No router has this id: it never had one, or was removed. An id is never given to another router of the same start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "says one thing")]
#[error("there is no router with the id {}, or no more; expected an id that `Vrrp::routers` gives now", u64::from(*.0))]
pub struct NoSuchRouter(pub RouterId);

/// The reason why nobody answers: the router is gone, or all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "one router is gone, or all")]
pub enum Gone {
    /// No router has this id.
    #[error(transparent)]
    Router(#[from] NoSuchRouter),
    /// None of them runs.
    #[error(transparent)]
    All(#[from] Stopped),
}

/// A verdict that reached no tracker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum TrackError {
    /// No router has this id.
    #[error(transparent)]
    NoSuchRouter(#[from] NoSuchRouter),
    /// The router has no tracker with this id.
    #[error(
        "{name}: its configuration has no such tracker; expected an id that `add_tracker` of this configuration gave"
    )]
    UnknownTracker {
        /// The router.
        name: String,
        /// The id.
        tracker: TrackerId,
    },
    /// There is nobody left who could take it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A drain that did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DrainError {
    /// No router has this id.
    #[error(transparent)]
    NoSuchRouter(#[from] NoSuchRouter),
    /// The router is the owner (priority 255) of an address that is the host's own, and stays on it whoever is Master.
    #[error(
        "{name}: {address} is this host's own address, which it cannot hand over; stop the router, or give it a priority \
         below 255 and the host another address"
    )]
    OwnAddress {
        /// The router.
        name: String,
        /// The address.
        address: IpAddr,
    },
    /// There is nobody left who could hand over.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The reason why nothing was changed.
///
/// The text of a kernel error is in its [source](std::error::Error::source), as with [`StartError`].
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum ChangeError {
    /// It could not have been started either.
    #[error(transparent)]
    Start(#[from] StartError),
    /// No router has this id.
    #[error(transparent)]
    NoSuchRouter(#[from] NoSuchRouter),
    /// A router was to become one of another interface, address family or id, which is another router.
    #[error(
        "{name}: {difference} makes it another virtual router; remove this one and add the other, or use `apply`, which \
         does both"
    )]
    OtherRouter {
        /// The router's name now.
        name: String,
        /// The difference: `interface eth0 -> eth1`.
        difference: String,
    },
    /// Two of those that are wanted have one name, by which a plan knows them.
    #[error("two of the wanted routers are called {name}; give one of them another name (`Router::with_name`)")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Somebody else changed what runs since the plan was made.
    #[error("what runs was changed since the plan was made; make a new plan (`Vrrp::plan`)")]
    Stale,
    /// There is nobody left who could change.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The reason why routers could not be started.
///
/// Its text does not repeat that of its [source](std::error::Error::source): who shows it to people shows both, as `anyhow`
/// and its like do.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum StartError {
    /// One of them cannot run here.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// Two with one id on one interface.
    #[error("{name}: there is already a virtual router {vrid} on {interface}")]
    Taken {
        /// The second one's name.
        name: String,
        /// The interface.
        interface: String,
        /// The id.
        vrid: Vrid,
    },
    /// Another process of this network namespace, or another start in this one, runs a router with that id there.
    #[error("{name}: virtual router {vrid} on {interface} is already run by {by}: stop that one, or take another id")]
    Claimed {
        /// The router's name.
        name: String,
        /// The interface.
        interface: String,
        /// The id.
        vrid: Vrid,
        /// The process that runs it, as a phrase: `process 4711 (vrrpd)`.
        by: String,
    },
    /// Two with one name for the interface of their virtual MAC addresses.
    #[error("{name}: another router's virtual MAC address is on {interface}; give one of them a name of its own")]
    MacvlanTaken {
        /// The second router's name.
        name: String,
        /// The name that both want.
        interface: String,
    },
    /// Two with one virtual MAC address on one interface, of which only one could be up.
    #[error(
        "{name}: another router on {interface} has the virtual MAC address {address}; give one of them another one"
    )]
    MacAddressTaken {
        /// The second router's name.
        name: String,
        /// The interface of both.
        interface: String,
        /// The MAC address.
        address: MacAddress,
    },
    /// Routers that cannot be a sync group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// One whose interface cannot carry the protocol.
    #[error("{name}: {why}; expected {}", .why.remedy())]
    Unsuitable {
        /// The router.
        name: String,
        /// The reason.
        why: Unsuitable,
    },
    /// The kernel refused something. What it said is the [source](std::error::Error::source), and not in the text.
    #[error("{what}")]
    Os {
        /// The action that failed, and what it needs.
        what: &'static str,
        /// The kernel's error.
        #[source]
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::os_error::serialize"))]
        error: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn what_the_kernel_said_is_the_source_and_said_once() {
        let error = io::Error::from_raw_os_error(libc::EPERM);
        let error = StartError::Os { what: "cannot open a packet socket (needs CAP_NET_RAW)", error };
        assert_eq!(error.to_string(), "cannot open a packet socket (needs CAP_NET_RAW)");
        let source: Option<&io::Error> = error.source().and_then(|source| source.downcast_ref());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(libc::EPERM));

        let error = ChangeError::from(error);
        assert_eq!(error.to_string(), "cannot open a packet socket (needs CAP_NET_RAW)");
        assert!(error.source().is_some_and(|source| source.downcast_ref::<io::Error>().is_some()), "{error:?}");

        let router = RouterError::InterfaceName { name: "a".to_owned(), interface: "b/c".to_owned() };
        let error = StartError::from(router.clone());
        assert_eq!((error.to_string(), error.source().is_none()), (router.to_string(), true), "nor is this said twice");
    }

    /// Whoever reads it at night knows which router is meant, and what is to be done.
    #[test]
    fn what_was_refused_says_which_router_and_what_to_do() {
        let id: RouterId = u64::from(1u32 << 31).into();
        let name = || "VI_1".to_owned();
        let own = DrainError::OwnAddress { name: name(), address: [192, 0, 2, 1].into() };
        let other = ChangeError::OtherRouter { name: name(), difference: "interface eth0 -> eth1".to_owned() };
        for (text, expected) in [
            (
                Stopped::Told.to_string(),
                "the virtual routers were stopped, as `stop_all` asked; `start` starts them anew",
            ),
            (
                Stopped::Died.to_string(),
                "the virtual routers do not run any more, and nobody stopped them: their thread panicked, see stderr",
            ),
            (
                Gone::from(NoSuchRouter(id)).to_string(),
                "there is no router with the id 2147483648, or no more; expected an id that `Vrrp::routers` gives now",
            ),
            (Gone::from(Stopped::Told).to_string(), &Stopped::Told.to_string()),
            (DrainError::from(NoSuchRouter(id)).to_string(), &NoSuchRouter(id).to_string()),
            (TrackError::from(Stopped::Died).to_string(), &Stopped::Died.to_string()),
            (
                own.to_string(),
                "VI_1: 192.0.2.1 is this host's own address, which it cannot hand over; stop the router, or give it a \
                 priority below 255 and the host another address",
            ),
            (
                other.to_string(),
                "VI_1: interface eth0 -> eth1 makes it another virtual router; remove this one and add the other, or use \
                 `apply`, which does both",
            ),
            (
                ChangeError::Stale.to_string(),
                "what runs was changed since the plan was made; make a new plan (`Vrrp::plan`)",
            ),
        ] {
            assert_eq!(text, expected);
        }
    }
}
