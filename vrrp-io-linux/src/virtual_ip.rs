//! A virtual address as Linux knows it: with prefix, device, label, scope, broadcast address, and perhaps no route to its network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// The least that a link must carry for IPv6 (RFC 8200 section 5).
pub(crate) const IPV6_MTU: u32 = 1280;

/// Scope of an address, as `ip address` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "any other number has its variant")]
pub enum Scope {
    /// Valid everywhere; the default.
    #[default]
    Global,
    /// IPv6 site scope (deprecated, still accepted).
    Site,
    /// Valid on this link only.
    Link,
    /// Valid on this host only.
    Host,
    /// Any other scope number.
    Other(u8),
}

impl Scope {
    /// Returns the number that the kernel has for it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Global => 0,
            Self::Site => 200,
            Self::Link => 253,
            Self::Host => 254,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for Scope {
    fn from(number: u8) -> Self {
        let named = [Self::Global, Self::Site, Self::Link, Self::Host];
        named.into_iter().find(|scope| scope.number() == number).unwrap_or(Self::Other(number))
    }
}

/// One virtual address and how it is to be installed.
///
/// `"192.0.2.1/24".parse()` gives one with default scope on the router's own interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct VirtualIp {
    /// The address itself.
    pub address: IpAddr,
    /// Prefix length, 0 to 32 or 128.
    pub prefix_len: u8,
    /// Interface that carries the address; `None`: the router's own.
    pub device: Option<String>,
    /// IPv4 label, at most 15 octets (`eth0:1`).
    pub label: Option<String>,
    /// Scope.
    pub scope: Scope,
    /// Broadcast address; `None`: none is set.
    pub broadcast: Option<Ipv4Addr>,
    /// The kernel makes no route to the network of the address (`noprefixroute` of `ip address`).
    #[cfg_attr(feature = "serde", serde(default))]
    pub no_prefix_route: bool,
}

/// The reason why a text is no virtual address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum VirtualIpError {
    /// The part before the slash is no address.
    #[error("`{0}` is not an IP address; expected one like 192.0.2.1/24")]
    Address(String),
    /// The part after the slash is no prefix length of that family.
    #[error("`{text}` is not a prefix length; expected 0 to {max}")]
    Prefix {
        /// The text that was found.
        text: String,
        /// 32 or 128.
        max: u8,
    },
}

impl From<IpAddr> for VirtualIp {
    /// A host address: prefix length 32 or 128.
    fn from(address: IpAddr) -> Self {
        let prefix_len = if address.is_ipv4() { 32 } else { 128 };
        Self {
            address,
            prefix_len,
            device: None,
            label: None,
            scope: Scope::default(),
            broadcast: None,
            no_prefix_route: false,
        }
    }
}

impl FromStr for VirtualIp {
    type Err = VirtualIpError;

    fn from_str(text: &str) -> Result<Self, VirtualIpError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| VirtualIpError::Address(address.to_owned()))?;
        let mut virtual_ip = Self::from(address);
        if let Some(prefix) = prefix {
            let max = virtual_ip.prefix_len;
            virtual_ip.prefix_len = prefix
                .parse()
                .ok()
                .filter(|len| *len <= max)
                .ok_or_else(|| VirtualIpError::Prefix { text: prefix.to_owned(), max })?;
        }
        Ok(virtual_ip)
    }
}

impl fmt::Display for VirtualIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_to_virtual_ip_and_back() {
        for text in ["192.0.2.1/24", "192.0.2.1/32", "2001:db8::1/64"] {
            assert_eq!(text.parse::<VirtualIp>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.1".parse::<VirtualIp>().unwrap().prefix_len, 32);
        for text in ["192.0.2.1/33", "192.0.2.1/", "192.0.2/24", "", "192.0.2.1/24/3", "2001:db8::1/129"] {
            assert!(text.parse::<VirtualIp>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_number_is_one_scope_and_the_named_ones_are_those_of_rt_scopes() {
        for number in 0..=u8::MAX {
            assert_eq!(Scope::from(number).number(), number);
        }
        let named = [0, 200, 253, 254].map(Scope::from);
        assert_eq!(named, [Scope::Global, Scope::Site, Scope::Link, Scope::Host]);
        assert_eq!(Scope::from(1), Scope::Other(1));
    }
}
