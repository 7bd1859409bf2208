//! The layers below IP: from a captured frame to the IP packet in it.

use super::problem::Problem;

/// An IP packet, with whatever padding follows it in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network<'a> {
    Ipv4(&'a [u8]),
    Ipv6(&'a [u8]),
}

/// Link types by their numbers in captures.
mod number {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    /// With or without HDLC's address and control.
    pub(super) const PPP: [u16; 2] = [9, 50];
    pub(super) const PPPOE: u16 = 51;
    pub(super) const LLC: u16 = 100;
    pub(super) const CISCO_HDLC: u16 = 104;
    pub(super) const FRAME_RELAY: u16 = 107;
    /// Raw IP, as some systems number it.
    pub(super) const DLT_RAW: [u16; 2] = [12, 14];
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

pub(super) mod ethertype {
    /// The largest number that is a length of LLC data and not a type. Linux uses 4 for LLC.
    pub(in crate::decode) const LAST_LENGTH: u16 = 1500;
    pub(in crate::decode) const IPV4: u16 = 0x0800;
    pub(in crate::decode) const IPV6: u16 = 0x86dd;
    /// Ethernet in something else.
    pub(in crate::decode) const BRIDGED: u16 = 0x6558;
    pub(in crate::decode) const MPLS: [u16; 2] = [0x8847, 0x8848];
    pub(in crate::decode) const PPPOE: u16 = 0x8864;
    /// 802.1Q, 802.1ad, and what was used before 802.1ad.
    pub(in crate::decode) const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
}

/// Protocol numbers of PPP.
mod ppp {
    pub(super) const IPV4: u16 = 0x0021;
    pub(super) const IPV6: u16 = 0x0057;
}

/// First octets of a frame of RFC 2427.
mod nlpid {
    pub(super) const SNAP: u8 = 0x80;
    pub(super) const IPV6: u8 = 0x8e;
    pub(super) const IPV4: u8 = 0xcc;
}

/// The organizations whose numbers follow in SNAP.
mod organization {
    /// They are EtherTypes.
    pub(super) const ETHERTYPE: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];
    /// 802.1, where 1 and 7 are Ethernet, with and without a frame check sequence.
    pub(super) const BRIDGES: [u8; 3] = [0, 0x80, 0xc2];
}

/// The control field of an unnumbered frame.
const CONTROL: u8 = 0x03;

/// The kind of link that a capture was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// The four octets of an address family.
    Loopback,
    LinuxCooked,
    LinuxCooked2,
    Ppp,
    Pppoe,
    Llc,
    CiscoHdlc,
    FrameRelay,
    Raw,
    RawIpv4,
    RawIpv6,
    /// An EtherType, and a packet that the kernel delivers without a link header.
    Stripped(u16),
}

impl Link {
    /// Returns the link type of a number; `None` if this program cannot read it.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            number::ETHERNET => Self::Ethernet,
            number::NULL | number::LOOP => Self::Loopback,
            number::LINUX_SLL => Self::LinuxCooked,
            number::LINUX_SLL2 => Self::LinuxCooked2,
            number::PPPOE => Self::Pppoe,
            number::LLC => Self::Llc,
            number::CISCO_HDLC => Self::CiscoHdlc,
            number::FRAME_RELAY => Self::FrameRelay,
            ppp if number::PPP.contains(&ppp) => Self::Ppp,
            number::IPV4 => Self::RawIpv4,
            number::IPV6 => Self::RawIpv6,
            raw if raw == number::RAW || number::DLT_RAW.contains(&raw) => Self::Raw,
            _ => return None,
        })
    }

    /// Returns the IP packet in a frame; `None` if the frame carries something else.
    pub(super) fn network(self, frame: &[u8]) -> Result<Option<Network<'_>>, Problem> {
        let early = Problem::Early { had: frame.len() };
        match self {
            Self::Ethernet => typed(frame, 12, 14).ok_or(early),
            Self::LinuxCooked => typed(frame, 14, 16).ok_or(early),
            Self::LinuxCooked2 => typed(frame, 0, 20).ok_or(early),
            Self::Stripped(ethertype) => tagged(ethertype, frame).ok_or(early),
            Self::Ppp => ppp(frame).ok_or(early),
            Self::Pppoe => pppoe(frame).ok_or(early),
            // A length of 0 is as good as any.
            Self::Llc => tagged(0, frame).ok_or(early),
            Self::CiscoHdlc => typed(frame, 2, 4).ok_or(early),
            Self::FrameRelay => frame_relay(frame).ok_or(early),
            Self::Raw => by_version(frame).ok_or(early),
            Self::RawIpv4 => Ok(Some(Network::Ipv4(frame))),
            Self::RawIpv6 => Ok(Some(Network::Ipv6(frame))),
            Self::Loopback => {
                let (family, packet) = frame.split_first_chunk().ok_or(early)?;
                // In the byte order of whoever captured it, and all numbers are small. 10 is Linux, the others are
                // the BSDs.
                Ok(match u32::from_le_bytes(*family).min(u32::from_be_bytes(*family)) {
                    2 => Some(Network::Ipv4(packet)),
                    10 | 24 | 28 | 30 => Some(Network::Ipv6(packet)),
                    _ => None,
                })
            }
        }
    }
}

