//! A rehearsal of a takeover while a driver waits for one: nobody sees anything of it.

use vrrp_core::wire::{Endpoints, TTL};
use vrrp_core::{AdvertKind, Peers, RouterId};

use super::state::Driver;

impl Driver {
    /// A Down deadline is near, and what comes then was last done long ago, if ever: its code and data, the kernel's too, are
    /// far from the processor. Gone through once for nothing, they are at hand when it counts; that saves some 0.05 ms.
    pub(super) fn rehearse(&mut self, id: RouterId) {
        let (Some(router), Some(running)) = (self.set.get(id), self.routers.get(id)) else { return };
        let destination = match router.config().peers() {
            Peers::Multicast => Some(router.config().family().group()),
            Peers::Unicast(peers) => peers.first().map(|peer| peer.address),
        };
        let endpoints = router.source().zip(destination).and_then(|(from, to)| Endpoints::new(from, to));
        if let (Some(endpoints), Some(port)) = (endpoints, self.ports.get_mut(running.port)) {
            if let Ok(len) = router.encode(AdvertKind::Regular, endpoints, &mut self.message) {
                let message = self.message.get(..len).unwrap_or_default();
                // A failure now is reported when it happens again.
                let _ = port.probe(endpoints, TTL, message);
            }
        }
        let first = self.routers.address(id, 0).and_then(|address| self.holdings.get(id, address));
        if let Some(holding) = first {
            self.requests.rehearse(&holding.virtual_ip, router.config().lease());
        }
    }
}
