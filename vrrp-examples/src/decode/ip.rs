//! IP headers: from a packet to the VRRP message, or the tunnel, in it.

use std::net::{Ipv4Addr, Ipv6Addr};

use vrrp_core::wire::{Endpoints, IP_PROTOCOL};

use super::link::Network;
use super::problem::Problem;
use super::tunnel::{self, Tunnel};

/// The contents of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried<'a> {
    Vrrp(Datagram<'a>),
    /// Another frame, which may carry VRRP.
    Tunnel(Tunnel<'a>),
    Other,
}

/// A datagram of protocol 112.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) endpoints: Endpoints,
    pub(super) ttl: u8,
    /// Behind an authentication header: in IP it is of protocol 51, and no socket of protocol 112 hears it.
    pub(super) authenticated: bool,
    /// The payload, with the length of the IP header: without the padding of the frame.
    pub(super) payload: &'a [u8],
}

mod protocol {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
}

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// The length of an authentication header, before its variable part.
const AUTHENTICATION_UNIT: usize = 4;

impl<'a> Network<'a> {
    /// Returns the contents of a packet.
    pub(super) fn carried(self) -> Result<Carried<'a>, Problem> {
        match self {
            Self::Ipv4(packet) => ipv4(packet),
            Self::Ipv6(packet) => ipv6(packet),
        }
    }
}

fn ipv4(packet: &[u8]) -> Result<Carried<'_>, Problem> {
    let early = Problem::Early { had: packet.len() };
    if packet.first().ok_or(early)? >> 4 != 4 {
        return Ok(Carried::Other);
    }
    let protocol = octet(packet, 9).ok_or(early)?;
    if ![IP_PROTOCOL, protocol::AUTHENTICATION].contains(&protocol) && !tunnel::is_tunnel(protocol) {
        return Ok(Carried::Other);
    }
    let Some(header) = packet.first_chunk::<IPV4_HEADER>() else {
        // With an authentication header or a tunnel nobody knows yet.
        let needed = IPV4_HEADER;
        return Err(if protocol == IP_PROTOCOL { Problem::Cut { had: packet.len(), needed } } else { early });
    };
    let options_end = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = Fragment::of_ipv4(u16::from_be_bytes([header[6], header[7]]));
    let chain = match fragment {
        // Its first octets are not a header.
        Fragment::Later => Chain { protocol, at: options_end, fragment, authenticated: false },
        Fragment::Whole | Fragment::First => {
            Chain { fragment, ..Chain::walk(packet, protocol, options_end.max(IPV4_HEADER), total)? }
        }
    };
    if chain.protocol != IP_PROTOCOL {
        return chain.tunnel(packet, total);
    }
    if options_end < IPV4_HEADER || total < chain.at {
        return Err(Problem::Lengths { header: options_end.max(chain.at), total });
    }
    if fragment != Fragment::Whole {
        return Err(Problem::Fragment);
    }
    let [.., a, b, c, d, e, f, g, h] = *header;
    let endpoints = Endpoints::V4 { source: Ipv4Addr::new(a, b, c, d), destination: Ipv4Addr::new(e, f, g, h) };
    let payload = packet.get(chain.at..total).ok_or(Problem::Cut { had: packet.len(), needed: total })?;
    Ok(Carried::Vrrp(Datagram { endpoints, ttl: header[8], authenticated: chain.authenticated, payload }))
}

fn ipv6(packet: &[u8]) -> Result<Carried<'_>, Problem> {
    let early = Problem::Early { had: packet.len() };
    if packet.first().ok_or(early)? >> 4 != 6 {
        return Ok(Carried::Other);
    }
    let next = octet(packet, 6).ok_or(early)?;
    let total = IPV6_HEADER + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    let chain = Chain::walk(packet, next, IPV6_HEADER, total)?;
    if chain.protocol != IP_PROTOCOL {
        return chain.tunnel(packet, total);
    }
    if total < chain.at {
        return Err(Problem::Lengths { header: chain.at, total });
    }
    if chain.fragment != Fragment::Whole {
        return Err(Problem::Fragment);
    }
    let cut = Problem::Cut { had: packet.len(), needed: total };
    let address = |at: usize| {
        let octets = packet.get(at..).and_then(|rest| rest.first_chunk::<16>());
        octets.map(|octets| Ipv6Addr::from(*octets)).ok_or(cut)
    };
    let endpoints = Endpoints::V6 { source: address(8)?, destination: address(24)? };
    let payload = packet.get(chain.at..total).ok_or(cut)?;
    let ttl = octet(packet, 7).ok_or(cut)?;
    Ok(Carried::Vrrp(Datagram { endpoints, ttl, authenticated: chain.authenticated, payload }))
}

/// The part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fragment {
    Whole,
    First,
    Later,
}

