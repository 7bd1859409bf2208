//! The bound on the answers of a Master to a lower Master or a release (FSM-A-03, FSM-A-07, FSM-A-10).
//!
//! Nothing that a packet says takes part in the bound: it is in the router's own interval. Each sender has a budget, so that
//! one does not use up what another is owed; all together have one too, for senders can be invented.

use core::net::IpAddr;

use crate::time::Instant;
use crate::token_bucket::TokenBucket;
use crate::types::AdvertInterval;

/// Senders that are remembered.
const SENDERS: usize = 4;
/// Answers to one sender in an interval, and in one burst.
const TO_ONE: u8 = 2;
/// Answers to all senders in an interval, and in one burst.
const TO_ALL: u8 = 4;

/// The budget of one router.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct Answers {
    all: TokenBucket<TO_ALL>,
    senders: [Option<(IpAddr, TokenBucket<TO_ONE>)>; SENDERS],
}

impl Answers {
    /// Decides whether `sender` gets an answer now from a router with this interval.
    pub(crate) fn take(&mut self, now: Instant, sender: IpAddr, interval: AdvertInterval) -> bool {
        let interval = interval.duration();
        if !self.all.has(now, interval / u32::from(TO_ALL)) {
            return false;
        }
        let known = self.senders.iter().position(|entry| entry.is_some_and(|(known, _)| known == sender));
        // Else the one that was answered longest ago gives way; an empty place is older than all.
        let oldest = || {
            (0..SENDERS).min_by_key(|index| self.senders.get(*index).copied().flatten().map(|(_, own)| own.filled_at()))
        };
        let Some(entry) = known.or_else(oldest).and_then(|index| self.senders.get_mut(index)) else { return false };
        let (_, own) = match entry {
            Some(entry) if entry.0 == sender => entry,
            other => other.insert((sender, TokenBucket::full())),
        };
        own.take(now, interval / u32::from(TO_ONE)) && self.all.take(now, interval / u32::from(TO_ALL))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn host(n: u32) -> IpAddr {
        core::net::Ipv4Addr::from(n).into()
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(1000) + Duration::from_millis(millis)
    }

    const INTERVAL: AdvertInterval = AdvertInterval::DEFAULT;

    #[test]
    fn two_senders_at_our_own_interval_get_an_answer_each_time() {
        let mut answers = Answers::default();
        for second in 0..20 {
            assert!(answers.take(at(second * 1000), host(1), INTERVAL), "{second}");
            // Its clock is a little fast.
            assert!(answers.take(at(second * 990 + 7), host(2), INTERVAL), "{second}");
        }
    }

    #[test]
    fn whatever_the_senders_four_leave_at_once_and_four_in_each_interval() {
        for senders in [1, 2, 3, 4, 5, 1000] {
            let mut answers = Answers::default();
            let sent = |from: u64, to: u64, answers: &mut Answers| {
                let mut sent = 0;
                for millis in from..to {
                    let packets = (0..3).flat_map(|_| 0..senders);
                    sent += packets.filter(|n| answers.take(at(millis), host(*n), INTERVAL)).count();
                }
                sent
            };
            let burst = sent(0, 1, &mut answers);
            assert_eq!(burst, if senders == 1 { 2 } else { 4 });
            let later = sent(1, 10_001, &mut answers);
            assert!(later <= 40, "{senders}: {later} in ten intervals");
            assert!(later >= if senders == 1 { 19 } else { 38 }, "{senders}: {later} in ten intervals");
        }
    }

    #[test]
    fn one_that_floods_does_not_use_up_what_another_is_owed() {
        let mut answers = Answers::default();
        let mut honest = 0;
        for millis in 0..20_000 {
            answers.take(at(millis), host(1), INTERVAL);
            if millis % 1000 == 500 {
                honest += usize::from(answers.take(at(millis), host(2), INTERVAL));
            }
        }
        assert_eq!(honest, 20);
    }
}
