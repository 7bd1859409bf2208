//! The interfaces that routers run on, each with the one socket for each family that its routers share.

use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use vrrp_core::wire::Endpoints;
use vrrp_core::{Family, Instant};

use crate::clock;
use crate::link_layer::LinkLayer;
use crate::netlink::Link;
use crate::socket::{Datagram, VrrpSocket};

/// One interface and family. It is known by name: it may come and go, with another index each time.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) ifindex: Option<u32>,
    /// Whether any router here speaks to the group.
    pub(crate) multicast: bool,
    /// What came before was read, or was more than one may wait for.
    pub(crate) drained_at: Instant,
    socket: Option<VrrpSocket>,
    /// When the socket was last seen empty: nothing in it is older.
    empty_at: Instant,
}

/// A packet and when it arrived.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) datagram: Datagram,
}

impl Port {
    pub(crate) fn new(name: String, family: Family) -> Self {
        let (drained_at, empty_at) = (Instant::ZERO, Instant::ZERO);
        Self { name, family, ifindex: None, multicast: false, drained_at, socket: None, empty_at }
    }

    /// Follows the interface: opens a socket when it appears, closes it when it goes.
    pub(crate) fn follow(&mut self, link: Option<&Link>) -> io::Result<()> {
        let ifindex = link.map(|link| link.index);
        if ifindex != self.ifindex {
            (self.ifindex, self.socket) = (ifindex, None);
        }
        let Some(ifindex) = ifindex else { return Ok(()) };
        let socket = match &mut self.socket {
            Some(socket) => socket,
            empty => {
                self.empty_at = clock::now();
                empty.insert(VrrpSocket::open(&self.name, ifindex, self.family)?)
            }
        };
        if self.multicast { socket.join() } else { Ok(()) }
    }

    pub(crate) fn send(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.send(from, to, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// As [`send`](Self::send), but sends nothing.
    pub(crate) fn probe(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        match &mut self.socket {
            Some(socket) => socket.probe(from, to, ttl, payload),
            None => Err(self.missing()),
        }
    }

    /// Sends to a multicast group from a MAC address that is not the interface's own.
    pub(crate) fn send_as(
        &self,
        mac: [u8; 6],
        link_layer: &LinkLayer,
        ends: Endpoints,
        ttl: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        let ifindex = self.ifindex.ok_or_else(|| self.missing())?;
        link_layer.multicast(ifindex, mac, ends, ttl, payload)
    }

    fn missing(&self) -> io::Error {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {}", self.name))
    }

    /// The next packet; remembers that `now`, or later, there was none.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
        now: Instant,
    ) -> Poll<io::Result<Arrival>> {
        let polled = match &mut self.socket {
            Some(socket) => socket.poll_recv(cx, buf),
            None => return Poll::Pending,
        };
        if polled.is_pending() {
            self.empty_at = now;
        }
        polled.map_ok(|datagram| arrival(clock::now(), self.empty_at, datagram))
    }

    /// The next packet, if one waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Arrival>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        let received = socket.try_recv(buf)?;
        let now = clock::now();
        if received.is_none() {
            self.empty_at = now;
        }
        Ok(received.map(|datagram| arrival(now, self.empty_at, datagram)))
    }
}

/// The kernel stamps packets with the wall clock, which may step. Only the age is taken from the stamp, and no packet is
/// older than the last look into the empty socket.
fn arrival(now: Instant, empty_at: Instant, datagram: Datagram) -> Arrival {
    let age: Duration = datagram.age.min(now.since(empty_at));
    Arrival { at: now.before(age), datagram }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::age;

    const SECOND: Duration = Duration::from_secs(1);

    /// When a packet arrived that lay in the socket for `waited` at most, by a wall clock that says `wall` now.
    fn arrived(waited: Duration, wall: Duration, stamp: Option<Duration>) -> Duration {
        let now = Instant::from_nanos(1_000_000_000_000);
        let nobody = IpAddr::from([0; 4]);
        let datagram = Datagram { src: nobody, dst: nobody, ttl: 255, payload: 0..0, age: age(wall, stamp) };
        now.since(arrival(now, now.before(waited), datagram).at)
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
