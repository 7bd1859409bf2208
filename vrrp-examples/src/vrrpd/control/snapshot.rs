//! All that the daemon knows at one moment: what answers on the control socket are made of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use vrrp_core::{Priority, RouterId, TrackerId};
use vrrp_io_linux::DriverStatus;
use vrrp_io_linux::checks::{Outcome, Reading};

use crate::vrrpd::config::Daemon;

/// All that the daemon knows at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The moment at which it was taken, on the wall clock.
    pub taken_at: SystemTime,
    /// Its configuration.
    pub config: Arc<Daemon>,
    /// Its routers.
    pub driver: DriverStatus,
    /// Its checks.
    pub checks: Vec<CheckState>,
    /// The reasons why checks fail.
    pub reasons: Reasons,
    /// The changes made by hand since the configuration was read.
    pub by_hand: Vec<ByHand>,
}

/// The state of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    /// Its name.
    pub name: String,
    /// The kind of check.
    pub kind: &'static str,
    /// Its verdict; none before its first result.
    pub verdict: Option<Reading>,
    /// The outcome of its last look; none before the first, and in a daemon that goes on from another.
    pub last: Option<Outcome>,
}

/// One thing that somebody changed by hand. It ends at the next reload, or when it is undone by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Name of the router.
    pub router: String,
    /// The change.
    #[serde(flatten)]
    pub change: Hand,
}

/// A change made by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Hand {
    /// It hands its addresses over, or did, and takes them only where nobody else has them.
    Drained {
        /// Its priority at most.
        priority: Priority,
    },
    /// It has another priority than the configured one.
    Priority {
        /// The priority.
        priority: Priority,
    },
    /// It takes no part.
    Stopped,
}

impl fmt::Display for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drained { priority } => write!(f, "drained, priority {priority}"),
            Self::Priority { priority } => write!(f, "priority {priority}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.router, self.change)
    }
}

/// The reasons why checks fail: for each tracker that such a check feeds, its last result.
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
