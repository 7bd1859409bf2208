//! The time that an interface must be up or down before that counts for a router. One that is not there counts at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vrrp_core::{Instant, RouterId};

use crate::agenda::Agenda;
use crate::router::Router;

/// The interfaces of which a router takes no note at once.
#[derive(Debug, Default)]
pub(super) struct Delays {
    watched: BTreeMap<RouterId, BTreeMap<String, Watched>>,
    /// The moments at which their states count.
    agenda: Agenda<(RouterId, String)>,
}

/// One interface, for one router.
#[derive(Debug)]
struct Watched {
    up: Duration,
    down: Duration,
    /// Before the first look nothing.
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    is_up: bool,
    since: Instant,
    counts_as_up: bool,
}

/// A state of an interface that does not count yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) is_up: bool,
    /// The time for which it must be that.
    pub(super) delay: Duration,
    pub(super) counts_at: Instant,
}

impl Delays {
    /// Takes in a router, or what it is from now on. Of an interface that has delays still it is known since when it is up or
    /// down.
    pub(super) fn set(&mut self, id: RouterId, router: &Router) {
        let mut before = self.watched.remove(&id).unwrap_or_default();
        let wanted = router.interface_delays.iter().map(|delays| {
            let seen = before.remove(&delays.interface).and_then(|watched| watched.seen);
            (delays.interface.clone(), Watched { up: delays.up, down: delays.down, seen })
        });
        let watched: BTreeMap<String, Watched> = wanted.collect();
        let names: BTreeSet<String> = before.into_keys().collect();
        names.into_iter().for_each(|gone| self.agenda.set((id, gone), None));
        for (name, watched) in &watched {
            self.agenda.set((id, name.clone()), watched.pending().map(|pending| pending.counts_at));
        }
        if !watched.is_empty() {
            self.watched.insert(id, watched);
        }
    }

    /// Forgets a router.
    pub(super) fn remove(&mut self, id: RouterId) {
        for name in self.watched.remove(&id).unwrap_or_default().into_keys() {
            self.agenda.set((id, name), None);
        }
    }

    /// A router goes on from another process, for which an interface counted as up, or as down.
    pub(super) fn resume(&mut self, id: RouterId, name: &str, counts_as_up: bool, now: Instant) {
        if let Some(watched) = self.watched.get_mut(&id).and_then(|watched| watched.get_mut(name)) {
            watched.seen = Some(Seen { is_up: counts_as_up, since: now, counts_as_up });
        }
    }

    /// Takes note of how an interface stands, `None` where there is none of this name. Returns whether it counts as up.
    pub(super) fn look(&mut self, id: RouterId, name: &str, is_up: Option<bool>, now: Instant) -> bool {
        let there = is_up.unwrap_or_default();
        let Some(watched) = self.watched.get_mut(&id).and_then(|watched| watched.get_mut(name)) else { return there };
        let mut seen = match watched.seen {
            Some(seen) if is_up.is_some() && seen.is_up == there => seen,
            Some(seen) if is_up.is_some() => Seen { is_up: there, since: now, ..seen },
            _ => Seen { is_up: there, since: now, counts_as_up: there },
        };
        watched.seen = Some(seen);
        if watched.pending().is_some_and(|pending| pending.counts_at <= now) {
            seen.counts_as_up = there;
            watched.seen = Some(seen);
        }
        self.agenda.set((id, name.to_owned()), watched.pending().map(|pending| pending.counts_at));
        seen.counts_as_up
    }

    /// Returns what an interface is and does not count as yet.
    pub(super) fn pending(&self, id: RouterId, name: &str) -> Option<Pending> {
        self.watched.get(&id)?.get(name)?.pending()
    }

    /// Returns all of a router that are pending, by name.
    pub(super) fn all_pending(&self, id: RouterId) -> impl Iterator<Item = (&str, Pending)> {
        let all = self.watched.get(&id).into_iter().flatten();
        all.filter_map(|(name, watched)| Some((name.as_str(), watched.pending()?)))
    }

