//! Frames that tell the neighbours where an address lives.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::checksum;

/// Length of a gratuitous ARP frame, without padding and frame check sequence.
pub const GRATUITOUS_ARP_LEN: usize = 42;
/// Length of an unsolicited neighbour advertisement frame, without frame check sequence.
pub const UNSOLICITED_NA_LEN: usize = ICMPV6_START + 32;

/// Behind the headers of Ethernet and IPv6.
const ICMPV6_START: usize = 14 + 40;
const CHECKSUM_START: usize = ICMPV6_START + 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// A gratuitous ARP request for `address` at `mac`, as a whole Ethernet frame to everybody.
///
/// Sender and target both carry `mac` and `address` (GARP-01, GARP-02, AMB-13; RFC 9568 section 6.4 with erratum 7949), and the
/// frame's source is `mac` too, so that bridges learn the port anew (GARP-04).
#[must_use]
pub const fn gratuitous_arp(mac: [u8; 6], address: Ipv4Addr) -> [u8; GRATUITOUS_ARP_LEN] {
    let [a, b, c, d, e, f] = mac;
    let [i, j, k, l] = address.octets();
    #[rustfmt::skip]
    let frame = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, a, b, c, d, e, f, 0x08, 0x06,
        0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01,
        a, b, c, d, e, f, i, j, k, l,
        a, b, c, d, e, f, i, j, k, l,
    ];
    frame
}

/// An unsolicited neighbour advertisement for `target` at `mac`, as a whole Ethernet frame to all nodes, from `source`.
///
/// Router and override are set, solicited is not, and the target's link-layer address is `mac` (V6-01; RFC 9568 section
/// 6.4.2, RFC 4861 section 7.2.6). The frame's source is `mac` too.
#[must_use]
pub fn unsolicited_na(mac: [u8; 6], source: Ipv6Addr, target: Ipv6Addr) -> [u8; UNSOLICITED_NA_LEN] {
    let [a, b, c, d, e, f] = mac;
    let ethernet = [0x33, 0x33, 0, 0, 0, 1, a, b, c, d, e, f, 0x86, 0xdd];
    let ipv6 = [0x60, 0, 0, 0, 0, 32, 58, 255];
    let icmpv6 = [136, 0, 0, 0, 0b1010_0000, 0, 0, 0];
    let option = [2, 1, a, b, c, d, e, f];
    let parts: [&[u8]; 7] =
        [&ethernet, &ipv6, &source.octets(), &ALL_NODES.octets(), &icmpv6, &target.octets(), &option];
    let mut frame = [0; UNSOLICITED_NA_LEN];
    frame.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    let message = frame.get(ICMPV6_START..).unwrap_or_default();
    let sum = checksum::icmpv6(message, source, ALL_NODES).to_be_bytes();
    frame.iter_mut().skip(CHECKSUM_START).zip(sum).for_each(|(to, from)| *to = from);
    frame
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
