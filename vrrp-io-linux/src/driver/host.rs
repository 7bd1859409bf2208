//! Events on the host, told to the routers that they concern.

use std::io;
use std::net::IpAddr;

use vrrp_core::{Input, RouterId, VirtualRouter};

use super::interfaces::Concerned;
use super::state::{Driver, RunningRouter};
use crate::clock;
use crate::event::EventKind;
use crate::kernel::netlink::mirror::{HostAddress, HostChange};
use crate::kernel::sysctl;
use crate::packets::ports::Taken;
use crate::router::Router;
use crate::status::OnHost;
use crate::warning::Warning;

impl Driver {
    /// Takes in a change that the host reports.
    pub(super) fn on_host_change(&mut self, change: &HostChange) {
        match *change {
            HostChange::Link { index } => {
                let now = self.monitor.link(index).map(|link| link.name.as_str());
                for name in self.interfaces.on_link_change(index, now) {
                    self.follow_interface(&name);
                }
                self.follow_strays(index);
                if self.monitor.link(index).is_none() {
                    self.announcements.remove_link(index);
                }
            }
            HostChange::LinkAddress { index } => self.announce_anew(index),
            HostChange::AddressAdded { ifindex, address } => {
                self.appeared(ifindex, address);
                self.follow_stray(ifindex, address);
                self.follow_address(ifindex, address);
                // There is something else to send from.
                if self.is_any_needed() {
                    self.holdings.reconsider_needed(ifindex);
                    self.follow_strays(ifindex);
                }
            }
            HostChange::AddressRemoved { ifindex, address } => {
                self.put_back(ifindex, address);
                self.follow_stray(ifindex, address);
                self.follow_address(ifindex, address);
            }
            HostChange::Resynced => self.resync(),
        }
    }

    /// An interface appeared, disappeared or changed.
    fn follow_interface(&mut self, name: &str) {
        let Some(Concerned { ports, routers, .. }) = self.interfaces.get(name).cloned() else { return };
        if self.monitor.link_by_name(name).is_some() {
            self.prepare_device(name);
        }
        ports.into_iter().for_each(|port| self.follow_port(port));
        routers.iter().for_each(|id| self.follow_macvlan(*id));
        for id in routers {
            self.refresh(id);
            self.relocate(id);
            self.restore(id);
        }
    }

    /// Lets the states of interfaces count whose delay is over.
    pub(super) fn follow_delays(&mut self) {
        while let Some(id) = self.delays.take_due(clock::now()) {
            self.refresh(id);
        }
    }

    /// An interface is back whose router stayed Master meanwhile: what the kernel took from it is set again.
    fn restore(&mut self, id: RouterId) {
        for request in self.holdings.lost(&self.monitor, id) {
            match self.leases.holds(id, clock::now()) {
                true => self.install(id, request),
                false => self.leases.withhold(id, request),
            }
        }
    }

    /// A link has another MAC address: the neighbours of the addresses on it have to learn it.
    fn announce_anew(&mut self, link: u32) {
        let Some(name) = self.monitor.link(link).map(|link| link.name.clone()) else { return };
        let routers = self.interfaces.get(&name).map_or_else(Vec::new, |concerned| concerned.routers.clone());
        for id in routers {
            if self.routers.get(id).is_some_and(|running| running.devices.contains(&name)) {
                self.set.handle(clock::now(), id, Input::LinkAddressChanged);
            }
        }
    }

    /// A real address may be the source of whoever runs there, and the one that is configured of anybody; a virtual one of
    /// its own router, and of who sends from it.
    fn follow_address(&mut self, ifindex: u32, address: IpAddr) {
        let owners = self.holdings.routers_with(address).chain(self.interfaces.with_source(address).iter().copied());
        let mut concerned: Vec<RouterId> = owners.collect();
        // Of a link that is gone there is other news.
        let link = self.monitor.link(ifindex);
        let mut ports = Vec::new();
        if let Some(here) = link.and_then(|link| self.interfaces.get(&link.name)) {
            let real = !self.holdings.is_virtual(address)
                || self.holdings.is_owned(address)
                || (!self.holdings.is_any_ours(ifindex, address)
                    && self.monitor.at(ifindex, address).any(|there| self.may_be_real(ifindex, there)));
            let sends_from = |id: &&RouterId| self.set.get(**id).is_some_and(|it| it.source() == Some(address));
            concerned.extend(here.routers.iter().filter(|id| real || sends_from(id)));
            ports.extend(here.ports.iter().filter(|_| real));
        }
        ports.into_iter().for_each(|port| self.follow_port(port));
        for id in concerned {
            let Some(RunningRouter { router, .. }) = self.routers.get(id) else { continue };
            self.consider(id, [Input::PrimaryAddress(self.primary_address(id, router))]);
            self.look_for_obstacles_again(id);
        }
    }

