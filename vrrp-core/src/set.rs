//! Many virtual routers on shared sockets: demultiplexing, one deadline, one stream of actions.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::action::{Action, Input};
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::fsm::Role;
use crate::receive::{Accepted, Discard, Rejected};
use crate::roster::Roster;
use crate::router::VirtualRouter;
use crate::router::reconfigure::ReconfigureError;
use crate::stats::{GlobalStats, increment};
use crate::sync_group::{self, GroupError, SyncGroup};
use crate::time::Instant;
use crate::types::{Family, InterfaceId, Priority, RouterId, Version, Vrid};
use crate::wire::{self, Packet, ParseError, RxPacket};

/// Many [`VirtualRouter`]s behind one driver, found by (interface, family, VRID); IP-13.
///
/// > 1. **News in**: [`handle`](Self::handle) for one router, [`handle_all`](Self::handle_all) for all,
/// >    [`handle_packet`](Self::handle_packet) for the one that the packet is for; [`insert`](Self::insert),
/// >    [`remove`](Self::remove), [`reconfigure`](Self::reconfigure), [`set_priority`](Self::set_priority).
/// > 2. **Work out**: [`poll_action`](Self::poll_action) until there is none, each for the router that it names.
/// > 3. **Deadline**: [`deadline`](Self::deadline), the earliest of all. When it has come,
/// >    [`handle_timeout`](Self::handle_timeout) lets every router act that is due.
/// > 4. **Questions**: [`get`](Self::get) lends a router, whose `&self` methods change nothing.
///
/// The set adds nothing to the protocol but [sync groups](Self::group). A packet, a timer and an action cost O(log n), for a member
/// of a group of m O(m log n), and they allocate nothing once the routers are in.
#[derive(Clone, Debug, Default)]
pub struct RouterSet {
    routers: Roster,
    /// By interface and family, and then by VRID.
    by_interface: BTreeMap<(InterfaceId, Family), Vec<Option<RouterId>>>,
    deadlines: Deadlines,
    /// Routers that may have actions, each at most once.
    ready: VecDeque<RouterId>,
    is_ready: Vec<bool>,
    /// Places of groups that are no more are used again.
    groups: Vec<Option<SyncGroup>>,
    /// Position in `groups` of each router that is in one.
    group_of: Vec<Option<usize>>,
    stats: GlobalStats,
}

/// There is already a router with this id and family on this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[error("there is already a virtual router {vrid} for {family} on interface {interface}")]
#[non_exhaustive]
pub struct DuplicateRouter {
    /// The interface.
    pub interface: InterfaceId,
    /// The family.
    pub family: Family,
    /// The id.
    pub vrid: Vrid,
}

impl RouterSet {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a router on an interface.
    ///
    /// # Errors
    /// [`DuplicateRouter`].
    pub fn insert(&mut self, interface: InterfaceId, config: Config) -> Result<RouterId, DuplicateRouter> {
        self.insert_router(interface, VirtualRouter::new(config))
    }

    /// Adds a router that is there already: one that was [removed](Self::remove), or [resumed](VirtualRouter::resume). Those of
    /// one sync group come first, and then their [group](Self::group); without it such a member is taken
    /// [out of it](Self::ungroup).
    ///
    /// # Errors
    /// [`DuplicateRouter`].
    pub fn insert_router(
        &mut self,
        interface: InterfaceId,
        router: VirtualRouter,
    ) -> Result<RouterId, DuplicateRouter> {
        self.insert_as(None, interface, router)
    }

    /// Adds a router that has an id already, whose place is empty.
    pub(crate) fn insert_as(
        &mut self,
        id: Option<RouterId>,
        interface: InterfaceId,
        router: VirtualRouter,
    ) -> Result<RouterId, DuplicateRouter> {
        let (family, vrid) = (router.config().family(), router.config().vrid());
        let by_vrid = self.by_interface.entry((interface, family)).or_default();
        let index = usize::from(vrid.get());
        if by_vrid.len() <= index {
            by_vrid.resize(index + 1, None);
        }
        let Some(free @ None) = by_vrid.get_mut(index) else {
            return Err(DuplicateRouter { interface, family, vrid });
        };
        let id = match id {
            None => self.routers.insert(router),
            Some(id) => {
                self.routers.insert_as(id, router);
                id
            }
        };
        *free = Some(id);
        while id.index() >= self.is_ready.len() {
            self.is_ready.push(false);
            self.ready.reserve(self.is_ready.len() - self.ready.len());
            self.group_of.push(None);
            self.deadlines.grow();
        }
        self.touched(id);
        Ok(id)
    }

