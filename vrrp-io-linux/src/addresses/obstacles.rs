//! The virtual addresses that this host cannot set, and why (`docs/partial-service.md`).
//!
//! An obstacle that is known beforehand keeps an address from being tried. After any other failure it is news when the
//! circumstances are other than they were then: that is the evidence on which it is tried at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::RouterId;

use crate::address_error::AddressError;

/// The obstacles to addresses; mostly none.
#[derive(Debug, Default)]
pub(crate) struct Obstacles(BTreeMap<(RouterId, IpAddr), Obstacle>);

/// The reason why one address is not served.
#[derive(Debug)]
struct Obstacle {
    why: AddressError,
    /// Their state when the obstacle was found.
    circumstances: Circumstances,
    /// Known without trying.
    known: bool,
}

/// The conditions that an address depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Circumstances {
    pub(crate) ifindex: Option<u32>,
    pub(crate) up: bool,
    pub(crate) mtu: u32,
    pub(crate) ipv6: bool,
}

impl Obstacles {
    /// Returns why an address is not served, if it is not.
    pub(crate) fn why(&self, router: RouterId, address: IpAddr) -> Option<&AddressError> {
        self.0.get(&(router, address)).map(|obstacle| &obstacle.why)
    }

    /// Tells whether any address of a router is not served.
    pub(crate) fn any_of(&self, router: RouterId) -> bool {
        let (first, last) = ((router, Ipv4Addr::UNSPECIFIED.into()), (router, Ipv6Addr::from(u128::MAX).into()));
        self.0.range(first..=last).next().is_some()
    }

    /// Forgets what stands in the way of a router's addresses, but for those that are to be `kept`.
    pub(crate) fn forget(&mut self, router: RouterId, kept: impl Fn(IpAddr) -> bool) {
        self.0.retain(|(whose, address), _| *whose != router || kept(*address));
    }

    /// An address could not be set.
    pub(crate) fn failed(
        &mut self,
        router: RouterId,
        address: IpAddr,
        why: AddressError,
        circumstances: Circumstances,
    ) {
        self.0.insert((router, address), Obstacle { why, circumstances, known: false });
    }

    /// An address is served.
    pub(crate) fn overcome(&mut self, router: RouterId, address: IpAddr) {
        if !self.0.is_empty() {
            self.0.remove(&(router, address));
        }
    }

    /// Notes how things are for an address now, with what is known to stand in its way. Returns what is news for its
    /// router: that the address can be set, or cannot.
    pub(crate) fn look(
        &mut self,
        router: RouterId,
        address: IpAddr,
        circumstances: Circumstances,
        why: Option<AddressError>,
    ) -> Option<bool> {
        let before = self.0.get_mut(&(router, address));
        match (why, before) {
            (Some(why), Some(before)) if before.known => {
                (before.why, before.circumstances) = (why, circumstances);
                None
            }
            (Some(why), _) => {
                self.0.insert((router, address), Obstacle { why, circumstances, known: true });
                Some(false)
            }
            (None, Some(before)) if before.known || before.circumstances != circumstances => {
                // It is told until the address is there.
                (before.circumstances, before.known) = (circumstances, false);
                Some(true)
            }
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    #[test]
    fn an_address_is_tried_on_evidence_alone() {
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let id = RouterSet::new().insert(InterfaceId(0), config).unwrap();
        let good = Circumstances { ifindex: Some(2), up: true, mtu: 1500, ipv6: true };
        let bad = Circumstances { ipv6: false, ..good };
        let mut obstacles = Obstacles::default();
        let disabled = || AddressError::Ipv6Disabled { interface: "eth0".to_owned() };
        let address: IpAddr = [192, 0, 2, 1].into();
        let look = |obstacles: &mut Obstacles, circumstances, why| obstacles.look(id, address, circumstances, why);
        assert_eq!(look(&mut obstacles, good, None), None);
        assert_eq!(look(&mut obstacles, bad, Some(disabled())), Some(false));
        assert_eq!(look(&mut obstacles, bad, Some(disabled())), None, "told once");
        assert_eq!(obstacles.why(id, address), Some(&disabled()));
        assert_eq!(look(&mut obstacles, good, None), Some(true));
        assert_eq!(look(&mut obstacles, good, None), None);
        assert!(obstacles.any_of(id), "not there yet");
        obstacles.overcome(id, address);
        assert_eq!((obstacles.any_of(id), obstacles.why(id, address)), (false, None));

        obstacles.failed(id, address, AddressError::Duplicate, good);
        assert_eq!(look(&mut obstacles, good, None), None, "nothing has changed");
        assert_eq!(look(&mut obstacles, Circumstances { mtu: 1400, ..good }, None), Some(true));
        obstacles.failed(id, address, AddressError::Duplicate, good);
        assert_eq!(look(&mut obstacles, bad, Some(disabled())), Some(false));

        obstacles.forget(id, |kept| kept == address);
        assert!(obstacles.any_of(id));
        obstacles.forget(id, |_| false);
        assert!(!obstacles.any_of(id));
    }
}
