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
    Action, AdvertInterval, AdvertKind, Config, Input, Instant, Priority, PriorityCause, Profile, Role, RxPacket,
    Tracker, TrackerId, Vip, VirtualRouter, Vrid, Weight,
};

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
    pub last_word: bool,
    /// A driver sees whose frame made it yield: then the last word is for that one alone.
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
}

impl Scenario {
    pub const BASE: Self = Self {
        name: "",
        profile: Profile::Rfc3768,
        routers: &[],
        preempt: true,
        hold: Duration::ZERO,
        last_word: true,
        macs_known: true,
        quantum: Duration::from_millis(250),
        latency: 1,
        losses: true,
        crashes: true,
        stops: true,
        slumps: false,
    };

    /// Whether anything false can be learned.
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
}

#[derive(Clone, Debug)]
struct Host {
    router: VirtualRouter,
    tracker: TrackerId,
    started: bool,
    /// In this quantum: to start again takes until the next, or packets without number could be in the air.
    just_ended: bool,
    slumped: bool,
    holds: bool,
    unconfirmed: Option<Vip>,
    /// Three intervals after the last word of a Master: who takes over before was misled. `None` after a release, and where
    /// nobody was heard.
    patient_until: Option<Instant>,
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
    last_word: Option<u8>,
    octets: Rc<[u8]>,
}

