//! A link with a few routers on which everything that can happen is a [`Move`].
//!
//! The routers are the product's. Their priorities and intervals are chosen so that every timer is a whole number of
//! quanta; so the time is a number, and two worlds whose timers have the same time left are the same world.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroI16;
use std::rc::Rc;
use std::time::Duration;

use vrrp_core::fsm::State;
use vrrp_core::wire::Endpoints;
use vrrp_core::{
    Action, AddressRequest, AdvertInterval, AdvertKind, Cause, Config, Drain, DrainStatus, Input, Instant, InterfaceId,
    Priority, PriorityCause, Profile, Role, RouterId, RouterSet, RxPacket, Tracker, TrackerId, Transition,
    VirtualRouter, Vrid, Weight,
};

/// Where the routers are.
const LINK: InterfaceId = InterfaceId(1);
/// What a priority changes by.
const SLUMP: i16 = -64;

/// Who is on the link, and what can happen to them.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub profile: Profile,
    /// Priority, and interval in centiseconds, of each router.
    pub routers: &'static [(u8, u16)],
    pub preempt: bool,
    pub hold: Duration,
    pub yield_advertisement: bool,
    /// A driver sees whose frame made it yield: then the yield advertisement is for that one alone.
    pub macs_known: bool,
    /// What time is counted in.
    pub quantum: Duration,
    /// A packet that is not lost arrives within so many quanta.
    pub latency: u8,
    /// Any packet may be lost, at any time.
    pub losses: bool,
    /// Any router may die without a word.
    pub crashes: bool,
    /// Any router may be told to stop, and releases.
    pub stops: bool,
    /// The priority of any router may fall by 64, and rise again.
    pub slumps: bool,
    /// The priority of any router may be set lower by 64 by command, and back.
    pub commands: bool,
    /// Any router may be drained, to this priority, and undrained.
    pub drains: Option<u8>,
    /// Any router may be taken out of its set, in order or without a word, and come back.
    pub removes: bool,
}

impl Scenario {
    pub const BASE: Self = Self {
        name: "",
        profile: Profile::Rfc3768,
        routers: &[],
        preempt: true,
        hold: Duration::ZERO,
        yield_advertisement: true,
        macs_known: true,
        quantum: Duration::from_millis(250),
        latency: 1,
        losses: true,
        crashes: true,
        stops: true,
        slumps: false,
        commands: false,
        drains: None,
        removes: false,
    };

    /// Returns whether anything false can be learned.
    fn intervals_differ(&self) -> bool {
        self.routers.iter().any(|(_, centis)| *centis != self.routers[0].1)
    }

    fn interval(&self, router: u8) -> Duration {
        let (_, centis) = self.routers[usize::from(router)];
        Duration::from_millis(10 * u64::from(centis))
    }
}

/// One thing that happens. What is not calm is a disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A quantum passes.
    Tick,
    /// A router's deadline has come, and its driver hands in the timeout.
    Wake(u8),
    /// The host has installed the router's address.
    Confirm(u8),
    /// A packet in the air arrives.
    Deliver(u8),
    Lose(u8),
    Crash(u8),
    Start(u8),
    Stop(u8),
    /// The tracker changes its mind.
    Track(u8),
    /// The priority is set, or set back.
    Command(u8),
    Drain(u8),
    Undrain(u8),
    /// The router is taken out of its set without a word, and another one put into its place.
    Remove(u8),
}

impl Move {
    pub const fn is_calm(self) -> bool {
        matches!(self, Self::Tick | Self::Wake(_) | Self::Confirm(_) | Self::Deliver(_))
    }
}

#[derive(Clone, Debug)]
pub struct World {
    pub scenario: Scenario,
    now: Instant,
    hosts: Vec<Rc<Host>>,
    /// In no order.
    air: Vec<Packet>,
    /// A hand-over that nothing disturbs: who calls, and quanta until it must be over, where that can be told.
    call: Option<(u8, Option<u8>)>,
}

