//! The events of running routers, for each who wants to know: a queue of its own, which nobody waits for.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use crate::event::{Event, EventKind};
use crate::wait::block_on;

/// Events that may wait for their reader; more are lost, and counted.
pub(crate) const EVENTS: usize = 4096;
/// One more place, for the last word on what was lost.
const RESERVE: usize = 1;

/// The events of running routers, from the moment when this was made.
///
/// [`start`](crate::start) gives one, and [`Vrrp::subscribe`](crate::Vrrp::subscribe) more. Each has a queue of its own for 4096
/// events. The routers wait for no reader: events that find the queue full are lost, and one [`EventKind::Lost`] in their place
/// says how many. After that ask for the [status](crate::Vrrp::status). To drop this takes nothing from other readers.
///
/// Its functions work on every executor, and without one. To drop a future of [`recv`](Self::recv) loses no event.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
}

/// The reason why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum NoEvent {
    /// Everything so far was read.
    #[error("no event waits to be read")]
    Yet,
    /// The routers run no more, and everything was read.
    #[error("the virtual routers do not run any more: no event will come")]
    Ever,
}

impl Events {
    /// Waits for the next event; `None`: the routers run no more, and everything was read.
    pub async fn recv(&mut self) -> Option<Event> {
        self.queue.recv().await
    }

    /// Waits for the next event as [`recv`](Self::recv) does, and blocks its thread meanwhile, also within a runtime.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        block_on(self.recv())
    }

    /// Takes the next event if there is one now.
    ///
    /// # Errors
    /// [`NoEvent`].
    pub fn try_recv(&mut self) -> Result<Event, NoEvent> {
        self.queue.try_recv().map_err(|error| match error {
            TryRecvError::Empty => NoEvent::Yet,
            TryRecvError::Disconnected => NoEvent::Ever,
        })
    }

    /// Polls for the next event, for who writes a future or a stream around this.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll_recv(cx)
    }
}

/// The other end of an [`Events`].
#[derive(Debug)]
pub(crate) struct Subscriber {
    queue: mpsc::Sender<Event>,
    /// The event that says what was lost last, until there is room for it and for one more.
    lost: Option<Event>,
}

impl Subscriber {
    pub(crate) fn new() -> (Self, Events) {
        let (sender, queue) = mpsc::channel(EVENTS + RESERVE);
        (Self { queue: sender, lost: None }, Events { queue })
    }

    /// Tells whether nobody reads any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }

    /// Hands an event in, or notes that it is lost. Returns whether there was room for it.
    pub(crate) fn offer(&mut self, event: Event) -> bool {
        self.tell_lost();
        if self.lost.is_none() && self.queue.capacity() > RESERVE {
            return self.queue.try_send(event).is_ok();
        }
        match &mut self.lost {
            Some(Event { kind: EventKind::Lost { count }, .. }) => *count += 1,
            lost => {
                *lost = Some(Event { name: Arc::clone(&event.name), kind: EventKind::Lost { count: 1 }, ..event });
            }
        }
        false
    }

    /// Says what was lost as soon as something can follow.
    pub(crate) fn tell_lost(&mut self) {
        if self.queue.capacity() > RESERVE + 1 {
            self.tell_rest();
        }
    }

    fn tell_rest(&mut self) {
        if let Some(lost) = self.lost.take() {
            // There is room, or nobody reads.
            let _ = self.queue.try_send(lost);
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.tell_rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterId, RouterSet, Vrid};

    fn id() -> RouterId {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        RouterSet::new().insert(InterfaceId(0), config).unwrap()
    }

    /// An event with a number.
    fn event(number: usize) -> Event {
        let kind = EventKind::Released { source: [192, 0, 2, 2].into(), unreported: number as u64 };
        Event { router: id(), name: "vr".into(), kind }
    }

    /// The numbers of events; what was lost in angle brackets.
    fn read(events: &mut Events, count: usize) -> Vec<String> {
        let text = |event: Event| match event.kind {
            EventKind::Released { unreported, .. } => unreported.to_string(),
            EventKind::Lost { count } => format!("<{count}>"),
            other => panic!("{other}"),
        };
        std::iter::from_fn(|| events.try_recv().ok()).take(count).map(text).collect()
    }

    #[test]
    fn what_is_lost_is_told_in_its_place_and_before_what_follows() {
        let (mut subscriber, mut events) = Subscriber::new();
        for number in 0..EVENTS + 3 {
            assert_eq!(subscriber.offer(event(number)), number < EVENTS);
        }
        assert_eq!(read(&mut events, 2), ["0", "1"]);
        assert!(subscriber.offer(event(10_000)), "there is room again");
        let rest = read(&mut events, usize::MAX);
        assert_eq!(rest.len(), EVENTS);
        assert_eq!(&rest[EVENTS - 3..], ["4095", "<3>", "10000"]);

        // A reader that has read all learns it without another event.
        (0..=EVENTS).for_each(|number| _ = subscriber.offer(event(number)));
        read(&mut events, usize::MAX);
        subscriber.tell_lost();
        assert_eq!(read(&mut events, usize::MAX), ["<1>"]);
    }

    #[test]
    fn the_last_loss_is_told_at_the_end_although_the_queue_is_full() {
        let (mut subscriber, mut events) = Subscriber::new();
        (0..EVENTS + 7).for_each(|number| _ = subscriber.offer(event(number)));
        drop(subscriber);
        let all = read(&mut events, usize::MAX);
        assert_eq!((all.len(), all.last().map(String::as_str)), (EVENTS + 1, Some("<7>")));
        assert_eq!(events.try_recv(), Err(NoEvent::Ever));
        assert_eq!(events.blocking_recv(), None);
    }

    #[test]
    fn a_slow_reader_sees_each_gap_where_it_was() {
        let (mut subscriber, mut events) = Subscriber::new();
        let mut told = Vec::new();
        for number in 0..3 * EVENTS {
            subscriber.offer(event(number));
            if number % 2 == 0 {
                told.extend(read(&mut events, 1));
            }
        }
        drop(subscriber);
        told.extend(read(&mut events, usize::MAX));
        let mut next = 0;
        for item in &told {
            match item.strip_prefix('<').and_then(|lost| lost.strip_suffix('>')) {
                Some(lost) => next += lost.parse::<usize>().unwrap(),
                None => {
                    assert_eq!(*item, next.to_string());
                    next += 1;
                }
            }
        }
        assert_eq!(next, 3 * EVENTS, "every event was read, or counted");
    }
}
