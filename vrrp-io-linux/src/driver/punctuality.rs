//! The delay of advertisements, and the time that takeovers take. It only counts.

use std::collections::BTreeMap;

use vrrp_core::{Instant, Role, RouterId, Transition, VirtualRouter};

use crate::histogram::Histogram;

/// The counts, and the times that are being taken.
#[derive(Debug, Default)]
pub(super) struct Punctuality {
    pub(super) lateness: Histogram,
    pub(super) takeovers: Histogram,
    /// The deadlines that are acted on now: each of a router whose timer ran out, and whether it has advertised since.
    due: Vec<(RouterId, Instant, bool)>,
    /// Seldom any.
    begun: BTreeMap<RouterId, Takeover>,
}

/// A takeover that may come, or is under way.
#[derive(Clone, Copy, Debug)]
enum Takeover {
    /// A Backup has heard the Master release the addresses.
    Released { at: Instant },
    /// It is Master since, and has yet to hear of its addresses.
    Installing { since: Instant },
}

impl Punctuality {
    /// A deadline of a router is acted on.
    pub(super) fn due(&mut self, id: RouterId, at: Instant) {
        self.due.push((id, at, false));
    }

    /// All that followed from these deadlines is done.
    pub(super) fn is_settled(&mut self) {
        self.due.clear();
    }

    /// A router has advertised: on time, where it was due.
    pub(super) fn advertised(&mut self, id: RouterId, now: Instant) {
        if let Some((_, at, said @ false)) = self.due.iter_mut().find(|(due, ..)| *due == id) {
            *said = true;
            self.lateness.record(now.since(*at));
        }
    }

    /// A router has accepted an advertisement, or a release.
    pub(super) fn heard(&mut self, id: RouterId, role: Role, release: bool, at: Instant) {
        if release && role == Role::Backup {
            self.begun.insert(id, Takeover::Released { at });
        } else if !self.begun.is_empty() && matches!(self.begun.get(&id), Some(Takeover::Released { .. })) {
            self.begun.remove(&id);
        }
    }

    /// A router has entered another state. Who became Master without a deadline, as an owner that starts, took over from nobody.
    pub(super) fn changed(&mut self, id: RouterId, transition: &Transition) {
        let released = self.begun.remove(&id);
        if transition.to != Role::Master || transition.from != Role::Backup {
            return;
        }
        let since = match released {
            Some(Takeover::Released { at } | Takeover::Installing { since: at }) => Some(at),
            None => self.due.iter().find(|(due, ..)| *due == id).map(|(_, at, _)| *at),
        };
        if let Some(since) = since {
            self.begun.insert(id, Takeover::Installing { since });
        }
    }

    /// Takes a takeover that is under way, where it is done.
    pub(super) fn done(&mut self, id: RouterId, now: Instant, is_done: impl FnOnce() -> bool) {
        if self.begun.is_empty() {
            return;
        }
        if let Some(Takeover::Installing { since }) = self.begun.get(&id).copied().filter(|_| is_done()) {
            self.begun.remove(&id);
            self.takeovers.record(now.since(since));
        }
    }
}

/// Tells whether the host has said of every address that it is there, or cannot be.
pub(super) fn has_all(router: &VirtualRouter) -> bool {
    let (count, installed) = (router.config().addresses().len(), router.installed());
    installed >= count || installed + router.missing().count() >= count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vrrp_core::{Cause, Config, InterfaceId, Profile, RouterSet, Vrid};

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn ids() -> [RouterId; 2] {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let mut set = RouterSet::new();
        [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap())
    }

    const fn to(from: Role, to: Role) -> Transition {
        Transition::new(from, to, Cause::Startup)
    }

    #[test]
    fn an_advertisement_is_late_against_the_deadline_that_it_follows_and_once() {
        let [id, other] = ids();
        let mut it = Punctuality::default();
        it.advertised(id, at(5));
        it.due(id, at(10));
        it.advertised(other, at(11));
        assert_eq!(it.lateness.count(), 0);
        it.advertised(id, at(12));
        it.advertised(id, at(30));
        it.is_settled();
        it.advertised(id, at(40));
        assert_eq!((it.lateness.count(), it.lateness.sum()), (1, Duration::from_millis(2)));
    }

    #[test]
    fn a_takeover_takes_from_the_deadline_or_the_release_to_the_last_address() {
        let [id, other] = ids();
        let mut it = Punctuality::default();
        it.due(id, at(100));
        it.advertised(id, at(101));
        it.changed(id, &to(Role::Backup, Role::Master));
        it.is_settled();
        it.done(id, at(102), || false);
        it.done(other, at(102), || true);
        assert_eq!(it.takeovers.count(), 0);
        it.done(id, at(103), || true);
        it.done(id, at(104), || true);
        assert_eq!((it.takeovers.count(), it.takeovers.sum()), (1, Duration::from_millis(3)));

        it.heard(other, Role::Backup, true, at(200));
        it.due(other, at(250));
        it.changed(other, &to(Role::Backup, Role::Master));
        it.heard(other, Role::Master, false, at(251));
        it.done(other, at(260), || true);
        assert_eq!((it.takeovers.count(), it.takeovers.sum()), (2, Duration::from_millis(63)));
    }

    #[test]
    fn who_is_no_master_at_the_end_or_had_no_deadline_took_nothing_over() {
        let [id, other] = ids();
        let mut it = Punctuality::default();
        it.changed(id, &to(Role::Initialize, Role::Master));
        it.done(id, at(1), || true);
        // Another Master is there after all.
        it.heard(id, Role::Backup, true, at(2));
        it.heard(id, Role::Backup, false, at(3));
        it.changed(id, &to(Role::Backup, Role::Master));
        it.done(id, at(4), || true);
        it.due(other, at(5));
        it.changed(other, &to(Role::Backup, Role::Master));
        it.changed(other, &to(Role::Master, Role::Backup));
        it.done(other, at(6), || true);
        assert_eq!((it.takeovers.count(), it.begun.len()), (0, 0));
    }
}
