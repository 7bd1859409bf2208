//! Telling the link who has an address now.

use std::io::{self, IoSlice};
use std::net::IpAddr;

use etherparse::{EtherType, Ethernet2Header};
use socket2::{Domain, Socket, Type};
use vrrp_core::wire::{Endpoints, gratuitous_arp, unsolicited_na};

use crate::packets::socket::{PRIORITY, fragments, ipv4, ipv6};
use crate::{clock, sys};

pub(crate) type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];
const ALL_NODES: Mac = [0x33, 0x33, 0, 0, 0, 1];
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// Sends announcement frames on any interface.
#[derive(Debug)]
pub(crate) struct LinkLayer {
    socket: Socket,
}

/// The frames in which an advertisement leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) ifindex: u32,
    pub(crate) mtu: u32,
    pub(crate) from: Mac,
    /// The only receiver, although the packet in the frame is for the group.
    pub(crate) to: Option<Mac>,
}

impl LinkLayer {
    /// Opens a packet socket that receives nothing.
    pub(crate) fn open() -> io::Result<Self> {
        // Protocol 0 matches no frame.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)?;
        socket.set_priority(PRIORITY)?;
        Ok(Self { socket })
    }

    /// Tells everybody on the link that `mac` has `address`: with one gratuitous ARP request (GARP-01, GARP-02), or with
    /// one unsolicited neighbour advertisement that comes from the address itself (V6-01).
    pub(crate) fn announce(&self, ifindex: u32, mac: Mac, address: IpAddr) -> io::Result<()> {
        let send = |frame: &[u8], ethertype, to| {
            self.socket.send_to(frame, &sys::link_layer_address(ifindex, ethertype, to)).map(drop)
        };
        match address {
            IpAddr::V4(address) => send(&gratuitous_arp(mac, address), ETHERTYPE_ARP, BROADCAST),
            IpAddr::V6(address) => send(&unsolicited_na(mac, address, address), ETHERTYPE_IPV6, ALL_NODES),
        }
    }

    /// Sends an advertisement to a multicast group, in fragments where the link needs them. The macvlan that has the MAC
    /// address it comes from need not be up (IP-07).
    pub(crate) fn advertise(&self, way: &Framing, endpoints: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        let (ether_type, group, packets) = match endpoints {
            Endpoints::V4 { source, destination } => {
                let [_, b, c, d] = destination.octets();
                let mut header = ipv4::header(source, destination, ttl, payload.len())?;
                // Only what is never cut may go without a number of its own (RFC 6864 section 4.1).
                header.dont_fragment = true;
                let packets = fragments::ipv4(&header, payload, way.mtu as usize, (identification() as u16).max(1));
                (EtherType::IPV4, [1, 0, 0x5e, b & 0x7f, c, d], packets)
            }
            Endpoints::V6 { source, destination } => {
                let [.., a, b, c, d] = destination.octets();
                let header = ipv6::header(source, destination, ttl, payload.len())?;
                let packets = fragments::ipv6(&header, payload, way.mtu as usize, identification());
                (EtherType::IPV6, [0x33, 0x33, a, b, c, d], packets)
            }
        };
        let (source, destination) = (way.from, way.to.unwrap_or(group));
        let ethernet = Ethernet2Header { source, destination, ether_type }.to_bytes();
        let to = sys::link_layer_address(way.ifindex, ether_type.0, destination);
        for (header, part) in packets.ok_or_else(|| fragments::too_small(way.mtu))? {
            let parts = [&ethernet[..], &header, part].map(IoSlice::new);
            self.socket.send_to_vectored(&parts, &to)?;
        }
        Ok(())
    }
}

/// Another number each time.
fn identification() -> u32 {
    clock::now().as_nanos() as u32
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use socket2::Protocol;

    use super::*;
    use crate::testing::{ifindex, in_namespace, wire};

    const MAC: Mac = [2, 0, 0, 0, 0, 1];
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    #[test]
    fn the_other_end_gets_the_neighbour_advertisement_as_it_is() {
        in_namespace(|| {
            wire("v0", "v1");
            let mut peer = Socket::new(Domain::PACKET, Type::RAW, None).unwrap();
            peer.bind(&sys::link_layer_address(ifindex("v1"), ETHERTYPE_IPV6, BROADCAST)).unwrap();
            peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();

            let address = "2001:db8::1".parse().unwrap();
            LinkLayer::open().unwrap().announce(ifindex("v0"), MAC, IpAddr::V6(address)).unwrap();
            let expected = unsolicited_na(MAC, address, address);
            let mut frame = [0; 200];
            // What the interfaces themselves send on coming up may be first.
            while peer.read(&mut frame).unwrap() != expected.len() || frame[..expected.len()] != expected {}
        });
    }

    #[test]
    fn the_other_end_gets_the_frame_as_it_is() {
        in_namespace(|| {
            wire("v0", "v1");
            let arp = Some(Protocol::from(i32::from(ETHERTYPE_ARP.to_be())));
            let mut peer = Socket::new(Domain::PACKET, Type::RAW, arp).unwrap();
            peer.bind(&sys::link_layer_address(ifindex("v1"), ETHERTYPE_ARP, BROADCAST)).unwrap();
            peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();

            let link_layer = LinkLayer::open().unwrap();
            link_layer.announce(ifindex("v0"), MAC, ADDRESS.into()).unwrap();
            let mut frame = [0; 100];
            let len = peer.read(&mut frame).unwrap();
            assert_eq!(frame[..len], gratuitous_arp(MAC, ADDRESS));

            let error = link_layer.announce(ifindex("v1") + 1000, MAC, ADDRESS.into()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
        });
    }
}