    /// Takes a router out of the set, whatever its state: nothing is sent, and nothing is asked of the host for it any more.
    /// Its [sync group](Self::group) goes on without it. Its id is never given to another router.
    ///
    /// A driver that wants it to release, and its addresses to be gone, first takes it out of its [group](Self::ungroup),
    /// hands it [`Input::Shutdown`] and carries out its actions. `None`: there is no such router.
    pub fn remove(&mut self, now: Instant, id: RouterId) -> Option<VirtualRouter> {
        self.ungroup(now, id);
        let router = self.routers.remove(id)?;
        let key = |by_vrid: &mut Vec<Option<RouterId>>| {
            by_vrid.iter_mut().find(|known| **known == Some(id)).map(|it| *it = None)
        };
        let family = router.config().family();
        let emptied = self.by_interface.iter_mut().find_map(|(at, by_vrid)| {
            let is_here = at.1 == family && key(by_vrid).is_some();
            is_here.then(|| by_vrid.iter().all(Option::is_none).then_some(*at))
        });
        if let Some(at) = emptied.flatten() {
            self.by_interface.remove(&at);
        }
        self.deadlines.set(id.index() as u32, None);
        if let Some(is_ready) = self.is_ready.get_mut(id.index()) {
            if core::mem::take(is_ready) {
                self.ready.retain(|ready| *ready != id);
            }
        }
        Some(router)
    }

    /// Makes routers a sync group, on whatever interfaces and of whatever families: all of them are Master, or none is.
    /// From now on exactly these are together, in this order, running or not. Members that are in a group must all be of
    /// one, which this replaces: who is not named leaves it, and goes on alone. Less than two are no group.
    ///
    /// - A fault of one member is a fault of all ([`Fault::GroupMember`](crate::Fault::GroupMember)). So is a member that
    ///   is not started, or was stopped ([`Fault::GroupPending`](crate::Fault::GroupPending)).
    /// - When one yields to a better Master, the others release and watch
    ///   ([`Cause::GroupYielded`](crate::Cause::GroupYielded)).
    /// - A Backup takes over only when every member would, and then all do. The owner (priority 255) waits too.
    /// - One that joins Masters disturbs nobody: it counts from the moment when it is Master too, which it becomes alone.
    ///   But when it hears a better Master there, or is known to be at fault, that is the group's from then on.
    ///
    /// A group that hears a better Master in one member stays Backup in all: the other host works, and one path to it is
    /// cut. The price is that meanwhile nobody may serve what lies behind the cut. List the members in the same order on
    /// every host: when two groups take over at the same moment, each better than the other in some member, the
    /// addresses of the first members decide which one gives way.
    ///
    /// # Errors
    /// [`GroupError`]; nothing was changed then.
    pub fn group(&mut self, now: Instant, members: &[RouterId]) -> Result<(), GroupError> {
        sync_group::check(members, &self.routers)?;
        let mut known = members.iter().filter_map(|id| Some((*id, self.group_of(*id)?)));
        let replaced = known.next().map(|(_, group)| group);
        if let Some((id, _)) = known.find(|(_, group)| Some(*group) != replaced) {
            return Err(GroupError::Taken(id));
        }
        let place = replaced.unwrap_or_else(|| {
            let empty = self.groups.iter().position(Option::is_none);
            empty.unwrap_or_else(|| {
                self.groups.push(None);
                self.groups.len() - 1
            })
        });
        let before: Vec<RouterId> = self.members(place).to_vec();
        let members = if members.len() < 2 { &[] } else { members };
        for id in before.iter().filter(|id| !members.contains(id)) {
            self.set_group_of(*id, None);
            if let Some(router) = self.routers.get_mut(*id) {
                router.leave_group(now);
            }
            self.touched(*id);
        }
        if let Some(group) = self.groups.get_mut(place) {
            *group = group.take().unwrap_or_default().with_members(now, members, &mut self.routers);
        }
        members.iter().for_each(|id| self.set_group_of(*id, Some(place)));
        self.coordinate(now, place);
        members.iter().for_each(|id| self.touched(*id));
        Ok(())
    }

