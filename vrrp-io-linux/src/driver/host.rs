//! What happens on the host, told to the routers that it concerns.

use std::io;
use std::net::IpAddr;

use vrrp_core::{Cause, Fault, Input, RouterId, VirtualRouter};

use super::{Driver, Hosted};
use crate::event::EventKind;
use crate::holdings::Holding;
use crate::interfaces::Concerned;
use crate::netlink::Change;
use crate::{Router, clock, sysctl, words};

impl Driver {
    /// Takes over what the host reports.
    pub(super) fn follow(&mut self, change: &Change) {
        match *change {
            Change::Link { index } => {
                let now = self.monitor.link(index).map(|link| link.name.as_str());
                for name in self.interfaces.follow(index, now) {
                    self.follow_interface(&name);
                }
            }
            Change::AddressAdded { ifindex, address } => {
                self.appeared(ifindex, address);
                self.follow_address(ifindex, address);
            }
            Change::AddressRemoved { ifindex, address } => {
                self.put_back(ifindex, address);
                self.follow_address(ifindex, address);
            }
            Change::Resynced => self.put_back_missing(),
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
        routers.into_iter().for_each(|id| self.refresh(id));
    }

    /// A real address may be the source of whoever runs there, and the one that is configured of anybody; a virtual one
    /// only its own router's.
    fn follow_address(&mut self, ifindex: u32, address: IpAddr) {
        let owners = self.holdings.routers_of(address).chain(self.interfaces.with_source(address).iter().copied());
        let mut concerned: Vec<RouterId> = owners.collect();
        // Of a link that is gone there is other news.
        let link = self.monitor.link(ifindex).filter(|_| !self.holdings.is_virtual(address));
        if let Some(Concerned { ports, routers, .. }) = link.and_then(|link| self.interfaces.get(&link.name)).cloned() {
            ports.into_iter().for_each(|port| self.follow_port(port));
            concerned.extend(routers);
        }
        for id in concerned {
            let Some(Hosted { router, .. }) = self.routers.get(id.index()) else { continue };
            self.consider(id, [Input::PrimaryAddress(self.primary_address(router))]);
        }
    }

    /// Somebody else's removal of an address that a Master holds is undone. On a link that is down it may rest: its
    /// router is at fault anyway and starts afresh. A macvlan is raised again.
    pub(super) fn put_back(&mut self, ifindex: u32, address: IpAddr) {
        let Some(link) = self.monitor.link(ifindex) else { return };
        let (name, up) = (link.name.clone(), link.up);
        let Some((id, request)) = self.holdings.vanished(address, &name) else { return };
        let usable = if self.macvlans.is_one(&name) { self.macvlans.raise_again(id) } else { up };
        if usable {
            self.reinstall(id, request);
        }
    }

    /// The same after a gap in the news: what came and went in it was not reported.
    pub(super) fn put_back_missing(&mut self) {
        let there = |holding: &Holding| {
            let link = self.monitor.link_by_name(&holding.device).filter(|link| link.up);
            let mut addresses = link.into_iter().flat_map(|link| self.monitor.addresses(link.index));
            link.is_none() || addresses.any(|there| there.address == holding.vip.address)
        };
        let missing = self.holdings.missing(there);
        missing.into_iter().for_each(|(id, request)| self.reinstall(id, request));
    }

    pub(super) fn follow_port(&mut self, index: usize) {
        let Some(port) = self.ports.get_mut(index) else { return };
        let link = self.monitor.link_by_name(&port.name);
        if let Err(error) = port.follow(link) {
            // A link without an address has no groups; joining is tried again when it gets one.
            if link.is_some_and(|link| link.up) {
                self.warn_port(index, &error.to_string());
            }
        }
    }

    /// Sees to it that a virtual IPv4 address may leave `device` without taking others along.
    pub(super) fn prepare_device(&mut self, device: &str) {
        let Some(id) = self.interfaces.get(device).and_then(|concerned| concerned.ipv4) else { return };
        if let Err(error) = sysctl::promote_secondaries(device) {
            let text = match error.kind() {
                // It is made when the interface below is there.
                io::ErrorKind::NotFound if self.macvlans.is_one(device) => return,
                io::ErrorKind::NotFound => format!("there is no interface {device}; waiting for it"),
                _ => format!("removing an address of {device} may remove others with it: {error}"),
            };
            self.reporter.report(id, EventKind::Warning(text));
        }
    }

    /// Priority 255 claims the addresses as this host's own (OWN-06). Comes before the sweep: what a run before this one
    /// left does not count, and where the kernel keeps no marks it may be any.
    pub(super) fn warn_of_owners(&mut self) {
        for (id, router) in self.set.iter() {
            let config = router.config();
            let foreign = config.addresses().iter().find(|vip| !self.monitor.has_real_address(**vip));
            let text = match (config.priority().is_owner(), foreign) {
                (true, Some(vip)) => format!(
                    "priority 255 is for the owner of the addresses, but {vip} is not on this host: no tracked weight \
                     and no preemption setting holds this router back; 254 or less lets them"
                ),
                (false, None) if sysctl::keeps_marks() => format!(
                    "all virtual addresses are on this host already and stay in every state: give the router priority \
                     255, or remove {}",
                    config.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                ),
                _ => continue,
            };
            self.reporter.report(id, EventKind::Warning(text));
        }
    }

    /// Tells a router what the mirror of the host says about it.
    pub(super) fn refresh(&mut self, id: RouterId) {
        let Some(Hosted { router, devices, .. }) = self.routers.get(id.index()) else { return };
        let is_up = |name: &str| self.monitor.link_by_name(name).is_some_and(|link| link.up);
        let carries = |device: &str| self.macvlans.is_one(device) || is_up(device);
        let up = is_up(&router.interface) && self.macvlans.is_ready(id) && devices.iter().all(|device| carries(device));
        let tracked = router.tracked_interfaces.iter().map(|(id, name)| Input::Tracker(*id, is_up(name)));
        let primary = Input::PrimaryAddress(self.primary_address(router));
        let news: Vec<Input> = std::iter::once(primary).chain(tracked).chain([Input::InterfaceUp(up)]).collect();
        self.consider(id, news);
    }

    /// Hands in news of a router's health, and reports what they changed besides its state.
    pub(super) fn consider(&mut self, id: RouterId, news: impl IntoIterator<Item = Input>) {
        let Some(before) = self.set.get(id).map(condition) else { return };
        let now = clock::now();
        for input in news {
            let from = self.set.get(id).map(|router| router.status().priority);
            self.set.handle(now, id, input);
            let (Some(router), Some(from)) = (self.set.get(id), from) else { continue };
            let to = router.status().priority;
            if let (Input::Tracker(tracker, passing), true) = (input, from != to) {
                let Some(hosted) = self.routers.get(id.index()) else { continue };
                let why = words::verdict(&hosted.router, tracker, passing);
                self.reporter.report(id, EventKind::PriorityChanged { from, to, why });
            }
        }
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get(id.index())) else { return };
        let after = condition(router);
        // What put it there was told with its state.
        let still_at_fault = before.0 == after.0 && matches!(after.0, Cause::Fault(_)) && !after.1.is_empty();
        if still_at_fault && before.1 != after.1 {
            let faults =
                after.1.iter().map(|fault| words::fault(&hosted.router, self.reporter.names(), fault)).collect();
            self.reporter.report(id, EventKind::FaultsChanged { faults });
        }
    }

