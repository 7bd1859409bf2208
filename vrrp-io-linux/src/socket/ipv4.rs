//! What is particular to IPv4.

use std::io;
use std::net::Ipv4Addr;

use etherparse::{IpDscp, IpNumber, Ipv4Header, Ipv4HeaderSlice};
use socket2::{InterfaceIndexOrAddress, Socket};

use super::{Datagram, age, length, wall_clock};
use crate::sys;

/// RFC 3768 section 5.2.2.
pub(super) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// Network control, the class of routing protocols: TOS 0xc0 (IP-11).
const DSCP: IpDscp = IpDscp::CS6;

pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    // Otherwise it would get the packets of all groups that anybody on this host has joined.
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_header_included_v4(true)
}

pub(super) fn join(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(ifindex))
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

/// What is in `buf`, when that is one whole packet: the kernel hands over the header too.
pub(crate) fn datagram(buf: &[u8], received: &sys::Received) -> Option<Datagram> {
    let packet = buf.get(..received.len)?;
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    // The packet ends where it says, not where the frame did: short frames are padded.
    let payload = header.slice().len()..usize::from(header.total_len());
    if header.is_fragmenting_payload() || payload.start > payload.end || payload.end > packet.len() {
        return None;
    }
    Some(Datagram {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        ttl: header.ttl(),
        payload,
        age: age(wall_clock(), received.stamp),
    })
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
    fn a_stamp_from_the_future_is_no_age() {
        let whole = packet(0, 36, 0);
        let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
        let received = sys::Received { len: whole.len(), stamp: Some(ahead), ..Default::default() };
        assert_eq!(datagram(&whole, &received).unwrap().age, Duration::ZERO);
    }
}