    /// Takes a router out of its sync group, where it is in one. The others stay together; the last one goes on alone, too.
    pub fn ungroup(&mut self, now: Instant, id: RouterId) {
        if self.group_of(id).is_none() {
            let resumed = self.routers.get_mut(id).filter(|router| router.is_grouped());
            resumed.into_iter().for_each(|router| router.leave_group(now));
            return self.touched(id);
        }
        if let Some(place) = self.routers.get(id).and_then(|_| self.group_of(id)) {
            let others: Vec<RouterId> = self.members(place).iter().copied().filter(|member| *member != id).collect();
            // They are of one group.
            let _ = self.group(now, &others);
        }
    }

    /// Hands news to one router; what drains it, or ends that, to every member of its sync group.
    pub fn handle(&mut self, now: Instant, id: RouterId, input: Input) {
        match input {
            Input::Drain(_) | Input::Undrain => self.handle_together(now, id, input),
            _ => self.handle_alone(now, id, input),
        }
    }

    /// Changes the priority that one router is configured with: [`VirtualRouter::set_priority`]. An unknown one has none.
    pub fn set_priority(&mut self, now: Instant, id: RouterId, priority: Priority) {
        if let Some(router) = self.routers.get_mut(id) {
            router.set_priority(now, priority);
            self.follow_up(now, id);
        }
    }

    /// Gives one router another configuration in place: [`VirtualRouter::reconfigure`]. Its sync group stays.
    ///
    /// # Errors
    /// [`ReconfigureError`]; nothing was changed then.
    pub fn reconfigure(&mut self, now: Instant, id: RouterId, config: Config) -> Result<(), ReconfigureError> {
        let router = self.routers.get_mut(id).ok_or(ReconfigureError::Unknown(id))?;
        router.reconfigure(now, config)?;
        self.follow_up(now, id);
        Ok(())
    }

    /// Hands the same news to every router. Sync groups see it when all have it: a set that is stopped so has no router
    /// that goes because another one went.
    pub fn handle_all(&mut self, now: Instant, input: Input) {
        for place in 0..self.routers.places() {
            if let (Some(id), Some(router)) = (self.routers.id_at(place), self.routers.at_mut(place)) {
                router.handle(now, input);
                self.touched(id);
            }
        }
        for group in 0..self.groups.len() {
            self.coordinate(now, group);
        }
    }

