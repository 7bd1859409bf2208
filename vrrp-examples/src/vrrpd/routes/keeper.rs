//! Keeps the kernel's routes and rules as the instances wish them: the one place that sets and removes any.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rtnetlink::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::gate::Wish;
use super::item::{Item, Marked, Presence};
use super::news::{Listener, News};
use crate::vrrpd::log::log;

/// The owner's name in the log for things that are always there. An instance of this name would only keep its own a little longer.
pub(super) const FIXED: &str = "static";

/// News come in bursts, and those of an address from another side too: a look waits for so long.
const SETTLE: Duration = Duration::from_millis(50);
/// The shortest time from one look to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// The first pause before a refused thing is tried again. Each pause is twice the one before, up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);

/// An order to the keeper.
#[derive(Debug)]
pub(super) enum Order {
    /// An instance, by its name, wants something else.
    Wish(String, Wish),
    /// The instances have other routes and rules from now on.
    Replace {
        /// The present wish of each instance.
        wishers: BTreeMap<String, Wish>,
        /// The configured items of each, in their order.
        items: Vec<(String, Vec<Item>)>,
    },
}

pub(super) struct Keeper {
    handle: Handle,
    /// The present wish of each instance; nothing if it is missing.
    wishers: BTreeMap<String, Wish>,
    things: Vec<Thing>,
    /// The moment of the next look whether all is still there.
    look_at: Option<Instant>,
    looked_at: Option<Instant>,
}

/// A route or a rule, whoever wants it.
#[derive(Debug)]
struct Thing {
    item: Item,
    /// The instances that have it in their configuration; none any more: it goes.
    holders: Vec<String>,
    /// The last of them that it was there for.
    holder: String,
    state: State,
    backoff: Backoff,
}

#[derive(Debug, PartialEq)]
enum State {
    Absent,
    There,
    /// Wanted, and tried again at `next`.
    Missing {
        next: Instant,
        why: Why,
    },
}

#[derive(Debug, PartialEq)]
enum Why {
    Refused {
        error: String,
        tried: Instant,
        wait: Duration,
    },
    /// Somebody keeps removing or changing it.
    Fought,
}

