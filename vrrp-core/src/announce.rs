//! When a Master announces its addresses to the neighbours, beyond the once that the RFCs ask for.

use core::time::Duration;

use crate::time::Instant;

/// How often, and when again, addresses are announced (GARP-01, GARP-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Least time between two rounds of one contest.
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
pub(crate) struct Schedule {
    second: Option<Instant>,
    refresh: Option<Instant>,
    /// No further round of the same contest before this.
    contest_free: Option<Instant>,
    /// The other Master counts as silent from here on.
    quiet: Option<Instant>,
}

impl Schedule {
    pub(crate) fn on_master(policy: &AnnouncePolicy, now: Instant) -> Self {
        Self {
            second: policy.delay.map(|delay| now + delay),
            refresh: policy.refresh.map(|period| now + period),
            contest_free: None,
            quiet: None,
        }
    }

    /// The rounds of a router that is Master since `since`, whose policy changes from `old` to `new`. What is ahead moves
    /// only if its own setting does.
    pub(crate) fn replan(&mut self, old: &AnnouncePolicy, new: &AnnouncePolicy, since: Instant, now: Instant) {
        if old.delay != new.delay {
            self.second = new.delay.map(|delay| since + delay).filter(|at| *at > now);
        }
        if old.refresh != new.refresh {
            self.refresh = new.refresh.map(|period| now + period);
        }
    }

    /// Another Master was heard, which `silence` without a further sign will end. Returns announcements due now: at the
    /// beginning of a contest always, while it lasts one round each holdoff.
    pub(crate) fn on_contest(&mut self, policy: &AnnouncePolicy, now: Instant, silence: Duration) -> u8 {
        let lasting = self.quiet.replace(now + silence).is_some();
        if lasting && self.contest_free.is_some_and(|free| now < free) {
            return 0;
        }
        self.contest_free = Some(now + policy.contest_holdoff);
        policy.contest_repeat
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.second, self.refresh, self.quiet].into_iter().flatten().min()
    }

    /// Announcements due at `now`; each round is disarmed before it is acted on.
    pub(crate) fn fire(&mut self, policy: &AnnouncePolicy, now: Instant) -> u8 {
        let due = |slot: &mut Option<Instant>| slot.take_if(|at| *at <= now).is_some();
        let mut count = 0;
        if due(&mut self.second) {
            count = count.max(policy.repeat);
        }
        if due(&mut self.quiet) {
            count = count.max(policy.contest_repeat);
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
        assert_eq!(
            (schedule.fire(&policy, at(4)), schedule.fire(&policy, at(5)), schedule.fire(&policy, at(5))),
            (0, 5, 0)
        );
        assert_eq!(schedule.deadline(), Some(at(60)));
        assert_eq!(schedule.fire(&policy, at(60)), 1);
        assert_eq!(schedule.deadline(), Some(at(120)));
    }

    #[test]
    fn a_contest_of_any_rate_costs_two_rounds_and_one_each_holdoff() {
        let policy = AnnouncePolicy::default();
        let mut schedule = Schedule::on_master(&policy, at(0));
        let silence = Duration::from_secs(3);
        let rounds: u32 = (10..20).map(|t| u32::from(schedule.on_contest(&policy, at(t), silence))).sum();
        assert_eq!(rounds, 2, "at 10 and at 15");
        assert_eq!(schedule.deadline(), Some(at(22)));
        assert_eq!(schedule.fire(&policy, at(22)), 1);
        assert_eq!(schedule.deadline(), None);
        assert_eq!(schedule.on_contest(&policy, at(23), silence), 1, "a new contest, whenever the last one was");
    }
}
