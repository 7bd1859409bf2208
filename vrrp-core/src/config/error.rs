//! The reasons why a configuration is refused.

use core::net::IpAddr;

use crate::dialect::Profile;
use crate::types::{AdvertInterval, Family, Version};
use crate::wire::{AddressListError, MAX_IPV6_ADDRESSES};

/// A configuration that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ConfigError {
    /// The advertised addresses.
    #[error(transparent)]
    Addresses(#[from] AddressListError),
    /// The advertisement would not fit a frame (PKT-14).
    #[error(
        "{0} IPv6 addresses, an advertisement on Ethernet carries at most {MAX_IPV6_ADDRESSES}: use with_excluded for the rest"
    )]
    TooManyForMtu(u8),
    /// An address stands twice.
    #[error("{0} stands twice in the addresses of one virtual router")]
    DuplicateAddress(IpAddr),
    /// A configuration that is read says another family.
    #[error("{0} is of another family than that of the configuration")]
    OtherFamily(IpAddr),
    /// Version 2 serves IPv4 only (AMB-32).
    #[error("version 2 serves IPv4 only; IPv6 needs version 3")]
    FamilyNeedsVersion3,
    /// A receiver of the profile drops IPv6 lists that do not begin with a link-local address (PKT-12, RX-12).
    #[error("the first IPv6 address of {profile} must be link-local (fe80::/10), {first} is not")]
    FirstNotLinkLocal {
        /// The first address.
        first: IpAddr,
        /// The profile.
        profile: Profile,
    },
    /// The wire of the version cannot carry the interval (PKT-07, PKT-08).
    #[error(
        "an interval of {interval} does not fit {version}: version 2 takes whole seconds from 1 to 255, version 3 0.01 to 40.95 s"
    )]
    Interval {
        /// The interval that was asked for.
        interval: AdvertInterval,
        /// The profile's version.
        version: Version,
    },
    /// Only RFC 2338 has passwords (AUTH-05, AUTH-06).
    #[error("passwords exist in RFC 2338 only, not in {0}")]
    PasswordNeedsRfc2338(Profile),
    /// Both versions need a profile of version 3 to begin with, and IPv4, the only family of version 2 (INT-01).
    #[error("version 2 can be spoken besides version 3 over IPv4 only, not in {profile} over {family}")]
    Version2Too {
        /// The profile.
        profile: Profile,
        /// Family of the addresses.
        family: Family,
    },
    /// Unicast without a peer reaches nobody.
    #[error("unicast needs at least one peer")]
    NoPeers,
    /// A peer is of the other family.
    #[error("peer {0} is of another family than the virtual addresses")]
    PeerFamily(IpAddr),
    /// More trackers than ids.
    #[error("at most 65536 trackers")]
    TooManyTrackers,
}
