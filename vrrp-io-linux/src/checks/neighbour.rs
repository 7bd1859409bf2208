//! An ARP request, or a neighbour solicitation: whether a host is on the link.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsFd;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::deadline::{Aside, Deadline};
use super::outcome::{Failure, Why};
use super::probe::Neighbour;
use crate::sys;

pub(super) type Mac = [u8; 6];

const OPEN: &str = "open a socket";
const REQUEST: &str = "request";
const ANSWER: &str = "answer";

const ETHERTYPE_ARP: u16 = 0x0806;
const BROADCAST: Mac = [0xff; 6];
/// Hardware type Ethernet, protocol IPv4, and their lengths.
const ARP: [u8; 6] = [0, 1, 8, 0, 6, 4];
const ARP_REQUEST: [u8; 2] = [0, 1];
const ARP_REPLY: [u8; 2] = [0, 2];

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// The facts that are known about the interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    index: u32,
    mac: Mac,
    /// A source address in the target's network.
    source: Option<Ipv4Addr>,
}

pub(super) async fn ask(
    Neighbour { target, interface }: &Neighbour,
    aside: &mut Aside,
    deadline: Deadline,
) -> Result<String, Failure> {
    let (target, name) = (*target, interface.clone());
    let link = aside.run(deadline, format!("interface {interface}"), move || link(&name, target)).await?;
    let mac = match target {
        IpAddr::V4(target) => arp(link, target, deadline).await?,
        IpAddr::V6(target) => solicit(interface, link, target, deadline).await?,
    };
    let [a, b, c, d, e, f] = mac;
    Ok(format!("is at {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"))
}

pub(super) fn link(name: &str, target: IpAddr) -> Result<Link, Why> {
    let index = if_nametoindex(name)?;
    let (mut mac, mut source) = (None, None);
    for it in getifaddrs()?.filter(|it| it.interface_name == name) {
        let Some(address) = it.address else { continue };
        mac = mac.or(address.as_link_addr().and_then(nix::sys::socket::LinkAddr::addr));
        let (Some(address), Some(mask), IpAddr::V4(target)) = (
            address.as_sockaddr_in().map(|address| address.ip()),
            it.netmask.and_then(|mask| mask.as_sockaddr_in().map(|mask| mask.ip())),
            target,
        ) else {
            continue;
        };
        if u32::from(address) & u32::from(mask) == u32::from(target) & u32::from(mask) {
            source = source.or(Some(address));
        }
    }
    Ok(Link { index, mac: mac.ok_or_else(|| "it has no MAC address".to_owned())?, source })
}

/// Asks by ARP. Without an address of the network it asks for nobody (a probe of RFC 5227).
async fn arp(link: Link, target: Ipv4Addr, deadline: Deadline) -> Result<Mac, Failure> {
    let socket = arp_socket(link).map_err(open)?;
    let source = link.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
    request(&socket, link, source, target).map_err(|why| Failure::new(REQUEST, why))?;
    deadline.step(ANSWER, hear(&sys::watch(socket).map_err(open)?, |octets| is_at(octets, target))).await
}

/// Opens a socket for ARP alone.
pub(super) fn arp_socket(link: Link) -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(ETHERTYPE_ARP.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), Some(protocol))?;
    socket.bind(&sys::link_layer_address(link.index, ETHERTYPE_ARP, BROADCAST))?;
    Ok(socket)
}

/// Asks everybody once who has the target.
pub(super) fn request(socket: &Socket, link: Link, source: Ipv4Addr, target: Ipv4Addr) -> io::Result<()> {
    let request = [&ARP[..], &ARP_REQUEST, &link.mac, &source.octets(), &[0; 6], &target.octets()].concat();
    socket.send_to(&request, &sys::link_layer_address(link.index, ETHERTYPE_ARP, BROADCAST)).map(drop)
}

/// Returns where an answer says that the target is.
pub(super) fn answer(octets: &[u8], target: IpAddr) -> Option<Mac> {
    match target {
        IpAddr::V4(target) => is_at(octets, target),
        IpAddr::V6(target) => advertised(octets, target),
    }
}

/// Returns where an ARP reply says that the target is.
fn is_at(octets: &[u8], target: Ipv4Addr) -> Option<Mac> {
    let octets = octets.strip_prefix(&ARP)?.strip_prefix(&ARP_REPLY)?;
    let (mac, rest) = octets.split_first_chunk::<6>()?;
    rest.starts_with(&target.octets()).then_some(*mac)
}

