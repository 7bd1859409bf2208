//! A set of routers that remembers what was done to it and what came of that.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Deref;
use core::time::Duration;

use super::entry::Entry;
use super::part::{Beside, MESSAGE_MAX, Part};
use super::recording::{LeftOut, Recording};
use crate::action::{Action, AdvertKind, Input};
use crate::config::Config;
use crate::receive::{Accepted, Rejected};
use crate::record::shared::Arc;
use crate::router::VirtualRouter;
use crate::router::reconfigure::ReconfigureError;
use crate::set::{DuplicateRouter, RouterSet};
use crate::stats::GlobalStats;
use crate::sync_group::GroupError;
use crate::time::Instant;
use crate::types::{InterfaceId, Priority, RouterId};
use crate::wire::{BufferTooSmall, Endpoints, RxPacket};

/// A part ends early where a large sync group has no room in it any more: no more than this many parts are kept.
const PARTS_MAX: usize = 6;
/// At least this much of the past stays, in the measure of [`Part::fill`]: half a part.
const ENOUGH: usize = 128;
/// Packets of one router that are written down in a second: a router hears some hundred at the shortest interval, and of what
/// is ignored, and changes nothing, some are enough.
const ACCEPTED_MAX: u16 = 256;
const REJECTED_MAX: u16 = 8;
const WINDOW: Duration = Duration::from_secs(1);

/// A [`RouterSet`] that keeps the last of what was done to it, and what it did.
///
/// It can be asked everything that a set can be asked, and be given every call that changes one: there is no way past the
/// recorder. To write down a packet, a timer or an action allocates nothing as long as the present half has room. A copy of a
/// router, a configuration and the list of a sync group are allocated. The memory is what [`new`](Self::new) says for each router,
/// and twice what a router takes by itself.
#[derive(Debug)]
pub struct RecordedSet {
    set: RouterSet,
    /// By place: the router there, or the last one, and its interface.
    interfaces: Vec<Option<(RouterId, InterfaceId)>>,
    recorder: Option<Box<Recorder>>,
}

/// A copy of the recording at one moment. To make it copies one half at most; to [read](Self::read) it takes longer.
#[derive(Clone, Debug)]
pub struct Recorded {
    parts: Vec<Arc<Part>>,
    left_out: LeftOut,
}

impl Recorded {
    /// Puts together what happened.
    #[must_use]
    pub fn read(&self) -> Recording {
        let entries: Vec<Entry> = self.parts.iter().flat_map(|part| part.read()).collect();
        Recording::of_entries(entries, self.left_out)
    }
}

#[derive(Debug)]
struct Recorder {
    octets: usize,
    /// By place.
    routers: Vec<Known>,
    current: Part,
    /// Oldest first.
    older: VecDeque<Arc<Part>>,
    /// Remains of old parts: dropped one by one, because to drop all at once would take long.
    garbage: Vec<Beside>,
    left_out: LeftOut,
}

/// The router in a place, and the number of its packets in the present second.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    at: Option<(RouterId, InterfaceId)>,
    window: Instant,
    accepted: u16,
    rejected: u16,
    /// More was accepted than is written down; until then it is not followed.
    cut: bool,
}

impl Deref for RecordedSet {
    type Target = RouterSet;

    fn deref(&self) -> &RouterSet {
        &self.set
    }
}

impl Default for RecordedSet {
    /// With 8 KiB for each router.
    fn default() -> Self {
        Self::new(Self::DEFAULT_SIZE)
    }
}

impl RecordedSet {
    /// Octets for each router, unless another size is given: of a router with an interval of one second and one peer the last six
    /// minutes at least.
    pub const DEFAULT_SIZE: usize = 8 * 1024;

    /// Octets for each router at most, 1 MiB where a `usize` can say so: a greater size counts as this.
    pub const MAX_SIZE: usize = 1024_usize.saturating_mul(1024);

    /// Makes an empty set that keeps `octets` of what each router did and heard, or a little more; with 0 it records nothing.
    #[must_use]
    pub fn new(octets: usize) -> Self {
        Self { set: RouterSet::new(), interfaces: Vec::new(), recorder: Recorder::new(octets, &[]) }
    }