/// Finds the packet behind an EtherType, each at its offset. The outer `None` means that the frame ends too early to tell.
fn typed(frame: &[u8], ethertype: usize, packet: usize) -> Option<Option<Network<'_>>> {
    let packet = frame.get(packet..)?;
    tagged(u16::from_be_bytes(*frame.get(ethertype..)?.first_chunk()?), packet)
}

/// Finds the IP packet behind any number of VLAN tags, MPLS labels, and other headers between an EtherType and IP. The outer
/// `None` means the same as in `typed`. Every round leaves less of the frame.
fn tagged(mut ethertype: u16, mut rest: &[u8]) -> Option<Option<Network<'_>>> {
    loop {
        (ethertype, rest) = match ethertype {
            ethertype::IPV4 => return Some(Some(Network::Ipv4(rest))),
            ethertype::IPV6 => return Some(Some(Network::Ipv6(rest))),
            ethertype::PPPOE => return pppoe(rest),
            mpls if ethertype::MPLS.contains(&mpls) => return labelled(rest),
            tag if ethertype::TAGS.contains(&tag) => {
                let ([_, _, high, low], packet) = rest.split_first_chunk()?;
                (u16::from_be_bytes([*high, *low]), packet)
            }
            ..=ethertype::LAST_LENGTH => match llc(rest)? {
                Llc::Ip(packet) => return Some(Some(Network::Ipv4(packet))),
                Llc::Typed(ethertype, packet) => (ethertype, packet),
                Llc::Other => return Some(None),
            },
            _ => return Some(None),
        };
    }
}

/// Finds the packet behind a stack of MPLS labels.
fn labelled(mut rest: &[u8]) -> Option<Option<Network<'_>>> {
    const BOTTOM: u8 = 1;
    loop {
        let ([_, _, last, _], packet) = rest.split_first_chunk()?;
        rest = packet;
        if last & BOTTOM != 0 {
            return by_version(rest);
        }
    }
}

fn pppoe(rest: &[u8]) -> Option<Option<Network<'_>>> {
    const SESSION: u8 = 0;
    match rest.split_first_chunk::<6>()? {
        ([_, SESSION, ..], payload) => ppp(payload),
        _ => Some(None),
    }
}

fn ppp(frame: &[u8]) -> Option<Option<Network<'_>>> {
    const HDLC: [u8; 2] = [0xff, CONTROL];
    let frame = frame.strip_prefix(&HDLC).unwrap_or(frame);
    let (protocol, packet) = match frame {
        [0xff] => return None,
        // The last octet of a protocol is odd, and what was 0 before it may be left out.
        [low, packet @ ..] if low & 1 != 0 => (u16::from(*low), packet),
        [high, low, packet @ ..] => (u16::from_be_bytes([*high, *low]), packet),
        _ => return None,
    };
    Some(match protocol {
        ppp::IPV4 => Some(Network::Ipv4(packet)),
        ppp::IPV6 => Some(Network::Ipv6(packet)),
        _ => None,
    })
}

/// The contents behind a header of logical link control.
enum Llc<'a> {
    Ip(&'a [u8]),
    /// Behind SNAP and an EtherType.
    Typed(u16, &'a [u8]),
    Other,
}

fn llc(frame: &[u8]) -> Option<Llc<'_>> {
    const IP: u8 = 0x06;
    const SNAP: u8 = 0xaa;
    match frame {
        [IP, IP, CONTROL, packet @ ..] => Some(Llc::Ip(packet)),
        [SNAP, SNAP, CONTROL, rest @ ..] => {
            let (organization, number, packet) = snap(rest)?;
            let is_ethertype = organization::ETHERTYPE.contains(&organization);
            Some(if is_ethertype { Llc::Typed(number, packet) } else { Llc::Other })
        }
        [] | [IP] | [IP, IP] | [SNAP] | [SNAP, SNAP] => None,
        _ => Some(Llc::Other),
    }
}

