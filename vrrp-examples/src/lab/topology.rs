//! The machines of the lab, their cables, and what can be done to them.
//!
//! ```text
//!            client
//!              |
//!   ==== lan: 192.168.2.0/24 ==== (DNS server on .1)
//!      |                  |
//!      eth0               eth0
//!   proxy-serv01       proxy-serv02
//!      eth1               eth1
//!      |                  |
//!   ==== outside: 203.0.113.0/24 ==== (web server on .1)
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use crate::testbed::error::Error;
use crate::testbed::namespace::Namespace;
use crate::testbed::netlink::Station;

/// The DNS server, on the LAN.
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);
/// The web server, outside.
pub(super) const ORIGIN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The port on which both proxies listen.
pub(super) const PROXY_PORT: u16 = 3128;

const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 50);
const BRIDGE: &str = "switch";

/// One of the two proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HostId {
    #[serde(rename = "proxy-serv01")]
    Proxy1,
    #[serde(rename = "proxy-serv02")]
    Proxy2,
}

impl HostId {
    pub(super) const ALL: [Self; 2] = [Self::Proxy1, Self::Proxy2];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Proxy1 => Self::Proxy2,
            Self::Proxy2 => Self::Proxy1,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Proxy1 => "proxy-serv01",
            Self::Proxy2 => "proxy-serv02",
        }
    }

    /// Short form for the table.
    pub(super) const fn short(self) -> &'static str {
        match self {
            Self::Proxy1 => "01",
            Self::Proxy2 => "02",
        }
    }

    /// Returns the virtual address that this host owns.
    pub(super) const fn virtual_address(self) -> Ipv4Addr {
        match self {
            Self::Proxy1 => Ipv4Addr::new(192, 168, 2, 101),
            Self::Proxy2 => Ipv4Addr::new(192, 168, 2, 102),
        }
    }

    /// Returns the virtual router of [`Self::virtual_address`].
    pub(super) const fn vrid(self) -> u8 {
        match self {
            Self::Proxy1 => 1,
            Self::Proxy2 => 2,
        }
    }

    const fn lan_address(self) -> Ipv4Addr {
        match self {
            Self::Proxy1 => Ipv4Addr::new(192, 168, 2, 251),
            Self::Proxy2 => Ipv4Addr::new(192, 168, 2, 252),
        }
    }

    const fn outside_address(self) -> Ipv4Addr {
        match self {
            Self::Proxy1 => Ipv4Addr::new(203, 0, 113, 251),
            Self::Proxy2 => Ipv4Addr::new(203, 0, 113, 252),
        }
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An interface of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    /// `eth0`, the LAN.
    Lan,
    /// `eth1`, the outside network.
    Outside,
}

impl Interface {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Lan => "eth0",
            Self::Outside => "eth1",
        }
    }
}

/// All machines and both switches.
#[derive(Debug)]
pub(super) struct Topology {
    pub(super) client: Station,
    pub(super) lan: Station,
    pub(super) outside: Station,
    proxies: [Station; 2],
    ports: [u32; 2],
}

impl Topology {
    /// Makes the namespaces, the switches and the cables between them, all addresses set and all links up.
    pub(super) async fn build() -> Result<Self, Error> {
        let lan = Station::new(Namespace::network("lan")?).await?;
        let outside = Station::new(Namespace::network("outside")?).await?;
        let client = Station::new(Namespace::network("client")?).await?;
        let proxies = [
            Station::new(Namespace::machine(HostId::Proxy1.name())?).await?,
            Station::new(Namespace::machine(HostId::Proxy2.name())?).await?,
        ];
        for (switch, address) in [(&lan, DNS), (&outside, ORIGIN)] {
            switch.netlink.add_bridge(BRIDGE).await?;
            switch.netlink.set_up(BRIDGE, true).await?;
            switch.netlink.add_address(BRIDGE, address).await?;
        }
        lan.netlink.plug(BRIDGE, "client", &client, "eth0").await?;
        client.netlink.add_address("eth0", CLIENT).await?;
        let mut ports = [0; 2];
        for (host, (proxy, port)) in HostId::ALL.into_iter().zip(proxies.iter().zip(&mut ports)) {
            lan.netlink.plug(BRIDGE, host.name(), proxy, Interface::Lan.name()).await?;
            outside.netlink.plug(BRIDGE, host.name(), proxy, Interface::Outside.name()).await?;
            proxy.netlink.add_address(Interface::Lan.name(), host.lan_address()).await?;
            proxy.netlink.add_address(Interface::Outside.name(), host.outside_address()).await?;
            *port = lan.netlink.link(host.name()).await?.index;
        }
        Ok(Self { client, lan, outside, proxies, ports })
    }

    pub(super) fn proxy(&self, host: HostId) -> &Station {
        let [first, second] = &self.proxies;
        match host {
            HostId::Proxy1 => first,
            HostId::Proxy2 => second,
        }
    }

    /// Returns the index of the proxy's port at the LAN switch.
    pub(super) const fn port(&self, host: HostId) -> u32 {
        let [first, second] = self.ports;
        match host {
            HostId::Proxy1 => first,
            HostId::Proxy2 => second,
        }
    }

    /// Returns the proxy to which the client sends what is for `address`.
    pub(super) async fn neighbour_of_client(&self, address: Ipv4Addr) -> Result<Option<HostId>, Error> {
        let neighbour = self.client.netlink.neighbour(address).await?;
        for host in HostId::ALL {
            if neighbour == Some(self.proxy(host).netlink.link(Interface::Lan.name()).await?.mac) {
                return Ok(Some(host));
            }
        }
        Ok(None)
    }

    /// Does what an administrator does on the proxy itself.
    pub(super) async fn set_up(&self, host: HostId, interface: Interface, up: bool) -> Result<(), Error> {
        self.proxy(host).netlink.set_up(interface.name(), up).await
    }

    /// Pulls the cable out at the switch, or plugs it in again.
    pub(super) async fn set_carrier(&self, host: HostId, interface: Interface, carrier: bool) -> Result<(), Error> {
        let switch = match interface {
            Interface::Lan => &self.lan,
            Interface::Outside => &self.outside,
        };
        switch.netlink.set_up(host.name(), carrier).await
    }

    /// Drops every frame between the two proxies on the LAN, and none between them and anybody else.
    ///
    /// VRRP is all that the proxies have to say to each other, so this is the loss of VRRP alone.
    pub(super) async fn set_cut(&self, cut: bool) -> Result<(), Error> {
        for host in HostId::ALL {
            self.lan.netlink.set_isolated(host.name(), cut).await?;
        }
        Ok(())
    }
}
