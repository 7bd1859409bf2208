//! The machines and their cables.

use std::net::Ipv4Addr;
use std::path::Path;

use vrrp_examples::testbed::namespace::{Namespace, mount_tmpfs};
use vrrp_examples::testbed::netlink::Station;

use crate::Result;

/// Two hosts on one switch; or one whose interfaces lead nowhere.
#[derive(Debug)]
pub(crate) struct Network {
    /// Sees every frame that a host sends.
    pub(crate) switch: Station,
    pub(crate) hosts: Vec<Station>,
    /// The switch's ports, by their indexes: which host is there.
    pub(crate) ports: Vec<(u32, usize)>,
}

impl Network {
    /// Two hosts, each with `eth0`, on one switch.
    pub(crate) async fn pair() -> Result<Self> {
        let mut network = Self { switch: switch().await?, hosts: vec![host(0).await?, host(1).await?], ports: vec![] };
        network.switch.netlink.add_bridge("switch").await?;
        network.switch.netlink.set_up("switch", true).await?;
        for number in 0..2 {
            network.plug("switch", number, 0).await?;
        }
        Ok(network)
    }

    /// One host with `interfaces` interfaces, each on a switch of its own that is not even on: what leaves the host is
    /// seen at the other end of the cable, and goes no further.
    pub(crate) async fn alone(interfaces: u8) -> Result<Self> {
        let mut network = Self { switch: switch().await?, hosts: vec![host(0).await?], ports: vec![] };
        for interface in 0..interfaces {
            let bridge = format!("switch{interface}");
            network.switch.netlink.add_bridge(&bridge).await?;
            network.plug(&bridge, 0, interface).await?;
        }
        Ok(network)
    }

    async fn plug(&mut self, bridge: &str, number: usize, interface: u8) -> Result<()> {
        let Some(host) = self.hosts.get(number) else { return Ok(()) };
        let (port, name) = (format!("host{number}-{interface}"), format!("eth{interface}"));
        self.switch.netlink.plug(bridge, &port, host, &name).await?;
        host.netlink.add_address(&name, Ipv4Addr::new(192, 0, interface, number as u8 + 1)).await?;
        self.ports.push((self.switch.netlink.link(&port).await?.index, number));
        Ok(())
    }
}

async fn switch() -> Result<Station> {
    Ok(Station::new(Namespace::network("the switch")?).await?)
}

async fn host(number: usize) -> Result<Station> {
    let namespace = Namespace::machine(&format!("host {number}"))?;
    namespace.run(|| mount_tmpfs(Path::new("/run"))).map_err(|error| format!("giving a host its own /run: {error}"))?;
    Ok(Station::new(namespace).await?)
}
