//! Virtual MAC addresses and the packet filter, at the start and the end.

use vrrp_core::{Input, RouterId};

use super::state::Driver;
use crate::address_error::AddressError;
use crate::clock;
use crate::event::EventKind;
use crate::kernel::filter::{Filter, News};
use crate::report::Kind;
use crate::router::Router;
use crate::virtual_ip::VirtualIp;
use crate::warning::Warning;

impl Driver {
    /// Takes over what became of a router's macvlan or the interface below, before the router hears of it.
    pub(super) fn follow_macvlan(&mut self, id: RouterId) {
        if let Some(warning) = self.macvlans.follow(id, &self.monitor) {
            self.reporter.report(id, EventKind::Warning(warning));
        }
        let Some(device) = self.macvlans.take_contested(id) else { return };
        for request in self.holdings.wanted_on(id, &device) {
            self.remove(id, request.address);
            self.failed(id, request.address, AddressError::MacvlanLowered { macvlan: device.clone() });
            self.tell(id, Input::AddressFailed(request));
        }
    }

    /// Makes the macvlan of a router that has come.
    pub(super) fn add_macvlan(&mut self, id: RouterId) {
        self.follow_macvlan(id);
    }

    /// A router is about to have another configuration: the macvlan that it needs is made before.
    pub(super) fn exchange_macvlan(&mut self, _id: RouterId, _to: &Router) {}

    /// Removes the macvlan of a router that has none any more.
    pub(super) fn drop_idle_macvlan(&mut self, _id: RouterId) {}

    /// Removes the macvlan of a router that is about to be forgotten.
    pub(super) fn drop_macvlan(&mut self, _id: RouterId) {}

    /// An owner's real address must be on the macvlan alone: any other interface answers for it too (ARP-02, V6-11).
    pub(super) fn warn_of_real_address(&mut self, id: RouterId, vip: &VirtualIp, device: &str) {
        let Some(hosted) = self.routers.get(id).filter(|hosted| hosted.router.macvlan.is_some()) else {
            return;
        };
        let interface = &hosted.router.interface;
        let Some(below) = self.monitor.link_by_name(interface).filter(|_| interface != device) else { return };
        if self.monitor.addresses(below.index).any(|there| there.address == vip.address) {
            let warning = Warning::RealAddress { address: vip.address, interface: interface.clone() };
            self.reporter.report(id, EventKind::Warning(warning));
        }
    }

    /// Warns of what became of the packet filter, in the name of the router that its table is named after.
    pub(super) fn report_filter(&mut self, news: &News) {
        let Some((table, router)) = self.filter.as_ref().and_then(Filter::table) else { return };
        let Some(id) = self.ids().nth(router) else { return };
        let table = table.to_owned();
        match news {
            News::Restored => {
                self.reporter.report_repeating(id, clock::now(), Kind::FilterLost, |unreported| {
                    EventKind::Warning(Warning::FilterRestored { table, unreported })
                });
            }
            News::Failed(error, again_in) => {
                let warning = Warning::FilterLost { table, error: error.into(), again_in: *again_in };
                self.reporter.report(id, EventKind::Warning(warning));
            }
        }
    }

    /// Opens the addresses again, when they are gone.
    pub(super) fn unfilter(&mut self) {
        let removed = self.filter.as_mut().map_or(Ok(()), |filter| filter.remove());
        if let Err(error) = removed {
            self.warn(Warning::FilterNotRemoved(error.into()));
        }
    }
}
