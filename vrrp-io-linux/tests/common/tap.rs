//! What passes an interface.

use std::io::{ErrorKind, IoSliceMut, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL, Packet};
use vrrp_core::{Priority, Version};

use super::LIMIT;

pub type Mac = [u8; 6];

const ETH_P_ALL: u16 = 3;
const ETHERTYPE_IPV4: [u8; 2] = [8, 0];
const ETHERTYPE_ARP: [u8; 2] = [8, 6];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const ICMPV6: u8 = 58;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Router, solicited, override.
const UNSOLICITED: u8 = 0b1010_0000;

/// All frames of a namespace.
pub struct Tap {
    socket: Socket,
}

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Advert(Advert),
    Arp(Arp),
    Neighbour(Neighbour),
    /// Anything else.
    Other,
}

/// A packet with a valid advertisement.
#[derive(Debug, PartialEq, Eq)]
pub struct Advert {
    pub source_mac: Mac,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub ttl: u8,
    pub vrid: u8,
    /// `None`: a release.
    pub priority: Option<Priority>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Arp {
    /// Of the frame.
    pub source_mac: Mac,
    /// Whom the message says it comes from.
    pub sender_mac: Mac,
    pub sender: IpAddr,
    pub target: IpAddr,
}

/// A neighbour solicitation or advertisement.
#[derive(Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Of the frame.
    pub source_mac: Mac,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub target: IpAddr,
    /// `None`: a solicitation.
    pub flags: Option<u8>,
    /// What its one option says.
    pub mac: Option<Mac>,
}

impl Frame {
    /// The address that a gratuitous ARP or an unsolicited neighbour advertisement announces, and the MAC it gives.
    pub fn announced(&self) -> Option<(IpAddr, Mac)> {
        match self {
            Self::Neighbour(na) if na.flags == Some(UNSOLICITED) => Some((na.target, na.mac?)),
            Self::Arp(arp) if arp.sender == arp.target => Some((arp.sender, arp.sender_mac)),
            _ => None,
        }
    }

    pub fn advert(&self) -> Option<&Advert> {
        match self {
            Self::Advert(advert) => Some(advert),
            _ => None,
        }
    }

    pub fn is_release(&self) -> bool {
        self.advert().is_some_and(|advert| advert.priority.is_none())
    }
}

impl Tap {
    /// Taps the namespace of the calling thread.
    pub fn new() -> Self {
        let all = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(all)).unwrap();
        socket.set_recv_buffer_size(4 << 20).unwrap();
        Self { socket }
    }

    /// The next frame, unless none comes in time.
    pub fn octets(&mut self, limit: Duration) -> Option<Vec<u8>> {
        // Zero would mean for ever.
        self.socket.set_read_timeout(Some(limit.max(Duration::from_micros(1)))).unwrap();
        let mut frame = vec![0; 2048];
        match self.socket.read(&mut frame) {
            Ok(len) => {
                frame.truncate(len);
                Some(frame)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next frame that is wanted.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Frame) -> bool) -> Frame {
        let end = Instant::now() + LIMIT;
        while let Some(octets) = self.octets(end.saturating_duration_since(Instant::now())) {
            let frame = Frame::from(&octets[..]);
            if wanted(&frame) {
                return frame;
            }
        }
        panic!("{what} was not seen in {LIMIT:?}");
    }

    /// The frames of the time to come.
    pub fn during(&mut self, span: Duration) -> Vec<(Instant, Frame)> {
        let end = Instant::now() + span;
        let mut frames = Vec::new();
        while let Some(octets) = self.octets(end.saturating_duration_since(Instant::now())) {
            frames.push((Instant::now(), Frame::from(&octets[..])));
            if Instant::now() > end {
                break;
            }
        }
        frames
    }

    /// The frames of the time to come, each with the moment at which the kernel had it.
    pub fn stamped(&mut self, span: Duration) -> Vec<(Duration, Frame)> {
        setsockopt(&self.socket, ReceiveTimestampns, &true).unwrap();
        let end = Instant::now() + span;
        let mut frames = Vec::new();
        while Instant::now() < end {
            self.socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            let (mut octets, mut control) = (vec![0; 2048], nix::cmsg_space!(TimeSpec));
            let mut parts = [IoSliceMut::new(&mut octets)];
            let fd = self.socket.as_raw_fd();
            let Ok(message) = recvmsg::<()>(fd, &mut parts, Some(&mut control), MsgFlags::empty()) else { continue };
            let stamp = message.cmsgs().unwrap().find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            });
            let len = message.bytes;
            frames.push((stamp.unwrap(), Frame::from(&octets[..len])));
        }
        frames
    }

    /// The frames that have come.
    pub fn so_far(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.octets(Duration::ZERO)).map(|octets| Frame::from(&octets[..])).collect()
    }
}

