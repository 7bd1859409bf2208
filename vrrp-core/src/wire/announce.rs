//! Frames that tell the neighbours where an address lives: unasked, and in answer to who asks.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::{self, ICMPV6};
use super::headers::{self, ETHERNET_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV6, IPV6_LEN, join};

/// Length of an ARP frame, without padding and frame check sequence.
pub const ARP_FRAME_LEN: usize = 42;
/// Length of a frame with a neighbour advertisement, without frame check sequence.
pub const NA_FRAME_LEN: usize = ETHERNET_LEN + IPV6_LEN + 32;

const BROADCAST: [u8; 6] = [0xff; 6];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// Operations of ARP.
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Flags of a neighbour advertisement.
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// Options of neighbour discovery.
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;

/// Writes a gratuitous ARP request for `address` at `mac`, as a whole Ethernet frame to everybody.
///
/// Sender and target both carry `mac` and `address` (GARP-01, GARP-02, AMB-13; RFC 9568 section 6.4 with erratum 7949), and the
/// frame's source is `mac` too, so that bridges learn the port anew (GARP-04).
#[must_use]
pub const fn gratuitous_arp(mac: [u8; 6], address: Ipv4Addr) -> [u8; ARP_FRAME_LEN] {
    arp(BROADCAST, REQUEST, (mac, address), (mac, address))
}

