//! The sockets that an interface's virtual routers of one address family share for sending and hearing. There is one set
//! for each interface, not for each router: the kernel copies each packet to every socket that matches.
//!
//! Advertisements are heard on a packet socket, in front of the IP layer: whatever that says of their source (an address of
//! this host, a wrong way back), they arrived at the interface, and count. Rules of a packet filter for the IP layer's input
//! come later too, and keep nothing from being heard; rules at the interface (`netdev`, ingress) do.
//!
//! They leave by a raw IP socket: on the host's routes where they go to one peer, and not past the rules for its output. Headers
//! are made here, so that the source is what the router says it is. This socket is also a member of the group for the IP layer,
//! which tells switches, and it hears what the IP layer puts together: advertisements that came in fragments.

pub(crate) mod datagram;
mod filters;
pub(crate) mod fragments;
pub(crate) mod ipv4;
pub(crate) mod ipv6;
pub(crate) mod membership;

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use etherparse::{EtherType, IpNumber};
use libc::c_int;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::unix::AsyncFd;
use vrrp_core::Family;
use vrrp_core::wire::Endpoints;

use self::datagram::Datagram;
use crate::virtual_ip::IPV6_MTU;
use crate::{clock, sys};

/// `TC_PRIO_CONTROL`: past the bulk traffic in the interface's own queue.
pub(crate) const PRIORITY: u32 = 7;
/// Room for more than a thousand advertisements: what 255 routers hear while their process stalls for some seconds.
const RECEIVE_BUFFER: usize = 1 << 20;
/// A flag of the kernel that libc does not have: everything but sending.
const MSG_PROBE: c_int = 0x10;
/// No link makes fragments of less than this; RFC 791 lets every host count on it.
const WHOLE_V4: u32 = 576;
const HEADER_V6: u32 = 40;

/// Sends and receives advertisements of one address family on one interface.
#[derive(Debug)]
pub(crate) struct VrrpSocket {
    /// Hears.
    packets: AsyncFd<Socket>,
    /// Sends, and hears what came in fragments.
    raw: AsyncFd<Socket>,
    family: Family,
    ifindex: u32,
    mtu: u32,
    /// True if packets to the group are to be heard.
    multicast: bool,
    /// The identification of the next packet that goes out in fragments.
    identification: u32,
    joined: bool,
    /// True if the raw socket was read first last time.
    raw_first: bool,
}

/// A packet that was taken from a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Advertisement(Datagram),
    /// Nothing that concerns a router.
    Noise,
}

impl VrrpSocket {
    /// Opens the sockets. They hear what is sent to this host, and if `multicast` to the group. Needs a running tokio runtime.
    pub(crate) fn open(interface: &str, ifindex: u32, mtu: u32, family: Family, multicast: bool) -> io::Result<Self> {
        let packets = hearing(ifindex, family, multicast)?;
        let raw = raw(interface, mtu, family)?;
        let (packets, raw) = (sys::watch(packets)?, sys::watch(raw)?);
        // Fragments of two packets that are under way together must not share a number: those of another process of this
        // host, or of one before this one, begin elsewhere.
        let identification = clock::now().as_nanos() as u32;
        Ok(Self { packets, raw, family, ifindex, mtu, multicast, identification, joined: false, raw_first: false })
    }

    /// Sets whether packets to the group are to be heard from now on. Packets to this host are always heard.
    pub(crate) fn set_multicast(&mut self, multicast: bool) -> io::Result<()> {
        if self.multicast == multicast {
            return Ok(());
        }
        let packets = self.packets.get_ref();
        packets.attach_filter(&filters::advertisements(self.family, multicast))?;
        self.multicast = multicast;
        receive_group(packets, self.ifindex, self.family, multicast);
        if !multicast && std::mem::take(&mut self.joined) {
            // The kernel may have dropped it.
            let _ = self.leave();
        }
        Ok(())
    }

    /// The link's MTU has changed, perhaps.
    pub(crate) fn set_mtu(&mut self, mtu: u32) -> io::Result<()> {
        if self.mtu != mtu {
            self.mtu = mtu;
            self.raw.get_ref().attach_filter(&filters::longer_than(whole(self.family, mtu)))?;
        }
        Ok(())
    }

