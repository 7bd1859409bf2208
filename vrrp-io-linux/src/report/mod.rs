//! Sends events out without ever waiting for their reader, and holds back those that repeat (RX-21).

pub(crate) mod words;

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vrrp_core::{Discard, Instant, RouterId};

use crate::event::{Event, EventKind};

/// Of a kind that repeats, one event is reported in this time.
const PAUSE: Duration = Duration::from_secs(10);
/// Room that is kept for events that wait to be handed out.
const HELD: usize = 64;

/// The sending end of the event channel.
#[derive(Debug)]
pub(crate) struct Reporter {
    events: mpsc::Sender<Event>,
    /// Not handed out yet: that wakes their reader, who may need the processor that a takeover needs.
    held: Vec<Event>,
    names: Vec<Arc<str>>,
    /// Bounded: one entry for each router and kind.
    repeating: HashMap<(RouterId, Kind), Repeats>,
    lost: u64,
}

/// What makes two events repeats of each other.
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
    pub(crate) fn new(events: mpsc::Sender<Event>, names: Vec<Arc<str>>) -> Self {
        Self { events, held: Vec::new(), names, repeating: HashMap::new(), lost: 0 }
    }

    /// What the routers are called, by their ids.
    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Reports, when the time comes to [`deliver`](Self::deliver). More than the channel holds are lost, and counted.
    pub(crate) fn report(&mut self, router: RouterId, kind: EventKind) {
        let Some(name) = self.names.get(router.index()) else { return };
        if self.held.len() < self.events.capacity() {
            self.held.push(Event { router, name: Arc::clone(name), kind });
        } else {
            self.lost += 1;
        }
    }

    /// Hands out what was reported. Waits for nobody.
    pub(crate) fn deliver(&mut self) {
        for event in self.held.drain(..) {
            self.lost += u64::from(self.events.try_send(event).is_err());
        }
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

    /// Events that found the channel full.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    #[test]
    fn repeats_are_counted_and_reported_every_ten_seconds_and_a_full_channel_is_not_waited_for() {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let id = RouterSet::new().insert(InterfaceId(0), config).unwrap();
        let (sender, mut events) = mpsc::channel(2);
        let mut reporter = Reporter::new(sender, vec!["vr".into()]);
        for second in 0..31 {
            let now = Instant::ZERO + Duration::from_secs(second);
            let kind = Kind::from(&Discard::AuthFailure);
            reporter.report_repeating(id, now, kind, |unreported| {
                let source = [192, 0, 2, 2].into();
                EventKind::Released { source, unreported }
            });
        }
        assert!(events.try_recv().is_err(), "nobody is woken before it is time");
        reporter.deliver();
        let counted = |event: Event| match event.kind {
            EventKind::Released { unreported, .. } => (event.name.to_string(), unreported),
            other => panic!("{other}"),
        };
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).map(counted).collect();
        assert_eq!(told, [("vr".to_owned(), 0), ("vr".to_owned(), 9)]);
        assert_eq!(reporter.lost(), 2);
    }
}
