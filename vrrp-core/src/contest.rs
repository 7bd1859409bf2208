//! The bounds on what a router does when it meets others: how often it answers, announces and takes over, whatever is sent.

use core::net::IpAddr;

use crate::announce::{AnnouncePolicy, Schedule};
use crate::answers::Answers;
use crate::fsm::{self, Advert, Effects, Event, Params, Role, State};
use crate::time::Instant;
use crate::token_bucket::TokenBucket;

/// The state machine and the bounds on it, for a driver without a heap: [`fsm::step`] decides, and this how often.
///
/// It answers a lower Master and a release as often as an honest sender can expect, and not each of a flood (FSM-A-10, SEC-03).
/// It announces the addresses again when another Master was heard that has to yield, and once more when that one is silent:
/// the neighbours may have believed it (GARP-03). It takes over eight times in a row, and then once in each of its intervals.
/// `VirtualRouter` has the same one.
///
/// ```
/// use vrrp_core::fsm::{Effects, Event, Params, State};
/// use vrrp_core::{AdvertInterval, AnnouncePolicy, Contest, Instant, Priority, Profile};
///
/// let own = "192.0.2.251".parse()?;
/// let params = Params::new(Profile::Rfc9568, Priority::new(150)?, AdvertInterval::DEFAULT, own);
/// let (policy, mut contest, mut state) = (AnnouncePolicy::default(), Contest::default(), State::Initialize);
///
/// contest.step(&params, &policy, &mut state, Instant::ZERO, Event::Startup);
/// let at = contest.deadline(&state).ok_or("a Backup has a timer")?;
/// let reaction = contest.step(&params, &policy, &mut state, at, Event::Timer);
/// assert_eq!(reaction.effects, Effects::ADVERTISE | Effects::INSTALL);
/// assert_eq!(reaction.announce, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Contest {
    pub(crate) schedule: Schedule,
    pub(crate) answers: Answers,
    pub(crate) takeovers: TokenBucket<8>,
}

/// The tasks of a driver after one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Reaction {
    /// The effects that the step asks for, in [this order](Effects::in_order). An answer that is allowed is `ADVERTISE` here.
    pub effects: Effects,
    /// The number of times that each installed address is announced, after everything else.
    pub announce: u8,
}

impl Contest {
    /// Handles an event: one step of the state machine, within the bounds.
    pub fn step(
        &mut self,
        params: &Params,
        policy: &AnnouncePolicy,
        state: &mut State,
        now: Instant,
        event: Event,
    ) -> Reaction {
        let is_admitted = match event {
            Event::Timer => !is_due(state, now) || self.takes_over(params, state, now),
            Event::Advert(advert) => self.admits(params, state, now, advert),
            _ => true,
        };
        let mut effects = if is_admitted { fsm::step_in_place(params, state, now, event) } else { Effects::NONE };
        let mut announce = 0;
        if effects.contains(Effects::INSTALL) {
            self.schedule = Schedule::on_master(policy, now);
            announce = policy.repeat.max(1);
        }
        if state.role() == Role::Master {
            announce = announce.max(match event {
                Event::Timer => self.schedule.fire(policy, now, params.interval.duration()),
                _ if effects.contains(Effects::DISCARD) => {
                    self.schedule.on_contest(policy, now, params.interval.duration())
                }
                _ => 0,
            });
        }
        if let (Event::Advert(advert), true) = (event, effects.contains(Effects::ANSWER_LOWER)) {
            effects = effects.without(Effects::ANSWER_LOWER);
            if self.answers(params, now, advert.source) {
                effects |= Effects::ADVERTISE;
            }
        }
        Reaction { effects, announce }
    }

    /// Returns when to hand in [`Event::Timer`]; `None`: only a packet or news can change anything.
    #[must_use]
    pub fn deadline(&self, state: &State) -> Option<Instant> {
        let announcements = if state.role() == Role::Master { self.schedule.deadline() } else { None };
        [state.deadline(), announcements].into_iter().flatten().min()
    }

    /// Tells whether the timer that ran out counts. A Backup takes over eight times in a row, and then once in each of its own
    /// intervals: a sender of better advertisements with the shortest interval does not make it announce its addresses each
    /// time.
    pub(crate) fn takes_over(&mut self, params: &Params, state: &mut State, now: Instant) -> bool {
        let interval = params.interval.duration();
        match state {
            State::Backup(backup) if !self.takeovers.take(now, interval) => {
                backup.master_down = now + interval;
                false
            }
            _ => true,
        }
    }

    /// Tells whether an advertisement is followed: a Master follows no more releases than it answers. The Backups that heard the
    /// last one wait for their Skew_Time only, so its next advertisement comes soon.
    #[inline]
    pub(crate) fn admits(&mut self, params: &Params, state: &mut State, now: Instant, advert: Advert) -> bool {
        let State::Master { next_advert } = state else { return true };
        if advert.priority.is_some() || self.answers(params, now, advert.source) {
            return true;
        }
        *next_advert = (*next_advert).min(now + params.interval.duration() / 4);
        false
    }

    /// Tells whether `sender` is to be answered now.
    pub(crate) fn answers(&mut self, params: &Params, now: Instant, sender: IpAddr) -> bool {
        self.answers.take(now, sender, params.interval)
    }
}

fn is_due(state: &State, now: Instant) -> bool {
    state.deadline().is_some_and(|at| at <= now)
}
