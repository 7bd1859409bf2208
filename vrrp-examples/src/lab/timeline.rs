//! The one record of all events, which observers write and checks read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use vrrp_core::timeline::LaneState;

use super::topology::HostId;

/// Something seen on the LAN or on a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A VRRP advertisement left a proxy.
    Advert { host: HostId, vrid: u8, priority: u8 },
    /// A gratuitous ARP left a proxy.
    Announcement { host: HostId, address: Ipv4Addr },
    /// An address came to a proxy or left it.
    Address { host: HostId, address: Ipv4Addr, present: bool },
    /// A daemon told of a state; only for `--report`.
    State { host: HostId, vrid: u8, state: LaneState },
}

/// The client that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The client of one virtual address alone, which it never leaves.
    Address(Ipv4Addr),
    /// The client of the name, which tries the other address when one fails.
    Name,
}

/// One request, ended.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) asker: Asker,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// The proxy that served it, or why none did.
    pub(super) outcome: Result<HostId, String>,
}

/// Every event and every client's request so far.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    events: Mutex<Vec<(Instant, Event)>>,
    requests: Mutex<Vec<Request>>,
}

impl Timeline {
    pub(super) fn record(&self, at: Instant, event: Event) {
        lock(&self.events).push((at, event));
    }

    pub(super) fn record_request(&self, request: Request) {
        lock(&self.requests).push(request);
    }

    /// Events from the beginning on, by time.
    pub(super) fn all_events(&self) -> Vec<(Instant, Event)> {
        let mut events = lock(&self.events).clone();
        events.sort_by_key(|(at, _)| *at);
        events
    }

    /// Events from `since` on, by time.
    pub(super) fn events(&self, since: Instant) -> Vec<(Instant, Event)> {
        let mut events: Vec<_> = lock(&self.events).iter().filter(|(at, _)| *at >= since).copied().collect();
        events.sort_by_key(|(at, _)| *at);
        events
    }

    /// Requests that began from `since` on and have ended, in the order in which they began.
    pub(super) fn requests(&self, since: Instant) -> Vec<Request> {
        let all = lock(&self.requests);
        // They are recorded as they end.
        let recent = all.iter().rev().take_while(|request| request.ended >= since);
        let mut requests: Vec<_> = recent.filter(|request| request.began >= since).cloned().collect();
        requests.sort_by_key(|request| request.began);
        requests
    }

    /// Returns the first advertisement after `since` that satisfies `wanted(host, vrid, priority)`.
    pub(super) fn first_advert(&self, since: Instant, wanted: impl Fn(HostId, u8, u8) -> bool) -> Option<Instant> {
        self.adverts(since).find(|(_, host, vrid, priority)| wanted(*host, *vrid, *priority)).map(|(at, ..)| at)
    }

    /// Returns the last advertisement from `since` until before `until` that satisfies `wanted(host, vrid, priority)`.
    pub(super) fn last_advert(
        &self,
        since: Instant,
        until: Instant,
        wanted: impl Fn(HostId, u8, u8) -> bool,
    ) -> Option<Instant> {
        self.adverts(since)
            .filter(|(at, host, vrid, priority)| *at < until && wanted(*host, *vrid, *priority))
            .last()
            .map(|(at, ..)| at)
    }

    fn adverts(&self, since: Instant) -> impl Iterator<Item = (Instant, HostId, u8, u8)> {
        self.events(since).into_iter().filter_map(|(at, event)| match event {
            Event::Advert { host, vrid, priority } => Some((at, host, vrid, priority)),
            _ => None,
        })
    }

    /// Returns the holders of `address` from the beginning on: each change, with the set of holders after it.
    pub(super) fn holders(&self, address: Ipv4Addr) -> Vec<(Instant, BTreeSet<HostId>)> {
        let events = self.all_events();
        let mut now = BTreeSet::new();
        let mut changes = Vec::new();
        for (at, event) in events {
            let changed = match event {
                Event::Address { host, address: of, present: true } if of == address => now.insert(host),
                Event::Address { host, address: of, present: false } if of == address => now.remove(&host),
                _ => false,
            };
            if changed {
                changes.push((at, now.clone()));
            }
        }
        changes
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