#[derive(Clone, Debug)]
struct Host {
    /// Of one router.
    set: RouterSet,
    id: RouterId,
    tracker: TrackerId,
    started: bool,
    /// In this quantum: to start again takes until the next, or packets without number could be in the air.
    just_ended: bool,
    /// In this quantum it was drained or undrained: once is enough, or packets without number could be in the air.
    just_asked: bool,
    slumped: bool,
    commanded: bool,
    holds: bool,
    unconfirmed: Option<AddressRequest>,
    /// Three intervals after the yield advertisement of a Master: who takes over before was misled. `None` after a release, and where
    /// nobody was heard.
    patient_until: Option<Instant>,
    /// A lower Master was heard last, and is to be preempted.
    heard_lower: bool,
    /// While it hands over: who came, at which priority, and when it yields.
    successor: Option<(u8, u8, Instant)>,
}

type Sent = (AdvertKind, Rc<[u8]>);

/// One copy on its way to one router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    to: u8,
    from: u8,
    /// Quanta in which it has to arrive.
    left: u8,
    /// Said by one that has yielded, to this one; followed only where intervals differ.
    yield_advertisement: Option<u8>,
    octets: Rc<[u8]>,
}

impl World {
    /// Nobody is started.
    pub fn new(scenario: Scenario) -> Self {
        let hosts = (0..scenario.routers.len() as u8).map(|index| Rc::new(Host::new(&scenario, index))).collect();
        Self { scenario, now: Instant::from_nanos(1_000_000_000_000), hosts, air: Vec::new(), call: None }
    }

