//! One virtual router: the state machine with its health, its addresses, its announcements and its counters.

mod member;
mod reconfigure;
#[cfg(feature = "sim")]
mod simulated;
mod status;

pub use reconfigure::ReconfigureError;
pub use status::Status;

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use crate::announce::Schedule;
use crate::cause::{Cause, Role, Transition};
use crate::config::Config;
use crate::fsm::{self, Advert, Effects, Event, Params, State};
use crate::health::{Fault, Health, TrackerId};
use crate::learned::Learned;
use crate::receive::{self, Accepted, Discard, Local, RxPacket};
use crate::slots::{Slots, Vip};
use crate::stats::Stats;
use crate::time::Instant;
use crate::token_bucket::TokenBucket;
use crate::types::{AdvertInterval, Family, Priority, Version};
use crate::wire::{BufferTooSmall, ChecksumForm, Endpoints, Message, Prepared};
use status::Past;

/// The least time that the host gets to confirm addresses, however short the interval: a kernel that is busy with
/// somebody else's interface takes some 20 ms. Meanwhile the router is silent, so nothing worse can follow than that a
/// Backup takes over too.
const CONFIRM_AT_LEAST: Duration = Duration::from_millis(100);
/// How long a router stays out after an address could not be installed, before it tries again.
const INSTALL_RETRY: Duration = Duration::from_secs(30);

/// One virtual router.
///
/// A driver does three things, in this order, and needs no other knowledge of the protocol:
///
/// 1. It hands in what happened: [`handle`](Self::handle) and [`handle_packet`](Self::handle_packet).
/// 2. It carries out every [`poll_action`](Self::poll_action) until there is none, in order, and reports each
///    [`InstallAddress`](Action::InstallAddress) as [`Input::AddressInstalled`] or [`Input::AddressFailed`].
/// 3. It waits for the next packet or news, at most until [`deadline`](Self::deadline), and then hands in
///    [`Input::Timeout`].
///
/// Nothing here reads a clock, allocates after construction, or panics.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    config: Config,
    state: State,
    /// The latest time seen; earlier ones count as this.
    now: Instant,
    started: bool,
    health: Health,
    /// Priority in use and primary address among them.
    params: Params,
    /// Where advertisements are sent from; the last known one, when there is none any more.
    source: Option<IpAddr>,
    slots: Slots,
    /// When unconfirmed addresses become a fault.
    confirm_by: Instant,
    /// When to try again after such a fault.
    retry_at: Option<Instant>,
    schedule: Schedule,
    asserts: TokenBucket,
    pending: Pending,
    /// When a Master last advertised, or became one; and when its lease on the addresses is over.
    advertised: Instant,
    lease_over: Instant,
    advertisement: Prepared,
    /// Where version 2 is spoken besides.
    advertisement_version2: Option<Prepared>,
    learned: Learned,
    evidence: Evidence,
    past: Past,
    since: Instant,
    cause: Cause,
    /// The fault that was last seen to keep a started router in Initialize.
    kept_out_by: Option<Fault>,
    refusal_reported: bool,
    stats: Stats,
}

/// News for a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Take part from now on, as soon as nothing is at fault.
    Startup,
    /// Take no part from now on.
    Shutdown,
    /// The deadline may have come.
    Timeout,
    /// The router's interface is usable, or not.
    InterfaceUp(bool),
    /// The interface's own address to send from; `None` when it has none.
    PrimaryAddress(Option<IpAddr>),
    /// A tracker's verdict.
    Tracker(TrackerId, bool),
    /// The host confirmed an address.
    AddressInstalled(Vip),
    /// The host refused an address.
    AddressFailed(Vip),
}

