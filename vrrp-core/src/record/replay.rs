//! Doing once more what was done to routers, and looking whether the same comes out.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::entry::{Encoded, Entry, Event, GroupSnapshot, Heard, Snapshot};
use super::recording::Recording;
use super::set::mates;
use super::words::{Hex, said};
use crate::action::Action;
use crate::receive::Rejected;
use crate::router::VirtualRouter;
use crate::set::RouterSet;
use crate::time::Instant;
use crate::types::{InterfaceId, RouterId};
use crate::wire::RxPacket;

/// Holds every advertisement.
const MESSAGE_MAX: usize = 4096;

/// A recording on its way through a set of its own, entry by entry.
#[derive(Debug)]
pub struct Replay<'a> {
    recording: &'a Recording,
    next: usize,
    set: RouterSet,
    interfaces: BTreeMap<RouterId, InterfaceId>,
    /// The router of the set for each recorded one: numbered anew, for a file may say any number.
    ids: BTreeMap<RouterId, RouterId>,
    /// The other way, by place.
    recorded: Vec<RouterId>,
    message: Vec<u8>,
    outcome: Replayed,
}

/// The result of a replay that met no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Entries in which the same came out, or the same was done.
    pub agreed: usize,
    /// Actions among these that were the same.
    pub actions: usize,
    /// And advertisements in which every octet was the same.
    pub advertisements: usize,
    /// Entries of routers that could not be followed: before they are first written down, or after packets were left out.
    pub skipped: usize,
}

/// The first entry in which something else came out than was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The number of the entry, from 0.
    pub entry: usize,
    /// The time of the entry.
    pub at: Instant,
    /// The router of the entry; `None`: all.
    pub router: Option<RouterId>,
    /// The recorded result, in words.
    pub recorded: String,
    /// The result of the replay, in words.
    pub replayed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: recorded: {}; replayed: {}", self.entry + 1, self.recorded, self.replayed)
    }
}

impl core::error::Error for Difference {}

/// One step of a replay: an entry, and whether it was followed.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an entry and whether it was compared")]
pub struct Step<'a> {
    /// The number of the entry, from 0.
    pub number: usize,
    /// The entry.
    pub entry: &'a Entry,
    /// Its router was followed, so it was done or compared.
    pub followed: bool,
}

impl Recording {
    /// Does everything once more. Returns how much of it came out the same.
    ///
    /// # Errors
    /// The first [`Difference`].
    pub fn replay(&self) -> Result<Replayed, Difference> {
        let mut replay = Replay::new(self);
        while replay.step()?.is_some() {}
        Ok(replay.outcome)
    }
}

/// An entry and its replay in words, where they differ.
type Differing = (String, String);

impl<'a> Replay<'a> {
    /// Begins; nothing is done yet.
    #[must_use]
    pub fn new(recording: &'a Recording) -> Self {
        let recorded: Vec<RouterId> = recording.routers().into_iter().collect();
        Self {
            recording,
            next: 0,
            set: RouterSet::new(),
            interfaces: BTreeMap::new(),
            ids: (0..).map(RouterId::first).zip(&recorded).map(|(id, recorded)| (*recorded, id)).collect(),
            recorded,
            message: vec![0; MESSAGE_MAX],
            outcome: Replayed::default(),
        }
    }

    /// Returns what came of it so far.
    #[must_use]
    pub const fn outcome(&self) -> &Replayed {
        &self.outcome
    }

    /// Returns a router as it is now, if it can be followed.
    #[must_use]
    pub fn router(&self, id: RouterId) -> Option<&VirtualRouter> {
        self.set.get(self.live(id)?)
    }

    /// Returns which router of the set a recorded one is, if it can be followed.
    fn live(&self, id: RouterId) -> Option<RouterId> {
        self.ids.get(&id).copied().filter(|id| self.set.get(*id).is_some())
    }

    /// The same of one that is perhaps only spoken of.
    fn renamed(&self, id: RouterId) -> RouterId {
        self.ids.get(&id).copied().unwrap_or(RouterId::from(u64::MAX))
    }

