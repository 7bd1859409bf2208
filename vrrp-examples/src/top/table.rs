//! The routers as rows: what each shows, which are meant, and in which order.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use crate::vrrpd::control::stats::{Rates, RouterStatistics};
use crate::vrrpd::control::status::RouterView;

/// One router.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its place in the configuration.
    pub(super) place: usize,
    pub(super) router: RouterView,
    pub(super) statistics: Option<RouterStatistics>,
    /// Growth of its counters per second; empty until it was seen twice.
    pub(super) rates: BTreeMap<String, f64>,
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// The order of the configuration.
    #[default]
    Place,
    Name,
    /// Routers that need attention first.
    State,
    /// The latest change first.
    Since,
    /// The most advertisements first.
    Rate,
}

impl Order {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Place => Self::Name,
            Self::Name => Self::State,
            Self::State => Self::Since,
            Self::Since => Self::Rate,
            Self::Rate => Self::Place,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Place => "configuration",
            Self::Name => "name",
            Self::State => "state",
            Self::Since => "last change",
            Self::Rate => "rate",
        }
    }

    /// Sorts rows; those that are equal as configured.
    pub(super) fn sort(self, rows: &mut [Row]) {
        let seconds = |row: &Row| row.router.since.as_ref().map_or(f64::INFINITY, |since| since.seconds);
        let compare = |one: &Row, other: &Row| match self {
            Self::Place => Ordering::Equal,
            Self::Name => one.router.name.cmp(&other.router.name),
            Self::State => one.urgency().cmp(&other.urgency()),
            Self::Since => seconds(one).total_cmp(&seconds(other)),
            Self::Rate => other.traffic().total_cmp(&one.traffic()),
        };
        rows.sort_by(|one, other| compare(one, other).then(one.place.cmp(&other.place)));
    }
}

impl Row {
    pub(super) fn rate(&self, counter: &str) -> Option<f64> {
        self.rates.get(counter).copied()
    }

    /// Advertisements per second, sent and received.
    fn traffic(&self) -> f64 {
        let rate = |counter| self.rate(counter).unwrap_or_default();
        rate("advertisement-rcvd") + rate("advertisement-sent")
    }

    /// Returns the rank: routers with problems come first, then those that serve.
    fn urgency(&self) -> Reverse<u8> {
        Reverse(match (self.is_wrong(), self.router.state.as_str()) {
            (true, _) => 4,
            (false, "Initialize") => 3,
            (false, "Master") => 2,
            (false, _) => 1,
        })
    }

    /// Returns true if somebody should look at it.
    pub(super) fn is_wrong(&self) -> bool {
        let RouterView { state, faults, other_master, addresses, .. } = &self.router;
        let is_missing = state == "Master" && addresses.iter().any(|it| it.obstacle.is_some());
        state == "Fault" || !faults.is_empty() || other_master.is_some() || is_missing
    }

    /// Returns true if it has `text`, in lower case, in one of its columns.
    pub(super) fn has(&self, text: &str) -> bool {
        let RouterView { name, state, interface, vrid, master, addresses, .. } = &self.router;
        let mut words = vec![name.to_lowercase(), state.to_lowercase(), interface.to_lowercase(), vrid.to_string()];
        words.extend(master.iter().map(|master| master.address.clone()));
        words.extend(addresses.iter().map(|address| address.address.clone()));
        words.iter().any(|word| word.contains(text))
    }
}

/// Returns the rows of all routers, in the order of the configuration.
pub(super) fn rows(routers: Vec<RouterView>, statistics: &[RouterStatistics], rates: Option<&Rates>) -> Vec<Row> {
    let statistics: BTreeMap<&str, &RouterStatistics> =
        statistics.iter().map(|router| (router.router.as_str(), router)).collect();
    let rates: BTreeMap<&str, &BTreeMap<String, f64>> =
        rates.iter().flat_map(|rates| &rates.routers).map(|router| (router.router.as_str(), &router.rates)).collect();
    let row = |(place, router): (usize, RouterView)| {
        let name = router.name.as_str();
        let (statistics, rates) = (statistics.get(name).copied().cloned(), rates.get(name).copied().cloned());
        Row { place, router, statistics, rates: rates.unwrap_or_default() }
    };
    routers.into_iter().enumerate().map(row).collect()
}