    /// Everything that can happen next.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (index, host) in self.hosts.iter().enumerate() {
            let index = index as u8;
            if self.is_due(host) {
                moves.push(Move::Wake(index));
            }
            if host.unconfirmed.is_some() {
                moves.push(Move::Confirm(index));
            }
            if !host.started && !host.just_ended {
                moves.push(Move::Start(index));
            }
            if host.started && self.scenario.crashes {
                moves.push(Move::Crash(index));
            }
            if host.started && self.scenario.stops {
                moves.push(Move::Stop(index));
            }
            if self.scenario.slumps {
                moves.push(Move::Track(index));
            }
            if self.scenario.commands {
                moves.push(Move::Command(index));
            }
            if self.scenario.drains.is_some() && host.started && !host.just_asked {
                let is_drained = host.router().drain_status().is_some();
                moves.push(if is_drained { Move::Undrain(index) } else { Move::Drain(index) });
            }
            if self.scenario.removes && host.started {
                moves.push(Move::Remove(index));
            }
        }
        for (index, packet) in self.air.iter().enumerate() {
            // Of two that are alike one will do.
            if self.air[..index].contains(packet) {
                continue;
            }
            moves.push(Move::Deliver(index as u8));
            if self.scenario.losses {
                moves.push(Move::Lose(index as u8));
            }
        }
        // Deadlines are met, packets arrive in time, and a host confirms before anything else becomes due.
        let waits = |host: &Rc<Host>| self.is_due(host) || host.unconfirmed.is_some();
        if !self.hosts.iter().any(waits) && self.air.iter().all(|packet| packet.left > 0) {
            moves.push(Move::Tick);
        }
        moves
    }

    /// The world after a move, or what must not be.
    pub fn after(&self, happens: Move) -> Result<Self, String> {
        let mut world = self.clone();
        if !happens.is_calm() {
            world.call = None;
        }
        match happens {
            Move::Tick => {
                world.now = world.now + world.scenario.quantum;
                world.air.iter_mut().for_each(|packet| packet.left -= 1);
                world
                    .hosts
                    .iter_mut()
                    .filter(|host| host.just_ended || host.just_asked)
                    .map(Rc::make_mut)
                    .for_each(|host| (host.just_ended, host.just_asked) = (false, false));
                world.announce();
                if let Some((index, Some(left))) = world.call {
                    let left =
                        left.checked_sub(1).ok_or_else(|| format!("router {index} is drained and still Master"))?;
                    world.call = Some((index, Some(left)));
                }
            }
            Move::Wake(index) => {
                world.feed(index, |now, host| host.input(now, Input::Timeout))?;
                let host = &world.hosts[usize::from(index)];
                if host.router().role() == Role::Master && host.patient_until.is_some_and(|at| at > world.now) {
                    return Err(format!(
                        "router {index} takes over, and its Master was silent for less than 3 intervals"
                    ));
                }
                let deadline = world.hosts[usize::from(index)].router().deadline();
                if deadline.is_some_and(|at| at <= world.now) {
                    return Err(format!("the deadline of router {index} stays at {deadline:?}"));
                }
            }
            Move::Confirm(index) => world.feed(index, |now, host| {
                if let Some(request) = host.unconfirmed.take() {
                    host.input(now, Input::AddressInstalled(request));
                }
            })?,
            Move::Deliver(index) => {
                let packet = world.air.remove(usize::from(index));
                let group = world.hosts[0].router().config().family().group();
                let endpoints = Endpoints::new(address(packet.from), group).unwrap();
                let interval = world.scenario.interval(packet.from);
                world.feed(packet.to, |now, host| {
                    let rx = RxPacket { endpoints, ttl: 255, payload: &packet.octets };
                    let role = host.router().role();
                    let verdict = host.set.handle_packet(now, LINK, rx);
                    // Between routers that agree nothing is refused, but what an owner does not want to hear.
                    assert!(verdict.is_ok() || !host.started || host.router().priority().is_owner(), "{verdict:?}");
                    host.note(&packet, now + 3 * interval);
                    host.note_successor(role, &packet, now);
                })?;
            }
            Move::Lose(index) => {
                world.air.remove(usize::from(index));
            }
            Move::Crash(index) => {
                let slumped = self.hosts[usize::from(index)].slumped;
                let host = Host { just_ended: true, ..Host::new(&world.scenario, index) };
                world.hosts[usize::from(index)] = Rc::new(host);
                if slumped {
                    world.track(index)?;
                }
            }
            Move::Start(index) => world.feed(index, |now, host| {
                host.started = true;
                host.input(now, Input::Startup);
            })?,
            Move::Stop(index) => world.feed(index, |now, host| {
                (host.started, host.just_ended) = (false, true);
                host.patient_until = None;
                host.input(now, Input::Shutdown);
            })?,
            Move::Track(index) => world.track(index)?,
            Move::Command(index) => world.feed(index, |now, host| {
                host.commanded = !host.commanded;
                let own = i16::from(self.scenario.routers[usize::from(index)].0);
                let priority = if host.commanded { own + SLUMP } else { own };
                host.set.set_priority(now, host.id, Priority::new(priority as u8).unwrap());
            })?,
            Move::Drain(index) => {
                world.call = self.calm_call(index).map(|left| (index, left));
                let priority = Priority::new(self.scenario.drains.unwrap_or(1)).unwrap();
                world.feed(index, |now, host| {
                    host.input(now, Input::Drain(Drain { priority, limit: None }));
                    (host.heard_lower, host.just_asked) = (false, true);
                })?;
            }
            Move::Undrain(index) => world.feed(index, |now, host| {
                host.input(now, Input::Undrain);
                (host.successor, host.just_asked) = (None, true);
            })?,
            Move::Remove(index) => {
                let host = Rc::make_mut(&mut world.hosts[usize::from(index)]);
                let (slumped, gone) = (host.slumped, host.id);
                if host.set.remove(world.now, gone).is_none() || host.set.poll_action().is_some() {
                    return Err(format!("router {index} is removed and still there"));
                }
                let set = std::mem::take(&mut host.set);
                *host = Host { just_ended: true, ..Host::within(&world.scenario, index, set) };
                if host.id == gone {
                    return Err(format!("router {index} came back with the same id"));
                }
                if slumped {
                    world.track(index)?;
                }
            }
        }
        if world.call.is_some_and(|_| !world.hosts.iter().any(|host| host.holds)) {
            return Err("nobody has the address, and nothing was in the way of the hand-over".into());
        }
        world.call = world.call.filter(|(index, _)| {
            matches!(world.hosts[usize::from(*index)].router().drain_status(), Some(DrainStatus::HandingOver { .. }))
        });
        world.air.sort();
        Ok(world)
    }

    /// Everything that the future depends on, with the time that each timer has left.
    pub fn key(&self) -> Box<[u8]> {
        let mut key = Vec::with_capacity(8 * self.hosts.len() + 4 * self.air.len());
        for host in &self.hosts {
            let flags = [
                host.started,
                host.just_ended,
                host.slumped,
                host.unconfirmed.is_some(),
                host.commanded,
                host.just_asked,
            ];
            key.push(flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
            if self.scenario.drains.is_some() {
                key.push(match host.router().drain_status() {
                    None => u8::from(host.heard_lower),
                    Some(DrainStatus::HandingOver { until }) => 4 + self.quanta(until, self.now),
                    Some(_) => 2,
                });
                let left = |(who, _, at)| [1 + who, self.quanta(at, self.now)];
                key.extend(host.successor.map(left).into_iter().flatten());
            }
            if self.scenario.intervals_differ() {
                // Once over it is as if nobody had been heard.
                key.push(host.patient_until.map_or(0, |at| self.quanta(at, self.now)));
            }
            match *host.router().state() {
                State::Initialize => key.push(1),
                State::Master { next_advert } => key.extend([2, self.quanta(next_advert, self.now)]),
                State::Backup(backup) => {
                    let hold = backup.hold_until.map_or(0, |at| 1 + self.quanta(at, self.now));
                    key.extend([3, self.quanta(backup.master_down, self.now), hold]);
                    // Only where the timer can be set anew to what it would have been.
                    if self.scenario.slumps || self.scenario.commands || self.scenario.drains.is_some() {
                        key.push(self.quanta(backup.master_down, backup.armed_at));
                    }
                    key.extend(backup.heard.unwrap_or(host.router().config().interval()).centis().to_be_bytes());
                }
            }
        }
        key.push(self.call.map_or(0, |(_, left)| 1 + left.unwrap_or(99)));
        for packet in &self.air {
            // Version, id and addresses are those of all.
            key.extend([packet.to << 4 | packet.from, packet.left, packet.octets[2]]);
            if self.scenario.intervals_differ() {
                key.push(packet.yield_advertisement.map_or(0, |winner| 1 + winner));
                key.extend(&packet.octets[4..6]);
            }
        }
        key.into()
    }

    pub fn masters(&self) -> usize {
        self.hosts.iter().filter(|host| host.router().role() == Role::Master).count()
    }

    /// Exactly one Master, and the right one; none where nobody is started.
    pub fn is_right(&self) -> bool {
        let mut started = self.hosts.iter().filter(|host| host.started);
        let Some(best) = started.clone().map(|host| host.router().priority()).max() else { return true };
        let right = |host: &Rc<Host>| !self.scenario.preempt || host.router().priority() == best;
        self.masters() == 1 && started.all(|host| host.router().role() != Role::Master || right(host))
    }

    pub fn describe(&self, happens: Move) -> String {
        let packet = |index: u8| {
            let packet = &self.air[usize::from(index)];
            format!("router {}'s advertisement at {} to router {}", packet.from, packet.octets[2], packet.to)
        };
        match happens {
            Move::Tick => format!("{:?} pass", self.scenario.quantum),
            Move::Wake(index) => format!("router {index} is due"),
            Move::Confirm(index) => format!("the host of router {index} has the address"),
            Move::Deliver(index) => format!("{} arrives", packet(index)),
            Move::Lose(index) => format!("{} is lost", packet(index)),
            Move::Crash(index) => format!("router {index} dies"),
            Move::Start(index) => format!("router {index} starts"),
            Move::Stop(index) => format!("router {index} is told to stop"),
            Move::Track(index) => format!("the priority of router {index} changes"),
            Move::Command(index) => format!("the priority of router {index} is set"),
            Move::Drain(index) => format!("router {index} is drained"),
            Move::Undrain(index) => format!("router {index} is undrained"),
            Move::Remove(index) => format!("router {index} is removed"),
        }
    }

    /// Quanta within which a drain now comes to its end, where nothing is in its way: one Master that has its address, somebody
    /// who hears it, and no word on the way.
    fn calm_call(&self, index: u8) -> Option<Option<u8>> {
        let caller = &self.hosts[usize::from(index)];
        let alone = self.masters() == 1 && caller.router().role() == Role::Master && caller.unconfirmed.is_none();
        let in_air = !self.air.is_empty();
        let skew = |host: &Rc<Host>| match host.router().state() {
            State::Backup(backup) if !self.is_due(host) => {
                let interval = backup.heard.unwrap_or(host.router().config().interval()).duration();
                Some(interval * (256 - u32::from(host.router().priority().get())) / 256)
            }
            _ => None,
        };
        let best = self.hosts.iter().filter_map(skew).min().filter(|_| alone && !in_air)?;
        let quanta = best.as_nanos().div_ceil(self.scenario.quantum.as_nanos()) as u8;
        let interval = self.quanta(self.now + self.scenario.interval(index), self.now);
        // There and back, and the moment in which both have it. A call may be late and the next one not: then whoever needs almost an
        // interval begins anew.
        Some((quanta + self.scenario.latency < interval).then_some(quanta + 2 * self.scenario.latency + 2))
    }

    fn is_due(&self, host: &Host) -> bool {
        host.router().deadline().is_some_and(|at| at <= self.now)
    }

    /// Later rounds of announcements have deadlines too, but change nothing: no move, so that they make no state.
    fn announce(&mut self) {
        for host in &mut self.hosts {
            let now = self.now;
            let of_state = host.router().state().deadline();
            // The end of a call is a move.
            let calls = match host.router().drain_status() {
                Some(DrainStatus::HandingOver { until }) => host.successor.map_or(until, |(_, _, at)| at) <= now,
                _ => false,
            };
            let is_due = host.router().deadline().is_some_and(|at| at <= now);
            if is_due && !calls && of_state.is_some_and(|at| at > now) {
                let host = Rc::make_mut(host);
                host.input(now, Input::Timeout);
                while let Some((_, action)) = host.set.poll_action() {
                    assert!(matches!(action, Action::AnnounceAddress { .. }), "{action:?}");
                }
            }
        }
    }

    fn track(&mut self, index: u8) -> Result<(), String> {
        self.feed(index, |now, host| {
            host.slumped = !host.slumped;
            host.input(now, Input::Tracker(host.tracker, (!host.slumped).into()));
        })
    }

    /// One router takes news, and its host does what follows; whatever it sends is in the air for every other router.
    fn feed(&mut self, index: u8, news: impl FnOnce(Instant, &mut Host)) -> Result<(), String> {
        let host = Rc::make_mut(&mut self.hosts[usize::from(index)]);
        let before = host.router().role();
        news(self.now, host);
        let sent = host.carry_out(before).map_err(|what| format!("router {index} {what}"))?;
        if host.router().deadline().is_none() && host.started {
            return Err(format!("router {index} takes part and waits for nothing"));
        }
        let winner = self.hosts[usize::from(index)].router().winner();
        let winner = (0..self.hosts.len() as u8).find(|other| Some(address(*other)) == winner);
        for (kind, octets) in sent {
            let yield_advertisement = winner.filter(|_| kind == AdvertKind::Yield);
            let alone = yield_advertisement.filter(|_| self.scenario.macs_known);
            let meant = |other: &u8| *other != index && alone.is_none_or(|alone| alone == *other);
            let others = (0..self.hosts.len() as u8).filter(meant);
            self.air.extend(others.map(|to| Packet {
                to,
                from: index,
                left: self.scenario.latency,
                yield_advertisement: yield_advertisement.filter(|_| self.scenario.intervals_differ()),
                octets: octets.clone(),
            }));
        }
        Ok(())
    }

    /// Whole quanta from one point to another; none where it is past.
    fn quanta(&self, at: Instant, from: Instant) -> u8 {
        let (left, quantum) = (at.since(from).as_nanos(), self.scenario.quantum.as_nanos());
        assert_eq!(left % quantum, 0, "a timer of {left} ns");
        u8::try_from(left / quantum).unwrap()
    }
}

