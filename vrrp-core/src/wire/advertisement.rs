//! The advertisement: RFC 3768 section 5.1 and RFC 9568 section 5.1.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::{self, ChecksumForm};
use super::endpoints::Endpoints;
use crate::types::{AdvertInterval, Family, Password, Priority, Version, Vrid};

/// Offsets from the first octet of the message.
pub(super) mod field {
    use core::ops::Range;

    pub(in crate::wire) const VERSION_TYPE: usize = 0;
    pub(in crate::wire) const VRID: usize = 1;
    pub(in crate::wire) const PRIORITY: usize = 2;
    pub(in crate::wire) const COUNT: usize = 3;
    /// Version 2: authentication type. Version 3: reserved nibble and high nibble of the interval.
    pub(in crate::wire) const AUTH_TYPE: usize = 4;
    /// Version 2: seconds. Version 3: low octet of the centiseconds.
    pub(in crate::wire) const INTERVAL: usize = 5;
    pub(in crate::wire) const CHECKSUM: Range<usize> = 6..8;
    pub(in crate::wire) const ADDRESSES: usize = 8;
    /// Octets of authentication data that end every message of version 2 (PKT-09).
    pub(in crate::wire) const AUTH_DATA_LEN: usize = 8;
}

/// Most IPv6 addresses whose advertisement fits a datagram of 1500 octets: 40 of IPv6 header, 8 of message header, 16 for
/// each address (PKT-14). All 255 of IPv4 fit.
pub const MAX_IPV6_ADDRESSES: u8 = 90;

/// The only packet type that exists (PKT-02).
pub(super) const TYPE_ADVERTISEMENT: u8 = 1;
/// The packet type that Extreme uses in version 2 for intervals below a second (EXT-03).
const TYPE_EXTREME: u8 = 7;
/// Authentication type of the MD5 authentication that Cisco added to version 2 (EXT-08).
pub(crate) const AUTH_TYPE_MD5: u8 = 254;
/// Octets after the message that are tolerated: room for the trailers that are seen in the wild (AMB-08, EXT-07).
const MAX_TRAILING: usize = 64;

/// The reason why octets are no advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ParseError {
    /// RX-03, RX-06: less than a header, or less than the count of addresses implies.
    #[error("{had} octets where the message needs {needed}")]
    TooShort {
        /// Octets that header, or header and lists, take.
        needed: usize,
        /// Octets present.
        had: usize,
    },
    /// AMB-08: more after the message than any known trailer.
    #[error("{trailing} octets follow the message, at most {MAX_TRAILING} are tolerated")]
    TooLong {
        /// Octets after the message.
        trailing: usize,
    },
    /// RX-04: not the version that was asked for, or version 2 over IPv6.
    #[error("version {found}, expected {}: configure the same version on every router", expected_version(*.expected))]
    Version {
        /// The version nibble.
        found: u8,
        /// The version asked for; over IPv6 there is only version 3.
        expected: Version,
    },
    /// CARP, which has the same protocol number and looks like version 2; in place of RX-04 or RX-06.
    #[error("this is CARP, not VRRP: give it other ids there, for both make the same virtual MAC address of an id")]
    Carp {
        /// The version asked for. Of version 2 CARP has the number, but not the length.
        expected: Version,
    },
    /// RX-05: not an advertisement.
    #[error("packet type {found}, expected {TYPE_ADVERTISEMENT}{}", of_type(*.found))]
    Type {
        /// The type nibble.
        found: u8,
    },
    /// RX-10 in place of RX-07: MD5 authentication of another make, whose checksum covers a trailer of its own (EXT-08).
    #[error("authentication type {AUTH_TYPE_MD5}, the MD5 authentication of another make (Cisco): turn it off there")]
    Md5,
    /// RX-07: the checksum is wrong in every form that the version knows.
    #[error("checksum {found:#06x} is wrong")]
    Checksum {
        /// The field's value.
        found: u16,
    },
}

const fn expected_version(version: Version) -> u8 {
    match version {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}

/// Returns whose packet type it is, and what to do there.
const fn of_type(found: u8) -> &'static str {
    match found {
        TYPE_EXTREME => ": Extreme sends it for intervals below a second: set whole seconds there",
        _ => "",
    }
}

