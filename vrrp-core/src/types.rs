//! The protocol's values, each constructible only inside its range (STAT-46).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};
use core::str::FromStr;
use core::time::Duration;

/// Version of the protocol: 2 (RFC 2338, RFC 3768) or 3 (RFC 5798, RFC 9568).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a driver must know what each version has on the wire")]
pub enum Version {
    /// VRRPv2: IPv4 only, whole-second intervals, an authentication field.
    V2,
    /// VRRPv3: IPv4 and IPv6, centisecond intervals.
    V3,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V2 => "VRRPv2",
            Self::V3 => "VRRPv3",
        })
    }
}

/// Address family that a virtual router serves. Two families on one interface are two routers, even under one VRID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "there are two, and each is served in a way of its own")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The group of IPv4 that routers advertise to: 224.0.0.18 (IP-02).
    pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
    /// The group of IPv6 that routers advertise to: ff02::12 (IP-02).
    pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

    /// Returns the family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Returns the octets of one address: 4 or 16.
    #[must_use]
    pub const fn address_len(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }

    /// Returns the group that routers of the family advertise to.
    #[must_use]
    pub const fn group(self) -> IpAddr {
        match self {
            Self::Ipv4 => IpAddr::V4(Self::GROUP_V4),
            Self::Ipv6 => IpAddr::V6(Self::GROUP_V6),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// A value outside its range; says which, what was given and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[error("{what} is {given}, must be {min} to {max}{}{unit}", if .unit.is_empty() { "" } else { " " })]
#[non_exhaustive]
pub struct OutOfRange {
    /// The field's name in the RFC's words.
    pub what: &'static str,
    /// The value that was given.
    pub given: u64,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed.
    pub max: u64,
    /// The unit of the three figures; empty for plain numbers.
    pub unit: &'static str,
}

/// Text or a span of time that is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum InvalidValue {
    /// Text that is no whole number.
    #[error("{what} is not a whole number: write one from {min} to {max}")]
    NotANumber {
        /// The field's name in the RFC's words.
        what: &'static str,
        /// The smallest value allowed.
        min: u64,
        /// The largest value allowed.
        max: u64,
    },
    /// Text that is no number with a unit of time.
    #[error("an advertisement interval is a number with its unit: `1 s`, `0.25 s`, `25 cs` or `250 ms`")]
    NotAnInterval,
    /// A span of time between two centiseconds, which no version can carry (PKT-07).
    #[error("an advertisement interval of {0:?} is not a whole number of centiseconds")]
    NotCentiseconds(Duration),
    /// A number outside its range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// Reads a number of 1 to 255 in decimal digits.
fn parse_octet<T>(text: &str, what: &'static str, new: fn(u8) -> Result<T, OutOfRange>) -> Result<T, InvalidValue> {
    let (min, max) = (1, 255);
    let given: u64 = match text.parse() {
        Ok(given) if text.bytes().all(|octet| octet.is_ascii_digit()) => given,
        _ => return Err(InvalidValue::NotANumber { what, min, max }),
    };
    let octet = u8::try_from(given).map_err(|_| OutOfRange { what, given, min, max, unit: "" })?;
    Ok(new(octet)?)
}

/// Virtual Router Identifier, 1 to 255 (PKT-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "u8", try_from = "u8"))]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// The smallest: 1.
    pub const MIN: Self = Self(NonZeroU8::MIN);

    const WHAT: &str = "virtual router id";

    /// Takes a virtual router id.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0.
    pub const fn new(vrid: u8) -> Result<Self, OutOfRange> {
        match NonZeroU8::new(vrid) {
            Some(vrid) => Ok(Self(vrid)),
            None => Err(OutOfRange { what: Self::WHAT, given: 0, min: 1, max: 255, unit: "" }),
        }
    }

    /// Returns the number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// Returns the MAC address of the virtual router: 00-00-5E-00-01-VRID, over IPv6 00-00-5E-00-02-VRID (IP-08, INT-11).
    #[must_use]
    pub const fn virtual_mac(self, family: Family) -> [u8; 6] {
        let block = match family {
            Family::Ipv4 => 1,
            Family::Ipv6 => 2,
        };
        [0x00, 0x00, 0x5e, 0x00, block, self.get()]
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Vrid {
    type Error = OutOfRange;

    fn try_from(vrid: u8) -> Result<Self, OutOfRange> {
        Self::new(vrid)
    }
}

impl FromStr for Vrid {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        parse_octet(text, Self::WHAT, Self::new)
    }
}

impl From<Vrid> for u8 {
    fn from(vrid: Vrid) -> Self {
        vrid.get()
    }
}

/// Priority of a router that takes part in the election, 1 to 255 (PKT-04).
///
/// 255 is the address owner. The 0 that a leaving Master sends is no priority but a message:
/// wherever it can occur the type is `Option<Priority>` and `None` means release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "u8", try_from = "u8"))]
pub struct Priority(NonZeroU8);

impl Priority {
    /// The address owner: Master at startup, preempts whatever its flag (OWN-01, OWN-02).
    pub const OWNER: Self = Self(NonZeroU8::MAX);
    /// The highest of whoever is not the owner: 254.
    #[cfg(feature = "alloc")]
    pub(crate) const BELOW_OWNER: Self = match NonZeroU8::new(254) {
        Some(p) => Self(p),
        None => Self::OWNER,
    };
    /// The lowest that a router can have: 1.
    pub const LOWEST: Self = Self(NonZeroU8::MIN);
    /// The priority of a router if none is configured: 100.
    pub const DEFAULT: Self = match NonZeroU8::new(100) {
        Some(p) => Self(p),
        None => Self::OWNER,
    };

    const WHAT: &str = "priority";

    /// Takes a priority.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0.
    pub const fn new(priority: u8) -> Result<Self, OutOfRange> {
        match Self::from_wire(priority) {
            Some(priority) => Ok(priority),
            None => Err(OutOfRange { what: Self::WHAT, given: 0, min: 1, max: 255, unit: "" }),
        }
    }

    /// Reads the priority octet as received; `None` is the release.
    #[must_use]
    pub const fn from_wire(octet: u8) -> Option<Self> {
        match NonZeroU8::new(octet) {
            Some(priority) => Some(Self(priority)),
            None => None,
        }
    }

    /// Returns the number on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// Tells whether this is the address owner's 255.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        self.get() == 255
    }

    /// Returns the priority in use of a router whose host cannot set all of its addresses: 1 to 32, in the order of the configured
    /// ones, so that whoever has 33 or more and can set them all is better. An owner stays 255.
    #[must_use]
    pub const fn handicapped(self) -> Self {
        match Self::from_wire(self.get().div_ceil(8)) {
            Some(priority) if !self.is_owner() => priority,
            _ => self,
        }
    }

    /// Returns the priority in use after tracking: `self + adjustment`, kept within 1 to 254. An owner stays 255.
    #[must_use]
    pub const fn adjusted(self, adjustment: i32) -> Self {
        if self.is_owner() {
            return self;
        }
        let sum = (self.get() as i32).saturating_add(adjustment);
        let clamped = if sum < 1 {
            1
        } else if sum > 254 {
            254
        } else {
            sum
        };
        match Self::from_wire(clamped as u8) {
            Some(priority) => priority,
            None => self,
        }
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Priority {
    type Error = OutOfRange;

    fn try_from(priority: u8) -> Result<Self, OutOfRange> {
        Self::new(priority)
    }
}

impl FromStr for Priority {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        parse_octet(text, Self::WHAT, Self::new)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.get()
    }
}

/// Time between two advertisements, in centiseconds, never zero (PKT-07, PKT-08, E-8301).
///
/// An advertisement carries a smaller range: whole seconds up to 255 in version 2, up to 4095 cs in version 3.
/// [`Config`](crate::Config) refuses the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "Centiseconds", try_from = "Centiseconds")
)]
pub struct AdvertInterval(NonZeroU16);

