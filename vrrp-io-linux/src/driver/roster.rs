//! Routers in and out of everything that the driver keeps of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vrrp_core::{Family, Fault, Input, InterfaceId, Role, RouterId, VirtualRouter};

use super::lineup::Crowds;
use super::state::{Driver, RunningRouter};
use crate::clock;
use crate::error::StartError;
use crate::packets::ports::Port;
use crate::router::Router;

impl Driver {
    /// Takes in a router, which is not started yet. Its port must be [there](Self::port_of).
    pub(super) fn enlist(&mut self, asked: Router, crowds: &Crowds) -> Result<RouterId, StartError> {
        let router = crowds.adapt(asked.clone());
        self.enlist_as(asked, router, None)
    }

    /// Takes in a router that runs as `router`, and where it is there already, as `core`.
    pub(super) fn enlist_as(
        &mut self,
        asked: Router,
        router: Router,
        core: Option<VirtualRouter>,
    ) -> Result<RouterId, StartError> {
        let port = self.port_of(&router.interface, router.config.family());
        let core = core.unwrap_or_else(|| VirtualRouter::new(router.config.clone()));
        let id = self.set.insert_router(InterfaceId(port as u32), core).map_err(|taken| StartError::Taken {
            name: router.name.clone(),
            interface: router.interface.clone(),
            vrid: taken.vrid,
        })?;
        self.reporter.add(id, &router.name);
        self.holdings.add(id, &router);
        self.leases.add(id, &router);
        self.delays.set(id, &router);
        self.concern(id, &router);
        self.routers.push(RunningRouter::new(id, Arc::new(asked), router, port));
        Ok(id)
    }

    /// Forgets a router, which has released and of which the host has nothing any more.
    pub(super) fn strike(&mut self, id: RouterId) {
        self.set.remove(clock::now(), id);
        self.holdings.remove_router(id);
        self.leases.remove(id);
        self.delays.remove(id);
        self.obstacles.forget(id, |_| false);
        self.untold.remove(&id);
        self.strays.remove(&id);
        self.announcements.remove(id);
        if let Some(running) = self.routers.remove(id) {
            self.interfaces.remove(id, &running.router);
        }
        self.reporter.remove(id);
    }

    /// Gives a router another configuration. What stays the same is not touched. What goes is [closed](Self::close) when the
    /// kernel has answered.
    pub(super) fn replace(&mut self, id: RouterId, asked: Router, crowds: &Crowds) {
        let Some(running) = self.routers.get(id) else { return };
        let before = running.router.clone();
        let router = Router { real: before.real, ..crowds.adapt(asked.clone()) };
        // It was checked that it is the same router.
        if self.set.reconfigure(clock::now(), id, router.config.clone()).is_err() {
            return;
        }
        if before.announcement_gap != router.announcement_gap {
            self.announcements.set_gap(id, router.announcement_gap);
        }
        if before.name != router.name {
            self.reporter.add(id, &router.name);
        }
        self.delays.set(id, &router);
        self.interfaces.remove(id, &before);
        self.concern(id, &router);
        let is_as_before = |address| {
            let device = |router: &Router| {
                let virtual_ip = router.addresses.iter().find(|virtual_ip| virtual_ip.address == address);
                virtual_ip.map(|virtual_ip| router.device(virtual_ip).to_owned())
            };
            device(&before).is_some() && device(&before) == device(&router)
        };
        self.obstacles.forget(id, is_as_before);
        let devices = RunningRouter::devices_of(&router);
        if before.sync_group != router.sync_group {
            self.set.ungroup(clock::now(), id);
        }
        let Some(running) = self.routers.get_mut(id) else { return };
        let new: Vec<String> = devices.iter().filter(|device| !running.devices.contains(device)).cloned().collect();
        if before.sync_group != router.sync_group {
            running.sockets = Arc::new([running.port]);
        }
        // Its trackers may have other ids now.
        running.notes.reconfigured();
        running.said.retain(|(fault, _)| !matches!(fault, Fault::Tracker(_)));
        (running.asked, running.router, running.devices) = (Arc::new(asked), router.clone(), devices);
        self.readdress(id, &router);
        new.iter().for_each(|device| self.prepare_device(device));
        self.refresh(id);
        if self.role(id) != Some(Role::Master) {
            self.sweep_for(&[id]);
        }
    }