impl Fragment {
    /// Reads the field of an IPv4 header: flags, and the offset in units of eight octets.
    const fn of_ipv4(field: u16) -> Self {
        match (field & 0x1fff, field & 0x2000) {
            (0, 0) => Self::Whole,
            (0, _) => Self::First,
            _ => Self::Later,
        }
    }

    /// Reads the field of a fragment header: the offset in units of eight octets, two reserved bits, and the bit for more.
    const fn of_ipv6(field: u16) -> Self {
        match (field & 0xfff8, field & 1) {
            (0, 0) => Self::Whole,
            (0, _) => Self::First,
            _ => Self::Later,
        }
    }
}

/// The end of the extension headers, and what follows them.
struct Chain {
    protocol: u8,
    at: usize,
    fragment: Fragment,
    authenticated: bool,
}

impl Chain {
    /// Walks the headers that begin at an offset with one of `protocol`.
    fn walk(packet: &[u8], protocol: u8, at: usize, total: usize) -> Result<Self, Problem> {
        let mut chain = Self { protocol, at, fragment: Fragment::Whole, authenticated: false };
        while chain.fragment == Fragment::Whole {
            let extension = match chain.protocol {
                protocol::HOP_BY_HOP
                | protocol::ROUTING
                | protocol::DESTINATION
                | protocol::FRAGMENT
                | protocol::AUTHENTICATION => packet.get(chain.at..).unwrap_or_default(),
                _ => break,
            };
            let Some([next, length, high, low]) = extension.first_chunk() else {
                let (had, header) = (packet.len(), chain.at);
                return Err(if had < total { Problem::Early { had } } else { Problem::Lengths { header, total } });
            };
            chain.at += match chain.protocol {
                protocol::FRAGMENT => {
                    chain.fragment = Fragment::of_ipv6(u16::from_be_bytes([*high, *low]));
                    8
                }
                protocol::AUTHENTICATION => {
                    chain.authenticated = true;
                    (usize::from(*length) + 2) * AUTHENTICATION_UNIT
                }
                _ => (usize::from(*length) + 1) * 8,
            };
            chain.protocol = *next;
        }
        Ok(chain)
    }

    /// Returns the contents of a packet without VRRP itself. The first fragment of a tunnel may be enough.
    fn tunnel<'a>(&self, packet: &'a [u8], total: usize) -> Result<Carried<'a>, Problem> {
        if self.fragment == Fragment::Later {
            return Ok(Carried::Other);
        }
        let had = packet.len();
        let payload = packet.get(self.at..total.min(had)).unwrap_or_default();
        match tunnel::open(self.protocol, payload) {
            Some(found) => Ok(found.map_or(Carried::Other, Carried::Tunnel)),
            None if had < total => Err(Problem::Early { had }),
            None => Ok(Carried::Other),
        }
    }
}

