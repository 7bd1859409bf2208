//! The Internet checksum over a message and, where a version asks for it, a pseudo-header (PKT-20 to PKT-25).

use core::fmt;
use core::net::Ipv6Addr;

use super::endpoints::{Endpoints, IP_PROTOCOL};
use crate::types::{Family, Version};

/// Protocol number of ICMPv6.
pub(super) const ICMPV6: u8 = 58;

/// The octets that a checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "what the wire has")]
pub enum ChecksumForm {
    /// The message alone: version 2, and version 3 over IPv4 in RFC 9568.
    Message,
    /// Pseudo-header and message: IPv6, and version 3 over IPv4 as RFC 5798 is deployed. Over IPv4 a receiver takes the group
    /// in place of a unicast destination too, as keepalived up to 1.3.6 has it.
    PseudoHeader,
}

impl fmt::Display for ChecksumForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Message => "over the message only",
            Self::PseudoHeader => "with a pseudo-header",
        })
    }
}

/// The form that `message` carries; an error when it carries none that its version knows.
#[inline]
pub(super) fn verify(version: Version, message: &[u8], endpoints: &Endpoints) -> Result<ChecksumForm, ()> {
    let sum = sum(message);
    let pseudo = || sum + pseudo_header(IP_PROTOCOL, message.len(), endpoints);
    match (version, endpoints) {
        (_, Endpoints::V6 { .. }) if is_right(pseudo()) => Ok(ChecksumForm::PseudoHeader),
        (_, Endpoints::V4 { .. }) if is_right(sum) => Ok(ChecksumForm::Message),
        (Version::V3, Endpoints::V4 { .. }) if is_right(pseudo()) => Ok(ChecksumForm::PseudoHeader),
        (Version::V3, Endpoints::V4 { .. }) if names_the_group(message, endpoints) => Ok(ChecksumForm::PseudoHeader),
        _ => Err(()),
    }
}

/// Tells whether the checksum is right only with the group as destination in the pseudo-header, although the packet goes to
/// one router (PKT-24).
pub(super) fn names_the_group(message: &[u8], endpoints: &Endpoints) -> bool {
    let Endpoints::V4 { source, destination } = *endpoints else { return false };
    let as_if = Endpoints::V4 { source, destination: Family::GROUP_V4 };
    let is_unicast = !destination.is_multicast() && !destination.is_broadcast();
    let is_right_with = |endpoints| is_right(sum(message) + pseudo_header(IP_PROTOCOL, message.len(), endpoints));
    is_unicast && is_right_with(&as_if) && !is_right_with(endpoints)
}

/// Tells whether the checksum is right over the message alone.
pub(super) fn is_plain(message: &[u8]) -> bool {
    is_right(sum(message))
}

/// Returns the checksum over `octets` alone, whose checksum field is zero.
pub(super) fn plain(octets: &[u8]) -> u16 {
    !fold(sum(octets))
}

/// The checksum of `message`, whose checksum field is zero. Version 2 has one form only.
pub(super) fn compute(version: Version, form: ChecksumForm, message: &[u8], endpoints: &Endpoints) -> u16 {
    finish(version, form, sum(message), message.len(), endpoints)
}

/// The same of a message of `len` octets whose [`sum`] is known.
#[inline]
pub(super) fn finish(version: Version, form: ChecksumForm, sum: u64, len: usize, endpoints: &Endpoints) -> u16 {
    let pseudo = match (version, form, endpoints) {
        (_, _, Endpoints::V6 { .. }) | (Version::V3, ChecksumForm::PseudoHeader, _) => {
            pseudo_header(IP_PROTOCOL, len, endpoints)
        }
        _ => 0,
    };
    !fold(sum + pseudo)
}

/// Tells whether the checksum of an ICMPv6 `message` is right.
pub(super) fn is_right_icmpv6(message: &[u8], endpoints: &Endpoints) -> bool {
    is_right(sum(message) + pseudo_header(ICMPV6, message.len(), endpoints))
}

/// The checksum of an ICMPv6 `message`, whose checksum field is zero (RFC 4443 section 2.3).
pub(super) fn icmpv6(message: &[u8], source: Ipv6Addr, destination: Ipv6Addr) -> u16 {
    !fold(sum(message) + pseudo_header(ICMPV6, message.len(), &Endpoints::V6 { source, destination }))
}

/// Sum of 32-bit words, which [`fold`] makes one of 16-bit words; what is left at the end counts as if zeros followed.
/// 4 Gi words cannot overflow it.
#[inline]
pub(super) fn sum(octets: &[u8]) -> u64 {
    let words = octets.chunks_exact(4);
    let last = match *words.remainder() {
        [a, b, c] => u32::from_be_bytes([a, b, c, 0]),
        [a, b] => u32::from_be_bytes([a, b, 0, 0]),
        [a] => u32::from_be_bytes([a, 0, 0, 0]),
        _ => 0,
    };
    words.fold(u64::from(last), |sum, word| match *word {
        [a, b, c, d] => sum + u64::from(u32::from_be_bytes([a, b, c, d])),
        _ => sum,
    })
}

#[inline]
fn pseudo_header(protocol: u8, len: usize, endpoints: &Endpoints) -> u64 {
    let words = |v6: &Ipv6Addr| (0..4).map(|word| u64::from((v6.to_bits() >> (32 * word)) as u32)).sum::<u64>();
    let addresses = match endpoints {
        Endpoints::V4 { source, destination } => u64::from(source.to_bits()) + u64::from(destination.to_bits()),
        Endpoints::V6 { source, destination } => words(source) + words(destination),
    };
    addresses + u64::from(protocol) + len as u64
}

/// Tells whether [`fold`] turns `sum` into all ones, as it does with every multiple of 0xffff except 0.
const fn is_right(sum: u64) -> bool {
    sum != 0 && sum % 0xffff == 0
}

/// The ones' complement sum of the four 16-bit words of `sum`.
const fn fold(sum: u64) -> u16 {
    let half = (sum & 0xffff_ffff) + (sum >> 32);
    let once = (half & 0xffff) + (half >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    ((twice & 0xffff) + (twice >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    #[test]
    fn the_last_carry_counts() {
        assert_eq!(fold(0x0001_0000_ffff_ffff), 1);
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_an_independent_implementation(octets: std::vec::Vec<u8>, source: [u8; 16], destination: [u8; 16]) {
            use etherparse::checksum::Sum16BitWords;
            let message = Sum16BitWords::new().add_slice(&octets).ones_complement().to_be();
            let v4 = Endpoints::V4 { source: Ipv4Addr::LOCALHOST, destination: Ipv4Addr::BROADCAST };
            proptest::prop_assert_eq!(compute(Version::V2, ChecksumForm::Message, &octets, &v4), message);

            let endpoints = Endpoints::V6 { source: Ipv6Addr::from(source), destination: Ipv6Addr::from(destination) };
            let pseudo = Sum16BitWords::new()
                .add_16bytes(source)
                .add_16bytes(destination)
                .add_4bytes(u32::try_from(octets.len()).unwrap().to_be_bytes())
                .add_4bytes([0, 0, 0, IP_PROTOCOL])
                .add_slice(&octets)
                .ones_complement()
                .to_be();
            proptest::prop_assert_eq!(compute(Version::V3, ChecksumForm::Message, &octets, &endpoints), pseudo);
        }
    }
}