    /// Does one entry once more. `None`: that was the last.
    ///
    /// # Errors
    /// [`Difference`]: what comes out is not what was recorded. To go on after it makes no sense.
    pub fn step(&mut self) -> Result<Option<Step<'a>>, Difference> {
        let number = self.next;
        let Some(entry) = self.recording.entries().get(number) else { return Ok(None) };
        self.next += 1;
        let differs =
            |(recorded, replayed)| Difference { entry: number, at: entry.at, router: entry.router, recorded, replayed };
        let followed = match entry.router {
            Some(id) => self.of_router(entry, id).map_err(differs)?,
            None => self.of_all(entry).map_err(differs)?,
        };
        match followed {
            true => self.outcome.agreed += 1,
            false => self.outcome.skipped += 1,
        }
        Ok(Some(Step { number, entry, followed }))
    }

    fn of_all(&mut self, Entry { at, event, .. }: &Entry) -> Result<bool, Differing> {
        match event {
            Event::InputToAll(input) => self.set.handle_all(*at, *input),
            Event::Grouped(members) => {
                let ids: Option<Vec<RouterId>> = members.iter().map(|id| self.live(*id)).collect();
                let Some(ids) = ids else {
                    members.iter().for_each(|id| self.lose(*at, *id));
                    return Ok(false);
                };
                self.set.group(*at, &ids).map_err(|error| (said(event), error.to_string()))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn of_router(&mut self, Entry { at, event, .. }: &Entry, id: RouterId) -> Result<bool, Differing> {
        match event {
            Event::There(interface) | Event::Inserted(interface) => {
                self.interfaces.insert(id, *interface);
                return Ok(true);
            }
            Event::Snapshot(snapshot) => return self.find(id, snapshot).map(|()| true),
            Event::GroupSnapshot(group) => return Ok(self.find_group(*at, group)),
            Event::Cut => {
                self.lose(*at, id);
                return Ok(true);
            }
            _ => {}
        }
        let Some(live) = self.live(id) else { return Ok(false) };
        match event {
            Event::Removed => drop(self.set.remove(*at, live)),
            Event::Ungrouped => self.set.ungroup(*at, live),
            Event::Input(input) => self.set.handle(*at, live, *input),
            Event::Priority(priority) => self.set.set_priority(*at, live, *priority),
            Event::Reconfigured(config) => {
                let done = self.set.reconfigure(*at, live, (**config).clone());
                done.map_err(|error| (said(event), error.to_string()))?;
            }
            Event::TxError => self.set.count_tx_error(live),
            Event::Heard { packet, accepted } => self.hear(*at, id, live, packet, *accepted)?,
            Event::Asked(action) => {
                self.compare_actions(live, Some(*action))?;
                self.outcome.actions += 1;
            }
            Event::Drained => self.compare_actions(live, None)?,
            Event::Encoded(message) => {
                self.compare_octets(live, message)?;
                self.outcome.advertisements += 1;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Goes on with a router as it was written down, unless it is followed already.
    fn find(&mut self, id: RouterId, snapshot: &Snapshot) -> Result<(), Differing> {
        if self.live(id).is_some() {
            return Ok(());
        }
        let failed = |error: String| ("a router as it was".to_string(), error);
        let Some(interface) = self.interfaces.get(&id).copied() else {
            return Err(failed("nothing says on which interface".into()));
        };
        let mut state = snapshot.state.clone();
        state.rename_routers(|id| self.renamed(id));
        let router = VirtualRouter::resume(snapshot.config.clone(), state).map_err(|it| failed(it.to_string()))?;
        let live = Some(self.renamed(id));
        self.set.insert_as(live, interface, router).map(drop).map_err(|error| failed(error.to_string()))
    }

    /// Goes on with a sync group, unless it is followed already.
    fn find_group(&mut self, at: Instant, GroupSnapshot(group): &GroupSnapshot) -> bool {
        let members = group.members();
        let live: Option<Vec<RouterId>> = members.iter().map(|id| self.live(*id)).collect();
        let Some(live) = live else {
            members.iter().for_each(|id| self.lose(at, *id));
            return false;
        };
        if live.iter().any(|id| self.set.sync_group(*id).is_some()) {
            return true;
        }
        let renamed = group.clone().with_routers(|id| self.renamed(id));
        self.set.restore_group(renamed)
    }

    /// Nobody can tell any more how a router is, nor who is in a sync group with it.
    fn lose(&mut self, at: Instant, id: RouterId) {
        let Some(live) = self.live(id) else { return };
        mates(&self.set, live).into_iter().for_each(|member| drop(self.set.remove(at, member)));
    }

    fn hear(
        &mut self,
        at: Instant,
        id: RouterId,
        live: RouterId,
        packet: &Heard,
        accepted: bool,
    ) -> Result<(), Differing> {
        let interface = self.interfaces.get(&id).copied().unwrap_or(InterfaceId(0));
        let rx = RxPacket { endpoints: packet.endpoints, ttl: packet.ttl, payload: &packet.octets };
        let result = self.set.handle_packet(at, interface, rx);
        let (to, why) = match &result {
            Ok((to, _)) => (Some(*to), None),
            Err(Rejected { router, reason, .. }) => (*router, Some(reason)),
        };
        if to == Some(live) && why.is_none() == accepted {
            return Ok(());
        }
        let recorded = if accepted { "accepted" } else { "ignored" };
        let replayed = match why {
            None => "accepted".to_string(),
            Some(reason) => format!("ignored: {reason}"),
        };
        Err((format!("a packet from {} was {recorded}", packet.endpoints.source()), replayed))
    }

    fn compare_actions(&mut self, live: RouterId, recorded: Option<Action>) -> Result<(), Differing> {
        let replayed = self.set.poll_router(live);
        if recorded.map(|action| with_routers(action, |id| self.renamed(id))) == replayed {
            return Ok(());
        }
        let old = |id: RouterId| self.recorded.get(id.index()).copied().unwrap_or(id);
        let say = |action: Option<Action>| action.map_or_else(|| said(&Event::Drained), |it| said(&Event::Asked(it)));
        Err((say(recorded), say(replayed.map(|action| with_routers(action, old)))))
    }

    fn compare_octets(&mut self, live: RouterId, message: &Encoded) -> Result<(), Differing> {
        let Some(router) = self.set.get(live) else { return Ok(()) };
        let written = match router.encode(message.kind, message.endpoints, &mut self.message) {
            Ok(len) => self.message.get(..len).unwrap_or_default(),
            Err(_) => &[],
        };
        if written == &*message.octets {
            return Ok(());
        }
        let octets = |octets| format!("an advertisement of the octets {}", Hex(octets));
        Err((octets(&message.octets), octets(written)))
    }
}

/// Returns the action with new ids for the routers that its cause names.
fn with_routers(action: Action, new: impl Fn(RouterId) -> RouterId) -> Action {
    match action {
        Action::StateChanged(mut transition) => {
            transition.cause = transition.cause.with_routers(new);
            Action::StateChanged(transition)
        }
        other => other,
    }
}
