//! One virtual router: the state machine with its health, its addresses, its announcements and its counters.

mod actions;
mod drain;
mod evidence;
mod hand_over;
mod member;
mod pending;
pub(crate) mod reconfigure;
#[cfg(feature = "sim")]
mod simulated;
mod slots;
pub(crate) mod status;
pub(crate) mod suspended;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use crate::action::{Action, AdvertKind, Input};
use crate::announce::Schedule;
use crate::cause::{Cause, PriorityCause, Transition};
use crate::config::Config;
use crate::contest::Contest;
use crate::drain::Drain;
use crate::fsm::{self, Advert, Effects, Event, Params, Role, State};
use crate::health::{Fault, Health, Reading, Tracker};
use crate::learned::Learned;
use crate::receive::{Accepted, Discard};
use crate::stats::{Stats, increment};
use crate::time::Instant;
use crate::token_bucket::TokenBucket;
use crate::types::{AdvertInterval, Family, Priority, TrackerId, Version};
use crate::wire::{BufferTooSmall, ChecksumForm, Endpoints, Message, Prepared, RxPacket};
use evidence::{Evidence, Heard, History, Winner};
use hand_over::HandOver;
use pending::Pending;
use slots::Slots;

/// The least time that the host gets to confirm addresses, however short the interval: a kernel that is busy with
/// somebody else's interface takes some 20 ms. Meanwhile the router is silent, so nothing worse can follow than that a
/// Backup takes over too.
const CONFIRM_AT_LEAST: Duration = Duration::from_millis(100);
/// The time until an address that could not be installed is asked for again: the first time, the second, ...
/// (`docs/partial-service.md`).
const INSTALL_RETRY: [Duration; 6] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(2 * 60),
    Duration::from_secs(4 * 60),
    Duration::from_secs(8 * 60),
    Duration::from_secs(15 * 60),
];
/// The shortest period, in the long run, of the reports that a lower Master was heard.
const LOWER_HEARD_PERIOD: Duration = Duration::from_secs(1);
/// Intervals after its last advertisement in which nobody can have taken over from a Master.
const UNDISTURBED: u32 = 3;

/// One virtual router.
///
/// A driver calls its methods in this order, round and round, and needs no other knowledge of the protocol
/// ([the whole contract](crate::guide::the_loop)):
///
/// > 1. **News in**: [`handle`](Self::handle), [`handle_packet`](Self::handle_packet), [`reconfigure`](Self::reconfigure),
/// >    [`set_priority`](Self::set_priority). Something happened, at this time.
/// > 2. **Work out**: [`poll_action`](Self::poll_action) until there is none. Each is carried out before the next is asked for. A
/// >    [`SendAdvertisement`](Action::SendAdvertisement) is written by [`encode`](Self::encode); an
/// >    [`InstallAddress`](Action::InstallAddress) is answered by [`Input::AddressInstalled`] or [`Input::AddressFailed`].
/// > 3. **Deadline**: [`deadline`](Self::deadline) says how long to wait for the next packet or news. Then
/// >    [`Input::Timeout`] is handed in.
/// > 4. **Questions**: all else. [`role`](Self::role), [`cause`](Self::cause), [`faults`](Self::faults), [`status`](Self::status)
/// >    and the others change nothing, and may be asked at any time.
///
/// Its interface counts as up until [`Input::InterfaceUp`] says otherwise. A tracker whose weight is a fault keeps it in Initialize
/// until its first [`Input::Tracker`].
///
/// Nothing here reads a clock, allocates after construction, or panics.
// In a set of thousands each begins at a cache line, so that no router needs more lines than another.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct VirtualRouter {
    config: Config,
    state: State,
    /// The latest time seen; earlier ones count as this.
    now: Instant,
    started: bool,
    health: Health,
    /// Priority in use and primary address among them.
    params: Params,
    /// The source of advertisements; the last known one, when there is none any more.
    source: Option<IpAddr>,
    slots: Slots,
    /// The moment from which on what the host was asked for and did not confirm counts as failed.
    confirm_by: Instant,
    /// The moment at which what failed is asked for again.
    retry_at: Option<Instant>,
    /// The number of times that this was put off since something succeeded.
    retries: usize,
    /// Not one advertised address could be set: out of the election until `retry_at`.
    serves_nothing: bool,
    contest: Contest,
    /// The bound on reports that a lower Master was heard.
    lower_heard: TokenBucket<4>,
    pending: Pending,
    /// The better router that the yield advertisement is for.
    winner: Option<Winner>,
    /// The configuration that what is said at its end still speaks, when there is another one already.
    parting: Option<Box<Config>>,
    /// The last advertisement that went out, and the one before.
    said: [Instant; 2],
    /// It was Master until its interface went, which nobody could be told.
    broke_off: bool,
    /// It is to serve only where nobody else does.
    drain: Option<Drain>,
    /// A Master that calls for another one.
    hand_over: Option<HandOver>,
    /// The moment at which a Master last advertised, or became one; then the end of its lease on the addresses.
    advertised: Instant,
    lease_over: Instant,
    advertisement: Prepared,
    /// The advertisement of version 2, if the router also speaks that.
    advertisement_version2: Option<Prepared>,
    learned: Learned,
    evidence: Evidence,
    past: History,
    since: Instant,
    cause: Cause,
    /// The fault that was last seen to keep a started router in Initialize.
    last_fault: Option<Fault>,
    refusal_reported: bool,
    /// The faults that were last told. There is room for every fault.
    told_faults: Vec<Fault>,
    stats: Stats,
}

