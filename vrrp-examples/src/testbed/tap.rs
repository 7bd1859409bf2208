//! A tap at a switch: every frame that comes in at its ports, with the kernel's time stamp.

use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

use etherparse::{LaxNetSlice, LaxSlicedPacket};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};
use vrrp_core::wire::IP_PROTOCOL;

/// A packet socket with time stamps.
#[derive(Debug)]
pub struct Tap(OwnedFd);

impl Tap {
    /// Opens a tap at every interface of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn open() -> io::Result<Self> {
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
        Self::over(socket)
    }

    /// Makes a tap of a raw packet socket.
    ///
    /// # Errors
    /// The kernel does not stamp its frames.
    pub fn over(socket: OwnedFd) -> io::Result<Self> {
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self(socket))
    }

    /// Returns the next frame that comes in, cut to the size of `buffer`. Frames that the switch sends are left out.
    ///
    /// # Errors
    /// The socket failed, or does not block and has no frame.
    pub fn next<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Frame<'a>> {
        let (port, stamp, length) = loop {
            let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
            let mut parts = [IoSliceMut::new(buffer)];
            let received = recvmsg::<LinkAddr>(self.0.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty());
            let message = match received {
                Err(Errno::EINTR) => continue,
                received => received?,
            };
            let Some(link) = message.address.filter(|link| link.pkttype() != nix::libc::PACKET_OUTGOING) else {
                continue;
            };
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            });
            break (u32::try_from(link.ifindex()).unwrap_or(0), stamp, message.bytes);
        };
        Ok(Frame { port, stamp, octets: buffer.get(..length).unwrap_or_default() })
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A frame that came in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// Index of the interface.
    pub port: u32,
    /// The kernel's time stamp: since the Unix epoch.
    pub stamp: Option<Duration>,
    /// All of it, from the Ethernet header on.
    pub octets: &'a [u8],
}

impl Frame<'_> {
    /// Returns the moment at which the kernel received it. Stamps are in wall clock time, so only the distance from now is
    /// used.
    #[must_use]
    pub fn received_at(&self) -> Instant {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let age = self.stamp.and_then(|stamp| wall.duration_since(SystemTime::UNIX_EPOCH + stamp).ok());
        now.checked_sub(age.unwrap_or_default()).unwrap_or(now)
    }
}

/// The contents of a frame that a test looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test handles each")]
pub enum Said {
    /// An advertisement, or as much of one as tells these fields.
    Advert {
        /// Virtual router id.
        vrid: u8,
        /// Priority.
        priority: u8,
    },
    /// A gratuitous ARP: sender and target are the same.
    Announcement(Ipv4Addr),
}

impl Said {
    /// Reads a frame, which may be cut.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
        if let Some(LaxNetSlice::Arp(arp)) = &packet.net {
            let sender = <[u8; 4]>::try_from(arp.sender_protocol_addr()).ok()?;
            return (arp.target_protocol_addr() == sender).then(|| Self::Announcement(sender.into()));
        }
        let payload = packet.ip_payload().filter(|payload| payload.ip_number.0 == IP_PROTOCOL)?.payload;
        Some(Self::Advert { vrid: *payload.get(1)?, priority: *payload.get(2)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: [u8; 12] = [0xff; 12];

    fn over_ipv4(protocol: u8) -> Vec<u8> {
        let mut ip = [0_u8; 24];
        (ip[0], ip[3], ip[9]) = (0x46, 28, protocol);
        [&ETHERNET[..], &[8, 0], &ip, &[0x21, 7, 200, 1]].concat()
    }

    fn over_ipv6(next: u8) -> Vec<u8> {
        let mut ip = [0_u8; 40];
        (ip[0], ip[5], ip[6]) = (0x60, 4, next);
        [&ETHERNET[..], &[0x86, 0xdd], &ip, &[0x31, 7, 200, 1]].concat()
    }

    fn arp(sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
        [&ETHERNET[..], &[8, 6], &[0, 1, 8, 0, 6, 4, 0, 1], &[0; 6], &sender, &[0; 6], &target].concat()
    }

    #[test]
    fn an_advertisement_is_told_by_its_protocol_even_behind_options() {
        let expected = Some(Said::Advert { vrid: 7, priority: 200 });
        assert_eq!((Said::read(&over_ipv4(IP_PROTOCOL)), Said::read(&over_ipv6(IP_PROTOCOL))), (expected, expected));
        assert_eq!((Said::read(&over_ipv4(6)), Said::read(&over_ipv6(58))), (None, None));
    }

    #[test]
    fn a_gratuitous_arp_names_the_same_address_twice() {
        let address = Ipv4Addr::new(192, 168, 2, 101);
        let seen = Said::read(&arp(address.octets(), address.octets()));
        assert_eq!(seen, Some(Said::Announcement(address)));
        assert_eq!(Said::read(&arp(address.octets(), [192, 168, 2, 1])), None);
    }

    #[test]
    fn a_frame_that_is_cut_before_these_fields_says_nothing() {
        for whole in [over_ipv4(IP_PROTOCOL), over_ipv6(IP_PROTOCOL), arp([10, 0, 1, 1], [10, 0, 1, 1])] {
            assert!((0..whole.len() - 1).all(|length| Said::read(&whole[..length]).is_none()));
            assert!(Said::read(&whole).is_some());
        }
    }
}
