//! A Master that was drained waits for another one, and until that one serves.

use core::net::IpAddr;
use core::time::Duration;

use crate::fsm::Advert;
use crate::time::Instant;
use crate::types::{AdvertInterval, Priority};

/// The longest time that a Master keeps its addresses when another one has announced itself: until that one has them,
/// and the neighbours know.
const OVERLAP: Duration = Duration::from_millis(50);

/// A hand-over that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct HandOver {
    until: Instant,
    to: Option<Successor>,
}

/// Another Master that has announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Successor {
    pub(super) address: IpAddr,
    priority: Priority,
    pub(super) interval: AdvertInterval,
    /// The moment at which this router yields to it.
    yield_at: Instant,
}

impl HandOver {
    /// Begins one: somebody is called until then.
    pub(super) const fn new(until: Instant) -> Self {
        Self { until, to: None }
    }

    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    pub(super) const fn to(&self) -> Option<Successor> {
        self.to
    }

    #[inline]
    pub(super) fn deadline(&self) -> Instant {
        self.to.map_or(self.until, |to| to.yield_at)
    }

    /// Tells whether another Master is there: this one says no more.
    pub(super) const fn is_silent(&self) -> bool {
        self.to.is_some()
    }

    /// Follows an advertisement that a router of this interval accepted. Any Master is good enough; it goes again by its own word
    /// only. Of several the best stays, so its interval is the one to go by.
    pub(super) fn hear(&mut self, advert: Advert, now: Instant, interval: Duration) {
        let known = self.to.filter(|to| to.address == advert.source);
        match advert.priority {
            // A yield advertisement: it yielded to what this one said before the drain, and it heard late.
            Some(Priority::LOWEST) if known.is_some_and(|to| to.priority > Priority::LOWEST) => self.to = None,
            Some(_) if known.is_some() => {}
            Some(priority) => {
                let rank = (priority, advert.source);
                // However many come one after the other, this one is silent for no longer.
                let yield_at = self.to.map_or_else(|| now + OVERLAP.min(interval / 2), |to| to.yield_at);
                let Advert { source: address, interval, .. } = advert;
                let best = self.to.filter(|to| (to.priority, to.address) > rank);
                self.to = Some(best.unwrap_or(Successor { address, priority, interval, yield_at }));
            }
            None if known.is_some() => self.to = None,
            None => {}
        }
    }
}
