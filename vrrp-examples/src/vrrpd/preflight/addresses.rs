//! Checks that the addresses of the configuration suit the addresses of this host.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, SockaddrLike as _, SockaddrStorage};
use vrrp_core::Family;
use vrrp_io_linux::VirtualIp;

use crate::vrrpd::config::{Daemon, Instance};
use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::places::Places;

/// Warnings: an address may come later, and what is odd may be meant.
pub(super) fn findings(daemon: &Daemon, places: &Places) -> Vec<Diagnostic> {
    let host = of_host();
    let instances = daemon.instances.iter().enumerate();
    instances.flat_map(|(index, instance)| of_instance(index, instance, &host, places)).collect()
}

/// An address of this host, and its interface.
type Own = (String, IpAddr);

fn of_instance(index: usize, instance: &Instance, host: &[Own], places: &Places) -> Vec<Diagnostic> {
    let warning = |address: IpAddr, message: String, help: &str| {
        places.address(Severity::Warning, (index, address), message, help.to_owned())
    };
    let mut found = Vec::new();
    for virtual_ip in instance.addresses.iter().chain(&instance.excluded) {
        if let Some(what) = of_no_host(virtual_ip) {
            let message = format!("{} is the {what} of its network /{}", virtual_ip.address, virtual_ip.prefix_len);
            found.push(warning(
                virtual_ip.address,
                message,
                "an address of one host, or the prefix length of the network that it is in",
            ));
        }
    }
    // What comes first on its interface was there before any router was Master.
    let first = host.iter().find(|(interface, own)| {
        *interface == instance.interface && Family::of(*own) == instance.family && !is_link_local(*own)
    });
    let own = first.map(|(_, own)| *own).filter(|_| !instance.priority.is_owner());
    if let Some(own) = own.filter(|own| instance.addresses.iter().any(|virtual_ip| virtual_ip.address == *own)) {
        let message = format!("{own} is this host's own address: it stays here when another host becomes Master");
        found.push(warning(
            own,
            message,
            "choose an address that no host has, or give the host that has it priority 255",
        ));
    }
    let has = |address: IpAddr| host.iter().any(|(_, own)| *own == address);
    // A missing interface is reported in `interfaces`.
    let exists = if_nametoindex(instance.interface.as_str()).is_ok();
    if let Some(source) = instance.source.filter(|source| exists && !has(*source)) {
        let message = format!("no interface of this host has the source address {source}");
        found.push(warning(source, message, "give it to an interface, or name an address that this host has"));
    }
    let peers = instance.unicast.iter().flat_map(|unicast| &unicast.peers).map(|peer| peer.address);
    for peer in peers.filter(|peer| has(*peer)) {
        let message = format!("the peer {peer} is this host itself");
        found.push(warning(peer, message, "name the other hosts only, or the own address as `unicast_src_ip` too"));
    }
    found
}

/// Returns the reason why no single host can have this address (RFC 1812, 5.3.5; RFC 3021 for the prefix length 31).
fn of_no_host(virtual_ip: &VirtualIp) -> Option<&'static str> {
    let IpAddr::V4(address) = virtual_ip.address else { return None };
    let host_bits = u32::MAX.checked_shr(virtual_ip.prefix_len.into()).filter(|_| virtual_ip.prefix_len < 31)?;
    match u32::from(address) & host_bits {
        0 => Some("address"),
        bits if bits == host_bits => Some("broadcast address"),
        _ => None,
    }
}

const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Returns the addresses of this host in the kernel's order; none if it does not tell.
fn of_host() -> Vec<Own> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    all.filter_map(|one| Some((one.interface_name, ip(&one.address?)?))).collect()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip())),
        AddressFamily::Inet6 => address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_no_host_is_known_by_its_prefix() {
        for (text, expected) in [
            ("192.0.2.0/24", Some("address")),
            ("192.0.2.255/24", Some("broadcast address")),
            ("192.0.2.255/23", None),
            ("192.0.2.127/25", Some("broadcast address")),
            ("192.0.2.1/24", None),
            ("192.0.2.0/31", None),
            ("192.0.2.0", None),
            ("0.0.0.0/0", Some("address")),
            ("2001:db8::/64", None),
        ] {
            assert_eq!(of_no_host(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
