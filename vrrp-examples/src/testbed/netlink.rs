//! rtnetlink in one namespace: the few requests of the lab, by interface name.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute};
use rtnetlink::{
    Handle, LinkBridge, LinkBridgePort, LinkUnspec, LinkVeth, MulticastGroup, new_connection, new_multicast_connection,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::error::Error;
use super::namespace::Namespace;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// A request socket inside one namespace.
#[derive(Clone, Debug)]
pub struct Netlink {
    handle: Handle,
    of: String,
}

/// An address, as in `ip address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix_len: u8,
    pub(crate) label: String,
    pub(crate) secondary: bool,
}

/// An interface, as in `ip link`.
#[derive(Clone, Debug)]
pub struct Link {
    /// Names it to the kernel.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Set up by an administrator.
    pub up: bool,
    /// The cable is plugged in at both ends.
    pub carrier: bool,
}

/// An address came to an interface of the namespace or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressChange {
    pub(crate) address: Ipv4Addr,
    pub(crate) present: bool,
}

impl Netlink {
    /// Opens the socket inside `namespace`, driven by the current runtime.
    pub(crate) fn open(namespace: &Namespace) -> Result<Self, Error> {
        let runtime = tokio::runtime::Handle::current();
        let (connection, handle, _) = namespace
            .run(|| {
                let _context = runtime.enter();
                new_connection()
            })
            .map_err(|error| Error::new(format!("opening netlink in {}", namespace.name()), error))?;
        tokio::spawn(connection);
        Ok(Self { handle, of: namespace.name().to_owned() })
    }

    /// Sets an interface up or down.
    ///
    /// # Errors
    /// The kernel refuses, or there is no such interface.
    pub async fn set_up(&self, interface: &str, up: bool) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(self.link(interface).await?.index);
        let doing = if up { "up" } else { "down" };
        let request = if up { link.up() } else { link.down() };
        self.done(format!("setting {interface} {doing}"), self.handle.link().set(request.build()).execute().await)
    }

    /// Makes a bridge; it is down.
    ///
    /// # Errors
    /// The kernel refuses.
    pub async fn add_bridge(&self, name: &str) -> Result<(), Error> {
        self.done(
            format!("making bridge {name}"),
            self.handle.link().add(LinkBridge::new(name).build()).execute().await,
        )
    }

    /// Plugs a cable from port `port` of the bridge here into `interface` of `machine`, with both ends up.
    ///
    /// # Errors
    /// The kernel refuses.
    pub async fn plug(&self, bridge: &str, port: &str, machine: &Station, interface: &str) -> Result<(), Error> {
        let links = self.handle.link();
        let doing = format!("plugging {interface} of {} into {bridge}", machine.netlink.of);
        self.done(&doing, links.add(LinkVeth::new(port, interface).build()).execute().await)?;
        let bridge = self.link(bridge).await?.index;
        let near = LinkUnspec::new_with_index(self.link(port).await?.index).controller(bridge).up();
        self.done(&doing, links.set(near.build()).execute().await)?;
        let far = LinkUnspec::new_with_index(self.link(interface).await?.index)
            .setns_by_fd(machine.namespace.network_fd().as_raw_fd());
        self.done(&doing, links.set(far.build()).execute().await)?;
        machine.netlink.set_up(interface, true).await
    }

    /// Isolates `port` of a bridge, or ends that. Isolated ports exchange no frames with each other.
    pub(crate) async fn set_isolated(&self, port: &str, isolated: bool) -> Result<(), Error> {
        let request = LinkBridgePort::new(self.link(port).await?.index).isolated(isolated).build();
        self.done(format!("isolating port {port}"), self.handle.link().set_port(request).execute().await)
    }

    /// Gives an interface an address in a /24 network.
    ///
    /// # Errors
    /// The kernel refuses, or there is no such interface.
    pub async fn add_address(&self, interface: &str, address: Ipv4Addr) -> Result<(), Error> {
        let index = self.link(interface).await?.index;
        let added = self.handle.address().add(index, IpAddr::V4(address), 24).execute().await;
        self.done(format!("giving {address} to {interface}"), added)
    }

    /// Looks an interface up by its name.
    ///
    /// # Errors
    /// There is none.
    pub async fn link(&self, interface: &str) -> Result<Link, Error> {
        let doing = format!("looking up {interface}");
        let mut found = self.handle.link().get().match_name(interface).execute();
        let message = self.done(&doing, found.try_next().await)?;
        message.map(|message| parse_link(&message)).ok_or_else(|| {
            Error::new(format!("{doing} in {}", self.of), std::io::Error::from(std::io::ErrorKind::NotFound))
        })
    }

    pub(crate) async fn addresses(&self, interface: &str) -> Result<Vec<Address>, Error> {
        let index = self.link(interface).await?.index;
        let found: Result<Vec<_>, _> = self.handle.address().get().execute().try_collect().await;
        let found = self.done(format!("listing the addresses of {interface}"), found)?;
        Ok(found.iter().filter(|message| message.header.index == index).filter_map(parse_address).collect())
    }

    /// Returns where this machine sends frames for `address`, as far as it knows.
    pub(crate) async fn neighbour(&self, address: Ipv4Addr) -> Result<Option<Mac>, Error> {
        let request = self.handle.neighbours().get().set_address_family(AddressFamily::Inet);
        let found: Result<Vec<_>, _> = request.execute().try_collect().await;
        let found = self.done(format!("looking up the neighbour {address}"), found)?;
        let wanted = NeighbourAttribute::Destination(NeighbourAddress::Inet(address));
        let entry = found.iter().find(|entry| entry.attributes.contains(&wanted));
        Ok(entry.and_then(|entry| {
            entry.attributes.iter().find_map(|attribute| match attribute {
                NeighbourAttribute::LinkLayerAddress(mac) => mac.as_slice().try_into().ok(),
                _ => None,
            })
        }))
    }

    fn done<T>(&self, doing: impl AsRef<str>, result: Result<T, rtnetlink::Error>) -> Result<T, Error> {
        result.map_err(|error| Error::netlink(format!("{} in {}", doing.as_ref(), self.of), error))
    }
}