    /// Somebody else's removal of an address that a Master holds is undone. On a link that is down it may rest: its
    /// router is at fault anyway and starts afresh. A macvlan is raised again.
    pub(super) fn put_back(&mut self, ifindex: u32, address: IpAddr) {
        let lost = self.holdings.vanished(&self.monitor, ifindex, address);
        let Some(link) = self.monitor.link(ifindex) else { return };
        let (name, up) = (link.name.clone(), link.up);
        for (id, request) in lost {
            let usable = if self.macvlans.is_virtual_mac(&name) { self.macvlans.raise_again(id) } else { up };
            if usable {
                self.reinstall(id, request);
            }
        }
    }

    /// The same after a gap in the news: what came and went in it was not reported.
    pub(super) fn resync(&mut self) {
        let missing = self.holdings.missing(&self.monitor);
        missing.into_iter().for_each(|(id, request)| self.reinstall(id, request));
        self.holdings.awaited().into_iter().for_each(|(ifindex, address)| self.appeared(ifindex, address));
        let links: Vec<u32> = self.monitor.links().map(|link| link.index).collect();
        links.into_iter().for_each(|link| self.follow_strays(link));
    }

    pub(super) fn follow_port(&mut self, index: usize) {
        let Some(port) = self.ports.get_mut(index) else { return };
        let link = self.monitor.link_by_name(&port.name);
        if let Err(error) = port.on_link_change(link) {
            // A link without an address has no groups; joining is tried again when it gets one.
            if link.is_some_and(|link| link.up) {
                let (interface, refused) = (port.name.clone(), port.refused.clone());
                let warning = match refused {
                    Some(Taken { vrid, by }) => Warning::Claimed { interface, vrid, by },
                    None => Warning::Socket { interface, error: error.into() },
                };
                self.warn_port(index, warning);
            }
        }
    }

    /// Sees to it that a virtual IPv4 address may leave `device` without taking others along.
    pub(super) fn prepare_device(&mut self, device: &str) {
        let Some(id) = self.interfaces.get(device).and_then(|concerned| concerned.ipv4.first().copied()) else {
            return;
        };
        if let Err(error) = sysctl::promote_secondaries(device) {
            let interface = device.to_owned();
            let warning = match error.kind() {
                // It is made when the interface below is there.
                io::ErrorKind::NotFound if self.macvlans.is_virtual_mac(device) => return,
                io::ErrorKind::NotFound => Warning::NoInterface { interface },
                _ => Warning::Secondaries { interface, error: error.into() },
            };
            self.reporter.report(id, EventKind::Warning(warning));
        }
    }

    /// Priority 255 claims the addresses as this host's own (OWN-06). Comes before the sweep: what a run before this one
    /// left does not count, and where the kernel keeps no marks it may be any.
    pub(super) fn warn_of_owners(&mut self, ids: &[RouterId]) {
        for (id, router) in ids.iter().filter_map(|id| Some((*id, self.set.get(*id)?))) {
            let config = router.config();
            let foreign = config.addresses().iter().find(|virtual_ip| !self.monitor.has_real_address(**virtual_ip));
            let Some(virtual_ip) = foreign.filter(|_| config.priority().is_owner()) else { continue };
            self.reporter.report(id, EventKind::Warning(Warning::NotOwner { address: *virtual_ip }));
        }
    }