    /// Keeps as much from now on; what was recorded so far is forgotten.
    pub fn set_recorder_size(&mut self, octets: usize) {
        self.recorder = Recorder::new(octets, &self.interfaces);
        let ids: Vec<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        self.look_anew(&ids);
    }

    /// Returns what is remembered; `None` where nothing is recorded.
    #[must_use]
    pub fn recorded(&self) -> Option<Recorded> {
        let recorder = self.recorder.as_deref()?;
        let current = Arc::new(recorder.current.copy());
        let parts = recorder.older.iter().cloned().chain([current]).collect();
        Some(Recorded { parts, left_out: recorder.left_out })
    }

    /// Returns how many octets of memory the recorder has for its entries now. The copies of routers and configurations that some
    /// entries name are not counted.
    #[must_use]
    pub fn recorder_size(&self) -> usize {
        let size = |it: &Recorder| it.current.size() + it.older.iter().map(|part| part.size()).sum::<usize>();
        self.recorder.as_deref().map_or(0, size)
    }

    /// Counts on from these counters over all routers: [`RouterSet::with_stats`].
    pub fn set_stats(&mut self, stats: GlobalStats) {
        self.set = core::mem::take(&mut self.set).with_stats(stats);
    }

    /// Does what [`RouterSet::insert`] does.
    ///
    /// # Errors
    /// [`DuplicateRouter`].
    pub fn insert(&mut self, interface: InterfaceId, config: Config) -> Result<RouterId, DuplicateRouter> {
        self.insert_router(interface, VirtualRouter::new(config))
    }

    /// Does what [`RouterSet::insert_router`] does.
    ///
    /// # Errors
    /// [`DuplicateRouter`].
    pub fn insert_router(
        &mut self,
        interface: InterfaceId,
        router: VirtualRouter,
    ) -> Result<RouterId, DuplicateRouter> {
        let id = self.set.insert_router(interface, router)?;
        if self.interfaces.len() <= id.index() {
            self.interfaces.resize(id.index() + 1, None);
        }
        if let Some(place) = self.interfaces.get_mut(id.index()) {
            *place = Some((id, interface));
        }
        if let Some(recorder) = self.recorder.as_deref_mut() {
            recorder.inserted(&self.set, id, interface);
        }
        Ok(id)
    }

    /// Does what [`RouterSet::remove`] does.
    pub fn remove(&mut self, now: Instant, id: RouterId) -> Option<VirtualRouter> {
        self.rare(id, now, Beside::Removed);
        let mates = mates(&self.set, id);
        let removed = self.set.remove(now, id);
        self.look_anew(&mates);
        removed
    }

    /// Does what [`RouterSet::group`] does.
    ///
    /// # Errors
    /// [`GroupError`]; nothing was changed then.
    pub fn group(&mut self, now: Instant, members: &[RouterId]) -> Result<(), GroupError> {
        let mut concerned: Vec<RouterId> = members.iter().flat_map(|id| mates(&self.set, *id)).collect();
        self.set.group(now, members)?;
        if let Some(recorder) = self.recorder.as_deref_mut() {
            members.iter().for_each(|id| recorder.mention(*id));
            recorder.call_to_several(now, Beside::Grouped(members.into()));
        }
        concerned.extend(members);
        self.look_anew(&concerned);
        Ok(())
    }

    /// Does what [`RouterSet::ungroup`] does.
    pub fn ungroup(&mut self, now: Instant, id: RouterId) {
        self.rare(id, now, Beside::Ungrouped);
        let mates = mates(&self.set, id);
        self.set.ungroup(now, id);
        self.look_anew(&mates);
    }

    /// Does what [`RouterSet::handle`] does.
    #[inline]
    pub fn handle(&mut self, now: Instant, id: RouterId, input: Input) {
        if let Some(recorder) = self.recorder.as_deref_mut() {
            recorder.resume(&self.set, now, id);
        }
        self.set.handle(now, id, input);
        if let Some(recorder) = self.recorder.as_deref_mut() {
            recorder.input(&self.set, now, id, input);
        }
    }

    /// Does what [`RouterSet::handle_all`] does.
    pub fn handle_all(&mut self, now: Instant, input: Input) {
        self.set.handle_all(now, input);
        if let Some(recorder) = self.recorder.as_deref_mut() {
            recorder.call_to_several(now, Beside::InputToAll(input));
        }
    }

