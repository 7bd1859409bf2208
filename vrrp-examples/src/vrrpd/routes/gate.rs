//! When routes and rules are to be there: while an instance is Master, and the addresses that it can have are there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_core::Role;
use vrrp_io_linux::EventKind;

/// What is wanted of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing is to be there.
    Absent,
    /// What is there stays; nothing new is set, for an address that it may need is on its way.
    Kept,
    /// All is to be there. Another round: something may have been lost since the last.
    Present { round: u64 },
}

/// Follows one instance.
#[derive(Debug)]
pub(super) struct Gate {
    all: BTreeSet<IpAddr>,
    /// Neither confirmed nor refused by the kernel.
    awaited: BTreeSet<IpAddr>,
    there: BTreeSet<IpAddr>,
    master: bool,
    round: u64,
}

impl Gate {
    pub(super) fn new(addresses: impl Iterator<Item = IpAddr>) -> Self {
        let all: BTreeSet<IpAddr> = addresses.collect();
        Self { awaited: all.clone(), all, there: BTreeSet::new(), master: false, round: 0 }
    }

    /// Returns what is wanted after this.
    pub(super) fn follow(&mut self, event: &EventKind) -> Wish {
        match event {
            EventKind::StateChanged { transition, .. } => {
                self.master = transition.to == Role::Master;
                self.awaited.clone_from(&self.all);
                self.there.clear();
            }
            EventKind::AddressInstalled { vip, .. } => {
                self.awaited.remove(&vip.address);
                self.there.insert(vip.address);
                self.round += 1;
            }
            // Who serves the other addresses also routes for them.
            EventKind::AddressFailed { vip, .. } => {
                self.awaited.remove(&vip.address);
                self.there.remove(&vip.address);
            }
            EventKind::AddressLost { vip, .. } | EventKind::AddressExpired { vip, .. } => {
                self.there.remove(&vip.address);
                self.awaited.insert(vip.address);
            }
            _ => {}
        }
        match (self.master, self.awaited.is_empty() && !self.there.is_empty()) {
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

    fn vip(address: &str) -> VirtualIp {
        address.parse().unwrap()
    }

    fn installed(address: &str) -> EventKind {
        EventKind::AddressInstalled { vip: vip(address), device: "eth0".to_owned(), foreign: false }
    }

    fn failed(address: &str) -> EventKind {
        EventKind::AddressFailed { vip: vip(address), device: "eth0".to_owned(), error: AddressError::Duplicate }
    }

    fn gate() -> Gate {
        Gate::new(["192.0.2.1", "192.0.2.2"].into_iter().map(|text| text.parse().unwrap()))
    }

    #[test]
    fn it_opens_with_the_last_address_of_a_master_and_again_when_one_comes_back() {
        let mut gate = gate();
        assert_eq!(gate.follow(&to(Role::Master)), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Present { round: 2 });
        let lost = EventKind::AddressLost { vip: vip("192.0.2.1/24"), device: "eth0".to_owned() };
        assert_eq!(gate.follow(&lost), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Present { round: 3 });

        assert_eq!(gate.follow(&to(Role::Backup)), Wish::Absent);
        // A confirmation that comes late.
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Absent);
        assert_eq!(gate.follow(&to(Role::Master)), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Present { round: 7 });
        assert_eq!(gate.follow(&to(Role::Initialize)), Wish::Absent);
    }

    #[test]
    fn an_address_that_cannot_be_set_holds_nothing_up_unless_there_is_no_other() {
        let mut gate = gate();
        gate.follow(&to(Role::Master));
        assert_eq!(gate.follow(&failed("192.0.2.1/24")), Wish::Kept);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Present { round: 1 });
        assert_eq!(gate.follow(&failed("192.0.2.2/24")), Wish::Kept, "there is none left");
    }
}
