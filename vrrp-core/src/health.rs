//! Tracking arithmetic: what keeps a router out of the election, and what changes its priority.
//!
//! Causes are a set of named things, never one bit: with two of them failing and one recovered it is still a fault.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::num::{NonZeroI16, NonZeroU32};

use crate::types::{RouterId, TrackerId};

/// What a tracked thing does to the router that tracks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "either it keeps out or it adjusts")]
pub enum Weight {
    /// Failing means fault: the router leaves the election until it passes again. keepalived's `weight 0`.
    Fault,
    /// Positive: added to the priority while passing. Negative: subtracted while failing. Never zero.
    Adjust(NonZeroI16),
}

/// Something outside the protocol that decides whether, or how readily, a router serves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Tracker {
    /// What operators call it.
    pub name: String,
    /// What its failing does.
    pub weight: Weight,
    /// Turned round: a `Fault` tracker faults while passing, an adjustment changes its sign.
    pub reverse: bool,
}

impl Tracker {
    /// Returns what it adds to the priority while it passes, or while it fails.
    #[must_use]
    pub fn adjustment(&self, passing: bool) -> i32 {
        match self.weight {
            Weight::Adjust(weight) if passing == (weight.get() > 0) => {
                let weight = i32::from(weight.get());
                if self.reverse { -weight } else { weight }
            }
            _ => 0,
        }
    }
}

/// Why a router cannot take part. It is in Initialize as long as there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Fault {
    /// The router's own interface is down, without carrier, or does not exist.
    InterfaceDown,
    /// The interface has no address to send from.
    NoPrimaryAddress,
    /// The host could install none of the advertised addresses, this one among them, or did not confirm any within one
    /// interval, at least 100 ms.
    NotInstalled(IpAddr),
    /// This address is on the host although the router is not Master, and cannot be removed.
    Stray(IpAddr),
    /// A tracker fails.
    Tracker(TrackerId),
    /// A tracker has no result yet: nothing unchecked goes into service.
    Unchecked(TrackerId),
    /// Another member of the sync group is at fault.
    GroupMember(RouterId),
    /// Another member of the sync group is not started, or was stopped, or is unchecked.
    GroupPending(RouterId),
}

impl Fault {
    /// Whether nothing is known to be wrong yet: such a fault is waited for in silence.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Unchecked(_) | Self::GroupPending(_))
    }

    /// The same where the id of a member of the sync group is another now.
    pub(crate) fn with_routers(self, new: impl FnOnce(RouterId) -> RouterId) -> Self {
        match self {
            Self::GroupMember(id) => Self::GroupMember(new(id)),
            Self::GroupPending(id) => Self::GroupPending(new(id)),
            other => other,
        }
    }

    /// The same where a tracker's id is another now.
    pub(crate) fn with_trackers(self, new: impl FnOnce(TrackerId) -> TrackerId) -> Self {
        match self {
            Self::Tracker(id) => Self::Tracker(new(id)),
            Self::Unchecked(id) => Self::Unchecked(new(id)),
            other => other,
        }
    }
}

/// Everything that is known of a router's fitness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) interface_up: bool,
    pub(crate) primary_address: bool,
    pub(crate) not_installed: Option<IpAddr>,
    pub(crate) stray: Option<IpAddr>,
    /// Another member of the sync group cannot have all of its addresses.
    pub(crate) group_handicapped: bool,
    /// What another member of the sync group lacks.
    pub(crate) group: Option<Fault>,
    /// Verdict of each tracker, by id; `None` before its first.
    verdicts: Vec<Option<bool>>,
}

impl Health {
    pub(crate) fn new(trackers: usize) -> Self {
        let verdicts = vec![None; trackers];
        Self {
            interface_up: true,
            primary_address: false,
            not_installed: None,
            stray: None,
            group_handicapped: false,
            group: None,
            verdicts,
        }
    }

    /// How many faults there can be at once.
    pub(crate) const fn most_faults(trackers: usize) -> usize {
        /// Interface, address to send from, addresses that cannot be set, stray, group.
        const WITHOUT_TRACKERS: usize = 5;
        WITHOUT_TRACKERS + trackers
    }

