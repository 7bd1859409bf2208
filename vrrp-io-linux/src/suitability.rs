//! Problems that an interface has, for one router.

use std::fmt;

use crate::virtual_ip::IPV6_MTU;

/// The reason why a router can never work on its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Unsuitable {
    /// It is a loopback: nobody else is there.
    Loopback {
        /// The interface.
        interface: String,
    },
    /// The router speaks to the group, and the interface does not.
    NoMulticast {
        /// The interface.
        interface: String,
        /// True if it has one neighbour only.
        point_to_point: bool,
    },
    /// The router has a virtual MAC address, and the interface is not Ethernet.
    NoMac {
        /// The interface.
        interface: String,
    },
    /// It is a port of another interface, which gets its packets.
    Port {
        /// The interface.
        interface: String,
        /// The kind of the other one: `bridge`, `bond` or `team`.
        kind: String,
        /// The name of the other one.
        master: String,
    },
    /// There is no interface of this name, but one that has it as an alternative name.
    AlternativeName {
        /// The alternative name.
        interface: String,
        /// The name of the interface.
        name: String,
    },
}

/// A problem that a router can live with, and that an operator should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Concern {
    /// There is no such interface, yet.
    Missing {
        /// The interface.
        interface: String,
    },
    /// An advertisement with all addresses does not go out as one packet.
    Fragments {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// Octets of the packet.
        packet: usize,
    },
    /// IPv6 is switched off on an interface that has to carry IPv6 addresses.
    Ipv6Disabled {
        /// The interface.
        interface: String,
    },
    /// The kernel has no IPv6 on an interface with an MTU below 1280.
    MtuForIpv6 {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
    },
}

impl Unsuitable {
    /// Returns what would work.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Loopback { .. } => "the interface of the LAN".to_owned(),
            Self::NoMulticast { point_to_point: true, .. } => "unicast peers".to_owned(),
            Self::NoMulticast { interface, point_to_point: false } => {
                format!("unicast peers, or multicast on it (`ip link set dev {interface} multicast on`)")
            }
            Self::NoMac { .. } => "no virtual MAC address, or an Ethernet interface".to_owned(),
            Self::Port { master, .. } => format!("`{master}`"),
            Self::AlternativeName { name, .. } => format!("`{name}`"),
        }
    }
}

impl fmt::Display for Unsuitable {
    /// Writes what is wrong; [`remedy`](Self::remedy) tells what would work.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback { interface } => {
                write!(f, "interface {interface} is a loopback interface: no other router can be on it")
            }
            Self::NoMulticast { interface, point_to_point: false } => {
                write!(f, "interface {interface} carries no multicast")
            }
            Self::NoMulticast { interface, point_to_point: true } => {
                write!(f, "interface {interface} is point-to-point and carries no multicast")
            }
            Self::NoMac { interface } => {
                write!(f, "interface {interface} is not Ethernet and cannot have a virtual MAC address")
            }
            Self::Port { interface, kind, master } => {
                write!(f, "interface {interface} is a port of the {kind} {master}, which gets its packets")
            }
            Self::AlternativeName { interface, name } => {
                write!(f, "{interface} is an alternative name of the interface {name}, by which it is not found")
            }
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { interface } => {
                write!(f, "there is no interface {interface}; the router waits until there is one")
            }
            Self::Fragments { interface, mtu, packet } => write!(
                f,
                "an advertisement of all addresses takes {packet} octets, more than the MTU of {interface}, {mtu}: it is sent in fragments"
            ),
            Self::Ipv6Disabled { interface } => {
                write!(f, "IPv6 is disabled on {interface}: see net.ipv6.conf.{interface}.disable_ipv6 of sysctl")
            }
            Self::MtuForIpv6 { interface, mtu } => {
                write!(f, "IPv6 cannot work on {interface}: its MTU is {mtu}, and IPv6 needs {IPV6_MTU}")
            }
        }
    }
}
