//! Tracking arithmetic: what keeps a router out of the election, and what changes its priority.
//!
//! Causes are a set of named things, never one bit: with two of them failing and one recovered it is still a fault.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::num::{NonZeroI16, NonZeroU32};

use crate::types::{RouterId, TrackerId};

/// The effect of a tracker on its router.
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Tracker {
    /// Its name, for operators.
    pub name: String,
    /// Its effect on the router.
    pub weight: Weight,
    /// Turned round: a `Fault` tracker faults while passing, an adjustment changes its sign.
    pub reverse: bool,
}

/// The word of a tracked thing about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "it passes or fails, or says how well it does")]
pub enum Reading {
    /// It passes.
    Passing,
    /// It fails.
    Failing,
    /// It says a number, and the weight is a factor (EXT-12). To a tracker of [`Weight::Fault`] 0 is passing and any other
    /// number is failing.
    Value(i32),
}

impl Reading {
    /// Tells whether it passes: a value does where it is 0.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Passing | Self::Value(0))
    }
}

impl From<bool> for Reading {
    fn from(passing: bool) -> Self {
        if passing { Self::Passing } else { Self::Failing }
    }
}

impl Tracker {
    /// Returns what it adds to the priority while this is what it says. The product of a value and the weight counts as far as
    /// ±253: more makes no other priority of any.
    #[must_use]
    pub fn adjustment(&self, reading: Reading) -> i32 {
        let Weight::Adjust(weight) = self.weight else { return 0 };
        let by = match reading {
            Reading::Value(value) => self.product(value, weight).clamp(-MOST, MOST),
            verdict if verdict.passes() == (weight.get() > 0) => self.signed(weight.get().into()),
            _ => 0,
        };
        i32::try_from(by).unwrap_or(0)
    }

    /// Tells whether it keeps the router out while this is what it says. One that adjusts the priority does where the product
    /// of its value and its weight is less than -253, an owner too.
    #[must_use]
    pub fn is_fault(&self, reading: Reading) -> bool {
        match (self.weight, reading) {
            (Weight::Fault, reading) => reading.passes() == self.reverse,
            (Weight::Adjust(weight), Reading::Value(value)) => self.product(value, weight) < -MOST,
            (Weight::Adjust(_), Reading::Passing | Reading::Failing) => false,
        }
    }

    fn product(&self, value: i32, weight: NonZeroI16) -> i64 {
        self.signed(i64::from(value) * i64::from(weight.get()))
    }

    const fn signed(&self, by: i64) -> i64 {
        if self.reverse { -by } else { by }
    }
}

/// The most that a value adds to a priority, or takes from it: from any priority to any other.
const MOST: i64 = 253;

/// The reason why a router cannot take part. It is in Initialize as long as there is one.
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
    /// Tells whether nothing is known to be wrong yet. The router waits in silence for such a fault to end.
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
    /// The fault that comes from another member of the sync group.
    pub(crate) group: Option<Fault>,
    /// The last word of each tracker, by id; `None` before its first result.
    readings: Vec<Option<Reading>>,
}

impl Health {
    pub(crate) fn new(trackers: usize) -> Self {
        let readings = vec![None; trackers];
        Self {
            interface_up: true,
            primary_address: false,
            not_installed: None,
            stray: None,
            group_handicapped: false,
            group: None,
            readings,
        }
    }

    /// Returns how many faults there can be at once.
    pub(crate) const fn most_faults(trackers: usize) -> usize {
        /// Interface, address to send from, addresses that cannot be set, stray, group.
        const WITHOUT_TRACKERS: usize = 5;
        WITHOUT_TRACKERS + trackers
    }