    /// From now on `new` are the trackers. One of the same name keeps its verdict, whatever its weight; returns which id
    /// each old one has now.
    pub(crate) fn retrack<'a>(
        &mut self,
        old: impl Iterator<Item = &'a str>,
        new: &[Tracker],
    ) -> Vec<Option<TrackerId>> {
        let mut verdicts = vec![None; new.len()];
        let mut taken = vec![false; new.len()];
        let ids = old.zip(&self.verdicts).map(|(name, verdict)| {
            let same = |(index, taken): (usize, &bool)| !taken && new.get(index).is_some_and(|n| n.name == name);
            let index = taken.iter().enumerate().position(same)?;
            *taken.get_mut(index)? = true;
            *verdicts.get_mut(index)? = *verdict;
            u16::try_from(index).ok().map(TrackerId)
        });
        let ids = ids.collect();
        self.verdicts = verdicts;
        ids
    }

    /// Every verdict, in the order of the trackers.
    pub(crate) fn verdicts(&self) -> &[Option<bool>] {
        &self.verdicts
    }

    /// From now on these are the verdicts, in the order of the trackers.
    pub(crate) fn with_verdicts(self, verdicts: Vec<Option<bool>>) -> Self {
        Self { verdicts, ..self }
    }

    /// Unknown ids are ignored.
    pub(crate) fn record(&mut self, id: TrackerId, passing: bool) {
        if let Some(verdict) = self.verdicts.get_mut(usize::from(id.0)) {
            *verdict = Some(passing);
        }
    }

    /// Every fault there is, its own before the group's.
    pub(crate) fn faults<'a>(&'a self, trackers: &'a [Tracker]) -> impl Iterator<Item = Fault> + 'a {
        self.own_faults(trackers).chain(self.group)
    }

    /// Everything that is known to be wrong: every fault but those that are merely pending.
    pub(crate) fn known_faults<'a>(&'a self, trackers: &'a [Tracker]) -> impl Iterator<Item = Fault> + 'a {
        self.faults(trackers).filter(|fault| !fault.is_pending())
    }

    /// Every fault but the group's, what failed before what is merely unchecked.
    pub(crate) fn own_faults<'a>(&'a self, trackers: &'a [Tracker]) -> impl Iterator<Item = Fault> + 'a {
        let failing = self.weigh(trackers, |tracker, verdict, id| match (tracker.weight, verdict) {
            (Weight::Fault, Some(passing)) if passing == tracker.reverse => Some(Fault::Tracker(id)),
            _ => None,
        });
        let unchecked = self.weigh(trackers, |tracker, verdict, id| match (tracker.weight, verdict) {
            (Weight::Fault, None) => Some(Fault::Unchecked(id)),
            _ => None,
        });
        let interface = (!self.interface_up).then_some(Fault::InterfaceDown);
        let primary = (!self.primary_address).then_some(Fault::NoPrimaryAddress);
        let (address, stray) = (self.not_installed.map(Fault::NotInstalled), self.stray.map(Fault::Stray));
        [interface, primary, address, stray].into_iter().flatten().chain(failing).chain(unchecked)
    }

    /// Sum of the weights in force; a tracker without a result contributes nothing.
    pub(crate) fn adjustment(&self, trackers: &[Tracker]) -> i32 {
        self.weigh(trackers, |tracker, verdict, _| Some(tracker.adjustment(verdict?))).sum()
    }

    /// What a tracker last said.
    pub(crate) fn verdict(&self, id: TrackerId) -> Option<bool> {
        self.verdicts.get(usize::from(id.0)).copied().flatten()
    }

    fn weigh<'a, T>(
        &'a self,
        trackers: &'a [Tracker],
        judge: impl Fn(&Tracker, Option<bool>, TrackerId) -> Option<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        let ids = (0..=u16::MAX).map(TrackerId);
        trackers
            .iter()
            .zip(&self.verdicts)
            .zip(ids)
            .filter_map(move |((tracker, verdict), id)| judge(tracker, *verdict, id))
    }
}

/// Turns a series of single results into a verdict: `fall` failures in a row make it fail, `rise` successes make it
/// pass again. The first result decides alone, so a router never runs on an unchecked service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hysteresis {
    rise: NonZeroU32,
    fall: NonZeroU32,
    verdict: Option<bool>,
    against: u32,
}

impl Hysteresis {
    /// A series without results yet.
    #[must_use]
    pub const fn new(rise: NonZeroU32, fall: NonZeroU32) -> Self {
        Self { rise, fall, verdict: None, against: 0 }
    }

    /// The verdict so far; `None` before the first result.
    #[must_use]
    pub const fn verdict(&self) -> Option<bool> {
        self.verdict
    }

