//! Listens to every interface for a while, where somebody asks what is wrong: also to those that no router runs on.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use etherparse::IpSlice;
use nix::net::if_::if_indextoname;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL, Packet};
use vrrp_core::{Family, Version};

use super::host::{Claim, Host, Mac, Overheard};

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// `PACKET_OUTGOING` of packet(7): what this host sends.
const OUTGOING: u8 = 4;
/// The largest number that is kept of either kind.
const KEPT: usize = 64;
/// The longest time of one wait, in milliseconds.
const WAIT_MS: i64 = 50;

/// Listens for so long, and adds what came to what was seen. Where it may not, nothing came.
pub(crate) fn listen(host: &mut Host, period: Duration) {
    let opened = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
    let Ok(socket) = opened else { return };
    if setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(WAIT_MS)).is_err() {
        return;
    }
    let (until, mut buffer) = (Instant::now() + period, [0; 2048]);
    while Instant::now() < until {
        let (len, from) = {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            match recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, None, MsgFlags::empty()) {
                Ok(message) => (message.bytes, message.address),
                // Nothing came within the wait, mostly.
                Err(_) => continue,
            }
        };
        let (Some(octets), Some(from)) = (buffer.get(..len), from) else { continue };
        if from.pkttype() == OUTGOING {
            continue;
        }
        let interface = || name(from.ifindex());
        match u16::from_be(from.protocol()) {
            ARP if host.claims.len() < KEPT => {
                if let Some((address, mac)) = claim(octets) {
                    let claim = Claim { interface: interface(), address, mac };
                    if !host.claims.contains(&claim) {
                        host.claims.push(claim);
                    }
                }
            }
            IPV4 | IPV6 if host.overheard.len() < KEPT => {
                let Some((endpoints, payload)) = datagram(octets) else { continue };
                let Some(said) = advertisement(endpoints, payload, interface()) else { continue };
                if !host.overheard.contains(&said) {
                    host.overheard.push(said);
                }
            }
            _ => {}
        }
    }
}

fn name(ifindex: usize) -> String {
    let name = u32::try_from(ifindex).ok().and_then(|index| if_indextoname(index).ok());
    name.and_then(|name| name.into_string().ok()).unwrap_or_default()
}

/// Returns the claim of an ARP message: its sender, and the address that this one says to have.
fn claim(octets: &[u8]) -> Option<(IpAddr, Mac)> {
    let rest = octets.strip_prefix(&[0, 1, 8, 0, 6, 4])?.get(2..)?;
    let (mac, rest) = rest.split_first_chunk::<6>()?;
    let (sender, _) = rest.split_first_chunk::<4>()?;
    let sender = Ipv4Addr::from(*sender);
    (!sender.is_unspecified()).then_some((sender.into(), *mac))
}

/// Returns the addresses and the payload of a whole packet of VRRP.
fn datagram(octets: &[u8]) -> Option<(Endpoints, &[u8])> {
    let ip = IpSlice::from_slice(octets).ok()?;
    // The protocol of the IP header itself: a message behind an authentication header is heard by no socket.
    let (protocol, endpoints) = match &ip {
        IpSlice::Ipv4(ip) => {
            let header = ip.header();
            let (source, destination) = (header.source_addr(), header.destination_addr());
            (header.protocol(), Endpoints::V4 { source, destination })
        }
        IpSlice::Ipv6(ip) => {
            let header = ip.header();
            let (source, destination) = (header.source_addr(), header.destination_addr());
            (header.next_header(), Endpoints::V6 { source, destination })
        }
    };
    (protocol.0 == IP_PROTOCOL).then_some((endpoints, ip.payload().payload))
}

/// Returns the contents of a sound advertisement.
fn advertisement(endpoints: Endpoints, payload: &[u8], interface: String) -> Option<Overheard> {
    let version = match (payload.first()? >> 4, endpoints.family()) {
        (2, Family::Ipv4) => Version::V2,
        _ => Version::V3,
    };
    let packet = Packet::parse(version, payload, endpoints).ok()?;
    Some(Overheard {
        interface,
        source: endpoints.source(),
        destination: endpoints.destination(),
        vrid: packet.vrid()?.get(),
        addresses: packet.addresses().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_nothing() {
        let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[2, 0, 0, 0, 0, 7], &[192, 0, 2, 100], &[0; 10]].concat();
        assert_eq!(claim(&arp), Some((IpAddr::from([192, 0, 2, 100]), [2, 0, 0, 0, 0, 7])));
        let probe = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[2, 0, 0, 0, 0, 7], &[0; 14]].concat();
        assert_eq!(claim(&probe), None, "who asks whether an address is free does not have it");
        let packet =
            [&[0x45, 0, 0, 28, 0, 0, 0, 0, 255, IP_PROTOCOL, 0, 0][..], &[192, 0, 2, 1], &[224, 0, 0, 18], &[0x21; 8]]
                .concat();
        assert_eq!(datagram(&packet).map(|(_, payload)| payload.len()), Some(8));
        for cut in 0..packet.len() {
            assert!(datagram(&packet[..cut]).is_none() && claim(&arp[..cut.min(17)]).is_none(), "{cut}");
        }
    }
}