/// Tells whether the octets are an advertisement of CARP: none of version 2 with the same count has this length.
pub(super) fn is_carp(payload: &[u8]) -> bool {
    const LEN: usize = 36;
    const VERSION_2_ADVERTISEMENT: u8 = 0x21;
    /// Words of counter and HMAC, where VRRP counts addresses.
    const AUTH_LEN: u8 = 7;
    matches!(payload, [VERSION_2_ADVERTISEMENT, _, _, AUTH_LEN, ..] if payload.len() == LEN)
}

/// The VRID octet, as far as the octets reach: enough to find the router that the rest is for.
pub(crate) fn peek_vrid(payload: &[u8]) -> Option<Vrid> {
    payload.get(field::VRID).and_then(|octet| Vrid::new(*octet).ok())
}

/// The priority octet, which stands at the same place in every version; `None` for the release too.
#[cfg(feature = "alloc")]
pub(crate) fn peek_priority(payload: &[u8]) -> Option<Priority> {
    payload.get(field::PRIORITY).and_then(|octet| Priority::from_wire(*octet))
}

/// The version whose rules are nearest: 2 where the nibble says so, else the current one.
pub(crate) fn peek_version(payload: &[u8]) -> Version {
    match payload.first().map(|octet| octet >> 4) {
        Some(2) => Version::V2,
        _ => Version::V3,
    }
}

/// A complete advertisement with a right checksum, viewed in place.
///
/// Nothing in it is compared with a router yet: `VirtualRouter::handle_packet` does that (RX-28).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    version: Version,
    family: Family,
    checksum: ChecksumForm,
    header: &'a [u8; field::ADDRESSES],
    address_list: &'a [u8],
    /// Version 2 only.
    auth_data: Option<&'a [u8; field::AUTH_DATA_LEN]>,
    trailing: usize,
}

/// Authentication fields of a version 2 message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Auth<'a> {
    /// Authentication type: 0 none, 1 simple text, 2 authentication header.
    pub kind: u8,
    /// Authentication data.
    pub data: &'a [u8; 8],
}

impl<'a> Packet<'a> {
    /// Reads the payload of an IP datagram between `ends` as a message of `version`.
    ///
    /// # Errors
    /// The first check of RX-03 to RX-07 that fails.
    #[inline]
    pub fn parse(version: Version, payload: &'a [u8], endpoints: Endpoints) -> Result<Self, ParseError> {
        Self::read(version, payload, &endpoints)
    }

    #[inline]
    pub(crate) fn read(version: Version, payload: &'a [u8], endpoints: &Endpoints) -> Result<Self, ParseError> {
        let family = endpoints.family();
        let had = payload.len();
        let Some((header, _)) = payload.split_first_chunk::<{ field::ADDRESSES }>() else {
            return Err(ParseError::TooShort { needed: field::ADDRESSES, had });
        };
        let (found, kind) = (header[field::VERSION_TYPE] >> 4, header[field::VERSION_TYPE] & 0x0f);
        // AMB-32
        let expected = if family == Family::Ipv6 { Version::V3 } else { version };
        if is_carp(payload) {
            return Err(ParseError::Carp { expected });
        }
        if found != expected_version(version) {
            return Err(ParseError::Version { found, expected: version });
        }
        if version != expected {
            return Err(ParseError::Version { found, expected });
        }
        if kind != TYPE_ADVERTISEMENT {
            return Err(ParseError::Type { found: kind });
        }
        let needed = message_len(version, family, usize::from(header[field::COUNT]));
        let Some((message, rest)) = payload.split_at_checked(needed) else {
            return Err(ParseError::TooShort { needed, had });
        };
        if rest.len() > MAX_TRAILING {
            return Err(ParseError::TooLong { trailing: rest.len() });
        }
        if version == Version::V2 && header[field::AUTH_TYPE] == AUTH_TYPE_MD5 {
            return Err(ParseError::Md5);
        }
        let Ok(checksum) = checksum::verify(version, message, endpoints) else {
            return Err(ParseError::Checksum { found: u16::from_be_bytes([header[6], header[7]]) });
        };
        let address_list = address_list(version, message);
        let auth_data = if version == Version::V2 { message.last_chunk() } else { None };
        Ok(Self { version, family, checksum, header, address_list, auth_data, trailing: rest.len() })
    }

