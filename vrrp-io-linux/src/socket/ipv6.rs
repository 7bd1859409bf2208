//! What is particular to IPv6.

use std::io;
use std::net::Ipv6Addr;
use std::os::fd::AsFd;

use etherparse::{IpNumber, Ipv6FlowLabel, Ipv6Header};
use socket2::Socket;

use super::{Datagram, age, length, wall_clock};
use crate::sys;

/// RFC 9568 section 5.1.2.2.
pub(super) const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// Network control, the class of routing protocols.
const TRAFFIC_CLASS: u8 = 0xc0;

pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    socket.set_multicast_loop_v6(false)?;
    socket.set_header_included_v6(true)?;
    socket.set_recv_hoplimit_v6(true)?;
    sys::enable_receive_destination_v6(socket.as_fd())
}

pub(super) fn join(socket: &Socket, ifindex: u32) -> io::Result<()> {
    socket.join_multicast_v6(&GROUP, ifindex)
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

/// What was received: the kernel hands over the payload alone, and tells what the header said.
pub(super) fn datagram(received: &sys::Received) -> Option<Datagram> {
    Some(Datagram {
        src: received.source?.into(),
        dst: received.destination?.into(),
        ttl: received.hop_limit?,
        payload: 0..received.len,
        age: age(wall_clock(), received.stamp),
    })
}
