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

/// News come in bursts, and those of an address from another side too: a look waits for so long.
const SETTLE: Duration = Duration::from_millis(50);
/// From one look to the next at least.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// What the kernel refused is tried again after so long, then after twice as long, up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);

/// What it is told.
#[derive(Debug)]
pub(super) enum Order {
    /// An instance, by its name, wants something else.
    Wish(String, Wish),
    /// The instances have other routes and rules from now on.
    Replace {
        /// What each instance wants now.
        wishers: BTreeMap<String, Wish>,
        /// What each has in its configuration, in its order.
        items: Vec<(String, Vec<Item>)>,
    },
}

pub(super) struct Keeper {
    handle: Handle,
    /// What each instance wants; nothing where it is missing.
    wishers: BTreeMap<String, Wish>,
    things: Vec<Thing>,
    /// When to see whether all is still there.
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

    /// Takes over what an earlier run left behind for those who want it still, and removes the rest.
    pub(super) async fn sweep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let marked = match Marked::read(&self.handle).await {
            Ok(marked) => marked,
            Err(error) => {
                tracing::warn!("cannot look for routes and rules of an earlier run: {error}");
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
                Ok(true) => tracing::warn!("{name}: an earlier run left {item}, removed it"),
                Ok(false) => {}
                Err(error) => tracing::warn!("{name}: cannot remove {item} of an earlier run: {error}"),
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
                // What is new first: of what goes nothing is missed meanwhile.
                self.set().await;
                self.remove().await;
                self.things.retain(|thing| !thing.holders.is_empty());
            }
        }
    }

    /// What stays keeps its state, in the order of the new configuration; what nobody has any more comes last.
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

    /// When there is next something to do.
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

    /// The strongest of its holders' wishes.
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
                tracing::info!("{name}: replaced {}", thing.item);
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
                Ok(true) => tracing::info!("{name}: removed {item}"),
                // The kernel removes the routes of an address or an interface together with it.
                Ok(false) if state == State::There => tracing::info!("{name}: {item} is gone already"),
                Ok(false) => {}
                Err(error) => tracing::warn!("{name}: cannot remove {item}: {error}"),
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
                tracing::warn!("cannot see whether all routes and rules are there: {error}");
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
                tracing::info!("{name}: set {item}");
            }
            Err(error) => self.refused(name, &error),
        }
    }

    /// With what stands in its place replaced where that is ours.
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
            tracing::warn!("{name}: somebody {often} {item} again and again; it is put back in {} s", wait.as_secs());
            self.state = State::Missing { next: now + wait, why: Why::Fought };
            return;
        }
        match self.try_to_set(handle).await {
            Ok(()) => {
                tracing::warn!("{name}: {item} {once}, put it back");
                // What cannot be put back, as without its interface, is no fight.
                self.backoff.put_back(now);
            }
            Err(error) => {
                tracing::warn!("{name}: {item} {once}");
                self.refused(name, &error);
            }
        }
    }

    /// The same refusal is told once.
    fn refused(&mut self, name: &str, error: &io::Error) {
        let (item, tried, error) = (&self.item, Instant::now(), error.to_string());
        let wait = match &self.state {
            State::Missing { why: Why::Refused { error: last, wait, .. }, .. } => {
                if *last != error {
                    tracing::warn!("{name}: cannot set {item}: {error}");
                }
                (*wait * 2).min(LAST_RETRY)
            }
            _ => {
                tracing::warn!("{name}: cannot set {item}: {error}");
                FIRST_RETRY
            }
        };
        self.state = State::Missing { next: tried + wait, why: Why::Refused { error, tried, wait } };
    }
}
