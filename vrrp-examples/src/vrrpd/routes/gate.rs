//! The rule for when routes and rules are to be there: while an instance is Master, and the addresses that it can have
//! are there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use vrrp_core::Role;
use vrrp_io_linux::EventKind;

/// A wish of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing is to be there.
    Absent,
    /// The ones that are there stay. No new one is set, because an address that it may need is on its way.
    Kept,
    /// All is to be there. Another round: something may have been lost since the last.
    Present { round: u64 },
}

/// Follows one instance.
#[derive(Debug)]
pub(super) struct Gate {
    all: Vec<IpAddr>,
    /// The kernel's reports since the last change of state: for each address, true if it is there.
    heard: BTreeMap<IpAddr, bool>,
    master: bool,
    round: u64,
}

impl Gate {
    pub(super) fn new(addresses: impl Iterator<Item = IpAddr>) -> Self {
        Self { all: addresses.collect(), heard: BTreeMap::new(), master: false, round: 0 }
    }

    /// Follows an instance that is Master already; what is known of its addresses.
    pub(super) fn of_master(addresses: impl Iterator<Item = IpAddr>, known: &[(IpAddr, bool)]) -> Self {
        Self { heard: known.iter().copied().collect(), master: true, round: 1, ..Self::new(addresses) }
    }

    /// Replaces the addresses of the instance. Earlier news of the new ones counts.
    pub(super) fn readdress(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        self.all = addresses.collect();
    }

    /// Takes in what happened.
    pub(super) fn on_event(&mut self, event: &EventKind) {
        match event {
            EventKind::StateChanged { transition, .. } => {
                self.master = transition.to == Role::Master;
                self.heard.clear();
            }
            EventKind::AddressInstalled { virtual_ip, .. } => {
                self.heard.insert(virtual_ip.address, true);
                self.round += 1;
            }
            // Who serves the other addresses also routes for them.
            EventKind::AddressFailed { virtual_ip, .. } => drop(self.heard.insert(virtual_ip.address, false)),
            EventKind::AddressLost { virtual_ip, .. }
            | EventKind::AddressExpired { virtual_ip, .. }
            | EventKind::AddressRemoved { virtual_ip, .. } => drop(self.heard.remove(&virtual_ip.address)),
            _ => {}
        }
    }

    /// Returns what is wanted now.
    pub(super) fn wish(&self) -> Wish {
        let heard = || self.all.iter().map(|address| self.heard.get(address));
        match (self.master, heard().all(|heard| heard.is_some()) && heard().any(|heard| heard == Some(&true))) {
            (false, _) => Wish::Absent,
            (true, false) => Wish::Kept,
            (true, true) => Wish::Present { round: self.round },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Cause, Priority, Transition};
    use vrrp_io_linux::{AddressError, VirtualIp};

    fn to(role: Role) -> EventKind {
        let transition = Transition::new(Role::Backup, role, Cause::Shutdown);
        EventKind::StateChanged { transition, why: String::new(), priority: Priority::DEFAULT }
    }

    fn virtual_ip(address: &str) -> VirtualIp {
        address.parse().unwrap()
    }

    fn installed(address: &str) -> EventKind {
        EventKind::AddressInstalled { virtual_ip: virtual_ip(address), device: "eth0".to_owned(), foreign: false }
    }

    fn failed(address: &str) -> EventKind {
        EventKind::AddressFailed {
            virtual_ip: virtual_ip(address),
            device: "eth0".to_owned(),
            error: AddressError::Duplicate,
        }
    }

    fn after(gate: &mut Gate, event: &EventKind) -> Wish {
        gate.on_event(event);
        gate.wish()
    }

    fn gate() -> Gate {
        Gate::new(["192.0.2.1", "192.0.2.2"].into_iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn it_opens_with_the_last_address_of_a_master_and_again_when_one_comes_back() {
        let mut gate = gate();
        assert_eq!(after(&mut gate, &to(Role::Master)), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.1/24")), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.2/24")), Wish::Present { round: 2 });
        let lost = EventKind::AddressLost { virtual_ip: virtual_ip("192.0.2.1/24"), device: "eth0".to_owned() };
        assert_eq!(after(&mut gate, &lost), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.1/24")), Wish::Present { round: 3 });

        assert_eq!(after(&mut gate, &to(Role::Backup)), Wish::Absent);
        // A confirmation that comes late.
        assert_eq!(after(&mut gate, &installed("192.0.2.1/24")), Wish::Absent);
        assert_eq!(after(&mut gate, &installed("192.0.2.2/24")), Wish::Absent);
        assert_eq!(after(&mut gate, &to(Role::Master)), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.2/24")), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.1/24")), Wish::Present { round: 7 });
        assert_eq!(after(&mut gate, &to(Role::Initialize)), Wish::Absent);
    }

    #[test]
    fn an_address_that_cannot_be_set_holds_nothing_up_unless_there_is_no_other() {
        let mut gate = gate();
        gate.on_event(&to(Role::Master));
        assert_eq!(after(&mut gate, &failed("192.0.2.1/24")), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.2/24")), Wish::Present { round: 1 });
        assert_eq!(after(&mut gate, &failed("192.0.2.2/24")), Wish::Kept, "there is none left");
    }

    #[test]
    fn a_new_address_of_a_master_is_waited_for_even_where_it_was_there_before_this_knew() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut gate = gate();
        for event in [to(Role::Master), installed("192.0.2.1/24"), installed("192.0.2.2/24")] {
            gate.on_event(&event);
        }
        gate.on_event(&installed("192.0.2.3/24"));
        let removed = EventKind::AddressRemoved { virtual_ip: virtual_ip("192.0.2.1/24"), device: "eth0".to_owned() };
        gate.on_event(&removed);
        gate.readdress(["192.0.2.2", "192.0.2.3", "192.0.2.4"].map(address).into_iter());
        assert_eq!(gate.wish(), Wish::Kept);
        assert_eq!(after(&mut gate, &installed("192.0.2.4/24")), Wish::Present { round: 4 });
        gate.readdress(["192.0.2.2"].map(address).into_iter());
        assert_eq!(gate.wish(), Wish::Present { round: 4 });
    }
}
