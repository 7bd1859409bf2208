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
const PRIORITY: u32 = 7;
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