    /// Tells a router what the mirror of the host says about it.
    pub(super) fn refresh(&mut self, id: RouterId) {
        let Some(RunningRouter { router, port, .. }) = self.routers.get(id) else { return };
        let is_refused = self.ports.get(*port).is_some_and(|port| port.refused.is_some());
        let (monitor, delays, now) = (&self.monitor, &mut self.delays, clock::now());
        let mut counts_as_up = |name: &str| delays.look(id, name, monitor.link_by_name(name).map(|link| link.up), now);
        let own = match router.own_interface_tracked {
            true => counts_as_up(&router.interface),
            false => monitor.link_by_name(&router.interface).is_some(),
        };
        let up = !is_refused && own;
        let tracked = router.tracked_interfaces.iter();
        let tracked: Vec<Input> = tracked.map(|(id, name)| Input::Tracker(*id, counts_as_up(name).into())).collect();
        let primary = Input::PrimaryAddress(self.primary_address(id, router));
        // Whatever is gone with the interface is not blamed for it; whatever came back with it has to be there first.
        let news: Vec<Input> = match up {
            false => std::iter::once(Input::InterfaceUp(false)).chain(tracked).chain([primary]).collect(),
            true => std::iter::once(primary).chain(tracked).chain([Input::InterfaceUp(true)]).collect(),
        };
        if up {
            self.look_for_obstacles(id);
        }
        self.consider(id, news);
        if !up {
            self.look_for_obstacles(id);
        }
    }

    /// Hands in news of a router's health. The host may call its faults otherwise now, whatever the router makes of it.
    pub(super) fn consider(&mut self, id: RouterId, news: impl IntoIterator<Item = Input>) {
        let now = clock::now();
        news.into_iter().for_each(|input| self.set.handle(now, id, input));
        if self.note_faults(id) {
            self.untold.insert(id);
        }
    }

    /// The configured source, if the host has it; else the one that is in use, as long as it is there; else the interface's
    /// first real address of the right kind: one that is no virtual one, or that a router here owns (IP-05, IP-06, OWN-06).
    /// Else any that was there before us.
    pub(super) fn primary_address(&self, id: RouterId, router: &Router) -> Option<IpAddr> {
        if let Some(source) = router.source {
            return self.monitor.has_address(source).then_some(source);
        }
        let in_use = self.set.get(id).and_then(VirtualRouter::source);
        let kept = self.sources(router).find(|there| Some(there.address) == in_use);
        let plain = || self.sources(router).find(|there| !self.holdings.is_virtual(there.address));
        let real = || self.sources(router).find(|there| self.is_real(there));
        kept.or_else(plain).or_else(real).or_else(|| self.sources(router).next()).map(|there| there.address)
    }

    /// The addresses that a router could send from.
    pub(super) fn sources(&self, router: &Router) -> impl Iterator<Item = &HostAddress> {
        let link = self.monitor.link_by_name(&router.interface).map(|link| link.index);
        let all = link.into_iter().flat_map(|link| self.monitor.addresses(link).map(move |there| (link, there)));
        let fit = |(link, there): &(u32, &HostAddress)| {
            there.is_usable() && router.can_send_from(there.address) && self.may_be_real(*link, there)
        };
        all.filter(fit).map(|(_, there)| there)
    }

    /// Tells whether an address was not set by us, or is the owner's.
    fn may_be_real(&self, link: u32, there: &HostAddress) -> bool {
        let by_us = there.marked || self.holdings.is_ours(link, there.address, there.prefix_len);
        !by_us || self.holdings.is_owned(there.address)
    }

    /// Tells whether an address stays, whoever is Master.
    pub(super) fn is_real(&self, there: &HostAddress) -> bool {
        !self.holdings.is_virtual(there.address) || self.holdings.is_owned(there.address)
    }

    /// Returns the state of one of a router's addresses on this host.
    pub(super) fn on_host(&self, id: RouterId, address: IpAddr) -> OnHost {
        let (Some(running), Some(holding)) = (self.routers.get(id), self.holdings.get(id, address)) else {
            return OnHost::Absent;
        };
        let on = |name: &str| {
            let link = self.monitor.link_by_name(name)?;
            Some(self.holdings.on_host(&self.monitor, link.index, address))
        };
        // Where it is not on its device, an interface that has it answers for it all the same.
        let there = on(&holding.device).filter(|there| *there != OnHost::Absent);
        there.or_else(|| on(&running.router.interface)).unwrap_or(OnHost::Absent)
    }

    pub(super) fn warn_socket(&mut self, port: usize, error: io::Error) {
        let Some(interface) = self.ports.get(port).map(|port| port.name.clone()) else { return };
        self.warn_port(port, Warning::Socket { interface, error: error.into() });
    }

    /// Warns of what concerns all routers of a port, in the name of the first.
    pub(super) fn warn_port(&mut self, port: usize, warning: Warning) {
        if let Some(concerned) = self.routers.iter().find(|running| running.port == port) {
            self.reporter.report(concerned.id, EventKind::Warning(warning));
        }
    }
}
