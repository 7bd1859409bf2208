//! The hosts, and what happens to them in the order of time.

mod commanded;
mod disturbed;
mod driven;
mod foreign;

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use super::attack::Attack;
use super::disturbance::Disturbance;
use super::host::{Host, Life};
use super::journal::{Happened, Journal, JournalEntry};
use super::neighbours::Neighbours;
use super::network::{HostId, LanId, Link, Network};
use super::node::ForeignHost;
use super::random::Random;
use super::recorder::Recorder;
use crate::action::{AddressRequest, AdvertKind};
use crate::cause::Transition;
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::fsm::Role;
use crate::receive::Discard;
use crate::router::VirtualRouter;
use crate::set::DuplicateRouter;
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::types::{Family, RouterId};

/// Holds every advertisement: 255 IPv6 addresses.
const MESSAGE_MAX: usize = 4096;

/// Everything there is. Read it in checks and between steps.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) now: Instant,
    pub(super) network: Network,
    pub(super) hosts: Vec<Host>,
    pub(super) journal: Journal,
    pub(super) recorder: Recorder,
    pub(super) step: Step,
    pub(super) violation: Option<String>,
    pub(super) neighbours: Neighbours,
    /// Attacks, and when each that still goes on ends.
    attacks: Vec<(LanId, Attack, Option<Instant>)>,
    /// Hosts of another make.
    foreign: Vec<ForeignHost>,
    /// Somebody ever sent what no router of this world did.
    injects: bool,
    /// The longest interval that was ever forged.
    pub(super) longest_forged: Duration,
    /// The longest time for which anybody was ever to call for another Master.
    pub(super) longest_call: Duration,
    /// Links as they were when their LANs were added.
    original_links: Vec<Link>,
    timers: Deadlines,
    agenda: BinaryHeap<Reverse<Scheduled>>,
    /// Everything that was planned, and whether an actor ordered it.
    plans: Vec<(Disturbance, bool)>,
    planned: u64,
    random: Random,
    digest: u64,
    received: u64,
    message: Box<[u8]>,
}

/// The results of one step, for checks.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Step {
    /// The kind of step.
    pub kind: StepKind,
    /// The host that it happened to.
    pub host: Option<HostId>,
    /// Changes of state, with their causes.
    pub transitions: Vec<(HostId, RouterId, Transition)>,
    /// Advertisements that were sent.
    pub sends: Vec<(HostId, RouterId, AdvertKind)>,
    /// Addresses that were announced, and how many times.
    pub announced: Vec<(HostId, RouterId, IpAddr, u8)>,
    /// Packets that counted.
    pub accepted: Vec<Heard>,
    /// Packets that were ignored, by which router, and why.
    pub discarded: Vec<(HostId, Option<RouterId>, Discard)>,
    /// A host got or lost addresses.
    pub addresses_changed: bool,
}

/// A packet that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heard {
    /// The host that took it.
    pub host: HostId,
    /// The router of that host.
    pub router: RouterId,
    /// Source address.
    pub source: IpAddr,
    /// The priority that it said.
    pub priority: u8,
    /// The interval that it said.
    pub interval: Duration,
    /// The kind of advertisement that its sender meant; `None`: forged.
    pub kind: Option<AdvertKind>,
    /// The interval at which the Master that it is about really advertises: with a yield advertisement that is the better one.
    pub master_interval: Duration,
}

/// The event that a step handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepKind {
    /// Nothing: a check asked for this moment.
    #[default]
    Look,
    /// Something from outside.
    Disturbance,
    /// A host answered a request for an address.
    Answer,
    /// A host's kernel looked for addresses whose lease is over.
    Expiry,
    /// A stalled process goes on.
    Resumed,
    /// A packet arrived.
    Packet,
    /// A deadline came.
    Deadline,
}

/// A moment on the agenda.
#[derive(Clone, Debug)]
struct Scheduled {
    at: Instant,
    number: u64,
    what: EventKind,
}

