//! Another configuration while the router runs.

use alloc::boxed::Box;
use core::net::IpAddr;

use super::{VirtualRouter, prepare};
use crate::cause::PriorityCause;
use crate::config::Config;
use crate::health::Health;
use crate::time::Instant;
use crate::types::{Family, RouterId, TrackerId, Vrid};

/// The reason why a router cannot have another configuration in place: it would be another router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ReconfigureError {
    /// The id.
    #[error("virtual router {from} cannot become {to}: stop it, and start one with the new id")]
    Vrid {
        /// The router's.
        from: Vrid,
        /// Asked for.
        to: Vrid,
    },
    /// The family of the advertised addresses.
    #[error("a virtual router of {from} cannot become one of {to}: stop it, and start one for the new addresses")]
    Family {
        /// The router's.
        from: Family,
        /// Asked for.
        to: Family,
    },
    /// No router of this set.
    #[error("there is no router {}", .0.index())]
    Unknown(RouterId),
}

impl VirtualRouter {
    /// Takes another configuration in place. Whatever stays the same goes on undisturbed: the state, its timers, the addresses
    /// that stay configured, counters, and what was learned.
    ///
    /// - **Addresses.** A Master is asked to remove those that are gone and to install and announce the new ones
    ///   (ARP-05). Until the host has confirmed these, no advertisement leaves.
    /// - **Timers.** A deadline moves only where what it follows from changed, and never later (AMB-12). A Master says the
    ///   new priority and the new list with its next advertisement.
    /// - **Owner.** A Backup that becomes owner (priority 255) is Master at once, as after a start; a Master that is
    ///   owner no more releases and watches.
    /// - A [drain](crate::Input::Drain) goes on.
    /// - **Trackers** keep their verdicts by name. A new one of [`Weight::Fault`](crate::Weight::Fault) keeps a router
    ///   out of the election that is out of it; a router that takes part already goes on until there is a result.
    ///
    /// # Errors
    /// [`ReconfigureError`] for another id or family; nothing was changed then. Everything else may change, the profile
    /// and its version too.
    pub fn reconfigure(&mut self, now: Instant, config: Config) -> Result<(), ReconfigureError> {
        let (from, to) = (self.config.vrid(), config.vrid());
        if from != to {
            return Err(ReconfigureError::Vrid { from, to });
        }
        let (from, to) = (self.config.family(), config.family());
        if from != to {
            return Err(ReconfigureError::Family { from, to });
        }
        self.advance(now);
        let ends_something = self.pending.ends_something();
        let old = core::mem::replace(&mut self.config, config);
        self.retrack(old.trackers().iter().map(|tracker| &*tracker.name));
        (self.advertisement, self.advertisement_version2) = prepare(&self.config);
        self.pending.version2 = self.pending.version2.filter(|_| self.config.also_version2());
        if self.config.lease().is_none() {
            self.lease_over = Instant::MAX;
        }
        self.contest.schedule.replan(old.announce(), self.config.announce(), self.since, self.now);
        self.readdress(old.addresses());
        self.note_weighed_priority(PriorityCause::Configuration);
        self.reparametrise();
        self.assess();
        match ends_something {
            // What was begun before is older than this.
            true => drop(self.parting.get_or_insert_with(|| Box::new(old))),
            false if self.pending.ends_something() => self.parting = Some(Box::new(old)),
            false => {}
        }
        Ok(())
    }

    /// Trackers have other ids now, in verdicts and in what is said of the past.
    pub(super) fn retrack<'a>(&mut self, old: impl Iterator<Item = &'a str>) {
        let ids = self.health.retrack(old, self.config.trackers());
        // One that is gone has no name any more.
        let new = |id: TrackerId| ids.get(usize::from(id.0)).copied().flatten().unwrap_or(TrackerId(u16::MAX));
        self.cause = self.cause.with_trackers(new);
        self.last_fault = self.last_fault.map(|fault| fault.with_trackers(new));
        self.told_faults.iter_mut().for_each(|fault| *fault = fault.with_trackers(new));
        self.told_faults.reserve(Health::most_faults(self.config.trackers().len()));
        if let Some(transition) = &mut self.pending.transition {
            transition.cause = transition.cause.with_trackers(new);
        }
    }

    pub(super) fn readdress(&mut self, old: &[IpAddr]) {
        let new = self.config.addresses();
        if old == new {
            return;
        }
        self.slots.readdress(old, new);
        // An address that is not configured any more cannot be at fault, and a new one may work.
        if self.slots.any_absent() || !self.slots.are_flawed() {
            (self.serves_nothing, self.retries, self.retry_at) = (false, 0, None);
        }
    }
}