    /// Does what [`RouterSet::handle_timeout`] does.
    pub fn handle_timeout(&mut self, now: Instant) {
        // Once each is enough.
        for _ in 0..self.set.len() {
            match self.set.deadline() {
                Some((at, id)) if at <= now => self.handle(now, id, Input::Timeout),
                _ => break,
            }
        }
    }

    /// Does what [`RouterSet::set_priority`] does.
    pub fn set_priority(&mut self, now: Instant, id: RouterId, priority: Priority) {
        self.set.set_priority(now, id, priority);
        self.rare(id, now, Beside::Priority(priority));
    }

    /// Does what [`RouterSet::reconfigure`] does.
    ///
    /// # Errors
    /// [`ReconfigureError`]; nothing was changed then.
    pub fn reconfigure(&mut self, now: Instant, id: RouterId, config: Config) -> Result<(), ReconfigureError> {
        let recorded = self.recorder.is_some().then(|| Box::new(config.clone()));
        self.set.reconfigure(now, id, config)?;
        if let Some(config) = recorded {
            self.rare(id, now, Beside::Reconfigured(config));
        }
        Ok(())
    }

    /// Does what [`RouterSet::handle_packet`] does.
    ///
    /// # Errors
    /// Why it was ignored, and by which router, if it was for one.
    #[inline]
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        rx: RxPacket<'a>,
    ) -> Result<(RouterId, Accepted<'a>), Rejected> {
        let result = self.set.handle_packet(now, interface, rx);
        if let Some(recorder) = self.recorder.as_deref_mut() {
            match &result {
                Ok((id, _)) => recorder.accepted(&self.set, now, *id, &rx),
                Err(Rejected { router: Some(id), .. }) => recorder.rejected(now, *id, &rx),
                Err(Rejected { router: None, .. }) => {}
            }
        }
        result
    }

    /// Does what [`RouterSet::poll_action`] does.
    #[must_use]
    #[inline]
    pub fn poll_action(&mut self) -> Option<(RouterId, Action)> {
        loop {
            let (id, action) = self.set.poll_next()?;
            if let Some(recorder) = self.recorder.as_deref_mut() {
                recorder.asked(&self.set, id, action.as_ref());
            }
            if let Some(action) = action {
                return Some((id, action));
            }
        }
    }

    /// Writes an advertisement of a router, which it asked to send: [`VirtualRouter::encode`]. `None`: there is no such router.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing is written then.
    #[inline]
    pub fn encode(
        &mut self,
        id: RouterId,
        kind: AdvertKind,
        endpoints: Endpoints,
        out: &mut [u8],
    ) -> Option<Result<usize, BufferTooSmall>> {
        let written = self.set.get(id)?.encode(kind, endpoints, out);
        if let (Some(recorder), Ok(len)) = (self.recorder.as_deref_mut(), written) {
            recorder.encoded(id, kind, &endpoints, out.get(..len).unwrap_or_default());
        }
        Some(written)
    }

    /// Does what [`RouterSet::count_tx_error`] does.
    pub fn count_tx_error(&mut self, id: RouterId) {
        self.set.count_tx_error(id);
        if let (Some(recorder), true) = (self.recorder.as_deref_mut(), self.set.get(id).is_some()) {
            recorder.mention(id);
            recorder.current.tx_error(id);
        }
    }

    /// Writes down a rare call to a router that is there.
    fn rare(&mut self, id: RouterId, now: Instant, call: Beside) {
        if let (Some(recorder), true) = (self.recorder.as_deref_mut(), self.set.get(id).is_some()) {
            recorder.mention(id);
            recorder.current.beside(Some(id), Some(now), call);
        }
    }

    /// Has routers written down anew, with the sync groups that they are in now.
    fn look_anew(&mut self, ids: &[RouterId]) {
        if let Some(recorder) = self.recorder.as_deref_mut() {
            ids.iter().for_each(|id| recorder.current.set_snapped(*id, false));
            ids.iter().for_each(|id| recorder.snap(&self.set, *id));
        }
    }
}

/// Returns the members of a router's sync group, or the router alone.
pub(super) fn mates(set: &RouterSet, id: RouterId) -> Vec<RouterId> {
    set.sync_group(id).map_or_else(|| [id].to_vec(), |group| group.members().to_vec())
}

