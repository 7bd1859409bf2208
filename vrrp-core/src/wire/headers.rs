//! The headers of Ethernet and IP around what is sent, and back from a frame to what it carries.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum;
use super::endpoints::Endpoints;

pub(super) const ETHERNET_LEN: usize = 14;
pub(super) const IPV4_LEN: usize = 20;
pub(super) const IPV6_LEN: usize = 40;

pub(super) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(super) const ETHERTYPE_ARP: u16 = 0x0806;
pub(super) const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Network control, the class of routing protocols: DSCP CS6 (IP-11).
pub(super) const NETWORK_CONTROL: u8 = 0xc0;

/// Returns the MAC address of a multicast group (RFC 1112 section 6.4, RFC 2464 section 7); `None`: it is no group.
#[must_use]
pub const fn multicast_mac(group: IpAddr) -> Option<[u8; 6]> {
    match group {
        IpAddr::V4(group) if group.is_multicast() => Some(group_mac_v4(group)),
        IpAddr::V6(group) if group.is_multicast() => Some(group_mac_v6(group)),
        _ => None,
    }
}

/// Returns the group that is asked for the MAC address of `address` (RFC 4291 section 2.7.1). A Master has to hear it (V6-02).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0x00ff, low)
}

pub(super) const fn group_mac_v4(group: Ipv4Addr) -> [u8; 6] {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

pub(super) const fn group_mac_v6(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// Joins `parts`, which have `N` octets together.
pub(super) fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut whole = [0; N];
    fill(&mut whole, parts);
    whole
}

/// Writes `parts`, one behind the other, to the front of `out`.
pub(super) fn fill(out: &mut [u8], parts: &[&[u8]]) {
    out.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
}

/// Writes the checksum, which goes to `at`.
pub(super) fn set_checksum(octets: &mut [u8], at: usize, sum: u16) {
    fill(octets.get_mut(at..).unwrap_or_default(), &[&sum.to_be_bytes()]);
}

pub(super) fn ethernet(source: [u8; 6], destination: [u8; 6], ethertype: u16) -> [u8; ETHERNET_LEN] {
    join(&[&destination, &source, &ethertype.to_be_bytes()])
}

/// The addresses of a header of IPv4, and what else differs from header to header.
pub(super) struct Ipv4 {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) ttl: u8,
    pub(super) protocol: u8,
}

impl Ipv4 {
    /// Returns the header, of `N` octets with these options, of a datagram with `len` octets behind it. It is never cut, so it
    /// needs no identification (RFC 6864 section 4.1).
    pub(super) fn header<const N: usize>(&self, options: &[u8], len: u16) -> [u8; N] {
        const DONT_FRAGMENT: u8 = 0x40;
        let version_len = 0x40 | (N / 4) as u8;
        let [high, low] = len.saturating_add(N as u16).to_be_bytes();
        let fixed = [version_len, NETWORK_CONTROL, high, low, 0, 0, DONT_FRAGMENT, 0, self.ttl, self.protocol, 0, 0];
        let mut header = join(&[&fixed, &self.source.octets(), &self.destination.octets(), options]);
        let sum = checksum::plain(&header);
        set_checksum(&mut header, 10, sum);
        header
    }
}

pub(super) fn ipv6(
    class: u8,
    (source, destination): (Ipv6Addr, Ipv6Addr),
    hop_limit: u8,
    next: u8,
    len: u16,
) -> [u8; IPV6_LEN] {
    let [high, low] = len.to_be_bytes();
    let fixed = [0x60 | class >> 4, class << 4, 0, 0, high, low, next, hop_limit];
    join(&[&fixed, &source.octets(), &destination.octets()])
}

/// Returns the type of a frame and the octets behind its header.
pub(super) fn split_ethernet(frame: &[u8]) -> Option<(u16, &[u8])> {
    let (header, rest) = frame.split_first_chunk::<ETHERNET_LEN>()?;
    Some((u16::from_be_bytes([header[12], header[13]]), rest))
}

/// Returns the MAC address that a frame comes from.
pub(super) fn source_of(frame: &[u8]) -> Option<[u8; 6]> {
    let (_, rest) = frame.split_first_chunk::<6>()?;
    rest.first_chunk().copied()
}

/// The datagram of a frame.
pub(super) struct Datagram<'a> {
    pub(super) endpoints: Endpoints,
    pub(super) hop_limit: u8,
    pub(super) protocol: u8,
    /// It ends where its header says, not where the frame does: short frames are padded.
    pub(super) payload: &'a [u8],
}

/// Returns the whole and sound datagram that the frame carries: no fragment, and no extension headers of IPv6.
pub(super) fn split_ip(frame: &[u8]) -> Option<Datagram<'_>> {
    match split_ethernet(frame)? {
        (ETHERTYPE_IPV4, packet) => split_ipv4(packet),
        (ETHERTYPE_IPV6, packet) => split_ipv6(packet),
        _ => None,
    }
}

fn split_ipv4(packet: &[u8]) -> Option<Datagram<'_>> {
    const MORE_FRAGMENTS_AND_OFFSET: u16 = 0x3fff;
    let (fixed, _) = packet.split_first_chunk::<IPV4_LEN>()?;
    let [version_len, _, high, low, _, _, flags, offset, ttl, protocol, ..] = *fixed;
    let header_len = usize::from(version_len & 0x0f) * 4;
    let packet = packet.get(..usize::from(u16::from_be_bytes([high, low])))?;
    let (header, payload) = packet.split_at_checked(header_len.max(IPV4_LEN))?;
    let is_whole = u16::from_be_bytes([flags, offset]) & MORE_FRAGMENTS_AND_OFFSET == 0;
    let is_sound = version_len >> 4 == 4 && header_len >= IPV4_LEN && checksum::is_plain(header);
    let [.., a, b, c, d, e, f, g, h] = *fixed;
    let endpoints = Endpoints::V4 { source: [a, b, c, d].into(), destination: [e, f, g, h].into() };
    (is_whole && is_sound).then_some(Datagram { endpoints, hop_limit: ttl, protocol, payload })
}

fn split_ipv6(packet: &[u8]) -> Option<Datagram<'_>> {
    let (fixed, rest) = packet.split_first_chunk::<8>()?;
    let [version, _, _, _, high, low, protocol, hop_limit] = *fixed;
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let payload = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
    let endpoints = Endpoints::V6 { source: (*source).into(), destination: (*destination).into() };
    (version >> 4 == 6).then_some(Datagram { endpoints, hop_limit, protocol, payload })
}
