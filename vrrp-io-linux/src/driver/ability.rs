//! The addresses that this host can set: told to the routers, and to whoever asks why not.

use std::net::IpAddr;

use vrrp_core::{Input, RouterId};

use super::state::Driver;
use crate::address_error::AddressError;
use crate::addresses::obstacles::Circumstances;
use crate::clock;
use crate::event::EventKind;
use crate::kernel::sysctl;
use crate::report::words::{self, Condition};
use crate::virtual_ip::IPV6_MTU;

impl Driver {
    /// Looks at all addresses of a router anew: something about an interface changed.
    pub(super) fn look_for_obstacles(&mut self, id: RouterId) {
        let count = self.routers.address_count(id);
        // Many are on one interface.
        let mut last: Option<(String, Circumstances)> = None;
        for index in 0..count {
            let Some(address) = self.routers.address(id, index) else { continue };
            let Some(device) = self.holdings.get(id, address).map(|holding| holding.device.clone()) else { continue };
            let circumstances = match &last {
                Some((known, circumstances)) if *known == device => *circumstances,
                _ => self.circumstances(&device),
            };
            let why = self.obstacle(id, &device, address.is_ipv6(), circumstances);
            last = Some((device, circumstances));
            let news = self.obstacles.look(id, address, circumstances, why);
            if let Some(available) = news {
                self.tell_ability(id, (index, address), available);
            }
        }
    }

    /// The same where something is in the way already, and else nothing: news of an address are no news for others.
    pub(super) fn look_for_obstacles_again(&mut self, id: RouterId) {
        if self.obstacles.any_of(id) {
            self.look_for_obstacles(id);
        }
    }

    /// An address could not be set, for this reason.
    pub(super) fn failed(&mut self, id: RouterId, address: IpAddr, why: AddressError) {
        let Some(holding) = self.holdings.get(id, address) else { return };
        let (virtual_ip, device) = (holding.virtual_ip.clone(), holding.device.clone());
        let circumstances = self.circumstances(&device);
        self.obstacles.failed(id, address, why.clone(), circumstances);
        // Better than what the kernel says.
        let error = self.obstacle(id, &device, address.is_ipv6(), circumstances).unwrap_or(why);
        self.reporter.report(id, EventKind::AddressFailed { virtual_ip, device, error });
    }

    /// Returns why an address is not served, if it is not.
    pub(super) fn why_not(&self, id: RouterId, address: IpAddr) -> Option<AddressError> {
        let why = self.obstacles.why(id, address)?;
        let device = self.holdings.get(id, address).map(|holding| holding.device.as_str());
        // What else was wrong with an interface went with it.
        let gone = device
            .filter(|device| !self.macvlans.is_virtual_mac(device) && self.condition(device) == Condition::Missing);
        Some(gone.map_or_else(|| why.clone(), |device| words::unusable(device, Condition::Missing)))
    }

    /// Hands news of an address in.
    pub(super) fn tell(&mut self, id: RouterId, input: Input) {
        self.set.handle(clock::now(), id, input);
    }

    fn tell_ability(&mut self, id: RouterId, (index, address): (usize, IpAddr), available: bool) {
        if let (false, Some(holding), Some(why)) =
            (available, self.holdings.get(id, address), self.obstacles.why(id, address))
        {
            let (virtual_ip, device, error) = (holding.virtual_ip.clone(), holding.device.clone(), why.clone());
            self.reporter.report(id, EventKind::AddressFailed { virtual_ip, device, error });
        }
        self.tell(id, Input::AddressAvailable(index, available));
    }

    fn circumstances(&self, device: &str) -> Circumstances {
        let link = self.monitor.link_by_name(device);
        Circumstances {
            ifindex: link.map(|link| link.index),
            up: link.is_some_and(|link| link.up),
            mtu: link.map_or(0, |link| link.mtu),
            ipv6: sysctl::has_ipv6(device),
        }
    }

    /// Returns the obstacle that is known for an address on a device. If the router's own interface is down, that is a fault of the
    /// router, and no obstacle.
    fn obstacle(
        &self,
        id: RouterId,
        device: &str,
        is_ipv6: bool,
        circumstances: Circumstances,
    ) -> Option<AddressError> {
        let Circumstances { ifindex, up, mtu, ipv6 } = circumstances;
        let interface = self.routers.get(id).map_or("", |running| running.router.interface.as_str());
        let own = interface == device;
        let macvlan = self.macvlans.is_virtual_mac(device);
        match ifindex {
            _ if macvlan && !self.macvlans.is_ready(id) => {
                let macvlan = device.to_owned();
                Some(match self.condition(interface) {
                    Condition::Missing => {
                        AddressError::NoInterfaceForMacvlan { interface: interface.to_owned(), macvlan }
                    }
                    _ => AddressError::NoMacvlan { macvlan },
                })
            }
            None if !own => Some(words::unusable(device, Condition::Missing)),
            Some(_) if !up && !own && !macvlan => Some(words::unusable(device, self.condition(device))),
            Some(_) if is_ipv6 && mtu < IPV6_MTU => {
                Some(AddressError::MtuForIpv6 { interface: device.to_owned(), mtu })
            }
            Some(_) if is_ipv6 && !ipv6 => Some(AddressError::Ipv6Disabled { interface: device.to_owned() }),
            _ => None,
        }
    }
}
