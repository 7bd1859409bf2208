//! The outages and holders of one check, from the record. It uses no clock and no network.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::timeline::{Asker, Request};
use super::topology::HostId;

/// Skew_Time of a Backup of priority 100: (256 - 100) / 256 s (RFC 3768 section 6.1).
pub(super) const SKEW_TIME: Duration = Duration::from_nanos(609_375_000);
/// Its Master_Down_Interval at an advertisement interval of 1 s: three intervals and Skew_Time.
pub(super) const MASTER_DOWN_INTERVAL: Duration = Duration::from_nanos(3_609_375_000);

/// The moments at which a check broke something, mended it, and ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) broken: Instant,
    pub(super) mended: Instant,
    pub(super) end: Instant,
}

/// Set of hosts that hold an address, from a moment on.
pub(super) type Holding = (Instant, BTreeSet<HostId>);

/// One asker's requests failing in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    /// The end of the last request served before.
    pub(super) from: Instant,
    /// The end of the first request served after.
    pub(super) to: Option<Instant>,
}

/// The service that one client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) lost: usize,
    pub(super) outages: Vec<Outage>,
    /// The reasons why requests failed, each once.
    pub(super) reasons: BTreeSet<String>,
}

impl Service {
    /// From `requests` in the order in which they began. A failure counts where it ended, which may be later than it began;
    /// the success that ends an outage may come after `until`.
    pub(super) fn of(asker: Asker, requests: &[Request], since: Instant, until: Instant) -> Self {
        let mut service = Self::default();
        let mut served = since;
        let mut out = false;
        for request in requests.iter().filter(|request| request.asker == asker) {
            match &request.outcome {
                Ok(_) => {
                    if out {
                        service.outages.push(Outage { from: served, to: Some(request.ended) });
                    }
                    (out, served) = (false, request.ended);
                }
                Err(_) if request.ended < since || request.ended >= until => {}
                Err(reason) => {
                    out = true;
                    service.lost += 1;
                    service.reasons.insert(reason.clone());
                }
            }
        }
        if out {
            service.outages.push(Outage { from: served, to: None });
        }
        service
    }

    /// Returns the longest outage; `None` if one did not end.
    pub(super) fn longest(&self) -> Option<Duration> {
        let lengths: Option<Vec<_>> =
            self.outages.iter().map(|o| Some(o.to?.saturating_duration_since(o.from))).collect();
        lengths.map(|lengths| lengths.into_iter().max().unwrap_or_default())
    }

    /// Returns true if every outage was over by `when`.
    pub(super) fn restored_by(&self, when: Instant) -> bool {
        self.outages.iter().all(|outage| outage.to.is_some_and(|to| to <= when))
    }
}

/// Returns the time for which several hosts held an address at once, from `since` to `until`.
pub(super) fn on_both(changes: &[Holding], since: Instant, until: Instant) -> Duration {
    let states = holders_between(changes, since, until, Duration::ZERO);
    states.iter().filter(|(_, holders)| holders.len() > 1).map(|(lasted, _)| *lasted).sum()
}

/// Returns the holders of an address from `since` to `until`, in order, without those that lasted less than `blink`.
pub(super) fn holders_between(
    changes: &[Holding],
    since: Instant,
    until: Instant,
    blink: Duration,
) -> Vec<(Duration, BTreeSet<HostId>)> {
    let before = changes.iter().rev().find(|(at, _)| *at <= since).map(|(_, holders)| holders.clone());
    let mut states = vec![(since, before.unwrap_or_default())];
    states.extend(changes.iter().filter(|(at, _)| *at > since && *at < until).cloned());
    let ends: Vec<_> = states.iter().skip(1).map(|(at, _)| *at).chain([until]).collect();
    let mut kept: Vec<(Duration, BTreeSet<HostId>)> = Vec::new();
    for ((from, holders), to) in states.into_iter().zip(ends) {
        let lasted = to.saturating_duration_since(from);
        match kept.last_mut() {
            Some((total, last)) if *last == holders => *total += lasted,
            _ if lasted < blink => {}
            _ => kept.push((lasted, holders)),
        }
    }
    kept
}

/// Describes holders, as in `01 > none > 02 > 01`.
pub(super) fn describe_holders(states: &[(Duration, BTreeSet<HostId>)]) -> String {
    let describe = |holders: &BTreeSet<HostId>| match holders.is_empty() {
        true => "none".to_owned(),
        false => holders.iter().map(|host| host.short()).collect::<Vec<_>>().join("+"),
    };
    states.iter().map(|(_, holders)| describe(holders)).collect::<Vec<_>>().join(" > ")
}

/// Returns the middle value, or the mean of the middle two.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    let upper = values.len() / 2;
    Some((values.get(middle)? + values.get(upper)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    fn requests(start: Instant, pattern: &str) -> Vec<Request> {
        let asker = Asker::Name;
        let one = |(i, c): (usize, char)| {
            let began = start + STEP * i as u32;
            let outcome = if c == '+' { Ok(HostId::Proxy1) } else { Err("refused".to_owned()) };
            Request { asker, began, ended: began + Duration::from_millis(2), outcome }
        };
        pattern.chars().enumerate().map(one).collect()
    }

    #[test]
    fn an_outage_runs_from_the_last_success_to_the_next() {
        let start = Instant::now();
        let service = Service::of(Asker::Name, &requests(start, "++---++"), start, start + STEP * 100);
        assert_eq!((service.lost, service.longest()), (3, Some(STEP * 4)));
        let restored = start + STEP * 5 + Duration::from_millis(2);
        assert!(service.restored_by(restored));
        assert!(!service.restored_by(restored - Duration::from_nanos(1)));
    }

    #[test]
    fn an_outage_that_does_not_end_has_no_length() {
        let start = Instant::now();
        let service = Service::of(Asker::Name, &requests(start, "+--"), start, start + STEP * 100);
        assert_eq!((service.lost, service.longest()), (2, None));
        assert!(!service.restored_by(start + STEP * 1000));
    }

    #[test]
    fn failures_outside_the_span_are_not_counted_in_it() {
        let start = Instant::now();
        let service = Service::of(Asker::Name, &requests(start, "-++-++"), start + STEP, start + STEP * 3);
        assert_eq!(service, Service::default());
    }

    #[test]
    fn holders_are_told_in_order_without_blinks() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let set = |hosts: &[HostId]| hosts.iter().copied().collect::<BTreeSet<_>>();
        let (one, two) = (HostId::Proxy1, HostId::Proxy2);
        let changes = [
            (at(0), set(&[one])),
            (at(1_000), set(&[])),
            (at(1_600), set(&[two])),
            (at(3_000), set(&[one, two])),
            (at(3_001), set(&[one])),
        ];
        let states = holders_between(&changes, at(500), at(4_000), Duration::from_millis(20));
        assert_eq!(describe_holders(&states), "01 > none > 02 > 01");
        assert_eq!(states[1].0, Duration::from_millis(600));
        let both = |since, until| on_both(&changes, at(since), at(until));
        assert_eq!((both(0, 4_000), both(0, 3_000)), (Duration::from_millis(1), Duration::ZERO));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}