/// What a driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the advertisement that [`VirtualRouter::encode`] writes, to the group or to every peer.
    SendAdvertisement(AdvertKind),
    /// Give this address to the host, and report how that went. To give it twice is no error.
    InstallAddress(Vip),
    /// Take this address from the host. To take it twice is no error.
    RemoveAddress(Vip),
    /// Tell the neighbours, `count` times in a row, that the address is here.
    AnnounceAddress {
        /// Which address.
        vip: Vip,
        /// How many times, at least 1.
        count: u8,
    },
    /// The state changed; for logs and operators (STAT-50, STAT-54).
    StateChanged(Transition),
}

/// Which advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvertKind {
    /// At the priority in use.
    Regular,
    /// Priority 0: the addresses are released (FSM-A-01, AMB-26).
    Release,
    /// As `Regular`, in version 2; follows each one of a router that [speaks both](Config::with_version2_too) (INT-02).
    RegularVersion2,
    /// As `Release`, in version 2.
    ReleaseVersion2,
}

impl AdvertKind {
    /// The same in version 2; `None` if that is what it is.
    const fn in_version2(self) -> Option<Self> {
        match self {
            Self::Regular => Some(Self::RegularVersion2),
            Self::Release => Some(Self::ReleaseVersion2),
            Self::RegularVersion2 | Self::ReleaseVersion2 => None,
        }
    }
}

/// What `poll_action` has still to hand out.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    release: bool,
    /// The addresses go before anything else happens, though they are to come back.
    remove_first: bool,
    advertise: bool,
    last_word: bool,
    /// What was handed out in version 3 and is still to be in version 2.
    version2: Option<AdvertKind>,
    transition: Option<Transition>,
}

impl Pending {
    #[inline]
    const fn is_empty(&self) -> bool {
        let Self { release, remove_first, advertise, last_word, version2, transition } = self;
        !(*release | *remove_first | *advertise | *last_word) && version2.is_none() && transition.is_none()
    }
}

/// What was heard, for causes.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    /// Last accepted advertisement (FSM-B-12).
    accepted: Option<Heard>,
    /// A lower Master's advertisement, discarded since then.
    lower: Option<Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    source: IpAddr,
    priority: Option<Priority>,
    at: Instant,
}

impl VirtualRouter {
    /// A router in Initialize. It waits for [`Input::Startup`] and a [`Input::PrimaryAddress`].
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (advertisement, advertisement_version2) = prepare(&config);
        Self {
            advertisement,
            advertisement_version2,
            state: State::Initialize,
            now: Instant::ZERO,
            started: false,
            health: Health::new(config.trackers().len()),
            // Out of Initialize the address is another: without a source health does not let the router start.
            params: params(&config, config.priority(), false, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            source: None,
            slots: Slots::new(config.addresses().len()),
            confirm_by: Instant::MAX,
            retry_at: None,
            schedule: Schedule::default(),
            asserts: TokenBucket::full(),
            pending: Pending::default(),
            advertised: Instant::ZERO,
            lease_over: Instant::MAX,
            learned: Learned::new(),
            evidence: Evidence::default(),
            past: Past::default(),
            since: Instant::ZERO,
            cause: Cause::New,
            kept_out_by: None,
            refusal_reported: false,
            stats: Stats::default(),
            config,
        }
    }