    /// Joins the VRRP group on this interface, for the IP layer and those that ask it; once more does no harm.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        let joined = match self.family {
            Family::Ipv4 => ipv4::join(self.raw.get_ref(), self.ifindex),
            Family::Ipv6 => ipv6::join(self.raw.get_ref(), self.ifindex),
        };
        match joined {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                let group = self.family.group();
                return Err(io::Error::new(error.kind(), format!("cannot join the group {group}: {error}")));
            }
            _ => self.joined = true,
        }
        Ok(())
    }

    /// Joins again: the kernel has dropped the membership, though this socket still has it in its list.
    pub(crate) fn rejoin(&mut self) -> io::Result<()> {
        // It may not even be in the list.
        let _ = self.leave();
        self.joined = false;
        self.join()
    }

    fn leave(&self) -> io::Result<()> {
        match self.family {
            Family::Ipv4 => ipv4::leave(self.raw.get_ref(), self.ifindex),
            Family::Ipv6 => ipv6::leave(self.raw.get_ref(), self.ifindex),
        }
    }

    /// Polls for the next packet; if it is an advertisement, `buf` holds its octets.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Heard>> {
        self.raw_first = !self.raw_first;
        for raw in [self.raw_first, !self.raw_first] {
            let socket = if raw { &self.raw } else { &self.packets };
            while let Poll::Ready(guard) = socket.poll_read_ready(cx) {
                if let Ok(received) = guard?.try_io(|socket| sys::receive(socket.as_fd(), buf)) {
                    return Poll::Ready(self.heard(buf, received, raw));
                }
            }
        }
        Poll::Pending
    }

    /// Returns the next packet as [`poll_recv`](Self::poll_recv) does, or `None` when nothing waits.
    pub(crate) fn try_recv(&mut self, buf: &mut [u8]) -> io::Result<Option<Heard>> {
        for (socket, raw) in [(&self.packets, false), (&self.raw, true)] {
            match sys::receive(socket.get_ref().as_fd(), buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return self.heard(buf, received, raw).map(Some),
            }
        }
        Ok(None)
    }

    /// Sends `payload` as one packet that says it comes from the source, in fragments where the link needs them. Never blocks.
    pub(crate) fn send(&mut self, endpoints: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        self.transmit(endpoints, ttl, payload, 0)
    }

    /// Goes the same way, but sends nothing.
    pub(crate) fn probe(&mut self, endpoints: Endpoints, ttl: u8, payload: &[u8]) -> io::Result<()> {
        self.transmit(endpoints, ttl, payload, MSG_PROBE)
    }

    fn transmit(&mut self, endpoints: Endpoints, ttl: u8, payload: &[u8], flags: c_int) -> io::Result<()> {
        if endpoints.family() != self.family {
            let (from, to) = (endpoints.source(), endpoints.destination());
            let text = format!("cannot send from {from} to {to}: this socket is for {}", self.family);
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let socket = self.raw.get_ref();
        let send = |header: &[u8], payload: &[u8], to: &SockAddr| {
            let parts = [IoSlice::new(header), IoSlice::new(payload)];
            socket.send_to_vectored_with_flags(&parts, to, flags).map(drop)
        };
        let mtu = self.mtu as usize;
        let (packets, to): (_, SockAddr) = match endpoints {
            Endpoints::V4 { source, destination } => {
                let header = ipv4::header(source, destination, ttl, payload.len())?;
                let to = SocketAddrV4::new(destination, 0).into();
                if header.header_len() + payload.len() <= mtu {
                    return send(&header.to_bytes(), payload, &to);
                }
                // The kernel would put another number for 0 into each fragment.
                self.identification = self.identification.wrapping_add(1);
                let identification = (self.identification as u16).max(1);
                (fragments::ipv4(&header, payload, mtu, identification), to)
            }
            Endpoints::V6 { source, destination } => {
                let header = ipv6::header(source, destination, ttl, payload.len())?;
                let to = SocketAddrV6::new(destination, 0, 0, self.ifindex).into();
                if header.header_len() + payload.len() <= mtu {
                    return send(&header.to_bytes(), payload, &to);
                }
                self.identification = self.identification.wrapping_add(1);
                (fragments::ipv6(&header, payload, mtu, self.identification), to)
            }
        };
        let packets = packets.ok_or_else(|| fragments::too_small(self.mtu))?;
        packets.iter().try_for_each(|(header, part)| send(header, part, &to))
    }

    fn heard(&self, buf: &[u8], received: io::Result<sys::Received>, raw: bool) -> io::Result<Heard> {
        let received = match received {
            Ok(received) => received,
            // The link went down: of that there is other news.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => return Ok(Heard::Noise),
            Err(error) => return Err(error),
        };
        let datagram = match (self.family, raw) {
            // Came whole: the packet socket has it too.
            (_, true) if !received.fragmented => None,
            (Family::Ipv4, false) if !ipv4::is_sound(buf) => None,
            (Family::Ipv4, _) => ipv4::datagram(buf, &received),
            (Family::Ipv6, true) => ipv6::raw(&received),
            (Family::Ipv6, false) => ipv6::datagram(buf, &received),
        };
        // A raw socket may get the packets of all groups that anybody on this host has joined.
        let group = self.family.group();
        let is_meant = |to: IpAddr| !to.is_multicast() || (self.joined && to == group);
        let datagram = datagram.filter(|datagram| is_meant(datagram.endpoints.destination()));
        Ok(datagram.map_or(Heard::Noise, Heard::Advertisement))
    }
}