impl AdvertInterval {
    /// The default of every version: one second.
    pub const DEFAULT: Self = match NonZeroU16::new(100) {
        Some(cs) => Self(cs),
        None => Self(NonZeroU16::MAX),
    };

    const WHAT: &str = "advertisement interval";

    #[cfg(feature = "alloc")]
    const MAX_V2: Self = match NonZeroU16::new(25_500) {
        Some(cs) => Self(cs),
        None => Self::DEFAULT,
    };
    #[cfg(feature = "alloc")]
    const MAX_V3: Self = match NonZeroU16::new(4095) {
        Some(cs) => Self(cs),
        None => Self::DEFAULT,
    };

    /// Takes an interval in centiseconds.
    ///
    /// # Errors
    /// [`OutOfRange`] outside 1 to 25500 cs (what either version can carry at all).
    pub const fn from_centis(centis: u16) -> Result<Self, OutOfRange> {
        match NonZeroU16::new(centis) {
            Some(nonzero) if centis <= 25_500 => Ok(Self(nonzero)),
            _ => Err(OutOfRange { what: Self::WHAT, given: centis as u64, min: 1, max: 25_500, unit: "cs" }),
        }
    }

    /// Takes an interval in seconds.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0.
    pub const fn from_secs(secs: u8) -> Result<Self, OutOfRange> {
        match NonZeroU16::new(secs as u16 * 100) {
            Some(centis) => Ok(Self(centis)),
            None => Err(OutOfRange { what: Self::WHAT, given: 0, min: 1, max: 255, unit: "s" }),
        }
    }

