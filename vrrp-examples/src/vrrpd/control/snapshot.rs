//! All that the daemon knows at one moment: what answers on the control socket are made of.

use std::collections::BTreeMap;
use std::time::SystemTime;

use vrrp_core::{RouterId, TrackerId};
use vrrp_io_linux::DriverStatus;

/// All that the daemon knows at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When that was, on the wall clock.
    pub taken_at: SystemTime,
    /// Its routers.
    pub driver: DriverStatus,
    /// Why checks fail.
    pub reasons: Reasons,
}

/// Why checks fail: for each tracker that such a check feeds, its last result.
#[derive(Clone, Debug, Default)]
pub struct Reasons(BTreeMap<(RouterId, TrackerId), String>);

impl Reasons {
    /// Returns `text`, which is about a tracker of a router, with the reason behind it, where there is one.
    #[must_use]
    pub fn explain(&self, router: RouterId, tracker: TrackerId, text: &str) -> String {
        match self.0.get(&(router, tracker)) {
            Some(reason) => format!("{text}: {reason}"),
            None => text.to_owned(),
        }
    }
}

impl FromIterator<((RouterId, TrackerId), String)> for Reasons {
    fn from_iter<I: IntoIterator<Item = ((RouterId, TrackerId), String)>>(reasons: I) -> Self {
        Self(reasons.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Tracker, Vrid, Weight};

    #[test]
    fn a_reason_is_found_by_router_and_tracker_however_the_fault_is_worded() {
        let mut config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let mut tracker = || {
            let tracker = Tracker { name: "check squid".to_owned(), weight: Weight::Fault, reverse: false };
            config.add_tracker(tracker).unwrap()
        };
        let (failing, other) = (tracker(), tracker());
        let mut set = RouterSet::new();
        let ids = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let reasons: Reasons = [((ids[0], failing), "exit status 1".to_owned())].into_iter().collect();
        for wording in ["check squid failed", "the check squid does not pass", ""] {
            assert_eq!(reasons.explain(ids[0], failing, wording), format!("{wording}: exit status 1"));
            for (router, tracker) in [(ids[0], other), (ids[1], failing)] {
                assert_eq!(reasons.explain(router, tracker, wording), wording);
            }
        }
    }
}
