//! The limits of how many may be in at once: in all, and from one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the clients inside. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    limits: Limits,
    inside: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// The number that may be in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) all: usize,
    pub(super) each: usize,
}

/// A place inside, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Gate,
    who: IpAddr,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, inside: Arc::default() }
    }

    /// Lets somebody in. `None`: too many are.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Pass> {
        let (who, mut inside) = (network(address), self.inside());
        let (all, own) = (inside.values().sum::<usize>(), inside.get(&who).copied().unwrap_or_default());
        if all >= self.limits.all || own >= self.limits.each {
            return None;
        }
        inside.insert(who, own + 1);
        Some(Pass { gate: self.clone(), who })
    }

    fn inside(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        match inside.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(inside.remove(&self.who)),
        }
    }
}

/// One host may have all addresses of an IPv6 network of 64 bits.
const fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_one_address_nor_all_together_get_in_more_often_than_they_may() {
        let gate = Gate::new(Limits { all: 3, each: 2 });
        let [first, second] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let mut inside: Vec<Pass> = (0..2).map(|_| gate.enter(first).unwrap()).collect();
        assert!(gate.enter(first).is_none(), "its own limit");
        inside.push(gate.enter(second).unwrap());
        assert!(gate.enter(second).is_none(), "the limit of all");
        drop(inside.remove(0));
        inside.push(gate.enter(second).unwrap());
        assert!(gate.enter(first).is_none());
        drop(inside);
        assert!(gate.inside().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn a_network_of_one_host_counts_as_one_address() {
        let gate = Gate::new(Limits { all: 9, each: 1 });
        let _first = gate.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(gate.enter("2001:db8::ffff:1".parse().unwrap()).is_none());
        assert!(gate.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
    }
}
