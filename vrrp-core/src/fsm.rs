//! The state machine: RFC 3768 and RFC 9568 section 6.4 as one total function.
//!
//! [`step`] knows no clock, no heap and no wire. Everything that can be argued about stands here.
//!
//! # The states
//!
//! Each arrow has its events below it, with the [`Effects`] that the step asks for, and with the situations in which the event
//! leads there where these are not all. The drawing comes from the reviewed table of all states and events
//! (`tests/data/transitions.txt`), which has the steps that stay in a state too. A router in a sync group is `due` when its
//! timer ends, and Master when its group says so.
//!
#![doc = include_str!("guide/states.txt")]
//!
//! # A router without a heap
//!
//! [`Criteria`](crate::Criteria) checks a packet before it is an [`Event::Advert`], and [`Contest`](crate::Contest) bounds how often
//! the router answers, announces and takes over. `examples/fsm_no_heap.rs` of this crate is a router on these:
//!
//! ```
#![doc = include_str!("../examples/fsm_no_heap.rs")]
//! ```

use core::fmt;
use core::net::IpAddr;
use core::ops::{BitOr, BitOrAssign};
use core::time::Duration;

use crate::dialect::Profile;
use crate::time::Instant;
use crate::timers;
use crate::types::{AdvertInterval, Priority};

/// The settings of a router that the state machine needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Params {
    /// The document it follows.
    pub profile: Profile,
    /// Priority in use, after tracking.
    pub priority: Priority,
    /// Advertisement_Interval.
    pub interval: AdvertInterval,
    /// Preempt_Mode. An owner preempts whatever this says (FSM-B-11).
    pub preempt: bool,
    /// The time to watch a lower Master before preempting it (PRE-02).
    pub preempt_hold: Duration,
    /// A Master answers a lower advertisement at once: on in RFC 9568 (FSM-A-07), off before.
    pub answer_lower: bool,
    /// A Master that yields says so, to the better one alone. Off in every RFC.
    ///
    /// After a split the better Master may never hear the other one, which yields to its first packet; this lets it
    /// hear, and announce its addresses to the neighbours again.
    pub yield_advertisement: bool,
    /// Longest interval learned from others; one's own is learned whatever this says (SEC-06). `None`: no limit.
    pub learned_interval_cap: Option<AdvertInterval>,
    /// True in a sync group: the end of Master_Down_Timer makes a Backup due, and the group makes it Master (EXT-06).
    pub coordinated: bool,
    /// Primary address of the interface, for ties.
    pub primary: IpAddr,
}

impl Params {
    /// Makes a router that preempts without a hold, answers as its profile says, sends no yield advertisement, learns any interval, and is
    /// in no sync group. `primary` has no default: without it this router would lose, or win, every tie.
    #[must_use]
    pub const fn new(profile: Profile, priority: Priority, interval: AdvertInterval, primary: IpAddr) -> Self {
        Self {
            profile,
            priority,
            interval,
            preempt: true,
            preempt_hold: Duration::ZERO,
            answer_lower: profile.dialect().answers_lower,
            yield_advertisement: false,
            learned_interval_cap: None,
            coordinated: false,
            primary,
        }
    }

    /// Sets Preempt_Mode, and how long a lower Master is watched before it is preempted (PRE-02).
    #[must_use]
    pub const fn with_preempt(self, preempt: bool, preempt_hold: Duration) -> Self {
        Self { preempt, preempt_hold, ..self }
    }

    /// Sets whether a Master answers a lower one at once (FSM-A-07).
    #[must_use]
    pub const fn with_answer_lower(self, answer_lower: bool) -> Self {
        Self { answer_lower, ..self }
    }

    /// Sets whether a Master that yields says so, to the better one alone.
    #[must_use]
    pub const fn with_yield_advertisement(self, yield_advertisement: bool) -> Self {
        Self { yield_advertisement, ..self }
    }