impl Recorder {
    /// Makes a recorder for routers that are there already. Without a size there is none.
    fn new(octets: usize, interfaces: &[Option<(RouterId, InterfaceId)>]) -> Option<Box<Self>> {
        // Two halves: when the newer one is full, the older one goes.
        let half = octets.min(RecordedSet::MAX_SIZE).div_ceil(2);
        (octets > 0).then(|| {
            Box::new(Self {
                octets: half,
                routers: interfaces.iter().map(|at| Known { at: *at, ..Known::default() }).collect(),
                current: Part::new(Instant::ZERO, half, interfaces.len()),
                older: VecDeque::new(),
                garbage: Vec::new(),
                left_out: LeftOut::default(),
            })
        })
    }

    fn inserted(&mut self, set: &RouterSet, id: RouterId, interface: InterfaceId) {
        if self.routers.len() <= id.index() {
            self.routers.resize(id.index() + 1, Known::default());
        }
        self.current.grow(self.octets, self.routers.len());
        if let Some(known) = self.routers.get_mut(id.index()) {
            *known = Known { at: Some((id, interface)), ..Known::default() };
        }
        self.make_room(0);
        self.current.beside(Some(id), None, Beside::Inserted(id, interface));
        self.snap(set, id);
    }

    /// The call was made already.
    #[inline]
    fn input(&mut self, set: &RouterSet, now: Instant, id: RouterId, input: Input) {
        if set.get(id).is_none() {
            return;
        }
        self.garbage.pop();
        self.mention(id);
        self.current.input(id, now, &input);
    }

    /// A router is about to be handed something: where it was not followed, because of too many packets, it is again when they are
    /// over. What comes of it may be a takeover.
    #[inline]
    fn resume(&mut self, set: &RouterSet, now: Instant, id: RouterId) {
        if !self.current.is_snapped(id) {
            self.end_cut(now, id);
            self.snap(set, id);
        }
    }

    #[cold]
    fn end_cut(&mut self, now: Instant, id: RouterId) {
        if let Some(known) = self.routers.get_mut(id.index()) {
            known.cut &= now.since(known.window) < WINDOW;
        }
    }

    #[inline]
    fn asked(&mut self, set: &RouterSet, id: RouterId, action: Option<&Action>) {
        self.mention(id);
        self.current.action(id, action);
        if action.is_none() {
            self.ensure_snapped(set, id);
        }
    }

    #[inline]
    fn accepted(&mut self, set: &RouterSet, now: Instant, id: RouterId, rx: &RxPacket<'_>) {
        let Some(known) = self.routers.get_mut(id.index()) else { return };
        known.accepted = known.accepted.wrapping_add(1);
        let is_odd = known.accepted > ACCEPTED_MAX || now.since(known.window) >= WINDOW;
        if (is_odd && !known.may_accept(now)) || rx.payload.len() > MESSAGE_MAX {
            return self.cut(set, id);
        }
        self.garbage.pop();
        self.mention_with(id, rx.payload.len());
        self.current.heard(id, now, (&rx.endpoints, rx.ttl, rx.payload), true);
        self.ensure_snapped(set, id);
    }

    /// It changed nothing: to leave it out does not matter to what follows.
    fn rejected(&mut self, now: Instant, id: RouterId, rx: &RxPacket<'_>) {
        let Some(known) = self.routers.get_mut(id.index()) else { return };
        if !known.may_reject(now) || rx.payload.len() > MESSAGE_MAX {
            self.left_out.rejected += 1;
            return;
        }
        self.mention_with(id, rx.payload.len());
        self.current.heard(id, now, (&rx.endpoints, rx.ttl, rx.payload), false);
    }

    #[inline]
    fn encoded(&mut self, id: RouterId, kind: AdvertKind, endpoints: &Endpoints, octets: &[u8]) {
        self.mention_with(id, octets.len());
        self.current.encoded(id, kind, endpoints, octets);
    }

    /// Writes down a call to several routers.
    fn call_to_several(&mut self, now: Instant, call: Beside) {
        self.make_room(0);
        self.current.beside(None, Some(now), call);
    }

