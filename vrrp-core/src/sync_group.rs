//! Sync groups: virtual routers that are Master together, or not at all (EXT-06).
//!
//! A gateway that has failed over on one side only forwards nothing. So what one member of a group must do, all do:
//!
//! - A fault of one is a fault of all. When the last one is gone, all start again together.
//! - When one yields to a better Master, the others release and watch.
//! - A member whose Master_Down_Timer has fired is *due*. It takes over when every member is due, and then all do, in
//!   the order of the group. An advertisement that a due member accepts starts its timer again.
//!
//! **Why waiting is right.** A router that is alone sees one thing only: its Master is silent. A group sees more. If it
//! hears a better Master in one member and none in another, the other host still works and one path to it is cut. To
//! take over then would cut the one that works. The price: while such a partial cut lasts nobody may serve the side that
//! is cut off, and a group is no sooner Master than the slowest of its members.
//!
//! **Why two groups settle.** Each may be better in one member. Whoever is Master first stays it: the other one hears a
//! better Master in one member, and waits. Only takeovers so close that their advertisements cross make both yield, and
//! both would be back after the same Master_Down_Interval, and cross again. Therefore a group that has to yield within
//! an interval of its takeover, and whose first member has a lower address than the router that it last heard, waits an
//! interval longer than its timers. Of two groups that have their first members on one link exactly one does: list the
//! members in the same order on every host. Three groups that are each better than the next never
//! settle; they take turns, each once in a Master_Down_Interval at most.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::fsm::Role;
use crate::health::Fault;
use crate::roster::Roster;
use crate::router::VirtualRouter;
use crate::time::Instant;
use crate::types::RouterId;

/// The reason why routers cannot be a sync group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum GroupError {
    /// No router of this set.
    #[error("there is no router {}", .0.index())]
    Unknown(RouterId),
    /// A router is in one group at most, once.
    #[error("router {} is in a sync group already", .0.index())]
    Taken(RouterId),
}

/// One group. The routers themselves stay where they are.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(crate) struct SyncGroup {
    /// The members, at least two.
    members: Box<[RouterId]>,
    /// Members that joined Masters and are none yet: they do not count so far.
    joining: Vec<RouterId>,
    /// The last takeover.
    took_over: Option<Instant>,
    /// No takeover before this: the last one met another.
    not_before: Instant,
    /// Every member is due, but `not_before` lies ahead.
    waits_until: Option<Instant>,
}

/// Tells whether these are different routers of the set.
pub(crate) fn check(members: &[RouterId], routers: &Roster) -> Result<(), GroupError> {
    for (position, id) in members.iter().enumerate() {
        routers.get(*id).ok_or(GroupError::Unknown(*id))?;
        if members.iter().take(position).any(|before| before == id) {
            return Err(GroupError::Taken(*id));
        }
    }
    Ok(())
}

impl SyncGroup {
    /// Gives it other members; less than two are no group. Who is new must be in no group, and who leaves must have left.
    pub(crate) fn with_members(self, now: Instant, members: &[RouterId], routers: &mut Roster) -> Option<Self> {
        if members.len() < 2 {
            return None;
        }
        let is_master = |id: &RouterId| routers.get(*id).is_some_and(|router| router.role() == Role::Master);
        let counts = |id: &RouterId| self.members.contains(id) && !self.joining.contains(id);
        let joins = |id: &RouterId| !counts(id) && !is_master(id);
        let joining = members.iter().copied().filter(joins).collect();
        for id in members.iter().filter(|id| !self.members.contains(id)) {
            if let Some(router) = routers.get_mut(*id) {
                router.join_group(now);
            }
        }
        Some(Self { members: members.into(), joining, ..self })
    }

    pub(crate) const fn members(&self) -> &[RouterId] {
        &self.members
    }

    /// The same where its members have other ids.
    pub(crate) fn with_routers(mut self, new: impl Fn(RouterId) -> RouterId) -> Self {
        self.members.iter_mut().chain(&mut self.joining).for_each(|id| *id = new(*id));
        self
    }

    #[cfg(feature = "sim")]
    pub(crate) fn is_joining(&self, id: RouterId) -> bool {
        self.joining.contains(&id)
    }

    /// Returns the group's own deadline, if `id` is the member that stands for it.
    pub(crate) fn deadline(&self, id: RouterId) -> Option<Instant> {
        self.waits_until.filter(|_| self.members.first() == Some(&id))
    }

