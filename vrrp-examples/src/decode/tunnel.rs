//! Tunnels: from the payload of an IP packet to the frame in it.

use super::link::{Link, ethertype};

/// A frame that travels in an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tunnel<'a> {
    pub(super) name: &'static str,
    pub(super) link: Link,
    pub(super) frame: &'a [u8],
}

mod protocol {
    pub(super) const IPV4: u8 = 4;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const GRE: u8 = 47;
}

/// The ports of tunnels over UDP.
mod port {
    /// The assigned port, and the default of Linux.
    pub(super) const VXLAN: [u16; 2] = [4789, 8472];
    pub(super) const VXLAN_GPE: u16 = 4790;
    pub(super) const GENEVE: u16 = 6081;
}

/// EtherTypes in GRE.
mod gre {
    pub(super) const CHECKSUM: u16 = 0x8000;
    pub(super) const ROUTING: u16 = 0x4000;
    pub(super) const KEY: u16 = 0x2000;
    pub(super) const SEQUENCE: u16 = 0x1000;
    /// Version 1 is PPTP.
    pub(super) const VERSION: u16 = 0x0007;
    /// ERSPAN I and II, which are told apart by the sequence number.
    pub(super) const ERSPAN: u16 = 0x88be;
    pub(super) const ERSPAN_3: u16 = 0x22eb;
}

/// Returns true if an IP packet of a protocol may hold a frame.
pub(super) const fn is_tunnel(protocol: u8) -> bool {
    matches!(protocol, protocol::IPV4 | protocol::UDP | protocol::IPV6 | protocol::GRE)
}

/// Opens the payload of an IP packet. The outer `None` means that it ends too early to tell; the inner, that it has no frame.
pub(super) fn open(protocol: u8, payload: &[u8]) -> Option<Option<Tunnel<'_>>> {
    match protocol {
        protocol::IPV4 => Some(Some(Tunnel { name: "IP in IP", link: Link::RawIpv4, frame: payload })),
        protocol::IPV6 => Some(Some(Tunnel { name: "IPv6 in IP", link: Link::RawIpv6, frame: payload })),
        protocol::UDP => udp(payload),
        protocol::GRE => gre(payload),
        _ => Some(None),
    }
}

fn udp(payload: &[u8]) -> Option<Option<Tunnel<'_>>> {
    let port = half(payload, 2)?;
    let datagram = payload.get(8..);
    if port::VXLAN.contains(&port) {
        vxlan(datagram?)
    } else if port == port::VXLAN_GPE {
        vxlan_gpe(datagram?)
    } else if port == port::GENEVE {
        geneve(datagram?)
    } else {
        Some(None)
    }
}

fn vxlan(datagram: &[u8]) -> Option<Option<Tunnel<'_>>> {
    const HAS_NETWORK: u8 = 0x08;
    let (header, frame) = datagram.split_first_chunk::<8>()?;
    Some((header[0] & HAS_NETWORK != 0).then_some(Tunnel { name: "VXLAN", link: Link::Ethernet, frame }))
}

fn vxlan_gpe(datagram: &[u8]) -> Option<Option<Tunnel<'_>>> {
    let (header, frame) = datagram.split_first_chunk::<8>()?;
    let link = match header[3] {
        1 => Link::RawIpv4,
        2 => Link::RawIpv6,
        3 => Link::Ethernet,
        _ => return Some(None),
    };
    Some(Some(Tunnel { name: "VXLAN-GPE", link, frame }))
}

fn geneve(datagram: &[u8]) -> Option<Option<Tunnel<'_>>> {
    let version_length = datagram.first()?;
    let options = usize::from(version_length & 0x3f) * 4;
    let link = typed(half(datagram, 2)?);
    let frame = datagram.get(8 + options..)?;
    Some((version_length >> 6 == 0).then_some(Tunnel { name: "Geneve", link, frame }))
}

fn gre(payload: &[u8]) -> Option<Option<Tunnel<'_>>> {
    let (flags, kind) = (half(payload, 0)?, half(payload, 2)?);
    if flags & (gre::VERSION | gre::ROUTING) != 0 {
        return Some(None);
    }
    let fields = [gre::CHECKSUM, gre::KEY, gre::SEQUENCE].into_iter().filter(|flag| flags & flag != 0).count();
    let rest = payload.get(4 + 4 * fields..)?;
    match kind {
        gre::ERSPAN if flags & gre::SEQUENCE == 0 => {
            Some(Some(Tunnel { name: "ERSPAN I", link: Link::Ethernet, frame: rest }))
        }
        gre::ERSPAN => {
            let frame = rest.get(8..)?;
            Some(Some(Tunnel { name: "ERSPAN II", link: Link::Ethernet, frame }))
        }
        gre::ERSPAN_3 => erspan_3(rest),
        _ => Some(Some(Tunnel { name: "GRE", link: typed(kind), frame: rest })),
    }
}

