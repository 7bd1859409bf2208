//! The decoding of what rtnetlink says about links and addresses.
//!
//! Of a link, only the attributes that are used are read: its message has dozens of them, more with each kernel, and one of unknown
//! form must not hide the interface.

use std::net::IpAddr;

use netlink_packet_core::{DecodeError, NlasIterator, Parseable, parse_u32};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkFlags, LinkHeader, LinkLayerType};

use super::message::MARK;
use super::mirror::{HostAddress, Link, News, Use};

const LINK_HEADER_LEN: usize = 16;

/// Decodes one message; `None` when it is about something else.
pub(super) fn decode(message_type: u16, payload: &[u8]) -> Result<Option<News>, DecodeError> {
    Ok(match message_type {
        libc::RTM_NEWLINK => link(payload)?.map(News::Link),
        libc::RTM_DELLINK => link(payload)?.map(|link| News::LinkGone(link.index)),
        libc::RTM_NEWADDR => address(payload)?.map(|(ifindex, address)| News::Address(ifindex, address)),
        libc::RTM_DELADDR => address(payload)?.map(|(ifindex, address)| News::AddressGone(ifindex, address)),
        _ => None,
    })
}

fn link(payload: &[u8]) -> Result<Option<Link>, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    // A bridge says with its own family that a link is, or is no longer, one of its ports.
    if header.interface_family != AddressFamily::Unspec {
        return Ok(None);
    }
    let mut link = Link {
        index: header.index,
        name: String::new(),
        up: header.flags.contains(LinkFlags::Up | LinkFlags::Running),
        admin_up: header.flags.contains(LinkFlags::Up),
        mac: None,
        mtu: 0,
        macvlan_on: None,
    };
    let (mut macvlan, mut below) = (false, None);
    for attribute in NlasIterator::new(payload.get(LINK_HEADER_LEN..).unwrap_or_default()) {
        let attribute = attribute?;
        let value = attribute.value();
        match attribute.kind() {
            libc::IFLA_IFNAME => {
                let name = value.strip_suffix(&[0]).unwrap_or(value);
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            libc::IFLA_ADDRESS if header.link_layer_type == LinkLayerType::Ether => link.mac = value.try_into().ok(),
            libc::IFLA_MTU => link.mtu = parse_u32(value)?,
            libc::IFLA_LINK => below = Some(parse_u32(value)?),
            libc::IFLA_LINKINFO => macvlan = is_macvlan(value),
            _ => {}
        }
    }
    link.macvlan_on = below.filter(|_| macvlan);
    Ok(Some(link))
}

/// Tells whether a link's description of its own kind says macvlan.
fn is_macvlan(info: &[u8]) -> bool {
    let mut attributes = NlasIterator::new(info).flatten();
    attributes.any(|attribute| attribute.kind() == libc::IFLA_INFO_KIND && attribute.value().starts_with(b"macvlan"))
}

fn address(payload: &[u8]) -> Result<Option<(u32, HostAddress)>, DecodeError> {
    let AddressMessage { header, attributes, .. } = AddressMessage::parse(payload)?;
    let mut flags = AddressFlags::from_bits_retain(header.flags.bits().into());
    let (mut local, mut peer) = (None, None);
    let (mut label, mut broadcast, mut marked) = (None, None, false);
    for attribute in attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => peer = Some(address),
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Broadcast(address) => broadcast = Some(address),
            AddressAttribute::Flags(all) => flags = all,
            AddressAttribute::Protocol(protocol) => marked = u8::from(protocol) == MARK,
            _ => {}
        }
    }
    // Point to point, the one is this end and the other the far one. IPv6 gives both only then.
    let Some((address, peer)) = local.or(peer).zip(peer.or(local)) else {
        return Ok(None);
    };
    let host_address = HostAddress {
        address,
        prefix_len: header.prefix_len,
        peer,
        scope: header.scope.into(),
        label,
        broadcast,
        // For IPv6 the same bit means a temporary address.
        secondary: matches!(address, IpAddr::V4(_)) && flags.contains(AddressFlags::Secondary),
        // One that failed is tentative for ever.
        usage: match (flags.contains(AddressFlags::Dadfailed), flags.contains(AddressFlags::Tentative)) {
            (true, _) => Use::Duplicate,
            (false, true) => Use::Tentative,
            (false, false) => Use::Usable,
        },
        marked,
    };
    Ok(Some((header.index, host_address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link_message(family: u8, attributes: &[u8]) -> Vec<u8> {
        let flags = libc::IFF_UP as u32 | libc::IFF_RUNNING as u32;
        let mut message = vec![family, 0];
        message.extend(libc::ARPHRD_ETHER.to_ne_bytes());
        message.extend(7_u32.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(attributes);
        message
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_link_is_read_whatever_its_other_attributes_look_like() {
        let strange = attribute(libc::IFLA_STATS64, &[1, 2, 3]);
        let name = attribute(libc::IFLA_IFNAME, b"eth0\0");
        let mac = attribute(libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]);
        let mtu = attribute(libc::IFLA_MTU, &1500_u32.to_ne_bytes());
        let message = link_message(0, &[strange, name, mac, mtu].concat());
        let expected = Link {
            index: 7,
            name: "eth0".into(),
            up: true,
            admin_up: true,
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            macvlan_on: None,
        };
        let decoded = decode(libc::RTM_NEWLINK, &message).unwrap();
        assert!(matches!(&decoded, Some(News::Link(link)) if *link == expected), "{decoded:?}");
    }

    #[test]
    fn leaving_a_bridge_is_no_disappearance() {
        let message = link_message(libc::AF_BRIDGE as u8, &attribute(libc::IFLA_IFNAME, b"eth0\0"));
        assert!(decode(libc::RTM_DELLINK, &message).unwrap().is_none());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let address = [&[2, 24, 0, 0, 7, 0, 0, 0], &attribute(2, &[192, 0, 2, 1])[..]].concat();
        let link = link_message(0, &attribute(libc::IFLA_MTU, &[1, 2, 3, 4]));
        for (kind, message) in [(libc::RTM_NEWADDR, address), (libc::RTM_NEWLINK, link)] {
            assert!(decode(kind, &message).unwrap().is_some());
            for len in 0..message.len() {
                let _ = decode(kind, &message[..len]);
                for byte in [0, 1, 3, 5, 0xff] {
                    let mut changed = message.clone();
                    changed[len] = byte;
                    let _ = decode(kind, &changed);
                }
            }
        }
    }
}