impl From<&[u8]> for Frame {
    fn from(octets: &[u8]) -> Self {
        let Some((ethernet, payload)) = octets.split_first_chunk::<14>() else { return Self::Other };
        let source_mac: Mac = ethernet[6..12].try_into().unwrap();
        if ethernet[12..] == ETHERTYPE_ARP && payload.len() >= 28 {
            let (sender_mac, sender, target) = (&payload[8..14], ip(&payload[14..18]), ip(&payload[24..28]));
            return Self::Arp(Arp { source_mac, sender_mac: sender_mac.try_into().unwrap(), sender, target });
        }
        let is_ipv6 = ethernet[12..] == ETHERTYPE_IPV6 && payload.len() > 40;
        if is_ipv6 && payload[6] == ICMPV6 {
            return Neighbour::read(source_mac, payload).map_or(Self::Other, Self::Neighbour);
        }
        let is_ipv4 = ethernet[12..] == ETHERTYPE_IPV4 && payload.len() > 20;
        let (source, destination, ttl, message) = if is_ipv6 && payload[6] == IP_PROTOCOL {
            let end = 40 + usize::from(u16::from_be_bytes([payload[4], payload[5]]));
            (ip(&payload[8..24]), ip(&payload[24..40]), payload[7], &payload[40..end])
        } else if is_ipv4 && payload[9] == IP_PROTOCOL {
            let total = usize::from(u16::from_be_bytes([payload[2], payload[3]]));
            let message = &payload[usize::from(payload[0] & 15) * 4..total];
            (ip(&payload[12..16]), ip(&payload[16..20]), payload[8], message)
        } else {
            return Self::Other;
        };
        let version = if message[0] >> 4 == 2 { Version::V2 } else { Version::V3 };
        match Packet::parse(version, message, Endpoints::new(source, destination).unwrap()) {
            Ok(packet) => Self::Advert(Advert {
                source_mac,
                source,
                destination,
                ttl,
                vrid: packet.vrid().unwrap().get(),
                priority: packet.priority(),
            }),
            Err(_) => Self::Other,
        }
    }
}

impl Neighbour {
    fn read(source_mac: Mac, packet: &[u8]) -> Option<Self> {
        let kind = packet[40];
        if ![NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT].contains(&kind) || packet.len() < 64 {
            return None;
        }
        Some(Self {
            source_mac,
            source: ip(&packet[8..24]),
            destination: ip(&packet[24..40]),
            target: ip(&packet[48..64]),
            flags: (kind == NEIGHBOUR_ADVERTISEMENT).then_some(packet[44]),
            mac: packet.get(66..72).and_then(|mac| mac.try_into().ok()),
        })
    }
}

/// `02:00:00:00:00:01` in octets.
pub fn mac(text: &str) -> Mac {
    let octets: Vec<u8> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
    octets.try_into().unwrap()
}

fn ip(octets: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(octets) {
        Ok(octets) => Ipv4Addr::from(octets).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap()).into(),
    }
}
