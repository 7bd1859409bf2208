//! Which routers an interface concerns: where there are thousands of each, news of one must not ask all.

use std::collections::HashMap;
use std::net::IpAddr;

use vrrp_core::RouterId;

use crate::router::Router;

/// The interfaces that configurations name.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    by_name: HashMap<String, Concerned>,
    /// What each link was called when it was last looked at, if it concerned anybody then.
    names: HashMap<u32, String>,
    /// Who sends from an address that may be on any interface.
    by_source: HashMap<IpAddr, Vec<RouterId>>,
}

/// Whom an interface concerns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concerned {
    /// Who listens on it.
    pub(crate) ports: Vec<usize>,
    /// Who runs on it, has addresses on it, or tracks it.
    pub(crate) routers: Vec<RouterId>,
    /// One of them that has virtual IPv4 addresses on it.
    pub(crate) ipv4: Option<RouterId>,
}

impl Interfaces {
    /// Takes in one router after the other, with the port that it uses.
    pub(crate) fn add(&mut self, id: RouterId, router: &Router, port: usize) {
        let ports = &mut self.concerned(&router.interface, id).ports;
        if !ports.contains(&port) {
            ports.push(port);
        }
        for vip in &router.addresses {
            let concerned = self.concerned(router.device(vip), id);
            if vip.address.is_ipv4() {
                concerned.ipv4.get_or_insert(id);
            }
        }
        let tracked = router.tracked_interfaces.iter().map(|(_, name)| name);
        for name in tracked.chain(router.macvlan.as_ref().map(|macvlan| &macvlan.name)) {
            self.concerned(name, id);
        }
        if let Some(source) = router.source {
            self.by_source.entry(source).or_default().push(id);
        }
    }

    fn concerned(&mut self, name: &str, id: RouterId) -> &mut Concerned {
        let concerned = self.by_name.entry(name.to_owned()).or_default();
        if concerned.routers.last() != Some(&id) {
            concerned.routers.push(id);
        }
        concerned
    }

    /// Whom the interface of this name concerns, if anybody.
    pub(crate) fn get(&self, name: &str) -> Option<&Concerned> {
        self.by_name.get(name)
    }

    /// Who sends from this address, wherever it is.
    pub(crate) fn with_source(&self, address: IpAddr) -> &[RouterId] {
        self.by_source.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The interfaces that carry virtual IPv4 addresses, in no order.
    pub(crate) fn with_ipv4(&self) -> impl Iterator<Item = &String> {
        self.by_name.iter().filter(|(_, concerned)| concerned.ipv4.is_some()).map(|(name, _)| name)
    }

    /// A link is called `now`, or is gone. Returns the names under which that concerns anybody: the last one known and
    /// this one.
    pub(crate) fn follow(&mut self, link: u32, now: Option<&str>) -> Vec<String> {
        let now = now.filter(|name| self.by_name.contains_key(*name)).map(str::to_owned);
        let before = match &now {
            Some(now) => self.names.insert(link, now.clone()),
            None => self.names.remove(&link),
        };
        before.filter(|before| now.as_ref() != Some(before)).into_iter().chain(now).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Config, InterfaceId, Profile, RouterSet, Vrid};

    #[test]
    fn a_link_concerns_who_names_it_now_and_who_named_what_it_was() {
        let address = "192.0.2.1".parse().unwrap();
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[address]).unwrap();
        let mut set = RouterSet::new();
        let [first, second] = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let mut interfaces = Interfaces::default();
        interfaces.add(first, &Router::new("eth0", config.clone()), 0);
        interfaces.add(second, &Router::new("eth1", config.clone()).with_source(address), 1);

        assert_eq!(interfaces.get("eth0").unwrap().routers, [first]);
        assert_eq!(
            (&interfaces.get("eth1").unwrap().ports[..], interfaces.get("eth1").unwrap().ipv4),
            (&[1][..], Some(second))
        );
        assert!(interfaces.get("eth2").is_none());
        assert_eq!(interfaces.with_source(address), [second]);
        let mut ipv4: Vec<&String> = interfaces.with_ipv4().collect();
        ipv4.sort();
        assert_eq!(ipv4, ["eth0", "eth1"]);

        assert_eq!(interfaces.follow(7, Some("eth2")), [] as [String; 0]);
        assert_eq!(interfaces.follow(7, Some("eth0")), ["eth0"]);
        assert_eq!(interfaces.follow(7, Some("eth0")), ["eth0"]);
        assert_eq!(interfaces.follow(7, Some("eth1")), ["eth0", "eth1"]);
        assert_eq!(interfaces.follow(7, Some("eth2")), ["eth1"]);
        assert_eq!(interfaces.follow(7, Some("eth1")), ["eth1"]);
        assert_eq!(interfaces.follow(7, None), ["eth1"]);
        assert_eq!(interfaces.follow(7, None), [] as [String; 0]);
    }
}
