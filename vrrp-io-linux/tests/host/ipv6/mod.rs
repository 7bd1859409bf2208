//! Routers for IPv6.

mod addresses;
mod peers;

use std::net::IpAddr;

use vrrp_io_linux::{EventKind, Router};

use crate::common::*;

const VIPS: [&str; 2] = ["fe80::100", "2001:db8::100"];
/// By which neighbours ask for either.
const SOLICITED_NODE: &str = "ff02::1:ff00:100";

pub(super) fn virtual_ips() -> [IpAddr; 2] {
    VIPS.map(address)
}

pub(super) fn ipv6(priority: u8) -> Router {
    router(fast(priority, &virtual_ips()))
}

/// A host with a global IPv6 address, 2001:db8::`number`, and a link-local one that is ready.
pub(super) fn host(lan: &Lan, number: u8) -> Host {
    let host = lan.host(number);
    host.ip(&format!("address add {}/64 dev eth0 nodad", global(number)));
    host
}

pub(super) fn global(number: u8) -> IpAddr {
    address(&format!("2001:db8::{number}"))
}

/// The link-local address that the kernel gave a host.
pub(super) fn link_local(host: &Host) -> IpAddr {
    let own = |line: &str| -> Option<IpAddr> {
        let address = line.split_once("inet6 ")?.1.split_once('/')?.0.parse().ok()?;
        (!virtual_ips().contains(&address)).then_some(address)
    };
    let addresses = || host.ip("-oneline -6 address show dev eth0 scope link -tentative");
    eventually("a link-local address", || addresses().lines().any(|line| own(line).is_some()));
    addresses().lines().find_map(own).unwrap()
}

pub(super) fn until_both_announced(node: &mut Node) {
    node.until(
        "the last address",
        |kind| matches!(kind, EventKind::Announced { address, .. } if *address == virtual_ips()[1]),
    );
}
