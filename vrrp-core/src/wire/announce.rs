//! Frames that tell the neighbours where an address lives.

use core::net::Ipv4Addr;

/// Length of a gratuitous ARP frame, without padding and frame check sequence.
pub const GRATUITOUS_ARP_LEN: usize = 42;

/// A gratuitous ARP request for `address` at `mac`, as a whole Ethernet frame to everybody.
///
/// Sender and target both carry `mac` and `address` (GARP-01, GARP-02; RFC 9568 section 6.4 with erratum 7949), and the
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

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{ArpHardwareId, ArpOperation, EtherType, NetSlice, SlicedPacket};

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
