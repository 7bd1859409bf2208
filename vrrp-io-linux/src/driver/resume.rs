//! Going on where another process was suspended: what it left on the host is taken over, and nobody is told of it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use vrrp_core::{AddressRequest, Fault, Input, Role, RouterId, VirtualRouter};

use super::command::Command;
use super::lineup::{self, Crowds};
use super::open::macvlans_failed;
use super::state::{Driver, Resumed};
use crate::addresses::announcements::Announcement;
use crate::clock;
use crate::error::StartError;
use crate::router::Router;
use crate::suspended::{Suspended, SuspendedAddress, SuspendedFilter, SuspendedMacvlan, SuspendedRouter};
use crate::virtual_ip::VirtualIp;

impl Driver {
    /// Does what [`new`](Self::new) does, with the routers that were suspended as they were.
    pub(crate) fn resume(
        routers: Vec<Router>,
        mut suspended: Suspended,
        commands: mpsc::Receiver<Command>,
    ) -> Result<(Self, Option<SuspendedFilter>), StartError> {
        let known: Vec<Option<SuspendedRouter>> = routers.iter().map(|router| suspended.take(router)).collect();
        let mut driver = Self::without_routers(&routers, commands)?;
        driver.set.set_stats(suspended.stats);
        let new_id = |id: RouterId| {
            let place = known.iter().position(|known| known.as_ref().is_some_and(|known| known.id == id));
            place.map_or(id, |place| RouterId::from(place as u64))
        };
        let (crowds, groups) = (Crowds::of(&routers), lineup::groups(&routers));
        let mut left = Vec::new();
        for (router, known) in routers.into_iter().zip(&known) {
            let adapted = crowds.adapt(router.clone());
            let core = known.as_ref().and_then(|known| {
                let mut core = known.core.clone();
                core.rename_routers(new_id);
                // It is the same router.
                VirtualRouter::resume(adapted.config.clone(), core).ok()
            });
            let is_known = core.is_some();
            let id = driver.enlist_as(router, adapted, core)?;
            left.extend(known.as_ref().filter(|_| is_known).map(|known| (id, known)));
        }
        driver.regroup(&groups);
        // Routers that were in a group and are in none any more.
        let alone: Vec<RouterId> = driver
            .routers
            .iter()
            .filter(|running| running.router.sync_group.is_none())
            .map(|running| running.id)
            .collect();
        alone.into_iter().for_each(|id| driver.set.ungroup(clock::now(), id));
        driver.make_room_for_macvlans()?;
        for (id, known) in left {
            driver.leases.resume(id, known.advertised, known.renewed);
            if let Some(macvlan) = known.macvlan {
                driver.take_over_macvlan(id, macvlan)?;
            }
            driver.resume_delays(id);
            driver.resumed.push(Resumed {
                id,
                serves: known.serves.clone(),
                unannounced: known.unannounced.clone(),
                started: known.core.is_started(),
            });
        }
        driver.macvlans.restore_settings(std::mem::take(&mut suspended.settings));
        let gone = suspended.routers.iter().filter_map(|gone| gone.macvlan.filter(|it| it.made));
        driver.unwanted.extend(gone.map(|it| it.ifindex));
        driver.left = suspended.ours;
        Ok((driver, suspended.filter))
    }

    /// Lets an interface count for a router that goes on as it did, if another state is to count only after a delay.
    fn resume_delays(&mut self, id: RouterId) {
        let (Some(core), Some(running)) = (self.set.get(id), self.routers.get(id)) else { return };
        let now = clock::now();
        let own_is_up = !core.faults().any(|fault| fault == Fault::InterfaceDown);
        self.delays.resume(id, &running.router.interface, own_is_up, now);
        for (tracker, _, reading) in core.trackers() {
            let name = running.router.tracked_interfaces.iter().find(|(id, _)| *id == tracker).map(|(_, name)| name);
            if let (Some(name), Some(reading)) = (name, reading) {
                self.delays.resume(id, name, reading.passes(), now);
            }
        }
    }

    /// Takes over the macvlan of a router. One that is to be another from now on, or none, goes.
    fn take_over_macvlan(&mut self, id: RouterId, left: SuspendedMacvlan) -> Result<(), StartError> {
        let SuspendedMacvlan { ifindex, made, raised } = left;
        let Some(running) = self.routers.get(id) else { return Ok(()) };
        let Some(wanted) = &running.router.macvlan else {
            self.unwanted.extend(made.then_some(ifindex));
            return Ok(());
        };
        let link = self.monitor.link(ifindex);
        let is_other = link.is_some_and(|it| it.name != wanted.name || it.mac != Some(wanted.mac.octets()));
        let asked = Arc::clone(&running.asked);
        self.macvlans.adopt(id, ifindex, made, raised);
        if made && is_other {
            self.drop_macvlan(id);
            self.macvlans.add(id, &asked).map_err(macvlans_failed)?;
        }
        Ok(())
    }

