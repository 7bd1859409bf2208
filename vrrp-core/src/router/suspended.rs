//! A router taken out of a process that ends, and put into the next one, as if nothing had happened.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::evidence::{Evidence, History, Winner};
use super::hand_over::HandOver;
use super::pending::Pending;
use super::reconfigure::ReconfigureError;
use super::slots::{Slot, Slots};
use super::{VirtualRouter, params, prepare};
use crate::action::AddressRequest;
use crate::announce::Schedule;
use crate::answers::Answers;
use crate::cause::{Cause, PriorityCause};
use crate::config::Config;
use crate::contest::Contest;
use crate::drain::Drain;
use crate::fsm::{Params, Role, State};
use crate::health::{Fault, Health, Reading};
use crate::learned::Learned;
use crate::stats::Stats;
use crate::time::Instant;
use crate::token_bucket::TokenBucket;
use crate::types::{Family, RouterId, Vrid};

/// Everything that a router knows but its configuration: its state and timers, what it learned and heard, its counters, its
/// addresses and verdicts by name.
///
/// With the feature `serde` it can be written down. An unknown or missing field is an error, so another version of this crate
/// refuses it. Only optional fields may be missing. Where the meaning of a field changes its name does too. Its moments are those
/// of the clock that [`VirtualRouter::handle`] was given: they mean nothing on a host that was started anew since.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Suspended {
    vrid: Vrid,
    family: Family,
    state: State,
    now: Instant,
    started: bool,
    params: Params,
    source: Option<IpAddr>,
    addresses: Vec<(IpAddr, Slot)>,
    last_request: u32,
    confirm_by: Instant,
    retry_at: Option<Instant>,
    retries: usize,
    serves_nothing: bool,
    schedule: Schedule,
    answers: Answers,
    takeovers: TokenBucket<8>,
    lower_heard: TokenBucket<4>,
    winner: Option<Winner>,
    said: [Instant; 2],
    broke_off: bool,
    drain: Option<Drain>,
    hand_over: Option<HandOver>,
    advertised: Instant,
    lease_over: Instant,
    learned: Learned,
    evidence: Evidence,
    past: History,
    since: Instant,
    cause: Cause,
    last_fault: Option<Fault>,
    refusal_reported: bool,
    told_faults: Vec<Fault>,
    stats: Stats,
    interface_up: bool,
    primary_address: bool,
    not_installed: Option<IpAddr>,
    stray: Option<IpAddr>,
    group_handicapped: bool,
    group_fault: Option<Fault>,
    /// Each tracker by name, with what it last said.
    readings: Vec<(String, Option<Reading>)>,
}

impl Suspended {
    /// Returns the state that the router is in, without its timers.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.state.role()
    }

    /// Tells whether the router was started.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.started
    }

    /// Returns the latest time that the router saw.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.now
    }

    /// Returns what the tracker of this name last said, if it did.
    #[must_use]
    pub fn reading(&self, tracker: &str) -> Option<Reading> {
        self.readings.iter().find(|(name, _)| name == tracker)?.1
    }

    /// Gives the members of its sync group the ids that they have from now on, in all that is told of the past.
    pub fn rename_routers(&mut self, new: impl Fn(RouterId) -> RouterId) {
        self.cause = self.cause.with_routers(&new);
        let faults = [&mut self.last_fault, &mut self.group_fault].into_iter().flatten();
        faults.chain(&mut self.told_faults).for_each(|fault| *fault = fault.with_routers(&new));
    }
}

impl VirtualRouter {
    /// Writes down everything that this router knows, for [`resume`](Self::resume). `None` while there are actions to fetch: what is
    /// begun has to be carried out first.
    #[must_use]
    pub fn suspend(&self) -> Option<Suspended> {
        if self.has_actions() || self.parting.is_some() && self.pending.ends_something() {
            return None;
        }
        // Without `..`: nothing is to be forgotten.
        let Self {
            config,
            state,
            now,
            started,
            health,
            params,
            source,
            slots,
            confirm_by,
            retry_at,
            retries,
            serves_nothing,
            contest: Contest { schedule, answers, takeovers },
            lower_heard,
            pending: _,
            winner,
            parting: _,
            said,
            broke_off,
            drain,
            hand_over,
            advertised,
            lease_over,
            advertisement: _,
            advertisement_version2: _,
            learned,
            evidence,
            past,
            since,
            cause,
            last_fault,
            refusal_reported,
            told_faults,
            stats,
        } = self;
        let (slots, last_request) = slots.carried();
        let readings = config.trackers().iter().zip(health.readings());
        Some(Suspended {
            vrid: config.vrid(),
            family: config.family(),
            state: *state,
            now: *now,
            started: *started,
            params: *params,
            source: *source,
            addresses: config.addresses().iter().copied().zip(slots).collect(),
            last_request,
            confirm_by: *confirm_by,
            retry_at: *retry_at,
            retries: *retries,
            serves_nothing: *serves_nothing,
            schedule: *schedule,
            answers: *answers,
            takeovers: *takeovers,
            lower_heard: *lower_heard,
            winner: *winner,
            said: *said,
            broke_off: *broke_off,
            drain: *drain,
            hand_over: *hand_over,
            advertised: *advertised,
            lease_over: *lease_over,
            learned: learned.clone(),
            evidence: *evidence,
            past: *past,
            since: *since,
            cause: *cause,
            last_fault: *last_fault,
            refusal_reported: *refusal_reported,
            told_faults: told_faults.clone(),
            stats: *stats,
            interface_up: health.interface_up,
            primary_address: health.primary_address,
            not_installed: health.not_installed,
            stray: health.stray,
            group_handicapped: health.group_handicapped,
            group_fault: health.group,
            readings: readings.map(|(tracker, reading)| (tracker.name.clone(), *reading)).collect(),
        })
    }