impl Keeper {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, wishers: BTreeMap::new(), things: Vec::new(), look_at: None, looked_at: None }
    }

    /// Takes in the next instance, with what it has in its configuration.
    pub(super) fn add(&mut self, name: &str, items: impl Iterator<Item = Item>) {
        for item in items {
            match self.things.iter_mut().find(|thing| thing.item.is_same(&item)) {
                Some(thing) => {
                    thing.holders.push(name.to_owned());
                    if item.says_more_than(&thing.item) {
                        thing.item = item;
                    }
                }
                None => self.things.push(Thing {
                    item,
                    holders: vec![name.to_owned()],
                    holder: name.to_owned(),
                    state: State::Absent,
                    backoff: Backoff::default(),
                }),
            }
        }
    }

    /// Takes over what an earlier run left behind if it is still wanted, and removes the rest.
    pub(super) async fn sweep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let marked = match Marked::read(&self.handle).await {
            Ok(marked) => marked,
            Err(error) => {
                log!(
                    RoutesUnknown,
                    error = error.to_string(),
                    "cannot look for routes and rules of an earlier run: {error}"
                );
                return;
            }
        };
        for thing in self.things.iter_mut().rev() {
            match marked.has(&thing.item) {
                Presence::Gone => continue,
                Presence::There if thing.holders.iter().any(|holder| is_wanted(holder)) => {
                    thing.state = State::There;
                    continue;
                }
                Presence::There | Presence::Altered => {}
            }
            let (name, item) = (&thing.holder, &thing.item);
            match item.delete(&self.handle).await {
                Ok(true) => log!(
                    RouteLeftOver,
                    router = router(name),
                    item = item.to_string(),
                    "{name}: an earlier run left {item}, removed it"
                ),
                Ok(false) => {}
                Err(error) => log!(
                    RouteNotRemoved,
                    router = router(name),
                    item = item.to_string(),
                    error = error.to_string(),
                    "{name}: cannot remove {item} of an earlier run: {error}"
                ),
            }
        }
    }

    /// Follows the orders until nobody can give any more; then removes everything.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>, mut listener: Listener) {
        loop {
            let due = self.due();
            let sleep = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => {
                        self.take(order).await;
                        while let Ok(order) = orders.try_recv() {
                            self.take(order).await;
                        }
                    }
                    None => break,
                },
                // What it asks for is due at some time.
                news = listener.next() => {
                    self.hear(news, Instant::now());
                    continue;
                }
                () = sleep => {}
            }
            self.work().await;
        }
        self.wishers.clear();
        self.remove().await;
    }

    async fn take(&mut self, order: Order) {
        match order {
            Order::Wish(instance, wish) => {
                if self.wishers.insert(instance, wish) != Some(wish) && matches!(wish, Wish::Present { .. }) {
                    // An address has come: with it, others may have gone and come back meanwhile.
                    self.hear(News::Loss, Instant::now());
                }
            }
            Order::Replace { wishers, items } => {
                self.wishers = wishers;
                self.replace(items);
                // New ones are set first: nothing that goes is missed meanwhile.
                self.set().await;
                self.remove().await;
                self.things.retain(|thing| !thing.holders.is_empty());
            }
        }
    }

    /// Replaces the items. Those that stay keep their state. The order is that of the new configuration, with unowned items last.
    fn replace(&mut self, items: Vec<(String, Vec<Item>)>) {
        let mut before = std::mem::take(&mut self.things);
        for (name, items) in items {
            self.add(&name, items.into_iter());
        }
        for thing in &mut self.things {
            let known = before.iter().position(|known| known.item.is_same(&thing.item)).map(|at| before.remove(at));
            if let Some(Thing { holder, state, backoff, .. }) = known {
                (thing.holder, thing.state, thing.backoff) = (holder, state, backoff);
            }
        }
        let gone = before.into_iter().filter(|thing| thing.state != State::Absent);
        self.things.extend(gone.map(|thing| Thing { holders: Vec::new(), ..thing }));
    }

    fn hear(&mut self, news: News, now: Instant) {
        if news == News::Nothing {
            return;
        }
        for thing in &mut self.things {
            if let State::Missing { next, why: Why::Refused { tried, .. } } = &mut thing.state {
                *next = (*next).min((*tried + FIRST_RETRY).max(now));
            }
        }
        if news == News::Loss && self.look_at.is_none() {
            let earliest = self.looked_at.map_or(now, |looked_at| looked_at + LOOK_PAUSE);
            self.look_at = Some(earliest.max(now + SETTLE));
        }
    }

    /// Returns the time of the next task.
    fn due(&self) -> Option<Instant> {
        let retries = self.things.iter().filter_map(|thing| match &thing.state {
            State::Missing { next, .. } if matches!(self.wish(thing), Wish::Present { .. }) => Some(*next),
            _ => None,
        });
        retries.chain(self.look_at).min()
    }

    async fn work(&mut self) {
        self.remove().await;
        if self.look_at.is_some_and(|at| at <= Instant::now()) {
            self.look().await;
        }
        self.set().await;
    }

    /// Returns the strongest of its holders' wishes.
    fn wish(&self, thing: &Thing) -> Wish {
        let wishes = || thing.holders.iter().filter_map(|holder| self.wishers.get(holder)).copied();
        let present = wishes().find(|wish| matches!(wish, Wish::Present { .. }));
        present.or_else(|| wishes().find(|wish| *wish == Wish::Kept)).unwrap_or(Wish::Absent)
    }

    /// Removes what nobody wants any more, the last first: a rule before the routes that it chooses.
    async fn remove(&mut self) {
        let mut marked = None;
        for at in (0..self.things.len()).rev() {
            let Some(thing) = self.things.get(at) else { break };
            if thing.state == State::Absent || self.wish(thing) != Wish::Absent {
                continue;
            }
            let name = thing.holder.clone();
            // Where another has taken its place a removal would be the other's.
            let is_replaced = self.things.iter().any(|other| {
                other.state == State::There
                    && self.wish(other) != Wish::Absent
                    && other.item.is_in_place_of(&thing.item)
            });
            if is_replaced {
                let Some(thing) = self.things.get_mut(at) else { break };
                (thing.state, thing.backoff) = (State::Absent, Backoff::default());
                let item = thing.item.to_string();
                log!(RouteReplaced, router = router(&name), item = item, "{name}: replaced {item}");
                continue;
            }
            let marked = match &mut marked {
                Some(marked) => marked,
                // Without a look each is to be removed as if it were there.
                none => none.insert(Marked::read(&self.handle).await.ok()),
            };
            let Some(thing) = self.things.get_mut(at) else { break };
            let (state, item) = (std::mem::replace(&mut thing.state, State::Absent), &thing.item);
            thing.backoff = Backoff::default();
            let there = marked.as_ref().is_none_or(|marked| marked.has(item) != Presence::Gone);
            let removed = if there { item.delete(&self.handle).await } else { Ok(false) };
            match removed {
                Ok(true) => {
                    log!(RouteRemoved, router = router(&name), item = item.to_string(), "{name}: removed {item}");
                }
                // The kernel removes the routes of an address or an interface together with it.
                Ok(false) if state == State::There => {
                    log!(RouteGone, router = router(&name), item = item.to_string(), "{name}: {item} is gone already");
                }
                Ok(false) => {}
                Err(error) => log!(
                    RouteNotRemoved,
                    router = router(&name),
                    item = item.to_string(),
                    error = error.to_string(),
                    "{name}: cannot remove {item}: {error}"
                ),
            }
        }
    }

    /// Finds what is there no more, or not as it should be, and puts it back.
    async fn look(&mut self) {
        self.look_at = None;
        self.looked_at = Some(Instant::now());
        if !self.things.iter().any(|thing| thing.state == State::There) {
            return;
        }
        let marked = match Marked::read(&self.handle).await {
            Ok(marked) => marked,
            Err(error) => {
                log!(
                    RoutesUnknown,
                    error = error.to_string(),
                    "cannot see whether all routes and rules are there: {error}"
                );
                return;
            }
        };
        for at in 0..self.things.len() {
            let Some(thing) = self.things.get(at) else { break };
            let presence = marked.has(&thing.item);
            if thing.state != State::There || presence == Presence::There {
                continue;
            }
            let wish = self.wish(thing);
            let name = thing.holder.clone();
            let Some(thing) = self.things.get_mut(at) else { break };
            match wish {
                Wish::Present { .. } => thing.put_back(&name, presence, &self.handle).await,
                // An address has gone, and this with it: both come back together.
                Wish::Kept => thing.state = State::Absent,
                Wish::Absent => {}
            }
        }
    }

    /// Sets what is wanted and not there, where it is time to.
    async fn set(&mut self) {
        for at in 0..self.things.len() {
            let Some(thing) = self.things.get(at) else { break };
            let Wish::Present { .. } = self.wish(thing) else { continue };
            let present = |holder: &&String| matches!(self.wishers.get(*holder), Some(Wish::Present { .. }));
            let holder = thing.holders.iter().find(present).unwrap_or(&thing.holder).clone();
            let Some(thing) = self.things.get_mut(at) else { break };
            thing.holder.clone_from(&holder);
            let name = holder;
            match &thing.state {
                State::Absent => thing.set(&name, &self.handle).await,
                State::Missing { next, .. } if *next <= Instant::now() => thing.set(&name, &self.handle).await,
                State::There | State::Missing { .. } => {}
            }
        }
    }
}