fn erspan_3(rest: &[u8]) -> Option<Option<Tunnel<'_>>> {
    let (header, rest) = rest.split_first_chunk::<12>()?;
    let has_subheader = header[11] & 1 != 0;
    let frame = if has_subheader { rest.get(8..)? } else { rest };
    let link = match header[10] >> 2 & 0x1f {
        0 => Link::Ethernet,
        2 => Link::Raw,
        _ => return Some(None),
    };
    Some(Some(Tunnel { name: "ERSPAN III", link, frame }))
}

/// Returns the link type for an EtherType.
const fn typed(kind: u16) -> Link {
    match kind {
        ethertype::BRIDGED => Link::Ethernet,
        other => Link::Stripped(other),
    }
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = &[0xfa, 0xce];

    fn to_port(port: u16, rest: &[&[u8]]) -> Vec<u8> {
        let [high, low] = port.to_be_bytes();
        [&[0xc0, 0, high, low, 0, 0, 0, 0][..], &rest.concat(), FRAME].concat()
    }

    fn gre(flags: u16, kind: u16, rest: &[&[u8]]) -> Vec<u8> {
        [&flags.to_be_bytes()[..], &kind.to_be_bytes(), &rest.concat(), FRAME].concat()
    }

    #[test]
    fn every_tunnel_gives_up_its_frame_and_a_cut_one_does_not() {
        let (word, erspan) = (&[9; 4][..], &[0x10, 7, 0, 0, 0, 0, 0, 0][..]);
        let erspan_3 = |kind: u8, last: u8| [0x20, 7, 0, 0, 0, 0, 0, 0, 0, 0, kind << 2, last];
        let cases = [
            ("VXLAN", Link::Ethernet, 17, to_port(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0]])),
            ("VXLAN", Link::Ethernet, 17, to_port(8472, &[&[0x88, 0, 0, 9, 0, 0, 42, 0]])),
            ("VXLAN-GPE", Link::RawIpv4, 17, to_port(4790, &[&[0x0c, 0, 0, 1, 0, 0, 42, 0]])),
            ("VXLAN-GPE", Link::Ethernet, 17, to_port(4790, &[&[0x0c, 0, 0, 3, 0, 0, 42, 0]])),
            ("Geneve", Link::Ethernet, 17, to_port(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 42, 0]])),
            ("Geneve", Link::Stripped(0x0800), 17, to_port(6081, &[&[2, 0, 8, 0, 0, 0, 42, 0], word, word])),
            ("GRE", Link::Stripped(0x0800), 47, gre(0, 0x0800, &[])),
            ("GRE", Link::Stripped(0x86dd), 47, gre(0x2000, 0x86dd, &[word])),
            ("GRE", Link::Ethernet, 47, gre(0xb000, 0x6558, &[word, word, word])),
            ("ERSPAN I", Link::Ethernet, 47, gre(0, 0x88be, &[])),
            ("ERSPAN II", Link::Ethernet, 47, gre(0x1000, 0x88be, &[word, erspan])),
            ("ERSPAN III", Link::Ethernet, 47, gre(0x1000, 0x22eb, &[word, &erspan_3(0, 0)])),
            ("ERSPAN III", Link::Ethernet, 47, gre(0x1000, 0x22eb, &[word, &erspan_3(0, 1), word, word])),
            ("ERSPAN III", Link::Raw, 47, gre(0x1000, 0x22eb, &[word, &erspan_3(2, 0)])),
        ];
        for (name, link, protocol, payload) in cases {
            assert!(is_tunnel(protocol));
            assert_eq!(open(protocol, &payload), Some(Some(Tunnel { name, link, frame: FRAME })), "{name}");
            for len in 0..payload.len() - FRAME.len() {
                let cut = open(protocol, &payload[..len]);
                assert_eq!(cut, None, "{name} cut to {len}");
            }
        }
    }

    #[test]
    fn what_is_no_tunnel_holds_nothing() {
        let dns = to_port(53, &[]);
        let no_network = to_port(4789, &[&[0; 8]]);
        let nsh = to_port(4790, &[&[0x0c, 0, 0, 4, 0, 0, 42, 0]]);
        let of_the_future = to_port(6081, &[&[0x40, 0, 0x65, 0x58, 0, 0, 42, 0]]);
        let udp = [dns, no_network, nsh, of_the_future].map(|payload| (17, payload));
        let routed = gre(0x4000, 0x0800, &[&[0; 8]]);
        let pptp = gre(0x3001, 0x880b, &[&[0; 8]]);
        let trace = gre(0x1000, 0x22eb, &[&[0; 4], &[0x20, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3 << 2, 0]]);
        let gre = [routed, pptp, trace].map(|payload| (47, payload));
        for (protocol, payload) in udp.into_iter().chain(gre).chain([(6, vec![0; 20])]) {
            assert_eq!(open(protocol, &payload), Some(None), "{payload:02x?}");
        }
        assert!(!is_tunnel(6));
    }
}