/// Returns the answer to the Ethernet frame `request` if that is an ARP request for an address that `serves` knows: the frame
/// that tells the asker that the address is at `mac` (ARP-01, AMB-28; RFC 826).
///
/// A Master serves the addresses that its router had installed, under the virtual MAC address where it has one; a Backup serves
/// none (FSM-B-01). A gratuitous request asks nothing, and gets no answer; a probe (RFC 5227) gets one.
#[must_use]
pub fn arp_reply(request: &[u8], mac: [u8; 6], serves: impl FnOnce(Ipv4Addr) -> bool) -> Option<[u8; ARP_FRAME_LEN]> {
    const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
    let (ETHERTYPE_ARP, packet) = headers::split_ethernet(request)? else { return None };
    let (&kind, rest) = packet.split_first_chunk::<6>()?;
    let (&operation, rest) = rest.split_first_chunk::<2>()?;
    let (&asker, rest) = rest.split_first_chunk::<6>()?;
    let (&from, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<6>()?;
    let (&target, _) = rest.split_first_chunk::<4>()?;
    let asks = kind == ETHERNET_AND_IPV4 && operation == [0, REQUEST] && is_station(asker) && from != target;
    (asks && serves(target.into())).then(|| arp(asker, REPLY, (mac, target.into()), (asker, from.into())))
}

/// Writes an unsolicited neighbour advertisement for `target` at `mac`, as a whole Ethernet frame to all nodes, from `source`.
///
/// Router and override are set, solicited is not, and the target's link-layer address is `mac` (V6-01; RFC 9568 section
/// 6.4.2, RFC 4861 section 7.2.6). The frame's source is `mac` too.
#[must_use]
pub fn unsolicited_na(mac: [u8; 6], source: Ipv6Addr, target: Ipv6Addr) -> [u8; NA_FRAME_LEN] {
    neighbour_advertisement(mac, source, target, (ALL_NODES_MAC, ALL_NODES), ROUTER | OVERRIDE)
}

/// Returns the answer to the Ethernet frame `solicitation` if that is a sound neighbour solicitation for an address that `serves`
/// knows: the frame that tells the asker, from that address, that it is at `mac` (V6-03; RFC 4861 sections 7.1.1 and 7.2.4).
///
/// A Master serves the addresses that its router had installed; a Backup serves none. Solicitations come to the group
/// [`solicited_node`](super::solicited_node) of each address. A host that checks for duplicates has no source address yet, so the
/// answer goes to all nodes.
#[must_use]
pub fn solicited_na(
    solicitation: &[u8],
    mac: [u8; 6],
    serves: impl FnOnce(Ipv6Addr) -> bool,
) -> Option<[u8; NA_FRAME_LEN]> {
    let datagram = headers::split_ip(solicitation)?;
    let IpAddr::V6(asker) = datagram.endpoints.source() else { return None };
    let IpAddr::V6(asked) = datagram.endpoints.destination() else { return None };
    // RFC 4861 section 7.1.1
    let is_sound = datagram.protocol == ICMPV6
        && datagram.hop_limit == 255
        && checksum::is_right_icmpv6(datagram.payload, &datagram.endpoints);
    let ([NEIGHBOUR_SOLICITATION, 0, ..], rest) = datagram.payload.split_first_chunk::<8>()? else { return None };
    let (&target, options) = rest.split_first_chunk::<16>()?;
    let target = Ipv6Addr::from(target);
    let link_layer_address = source_link_layer_address(options).ok()?;
    let looks_for_duplicates = asker.is_unspecified();
    if looks_for_duplicates && (link_layer_address.is_some() || asked != headers::solicited_node(target)) {
        return None;
    }
    // Without the option, whoever asked directly is where its frame came from.
    let asker_mac = link_layer_address.or_else(|| headers::source_of(solicitation)).filter(|mac| is_station(*mac))?;
    if !is_sound || target.is_multicast() || asker.is_multicast() || !serves(target) {
        return None;
    }
    let (to, flags) = match looks_for_duplicates {
        true => ((ALL_NODES_MAC, ALL_NODES), ROUTER | OVERRIDE),
        false => ((asker_mac, asker), ROUTER | SOLICITED | OVERRIDE),
    };
    Some(neighbour_advertisement(mac, target, target, to, flags))
}

const fn arp(
    to: [u8; 6],
    operation: u8,
    (mac, address): ([u8; 6], Ipv4Addr),
    (target_mac, target): ([u8; 6], Ipv4Addr),
) -> [u8; ARP_FRAME_LEN] {
    let [u, v, w, x, y, z] = to;
    let [a, b, c, d, e, f] = mac;
    let [i, j, k, l] = address.octets();
    let [m, n, o, p, q, r] = target_mac;
    let [g, h, s, t] = target.octets();
    let [type_high, type_low] = ETHERTYPE_ARP.to_be_bytes();
    #[rustfmt::skip]
    let frame = [
        u, v, w, x, y, z, a, b, c, d, e, f, type_high, type_low,
        0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, operation,
        a, b, c, d, e, f, i, j, k, l,
        m, n, o, p, q, r, g, h, s, t,
    ];
    frame
}

fn neighbour_advertisement(
    mac: [u8; 6],
    source: Ipv6Addr,
    target: Ipv6Addr,
    (to_mac, to): ([u8; 6], Ipv6Addr),
    flags: u8,
) -> [u8; NA_FRAME_LEN] {
    const OPTION_LEN: u8 = 1;
    let head = [NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    let mut message: [u8; 32] = join(&[&head, &target.octets(), &[TARGET_LINK_LAYER_ADDRESS, OPTION_LEN], &mac]);
    let sum = checksum::icmpv6(&message, source, to);
    headers::set_checksum(&mut message, 2, sum);
    let ip = headers::ipv6(0, (source, to), 255, ICMPV6, message.len() as u16);
    join(&[&headers::ethernet(mac, to_mac, ETHERTYPE_IPV6), &ip, &message])
}

/// Returns the source link-layer address, if there is one; an error where the options are not whole (RFC 4861 section 7.1.1).
fn source_link_layer_address(mut options: &[u8]) -> Result<Option<[u8; 6]>, ()> {
    let mut found = None;
    while let [kind, words, ..] = *options {
        let (option, rest) = options.split_at_checked(usize::from(words) * 8).ok_or(())?;
        match *option {
            // An option of no length would never end.
            [] => return Err(()),
            [_, _, a, b, c, d, e, f] if kind == SOURCE_LINK_LAYER_ADDRESS => found = Some([a, b, c, d, e, f]),
            _ => {}
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(()) }
}

/// Tells whether it is the MAC address of one station: no group, and not the one of nobody.
const fn is_station(mac: [u8; 6]) -> bool {
    let [first, ..] = mac;
    first & 1 == 0 && !matches!(mac, [0, 0, 0, 0, 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::icmpv6::NeighborAdvertisementHeader;
    use etherparse::{ArpHardwareId, ArpOperation, EtherType, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};

    #[test]
    fn the_neighbour_advertisement_octet_by_octet() {
        let frame = unsolicited_na([2, 0, 0, 0, 0, 7], "fe80::7".parse().unwrap(), "2001:db8::1".parse().unwrap());
        #[rustfmt::skip]
        let expected = [
            0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 0x86, 0xdd,
            0x60, 0, 0, 0, 0, 32, 58, 255,
            0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
            0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            136, 0, 0xa8, 0x56, 0xa0, 0, 0, 0,
            0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            2, 1, 2, 0, 0, 0, 0, 7,
        ];
        assert_eq!(frame, expected);
    }

    #[test]
    fn an_independent_parser_reads_the_neighbour_advertisement() {
        let mac = [2, 0, 0, 0, 0, 7];
        for (source, target) in [("fe80::7", "2001:db8::1"), ("fe80::1:2:3:4", "fe80::1:2:3:4")] {
            let (source, target): (Ipv6Addr, Ipv6Addr) = (source.parse().unwrap(), target.parse().unwrap());
            let frame = unsolicited_na(mac, source, target);
            let packet = SlicedPacket::from_ethernet(&frame).unwrap();
            let ethernet = packet.link.unwrap().to_header().unwrap().ethernet2().unwrap();
            assert_eq!((ethernet.source, ethernet.destination), (mac, [0x33, 0x33, 0, 0, 0, 1]));
            let Some(NetSlice::Ipv6(ip)) = packet.net else { panic!("no IPv6") };
            let header = ip.header();
            assert_eq!((header.source_addr(), header.destination_addr()), (source, ALL_NODES));
            assert_eq!(header.hop_limit(), 255);
            let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else { panic!("no ICMPv6") };
            assert!(icmp.is_checksum_valid(source.octets(), ALL_NODES.octets()));
            let flags = NeighborAdvertisementHeader { router: true, solicited: false, r#override: true };
            assert_eq!(icmp.icmp_type(), Icmpv6Type::NeighborAdvertisement(flags));
            let (address, option) = icmp.payload().split_at(16);
            assert_eq!((address, option), (&target.octets()[..], &[2, 1, 2, 0, 0, 0, 0, 7][..]));
        }
    }

    #[test]
    fn an_independent_parser_reads_the_frame() {
        let mac = [2, 0, 0, 0, 0, 7];
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let frame = gratuitous_arp(mac, address);
        let packet = SlicedPacket::from_ethernet(&frame).unwrap();
        let ethernet = packet.link.unwrap().to_header().unwrap().ethernet2().unwrap();
        assert_eq!((ethernet.source, ethernet.destination), (mac, [0xff; 6]));
        let Some(NetSlice::Arp(arp)) = packet.net else { panic!("no ARP") };
        assert_eq!((arp.operation(), arp.hw_addr_type()), (ArpOperation::REQUEST, ArpHardwareId::ETHERNET));
        assert_eq!(arp.proto_addr_type(), EtherType::IPV4);
        assert_eq!((arp.sender_hw_addr(), arp.target_hw_addr()), (&mac[..], &mac[..]));
        assert_eq!(
            (arp.sender_protocol_addr(), arp.target_protocol_addr()),
            (&address.octets()[..], &address.octets()[..])
        );
    }
}