    /// The configured source, if the host has it; else the interface's first address of the right kind that is no virtual
    /// one; else, for an owner, a virtual one that is really its own (IP-05, IP-06, OWN-06).
    pub(super) fn primary_address(&self, router: &Router) -> Option<IpAddr> {
        if let Some(source) = router.source {
            return self.monitor.has_address(source).then_some(source);
        }
        let link = self.monitor.link_by_name(&router.interface)?;
        let real = |owned: bool| {
            self.monitor
                .addresses(link.index)
                .filter(|there| !there.tentative && !there.marked && router.can_send_from(there.address))
                .find(|there| owned || !self.holdings.is_virtual(there.address))
                .map(|there| there.address)
        };
        real(false).or_else(|| real(router.config.priority().is_owner()))
    }

    pub(super) fn warn_port(&mut self, port: usize, text: &str) {
        let Some(name) = self.ports.get(port).map(|port| port.name.clone()) else { return };
        let concerned = self.routers.iter().position(|hosted| hosted.port == port);
        let id = self.set.iter().nth(concerned.unwrap_or_default()).map(|(id, _)| id);
        if let Some(id) = id {
            self.reporter.report(id, EventKind::Warning(format!("{name}: {text}")));
        }
    }
}

/// Why a router is in its state, and what keeps it out. What is merely unchecked is waited for in silence.
fn condition(router: &VirtualRouter) -> (Cause, Vec<Fault>) {
    (router.status().cause, router.faults().filter(|fault| !fault.is_pending()).collect())
}
