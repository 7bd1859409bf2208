//! The raw socket that an interface's virtual routers of one address family share for sending and receiving.
//!
//! One per interface, not one per router: the kernel copies each packet to every raw socket that matches. Headers are
//! made here, so that the source is what the router says it is.

pub(crate) mod ipv4;
pub(crate) mod ipv6;

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::ops::Range;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etherparse::IpNumber;
use libc::c_int;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::unix::AsyncFd;
use vrrp_core::Family;
use vrrp_core::wire::Endpoints;

use crate::sys;

/// `TC_PRIO_CONTROL`: past the bulk traffic in the interface's own queue.
pub(crate) const PRIORITY: u32 = 7;
/// Room for more than a thousand advertisements: what 255 routers hear while their process stalls for some seconds.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Of the kernel, not in libc: everything but sending.
const MSG_PROBE: c_int = 0x10;

/// Sends and receives advertisements of one address family on one interface.
#[derive(Debug)]
pub(crate) struct VrrpSocket {
    socket: AsyncFd<Socket>,
    family: Family,
    ifindex: u32,
    joined: bool,
}

/// One received advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Who sent it.
    pub(crate) src: IpAddr,
    /// The multicast group, or an address of this host.
    pub(crate) dst: IpAddr,
    /// Time to live, or hop limit, on arrival.
    pub(crate) ttl: u8,
    /// Where in the buffer the IP payload is.
    pub(crate) payload: Range<usize>,
    /// For how long it has lain in the socket. From the wall clock: a step of that makes it too long.
    pub(crate) age: Duration,
}

impl VrrpSocket {
    /// Opens a socket that hears unicast on this interface alone. Needs a running tokio runtime.
    pub(crate) fn open(interface: &str, ifindex: u32, family: Family) -> io::Result<Self> {
        let domain = match family {
            Family::Ipv4 => Domain::IPV4,
            Family::Ipv6 => Domain::IPV6,
        };
        let protocol = Protocol::from(i32::from(IpNumber::VRRP.0));
        let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        match family {
            Family::Ipv4 => ipv4::configure(&socket)?,
            Family::Ipv6 => ipv6::configure(&socket)?,
        }
        socket.set_priority(PRIORITY)?;
        sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
        sys::enable_receive_stamps(socket.as_fd())?;
        let mut socket = Self { socket: sys::watch(socket)?, family, ifindex, joined: false };
        // Until it was bound, it heard every interface.
        while socket.try_receive(&mut [])?.is_some() {}
        Ok(socket)
    }

