//! The virtual MAC address: what a router is told about it, and the macvlan that carries it.

use vrrp_core::{Family, Vrid};

/// Gives a virtual router a MAC address of its own, which moves with it: 00:00:5e:00:01:VRID, for IPv6
/// 00:00:5e:00:02:VRID (RFC 9568 section 7.3). What the neighbours know of a virtual address then stays true when
/// another host takes it over.
///
/// It lives on a macvlan above the router's interface, and so do the virtual addresses of that interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualMac {
    name: Option<String>,
    transmit_base: bool,
}

impl VirtualMac {
    /// On a macvlan that is called `vrrp.VRID`, for IPv6 `vrrp6.VRID`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name for the macvlan, one that [an interface can have](crate::is_interface_name).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether advertisements come from the MAC address of the interface all the same. Against the RFC (IP-07), for
    /// networks that take nothing from an address they do not know.
    #[must_use]
    pub fn with_transmit_base(mut self, transmit_base: bool) -> Self {
        self.transmit_base = transmit_base;
        self
    }
}

/// The macvlan of one virtual router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Macvlan {
    pub(crate) name: String,
    pub(crate) mac: [u8; 6],
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
            mac: vrid.virtual_mac(family),
            transmit_base: wanted.transmit_base,
        }
    }
}

/// Whether it is the MAC address of some virtual router.
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
        assert_eq!((v4.name.as_str(), v4.mac), ("vrrp.51", [0, 0, 0x5e, 0, 1, 51]));
        assert_eq!((v6.name.as_str(), v6.mac), ("vrrp6.51", [0, 0, 0x5e, 0, 2, 51]));
        assert!(is_virtual(v4.mac) && is_virtual(v6.mac) && !is_virtual([0, 0, 0x5e, 0, 3, 51]));
    }
}
