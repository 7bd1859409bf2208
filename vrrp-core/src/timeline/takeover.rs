//! The takeovers: who took over from whom, and how long nobody was Master.

use alloc::vec::Vec;
use core::time::Duration;

use super::model::{AdvertisementKind, Change, Fate, LaneId, LaneState, Timeline};
use crate::time::Instant;

/// One router became Master after another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Takeover {
    /// The Master before.
    pub from: LaneId,
    /// The Master now.
    pub to: LaneId,
    /// The last advertisement of the Master before that the other one heard, or if it heard none the end of its time as
    /// Master. Where nobody knows who heard what, its last advertisement.
    pub yield_advertisement: Instant,
    /// The moment at which the other one became Master.
    pub at: Instant,
    /// The behaviour of the Master before.
    pub before: Before,
}

/// The behaviour of a Master when another one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Before {
    /// It was gone.
    Gone,
    /// It was there and yielded: there was no gap.
    Yielded,
    /// It was there, and went on advertising: there were two.
    Stayed,
}

impl Takeover {
    /// Returns how long it took, from the last advertisement of the one to the moment at which the other was Master.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.at.since(self.yield_advertisement)
    }
}

/// The answer to whether a lane is Master, and since when.
#[derive(Clone, Copy, Debug, Default)]
struct Mastery {
    is: bool,
    /// The moment from which on it is Master, or is no more.
    since: Option<Instant>,
}

impl Timeline {
    /// Returns every takeover, by time.
    #[must_use]
    pub fn takeovers(&self) -> Vec<Takeover> {
        let mut changes: Vec<_> = self.states.iter().filter(|change| self.has(change.lane)).collect();
        changes.sort_by_key(|change| change.at);
        // A state that lasts for no time does not count.
        let mut next: Vec<Option<Instant>> = self.lanes.iter().map(|_| None).collect();
        let lasts = |change: &&&Change| {
            let next = next.get_mut(change.lane.index());
            next.is_some_and(|next| next.replace(change.at) != Some(change.at))
        };
        let mut changes: Vec<&Change> = changes.iter().rev().filter(lasts).copied().collect();
        changes.reverse();
        let words = self.words();
        let mut mastery: Vec<Mastery> = self.lanes.iter().map(|_| Mastery::default()).collect();
        let mut takeovers = Vec::new();
        let mut moments: Vec<Vec<Instant>> = self.lanes.iter().map(|_| Vec::new()).collect();
        for change in &changes {
            moments.get_mut(change.lane.index()).into_iter().for_each(|own| own.push(change.at));
        }
        for change in changes {
            let (at, to) = (change.at, change.lane);
            let is = change.state == LaneState::Master;
            let was = mastery.get(to.index()).is_some_and(|mastery| mastery.is);
            if is && !was {
                takeovers.extend(self.latest_other(to, &mastery).map(|(from, former)| {
                    let own = words.get(from.index()).map_or(&[][..], Vec::as_slice);
                    let ended = former.since.filter(|_| !former.is).unwrap_or(at);
                    let changes = moments.get(from.index()).map_or(&[][..], Vec::as_slice);
                    let end = changes.get(changes.partition_point(|moment| *moment < at));
                    let end = end.copied().unwrap_or(Instant::MAX);
                    let after = own.get(own.partition_point(|word| word.at <= at)..).unwrap_or_default();
                    let mut until_end = after.iter().take_while(|word| word.at < end);
                    let before = match former.is {
                        false => Before::Gone,
                        true if until_end.any(|word| word.is_regular) => Before::Stayed,
                        true => Before::Yielded,
                    };
                    Takeover {
                        from,
                        to,
                        yield_advertisement: yield_advertisement(own, to, at).unwrap_or(ended),
                        at,
                        before,
                    }
                }));
            }
            if let Some(entry) = mastery.get_mut(to.index()).filter(|_| is != was) {
                *entry = Mastery { is, since: Some(at) };
            }
        }
        takeovers
    }