    /// Sets the longest interval that is learned from others (SEC-06).
    #[must_use]
    pub const fn with_learned_interval_cap(self, learned_interval_cap: Option<AdvertInterval>) -> Self {
        Self { learned_interval_cap, ..self }
    }

    /// Sets whether it is in a sync group (EXT-06).
    #[must_use]
    pub const fn with_coordinated(self, coordinated: bool) -> Self {
        Self { coordinated, ..self }
    }

    /// Returns the interval by which a Master is timed that advertises every `heard` (TMR-04, SEC-06).
    #[must_use]
    pub fn learned_interval(&self, heard: AdvertInterval) -> AdvertInterval {
        match (self.profile.dialect().learns_interval, self.learned_interval_cap) {
            (false, _) => self.interval,
            (true, None) => heard,
            (true, Some(cap)) => heard.min(cap.max(self.interval)),
        }
    }

    /// Returns Skew_Time when the Master's interval is `interval`.
    #[must_use]
    pub const fn skew_time(&self, interval: AdvertInterval) -> Duration {
        Duration::from_nanos(timers::skew_time(self.profile.dialect(), self.priority, interval))
    }

    /// Returns Master_Down_Interval when the Master's interval is `interval`.
    #[must_use]
    pub const fn master_down_interval(&self, interval: AdvertInterval) -> Duration {
        Duration::from_nanos(self.master_down_nanos(interval))
    }

    const fn master_down_nanos(&self, interval: AdvertInterval) -> u64 {
        timers::master_down_interval(self.profile.dialect(), self.priority, interval)
    }
}

/// The three states of section 6.4. *Master* is called *Active* in RFC 9568.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the three states of the RFCs")]
pub enum State {
    /// Waiting for Startup.
    Initialize,
    /// Watching the Master.
    Backup(Backup),
    /// Holding the addresses and advertising.
    Master {
        /// The moment at which Adver_Timer fires.
        next_advert: Instant,
    },
}

/// The three states of section 6.4 without their timers, with their numbers in the MIBs (STAT-33). *Master* is called
/// *Active* in RFC 9568.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "the three states of the RFCs")]
pub enum Role {
    /// Not taking part: not started, or kept out by a fault.
    Initialize = 1,
    /// Watching the Master.
    Backup = 2,
    /// Holding the addresses and advertising.
    Master = 3,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialize => "Initialize",
            Self::Backup => "Backup",
            Self::Master => "Master",
        })
    }
}

/// The state that a Backup keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "a state, which a model checker makes")]
pub struct Backup {
    /// The moment at which Master_Down_Timer fires.
    pub master_down: Instant,
    /// The moment at which that timer was last set.
    pub armed_at: Instant,
    /// The interval of the last advertisement that started the timer; `None` until there was one.
    pub heard: Option<AdvertInterval>,
    /// The moment until which a lower Master is tolerated; set by the first of its advertisements (PRE-02).
    pub hold_until: Option<Instant>,
    /// Would be Master but for its sync group. No timer runs then; the next advertisement accepted starts it again.
    pub due: bool,
}

impl Backup {
    /// Returns the interval by which the Master is timed: in version 3 what it advertises, in version 2 and before anybody was
    /// heard the router's own (TMR-03, TMR-04).
    #[must_use]
    pub fn interval(&self, params: &Params) -> AdvertInterval {
        self.heard.map_or(params.interval, |heard| params.learned_interval(heard))
    }
}

impl State {
    /// Returns the state without its timers.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Initialize => Role::Initialize,
            Self::Backup(_) => Role::Backup,
            Self::Master { .. } => Role::Master,
        }
    }

    /// Returns when the running timer fires; `None` in Initialize.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Initialize | Self::Backup(Backup { due: true, .. }) => None,
            Self::Backup(backup) => Some(backup.master_down),
            Self::Master { next_advert } => Some(*next_advert),
        }
    }
}

/// An advertisement that passed every check of section 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the wire has")]
pub struct Advert {
    /// Source address of its IP header.
    pub source: IpAddr,
    /// Its priority; `None` is the release, 0 on the wire.
    pub priority: Option<Priority>,
    /// Its interval.
    pub interval: AdvertInterval,
}