    /// Returns the centiseconds.
    #[must_use]
    pub const fn centis(self) -> u16 {
        self.0.get()
    }

    /// In whole seconds, rounded up: what the octet of version 2 says of it (INT-06).
    pub(crate) const fn whole_secs(self) -> u8 {
        self.0.get().div_ceil(100) as u8
    }

    /// The same, or the longest that a version can say.
    #[cfg(feature = "alloc")]
    pub(crate) fn at_most_of(self, version: Version) -> Self {
        let most = match version {
            Version::V2 => Self::MAX_V2,
            Version::V3 => Self::MAX_V3,
        };
        self.min(most)
    }

    /// The interval that version 2 says it is.
    pub(crate) fn rounded_up(self) -> Self {
        Self::from_secs(self.whole_secs()).unwrap_or(self)
    }

    /// Returns the same span as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// The same span in nanoseconds, at most 255 s.
    pub(crate) const fn nanos(self) -> u64 {
        self.0.get() as u64 * 10_000_000
    }
}

/// Takes whole centiseconds only: what is rounded away would be missing on the wire.
impl TryFrom<Duration> for AdvertInterval {
    type Error = InvalidValue;

    fn try_from(span: Duration) -> Result<Self, InvalidValue> {
        const CENTISECOND: u128 = 10_000_000;
        if span.as_nanos() % CENTISECOND != 0 {
            return Err(InvalidValue::NotCentiseconds(span));
        }
        let centis = u64::try_from(span.as_nanos() / CENTISECOND).unwrap_or(u64::MAX);
        let too_long = OutOfRange { what: Self::WHAT, given: centis, min: 1, max: 25_500, unit: "cs" };
        Ok(Self::from_centis(u16::try_from(centis).map_err(|_| too_long)?)?)
    }
}

/// Reads a number with its unit: `1 s`, `0.25 s`, `25 cs`, `250 ms`. One without is refused, since it would be seconds in
/// version 2 and centiseconds in version 3.
impl FromStr for AdvertInterval {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const UNITS: [(&str, u64); 3] = [("ms", 1_000_000), ("cs", 10_000_000), ("s", 1_000_000_000)];
        let of_unit = |(unit, nanos): (&str, u64)| Some((text.strip_suffix(unit)?.trim_end(), nanos));
        let (number, nanos) = UNITS.into_iter().find_map(of_unit).ok_or(InvalidValue::NotAnInterval)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return Err(InvalidValue::NotAnInterval);
        }
        let mut sum = u64::from(whole.parse().unwrap_or(u32::MAX)) * nanos;
        let mut place = nanos;
        for digit in fraction.trim_end_matches('0').bytes() {
            // Less than a nanosecond.
            if place % 10 != 0 {
                return Err(InvalidValue::NotAnInterval);
            }
            place /= 10;
            sum += place * u64::from(digit - b'0');
        }
        Self::try_from(Duration::from_nanos(sum))
    }
}

/// An interval as it is stored, which may be anything when it is read.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Centiseconds(u16);

