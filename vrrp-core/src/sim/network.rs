//! The virtual LANs: who hears whom, when, and how badly.

use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::IpAddr;
use core::time::Duration;

use super::random::Random;
use crate::action::AdvertKind;
use crate::time::Instant;
use crate::types::{Family, InterfaceId, Vrid};
use crate::wire::{Endpoints, RxPacket, TTL};

/// Names a LAN of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LanId(pub(super) u16);

/// Names a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostId(pub(super) u16);

impl LanId {
    /// Names the LAN that is added as the `index`-th, from 0.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// Returns its position in the order in which LANs were added, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns what the routers on it have for an interface.
    #[must_use]
    pub const fn interface(self) -> InterfaceId {
        InterfaceId(self.0 as u32)
    }
}

impl HostId {
    /// Names the host that is added as the `index`-th, from 0.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// Returns its position in the order in which hosts were added, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Source of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mac {
    /// A host's own.
    Own(HostId),
    /// The MAC address of a virtual router, which its Master uses.
    Virtual(Family, Vrid),
}

/// The properties of the way from one host to another, for each packet. Chances are in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal, the rest from Link::GOOD")]
pub struct Link {
    /// Time from sending to arrival.
    pub latency: Duration,
    /// Up to this much more, differently for each packet.
    pub jitter: Duration,
    /// Chance to be lost.
    pub loss: u32,
    /// Chance to arrive twice, each time with its own jitter.
    pub duplication: u32,
    /// Chance to be held up by [`held_up`](Self::held_up), so that later ones overtake it.
    pub reordering: u32,
    /// The time for which a packet is held up.
    pub held_up: Duration,
    /// Chance that up to eight neighbouring bits are flipped.
    pub corruption: u32,
}

impl Link {
    /// 0.1 ms, and nothing goes wrong.
    pub const GOOD: Self = Self {
        latency: Duration::from_micros(100),
        jitter: Duration::ZERO,
        loss: 0,
        duplication: 0,
        reordering: 0,
        held_up: Duration::ZERO,
        corruption: 0,
    };

    /// Returns the longest that a packet can be under way.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let held_up = if self.reordering > 0 { self.held_up } else { Duration::ZERO };
        self.latency.saturating_add(self.jitter).saturating_add(held_up)
    }

    /// Tells whether every packet arrives, and as it was sent.
    #[must_use]
    pub const fn is_faithful(&self) -> bool {
        self.loss == 0 && self.corruption == 0
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::GOOD
    }
}

/// Packets under way between hosts. A sans-IO machine of its own, which [`Sim`](super::Sim) drives; hosts of another make
/// can be put on it too.
#[derive(Clone, Debug)]
pub struct Network {
    lans: Vec<Lan>,
    flights: BinaryHeap<Reverse<Flight>>,
    packets: Vec<Packet>,
    free: Vec<u32>,
    sent: u64,
    random: Random,
    longest: Duration,
    /// Hosts that the last frame does not reach as it was sent.
    unreached: Vec<(HostId, Obstacle)>,
}

/// The obstacle that keeps a frame from reaching a host as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// There is no way.
    Cut,
    Lost,
    /// It arrives, with flipped bits.
    Corrupted,
}

/// The properties of a frame, without the octets of a packet in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) from: HostId,
    /// Its source.
    pub(super) mac: Mac,
    pub(super) sent_at: Instant,
    pub(super) carries: Carries,
    /// True interval of the Master that an advertisement is about, where that is not its sender.
    pub(super) master_interval: Option<Duration>,
    /// Number of an advertisement in the recorder.
    pub(super) number: Option<u64>,
    /// TTL or hop limit of the packet in it.
    pub(super) ttl: u8,
}

