//! The interfaces that routers run on, each with the one socket for each family that its routers share.
//!
//! The number of a port is what the core calls an interface. It stays as long as the port is there.

use std::collections::BTreeSet;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use vrrp_core::wire::Endpoints;
use vrrp_core::{Family, Instant, Vrid};

use crate::claims::{self, Claim, Refusal, Vrids, Wanted};
use crate::clock;
use crate::kernel::netlink::mirror::Link;
use crate::packets::link_layer::{LinkLayer, Mac, Way};
use crate::packets::socket::datagram::Datagram;
use crate::packets::socket::{Heard, VrrpSocket};

/// All ports, by number. The number of one that is gone is given to the next that comes.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    slots: Vec<Option<Port>>,
    /// The one that was last asked for a packet.
    asked: usize,
}

/// One interface and family. It is known by name: it may come and go, with another index each time.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) ifindex: Option<u32>,
    mtu: u32,
    /// Whether any router here speaks to the group.
    pub(crate) multicast: bool,
    /// Something happened to the interface: its membership in the group may be gone.
    pub(crate) doubtful: bool,
    /// The ids of the routers here.
    pub(crate) vrids: Vrids,
    /// Keeps other processes away from them, for as long as the interface is there.
    pub(crate) claim: Option<Claim>,
    /// Another process has one of them.
    pub(crate) refused: Option<Taken>,
    /// What came before was read, or was more than one may wait for.
    pub(crate) drained_at: Instant,
    socket: Option<VrrpSocket>,
    /// When the socket was last seen empty: nothing in it is older.
    empty_at: Instant,
}

/// What another process runs here.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) vrid: Vrid,
    /// Who, as a phrase.
    pub(crate) by: String,
}

/// What was taken from a socket.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// An advertisement, and when it arrived.
    At(Instant, Datagram),
    /// Nothing that concerns a router.
    Noise,
}

impl Ports {
    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Port> {
        self.slots.get(number)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut Port> {
        self.slots.get_mut(number)?.as_mut()
    }

    /// Returns all ports with their numbers, in the order of these.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Port)> {
        (0..).zip(&self.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    /// Returns the numbers of those that are there now.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.iter().map(|(number, _)| number).collect()
    }

    /// Takes in a port, and returns its number: the lowest that is free.
    pub(crate) fn add(&mut self, port: Port) -> usize {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        match self.slots.get_mut(free) {
            Some(slot) => *slot = Some(port),
            None => self.slots.push(Some(port)),
        }
        free
    }

    /// Closes a port: its socket, its membership and its claim go.
    #[allow(dead_code, reason = "for routers that go while others run")]
    pub(crate) fn remove(&mut self, number: usize) {
        if let Some(slot) = self.slots.get_mut(number) {
            *slot = None;
        }
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
    }

    /// What came next at any port. One after the other has its turn: a flood on one interface keeps nobody from hearing the
    /// others.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        now: Instant,
    ) -> Poll<(usize, io::Result<Arrival>)> {
        for _ in 0..self.slots.len() {
            self.asked = (self.asked + 1) % self.slots.len();
            let Some(Some(port)) = self.slots.get_mut(self.asked) else { continue };
            if let Poll::Ready(arrival) = port.poll_recv(cx, buf, now) {
                return Poll::Ready((self.asked, arrival));
            }
        }
        Poll::Pending
    }
}

impl Port {
    pub(crate) fn new(name: String, family: Family) -> Self {
        let (drained_at, empty_at) = (Instant::ZERO, Instant::ZERO);
        Self {
            name,
            family,
            ifindex: None,
            mtu: 0,
            multicast: false,
            doubtful: false,
            vrids: Vrids::default(),
            claim: None,
            refused: None,
            drained_at,
            socket: None,
            empty_at,
        }
    }

    /// Follows the interface: opens a socket when it appears, closes it when it goes.
    pub(crate) fn follow(&mut self, link: Option<&Link>) -> io::Result<()> {
        let ifindex = link.map(|link| link.index);
        if ifindex != self.ifindex {
            (self.ifindex, self.socket, self.claim, self.refused) = (ifindex, None, None, None);
        }
        self.mtu = link.map_or(0, |link| link.mtu);
        let Some(ifindex) = ifindex else { return Ok(()) };
        if self.claim.is_none() {
            let claimed = claims::claim(&[self.wanted(ifindex)], Duration::ZERO);
            self.refused = match &claimed {
                Err(Refusal::Taken { vrid, by, .. }) => Some(Taken { vrid: *vrid, by: by.clone() }),
                _ => None,
            };
            self.claim = claimed.map_err(io::Error::from)?.pop();
        }
        let socket = match &mut self.socket {
            Some(socket) => {
                self.doubtful = self.multicast;
                socket
            }
            empty => {
                self.empty_at = clock::now();
                empty.insert(VrrpSocket::open(&self.name, ifindex, self.mtu, self.family, self.multicast)?)
            }
        };
        socket.set_mtu(self.mtu)?;
        if self.multicast { socket.join() } else { Ok(()) }
    }

    /// The first time, with a claim that was made for all ports at once.
    pub(crate) fn open(&mut self, link: &Link, claim: Claim) -> io::Result<()> {
        (self.ifindex, self.claim) = (Some(link.index), Some(claim));
        match self.follow(Some(link)) {
            // A link without IPv6, for now: it is told, and tried again, when the driver follows it.
            Err(_) if self.socket.is_some() => Ok(()),
            followed => followed,
        }
    }

    /// What other processes are to keep away from on the interface of this index.
    pub(crate) fn wanted(&self, ifindex: u32) -> Wanted {
        Wanted { ifindex, family: self.family, vrids: self.vrids }
    }

