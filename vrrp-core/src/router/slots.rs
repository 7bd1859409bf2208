//! The addresses of one router: which the host was asked for, which it has, which it cannot set, which are to be announced.
//!
//! The state alone says which should be there; the slots say which are. Work is what differs, found by a cursor: there is
//! no queue, and what a later transition made pointless is never handed out. What follows when an address cannot be set
//! is in `docs/partial-service.md`.
//!
//! A Backup does not answer for addresses, nor accept what is sent to them, because its host does not have them (FSM-B-01,
//! FSM-B-02, FSM-B-04).

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::action::{Action, AddressRequest};

/// One slot for each of a router's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Slots from here on may need work.
    cursor: usize,
    /// Number of the last install request.
    ticket: u32,
    installed: usize,
    /// Asked for and not yet answered.
    in_flight: usize,
    /// Slots with a [`Slot::flaw`].
    flawed: usize,
    /// Configured away, and not yet handed out for removal.
    leaving: Vec<(AddressRequest, Slot)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub(super) struct Slot {
    place: Place,
    flaw: Option<Flaw>,
}

/// The state of an address on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Place {
    Absent,
    Requested {
        ticket: u32,
    },
    Installed {
        ticket: u32,
        announce: u8,
    },
    /// The host could not. It is told to remove what may be there of it.
    Refused {
        ticket: u32,
    },
}

/// The reason why the host cannot set an address, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Flaw {
    /// It could not the last time; nothing is known of why.
    Failed,
    /// It failed, and is to be asked for once more.
    Again,
    /// The host knows that it cannot: it is not asked for.
    Unavailable,
}

impl Slots {
    pub(crate) fn new(addresses: usize) -> Self {
        let slot = Slot { place: Place::Absent, flaw: None };
        let slots = vec![slot; addresses];
        Self { slots, cursor: addresses, ticket: 0, installed: 0, in_flight: 0, flawed: 0, leaving: Vec::new() }
    }

    /// Puts together what [`carried`](Self::carried) took apart. What the host had not answered is asked for anew.
    pub(super) fn resumed(carried: impl Iterator<Item = Slot>, ticket: u32) -> Self {
        let anew = |slot: Slot| if slot.is_in_flight() { Slot { place: Place::Absent, ..slot } } else { slot };
        let mut slots = Self { slots: carried.map(anew).collect(), ticket, ..Self::new(0) };
        slots.count();
        slots.rewind();
        slots
    }

    /// Returns every slot, in the order of the addresses, and the number of the last request.
    pub(super) fn carried(&self) -> (impl Iterator<Item = Slot> + '_, u32) {
        (self.slots.iter().copied(), self.ticket)
    }

    /// Returns the requests by which the host has what it confirmed.
    pub(super) fn requests<'a>(&'a self, addresses: &'a [IpAddr]) -> impl Iterator<Item = AddressRequest> + 'a {
        let all = self.slots.iter().zip(addresses).enumerate();
        all.filter_map(|(index, (slot, address))| {
            slot.ticket().filter(|_| slot.is_installed()).map(|ticket| AddressRequest {
                address: *address,
                index,
                ticket,
            })
        })
    }

    /// Returns how many addresses the host has confirmed.
    pub(crate) const fn installed(&self) -> usize {
        self.installed
    }

    pub(crate) fn all_installed(&self) -> bool {
        self.installed == self.slots.len()
    }

