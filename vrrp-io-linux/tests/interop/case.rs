//! What two routers are configured to agree on, and the times that follow from it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp_core::{Family, SendChecksum, Version};

use crate::seat::Make;

pub(crate) const VRID: u8 = 51;
/// Simple text, as long as the field.
pub(crate) const PASSWORD: &str = "1nt3r0p+";

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Who stands beside us.
    pub(crate) peer: Make,
    pub(crate) version: Version,
    pub(crate) family: Family,
    /// What we send, in version 3 over IPv4.
    pub(crate) checksum: SendChecksum,
    pub(crate) password: bool,
    /// Advertisement_Interval in centiseconds.
    pub(crate) centis: u16,
    /// How many.
    pub(crate) addresses: u8,
    pub(crate) unicast: bool,
    /// Of us, and of keepalived. FRR always has one.
    pub(crate) virtual_mac: bool,
}

/// Version 2 with keepalived.
pub(crate) const V2: Case = Case { version: Version::V2, ..V3 };

/// Version 3 over IPv4 with keepalived.
pub(crate) const V3: Case = Case {
    name: "",
    peer: Make::Keepalived,
    version: Version::V3,
    family: Family::Ipv4,
    checksum: SendChecksum::Message,
    password: false,
    centis: 100,
    addresses: 1,
    unicast: false,
    virtual_mac: false,
};

/// Version 3 over IPv6 with keepalived.
pub(crate) const V3_IPV6: Case = Case { family: Family::Ipv6, ..V3 };

impl Case {
    /// The virtual addresses; of IPv6 the first is link-local.
    pub(crate) fn virtual_ips(&self) -> Vec<IpAddr> {
        let number = |n: u8| u16::from(n) + 0x100;
        let virtual_ip = |n: u8| match self.family {
            Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 100 + n).into(),
            Family::Ipv6 if n == 0 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100).into(),
            Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number(n)).into(),
        };
        (0..self.addresses).map(virtual_ip).collect()
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_millis(10) * self.centis.into()
    }

    /// Skew_Time of a router at a priority (TMR-02, TMR-04).
    pub(crate) fn skew(&self, priority: u8) -> Duration {
        let whole = if self.version == Version::V2 { Duration::from_secs(1) } else { self.interval() };
        whole * (256 - u32::from(priority)) / 256
    }

    /// Master_Down_Interval of a router at a priority.
    pub(crate) fn down(&self, priority: u8) -> Duration {
        3 * self.interval() + self.skew(priority)
    }

    /// Returns whether the processes of other cases would disturb it.
    pub(crate) fn is_hasty(&self) -> bool {
        self.centis < 10
    }

    /// Returns whether we speak as the peer does, once we have heard it.
    pub(crate) fn learns(&self) -> bool {
        self.checksum == SendChecksum::AsHeard
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checksum = match (self.version, self.family, self.checksum) {
            (Version::V2, ..) if self.password => "password",
            (Version::V2, ..) => "no password",
            (Version::V3, Family::Ipv6, _) | (.., SendChecksum::PseudoHeader) => "pseudo-header",
            (.., SendChecksum::Message) => "message only",
            (.., SendChecksum::AsHeard) => "as heard",
        };
        let (peer, version, family, centis, count) =
            (self.peer, self.version, self.family, self.centis, self.addresses);
        write!(f, "{peer:?} {version:?} {family:?}, {checksum}, {centis} cs, {count} addresses")?;
        f.write_str(if self.unicast { ", unicast" } else { "" })?;
        f.write_str(if self.virtual_mac { ", virtual MAC" } else { "" })
    }
}
