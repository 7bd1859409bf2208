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

use crate::fsm::Role;
use crate::health::Fault;
use crate::router::VirtualRouter;
use crate::time::Instant;
use crate::types::RouterId;

/// Why routers cannot be a sync group.
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
    /// Groups are made before their members are started.
    #[error("router {} is started already; make the sync group before", .0.index())]
    Started(RouterId),
}

/// One group. The routers themselves stay where they are.
#[derive(Clone, Debug)]
pub(crate) struct SyncGroup {
    /// At least two.
    members: Box<[RouterId]>,
    /// The last takeover.
    took_over: Option<Instant>,
    /// No takeover before this: the last one met another.
    not_before: Instant,
    /// Every member is due, but `not_before` lies ahead.
    waits_until: Option<Instant>,
}

impl SyncGroup {
    /// Checks everything before it changes anything.
    pub(crate) fn new(members: &[RouterId], routers: &mut [VirtualRouter]) -> Result<Self, GroupError> {
        for (position, id) in members.iter().enumerate() {
            let router = routers.get(id.index()).ok_or(GroupError::Unknown(*id))?;
            if router.is_grouped() || members.iter().take(position).any(|before| before == id) {
                return Err(GroupError::Taken(*id));
            }
            if !router.is_idle() {
                return Err(GroupError::Started(*id));
            }
        }
        for id in members {
            if let Some(router) = routers.get_mut(id.index()) {
                router.join_group();
            }
        }
        let group = Self { members: members.into(), took_over: None, not_before: Instant::ZERO, waits_until: None };
        group.share_faults(Instant::ZERO, routers);
        Ok(group)
    }

    pub(crate) const fn members(&self) -> &[RouterId] {
        &self.members
    }

    /// The group's own deadline, if `id` is the member that stands for it.
    pub(crate) fn deadline(&self, id: RouterId) -> Option<Instant> {
        self.waits_until.filter(|_| self.members.first() == Some(&id))
    }

    /// Draws the consequences of what happened to one member. Returns whether anything of the group changed.
    ///
    /// Once is enough: faults come first, and nothing that the election does makes or ends one.
    pub(crate) fn coordinate(&mut self, now: Instant, routers: &mut [VirtualRouter]) -> bool {
        let shared = self.share_faults(now, routers);
        let waited_until = self.waits_until.take();
        let elected = self.elect(now, routers);
        shared || elected || waited_until != self.waits_until
    }

    /// Tells every member what another one lacks, if one does.
    fn share_faults(&self, now: Instant, routers: &mut [VirtualRouter]) -> bool {
        // Each gets the first that is not its own: two are enough to choose from.
        let two = {
            let faults = || {
                let fault = |id: &RouterId| Some((*id, routers.get(id.index())?.fault_for_others(*id)?));
                self.members.iter().filter_map(fault)
            };
            let pending = |(_, fault): &(RouterId, Fault)| fault.is_pending();
            let mut worst_first = faults().filter(|fault| !pending(fault)).chain(faults().filter(pending));
            [worst_first.next(), worst_first.next()]
        };
        // Whoever can have all addresses of the whole group is better.
        let flawed = |id: &RouterId| routers.get(id.index()).is_some_and(VirtualRouter::is_flawed);
        let handicapped: usize = self.members.iter().filter(|id| flawed(id)).count();
        let mut news = false;
        for id in &self.members {
            let of_others = two.into_iter().flatten().find(|(whose, _)| whose != id).map(|(_, fault)| fault);
            if let Some(router) = routers.get_mut(id.index()) {
                let others_handicapped = handicapped > usize::from(router.is_flawed());
                news |= router.share_fault(now, of_others) | router.share_handicap(now, others_handicapped);
            }
        }
        news
    }

    /// All Master or none.
    fn elect(&mut self, now: Instant, routers: &mut [VirtualRouter]) -> bool {
        let count = |like: fn(&VirtualRouter) -> bool| {
            self.members.iter().filter(|id| routers.get(id.index()).is_some_and(like)).count()
        };
        let (masters, due) = (count(|router| router.role() == Role::Master), count(VirtualRouter::is_due));
        if due == self.members.len() {
            if now < self.not_before {
                self.waits_until = Some(self.not_before);
                return false;
            }
            self.each(routers, |router| router.promote(now));
            self.took_over = Some(now);
            return true;
        }
        if masters == 0 || masters == self.members.len() {
            return false;
        }
        self.follow_yielded(now, routers);
        true
    }

    /// Nothing but a better Master takes a single member out of Master: it is the one that is Backup.
    fn follow_yielded(&mut self, now: Instant, routers: &mut [VirtualRouter]) {
        let is_backup = |id: &RouterId| routers.get(id.index()).is_some_and(|router| router.role() == Role::Backup);
        let Some(yielded) = self.members.iter().copied().find(is_backup) else { return };
        self.each(routers, |router| router.demote(now, yielded));

        let router = |id: RouterId| routers.get(id.index());
        let Some(interval) = router(yielded).map(|router| router.config().interval().duration()) else { return };
        let first = self.members.first().and_then(|id| router(*id));
        let crossed = self.took_over.is_some_and(|at| now.since(at) < interval);
        if crossed && first.is_some_and(VirtualRouter::heard_greater_address) {
            let timers = self.members.iter().filter_map(|id| router(*id)?.master_down());
            self.not_before = timers.max().map_or(now, |at| at + interval);
        }
    }

    fn each(&self, routers: &mut [VirtualRouter], mut act: impl FnMut(&mut VirtualRouter)) {
        for id in &self.members {
            if let Some(router) = routers.get_mut(id.index()) {
                act(router);
            }
        }
    }
}
