//! The times at which a Master announces its addresses to the neighbours, beyond the once that the RFCs ask for.

use core::time::Duration;

use crate::time::Instant;
use crate::token_bucket::TokenBucket;

/// Intervals without a sign of another Master after which it counts as silent.
const QUIET_AFTER: u32 = 3;

/// The policy for announcing addresses: how often, and when again (GARP-01, GARP-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal, the rest from its default")]
pub struct AnnouncePolicy {
    /// Announcements of each address as soon as it is installed, at least 1.
    pub repeat: u8,
    /// Time from becoming Master to a second round of `repeat`; `None`: no second round.
    pub delay: Option<Duration>,
    /// Period of further rounds while Master; `None`: none.
    pub refresh: Option<Duration>,
    /// Announcements of each address in those rounds.
    pub refresh_repeat: u8,
    /// Announcements of each address when another Master was heard that must yield to this one, and again when it fell
    /// silent; 0: none.
    pub contest_repeat: u8,
    /// Least time between two rounds of a contest, and at least an interval. Beyond that two rounds, for the beginning and
    /// the end of the first one.
    pub contest_holdoff: Duration,
}

impl Default for AnnouncePolicy {
    /// Once on becoming Master; once each at the beginning and the end of a contest.
    fn default() -> Self {
        Self {
            repeat: 1,
            delay: None,
            refresh: None,
            refresh_repeat: 1,
            contest_repeat: 1,
            contest_holdoff: Duration::from_secs(5),
        }
    }
}

/// The rounds that lie ahead of a Master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct Schedule {
    second: Option<Instant>,
    refresh: Option<Instant>,
    /// No further round of the same contest before this.
    contest_free: Option<Instant>,
    /// Rounds that contests may still cost.
    rounds: TokenBucket<2>,
    /// The other Master counts as silent from here on.
    quiet: Option<Instant>,
}

impl Schedule {
    pub(crate) fn on_master(policy: &AnnouncePolicy, now: Instant) -> Self {
        Self {
            second: policy.delay.map(|delay| now + delay),
            refresh: policy.refresh.map(|period| now + period),
            ..Self::default()
        }
    }

    /// The rounds of a router that is Master since `since`, whose policy changes from `old` to `new`. What is ahead moves
    /// only if its own setting does.
    #[cfg(feature = "alloc")]
    pub(crate) fn replan(&mut self, old: &AnnouncePolicy, new: &AnnouncePolicy, since: Instant, now: Instant) {
        if old.delay != new.delay {
            self.second = new.delay.map(|delay| since + delay).filter(|at| *at > now);
        }
        if old.refresh != new.refresh {
            self.refresh = new.refresh.map(|period| now + period);
        }
    }

    /// The rounds of a router that goes on as the Master that it was, whose policy may be another by now.
    #[cfg(feature = "alloc")]
    pub(crate) fn resumed(mut self, policy: &AnnouncePolicy, now: Instant) -> Self {
        self.second = self.second.filter(|_| policy.delay.is_some());
        self.refresh = policy.refresh.map(|period| self.refresh.unwrap_or(now + period));
        self
    }

