//! Many virtual routers on shared sockets: demultiplexing, one deadline, one stream of actions.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::dialect::multicast_group;
use crate::receive::{Discard, RxPacket};
use crate::router::{Action, Input, VirtualRouter};
use crate::stats::GlobalStats;
use crate::time::Instant;
use crate::types::{Family, Vrid};
use crate::wire::{self, Packet, ParseError};

/// Names a router of one [`RouterSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouterId(u32);

impl RouterId {
    /// Position in the order of insertion, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Many [`VirtualRouter`]s behind one driver, found by (interface, family, VRID); IP-13.
///
/// The set adds nothing to the protocol. Every call costs O(log n), and nothing is allocated once the routers are in.
#[derive(Clone, Debug, Default)]
pub struct RouterSet {
    routers: Vec<VirtualRouter>,
    by_key: BTreeMap<Key, RouterId>,
    deadlines: Deadlines,
    /// Routers that may have actions, each at most once.
    ready: VecDeque<RouterId>,
    is_ready: Vec<bool>,
    stats: GlobalStats,
}

type Key = (u32, Family, Vrid);

/// There is already a router with this id and family on this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is already a virtual router {vrid} for {family:?} on interface {interface}")]
pub struct Taken {
    /// The interface.
    pub interface: u32,
    /// The family.
    pub family: Family,
    /// The id.
    pub vrid: Vrid,
}

impl RouterSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a router on an interface, which is any number that the caller likes.
    ///
    /// # Errors
    /// [`Taken`].
    pub fn insert(&mut self, interface: u32, config: Config) -> Result<RouterId, Taken> {
        let (family, vrid) = (config.family(), config.vrid());
        let id = RouterId(u32::try_from(self.routers.len()).unwrap_or(u32::MAX));
        let key = (interface, family, vrid);
        if self.by_key.contains_key(&key) {
            return Err(Taken { interface, family, vrid });
        }
        self.by_key.insert(key, id);
        self.routers.push(VirtualRouter::new(config));
        self.is_ready.push(false);
        self.ready.reserve(self.routers.len() - self.ready.len());
        self.deadlines.grow();
        Ok(id)
    }

    /// Hands news to one router.
    pub fn handle(&mut self, now: Instant, id: RouterId, input: Input) {
        if let Some(router) = self.routers.get_mut(id.index()) {
            router.handle(now, input);
            self.touched(id);
        }
    }

    /// Lets every router act whose deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        // Once each is enough, and ends even at the end of time, where no deadline can move on.
        for _ in 0..self.routers.len() {
            match self.deadline() {
                Some((at, id)) if at <= now => self.handle(now, id, Input::Timeout),
                _ => break,
            }
        }
    }

    /// Hands a datagram received on `interface` to the router that it is for.
    ///
    /// # Errors
    /// Why it was ignored, and by which router, if it was for one.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        interface: u32,
        rx: RxPacket<'_>,
    ) -> Result<RouterId, (Option<RouterId>, Discard)> {
        let vrid = wire::peek_vrid(rx.payload);
        let found = vrid.and_then(|vrid| self.by_key.get(&(interface, rx.ends.family(), vrid)));
        let addressee = found.and_then(|id| Some((*id, self.routers.get_mut(id.index())?)));
        let Some((id, router)) = addressee else {
            let discard = discard_unaddressed(&rx, vrid);
            self.count(discard);
            return Err((None, discard));
        };
        match router.handle_packet(now, rx) {
            Ok(()) => {
                self.touched(id);
                Ok(id)
            }
            Err(discard) => {
                self.count(discard);
                Err((Some(id), discard))
            }
        }
    }

    /// The next thing to carry out, and for which router. Actions of one router come in its order.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<(RouterId, Action)> {
        while let Some(id) = self.ready.front().copied() {
            if let Some(action) = self.routers.get_mut(id.index()).and_then(VirtualRouter::poll_action) {
                return Some((id, action));
            }
            self.ready.pop_front();
            if let Some(flag) = self.is_ready.get_mut(id.index()) {
                *flag = false;
            }
        }
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), and whose deadline that is.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, RouterId)> {
        self.deadlines.first().map(|(at, index)| (at, RouterId(index)))
    }

    /// One router.
    #[must_use]
    pub fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        self.routers.get(id.index())
    }

    /// Counts an advertisement of one router that could not be sent.
    pub fn count_tx_error(&mut self, id: RouterId) {
        if let Some(router) = self.routers.get_mut(id.index()) {
            router.count_tx_error();
        }
    }

    /// All routers, in the order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (RouterId, &VirtualRouter)> {
        self.routers.iter().enumerate().map(|(index, router)| (RouterId(index as u32), router))
    }

    /// Interfaces with a router; the number of routers is the length of [`iter`](Self::iter) (STAT-45).
    #[must_use]
    pub fn interface_count(&self) -> usize {
        let mut last = None;
        // In the order of the keys those of one interface stand together.
        self.by_key.keys().filter(|(interface, ..)| last.replace(*interface) != Some(*interface)).count()
    }

    /// Counters over all routers.
    #[must_use]
    pub const fn stats(&self) -> &GlobalStats {
        &self.stats
    }

    fn touched(&mut self, id: RouterId) {
        let (Some(router), Some(is_ready)) = (self.routers.get(id.index()), self.is_ready.get_mut(id.index())) else {
            return;
        };
        self.deadlines.set(id.0, router.deadline());
        if !core::mem::replace(is_ready, true) {
            self.ready.push_back(id);
        }
    }

    fn count(&mut self, discard: Discard) {
        let counter = match discard {
            Discard::Parse(ParseError::Checksum { .. }) | Discard::ChecksumForm { .. } => {
                &mut self.stats.checksum_errors
            }
            Discard::Parse(ParseError::Version { .. }) => &mut self.stats.version_errors,
            Discard::Parse(ParseError::TooShort { .. } | ParseError::TooLong { .. }) => {
                &mut self.stats.packet_length_errors
            }
            Discard::Vrid(_) => &mut self.stats.vrid_errors,
            Discard::Ttl { .. } => &mut self.stats.ttl_errors,
            _ => return,
        };
        *counter = counter.wrapping_add(1);
    }
}

/// The first check that fails for a packet that is for no router here (RX-02 to RX-08).
fn discard_unaddressed(rx: &RxPacket<'_>, vrid: Option<Vrid>) -> Discard {
    if rx.ends.destination() == multicast_group(rx.ends.family()) && rx.ttl < wire::TTL {
        return Discard::Ttl { found: rx.ttl, min: wire::TTL };
    }
    let version = wire::peek_version(rx.payload);
    match Packet::parse(version, rx.payload, rx.ends) {
        Ok(_) => Discard::Vrid(vrid),
        Err(error) => Discard::Parse(error),
    }
}
