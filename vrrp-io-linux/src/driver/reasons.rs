//! The reason why a router is in its state, in the words of this host; and the last such words, for when the host no
//! longer shows it.

use std::net::IpAddr;

use vrrp_core::{Cause, Fault, Instant, Priority, PriorityCause, Reading, RouterId, TrackerId};

use super::delays::Pending;
use super::state::{Driver, RunningRouter};
use crate::event::EventKind;
use crate::kernel::netlink::mirror::Use;
use crate::report::words::{self, Condition, HostFacts, Sources};
use crate::status::{FaultStatus, InterfaceChange, TrackerStatus};

impl Driver {
    /// Returns why a state was entered, as a sentence.
    pub(super) fn cause(&self, id: RouterId, cause: &Cause) -> String {
        match cause {
            Cause::Fault(fault) => self.fault(id, fault),
            Cause::Recovered(last) => format!("no fault any more, the last was: {}", self.past_fault(id, last)),
            other => self
                .routers
                .get(id)
                .map_or_else(String::new, |running| words::cause(&running.router, self.reporter.names(), other)),
        }
    }

    /// Describes a fault that keeps a router out, as a phrase.
    pub(super) fn fault(&self, id: RouterId, fault: &Fault) -> String {
        self.fault_now(id, fault).unwrap_or_else(|| self.past_fault(id, fault))
    }

    /// Several faults, without those that say less than others.
    pub(super) fn faults(&self, id: RouterId, faults: impl IntoIterator<Item = Fault>) -> Vec<FaultStatus> {
        let interface = self.routers.get(id).map(|running| running.router.interface.as_str());
        let is_missing = interface.is_some_and(|name| self.condition(name) == Condition::Missing);
        let mut told: Vec<FaultStatus> = Vec::new();
        for fault in faults {
            let text = self.fault(id, &fault);
            // An interface that is missing has no address either.
            let is_said = is_missing && fault == Fault::NoPrimaryAddress && !told.is_empty();
            if !is_said && !told.iter().any(|other| other.text == text) {
                told.push(FaultStatus { fault, text });
            }
        }
        told
    }

    /// Returns why the priority went from `from` to `to`, as a phrase.
    pub(super) fn why_priority(&self, id: RouterId, from: Priority, to: Priority, by: PriorityCause) -> String {
        let Some(router) = self.set.get(id) else { return String::new() };
        match by {
            PriorityCause::Tracker(tracker) => {
                let reading = self.reading(id, tracker).unwrap_or(Reading::Failing);
                self.verdict(id, tracker, reading)
            }
            PriorityCause::Addresses => {
                let missing: Vec<String> = router.missing().map(|address| address.to_string()).collect();
                match missing.is_empty() {
                    true => "every address can be set".to_owned(),
                    false => format!("without {}: whoever can set every address is better", missing.join(", ")),
                }
            }
            PriorityCause::Group if to < from => "another member of the sync group cannot set every address".to_owned(),
            PriorityCause::Group => "the other members of the sync group can set every address".to_owned(),
            PriorityCause::Configuration => "reconfigured".to_owned(),
            PriorityCause::Command => "set by command".to_owned(),
            PriorityCause::Drain if router.drain_status().is_some() => "drained".to_owned(),
            PriorityCause::Drain => "drained no more".to_owned(),
        }
    }

    /// Reports what keeps a router out that stays out.
    pub(super) fn tell_faults(&mut self, id: RouterId) {
        let Some(router) = self.set.get(id) else { return };
        // A fault that is only pending is not reported.
        let known: Vec<Fault> = router.faults().filter(|fault| !fault.is_pending()).collect();
        if !known.is_empty() && matches!(router.cause(), Cause::Fault(_)) {
            let faults = self.faults(id, known);
            self.reporter.report(id, EventKind::FaultsChanged { faults });
        }
    }

    /// Keeps what is to be said of a router's faults, for when the host no longer shows why. Returns whether one is called
    /// otherwise than when it was last said.
    pub(super) fn note_faults(&mut self, id: RouterId) -> bool {
        let Some(router) = self.set.get(id) else { return false };
        let noted: Vec<(Fault, String)> =
            router.faults().filter_map(|fault| Some((fault, self.fault_now(id, &fault)?))).collect();
        let Some(running) = self.routers.get_mut(id) else { return false };
        let mut otherwise = false;
        for (fault, text) in noted {
            match running.said.iter_mut().find(|(known, _)| *known == fault) {
                Some((_, said)) => otherwise |= std::mem::replace(said, text.clone()) != text,
                None => running.said.push((fault, text)),
            }
        }
        otherwise
    }

    /// Returns the condition of an interface.
    pub(super) fn condition(&self, name: &str) -> Condition {
        match self.monitor.link_by_name(name) {
            None => Condition::Missing,
            Some(link) if link.up => Condition::Up,
            Some(link) if link.admin_up => Condition::NoCarrier,
            Some(_) => Condition::Down,
        }
    }