fn octet(octets: &[u8], at: usize) -> Option<u8> {
    octets.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: [u8; 8] = [0x31, 1, 100, 0, 0, 100, 0, 0];
    const SOURCE: [u8; 4] = [192, 0, 2, 251];
    const GROUP: [u8; 4] = [224, 0, 0, 18];

    fn v4(protocol: u8, fragment: u16, options: &[u8], rest: &[u8]) -> Vec<u8> {
        let header = 20 + options.len();
        let [high, low] = u16::try_from(header + rest.len()).unwrap().to_be_bytes();
        let [f, g] = fragment.to_be_bytes();
        let first = [0x40 | u8::try_from(header / 4).unwrap(), 0xc0, high, low, 0, 0, f, g, 255, protocol, 0, 0];
        [&first[..], &SOURCE, &GROUP, options, rest].concat()
    }

    fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&[0x60, 0, 0, 0, high, low, next, 255][..], &[0xfe; 16], &[0xff; 16], rest].concat()
    }

    fn payload<'a>(network: Network<'a>) -> Result<Option<&'a [u8]>, Problem> {
        network.carried().map(|carried| match carried {
            Carried::Vrrp(datagram) => Some(datagram.payload),
            Carried::Tunnel(_) | Carried::Other => None,
        })
    }

    const AH: [u8; 24] = [112, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];

    #[test]
    fn the_message_lies_behind_options_and_an_authentication_header_and_before_the_padding() {
        let behind_ah = [&AH[..], &MESSAGE].concat();
        for packet in [v4(112, 0x4000, &[], &MESSAGE), v4(112, 0, &[1; 8], &MESSAGE), v4(51, 0, &[], &behind_ah)] {
            assert_eq!(payload(Network::Ipv4(&packet)), Ok(Some(&MESSAGE[..])));
            let padded = [&packet[..], &[0; 18]].concat();
            assert_eq!(payload(Network::Ipv4(&padded)), Ok(Some(&MESSAGE[..])));
        }
    }

    #[test]
    fn ipv6_extension_headers_are_walked() {
        let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
        let atomic = [112, 0, 0, 0, 0, 0, 0, 9];
        let chains: [(u8, Vec<&[u8]>); 5] = [
            (112, vec![]),
            (0, vec![&[112, 0, 1, 4, 0, 0, 0, 0]]),
            (51, vec![&AH]),
            (44, vec![&atomic]),
            (60, vec![&[43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[51, 0, 0, 0, 0, 0, 0, 0], &AH]),
        ];
        for (next, chain) in chains {
            let rest = [&chain.concat()[..], &MESSAGE, &[]].concat();
            let packet = v6(next, &rest);
            assert_eq!(payload(Network::Ipv6(&packet)), Ok(Some(&MESSAGE[..])), "{next}: {chain:?}");
            for len in 0..packet.len() {
                let cut = payload(Network::Ipv6(&packet[..len]));
                assert!(matches!(cut, Err(Problem::Early { .. } | Problem::Cut { .. })), "{next}, {len}: {cut:?}");
            }
        }
        let tcp = v6(0, &[&options(6)[..], &[0; 20]].concat());
        assert_eq!(payload(Network::Ipv6(&tcp)), Ok(None));
    }

    #[test]
    fn a_fragment_is_not_the_whole() {
        for fragment in [0x2000, 1, 0x2001] {
            assert_eq!(payload(Network::Ipv4(&v4(112, fragment, &[], &MESSAGE))), Err(Problem::Fragment));
        }
        assert_eq!(payload(Network::Ipv4(&v4(6, 0x2000, &[], &MESSAGE))), Ok(None));
        for offset in [[0, 1], [0, 8]] {
            let rest = [&[112, 0, offset[0], offset[1], 0, 0, 0, 9][..], &MESSAGE].concat();
            assert_eq!(payload(Network::Ipv6(&v6(44, &rest))), Err(Problem::Fragment));
        }
    }

    #[test]
    fn lengths_that_contradict_each_other_are_named() {
        let mut short = v4(112, 0, &[1; 8], &MESSAGE);
        short[3] = 24;
        assert_eq!(payload(Network::Ipv4(&short)), Err(Problem::Lengths { header: 28, total: 24 }));
        let mut header = v4(112, 0, &[], &MESSAGE);
        header[0] = 0x44;
        assert!(matches!(payload(Network::Ipv4(&header)), Err(Problem::Lengths { .. })));
        let mut extension = v6(60, &[&[112, 40, 0, 0, 0, 0, 0, 0][..], &MESSAGE].concat());
        assert!(matches!(payload(Network::Ipv6(&extension)), Err(Problem::Lengths { .. })));
        extension[5] = 0;
        assert!(matches!(payload(Network::Ipv6(&extension)), Err(Problem::Lengths { .. })));
    }

    #[test]
    fn an_authentication_header_is_noticed() {
        let behind_ah = [&AH[..], &MESSAGE].concat();
        for (packet, expected) in [(v4(112, 0, &[], &MESSAGE), false), (v4(51, 0, &[], &behind_ah), true)] {
            let carried = Network::Ipv4(&packet).carried();
            assert!(matches!(carried, Ok(Carried::Vrrp(found)) if found.authenticated == expected), "{carried:?}");
        }
    }

    #[test]
    fn a_tunnel_is_opened_in_its_first_fragment_only_and_without_the_padding() {
        let gre = [&[0, 0, 8, 0][..], &MESSAGE].concat();
        let tunnel = |packet: &[u8]| match Network::Ipv4(packet).carried() {
            Ok(Carried::Tunnel(tunnel)) => Some(tunnel.frame.to_vec()),
            Ok(Carried::Other) => None,
            other => panic!("{other:?}"),
        };
        for (fragment, expected) in [(0, Some(MESSAGE.to_vec())), (0x2000, Some(MESSAGE.to_vec())), (0x2001, None)] {
            let padded = [&v4(47, fragment, &[1; 4], &gre)[..], &[0; 9]].concat();
            assert_eq!(tunnel(&padded), expected, "{fragment:#x}");
        }
        let cut = v4(47, 0, &[], &gre);
        assert_eq!(Network::Ipv4(&cut[..22]).carried(), Err(Problem::Early { had: 22 }));
        // A payload that is complete and too short is not a tunnel, and nothing is missing.
        assert_eq!(tunnel(&v4(47, 0, &[], &[0, 0, 8])), None);
        assert_eq!(tunnel(&v4(17, 0, &[], &[0, 0, 8])), None);
    }

    #[test]
    fn other_protocols_are_nothing_even_when_cut() {
        let tcp = v4(6, 0, &[], &[0; 20]);
        assert!((10..tcp.len()).all(|len| payload(Network::Ipv4(&tcp[..len])) == Ok(None)));
        assert!((0..10).all(|len| payload(Network::Ipv4(&tcp[..len])) == Err(Problem::Early { had: len })));
    }
}