/// An event that the state machine handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a table of the state machine must have each")]
pub enum Event {
    /// Begin to take part.
    Startup,
    /// Take part again after a break in which nobody can have taken over, as the Master that it was before.
    Resume,
    /// Stop taking part.
    Shutdown,
    /// The clock may have reached the deadline. Harmless when it has not (TMR-07).
    Timer,
    /// An advertisement arrived.
    Advert(Advert),
    /// `Params` changed: deadlines move to where they would be, never later (AMB-12).
    ParamsChanged,
    /// The sync group decided for all its members. Means nothing to a router without one.
    Coordinate(Coordinate),
    /// A Master has said nothing for longer than its lease: its process hung. It is no longer Master, and starts again.
    Lapsed {
        /// The time of its silence.
        silence: Duration,
    },
    /// A Master that called for another one yields to it, whatever its priority (`docs/drain.md`).
    HandedOver {
        /// The other one's interval.
        interval: AdvertInterval,
    },
}

/// A command of a sync group to its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a table of the state machine must have each")]
pub enum Coordinate {
    /// Every member is due: become Master.
    Promote,
    /// Another member yielded: release and watch.
    Demote,
}

/// The actions that a step asks for. They are carried out in the order of [`in_order`](Self::in_order), which is part of the
/// protocol:
///
/// 1. `RELEASE`, and then `REMOVE`: the others take over while the addresses go.
/// 2. `REMOVE` before `ADVERTISE`: a Master that begins anew has to set every address once more.
/// 3. `ADVERTISE` before `INSTALL`: an old Master leaves as soon as it can hear that. Then the addresses are installed, and each is
///    announced to the neighbours when it is there. No second advertisement leaves before the host has
///    answered for every address and has one of those that are advertised.
/// 4. `REMOVE` before `YIELD`: the better Master announces its addresses once more when it hears that one, so nobody else may answer
///    for them by then.
///
/// `DISCARD` and `DUPLICATE` ask for nothing. A Master that hears such an advertisement has met another Master: then it announces its
/// addresses to the neighbours again, which may have believed the other one. How often it does that, and how often it answers, is
/// bounded by [`Contest`](crate::Contest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects(u8);

impl Effects {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Send an advertisement.
    pub const ADVERTISE: Self = Self(1);
    /// Send an advertisement if the rate allows: an answer to a lower Master (FSM-A-07, FSM-A-10).
    pub const ANSWER_LOWER: Self = Self(1 << 1);
    /// Send the release, priority 0.
    pub const RELEASE: Self = Self(1 << 2);
    /// Install the addresses, then announce each.
    pub const INSTALL: Self = Self(1 << 3);
    /// Remove the addresses.
    pub const REMOVE: Self = Self(1 << 4);
    /// Nothing changed: the advertisement was lower than what this router would send.
    pub const DISCARD: Self = Self(1 << 5);
    /// Like `DISCARD`, but sender and receiver share priority and address: a duplicate address or a loop (FSM-A-09).
    pub const DUPLICATE: Self = Self(1 << 6);
    /// Tell the Master to whom this router yields that there was another one.
    pub const YIELD: Self = Self(1 << 7);

    /// Returns each of them alone, in the order in which they are carried out.
    pub fn in_order(self) -> impl Iterator<Item = Self> {
        const ORDER: [Effects; 8] = [
            Effects::RELEASE,
            Effects::REMOVE,
            Effects::ADVERTISE,
            Effects::ANSWER_LOWER,
            Effects::INSTALL,
            Effects::YIELD,
            Effects::DISCARD,
            Effects::DUPLICATE,
        ];
        ORDER.into_iter().filter(move |effect| self.contains(*effect))
    }