    /// Returns the condition of an interface, and whether that counts for a router.
    fn condition_for(&self, id: RouterId, name: &str) -> Condition {
        match self.delays.pending(id, name) {
            Some(Pending { is_up: true, delay, .. }) => Condition::NotUpYet(delay),
            Some(Pending { is_up: false, delay, .. }) => Condition::NotDownYet(delay),
            None => self.condition(name),
        }
    }

    /// Interfaces that are something else than they count as.
    pub(super) fn interface_changes(&self, id: RouterId, now: Instant) -> Vec<InterfaceChange> {
        let all = self.delays.all_pending(id);
        let change = |(name, pending): (&str, Pending)| InterfaceChange {
            interface: name.to_owned(),
            up: pending.is_up,
            counts_in: pending.counts_at.since(now),
        };
        all.map(change).collect()
    }

    /// Describes the result of a tracker, as a phrase.
    pub(super) fn verdict(&self, id: RouterId, tracker: TrackerId, reading: Reading) -> String {
        let Some(running) = self.routers.get(id) else { return String::new() };
        words::verdict(&running.router, &|name| self.condition_for(id, name), tracker, reading)
    }

    /// Returns the last word of a tracker.
    fn reading(&self, id: RouterId, tracker: TrackerId) -> Option<Reading> {
        self.set.get(id)?.trackers().find(|(id, ..)| *id == tracker)?.2
    }

    /// Returns the results of a router's trackers, and what follows from them.
    pub(super) fn trackers(&self, id: RouterId) -> Vec<TrackerStatus> {
        let (Some(router), Some(running)) = (self.set.get(id), self.routers.get(id)) else { return Vec::new() };
        let status = |(tracker, settings, reading): (_, &vrrp_core::Tracker, Option<Reading>)| TrackerStatus {
            id: tracker,
            name: settings.name.clone(),
            interface: running.router.tracked_interfaces.iter().find(|(id, _)| *id == tracker).map(|(_, n)| n.clone()),
            passing: reading.map(Reading::passes),
            value: reading.and_then(|reading| if let Reading::Value(value) = reading { Some(value) } else { None }),
            says: match reading {
                Some(reading) => self.verdict(id, tracker, reading),
                None => format!("{} has no result yet", settings.name),
            },
            weight: settings.weight,
            reverse: settings.reverse,
            adjustment: reading.map_or(0, |reading| settings.adjustment(reading)),
        };
        router.trackers().map(status).collect()
    }

    /// Returns the text that last described a fault.
    fn past_fault(&self, id: RouterId, fault: &Fault) -> String {
        let Some(running) = self.routers.get(id) else { return String::new() };
        let said = running.said.iter().find(|(known, _)| known == fault);
        said.map_or_else(|| fault.describe(&running.router.config).to_string(), |(_, text)| text.clone())
    }

    /// Describes a fault as the host shows it now; `None` where the host does not show it.
    fn fault_now(&self, id: RouterId, fault: &Fault) -> Option<String> {
        let RunningRouter { router, port, .. } = self.routers.get(id)?;
        let taken = self.ports.get(*port).and_then(|port| port.refused.as_ref());
        let text = words::fault(
            router,
            &HostFacts {
                names: self.reporter.names(),
                condition: &|name| self.condition_for(id, name),
                reading: if let Fault::Tracker(tracker) = fault { self.reading(id, *tracker) } else { None },
                taken: taken.map(|taken| (taken.vrid, taken.by.as_str())),
                sources: if *fault == Fault::NoPrimaryAddress { self.sources_of(id) } else { Sources::None },
            },
            fault,
        )?;
        let Fault::NotInstalled(address) = fault else { return Some(text) };
        match self.why_not(id, *address) {
            Some(why) => Some(format!("{text}: {why}")),
            None => Some(text),
        }
    }

    /// Returns the kind of addresses that a router has to send from.
    fn sources_of(&self, id: RouterId) -> Sources {
        let Some(RunningRouter { router, .. }) = self.routers.get(id) else { return Sources::None };
        let there: Vec<(IpAddr, Use)> = match router.source {
            Some(source) => self.monitor.everywhere(source).map(|there| (source, there.usage)).collect(),
            None => {
                let link = self.monitor.link_by_name(&router.interface).map(|link| link.index);
                let all = link.into_iter().flat_map(|link| self.monitor.addresses(link));
                let fit = all.filter(|there| router.can_send_from(there.address));
                fit.map(|there| (there.address, there.usage)).collect()
            }
        };
        let first = |usage| there.iter().find(|(_, there)| *there == usage).map(|(address, _)| *address);
        match (first(Use::Usable), first(Use::Duplicate), first(Use::Tentative)) {
            (Some(_), ..) => Sources::Usable,
            (None, Some(address), _) => Sources::Duplicate(address),
            (None, None, Some(address)) => Sources::Tentative(address),
            (None, None, None) => Sources::None,
        }
    }
}
