//! Notes for operators about what comes in: nothing follows from them.

use vrrp_core::{Accepted, Discard, Instant, RouterId, RxPacket, VirtualRouter};

use super::now::Now;
use super::state::Driver;
use crate::disagreement::ListDifference;
use crate::heard::Stranger;

impl Driver {
    /// After an advertisement that was accepted.
    pub(super) fn note_accepted(&mut self, id: RouterId, rx: &RxPacket<'_>, accepted: &Accepted<'_>, at: Instant) {
        let Some(config) = self.set.get(id).map(VirtualRouter::config) else { return };
        if let Some(running) = self.routers.get_mut(id) {
            running.notes.accept(rx, accepted, at, || ListDifference::new(config, accepted.addresses()));
        }
    }

    /// After an advertisement that was ignored by one of ours.
    pub(super) fn note_ignored(
        &mut self,
        id: RouterId,
        rx: &RxPacket<'_>,
        reason: Discard,
        authenticated: bool,
        at: Instant,
    ) {
        if let Some(running) = self.routers.get_mut(id) {
            running.notes.ignore(rx, reason, authenticated, at);
        }
    }

    /// After a sound advertisement of a virtual router that is not ours.
    pub(super) fn note_stranger(&mut self, port: usize, rx: &RxPacket<'_>, reason: Discard, at: Instant) {
        if let Discard::Vrid(Some(vrid)) = reason {
            self.strangers.entry(port).or_default().hear(vrid, rx, at);
        }
    }

    /// Returns the virtual routers that were heard and are not ours, in the order of their interfaces and ids.
    pub(super) fn strangers(&self, now: &Now) -> Vec<Stranger> {
        let of_ports = self.strangers.iter().filter_map(|(port, strangers)| Some((self.ports.get(*port)?, strangers)));
        let mut all: Vec<Stranger> =
            of_ports.flat_map(|(port, strangers)| strangers.shown(&port.name, port.family, now)).collect();
        all.sort_by(|a, b| (&a.interface, a.vrid, a.source).cmp(&(&b.interface, b.vrid, b.source)));
        all
    }
}