impl World {
    /// Nobody is started.
    pub fn new(scenario: Scenario) -> Self {
        let hosts = (0..scenario.routers.len() as u8).map(|index| Rc::new(Host::new(&scenario, index))).collect();
        Self { scenario, now: Instant::from_nanos(1_000_000_000_000), hosts, air: Vec::new() }
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
        match happens {
            Move::Tick => {
                world.now = world.now + world.scenario.quantum;
                world.air.iter_mut().for_each(|packet| packet.left -= 1);
                world
                    .hosts
                    .iter_mut()
                    .filter(|host| host.just_ended)
                    .for_each(|host| Rc::make_mut(host).just_ended = false);
                world.announce();
            }
            Move::Wake(index) => {
                world.feed(index, |now, host| host.router.handle(now, Input::Timeout))?;
                let host = &world.hosts[usize::from(index)];
                if host.router.role() == Role::Master && host.patient_until.is_some_and(|at| at > world.now) {
                    return Err(format!(
                        "router {index} takes over, and its Master was silent for less than 3 intervals"
                    ));
                }
                let deadline = world.hosts[usize::from(index)].router.deadline();
                if deadline.is_some_and(|at| at <= world.now) {
                    return Err(format!("the deadline of router {index} stays at {deadline:?}"));
                }
            }
            Move::Confirm(index) => world.feed(index, |now, host| {
                if let Some(vip) = host.unconfirmed.take() {
                    host.router.handle(now, Input::AddressInstalled(vip));
                }
            })?,
            Move::Deliver(index) => {
                let packet = world.air.remove(usize::from(index));
                let group = world.hosts[0].router.config().family().group();
                let ends = Endpoints::new(address(packet.from), group).unwrap();
                let interval = world.scenario.interval(packet.from);
                world.feed(packet.to, |now, host| {
                    let rx = RxPacket { ends, ttl: 255, payload: &packet.octets };
                    let verdict = host.router.handle_packet(now, rx);
                    // Between routers that agree nothing is refused, but what an owner does not want to hear.
                    assert!(verdict.is_ok() || !host.started || host.router.priority().is_owner(), "{verdict:?}");
                    host.note(&packet, now + 3 * interval);
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
                host.router.handle(now, Input::Startup);
            })?,
            Move::Stop(index) => world.feed(index, |now, host| {
                (host.started, host.just_ended) = (false, true);
                host.patient_until = None;
                host.router.handle(now, Input::Shutdown);
            })?,
            Move::Track(index) => world.track(index)?,
        }
        world.air.sort();
        Ok(world)
    }

    /// Everything that the future depends on, with the time that each timer has left.
    pub fn key(&self) -> Box<[u8]> {
        let mut key = Vec::with_capacity(8 * self.hosts.len() + 4 * self.air.len());
        for host in &self.hosts {
            let flags = [host.started, host.just_ended, host.slumped, host.unconfirmed.is_some()];
            key.push(flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
            if self.scenario.intervals_differ() {
                // Once over it is as if nobody had been heard.
                key.push(host.patient_until.map_or(0, |at| self.quanta(at, self.now)));
            }
            match *host.router.state() {
                State::Initialize => key.push(1),
                State::Master { next_advert } => key.extend([2, self.quanta(next_advert, self.now)]),
                State::Backup(backup) => {
                    let hold = backup.hold_until.map_or(0, |at| 1 + self.quanta(at, self.now));
                    key.extend([3, self.quanta(backup.master_down, self.now), hold]);
                    // Only where the timer can be set anew to what it would have been.
                    if self.scenario.slumps {
                        key.push(self.quanta(backup.master_down, backup.armed_at));
                    }
                    key.extend(backup.heard.unwrap_or(host.router.config().interval()).centis().to_be_bytes());
                }
            }
        }
        for packet in &self.air {
            // Version, id and addresses are those of all.
            key.extend([packet.to << 4 | packet.from, packet.left, packet.octets[2]]);
            if self.scenario.intervals_differ() {
                key.push(packet.last_word.map_or(0, |winner| 1 + winner));
                key.extend(&packet.octets[4..6]);
            }
        }
        key.into()
    }

    pub fn masters(&self) -> usize {
        self.hosts.iter().filter(|host| host.router.role() == Role::Master).count()
    }

    /// Exactly one Master, and the right one; none where nobody is started.
    pub fn is_right(&self) -> bool {
        let mut started = self.hosts.iter().filter(|host| host.started);
        let Some(best) = started.clone().map(|host| host.router.priority()).max() else { return true };
        let right = |host: &Rc<Host>| !self.scenario.preempt || host.router.priority() == best;
        self.masters() == 1 && started.all(|host| host.router.role() != Role::Master || right(host))
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
        }
    }

    fn is_due(&self, host: &Host) -> bool {
        host.router.deadline().is_some_and(|at| at <= self.now)
    }

    /// Later rounds of announcements have deadlines too, but change nothing: no move, so that they make no state.
    fn announce(&mut self) {
        for host in &mut self.hosts {
            let now = self.now;
            let of_state = host.router.state().deadline();
            if host.router.deadline().is_some_and(|at| at <= now) && of_state.is_some_and(|at| at > now) {
                let host = Rc::make_mut(host);
                host.router.handle(now, Input::Timeout);
                while let Some(action) = host.router.poll_action() {
                    assert!(matches!(action, Action::AnnounceAddress { .. }), "{action:?}");
                }
            }
        }
    }

    fn track(&mut self, index: u8) -> Result<(), String> {
        self.feed(index, |now, host| {
            host.slumped = !host.slumped;
            host.router.handle(now, Input::Tracker(host.tracker, !host.slumped));
        })
    }

    /// One router takes news, and its host does what follows; whatever it sends is in the air for every other router.
    fn feed(&mut self, index: u8, news: impl FnOnce(Instant, &mut Host)) -> Result<(), String> {
        let host = Rc::make_mut(&mut self.hosts[usize::from(index)]);
        let before = host.router.role();
        news(self.now, host);
        let sent = host.carry_out(before).map_err(|what| format!("router {index} {what}"))?;
        if host.router.deadline().is_none() && host.started {
            return Err(format!("router {index} takes part and waits for nothing"));
        }
        let winner = self.hosts[usize::from(index)].router.winner();
        let winner = (0..self.hosts.len() as u8).find(|other| Some(address(*other)) == winner);
        for (kind, octets) in sent {
            let last_word = winner.filter(|_| kind == AdvertKind::LastWord);
            let alone = last_word.filter(|_| self.scenario.macs_known);
            let meant = |other: &u8| *other != index && alone.is_none_or(|alone| alone == *other);
            let others = (0..self.hosts.len() as u8).filter(meant);
            self.air.extend(others.map(|to| Packet {
                to,
                from: index,
                left: self.scenario.latency,
                last_word: last_word.filter(|_| self.scenario.intervals_differ()),
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
        let (priority, interval) = scenario.routers[usize::from(index)];
        let mut config = Config::new(scenario.profile, Vrid::new(1).unwrap(), &[Ipv4Addr::new(192, 0, 2, 101).into()])
            .unwrap()
            .with_priority(Priority::new(priority).unwrap())
            .with_interval(AdvertInterval::from_centis(interval).unwrap())
            .unwrap()
            .with_preempt(scenario.preempt, scenario.hold)
            .with_last_word(scenario.last_word)
            // How many answers are left is no part of a key.
            .with_answer_lower(false);
        let weight = Weight::Adjust(NonZeroI16::new(SLUMP).unwrap());
        let tracker = config.add_tracker(Tracker { name: String::new(), weight, reverse: false }).unwrap();
        let mut router = VirtualRouter::new(config);
        router.handle(Instant::ZERO, Input::PrimaryAddress(Some(address(index))));
        Self {
            router,
            tracker,
            started: false,
            just_ended: false,
            slumped: false,
            holds: false,
            unconfirmed: None,
            patient_until: None,
        }
    }

    /// What its router made of a packet, as far as patience goes.
    fn note(&mut self, packet: &Packet, patient_until: Instant) {
        let own = self.router.priority().get();
        let preempts = self.router.config().preempt();
        match (self.router.role(), packet.octets[2]) {
            // Said to this router as the better Master, which it is no more: they crossed.
            (Role::Backup, 1..) if packet.last_word == Some(packet.to) => self.patient_until = None,
            // One that yielded is no Master: to hear it neither lengthens nor shortens the wait for the one that is.
            (Role::Backup, 1..) if packet.last_word.is_some() => {}
            (Role::Backup, theirs @ 1..) if theirs < own && preempts => {}
            (Role::Backup, 1..) => self.patient_until = Some(patient_until),
            _ => self.patient_until = None,
        }
    }

    /// Does what is due, and returns what went out, in order. An error says what must not be.
    fn carry_out(&mut self, before: Role) -> Result<Vec<Sent>, String> {
        let mut sent = Vec::new();
        while let Some(action) = self.router.poll_action() {
            let after = self.router.role();
            match action {
                Action::SendAdvertisement(kind) => {
                    let allowed = match (kind, before, after) {
                        // The first one of a takeover goes before the address is asked for, and alone.
                        (AdvertKind::Regular, _, Role::Master) if before != Role::Master => {
                            !self.holds && sent.is_empty()
                        }
                        (AdvertKind::Regular, _, Role::Master) => self.holds && self.unconfirmed.is_none(),
                        (AdvertKind::LastWord, Role::Master, Role::Backup) => !self.holds && sent.is_empty(),
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
                Action::InstallAddress(vip) => {
                    if self.holds || after != Role::Master || sent.is_empty() {
                        return Err(format!("installs the address as {after}, {} sent before", sent.len()));
                    }
                    (self.holds, self.unconfirmed) = (true, Some(vip));
                }
                Action::RemoveAddress(_) => (self.holds, self.unconfirmed) = (false, None),
                Action::AnnounceAddress { .. } if self.holds && self.unconfirmed.is_none() => {}
                Action::AnnounceAddress { .. } => return Err("announces what it does not have".into()),
                Action::StateChanged(change) if change.to == after => {}
                Action::StateChanged(change) => return Err(format!("is {after} and reports {}", change.to)),
                Action::PriorityChanged { from, to, by: PriorityCause::Tracker(id) }
                    if id == self.tracker && from != to && to == self.router.priority() => {}
                news @ (Action::PriorityChanged { .. } | Action::FaultsChanged | Action::NobodyTookOver) => {
                    return Err(format!("reports {news:?}"));
                }
            }
        }
        let role = self.router.role();
        if self.holds != (role == Role::Master) {
            return Err(format!("is {role} and its host {} the address", if self.holds { "has" } else { "has not" }));
        }
        Ok(sent)
    }

    fn encode(&self, kind: AdvertKind) -> Rc<[u8]> {
        let group = self.router.config().family().group();
        let ends = Endpoints::new(self.router.source().unwrap(), group).unwrap();
        let mut octets = [0; 64];
        let len = self.router.encode(kind, ends, &mut octets).unwrap();
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
            match host.router.state() {
                State::Initialize => write!(f, "{index}: -            ")?,
                State::Backup(backup) => write!(f, "{index}: Backup {:5.3} ", left(backup.master_down))?,
                State::Master { next_advert } => write!(f, "{index}: Master {:5.3} ", left(*next_advert))?,
            }
        }
        let air = self.air.iter().map(|packet| format!("{}>{}@{}", packet.from, packet.to, packet.octets[2]));
        write!(f, "{}", air.collect::<Vec<_>>().join(" "))
    }
}