impl Host {
    fn new(scenario: &Scenario, index: u8) -> Self {
        Self::within(scenario, index, RouterSet::new())
    }

    /// One more router of a set in which none is.
    fn within(scenario: &Scenario, index: u8, mut set: RouterSet) -> Self {
        let (priority, interval) = scenario.routers[usize::from(index)];
        let mut config = Config::new(scenario.profile, Vrid::new(1).unwrap(), &[Ipv4Addr::new(192, 0, 2, 101).into()])
            .unwrap()
            .with_priority(Priority::new(priority).unwrap())
            .with_interval(AdvertInterval::from_centis(interval).unwrap())
            .unwrap()
            .with_preempt(scenario.preempt, scenario.hold)
            .with_yield_advertisement(scenario.yield_advertisement)
            // How many answers are left is no part of a key.
            .with_answer_lower(false);
        let weight = Weight::Adjust(NonZeroI16::new(SLUMP).unwrap());
        let tracker = config.add_tracker(Tracker { name: String::new(), weight, reverse: false }).unwrap();
        let id = set.insert(LINK, config).unwrap();
        set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some(address(index))));
        Self {
            set,
            id,
            tracker,
            started: false,
            just_ended: false,
            just_asked: false,
            slumped: false,
            commanded: false,
            holds: false,
            unconfirmed: None,
            patient_until: None,
            heard_lower: false,
            successor: None,
        }
    }

    fn router(&self) -> &VirtualRouter {
        self.set.get(self.id).unwrap()
    }

    fn input(&mut self, now: Instant, input: Input) {
        self.set.handle(now, self.id, input);
    }

    /// What a router that was in `role` made of a packet, as far as a drain goes.
    fn note_successor(&mut self, role: Role, packet: &Packet, now: Instant) {
        let (from, theirs) = (packet.from, packet.octets[2]);
        let preempts = self.router().config().preempt() && self.router().drain_status().is_none();
        let lower = role == Role::Backup && theirs > 0 && theirs < self.router().priority().get() && preempts;
        self.heard_lower = lower && self.router().role() == Role::Backup;
        if !matches!(self.router().drain_status(), Some(DrainStatus::HandingOver { .. })) {
            return;
        }
        let overlap = Duration::from_millis(50).min(self.router().config().interval().duration() / 2);
        self.successor = match (self.successor, theirs) {
            (Some((known, priority, _)), 0 | 1) if known == from && priority > theirs => None,
            (before, 0) => before,
            (Some(best @ (known, priority, _)), _)
                if known == from || (priority, address(known)) > (theirs, address(from)) =>
            {
                Some(best)
            }
            (before, _) => Some((from, theirs, before.map_or(now + overlap, |(_, _, at)| at))),
        };
    }

    /// What its router made of a packet, as far as patience goes.
    fn note(&mut self, packet: &Packet, patient_until: Instant) {
        let own = self.router().priority().get();
        let preempts = self.router().config().preempt() && self.router().drain_status().is_none();
        match (self.router().role(), packet.octets[2]) {
            // Said to this router as the better Master, which it is no more: they crossed.
            (Role::Backup, 1..) if packet.yield_advertisement == Some(packet.to) => self.patient_until = None,
            // One that yielded is no Master: to hear it neither lengthens nor shortens the wait for the one that is.
            (Role::Backup, 1..) if packet.yield_advertisement.is_some() => {}
            (Role::Backup, theirs @ 1..) if theirs < own && preempts => {}
            (Role::Backup, 1..) => self.patient_until = Some(patient_until),
            _ => self.patient_until = None,
        }
    }

    /// Does what is due, and returns what went out, in order. An error says what must not be.
    fn carry_out(&mut self, before: Role) -> Result<Vec<Sent>, String> {
        let mut sent = Vec::new();
        while let Some((_, action)) = self.set.poll_action() {
            let after = self.router().role();
            match action {
                Action::SendAdvertisement(kind) => {
                    let calls = matches!(self.router().drain_status(), Some(DrainStatus::HandingOver { .. }));
                    let allowed = match (kind, before, after) {
                        // The first one of a takeover goes before the address is asked for, and alone.
                        (AdvertKind::Regular, _, Role::Master) if before != Role::Master => {
                            !self.holds && sent.is_empty()
                        }
                        (AdvertKind::Regular, _, Role::Master) => self.holds && self.unconfirmed.is_none() && !calls,
                        // Who has heard another one is silent.
                        (AdvertKind::HandOver, Role::Master, Role::Master) => {
                            let settled = self.holds && self.unconfirmed.is_none();
                            settled && calls && self.successor.is_none() && self.encode(kind)[2] == 0
                        }
                        (AdvertKind::Yield, Role::Master, Role::Backup) => !self.holds && sent.is_empty(),
                        (AdvertKind::Release, Role::Master, Role::Initialize) => sent.is_empty(),
                        _ => false,
                    };
                    if !allowed {
                        return Err(format!(
                            "sends {kind:?} on the way from {before} to {after}, {} before",
                            sent.len()
                        ));
                    }
                    sent.push((kind, self.encode(kind)));
                }
                Action::InstallAddress(request) => {
                    if self.holds || after != Role::Master || sent.is_empty() {
                        return Err(format!("installs the address as {after}, {} sent before", sent.len()));
                    }
                    (self.holds, self.unconfirmed) = (true, Some(request));
                }
                Action::RemoveAddress(_) => (self.holds, self.unconfirmed) = (false, None),
                Action::AnnounceAddress { .. } if self.holds && self.unconfirmed.is_none() => {}
                Action::AnnounceAddress { .. } => return Err("announces what it does not have".into()),
                Action::StateChanged(Transition { cause: Cause::HandedOver { to }, .. })
                    if self.successor.take().is_none_or(|(who, ..)| address(who) != to) =>
                {
                    return Err(format!("hands over to {to}, which is not the best that it heard"));
                }
                Action::StateChanged(Transition { cause: Cause::Preempted { master, .. }, .. })
                    if self.router().drain_status().is_some() =>
                {
                    return Err(format!("is drained and preempts {master}"));
                }
                Action::StateChanged(change) if change.to == after => {
                    (self.successor, self.heard_lower) = (None, false);
                }
                Action::StateChanged(change) => return Err(format!("is {after} and reports {}", change.to)),
                Action::PriorityChanged { from, to, by: PriorityCause::Tracker(id) }
                    if id == self.tracker && from != to && to == self.router().priority() => {}
                Action::PriorityChanged { from, to, by: PriorityCause::Drain | PriorityCause::Command }
                    if from != to && to == self.router().priority() => {}
                Action::LowerPriorityHeard { from, priority }
                    if after == Role::Master
                        && (priority, from) < (self.router().priority(), self.router().source().unwrap()) => {}
                Action::NobodyTookOver if self.router().drain_status() == Some(DrainStatus::LastResort) => {}
                news @ (Action::PriorityChanged { .. }
                | Action::FaultsChanged
                | Action::NobodyTookOver
                | Action::LowerPriorityHeard { .. }) => {
                    return Err(format!("reports {news:?}"));
                }
            }
        }
        let role = self.router().role();
        if self.holds != (role == Role::Master) {
            return Err(format!("is {role} and its host {} the address", if self.holds { "has" } else { "has not" }));
        }
        Ok(sent)
    }

    fn encode(&self, kind: AdvertKind) -> Rc<[u8]> {
        let group = self.router().config().family().group();
        let endpoints = Endpoints::new(self.router().source().unwrap(), group).unwrap();
        let mut octets = [0; 64];
        let len = self.router().encode(kind, endpoints, &mut octets).unwrap();
        octets[..len].into()
    }
}

/// One without and two with the highest bit set, where a signed comparison goes wrong.
fn address(index: u8) -> IpAddr {
    Ipv4Addr::new([10, 192, 172][usize::from(index)], 0, 2, 1).into()
}

/// The time, each router, and what is in the air.
impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, host) in self.hosts.iter().enumerate() {
            let left = |at: Instant| at.since(self.now).as_secs_f64();
            match host.router().state() {
                State::Initialize => write!(f, "{index}: -            ")?,
                State::Backup(backup) => write!(f, "{index}: Backup {:5.3} ", left(backup.master_down))?,
                State::Master { next_advert } => write!(f, "{index}: Master {:5.3} ", left(*next_advert))?,
            }
        }
        let air = self.air.iter().map(|packet| format!("{}>{}@{}", packet.from, packet.to, packet.octets[2]));
        write!(f, "{}", air.collect::<Vec<_>>().join(" "))
    }
}