    /// Joins the VRRP group on this interface; once more does no harm.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        let joined = match self.family {
            Family::Ipv4 => ipv4::join(self.socket.get_ref(), self.ifindex),
            Family::Ipv6 => ipv6::join(self.socket.get_ref(), self.ifindex),
        };
        match joined {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
            _ => self.joined = true,
        }
        Ok(())
    }

    /// The next advertisement, whose octets `buf` then holds. What is none is skipped.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Datagram>> {
        loop {
            let mut guard = ready!(self.socket.poll_read_ready(cx))?;
            if let Ok(received) = guard.try_io(|socket| sys::receive(socket.as_fd(), buf)) {
                if let Some(datagram) = self.datagram(buf, &received?) {
                    return Poll::Ready(Ok(datagram));
                }
            }
        }
    }

    /// As [`poll_recv`](Self::poll_recv), and `None` when nothing waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Datagram>> {
        while let Some(received) = self.try_receive(buf)? {
            if let Some(datagram) = self.datagram(buf, &received) {
                return Ok(Some(datagram));
            }
        }
        Ok(None)
    }

    /// Sends `payload` as one packet that says it comes from `from`. Never blocks.
    pub(crate) fn send(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        self.transmit(from, to, ttl, payload, 0)
    }

    /// Goes the same way, but sends nothing.
    pub(crate) fn probe(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        self.transmit(from, to, ttl, payload, MSG_PROBE)
    }

    fn transmit(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8], flags: c_int) -> io::Result<()> {
        let send = |header: &[u8], to: &SockAddr| {
            let parts = [IoSlice::new(header), IoSlice::new(payload)];
            self.socket.get_ref().send_to_vectored_with_flags(&parts, to, flags).map(drop)
        };
        match Endpoints::new(from, to).filter(|ends| ends.family() == self.family) {
            Some(Endpoints::V4 { source, destination }) => {
                let header = ipv4::header(source, destination, ttl, payload.len())?;
                send(&header.to_bytes(), &SocketAddrV4::new(destination, 0).into())
            }
            Some(Endpoints::V6 { source, destination }) => {
                let header = ipv6::header(source, destination, ttl, payload.len())?;
                send(&header.to_bytes(), &SocketAddrV6::new(destination, 0, 0, self.ifindex).into())
            }
            None => {
                let text = format!("cannot send from {from} to {to}: this socket is for {:?}", self.family);
                Err(io::Error::new(io::ErrorKind::Unsupported, text))
            }
        }
    }

    fn datagram(&self, buf: &[u8], received: &sys::Received) -> Option<Datagram> {
        let datagram = match self.family {
            Family::Ipv4 => ipv4::datagram(buf, received),
            Family::Ipv6 => ipv6::datagram(received),
        };
        // A raw socket gets the packets of all IPv6 groups that anybody on this host has joined; no option prevents it.
        datagram.filter(|datagram| self.joined || !datagram.dst.is_multicast())
    }

    fn try_receive(&mut self, buf: &mut [u8]) -> io::Result<Option<sys::Received>> {
        match sys::receive(self.socket.get_ref().as_fd(), buf) {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// For how long a packet has lain in the socket, when the wall clock says `now` and its stamp `stamp`.
pub(crate) fn age(now: Duration, stamp: Option<Duration>) -> Duration {
    stamp.map_or(Duration::ZERO, |stamp| now.saturating_sub(stamp))
}

/// The wall clock, as the kernel's stamps have it.
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The length of a payload, as a header has it.
fn length(payload_len: usize) -> io::Result<u16> {
    let too_long =
        |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{payload_len} octets do not fit in a packet"));
    u16::try_from(payload_len).map_err(too_long)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;

    use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};
    use vrrp_core::multicast_group;

    use super::*;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};

    const PAYLOAD: &[u8] = b"an advertisement";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The addresses of v0 to v3, and one that no host has.
    fn addresses(family: Family) -> [IpAddr; 5] {
        match family {
            Family::Ipv4 => ["192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2", "192.0.2.77"].map(address),
            Family::Ipv6 => ["fe80::1", "fe80::2", "fe80::3", "fe80::4", "fe80::77"].map(address),
        }
    }

    /// For each family on two wires: v0 to v1, v2 to v3.
    fn each_family(test: impl AsyncFn(Family)) {
        wire("v0", "v1");
        wire("v2", "v3");
        for family in [Family::Ipv4, Family::Ipv6] {
            for (number, address) in addresses(family).into_iter().enumerate().take(4) {
                match family {
                    Family::Ipv4 => ip(&format!("address add {address}/24 dev v{number}")),
                    Family::Ipv6 => ip(&format!("address add {address}/64 dev v{number} nodad")),
                };
            }
            run(test(family));
        }
    }

    fn open(interface: &str, family: Family) -> VrrpSocket {
        VrrpSocket::open(interface, ifindex(interface), family).unwrap()
    }

    fn joined(interface: &str, family: Family) -> VrrpSocket {
        let mut socket = open(interface, family);
        socket.join().unwrap();
        socket
    }

    async fn receive(socket: &mut VrrpSocket) -> (Datagram, Vec<u8>) {
        let mut buf = [0; 1500];
        let datagram = poll_fn(|cx| socket.poll_recv(cx, &mut buf)).await.unwrap();
        let payload = buf[datagram.payload.clone()].to_vec();
        (datagram, payload)
    }

    #[test]
    fn an_advertisement_crosses_the_wire() {
        in_namespace(|| {
            each_family(async |family| {
                let (mut a, mut b) = (joined("v0", family), joined("v1", family));
                b.join().unwrap();
                let ([here, .., nowhere], group) = (addresses(family), multicast_group(family));
                // The source is what the router says it is, on the host or not.
                for src in [here, nowhere] {
                    a.probe(src, group, 255, b"heard by nobody").unwrap();
                    a.send(src, group, 255, PAYLOAD).unwrap();
                    let (datagram, payload) = receive(&mut b).await;
                    assert_eq!(payload, PAYLOAD);
                    assert_eq!((datagram.src, datagram.dst, datagram.ttl), (src, group, 255));
                    assert!(datagram.age < Duration::from_secs(1), "{:?}", datagram.age);
                }
            });
        });
    }

    #[test]
    fn unicast_reaches_one_that_is_in_no_group() {
        in_namespace(|| {
            // What this host sends to its own addresses goes over the wire too; to link-local ones it does anyway.
            for rule in ["add pref 1 iif v0 lookup local", "add pref 1 iif v1 lookup local", "del pref 0"] {
                ip(&format!("rule {rule}"));
            }
            each_family(async |family| {
                let (mut a, mut b) = (open("v0", family), open("v1", family));
                let [here, there, ..] = addresses(family);
                a.send(here, there, 64, PAYLOAD).unwrap();
                let (datagram, payload) = receive(&mut b).await;
                assert_eq!(payload, PAYLOAD);
                assert_eq!((datagram.src, datagram.dst, datagram.ttl), (here, there, 64));
            });
        });
    }

    #[test]
    fn the_age_is_the_time_in_the_socket() {
        in_namespace(|| {
            each_family(async |family| {
                let (mut a, mut b) = (joined("v0", family), joined("v1", family));
                // The kernel begins to stamp a moment after it was asked to.
                let wait = Duration::from_millis(100);
                tokio::time::sleep(wait).await;
                a.send(addresses(family)[0], multicast_group(family), 255, PAYLOAD).unwrap();
                tokio::time::sleep(wait).await;
                let (datagram, _) = receive(&mut b).await;
                assert!(datagram.age >= wait && datagram.age < Duration::from_secs(10), "{:?}", datagram.age);
            });
        });
    }

    #[test]
    fn the_header_is_as_on_the_wire_of_other_routers() {
        in_namespace(|| {
            each_family(async |family| {
                let mut a = joined("v0", family);
                let tap = Socket::new(Domain::PACKET, Type::DGRAM, None).unwrap();
                tap.bind(&sys::link_layer_address(ifindex("v1"), 3, [0; 6])).unwrap();
                tap.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                a.send(addresses(family)[0], multicast_group(family), 255, PAYLOAD).unwrap();
                let mut packet = [0; 1500];
                let is_vrrp = |packet: &[u8]| match family {
                    Family::Ipv4 => packet[0] >> 4 == 4 && packet[9] == IpNumber::VRRP.0,
                    Family::Ipv6 => packet[0] >> 4 == 6 && packet[6] == IpNumber::VRRP.0,
                };
                while (&tap).read(&mut packet).is_ok() && !is_vrrp(&packet) {}
                match family {
                    Family::Ipv4 => {
                        let header = Ipv4HeaderSlice::from_slice(&packet).unwrap().to_header();
                        assert_eq!((header.ihl(), packet[1], header.dont_fragment), (5, 0xc0, false));
                        assert_eq!(header.header_checksum, header.calc_header_checksum());
                        assert_eq!(usize::from(header.total_len), 20 + PAYLOAD.len());
                    }
                    Family::Ipv6 => {
                        let header = Ipv6HeaderSlice::from_slice(&packet).unwrap().to_header();
                        assert_eq!((header.traffic_class, header.hop_limit), (0xc0, 255));
                        assert_eq!(usize::from(header.payload_length), PAYLOAD.len());
                    }
                }
            });
        });
    }

    #[test]
    fn only_the_other_routers_of_this_interface_and_family_are_heard() {
        in_namespace(|| {
            each_family(async |family| {
                let mut sockets = ["v0", "v1", "v2", "v3"].map(|interface| joined(interface, family));
                // Members of the group exist on every interface; this one is none.
                let mut unicast_only = open("v1", family);
                let other = if family == Family::Ipv4 { Family::Ipv6 } else { Family::Ipv4 };
                let mut other = joined("v1", other);
                let ([here, _, second, ..], group) = (addresses(family), multicast_group(family));
                let [a, b, c, d] = &mut sockets;
                a.send(here, group, 255, PAYLOAD).unwrap();
                c.send(second, group, 255, PAYLOAD).unwrap();
                assert_eq!(receive(b).await.0.src, here);
                assert_eq!(receive(d).await.0.src, second);
                // Delivery on a veth is done before the send returns, or just after: both have arrived now.
                let mut buf = [0; 1500];
                for socket in [a, b, c, d, &mut unicast_only, &mut other] {
                    assert_eq!(socket.try_recv(&mut buf).unwrap(), None);
                }
            });
        });
    }

    #[test]
    fn packets_for_the_other_family_are_refused() {
        in_namespace(|| {
            each_family(async |family| {
                let other = if family == Family::Ipv4 { Family::Ipv6 } else { Family::Ipv4 };
                let (from, to) = (addresses(other)[0], multicast_group(other));
                let error = open("v0", family).send(from, to, 255, PAYLOAD).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            });
        });
    }
}