    /// Draws the consequences of what happened to one member. Returns whether anything of the group changed.
    ///
    /// Once is enough: faults come first, and nothing that the election does makes or ends one.
    pub(crate) fn coordinate(&mut self, now: Instant, routers: &mut Roster) -> bool {
        let admitted = self.admit(now, routers);
        let shared = self.share_faults(now, routers);
        let waited_until = self.waits_until.take();
        let elected = self.elect(now, routers);
        admitted || shared || elected || waited_until != self.waits_until
    }

    /// Lets those count that joined Masters: who is Master too, or would be, or hears a better one there, or is known to be at
    /// fault; and all when there is nobody to be disturbed.
    fn admit(&mut self, now: Instant, routers: &mut Roster) -> bool {
        if self.joining.is_empty() {
            return false;
        }
        let is_master = |id: &RouterId| routers.get(*id).is_some_and(|router| router.role() == Role::Master);
        if !self.members.iter().any(|id| !self.joining.contains(id) && is_master(id)) {
            self.joining.clear();
            return true;
        }
        let before = self.joining.len();
        self.joining.retain(|id| {
            let Some(router) = routers.get_mut(*id) else { return false };
            router.promote(now);
            !router.belongs(*id)
        });
        self.joining.len() < before
    }

    /// Tells every member what another one lacks, if one does.
    fn share_faults(&self, now: Instant, routers: &mut Roster) -> bool {
        // Each gets the first that is not its own: two are enough to choose from.
        let two = {
            let faults = || {
                let fault = |id: &RouterId| Some((*id, routers.get(*id)?.fault_for_others(*id)?));
                let counts = |(id, fault): &(RouterId, Fault)| !fault.is_pending() || !self.joining.contains(id);
                self.members.iter().filter_map(fault).filter(counts)
            };
            let pending = |(_, fault): &(RouterId, Fault)| fault.is_pending();
            let mut worst_first = faults().filter(|fault| !pending(fault)).chain(faults().filter(pending));
            [worst_first.next(), worst_first.next()]
        };
        // Whoever can have all addresses of the whole group is better.
        let flawed = |id: &RouterId| routers.get(*id).is_some_and(VirtualRouter::is_flawed);
        let handicapped: usize = self.members.iter().filter(|id| flawed(id)).count();
        let mut news = false;
        for id in &self.members {
            let of_others = two.into_iter().flatten().find(|(whose, _)| whose != id).map(|(_, fault)| fault);
            if let Some(router) = routers.get_mut(*id) {
                let others_handicapped = handicapped > usize::from(router.is_flawed());
                news |= router.share_fault(now, of_others) | router.share_handicap(now, others_handicapped);
            }
        }
        news
    }

    /// All Master or none.
    fn elect(&mut self, now: Instant, routers: &mut Roster) -> bool {
        let count =
            |like: fn(&VirtualRouter) -> bool| self.counting().filter(|id| routers.get(*id).is_some_and(like)).count();
        let (masters, due) = (count(|router| router.role() == Role::Master), count(VirtualRouter::is_due));
        let all = self.counting().count();
        if due == all {
            if now < self.not_before {
                self.waits_until = Some(self.not_before);
                return false;
            }
            self.each(routers, |router| router.promote(now));
            self.took_over = Some(now);
            return true;
        }
        // Members that hand over go one by one, so that each serves until its own stand-in is there.
        if masters == 0 || masters == all || count(VirtualRouter::hands_over) > 0 {
            return false;
        }
        self.follow_yielded(now, routers);
        true
    }

    /// Nothing but a better Master takes a single member out of Master: it is the one that is Backup.
    fn follow_yielded(&mut self, now: Instant, routers: &mut Roster) {
        let is_backup = |id: &RouterId| routers.get(*id).is_some_and(|router| router.role() == Role::Backup);
        let Some(yielded) = self.counting().find(is_backup) else { return };
        self.each(routers, |router| router.demote(now, yielded));

        let router = |id: RouterId| routers.get(id);
        let Some(interval) = router(yielded).map(|router| router.config().interval().duration()) else { return };
        let first = self.members.first().and_then(|id| router(*id));
        let crossed = self.took_over.is_some_and(|at| now.since(at) < interval);
        if crossed && first.is_some_and(VirtualRouter::heard_greater_address) {
            let timers = self.members.iter().filter_map(|id| router(*id)?.master_down());
            self.not_before = timers.max().map_or(now, |at| at + interval);
        }
    }

    fn counting(&self) -> impl Iterator<Item = RouterId> {
        self.members.iter().copied().filter(|id| !self.joining.contains(id))
    }

    fn each(&self, routers: &mut Roster, mut act: impl FnMut(&mut VirtualRouter)) {
        for id in &self.members {
            if let Some(router) = routers.get_mut(*id) {
                act(router);
            }
        }
    }
}