#[cfg(feature = "serde")]
impl From<AdvertInterval> for Centiseconds {
    fn from(interval: AdvertInterval) -> Self {
        Self(interval.centis())
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Centiseconds> for AdvertInterval {
    type Error = OutOfRange;

    fn try_from(Centiseconds(centis): Centiseconds) -> Result<Self, OutOfRange> {
        Self::from_centis(centis)
    }
}

impl From<AdvertInterval> for Duration {
    fn from(interval: AdvertInterval) -> Self {
        interval.duration()
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let centis = self.centis();
        match centis % 100 {
            0 => write!(f, "{} s", centis / 100),
            rest => write!(f, "{}.{rest:02} s", centis / 100),
        }
    }
}

/// Simple text password of version 2 (authentication type 1, RFC 2338 section 5.3.10; AUTH-03).
///
/// Zero-filled to eight octets, compared in constant time, never printed. It guards against accidents, not
/// against attackers: every listener on the LAN can read it (AUTH-06).
#[derive(Clone, Copy)]
pub struct Password([u8; 8]);

impl Password {
    /// Takes the text of a password.
    ///
    /// # Errors
    /// [`OutOfRange`] for an empty password or one of more than eight octets.
    pub fn new(text: &[u8]) -> Result<Self, OutOfRange> {
        let mut octets = [0; 8];
        match octets.get_mut(..text.len()) {
            Some(head) if !text.is_empty() => {
                head.copy_from_slice(text);
                Ok(Self(octets))
            }
            _ => Err(OutOfRange { what: "password length", given: text.len() as u64, min: 1, max: 8, unit: "octets" }),
        }
    }

    /// The password that is sent as these octets.
    #[cfg(all(feature = "alloc", feature = "serde"))]
    pub(crate) const fn from_octets(octets: [u8; 8]) -> Self {
        Self(octets)
    }

    /// Returns the octets as they are sent: the password, and zeros after it.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 8] {
        &self.0
    }

    /// Compares all eight octets, wherever the first difference is.
    #[must_use]
    pub fn matches(&self, other: &[u8; 8]) -> bool {
        let difference = self.0.iter().zip(other).fold(0, |acc, (a, b)| acc | (a ^ b));
        core::hint::black_box(difference) == 0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Names a tracker of one router's configuration; given by [`Config::add_tracker`](crate::Config::add_tracker).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct TrackerId(pub(crate) u16);

impl TrackerId {
    /// Names the tracker that is added as the `index`-th, from 0.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// Returns the position among the trackers of its configuration, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names an interface, or whatever else routers share: any number that the caller likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct InterfaceId(pub u32);

impl From<u32> for InterfaceId {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<InterfaceId> for u32 {
    fn from(id: InterfaceId) -> Self {
        id.0
    }
}

impl fmt::Display for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a router of one [`RouterSet`](crate::RouterSet), and never another one: also when that is removed and its place
/// goes to another router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(into = "u64", from = "u64"))]
pub struct RouterId {
    index: u32,
    /// The number of routers that had this place, itself among them.
    generation: NonZeroU32,
}

impl RouterId {
    /// The first router in a place.
    #[cfg(feature = "alloc")]
    pub(crate) const fn first(index: u32) -> Self {
        Self { index, generation: NonZeroU32::MIN }
    }

    /// The next router in the same place; `None` when no number is left for one.
    #[cfg(feature = "alloc")]
    pub(crate) fn successor(self) -> Option<Self> {
        Some(Self { generation: self.generation.checked_add(1)?, ..self })
    }

    /// Returns its place in the set, from 0. No two routers have one place at the same time; whoever keeps a table by it has to
    /// forget a router that is removed.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

impl From<RouterId> for u64 {
    /// Writes it as one number: in a set from which nothing was removed that is its [`index`](RouterId::index).
    fn from(id: RouterId) -> Self {
        Self::from(id.generation.get() - 1) << 32 | Self::from(id.index)
    }
}

impl From<u64> for RouterId {
    /// Reads back what it was [written](u64) as.
    fn from(number: u64) -> Self {
        // The bits that are cut off are the generation.
        Self { index: number as u32, generation: NonZeroU32::MIN.saturating_add((number >> 32) as u32) }
    }
}

/// One router of a unicast configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct UnicastPeer {
    /// Its address: destination of what we send, source of what we accept.
    pub address: IpAddr,
    /// Least TTL accepted from it. 255 keeps strangers from beyond the link out; less lets a peer be routed (EXT-02).
    pub min_ttl: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn ranges_are_kept_by_construction() {
        assert!(Vrid::new(0).is_err());
        assert!(Priority::new(0).is_err());
        assert!(AdvertInterval::from_centis(0).is_err());
        assert!(AdvertInterval::from_centis(25_501).is_err());
        assert_eq!(AdvertInterval::from_secs(255), AdvertInterval::from_centis(25_500));
        assert_eq!(Priority::default().get(), 100);
    }

    #[test]
    fn numbers_and_spans_are_read_within_their_range() {
        assert_eq!("51".parse(), Vrid::new(51).map_err(InvalidValue::from));
        assert_eq!("255".parse(), Ok(Priority::OWNER));
        let out_of_range = |text: &str| matches!(text.parse::<Vrid>(), Err(InvalidValue::OutOfRange(_)));
        let no_number = |text: &str| matches!(text.parse::<Priority>(), Err(InvalidValue::NotANumber { .. }));
        assert!(["0", "256", "18446744073709551615"].into_iter().all(out_of_range));
        assert!(["", " 1", "+1", "-1", "1.0", "0x33", "one"].into_iter().all(no_number));
        assert_eq!("300".parse::<Priority>().unwrap_err().to_string(), "priority is 300, must be 1 to 255");
        let said = "virtual router id is not a whole number: write one from 1 to 255";
        assert_eq!("vip".parse::<Vrid>().unwrap_err().to_string(), said);
        assert_eq!((Vrid::try_from(0).is_err(), Priority::try_from(1)), (true, Ok(Priority::LOWEST)));
        assert_eq!((u8::from(Vrid::MIN), u8::from(Priority::OWNER)), (1, 255));

        for centis in [1, 100, 4095, 25_500] {
            let interval = AdvertInterval::from_centis(centis).unwrap();
            assert_eq!(std::format!("{interval}").parse(), Ok(interval));
            assert_eq!(std::format!("{centis}cs").parse(), Ok(interval));
            assert_eq!(AdvertInterval::try_from(Duration::from(interval)), Ok(interval));
        }
        let from = |span| AdvertInterval::try_from(span).unwrap_err();
        assert_eq!(from(Duration::from_millis(15)), InvalidValue::NotCentiseconds(Duration::from_millis(15)));
        assert!(from(Duration::ZERO).to_string().starts_with("advertisement interval is 0, must be 1 to 25500 cs"));
        assert!(matches!(from(Duration::from_secs(256)), InvalidValue::OutOfRange(_)));
        assert!(matches!(from(Duration::from_secs(u64::MAX)), InvalidValue::OutOfRange(_)));
    }

    /// IP-08.
    #[test]
    fn each_family_has_its_block_of_macs() {
        let vrid = Vrid::new(0xab).unwrap();
        assert_eq!(vrid.virtual_mac(Family::Ipv4), [0x00, 0x00, 0x5e, 0x00, 0x01, 0xab]);
        assert_eq!(vrid.virtual_mac(Family::Ipv6), [0x00, 0x00, 0x5e, 0x00, 0x02, 0xab]);
    }

    #[test]
    fn tracking_never_makes_or_unmakes_an_owner() {
        let priority = |n| Priority::new(n).unwrap();
        assert_eq!(priority(100).adjusted(-20).get(), 80);
        assert_eq!(priority(100).adjusted(1000).get(), 254);
        assert_eq!(priority(100).adjusted(i32::MIN).get(), 1);
        assert_eq!(Priority::OWNER.adjusted(-200), Priority::OWNER);
    }

    #[test]
    fn passwords_compare_whole_and_stay_unprinted() {
        let password = Password::new(b"secret").unwrap();
        assert!(password.matches(b"secret\0\0"));
        assert!(!password.matches(b"secret\0x"));
        assert!(Password::new(b"").is_err());
        assert!(Password::new(b"ninechars").is_err());
        assert!(!std::format!("{password:?}").contains("secret"));
    }

    #[test]
    fn an_interval_is_read_with_its_unit() {
        let read = |text: &str| text.parse::<AdvertInterval>();
        assert_eq!(read("250 ms"), Ok(AdvertInterval::from_centis(25).unwrap()));
        assert_eq!(read("1.500000s"), Ok(AdvertInterval::from_centis(150).unwrap()));
        for text in ["", "1", "s", "-1 s", "+1 s", "1. s", ".5 s", "1,5 s", "1 h", "0.0000000001 s", "1 s "] {
            assert_eq!(read(text), Err(InvalidValue::NotAnInterval), "{text:?}");
        }
        let between = Duration::from_millis(15);
        assert_eq!(read("15 ms"), Err(InvalidValue::NotCentiseconds(between)));
        for text in ["0 s", "256 s", "99999999999999999999 s"] {
            assert!(matches!(read(text), Err(InvalidValue::OutOfRange(_))), "{text:?}");
        }
    }

    #[test]
    fn intervals_read_as_seconds() {
        let show = |cs| std::format!("{}", AdvertInterval::from_centis(cs).unwrap());
        assert_eq!((show(100).as_str(), show(1).as_str(), show(150).as_str()), ("1 s", "0.01 s", "1.50 s"));
    }
}
