//! Routes and rules that come and go with an instance's addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::Family;

/// A network: an address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Every bit after the first `length` is zero.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub length: u8,
}

impl Prefix {
    /// Returns the network of every address.
    #[must_use]
    pub fn all(family: Family) -> Self {
        let address = match family {
            Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { address, length: 0 }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            0 => f.write_str("default"),
            length => write!(f, "{}/{length}", self.address),
        }
    }
}

/// The treatment of a packet by a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends it on.
    #[default]
    Unicast,
    /// Drops it.
    Blackhole,
    /// Drops it and says that the destination is unreachable.
    Unreachable,
    /// Drops it and says that it is prohibited.
    Prohibit,
    /// Leaves the packet to the next rule.
    Throw,
}

impl RouteKind {
    /// Returns its name in ip-route(8).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }
}

/// A route, in the terms of ip-route(8). All its addresses are of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The treatment of packets.
    pub kind: RouteKind,
    /// The destination.
    pub destination: Prefix,
    /// The next router; `None`: the destination is on the link.
    pub via: Option<IpAddr>,
    /// The interface to send on; `None`: the one of `via`.
    pub device: Option<String>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
    /// Number of its table.
    pub table: u32,
    /// Metric; `None`: the kernel's default.
    pub metric: Option<u32>,
    /// Scope; `None`: as `ip route` chooses it.
    pub scope: Option<u8>,
    /// True if `via` counts as on the link, whatever the other routes say.
    pub onlink: bool,
    /// MTU of the path.
    pub mtu: Option<u32>,
}

impl fmt::Display for Route {
    /// Writes it in the form of `ip route`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.name())?;
        }
        self.destination.fmt(f)?;
        option(f, "via", self.via.as_ref())?;
        option(f, "dev", self.device.as_ref())?;
        option(f, "src", self.source.as_ref())?;
        option(f, "table", Some(&self.table).filter(|table| **table != Route::MAIN))?;
        option(f, "metric", self.metric.as_ref())
    }
}

impl Route {
    /// Number of the main table.
    pub const MAIN: u32 = 254;
}

/// Marks of packets that a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The mark.
    pub value: u32,
    /// The bits of it that count; `None`: all.
    pub mask: Option<u32>,
}

/// A rule that sends packets to a routing table, in the terms of ip-rule(8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The family of the packets.
    pub family: Family,
    /// True if the rule is for packets that do not match.
    pub invert: bool,
    /// Source.
    pub from: Option<Prefix>,
    /// Destination.
    pub to: Option<Prefix>,
    /// Interface that they came in by.
    pub input: Option<String>,
    /// Interface that the sender is bound to.
    pub output: Option<String>,
    /// Mark of the packet.
    pub mark: Option<Mark>,
    /// Its place among the rules: lower ones first.
    pub priority: u32,
    /// Number of the table.
    pub table: u32,
}

impl fmt::Display for Rule {
    /// Writes it in the form of `ip rule`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.priority, if self.invert { " not" } else { "" })?;
        match self.from.filter(|from| from.length > 0) {
            Some(from) => write!(f, " from {from}")?,
            None => f.write_str(" from all")?,
        }
        option(f, "to", self.to.filter(|to| to.length > 0).as_ref())?;
        option(f, "iif", self.input.as_ref())?;
        option(f, "oif", self.output.as_ref())?;
        match self.mark {
            Some(Mark { value, mask: Some(mask) }) => write!(f, " fwmark {value:#x}/{mask:#x}")?,
            Some(Mark { value, mask: None }) => write!(f, " fwmark {value:#x}")?,
            None => {}
        }
        write!(f, " lookup {}", self.table)
    }
}

fn option<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_rules_read_as_ip_shows_them() {
        let mut route = Route {
            kind: RouteKind::Unicast,
            destination: Prefix { address: [198, 51, 100, 0].into(), length: 24 },
            via: Some([192, 0, 2, 254].into()),
            device: Some("eth1".to_owned()),
            source: Some([192, 0, 2, 101].into()),
            table: 100,
            metric: Some(5),
            scope: None,
            onlink: false,
            mtu: None,
        };
        assert_eq!(route.to_string(), "198.51.100.0/24 via 192.0.2.254 dev eth1 src 192.0.2.101 table 100 metric 5");
        route = Route { destination: Prefix::all(Family::Ipv4), table: Route::MAIN, ..route };
        (route.via, route.device, route.source, route.metric) = (None, None, None, None);
        assert_eq!(Route { kind: RouteKind::Throw, ..route }.to_string(), "throw default");
        let mut rule = Rule {
            family: Family::Ipv4,
            invert: true,
            from: None,
            to: Some(Prefix { address: [198, 51, 100, 0].into(), length: 24 }),
            input: Some("eth0".to_owned()),
            output: None,
            mark: Some(Mark { value: 1, mask: Some(0xff) }),
            priority: 16384,
            table: 100,
        };
        assert_eq!(rule.to_string(), "16384: not from all to 198.51.100.0/24 iif eth0 fwmark 0x1/0xff lookup 100");
        (rule.from, rule.to) = (Some(Prefix::all(Family::Ipv4)), Some(Prefix::all(Family::Ipv4)));
        assert_eq!(rule.to_string(), "16384: not from all iif eth0 fwmark 0x1/0xff lookup 100");
    }
}
