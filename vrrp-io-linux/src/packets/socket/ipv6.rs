//! The parts that are particular to IPv6.

use std::io;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;

use etherparse::{IpNumber, Ipv6FlowLabel, Ipv6Header, Ipv6HeaderSlice};
use socket2::Socket;
use vrrp_core::Family;
use vrrp_core::wire::Endpoints;

use super::datagram::{Datagram, age, length, wall_clock};
use crate::sys;

/// RFC 9568 section 5.1.2.2.
pub(super) const GROUP: Ipv6Addr = Family::GROUP_V6;
/// The MAC address of the group.
pub(crate) const GROUP_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 0x12];
/// Network control, the class of routing protocols.
const TRAFFIC_CLASS: u8 = 0xc0;

pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    // Otherwise it would get the packets of all groups that anybody on this host has joined; before Linux 4.20 it does.
    let _ = socket.set_multicast_all_v6(false);
    socket.set_multicast_loop_v6(false)?;
    socket.set_header_included_v6(true)?;
    socket.set_recv_hoplimit_v6(true)?;
    sys::enable_receive_destination_v6(socket.as_fd())
}

pub(super) fn join(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.join_multicast_v6(&GROUP, ifindex)
}

/// Leaves the group, if only in the list of the socket.
pub(super) fn leave(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.leave_multicast_v6(&GROUP, ifindex)
}

/// The header of an advertisement.
pub(crate) fn header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    payload_len: usize,
) -> io::Result<Ipv6Header> {
    Ok(Ipv6Header {
        traffic_class: TRAFFIC_CLASS,
        flow_label: Ipv6FlowLabel::ZERO,
        payload_length: length(payload_len)?,
        next_header: IpNumber::VRRP,
        hop_limit,
        source: source.octets(),
        destination: destination.octets(),
    })
}

/// Returns the advertisement in `buf`, if that is one whole packet, its header first.
pub(crate) fn datagram(buf: &[u8], received: &sys::Received) -> Option<Datagram> {
    let packet = buf.get(..received.len)?;
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    // The packet ends where it says, not where the frame did: short frames are padded.
    let payload = Ipv6Header::LEN..Ipv6Header::LEN + usize::from(header.payload_length());
    let whole = header.next_header() == IpNumber::VRRP && payload.end <= packet.len();
    whole.then(|| Datagram {
        endpoints: Endpoints::V6 { source: header.source_addr(), destination: header.destination_addr() },
        ttl: header.hop_limit(),
        payload,
        age: age(wall_clock(), received.stamp),
        mac: received.hardware,
        authenticated: false,
    })
}

/// Returns what a raw socket received: the payload alone, and the kernel's data about the header.
pub(super) fn raw(received: &sys::Received) -> Option<Datagram> {
    Some(Datagram {
        endpoints: Endpoints::V6 { source: received.source?, destination: received.destination? },
        ttl: received.hop_limit?,
        payload: 0..received.len,
        age: age(wall_clock(), received.stamp),
        mac: None,
        authenticated: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload_of(packet: &[u8]) -> Option<&[u8]> {
        let datagram = datagram(packet, &sys::Received { len: packet.len(), ..Default::default() })?;
        packet.get(datagram.payload)
    }

    #[test]
    fn the_payload_is_found_before_padding_and_only_in_a_whole_packet() {
        const PAYLOAD: &[u8] = b"an advertisement";
        let header = header("fe80::1".parse().unwrap(), GROUP, 255, PAYLOAD.len()).unwrap().to_bytes();
        let whole = [&header[..], PAYLOAD].concat();
        assert_eq!(payload_of(&whole), Some(PAYLOAD));
        assert_eq!(payload_of(&[&whole[..], &[0; 7]].concat()), Some(PAYLOAD));
        for len in 0..whole.len() {
            assert_eq!(payload_of(&whole[..len]), None, "{len}");
        }
        for (at, octet) in [(0, 0x45), (4, 1), (6, 58), (6, 44)] {
            let mut wrong = whole.clone();
            wrong[at] = octet;
            assert_eq!(payload_of(&wrong), None, "{at} {octet}");
        }
    }
}
