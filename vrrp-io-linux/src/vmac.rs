//! The virtual MAC address: what a router is told about it, and the macvlan that carries it.

use std::fmt;
use std::str::FromStr;

use vrrp_core::{Family, Vrid};

/// Gives a virtual router a MAC address of its own, which moves with it: 00:00:5e:00:01:VRID, for IPv6
/// 00:00:5e:00:02:VRID (RFC 9568 section 7.3). What the neighbours know of a virtual address then stays true when
/// another host takes it over.
///
/// It lives on a macvlan above the router's interface, and so do the virtual addresses of that interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualMac {
    name: Option<String>,
    address: Option<MacAddress>,
    transmit_base: bool,
}

/// A MAC address that one interface can have: that of no group, and not all zero.
///
/// `"02:00:00:00:00:01".parse()` gives one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacAddress([u8; 6]);

/// The reason why something is no MAC address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum MacAddressError {
    /// Something else than six octets.
    #[error("`{0}` is not a MAC address; expected one like 02:00:00:00:00:01")]
    Form(String),
    /// The lowest bit of the first octet says that it is the address of a group.
    #[error("{} is the address of a group of hosts; expected one whose first octet is even", Colons(.0))]
    Group([u8; 6]),
    /// No interface can have it.
    #[error("a MAC address of zeros belongs to no interface; expected one like 02:00:00:00:00:01")]
    Zero,
}

impl VirtualMac {
    /// Makes one on a macvlan that is called `vrrp.VRID`, for IPv6 `vrrp6.VRID`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets another name for the macvlan, one that [an interface can have](crate::is_interface_name).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Has another MAC address than the virtual router id gives, against the RFC. Every host that runs the virtual router must
    /// have the same one, and nobody else on the link.
    #[must_use]
    pub fn with_address(mut self, address: MacAddress) -> Self {
        self.address = Some(address);
        self
    }

    /// Sets whether advertisements come from the MAC address of the interface all the same. This is against the RFC (IP-07), for
    /// networks that take nothing from an address they do not know.
    #[must_use]
    pub fn with_transmit_base(mut self, transmit_base: bool) -> Self {
        self.transmit_base = transmit_base;
        self
    }
}

impl MacAddress {
    /// Returns its octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl TryFrom<[u8; 6]> for MacAddress {
    type Error = MacAddressError;

    fn try_from(octets: [u8; 6]) -> Result<Self, MacAddressError> {
        match octets {
            [0, 0, 0, 0, 0, 0] => Err(MacAddressError::Zero),
            [first, ..] if first & 1 == 1 => Err(MacAddressError::Group(octets)),
            _ => Ok(Self(octets)),
        }
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    /// Takes one or two hexadecimal digits for each octet, with colons between them.
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let octet = |digits: &str| {
            let is_octet = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| is_octet)
        };
        let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
        let octets = octets.and_then(|octets| <[u8; 6]>::try_from(octets).ok());
        octets.ok_or_else(|| MacAddressError::Form(text.to_owned()))?.try_into()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Colons(&self.0).fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for MacAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for MacAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A MAC address as it is written.
pub(crate) struct Colons<'a>(pub(crate) &'a [u8; 6]);

impl fmt::Display for Colons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map(|octet| format!("{octet:02x}")).join(":"))
    }
}

/// The macvlan of one virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Macvlan {
    pub(crate) name: String,
    pub(crate) mac: MacAddress,
    pub(crate) transmit_base: bool,
}

impl Macvlan {
    pub(crate) fn new(wanted: VirtualMac, family: Family, vrid: Vrid) -> Self {
        let prefix = match family {
            Family::Ipv4 => "vrrp",
            Family::Ipv6 => "vrrp6",
        };
        Self {
            name: wanted.name.unwrap_or_else(|| format!("{prefix}.{vrid}")),
            mac: wanted.address.unwrap_or(MacAddress(vrid.virtual_mac(family))),
            transmit_base: wanted.transmit_base,
        }
    }
}

/// Tells whether a MAC address is one that the id of some virtual router gives. A configured one can be any.
pub(crate) fn is_virtual(mac: [u8; 6]) -> bool {
    matches!(mac, [0, 0, 0x5e, 0, 1 | 2, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_octet_is_the_id_and_the_one_before_tells_the_family() {
        let vrid = Vrid::new(51).unwrap();
        let made = |family| Macvlan::new(VirtualMac::new(), family, vrid);
        let (v4, v6) = (made(Family::Ipv4), made(Family::Ipv6));
        assert_eq!((v4.name.as_str(), v4.mac.octets()), ("vrrp.51", [0, 0, 0x5e, 0, 1, 51]));
        assert_eq!((v6.name.as_str(), v6.mac.octets()), ("vrrp6.51", [0, 0, 0x5e, 0, 2, 51]));
        assert!(is_virtual(v4.mac.octets()) && is_virtual(v6.mac.octets()) && !is_virtual([0, 0, 0x5e, 0, 3, 51]));
        let other: MacAddress = "02:00:00:0:0:1".parse().unwrap();
        let chosen = Macvlan::new(VirtualMac::new().with_address(other), Family::Ipv4, vrid);
        assert_eq!((chosen.name.as_str(), chosen.mac.octets()), ("vrrp.51", [2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn text_to_mac_address_and_back_but_no_group_and_no_zeros() {
        for text in ["02:00:00:00:00:01", "00:00:5e:00:01:33", "fe:ff:ff:ff:ff:ff"] {
            let address: MacAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), MacAddress::try_from(address.octets())), (text, Ok(address)));
        }
        assert_eq!("2:A:0:0:0:1".parse::<MacAddress>().unwrap().to_string(), "02:0a:00:00:00:01");
        let form =
            ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:100", "02:00:00:00:00:+1", "g:0:0:0:0:0"];
        for text in form {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError::Form(text.to_owned())));
        }
        assert_eq!("0:0:0:0:0:0".parse::<MacAddress>(), Err(MacAddressError::Zero));
        let error = "01:00:5e:00:00:12".parse::<MacAddress>().unwrap_err().to_string();
        assert_eq!(
            error,
            "01:00:5e:00:00:12 is the address of a group of hosts; expected one whose first octet is even"
        );
        assert_eq!(MacAddress::try_from([0xff; 6]), Err(MacAddressError::Group([0xff; 6])));
    }
}