    /// Books the addresses of `router`. Of what a Master serves, what is other than it was is removed and set again.
    fn readdress(&mut self, id: RouterId, router: &Router) {
        let is_master = self.role(id) == Some(Role::Master);
        let changed = if is_master { self.holdings.changed(id, router) } else { Vec::new() };
        changed.iter().for_each(|request| self.remove(id, request.address));
        let asks = self.holdings.readdress(id, router);
        self.ask(asks);
        self.leases.reconfigure(id, router);
        changed.into_iter().for_each(|request| self.install(id, request));
        if self.strays.get(&id).is_some_and(|told| !router.config.addresses().contains(&told.address)) {
            self.strays.remove(&id);
            self.consider(id, [Input::Stray(None)]);
        }
    }

    /// The kernel has answered for everything that a new configuration had it do.
    pub(super) fn close(&mut self, id: RouterId) {
        self.holdings.close(id);
        if self.role(id) != Some(Role::Master) {
            // An owner that is none any more has no address of its own.
            self.follow_strays_of(id);
        }
    }

    /// Has the addresses of all routers last as long as they must beside each other.
    pub(super) fn relet(&mut self, crowds: &Crowds) {
        for id in self.routers.ids().to_vec() {
            let Some(running) = self.routers.get_mut(id) else { continue };
            let least = crowds.least_lifetime(&running.router);
            if running.router.least_lifetime == least {
                continue;
            }
            running.router.least_lifetime = least;
            let router = running.router.clone();
            let asks = self.holdings.readdress(id, &router);
            self.ask(asks);
            self.leases.reconfigure(id, &router);
        }
    }

    /// Puts the routers of these sync groups together. Who has left one is not in it any more.
    pub(super) fn regroup(&mut self, names: &BTreeSet<String>) {
        let mut groups = BTreeMap::<&str, Vec<RouterId>>::new();
        for running in self.routers.iter() {
            if let Some(name) = running.router.sync_group.as_ref().filter(|name| names.contains(*name)) {
                groups.entry(name).or_default().push(running.id);
            }
        }
        for mut members in groups.into_values().collect::<Vec<_>>() {
            members.sort_by_key(|id| self.routers.get(*id).map(|running| running.router.rank));
            let ports = members.iter().filter_map(|id| self.routers.get(*id)).map(|running| running.port);
            let ports: Arc<[usize]> = ports.collect::<BTreeSet<_>>().into_iter().collect();
            match members[..] {
                [alone] => self.set.ungroup(clock::now(), alone),
                // All of them are there, each once, and nobody is in another one.
                _ => drop(self.set.group(clock::now(), &members)),
            }
            for id in members {
                if let Some(running) = self.routers.get_mut(id) {
                    running.sockets = Arc::clone(&ports);
                }
            }
        }
    }

    /// Returns the port of an interface and family, which is made for the first router there.
    pub(super) fn port_of(&mut self, interface: &str, family: Family) -> usize {
        let there = self.interfaces.get(interface).map_or(&[][..], |concerned| &concerned.ports);
        let known = there.iter().find(|port| self.ports.get(**port).is_some_and(|port| port.family == family));
        let known = known.copied();
        known.unwrap_or_else(|| {
            let number = self.ports.add(Port::new(interface.to_owned(), family));
            self.interfaces.add_port(interface, number);
            number
        })
    }

    /// Closes a port that nobody needs.
    pub(super) fn close_port(&mut self, number: usize) {
        if let Some(name) = self.ports.get(number).map(|port| port.name.clone()) {
            self.interfaces.remove_port(&name, number);
        }
        self.ports.remove(number);
        self.refused.remove(&number);
        self.strangers.remove(&number);
    }

    /// Notes which interfaces concern a router.
    fn concern(&mut self, id: RouterId, router: &Router) {
        self.interfaces.add(id, router);
        for name in router.interface_names() {
            if let Some(link) = self.monitor.link_by_name(name) {
                self.interfaces.on_link_change(link.index, Some(&link.name));
            }
        }
    }
}
