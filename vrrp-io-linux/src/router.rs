//! A virtual router on a Linux host: what the core is told, and what only Linux needs to know.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::wire::TTL;
use vrrp_core::{Config, Family, Peers, Priority, TrackerId};

use crate::virtual_ip::VirtualIp;
use crate::vmac::Macvlan;
use crate::vmac::VirtualMac;

/// The prefix length of every link-local IPv6 network.
const LINK_LOCAL_PREFIX: u8 = 64;

/// One virtual router and the interface it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    pub(crate) name: String,
    pub(crate) interface: String,
    pub(crate) config: Config,
    /// One for each of `config.addresses()`, in their order.
    pub(crate) addresses: Vec<VirtualIp>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) unicast_ttl: u8,
    pub(crate) accept: bool,
    pub(crate) macvlan: Option<Macvlan>,
    /// True where it is at fault while its own interface is down.
    pub(crate) own_interface_tracked: bool,
    pub(crate) tracked_interfaces: Vec<(TrackerId, String)>,
    /// One for each interface at most.
    pub(crate) interface_delays: Vec<InterfaceDelays>,
    pub(crate) sync_group: Option<String>,
    /// Its place among the members of that: the least is the first.
    pub(crate) rank: usize,
    /// The time between two announcements on one interface.
    pub(crate) announcement_gap: Duration,
    /// The least lifetime of its addresses, where they have a lease.
    pub(crate) least_lifetime: Duration,
    /// One of its addresses that turned out to be the host's own, though this is not its owner.
    pub(crate) real: Option<IpAddr>,
}

/// The time for which an interface must be up, or down, before that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceDelays {
    pub(crate) interface: String,
    pub(crate) up: Duration,
    pub(crate) down: Duration,
}

/// A router that cannot run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RouterError {
    /// Not one of the configuration's addresses.
    #[error("{name}: {address} is none of the addresses of this router's configuration")]
    UnknownAddress {
        /// The router.
        name: String,
        /// The address.
        address: IpAddr,
    },
    /// A source that is not of the family of the advertised addresses.
    #[error("{name}: the source {address} is of another family than the virtual addresses")]
    SourceFamily {
        /// The router.
        name: String,
        /// The source.
        address: IpAddr,
    },
    /// An interface is to be tracked under an id that the configuration did not give.
    #[error(
        "{name}: its configuration has no such tracker for {interface}; expected an id that `add_tracker` of this configuration gave"
    )]
    UnknownTracker {
        /// The router.
        name: String,
        /// The interface that was to be tracked.
        interface: String,
    },
    /// Delays of an interface whose state the router takes no note of.
    #[error(
        "{name}: has delays for {interface}, but neither runs on it nor tracks it; expected its own interface, or one that \
         `with_tracked_interface` names"
    )]
    UnusedInterface {
        /// The router.
        name: String,
        /// The interface.
        interface: String,
    },
    /// No interface [can have](is_interface_name) this name: its own one, the one for its virtual MAC address, one that
    /// carries an address, or one that it tracks.
    #[error(
        "{name}: `{interface}` cannot be the name of an interface; expected 1 to 15 octets without spaces, `/` and `:`, and neither `.` nor `..`"
    )]
    InterfaceName {
        /// The router.
        name: String,
        /// The name of the interface.
        interface: String,
    },
}

impl Router {
    /// Makes a router named after its interface and id, for IPv6 with `/ipv6` at the end. Its addresses are host addresses (/32,
    /// /128) on that interface, unless [`with_address`](Self::with_address) says more.
    #[must_use]
    pub fn new(interface: impl Into<String>, config: Config) -> Self {
        let interface = interface.into();
        let family = match config.family() {
            Family::Ipv4 => "",
            Family::Ipv6 => "/ipv6",
        };
        Self {
            name: format!("{interface}/{}{family}", config.vrid()),
            interface,
            addresses: config.addresses().iter().copied().map(VirtualIp::from).collect(),
            config,
            source: None,
            unicast_ttl: TTL,
            accept: false,
            macvlan: None,
            own_interface_tracked: true,
            tracked_interfaces: Vec::new(),
            interface_delays: Vec::new(),
            sync_group: None,
            rank: 0,
            announcement_gap: Duration::ZERO,
            least_lifetime: Duration::ZERO,
            real: None,
        }
    }