    /// Returns when something counts that did not.
    pub(super) fn next(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// Returns a router for which something counts now, and that has to [look](Self::look).
    pub(super) fn take_due(&mut self, now: Instant) -> Option<RouterId> {
        self.agenda.take_due(now).map(|(id, _)| id)
    }
}

impl Watched {
    fn pending(&self) -> Option<Pending> {
        let Seen { is_up, since, .. } = self.seen.filter(|seen| seen.is_up != seen.counts_as_up)?;
        let delay = if is_up { self.up } else { self.down };
        Some(Pending { is_up, delay, counts_at: since + delay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    const UP: Duration = Duration::from_secs(5);
    const DOWN: Duration = Duration::from_secs(2);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn router(delays: &[(&str, Duration, Duration)]) -> (RouterId, Router) {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let id = RouterSet::new().insert(InterfaceId(0), config.clone()).unwrap();
        let router = Router::new("eth0", config);
        (id, delays.iter().fold(router, |router, (name, up, down)| router.with_interface_delays(*name, *up, *down)))
    }

    #[test]
    fn a_state_counts_when_it_has_lasted_and_one_that_does_not_last_never() {
        let (id, router) = router(&[("eth0", UP, DOWN)]);
        let mut delays = Delays::default();
        delays.set(id, &router);
        let mut look = |is_up, now| delays.look(id, "eth0", Some(is_up), at(now));
        assert!(look(true, 0), "what is there at first counts");
        assert!(look(false, 1_000) && look(false, 2_999));
        assert!(look(true, 2_999), "it came back in time");
        assert!(look(false, 10_000) && look(false, 11_999) && !look(false, 12_000));
        assert!(!look(true, 20_000) && !look(true, 24_999) && !look(false, 24_999));
        assert!(!look(true, 26_000) && !look(true, 30_999) && look(true, 31_000));
        assert!(!delays.look(id, "eth0", None, at(40_000)), "what is not there counts at once");
        assert!(!delays.look(id, "eth0", Some(true), at(41_000)) && delays.look(id, "eth0", Some(true), at(46_000)));
        assert!(!delays.look(id, "eth1", Some(false), at(0)) && delays.look(id, "eth1", Some(true), at(0)));
    }

    #[test]
    fn who_waits_is_woken_in_time_and_what_is_pending_is_told() {
        let (id, router) = router(&[("eth0", UP, DOWN), ("eth1", UP, Duration::ZERO)]);
        let mut delays = Delays::default();
        delays.set(id, &router);
        assert!(delays.look(id, "eth0", Some(true), at(0)) && delays.look(id, "eth1", Some(true), at(0)));
        assert_eq!((delays.next(), delays.all_pending(id).count()), (None, 0));
        assert!(!delays.look(id, "eth1", Some(false), at(500)), "without a delay at once");
        delays.look(id, "eth0", Some(false), at(1_000));
        delays.look(id, "eth1", Some(true), at(1_500));
        let (down, up) = (
            Pending { is_up: false, delay: DOWN, counts_at: at(3_000) },
            Pending { is_up: true, delay: UP, counts_at: at(6_500) },
        );
        assert_eq!(delays.all_pending(id).collect::<Vec<_>>(), [("eth0", down), ("eth1", up)]);
        assert_eq!((delays.next(), delays.take_due(at(2_999))), (Some(at(3_000)), None));
        assert_eq!((delays.take_due(at(3_000)), delays.next()), (Some(id), Some(at(6_500))));
        assert!(!delays.look(id, "eth0", Some(false), at(3_000)));
        assert_eq!(delays.pending(id, "eth0"), None);
        delays.remove(id);
        assert_eq!((delays.next(), delays.watched.len()), (None, 0));
    }

    #[test]
    fn another_delay_counts_from_the_same_beginning_and_a_router_that_goes_on_begins_with_what_it_knew() {
        let (id, before) = router(&[("eth0", UP, DOWN), ("eth1", UP, DOWN)]);
        let mut delays = Delays::default();
        delays.set(id, &before);
        for name in ["eth0", "eth1"] {
            delays.look(id, name, Some(true), at(0));
            delays.look(id, name, Some(false), at(1_000));
        }
        delays.set(id, &router(&[("eth0", UP, DOWN * 2)]).1);
        assert_eq!((delays.next(), delays.pending(id, "eth1")), (Some(at(5_000)), None));
        delays.set(id, &router(&[]).1);
        assert_eq!((delays.next(), delays.watched.len()), (None, 0));

        delays.set(id, &before);
        delays.resume(id, "eth0", true, at(100));
        delays.resume(id, "nobody knows it", true, at(100));
        assert!(delays.look(id, "eth0", Some(false), at(200)) && !delays.look(id, "eth0", Some(false), at(2_200)));
    }
}