    pub(crate) fn is_installed(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Slot::is_installed)
    }

    /// Tells whether the host still owes an answer.
    pub(crate) const fn are_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// Tells whether every address that may be set has had its first answer.
    pub(crate) fn are_settled(&self) -> bool {
        self.all_installed() || self.slots.iter().all(|slot| slot.is_installed() || slot.flaw.is_some())
    }

    /// Tells whether one of the first `count` addresses is installed.
    pub(crate) fn any_installed(&self, count: usize) -> bool {
        self.slots.iter().take(count).any(Slot::is_installed)
    }

    /// Tells whether none of the first `count` addresses is installed, asked for, or to be asked for.
    pub(crate) fn are_hopeless(&self, count: usize) -> bool {
        self.all_of(count, |slot| {
            matches!(slot.flaw, Some(Flaw::Failed | Flaw::Unavailable)) && !slot.is_installed() && !slot.is_in_flight()
        })
    }

    /// Tells whether none of the first `count` would be asked for, wherever they are now.
    pub(crate) fn are_all_flawed(&self, count: usize) -> bool {
        self.all_of(count, |slot| matches!(slot.flaw, Some(Flaw::Failed | Flaw::Unavailable)))
    }

    /// Tells whether the host knows that it cannot set any of the first `count` addresses.
    pub(crate) fn none_available(&self, count: usize) -> bool {
        self.all_of(count, |slot| slot.flaw == Some(Flaw::Unavailable))
    }

    /// Tells whether all of the first `count` are so. Where there is none, none is missing (EXT-11).
    fn all_of(&self, count: usize, is_so: impl Fn(&Slot) -> bool) -> bool {
        let mut slots = self.slots.iter().take(count).peekable();
        slots.peek().is_some() && slots.all(is_so)
    }

    /// Tells whether one of the addresses cannot be set, as far as is known.
    pub(crate) const fn are_flawed(&self) -> bool {
        self.flawed > 0
    }

    /// Positions of those that cannot be set, as far as is known.
    pub(crate) fn flawed(&self) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.flaw.is_some()).map(|(index, _)| index)
    }

    /// Marks each address that failed, so that it is asked for once more.
    pub(crate) fn try_again(&mut self) {
        for slot in &mut self.slots {
            if slot.flaw == Some(Flaw::Failed) {
                slot.flaw = Some(Flaw::Again);
            }
        }
        self.rewind();
    }

    /// The host says whether it can set the address at a position. One that failed before is asked for again, by a Master;
    /// otherwise nothing is held against it. Returns whether that is news.
    pub(crate) fn set_available(&mut self, index: usize, available: bool, master: bool) -> bool {
        let Some(slot) = self.slots.get(index).copied() else { return false };
        let flaw = match (available, slot.flaw) {
            (true, Some(_)) if master => Some(Flaw::Again),
            (true, _) => None,
            (false, _) => Some(Flaw::Unavailable),
        };
        let place = match (available, slot.place) {
            (false, Place::Requested { ticket } | Place::Installed { ticket, .. }) => Place::Refused { ticket },
            (_, place) => place,
        };
        self.put(index, Slot { place, flaw });
        self.cursor = self.cursor.min(index);
        slot.flaw != flaw
    }

    /// The host could not install an address, or lost it for good. False for a late answer, which is ignored. Nothing is
    /// held against what is to go anyway.
    pub(crate) fn refuse(&mut self, request: AddressRequest, master: bool) -> bool {
        let Some(index) = self.position(request) else { return false };
        match self.slots.get(index).copied() {
            Some(slot) if !master => self.put(index, Slot { place: Place::Refused { ticket: request.ticket }, ..slot }),
            _ => self.fail(index),
        }
        true
    }

    /// The host did not answer in time.
    pub(crate) fn refuse_unanswered(&mut self) {
        for index in 0..self.slots.len() {
            if self.slots.get(index).is_some_and(Slot::is_in_flight) {
                self.fail(index);
            }
        }
    }

    /// The state changed: every slot may need work.
    pub(crate) fn rewind(&mut self) {
        self.cursor = 0;
    }

    /// The host confirmed an address; it is to be announced `announce` times. Returns whether it failed before; `None` for
    /// a late answer, which is ignored.
    pub(crate) fn confirm(&mut self, request: AddressRequest, announce: u8) -> Option<bool> {
        let index = self.position(request)?;
        let Slot { place, flaw } = self.slots.get(index).copied()?;
        if !matches!(place, Place::Requested { .. } | Place::Refused { .. }) || flaw == Some(Flaw::Unavailable) {
            return None;
        }
        self.put(index, Slot { place: Place::Installed { ticket: request.ticket, announce }, flaw: None });
        self.cursor = self.cursor.min(index);
        Some(flaw.is_some())
    }

    /// From now on `new` are the addresses. One that stays keeps its slot; one that goes, and may be on the host, is
    /// handed out for removal, whatever the state.
    pub(crate) fn readdress(&mut self, old: &[IpAddr], new: &[IpAddr]) {
        let mut known = core::mem::take(&mut self.leaving);
        let before = old.iter().zip(&self.slots).enumerate();
        known.extend(before.map(|(index, (address, slot))| {
            (AddressRequest { address: *address, index, ticket: slot.ticket().unwrap_or_default() }, *slot)
        }));
        let slots = new.iter().map(|address| {
            let index = known.iter().position(|(request, _)| request.address == *address);
            index.map_or(Slot { place: Place::Absent, flaw: None }, |index| known.remove(index).1)
        });
        self.slots = slots.collect();
        self.count();
        known.retain(|(_, slot)| slot.ticket().is_some());
        self.leaving = known;
        self.rewind();
    }

    /// Tells whether an address is still to be asked for.
    pub(crate) fn any_absent(&self) -> bool {
        self.slots.iter().any(|slot| slot.place == Place::Absent && slot.flaw.is_none())
    }

    /// The slot that waits for an answer to this request. Its index may have changed since.
    fn position(&self, request: AddressRequest) -> Option<usize> {
        let holds = |slot: &Slot| slot.ticket() == Some(request.ticket);
        match self.slots.get(request.index) {
            Some(slot) if holds(slot) => Some(request.index),
            _ => self.slots.iter().position(holds),
        }
    }

    /// Every confirmed address is to be announced `count` times.
    pub(crate) fn announce_all(&mut self, count: u8) {
        if count == 0 {
            return;
        }
        for slot in &mut self.slots {
            if let Place::Installed { announce, .. } = &mut slot.place {
                *announce = count.max(*announce);
            }
        }
        self.rewind();
    }

    /// Tells whether [`poll`](Self::poll) has nothing to return.
    #[inline]
    pub(crate) fn are_idle(&self) -> bool {
        self.cursor >= self.slots.len() && self.leaving.is_empty()
    }

    /// The next thing that brings `addresses` to where they should be: with a Master all there that can be, else none.
    pub(crate) fn poll(&mut self, master: bool, addresses: &[IpAddr]) -> Option<Action> {
        if let Some((request, _)) = self.leaving.pop() {
            return Some(Action::RemoveAddress(request));
        }
        loop {
            let index = self.cursor;
            let Slot { place, flaw } = self.slots.get(index).copied()?;
            let address = *addresses.get(index)?;
            self.cursor += 1;
            match (master, place, flaw) {
                (true, Place::Absent | Place::Refused { .. }, None | Some(Flaw::Again)) => {
                    self.ticket = self.ticket.wrapping_add(1);
                    let ticket = self.ticket;
                    self.put(index, Slot { place: Place::Requested { ticket }, flaw: flaw.map(|_| Flaw::Failed) });
                    return Some(Action::InstallAddress(AddressRequest { address, index, ticket }));
                }
                (true, Place::Installed { ticket, announce: count @ 1.. }, _) => {
                    self.put(index, Slot { place: Place::Installed { ticket, announce: 0 }, flaw });
                    return Some(Action::AnnounceAddress { request: AddressRequest { address, index, ticket }, count });
                }
                (
                    false,
                    Place::Requested { ticket } | Place::Installed { ticket, .. } | Place::Refused { ticket },
                    flaw,
                ) => {
                    self.put(index, Slot { place: Place::Absent, flaw });
                    return Some(Action::RemoveAddress(AddressRequest { address, index, ticket }));
                }
                _ => {}
            }
        }
    }

    fn fail(&mut self, index: usize) {
        let Some(slot) = self.slots.get(index).copied() else { return };
        let Some(ticket) = slot.ticket() else { return };
        let flaw = if slot.flaw == Some(Flaw::Unavailable) { slot.flaw } else { Some(Flaw::Failed) };
        self.put(index, Slot { place: Place::Refused { ticket }, flaw });
    }

    fn count(&mut self) {
        self.installed = self.slots.iter().filter(|slot| slot.is_installed()).count();
        self.in_flight = self.slots.iter().filter(|slot| slot.is_in_flight()).count();
        self.flawed = self.slots.iter().filter(|slot| slot.flaw.is_some()).count();
    }

    /// Puts a slot into its place, and keeps count.
    fn put(&mut self, index: usize, slot: Slot) {
        let Some(place) = self.slots.get_mut(index) else { return };
        let old = core::mem::replace(place, slot);
        for (count, before, after) in [
            (&mut self.installed, old.is_installed(), slot.is_installed()),
            (&mut self.in_flight, old.is_in_flight(), slot.is_in_flight()),
            (&mut self.flawed, old.flaw.is_some(), slot.flaw.is_some()),
        ] {
            *count = (*count + usize::from(after)).saturating_sub(usize::from(before));
        }
    }
}

