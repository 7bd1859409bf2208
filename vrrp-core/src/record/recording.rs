//! A recording of what happened to routers, read from memory or from a file.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::entry::{Entry, Event};
use crate::time::Instant;
use crate::types::RouterId;

/// The numbers of things that are missing from a recording although they happened within its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct LeftOut {
    /// Packets that were ignored: they change nothing, and eight of a router in a second are enough.
    pub rejected: u64,
    /// Packets that were accepted, beyond 256 of a router in a second. It is not followed then ([`Event::Cut`]).
    pub accepted: u64,
    /// Stretches of the past that gave way to newer ones.
    pub parts: u64,
}

/// The last of what was done to routers, and what they did.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The name of each router, for operators.
    pub names: BTreeMap<RouterId, String>,
    /// The wall-clock time at which the time of the entries begins: nanoseconds since 1970. `None`: not known.
    pub epoch: Option<u64>,
    /// A note about who recorded, and why.
    pub about: String,
    entries: Vec<Entry>,
    left_out: LeftOut,
}

impl Recording {
    /// Takes these as what happened. A router is said to be there once.
    pub(super) fn of_entries(mut entries: Vec<Entry>, left_out: LeftOut) -> Self {
        let mut known = BTreeSet::new();
        entries.retain(|Entry { router, event, .. }| match event {
            Event::There(_) => router.is_some_and(|id| known.insert(id)),
            Event::Inserted(_) => {
                known.extend(*router);
                true
            }
            _ => true,
        });
        // A new recorder knows no time before the first call.
        if let Some(first) = entries.iter().find(|entry| entry.event.has_time()).map(|entry| entry.at) {
            let has_none = |entry: &&mut Entry| entry.at == Instant::ZERO && !entry.event.has_time();
            entries.iter_mut().take_while(has_none).for_each(|entry| entry.at = first);
        }
        Self { entries, left_out, ..Self::default() }
    }

    /// Returns what happened, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entries, to be changed. After that it no longer shows what happened.
    pub fn entries_mut(&mut self) -> &mut Vec<Entry> {
        &mut self.entries
    }

    /// Returns what is left out.
    #[must_use]
    pub const fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Returns what operators call a router: its name, or its number.
    #[must_use]
    pub fn name(&self, id: RouterId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| alloc::format!("router {}", id.index()))
    }

    /// Returns the routers that something is known of.
    #[must_use]
    pub fn routers(&self) -> BTreeSet<RouterId> {
        self.entries.iter().filter_map(|entry| entry.router).collect()
    }

    /// Returns the same of these routers alone, and of each that was in a sync group with one.
    #[must_use]
    pub fn only(mut self, ids: &[RouterId]) -> Self {
        let mut wanted: BTreeSet<RouterId> = ids.iter().copied().collect();
        let members = |event: &Event| match event {
            Event::GroupSnapshot(group) => group.members().to_vec(),
            Event::Grouped(members) => members.clone(),
            _ => Vec::new(),
        };
        let groups: Vec<Vec<RouterId>> =
            self.entries.iter().map(|entry| members(&entry.event)).filter(|members| !members.is_empty()).collect();
        loop {
            let before = wanted.len();
            for group in &groups {
                if group.iter().any(|id| wanted.contains(id)) {
                    wanted.extend(group);
                }
            }
            if wanted.len() == before {
                break;
            }
        }
        let is_wanted = |Entry { router, event, .. }: &Entry| match (router, event) {
            (Some(id), _) => wanted.contains(id),
            (None, Event::Grouped(members)) => members.iter().any(|id| wanted.contains(id)),
            (None, _) => true,
        };
        self.entries.retain(is_wanted);
        self.names.retain(|id, _| wanted.contains(id));
        self
    }

    #[cfg(feature = "recording")]
    pub(super) fn set_left_out(&mut self, left_out: LeftOut) {
        self.left_out = left_out;
    }
}
