//! Routers beside each other, before anything is done for them: whether they can run so, and what follows from that for each.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use vrrp_core::{Family, RouterId, Vrid};

use super::command::Change;
use super::state::Routers;
use crate::addresses::lease::least_lifetime;
use crate::difference::identity;
use crate::error::{ChangeError, NoSuchRouter, StartError};
use crate::router::Router;
use crate::vmac::MacAddress;

/// Returns what runs after these changes: first what stays, then what is added, each as it is asked for.
///
/// # Errors
/// There is no such router, or it was named before; or it would become another one.
pub(super) fn after<'a>(running: &'a Routers, changes: &'a [Change]) -> Result<Vec<&'a Router>, ChangeError> {
    let (mut known, mut added) = (HashMap::new(), Vec::new());
    for change in changes {
        let (id, becomes) = match change {
            Change::Add(router) => {
                added.push(router);
                continue;
            }
            Change::Remove(id) => (*id, None),
            Change::Reconfigure(id, router) => (*id, Some(router)),
        };
        let now: &Router = &running.get(id).filter(|_| !known.contains_key(&id)).ok_or(NoSuchRouter(id))?.asked;
        if let Some(difference) = becomes.and_then(|router| identity(now, router).into_iter().next()) {
            return Err(ChangeError::OtherRouter { name: now.name.clone(), difference });
        }
        known.insert(id, becomes);
    }
    let stays = |id: &RouterId| match known.get(id) {
        Some(becomes) => *becomes,
        None => running.get(*id).map(|running| &*running.asked),
    };
    Ok(running.ids().iter().filter_map(stays).chain(added).collect())
}

/// Checks that these can run, on this host and beside each other.
pub(super) fn check<'a>(routers: impl IntoIterator<Item = &'a Router>) -> Result<(), StartError> {
    let mut macvlans = HashSet::<&str>::new();
    let mut macs = HashSet::<(&str, MacAddress)>::new();
    let mut places = HashSet::<(&str, Family, Vrid)>::new();
    for router in routers {
        router.check()?;
        let (name, interface) = (router.name.clone(), router.interface.clone());
        if let Some(macvlan) = router.macvlan.as_ref().filter(|macvlan| !macvlans.insert(&macvlan.name)) {
            return Err(StartError::MacvlanTaken { name, interface: macvlan.name.clone() });
        }
        if let Some(address) = router.macvlan.as_ref().map(|macvlan| macvlan.mac) {
            if !macs.insert((&router.interface, address)) {
                return Err(StartError::MacAddressTaken { name, interface, address });
            }
        }
        let vrid = router.config.vrid();
        if !places.insert((&router.interface, router.config.family(), vrid)) {
            return Err(StartError::Taken { name, interface, vrid });
        }
    }
    Ok(())
}

/// The names of all sync groups.
pub(super) fn groups<'a>(routers: impl IntoIterator<Item = &'a Router>) -> BTreeSet<String> {
    routers.into_iter().filter_map(|router| router.sync_group.clone()).collect()
}

/// The number of virtual addresses that each interface may have to carry.
#[derive(Debug)]
pub(super) struct Crowds(HashMap<String, usize>);