    /// Sets the name that logs and status use.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets another priority than the configuration says.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.config = self.config.with_priority(priority);
        self
    }

    /// Sets whether a Master that is not the owner accepts packets sent to its virtual addresses (Accept_Mode, RFC 9568
    /// section 6.1; in version 2 too: ACC-02). If it is off, which is the default as in the RFC, clients can route through the
    /// router but not talk to it; services need it on. If it is off, the program `nft` must be there: a packet filter drops packets
    /// sent to the addresses.
    ///
    /// If somebody removes or changes that filter, it is made anew, within 0.1 s as a rule and at most once a second. Meanwhile a
    /// Master accepts packets. When it cannot be made, it is tried again after 1, 2, 4 s and so on, up to 60 s, with a warning each
    /// time; the router stays Master.
    #[must_use]
    pub fn with_accept_mode(mut self, accept: bool) -> Self {
        self.accept = accept;
        self
    }

    /// Gives the router a MAC address of its own. Its addresses then live on a macvlan, but for those that
    /// [`with_address`](Self::with_address) puts on another interface. Where its advertisements come from that MAC address a
    /// router that yields says no [yield advertisement](vrrp_core::Config::with_yield_advertisement): no neighbour has anything to learn, and
    /// a switch would look for the MAC address at the wrong port.
    #[must_use]
    pub fn with_virtual_mac(mut self, virtual_mac: VirtualMac) -> Self {
        self.macvlan = Some(Macvlan::new(virtual_mac, self.config.family(), self.config.vrid()));
        self
    }

    /// Sets how one of the addresses is installed: prefix, device, label, scope, broadcast, and with or without a route to its network.
    ///
    /// # Errors
    /// [`RouterError::UnknownAddress`].
    pub fn with_address(mut self, virtual_ip: VirtualIp) -> Result<Self, RouterError> {
        match self.addresses.iter_mut().find(|known| known.address == virtual_ip.address) {
            Some(known) => *known = virtual_ip,
            None => return Err(RouterError::UnknownAddress { name: self.name, address: virtual_ip.address }),
        }
        Ok(self)
    }

    /// Sets the source of the advertisements. Without it: the first address of the interface that is no virtual one, for IPv6 its
    /// first link-local one, or, to unicast peers that are not all link-local, its first global one.
    #[must_use]
    pub fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Sets the TTL or hop limit of advertisements to unicast peers; 255 without it. To the group it is always 255.
    #[must_use]
    pub fn with_unicast_ttl(mut self, ttl: u8) -> Self {
        self.unicast_ttl = ttl;
        self
    }

    /// Puts it into a sync group. Routers with the same group are Master together or not at all: a fault of one is a fault of all, and what one
    /// yields, all yield. See [`RouterSet::group`](vrrp_core::RouterSet::group); a group's members are in the order in
    /// which [`start`](crate::start) gets them, which should be the same on every host.
    #[must_use]
    pub fn with_sync_group(mut self, name: impl Into<String>) -> Self {
        self.sync_group = Some(name.into());
        self
    }

    /// Feeds `tracker`, of this router's configuration, with the state of another interface.
    #[must_use]
    pub fn with_tracked_interface(mut self, tracker: TrackerId, interface: impl Into<String>) -> Self {
        self.tracked_interfaces.push((tracker, interface.into()));
        self
    }

    /// Sets how long an announcement of one of its addresses (gratuitous ARP, unsolicited neighbour advertisement) waits at least after
    /// the last one of its kind on the same interface, of this router or of another one with such a gap. For switches that take no
    /// more; zero, as it is without this: it does not wait. The first one goes at once, and nothing else waits for any of them. An address
    /// waits only once, however many rounds are asked for, and no longer than the router is Master.
    #[must_use]
    pub fn with_announcement_gap(mut self, gap: Duration) -> Self {
        self.announcement_gap = gap;
        self
    }

    /// Sets whether the router is at fault while its own interface is down or has no carrier, as it is without this. If it is off,
    /// only a missing interface is a fault. A Master then stays Master while nobody hears it, and another host is Master too: for
    /// a cable between two hosts, where each loses its carrier when the other one fails. The settings that the kernel takes from an interface that is down, such as
    /// its IPv6 addresses, are set again when it is back. An IPv6 router whose interface somebody sets down is at fault all the
    /// same: it has no address to send from then.
    #[must_use]
    pub fn with_own_interface_tracked(mut self, tracked: bool) -> Self {
        self.own_interface_tracked = tracked;
        self
    }

    /// Sets how long its own interface, or one that it tracks, must be up, and how long it must be down, before that counts. What an
    /// interface is at the start counts at once, and so does that it is not there. The status tells what does
    /// [not count yet](crate::RouterStatus::interface_changes).
    #[must_use]
    pub fn with_interface_delays(mut self, interface: impl Into<String>, up: Duration, down: Duration) -> Self {
        let delays = InterfaceDelays { interface: interface.into(), up, down };
        self.interface_delays.retain(|known| known.interface != delays.interface);
        self.interface_delays.push(delays);
        self
    }

    /// Returns what logs and status call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the interface that it runs on.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Returns what the core is told.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns its addresses and how they are installed, in the order of its configuration.
    #[must_use]
    pub fn addresses(&self) -> &[VirtualIp] {
        &self.addresses
    }

    pub(crate) fn check(&self) -> Result<(), RouterError> {
        let name = || self.name.clone();
        if let Some(address) = self.source.filter(|source| Family::of(*source) != self.config.family()) {
            return Err(RouterError::SourceFamily { name: name(), address });
        }
        if let Some((_, interface)) = self.tracked_interfaces.iter().find(|(id, _)| self.config.tracker(*id).is_none())
        {
            return Err(RouterError::UnknownTracker { name: name(), interface: interface.clone() });
        }
        let is_used = |name: &String| *name == self.interface || self.tracks(name);
        if let Some(delays) = self.interface_delays.iter().find(|delays| !is_used(&delays.interface)) {
            return Err(RouterError::UnusedInterface { name: name(), interface: delays.interface.clone() });
        }
        match self.interface_names().find(|interface| !is_interface_name(interface)) {
            Some(interface) => Err(RouterError::InterfaceName { name: name(), interface: interface.to_owned() }),
            None => Ok(()),
        }
    }

    fn tracks(&self, interface: &str) -> bool {
        self.tracked_interfaces.iter().any(|(_, name)| name == interface)
    }

    /// Returns the name of every interface that it uses.
    pub(crate) fn interface_names(&self) -> impl Iterator<Item = &str> {
        let devices = self.addresses.iter().filter_map(|virtual_ip| virtual_ip.device.as_ref());
        let tracked = self.tracked_interfaces.iter().map(|(_, interface)| interface);
        let macvlan = self.macvlan.iter().map(|macvlan| &macvlan.name);
        std::iter::once(&self.interface).chain(macvlan).chain(devices).chain(tracked).map(String::as_str)
    }

    /// The MAC address that its advertisements come from, unless it is that of the interface. Unicast needs the host's
    /// own routes and neighbours.
    pub(crate) fn virtual_source(&self) -> Option<[u8; 6]> {
        let multicast = matches!(self.config.peers(), Peers::Multicast);
        self.macvlan.as_ref().filter(|macvlan| multicast && !macvlan.transmit_base).map(|macvlan| macvlan.mac.octets())
    }

    /// A macvlan has no link-local address but its virtual ones. Who is to answer from one of these needs the route to the
    /// link that comes with the prefix.
    pub(crate) fn widen_link_local(&mut self) {
        if self.macvlan.is_none() {
            return;
        }
        let interface = &self.interface;
        for virtual_ip in &mut self.addresses {
            let on_macvlan = virtual_ip.device.as_ref().is_none_or(|device| device == interface);
            if on_macvlan && is_link_local(virtual_ip.address) {
                virtual_ip.prefix_len = virtual_ip.prefix_len.min(LINK_LOCAL_PREFIX);
            }
        }
    }

    /// Tells whether `address` is of the kind that its advertisements come from: link-local for those to the IPv6 group (IP-06) and
    /// to peers on the link, global for those to other IPv6 peers.
    pub(crate) fn can_send_from(&self, address: IpAddr) -> bool {
        let IpAddr::V6(address) = address else { return self.config.family() == Family::Ipv4 };
        let on_link = match self.config.peers() {
            Peers::Multicast => true,
            Peers::Unicast(peers) => peers.iter().all(|peer| is_link_local(peer.address)),
        };
        self.config.family() == Family::Ipv6 && address.is_unicast_link_local() == on_link
    }

    /// Returns how long an address lasts unless it is renewed.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        Some(self.config.lease()?.max(self.least_lifetime))
    }

    /// Interface that carries `virtual_ip`.
    pub(crate) fn device<'a>(&'a self, virtual_ip: &'a VirtualIp) -> &'a str {
        let own = self.macvlan.as_ref().map_or(&self.interface, |macvlan| &macvlan.name);
        virtual_ip.device.as_ref().filter(|device| **device != self.interface).unwrap_or(own)
    }
}