    /// Takes over what the process before has left on the host, and removes what nobody wants any more. Comes before the sweep.
    pub(super) fn take_over_host(&mut self) {
        let left = std::mem::take(&mut self.left);
        self.holdings.resume_ours(&left);
        for Resumed { id, serves, unannounced, .. } in self.resumed.clone() {
            let master = self.role(id) == Some(Role::Master);
            let requests: Vec<AddressRequest> =
                self.set.get(id).filter(|_| master).map_or_else(Vec::new, |it| it.requests().collect());
            for request in requests {
                self.go_on_with(id, request, serves.iter().find(|(before, _)| before.address == request.address));
                if let Some((_, count)) = unannounced.iter().find(|(address, _)| *address == request.address) {
                    self.go_on_announcing(id, request, *count);
                }
            }
        }
        for SuspendedAddress { ifindex, address, prefix_len } in left {
            if !self.holdings.is_virtual(address) {
                // Nobody waits for the answer.
                self.requests.remove(ifindex, &VirtualIp { prefix_len, ..VirtualIp::from(address) }, u64::MAX);
            }
        }
        for link in std::mem::take(&mut self.unwanted) {
            self.macvlans.remove_link(link);
        }
    }

    /// A Master serves an address still, unless it is not there, or configured otherwise: then it is set anew.
    fn go_on_with(&mut self, id: RouterId, request: AddressRequest, served: Option<&(VirtualIp, u32)>) {
        let Some(holding) = self.holdings.get(id, request.address) else { return };
        let wanted_on = self.monitor.link_by_name(&holding.device).map(|link| link.index);
        let is_as_wanted = |(virtual_ip, on): &&(VirtualIp, u32)| {
            let is_same = *virtual_ip == holding.virtual_ip && Some(*on) == wanted_on;
            is_same && self.is_there(*on, virtual_ip)
        };
        match served.filter(is_as_wanted) {
            Some((_, ifindex)) => self.holdings.resume(id, request, *ifindex),
            None => {
                served.into_iter().for_each(|(_, ifindex)| self.holdings.resume(id, request, *ifindex));
                self.remove(id, request.address);
                self.install(id, request);
            }
        }
    }

    /// Goes on with the announcements that a Master still owes, where the address is still there.
    fn go_on_announcing(&mut self, id: RouterId, request: AddressRequest, count: u8) {
        let Some(link) = self.holdings.serves_on(id, request.address) else { return };
        let Some(gap) = self.routers.get(id).map(|running| running.router.announcement_gap) else { return };
        let announcement = Announcement { router: id, request, count, gap, is_first: false, refused_since: None };
        self.announcements.resume(link, announcement, clock::now());
    }

    fn is_there(&self, ifindex: u32, virtual_ip: &VirtualIp) -> bool {
        let VirtualIp { address, prefix_len, .. } = *virtual_ip;
        let mut there = self.monitor.at(ifindex, address);
        there.any(|there| there.is_usable() && (there.prefix_len == prefix_len || self.holdings.is_owned(address)))
    }

    /// The routers that must not be started: they were stopped before.
    pub(super) fn stopped_before(&self) -> BTreeSet<RouterId> {
        self.resumed.iter().filter(|resumed| !resumed.started).map(|resumed| resumed.id).collect()
    }

    /// Hands in what has changed meanwhile, and is told by changes alone.
    pub(super) fn catch_up_with_host(&mut self) {
        for Resumed { id, .. } in std::mem::take(&mut self.resumed) {
            if !self.strays.contains_key(&id) {
                self.consider(id, [Input::Stray(None)]);
            }
            let Some(router) = self.set.get(id) else { continue };
            let missing: Vec<IpAddr> = router.missing().collect();
            let places = router.config().addresses().iter().enumerate();
            let free =
                places.filter(|(_, address)| missing.contains(address) && self.obstacles.why(id, **address).is_none());
            let free: Vec<usize> = free.map(|(index, _)| index).collect();
            free.into_iter().for_each(|index| self.tell(id, Input::AddressAvailable(index, true)));
        }
    }
}