impl Slot {
    const fn ticket(&self) -> Option<u32> {
        match self.place {
            Place::Absent => None,
            Place::Requested { ticket } | Place::Installed { ticket, .. } | Place::Refused { ticket } => Some(ticket),
        }
    }

    const fn is_installed(&self) -> bool {
        matches!(self.place, Place::Installed { .. })
    }

    const fn is_in_flight(&self) -> bool {
        matches!(self.place, Place::Requested { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(slots: &mut Slots, addresses: &[IpAddr]) -> AddressRequest {
        match slots.poll(true, addresses) {
            Some(Action::InstallAddress(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_refused_is_asked_for_again_only_when_it_is_time() {
        let addresses = [IpAddr::from([192, 0, 2, 1])];
        let mut slots = Slots::new(1);
        slots.rewind();
        let first = asked(&mut slots, &addresses);
        assert!(slots.are_in_flight() && !slots.are_settled());
        assert!(slots.refuse(first, true) && slots.are_flawed() && slots.are_settled() && !slots.are_in_flight());
        // Master again before the removal was fetched.
        slots.rewind();
        assert_eq!(slots.poll(true, &addresses), None);
        slots.try_again();
        let second = asked(&mut slots, &addresses);
        assert!(slots.are_settled(), "what failed before holds nobody up");
        assert!(!slots.refuse(first, true), "a late answer");
        assert!(slots.confirm(second, 1) == Some(true) && slots.all_installed() && !slots.are_flawed());
        assert!(slots.refuse(second, true) && !slots.all_installed(), "lost for good");
        slots.rewind();
        assert_eq!(slots.poll(false, &addresses), Some(Action::RemoveAddress(second)));
        assert!(slots.are_flawed(), "a Backup remembers");
    }

    #[test]
    fn what_is_not_available_is_not_asked_for_until_it_is() {
        let addresses = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let mut slots = Slots::new(2);
        assert!(slots.set_available(0, false, false) && !slots.set_available(0, false, false));
        slots.rewind();
        let second = asked(&mut slots, &addresses);
        assert_eq!(second.address, addresses[1]);
        assert_eq!(slots.poll(true, &addresses), None);
        slots.try_again();
        assert_eq!(slots.poll(true, &addresses), None);
        assert!(slots.confirm(second, 0) == Some(false) && slots.are_settled() && !slots.all_installed());
        assert!(slots.set_available(0, true, true));
        let first = asked(&mut slots, &addresses);
        assert!(slots.are_flawed(), "not before it is there");
        assert!(slots.confirm(first, 0) == Some(true) && slots.all_installed() && !slots.are_flawed());
        assert!(slots.set_available(0, false, true) && slots.installed() == 1);
        assert!(slots.set_available(0, true, false) && !slots.are_flawed(), "a Backup forgets it at once");
    }

    #[test]
    fn an_answer_that_comes_after_its_time_still_counts() {
        let addresses = [IpAddr::from([192, 0, 2, 1])];
        let mut slots = Slots::new(1);
        slots.rewind();
        let request = asked(&mut slots, &addresses);
        slots.refuse_unanswered();
        assert!(slots.are_flawed() && !slots.are_in_flight());
        assert!(slots.confirm(request, 1) == Some(true) && slots.all_installed() && !slots.are_flawed());
    }
}
