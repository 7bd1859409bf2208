//! An advertisement that is larger than the link's MTU, cut into packets that are not (RFC 791 section 3.2, RFC 8200 section
//! 4.5).

use std::io;

use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header};

/// Offsets count in these.
const UNIT: usize = 8;

/// Headers, each with the part of the payload that follows it. One that fits stays whole.
pub(crate) type Packets<'a> = Vec<(Vec<u8>, &'a [u8])>;

/// Cuts an IPv4 packet. All fragments carry `identification`. `None`: not even eight octets fit.
pub(crate) fn ipv4<'a>(header: &Ipv4Header, payload: &'a [u8], mtu: usize, identification: u16) -> Option<Packets<'a>> {
    let len = header.header_len();
    let parts = cut(payload, mtu, len, len)?;
    let whole = parts.len() == 1;
    let packet = |(at, part): (usize, &'a [u8])| {
        let mut header = header.clone();
        if !whole {
            header.identification = identification;
            header.dont_fragment = false;
            header.more_fragments = at + part.len() < payload.len();
            header.fragment_offset = offset(at)?;
            header.set_payload_len(part.len()).ok()?;
        }
        header.header_checksum = header.calc_header_checksum();
        Some((header.to_bytes().to_vec(), part))
    };
    parts.into_iter().map(packet).collect()
}

/// Cuts an IPv6 packet. All fragments carry `identification`. `None`: not even eight octets fit.
pub(crate) fn ipv6<'a>(header: &Ipv6Header, payload: &'a [u8], mtu: usize, identification: u32) -> Option<Packets<'a>> {
    let parts = cut(payload, mtu, Ipv6Header::LEN, Ipv6Header::LEN + Ipv6FragmentHeader::LEN)?;
    if parts.len() == 1 {
        return Some(vec![(header.to_bytes().to_vec(), payload)]);
    }
    let packet = |(at, part): (usize, &'a [u8])| {
        let more = at + part.len() < payload.len();
        let fragment = Ipv6FragmentHeader::new(header.next_header, offset(at)?, more, identification);
        let payload_length = u16::try_from(Ipv6FragmentHeader::LEN + part.len()).ok()?;
        let header = Ipv6Header { payload_length, next_header: IpNumber::IPV6_FRAGMENTATION_HEADER, ..header.clone() };
        Some(([&header.to_bytes()[..], &fragment.to_bytes()].concat(), part))
    };
    parts.into_iter().map(packet).collect()
}

/// Returns why a packet cannot be sent even in fragments.
pub(crate) fn too_small(mtu: u32) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("no fragment of a packet fits into the MTU of {mtu}"))
}

/// The parts of a payload and where each begins. It is cut only where it must be.
fn cut(payload: &[u8], mtu: usize, header: usize, fragment_header: usize) -> Option<Vec<(usize, &[u8])>> {
    if header + payload.len() <= mtu {
        return Some(vec![(0, payload)]);
    }
    let room = mtu.saturating_sub(fragment_header) / UNIT * UNIT;
    (room > 0).then(|| payload.chunks(room).enumerate().map(|(number, part)| (number * room, part)).collect())
}