/// A packet socket for whole advertisements that arrive at the interface.
fn hearing(ifindex: u32, family: Family, multicast: bool) -> io::Result<Socket> {
    let ethertype = match family {
        Family::Ipv4 => EtherType::IPV4,
        Family::Ipv6 => EtherType::IPV6,
    };
    // Protocol 0: it hears nothing before it is bound.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), None)?;
    socket.attach_filter(&filters::advertisements(family, multicast))?;
    sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
    sys::enable_receive_stamps(socket.as_fd())?;
    socket.bind(&sys::link_layer_address(ifindex, ethertype.0, [0; 6]))?;
    if multicast {
        receive_group(&socket, ifindex, family, true);
    }
    Ok(socket)
}

/// Has the card let frames to the group pass, or no more.
fn receive_group(packets: &Socket, ifindex: u32, family: Family, wanted: bool) {
    let group = match family {
        Family::Ipv4 => ipv4::GROUP_MAC,
        Family::Ipv6 => ipv6::GROUP_MAC,
    };
    // Fails where the link has no such addresses: there everything arrives.
    let _ = sys::receive_frames_to(packets.as_fd(), ifindex, group, wanted);
}

/// A raw socket that hears, besides what is put together from fragments, nothing but a few packets that are as long.
fn raw(interface: &str, mtu: u32, family: Family) -> io::Result<Socket> {
    let domain = match family {
        Family::Ipv4 => Domain::IPV4,
        Family::Ipv6 => Domain::IPV6,
    };
    let protocol = Protocol::from(i32::from(IpNumber::VRRP.0));
    let socket = Socket::new(domain, Type::RAW.nonblocking(), Some(protocol))?;
    socket.attach_filter(&filters::longer_than(whole(family, mtu)))?;
    socket.bind_device(Some(interface.as_bytes()))?;
    match family {
        Family::Ipv4 => ipv4::configure(&socket)?,
        Family::Ipv6 => ipv6::configure(&socket)?,
    }
    socket.set_priority(PRIORITY)?;
    sys::set_receive_buffer(socket.as_fd(), RECEIVE_BUFFER)?;
    sys::enable_receive_stamps(socket.as_fd())?;
    // On a kernel that does not tell what came in fragments none of that is heard.
    let _ = sys::enable_receive_fragmented(socket.as_fd(), family == Family::Ipv6);
    // Until it was bound, it heard every interface.
    while let Ok(_other) = sys::receive(socket.as_fd(), &mut []) {}
    Ok(socket)
}

