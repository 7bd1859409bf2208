//! Addresses that are on this host though their router is not Master: whoever put them there, another host has them too.
//!
//! They are removed and told of, but for two kinds: what comes back again and again, and the only address that an interface
//! can send from, which is the host's own. With one of these the router is at fault.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Input, Instant, Role, RouterId};

use super::state::{Driver, Told};
use crate::addresses::holdings::{Left, Stray};
use crate::clock;
use crate::event::EventKind;
use crate::kernel::netlink::mirror::HostAddress;
use crate::kernel::sysctl;
use crate::router::Router;
use crate::virtual_ip::VirtualIp;

/// The time for which an address that came back again and again has to be gone.
const QUIET: Duration = Duration::from_secs(10);

impl Told {
    /// Returns when all is well again, if nothing happens.
    fn over_at(&self) -> Option<Instant> {
        match self.left {
            _ if self.there => None,
            Left::Needed => Some(self.seen),
            Left::Contested => Some(self.seen + QUIET),
        }
    }
}

impl Driver {
    /// Removes what a run before this one left behind, and what others set of that which nobody here owns.
    pub(super) fn sweep(&mut self) {
        let links: Vec<u32> = self.monitor.links().map(|link| link.index).collect();
        links.into_iter().for_each(|link| self.follow_strays(link));
        self.carry_out_requests();
    }

    /// Looks for strays on a link.
    pub(super) fn follow_strays(&mut self, link: u32) {
        let ours = |there: &HostAddress| self.holdings.is_ours(link, there.address, there.prefix_len);
        let there =
            self.monitor.addresses(link).filter(|there| self.holdings.is_virtual(there.address) && !ours(there));
        let addresses: BTreeSet<IpAddr> = there.map(|there| there.address).collect();
        addresses.into_iter().for_each(|address| self.follow_stray(link, address));
    }

    /// Looks for those that these routers bring with them: they have other addresses than before.
    pub(super) fn sweep_for(&mut self, ids: &[RouterId]) {
        let routers = ids.iter().filter_map(|id| self.routers.get(*id));
        let addresses: BTreeSet<IpAddr> =
            routers.flat_map(|running| running.router.addresses.iter().map(|virtual_ip| virtual_ip.address)).collect();
        let of_link = |link: u32| self.monitor.addresses(link).map(move |there| (link, there.address));
        let there = self.monitor.links().flat_map(|link| of_link(link.index));
        let there: BTreeSet<(u32, IpAddr)> = there.filter(|(_, address)| addresses.contains(address)).collect();
        there.into_iter().for_each(|(link, address)| self.follow_stray(link, address));
    }

    /// Tells whether any stray stays because there is nothing else to send from.
    pub(super) fn is_any_needed(&self) -> bool {
        self.strays.values().any(|told| told.there && told.left == Left::Needed)
    }

    /// Looks for those of a router that is Master no more: what it could not have may be there by somebody else.
    pub(super) fn follow_strays_of(&mut self, id: RouterId) {
        let count = self.routers.address_count(id);
        for index in 0..count {
            let Some(holding) = self.routers.address(id, index).and_then(|address| self.holdings.get(id, address))
            else {
                return;
            };
            let address = holding.virtual_ip.address;
            if let Some(link) = self.monitor.link_by_name(&holding.device).map(|link| link.index) {
                self.follow_stray(link, address);
            }
        }
    }