#[derive(Clone, Copy, Debug)]
enum EventKind {
    Plan(usize),
    Answer { host: HostId, process: u32, router: RouterId, request: AddressRequest },
    Resume(HostId),
    Sweep(HostId),
    Strike(usize),
}

/// The source of the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Agenda,
    Packet,
    Deadline,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::ZERO,
            network: Network::new(seed),
            hosts: Vec::new(),
            journal: Journal::default(),
            recorder: Recorder::default(),
            step: Step::default(),
            violation: None,
            neighbours: Neighbours::default(),
            attacks: Vec::new(),
            foreign: Vec::new(),
            injects: false,
            longest_forged: Duration::ZERO,
            longest_call: Duration::ZERO,
            original_links: Vec::new(),
            timers: Deadlines::default(),
            agenda: BinaryHeap::new(),
            plans: Vec::new(),
            planned: 0,
            random: Random::new(!seed),
            digest: 0xcbf2_9ce4_8422_2325,
            received: 0,
            message: vec![0; MESSAGE_MAX].into(),
        }
    }

    /// Returns the true time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Returns the LANs.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the hosts, in the order in which they were added.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = HostId> + use<> {
        (0..self.hosts.len() as u16).map(HostId)
    }

    /// Returns the routers of a host, and the LAN of each, whether its process lives or not.
    pub fn routers(&self, host: HostId) -> impl Iterator<Item = (RouterId, LanId)> + '_ {
        let routers = self.hosts.get(host.index()).into_iter().flat_map(Host::routers);
        routers.map(|router| (router.id, router.lan))
    }

    /// Returns a router; `None` while its process is dead.
    #[must_use]
    pub fn router(&self, host: HostId, router: RouterId) -> Option<&VirtualRouter> {
        let host = self.hosts.get(host.index()).filter(|host| host.life != Life::Dead)?;
        host.set.get(router)
    }

    /// Returns the state of a router; Initialize while its process is dead.
    #[must_use]
    pub fn role(&self, host: HostId, router: RouterId) -> Role {
        self.router(host, router).map_or(Role::Initialize, VirtualRouter::role)
    }

    /// Returns the configuration of a router, whether its process lives or not.
    #[must_use]
    pub fn config(&self, host: HostId, router: RouterId) -> Option<&Config> {
        Some(&self.hosts.get(host.index())?.running(router)?.config)
    }

    /// Returns the virtual addresses of one router that its host answers for now, whether the process that asked for them lives
    /// or not.
    #[must_use]
    pub fn held(&self, host: HostId, router: RouterId) -> &[IpAddr] {
        let host = self.hosts.get(host.index()).filter(|host| host.running(router).is_some());
        host.map_or(&[], |host| host.kernel.held(router))
    }

    /// Tells whether the process of a host lives, be it that it sleeps.
    #[must_use]
    pub fn is_running(&self, host: HostId) -> bool {
        self.hosts.get(host.index()).is_some_and(|host| host.life != Life::Dead)
    }

    /// Tells whether the process of a host sleeps.
    #[must_use]
    pub fn is_stalled(&self, host: HostId) -> bool {
        self.hosts.get(host.index()).is_some_and(|host| host.life == Life::Stalled)
    }

    /// Tells whether nothing is wrong that could go on hurting: nobody stalls, nobody forges, no host of another make is on,
    /// packets arrive as they are sent, stamps are right, requests for addresses are answered in time.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        let attacked = self.attacks.iter().any(|(.., endpoints)| endpoints.is_some());
        let foreign = self.foreign.iter().any(|foreign| foreign.is_on);
        !attacked && !foreign && self.network.is_faithful() && self.hosts.iter().all(Host::is_calm)
    }

    /// Returns the host to which a frame goes that the neighbour beside a host sends to an address. `None`: the neighbour has to ask
    /// first.
    #[must_use]
    pub fn delivers_to(&self, lan: LanId, beside: HostId, address: IpAddr) -> Option<HostId> {
        self.neighbours.delivers_to(lan, beside, address)
    }

    /// Returns a number that two runs share only if everything happened alike in them.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Returns the latest events.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn add_lan(&mut self, link: Link) -> LanId {
        self.original_links.push(link);
        self.network.add_lan(link)
    }

    pub(super) fn add_host(&mut self) -> HostId {
        let id = HostId(self.hosts.len() as u16);
        let epoch = self.random.below(1_000_000_000_000_000);
        self.hosts.push(Host::new(self.now, epoch));
        self.timers.grow();
        id
    }

    pub(super) fn add_router(&mut self, host: HostId, lan: LanId, config: Config) -> Result<RouterId, DuplicateRouter> {
        self.attach(host, lan);
        let Some(entry) = self.hosts.get_mut(host.index()) else {
            let (family, vrid) = (config.family(), config.vrid());
            return Err(DuplicateRouter { interface: lan.interface(), family, vrid });
        };
        entry.add_router(lan, config)
    }

    /// Puts a host on a LAN, if it is not there, under the addresses that hosts have by themselves.
    pub(super) fn attach(&mut self, host: HostId, lan: LanId) {
        if !self.network.members(lan).any(|member| member == host) {
            let number = host.0.saturating_add(1);
            let v4 = Ipv4Addr::from(0x0a00_0000 | u32::from(lan.0) << 16 | u32::from(number));
            let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, lan.0, number);
            self.network.attach(lan, host, [v4.into(), v6.into()]);
        }
    }

    pub(super) fn use_virtual_mac(&mut self, host: HostId, router: RouterId) {
        if let Some(entry) = self.hosts.get_mut(host.index()) {
            entry.use_virtual_mac(router);
        }
    }

    pub(super) fn group(&mut self, host: HostId, members: &[RouterId]) -> Result<(), GroupError> {
        self.hosts.get_mut(host.index()).map_or(Ok(()), |host| host.group(Instant::ZERO, members))
    }

    pub(super) fn plan(&mut self, at: Instant, what: Disturbance) {
        self.plans.push((what, false));
        self.schedule(at, EventKind::Plan(self.plans.len() - 1));
    }

    /// Plans what an actor wants.
    pub(super) fn order(&mut self, at: Instant, what: Disturbance) {
        self.plans.push((what, true));
        self.schedule(at, EventKind::Plan(self.plans.len() - 1));
    }

    /// Tells whether something happens until `at`.
    pub(super) fn is_due(&self, at: Instant) -> bool {
        self.next().is_some_and(|(next, _)| next <= at)
    }

    fn schedule(&mut self, at: Instant, what: EventKind) {
        self.planned += 1;
        self.agenda.push(Reverse(Scheduled { at: at.max(self.now), number: self.planned, what }));
    }

    /// Starts hosts that were never started.
    pub(super) fn start_new_hosts(&mut self) {
        for index in 0..self.hosts.len() {
            let host = HostId(index as u16);
            if self.hosts.get_mut(index).is_some_and(|host| core::mem::take(&mut host.never_started)) {
                self.start(host);
            }
        }
    }

    fn next(&self) -> Option<(Instant, Next)> {
        // A packet that arrives at the moment of a deadline counts.
        let agenda = self.agenda.peek().map(|Reverse(scheduled)| (scheduled.at, Next::Agenda));
        let packet = self.network.next_at().map(|at| (at, Next::Packet));
        let deadline = self.timers.first().map(|(at, _)| (at, Next::Deadline));
        [agenda, packet, deadline].into_iter().flatten().min()
    }

    /// Does what comes next, if that is not after `until`. False: nothing does.
    pub(super) fn advance(&mut self, until: Instant) -> bool {
        self.step.clear();
        let Some((at, next)) = self.next().filter(|(at, _)| *at <= until) else { return false };
        self.now = self.now.max(at);
        self.extend_digest(at.as_nanos() ^ ((next as u64) << 61));
        match next {
            Next::Agenda => {
                let Some(Reverse(scheduled)) = self.agenda.pop() else { return false };
                match scheduled.what {
                    EventKind::Plan(index) => {
                        if let Some((what, ordered)) = self.plans.get(index).cloned() {
                            self.disturb(what, ordered);
                        }
                    }
                    EventKind::Answer { host, process, router, request } => self.answer(host, process, router, request),
                    EventKind::Resume(host) => self.resume(host),
                    EventKind::Sweep(host) => self.sweep(host),
                    EventKind::Strike(index) => self.strike(index),
                }
            }
            Next::Packet => {
                if let Some(arrival) = self.network.take_next() {
                    self.arrive(arrival);
                }
            }
            Next::Deadline => {
                if let Some((_, index)) = self.timers.first() {
                    let host = HostId(index as u16);
                    (self.step.kind, self.step.host) = (StepKind::Deadline, Some(host));
                    if !self.wake_foreign(host) {
                        self.run_due(host);
                    }
                }
            }
        }
        true
    }

    pub(super) fn pass_time_until(&mut self, at: Instant) {
        self.step.clear();
        self.now = self.now.max(at);
    }

    /// The process of a host, if it is awake, and its time.
    fn awake(&mut self, host: HostId) -> Option<(&mut Host, Instant)> {
        let now = self.now;
        let host = self.hosts.get_mut(host.index()).filter(|host| host.life == Life::Running)?;
        let local = host.clock.at(now);
        Some((host, local))
    }

    fn record_event(&mut self, who: Option<(HostId, RouterId)>, what: Happened) {
        self.journal.push(JournalEntry { at: self.now, who, what });
    }

    const fn extend_digest(&mut self, value: u64) {
        self.digest = (self.digest ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    /// Hosts on a LAN that can hear each other, part by part; `None` where some hear and are not heard.
    pub(super) fn parts(&self, lan: LanId) -> Option<Vec<Vec<HostId>>> {
        let members: Vec<HostId> = self.network.members(lan).collect();
        let both = |a: HostId, b: HostId| (self.network.hears(lan, a, b), self.network.hears(lan, b, a));
        let mut parts: Vec<Vec<HostId>> = Vec::new();
        for host in &members {
            let part = parts.iter_mut().find(|part| part.first().is_some_and(|first| both(*first, *host).0));
            match part {
                Some(part) => part.push(*host),
                None => parts.push(vec![*host]),
            }
        }
        let part_of = |host: HostId| parts.iter().position(|part| part.contains(&host));
        let clear = members.iter().all(|a| {
            members.iter().all(|b| {
                a == b
                    || both(*a, *b) == {
                        let same = part_of(*a) == part_of(*b);
                        (same, same)
                    }
            })
        });
        clear.then_some(parts)
    }

    /// Longest time that a host takes to confirm an address now.
    pub(super) fn slowest_install(&self) -> Duration {
        self.hosts.iter().map(Host::slowest_install).max().unwrap_or_default()
    }

    /// Returns how far the worst clock is off, in parts per million.
    pub(super) fn largest_drift(&self) -> u32 {
        self.hosts.iter().map(|host| host.clock.drift_now()).max().unwrap_or_default()
    }

    /// Tells whether a host's interface on a LAN is up.
    pub(super) fn is_up(&self, host: HostId, lan: LanId) -> bool {
        self.hosts.get(host.index()).is_some_and(|host| host.interface(lan).up)
    }

    /// Returns when the clock of a host shows a moment.
    pub(super) fn true_time(&self, host: HostId, local: Instant) -> Option<Instant> {
        Some(self.hosts.get(host.index())?.clock.when(local))
    }

    pub(super) fn family_of(&self, host: HostId, router: RouterId) -> Option<Family> {
        self.config(host, router).map(Config::family)
    }
}

impl Step {
    fn clear(&mut self) {
        (self.kind, self.host) = (StepKind::Look, None);
        self.addresses_changed = false;
        self.accepted.clear();
        self.discarded.clear();
        self.announced.clear();
        self.transitions.clear();
        self.sends.clear();
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}
