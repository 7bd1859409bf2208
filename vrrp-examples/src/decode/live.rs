//! An interface, listened to.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg,
    setsockopt, socket, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use vrrp_core::Family;

use super::capture::Time;
use super::link::Link;

/// Everything that an interface receives and sends.
pub(super) struct Tap {
    socket: OwnedFd,
    ifindex: usize,
    buffer: Vec<u8>,
    /// Held so that the interface lets the groups in; nothing is read from them.
    _members: [Option<Socket>; 2],
}

/// One frame.
pub(super) struct Frame<'a> {
    pub(super) link: Link,
    pub(super) time: Option<Time>,
    pub(super) octets: &'a [u8],
}

impl Tap {
    pub(super) fn open(interface: &str) -> io::Result<Self> {
        let of_interface = getifaddrs()?.filter(|found| found.interface_name == interface);
        let link = of_interface.filter_map(|found| found.address).find_map(|address| address.as_link_addr().copied());
        let link = link.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no such interface"))?;
        // Without link headers, so that every kind of interface will do.
        let opened = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
        let socket = opened.map_err(|error| match error {
            nix::Error::EPERM => io::Error::new(io::ErrorKind::PermissionDenied, "listening needs CAP_NET_RAW or root"),
            other => other.into(),
        })?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        bind(socket.as_raw_fd(), &link)?;
        let members = join(link.ifindex());
        Ok(Self { socket, ifindex: link.ifindex(), buffer: vec![0; 1 << 17], _members: members })
    }

    /// Waits for the next frame.
    pub(super) fn next(&mut self) -> io::Result<Frame<'_>> {
        loop {
            let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
            let mut parts = [IoSliceMut::new(&mut self.buffer)];
            let flags = MsgFlags::empty();
            let message = match recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
                Err(nix::Error::EINTR) => continue,
                received => received?,
            };
            // Between socket and bind others are heard too.
            let Some(link) = message.address.filter(|link| link.ifindex() == self.ifindex) else { continue };
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            });
            let time = stamp.and_then(|stamp| i128::try_from(stamp.as_nanos()).ok()).map(Time);
            let (len, link) = (message.bytes, Link::Stripped(u16::from_be(link.protocol())));
            return Ok(Frame { link, time, octets: self.buffer.get(..len).unwrap_or_default() });
        }
    }
}

/// Joins the groups of VRRP. A family that the interface does not have is left out.
fn join(ifindex: usize) -> [Option<Socket>; 2] {
    let ifindex = u32::try_from(ifindex).unwrap_or(0);
    let v4 = Socket::new(Domain::IPV4, Type::DGRAM, None).and_then(|socket| {
        socket.join_multicast_v4_n(&Family::GROUP_V4, &InterfaceIndexOrAddress::Index(ifindex))?;
        Ok(socket)
    });
    let v6 = Socket::new(Domain::IPV6, Type::DGRAM, None).and_then(|socket| {
        socket.join_multicast_v6(&Family::GROUP_V6, ifindex)?;
        Ok(socket)
    });
    [v4.ok(), v6.ok()]
}
