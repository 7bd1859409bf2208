//! Functions that read octets from outside, for the fuzz targets of this repository; no part of the interface.

use vrrp_core::wire::Endpoints;

pub use crate::kernel::netlink::fuzzing::netlink;
use crate::packets::socket::ipv4;
use crate::sys::Received;

/// The advertisement in what a raw IPv4 socket reads: the ends and the TTL of its header, and its payload.
#[must_use]
pub fn ipv4_datagram(packet: &[u8]) -> Option<(Endpoints, u8, &[u8])> {
    let found = ipv4::datagram(packet, &Received { len: packet.len(), ..Received::default() })?;
    Some((found.endpoints, found.ttl, packet.get(found.payload)?))
}
