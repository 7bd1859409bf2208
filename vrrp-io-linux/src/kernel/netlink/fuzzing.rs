//! Whatever a kernel says, and whenever: a monitor's mirror stays in order, and its changes tell all of it.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use netlink_packet_core::Emitable;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope};

use super::decode::decode;
use super::message::{MARK, answers, messages};
use super::mirror::News;
use super::mirror::{HostAddress, HostChange, Link, Mirror, Use};
use super::resync::Resync;

/// The port of the socket: what comes for it is an answer. The numbers of its requests begin at 1.
const PORT: u32 = 4711;

/// Each step is an octet that says what happens, and where that is a datagram its length, two octets, little-endian.
pub fn netlink(input: &[u8]) {
    let mut resync = Resync::new(PORT);
    let mut copy = Copy::default();
    let mut rest = input;
    while let Some((step, tail)) = rest.split_first() {
        rest = tail;
        match step % 8 {
            0 => resync.drained(),
            1 => resync.lose(),
            2 if resync.wants_dump() => resync.start_dump(),
            _ => {
                let Some((length, tail)) = rest.split_first_chunk() else { break };
                let (datagram, tail) = tail.split_at(tail.len().min(u16::from_le_bytes(*length).into()));
                rest = tail;
                each_message(datagram);
                resync.read(datagram);
            }
        }
        let _ = resync.take_request();
        let before = resync.follows();
        while let Some(change) = resync.next_change() {
            copy.learn(&change, resync.mirror());
        }
        assert!(copy == Copy::of(resync.mirror()), "following {before}: {copy:?}\nis not {:?}", resync.mirror());
    }
}

/// A copy of the mirror, made from the changes alone.
#[derive(Debug, Default, PartialEq)]
struct Copy {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<(u32, IpAddr), Vec<HostAddress>>,
}

impl Copy {
    fn learn(&mut self, change: &HostChange, mirror: &Mirror) {
        match *change {
            HostChange::Link { index } => {
                self.links.remove(&index);
                self.links.extend(mirror.link(index).map(|link| (index, link.clone())));
            }
            HostChange::AddressAdded { ifindex, address } | HostChange::AddressRemoved { ifindex, address } => {
                let now: Vec<_> = mirror.addresses(ifindex).filter(|host| host.address == address).cloned().collect();
                self.addresses.remove(&(ifindex, address));
                if !now.is_empty() {
                    self.addresses.insert((ifindex, address), now);
                }
            }
            HostChange::LinkAddress { .. } | HostChange::Resynced => {}
        }
    }

    fn of(mirror: &Mirror) -> Self {
        let mut copy = Self::default();
        for link in mirror.links() {
            let named_so = mirror.link_by_name(&link.name);
            assert!(named_so.is_none_or(|found| found.name == link.name), "{:?} is called {}", named_so, link.name);
            copy.links.insert(link.index, link.clone());
        }
        for (ifindex, host) in mirror.all_addresses() {
            copy.addresses.entry((ifindex, host.address)).or_default().push(host.clone());
        }
        let mut keys = HashSet::new();
        for (ifindex, host) in mirror.all_addresses() {
            assert!(keys.insert(host.key(ifindex)), "twice in the mirror: {host:?}");
            let all = mirror.addresses(ifindex).filter(|other| other.address == host.address);
            assert!(mirror.at(ifindex, host.address).eq(all), "counted otherwise: {host:?}");
        }
        copy
    }
}

/// Checks that what was understood of a message is understood the same when it is said again.
fn each_message(datagram: &[u8]) {
    let count = messages(datagram).count();
    assert!(count <= datagram.len().div_ceil(16), "{count} messages in {} octets", datagram.len());
    assert!(answers(datagram).count() <= count);
    for (header, payload) in messages(datagram).flatten() {
        let Ok(Some(news)) = decode(header.message_type, payload) else { continue };
        let again = match &news {
            News::Link(link) => decode(libc::RTM_NEWLINK, &link_message(link)),
            News::Address(ifindex, host) => decode(libc::RTM_NEWADDR, &address_message(*ifindex, host)),
            News::LinkGone(_) | News::AddressGone(..) => continue,
        };
        let same = matches!(&again, Ok(Some(again)) if *again == news);
        assert!(same, "{news:?} said again is {again:?}");
    }
}

fn link_message(link: &Link) -> Vec<u8> {
    let flags = [(link.admin_up, libc::IFF_UP), (link.up, libc::IFF_RUNNING)];
    let flags = flags.iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag);
    let kind = if link.mac.is_some() { libc::ARPHRD_ETHER } else { libc::ARPHRD_NONE };
    let mut message = vec![0, 0];
    message.extend(kind.to_ne_bytes());
    message.extend(link.index.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(attribute(libc::IFLA_IFNAME, &[link.name.as_bytes(), &[0]].concat()));
    message.extend(attribute(libc::IFLA_MTU, &link.mtu.to_ne_bytes()));
    message.extend(link.mac.iter().flat_map(|mac| attribute(libc::IFLA_ADDRESS, mac)));
    if let Some(below) = link.macvlan_on {
        message.extend(attribute(libc::IFLA_LINK, &below.to_ne_bytes()));
        message.extend(attribute(libc::IFLA_LINKINFO, &attribute(libc::IFLA_INFO_KIND, b"macvlan\0")));
    }
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut octets = [&length.to_ne_bytes(), &kind.to_ne_bytes(), value].concat();
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

fn address_message(ifindex: u32, host: &HostAddress) -> Vec<u8> {
    let mut flags = AddressFlags::empty();
    flags.set(AddressFlags::Secondary, host.secondary);
    flags.set(AddressFlags::Tentative, !host.is_usable());
    flags.set(AddressFlags::Dadfailed, host.usage == Use::Duplicate);
    let mut message = AddressMessage::default();
    message.header.family = if host.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = host.prefix_len;
    message.header.scope = AddressScope::from(host.scope);
    message.header.index = ifindex;
    message.attributes = vec![
        AddressAttribute::Local(host.address),
        AddressAttribute::Address(host.peer),
        AddressAttribute::Flags(flags),
        AddressAttribute::Protocol(AddressProtocol::Other(if host.marked { MARK } else { 0 })),
    ];
    message.attributes.extend(host.label.clone().map(AddressAttribute::Label));
    message.attributes.extend(host.broadcast.map(AddressAttribute::Broadcast));
    let mut octets = vec![0; message.buffer_len()];
    message.emit(&mut octets);
    octets
}
