//! The parts that are particular to IPv4.

use std::io;
use std::net::Ipv4Addr;
use std::ops::Range;

use etherparse::{IpDscp, IpNumber, Ipv4Header, Ipv4HeaderSlice};
use socket2::{InterfaceIndexOrAddress, Socket};
use vrrp_core::Family;
use vrrp_core::wire::Endpoints;

use super::datagram::{Datagram, age, length, wall_clock};
use crate::sys;

/// RFC 3768 section 5.2.2.
pub(super) const GROUP: Ipv4Addr = Family::GROUP_V4;
/// Network control, the class of routing protocols: TOS 0xc0 (IP-11).
const DSCP: IpDscp = IpDscp::CS6;

/// The MAC address of the group.
pub(crate) const GROUP_MAC: [u8; 6] = [1, 0, 0x5e, 0, 0, 18];

pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    // Otherwise it would get the packets of all groups that anybody on this host has joined.
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_header_included_v4(true)
}

pub(super) fn join(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(ifindex))
}

/// Leaves the group, if only in the list of the socket.
pub(super) fn leave(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.leave_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(ifindex))
}

/// The header of an advertisement. The kernel fills in the identification and the checksum.
pub(crate) fn header(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, payload_len: usize) -> io::Result<Ipv4Header> {
    let (source, destination) = (source.octets(), destination.octets());
    let mut header = Ipv4Header::new(length(payload_len)?, ttl, IpNumber::VRRP, source, destination)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    header.dscp = DSCP;
    header.dont_fragment = false;
    Ok(header)
}

/// Returns the advertisement in `buf`, if that is one whole packet, its header first.
pub(crate) fn datagram(buf: &[u8], received: &sys::Received) -> Option<Datagram> {
    let packet = buf.get(..received.len)?;
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    // The packet ends where it says, not where the frame did: short frames are padded.
    let payload = header.slice().len()..usize::from(header.total_len());
    if header.is_fragmenting_payload() || payload.start > payload.end || payload.end > packet.len() {
        return None;
    }
    let authenticated = header.protocol() == IpNumber::AUTHENTICATION_HEADER;
    let payload = if authenticated { behind_authentication(packet, payload)? } else { payload };
    Some(Datagram {
        endpoints: Endpoints::V4 { source: header.source_addr(), destination: header.destination_addr() },
        ttl: header.ttl(),
        payload,
        age: age(wall_clock(), received.stamp),
        mac: received.hardware,
        authenticated,
    })
}

/// Tells whether the header at the start of `packet` arrived as it was sent: nobody checks it before a packet socket gets it.
pub(super) fn is_sound(packet: &[u8]) -> bool {
    let Ok(header) = Ipv4HeaderSlice::from_slice(packet) else { return false };
    let words = header.slice().chunks_exact(2);
    let sum: u32 = words.map(|word| word.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet))).sum();
    // Of at most 30 words: to fold it twice is enough.
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

/// The advertisement behind an authentication header (RFC 2402), if it says that it needs one: type 2 of RFC 2338.
fn behind_authentication(packet: &[u8], payload: Range<usize>) -> Option<Range<usize>> {
    const AUTHENTICATION_HEADER: u8 = 2;
    let header = packet.get(payload.clone())?;
    let len = (usize::from(*header.get(1)?) + 2) * 4;
    let message = header.get(len..)?;
    let is_meant = header.first() == Some(&IpNumber::VRRP.0) && message.get(4) == Some(&AUTHENTICATION_HEADER);
    is_meant.then_some(payload.start + len..payload.end)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;

    const PAYLOAD: &[u8] = b"an advertisement";

    fn packet(options: usize, total_len: u16, fragment: u16) -> Vec<u8> {
        let mut packet = vec![0x45 + options as u8 / 4, 0xc0];
        packet.extend(total_len.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18]);
        packet.resize(20 + options, 1);
        packet.extend(PAYLOAD);
        packet
    }

    fn payload_of(packet: &[u8]) -> Option<&[u8]> {
        let datagram = datagram(packet, &sys::Received { len: packet.len(), ..Default::default() })?;
        packet.get(datagram.payload)
    }

    #[test]
    fn the_payload_is_found_behind_options_and_before_padding() {
        assert_eq!(payload_of(&packet(0, 36, 0)), Some(PAYLOAD));
        assert_eq!(payload_of(&packet(8, 44, 0)), Some(PAYLOAD));
        assert_eq!(payload_of(&packet(0, 30, 0)), Some(&PAYLOAD[..10]));
        assert_eq!(payload_of(&packet(0, 36, 0x4000)), Some(PAYLOAD));
        let mut padded = packet(0, 36, 0);
        padded.resize(46, 0);
        assert_eq!(payload_of(&padded), Some(PAYLOAD));
    }

    #[test]
    fn what_is_no_whole_packet_is_skipped() {
        let whole = packet(8, 44, 0);
        for len in 0..whole.len() {
            assert_eq!(payload_of(&whole[..len]), None, "{len}");
        }
        for (total_len, fragment) in [(45, 0), (27, 0), (0, 0), (44, 0x2000), (44, 1)] {
            assert_eq!(payload_of(&packet(8, total_len, fragment)), None, "{total_len} {fragment}");
        }
        let mut version_6 = whole;
        version_6[0] = 0x67;
        assert_eq!(payload_of(&version_6), None);
    }

    #[test]
    fn a_header_that_was_damaged_on_the_way_is_found() {
        let mut header = header([192, 0, 2, 1].into(), GROUP, 255, PAYLOAD.len()).unwrap();
        header.header_checksum = header.calc_header_checksum();
        let packet = [&header.to_bytes()[..], PAYLOAD].concat();
        assert!(is_sound(&packet));
        for bit in 0..8 * header.header_len() {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sound(&damaged), "bit {bit}");
        }
        assert!(!is_sound(&packet[..19]) && !is_sound(&[]));
    }

    #[test]
    fn behind_an_authentication_header_is_an_advertisement_of_type_2() {
        let packet = |next: u8, len: u8, kind: u8| {
            let mut packet = packet(0, 0, 0)[..20].to_vec();
            packet[9] = 51;
            packet.extend([next, len, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7]);
            packet.extend([0xaa; 12]);
            packet.extend([0x21, 51, 100, 1, kind, 1, 0, 0]);
            packet[3] = packet.len() as u8;
            packet
        };
        let whole = packet(112, 4, 2);
        assert_eq!(payload_of(&whole), Some(&[0x21, 51, 100, 1, 2, 1, 0, 0][..]));
        assert!(datagram(&whole, &sys::Received { len: whole.len(), ..Default::default() }).unwrap().authenticated);
        // Another protocol, another type, a length that leaves nothing.
        for (next, len, kind) in [(1, 4, 2), (112, 4, 0), (112, 4, 1), (112, 5, 2), (112, 255, 2)] {
            assert_eq!(payload_of(&packet(next, len, kind)), None, "{next} {len} {kind}");
        }
    }

    #[test]
    fn a_stamp_from_the_future_is_no_age() {
        let whole = packet(0, 36, 0);
        let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let received = sys::Received { len: whole.len(), stamp: Some(ahead), ..Default::default() };
        assert_eq!(datagram(&whole, &received).unwrap().age, Duration::ZERO);
    }
}