/// Returns an organization, its number for the data, and the data.
fn snap(rest: &[u8]) -> Option<([u8; 3], u16, &[u8])> {
    let ([a, b, c, high, low], packet) = rest.split_first_chunk()?;
    Some(([*a, *b, *c], u16::from_be_bytes([*high, *low]), packet))
}

/// Finds the packet in frame relay of RFC 2427, or of Cisco before it: an EtherType behind the address.
fn frame_relay(frame: &[u8]) -> Option<Option<Network<'_>>> {
    const LAST_OF_ADDRESS: u8 = 1;
    const LONGEST_ADDRESS: usize = 4;
    let address = match frame.iter().position(|octet| octet & LAST_OF_ADDRESS != 0) {
        Some(last) if last < LONGEST_ADDRESS => last + 1,
        None if frame.len() < LONGEST_ADDRESS => return None,
        _ => return Some(None),
    };
    let rest = frame.get(address..)?;
    match *rest.first_chunk()? {
        // A zero may be before the type, to align the data behind it.
        [CONTROL, 0] => by_nlpid(rest.get(2..)?),
        [CONTROL, _] => by_nlpid(rest.get(1..)?),
        [high, low] => tagged(u16::from_be_bytes([high, low]), rest.get(2..)?),
    }
}

fn by_nlpid(rest: &[u8]) -> Option<Option<Network<'_>>> {
    let (nlpid, packet) = rest.split_first()?;
    match *nlpid {
        nlpid::IPV4 => Some(Some(Network::Ipv4(packet))),
        nlpid::IPV6 => Some(Some(Network::Ipv6(packet))),
        nlpid::SNAP => match snap(packet)? {
            (organization::BRIDGES, 1 | 7, ethernet) => typed(ethernet, 12, 14),
            (organization, ethertype, packet) if organization::ETHERTYPE.contains(&organization) => {
                tagged(ethertype, packet)
            }
            _ => Some(None),
        },
        _ => Some(None),
    }
}