    /// Joins the group again if the interface is not among its `members`.
    pub(crate) fn verify(&mut self, members: &BTreeSet<u32>) -> io::Result<()> {
        self.doubtful = false;
        match (&mut self.socket, self.ifindex) {
            (Some(socket), Some(ifindex)) if self.multicast && !members.contains(&ifindex) => socket.rejoin(),
            _ => Ok(()),
        }
    }

    pub(crate) fn send(&mut self, ends: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.send(ends, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// As [`send`](Self::send), but sends nothing.
    pub(crate) fn probe(&mut self, ends: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.probe(ends, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// Sends to a multicast group from a MAC address that need not be the interface's own, to everybody or `to` one router
    /// alone.
    pub(crate) fn send_as(
        &self,
        from: Mac,
        to: Option<Mac>,
        link_layer: &LinkLayer,
        ends: Endpoints,
        ttl: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        let ifindex = self.ifindex.ok_or_else(|| self.missing())?;
        link_layer.advertise(&Way { ifindex, mtu: self.mtu, from, to }, ends, ttl, payload)
    }

    fn missing(&self) -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {}", self.name))
    }

    /// What came next; remembers that `now`, or later, there was none.
    fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8], now: Instant) -> Poll<io::Result<Arrival>> {
        let polled = match &mut self.socket {
            Some(socket) => socket.poll_recv(cx, buf),
            None => return Poll::Pending,
        };
        if polled.is_pending() {
            self.empty_at = now;
        }
        polled.map_ok(|heard| arrival(clock::now(), self.empty_at, heard))
    }

    /// What came next, if something waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Arrival>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        let received = socket.try_recv(buf)?;
        let now = clock::now();
        if received.is_none() {
            self.empty_at = now;
        }
        Ok(received.map(|heard| arrival(now, self.empty_at, heard)))
    }
}

/// The kernel stamps packets with the wall clock, which may step. Only the age is taken from the stamp, and no packet is
/// older than the last look into the empty socket.
fn arrival(now: Instant, empty_at: Instant, heard: Heard) -> Arrival {
    match heard {
        Heard::Advertisement(datagram) => {
            let age: Duration = datagram.age.min(now.since(empty_at));
            Arrival::At(now.before(age), datagram)
        }
        Heard::Noise => Arrival::Noise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::socket::datagram::age;

    const SECOND: Duration = Duration::from_secs(1);

    /// When a packet arrived that lay in the socket for `waited` at most, by a wall clock that says `wall` now.
    fn arrived(waited: Duration, wall: Duration, stamp: Option<Duration>) -> Duration {
        let now = Instant::from_nanos(1_000_000_000_000);
        let ends = Endpoints::new([0; 4].into(), [0; 4].into()).unwrap();
        let (mac, authenticated) = (None, false);
        let datagram = Datagram { ends, ttl: 255, payload: 0..0, age: age(wall, stamp), mac, authenticated };
        match arrival(now, now.before(waited), Heard::Advertisement(datagram)) {
            Arrival::At(at, _) => now.since(at),
            Arrival::Noise => panic!("an advertisement is none"),
        }
    }

    #[test]
    fn a_port_keeps_its_number_and_that_of_one_that_is_gone_is_given_anew() {
        let mut ports = Ports::default();
        let add = |ports: &mut Ports, name: &str| ports.add(Port::new(name.to_owned(), Family::Ipv4));
        assert_eq!(["eth0", "eth1", "eth2"].map(|name| add(&mut ports, name)), [0, 1, 2]);
        ports.remove(1);
        ports.remove(1);
        ports.remove(7);
        let names = |ports: &Ports| -> Vec<(usize, String)> {
            ports.iter().map(|(number, port)| (number, port.name.clone())).collect()
        };
        assert_eq!(names(&ports), [(0, "eth0".to_owned()), (2, "eth2".to_owned())]);
        assert_eq!((ports.len(), ports.numbers()), (2, vec![0, 2]));
        assert!(ports.get(1).is_none() && ports.get_mut(1).is_none() && ports.get(2).is_some());
        assert_eq!([add(&mut ports, "eth3"), add(&mut ports, "eth4")], [1, 3]);
        for number in 0..4 {
            ports.remove(number);
        }
        assert_eq!((ports.len(), ports.slots.len(), add(&mut ports, "eth5")), (0, 0, 0));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(ports.poll_recv(&mut cx, &mut [], Instant::ZERO).is_pending());
    }

    #[test]
    fn a_clock_that_steps_moves_no_arrival_beyond_what_the_socket_knows() {
        let wall = 1_700_000_000 * SECOND;
        let since = |ago: Duration| Some(wall - ago);
        // A clock that runs as it should.
        assert_eq!(arrived(4 * SECOND, wall, since(3 * SECOND)), 3 * SECOND);
        assert_eq!(arrived(4 * SECOND, wall, None), Duration::ZERO, "no stamp");
        // Set back after the packet came: its stamp lies ahead.
        assert_eq!(arrived(4 * SECOND, wall, Some(wall + 3600 * SECOND)), Duration::ZERO);
        assert_eq!(arrived(4 * SECOND, wall, Some(Duration::MAX)), Duration::ZERO);
        // Set forward: it seems to have come long before anybody looked.
        for ago in [5 * SECOND, 3600 * SECOND, wall] {
            assert_eq!(arrived(4 * SECOND, wall, since(ago)), 4 * SECOND);
        }
        assert_eq!(arrived(Duration::ZERO, wall, since(SECOND)), Duration::ZERO, "the socket was empty just now");
        // To and fro: each packet by itself.
        let jumping = [since(SECOND), Some(wall + SECOND), since(9 * SECOND), since(2 * SECOND)];
        assert_eq!(jumping.map(|stamp| arrived(4 * SECOND, wall, stamp).as_secs()), [1, 0, 4, 2]);
    }
}
