//! The entries of a recording: every call that changed a set of routers, and what came out.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::action::{Action, AdvertKind, Input};
use crate::config::Config;
use crate::record::shared::Arc;
use crate::router::VirtualRouter;
use crate::router::suspended::Suspended;
use crate::sync_group::SyncGroup;
use crate::time::Instant;
use crate::types::{InterfaceId, Priority, RouterId};
use crate::wire::Endpoints;

/// One thing that happened.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "when, to whom and what")]
pub struct Entry {
    /// The time that the call was given. What came out has the time of the last call.
    pub at: Instant,
    /// The router; `None`: all.
    pub router: Option<RouterId>,
    /// The event.
    pub event: Event,
}

/// Something that happened to a router, or that it asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The router is on this interface. It was there before the recording begins.
    There(InterfaceId),
    /// It was put on this interface.
    Inserted(InterfaceId),
    /// It was as this says: from here on it can be followed.
    Snapshot(Box<Snapshot>),
    /// Its sync group was as this says; every member was just written down.
    GroupSnapshot(Box<GroupSnapshot>),
    /// Packets that it accepted are left out here: there were too many. Until the next snapshot it cannot be followed.
    Cut,
    /// It was taken out.
    Removed,
    /// These are a sync group from now on.
    Grouped(Vec<RouterId>),
    /// It was taken out of its sync group.
    Ungrouped,
    /// It was handed this news.
    Input(Input),
    /// All were handed this news.
    InputToAll(Input),
    /// It was configured with another priority.
    Priority(Priority),
    /// It was given another configuration.
    Reconfigured(Box<Config>),
    /// An advertisement of its could not be sent.
    TxError,
    /// A packet came for it.
    Heard {
        /// The packet.
        packet: Arc<Heard>,
        /// The router accepted it.
        accepted: bool,
    },
    /// It asked for this.
    Asked(Action),
    /// It asked for nothing more.
    Drained,
    /// This advertisement was written.
    Encoded(Arc<Encoded>),
}

impl Event {
    /// Tells whether it is a call that was given the time.
    pub(super) const fn has_time(&self) -> bool {
        matches!(
            self,
            Self::Removed
                | Self::Grouped(_)
                | Self::Ungrouped
                | Self::Input(_)
                | Self::InputToAll(_)
                | Self::Priority(_)
                | Self::Reconfigured(_)
                | Self::Heard { .. }
        )
    }
}

/// A router as it was when it had nothing to do.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Snapshot {
    pub(super) config: Config,
    pub(super) state: Suspended,
}

impl Snapshot {
    /// Writes a router down; `None` while it has something to do.
    pub(super) fn of(router: &VirtualRouter) -> Option<Self> {
        Some(Self { config: router.config().clone(), state: router.suspend()? })
    }

    /// Returns its configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns its state.
    #[must_use]
    pub const fn state(&self) -> &Suspended {
        &self.state
    }
}

/// A sync group as it was when no member had anything to do.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct GroupSnapshot(pub(super) SyncGroup);

impl GroupSnapshot {
    /// Returns its members.
    #[must_use]
    pub const fn members(&self) -> &[RouterId] {
        self.0.members()
    }
}

/// A packet that came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a packet has no more")]
pub struct Heard {
    /// Addresses of its IP header.
    pub endpoints: Endpoints,
    /// TTL or hop limit of its IP header.
    pub ttl: u8,
    /// The octets after that header.
    pub octets: Vec<u8>,
}

/// An advertisement that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an advertisement has no more")]
pub struct Encoded {
    /// The kind of the advertisement.
    pub kind: AdvertKind,
    /// Addresses of its IP header.
    pub endpoints: Endpoints,
    /// The octets after that header.
    pub octets: Vec<u8>,
}
