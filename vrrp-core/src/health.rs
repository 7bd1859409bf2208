//! Tracking arithmetic: rise, fall, weight.

use core::num::NonZeroU32;

/// What a tracked thing does to the router that tracks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Weight {
    /// Failing means fault: the router leaves the election until it passes again. keepalived's `weight 0`.
    Fault,
    /// Positive: added to the priority while passing. Negative: subtracted while failing. Never zero.
    Adjust(core::num::NonZeroI16),
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
}