    /// Counts one result. Returns the verdict when this result changed it.
    pub fn record(&mut self, passed: bool) -> Option<bool> {
        let needed = match self.verdict {
            None => 1,
            Some(verdict) if verdict == passed => {
                self.against = 0;
                return None;
            }
            Some(true) => self.fall.get(),
            Some(false) => self.rise.get(),
        };
        self.against = self.against.saturating_add(1);
        if self.against < needed {
            return None;
        }
        self.against = 0;
        self.verdict = Some(passed);
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn two_failing_and_one_recovered_is_still_a_fault() {
        let tracker = |weight, reverse| Tracker { name: "".into(), weight, reverse };
        let trackers = [tracker(Weight::Fault, false), tracker(Weight::Fault, false), tracker(Weight::Fault, true)];
        let mut health = Health { primary_address: true, ..Health::new(3) };
        let faults = |health: &Health| health.faults(&trackers).collect::<Vec<_>>();
        let id = TrackerId;
        assert_eq!(faults(&health), [Fault::Unchecked(id(0)), Fault::Unchecked(id(1)), Fault::Unchecked(id(2))]);
        health.record(id(0), false);
        health.record(id(1), false);
        health.record(id(2), false);
        assert_eq!(faults(&health), [Fault::Tracker(id(0)), Fault::Tracker(id(1))]);
        health.record(id(0), true);
        assert_eq!(faults(&health), [Fault::Tracker(id(1))]);
        health.record(id(1), true);
        assert_eq!(faults(&health), []);
        health.record(id(2), true);
        assert_eq!(faults(&health), [Fault::Tracker(id(2))], "reversed");
    }

    #[test]
    fn weights_add_while_passing_and_subtract_while_failing() {
        let tracker = |weight, reverse| {
            let weight = Weight::Adjust(NonZeroI16::new(weight).unwrap());
            Tracker { name: "".into(), weight, reverse }
        };
        let trackers = [tracker(10, false), tracker(-20, false), tracker(-5, true)];
        let mut health = Health::new(3);
        assert_eq!(health.adjustment(&trackers), 0, "no result, no weight");
        for (id, passing, sum) in [(0, true, 10), (1, true, 10), (1, false, -10), (2, false, -5), (0, false, -15)] {
            health.record(TrackerId(id), passing);
            assert_eq!(health.adjustment(&trackers), sum);
        }
    }

    #[test]
    fn rise_and_fall_count_in_a_row_and_the_first_result_decides() {
        let n = |n| NonZeroU32::new(n).unwrap();
        let mut series = Hysteresis::new(n(2), n(3));
        assert_eq!(series.verdict(), None);
        assert_eq!(series.record(true), Some(true));
        let verdicts: std::vec::Vec<_> =
            [false, false, true, false, false, false, true, false, true, true].map(|r| series.record(r)).into();
        assert_eq!(verdicts, [None, None, None, None, None, Some(false), None, None, None, Some(true)]);
    }

    proptest! {
        #[test]
        fn what_trackers_say_adds_up(
            kinds in prop::collection::vec((-2_i16..=2, any::<bool>()), 0..6),
            results in prop::collection::vec((0_u16..7, any::<bool>()), 0..20),
        ) {
            let weight = |weight| NonZeroI16::new(weight).map_or(Weight::Fault, Weight::Adjust);
            let trackers: Vec<Tracker> =
                kinds.iter().map(|(by, reverse)| Tracker { name: "".into(), weight: weight(*by), reverse: *reverse }).collect();
            let mut health = Health { primary_address: true, ..Health::new(trackers.len()) };
            results.iter().for_each(|(id, passing)| health.record(TrackerId(*id), *passing));
            let last: BTreeMap<u16, bool> = results.into_iter().collect();

            let (mut sum, mut failing, mut unchecked) = (0, Vec::new(), Vec::new());
            for (id, (by, reverse)) in (0..).zip(kinds) {
                match (by, last.get(&id)) {
                    (0, None) => unchecked.push(Fault::Unchecked(TrackerId(id))),
                    (0, Some(passing)) if *passing == reverse => failing.push(Fault::Tracker(TrackerId(id))),
                    (1.., Some(true)) | (..=-1, Some(false)) => sum += i32::from(if reverse { -by } else { by }),
                    _ => {}
                }
            }
            prop_assert_eq!(health.adjustment(&trackers), sum);
            prop_assert_eq!(health.faults(&trackers).collect::<Vec<_>>(), [failing, unchecked].concat());
        }

        #[test]
        fn a_verdict_changes_with_the_run_that_is_long_enough(
            (rise, fall) in (1_u32..5, 1_u32..5),
            results in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let n = |n| NonZeroU32::new(n).unwrap();
            let mut series = Hysteresis::new(n(rise), n(fall));
            let mut verdict = None;
            for (index, result) in results.iter().enumerate() {
                let run = results[..=index].iter().rev().take_while(|other| *other == result).count() as u32;
                let enough = verdict.is_none() || run >= if *result { rise } else { fall };
                let news = (verdict != Some(*result) && enough).then_some(*result);
                verdict = news.or(verdict);
                prop_assert_eq!((series.record(*result), series.verdict()), (news, verdict));
            }
        }
    }
}
