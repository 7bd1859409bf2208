//! One static address in the kernel.

use std::io;
use std::net::IpAddr;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope};
use vrrp_io_linux::VirtualIp;

/// What marks the static addresses of vrrpd. It is not that of virtual ones, which go when their router is not Master.
const MARK: AddressProtocol = AddressProtocol::Other(113);

/// The request that sets an address; the same without its mark removes it.
pub(super) fn message(vip: &VirtualIp) -> io::Result<AddressMessage> {
    let mut message = AddressMessage::default();
    message.header.family = match vip.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = vip.prefix_len;
    message.header.scope = AddressScope::from(vip.scope.number());
    message.header.index = index(vip)?;
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Local(vip.address));
    attributes.push(AddressAttribute::Address(vip.address));
    attributes.extend(vip.broadcast.map(AddressAttribute::Broadcast));
    attributes.extend(vip.label.clone().map(AddressAttribute::Label));
    if vip.no_prefix_route {
        attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    }
    attributes.push(AddressAttribute::Protocol(MARK));
    Ok(message)
}

/// Whether an address of the kernel's is this one.
pub(super) fn is_there(vip: &VirtualIp, found: &AddressMessage) -> bool {
    let is_address = |attribute: &AddressAttribute| match attribute {
        AddressAttribute::Local(address) => *address == vip.address,
        // IPv6 has this one only.
        AddressAttribute::Address(address) => address.is_ipv6() && *address == vip.address,
        _ => false,
    };
    found.header.prefix_len == vip.prefix_len
        && index(vip).is_ok_and(|index| index == found.header.index)
        && found.attributes.iter().any(is_address)
}

/// Whether it was set by vrrpd, and not by somebody else.
pub(super) fn is_ours(found: &AddressMessage) -> bool {
    found.attributes.contains(&AddressAttribute::Protocol(MARK))
}

fn index(vip: &VirtualIp) -> io::Result<u32> {
    Ok(if_nametoindex(vip.device.as_deref().unwrap_or_default())?)
}
