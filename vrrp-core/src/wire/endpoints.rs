//! The numbers and addresses of the IP header around a message.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::types::Family;

/// IP protocol number of VRRP (IP-01).
pub const IP_PROTOCOL: u8 = 112;
/// TTL or hop limit of every advertisement (IP-04).
pub const TTL: u8 = 255;

/// Source and destination of an IP header: one family by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two families")]
pub enum Endpoints {
    /// IPv4.
    V4 {
        /// Source address.
        source: Ipv4Addr,
        /// Destination address.
        destination: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Source address.
        source: Ipv6Addr,
        /// Destination address.
        destination: Ipv6Addr,
    },
}

impl Endpoints {
    /// Takes two addresses; `None` when they are of different families.
    #[must_use]
    pub const fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4 { source, destination }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6 { source, destination }),
            _ => None,
        }
    }

    /// Returns those of an advertisement from `source` to every router of its family (IP-02).
    #[must_use]
    pub const fn to_group(source: IpAddr) -> Self {
        match source {
            IpAddr::V4(source) => Self::V4 { source, destination: Family::GROUP_V4 },
            IpAddr::V6(source) => Self::V6 { source, destination: Family::GROUP_V6 },
        }
    }

    /// Returns the source address.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// Returns the destination address.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(*destination),
            Self::V6 { destination, .. } => IpAddr::V6(*destination),
        }
    }

    /// To the group that every router of the family listens to (IP-02).
    pub(crate) fn are_to_group(&self) -> bool {
        match self {
            Self::V4 { destination, .. } => *destination == Family::GROUP_V4,
            Self::V6 { destination, .. } => *destination == Family::GROUP_V6,
        }
    }

    /// Returns the family of both.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::Ipv4,
            Self::V6 { .. } => Family::Ipv6,
        }
    }
}
