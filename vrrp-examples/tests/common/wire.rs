//! The frames that the hosts send, as the switch receives them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use vrrp_examples::testbed::tap::{Said, Tap};

/// Listens at every port of the switch.
pub(crate) struct Wire {
    frames: Arc<Mutex<Vec<Frame>>>,
    /// Numbers of hosts by the index of their port.
    hosts: Mutex<HashMap<u32, u8>>,
}

struct Frame {
    at: Instant,
    port: u32,
    octets: Vec<u8>,
}

/// An advertisement over IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advert {
    pub(crate) at: Instant,
    /// The MAC address it came from.
    pub(crate) mac: [u8; 6],
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) ttl: u8,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) addresses: Vec<Ipv4Addr>,
    /// All of it, from the octet of the version on.
    pub(crate) message: Vec<u8>,
}

/// A word of ARP or neighbour discovery that says who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) at: Instant,
    /// The MAC address that the frame came from.
    pub(crate) mac: [u8; 6],
}

const RECEIVE_BUFFER: usize = 8 << 20;

impl Wire {
    pub(super) fn listen() -> Self {
        let tap = Tap::open().unwrap();
        // As large as possible: a reader that waits for its turn on a busy machine must not lose frames.
        let _ = setsockopt(&tap, RcvBufForce, &RECEIVE_BUFFER).or_else(|_| setsockopt(&tap, RcvBuf, &RECEIVE_BUFFER));
        let frames = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&frames);
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok(frame) = tap.next(&mut buffer) {
                let frame = Frame { at: frame.received_at(), port: frame.port, octets: frame.octets.to_vec() };
                heard.lock().unwrap().push(frame);
            }
        });
        Self { frames, hosts: Mutex::default() }
    }

    /// Tells which host is at a port.
    pub(super) fn name(&self, port: u32, host: u8) {
        self.hosts.lock().unwrap().insert(port, host);
    }

    /// The advertisements that a host sent, oldest first.
    pub(crate) fn adverts(&self, host: u8) -> Vec<Advert> {
        self.frames_of(host, |frame| Advert::read(frame.at, &frame.octets))
    }

    /// Returns when a host sent an advertisement over IPv6, and with what priority, oldest first.
    pub(crate) fn adverts_v6(&self, host: u8) -> Vec<(Instant, u8)> {
        self.frames_of(host, |frame| {
            let ip = frame.octets.get(12..)?.strip_prefix(&[0x86, 0xdd])?;
            // What comes in fragments begins in the first one.
            let vrrp = match ip.get(6)? {
                112 => ip.get(40..)?,
                44 if ip.get(40) == Some(&112) && ip.get(42..44).map(|at| at[0] == 0 && at[1] < 8)? => ip.get(48..)?,
                _ => return None,
            };
            Some((frame.at, *vrrp.get(2)?))
        })
    }

    /// Returns when a host said, in ARP or a neighbour advertisement, that an address is its own.
    pub(crate) fn claims(&self, host: u8, address: &str) -> Vec<Claim> {
        let address: IpAddr = address.parse().unwrap();
        self.frames_of(host, |frame| {
            let mac = frame.octets.get(6..12)?.try_into().ok()?;
            (claimed(&frame.octets) == Some(address)).then_some(Claim { at: frame.at, mac })
        })
    }

    /// Returns when a host answered, in ARP, that an address is its own.
    pub(crate) fn answers(&self, host: u8, address: &str) -> Vec<Claim> {
        let address: IpAddr = address.parse().unwrap();
        self.frames_of(host, |frame| {
            let mac = frame.octets.get(6..12)?.try_into().ok()?;
            let is_answer = frame.octets.get(12..14)? == [0x08, 0x06] && frame.octets.get(20..22)? == [0, 2];
            (is_answer && claimed(&frame.octets) == Some(address)).then_some(Claim { at: frame.at, mac })
        })
    }

    /// Returns how many frames a host sent since `since`.
    pub(crate) fn frames_since(&self, host: u8, since: Instant) -> usize {
        self.frames_of(host, |frame| (frame.at >= since).then_some(())).len()
    }

    /// Returns when a host sent a frame from a MAC address.
    pub(crate) fn sent_from(&self, host: u8, mac: [u8; 6]) -> Vec<Instant> {
        self.frames_of(host, |frame| (frame.octets.get(6..12) == Some(&mac[..])).then_some(frame.at))
    }

    /// Returns when a host sent gratuitous ARP for an address.
    pub(crate) fn announcements(&self, host: u8, address: &str) -> Vec<Instant> {
        let address: Ipv4Addr = address.parse().unwrap();
        self.frames_of(host, |frame| {
            (Said::read(&frame.octets) == Some(Said::Announcement(address))).then_some(frame.at)
        })
    }

    /// Returns how many IPv4 packets a host sent to whatever group.
    pub(crate) fn multicasts(&self, host: u8) -> usize {
        let to_a_group = |frame: &Frame| {
            let ip = frame.octets.get(12..)?.strip_prefix(&[0x08, 0x00])?;
            address(ip.get(16..20)?).filter(Ipv4Addr::is_multicast)
        };
        self.frames_of(host, to_a_group).len()
    }

    fn frames_of<T>(&self, host: u8, read: impl Fn(&Frame) -> Option<T>) -> Vec<T> {
        let hosts = self.hosts.lock().unwrap();
        let frames = self.frames.lock().unwrap();
        frames.iter().filter(|frame| hosts.get(&frame.port) == Some(&host)).filter_map(read).collect()
    }
}

impl Advert {
    /// Reads the few fields that tests ask for; the core's own tests read the rest.
    fn read(at: Instant, frame: &[u8]) -> Option<Self> {
        let ip = frame.get(12..)?.strip_prefix(&[0x08, 0x00])?;
        let header = usize::from(ip.first()? & 0x0f) * 4;
        // Ethernet fills up short frames.
        let end = usize::from(u16::from_be_bytes(ip.get(2..4)?.try_into().ok()?));
        let vrrp = ip.get(header..end).filter(|_| ip.get(9) == Some(&112))?;
        let count = usize::from(*vrrp.get(3)?);
        Some(Self {
            at,
            mac: frame.get(6..12)?.try_into().ok()?,
            source: address(ip.get(12..16)?)?,
            ttl: *ip.get(8)?,
            destination: address(ip.get(16..20)?)?,
            vrid: *vrrp.get(1)?,
            priority: *vrrp.get(2)?,
            addresses: vrrp.get(8..8 + 4 * count)?.chunks(4).filter_map(address).collect(),
            message: vrrp.to_vec(),
        })
    }
}

/// The address that a frame claims: the sender of ARP, or the target of a neighbour advertisement.
fn claimed(frame: &[u8]) -> Option<IpAddr> {
    let rest = frame.get(12..)?;
    if let Some(arp) = rest.strip_prefix(&[0x08, 0x06]) {
        return address(arp.get(14..18)?).map(IpAddr::V4);
    }
    let ip = rest.strip_prefix(&[0x86, 0xdd])?;
    let icmp = ip.get(40..).filter(|icmp| ip[6] == 58 && icmp.first() == Some(&136))?;
    <[u8; 16]>::try_from(icmp.get(8..24)?).ok().map(|octets| Ipv6Addr::from(octets).into())
}

fn address(octets: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}
