//! The way of a frame that a neighbour sends to a virtual address.
//!
//! Beside each host stands a neighbour. The switch at its port knows behind which port a MAC address was seen last, from the
//! frames that came by there; the neighbour knows which MAC address has an address, from announcements.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use super::network::{Carries, Frame, HostId, LanId, Mac};
use crate::time::Instant;

/// All neighbours, and what the switches know at the port of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    ports: BTreeMap<(LanId, HostId, Mac), HostId>,
    caches: BTreeMap<(LanId, HostId, IpAddr), Cached>,
    /// Addresses whose Master has reason to announce them to everybody, and nothing to hinder it.
    promised: BTreeSet<(LanId, IpAddr)>,
}

#[derive(Clone, Copy, Debug)]
struct Cached {
    mac: Mac,
    from: HostId,
    sent_at: Instant,
}

impl Neighbours {
    /// A frame came by the port of `beside`.
    pub(super) fn see(&mut self, lan: LanId, beside: HostId, frame: &Frame) {
        self.ports.insert((lan, beside, frame.mac), frame.from);
        let Carries::Announcement(address) = frame.carries else { return };
        let new = Cached { mac: frame.mac, from: frame.from, sent_at: frame.sent_at };
        let old = self.caches.insert((lan, beside, address), new);
        if old.is_some_and(|old| old.sent_at > new.sent_at && old.from != new.from) {
            self.excuse(lan, address);
        }
    }

    /// Somebody became Master, or yielded to one, on a LAN where everything arrives.
    pub(super) fn promise(&mut self, lan: LanId, addresses: &[IpAddr]) {
        self.promised.extend(addresses.iter().map(|address| (lan, *address)));
    }

    /// An announcement was lost, or overtaken, or a Master went before it could yield: the one that stays cannot know.
    pub(super) fn excuse(&mut self, lan: LanId, address: IpAddr) {
        self.promised.remove(&(lan, address));
    }

    /// Tells whether every neighbour must know where an address is.
    pub(super) fn is_promised(&self, lan: LanId, address: IpAddr) -> bool {
        self.promised.contains(&(lan, address))
    }

    /// The host behind whose port a frame of the neighbour beside `beside` to `address` ends up. `None`: it has to ask
    /// first.
    pub(super) fn delivers_to(&self, lan: LanId, beside: HostId, address: IpAddr) -> Option<HostId> {
        let cached = self.caches.get(&(lan, beside, address))?;
        match cached.mac {
            Mac::Own(host) => Some(host),
            mac @ Mac::Virtual(..) => self.ports.get(&(lan, beside, mac)).copied(),
        }
    }
}