    /// Looks whether an address is a stray there, or is none any more.
    pub(super) fn follow_stray(&mut self, link: u32, address: IpAddr) {
        if !self.holdings.is_virtual(address) {
            return;
        }
        let Some(device) = self.monitor.link(link).map(|link| link.name.clone()) else {
            return self.tell_strays(address);
        };
        for id in self.holdings.routers_with(address).collect::<Vec<_>>() {
            let (Some(running), Some(holding)) = (self.routers.get(id), self.holdings.get(id, address)) else {
                continue;
            };
            // An address that a Master cannot have, and that somebody else sets, serves.
            if self.role(id) == Some(Role::Master) {
                continue;
            }
            // A run before this one may have had no virtual MAC address, or another device.
            let on_device = holding.device == device;
            let only_marked = !on_device && running.router.macvlan.is_none();
            let may_be_there =
                on_device || (running.router.interface == device && (!only_marked || sysctl::keeps_marks()));
            let strays = self.holdings.strays(&self.monitor, (id, address), (link, only_marked));
            if strays.is_empty() || !may_be_there {
                continue;
            }
            let virtual_ip = holding.virtual_ip.clone();
            let (now, needed) = (clock::now(), self.is_needed(&device, address));
            let asks = self.holdings.remove_strays((id, address), link, &strays, now, needed);
            if asks.is_empty() {
                continue;
            }
            self.ask(asks);
            for Stray { prefix_len, marked } in strays {
                let (virtual_ip, device) = (VirtualIp { prefix_len, ..virtual_ip.clone() }, device.clone());
                let event = match marked {
                    true => EventKind::Leftover { virtual_ip, device },
                    false => EventKind::Stray { virtual_ip, device, removing: true },
                };
                self.reporter.report(id, event);
            }
        }
        self.tell_strays(address);
    }

    /// Tells the routers that have an address whether it is left where it should not be.
    fn tell_strays(&mut self, address: IpAddr) {
        if self.strays.is_empty() && !self.holdings.any_left() {
            return;
        }
        let ids: BTreeSet<RouterId> = self.holdings.routers_with(address).collect();
        ids.into_iter().for_each(|id| self.tell_stray(id));
    }

    fn tell_stray(&mut self, id: RouterId) {
        let now = clock::now();
        let known = self.strays.get(&id).copied();
        match self.holdings.left(id) {
            Some((virtual_ip, ifindex, left)) => {
                let address = virtual_ip.address;
                self.strays.insert(id, Told { address, left, seen: now, there: true });
                if known.is_some_and(|known| known.address == address) {
                    return;
                }
                let device = self.monitor.link(ifindex).map_or_else(String::new, |link| link.name.clone());
                if let Some(running) = self.routers.get_mut(id) {
                    running.router.real = (left == Left::Needed).then_some(address);
                }
                if left == Left::Contested {
                    self.reporter.report(id, EventKind::Stray { virtual_ip, device, removing: false });
                }
                self.consider(id, [Input::Stray(Some(address))]);
            }
            None => {
                let Some(known) = known else { return };
                let seen = if known.there { now } else { known.seen };
                let told = Told { seen, there: false, ..known };
                self.strays.insert(id, told);
                if told.over_at().is_some_and(|at| at <= now) {
                    self.strays.remove(&id);
                    self.consider(id, [Input::Stray(None)]);
                }
            }
        }
    }

    /// Returns when [`forgive_strays`](Self::forgive_strays) has something to do.
    pub(super) fn strays_over_at(&self) -> Option<Instant> {
        self.strays.values().filter_map(Told::over_at).min()
    }

    /// Lets a router take part again when its stray address has been gone for long enough.
    pub(super) fn forgive_strays(&mut self) {
        if self.strays.is_empty() {
            return;
        }
        let now = clock::now();
        let over = |told: &Told| told.over_at().is_some_and(|at| at <= now);
        let ids: Vec<RouterId> = self.strays.iter().filter(|(_, told)| over(told)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.tell_stray(id));
    }

    /// Tells whether a router has only virtual addresses that nobody owns to send from, and this is one of them.
    fn is_needed(&self, interface: &str, address: IpAddr) -> bool {
        let routers = self.interfaces.get(interface).map_or(&[][..], |concerned| &concerned.routers);
        let routers = routers.iter().filter_map(|id| Some(&self.routers.get(*id)?.router));
        let sends_here = |router: &&Router| router.interface == interface && router.can_send_from(address);
        let needs = |router: &Router| match router.source {
            Some(source) => source == address,
            None => !self.sources(router).any(|there| self.is_real(there)),
        };
        routers.filter(sends_here).any(needs)
    }
}
