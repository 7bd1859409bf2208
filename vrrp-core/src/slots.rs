//! The addresses of one router: which the host was asked for, which it has, which are to be announced.
//!
//! The state alone says which should be there; the slots say which are. Work is what differs, found by a cursor: there is
//! no queue, and what a later transition made pointless is never handed out.
//!
//! A Backup does not answer for addresses, nor accept what is sent to them, because its host does not have them (FSM-B-01,
//! FSM-B-02, FSM-B-04).

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::router::Action;

/// One virtual address in one request. Hand it back with the answer: a late answer to a cancelled request is then told
/// from a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vip {
    /// The address.
    pub address: IpAddr,
    index: usize,
    ticket: u32,
}

impl Vip {
    /// Position of the address in [`Config::addresses`](crate::Config::addresses); of one that was configured away, the
    /// last it had.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

/// One slot for each of a router's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Slots from here on may need work.
    cursor: usize,
    /// Number of the last install request.
    ticket: u32,
    installed: usize,
    /// Configured away, and not yet handed out for removal.
    leaving: Vec<(Vip, Slot)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Absent,
    Requested {
        ticket: u32,
    },
    Installed {
        ticket: u32,
        announce: u8,
    },
    /// The host could not: it is asked again, or told to remove what may be there of it.
    Refused {
        ticket: u32,
    },
}

impl Slots {
    pub(crate) fn new(addresses: usize) -> Self {
        Self { slots: vec![Slot::Absent; addresses], cursor: addresses, ticket: 0, installed: 0, leaving: Vec::new() }
    }

    /// How many the host has confirmed.
    pub(crate) const fn installed(&self) -> usize {
        self.installed
    }

    pub(crate) fn all_installed(&self) -> bool {
        self.installed == self.slots.len()
    }

    /// Position of the first address that the host has not confirmed.
    pub(crate) fn first_missing(&self) -> Option<usize> {
        self.slots.iter().position(|slot| !slot.is_installed())
    }

    pub(crate) fn is_installed(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Slot::is_installed)
    }

    /// The host could not install an address, or lost it for good. False for a late answer, which is ignored.
    pub(crate) fn refuse(&mut self, vip: Vip) -> bool {
        let ticket = vip.ticket;
        let Some(slot) = self.position(vip).and_then(|index| self.slots.get_mut(index)) else { return false };
        self.installed -= usize::from(slot.is_installed());
        *slot = Slot::Refused { ticket };
        true
    }

    /// The state changed: every slot may need work.
    pub(crate) fn rewind(&mut self) {
        self.cursor = 0;
    }

    /// The host confirmed an address; it is to be announced `announce` times. Late answers are ignored.
    pub(crate) fn confirm(&mut self, vip: Vip, announce: u8) {
        let Some(index) = self.position(vip) else { return };
        let Some(slot) = self.slots.get_mut(index) else { return };
        if *slot == (Slot::Requested { ticket: vip.ticket }) {
            *slot = Slot::Installed { ticket: vip.ticket, announce };
            self.installed += 1;
            self.cursor = self.cursor.min(index);
        }
    }

    /// From now on `new` are the addresses. One that stays keeps its slot; one that goes, and may be on the host, is
    /// handed out for removal, whatever the state.
    pub(crate) fn readdress(&mut self, old: &[IpAddr], new: &[IpAddr]) {
        let mut known = core::mem::take(&mut self.leaving);
        known.extend(old.iter().zip(&self.slots).enumerate().filter_map(|(index, (address, slot))| {
            Some((Vip { address: *address, index, ticket: slot.ticket()? }, *slot))
        }));
        let slots = new.iter().map(|address| {
            let index = known.iter().position(|(vip, _)| vip.address == *address);
            index.map_or(Slot::Absent, |index| known.remove(index).1)
        });
        self.slots = slots.collect();
        self.installed = self.slots.iter().filter(|slot| slot.is_installed()).count();
        self.leaving = known;
        self.rewind();
    }

    /// Whether one is still to be asked for.
    pub(crate) fn any_absent(&self) -> bool {
        self.slots.contains(&Slot::Absent)
    }

    /// The slot that waits for an answer to this request. Its index may have changed since.
    fn position(&self, vip: Vip) -> Option<usize> {
        let holds = |slot: &Slot| slot.ticket() == Some(vip.ticket);
        match self.slots.get(vip.index) {
            Some(slot) if holds(slot) => Some(vip.index),
            _ => self.slots.iter().position(holds),
        }
    }

    /// Every confirmed address is to be announced `count` times.
    pub(crate) fn announce_all(&mut self, count: u8) {
        if count == 0 {
            return;
        }
        for slot in &mut self.slots {
            if let Slot::Installed { announce, .. } = slot {
                *announce = count.max(*announce);
            }
        }
        self.rewind();
    }

    /// Whether [`poll`](Self::poll) has nothing.
    #[inline]
    pub(crate) fn are_idle(&self) -> bool {
        self.cursor >= self.slots.len() && self.leaving.is_empty()
    }

    /// The next thing that brings `addresses` to where they should be: with a Master all there, else none.
    pub(crate) fn poll(&mut self, master: bool, addresses: &[IpAddr]) -> Option<Action> {
        if let Some((vip, _)) = self.leaving.pop() {
            return Some(Action::RemoveAddress(vip));
        }
        loop {
            let index = self.cursor;
            let slot = self.slots.get_mut(index)?;
            let address = *addresses.get(index)?;
            self.cursor += 1;
            match (master, &mut *slot) {
                (true, Slot::Absent | Slot::Refused { .. }) => {
                    self.ticket = self.ticket.wrapping_add(1);
                    let ticket = self.ticket;
                    *slot = Slot::Requested { ticket };
                    return Some(Action::InstallAddress(Vip { address, index, ticket }));
                }
                (true, Slot::Installed { ticket, announce: announce @ 1.. }) => {
                    let (ticket, count) = (*ticket, core::mem::take(announce));
                    return Some(Action::AnnounceAddress { vip: Vip { address, index, ticket }, count });
                }
                (false, Slot::Requested { ticket } | Slot::Installed { ticket, .. } | Slot::Refused { ticket }) => {
                    let ticket = *ticket;
                    self.installed -= usize::from(slot.is_installed());
                    *slot = Slot::Absent;
                    return Some(Action::RemoveAddress(Vip { address, index, ticket }));
                }
                (true, Slot::Requested { .. } | Slot::Installed { .. }) | (false, Slot::Absent) => {}
            }
        }
    }
}

impl Slot {
    const fn ticket(&self) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Requested { ticket } | Self::Installed { ticket, .. } | Self::Refused { ticket } => Some(*ticket),
        }
    }

    const fn is_installed(&self) -> bool {
        matches!(self, Self::Installed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_asked_for_again_though_nobody_fetched_its_removal() {
        let addresses = [IpAddr::from([192, 0, 2, 1])];
        let mut slots = Slots::new(1);
        slots.rewind();
        let Some(Action::InstallAddress(first)) = slots.poll(true, &addresses) else { panic!("not asked for") };
        assert!(slots.refuse(first));
        // Master again before the removal was fetched.
        slots.rewind();
        let Some(Action::InstallAddress(second)) = slots.poll(true, &addresses) else { panic!("not asked for again") };
        assert!(!slots.refuse(first), "a late answer");
        slots.confirm(second, 1);
        assert!(slots.all_installed());
        assert!(slots.refuse(second) && !slots.all_installed(), "lost for good");
        slots.rewind();
        assert_eq!(slots.poll(false, &addresses), Some(Action::RemoveAddress(second)));
    }
}