/// The length, as the filter of a raw socket sees it, up to which a packet came whole, or does not matter.
fn whole(family: Family, mtu: u32) -> u32 {
    match family {
        Family::Ipv4 => WHOLE_V4.min(mtu),
        Family::Ipv6 => IPV6_MTU - HEADER_V6,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;
    use std::time::Duration;

    use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

    use super::*;
    use crate::testing::{ifindex, in_namespace, ip, run, wire};

    const PAYLOAD: &[u8] = b"an advertisement";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn endpoints(from: IpAddr, to: IpAddr) -> Endpoints {
        Endpoints::new(from, to).unwrap()
    }

    /// The addresses of v0 to v3, and one that no host has.
    fn addresses(family: Family) -> [IpAddr; 5] {
        match family {
            Family::Ipv4 => ["192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2", "192.0.2.77"].map(address),
            Family::Ipv6 => ["fe80::1", "fe80::2", "fe80::3", "fe80::4", "fe80::77"].map(address),
        }
    }

    /// Runs a test for each family on two wires: v0 to v1, v2 to v3.
    fn each_family(test: impl AsyncFn(Family)) {
        wire("v0", "v1");
        wire("v2", "v3");
        for family in [Family::Ipv4, Family::Ipv6] {
            for (number, address) in addresses(family).into_iter().enumerate().take(4) {
                match family {
                    Family::Ipv4 => ip(&format!("address add {address}/24 dev v{number}")),
                    Family::Ipv6 => ip(&format!("address add {address}/64 dev v{number} nodad")),
                };
            }
            run(test(family));
        }
    }

    fn open(interface: &str, family: Family) -> VrrpSocket {
        open_for(interface, family, false)
    }

    fn open_for(interface: &str, family: Family, multicast: bool) -> VrrpSocket {
        VrrpSocket::open(interface, ifindex(interface), 1500, family, multicast).unwrap()
    }

    fn joined(interface: &str, family: Family) -> VrrpSocket {
        let mut socket = open_for(interface, family, true);
        socket.join().unwrap();
        socket
    }

    async fn receive(socket: &mut VrrpSocket) -> (Datagram, Vec<u8>) {
        let mut buf = [0; 1 << 16];
        loop {
            if let Heard::Advertisement(datagram) = poll_fn(|cx| socket.poll_recv(cx, &mut buf)).await.unwrap() {
                let payload = buf[datagram.payload.clone()].to_vec();
                return (datagram, payload);
            }
        }
    }

    #[test]
    fn an_advertisement_crosses_the_wire() {
        in_namespace(|| {
            each_family(async |family| {
                let (mut a, mut b) = (joined("v0", family), joined("v1", family));
                b.join().unwrap();
                let ([here, .., nowhere], group) = (addresses(family), family.group());
                // The source is what the router says it is, on the host or not.
                for src in [here, nowhere] {
                    a.probe(endpoints(src, group), 255, b"heard by nobody").unwrap();
                    a.send(endpoints(src, group), 255, PAYLOAD).unwrap();
                    let (datagram, payload) = receive(&mut b).await;
                    assert_eq!(payload, PAYLOAD);
                    assert_eq!((datagram.endpoints, datagram.ttl), (endpoints(src, group), 255));
                    assert!(datagram.age < Duration::from_secs(1), "{:?}", datagram.age);
                }
            });
        });
    }

    #[test]
    fn unicast_reaches_one_that_is_in_no_group() {
        in_namespace(|| {
            // What this host sends to its own addresses goes over the wire too; to link-local ones it does anyway.
            for rule in ["add pref 1 iif v0 lookup local", "add pref 1 iif v1 lookup local", "del pref 0"] {
                ip(&format!("rule {rule}"));
            }
            each_family(async |family| {
                let (mut a, mut b) = (open("v0", family), open("v1", family));
                let [here, there, ..] = addresses(family);
                a.send(endpoints(here, there), 64, PAYLOAD).unwrap();
                let (datagram, payload) = receive(&mut b).await;
                assert_eq!(payload, PAYLOAD);
                assert_eq!((datagram.endpoints, datagram.ttl), (endpoints(here, there), 64));
            });
        });
    }

    #[test]
    fn the_age_is_the_time_in_the_socket() {
        in_namespace(|| {
            each_family(async |family| {
                let (mut a, mut b) = (joined("v0", family), joined("v1", family));
                // The kernel begins to stamp a moment after it was asked to.
                let wait = Duration::from_millis(100);
                tokio::time::sleep(wait).await;
                a.send(endpoints(addresses(family)[0], family.group()), 255, PAYLOAD).unwrap();
                tokio::time::sleep(wait).await;
                let (datagram, _) = receive(&mut b).await;
                assert!(datagram.age >= wait && datagram.age < Duration::from_secs(10), "{:?}", datagram.age);
            });
        });
    }

    #[test]
    fn the_header_is_as_on_the_wire_of_other_routers() {
        in_namespace(|| {
            each_family(async |family| {
                let mut a = joined("v0", family);
                let tap = Socket::new(Domain::PACKET, Type::DGRAM, None).unwrap();
                tap.bind(&sys::link_layer_address(ifindex("v1"), 3, [0; 6])).unwrap();
                tap.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                a.send(endpoints(addresses(family)[0], family.group()), 255, PAYLOAD).unwrap();
                let mut packet = [0; 1500];
                let is_vrrp = |packet: &[u8]| match family {
                    Family::Ipv4 => packet[0] >> 4 == 4 && packet[9] == IpNumber::VRRP.0,
                    Family::Ipv6 => packet[0] >> 4 == 6 && packet[6] == IpNumber::VRRP.0,
                };
                while (&tap).read(&mut packet).is_ok() && !is_vrrp(&packet) {}
                match family {
                    Family::Ipv4 => {
                        let header = Ipv4HeaderSlice::from_slice(&packet).unwrap().to_header();
                        assert_eq!((header.ihl(), packet[1], header.dont_fragment), (5, 0xc0, false));
                        assert_eq!(header.header_checksum, header.calc_header_checksum());
                        assert_eq!(usize::from(header.total_len), 20 + PAYLOAD.len());
                    }
                    Family::Ipv6 => {
                        let header = Ipv6HeaderSlice::from_slice(&packet).unwrap().to_header();
                        assert_eq!((header.traffic_class, header.hop_limit), (0xc0, 255));
                        assert_eq!(usize::from(header.payload_length), PAYLOAD.len());
                    }
                }
            });
        });
    }

    #[test]
    fn only_the_other_routers_of_this_interface_and_family_are_heard() {
        in_namespace(|| {
            each_family(async |family| {
                let mut sockets = ["v0", "v1", "v2", "v3"].map(|interface| joined(interface, family));
                // Members of the group exist on every interface; this one is none.
                let mut unicast_only = open("v1", family);
                let other = if family == Family::Ipv4 { Family::Ipv6 } else { Family::Ipv4 };
                let mut other = joined("v1", other);
                let ([here, _, second, ..], group) = (addresses(family), family.group());
                let [a, b, c, d] = &mut sockets;
                a.send(endpoints(here, group), 255, PAYLOAD).unwrap();
                c.send(endpoints(second, group), 255, PAYLOAD).unwrap();
                assert_eq!(receive(b).await.0.endpoints.source(), here);
                assert_eq!(receive(d).await.0.endpoints.source(), second);
                // Delivery on a veth is done before the send returns, or just after: both have arrived now.
                let mut buf = [0; 1500];
                for socket in [a, b, c, d, &mut unicast_only, &mut other] {
                    assert_eq!(socket.try_recv(&mut buf).unwrap(), None);
                }
            });
        });
    }

    /// The MAC address of an interface.
    fn mac(interface: &str) -> [u8; 6] {
        let link = ip(&format!("-oneline link show dev {interface}"));
        let text = link.split_once("link/ether ").unwrap().1.split(' ').next().unwrap();
        let octets: Vec<u8> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
        octets.try_into().unwrap()
    }

    /// The IP layer has not looked: what it would drop as damaged, cut or not for this host is found here.
    #[test]
    fn of_what_arrives_at_the_interface_only_whole_packets_for_this_host_are_taken() {
        in_namespace(|| {
            each_family(async |family| {
                // The interface takes everything that passes.
                ip("link set v1 promisc on");
                let mut b = joined("v1", family);
                let card = Socket::new(Domain::PACKET, Type::DGRAM, None).unwrap();
                let ([here, there, ..], group) = (addresses(family), family.group());
                let packet = |to: IpAddr, ttl: u8| match endpoints(here, to) {
                    Endpoints::V4 { source, destination } => {
                        let mut header = ipv4::header(source, destination, ttl, PAYLOAD.len()).unwrap();
                        header.header_checksum = header.calc_header_checksum();
                        [&header.to_bytes()[..], PAYLOAD].concat()
                    }
                    Endpoints::V6 { source, destination } => {
                        let header = ipv6::header(source, destination, ttl, PAYLOAD.len()).unwrap();
                        [&header.to_bytes()[..], PAYLOAD].concat()
                    }
                };
                let (ethertype, group_mac) = match family {
                    Family::Ipv4 => (EtherType::IPV4, ipv4::GROUP_MAC),
                    Family::Ipv6 => (EtherType::IPV6, ipv6::GROUP_MAC),
                };
                let other_group = match family {
                    Family::Ipv4 => address("224.0.0.5"),
                    Family::Ipv6 => address("ff02::5"),
                };
                let inject = |to: [u8; 6], packet: &[u8]| {
                    card.send_to(packet, &sys::link_layer_address(ifindex("v0"), ethertype.0, to)).unwrap();
                };
                inject([2, 0, 0, 0, 0, 9], &packet(group, 1));
                inject([2, 0, 0, 0, 0, 9], &packet(there, 2));
                inject(group_mac, &packet(other_group, 3));
                let mut short = packet(group, 4);
                short.pop();
                inject(group_mac, &short);
                inject(group_mac, &packet(group, 5)[..19]);
                let mut damaged = packet(group, 6);
                match family {
                    Family::Ipv4 => damaged[1] ^= 1,
                    Family::Ipv6 => damaged[6] = 44,
                }
                inject(group_mac, &damaged);
                if family == Family::Ipv4 {
                    for fragment in [0x20, 0x01] {
                        let header = Ipv4HeaderSlice::from_slice(&packet(group, 7)[..20]).unwrap().to_header();
                        let mut cut = header;
                        cut.more_fragments = fragment == 0x20;
                        cut.fragment_offset = u16::from(fragment == 1).try_into().unwrap();
                        cut.header_checksum = cut.calc_header_checksum();
                        inject(group_mac, &[&cut.to_bytes()[..], PAYLOAD].concat());
                    }
                }
                // Of its own accord it hears nothing that it sends.
                joined("v1", family).send(endpoints(there, group), 8, PAYLOAD).unwrap();
                // The group may be sent to one host alone.
                inject(mac("v1"), &packet(group, 100));
                inject(mac("v1"), &packet(there, 101));
                inject([0xff; 6], &packet(group, 102));
                inject(group_mac, &packet(group, 103));
                for ttl in 100..104 {
                    let (datagram, payload) = receive(&mut b).await;
                    assert_eq!(
                        (datagram.ttl, datagram.mac, &payload[..]),
                        (ttl, Some(mac("v0")), PAYLOAD),
                        "{family:?}"
                    );
                }
            });
        });
    }

    /// Fragments are put together by the kernel; each advertisement is heard once, in fragments or not.
    #[test]
    fn what_is_larger_than_the_mtu_arrives_once() {
        in_namespace(|| {
            each_family(async |family| {
                let (mut a, mut b) = (joined("v0", family), joined("v1", family));
                let ([here, ..], group) = (addresses(family), family.group());
                a.set_mtu(1280).unwrap();
                // The second end has a larger MTU than the first.
                for (ttl, len) in [(1, 600), (2, 1200), (3, 1300), (4, 2600), (5, 4088), (6, 20)] {
                    let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
                    a.send(endpoints(here, group), ttl, &payload).unwrap();
                    let (datagram, received) = receive(&mut b).await;
                    assert_eq!((datagram.ttl, datagram.endpoints), (ttl, endpoints(here, group)));
                    assert!(received == payload, "{family:?} {len}");
                }
                let mut buf = [0; 1 << 16];
                while let Some(heard) = b.try_recv(&mut buf).unwrap() {
                    assert_eq!(heard, Heard::Noise);
                }
                a.set_mtu(27).unwrap();
                assert_eq!(
                    a.send(endpoints(here, group), 255, PAYLOAD).unwrap_err().kind(),
                    io::ErrorKind::InvalidInput
                );
            });
        });
    }

    #[test]
    fn packets_for_the_other_family_are_refused() {
        in_namespace(|| {
            each_family(async |family| {
                let other = if family == Family::Ipv4 { Family::Ipv6 } else { Family::Ipv4 };
                let endpoints = endpoints(addresses(other)[0], other.group());
                let error = open("v0", family).send(endpoints, 255, PAYLOAD).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            });
        });
    }
}
