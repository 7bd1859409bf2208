//! What the routers ask for, carried out; and what the kernel answered.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::{Endpoints, TTL};
use vrrp_core::{Action, AdvertKind, Input, Peers, Role, RouterId, Vip};

use super::Driver;
use crate::event::EventKind;
use crate::holdings::{Answer, Holding};
use crate::netlink::Done;
use crate::report::Kind;
use crate::{VirtualIp, clock, sysctl, words};

/// Addresses renewed at once: for so long nothing else happens.
const RENEWED_AT_ONCE: usize = 16;
/// What that takes, with a reserve.
const RENEWAL: Duration = Duration::from_micros(500);
/// Announcements repeated at once: for so long nothing else happens.
const REPEATED_AT_ONCE: usize = 32;

impl Driver {
    /// Carries out what the routers ask for, as much as may be done before anything else has its turn again: what is
    /// queued after that [waits](Self::has_work).
    pub(super) fn act(&mut self) {
        self.follow_orders();
        self.requests.flush();
        while let Some(done) = self.requests.next_done() {
            self.answered(done);
        }
        self.follow_orders();
        if self.holdings.is_settled() {
            self.repeat_announcements();
            self.macvlans.lower();
        }
    }

    /// Whether [`act`](Self::act) has left something undone.
    pub(super) fn has_work(&self) -> bool {
        self.requests.are_queued() || !self.repeats.is_empty()
    }

