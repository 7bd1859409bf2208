//! Sends events out without ever waiting for their readers, and holds back those that repeat (RX-21).

pub(crate) mod words;

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use vrrp_core::{Discard, Instant, RouterId};

use crate::event::{Event, EventKind};
use crate::events::{EVENTS, Events, Subscriber};

/// The shortest time between two reported events of a kind that repeats.
const PAUSE: Duration = Duration::from_secs(10);
/// Room that is kept for events that wait to be handed out.
const HELD: usize = 64;

/// The names of the routers.
pub(crate) type Names = BTreeMap<RouterId, Arc<str>>;

/// The sending end of all subscribers' events.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    subscribers: Vec<Subscriber>,
    /// Not handed out yet: that wakes readers, who may need the processor that a takeover needs.
    held: Vec<Event>,
    names: Names,
    /// Bounded: one entry for each router and kind.
    repeating: HashMap<(RouterId, Kind), Repeats>,
    lost: u64,
}

/// A kind of event: two events of one kind are repeats of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Ignored(Discriminant<Discard>),
    Authenticated,
    OtherAddresses,
    OtherMaster { other_addresses: bool },
    Released,
    SendFailed,
    FilterLost,
}

impl From<&Discard> for Kind {
    fn from(discard: &Discard) -> Self {
        Self::Ignored(discriminant(discard))
    }
}

#[derive(Debug)]
struct Repeats {
    reported_at: Instant,
    unreported: u64,
}

impl Reporter {
    /// Names a router, whose events are reported from now on; or gives it another name.
    pub(crate) fn add(&mut self, router: RouterId, name: &str) {
        self.names.insert(router, Arc::from(name));
    }

    /// Forgets a router: no more of its events are reported.
    pub(crate) fn remove(&mut self, router: RouterId) {
        self.names.remove(&router);
        self.repeating.retain(|(of, _), _| *of != router);
    }

    /// Makes a queue for one more who wants to know, from now on.
    pub(crate) fn subscribe(&mut self) -> Events {
        // Events from before are not for the new one.
        self.deliver();
        let (subscriber, events) = Subscriber::new();
        self.subscribers.push(subscriber);
        events
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Reports, when the time comes to [`deliver`](Self::deliver).
    pub(crate) fn report(&mut self, router: RouterId, kind: EventKind) {
        let Some(name) = self.names.get(&router) else { return };
        self.held.push(Event { router, name: Arc::clone(name), kind });
        if self.held.len() >= EVENTS {
            self.deliver();
        }
    }

    /// Hands out what was reported. Waits for nobody: what finds a queue full is lost, and counted.
    pub(crate) fn deliver(&mut self) {
        self.subscribers.retain(|subscriber| !subscriber.is_gone());
        for event in self.held.drain(..) {
            let Some((last, others)) = self.subscribers.split_last_mut() else { continue };
            let lost = others.iter_mut().filter_map(|other| (!other.offer(event.clone())).then_some(())).count();
            self.lost += lost as u64 + u64::from(!last.offer(event));
        }
        self.subscribers.iter_mut().for_each(Subscriber::tell_lost);
        self.held.shrink_to(HELD);
    }

    /// Reports unless one like it went out a short time ago; `event` gets the number held back since then.
    pub(crate) fn report_repeating(
        &mut self,
        router: RouterId,
        now: Instant,
        kind: Kind,
        event: impl FnOnce(u64) -> EventKind,
    ) {
        if !self.names.contains_key(&router) {
            return;
        }
        let repeats = self.repeating.get_mut(&(router, kind));
        let unreported = match repeats {
            Some(repeats) if now.since(repeats.reported_at) < PAUSE => {
                repeats.unreported += 1;
                return;
            }
            Some(repeats) => repeats.unreported,
            None => 0,
        };
        self.repeating.insert((router, kind), Repeats { reported_at: now, unreported: 0 });
        self.report(router, event(unreported));
    }

    /// Events that found a queue full.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    fn ids() -> (RouterId, RouterId) {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let mut set = RouterSet::new();
        let first = set.insert(InterfaceId(0), config.clone()).unwrap();
        (first, set.insert(InterfaceId(1), config).unwrap())
    }

    fn released(unreported: u64) -> EventKind {
        EventKind::Released { source: [192, 0, 2, 2].into(), unreported }
    }

    /// Every event that waits, by name and number.
    fn told(events: &mut Events) -> Vec<(String, u64)> {
        let counted = |event: Event| match event.kind {
            EventKind::Released { unreported, .. } => (event.name.to_string(), unreported),
            other => panic!("{other}"),
        };
        std::iter::from_fn(|| events.try_recv().ok()).map(counted).collect()
    }

    #[test]
    fn repeats_are_counted_and_reported_every_ten_seconds() {
        let (id, _) = ids();
        let mut reporter = Reporter::default();
        reporter.add(id, "vr");
        let mut events = reporter.subscribe();
        for second in 0..31 {
            let now = Instant::ZERO + Duration::from_secs(second);
            reporter.report_repeating(id, now, Kind::from(&Discard::AuthFailure), released);
        }
        assert!(events.try_recv().is_err(), "nobody is woken before it is time");
        reporter.deliver();
        assert_eq!(told(&mut events), [0, 9, 9, 9].map(|count| ("vr".to_owned(), count)));
    }

    #[test]
    fn each_subscriber_is_told_everything_from_its_beginning_and_none_holds_up_another() {
        let (id, _) = ids();
        let mut reporter = Reporter::default();
        reporter.add(id, "vr");
        let (mut idle, gone) = (reporter.subscribe(), reporter.subscribe());
        drop(gone);
        let before = EVENTS as u64;
        (0..before).for_each(|number| reporter.report(id, released(number)));
        let mut late = reporter.subscribe();
        (before..before + 10).for_each(|number| reporter.report(id, released(number)));
        reporter.deliver();
        let expected: Vec<_> = (before..before + 10).map(|number| ("vr".to_owned(), number)).collect();
        assert_eq!(told(&mut late), expected);
        assert_eq!(reporter.lost(), 10, "of the one that reads nothing; who is gone loses nothing");
        drop(reporter);
        let all: Vec<Event> = std::iter::from_fn(|| idle.try_recv().ok()).collect();
        assert_eq!(all.len(), EVENTS + 1);
        assert_eq!(all[EVENTS].kind, EventKind::Lost { count: 10 });
    }

    #[test]
    fn a_router_has_events_from_its_coming_to_its_going_and_under_its_own_name() {
        let (first, second) = ids();
        let mut reporter = Reporter::default();
        let mut events = reporter.subscribe();
        let mut say = |reporter: &mut Reporter, number| {
            for id in [first, second] {
                reporter.report_repeating(id, Instant::ZERO, Kind::Released, |_| released(number));
            }
            reporter.deliver();
            told(&mut events)
        };
        assert_eq!(say(&mut reporter, 1), [], "nobody is there");
        reporter.add(second, "b");
        reporter.add(first, "a");
        assert_eq!(say(&mut reporter, 2), [("a".to_owned(), 2), ("b".to_owned(), 2)]);
        reporter.remove(first);
        assert_eq!(say(&mut reporter, 3), [], "one is gone, the other repeats itself");
        reporter.add(first, "c");
        assert_eq!(say(&mut reporter, 4), [("c".to_owned(), 4)], "nothing is left of the one before");
    }
}
