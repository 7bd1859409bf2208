//! Skew_Time and Master_Down_Interval, in nanoseconds, never rounded down (RFC 3768 section 6.1, RFC 9568 section 6.1).

#[cfg(feature = "alloc")]
use core::time::Duration;

use crate::dialect::{Dialect, Skew};
use crate::types::{AdvertInterval, Priority};

/// Skew_Time of a router at `priority` (TMR-01, TMR-02, TMR-08, TMR-09, AMB-05).
pub(crate) const fn skew_time(dialect: &Dialect, priority: Priority, interval: AdvertInterval) -> u64 {
    let span = match dialect.skew {
        Skew::OfOneSecond => 1_000_000_000,
        Skew::OfInterval => interval.nanos(),
    };
    ((256 - priority.get() as u64) * span).div_ceil(256)
}

/// Master_Down_Interval: three intervals and the skew. At most 766 s (TMR-14).
pub(crate) const fn master_down_interval(dialect: &Dialect, priority: Priority, interval: AdvertInterval) -> u64 {
    3 * interval.nanos() + skew_time(dialect, priority, interval)
}

/// Returns how long a Master may be silent before its addresses are taken from it: whole seconds, as kernels count
/// lifetimes.
///
/// The first Backup takes over later than three intervals after the last advertisement, and a kernel may be a second
/// late to remove what has expired. At least five quarters of the interval: an advertisement may be late, and a kernel
/// some hundredths early.
#[cfg(feature = "alloc")]
pub(crate) const fn lease(interval: AdvertInterval) -> Duration {
    const SECOND: u64 = 1_000_000_000;
    let (before_takeover, renewable) = (3 * interval.nanos() / SECOND, (5 * interval.nanos()).div_ceil(4 * SECOND));
    let seconds = before_takeover.saturating_sub(1);
    Duration::from_secs(if seconds < renewable { renewable } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    /// version, priority, interval in cs, Skew_Time and Master_Down_Interval in seconds, exact.
    const GOLDEN: &str = include_str!("../tests/data/golden_timers.csv");

    /// An exact decimal number of seconds as nanoseconds, rounded up.
    fn nanos_rounded_up(seconds: &str) -> u64 {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let (kept, dropped) = fraction.split_at(fraction.len().min(9));
        let kept: u64 = std::format!("{kept:0<9}").parse().unwrap();
        whole.parse::<u64>().unwrap() * 1_000_000_000 + kept + u64::from(dropped.bytes().any(|d| d != b'0'))
    }

    #[test]
    fn golden_values_hold_to_the_nanosecond() {
        let mut rows = [0, 0];
        for row in GOLDEN.lines().skip(1) {
            let [version, priority, centis, skew, down] = row.split(',').collect::<std::vec::Vec<_>>()[..] else {
                panic!("malformed row {row}")
            };
            let profile = if version == "2" { Profile::Rfc3768 } else { Profile::Rfc9568Errata };
            let priority = Priority::new(priority.parse().unwrap()).unwrap();
            let interval = AdvertInterval::from_centis(centis.parse().unwrap()).unwrap();
            let dialect = profile.dialect();
            assert_eq!(skew_time(dialect, priority, interval), nanos_rounded_up(skew), "{row}");
            assert_eq!(master_down_interval(dialect, priority, interval), nanos_rounded_up(down), "{row}");
            rows[usize::from(version == "3")] += 1;
        }
        assert_eq!(rows, [35, 63], "rows of version 2 and 3");
    }

    #[test]
    fn a_lease_outlasts_a_late_advertisement_and_ends_before_a_takeover_where_whole_seconds_allow() {
        let lease = |centis| lease(AdvertInterval::from_centis(centis).unwrap()).as_secs();
        for (centis, seconds) in [
            (1, 1),
            (50, 1),
            (67, 1),
            (80, 1),
            (81, 2),
            (99, 2),
            (100, 2),
            (133, 2),
            (134, 3),
            (200, 5),
            (4095, 121),
            (25_500, 764),
        ] {
            assert_eq!(lease(centis), seconds, "{centis} cs");
        }
        for centis in 1..=25_500 {
            let milliseconds = 1_000 * lease(centis);
            let interval = 10 * u64::from(centis);
            assert!(4 * milliseconds >= 5 * interval, "{centis} cs: too short to be renewed");
            let in_time = milliseconds + 1_000 <= 3 * interval;
            assert_eq!(in_time, (67..=80).contains(&centis) || centis >= 100, "{centis} cs");
        }
    }

    #[test]
    fn a_higher_priority_always_waits_less() {
        for centis in [1, 2, 10, 100, 4095] {
            let interval = AdvertInterval::from_centis(centis).unwrap();
            for profile in [Profile::Rfc3768, Profile::Rfc9568Errata] {
                let skew = |p| skew_time(profile.dialect(), Priority::new(p).unwrap(), interval);
                assert!((1..255).all(|p| skew(p) > skew(p + 1)), "{profile:?} {interval}");
            }
        }
    }
}