impl Crowds {
    pub(super) fn of<'a>(routers: impl IntoIterator<Item = &'a Router>) -> Self {
        let mut crowds = HashMap::new();
        for router in routers {
            for device in router.addresses.iter().map(|virtual_ip| router.device(virtual_ip)) {
                match crowds.get_mut(device) {
                    Some(count) => *count += 1,
                    None => drop(crowds.insert(device.to_owned(), 1)),
                }
            }
        }
        Self(crowds)
    }

    /// Returns how long a router's addresses last at least.
    pub(super) fn least_lifetime(&self, router: &Router) -> Duration {
        let crowd = router.addresses.iter().filter_map(|virtual_ip| self.0.get(router.device(virtual_ip))).max();
        least_lifetime(crowd.copied().unwrap_or_default())
    }

    /// Gives a router what follows from this host and from the other routers.
    pub(super) fn adapt(&self, mut router: Router) -> Router {
        router.least_lifetime = self.least_lifetime(&router);
        router.widen_link_local();
        if router.virtual_source().is_some() {
            // From the virtual MAC address it would teach the switches a way to a router that has just yielded; and no
            // neighbour has anything to learn.
            router.config = router.config.with_yield_advertisement(false);
        }
        router
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::state::RunningRouter;
    use crate::vmac::VirtualMac;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet};

    fn router(interface: &str, vrid: u8) -> Router {
        let config = Config::new(Profile::Rfc3768, Vrid::new(vrid).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        Router::new(interface, config)
    }

    fn running(routers: &[Router]) -> (Routers, Vec<RouterId>) {
        let (mut set, mut running) = (RouterSet::new(), Routers::default());
        for (port, router) in (0..).zip(routers) {
            let id = set.insert(InterfaceId(port), router.config.clone()).unwrap();
            running.push(RunningRouter::new(id, router.clone().into(), router.clone(), port as usize));
        }
        let ids = running.ids().to_vec();
        (running, ids)
    }

    fn names(routers: &[&Router]) -> Vec<String> {
        routers.iter().map(|router| router.name.clone()).collect()
    }

    #[test]
    fn what_runs_after_changes_is_what_stays_in_its_place_and_then_what_comes() {
        let (running, ids) = running(&[router("eth0", 1), router("eth0", 2), router("eth0", 3)]);
        let changes = [
            Change::Add(router("eth0", 1).with_name("new")),
            Change::Remove(ids[0]),
            Change::Reconfigure(ids[1], router("eth0", 2).with_name("other")),
        ];
        let wanted = after(&running, &changes).unwrap();
        assert_eq!(names(&wanted), ["other", "eth0/3", "new"]);
        check(wanted).unwrap();
        assert_eq!(after(&running, &[]).unwrap().len(), 3);
    }

    #[test]
    fn one_that_is_not_there_or_would_be_another_is_refused() {
        let (mut running, ids) = running(&[router("eth0", 1)]);
        let refused = |running: &Routers, changes: &[Change]| after(running, changes).unwrap_err().to_string();
        let twice = [Change::Remove(ids[0]), Change::Reconfigure(ids[0], router("eth0", 1))];
        assert_eq!(refused(&running, &twice), NoSuchRouter(ids[0]).to_string());
        let other = [Change::Reconfigure(ids[0], router("eth1", 1))];
        assert!(refused(&running, &other).contains("interface eth0 -> eth1"));
        running.remove(ids[0]);
        assert_eq!(refused(&running, &twice[..1]), NoSuchRouter(ids[0]).to_string());
    }

    #[test]
    fn no_two_have_a_place_or_a_macvlan_together() {
        let error = |routers: &[Router]| check(routers).unwrap_err().to_string();
        let same = [router("eth0", 1), router("eth1", 1), router("eth0", 1).with_name("second")];
        assert_eq!(error(&same), "second: there is already a virtual router 1 on eth0");
        let vmac = |interface| router(interface, 1).with_virtual_mac(VirtualMac::new());
        assert!(error(&[vmac("eth0"), vmac("eth1")]).contains("vrrp.1"));
        check(&[vmac("eth0"), router("eth1", 1)]).unwrap();
        let own = |interface, vrid, mac: &str| {
            router(interface, vrid).with_virtual_mac(VirtualMac::new().with_address(mac.parse().unwrap()))
        };
        let same = "02:00:00:00:00:01";
        assert_eq!(
            error(&[own("eth0", 1, same), own("eth0", 2, same)]),
            "eth0/2: another router on eth0 has the virtual MAC address 02:00:00:00:00:01; give one of them another one"
        );
        check(&[own("eth0", 1, same), own("eth1", 2, same), own("eth0", 3, "02:00:00:00:00:02")]).unwrap();
    }
}