    /// Another Master was heard. Returns announcements due now: at the beginning of a contest, and while it lasts once each
    /// holdoff; however often one begins and ends, no more than its two rounds and one each holdoff.
    pub(crate) fn on_contest(&mut self, policy: &AnnouncePolicy, now: Instant, interval: Duration) -> u8 {
        if policy.contest_repeat == 0 {
            return 0;
        }
        let lasting = self.quiet.replace(now + interval * QUIET_AFTER).is_some();
        let holdoff = policy.contest_holdoff.max(interval);
        if lasting && self.contest_free.is_some_and(|free| now < free) || !self.rounds.take(now, holdoff) {
            return 0;
        }
        self.contest_free = Some(now + holdoff);
        policy.contest_repeat
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.second, self.refresh, self.quiet].into_iter().flatten().min()
    }

    /// Announcements due at `now` of a Master with this interval; each round is disarmed before it is acted on.
    pub(crate) fn fire(&mut self, policy: &AnnouncePolicy, now: Instant, interval: Duration) -> u8 {
        let due = |slot: &mut Option<Instant>| slot.take_if(|at| *at <= now).is_some();
        let mut count = 0;
        if due(&mut self.second) {
            count = count.max(policy.repeat);
        }
        if due(&mut self.quiet) {
            // The last round of a contest is put off, never left out: what the other one said last is to be undone.
            let holdoff = policy.contest_holdoff.max(interval);
            match self.rounds.take(now, holdoff) {
                true => count = count.max(policy.contest_repeat),
                false => self.quiet = Some(now + holdoff),
            }
        }
        if due(&mut self.refresh) {
            self.refresh = policy.refresh.map(|period| now + period.max(Duration::from_millis(1)));
            count = count.max(policy.refresh_repeat);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn second_round_once_refresh_for_ever() {
        let policy = AnnouncePolicy {
            repeat: 5,
            delay: Some(Duration::from_secs(5)),
            refresh: Some(Duration::from_secs(60)),
            ..AnnouncePolicy::default()
        };
        let mut schedule = Schedule::on_master(&policy, at(0));
        assert_eq!(schedule.deadline(), Some(at(5)));
        assert_eq!([4, 5, 5].map(|t| schedule.fire(&policy, at(t), at(1).since(at(0)))), [0, 5, 0]);
        assert_eq!(schedule.deadline(), Some(at(60)));
        assert_eq!(schedule.fire(&policy, at(60), at(1).since(at(0))), 1);
        assert_eq!(schedule.deadline(), Some(at(120)));
    }

    #[test]
    fn a_contest_of_any_rate_costs_two_rounds_and_one_each_holdoff() {
        let (policy, interval) = (AnnouncePolicy::default(), Duration::from_secs(1));
        let mut schedule = Schedule::on_master(&policy, at(0));
        let rounds: u32 = (10..20).map(|t| u32::from(schedule.on_contest(&policy, at(t), interval))).sum();
        assert_eq!(rounds, 2, "at 10 and at 15");
        assert_eq!(schedule.deadline(), Some(at(22)));
        assert_eq!(schedule.fire(&policy, at(22), interval), 1);
        assert_eq!(schedule.deadline(), None);
        assert_eq!(schedule.on_contest(&policy, at(23), interval), 1, "a new contest");
        assert_eq!(schedule.fire(&policy, at(26), interval), 1);
        assert_eq!(schedule.on_contest(&policy, at(27), interval), 0, "five rounds in 17 s are enough");
        assert_eq!(schedule.fire(&policy, at(30), interval), 1, "but the last one is not left out");
    }

    #[test]
    fn contests_that_begin_and_end_again_and_again_cost_no_more() {
        let (policy, interval) = (AnnouncePolicy::default(), Duration::from_millis(10));
        let mut schedule = Schedule::on_master(&policy, at(0));
        let mut rounds = 0_u32;
        for centis in 0..10_000 {
            let now = at(10) + Duration::from_millis(10) * centis;
            rounds += u32::from(schedule.fire(&policy, now, interval));
            // Each contest is over when the next one begins.
            if centis % 4 == 0 {
                rounds += u32::from(schedule.on_contest(&policy, now, interval));
            }
        }
        assert!((20..=22).contains(&rounds), "{rounds} in 100 s");
    }

    #[test]
    fn without_rounds_a_contest_wakes_nobody() {
        let policy = AnnouncePolicy { contest_repeat: 0, ..AnnouncePolicy::default() };
        let mut schedule = Schedule::on_master(&policy, at(0));
        assert_eq!(schedule.on_contest(&policy, at(1), Duration::from_secs(1)), 0);
        assert_eq!(schedule.deadline(), None);
    }
}