impl Frame {
    /// One with an advertisement that no router of the world means anything by.
    pub(super) const fn forged(now: Instant, from: HostId) -> Self {
        let carries = Carries::Advertisement(None);
        Self { from, mac: Mac::Own(from), sent_at: now, carries, master_interval: None, number: None, ttl: TTL }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    /// An advertisement, and what its sender meant by it; `None`: forged.
    Advertisement(Option<AdvertKind>),
    /// A gratuitous ARP or a neighbour advertisement: the address is where the frame comes from.
    Announcement(IpAddr),
}

#[derive(Clone, Debug, Default)]
struct Lan {
    link: Link,
    exceptions: BTreeMap<(HostId, HostId), Link>,
    cuts: BTreeSet<(HostId, HostId)>,
    /// These hear each other and nobody else; the others do so too.
    apart: BTreeSet<HostId>,
    members: Vec<(HostId, [IpAddr; 2])>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Instant,
    number: u64,
    to: HostId,
    packet: u32,
}

#[derive(Clone, Debug)]
struct Packet {
    lan: LanId,
    frame: Frame,
    endpoints: Endpoints,
    octets: Vec<u8>,
    corrupted: bool,
    /// Flights that still carry it.
    copies: u32,
}

/// One packet that arrived. Hand it back with [`Network::done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// The moment.
    pub at: Instant,
    /// The host at which it arrived.
    pub to: HostId,
    packet: u32,
}

