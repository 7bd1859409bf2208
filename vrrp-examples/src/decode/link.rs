//! What lies under IP: from a captured frame to the IP packet in it.

use super::Problem;

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
    /// Raw IP, as some systems number it.
    pub(super) const DLT_RAW: [u16; 2] = [12, 14];
    pub(super) const RAW: u16 = 101;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    /// 802.1Q, 802.1ad, and what was used before 802.1ad.
    pub(super) const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
}

/// The kind of link that a capture was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// The four octets of an address family.
    Loopback,
    LinuxCooked,
    LinuxCooked2,
    Raw,
    RawIpv4,
    RawIpv6,
    /// What the kernel hands out without a link header: the EtherType, and the packet.
    Stripped(u16),
}

impl Link {
    /// `None` for those that this program cannot read.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            number::ETHERNET => Self::Ethernet,
            number::NULL | number::LOOP => Self::Loopback,
            number::LINUX_SLL => Self::LinuxCooked,
            number::LINUX_SLL2 => Self::LinuxCooked2,
            number::IPV4 => Self::RawIpv4,
            number::IPV6 => Self::RawIpv6,
            raw if raw == number::RAW || number::DLT_RAW.contains(&raw) => Self::Raw,
            _ => return None,
        })
    }

    /// The IP packet in a frame; `None` when it carries something else.
    pub(super) fn network(self, frame: &[u8]) -> Result<Option<Network<'_>>, Problem> {
        let early = Problem::Early { had: frame.len() };
        match self {
            Self::Ethernet => typed(frame, 12, 14).ok_or(early),
            Self::LinuxCooked => typed(frame, 14, 16).ok_or(early),
            Self::LinuxCooked2 => typed(frame, 0, 20).ok_or(early),
            Self::Stripped(ethertype) => tagged(ethertype, frame).ok_or(early),
            Self::Raw => match frame.first().ok_or(early)? >> 4 {
                4 => Ok(Some(Network::Ipv4(frame))),
                6 => Ok(Some(Network::Ipv6(frame))),
                _ => Ok(None),
            },
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

/// Behind an EtherType at one offset, the packet at another. The outer `None`: the frame ends too early to tell.
fn typed(frame: &[u8], ethertype: usize, packet: usize) -> Option<Option<Network<'_>>> {
    let packet = frame.get(packet..)?;
    tagged(u16::from_be_bytes(*frame.get(ethertype..)?.first_chunk()?), packet)
}

/// Behind any number of VLAN tags. The outer `None` as in `typed`.
fn tagged(mut ethertype: u16, mut rest: &[u8]) -> Option<Option<Network<'_>>> {
    while ethertype::TAGS.contains(&ethertype) {
        let ([_, _, high, low], packet) = rest.split_first_chunk()?;
        (ethertype, rest) = (u16::from_be_bytes([*high, *low]), packet);
    }
    Some(match ethertype {
        ethertype::IPV4 => Some(Network::Ipv4(rest)),
        ethertype::IPV6 => Some(Network::Ipv6(rest)),
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
