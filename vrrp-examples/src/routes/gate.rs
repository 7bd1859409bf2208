//! When routes and rules are to be there: while an instance is Master, and all its addresses are there.

use std::collections::BTreeSet;
use std::net::IpAddr;

use vrrp_core::Role;
use vrrp_io_linux::EventKind;

/// What is wanted of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing is to be there.
    Absent,
    /// All is to be there. Another round: something may have been lost since the last.
    Present { round: u64 },
}

/// Follows one instance.
#[derive(Debug)]
pub(super) struct Gate {
    all: BTreeSet<IpAddr>,
    missing: BTreeSet<IpAddr>,
    master: bool,
    round: u64,
}

impl Gate {
    pub(super) fn new(addresses: impl Iterator<Item = IpAddr>) -> Self {
        let all: BTreeSet<IpAddr> = addresses.collect();
        Self { missing: all.clone(), all, master: false, round: 0 }
    }

    /// What is wanted after this.
    pub(super) fn follow(&mut self, event: &EventKind) -> Wish {
        match event {
            EventKind::StateChanged { transition, .. } => {
                self.master = transition.to == Role::Master;
                self.missing.clone_from(&self.all);
            }
            EventKind::AddressInstalled { vip, .. } => {
                self.missing.remove(&vip.address);
                self.round += 1;
            }
            _ => {}
        }
        match self.master && self.missing.is_empty() {
            true => Wish::Present { round: self.round },
            false => Wish::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Cause, Priority, Transition};
    use vrrp_io_linux::VirtualIp;

    fn to(role: Role) -> EventKind {
        let transition = Transition { from: Role::Backup, to: role, cause: Cause::Shutdown };
        EventKind::StateChanged { transition, why: String::new(), priority: Priority::DEFAULT }
    }

    fn vip(address: &str) -> VirtualIp {
        address.parse().unwrap()
    }

    fn installed(address: &str) -> EventKind {
        EventKind::AddressInstalled { vip: vip(address), device: "eth0".to_owned(), foreign: false }
    }

    #[test]
    fn it_opens_with_the_last_address_of_a_master_and_again_when_one_comes_back() {
        let mut gate = Gate::new(["192.0.2.1", "192.0.2.2"].into_iter().map(|text| text.parse().unwrap()));
        assert_eq!(gate.follow(&to(Role::Master)), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Present { round: 2 });
        let lost = EventKind::AddressLost { vip: vip("192.0.2.1/24"), device: "eth0".to_owned() };
        assert_eq!(gate.follow(&lost), Wish::Present { round: 2 });
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Present { round: 3 });

        assert_eq!(gate.follow(&to(Role::Backup)), Wish::Absent);
        // A confirmation that comes late.
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Absent);
        assert_eq!(gate.follow(&to(Role::Master)), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.2/24")), Wish::Absent);
        assert_eq!(gate.follow(&installed("192.0.2.1/24")), Wish::Present { round: 7 });
        assert_eq!(gate.follow(&to(Role::Initialize)), Wish::Absent);
    }
}
