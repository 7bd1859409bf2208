//! Whole frames around advertisements, for a driver whose host has no IP stack that would write their headers.

use core::net::IpAddr;

use super::advertisement::BufferTooSmall;
use super::endpoints::{Endpoints, IP_PROTOCOL, TTL};
use super::headers::{self, ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_LEN, IPV6_LEN};
use crate::types::Family;

/// One received IP datagram of protocol 112. Whose frame it came in is not asked (AMB-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal by every driver")]
pub struct RxPacket<'a> {
    /// Addresses of its IP header.
    pub endpoints: Endpoints,
    /// TTL or hop limit of its IP header.
    pub ttl: u8,
    /// The octets after the IP header and its options, up to the length in that header: no padding of the frame.
    pub payload: &'a [u8],
}

impl<'a> RxPacket<'a> {
    /// Reads an Ethernet frame that was received, with or without its padding and frame check sequence. `None`: it carries no
    /// VRRP, or not a whole datagram with a sound header.
    ///
    /// A frame with a VLAN tag is of another link: whoever takes part there removes the tag first.
    #[must_use]
    pub fn from_frame(frame: &'a [u8]) -> Option<Self> {
        let headers::Datagram { endpoints, hop_limit: ttl, protocol, payload } = headers::split_ip(frame)?;
        (protocol == IP_PROTOCOL).then_some(Self { endpoints, ttl, payload })
    }
}

/// The addresses in the headers of a frame that carries an advertisement.
///
/// ```
/// use vrrp_core::wire::{Frame, RxPacket};
/// use vrrp_core::{AdvertKind, Config, Profile, VirtualRouter, Vrid};
///
/// let config = Config::new(Profile::Rfc9568, Vrid::new(7)?, &["192.0.2.1".parse()?])?;
/// let router = VirtualRouter::new(config);
/// let frame = Frame::multicast(router.config().virtual_mac(), "192.0.2.251".parse()?);
/// let mut out = [0; 1514];
/// let len = frame.write(&mut out, |endpoints, octets| router.encode(AdvertKind::Regular, endpoints, octets))?;
///
/// let received = RxPacket::from_frame(&out[..len]).ok_or("no advertisement")?;
/// assert_eq!((received.endpoints, received.ttl), (frame.endpoints, 255));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the wire has")]
pub struct Frame {
    /// MAC address that it comes from: the virtual one (IP-07), or that of the interface.
    pub source: [u8; 6],
    /// MAC address that it goes to.
    pub destination: [u8; 6],
    /// Addresses of the IP header.
    pub endpoints: Endpoints,
}

impl Frame {
    /// Returns a frame from the MAC address `mac` and the IP address `source` to every router of its family.
    #[must_use]
    pub const fn multicast(mac: [u8; 6], source: IpAddr) -> Self {
        let endpoints = Endpoints::to_group(source);
        let destination = match headers::multicast_mac(endpoints.destination()) {
            Some(group) => group,
            None => [0xff; 6],
        };
        Self { source: mac, destination, endpoints }
    }

    /// Returns the same frame to the MAC address `destination` alone. The IP header still names the group; a unicast peer has
    /// other [`endpoints`](Self::endpoints) too.
    #[must_use]
    pub const fn to_mac(self, destination: [u8; 6]) -> Self {
        Self { destination, ..self }
    }

    /// Returns the length of the headers of Ethernet and IP.
    #[must_use]
    pub const fn headers_len(&self) -> usize {
        match self.endpoints.family() {
            Family::Ipv4 => ETHERNET_LEN + IPV4_LEN,
            Family::Ipv6 => ETHERNET_LEN + IPV6_LEN,
        }
    }

    /// Writes the frame to the front of `out`: its headers, and behind them what `advertisement` writes for these endpoints.
    /// Returns its length, without padding and frame check sequence.
    ///
    /// TTL or hop limit is 255 (IP-04), the traffic class that of network control (IP-11). IPv4 says *don't fragment*, so the
    /// whole must fit the link: an advertisement takes at most 4088 octets, one of up to 255 IPv4 or 90 IPv6 addresses 1500
    /// with its IP header.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; its numbers are those of the whole frame.
    pub fn write(
        &self,
        out: &mut [u8],
        advertisement: impl FnOnce(Endpoints, &mut [u8]) -> Result<usize, BufferTooSmall>,
    ) -> Result<usize, BufferTooSmall> {
        /// The most octets of payload that the length field of IPv4 leaves.
        const MOST: usize = u16::MAX as usize - IPV4_LEN;
        let (headers_len, had) = (self.headers_len(), out.len());
        let too_small = |payload: usize| BufferTooSmall { needed: headers_len.saturating_add(payload), had };
        let Some((front, payload)) = out.split_at_mut_checked(headers_len) else {
            let needed = advertisement(self.endpoints, &mut []).unwrap_or_else(|error| error.needed);
            return Err(too_small(needed));
        };
        let room = payload.len().min(MOST);
        let payload = payload.get_mut(..room).unwrap_or_default();
        let len = advertisement(self.endpoints, payload).map_err(|error| too_small(error.needed))?;
        let short = u16::try_from(len).ok().filter(|_| len <= room).ok_or_else(|| too_small(len))?;
        let ethernet = |ethertype| headers::ethernet(self.source, self.destination, ethertype);
        match self.endpoints {
            Endpoints::V4 { source, destination } => {
                let ip = headers::Ipv4 { source, destination, ttl: TTL, protocol: IP_PROTOCOL };
                let ip: [u8; IPV4_LEN] = ip.header(&[], short);
                headers::fill(front, &[&ethernet(ETHERTYPE_IPV4), &ip]);
            }
            Endpoints::V6 { source, destination } => {
                let ip = headers::ipv6(headers::NETWORK_CONTROL, (source, destination), TTL, IP_PROTOCOL, short);
                headers::fill(front, &[&ethernet(ETHERTYPE_IPV6), &ip]);
            }
        }
        Ok(headers_len + len)
    }
}
