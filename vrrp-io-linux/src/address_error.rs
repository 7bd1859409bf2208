//! The reason why a virtual address cannot be set, or removed.

use crate::os_error::OsError;
use crate::virtual_ip::IPV6_MTU;

/// The reason why a virtual address cannot be set, or removed. Its text is for people, and says what the kernel said
/// too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AddressError {
    /// The kernel refused to set it.
    #[error("cannot install it: {0}")]
    NotInstalled(OsError),
    /// The kernel refused to remove it.
    #[error("cannot remove it: {0}")]
    NotRemoved(OsError),
    /// IPv6: it is there, and of no use.
    #[error("it is on this host, but another host of the link has it too (duplicate address detection failed)")]
    Duplicate,
    /// Somebody else removed it again and again.
    #[error("somebody keeps removing it: it was put back three times within ten seconds")]
    KeepsGoing,
    /// There is no such interface.
    #[error("there is no interface {interface}")]
    NoInterface {
        /// The interface that is to carry the address.
        interface: String,
    },
    /// The interface is down.
    #[error("interface {interface} is down")]
    InterfaceDown {
        /// The interface that is to carry the address.
        interface: String,
    },
    /// The interface is up, and has no link.
    #[error("interface {interface} has no carrier")]
    NoCarrier {
        /// The interface that is to carry the address.
        interface: String,
    },
    /// The interface is too small for IPv6.
    #[error("the MTU of {interface} is {mtu}, and IPv6 needs {IPV6_MTU}")]
    MtuForIpv6 {
        /// The interface that is to carry the address.
        interface: String,
        /// Its MTU.
        mtu: u32,
    },
    /// IPv6 is switched off on the interface.
    #[error("IPv6 is disabled on {interface}")]
    Ipv6Disabled {
        /// The interface that is to carry the address.
        interface: String,
    },
    /// There is no interface to make the macvlan on that is to carry the address.
    #[error("there is no interface {interface} that could carry {macvlan}")]
    NoInterfaceForMacvlan {
        /// The router's interface.
        interface: String,
        /// The macvlan.
        macvlan: String,
    },
    /// The macvlan that is to carry the address could not be made, or is none of ours: a [`Warning`](crate::Warning) said why.
    #[error("there is no usable interface {macvlan}")]
    NoMacvlan {
        /// The macvlan.
        macvlan: String,
    },
    /// The kernel refused to set the macvlan up that is to carry the address.
    #[error("cannot set {macvlan} up: {error}")]
    MacvlanNotRaised {
        /// The macvlan.
        macvlan: String,
        /// The kernel's error.
        error: OsError,
    },
    /// Somebody else set the macvlan down again and again that is to carry the address.
    #[error("somebody keeps lowering {macvlan}: it was raised again three times within ten seconds")]
    MacvlanLowered {
        /// The macvlan.
        macvlan: String,
    },
}

impl AddressError {
    /// Returns what the kernel said, where it was asked.
    #[must_use]
    pub const fn os_error(&self) -> Option<&OsError> {
        match self {
            Self::NotInstalled(error) | Self::NotRemoved(error) | Self::MacvlanNotRaised { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn every_reason_is_a_phrase_with_its_interface_and_what_the_kernel_said() {
        let interface = || "eth0".to_owned();
        let macvlan = || "vrrp.51".to_owned();
        let error = || OsError::from(io::Error::from_raw_os_error(libc::EPERM));
        let kernel = Some(libc::EPERM);
        for (reason, text, errno) in [
            (AddressError::NotInstalled(error()), "cannot install it: Operation not permitted (os error 1)", kernel),
            (AddressError::NotRemoved(error()), "cannot remove it: Operation not permitted (os error 1)", kernel),
            (
                AddressError::Duplicate,
                "it is on this host, but another host of the link has it too (duplicate address detection failed)",
                None,
            ),
            (
                AddressError::KeepsGoing,
                "somebody keeps removing it: it was put back three times within ten seconds",
                None,
            ),
            (AddressError::NoInterface { interface: interface() }, "there is no interface eth0", None),
            (AddressError::InterfaceDown { interface: interface() }, "interface eth0 is down", None),
            (AddressError::NoCarrier { interface: interface() }, "interface eth0 has no carrier", None),
            (
                AddressError::MtuForIpv6 { interface: interface(), mtu: 1200 },
                "the MTU of eth0 is 1200, and IPv6 needs 1280",
                None,
            ),
            (AddressError::Ipv6Disabled { interface: interface() }, "IPv6 is disabled on eth0", None),
            (
                AddressError::NoInterfaceForMacvlan { interface: interface(), macvlan: macvlan() },
                "there is no interface eth0 that could carry vrrp.51",
                None,
            ),
            (AddressError::NoMacvlan { macvlan: macvlan() }, "there is no usable interface vrrp.51", None),
            (
                AddressError::MacvlanNotRaised { macvlan: macvlan(), error: error() },
                "cannot set vrrp.51 up: Operation not permitted (os error 1)",
                kernel,
            ),
            (
                AddressError::MacvlanLowered { macvlan: macvlan() },
                "somebody keeps lowering vrrp.51: it was raised again three times within ten seconds",
                None,
            ),
        ] {
            assert_eq!(reason.to_string(), text);
            assert_eq!(reason.os_error().and_then(OsError::raw_os_error), errno, "{text}");
        }
    }
}
