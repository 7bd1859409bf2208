//! The actions that the routers ask for, and the kernel's answers.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::{Endpoints, TTL};
use vrrp_core::{Action, AddressRequest, AdvertKind, Input, Peers, Role, RouterId, VirtualRouter};

use super::punctuality::has_all;
use super::state::Driver;
use crate::address_error::AddressError;
use crate::addresses::announcements::Announcement;
use crate::addresses::holdings::{Answer, Consequences};
use crate::event::EventKind;
use crate::kernel::netlink::requests::Done;
use crate::packets::link_layer::Mac;
use crate::report::Kind;
use crate::report::words::{self, Condition};
use crate::virtual_ip::VirtualIp;
use crate::warning::Warning;
use crate::{clock, vmac};

/// Addresses renewed at once: for so long nothing else happens.
const RENEWED_AT_ONCE: usize = 16;
/// The longest time for such a renewal: a driver that takes longer was not running. The shortest lifetime is ten times as long.
const RENEWED_WITHIN: Duration = Duration::from_millis(100);
/// The time that it takes, with a reserve.
const RENEWAL: Duration = Duration::from_micros(500);
/// Announcements repeated at once: for so long nothing else happens.
const REPEATED_AT_ONCE: usize = 32;

/// The outcome of sending an advertisement.
struct Sent {
    to_anybody: bool,
    /// The peer that it could not be sent to, and why; of several the last.
    failed: Option<(IpAddr, io::Error)>,
}

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
        self.make_due_announcements();
        self.forgive_strays();
        if self.holdings.is_settled() {
            self.repeat_announcements();
            self.macvlans.lower();
        }
    }

    /// Tells whether [`act`](Self::act) has left something undone.
    pub(super) fn has_work(&self) -> bool {
        self.requests.are_queued() || self.announcements.are_repeated()
    }

    /// Advertisements and first announcements leave; what is asked of the kernel is queued.
    pub(super) fn follow_orders(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            self.breathe();
            match action {
                Action::SendAdvertisement(kind) => self.advertise(id, kind),
                Action::InstallAddress(request) => self.install(id, request),
                Action::RemoveAddress(request) => self.remove(id, request.address),
                Action::AnnounceAddress { request, count } => self.announce(id, request, count),
                Action::StateChanged(transition) => {
                    if transition.from == Role::Master && transition.to != Role::Master {
                        self.macvlans.release(id);
                        self.follow_strays_of(id);
                    }
                    // Its faults are told with its state.
                    self.note_faults(id);
                    self.untold.remove(&id);
                    let Some(priority) = self.set.get(id).map(VirtualRouter::priority) else { continue };
                    let why = self.cause(id, &transition.cause);
                    self.follow_drain(id, &transition);
                    self.show(id);
                    self.punctuality.changed(id, &transition);
                    self.time_takeover(id);
                    self.reporter.report(id, EventKind::StateChanged { transition, why, priority });
                }
                Action::PriorityChanged { from, to, by } => {
                    self.show(id);
                    let why = self.why_priority(id, from, to, by);
                    self.reporter.report(id, EventKind::PriorityChanged { from, to, by, why });
                }
                Action::NobodyTookOver => {
                    self.nobody_took_over(id);
                    self.reporter.report(id, EventKind::NobodyTookOver);
                }
                Action::LowerPriorityHeard { from, priority } => {
                    self.reporter.report(id, EventKind::LowerPriorityHeard { from, priority });
                }
                Action::FaultsChanged => {
                    self.note_faults(id);
                    self.untold.insert(id);
                }
            }
        }
        for id in std::mem::take(&mut self.untold) {
            self.tell_faults(id);
        }
    }

    /// Sends an advertisement, and draws the conclusions for the lease of the addresses.
    pub(super) fn advertise(&mut self, id: RouterId, kind: AdvertKind) {
        let Some(Sent { to_anybody, failed }) = self.send_advertisement(id, kind) else { return };
        let serves = kind.serves_on();
        if serves && !to_anybody {
            self.leases.silenced(id);
        }
        if failed.is_some_and(|failure| !self.follow_send_failure(id, failure)) {
            return;
        }
        if serves && to_anybody {
            self.punctuality.advertised(id, clock::now());
            self.advertised(id);
        }
    }

    /// To the group, or a copy to each peer, in the steps of section 7.2 (IP-09). `None`: there is nothing to send from.
    fn send_advertisement(&mut self, id: RouterId, kind: AdvertKind) -> Option<Sent> {
        let to_winner = self.frame_to_winner(id, kind);
        let (router, running) = (self.set.get(id)?, self.routers.get(id)?);
        let (port, source) = (self.ports.get_mut(running.port)?, router.source()?);
        let alone = router.winner().filter(|_| is_yield(kind));
        let (ttl, count) = match router.config_of(kind).peers() {
            Peers::Multicast => (TTL, 1),
            Peers::Unicast(peers) => (running.router.unicast_ttl, peers.len()),
        };
        let mut sent = Sent { to_anybody: false, failed: None };
        for n in 0..count {
            let config = self.set.get(id)?.config_of(kind);
            let destination = match config.peers() {
                Peers::Multicast => Some(config.family().group()),
                Peers::Unicast(peers) => {
                    let address = peers.get(n).map(|peer| peer.address);
                    address.filter(|peer| alone.is_none_or(|winner| winner == *peer))
                }
            };
            let Some((destination, endpoints)) = destination.and_then(|to| Some((to, Endpoints::new(source, to)?)))
            else {
                continue;
            };
            let Some(Ok(len)) = self.set.encode(id, kind, endpoints, &mut self.message) else { continue };
            let message = self.message.get(..len).unwrap_or_default();
            let result = match (running.router.virtual_source(), to_winner) {
                (None, None) => port.send(endpoints, ttl, message),
                (None, Some((own, winner))) => {
                    port.send_as(own, Some(winner), &self.link_layer, endpoints, ttl, message)
                }
                (Some(mac), _) => port.send_as(mac, None, &self.link_layer, endpoints, ttl, message),
            };
            match result {
                Ok(()) => sent.to_anybody = true,
                Err(error) => sent.failed = Some((destination, error)),
            }
        }
        Some(sent)
    }

    /// From and to which MAC address a yield advertisement to the group goes: it is for the winner alone, and a switch learns nothing
    /// from it. A virtual MAC address is no router's own: what is sent to it need not come to where that router listens.
    fn frame_to_winner(&self, id: RouterId, kind: AdvertKind) -> Option<(Mac, Mac)> {
        let (router, running) = (self.set.get(id)?, self.routers.get(id)?);
        let own = running.router.macvlan.as_ref().map(|macvlan| macvlan.mac.octets());
        let is_virtual = |mac: Mac| vmac::is_virtual(mac) || own == Some(mac);
        let winner = running.winner_mac.filter(|mac| is_yield(kind) && !is_virtual(*mac))?;
        if !matches!(router.config_of(kind).peers(), Peers::Multicast) {
            return None;
        }
        let port = self.ports.get(running.port)?;
        Some((self.monitor.link_by_name(&port.name)?.mac?, winner))
    }

    /// Counts and reports an advertisement that did not leave. Returns false where the link is down.
    fn follow_send_failure(&mut self, id: RouterId, (destination, error): (IpAddr, io::Error)) -> bool {
        self.set.count_tx_error(id);
        let port = self.routers.get(id).and_then(|running| self.ports.get(running.port));
        // The release of a router whose link went is tried all the same; why it fails is told as its fault. A Master that stays
        // it while its link is down has none.
        let is_at_fault = self.set.get(id).is_some_and(|router| router.role() != Role::Master);
        if is_at_fault && !port.and_then(|port| self.monitor.link_by_name(&port.name)).is_some_and(|link| link.up) {
            return false;
        }
        if let Some(running) = self.routers.get_mut(id) {
            running.notes.not_sent(destination, (&error).into(), clock::now());
        }
        self.reporter.report_repeating(id, clock::now(), Kind::SendFailed, |unreported| EventKind::SendFailed {
            destination,
            error: error.into(),
            unreported,
        });
        true
    }

    /// Notes that an advertisement went out: a Master keeps its addresses for another lifetime. One that was not heard before
    /// announces them now.
    fn advertised(&mut self, id: RouterId) {
        let Some(router) = self.set.get(id).filter(|router| router.role() == Role::Master) else { return };
        let installed = router.installed() > 0;
        let was_silent = self.leases.is_silent(id);
        for request in self.leases.advertised(id, clock::now(), installed) {
            if self.holdings.wants(id, request) {
                self.install(id, request);
            }
        }
        if was_silent {
            self.holdings.served(id).into_iter().for_each(|request| self.announce(id, request, 1));
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
        let mut left = RENEWED_AT_ONCE;
        let next = || {
            let (id, indices) = self.leases.next(now, left)?;
            left -= indices.len();
            Some((id, indices))
        };
        self.requests.renew(self.holdings.renewals(std::iter::from_fn(next)), now + RENEWED_WITHIN);
    }

    pub(super) fn install(&mut self, id: RouterId, request: AddressRequest) {
        let Some(holding) = self.holdings.get(id, request.address) else { return };
        let (virtual_ip, device) = (holding.virtual_ip.clone(), holding.device.clone());
        let Some(ifindex) = self.monitor.link_by_name(&device).map(|link| link.index) else {
            self.failed(id, request.address, words::unusable(&device, Condition::Missing));
            return self.tell(id, Input::AddressFailed(request));
        };
        if let Err(error) = self.macvlans.raise(id, &device) {
            self.failed(id, request.address, AddressError::MacvlanNotRaised { macvlan: device, error: error.into() });
            return self.tell(id, Input::AddressFailed(request));
        }
        self.warn_of_real_address(id, &virtual_ip, &device);
        let step = self.holdings.install(&self.monitor, id, request, ifindex);
        self.go(step);
    }

    pub(super) fn remove(&mut self, id: RouterId, address: IpAddr) {
        let asks = self.holdings.remove(&self.monitor, id, address);
        self.ask(asks);
    }

    /// Announces an address once, unless others on its link go before it; where that is to be repeated, when every other
    /// address has been announced too. Nothing claims an address that this host does not serve.
    pub(super) fn announce(&mut self, id: RouterId, request: AddressRequest, count: u8) {
        let Some(running) = self.routers.get(id) else { return };
        let gap = running.router.announcement_gap;
        let announcement = Announcement { router: id, request, count, gap, is_first: true, refused_since: None };
        let Some(link) = self.announced_on(id, request) else { return };
        if self.announcements.begin(link, announcement, clock::now()) {
            self.make_announcement(link, announcement);
        }
    }

    /// Sends some of the announcements that repeat others.
    fn repeat_announcements(&mut self) {
        for _ in 0..REPEATED_AT_ONCE {
            let Some(announcement) = self.announcements.take_repeat() else { return };
            if let Some(link) = self.announced_on(announcement.router, announcement.request) {
                self.make_announcement(link, announcement);
            }
        }
    }

    /// Sends the announcements that have waited for others or were refused, where no deadline would have to wait for them.
    fn make_due_announcements(&mut self) {
        for _ in 0..REPEATED_AT_ONCE {
            let now = clock::now();
            if self.set.deadline().is_some_and(|(at, _)| at <= now) {
                return;
            }
            let Some((link, announcement)) = self.announcements.take_due(now) else { return };
            // On another link it was announced when it came there.
            if self.announced_on(announcement.router, announcement.request) == Some(link) {
                self.make_announcement(link, announcement);
            }
        }
    }

    /// The link on which an address is to be announced. None where there is nobody to tell, or nothing: the address is not
    /// wanted any more or not there, or its Master is not heard, so that another host may serve it.
    fn announced_on(&self, id: RouterId, request: AddressRequest) -> Option<u32> {
        let is_told = self.holdings.wants(id, request) && self.leases.is_heard(id, clock::now());
        self.holdings.serves_on(id, request.address).filter(|_| is_told)
    }

    fn make_announcement(&mut self, link: u32, announcement: Announcement) {
        let Announcement { router: id, request, count, is_first, refused_since, .. } = announcement;
        // Not Ethernet: there are no neighbours to tell.
        let Some(mac) = self.monitor.link(link).and_then(|link| link.mac) else { return };
        let sent = self.link_layer.announce(link, mac, request.address);
        match sent {
            Ok(()) => self.announcements.sent(link, announcement, clock::now()),
            Err(_) => self.announcements.refused(link, announcement, clock::now()),
        }
        // Where the first of them went out, or the refusal was told, this is not the time to complain.
        let is_news = is_first && (sent.is_ok() || refused_since.is_none());
        let Some(holding) = self.holdings.get(id, request.address).filter(|_| is_news) else { return };
        let (address, device) = (request.address, holding.device.clone());
        let event = match sent {
            Ok(()) => EventKind::Announced { address, device, count },
            Err(error) => EventKind::Warning(Warning::NotAnnounced { address, device, error: error.into() }),
        };
        self.reporter.report(id, event);
    }

    pub(super) fn answered(&mut self, done: Done) {
        let step = self.holdings.answer(&self.monitor, done);
        self.go(step);
    }

    /// Asks the kernel what is to be asked next, and tells a router what it has to know.
    fn go(&mut self, Consequences { asks, answer }: Consequences) {
        self.ask(asks);
        if let Some((id, address, answer)) = answer {
            self.take(id, address, answer);
        }
    }

    /// Reports what became of an address, and tells its router.
    fn take(&mut self, id: RouterId, address: IpAddr, answer: Answer) {
        let Some(holding) = self.holdings.get(id, address) else { return };
        let (virtual_ip, device) = (holding.virtual_ip.clone(), holding.device.clone());
        let (event, input) = match answer {
            Answer::Installed { request, foreign, prefix_len } => {
                let virtual_ip = VirtualIp { prefix_len, ..virtual_ip };
                (EventKind::AddressInstalled { virtual_ip, device, foreign }, Some(Input::AddressInstalled(request)))
            }
            Answer::Failed { request, error } => {
                self.failed(id, address, error);
                self.tell(id, Input::AddressFailed(request));
                self.time_takeover(id);
                return self.look_for_obstacles_again(id);
            }
            Answer::Outdated { request } => {
                self.remove(id, address);
                return self.install(id, request);
            }
            Answer::Removed { ifindex, prefix_len } => {
                let virtual_ip = VirtualIp { prefix_len, ..virtual_ip };
                (EventKind::AddressRemoved { virtual_ip, device: self.called(ifindex, device) }, None)
            }
            Answer::Stuck(error) => {
                let error = AddressError::NotRemoved(error.into());
                (EventKind::AddressFailed { virtual_ip, device, error }, None)
            }
        };
        self.reporter.report(id, event);
        let Some(input) = input else { return };
        let put_back = match input {
            Input::AddressInstalled(request) if self.is_known(id, request) => Some(request),
            _ => None,
        };
        self.obstacles.overcome(id, address);
        self.confirmed_at = clock::now();
        self.tell(id, input);
        self.time_takeover(id);
        if let Some(request) = put_back {
            self.announce(id, request, 1);
        }
    }

    /// The kernel has answered for an address: perhaps it was the last one of a takeover.
    fn time_takeover(&mut self, id: RouterId) {
        let Some(router) = self.set.get(id) else { return };
        self.punctuality.done(id, clock::now(), || has_all(router));
    }

    /// Returns the name of a link now, or `before` when the link is gone.
    fn called(&self, ifindex: u32, before: String) -> String {
        self.monitor.link(ifindex).map_or(before, |link| link.name.clone())
    }

    /// A Master has this address, and loses it to nobody but somebody who removes it: there again, it is announced again
    /// (ARP-05).
    fn is_known(&self, id: RouterId, request: AddressRequest) -> bool {
        self.set.get(id).is_some_and(|router| router.role() == Role::Master && router.is_installed(request.address))
    }

    /// An address of this host came into use, or turned out to be of no use.
    pub(super) fn appeared(&mut self, ifindex: u32, address: IpAddr) {
        for (id, answer) in self.holdings.appeared(&self.monitor, ifindex, address) {
            self.take(id, address, answer);
        }
    }

    /// Sends all requests to the kernel, and takes in the answers, until none is left.
    pub(super) fn carry_out_requests(&mut self) {
        while self.requests.are_queued() {
            self.breathe();
            self.requests.flush();
            while let Some(done) = self.requests.next_done() {
                self.answered(done);
            }
        }
    }

    /// Somebody took an address from a Master. It is put back, and announced like a new one (ARP-05); but not again and
    /// again: then its router is told that it cannot have it, and tries again later.
    pub(super) fn reinstall(&mut self, id: RouterId, request: AddressRequest) {
        let Some(holding) = self.holdings.get(id, request.address) else { return };
        let (virtual_ip, device) = (holding.virtual_ip.clone(), holding.device.clone());
        let now = clock::now();
        let put_back = self.leases.holds(id, now);
        let expired = self.leases.may_have_expired(id, now);
        if put_back && !expired && !self.holdings.may_put_back(id, request.address, now) {
            self.holdings.give_up(id, request.address);
            self.failed(id, request.address, AddressError::KeepsGoing);
            return self.tell(id, Input::AddressFailed(request));
        }
        let event = match expired {
            true => EventKind::AddressExpired { virtual_ip, device, put_back },
            false => EventKind::AddressLost { virtual_ip, device },
        };
        self.reporter.report(id, event);
        match put_back {
            true => self.install(id, request),
            false => self.leases.withhold(id, request),
        }
    }

    /// A link has another name now. What is wanted on its device moves to the one that has that name.
    pub(super) fn relocate(&mut self, id: RouterId) {
        for request in self.holdings.misplaced(&self.monitor, id) {
            self.remove(id, request.address);
            self.install(id, request);
        }
    }
}

fn is_yield(kind: AdvertKind) -> bool {
    matches!(kind, AdvertKind::Yield | AdvertKind::YieldVersion2)
}
