//! The driver of each host: packets, deadlines and answers in, actions out. It does what `vrrp-io-linux` does, in the same
//! order.

use alloc::format;
use alloc::string::ToString;
use core::net::IpAddr;
use core::time::Duration;

use super::{EventKind, Happened, Heard, StepKind, World};
use crate::action::{Action, AddressRequest, AdvertKind, Input};
use crate::cause::{Cause, Transition};
use crate::config::{Config, Peers};
use crate::fsm::Role;
use crate::sim::attack::STRANGER;
use crate::sim::disturbance::Installs;
use crate::sim::host::{Life, RunningRouter};
use crate::sim::network::{Arrival, Carries, Frame, HostId, LanId, Mac, Obstacle};
use crate::sim::recorder::{Fate, Sent};
use crate::time::Instant;
use crate::types::{Family, Priority, RouterId};
use crate::wire::{Endpoints, TTL};

/// Packets that wait for a stalled process; later ones are lost, as in a socket's buffer.
const SOCKET_BUFFER: usize = 256;
/// A kernel looks for addresses that have expired about once a second, in nanoseconds.
const KERNEL_LATENESS: u64 = 1_000_000_000;
/// One packet in so many is looked at closely even if nothing seems wrong with it.
const SAMPLE: u64 = 61;

impl World {
    pub(super) fn resume(&mut self, host: HostId) {
        let now = self.now;
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        if entry.life != Life::Stalled || now < entry.stalled_until {
            return;
        }
        (self.step.kind, self.step.host) = (StepKind::Resumed, Some(host));
        entry.life = Life::Running;
        self.record_event(None, Happened::Resumed(host));
        // Answers come before the deadline that they were to meet.
        while let Some((entry, local)) = self.awake(host) {
            let Some((router, request, worked)) = entry.answers.pop_front() else { break };
            let input = if worked { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
            entry.set.handle(local, router, input);
            self.act(host);
        }
        self.run_due(host);
        self.drain(host, true);
        self.report_news(host);
    }

    /// Takes everything that waits in the sockets, acting on each packet or not yet.
    pub(super) fn drain(&mut self, host: HostId, acting: bool) {
        while let Some(entry) = self.hosts.get_mut(host.index()) {
            let Some((arrival, at)) = entry.socket.pop_front() else { break };
            self.receive(host, arrival, at);
            if acting {
                self.act(host);
            }
        }
        if let Some((entry, local)) = self.awake(host) {
            entry.socket_empty_at = local;
        }
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let host = arrival.to;
        (self.step.kind, self.step.host) = (StepKind::Packet, Some(host));
        let frame = self.network.frame(&arrival).filter(|_| !self.network.is_corrupted(&arrival));
        if let Some((lan, frame)) = frame {
            self.neighbours.see(lan, host, &frame);
            if matches!(frame.carries, Carries::Announcement(_)) {
                return self.network.done(arrival);
            }
        }
        let lan = self.network.packet(&arrival).map(|(lan, _)| lan);
        if self.is_foreign(host) {
            return self.arrive_foreign(arrival);
        }
        let entry = self.hosts.get_mut(host.index());
        let Some((entry, _)) = entry.zip(lan).filter(|(entry, lan)| entry.interface(*lan).up) else {
            return self.unheard(arrival);
        };
        match entry.life {
            Life::Stalled if entry.socket.len() < SOCKET_BUFFER => entry.socket.push_back((arrival, self.now)),
            Life::Dead | Life::Stalled => self.unheard(arrival),
            Life::Running => {
                self.receive(host, arrival, self.now);
                self.run_due(host);
                if let Some((entry, local)) = self.awake(host) {
                    entry.socket_empty_at = local;
                }
            }
        }
    }

    /// Nobody takes what arrived.
    pub(super) fn unheard(&mut self, arrival: Arrival) {
        let number = self.network.frame(&arrival).and_then(|(_, frame)| frame.number);
        if let Some(number) = number {
            self.recorder.fate(number, arrival.to, Fate::Unheard(self.now));
        }
        self.network.done(arrival);
    }

    /// Hands a packet that arrived at `at` to the process.
    fn receive(&mut self, host: HostId, arrival: Arrival, at: Instant) {
        self.received += 1;
        let corrupted = self.network.is_corrupted(&arrival);
        let closely = corrupted || self.received % SAMPLE == 0;
        let Some((lan, rx)) = self.network.packet(&arrival) else { return };
        let Some((_, frame)) = self.network.frame(&arrival) else { return };
        let Carries::Advertisement(kind) = frame.carries else { return self.network.done(arrival) };
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        let stamp = entry.stamp(self.now, at);
        let before = closely.then(|| entry.fingerprint());
        let mut said = 0;
        let fate = match entry.set.handle_packet(stamp, lan.interface(), rx) {
            Ok((router, accepted)) => {
                let priority = accepted.priority.map_or(0, Priority::get);
                let interval = accepted.interval.duration();
                said = priority;
                let master_interval = frame.master_interval.unwrap_or(interval);
                let source = rx.endpoints.source();
                self.step.accepted.push(Heard { host, router, source, priority, interval, kind, master_interval });
                // A packet that never had a right checksum may get one.
                if corrupted && frame.number.is_some() {
                    self.violation = Some(format!("host {} took a packet with flipped bits", host.index()));
                }
                Fate::Heard(at)
            }
            Err(rejected) => {
                self.step.discarded.push((host, rejected.router, rejected.reason));
                if before.is_some_and(|before| before != entry.fingerprint()) {
                    self.violation =
                        Some(format!("host {} was changed by a packet that it rejected: {rejected}", host.index()));
                }
                Fate::Rejected(at, rejected.reason)
            }
        };
        if let Some(number) = frame.number {
            self.recorder.fate(number, host, fate);
        }
        self.extend_digest(u64::from(host.0) << 32 | u64::from(said) << 1 | self.step.accepted.len() as u64);
        self.network.done(arrival);
    }

    pub(super) fn answer(&mut self, host: HostId, process: u32, router: RouterId, request: AddressRequest) {
        (self.step.kind, self.step.host) = (StepKind::Answer, Some(host));
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        if entry.kernel.take_request(router, request) {
            self.install(host, router, request.address);
        }
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        if entry.process != process {
            return;
        }
        match entry.life {
            Life::Dead => {}
            Life::Stalled => entry.answers.push_back((router, request, true)),
            Life::Running => {
                let local = entry.clock.at(self.now);
                entry.set.handle(local, router, Input::AddressInstalled(request));
                entry.tell_at_work(local);
                self.run_due(host);
            }
        }
    }

    /// Lets a process do everything that is due, as a driver does: act, and once no more is to be done wait for the next
    /// deadline.
    pub(super) fn run_due(&mut self, host: HostId) {
        // Each router moves on at every turn; what does not is stuck.
        let turns = 8 + 8 * self.hosts.get(host.index()).map_or(0, |host| host.routers().count());
        for _ in 0..turns {
            self.act(host);
            let now = self.now;
            let Some((entry, local)) = self.awake(host) else { return };
            match entry.set.deadline() {
                Some((at, router)) if at <= local => {
                    // An advertisement that lies there counts, however late the process woke.
                    let down = entry.set.get(router).is_some_and(|router| router.role() == Role::Backup);
                    if down && !entry.socket.is_empty() {
                        self.drain(host, false);
                        continue;
                    }
                    entry.set.handle(local, router, Input::Timeout);
                }
                other => {
                    let at = other.map(|(at, _)| entry.clock.when(at));
                    let at = at.map(|at| at.max(now));
                    return self.timers.set(u32::from(host.0), at);
                }
            }
        }
        self.violation = Some(format!("a deadline of host {} stays in the past", host.index()));
        self.timers.set(u32::from(host.0), None);
    }

    /// Carries out what the routers of a host ask for.
    pub(super) fn act(&mut self, host: HostId) {
        loop {
            let now = self.now;
            let Some((entry, local)) = self.awake(host) else { return };
            let Some((router, action)) = entry.set.poll_action() else { return };
            match action {
                Action::SendAdvertisement(kind) => self.advertise(host, router, kind),
                Action::InstallAddress(request) if entry.refuses(request.address) => {
                    entry.set.handle(local, router, Input::AddressFailed(request));
                    self.record_event(Some((host, router)), Happened::Refused(request.address));
                }
                Action::InstallAddress(request) => match entry.installs {
                    Installs::OneByOne(each) => {
                        entry.kernel.request(router, request);
                        entry.busy_until = entry.busy_until.max(now) + each;
                        let (at, process) = (entry.busy_until, entry.process);
                        self.schedule(at, EventKind::Answer { host, process, router, request });
                    }
                    Installs::AtOnce => {
                        entry.set.handle(local, router, Input::AddressInstalled(request));
                        self.install(host, router, request.address);
                    }
                    Installs::After(span) => {
                        entry.kernel.request(router, request);
                        let process = entry.process;
                        self.schedule(self.now + span, EventKind::Answer { host, process, router, request });
                    }
                    Installs::Refused => {
                        entry.set.handle(local, router, Input::AddressFailed(request));
                        self.record_event(Some((host, router)), Happened::Refused(request.address));
                    }
                    Installs::Ignored => {}
                },
                Action::RemoveAddress(request) => {
                    if entry.kernel.remove(router, request.address) {
                        self.step.addresses_changed = true;
                        self.record_event(Some((host, router)), Happened::Removed(request.address));
                    }
                }
                Action::AnnounceAddress { request, count } => {
                    // The process does not know yet which addresses the kernel took away while it slept.
                    if !entry.kernel.held(router).contains(&request.address) && !entry.refuses(request.address) {
                        self.violation =
                            Some(format!("host {} announces {}, which it has not", host.index(), request.address));
                    }
                    self.announce(host, router, request.address, count);
                }
                Action::StateChanged(transition) => {
                    let told = entry.set.get(router).map(|router| {
                        let why = transition.cause.describe(router.config()).to_string();
                        Happened::State { change: transition, priority: router.priority(), why }
                    });
                    self.step.transitions.push((host, router, transition));
                    self.promise(host, router, transition);
                    self.extend_digest(
                        u64::from(host.0) << 40
                            | u64::from(router) << 8
                            | (transition.to as u64) << 4
                            | transition.from as u64,
                    );
                    told.into_iter().for_each(|told| self.record_event(Some((host, router)), told));
                }
                Action::PriorityChanged { to, .. } => {
                    if entry.set.get(router).is_some_and(|router| router.priority() != to) {
                        self.violation =
                            Some(format!("host {} tells of priority {to}, which it has not", host.index()));
                    }
                }
                Action::NobodyTookOver => {
                    if entry.set.get(router).is_some_and(|router| router.drain_status().is_none()) {
                        self.violation = Some(format!("host {} tells of a drain that is over", host.index()));
                    }
                }
                Action::LowerPriorityHeard { from, priority } => {
                    let master = entry.set.get(router).filter(|router| router.role() == Role::Master);
                    if master.is_none_or(|router| router.source() == Some(from) || priority > router.priority()) {
                        let host = host.index();
                        self.violation =
                            Some(format!("host {host} tells of {from} at {priority} as of a lower Master"));
                    }
                }
                Action::FaultsChanged => {
                    if entry.set.get(router).is_some_and(|router| !matches!(router.cause(), Cause::Fault(_))) {
                        self.violation = Some(format!("host {} tells of faults, and has none", host.index()));
                    }
                }
            }
        }
    }

    fn install(&mut self, host: HostId, router: RouterId, address: IpAddr) {
        let until = self.lifetime(host, router);
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        entry.kernel.install(router, address, until);
        self.step.addresses_changed = true;
        self.record_event(Some((host, router)), Happened::Installed(address));
        self.plan_sweep(host);
    }

    /// Returns when an address that a router is given, or renews, now is gone: kernels notice up to a second late.
    fn lifetime(&mut self, host: HostId, router: RouterId) -> Instant {
        let Some(lease) = self.config(host, router).and_then(Config::lease) else { return Instant::MAX };
        let late = Duration::from_nanos(self.random.below(KERNEL_LATENESS));
        let Some(entry) = self.hosts.get(host.index()) else { return Instant::MAX };
        entry.clock.when(entry.clock.at(self.now) + lease + late)
    }

    fn plan_sweep(&mut self, host: HostId) {
        let Some(entry) = self.hosts.get_mut(host.index()) else { return };
        if let (None, Some(at)) = (entry.kernel.sweeps_at, entry.kernel.next_expiry()) {
            entry.kernel.sweeps_at = Some(at);
            self.schedule(at, EventKind::Sweep(host));
        }
    }

    /// The kernel takes what nobody renewed.
    pub(super) fn sweep(&mut self, host: HostId) {
        (self.step.kind, self.step.host) = (StepKind::Expiry, Some(host));
        let now = self.now;
        while let Some(entry) = self.hosts.get_mut(host.index()) {
            entry.kernel.sweeps_at = None;
            let Some((place, address)) = entry.kernel.expired(now) else { break };
            let router = entry.routers().map(|running| running.id).find(|id| id.index() == place);
            entry.kernel.remove_at(place, address);
            self.step.addresses_changed = true;
            self.record_event(router.map(|router| (host, router)), Happened::Expired(address));
        }
        self.plan_sweep(host);
    }

    /// To every neighbour. Two frames at one instant teach what one teaches.
    fn announce(&mut self, host: HostId, router: RouterId, address: IpAddr, count: u8) {
        self.step.announced.push((host, router, address, count));
        let Some((lan, frame)) = self.frame(host, router, Carries::Announcement(address)) else { return };
        let group = Family::of(address).group();
        let Some(endpoints) = Endpoints::new(address, group) else { return };
        if !self.is_up(host, lan) {
            return self.neighbours.excuse(lan, address);
        }
        self.neighbours.see(lan, host, &frame);
        self.network.send_frame(lan, frame, None, endpoints, &[]);
        if !self.network.unreached().is_empty() {
            self.neighbours.excuse(lan, address);
        }
    }

    /// Notes that every neighbour must know the addresses: a router that becomes Master where nothing is lost announces them to
    /// everybody, and so does a Master that stays when another one yields.
    fn promise(&mut self, host: HostId, router: RouterId, change: Transition) {
        let Some(running) = self.hosts.get(host.index()).and_then(|host| host.running(router)) else {
            return;
        };
        let (lan, addresses) = (running.lan, running.config.addresses());
        let whole = self.is_calm() && self.parts(lan).is_some_and(|parts| parts.len() == 1);
        let told = match change.cause {
            Cause::HigherPriority { .. } | Cause::HigherAddress { .. } => true,
            Cause::HandedOver { to } => self.answered_a_call(lan, to, host, &running.config),
            _ => change.to == Role::Master,
        };
        if whole && told {
            self.neighbours.promise(lan, addresses);
        } else {
            addresses.iter().for_each(|address| self.neighbours.excuse(lan, *address));
        }
    }

    /// Tells whether the router of the same id that has the address `to` became Master because `caller` called for one.
    fn answered_a_call(&self, lan: LanId, to: IpAddr, caller: HostId, config: &Config) -> bool {
        let host = self.network.who_has(lan, to);
        let entry = host.and_then(|host| self.hosts.get(host.index()));
        let same = |router: &&RunningRouter| {
            (router.lan, router.config.vrid(), router.config.family()) == (lan, config.vrid(), config.family())
        };
        let router = entry.and_then(|entry| entry.set.get(entry.routers().find(same)?.id));
        let called_by = self.network.address(lan, caller, config.family());
        router.is_some_and(
            |router| matches!(router.cause(), Cause::MasterReleased { master } if Some(*master) == called_by),
        )
    }

    /// Interval of the host that has an address, as router of the same id.
    pub(in crate::sim) fn interval_of(&self, lan: LanId, address: IpAddr, config: &Config) -> Option<Duration> {
        let host = self.hosts.get(self.network.who_has(lan, address)?.index())?;
        let same = |router: &&RunningRouter| {
            (router.lan, router.config.vrid(), router.config.family()) == (lan, config.vrid(), config.family())
        };
        host.routers().find(same).map(|router| router.config.interval().duration())
    }

    /// A frame that a router sends now.
    fn frame(&self, host: HostId, router: RouterId, carries: Carries) -> Option<(LanId, Frame)> {
        let running = self.hosts.get(host.index())?.running(router)?;
        let (family, vrid) = (running.config.family(), running.config.vrid());
        let mac = if running.virtual_mac { Mac::Virtual(family, vrid) } else { Mac::Own(host) };
        Some((
            running.lan,
            Frame { from: host, mac, sent_at: self.now, carries, master_interval: None, number: None, ttl: TTL },
        ))
    }

    /// To the group, or a copy to each peer.
    fn advertise(&mut self, host: HostId, router: RouterId, kind: AdvertKind) {
        self.step.sends.push((host, router, kind));
        self.extend_digest(u64::from(host.0) << 16 | u64::from(router) | 1 << 63);
        match kind {
            AdvertKind::Release => self.record_event(Some((host, router)), Happened::Released),
            AdvertKind::Regular | AdvertKind::HandOver => {
                let until = self.lifetime(host, router);
                if let Some(entry) = self.hosts.get_mut(host.index()) {
                    entry.kernel.renew(router, until);
                }
            }
            _ => {}
        }
        let Some(entry) = self.hosts.get(host.index()) else { return };
        let Some((lan, mut frame)) = self.frame(host, router, Carries::Advertisement(Some(kind))) else { return };
        let Some((speaker, source)) = entry.set.get(router).and_then(|router| Some((router, router.source()?))) else {
            return;
        };
        let sent = entry.interface(lan).up;
        let group = speaker.config().family().group();
        let yield_advertisement = matches!(kind, AdvertKind::Yield | AdvertKind::YieldVersion2);
        let winner = speaker.winner().filter(|_| yield_advertisement);
        let meant = |peer: &IpAddr| winner.is_none_or(|winner| winner == *peer);
        let peers: &mut dyn Iterator<Item = IpAddr> = match speaker.config_of(kind).peers() {
            Peers::Multicast => &mut core::iter::once(group),
            Peers::Unicast(peers) => &mut peers.iter().map(|peer| peer.address).filter(meant),
        };
        // Whoever spoofs has no interval, and who yields to somebody's yield advertisement was never told its interval.
        let by_yield = self.step.accepted.iter().any(|heard| {
            (heard.host, heard.router) == (host, router)
                && matches!(heard.kind, Some(AdvertKind::Yield | AdvertKind::YieldVersion2))
        });
        let spoofed = self.injects || self.attacks.iter().any(|(_, attack, _)| attack.spoofs);
        let honest = winner.filter(|_| !by_yield && !spoofed);
        let key = entry.running(router).map(RunningRouter::key);
        let priority = match kind {
            AdvertKind::Regular | AdvertKind::RegularVersion2 => speaker.priority().get(),
            AdvertKind::Yield | AdvertKind::YieldVersion2 => 1,
            AdvertKind::Release | AdvertKind::ReleaseVersion2 | AdvertKind::HandOver | AdvertKind::HandOverVersion2 => {
                0
            }
        };
        frame.number = key.filter(|_| sent).map(|key| {
            let (at, kind) = (self.now, Some(kind));
            self.recorder.sent(Sent { at, host, key, kind, priority })
        });
        frame.master_interval = honest.and_then(|winner| self.interval_of(lan, winner, speaker.config()));
        // A stranger is no host.
        let alone = winner.filter(|_| entry.knows_macs).map(|winner| self.network.who_has(lan, winner));
        let alone = alone.map(|winner| winner.unwrap_or(STRANGER));
        for destination in peers.take_while(|_| sent) {
            let Some(endpoints) = Endpoints::new(source, destination) else { continue };
            let Ok(len) = speaker.encode(kind, endpoints, &mut self.message) else { continue };
            self.network.send_frame(lan, frame, alone, endpoints, self.message.get(..len).unwrap_or_default());
            for (to, obstacle) in self.network.unreached() {
                let fate = match obstacle {
                    Obstacle::Cut => Fate::Cut,
                    Obstacle::Lost => Fate::Lost,
                    // Its fate is seen when it arrives.
                    Obstacle::Corrupted => continue,
                };
                frame.number.into_iter().for_each(|number| self.recorder.fate(number, *to, fate));
            }
        }
        if sent {
            self.neighbours.see(lan, host, &frame);
        }
        if let Some(entry) = self.hosts.get_mut(host.index()).filter(|_| !sent) {
            entry.set.count_tx_error(router);
        }
    }
}
