//! Why a virtual address cannot be set, or removed.

use crate::os_error::OsError;
use crate::virtual_ip::IPV6_MTU;

/// Why a virtual address cannot be set, or removed. Its text is for people, and says what the kernel said too.
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
        /// What the kernel said.
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