impl Thing {
    async fn set(&mut self, name: &str, handle: &Handle) {
        match self.try_to_set(handle).await {
            Ok(()) => {
                let item = &self.item;
                if matches!(self.state, State::Missing { why: Why::Fought, .. }) {
                    self.backoff.put_back(Instant::now());
                }
                self.state = State::There;
                log!(RouteSet, router = router(name), item = item.to_string(), "{name}: set {item}");
            }
            Err(error) => self.refused(name, &error),
        }
    }

    /// Tries to set it, and replaces one of ours in its place.
    async fn try_to_set(&self, handle: &Handle) -> io::Result<()> {
        match self.item.add(handle).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match Marked::read(handle).await?.has(&self.item) {
                    Presence::There => Ok(()),
                    Presence::Altered => self.item.replace(handle).await,
                    // Somebody else's.
                    Presence::Gone => Err(error),
                }
            }
            other => other,
        }
    }

    async fn put_back(&mut self, name: &str, presence: Presence, handle: &Handle) {
        let (item, now) = (&self.item, Instant::now());
        let (once, often) = match presence {
            Presence::Altered => ("was changed", "changes"),
            Presence::There | Presence::Gone => ("was removed", "removes"),
        };
        if let Some(wait) = self.backoff.wait(now) {
            log!(
                RouteFought,
                router = router(name),
                item = item.to_string(),
                seconds = wait.as_secs(),
                "{name}: somebody {often} {item} again and again; it is put back in {} s",
                wait.as_secs()
            );
            self.state = State::Missing { next: now + wait, why: Why::Fought };
            return;
        }
        match self.try_to_set(handle).await {
            Ok(()) => {
                log!(RouteLost, router = router(name), item = item.to_string(), "{name}: {item} {once}, put it back");
                // One that cannot be put back, as without its interface, does not count as a fight.
                self.backoff.put_back(now);
            }
            Err(error) => {
                log!(RouteLost, router = router(name), item = item.to_string(), "{name}: {item} {once}");
                self.refused(name, &error);
            }
        }
    }

    /// Logs an error. The same error is logged once.
    fn refused(&mut self, name: &str, error: &io::Error) {
        let (item, tried, error) = (&self.item, Instant::now(), error.to_string());
        let wait = match &self.state {
            State::Missing { why: Why::Refused { error: last, wait, .. }, .. } => {
                if *last != error {
                    not_set(name, item, &error);
                }
                (*wait * 2).min(LAST_RETRY)
            }
            _ => {
                not_set(name, item, &error);
                FIRST_RETRY
            }
        };
        self.state = State::Missing { next: tried + wait, why: Why::Refused { error, tried, wait } };
    }
}

fn not_set(name: &str, item: &Item, error: &str) {
    log!(
        RouteNotSet,
        router = router(name),
        item = item.to_string(),
        error = error,
        "{name}: cannot set {item}: {error}"
    );
}

/// Returns the virtual router of a holder; none if the item is always there.
fn router(holder: &str) -> Option<&str> {
    (holder != FIXED).then_some(holder)
}
