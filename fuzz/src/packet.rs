//! Packets as the RFCs draw them, read slowly and without the crate's help.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::wire::Endpoints;

/// Returns what the header of an IP packet says, and all that follows it. Lengths are not looked at.
pub fn ip(packet: &[u8]) -> Option<(Endpoints, u8, &[u8])> {
    match packet.first()? >> 4 {
        4 => {
            let (header, payload) = packet.split_first_chunk::<20>()?;
            let [.., a, b, c, d, e, f, g, h] = *header;
            let endpoints = Endpoints::V4 { source: Ipv4Addr::new(a, b, c, d), destination: Ipv4Addr::new(e, f, g, h) };
            Some((endpoints, header[8], payload))
        }
        6 => {
            let (header, payload) = packet.split_first_chunk::<40>()?;
            let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&header[at..at + 16]).unwrap());
            let endpoints = Endpoints::V6 { source: address(8), destination: address(24) };
            Some((endpoints, header[7], payload))
        }
        _ => None,
    }
}

/// Octets of the whole message: RFC 3768 section 5.1, RFC 9568 section 5.1.
pub fn message_len(version: u8, endpoints: Endpoints, count: u8) -> usize {
    let address = if endpoints.source().is_ipv4() { 4 } else { 16 };
    8 + usize::from(count) * address + if version == 2 { 8 } else { 0 }
}

/// The same with the group as destination, where one router is the destination over IPv4 (PKT-24).
pub fn to_group(endpoints: Endpoints) -> Option<Endpoints> {
    let Endpoints::V4 { source, destination } = endpoints else { return None };
    let to_one = !destination.is_multicast() && !destination.is_broadcast();
    to_one.then_some(Endpoints::V4 { source, destination: Ipv4Addr::new(224, 0, 0, 18) })
}

/// The sum of the words of a message, and of a pseudo-header before it, in ones' complement (RFC 1071).
fn sum(message: &[u8], pseudo_header: Option<Endpoints>) -> u64 {
    let mut octets = Vec::new();
    if let Some(endpoints) = pseudo_header {
        for address in [endpoints.source(), endpoints.destination()] {
            match address {
                IpAddr::V4(address) => octets.extend(address.octets()),
                IpAddr::V6(address) => octets.extend(address.octets()),
            }
        }
        octets.extend([0, 112]);
        octets.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    }
    octets.extend(message);
    octets.resize(octets.len().next_multiple_of(2), 0);
    octets.chunks(2).map(|word| u64::from(word[0]) << 8 | u64::from(word[1])).sum::<u64>() % 0xffff
}

/// Returns whether the checksum in a message is right.
pub fn sums_up(message: &[u8], pseudo_header: Option<Endpoints>) -> bool {
    sum(message, pseudo_header) == 0
}

/// Makes it right.
pub fn correct(message: &mut [u8], pseudo_header: Option<Endpoints>) {
    message[6..8].fill(0);
    let checksum = 0xffff - sum(message, pseudo_header);
    message[6..8].copy_from_slice(&u16::try_from(checksum).unwrap().to_be_bytes());
}
