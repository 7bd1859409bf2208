//! One static address in the kernel.

use std::io;
use std::net::IpAddr;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope};
use vrrp_io_linux::VirtualIp;

/// The mark of vrrpd's static addresses. Virtual ones, which are removed when their router is not Master, have another mark.
const MARK: AddressProtocol = AddressProtocol::Other(113);

/// Returns the request that sets an address; the same without its mark removes it.
pub(super) fn message(virtual_ip: &VirtualIp) -> io::Result<AddressMessage> {
    let mut message = AddressMessage::default();
    message.header.family = match virtual_ip.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = virtual_ip.prefix_len;
    message.header.scope = AddressScope::from(virtual_ip.scope.number());
    message.header.index = index(virtual_ip)?;
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Local(virtual_ip.address));
    attributes.push(AddressAttribute::Address(virtual_ip.address));
    attributes.extend(virtual_ip.broadcast.map(AddressAttribute::Broadcast));
    attributes.extend(virtual_ip.label.clone().map(AddressAttribute::Label));
    if virtual_ip.no_prefix_route {
        attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    }
    attributes.push(AddressAttribute::Protocol(MARK));
    Ok(message)
}

/// Returns true if an address in the kernel is this one.
pub(super) fn is_there(virtual_ip: &VirtualIp, found: &AddressMessage) -> bool {
    let is_address = |attribute: &AddressAttribute| match attribute {
        AddressAttribute::Local(address) => *address == virtual_ip.address,
        // IPv6 has this one only.
        AddressAttribute::Address(address) => address.is_ipv6() && *address == virtual_ip.address,
        _ => false,
    };
    found.header.prefix_len == virtual_ip.prefix_len
        && index(virtual_ip).is_ok_and(|index| index == found.header.index)
        && found.attributes.iter().any(is_address)
}

/// Returns true if vrrpd has set it, and not somebody else.
pub(super) fn is_ours(found: &AddressMessage) -> bool {
    found.attributes.contains(&AddressAttribute::Protocol(MARK))
}

fn index(virtual_ip: &VirtualIp) -> io::Result<u32> {
    Ok(if_nametoindex(virtual_ip.device.as_deref().unwrap_or_default())?)
}
