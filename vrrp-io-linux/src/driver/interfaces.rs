//! The routers that an interface concerns: if there are thousands of each, news of one must not ask all.

use std::collections::HashMap;
use std::net::IpAddr;

use vrrp_core::RouterId;

use crate::router::Router;

/// The interfaces that configurations name.
#[derive(Debug, Default)]
pub(crate) struct Interfaces {
    by_name: HashMap<String, Concerned>,
    /// The name of each link when it was last looked at, if it concerned anybody then.
    names: HashMap<u32, String>,
    /// The routers that send from an address that may be on any interface.
    by_source: HashMap<IpAddr, Vec<RouterId>>,
}

/// The ports and routers that an interface concerns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concerned {
    /// The ports that listen on it.
    pub(crate) ports: Vec<usize>,
    /// The routers that run on it, have addresses on it, or track it.
    pub(crate) routers: Vec<RouterId>,
    /// The routers among them that have virtual IPv4 addresses on it.
    pub(crate) ipv4: Vec<RouterId>,
}

impl Interfaces {
    /// Takes in a port on the interface of this name.
    pub(crate) fn add_port(&mut self, name: &str, port: usize) {
        self.by_name.entry(name.to_owned()).or_default().ports.push(port);
    }

    pub(crate) fn remove_port(&mut self, name: &str, port: usize) {
        if let Some(concerned) = self.by_name.get_mut(name) {
            concerned.ports.retain(|other| *other != port);
            self.tidy(name);
        }
    }

    /// Takes in a router.
    pub(crate) fn add(&mut self, id: RouterId, router: &Router) {
        self.concerned(&router.interface, id);
        for virtual_ip in &router.addresses {
            let concerned = self.concerned(router.device(virtual_ip), id);
            if virtual_ip.address.is_ipv4() && concerned.ipv4.last() != Some(&id) {
                concerned.ipv4.push(id);
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

    /// Has an interface concern a router that will name it soon.
    pub(crate) fn concern(&mut self, name: &str, id: RouterId) {
        self.concerned(name, id);
    }

    /// Forgets a router, which was taken in like this.
    pub(crate) fn remove(&mut self, id: RouterId, router: &Router) {
        let own = |ids: &mut Vec<RouterId>| ids.retain(|other| *other != id);
        for name in router.interface_names().map(str::to_owned) {
            let Some(concerned) = self.by_name.get_mut(&name) else { continue };
            own(&mut concerned.routers);
            own(&mut concerned.ipv4);
            self.tidy(&name);
        }
        let Some(source) = router.source else { return };
        let Some(senders) = self.by_source.get_mut(&source) else { return };
        own(senders);
        if senders.is_empty() {
            self.by_source.remove(&source);
        }
    }

    /// Forgets an interface that concerns nobody.
    fn tidy(&mut self, name: &str) {
        let is_idle = |concerned: &Concerned| concerned.routers.is_empty() && concerned.ports.is_empty();
        if self.by_name.get(name).is_some_and(is_idle) {
            self.by_name.remove(name);
            self.names.retain(|_, known| known != name);
        }
    }

    fn concerned(&mut self, name: &str, id: RouterId) -> &mut Concerned {
        let concerned = self.by_name.entry(name.to_owned()).or_default();
        if concerned.routers.last() != Some(&id) {
            concerned.routers.push(id);
        }
        concerned
    }

    /// Returns the ports and routers that the interface of this name concerns, if any.
    pub(crate) fn get(&self, name: &str) -> Option<&Concerned> {
        self.by_name.get(name)
    }

    /// Returns the routers that send from this address, wherever it is.
    pub(crate) fn with_source(&self, address: IpAddr) -> &[RouterId] {
        self.by_source.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Notes that a link is called `now`, or is gone. Returns the names under which that concerns anybody: the last one known and
    /// this one.
    pub(crate) fn on_link_change(&mut self, link: u32, now: Option<&str>) -> Vec<String> {
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
        interfaces.add(first, &Router::new("eth0", config.clone()));
        interfaces.add_port("eth1", 1);
        interfaces.add(second, &Router::new("eth1", config.clone()).with_source(address));

        assert_eq!(interfaces.get("eth0").unwrap().routers, [first]);
        assert_eq!(
            (&interfaces.get("eth1").unwrap().ports[..], interfaces.get("eth1").unwrap().ipv4.clone()),
            (&[1][..], vec![second])
        );
        assert!(interfaces.get("eth2").is_none());
        assert_eq!(interfaces.with_source(address), [second]);
        assert_eq!(interfaces.get("eth0").unwrap().ipv4, [first]);

        assert_eq!(interfaces.on_link_change(7, Some("eth2")), [] as [String; 0]);
        assert_eq!(interfaces.on_link_change(7, Some("eth0")), ["eth0"]);
        assert_eq!(interfaces.on_link_change(7, Some("eth0")), ["eth0"]);
        assert_eq!(interfaces.on_link_change(7, Some("eth1")), ["eth0", "eth1"]);
        assert_eq!(interfaces.on_link_change(7, Some("eth2")), ["eth1"]);
        assert_eq!(interfaces.on_link_change(7, Some("eth1")), ["eth1"]);
        assert_eq!(interfaces.on_link_change(7, None), ["eth1"]);
        assert_eq!(interfaces.on_link_change(7, None), [] as [String; 0]);
    }

    #[test]
    fn who_is_gone_is_concerned_by_nothing_and_who_stays_by_what_it_was() {
        let address = "192.0.2.1".parse().unwrap();
        let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &[address]).unwrap();
        let mut set = RouterSet::new();
        let [first, second] = [0, 1].map(|interface| set.insert(InterfaceId(interface), config.clone()).unwrap());
        let on = |device: &str| {
            let virtual_ip = crate::virtual_ip::VirtualIp { device: Some(device.to_owned()), ..address.into() };
            Router::new("eth0", config.clone()).with_address(virtual_ip).unwrap().with_source(address)
        };
        let mut interfaces = Interfaces::default();
        let (one, other) = (on("eth1"), on("eth2"));
        interfaces.add_port("eth0", 0);
        interfaces.add(first, &one);
        interfaces.add(second, &other);
        interfaces.on_link_change(7, Some("eth1"));
        interfaces.remove(first, &one);
        assert!(interfaces.get("eth1").is_none());
        assert_eq!(interfaces.on_link_change(7, Some("eth2")), ["eth2"], "what nobody names is forgotten");
        let there = interfaces.get("eth0").unwrap();
        assert_eq!((&there.routers[..], &there.ports[..]), (&[second][..], &[0][..]));
        assert_eq!(interfaces.with_source(address), [second]);
        interfaces.remove(second, &other);
        assert_eq!(interfaces.get("eth0").unwrap().ports, [0]);
        interfaces.remove_port("eth0", 0);
        assert!(interfaces.by_name.is_empty() && interfaces.by_source.is_empty());
        assert!(interfaces.names.is_empty());
    }
}