/// A namespace with its netlink socket.
#[derive(Debug)]
pub struct Station {
    /// The namespace in which its programs run.
    pub namespace: Namespace,
    /// Its interfaces.
    pub netlink: Netlink,
}

impl Station {
    /// Opens the socket and brings the loopback interface up. Needs a running tokio runtime.
    ///
    /// # Errors
    /// The kernel refuses.
    pub async fn new(namespace: Namespace) -> Result<Self, Error> {
        let netlink = Netlink::open(&namespace)?;
        netlink.set_up("lo", true).await?;
        Ok(Self { namespace, netlink })
    }

    /// Every change of an IPv4 address of this machine from now on.
    pub(crate) fn monitor_addresses(&self) -> Result<UnboundedReceiver<AddressChange>, Error> {
        let runtime = tokio::runtime::Handle::current();
        let (connection, _, mut messages) = self
            .namespace
            .run(|| {
                let _context = runtime.enter();
                new_multicast_connection(&[MulticastGroup::Ipv4Ifaddr])
            })
            .map_err(|error| Error::new(format!("watching the addresses of {}", self.namespace.name()), error))?;
        tokio::spawn(connection);
        let (changes, receiver) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some((message, _)) = messages.next().await {
                if parse_change(&message).is_some_and(|change| changes.send(change).is_err()) {
                    break;
                }
            }
        });
        Ok(receiver)
    }
}

fn parse_change(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<AddressChange> {
    match &message.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(message)) => Some((message, true)),
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(message)) => Some((message, false)),
        _ => None,
    }
    .and_then(|(message, present)| Some(AddressChange { address: parse_address(message)?.address, present }))
}

fn parse_link(message: &LinkMessage) -> Link {
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(mac) => mac.as_slice().try_into().ok(),
        _ => None,
    });
    Link {
        index: message.header.index,
        mac: mac.unwrap_or_default(),
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
    }
}

fn parse_address(message: &AddressMessage) -> Option<Address> {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    let label = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Label(label) => Some(label.clone()),
        _ => None,
    });
    Some(Address {
        address,
        prefix_len: message.header.prefix_len,
        label: label.unwrap_or_default(),
        secondary: message.header.flags.contains(AddressHeaderFlags::Secondary),
    })
}