    /// Advertisements and first announcements leave; what is asked of the kernel is queued.
    pub(super) fn follow_orders(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            match action {
                Action::SendAdvertisement(kind) => self.advertise(id, kind),
                Action::InstallAddress(vip) => self.install(id, vip),
                Action::RemoveAddress(vip) => self.holdings.remove(&mut self.requests, id, vip.index()),
                Action::AnnounceAddress { vip, count } => self.announce(id, vip, count),
                Action::StateChanged(transition) => {
                    if transition.from == Role::Master && transition.to != Role::Master {
                        self.macvlans.release(id);
                    }
                    let Some(router) = self.set.get(id) else { continue };
                    let Some(hosted) = self.routers.get(id.index()) else { continue };
                    let why = words::cause(&hosted.router, self.reporter.names(), &transition.cause);
                    let priority = router.status().priority;
                    self.reporter.report(id, EventKind::StateChanged { transition, why, priority });
                }
            }
        }
    }

    /// To the group, or a copy to each peer, in the steps of section 7.2 (IP-09).
    pub(super) fn advertise(&mut self, id: RouterId, kind: AdvertKind) {
        let (Some(router), Some(hosted)) = (self.set.get(id), self.routers.get(id.index())) else { return };
        let (Some(port), Some(source)) = (self.ports.get_mut(hosted.port), router.source()) else { return };
        let group = vrrp_core::multicast_group(router.config().family());
        let last_word = matches!(kind, AdvertKind::LastWord | AdvertKind::LastWordVersion2);
        let alone = router.winner().filter(|_| last_word);
        let meant = |peer: &IpAddr| alone.is_none_or(|winner| winner == *peer);
        let (ttl, destinations): (_, &mut dyn Iterator<Item = IpAddr>) = match router.config_of(kind).peers() {
            Peers::Multicast => (TTL, &mut std::iter::once(group)),
            Peers::Unicast(peers) => {
                (hosted.router.unicast_ttl, &mut peers.iter().map(|peer| peer.address).filter(meant))
            }
        };
        let (mut failed, mut sent_to_one) = (None, false);
        for destination in destinations {
            let Some(ends) = Endpoints::new(source, destination) else { continue };
            let Ok(len) = router.encode(kind, ends, &mut self.message) else { continue };
            let message = self.message.get(..len).unwrap_or_default();
            let sent = match hosted.router.virtual_source() {
                None => port.send(source, destination, ttl, message),
                Some(mac) => port.send_as(mac, &self.link_layer, ends, ttl, message),
            };
            match sent {
                Ok(()) => sent_to_one = true,
                Err(error) => failed = Some((destination, error)),
            }
        }
        let regular = matches!(kind, AdvertKind::Regular | AdvertKind::RegularVersion2);
        let heard = sent_to_one && regular && router.role() == Role::Master;
        let installed = router.status().installed > 0;
        if let Some((destination, error)) = failed {
            self.set.count_tx_error(id);
            // The release of a router whose link went is tried all the same; why it fails is told as its fault.
            if !self.monitor.link_by_name(&port.name).is_some_and(|link| link.up) {
                return;
            }
            self.reporter.report_repeating(id, clock::now(), Kind::SendFailed, |unreported| EventKind::SendFailed {
                destination,
                error: error.to_string(),
                unreported,
            });
        }
        if heard {
            self.advertised(id, installed);
        }
    }

    /// What a Master holds is its own for another while.
    fn advertised(&mut self, id: RouterId, installed: bool) {
        for request in self.leases.advertised(id, clock::now(), installed) {
            if self.holdings.wants(id, request) {
                self.install(id, request);
            }
        }
    }

    /// Renews a few addresses. A deadline that comes meanwhile would have to wait, so it goes first; but not one after the
    /// other.
    pub(super) fn renew(&mut self) {
        // What a takeover has left to do goes first.
        if !self.leases.is_due() || self.has_work() {
            return;
        }
        let now = clock::now();
        let soon = self.set.deadline().map(|(at, _)| at).filter(|at| *at < now + RENEWAL);
        if soon.is_some() && self.renew_after.is_none_or(|waited_for| soon == Some(waited_for)) {
            self.renew_after = soon;
            return;
        }
        self.renew_after = None;
        if let Some((id, indices)) = self.leases.next(now, RENEWED_AT_ONCE) {
            self.holdings.renew(&mut self.requests, id, indices);
        }
    }

    pub(super) fn install(&mut self, id: RouterId, request: Vip) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        let Some(ifindex) = self.monitor.link_by_name(&device).map(|link| link.index) else {
            let error = "there is no such interface".to_owned();
            self.reporter.report(id, EventKind::AddressFailed { vip, device, error });
            return self.set.handle(clock::now(), id, Input::AddressFailed(request));
        };
        if let Err(error) = self.macvlans.raise(id, &device) {
            let error = format!("cannot set it up: {error}");
            self.reporter.report(id, EventKind::AddressFailed { vip, device, error });
            return self.set.handle(clock::now(), id, Input::AddressFailed(request));
        }
        self.warn_of_real_address(id, &vip, &device);
        // An owner's real address has the prefix of its network, which need not be the one configured here.
        let mut there = self.monitor.addresses(ifindex);
        let real =
            there.find(|there| there.address == vip.address && !there.marked && there.prefix_len != vip.prefix_len);
        match real.map(|real| real.prefix_len) {
            None => self.holdings.install(&mut self.requests, id, request, ifindex),
            Some(prefix_len) => {
                self.holdings.adopt(id, request);
                let vip = VirtualIp { prefix_len, ..vip };
                self.reporter.report(id, EventKind::AddressInstalled { vip, device, foreign: true });
                self.set.handle(clock::now(), id, Input::AddressInstalled(request));
            }
        }
    }

    /// Announces an address once; where that is to be repeated, when every other address has been announced too.
    pub(super) fn announce(&mut self, id: RouterId, request: Vip, count: u8) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let (address, device) = (request.address, holding.device.clone());
        let event = match self.send_announcement(id, request) {
            Ok(false) => return,
            Ok(true) => {
                self.repeats.extend((count > 1).then_some((id, request, count - 1)));
                EventKind::Announced { address, device, count }
            }
            Err(error) => EventKind::Warning(format!("cannot announce {address} on {device}: {error}")),
        };
        self.reporter.report(id, event);
    }

    /// Sends some of the announcements that repeat others. One that has lost its address by now repeats nothing.
    fn repeat_announcements(&mut self) {
        for _ in 0..REPEATED_AT_ONCE {
            let Some((id, request, count)) = self.repeats.pop_front() else { return };
            if self.set.get(id).is_some_and(|router| router.is_installed(request.address)) {
                // The first of them went out: this is not the time to complain.
                let _ = self.send_announcement(id, request);
                self.repeats.extend((count > 1).then_some((id, request, count - 1)));
            }
        }
    }

    /// False where there is nobody to tell.
    fn send_announcement(&self, id: RouterId, request: Vip) -> io::Result<bool> {
        let Some(holding) = self.holdings.get(id, request.index()) else { return Ok(false) };
        let Some(link) = self.monitor.link_by_name(&holding.device) else { return Ok(false) };
        // Not Ethernet: there are no neighbours to tell.
        let Some(mac) = link.mac else { return Ok(false) };
        self.link_layer.announce(link.index, mac, request.address).map(|()| true)
    }

    pub(super) fn answered(&mut self, done: Done) {
        let shown = |holding: &Holding| {
            let link = self.monitor.link_by_name(&holding.device);
            link.is_some_and(|link| {
                self.monitor.addresses(link.index).any(|there| there.address == holding.vip.address)
            })
        };
        let Some((id, index, answer)) = self.holdings.answer(&mut self.requests, done, shown) else { return };
        let Some(holding) = self.holdings.get(id, index) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        let put_back = match &answer {
            Answer::Installed { request, .. } if self.is_known(id, *request) => Some(*request),
            _ => None,
        };
        let (event, input) = match answer {
            // The kernel takes an IPv6 address first; a moment later it joins the group by which neighbours ask for it,
            // and receives what is sent to it. Before that there is nothing to announce, for an owner neither (V6-02, V6-07, FSM-I-03, AMB-17).
            Answer::Installed { request, foreign: false }
                if vip.address.is_ipv6() && !self.is_in_use(&vip, &device) =>
            {
                return self.holdings.await_use(id, request);
            }
            Answer::Installed { request, foreign } => {
                (EventKind::AddressInstalled { vip, device, foreign }, Some(Input::AddressInstalled(request)))
            }
            Answer::Failed { request, error } => {
                let error = format!("cannot install it: {error}");
                (EventKind::AddressFailed { vip, device, error }, Some(Input::AddressFailed(request)))
            }
            Answer::Removed => (EventKind::AddressRemoved { vip, device }, None),
            Answer::Stuck(error) => {
                let error = format!("cannot remove it: {error}");
                (EventKind::AddressFailed { vip, device, error }, None)
            }
        };
        self.reporter.report(id, event);
        if let Some(input) = input {
            self.set.handle(clock::now(), id, input);
        }
        if let Some(request) = put_back {
            self.announce(id, request, 1);
        }
    }

    /// A Master has this address, and loses it to nobody but somebody who removes it: there again, it is announced again
    /// (ARP-05).
    fn is_known(&self, id: RouterId, request: Vip) -> bool {
        self.set.get(id).is_some_and(|router| router.role() == Role::Master && router.is_installed(request.address))
    }

    /// An address of this host came into use.
    pub(super) fn appeared(&mut self, ifindex: u32, address: IpAddr) {
        let Some(link) = self.monitor.link(ifindex) else { return };
        let device = link.name.clone();
        let Some((id, request)) = self.holdings.appeared(address, &device) else { return };
        let Some(vip) = self.holdings.get(id, request.index()).map(|holding| holding.vip.clone()) else { return };
        let known = self.is_known(id, request);
        self.reporter.report(id, EventKind::AddressInstalled { vip, device, foreign: false });
        self.set.handle(clock::now(), id, Input::AddressInstalled(request));
        if known {
            self.announce(id, request, 1);
        }
    }

    fn is_in_use(&self, vip: &VirtualIp, device: &str) -> bool {
        let link = self.monitor.link_by_name(device);
        link.is_some_and(|link| self.monitor.addresses(link.index).any(|there| there.address == vip.address))
    }

    /// Removes what a run before this one left behind, before anything else.
    pub(super) fn sweep(&mut self) {
        let keeps_marks = sysctl::keeps_marks();
        for (id, router) in self.set.iter() {
            // Where there are no marks, an owner's real address looks like a leftover.
            let by_name = !keeps_marks && !router.config().priority().is_owner();
            for index in 0..router.config().addresses().len() {
                let Some(holding) = self.holdings.get(id, index) else { continue };
                let (vip, device) = (holding.vip.clone(), holding.device.clone());
                // That run may have had another configuration: no virtual MAC address, or another label; without one
                // every label matches.
                let interface = self.routers.get(id.index()).map(|hosted| hosted.router.interface.clone());
                let interface = interface.filter(|interface| *interface != device);
                for (device, by_name) in [(device, by_name)].into_iter().chain(interface.map(|name| (name, false))) {
                    let Some(ifindex) = self.monitor.link_by_name(&device).map(|link| link.index) else { continue };
                    for there in self.monitor.addresses(ifindex) {
                        if there.address != vip.address || !(there.marked || by_name) {
                            continue;
                        }
                        let leftover = VirtualIp { prefix_len: there.prefix_len, label: None, ..vip.clone() };
                        self.holdings.sweep(&mut self.requests, id, index, &leftover, ifindex);
                        self.reporter.report(id, EventKind::Leftover { vip: leftover, device: device.clone() });
                    }
                }
            }
        }
        self.settle();
    }

    /// Has everything done that is asked of the kernel.
    pub(super) fn settle(&mut self) {
        while self.requests.are_queued() {
            self.requests.flush();
            while let Some(done) = self.requests.next_done() {
                self.answered(done);
            }
        }
    }

    /// Somebody took an address from a Master. It is put back, and announced like a new one (ARP-05).
    pub(super) fn reinstall(&mut self, id: RouterId, request: Vip) {
        let Some(holding) = self.holdings.get(id, request.index()) else { return };
        let (vip, device) = (holding.vip.clone(), holding.device.clone());
        let now = clock::now();
        let put_back = self.leases.holds(id, now);
        self.reporter.report(
            id,
            match self.leases.may_have_expired(id, now) {
                true => EventKind::AddressExpired { vip, device, put_back },
                false => EventKind::AddressLost { vip, device },
            },
        );
        match put_back {
            true => self.install(id, request),
            false => self.leases.withhold(id, request),
        }
    }
}