    /// Takes news. Cannot fail. A `now` before the last one seen counts as the last one seen.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            Input::Startup => {
                self.started = true;
                self.reconsider();
            }
            Input::Shutdown => {
                self.started = false;
                self.reconsider();
            }
            Input::Timeout => self.expire(),
            Input::InterfaceUp(up) => {
                self.health.interface_up = up;
                self.reconsider();
            }
            Input::PrimaryAddress(address) => {
                // One of the other family can carry nothing of ours.
                let address = address.filter(|address| Family::of(*address) == self.config.family());
                self.health.primary_address = address.is_some();
                if let Some(address) = address {
                    (self.source, self.params.primary) = (Some(address), address);
                }
                self.reconsider();
            }
            Input::Tracker(id, passing) => {
                self.health.record(id, passing);
                self.reprioritise();
                self.reconsider();
            }
            Input::AddressInstalled(vip) => self.slots.confirm(vip, self.config.announce().repeat.max(1)),
            Input::AddressFailed(vip) => {
                if self.slots.refuse(vip) && self.role() == Role::Master {
                    self.fail_install(vip.address);
                }
            }
        }
    }

    /// Takes one received datagram.
    ///
    /// # Errors
    /// Why it was ignored; state, timers and everything learned are then untouched (RX-20).
    pub fn handle_packet(&mut self, now: Instant, rx: RxPacket<'_>) -> Result<(), Discard> {
        if self.state == State::Initialize {
            return Err(Discard::NotStarted);
        }
        let now = self.now.max(now);
        let local = Local {
            now,
            priority: self.params.priority,
            primary: &self.source,
            advertisement: &self.advertisement,
            learned: &self.learned,
        };
        let accepted = receive::accept(&self.config, &local, &rx, &mut self.stats)?;
        self.advance(now);
        if let Some(checksum) = accepted.checksum {
            self.learned.checksum = checksum;
            self.learn_version3(rx.ends.source(), accepted.interval);
        }
        self.hear(&rx.ends, &accepted);
        Ok(())
    }

    /// The next thing to carry out, in order. What a later transition made pointless is not handed out.
    #[must_use]
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        // Most packets leave nothing to do.
        if self.has_actions() { self.next_action() } else { None }
    }

    /// Whether there may be an action.
    #[inline]
    pub(crate) fn has_actions(&self) -> bool {
        !(self.pending.is_empty() && self.slots.are_idle())
    }

    fn next_action(&mut self) -> Option<Action> {
        let master = self.role() == Role::Master;
        if let Some(kind) = self.pending.version2.take() {
            return Some(self.send(kind));
        }
        if core::mem::take(&mut self.pending.release) {
            return Some(self.send(AdvertKind::Release));
        }
        if self.pending.remove_first {
            if let Some(action) = self.slots.poll(false, self.config.addresses()) {
                return Some(action);
            }
            self.pending.remove_first = false;
            self.slots.rewind();
        }
        if core::mem::take(&mut self.pending.advertise) && master {
            return Some(self.send(AdvertKind::Regular));
        }
        if let Some(action) = self.slots.poll(master, self.config.addresses()) {
            return Some(action);
        }
        if core::mem::take(&mut self.pending.last_word) && !master {
            return Some(self.send(AdvertKind::Regular));
        }
        self.pending.transition.take().map(Action::StateChanged)
    }

    /// When to hand in [`Input::Timeout`]. `None`: only news can change anything.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        let earlier = |at: Instant, other: Option<Instant>| other.map_or(at, |other| at.min(other));
        match self.state {
            State::Initialize => self.retry_at,
            State::Backup(_) => self.state.deadline(),
            State::Master { next_advert } => {
                let confirm_by = (!self.slots.all_installed()).then_some(self.confirm_by);
                Some(earlier(earlier(next_advert, confirm_by), self.schedule.deadline()))
            }
        }
    }

    /// Writes an advertisement for a datagram between `ends` to the front of `out`; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing is written then. 1500 octets hold every advertisement.
    #[inline]
    pub fn encode(&self, kind: AdvertKind, ends: Endpoints, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let prepared = match &self.advertisement_version2 {
            Some(version2) if kind.in_version2().is_none() => version2,
            _ => &self.advertisement,
        };
        prepared.write(self.advertised_priority(kind), self.config.checksum(self.learned.checksum), &ends, out)
    }

    /// What an advertisement says. A router of one version says everything in that one.
    #[must_use]
    pub fn message(&self, kind: AdvertKind) -> Message<'_> {
        let in_version2 = self.config.version2_too() && kind.in_version2().is_none();
        let version = if in_version2 { Version::V2 } else { self.config.profile().version() };
        let checksum = self.config.checksum(self.learned.checksum);
        message(&self.config, version, self.advertised_priority(kind), checksum)
    }

    /// Where advertisements are sent from: the primary address, or the last one while there is none.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// State without its timers.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self.state {
            State::Initialize => Role::Initialize,
            State::Backup(_) => Role::Backup,
            State::Master { .. } => Role::Master,
        }
    }

    /// State with its timers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Everything that keeps the router out of the election now.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        self.health.faults(self.config.trackers()).filter(|fault| self.is_kept_out_by(fault))
    }

    /// Whether the host confirmed `address` since this router became Master.
    #[must_use]
    pub fn is_installed(&self, address: IpAddr) -> bool {
        let index = self.config.addresses().iter().position(|own| *own == address);
        index.is_some_and(|index| self.slots.is_installed(index))
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts an advertisement that could not be sent (STAT-19). Timers run on.
    pub fn count_tx_error(&mut self) {
        self.stats.tx_errors = self.stats.tx_errors.wrapping_add(1);
    }

    /// Configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What has no result yet keeps out, but does not take out what takes part already: a tracker that came with a new
    /// configuration.
    const fn is_kept_out_by(&self, fault: &Fault) -> bool {
        matches!(self.state, State::Initialize) || !matches!(fault, Fault::Unchecked(_))
    }

    const fn advertised_priority(&self, kind: AdvertKind) -> Option<Priority> {
        match kind {
            AdvertKind::Regular | AdvertKind::RegularVersion2 => Some(self.params.priority),
            AdvertKind::Release | AdvertKind::ReleaseVersion2 => None,
        }
    }

    /// Starts or stops the state machine as command and health now say.
    fn reconsider(&mut self) {
        let fault = self.faults().next();
        match (self.role(), self.started, fault) {
            (Role::Initialize, false, _) => (self.kept_out_by, self.refusal_reported) = (None, false),
            (Role::Initialize, true, None) => {
                let cause = match self.kept_out_by.take() {
                    Some(fault) if !fault.is_pending() => Cause::Recovered(fault),
                    _ if self.params.priority.is_owner() => Cause::OwnerStartup,
                    _ => Cause::Startup,
                };
                self.apply(Event::Startup, |_| cause);
            }
            (Role::Initialize, true, Some(fault)) => {
                self.kept_out_by = Some(fault);
                if !self.refusal_reported && !fault.is_pending() {
                    self.refusal_reported = true;
                    self.enter(Role::Initialize, Role::Initialize, Cause::Fault(fault));
                }
            }
            (_, false, _) => {
                self.apply(Event::Shutdown, |_| Cause::Shutdown);
            }
            (_, true, Some(fault)) => {
                (self.kept_out_by, self.refusal_reported) = (Some(fault), true);
                self.apply(Event::Shutdown, |_| Cause::Fault(fault));
            }
            (_, true, None) => {}
        }
    }

    fn reprioritise(&mut self) {
        let priority = self.weighed_priority();
        if priority != self.params.priority {
            self.params.priority = priority;
            self.apply(Event::ParamsChanged, |this| this.cause);
        }
    }

    fn weighed_priority(&self) -> Priority {
        self.config.priority().adjusted(self.health.adjustment(self.config.trackers()))
    }

    /// The host has from now on to confirm what it is asked for.
    fn await_confirmation(&mut self) {
        self.confirm_by = self.now + self.config.interval().duration().max(CONFIRM_AT_LEAST);
    }

    fn expire(&mut self) {
        let now = self.now;
        if self.role() == Role::Master && now >= self.confirm_by {
            let missing = self.slots.first_missing().and_then(|index| self.config.addresses().get(index).copied());
            if let Some(address) = missing {
                return self.fail_install(address);
            }
        }
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.health.not_installed = None;
            self.reconsider();
        }
        if self.state.deadline().is_some_and(|at| at <= now) {
            self.apply(Event::Timer, Self::takeover_cause);
        }
        if self.role() == Role::Master {
            let count = self.schedule.fire(self.config.announce(), now);
            self.slots.announce_all(count);
        }
    }

    /// Why a Backup whose timer ran out becomes Master.
    fn takeover_cause(&self) -> Cause {
        match (self.evidence.accepted, self.evidence.lower) {
            (_, Some(Heard { source: master, priority: Some(priority), .. })) => Cause::Preempted { master, priority },
            (Some(Heard { source: master, priority: None, .. }), _) => Cause::MasterResigned { master },
            (Some(Heard { source, at, .. }), _) => {
                Cause::MasterDown { master: Some(source), silence: self.now.since(at) }
            }
            // It was due as soon as it started.
            (None, _)
                if self.params.priority.is_owner()
                    && matches!(self.cause, Cause::OwnerStartup | Cause::Recovered(_)) =>
            {
                self.cause
            }
            (None, _) => Cause::MasterDown { master: None, silence: self.now.since(self.since) },
        }
    }

    /// Counts an advertisement that is handed out, and queues it in version 2 where that is spoken too.
    fn send(&mut self, kind: AdvertKind) -> Action {
        self.stats.advert_sent = self.stats.advert_sent.wrapping_add(1);
        let releases = matches!(kind, AdvertKind::Release | AdvertKind::ReleaseVersion2);
        if !releases {
            self.renew_lease();
        }
        self.stats.prio_zero_sent = self.stats.prio_zero_sent.wrapping_add(u64::from(releases));
        self.pending.version2 = kind.in_version2().filter(|_| self.config.version2_too());
        Action::SendAdvertisement(kind)
    }

    fn learn_version3(&mut self, source: IpAddr, interval: AdvertInterval) {
        if self.config.version2_too() {
            let down = self.params.master_down_interval(self.params.learned_interval(interval));
            self.learned.heard_version3(source, self.now + down);
        }
    }

    fn hear(&mut self, ends: &Endpoints, accepted: &Accepted) {
        let Accepted { priority, interval, .. } = *accepted;
        let advert = Advert { source: ends.source(), priority, interval };
        self.past.last_adv_source = Some(ends.source());
        let effects = self.apply(Event::Advert(advert), |this| match advert.priority {
            Some(priority) if priority > this.params.priority => {
                Cause::HigherPriority { master: advert.source, priority }
            }
            _ => Cause::HigherAddress { master: advert.source },
        });
        let discarded = effects.contains(Effects::DISCARD);
        if effects.contains(Effects::ASSERT) {
            self.answer_lower(advert.interval);
        }
        let heard = Some(Heard { source: ends.source(), priority, at: self.now });
        match (discarded, self.role()) {
            (false, _) => self.evidence = Evidence { accepted: heard, lower: None },
            (true, Role::Master) => {
                let silence = advert.interval.duration().saturating_mul(3);
                let count = self.schedule.on_contest(self.config.announce(), self.now, silence);
                self.slots.announce_all(count);
            }
            (true, _) => self.evidence.lower = heard,
        }
    }

    fn answer_lower(&mut self, theirs: AdvertInterval) {
        let period = self.config.interval().min(theirs).duration();
        if self.asserts.take(self.now, period) {
            self.advertise();
        } else {
            self.stats.assert_suppressed = self.stats.assert_suppressed.wrapping_add(1);
        }
    }

    /// Takes over the time. A Master that it finds beyond its lease is none any more, whatever it is told next.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.role() == Role::Master && self.now > self.lease_over {
            let silence = self.now.since(self.advertised);
            self.apply(Event::Lapsed { silence }, |_| Cause::Lapsed { silence });
        }
    }

    fn renew_lease(&mut self) {
        self.advertised = self.now;
        self.lease_over = self.config.lease().map_or(Instant::MAX, |lease| self.now + lease);
    }

    /// One step of the state machine and what follows from it for everything around it. Nobody needs the cause of what
    /// changes no state.
    #[inline]
    fn apply(&mut self, event: Event, cause: impl FnOnce(&Self) -> Cause) -> Effects {
        let before = self.role();
        let effects = fsm::step_in_place(&self.params, &mut self.state, self.now, event);
        if before != self.role() || effects.contains(Effects::INSTALL) {
            self.follow(before, effects, cause(self));
        } else if effects.contains(Effects::ADVERTISE) {
            self.advertise();
        }
        effects
    }

    /// The state changed, or begins anew.
    fn follow(&mut self, before: Role, effects: Effects, cause: Cause) {
        let after = self.role();
        let anew = effects.contains(Effects::REMOVE | Effects::INSTALL);
        if effects.contains(Effects::RESIGN) {
            self.pending.release = true;
        }
        if effects.contains(Effects::INSTALL) {
            self.await_confirmation();
            self.schedule = Schedule::on_master(self.config.announce(), self.now);
            self.stats.master_transitions = self.stats.master_transitions.wrapping_add(1);
            self.past.new_master_reason = cause.new_master_reason();
            self.renew_lease();
            self.pending.remove_first = anew;
            // The advertisement of a takeover waits for nothing: the old Master leaves first.
            self.pending.advertise = true;
            // What an undrained transition left installed is announced anew.
            self.slots.announce_all(self.config.announce().repeat.max(1));
        }
        // What goes before the transition in version 3 may do so alone; only a release stays true.
        self.pending.version2 = self.pending.version2.filter(|kind| *kind == AdvertKind::ReleaseVersion2);
        // What was heard in another state says nothing about the Master of now.
        self.evidence = Evidence::default();
        self.slots.rewind();
        if before == Role::Initialize || after == Role::Initialize {
            self.past.up_since = (after != Role::Initialize).then_some(self.now);
        }
        self.pending.last_word = effects.contains(Effects::ADVERTISE) && after == Role::Backup;
        self.enter(before, after, cause);
    }

    /// No advertisement goes out for an address that the host has not confirmed.
    fn advertise(&mut self) {
        if self.slots.all_installed() {
            self.pending.advertise = true;
        } else {
            self.stats.unconfirmed_suppressed = self.stats.unconfirmed_suppressed.wrapping_add(1);
        }
    }

    /// Transitions that were never fetched become one.
    fn enter(&mut self, from: Role, to: Role, cause: Cause) {
        let from = self.pending.transition.map_or(from, |unfetched| unfetched.from);
        self.pending.transition = Some(Transition { from, to, cause });
        (self.since, self.cause) = (self.now, cause);
    }

    /// A router that cannot hold its addresses must not advertise them.
    fn fail_install(&mut self, address: IpAddr) {
        self.health.not_installed = Some(address);
        self.retry_at = Some(self.now + INSTALL_RETRY);
        self.reconsider();
    }
}

fn params(config: &Config, priority: Priority, coordinated: bool, primary: IpAddr) -> Params {
    Params {
        profile: config.profile(),
        priority,
        interval: config.interval(),
        preempt: config.preempt(),
        preempt_hold: config.preempt_hold(),
        answer_lower: config.answer_lower(),
        last_word: config.last_word(),
        learned_interval_cap: config.learned_interval_cap(),
        coordinated,
        primary,
    }
}

/// What is sent again and again, in version 2 too where that is spoken besides.
fn prepare(config: &Config) -> (Prepared, Option<Prepared>) {
    let prepared = |version| Prepared::new(&message(config, version, None, ChecksumForm::Message));
    (prepared(config.profile().version()), config.version2_too().then(|| prepared(Version::V2)))
}

fn message(config: &Config, version: Version, priority: Option<Priority>, checksum: ChecksumForm) -> Message<'_> {
    Message {
        version,
        vrid: config.vrid(),
        priority,
        interval: config.interval(),
        password: config.password(),
        addresses: config.advertised(),
        checksum,
    }
}