fn offset(at: usize) -> Option<IpFragOffset> {
    IpFragOffset::try_new(u16::try_from(at / UNIT).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use etherparse::{Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice};

    use super::*;
    use crate::packets::socket::{ipv4 as v4, ipv6 as v6};

    fn payload(len: usize) -> Vec<u8> {
        (0..len).map(|n| n as u8).collect()
    }

    fn header_v4(len: usize) -> Ipv4Header {
        v4::header([192, 0, 2, 1].into(), v4::GROUP, 255, len).unwrap()
    }

    fn header_v6(len: usize) -> Ipv6Header {
        v6::header("fe80::1".parse().unwrap(), v6::GROUP, 255, len).unwrap()
    }

    #[test]
    fn what_fits_stays_whole_to_the_last_octet() {
        let payload = payload(1000);
        let packets = ipv4(&header_v4(1000), &payload, 1020, 7).unwrap();
        let header = Ipv4HeaderSlice::from_slice(&packets[0].0).unwrap().to_header();
        assert_eq!((packets.len(), header.is_fragmenting_payload(), packets[0].1), (1, false, &payload[..]));
        assert_eq!((header.identification, header.header_checksum), (0, header.calc_header_checksum()));
        let packets = ipv6(&header_v6(1000), &payload, 1040, 7).unwrap();
        assert_eq!((packets.len(), &packets[0].0[..]), (1, &header_v6(1000).to_bytes()[..]));
        assert_eq!(ipv4(&header_v4(1000), &payload, 1019, 7).unwrap().len(), 2);
        assert_eq!(ipv6(&header_v6(1000), &payload, 1039, 7).unwrap().len(), 2);
    }

    #[test]
    fn the_fragments_of_ipv4_are_the_payload_and_each_fits() {
        for (len, mtu) in [(1001, 1020), (4000, 1500), (1028, 576), (600, 68), (100, 28), (65_000, 1500)] {
            let payload = payload(len);
            let packets = ipv4(&header_v4(len), &payload, mtu, 0xbeef).unwrap();
            let mut put_together = Vec::new();
            for (number, (header, part)) in packets.iter().enumerate() {
                let header = Ipv4HeaderSlice::from_slice(header).unwrap().to_header();
                assert_eq!(usize::from(header.total_len), header.header_len() + part.len());
                assert!(usize::from(header.total_len) <= mtu, "{len} {mtu}");
                assert_eq!(usize::from(header.fragment_offset.value()) * 8, put_together.len());
                assert_eq!(header.more_fragments, number + 1 < packets.len());
                assert_eq!(
                    (header.identification, header.dont_fragment, header.protocol),
                    (0xbeef, false, IpNumber::VRRP)
                );
                assert_eq!(header.header_checksum, header.calc_header_checksum());
                put_together.extend_from_slice(part);
            }
            assert_eq!(put_together, payload, "{len} {mtu}");
        }
    }

    #[test]
    fn the_fragments_of_ipv6_are_the_payload_and_each_fits() {
        for (len, mtu) in [(1352, 1280), (4088, 1280), (1241, 1280), (4088, 1500)] {
            let payload = payload(len);
            let packets = ipv6(&header_v6(len), &payload, mtu, 0xdead_beef).unwrap();
            let mut put_together = Vec::new();
            for (number, (octets, part)) in packets.iter().enumerate() {
                let header = Ipv6HeaderSlice::from_slice(octets).unwrap().to_header();
                let fragment = Ipv6FragmentHeaderSlice::from_slice(&octets[Ipv6Header::LEN..]).unwrap().to_header();
                assert_eq!(usize::from(header.payload_length), 8 + part.len());
                assert!(octets.len() + part.len() <= mtu, "{len} {mtu}");
                assert_eq!(header.next_header, IpNumber::IPV6_FRAGMENTATION_HEADER);
                assert_eq!((fragment.next_header, fragment.identification), (IpNumber::VRRP, 0xdead_beef));
                assert_eq!(usize::from(fragment.fragment_offset.value()) * 8, put_together.len());
                assert_eq!(fragment.more_fragments, number + 1 < packets.len());
                put_together.extend_from_slice(part);
            }
            assert_eq!(put_together, payload, "{len} {mtu}");
        }
    }

    #[test]
    fn where_nothing_fits_there_is_no_packet() {
        let payload = payload(100);
        for mtu in 0..28 {
            assert_eq!(ipv4(&header_v4(100), &payload, mtu, 7), None, "{mtu}");
        }
        for mtu in 0..56 {
            assert_eq!(ipv6(&header_v6(100), &payload, mtu, 7), None, "{mtu}");
        }
    }
}
