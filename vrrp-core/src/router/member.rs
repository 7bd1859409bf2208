//! A sync group's view of its members, and its changes to them.

use super::{Role, VirtualRouter};
use crate::cause::{Cause, PriorityCause};
use crate::fsm::{Backup, Coordinate, Event, State};
use crate::health::Fault;
use crate::time::Instant;
use crate::types::RouterId;

impl VirtualRouter {
    /// From now on its group decides when it is Master.
    pub(crate) fn join_group(&mut self, now: Instant) {
        self.advance(now);
        self.params.coordinated = true;
    }

    /// From now on it is alone. If only the group kept it from being Master, it is so at once.
    pub(crate) fn leave_group(&mut self, now: Instant) {
        self.advance(now);
        self.params.coordinated = false;
        (self.health.group, self.health.group_handicapped) = (None, false);
        self.reprioritise(PriorityCause::Group);
        self.apply(Event::ParamsChanged, |this| this.cause);
        self.reconsider();
    }

    /// Tells whether a group decides when it is Master.
    pub(crate) const fn is_grouped(&self) -> bool {
        self.params.coordinated
    }

    /// Tells whether a member that joined Masters is one of them, or keeps them from being that: it hears another Master, or
    /// is known to be at fault.
    pub(crate) fn belongs(&self, id: RouterId) -> bool {
        let hears = matches!(self.state, State::Backup(Backup { heard: Some(_), .. }));
        let fails = self.fault_for_others(id).is_some_and(|fault| !fault.is_pending());
        self.role() == Role::Master || hears || fails
    }

    /// Returns the fault that this member, `id`, is to the others; `None` if it does not keep them out.
    pub(crate) fn fault_for_others(&self, id: RouterId) -> Option<Fault> {
        match (self.started, self.health.own_faults(self.config.trackers()).find(|fault| self.is_held_by(fault))) {
            (true, None) => None,
            (true, Some(fault)) if !fault.is_pending() => Some(Fault::GroupMember(id)),
            _ => Some(Fault::GroupPending(id)),
        }
    }

    /// Takes over what the others lack. Returns whether that is news.
    pub(crate) fn share_fault(&mut self, now: Instant, fault: Option<Fault>) -> bool {
        if self.health.group == fault {
            return false;
        }
        self.advance(now);
        self.health.group = fault;
        self.reconsider();
        true
    }

    /// Tells whether its own host cannot set one of its addresses.
    pub(crate) const fn is_flawed(&self) -> bool {
        self.slots.are_flawed()
    }

    /// Takes over that another member is handicapped, or none. Returns whether that is news.
    pub(crate) fn share_handicap(&mut self, now: Instant, handicapped: bool) -> bool {
        if self.health.group_handicapped == handicapped {
            return false;
        }
        self.advance(now);
        self.health.group_handicapped = handicapped;
        self.reprioritise(PriorityCause::Group);
        true
    }

    /// Only the rest of its group keeps it from being Master.
    pub(crate) const fn is_due(&self) -> bool {
        matches!(self.state, State::Backup(Backup { due: true, .. }))
    }

    /// Every member is due.
    pub(crate) fn promote(&mut self, now: Instant) {
        self.advance(now);
        self.apply(Event::Coordinate(Coordinate::Promote), Self::takeover_cause);
    }

    /// `member` yielded.
    pub(crate) fn demote(&mut self, now: Instant, member: RouterId) {
        self.advance(now);
        if self.role() == Role::Master {
            self.apply(Event::Coordinate(Coordinate::Demote), |_| Cause::GroupYielded(member));
        }
    }

    /// Returns when Master_Down_Timer fires or fired; `None` outside Backup.
    pub(crate) const fn master_down(&self) -> Option<Instant> {
        match self.state {
            State::Backup(Backup { master_down, .. }) => Some(master_down),
            _ => None,
        }
    }

    /// Tells whether the router last heard here has the greater address.
    pub(crate) fn heard_greater_address(&self) -> bool {
        self.past.last_adv_source.max(self.source) != self.source
    }
}