    /// From now on `new` are the trackers. One of the same name keeps its reading, whatever its weight; returns which id
    /// each old one has now.
    pub(crate) fn retrack<'a>(
        &mut self,
        old: impl Iterator<Item = &'a str>,
        new: &[Tracker],
    ) -> Vec<Option<TrackerId>> {
        let mut readings = vec![None; new.len()];
        let mut taken = vec![false; new.len()];
        let ids = old.zip(&self.readings).map(|(name, reading)| {
            let same = |(index, taken): (usize, &bool)| !taken && new.get(index).is_some_and(|n| n.name == name);
            let index = taken.iter().enumerate().position(same)?;
            *taken.get_mut(index)? = true;
            *readings.get_mut(index)? = *reading;
            u16::try_from(index).ok().map(TrackerId)
        });
        let ids = ids.collect();
        self.readings = readings;
        ids
    }

    /// Returns the last word of every tracker, in their order.
    pub(crate) fn readings(&self) -> &[Option<Reading>] {
        &self.readings
    }

    /// From now on these are the readings, in the order of the trackers.
    pub(crate) fn with_readings(self, readings: Vec<Option<Reading>>) -> Self {
        Self { readings, ..self }
    }

    /// Unknown ids are ignored.
    pub(crate) fn record(&mut self, id: TrackerId, reading: Reading) {
        if let Some(last) = self.readings.get_mut(usize::from(id.0)) {
            *last = Some(reading);
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
        let failing =
            self.weigh(trackers, |tracker, reading, id| tracker.is_fault(reading?).then_some(Fault::Tracker(id)));
        let unchecked = self.weigh(trackers, |tracker, reading, id| match (tracker.weight, reading) {
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
        self.weigh(trackers, |tracker, reading, _| Some(tracker.adjustment(reading?))).fold(0, i32::saturating_add)
    }

    /// Returns the last result of a tracker.
    pub(crate) fn reading(&self, id: TrackerId) -> Option<Reading> {
        self.readings.get(usize::from(id.0)).copied().flatten()
    }

    fn weigh<'a, T>(
        &'a self,
        trackers: &'a [Tracker],
        judge: impl Fn(&Tracker, Option<Reading>, TrackerId) -> Option<T> + 'a,
    ) -> impl Iterator<Item = T> + 'a {
        let ids = (0..=u16::MAX).map(TrackerId);
        trackers
            .iter()
            .zip(&self.readings)
            .zip(ids)
            .filter_map(move |((tracker, reading), id)| judge(tracker, *reading, id))
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
    /// Makes a series without results yet.
    #[must_use]
    pub const fn new(rise: NonZeroU32, fall: NonZeroU32) -> Self {
        Self { rise, fall, verdict: None, against: 0 }
    }

    /// Returns the verdict so far; `None` before the first result.
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
        health.record(id(0), Reading::Failing);
        health.record(id(1), Reading::Failing);
        health.record(id(2), Reading::Failing);
        assert_eq!(faults(&health), [Fault::Tracker(id(0)), Fault::Tracker(id(1))]);
        health.record(id(0), Reading::Passing);
        assert_eq!(faults(&health), [Fault::Tracker(id(1))]);
        health.record(id(1), Reading::Passing);
        assert_eq!(faults(&health), []);
        health.record(id(2), Reading::Passing);
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
            health.record(TrackerId(id), Reading::from(passing));
            assert_eq!(health.adjustment(&trackers), sum);
        }
    }

    /// EXT-12: as keepalived 2.2.7 takes the number in a `track_file`.
    #[test]
    fn a_value_is_multiplied_and_a_product_below_253_is_a_fault() {
        let adjust = |weight, reverse| {
            let weight = NonZeroI16::new(weight).map_or(Weight::Fault, Weight::Adjust);
            Tracker { name: "".into(), weight, reverse }
        };
        for (weight, reverse, value, adjustment, is_fault) in [
            (1, false, 0, 0, false),
            (1, false, 7, 7, false),
            (1, false, -7, -7, false),
            (-3, false, 7, -21, false),
            (-3, false, -7, 21, false),
            (3, true, 7, -21, false),
            (1, false, 253, 253, false),
            (1, false, 1_000, 253, false),
            (1, false, -253, -253, false),
            (1, false, -254, -253, true),
            (1, true, -254, 253, false),
            (1, true, 254, -253, true),
            (-254, false, 1, -253, true),
            (-254, true, 1, 253, false),
            (254, false, -1, -253, true),
            (i16::MIN, false, i32::MIN, 253, false),
            (i16::MIN, false, i32::MAX, -253, true),
            (i16::MIN, true, i32::MIN, -253, true),
            (i16::MAX, false, i32::MIN, -253, true),
            (0, false, 0, 0, false),
            (0, false, 1, 0, true),
            (0, false, i32::MIN, 0, true),
            (0, true, 0, 0, true),
            (0, true, -1, 0, false),
        ] {
            let (tracker, reading) = (adjust(weight, reverse), Reading::Value(value));
            let found = (tracker.adjustment(reading), tracker.is_fault(reading));
            assert_eq!(found, (adjustment, is_fault), "{weight} {reverse} {value}");
        }
        assert!(Reading::Value(0).passes() && !Reading::Value(1).passes() && !Reading::Value(-1).passes());
    }

    #[test]
    fn more_than_a_priority_holds_adds_up_to_no_panic() {
        let weight = Weight::Adjust(NonZeroI16::MIN);
        let trackers: Vec<Tracker> =
            (0..=u16::MAX).map(|_| Tracker { name: "".into(), weight, reverse: true }).collect();
        let mut health = Health::new(trackers.len());
        (0..=u16::MAX).for_each(|id| health.record(TrackerId(id), Reading::Failing));
        assert_eq!(health.adjustment(&trackers), i32::MAX);
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

    fn any_reading() -> impl Strategy<Value = Reading> {
        prop_oneof![
            any::<bool>().prop_map(Reading::from),
            (-130..=130).prop_map(Reading::Value),
            (-1_000..=1_000).prop_map(Reading::Value),
            Just(Reading::Value(0)),
        ]
    }

    proptest! {
        #[test]
        fn what_trackers_say_adds_up(
            kinds in prop::collection::vec((-2_i16..=2, any::<bool>()), 0..6),
            results in prop::collection::vec((0_u16..7, any_reading()), 0..20),
        ) {
            let weight = |weight| NonZeroI16::new(weight).map_or(Weight::Fault, Weight::Adjust);
            let trackers: Vec<Tracker> =
                kinds.iter().map(|(by, reverse)| Tracker { name: "".into(), weight: weight(*by), reverse: *reverse }).collect();
            let mut health = Health { primary_address: true, ..Health::new(trackers.len()) };
            results.iter().for_each(|(id, reading)| health.record(TrackerId(*id), *reading));
            let last: BTreeMap<u16, Reading> = results.into_iter().collect();

            let (mut sum, mut failing, mut unchecked) = (0, Vec::new(), Vec::new());
            for (id, (by, reverse)) in (0..).zip(kinds) {
                let sign = if reverse { -1 } else { 1 };
                match (by, last.get(&id)) {
                    (0, None) => unchecked.push(Fault::Unchecked(TrackerId(id))),
                    (0, Some(Reading::Passing | Reading::Value(0))) if reverse => {
                        failing.push(Fault::Tracker(TrackerId(id)));
                    }
                    (0, Some(Reading::Failing | Reading::Value(..=-1 | 1..))) if !reverse => {
                        failing.push(Fault::Tracker(TrackerId(id)));
                    }
                    (1.., Some(Reading::Passing)) | (..=-1, Some(Reading::Failing)) => sum += sign * i32::from(by),
                    (..=-1 | 1.., Some(Reading::Value(value))) => match sign * i32::from(by) * value {
                        ..=-254 => {
                            failing.push(Fault::Tracker(TrackerId(id)));
                            sum -= 253;
                        }
                        product @ -253..=253 => sum += product,
                        254.. => sum += 253,
                    },
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
