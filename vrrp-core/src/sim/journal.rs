//! The events in a world, for people.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

use super::disturbance::Disturbance;
use super::network::HostId;
use crate::cause::Transition;
use crate::time::Instant;
use crate::types::{Priority, RouterId};

/// Lines that are kept.
const CAPACITY: usize = 400;

/// One line: when, who, what, why.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// True time.
    pub at: Instant,
    /// The router and its host; `None` for what happens to a host or a LAN.
    pub who: Option<(HostId, RouterId)>,
    /// The event.
    pub what: Happened,
}

/// The event in a line of the journal. Regular advertisements are not told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happened {
    /// Something from outside.
    Disturbed(Disturbance),
    /// Something that an [`Actor`](super::Actor) ordered.
    Ordered(Disturbance),
    /// The host ended a stall.
    Resumed(HostId),
    /// A change of state.
    State {
        /// The change.
        change: Transition,
        /// The priority in use.
        priority: Priority,
        /// Its cause in words.
        why: String,
    },
    /// A release was sent.
    Released,
    /// The host has an address.
    Installed(IpAddr),
    /// It could not have it.
    Refused(IpAddr),
    /// The host has it no more.
    Removed(IpAddr),
    /// Its lease was over.
    Expired(IpAddr),
}

/// The last few hundred things that happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    entries: VecDeque<JournalEntry>,
    /// Older ones that were dropped.
    pub(super) dropped: u64,
}

impl Journal {
    pub(super) fn push(&mut self, entry: JournalEntry) {
        if self.entries.len() >= CAPACITY {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    /// Returns the lines, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &JournalEntry> {
        self.entries.iter()
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "  ({} lines before)", self.dropped)?;
        }
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.at.as_nanos();
        write!(f, "{:>6}.{:09} ", nanos / 1_000_000_000, nanos % 1_000_000_000)?;
        match self.who {
            Some((host, router)) => write!(f, " host {} router {}: ", host.index(), router.index())?,
            None => f.write_str(" -- ")?,
        }
        match &self.what {
            Happened::Disturbed(disturbance) => write!(f, "{disturbance:?}"),
            Happened::Ordered(disturbance) => write!(f, "ordered: {disturbance:?}"),
            Happened::Resumed(host) => write!(f, "host {} goes on", host.index()),
            Happened::State { change, priority, why } => {
                write!(f, "{} > {} at {priority}: {why}", change.from, change.to)
            }
            Happened::Released => f.write_str("releases"),
            Happened::Installed(address) => write!(f, "has {address}"),
            Happened::Refused(address) => write!(f, "cannot have {address}"),
            Happened::Removed(address) => write!(f, "has {address} no more"),
            Happened::Expired(address) => write!(f, "has {address} no more, its lease is over"),
        }
    }
}
