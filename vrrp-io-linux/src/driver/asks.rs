//! The requests to the kernel from the ledger of addresses, and its view of the host.

use std::net::IpAddr;

use vrrp_core::Instant;

use super::state::Driver;
use crate::addresses::holdings::{Ask, Host};
use crate::kernel::netlink::mirror::HostAddress;
use crate::kernel::netlink::monitor::Monitor;
use crate::virtual_ip::VirtualIp;

impl Driver {
    /// Asks the kernel: a renewal goes out at once, all else is queued.
    pub(super) fn ask(&mut self, asks: impl IntoIterator<Item = Ask>) {
        for ask in asks {
            match ask {
                Ask::Install { ifindex, virtual_ip, lifetime, ticket } => {
                    self.requests.install(ifindex, &virtual_ip, lifetime, ticket);
                }
                Ask::Renew { ifindex, virtual_ip, lifetime } => {
                    self.requests.renew([(ifindex, &virtual_ip, lifetime)], Instant::MAX)
                }
                Ask::Remove { ifindex, address, prefix_len, ticket } => {
                    let virtual_ip = VirtualIp { prefix_len, ..VirtualIp::from(address) };
                    self.requests.remove(ifindex, &virtual_ip, ticket);
                }
            }
        }
    }
}

impl Host for Monitor {
    fn at(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = &HostAddress> {
        self.at(ifindex, address)
    }

    fn index(&self, name: &str) -> Option<u32> {
        self.link_by_name(name).map(|link| link.index)
    }

    fn is_up(&self, ifindex: u32) -> bool {
        self.link(ifindex).is_some_and(|link| link.up)
    }
}