impl Network {
    /// Makes a network without LANs. All that happens by chance follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            lans: Vec::new(),
            flights: BinaryHeap::new(),
            packets: Vec::new(),
            free: Vec::new(),
            sent: 0,
            random: Random::new(seed),
            longest: Duration::ZERO,
            unreached: Vec::new(),
        }
    }

    /// Adds a LAN on which every way is like `link`.
    pub fn add_lan(&mut self, link: Link) -> LanId {
        self.longest = self.longest.max(link.longest());
        self.lans.push(Lan { link, ..Lan::default() });
        LanId((self.lans.len() - 1) as u16)
    }

    /// Puts a host on a LAN, under its address of each family, or changes these.
    pub fn attach(&mut self, lan: LanId, host: HostId, addresses: [IpAddr; 2]) {
        let Some(lan) = self.lans.get_mut(lan.index()) else { return };
        match lan.members.iter_mut().find(|(member, _)| *member == host) {
            Some(member) => member.1 = addresses,
            None => lan.members.push((host, addresses)),
        }
    }

    /// Returns the LANs, in their order.
    pub fn lans(&self) -> impl Iterator<Item = LanId> + use<> {
        (0..self.lans.len() as u16).map(LanId)
    }

    /// Returns the hosts on a LAN, in the order in which they were attached.
    pub fn members(&self, lan: LanId) -> impl Iterator<Item = HostId> + '_ {
        self.lans.get(lan.index()).into_iter().flat_map(|lan| lan.members.iter().map(|(host, _)| *host))
    }

    /// Returns the address of a host on a LAN.
    #[must_use]
    pub fn address(&self, lan: LanId, host: HostId, family: Family) -> Option<IpAddr> {
        let (_, [v4, v6]) = self.lans.get(lan.index())?.members.iter().find(|(member, _)| *member == host)?;
        Some(match family {
            Family::Ipv4 => *v4,
            Family::Ipv6 => *v6,
        })
    }

    /// Makes every way of a LAN like `link` from now on, or only the one from one host to another.
    pub fn set_link(&mut self, lan: LanId, way: Option<(HostId, HostId)>, link: Link) {
        self.longest = self.longest.max(link.longest());
        let Some(lan) = self.lans.get_mut(lan.index()) else { return };
        match way {
            Some(way) => {
                lan.exceptions.insert(way, link);
            }
            None => {
                lan.exceptions.clear();
                lan.link = link;
            }
        }
    }

    /// Returns how the way from one host to another is now.
    #[must_use]
    pub fn link(&self, lan: LanId, from: HostId, to: HostId) -> Link {
        self.lans.get(lan.index()).map_or(Link::GOOD, |lan| lan.link(from, to))
    }

    /// Keeps `to` from hearing `from`, or lets it hear it again.
    pub fn cut(&mut self, lan: LanId, from: HostId, to: HostId, cut: bool) {
        let Some(lan) = self.lans.get_mut(lan.index()) else { return };
        if cut {
            lan.cuts.insert((from, to));
        } else {
            lan.cuts.remove(&(from, to));
        }
    }

    /// Parts these hosts of a LAN from all others; none of them heals the partition.
    pub fn partition(&mut self, lan: LanId, hosts: impl IntoIterator<Item = HostId>) {
        if let Some(lan) = self.lans.get_mut(lan.index()) {
            lan.apart = hosts.into_iter().collect();
        }
    }

    /// Tells whether packets of `from` can reach `to`.
    #[must_use]
    pub fn hears(&self, lan: LanId, from: HostId, to: HostId) -> bool {
        self.lans.get(lan.index()).is_some_and(|lan| lan.hears(from, to))
    }

    /// Tells whether every packet arrives wherever it is not cut off, and as it was sent.
    #[must_use]
    pub fn is_faithful(&self) -> bool {
        self.lans.iter().all(|lan| lan.link.is_faithful() && lan.exceptions.values().all(Link::is_faithful))
    }

    /// Returns the longest that a packet can be under way, of all links that there ever were.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// Sends a packet to the group, or to the hosts that have the address.
    pub fn send(&mut self, now: Instant, lan: LanId, from: HostId, packet: RxPacket<'_>) {
        let frame = Frame { ttl: packet.ttl, ..Frame::forged(now, from) };
        self.send_frame(lan, frame, None, packet.endpoints, packet.payload);
    }

    /// Sends the same in a frame to everybody, or to one host alone.
    pub(super) fn send_frame(
        &mut self,
        lan: LanId,
        frame: Frame,
        only: Option<HostId>,
        endpoints: Endpoints,
        octets: &[u8],
    ) {
        self.unreached.clear();
        let (now, from) = (frame.sent_at, frame.from);
        let to_group = endpoints.destination() == endpoints.family().group();
        let index = self.store(lan, frame, endpoints, octets);
        let mut position = 0;
        while let Some(member) = self.lans.get(lan.index()).and_then(|lan| lan.members.get(position).copied()) {
            position += 1;
            let (to, addresses) = member;
            let meant = only.is_none_or(|only| only == to);
            if to != from && meant && (to_group || addresses.contains(&endpoints.destination())) {
                self.dispatch(now, from, to, index);
            }
        }
        self.drop_if_unused(index);
    }

    /// Returns the hosts that the last frame does not reach as it was sent.
    pub(super) fn unreached(&self) -> &[(HostId, Obstacle)] {
        &self.unreached
    }

    /// Returns the host that has an address on a LAN.
    pub(super) fn who_has(&self, lan: LanId, address: IpAddr) -> Option<HostId> {
        let members = &self.lans.get(lan.index())?.members;
        members.iter().find(|(_, addresses)| addresses.contains(&address)).map(|(host, _)| *host)
    }

    /// Returns when the next packet arrives.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.flights.peek().map(|Reverse(flight)| flight.at)
    }

    /// Takes the next packet that arrives, whatever the time.
    pub fn take_next(&mut self) -> Option<Arrival> {
        self.flights.pop().map(|Reverse(Flight { at, to, packet, .. })| Arrival { at, to, packet })
    }

    /// Returns a packet that arrived, as a router takes it, and its LAN.
    #[must_use]
    pub fn packet(&self, arrival: &Arrival) -> Option<(LanId, RxPacket<'_>)> {
        let Packet { lan, frame, endpoints, octets, .. } = self.packets.get(arrival.packet as usize)?;
        Some((*lan, RxPacket { endpoints: *endpoints, ttl: frame.ttl, payload: octets }))
    }

    /// Returns the frame that a packet came in, and its LAN.
    pub(super) fn frame(&self, arrival: &Arrival) -> Option<(LanId, Frame)> {
        self.packets.get(arrival.packet as usize).map(|packet| (packet.lan, packet.frame))
    }

    /// Tells whether bits of a packet that arrived were flipped.
    #[must_use]
    pub fn is_corrupted(&self, arrival: &Arrival) -> bool {
        self.packets.get(arrival.packet as usize).is_some_and(|packet| packet.corrupted)
    }

    /// Forgets a packet that arrived and was seen to.
    pub fn done(&mut self, arrival: Arrival) {
        if let Some(packet) = self.packets.get_mut(arrival.packet as usize) {
            packet.copies = packet.copies.saturating_sub(1);
        }
        self.drop_if_unused(arrival.packet);
    }

    fn dispatch(&mut self, now: Instant, from: HostId, to: HostId, packet: u32) {
        let Some(stored) = self.packets.get(packet as usize) else { return };
        let Some(lan) = self.lans.get(stored.lan.index()) else { return };
        let link = lan.link(from, to);
        if !lan.hears(from, to) {
            self.unreached.push((to, Obstacle::Cut));
            return;
        }
        if self.random.chance(link.loss) {
            self.unreached.push((to, Obstacle::Lost));
            return;
        }
        let copies = 1 + u8::from(self.random.chance(link.duplication));
        for _ in 0..copies {
            let mut delay = link.latency;
            if !link.jitter.is_zero() {
                delay += Duration::from_nanos(self.random.below(link.jitter.as_nanos() as u64 + 1));
            }
            if self.random.chance(link.reordering) {
                delay += link.held_up;
            }
            let packet = if self.random.chance(link.corruption) {
                self.unreached.push((to, Obstacle::Corrupted));
                self.corrupt(packet)
            } else {
                packet
            };
            if let Some(stored) = self.packets.get_mut(packet as usize) {
                stored.copies += 1;
            }
            self.sent += 1;
            self.flights.push(Reverse(Flight { at: now + delay, number: self.sent, to, packet }));
        }
    }

    fn store(&mut self, lan: LanId, frame: Frame, endpoints: Endpoints, octets: &[u8]) -> u32 {
        let recycled = self.free.pop().and_then(|index| Some((index, self.packets.get_mut(index as usize)?)));
        if let Some((index, packet)) = recycled {
            (packet.lan, packet.frame, packet.endpoints) = (lan, frame, endpoints);
            (packet.corrupted, packet.copies) = (false, 0);
            packet.octets.clear();
            packet.octets.extend_from_slice(octets);
            return index;
        }
        self.packets.push(Packet { lan, frame, endpoints, octets: octets.to_vec(), corrupted: false, copies: 0 });
        self.free.reserve(self.packets.len());
        (self.packets.len() - 1) as u32
    }

    /// A copy of a packet with a burst of flipped bits, which every checksum of 16 bits detects.
    fn corrupt(&mut self, packet: u32) -> u32 {
        let Some(Packet { lan, frame, endpoints, octets, .. }) = self.packets.get(packet as usize).cloned() else {
            return packet;
        };
        let copy = self.store(lan, frame, endpoints, &octets);
        let bits = octets.len() as u64 * 8;
        let (first, burst) = (self.random.below(bits), 1 + self.random.below(8));
        if let Some(stored) = self.packets.get_mut(copy as usize) {
            stored.corrupted = true;
            for bit in first..(first + burst).min(bits) {
                if let Some(octet) = stored.octets.get_mut((bit / 8) as usize) {
                    *octet ^= 0x80 >> (bit % 8);
                }
            }
        }
        copy
    }

    fn drop_if_unused(&mut self, packet: u32) {
        if self.packets.get(packet as usize).is_some_and(|packet| packet.copies == 0) {
            self.free.push(packet);
        }
    }
}

impl Lan {
    fn hears(&self, from: HostId, to: HostId) -> bool {
        (self.cuts.is_empty() || !self.cuts.contains(&(from, to)))
            && (self.apart.is_empty() || self.apart.contains(&from) == self.apart.contains(&to))
    }

    fn link(&self, from: HostId, to: HostId) -> Link {
        if self.exceptions.is_empty() {
            return self.link;
        }
        self.exceptions.get(&(from, to)).copied().unwrap_or(self.link)
    }
}