    /// Returns the advertisements that each lane sent as Master, by time.
    fn words(&self) -> Vec<Vec<Word<'_>>> {
        let mut words: Vec<Vec<Word<'_>>> = self.lanes.iter().map(|_| Vec::new()).collect();
        for sent in self.advertisements.iter().filter(|sent| sent.kind != AdvertisementKind::Forged) {
            if let Some(own) = words.get_mut(sent.from.index()) {
                own.push(Word { at: sent.at, is_regular: sent.kind == AdvertisementKind::Regular, to: &sent.to });
            }
        }
        words.iter_mut().for_each(|own| own.sort_by_key(|word| word.at));
        words
    }

    /// The lane of the same virtual router that was Master last, or still is.
    fn latest_other(&self, lane: LaneId, mastery: &[Mastery]) -> Option<(LaneId, Mastery)> {
        let router = &self.lanes.get(lane.index())?.router;
        let others = self.lane_ids().filter(|other| *other != lane);
        let same = others.filter(|other| self.lanes.get(other.index()).is_some_and(|lane| lane.router == *router));
        let were = same.filter_map(|other| mastery.get(other.index()).map(|mastery| (other, *mastery)));
        were.filter(|(_, mastery)| mastery.since.is_some())
            .max_by_key(|(other, mastery)| (mastery.is, mastery.since, *other))
    }
}

/// An advertisement, as far as it matters here.
struct Word<'a> {
    at: Instant,
    is_regular: bool,
    to: &'a [(LaneId, Fate)],
}

/// The last of these words that a lane heard before a moment; where nobody knows what it heard, the last.
fn yield_advertisement(words: &[Word<'_>], to: LaneId, at: Instant) -> Option<Instant> {
    let before = words.get(..words.partition_point(|word| word.at < at)).unwrap_or_default();
    let reaches = |word: &&Word<'_>| {
        let mut fates = word.to.iter().filter(|(lane, _)| *lane == to).map(|(_, fate)| fate).peekable();
        fates.peek().is_none() || fates.any(|fate| matches!(fate, Fate::Heard(_)))
    };
    before.iter().rev().find(reaches).map(|word| word.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Advertisement;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_takeover_counts_from_the_last_word_and_the_way_back_is_in_turn() {
        let mut timeline = Timeline::new("there and back");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        let other = timeline.lane("b", "2");
        timeline.state(at(0), a, LaneState::Master, "");
        timeline.state(at(0), other, LaneState::Master, "");
        for millis in [100, 1_100] {
            timeline.advertisement(Advertisement::new(at(millis), a, 200));
            timeline.advertisement(Advertisement::new(at(millis + 900), other, 200));
        }
        timeline.state(at(1_500), a, LaneState::Down, "");
        timeline.state(at(4_700), b, LaneState::Master, "");
        timeline.advertisement(Advertisement::new(at(4_700), b, 100));
        timeline.state(at(6_000), a, LaneState::Master, "");
        timeline.state(at(6_001), b, LaneState::Backup, "");
        let [away, back] = timeline.takeovers().try_into().unwrap();
        assert_eq!(
            away,
            Takeover { from: a, to: b, yield_advertisement: at(1_100), at: at(4_700), before: Before::Gone }
        );
        assert_eq!(away.took(), Duration::from_millis(3_600));
        assert_eq!(
            back,
            Takeover { from: b, to: a, yield_advertisement: at(4_700), at: at(6_000), before: Before::Yielded }
        );
    }

    #[test]
    fn behind_a_cut_there_are_two_and_only_what_was_heard_counts() {
        let mut timeline = Timeline::new("cut");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        timeline.state(at(0), a, LaneState::Master, "");
        for second in 0..9 {
            let sent = at(1_000 * second);
            let fate = if second < 3 { Fate::Heard(sent) } else { Fate::Cut };
            timeline.advertisement(Advertisement::new(sent, a, 200).to(b, fate));
        }
        timeline.state(at(5_600), b, LaneState::Master, "");
        let [only] = timeline.takeovers().try_into().unwrap();
        assert_eq!(
            only,
            Takeover { from: a, to: b, yield_advertisement: at(2_000), at: at(5_600), before: Before::Stayed }
        );
    }

    #[test]
    fn the_first_master_takes_over_from_nobody() {
        let mut timeline = Timeline::new("first");
        let (a, b) = (timeline.lane("a", "1"), timeline.lane("b", "1"));
        timeline.state(at(0), a, LaneState::Backup, "");
        timeline.state(at(0), b, LaneState::Backup, "");
        timeline.state(at(3_000), a, LaneState::Master, "");
        timeline.state(at(3_000), a, LaneState::Master, "told again");
        assert_eq!(timeline.takeovers(), []);
    }
}
