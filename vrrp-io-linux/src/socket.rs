//! The raw socket that an interface's virtual routers share for sending and receiving.
//!
//! One per interface, not one per router: the kernel copies each packet to every raw socket that matches.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etherparse::{IpDscp, IpNumber, Ipv4Header, Ipv4HeaderSlice};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;

use crate::sys;

/// RFC 3768 section 5.2.2.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Network control, the class of routing protocols: TOS 0xc0.
const DSCP: IpDscp = IpDscp::CS6;
/// `TC_PRIO_CONTROL`: past the bulk traffic in the interface's own queue.
pub(crate) const PRIORITY: u32 = 7;
/// Room for more than a thousand advertisements: what 255 routers hear while their process stalls for some seconds.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Sends and receives advertisements of one address family on one interface.
#[derive(Debug)]
pub(crate) struct VrrpSocket {
    socket: AsyncFd<Socket>,
    ifindex: u32,
}

/// One received advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Who sent it.
    pub(crate) src: IpAddr,
    /// The multicast group, or an address of this host.
    pub(crate) dst: IpAddr,
    /// Time to live on arrival.
    pub(crate) ttl: u8,
    /// Where in the buffer the IP payload is.
    pub(crate) payload: Range<usize>,
    /// For how long it has lain in the socket. From the wall clock: a step of that makes it too long.
    pub(crate) age: Duration,
}