    /// An accepted packet is left out: from here on nobody can tell in which state the router and its sync group are.
    #[cold]
    fn cut(&mut self, set: &RouterSet, id: RouterId) {
        self.left_out.accepted += 1;
        let Some(known) = self.routers.get_mut(id.index()) else { return };
        if core::mem::replace(&mut known.cut, true) {
            return;
        }
        self.mention(id);
        self.current.beside(Some(id), None, Beside::Cut);
        mates(set, id).into_iter().for_each(|id| self.current.set_snapped(id, false));
    }

    /// Sees to it that there is room for an entry, and that it is known of which router it is.
    #[inline]
    fn mention(&mut self, id: RouterId) {
        self.mention_with(id, 0);
    }

    #[inline]
    fn mention_with(&mut self, id: RouterId, message: usize) {
        self.make_room(message);
        if !self.current.knows(id) {
            self.introduce(id);
        }
    }

    #[cold]
    fn introduce(&mut self, id: RouterId) {
        let known = self.routers.get(id.index()).and_then(|known| known.at).filter(|(known, _)| *known == id);
        if let Some((id, interface)) = known {
            self.current.beside(Some(id), None, Beside::There(id, interface));
        }
    }

    #[inline(always)]
    fn make_room(&mut self, message: usize) {
        if !self.current.has_room(message) {
            self.next_part();
        }
    }

    /// Writes down the state of a router to which something happened, unless this part has it: it may be all that is left.
    #[inline]
    fn ensure_snapped(&mut self, set: &RouterSet, id: RouterId) {
        if !self.current.is_snapped(id) {
            self.snap(set, id);
        }
    }

    /// Writes down how a router and its sync group are, unless something is still to be done.
    #[cold]
    fn snap(&mut self, set: &RouterSet, id: RouterId) {
        let alone = [id];
        let group = set.sync_group(id);
        let members = group.map_or(&alone[..], |group| group.members());
        let routers = || members.iter().filter_map(|id| Some((*id, set.get(*id)?)));
        let is_cut = |id: RouterId| self.routers.get(id.index()).is_none_or(|known| known.cut);
        if routers().count() == 0 || !routers().all(|(id, router)| router.is_at_rest() && !is_cut(id)) {
            return;
        }
        // All of them in one part: another one may be all that is left.
        if !self.current.has_room_for(members.len()) {
            self.next_part();
        }
        for (id, router) in routers() {
            if !self.current.knows(id) {
                self.introduce(id);
            }
            self.current.beside(Some(id), None, Beside::Snapshot(Box::new(router.clone())));
            self.current.set_snapped(id, true);
        }
        if let Some(group) = group {
            self.current.beside(Some(id), None, Beside::Group(Box::new(group.clone())));
        }
    }

    /// Goes on with an empty part. Of the past at least [`ENOUGH`] stays.
    #[cold]
    fn next_part(&mut self) {
        let mut fills: usize = self.older.iter().skip(1).map(|part| part.fill()).sum();
        fills += self.current.fill();
        let mut spare = None;
        while !self.older.is_empty() && (fills >= ENOUGH || self.older.len() >= PARTS_MAX) {
            let oldest = self.older.pop_front();
            fills = fills.saturating_sub(self.older.front().map_or(0, |part| part.fill()));
            self.left_out.parts += 1;
            spare = spare.or(oldest);
        }
        let began = self.current.at();
        // One that is still read goes with its reader.
        let fresh = match spare.and_then(|part| Arc::try_unwrap(part).ok()) {
            Some(mut part) => {
                let left = part.clear(began);
                // Mostly nothing is left of the part before.
                self.garbage.truncate(left.len());
                self.garbage.extend(left);
                part.grow(self.octets, self.routers.len());
                part
            }
            None => Part::new(began, self.octets, self.routers.len()),
        };
        self.older.push_back(Arc::new(core::mem::replace(&mut self.current, fresh)));
    }
}

impl Known {
    #[cold]
    fn may_accept(&mut self, now: Instant) -> bool {
        if now.since(self.window) >= WINDOW {
            (self.window, self.accepted, self.rejected, self.cut) = (now, 1, 0, false);
        }
        self.accepted <= ACCEPTED_MAX
    }

    fn may_reject(&mut self, now: Instant) -> bool {
        if now.since(self.window) >= WINDOW {
            (self.window, self.accepted, self.rejected, self.cut) = (now, 0, 0, false);
        }
        self.rejected = self.rejected.saturating_add(1);
        self.rejected <= REJECTED_MAX
    }
}