    /// Lets every router act whose deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        // Once each is enough, and ends even at the end of time, where no deadline can move on.
        for _ in 0..self.routers.len() {
            match self.deadline() {
                Some((at, id)) if at <= now => self.handle_alone(now, id, Input::Timeout),
                _ => break,
            }
        }
    }

    /// Hands a datagram received on `interface` to the router that it is for. Returns which that is, and what it accepted.
    ///
    /// # Errors
    /// Why it was ignored, and by which router, if it was for one.
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        rx: RxPacket<'a>,
    ) -> Result<(RouterId, Accepted<'a>), Rejected> {
        let vrid = wire::peek_vrid(rx.payload);
        let by_vrid = self.by_interface.get(&(interface, rx.endpoints.family()));
        let found = vrid.and_then(|vrid| *by_vrid?.get(usize::from(vrid.get()))?);
        let addressee = found.and_then(|id| Some((id, self.routers.at_mut(id.index())?)));
        let Some((id, router)) = addressee else {
            let reason = discard_unaddressed(&rx, vrid);
            self.count(reason);
            return Err(Rejected { router: None, other_master: None, reason });
        };
        match router.handle_packet(now, rx) {
            Ok(accepted) => {
                self.follow_up(now, id);
                Ok((id, accepted))
            }
            Err(reason) => {
                let is_contested = router.role() == Role::Master && reason.is_of_the_same_router();
                let other_master = wire::peek_priority(rx.payload).filter(|_| is_contested);
                // The packet itself is looked at even where the router is not started (FSM-I-04).
                let counted = match reason {
                    Discard::NotStarted => unsound(&rx, router.config().version_of(rx.payload)),
                    reason => Some(reason),
                };
                counted.into_iter().for_each(|reason| self.count(reason));
                Err(Rejected { router: Some(id), other_master, reason })
            }
        }
    }

    /// Returns the next thing to carry out, and for which router. Actions of one router come in its order.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<(RouterId, Action)> {
        loop {
            if let (id, Some(action)) = self.poll_next()? {
                return Some((id, action));
            }
        }
    }

    /// Asks the next router that may have an action for it. One that has none is not asked again before something happens to it.
    #[inline]
    pub(crate) fn poll_next(&mut self) -> Option<(RouterId, Option<Action>)> {
        let id = self.ready.front().copied()?;
        let action = self.poll_router(id);
        if action.is_none() {
            self.ready.pop_front();
            if let Some(flag) = self.is_ready.get_mut(id.index()) {
                *flag = false;
            }
        }
        Some((id, action))
    }

    /// Asks one router for its next action, whoever else may have one.
    #[inline]
    pub(crate) fn poll_router(&mut self, id: RouterId) -> Option<Action> {
        self.routers.at_mut(id.index()).and_then(VirtualRouter::poll_action)
    }

    /// Returns the sync group that a router is in.
    pub(crate) fn sync_group(&self, id: RouterId) -> Option<&SyncGroup> {
        self.routers.get(id)?;
        self.groups.get(self.group_of(id)?)?.as_ref()
    }

    /// Puts a sync group back as it was, around routers that were its members. Tells whether they are here, and in no other.
    pub(crate) fn restore_group(&mut self, group: SyncGroup) -> bool {
        let members = group.members().to_vec();
        let are_free = members.iter().all(|id| self.group_of(*id).is_none());
        if members.len() < 2 || !are_free || sync_group::check(&members, &self.routers).is_err() {
            return false;
        }
        let place = self.groups.len();
        self.groups.push(Some(group));
        for id in members {
            self.set_group_of(id, Some(place));
            self.touched(id);
        }
        true
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout), and whose deadline that is.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, RouterId)> {
        let (at, place) = self.deadlines.first()?;
        Some((at, self.routers.id_at(place as usize)?))
    }

    /// Returns one router.
    #[must_use]
    pub fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        self.routers.get(id)
    }

    /// Counts an advertisement of one router that could not be sent.
    pub fn count_tx_error(&mut self, id: RouterId) {
        if let Some(router) = self.routers.get_mut(id) {
            router.count_tx_error();
        }
    }

    /// Returns all routers, in the order of insertion; but one that came when another had gone stands in the other's place.
    pub fn iter(&self) -> impl Iterator<Item = (RouterId, &VirtualRouter)> {
        self.routers.iter()
    }

    /// Returns how many routers there are (STAT-45).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.routers.len()
    }

    /// Tells whether there is no router.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many interfaces have a router (STAT-45).
    #[must_use]
    pub fn interface_count(&self) -> usize {
        let mut last = None;
        // In the order of the keys the families of one interface stand together.
        self.by_interface.keys().filter(|(interface, _)| last.replace(*interface) != Some(*interface)).count()
    }

    /// Returns the counters over all routers.
    #[must_use]
    pub const fn stats(&self) -> &GlobalStats {
        &self.stats
    }

    /// Counts on from these counters over all routers.
    #[must_use]
    pub fn with_stats(self, stats: GlobalStats) -> Self {
        Self { stats, ..self }
    }

    /// Tells whether a router joined Masters of its group and is none yet.
    #[cfg(feature = "sim")]
    pub(crate) fn is_joining(&self, id: RouterId) -> bool {
        let group = self.routers.get(id).and_then(|_| self.group_of(id));
        group.and_then(|group| self.groups.get(group)?.as_ref()).is_some_and(|group| group.is_joining(id))
    }

    #[cfg(feature = "sim")]
    pub(crate) fn routers_mut(&mut self) -> impl Iterator<Item = &mut VirtualRouter> {
        self.routers.iter_mut()
    }

    fn touched(&mut self, id: RouterId) {
        let group = self.group_of(id).and_then(|group| self.groups.get(group)?.as_ref()?.deadline(id));
        let (Some(router), Some(is_ready)) = (self.routers.at(id.index()), self.is_ready.get_mut(id.index())) else {
            return;
        };
        self.deadlines.set(id.index() as u32, router.deadline().into_iter().chain(group).min());
        if router.has_actions() && !core::mem::replace(is_ready, true) {
            self.ready.push_back(id);
        }
    }

    fn group_of(&self, id: RouterId) -> Option<usize> {
        self.group_of.get(id.index()).copied().flatten()
    }

    fn set_group_of(&mut self, id: RouterId, group: Option<usize>) {
        if let Some(group_of) = self.group_of.get_mut(id.index()) {
            *group_of = group;
        }
    }

    fn members(&self, group: usize) -> &[RouterId] {
        self.groups.get(group).and_then(Option::as_ref).map_or(&[], SyncGroup::members)
    }

    #[inline]
    fn handle_alone(&mut self, now: Instant, id: RouterId, input: Input) {
        if let Some(router) = self.routers.get_mut(id) {
            router.handle(now, input);
            self.follow_up(now, id);
        }
    }

    /// Hands news to a router and to whoever is in a sync group with it, before the group sees any of it.
    fn handle_together(&mut self, now: Instant, id: RouterId, input: Input) {
        if self.routers.get(id).is_none() {
            return;
        }
        let group = self.group_of(id);
        let members = group.map_or_else(|| [id].to_vec(), |group| self.members(group).to_vec());
        for member in members {
            if let Some(router) = self.routers.get_mut(member) {
                router.handle(now, input);
                self.touched(member);
            }
        }
        if let Some(group) = group {
            self.coordinate(now, group);
        }
    }

    /// Something happened to a router: what follows for its group, if it has one, and when each is to be asked again.
    #[inline]
    fn follow_up(&mut self, now: Instant, id: RouterId) {
        match self.group_of(id) {
            Some(group) if self.coordinate(now, group) => {}
            _ => self.touched(id),
        }
    }

    /// Returns whether anything changed; then every member was seen to, in their order.
    fn coordinate(&mut self, now: Instant, index: usize) -> bool {
        let Some(Some(group)) = self.groups.get_mut(index) else { return false };
        if !group.coordinate(now, &mut self.routers) {
            return false;
        }
        let member = |set: &Self, position| set.members(index).get(position).copied();
        for position in 0.. {
            let Some(id) = member(self, position) else { break };
            self.touched(id);
        }
        true
    }

    fn count(&mut self, discard: Discard) {
        let counter = match discard {
            Discard::Parse(ParseError::Checksum { .. }) | Discard::ChecksumForm { .. } => {
                &mut self.stats.checksum_errors
            }
            Discard::Parse(
                ParseError::TooShort { .. } | ParseError::TooLong { .. } | ParseError::Carp { expected: Version::V2 },
            ) => &mut self.stats.packet_length_errors,
            Discard::Parse(ParseError::Version { .. } | ParseError::Carp { .. }) => &mut self.stats.version_errors,
            Discard::Vrid(_) => &mut self.stats.vrid_errors,
            Discard::Ttl { .. } => &mut self.stats.ttl_errors,
            _ => return,
        };
        increment(counter);
    }
}

/// The first check that fails for a packet that is for no router here (RX-02 to RX-08).
fn discard_unaddressed(rx: &RxPacket<'_>, vrid: Option<Vrid>) -> Discard {
    unsound(rx, wire::peek_version(rx.payload)).unwrap_or(Discard::Vrid(vrid))
}

/// The first check of the packet itself that fails (RX-02 to RX-07).
fn unsound(rx: &RxPacket<'_>, version: Version) -> Option<Discard> {
    if rx.endpoints.are_to_group() && rx.ttl < wire::TTL {
        return Some(Discard::Ttl { found: rx.ttl, min: wire::TTL });
    }
    match Packet::parse(version, rx.payload, rx.endpoints) {
        Ok(_) | Err(ParseError::Md5) => None,
        Err(error) => Some(error.into()),
    }
}
