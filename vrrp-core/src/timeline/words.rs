//! Figures and names in the words of the pictures.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::model::{LaneId, LaneState, Timeline};
use super::takeover::Before;

/// A span for people: as precise as it is short.
pub(super) fn span(span: Duration) -> String {
    let nanos = span.as_nanos();
    if nanos < 1_000_000 {
        return fixed(nanos, 1_000_000, 2, "ms");
    }
    if nanos < 1_000_000_000 {
        return fixed(nanos, 1_000_000, 1, "ms");
    }
    if span.as_secs() < 120 {
        return fixed(nanos, 1_000_000_000, 3, "s");
    }
    let (minutes, seconds) = (span.as_secs() / 60, span.as_secs() % 60);
    if minutes < 120 {
        format!("{minutes} min {seconds} s")
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

/// `nanos` in a unit with so many decimals, rounded.
pub(super) fn fixed(nanos: u128, unit: u128, digits: u32, name: &str) -> String {
    let power = 10_u128.pow(digits);
    let rounded = (nanos * power + unit / 2) / unit;
    let (whole, rest) = (rounded / power, rounded % power);
    if digits == 0 {
        format!("{whole} {name}")
    } else {
        format!("{whole}.{rest:0digits$} {name}", digits = digits as usize)
    }
}

impl LaneState {
    /// Its name on a bar.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "not known",
            Self::Down => "down",
            Self::Hung => "hangs",
            Self::Initialize => "Initialize",
            Self::Fault => "Fault",
            Self::Backup => "Backup",
            Self::Master => "Master",
        }
    }
}

impl Timeline {
    pub(super) fn host(&self, lane: LaneId) -> &str {
        self.lanes.get(lane.index()).map_or("?", |lane| lane.host.as_str())
    }

    /// Joins the names of hosts, as in `host 1 and host 2`.
    pub(super) fn hosts(&self, lanes: &[LaneId]) -> String {
        lanes.iter().map(|lane| self.host(*lane)).collect::<Vec<_>>().join(" and ")
    }

    /// Returns the most important events, one sentence each.
    #[must_use]
    pub fn headlines(&self) -> Vec<String> {
        let (from, until) = self.span();
        let shown = self.takeovers().into_iter().filter(|takeover| takeover.at >= from && takeover.at <= until);
        let sudden = shown.filter(|takeover| takeover.before != Before::Yielded);
        let mut lines: Vec<String> = sudden
            .map(|takeover| {
                let (from, to) = (self.host(takeover.from), self.host(takeover.to));
                let took = span(takeover.took());
                match takeover.before {
                    Before::Stayed => format!("{to} was Master too after {took} without a word of {from}."),
                    _ => format!("{to} took over from {from} in {took}."),
                }
            })
            .collect();
        if self.outages.iter().any(|outage| outage.until.is_none()) {
            lines.push("A client had no answer any more.".into());
        } else if let Some(longest) =
            self.outages.iter().filter_map(|outage| Some(outage.until?.since(outage.from))).max()
        {
            lines.push(format!("A client waited for {} at most.", span(longest)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_precise_as_they_are_short() {
        let told = |nanos: u64| span(Duration::from_nanos(nanos));
        assert_eq!([told(0), told(12_345), told(612_349_999)], ["0.00 ms", "0.01 ms", "612.3 ms"]);
        assert_eq!([told(3_609_375_000), told(119_999_600_000)], ["3.609 s", "120.000 s"]);
        assert_eq!([told(125_000_000_000), told(7_260_000_000_000)], ["2 min 5 s", "2 h 1 min"]);
        assert_eq!(span(Duration::MAX), "5124095576030431 h 0 min");
    }
}