    /// Returns these but for `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Tells whether all of `other` is asked for.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Effects {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Effects {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Decides. Pairs of state and event that mean nothing change nothing. What is to be done has an [order](Effects).
///
/// An [`Event::Advert`] has passed the checks of section 7.1, which [`Criteria`](crate::Criteria) makes. How often a router answers,
/// announces and takes over is not decided here but by [`Contest`](crate::Contest), which calls this.
#[must_use]
#[inline]
pub fn step(params: &Params, mut state: State, now: Instant, event: Event) -> (State, Effects) {
    let effects = step_in_place(params, &mut state, now, event);
    (state, effects)
}

/// The same in place. Inlined where the event is known, little is left of it.
#[inline(always)]
pub(crate) fn step_in_place(params: &Params, state: &mut State, now: Instant, event: Event) -> Effects {
    match (&mut *state, event) {
        // FSM-I-01, OWN-02
        (State::Initialize, Event::Startup) if params.priority.is_owner() => {
            take_over(params, state, now, watch(params, now, None))
        }
        (State::Initialize, Event::Resume) => take_over(params, state, now, watch(params, now, None)),
        // FSM-I-02, FSM-I-05, TMR-03
        (State::Initialize, Event::Startup) => {
            *state = State::Backup(watch(params, now, None));
            Effects::NONE
        }
        // FSM-I-04
        (State::Initialize, _) => Effects::NONE,

        // FSM-B-05
        (State::Backup(_), Event::Shutdown) => {
            *state = State::Initialize;
            Effects::NONE
        }
        // FSM-B-06
        (State::Backup(backup), Event::Timer) if now >= backup.master_down => {
            let backup = *backup;
            take_over(params, state, now, backup)
        }
        // EXT-06
        (State::Backup(Backup { due: true, .. }), Event::Coordinate(Coordinate::Promote)) => {
            become_master(params, state, now)
        }
        (State::Backup(backup), Event::Advert(Advert { priority, interval, .. })) => {
            backup_hears(params, backup, now, priority, interval)
        }
        (State::Backup(backup), Event::ParamsChanged) => {
            retime(params, backup, now);
            Effects::NONE
        }
        (
            State::Backup(_),
            Event::Startup
            | Event::Resume
            | Event::Timer
            | Event::Coordinate(_)
            | Event::Lapsed { .. }
            | Event::HandedOver { .. },
        ) => Effects::NONE,

        // FSM-A-01
        (State::Master { .. }, Event::Shutdown) => {
            *state = State::Initialize;
            Effects::RELEASE | Effects::REMOVE
        }
        // FSM-A-02
        (State::Master { next_advert }, Event::Timer) if now >= *next_advert => {
            *next_advert = following(*next_advert, params.interval, now);
            Effects::ADVERTISE
        }
        (State::Master { .. }, Event::Advert(advert)) => master_hears(params, state, now, advert),
        (State::Master { next_advert }, Event::ParamsChanged) => {
            *next_advert = (*next_advert).min(now + params.interval.duration());
            Effects::NONE
        }
        // EXT-06
        (State::Master { .. }, Event::Coordinate(Coordinate::Demote)) if params.coordinated => {
            *state = State::Backup(watch(params, now, None));
            Effects::RELEASE | Effects::REMOVE
        }
        (State::Master { .. }, Event::HandedOver { interval }) => {
            *state = State::Backup(watch(params, now, Some(interval)));
            Effects::REMOVE
        }
        (State::Master { .. }, Event::Lapsed { silence }) => lapse(params, state, now, silence),
        (State::Master { .. }, Event::Startup | Event::Resume | Event::Timer | Event::Coordinate(_)) => Effects::NONE,
    }
}

#[inline(always)]
fn backup_hears(
    params: &Params,
    backup: &mut Backup,
    now: Instant,
    priority: Option<Priority>,
    interval: AdvertInterval,
) -> Effects {
    let Some(theirs) = priority else {
        // FSM-B-07, TMR-06, AMB-09
        backup.master_down = now + params.skew_time(backup.interval(params));
        (backup.armed_at, backup.due) = (now, false);
        return Effects::NONE;
    };
    let preempts = params.preempt || params.priority.is_owner();
    // FSM-B-08, FSM-B-09, FSM-B-11, AMB-10
    if theirs >= params.priority || !preempts {
        *backup = watch(params, now, Some(interval));
        return Effects::NONE;
    }
    // PRE-02
    let hold_until = backup.hold_until.unwrap_or(now + params.preempt_hold);
    if now < hold_until && !params.priority.is_owner() {
        *backup = Backup { hold_until: Some(hold_until), ..watch(params, now, Some(interval)) };
        return Effects::NONE;
    }
    // FSM-B-10, TMR-12
    Effects::DISCARD
}

fn master_hears(params: &Params, state: &mut State, now: Instant, advert: Advert) -> Effects {
    let Some(theirs) = advert.priority else {
        // FSM-A-03, SEC-03
        *state = State::Master { next_advert: now + params.interval.duration() };
        return Effects::ADVERTISE;
    };
    let yields = theirs > params.priority || (theirs == params.priority && advert.source > params.primary);
    if yields {
        // FSM-A-04, FSM-A-05, AMB-22; Preempt_Mode plays no part (FSM-A-08)
        *state = State::Backup(watch(params, now, Some(advert.interval)));
        return Effects::REMOVE | if params.yield_advertisement { Effects::YIELD } else { Effects::NONE };
    }
    if theirs == params.priority && advert.source == params.primary {
        // FSM-A-09
        return Effects::DISCARD | Effects::DUPLICATE;
    }
    // FSM-A-06, FSM-A-07; Adver_Timer runs on (AMB-03)
    Effects::DISCARD | if params.answer_lower { Effects::ANSWER_LOWER } else { Effects::NONE }
}

/// Begins anew, as after Startup. Nothing is sent on the way: there may be another Master, and nothing to release.
///
/// Within three intervals no Backup's Master_Down_Timer can have fired: to wait for it would let one take over that had no
/// reason to.
fn lapse(params: &Params, state: &mut State, now: Instant, silence: Duration) -> Effects {
    let at_once = params.priority.is_owner() && !params.coordinated;
    if at_once || silence < params.interval.duration().saturating_mul(3) {
        return Effects::REMOVE | become_master(params, state, now);
    }
    *state = State::Backup(watch(params, now, None));
    Effects::REMOVE
}

/// Nothing stands against this router as Master: alone it becomes so, in a group it is due.
fn take_over(params: &Params, state: &mut State, now: Instant, backup: Backup) -> Effects {
    if params.coordinated {
        *state = State::Backup(Backup { due: true, ..backup });
        return Effects::NONE;
    }
    become_master(params, state, now)
}

fn become_master(params: &Params, state: &mut State, now: Instant) -> Effects {
    *state = State::Master { next_advert: now + params.interval.duration() };
    Effects::ADVERTISE | Effects::INSTALL
}

/// Backup with Master_Down_Timer restarted (TMR-04, TMR-05, AMB-11).
#[inline]
fn watch(params: &Params, now: Instant, heard: Option<AdvertInterval>) -> Backup {
    let mut backup = Backup { master_down: now, armed_at: now, heard, hold_until: None, due: false };
    backup.master_down = now.plus_nanos(params.master_down_nanos(backup.interval(params)));
    backup
}

/// A running Master_Down_Timer under changed parameters: never later than it was (AMB-12).
fn retime(params: &Params, backup: &mut Backup, now: Instant) {
    let master_down = backup.armed_at.plus_nanos(params.master_down_nanos(backup.interval(params)));
    backup.master_down = backup.master_down.min(master_down);
    backup.hold_until = backup.hold_until.map(|at| at.min(now + params.preempt_hold));
    // Nobody waits for the others who is alone.
    backup.due &= params.coordinated;
}

/// The next Adver_Timer deadline: in phase, unless more than an interval was missed (TMR-11).
fn following(previous: Instant, interval: AdvertInterval, now: Instant) -> Instant {
    let in_phase = previous + interval.duration();
    if in_phase > now { in_phase } else { now + interval.duration() }
}