/// Asks by a neighbour solicitation (RFC 4861 section 4.3).
async fn solicit(interface: &str, link: Link, target: Ipv6Addr, deadline: Deadline) -> Result<Mac, Failure> {
    let socket = icmp_socket(interface, link).map_err(open)?;
    solicit_once(&socket, link, target).map_err(|why| Failure::new(REQUEST, why))?;
    deadline.step(ANSWER, hear(&sys::watch(socket).map_err(open)?, |octets| advertised(octets, target))).await
}

/// Opens a socket for neighbour solicitations and their answers on this interface alone: another link may have the same addresses.
/// This host does not hear its own.
pub(super) fn icmp_socket(interface: &str, link: Link) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(Protocol::ICMPV6))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.set_multicast_if_v6(link.index)?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_recv_hoplimit_v6(true)?;
    Ok(socket)
}

/// Solicits the target once.
pub(super) fn solicit_once(socket: &Socket, link: Link, target: Ipv6Addr) -> io::Result<()> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    // With the option of the source's link-layer address: number 1, one unit of eight octets. The kernel adds the checksum.
    let request = [&[SOLICITATION, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1], &link.mac].concat();
    let to = SocketAddrV6::new(group, 0, 0, link.index);
    socket.send_to(&request, &to.into()).map(drop)
}

/// Returns where a neighbour advertisement says that the target is.
fn advertised(octets: &[u8], target: Ipv6Addr) -> Option<Mac> {
    let (header, rest) = octets.split_first_chunk::<8>()?;
    let mut options = rest.strip_prefix(&target.octets())?;
    if header.first() != Some(&ADVERTISEMENT) {
        return None;
    }
    loop {
        match *options {
            [2, 1, a, b, c, d, e, f, ..] => return Some([a, b, c, d, e, f]),
            [_, units, ..] if units > 0 => options = options.get(usize::from(units) * 8..)?,
            _ => return None,
        }
    }
}

/// Returns the first answer that comes to a socket for ARP or for neighbour solicitations. Under a flood it lets others have their
/// turn.
pub(super) async fn hear<T>(socket: &AsyncFd<Socket>, answer: impl Fn(&[u8]) -> Option<T>) -> io::Result<T> {
    loop {
        let mut buffer = [0; 512];
        let receive = |socket: &Socket| sys::receive(socket.as_fd(), &mut buffer);
        let received = socket.async_io(Interest::READABLE, receive).await?;
        // What was forwarded is nobody's neighbour (RFC 4861 section 7.1.2).
        if received.hop_limit.is_some_and(|hops| hops != 255) {
            continue;
        }
        if let Some(answer) = buffer.get(..received.len).and_then(&answer) {
            return Ok(answer);
        }
    }
}

fn open(why: io::Error) -> Failure {
    Failure::new(OPEN, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_for_the_target_counts() {
        let (target, mac) = (Ipv4Addr::new(192, 0, 2, 1), [2, 0, 0, 0, 0, 7]);
        let reply = |operation: [u8; 2], sender: [u8; 4]| [&ARP[..], &operation, &mac, &sender, &[0; 10]].concat();
        assert_eq!(is_at(&reply(ARP_REPLY, target.octets()), target), Some(mac));
        assert_eq!(is_at(&reply(ARP_REQUEST, target.octets()), target), None);
        assert_eq!(is_at(&reply(ARP_REPLY, [192, 0, 2, 2]), target), None);

        let target: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let advert =
            |kind: u8, options: &[u8]| [&[kind, 0, 0, 0, 0x60, 0, 0, 0][..], &target.octets(), options].concat();
        let option = [&[2, 1][..], &mac].concat();
        let behind = [&[14, 1, 0, 0, 0, 0, 0, 0][..], &option].concat();
        for options in [&option, &behind] {
            assert_eq!(advertised(&advert(ADVERTISEMENT, options), target), Some(mac));
            assert_eq!(advertised(&advert(SOLICITATION, options), target), None);
            assert_eq!(advertised(&advert(ADVERTISEMENT, options), "2001:db8::2".parse().unwrap()), None);
        }
        for cut in 0..behind.len() {
            assert_eq!(advertised(&advert(ADVERTISEMENT, &behind[..cut]), target), None, "{cut}");
        }
        assert_eq!(advertised(&advert(ADVERTISEMENT, &[14, 0, 0, 0]), target), None, "an option without a length");
    }
}
