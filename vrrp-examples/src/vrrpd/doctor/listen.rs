//! Listens to every interface for a while, where somebody asks what is wrong: also to those that no router runs on.

use std::collections::BTreeSet;
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
use socket2::{SockFilter, SockRef};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL, Packet};
use vrrp_core::{Family, Version};

use super::host::{Claim, Host, Mac, Overheard};
use crate::vrrpd::config::Daemon;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// `PACKET_OUTGOING` of packet(7): what this host sends.
const OUTGOING: u8 = 4;
/// The largest number that is kept of one address, or of one virtual router, on one interface.
const KEPT: usize = 8;
/// The longest time of one wait, in milliseconds.
const WAIT_MS: i64 = 50;

// linux/bpf_common.h
const LOAD_HALF: u16 = 0x28;
const LOAD_OCTET: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// The offset at which the kernel says what a frame carries (`SKF_AD_OFF + SKF_AD_PROTOCOL`).
const PROTOCOL: u32 = 0xffff_f000;
/// The filter of a packet socket that gets packets of every kind, from their network header on: what it does, how far it
/// jumps if that is so and if it is not, and the operand. It leaves ARP and VRRP, so that on a busy host nothing else is copied.
const OF_INTEREST: [(u16, u8, u8, u32); 10] = [
    (LOAD_HALF, 0, 0, PROTOCOL),
    (JUMP_IF_EQUAL, 7, 0, ARP as u32),
    (JUMP_IF_EQUAL, 0, 2, IPV4 as u32),
    (LOAD_OCTET, 0, 0, 9),
    (JUMP_IF_EQUAL, 4, 3, IP_PROTOCOL as u32),
    (JUMP_IF_EQUAL, 0, 2, IPV6 as u32),
    (LOAD_OCTET, 0, 0, 6),
    (JUMP_IF_EQUAL, 1, 0, IP_PROTOCOL as u32),
    (RETURN, 0, 0, 0),
    (RETURN, 0, 0, u32::MAX),
];

/// Listens for so long, and adds what came for the routers of the daemon to what was seen. Where it may not, nothing came.
pub(crate) fn listen(host: &mut Host, daemon: &Daemon, period: Duration) {
    let opened = socket(AddressFamily::Packet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll);
    let Ok(socket) = opened else { return };
    let filter = OF_INTEREST.map(|(code, yes, no, value)| SockFilter::new(code, yes, no, value));
    let is_ready = SockRef::from(&socket).attach_filter(&filter).is_ok()
        && setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(WAIT_MS)).is_ok();
    if !is_ready {
        return;
    }
    let wanted = Wanted::of(host, daemon);
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
            ARP => {
                let claim = claim(octets).filter(|(address, _)| wanted.addresses.contains(address));
                if let Some((address, mac)) = claim {
                    keep(&mut host.claims, Claim { interface: interface(), address, mac }, |known, new| {
                        (&known.interface, known.address) == (&new.interface, new.address)
                    });
                }
            }
            IPV4 | IPV6 => {
                let Some((endpoints, payload)) = datagram(octets) else { continue };
                let Some(said) = advertisement(endpoints, payload, interface()) else { continue };
                if wanted.routers.contains(&(said.vrid, endpoints.family())) {
                    keep(&mut host.overheard, said, |known, new| {
                        let key = |it: &Overheard| (it.vrid, it.source.is_ipv4());
                        known.interface == new.interface && key(known) == key(new)
                    });
                }
            }
            _ => {}
        }
    }
}

/// Keeps one more, unless it is known, or enough of its kind are.
fn keep<T: PartialEq>(all: &mut Vec<T>, new: T, is_same_kind: impl Fn(&T, &T) -> bool) {
    if !all.contains(&new) && all.iter().filter(|known| is_same_kind(known, &new)).count() < KEPT {
        all.push(new);
    }
}

/// The addresses and the virtual routers that a finding can be about.
struct Wanted {
    addresses: BTreeSet<IpAddr>,
    routers: BTreeSet<(u8, Family)>,
}

impl Wanted {
    fn of(host: &Host, daemon: &Daemon) -> Self {
        let own = host.addresses.iter().map(|(_, address)| *address);
        let configured = daemon.instances.iter().flat_map(|instance| &instance.addresses).map(|it| it.address);
        let routers = daemon.instances.iter().map(|instance| (instance.vrid.get(), instance.family));
        Self { addresses: own.chain(configured).collect(), routers: routers.collect() }
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

    /// Does what the kernel does with the filter.
    fn passes(protocol: u16, octets: &[u8]) -> bool {
        let (mut next, mut loaded) = (0, 0);
        loop {
            let (code, yes, no, value) = OF_INTEREST[next];
            next += 1;
            match code {
                LOAD_HALF => loaded = protocol.into(),
                LOAD_OCTET => match octets.get(usize::try_from(value).unwrap()) {
                    Some(octet) => loaded = (*octet).into(),
                    None => return false,
                },
                JUMP_IF_EQUAL => next += usize::from(if loaded == value { yes } else { no }),
                _ => return value > 0,
            }
        }
    }

    #[test]
    fn the_kernel_hands_over_arp_and_vrrp_only() {
        let of = |offset: usize, protocol: u8| {
            let mut octets = [0; 40];
            octets[offset] = protocol;
            octets
        };
        assert!(passes(ARP, &[]) && passes(IPV4, &of(9, IP_PROTOCOL)) && passes(IPV6, &of(6, IP_PROTOCOL)));
        let others = [(IPV4, of(9, 6)), (IPV4, of(6, IP_PROTOCOL)), (IPV6, of(6, 58)), (IPV6, of(9, IP_PROTOCOL))];
        for (protocol, octets) in others.into_iter().chain([(0x88cc, of(9, IP_PROTOCOL))]) {
            assert!(!passes(protocol, &octets), "{protocol:x}");
        }
        assert!(!passes(IPV4, &[0x45; 9]));
    }

    #[test]
    fn a_flood_of_one_address_leaves_room_for_the_others() {
        let mut claims = Vec::new();
        let claim = |address: u8, by: u8| Claim {
            interface: "eth0".to_owned(),
            address: IpAddr::from([192, 0, 2, address]),
            mac: [2, 0, 0, 0, 0, by],
        };
        for new in (0..100).map(|by| claim(1, by)).chain([claim(2, 7), claim(2, 7)]) {
            keep(&mut claims, new, |known, new| known.address == new.address);
        }
        assert_eq!((claims.len(), claims.last()), (KEPT + 1, Some(&claim(2, 7))));
    }

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