    /// Returns the version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the virtual router id; `None` for the 0 that no router may have.
    #[must_use]
    pub fn vrid(&self) -> Option<Vrid> {
        Vrid::new(self.header[field::VRID]).ok()
    }

    /// Returns the priority; `None` is the release.
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        Priority::from_wire(self.header[field::PRIORITY])
    }

    /// Returns the interval; `None` for 0, which no router may use.
    #[must_use]
    pub fn interval(&self) -> Option<AdvertInterval> {
        let low = self.header[field::INTERVAL];
        match self.version {
            Version::V2 => AdvertInterval::from_secs(low).ok(),
            // PKT-06
            Version::V3 => {
                AdvertInterval::from_centis(u16::from_be_bytes([self.header[field::AUTH_TYPE] & 0x0f, low])).ok()
            }
        }
    }

    /// Returns the number of addresses.
    #[must_use]
    pub fn address_count(&self) -> u8 {
        self.header[field::COUNT]
    }

    /// The octets of the addresses.
    pub(crate) const fn address_list(&self) -> &'a [u8] {
        self.address_list
    }

    /// Returns the addresses, in order.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + use<'a> {
        addresses(self.family, self.address_list)
    }

    /// Returns the authentication fields; `None` in version 3.
    #[must_use]
    pub fn auth(&self) -> Option<Auth<'a>> {
        self.auth_data.map(|data| Auth { kind: self.header[field::AUTH_TYPE], data })
    }

    /// Returns which form of the checksum it carries.
    #[must_use]
    pub const fn checksum(&self) -> ChecksumForm {
        self.checksum
    }

    /// Returns how many octets follow the message in the datagram.
    #[must_use]
    pub const fn trailing(&self) -> usize {
        self.trailing
    }
}

/// Prints the fields of the message, but no password.
impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("version", &self.version)
            .field("vrid", &self.header[field::VRID])
            .field("priority", &self.header[field::PRIORITY])
            .field("interval", &self.interval())
            .field("auth_type", &self.auth().map(|auth| auth.kind))
            .field("checksum", &self.checksum)
            .field("trailing", &self.trailing)
            .field("family", &self.family)
            .field("addresses", &self.address_count())
            .finish()
    }
}

/// Reads a list of addresses of one family.
#[inline]
pub(crate) fn addresses(family: Family, list: &[u8]) -> impl ExactSizeIterator<Item = IpAddr> + use<'_> {
    list.chunks_exact(family.address_len()).map(|octets| {
        match (<[u8; 4]>::try_from(octets), <[u8; 16]>::try_from(octets)) {
            (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
            (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
            // chunks_exact gives 4 or 16 octets
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    })
}

/// The octets of the addresses of a whole message.
pub(super) fn address_list(version: Version, message: &[u8]) -> &[u8] {
    message.get(field::ADDRESSES..message.len().saturating_sub(auth_len(version))).unwrap_or_default()
}

pub(super) const fn message_len(version: Version, family: Family, addresses: usize) -> usize {
    field::ADDRESSES + addresses * family.address_len() + auth_len(version)
}

const fn auth_len(version: Version) -> usize {
    match version {
        Version::V2 => field::AUTH_DATA_LEN,
        Version::V3 => 0,
    }
}

/// The addresses of a message: 1 to 255, all of one family (PKT-05, PKT-11), or [none](Self::none) (EXT-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressList<'a> {
    addresses: &'a [IpAddr],
    family: Family,
    count: u8,
}

/// The reason why addresses cannot stand in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AddressListError {
    /// There is none.
    #[error("there is no address: a router that is to have none is made by Config::without_addresses")]
    Empty,
    /// There are too many.
    #[error("{0} addresses, a message carries at most 255")]
    TooMany(usize),
    /// One is of another family than the first.
    #[error("{0} is of another family than the first address")]
    MixedFamilies(IpAddr),
}

impl<'a> AddressList<'a> {
    /// Takes a list of addresses.
    ///
    /// # Errors
    /// [`AddressListError`]
    pub fn new(addresses: &'a [IpAddr]) -> Result<Self, AddressListError> {
        let first = addresses.first().ok_or(AddressListError::Empty)?;
        let family = Family::of(*first);
        let count = u8::try_from(addresses.len()).map_err(|_| AddressListError::TooMany(addresses.len()))?;
        match addresses.iter().find(|address| Family::of(**address) != family) {
            Some(other) => Err(AddressListError::MixedFamilies(*other)),
            None => Ok(Self { addresses, family, count }),
        }
    }