impl VrrpSocket {
    /// Opens a socket that hears unicast on this interface alone. Needs a running tokio runtime.
    pub(crate) fn open(interface: &str, ifindex: u32) -> io::Result<Self> {
        let protocol = Protocol::from(i32::from(IpNumber::VRRP.0));
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(protocol))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        // Otherwise it would get the packets of all groups that anybody on this host has joined.
        socket.set_multicast_all_v4(false)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_header_included_v4(true)?;
        socket.set_priority(PRIORITY)?;
        sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
        sys::enable_receive_stamps(socket.as_fd())?;
        let mut socket = Self { socket: sys::watch(socket)?, ifindex };
        // Until it was bound, it heard every interface.
        while socket.try_receive(&mut [])?.is_some() {}
        Ok(socket)
    }

    /// Joins the VRRP group on this interface; once more does no harm.
    pub(crate) fn join(&self) -> io::Result<()> {
        let interface = InterfaceIndexOrAddress::Index(self.ifindex);
        match self.socket.get_ref().join_multicast_v4_n(&GROUP, &interface) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            joined => joined,
        }
    }

    /// The next advertisement; `buf` then holds its whole IP packet. What is none is skipped.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Datagram>> {
        loop {
            let mut guard = ready!(self.socket.poll_read_ready(cx))?;
            if let Ok(received) = guard.try_io(|socket| sys::receive(socket.as_fd(), buf)) {
                if let Some(datagram) = datagram(buf, &received?) {
                    return Poll::Ready(Ok(datagram));
                }
            }
        }
    }

    /// As [`poll_recv`](Self::poll_recv), and `None` when nothing waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Datagram>> {
        while let Some(received) = self.try_receive(buf)? {
            if let Some(datagram) = datagram(buf, &received) {
                return Ok(Some(datagram));
            }
        }
        Ok(None)
    }

    /// Sends `payload` as one packet that says it comes from `from`. Never blocks.
    pub(crate) fn send(&mut self, from: IpAddr, to: IpAddr, ttl: u8, payload: &[u8]) -> io::Result<()> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (from, to) else {
            let text = format!("cannot send from {from} to {to}: this socket is for IPv4");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        };
        let header = header(source, destination, ttl, payload.len())?.to_bytes();
        let parts = [IoSlice::new(&header), IoSlice::new(payload)];
        self.socket.get_ref().send_to_vectored(&parts, &SocketAddrV4::new(destination, 0).into()).map(drop)
    }

    fn try_receive(&mut self, buf: &mut [u8]) -> io::Result<Option<sys::Received>> {
        match sys::receive(self.socket.get_ref().as_fd(), buf) {
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The header of an advertisement. The kernel fills in the identification and the checksum.
fn header(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, payload_len: usize) -> io::Result<Ipv4Header> {
    let too_long =
        |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{payload_len} octets do not fit in a packet"));
    let payload_len = u16::try_from(payload_len).map_err(too_long)?;
    let (source, destination) = (source.octets(), destination.octets());
    let mut header = Ipv4Header::new(payload_len, ttl, IpNumber::VRRP, source, destination)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    header.dscp = DSCP;
    header.dont_fragment = false;
    Ok(header)
}

/// What is in `buf`, when that is one whole IPv4 packet.
fn datagram(buf: &[u8], received: &sys::Received) -> Option<Datagram> {
    let packet = buf.get(..received.len)?;
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    // The packet ends where it says, not where the frame did: short frames are padded.
    let payload = header.slice().len()..usize::from(header.total_len());
    if header.is_fragmenting_payload() || payload.start > payload.end || payload.end > packet.len() {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Datagram {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        ttl: header.ttl(),
        payload,
        age: received.stamp.map_or(Duration::ZERO, |stamp| now.saturating_sub(stamp)),
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};

    const PAYLOAD: &[u8] = b"an advertisement";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn open(interface: &str) -> VrrpSocket {
        VrrpSocket::open(interface, ifindex(interface)).unwrap()
    }

    fn joined(interface: &str) -> VrrpSocket {
        let socket = open(interface);
        socket.join().unwrap();
        socket
    }

    async fn receive(socket: &mut VrrpSocket) -> (Datagram, Vec<u8>) {
        let mut buf = [0; 1500];
        let datagram = poll_fn(|cx| socket.poll_recv(cx, &mut buf)).await.unwrap();
        let payload = buf[datagram.payload.clone()].to_vec();
        (datagram, payload)
    }

    /// Two wires: v0 to v1, v2 to v3. The addresses end in 1 to 4.
    fn two_wires() {
        for (a, b, net) in [("v0", "v1", "192.0.2"), ("v2", "v3", "198.51.100")] {
            wire(a, b);
            ip(&format!("address add {net}.1/24 dev {a}"));
            ip(&format!("address add {net}.2/24 dev {b}"));
        }
    }

    #[test]
    fn an_advertisement_crosses_the_wire() {
        in_namespace(|| {
            two_wires();
            run(async {
                let (mut a, mut b) = (joined("v0"), joined("v1"));
                b.join().unwrap();
                // The source is what the router says it is, on the host or not.
                for src in [address("192.0.2.1"), address("192.0.2.77")] {
                    a.send(src, GROUP.into(), 255, PAYLOAD).unwrap();
                    let (datagram, payload) = receive(&mut b).await;
                    assert_eq!(payload, PAYLOAD);
                    assert_eq!((datagram.src, datagram.dst, datagram.ttl), (src, GROUP.into(), 255));
                    assert!(datagram.age < Duration::from_secs(1), "{:?}", datagram.age);
                }
            });
        });
    }

    #[test]
    fn unicast_reaches_one_that_is_in_no_group() {
        in_namespace(|| {
            two_wires();
            // What this host sends to its own addresses goes over the wire too.
            for rule in ["add pref 1 iif v0 lookup local", "add pref 1 iif v1 lookup local", "del pref 0"] {
                ip(&format!("rule {rule}"));
            }
            run(async {
                let (mut a, mut b) = (open("v0"), open("v1"));
                a.send(address("192.0.2.1"), address("192.0.2.2"), 64, PAYLOAD).unwrap();
                let (datagram, payload) = receive(&mut b).await;
                assert_eq!(payload, PAYLOAD);
                let expected = (address("192.0.2.1"), address("192.0.2.2"), 64);
                assert_eq!((datagram.src, datagram.dst, datagram.ttl), expected);
            });
        });
    }

    #[test]
    fn the_age_is_the_time_in_the_socket() {
        in_namespace(|| {
            two_wires();
            run(async {
                let (mut a, mut b) = (joined("v0"), joined("v1"));
                // The kernel begins to stamp a moment after it was asked to.
                let wait = Duration::from_millis(100);
                tokio::time::sleep(wait).await;
                a.send(address("192.0.2.1"), GROUP.into(), 255, PAYLOAD).unwrap();
                tokio::time::sleep(wait).await;
                let (datagram, _) = receive(&mut b).await;
                assert!(datagram.age >= wait && datagram.age < Duration::from_secs(10), "{:?}", datagram.age);
            });
        });
    }

    #[test]
    fn the_header_is_as_on_the_wire_of_other_routers() {
        in_namespace(|| {
            two_wires();
            run(async {
                let (mut a, mut b) = (joined("v0"), joined("v1"));
                a.send(address("192.0.2.1"), GROUP.into(), 255, PAYLOAD).unwrap();
                let mut packet = [0; 1500];
                poll_fn(|cx| b.poll_recv(cx, &mut packet)).await.unwrap();
                let header = Ipv4HeaderSlice::from_slice(&packet).unwrap().to_header();
                assert_eq!((header.ihl(), packet[1], header.dont_fragment), (5, 0xc0, false));
                assert_eq!(header.header_checksum, header.calc_header_checksum());
                assert_eq!(usize::from(header.total_len), 20 + PAYLOAD.len());
            });
        });
    }

    #[test]
    fn only_the_other_routers_of_this_interface_are_heard() {
        in_namespace(|| {
            two_wires();
            run(async {
                let (mut a, mut b, mut c, mut d) = (joined("v0"), joined("v1"), joined("v2"), joined("v3"));
                // Members of the group exist on every interface; this one is none.
                let mut unicast_only = open("v1");
                a.send(address("192.0.2.1"), GROUP.into(), 255, PAYLOAD).unwrap();
                c.send(address("198.51.100.1"), GROUP.into(), 255, PAYLOAD).unwrap();
                assert_eq!(receive(&mut b).await.0.src, address("192.0.2.1"));
                assert_eq!(receive(&mut d).await.0.src, address("198.51.100.1"));
                // Delivery on a veth is done before the send returns, or just after: both have arrived now.
                let mut buf = [0; 1500];
                for socket in [&mut a, &mut b, &mut c, &mut d, &mut unicast_only] {
                    assert_eq!(socket.try_recv(&mut buf).unwrap(), None);
                }
            });
        });
    }

    #[test]
    fn packets_for_ipv6_are_refused() {
        in_namespace(|| {
            two_wires();
            run(async {
                let error = open("v0").send(address("fe80::1"), address("ff02::12"), 255, PAYLOAD).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            });
        });
    }

    fn packet(options: usize, total_len: u16, fragment: u16) -> Vec<u8> {
        let mut packet = vec![0x45 + options as u8 / 4, 0xc0];
        packet.extend(total_len.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18]);
        packet.resize(20 + options, 1);
        packet.extend(PAYLOAD);
        packet
    }

    fn payload_of(packet: &[u8]) -> Option<&[u8]> {
        let datagram = datagram(packet, &sys::Received { len: packet.len(), stamp: None })?;
        packet.get(datagram.payload)
    }

    #[test]
    fn the_payload_is_found_behind_options_and_before_padding() {
        assert_eq!(payload_of(&packet(0, 36, 0)), Some(PAYLOAD));
        assert_eq!(payload_of(&packet(8, 44, 0)), Some(PAYLOAD));
        assert_eq!(payload_of(&packet(0, 30, 0)), Some(&PAYLOAD[..10]));
        assert_eq!(payload_of(&packet(0, 36, 0x4000)), Some(PAYLOAD));
        let mut padded = packet(0, 36, 0);
        padded.resize(46, 0);
        assert_eq!(payload_of(&padded), Some(PAYLOAD));
    }

    #[test]
    fn what_is_no_whole_packet_is_skipped() {
        let whole = packet(8, 44, 0);
        for len in 0..whole.len() {
            assert_eq!(payload_of(&whole[..len]), None, "{len}");
        }
        for (total_len, fragment) in [(45, 0), (27, 0), (0, 0), (44, 0x2000), (44, 1)] {
            assert_eq!(payload_of(&packet(8, total_len, fragment)), None, "{total_len} {fragment}");
        }
        let mut version_6 = whole;
        version_6[0] = 0x67;
        assert_eq!(payload_of(&version_6), None);
    }

    #[test]
    fn a_stamp_from_the_future_is_no_age() {
        let whole = packet(0, 36, 0);
        let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let received = sys::Received { len: whole.len(), stamp: Some(ahead) };
        assert_eq!(datagram(&whole, &received).unwrap().age, Duration::ZERO);
    }
}