/// Returns whether the kernel lets an interface have this name: 1 to 15 octets without `/`, `:` and white space, and
/// neither `.` nor `..`.
///
/// [`start`](crate::start) refuses routers with any other: such an interface would be waited for without end.
#[must_use]
pub fn is_interface_name(name: &str) -> bool {
    let bad = |c: char| matches!(c, '/' | ':' | '\0') || c.is_whitespace();
    (1..=15).contains(&name.len()) && !name.contains(bad) && name != "." && name != ".."
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_core::{Profile, Tracker, Vrid, Weight};

    #[test]
    fn an_interface_is_named_as_the_kernel_takes_it() {
        for name in ["a", "vrrp.1", "fifteen-octets.", "..."] {
            assert!(is_interface_name(name), "{name:?}");
        }
        for name in ["", "sixteen-octets..", "a/b", "a:b", "a b", "a\tb", "a\nb", "a\u{1680}b", "a\0b", ".", ".."] {
            assert!(!is_interface_name(name), "{name:?}");
        }
    }

    #[test]
    fn no_interface_of_a_router_has_an_impossible_name() {
        let mut config =
            Config::new(Profile::Rfc3768, Vrid::new(51).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let tracker = Tracker { name: "uplink".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        let on = |name: &str| Router::new(name, config.clone());
        let with_device = |name: &str| {
            let virtual_ip = VirtualIp { device: Some(name.to_owned()), ..VirtualIp::from(config.addresses()[0]) };
            on("v0").with_address(virtual_ip).unwrap()
        };
        for name in ["", "a/b", "sixteen-octets.."] {
            for router in [
                on(name),
                with_device(name),
                on("v0").with_virtual_mac(VirtualMac::new().with_name(name)),
                on("v0").with_tracked_interface(tracker, name),
            ] {
                let error = RouterError::InterfaceName { name: router.name.clone(), interface: name.to_owned() };
                assert_eq!(router.check(), Err(error), "{router:?}");
            }
        }
        assert_eq!(with_device("v1").with_virtual_mac(VirtualMac::new()).check(), Ok(()));
        let second = Duration::from_secs(1);
        let delayed = |name| on("v0").with_tracked_interface(tracker, "v1").with_interface_delays(name, second, second);
        assert_eq!((delayed("v0").check(), delayed("v1").check()), (Ok(()), Ok(())));
        let error = RouterError::UnusedInterface { name: "v0/51".to_owned(), interface: "v2".to_owned() };
        assert_eq!(delayed("v2").check(), Err(error));
        assert_eq!(delayed("v0").with_interface_delays("v0", second, second), delayed("v0"), "the last one counts");
    }
}
