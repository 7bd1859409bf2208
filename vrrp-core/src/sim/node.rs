//! Hosts of another make: whatever speaks on a LAN and is no router of this crate.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::network::{HostId, LanId};
use crate::time::Instant;
use crate::wire::{Endpoints, RxPacket};

/// A host of another make, which hears and sends packets. Time is the true time.
///
/// Where there is one, [`Invariants`](super::Invariants) keeps to the rules that hold whatever anybody sends: it cannot know which
/// Master is right. It is on from the first step; [`Disturbance::PowerOff`](super::Disturbance::PowerOff), `Kill` and `Stop` turn
/// it off, `Start` turns it on again, and its interfaces go down and up. What else happens to hosts does nothing to it.
pub trait Node {
    /// Takes a packet that arrived, and returns what is sent.
    fn receive(&mut self, now: Instant, lan: LanId, packet: RxPacket<'_>) -> Vec<Transmission>;

    /// Does what is due, and returns what is sent. It is called when it is turned on, and then at each
    /// [`next_wake`](Self::next_wake).
    fn wake(&mut self, _now: Instant) -> Vec<Transmission> {
        Vec::new()
    }

    /// Returns when it must be woken, after all that it did so far.
    fn next_wake(&self) -> Option<Instant> {
        None
    }
}

/// A host of another make in the world.
#[derive(Clone, Debug)]
pub(super) struct ForeignHost {
    pub(super) host: HostId,
    pub(super) is_on: bool,
    pub(super) node: Box<dyn BoxedNode>,
}

/// One frame that a [`Node`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmission {
    /// An IP packet of protocol 112, to the group or to one host.
    Packet {
        /// The LAN that it is sent on.
        lan: LanId,
        /// Addresses of its IP header.
        endpoints: Endpoints,
        /// TTL or hop limit of its IP header.
        ttl: u8,
        /// The octets after the IP header.
        payload: Vec<u8>,
    },
    /// A gratuitous ARP or an unsolicited neighbour advertisement: every neighbour is told that this host has the address.
    Announcement {
        /// The LAN that it is sent on.
        lan: LanId,
        /// The address.
        address: IpAddr,
    },
}

/// A node in a world, which can be copied with it.
pub(super) trait BoxedNode: Node + Send + Sync {
    fn boxed_clone(&self) -> Box<dyn BoxedNode>;
}

impl<N: Node + Clone + Send + Sync + 'static> BoxedNode for N {
    fn boxed_clone(&self) -> Box<dyn BoxedNode> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn BoxedNode> {
    fn clone(&self) -> Self {
        (**self).boxed_clone()
    }
}

impl fmt::Debug for dyn BoxedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}
