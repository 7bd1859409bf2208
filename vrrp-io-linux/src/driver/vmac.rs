//! Virtual MAC addresses and the packet filter, at the start and the end.

use std::future::poll_fn;
use std::time::Duration;

use vrrp_core::{Input, RouterId};

use super::state::Driver;
use crate::clock;
use crate::event::{EventKind, Unreported};
use crate::kernel::filter::{Filter, News};
use crate::report::Kind;
use crate::virtual_ip::VirtualIp;

/// How long a start waits for news of the macvlans it has made; who is not ready by then waits as for any interface.
const NEWS_LIMIT: Duration = Duration::from_secs(1);

impl Driver {
    /// Makes the macvlans. Those whose interface is missing follow when it appears.
    pub(super) async fn make_macvlans(&mut self) {
        self.macvlans.routers().into_iter().for_each(|id| self.follow_macvlan(id));
        let made = async {
            while self.macvlans.are_awaited(&self.monitor) {
                let change = poll_fn(|cx| self.monitor.poll_change(cx)).await;
                self.follow(&change);
            }
        };
        let _ = tokio::time::timeout(NEWS_LIMIT, made).await;
    }

    /// Takes over what became of a router's macvlan or the interface below, before the router hears of it.
    pub(super) fn follow_macvlan(&mut self, id: RouterId) {
        if let Some(text) = self.macvlans.follow(id, &self.monitor) {
            self.reporter.report(id, EventKind::Warning(text));
        }
        let Some(device) = self.macvlans.take_contested(id) else { return };
        let why = format!("somebody keeps lowering {device}: it was raised again three times within ten seconds");
        for request in self.holdings.wanted_on(id, &device) {
            self.holdings.remove(&mut self.requests, &self.monitor, id, request.index());
            self.failed(id, request.index(), &why);
            self.tell(id, Input::AddressFailed(request));
        }
    }

    /// An owner's real address must be on the macvlan alone: any other interface answers for it too (ARP-02, V6-11).
    pub(super) fn warn_of_real_address(&mut self, id: RouterId, vip: &VirtualIp, device: &str) {
        let Some(hosted) = self.routers.get(id.index()).filter(|hosted| hosted.router.macvlan.is_some()) else {
            return;
        };
        let interface = &hosted.router.interface;
        let Some(below) = self.monitor.link_by_name(interface).filter(|_| interface != device) else { return };
        if self.monitor.addresses(below.index).any(|there| there.address == vip.address) {
            let address = vip.address;
            let text = format!(
                "{address} is on {interface} too, which answers for it with a MAC address of its own; remove it there"
            );
            self.reporter.report(id, EventKind::Warning(text));
        }
    }

    /// Warns of what became of the packet filter, in the name of the router that its table is named after.
    pub(super) fn report_filter(&mut self, news: &News) {
        let Some((table, router)) = self.filter.as_ref().and_then(Filter::table) else { return };
        let Some((id, _)) = self.set.iter().nth(router) else { return };
        let what =
            format!("somebody removed or changed the packet filter of accept mode off (nftables, table inet {table})");
        match news {
            News::Restored => {
                self.reporter.report_repeating(id, clock::now(), Kind::FilterLost, |unreported| {
                    EventKind::Warning(format!("{what}; it is made anew{}", Unreported(unreported)))
                });
            }
            News::Failed(error, pause) => {
                let text = format!(
                    "{what}, and it cannot be made anew: {error}; until it is, Masters accept packets to their addresses; \
                     trying again in {} s",
                    pause.as_secs()
                );
                self.reporter.report(id, EventKind::Warning(text));
            }
        }
    }

    /// Opens the addresses again, when they are gone.
    pub(super) fn unfilter(&mut self) {
        let removed = self.filter.as_mut().map_or(Ok(()), |filter| filter.remove());
        if let Err(error) = removed {
            self.warn(&format!("cannot remove the packet filter: {error}"));
        }
    }
}
