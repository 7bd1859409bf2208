//! Virtual MAC addresses and the packet filter, which come and go with their routers.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use vrrp_core::{Input, RouterId};

use super::lineup::Crowds;
use super::state::Driver;
use crate::address_error::AddressError;
use crate::clock;
use crate::event::EventKind;
use crate::kernel::filter::{Filter, Generation, News};
use crate::report::Kind;
use crate::router::Router;
use crate::virtual_ip::VirtualIp;
use crate::vmac::Macvlan;
use crate::warning::Warning;

impl Driver {
    /// Takes over what became of a router's macvlan or the interface below, before the router hears of it.
    pub(super) fn follow_macvlan(&mut self, id: RouterId) {
        if let Some(warning) = self.macvlans.bring_up(id, &self.monitor) {
            self.reporter.report(id, EventKind::Warning(warning));
        }
        let Some(device) = self.macvlans.take_contested(id) else { return };
        for request in self.holdings.wanted_on(id, &device) {
            self.remove(id, request.address);
            self.failed(id, request.address, AddressError::MacvlanLowered { macvlan: device.clone() });
            self.tell(id, Input::AddressFailed(request));
        }
    }

    /// Makes the macvlan of a router that has come, if it is to have one. One whose interface is missing follows when that
    /// appears.
    pub(super) fn add_macvlan(&mut self, id: RouterId, router: &Router) {
        if let Err(error) = self.macvlans.add(id, router) {
            let macvlan = router.macvlan.as_ref().map_or_else(String::new, |macvlan| macvlan.name.clone());
            let interface = router.interface.clone();
            self.reporter
                .report(id, EventKind::Warning(Warning::MacvlanNotMade { macvlan, interface, error: error.into() }));
        }
        self.follow_macvlan(id);
    }

    /// A router is about to get another configuration: the macvlan that it then needs is made before. One of another name or
    /// MAC address takes the place of the first, which its addresses leave meanwhile.
    pub(super) fn exchange_macvlan(&mut self, id: RouterId, to: &Router, crowds: &Crowds) {
        let Some(before) = self.routers.get(id).map(|running| Arc::clone(&running.asked)) else { return };
        let Some(new) = &to.macvlan else { return };
        let is_like = |old: &Macvlan| (&old.name, old.mac) == (&new.name, new.mac);
        if before.macvlan.as_ref().is_some_and(is_like) {
            return;
        }
        if before.macvlan.is_some() {
            self.replace(id, Router { macvlan: None, ..Router::clone(&before) }, crowds);
            self.follow_orders();
            self.carry_out_requests();
            self.drop_macvlan(id);
        }
        // News of it are followed from now on.
        self.interfaces.concern(&new.name, id);
        self.add_macvlan(id, to);
    }

    /// Removes the macvlan of a router that has none any more.
    pub(super) fn drop_idle_macvlan(&mut self, id: RouterId) {
        if self.routers.get(id).is_some_and(|running| running.router.macvlan.is_none()) {
            self.drop_macvlan(id);
        }
    }

    /// Removes the macvlan of a router, if it has one. Its addresses are gone from there.
    pub(super) fn drop_macvlan(&mut self, id: RouterId) {
        if self.macvlans.remove_one(id, &self.monitor) {
            self.macvlans_going.insert(id);
        }
    }

    /// Takes note of macvlans that are gone. Returns whether any is.
    pub(super) fn poll_macvlans(&mut self, cx: &mut Context<'_>) -> bool {
        let mut news = false;
        while let Poll::Ready(id) = self.macvlans.poll_removed(cx, &self.monitor) {
            news |= self.macvlans_going.remove(&id);
            // Its router may have been given another one meanwhile.
            self.follow_macvlan(id);
        }
        news
    }

    /// An owner's real address must be on the macvlan alone: any other interface answers for it too (ARP-02, V6-11).
    pub(super) fn warn_of_real_address(&mut self, id: RouterId, virtual_ip: &VirtualIp, device: &str) {
        let Some(running) = self.routers.get(id).filter(|running| running.router.macvlan.is_some()) else {
            return;
        };
        let interface = &running.router.interface;
        let Some(below) = self.monitor.link_by_name(interface).filter(|_| interface != device) else { return };
        if self.monitor.addresses(below.index).any(|there| there.address == virtual_ip.address) {
            let warning = Warning::RealAddress { address: virtual_ip.address, interface: interface.clone() };
            self.reporter.report(id, EventKind::Warning(warning));
        }
    }

    /// Warns of what became of the packet filter, in the name of the router that its table is named after.
    pub(super) fn report_filter(&mut self, news: News) {
        let news = match news {
            News::Changed(generation) => return self.changing.filter_changed(generation, None),
            News::NotChanged(generation, error) => return self.changing.filter_changed(generation, Some(error)),
            news => news,
        };
        let Some((table, id)) = self.filter.as_ref().and_then(Filter::table) else { return };
        let table = table.to_owned();
        match news {
            News::Restored => {
                self.reporter.report_repeating(id, clock::now(), Kind::FilterLost, |unreported| {
                    EventKind::Warning(Warning::FilterRestored { table, unreported })
                });
            }
            News::Failed(error, again_in) => {
                let warning = Warning::FilterLost { table, error: error.into(), again_in };
                self.reporter.report(id, EventKind::Warning(warning));
            }
            News::Changed(_) | News::NotChanged(..) => {}
        }
    }

    /// Closes the addresses of the routers that are there and that come, where these must not accept anything, and no others.
    /// Returns what to wait for.
    pub(super) fn refilter<'a>(
        &mut self,
        coming: impl Iterator<Item = (Option<RouterId>, &'a Router)>,
    ) -> io::Result<Option<Generation>> {
        let Some(filter) = &mut self.filter else { return Ok(None) };
        let coming: Vec<(Option<RouterId>, &Router)> = coming.collect();
        filter.change(self.routers.iter().map(|running| (Some(running.id), &running.router)).chain(coming))
    }

    /// Opens the addresses again, when they are gone.
    pub(super) fn unfilter(&mut self) {
        let removed = self.filter.as_mut().map_or(Ok(()), |filter| filter.remove());
        if let Err(error) = removed {
            self.warn(Warning::FilterNotRemoved(error.into()));
        }
    }
}