/// Finds an IP packet by its version field.
fn by_version(packet: &[u8]) -> Option<Option<Network<'_>>> {
    Some(match packet.first()? >> 4 {
        4 => Some(Network::Ipv4(packet)),
        6 => Some(Network::Ipv6(packet)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &[u8] = &[0x45, 1, 2, 3];

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn every_link_layer_gives_up_its_packet() {
        let ethernet = |rest: &[u8]| frame(&[&[0; 12], rest, IP]);
        let cases = [
            (1, ethernet(&[8, 0])),
            (1, ethernet(&[0x81, 0, 0, 5, 8, 0])),
            (1, ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 8, 0])),
            (1, ethernet(&[0x91, 0, 0, 7, 0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0])),
            (113, frame(&[&[0; 14], &[8, 0], IP])),
            (113, frame(&[&[0; 14], &[0x81, 0, 0, 5, 8, 0], IP])),
            (276, frame(&[&[8, 0], &[0; 18], IP])),
            (0, frame(&[&[2, 0, 0, 0], IP])),
            (0, frame(&[&[0, 0, 0, 2], IP])),
            (108, frame(&[&[0, 0, 0, 2], IP])),
            (12, IP.to_vec()),
            (14, IP.to_vec()),
            (101, IP.to_vec()),
            (228, IP.to_vec()),
        ];
        for (number, octets) in cases {
            let link = Link::from_number(number).unwrap();
            assert_eq!(link.network(&octets), Ok(Some(Network::Ipv4(IP))), "link type {number}: {octets:02x?}");
        }
    }

    #[test]
    fn what_stands_between_a_frame_and_its_packet_is_passed_and_a_cut_in_it_noticed() {
        const SNAP: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        const SESSION: &[u8] = &[0x11, 0, 0, 1, 0, 6];
        let ethernet = |rest: &[u8]| frame(&[&[0; 12], rest]);
        let bridged =
            frame(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0]]);
        let headers = [
            (1, ethernet(&frame(&[&[0, 12], SNAP]))),
            (1, ethernet(&frame(&[&[0x81, 0, 0, 5, 0, 12], SNAP]))),
            (1, ethernet(&frame(&[&[0, 12, 0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0]]))),
            (1, ethernet(&[0, 7, 6, 6, 3])),
            (1, ethernet(&frame(&[&[0x88, 0x64], SESSION, &[0, 0x21]]))),
            (1, ethernet(&frame(&[&[0x81, 0, 0, 5, 0x88, 0x64], SESSION, &[0x21]]))),
            (1, ethernet(&[0x88, 0x47, 0, 1, 0, 255, 0, 2, 1, 255])),
            (113, frame(&[&[0; 14], &[0, 4], SNAP])),
            (9, vec![0, 0x21]),
            (9, vec![0xff, 3, 0, 0x21]),
            (50, vec![0xff, 3, 0, 0x21]),
            (51, frame(&[SESSION, &[0, 0x21]])),
            (100, SNAP.to_vec()),
            (104, vec![0x0f, 0, 8, 0]),
            (107, vec![0x18, 0x41, 3, 0xcc]),
            (107, vec![0x18, 0x40, 0x40, 0x41, 3, 0xcc]),
            (107, frame(&[&[0x18, 0x41, 3, 0, 0x80], &SNAP[3..]])),
            (107, vec![0x18, 0x41, 8, 0]),
            (107, bridged),
        ];
        for (number, header) in headers {
            let (link, whole) = (Link::from_number(number).unwrap(), frame(&[&header, IP]));
            assert_eq!(link.network(&whole), Ok(Some(Network::Ipv4(IP))), "link type {number}: {header:02x?}");
            for len in 0..header.len() {
                let cut = link.network(&header[..len]);
                assert_eq!(cut, Err(Problem::Early { had: len }), "link type {number}: {header:02x?}");
            }
        }
        let others = [
            (1, ethernet(&[0, 7, 0x42, 0x42, 3, 0, 0, 0])),
            (1, ethernet(&[0, 9, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1, 2])),
            (1, ethernet(&[0x88, 0x64, 0x11, 0xa7, 0, 1, 0, 6, 0, 0x21])),
            (9, vec![0xc0, 0x21, 1, 1]),
            (107, vec![0x18, 0x41, 3, 8, 1, 2]),
            (107, vec![0; 8]),
        ];
        for (number, octets) in others {
            assert_eq!(Link::from_number(number).unwrap().network(&octets), Ok(None), "{number}: {octets:02x?}");
        }
    }

    #[test]
    fn wrappers_without_end_take_no_stack() {
        let round = [0x81, 0, 0, 5, 0, 12, 0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 5, 0, 12, 0xaa, 0xaa, 3, 0, 0, 0];
        let endless = frame(&[&[0; 12], &round.repeat(1 << 19)]);
        assert_eq!(Link::Ethernet.network(&endless), Err(Problem::Early { had: endless.len() }));
        let endless = frame(&[&[0; 12], &[0x88, 0x47], &[0; 1 << 22]]);
        assert_eq!(Link::Ethernet.network(&endless), Err(Problem::Early { had: endless.len() }));
    }

    #[test]
    fn ipv6_is_told_by_its_own_marks() {
        let ip: &[u8] = &[0x60, 1, 2, 3];
        let families = [[0, 0, 0, 24], [0, 0, 0, 28], [30, 0, 0, 0], [10, 0, 0, 0]];
        let loopback = families.iter().map(|family| (0, frame(&[family, ip])));
        let others = [(1, frame(&[&[0; 12], &[0x86, 0xdd], ip])), (101, ip.to_vec()), (229, ip.to_vec())];
        for (number, octets) in loopback.chain(others) {
            let link = Link::from_number(number).unwrap();
            assert_eq!(link.network(&octets), Ok(Some(Network::Ipv6(ip))), "link type {number}: {octets:02x?}");
        }
    }

    #[test]
    fn other_protocols_are_nothing_and_a_cut_header_is_a_problem() {
        let arp = frame(&[&[0; 12], &[8, 6], &[0; 28]]);
        assert_eq!(Link::Ethernet.network(&arp), Ok(None));
        let length = frame(&[&[0; 12], &[0, 40], &[0; 40]]);
        assert_eq!(Link::Ethernet.network(&length), Ok(None), "802.3");
        assert_eq!(Link::from_number(127), None);
        let tagged = frame(&[&[0; 12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 8, 0]]);
        for len in 0..tagged.len() {
            assert_eq!(Link::Ethernet.network(&tagged[..len]), Err(Problem::Early { had: len }));
        }
    }
}