    /// Tells whether [`resume`](Self::resume) would go on just as this router does: it has nothing to hand out, and the host owes it
    /// no answer.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.has_actions() && !self.slots.are_in_flight() && !self.pending.ends_something()
    }

    /// Makes the router that was [suspended](Self::suspend): in the same state, with the same timers. It hands out nothing because
    /// of that, and goes on as if nothing had happened; what the host had not answered it asks for again.
    ///
    /// The configuration may be another one: what follows from that is what follows from a
    /// [`reconfigure`](Self::reconfigure). A member of a sync group waits for its [group](crate::RouterSet::group).
    ///
    /// # Errors
    /// [`ReconfigureError`]: the configuration is that of another router, of another id or family.
    pub fn resume(config: Config, suspended: Suspended) -> Result<Self, ReconfigureError> {
        let (from, to) = (suspended.vrid, config.vrid());
        if from != to {
            return Err(ReconfigureError::Vrid { from, to });
        }
        let (from, to) = (suspended.family, config.family());
        if from != to {
            return Err(ReconfigureError::Family { from, to });
        }
        let old: Vec<IpAddr> = suspended.addresses.iter().map(|(address, _)| *address).collect();
        let (names, readings): (Vec<String>, Vec<Option<Reading>>) = suspended.readings.into_iter().unzip();
        let (advertisement, advertisement_version2) = prepare(&config);
        let mut health = Health::new(0).with_readings(readings);
        (health.interface_up, health.primary_address) = (suspended.interface_up, suspended.primary_address);
        (health.not_installed, health.stray) = (suspended.not_installed, suspended.stray);
        (health.group, health.group_handicapped) = (suspended.group_fault, suspended.group_handicapped);
        let mut router = Self {
            state: suspended.state,
            now: suspended.now,
            started: suspended.started,
            health,
            params: suspended.params,
            source: suspended.source,
            slots: Slots::resumed(suspended.addresses.into_iter().map(|(_, slot)| slot), suspended.last_request),
            confirm_by: suspended.confirm_by,
            retry_at: suspended.retry_at,
            retries: suspended.retries,
            serves_nothing: suspended.serves_nothing,
            contest: Contest {
                schedule: suspended.schedule,
                answers: suspended.answers,
                takeovers: suspended.takeovers,
            },
            lower_heard: suspended.lower_heard,
            pending: Pending::default(),
            winner: suspended.winner,
            parting: None,
            said: suspended.said,
            broke_off: suspended.broke_off,
            drain: suspended.drain,
            hand_over: suspended.hand_over,
            advertised: suspended.advertised,
            lease_over: suspended.lease_over,
            advertisement,
            advertisement_version2,
            learned: suspended.learned,
            evidence: suspended.evidence,
            past: suspended.past,
            since: suspended.since,
            cause: suspended.cause,
            last_fault: suspended.last_fault,
            refusal_reported: suspended.refusal_reported,
            told_faults: suspended.told_faults,
            stats: suspended.stats,
            config,
        };
        router.adapt(&old, &names);
        Ok(router)
    }

    /// Draws the consequences where the configuration is not the one with which everything else came about.
    fn adapt(&mut self, old: &[IpAddr], trackers: &[String]) {
        self.retrack(trackers.iter().map(String::as_str));
        if self.role() == Role::Master {
            self.contest.schedule = self.contest.schedule.resumed(self.config.announce(), self.now);
        }
        match self.config.lease() {
            None => self.lease_over = Instant::MAX,
            Some(lease) if self.lease_over == Instant::MAX => self.lease_over = self.advertised + lease,
            Some(_) => {}
        }
        let readdressed = old != self.config.addresses();
        self.readdress(old);
        let Params { coordinated, primary, .. } = self.params;
        let wanted = params(&self.config, self.weighed_priority(), coordinated, primary);
        let preempt = wanted.preempt && self.drain.is_none();
        if self.params != (Params { preempt, ..wanted }) {
            self.note_weighed_priority(PriorityCause::Configuration);
            self.reparametrise();
        }
        if readdressed {
            self.assess();
        } else {
            self.reconsider();
        }
    }

    /// Returns the addresses that the host confirmed, each with the request that was confirmed last.
    pub fn requests(&self) -> impl Iterator<Item = AddressRequest> + '_ {
        self.slots.requests(self.config.addresses())
    }
}