    /// Makes the list of a router that advertises no address, as keepalived knows it too. Any other router drops it (RX-11).
    #[must_use]
    pub const fn none(family: Family) -> Self {
        Self { addresses: &[], family, count: 0 }
    }

    /// A list that was checked when its configuration was made.
    #[cfg(feature = "alloc")]
    pub(crate) const fn proven(addresses: &'a [IpAddr], family: Family) -> Self {
        Self { addresses, family, count: addresses.len() as u8 }
    }

    /// Returns the family of all of them.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns how many there are, 0 to 255.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Tells whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the addresses.
    #[must_use]
    pub const fn as_slice(&self) -> &'a [IpAddr] {
        self.addresses
    }
}

/// The content of an advertisement that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the wire has")]
pub struct Message<'a> {
    /// Version.
    pub version: Version,
    /// Virtual router id.
    pub vrid: Vrid,
    /// Priority; `None` is the release.
    pub priority: Option<Priority>,
    /// Interval. Version 2 carries whole seconds, rounded up; version 3 at most 4095 cs.
    pub interval: AdvertInterval,
    /// Simple text password, version 2 only.
    pub password: Option<Password>,
    /// Addresses.
    pub addresses: AddressList<'a>,
    /// Form of the checksum where the version leaves a choice: version 3 over IPv4.
    pub checksum: ChecksumForm,
}

/// A buffer cannot hold the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[error("the message takes {needed} octets, the buffer has {had}")]
#[expect(clippy::exhaustive_structs, reason = "two lengths, and nothing else to say")]
pub struct BufferTooSmall {
    /// Octets of the message.
    pub needed: usize,
    /// Octets of the buffer.
    pub had: usize,
}

impl Message<'_> {
    /// Returns how many octets [`Message::write`] takes; at most 4088.
    #[must_use]
    pub const fn len(&self) -> usize {
        message_len(self.version, self.addresses.family, self.addresses.count as usize)
    }

    /// Returns false: a message has at least a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the message, for a datagram between `ends`, to the front of `out`; returns its length.
    ///
    /// # Errors
    /// [`BufferTooSmall`]; nothing is written then.
    pub fn write(&self, endpoints: Endpoints, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let (needed, had) = (self.len(), out.len());
        let Some(out) = out.get_mut(..needed) else {
            return Err(BufferTooSmall { needed, had });
        };
        self.write_without_checksum(out);
        let sum = checksum::compute(self.version, self.checksum, out, &endpoints);
        if let Some(slot) = out.get_mut(field::CHECKSUM) {
            slot.copy_from_slice(&sum.to_be_bytes());
        }
        Ok(needed)
    }

    /// `out` is as long as the message.
    pub(super) fn write_without_checksum(&self, out: &mut [u8]) {
        let Some((header, body)) = out.split_first_chunk_mut::<{ field::ADDRESSES }>() else { return };
        let (kind_or_high, interval) = match self.version {
            Version::V2 => (u8::from(self.password.is_some()), self.interval.whole_secs()),
            Version::V3 => {
                let [high, low] = self.interval.centis().min(0x0fff).to_be_bytes();
                (high, low)
            }
        };
        *header = [
            expected_version(self.version) << 4 | TYPE_ADVERTISEMENT,
            self.vrid.get(),
            self.priority.map_or(0, Priority::get),
            self.addresses.count,
            kind_or_high,
            interval,
            0,
            0,
        ];
        let mut slots = body.chunks_exact_mut(self.addresses.family.address_len());
        for (address, slot) in self.addresses.addresses.iter().zip(&mut slots) {
            match address {
                IpAddr::V4(v4) => slot.copy_from_slice(&v4.octets()),
                IpAddr::V6(v6) => slot.copy_from_slice(&v6.octets()),
            }
        }
        if let (Version::V2, Some(data)) = (self.version, body.last_chunk_mut()) {
            *data = self.password.map_or([0; field::AUTH_DATA_LEN], |password| *password.octets());
        }
    }
}
