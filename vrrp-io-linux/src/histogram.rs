//! The times that things took, counted in steps that never change: it costs a few instructions and no memory.

use std::time::Duration;

/// All steps: one more than there are bounds.
const STEPS: usize = 16;

/// The times that something took: in steps, with the sum of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Histogram {
    /// The number for each of the [`BOUNDS`](Self::BOUNDS) of what took no longer than it, and longer than the one
    /// before; then the rest.
    steps: [u64; STEPS],
    sum: Duration,
}

impl Histogram {
    /// The upper bounds of the steps, from the lowest.
    pub const BOUNDS: [Duration; STEPS - 1] = {
        const fn micros(micros: u64) -> Duration {
            Duration::from_micros(micros)
        }
        [
            micros(100),
            micros(200),
            micros(500),
            micros(1_000),
            micros(2_000),
            micros(5_000),
            micros(10_000),
            micros(20_000),
            micros(50_000),
            micros(100_000),
            micros(200_000),
            micros(500_000),
            micros(1_000_000),
            micros(2_000_000),
            micros(5_000_000),
        ]
    };

    pub(crate) fn record(&mut self, took: Duration) {
        let step = Self::BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(Self::BOUNDS.len());
        if let Some(count) = self.steps.get_mut(step) {
            *count = count.wrapping_add(1);
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// Returns each step by its upper bound, with how many fell into it alone; `None`: longer than the last bound.
    pub fn steps(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        Self::BOUNDS.into_iter().map(Some).chain([None]).zip(self.steps)
    }

    /// Returns how many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.steps.iter().fold(0, |count, step| count.wrapping_add(*step))
    }

    /// Returns how long all took together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_falls_into_the_first_step_that_is_not_below_it() {
        let mut histogram = Histogram::default();
        assert!(Histogram::BOUNDS.is_sorted());
        for micros in [0, 100, 101, 5_000_000, 5_000_001, u64::MAX] {
            histogram.record(Duration::from_micros(micros));
        }
        let filled: Vec<_> = histogram.steps().filter(|(_, count)| *count > 0).collect();
        let bound = |micros| Some(Duration::from_micros(micros));
        assert_eq!(filled, [(bound(100), 2), (bound(200), 1), (bound(5_000_000), 1), (None, 2)]);
        assert_eq!(histogram.count(), 6);
        histogram.record(Duration::MAX);
        assert_eq!((histogram.count(), histogram.sum()), (7, Duration::MAX));
    }
}