impl VirtualRouter {
    /// Makes a router in Initialize. It waits for [`Input::Startup`] and a [`Input::PrimaryAddress`].
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
            retries: 0,
            serves_nothing: false,
            contest: Contest::default(),
            lower_heard: TokenBucket::full(),
            pending: Pending::default(),
            winner: None,
            parting: None,
            said: [Instant::ZERO; 2],
            broke_off: false,
            drain: None,
            hand_over: None,
            advertised: Instant::ZERO,
            lease_over: Instant::MAX,
            learned: Learned::new(),
            evidence: Evidence::default(),
            past: History::default(),
            since: Instant::ZERO,
            cause: Cause::New,
            last_fault: None,
            refusal_reported: false,
            told_faults: Vec::with_capacity(Health::most_faults(config.trackers().len())),
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
            Input::Tracker(id, reading) => {
                self.health.record(id, reading);
                self.reprioritise(PriorityCause::Tracker(id));
                self.reconsider();
            }
            Input::AddressInstalled(request) => {
                // While another Master is there the neighbours are to believe that one.
                let is_silent = self.hand_over.as_ref().is_some_and(HandOver::is_silent);
                let announce = if is_silent { 0 } else { self.config.announce().repeat.max(1) };
                if let Some(healed) = self.slots.confirm(request, announce) {
                    self.await_confirmation();
                    if healed {
                        self.retries = 0;
                        self.assess();
                    }
                }
            }
            Input::AddressFailed(request) => {
                let master = self.role() == Role::Master;
                if self.slots.refuse(request, master) && master {
                    self.retry_later();
                    self.assess();
                }
            }
            Input::AddressAvailable(index, available) => {
                if self.slots.set_available(index, available, self.role() == Role::Master) {
                    if available {
                        (self.retries, self.serves_nothing) = (0, false);
                    }
                    self.assess();
                }
            }
            Input::Installing => self.await_confirmation(),
            Input::LinkAddressChanged => self.slots.announce_all(self.config.announce().repeat.max(1)),
            Input::Stray(address) => {
                self.health.stray = address;
                self.reconsider();
            }
            Input::Drain(drain) => self.begin_drain(drain),
            Input::Undrain => self.end_drain(),
        }
    }

    /// Takes one received datagram. Returns what was accepted, and what it is to this router.
    ///
    /// # Errors
    /// Why it was ignored; state, timers and everything learned are then untouched (RX-20).
    pub fn handle_packet<'a>(&mut self, now: Instant, rx: RxPacket<'a>) -> Result<Accepted<'a>, Discard> {
        if self.state == State::Initialize {
            return Err(Discard::NotStarted);
        }
        let now = self.now.max(now);
        let criteria = self.config.criteria(&self.params, self.advertisement.address_list(), (&self.learned, now));
        let mut accepted = criteria.accept(&rx, &mut self.stats)?;
        self.advance(now);
        if let Some(checksum) = accepted.version3_form() {
            self.learned.checksum = checksum;
            self.learn_version3(rx.endpoints.source(), accepted.interval);
        }
        self.hear(accepted.advert());
        // No packet makes a Master. One that hands over waits for another one.
        accepted.contest = self.role() == Role::Master && self.hand_over.is_none();
        Ok(accepted)
    }

    /// Returns the next thing to carry out, in order. An action that a later transition made pointless is not handed out.
    #[must_use]
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        // Most packets leave nothing to do.
        if self.has_actions() { self.next_action() } else { None }
    }

    /// Returns when to hand in [`Input::Timeout`]. `None`: only news can change anything.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        let earlier = |at: Instant, other: Option<Instant>| other.map_or(at, |other| at.min(other));
        match self.state {
            State::Initialize => self.retry_at,
            State::Backup(_) => self.state.deadline(),
            State::Master { next_advert } => {
                let confirm_by = self.slots.are_in_flight().then_some(self.confirm_by);
                let others = [confirm_by, self.retry_at, self.contest.schedule.deadline()];
                let at = others.into_iter().fold(next_advert, earlier);
                Some(self.hand_over.as_ref().map_or(at, |hand_over| at.min(hand_over.deadline())))
            }
        }
    }

    /// Writes an advertisement for a datagram between `ends` to the front of `out`; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing is written then. 1500 octets hold every advertisement.
    #[inline]
    pub fn encode(&self, kind: AdvertKind, endpoints: Endpoints, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let prepared = match &self.advertisement_version2 {
            // Said once: with another interval, or of another configuration.
            _ if matches!(kind, AdvertKind::Yield | AdvertKind::YieldVersion2)
                || (kind.is_release() && self.parting.is_some()) =>
            {
                return self.message(kind).write(endpoints, out);
            }
            Some(version2) if kind.in_version2().is_none() => version2,
            _ => &self.advertisement,
        };
        prepared.write(
            self.advertised_priority(kind),
            self.config.checksum_after(self.learned.checksum),
            &endpoints,
            out,
        )
    }

    /// Returns the content of an advertisement. A router that speaks one version uses it for every kind.
    #[must_use]
    pub fn message(&self, kind: AdvertKind) -> Message<'_> {
        let config = self.config_of(kind);
        let in_version2 = config.also_version2() && kind.in_version2().is_none();
        let version = if in_version2 { Version::V2 } else { config.profile().version() };
        let checksum = config.checksum_after(self.learned.checksum);
        let message = message(config, version, self.advertised_priority(kind), checksum);
        match (kind, self.winner) {
            (AdvertKind::Yield | AdvertKind::YieldVersion2, Some(winner)) => {
                Message { interval: winner.interval.at_most_of(version), ..message }
            }
            _ => message,
        }
    }

    /// Returns the configuration that an advertisement speaks, with its peers: what ends an earlier one speaks that one, for the
    /// others may not know the new one yet.
    #[must_use]
    pub fn config_of(&self, kind: AdvertKind) -> &Config {
        match &self.parting {
            Some(parting) if !kind.serves_on() => parting,
            _ => &self.config,
        }
    }

    /// Returns the better Master that this router yielded to last. Its [yield advertisement](AdvertKind::Yield) is for that
    /// one, though on multicast it is sent to the group as every other.
    #[must_use]
    pub fn winner(&self) -> Option<IpAddr> {
        self.winner.map(|winner| winner.address)
    }

    /// Returns where advertisements are sent from: the primary address, or the last one while there is none.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Returns the state without its timers.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.state.role()
    }

    /// Returns the state with its timers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Returns the priority in use, after tracking. 255: the owner.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.params.priority
    }

    /// Returns why the state was entered.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns everything that keeps the router out of the election now.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        self.health.faults(self.config.trackers()).filter(|fault| self.is_held_by(fault))
    }

    /// Returns every tracker with what it last said; `None` before its first result.
    pub fn trackers(&self) -> impl Iterator<Item = (TrackerId, &Tracker, Option<Reading>)> {
        let trackers = (0..=u16::MAX).map(TrackerId).zip(self.config.trackers());
        trackers.map(|(id, tracker)| (id, tracker, self.health.reading(id)))
    }

    /// Tells whether the host confirmed `address` since this router became Master.
    #[must_use]
    pub fn is_installed(&self, address: IpAddr) -> bool {
        let index = self.config.addresses().iter().position(|own| *own == address);
        index.is_some_and(|index| self.slots.is_installed(index))
    }

    /// Returns how many addresses the host confirmed since this router became Master.
    #[must_use]
    pub fn installed(&self) -> usize {
        self.slots.installed()
    }

    /// Returns the addresses that the host cannot set, as far as is known: a router that has some is
    /// [handicapped](crate::Priority::handicapped).
    pub fn missing(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.slots.flawed().filter_map(|index| self.config.addresses().get(index).copied())
    }

    /// Returns the counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts an advertisement that could not be sent (STAT-19). Timers run on.
    pub fn count_tx_error(&mut self) {
        increment(&mut self.stats.tx_errors);
        // Nobody heard it.
        self.said[0] = self.said[1];
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Tells whether a fault keeps this router out. A tracker without a result does not if the router takes part already: the
    /// tracker came with a new configuration.
    const fn is_held_by(&self, fault: &Fault) -> bool {
        matches!(self.state, State::Initialize) || !matches!(fault, Fault::Unchecked(_))
    }

    const fn advertised_priority(&self, kind: AdvertKind) -> Option<Priority> {
        match kind {
            AdvertKind::Release | AdvertKind::ReleaseVersion2 => None,
            AdvertKind::HandOver | AdvertKind::HandOverVersion2 => None,
            // Nobody is to yield to one that has yielded, not even a winner that has become worse meanwhile.
            AdvertKind::Yield | AdvertKind::YieldVersion2 => Some(Priority::LOWEST),
            AdvertKind::Regular | AdvertKind::RegularVersion2 => Some(self.params.priority),
        }
    }

    /// Starts or stops the state machine as command and health now say.
    fn reconsider(&mut self) {
        let fault = self.faults().next();
        self.pending.faults = false;
        match (self.role(), self.started, fault) {
            (Role::Initialize, false, _) => {
                (self.last_fault, self.refusal_reported, self.broke_off) = (None, false, false);
            }
            (Role::Initialize, true, None) => {
                let undisturbed = self.now.since(self.said[0]) < self.config.interval().duration() * UNDISTURBED;
                let may_go_on = undisturbed && !self.params.coordinated && self.drain.is_none();
                let goes_on = core::mem::take(&mut self.broke_off) && may_go_on;
                let cause = match self.last_fault.take() {
                    Some(fault) if !fault.is_pending() => Cause::Recovered(fault),
                    _ if self.params.priority.is_owner() => Cause::OwnerStartup,
                    _ => Cause::Startup,
                };
                self.apply(if goes_on { Event::Resume } else { Event::Startup }, |_| cause);
            }
            (Role::Initialize, true, Some(fault)) => {
                self.last_fault = Some(fault);
                if self.refusal_reported {
                    self.pending.faults = self.are_faults_untold();
                    self.pending.news |= self.pending.faults;
                } else if !fault.is_pending() {
                    self.refusal_reported = true;
                    self.enter(Role::Initialize, Role::Initialize, Cause::Fault(fault));
                }
            }
            (_, false, _) => {
                self.apply(Event::Shutdown, |_| Cause::Shutdown);
            }
            (_, true, Some(fault)) => {
                (self.last_fault, self.refusal_reported) = (Some(fault), true);
                self.broke_off = self.role() == Role::Master && fault == Fault::InterfaceDown;
                self.apply(Event::Shutdown, |_| Cause::Fault(fault));
            }
            (_, true, None) => {}
        }
    }

    /// Tells whether something is known to be wrong that is not what was last told.
    fn are_faults_untold(&self) -> bool {
        let known = || self.health.known_faults(self.config.trackers());
        let are_told =
            known().count() == self.told_faults.len() && known().all(|fault| self.told_faults.contains(&fault));
        known().next().is_some() && !are_told
    }

    fn reprioritise(&mut self, by: PriorityCause) {
        let priority = self.weighed_priority();
        if priority != self.params.priority {
            self.note_priority(by);
            self.params.priority = priority;
            self.apply(Event::ParamsChanged, |this| this.cause);
        }
    }

    /// Changes the priority that the router is configured with; trackers weigh on it as before. Everything goes on
    /// undisturbed as with [`reconfigure`](Self::reconfigure), which replaces it again.
    pub fn set_priority(&mut self, now: Instant, priority: Priority) {
        self.advance(now);
        self.config.set_priority(priority);
        self.note_weighed_priority(PriorityCause::Command);
        self.reparametrise();
    }

    /// Notes the priority that is to be in use from the next [`reparametrise`](Self::reparametrise) on, if it is another.
    fn note_weighed_priority(&mut self, by: PriorityCause) {
        if self.weighed_priority() != self.params.priority || self.pending.priority.is_some() {
            self.note_priority(by);
        }
    }

    /// Has the state machine follow configuration, priority and drain as they are now. Who becomes owner is Master at once;
    /// who is owner no more releases, unless it hands over.
    fn reparametrise(&mut self) {
        let was_owner = self.params.priority.is_owner();
        let (coordinated, primary) = (self.params.coordinated, self.params.primary);
        self.params = params(&self.config, self.weighed_priority(), coordinated, primary);
        self.params.preempt &= self.drain.is_none();
        match (self.role(), was_owner, self.params.priority.is_owner()) {
            (Role::Backup, false, true) => {
                self.apply(Event::Shutdown, |_| Cause::OwnerStartup);
                self.apply(Event::Startup, |_| Cause::OwnerStartup);
            }
            (Role::Master, true, false) if self.drain.is_none() => {
                self.apply(Event::Shutdown, |_| Cause::OwnerNoMore);
                self.apply(Event::Startup, |_| Cause::OwnerNoMore);
            }
            _ => {
                self.apply(Event::ParamsChanged, |this| this.cause);
            }
        }
    }

    /// The priority in use is about to change: changes that were never fetched become one.
    fn note_priority(&mut self, by: PriorityCause) {
        let from = self.pending.priority.map_or(self.params.priority, |(from, _)| from);
        (self.pending.priority, self.pending.news) = (Some((from, by)), true);
    }

    fn weighed_priority(&self) -> Priority {
        let own = self.config.priority();
        // Whoever is drained is no owner (OWN-02), and what weighs on others weighs on it.
        let own = if self.drain.is_some() { own.min(Priority::BELOW_OWNER) } else { own };
        let priority = own.adjusted(self.health.adjustment(self.config.trackers()));
        let handicapped = self.slots.are_flawed() || self.health.group_handicapped;
        let priority = if handicapped { priority.handicapped() } else { priority };
        self.drain.map_or(priority, |drain| priority.min(drain.priority))
    }

    /// Updates fault and priority after a change of the addresses that can be set (`docs/partial-service.md`).
    fn assess(&mut self) {
        let essential = self.config.essential();
        let master = self.role() == Role::Master;
        self.serves_nothing |= master && self.slots.are_hopeless(essential);
        let none = self.serves_nothing || self.slots.none_available(essential);
        self.health.not_installed = self.config.addresses().first().copied().filter(|_| none);
        if self.serves_nothing {
            self.retry_later();
        }
        self.reprioritise(PriorityCause::Addresses);
        self.reconsider();
    }

    /// Plans to ask again for the addresses that failed, each time after a longer wait, up to a limit.
    fn retry_later(&mut self) {
        if self.retry_at.is_none_or(|at| at <= self.now) {
            let [.., longest] = INSTALL_RETRY;
            self.retry_at = Some(self.now + INSTALL_RETRY.get(self.retries).copied().unwrap_or(longest));
            self.retries = self.retries.saturating_add(1);
        }
    }

    /// It is time to ask again.
    fn retry(&mut self) {
        self.retry_at = None;
        match self.role() {
            Role::Initialize => {
                self.serves_nothing = false;
                self.assess();
            }
            // A Backup asks when it is Master.
            Role::Backup => {}
            Role::Master => self.slots.try_again(),
        }
    }

    /// The host has from now on to confirm what it is asked for.
    fn await_confirmation(&mut self) {
        self.confirm_by = self.now + self.config.interval().duration().max(CONFIRM_AT_LEAST);
    }

    fn expire(&mut self) {
        let now = self.now;
        if self.role() == Role::Master && self.slots.are_in_flight() && now >= self.confirm_by {
            self.slots.refuse_unanswered();
            self.retry_later();
            self.assess();
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry();
        }
        if self.hand_over.is_some() && self.expire_hand_over() {
            return;
        }
        let is_due = self.state.deadline().is_some_and(|at| at <= now);
        if is_due && self.contest.takes_over(&self.params, &mut self.state, now) {
            self.apply(Event::Timer, Self::takeover_cause);
        }
        if self.role() == Role::Master {
            let count = self.contest.schedule.fire(self.config.announce(), now, self.config.interval().duration());
            self.slots.announce_all(count);
        }
    }

    /// Returns why a Backup whose timer ran out becomes Master.
    fn takeover_cause(&self) -> Cause {
        match (self.evidence.accepted, self.evidence.lower) {
            (_, Some(Heard { source: master, priority: Some(priority), .. })) => Cause::Preempted { master, priority },
            (Some(Heard { source: master, priority: None, .. }), _) => Cause::MasterReleased { master },
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
    #[inline]
    fn send(&mut self, kind: AdvertKind) -> Action {
        increment(&mut self.stats.advert_sent);
        if kind.is_regular() {
            self.renew_lease();
            self.said = [self.now, self.said[0]];
        } else if self.advertised_priority(kind).is_none() {
            increment(&mut self.stats.prio_zero_sent);
            if kind.serves_on() {
                self.renew_lease();
                // It has called for another Master, and cannot know that there is none.
                self.said = [Instant::ZERO; 2];
            }
        }
        self.pending.version2 = kind.in_version2().filter(|_| self.config_of(kind).also_version2());
        Action::SendAdvertisement(kind)
    }

    fn learn_version3(&mut self, source: IpAddr, interval: AdvertInterval) {
        if self.config.also_version2() {
            let down = self.params.master_down_interval(self.params.learned_interval(interval));
            self.learned.heard_version3(source, self.now + down);
        }
    }

    /// Follows an advertisement that was accepted. It is not inlined: the checks are so large that together they would run out of
    /// registers.
    #[inline(never)]
    fn hear(&mut self, advert: Advert) {
        let Advert { source, priority, interval } = advert;
        self.past.last_adv_source = Some(source);
        if self.hand_over.is_some() && self.hear_successor(advert) {
            return;
        }
        if !self.contest.admits(&self.params, &mut self.state, self.now, advert) {
            return increment(&mut self.stats.answers_suppressed);
        }
        let effects = self.apply(Event::Advert(advert), |this| match advert.priority {
            Some(priority) if priority > this.params.priority => {
                Cause::HigherPriority { master: advert.source, priority }
            }
            _ => Cause::HigherAddress { master: advert.source },
        });
        if effects.contains(Effects::YIELD) {
            self.winner = Some(Winner { address: source, interval });
        }
        let discarded = effects.contains(Effects::DISCARD);
        if effects.contains(Effects::ANSWER_LOWER) {
            self.answer(source);
        }
        let heard = Some(Heard { source, priority, interval, at: self.now });
        match (discarded, self.role()) {
            (false, _) => self.evidence = Evidence { accepted: heard, lower: None },
            (true, Role::Master) => {
                let interval = self.config.interval().duration();
                if let (Some(priority), false) = (priority, effects.contains(Effects::DUPLICATE)) {
                    self.tell_of_lower(source, priority);
                }
                let count = self.contest.schedule.on_contest(self.config.announce(), self.now, interval);
                self.slots.announce_all(count);
            }
            (true, _) => self.evidence.lower = heard,
        }
    }

    /// Tells that a lower Master was heard, but not as often as somebody may send that. It is not inlined: a Backup hears most
    /// packets.
    #[inline(never)]
    fn tell_of_lower(&mut self, from: IpAddr, priority: Priority) {
        let period = self.config.interval().duration().max(LOWER_HEARD_PERIOD);
        if self.lower_heard.take(self.now, period) {
            (self.pending.lower_heard, self.pending.news) = (Some((from, priority)), true);
        }
    }

    /// Answers `sender` if that is its turn, and counts it if not.
    fn answer(&mut self, sender: IpAddr) {
        if self.contest.answers(&self.params, self.now, sender) {
            self.advertise();
        } else {
            increment(&mut self.stats.answers_suppressed);
        }
    }

    /// Takes over the time. A Master that it finds beyond its lease is none any more, whatever it is told next.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.role() == Role::Master && self.now > self.lease_over {
            // The Backups that it has called did not wait.
            let silence = if self.hand_over.is_some() { Duration::MAX } else { self.now.since(self.advertised) };
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
            self.apply_transition(before, effects, cause(self));
        } else if effects.contains(Effects::ADVERTISE) {
            self.advertise();
        }
        effects
    }

    /// Applies a change of the state, or a new beginning of it: notes what is to be done.
    fn apply_transition(&mut self, before: Role, effects: Effects, cause: Cause) {
        let after = self.role();
        let anew = effects.contains(Effects::REMOVE | Effects::INSTALL);
        let (releases, yield_advertisement) =
            (effects.contains(Effects::RELEASE) && !self.broke_off, effects.contains(Effects::YIELD));
        // A release or yield advertisement of now is of this configuration, not of the one before.
        if releases || yield_advertisement {
            self.parting = None;
        }
        self.pending.release |= releases;
        self.hand_over = None;
        if effects.contains(Effects::INSTALL) {
            self.await_confirmation();
            // If it would ask for nothing, it asks again at once: a Master without an address has to find that out.
            let hopeless = |this: &Self| this.slots.are_all_flawed(this.config.essential());
            if self.retry_at.is_none_or(|at| at <= self.now) || hopeless(self) {
                self.retry_at = None;
                self.slots.try_again();
            }
            self.contest.schedule = Schedule::on_master(self.config.announce(), self.now);
            increment(&mut self.stats.master_transitions);
            self.past.new_master_reason = cause.new_master_reason();
            self.renew_lease();
            self.pending.remove_first = anew;
            // The advertisement of a takeover waits for nothing: the old Master leaves first.
            self.pending.advertise = true;
            // Addresses that an undrained transition left installed are announced anew.
            self.slots.announce_all(self.config.announce().repeat.max(1));
        }
        // What goes before the transition in version 3 may do so alone; only a release stays true.
        self.pending.version2 = self.pending.version2.filter(|kind| kind.is_release());
        // Advertisements heard in another state say nothing about the present Master.
        self.evidence = Evidence::default();
        self.slots.rewind();
        if before == Role::Initialize || after == Role::Initialize {
            self.past.up_since = (after != Role::Initialize).then_some(self.now);
        }
        self.pending.lower_heard = None;
        self.pending.yield_advertisement = yield_advertisement;
        self.enter(before, after, cause);
    }

    /// No advertisement goes out for an address that the host has not confirmed.
    fn advertise(&mut self) {
        if self.hand_over.as_ref().is_some_and(HandOver::is_silent) {
            return;
        }
        let serves = self.slots.all_installed() || self.slots.any_installed(self.config.essential());
        if serves && self.slots.are_settled() {
            self.pending.advertise = true;
        } else {
            increment(&mut self.stats.unconfirmed_suppressed);
            // It is silent because its host is at work: it does not hang.
            self.renew_lease();
        }
    }

    /// Transitions that were never fetched become one.
    fn enter(&mut self, from: Role, to: Role, cause: Cause) {
        let from = self.pending.transition.map_or(from, |unfetched| unfetched.from);
        (self.pending.transition, self.pending.news) = (Some(Transition { from, to, cause }), true);
        (self.since, self.cause) = (self.now, cause);
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
        yield_advertisement: config.yield_advertisement(),
        learned_interval_cap: config.learned_interval_cap(),
        coordinated,
        primary,
    }
}

/// Prepares the advertisement that is sent again and again, in version 2 too if the router speaks that as well.
fn prepare(config: &Config) -> (Prepared, Option<Prepared>) {
    let prepared = |version| Prepared::new(&message(config, version, None, ChecksumForm::Message));
    (prepared(config.profile().version()), config.also_version2().then(|| prepared(Version::V2)))
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
