//! A printer for anything that claims to be VRRP.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::advertisement::{AUTH_TYPE_MD5, TYPE_ADVERTISEMENT, field, is_carp, message_len};
use super::checksum::{self, ChecksumForm};
use super::endpoints::Endpoints;
use crate::types::{AdvertInterval, Family, Version};

/// The contents of the payload of an IP datagram of protocol 112, right or wrong, as far as its octets reach.
///
/// [`Packet`](super::Packet) is for deciding; this is for people who want to know what was sent. Nothing is rejected:
/// what is missing is `None` here, and named in the printed line. It fits a line (at most 12 KB, with 255 IPv6
/// addresses) and never holds a password.
///
/// ```
/// use std::net::Ipv4Addr;
/// use vrrp_core::wire::{Dump, Endpoints};
///
/// let ends = Endpoints::V4 { source: Ipv4Addr::new(192, 0, 2, 251), destination: Ipv4Addr::new(224, 0, 0, 18) };
/// let cut = Dump::new(&[0x21, 1, 100, 2, 0, 1, 0xba, 0x52, 192, 0, 2, 1, 192], ends, 255);
/// assert_eq!(
///     cut.to_string(),
///     "192.0.2.251 > 224.0.0.18 ttl 255: VRRPv2 advertisement, vrid 1, priority 100, interval 1 s, auth type 0, \
///      addresses 192.0.2.1, checksum 0xba52 unknown, 11 of 24 octets missing"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dump<'a> {
    payload: &'a [u8],
    endpoints: Endpoints,
    ttl: u8,
}

impl<'a> Dump<'a> {
    /// Reads the payload of a datagram between `ends`.
    #[must_use]
    pub const fn new(payload: &'a [u8], endpoints: Endpoints, ttl: u8) -> Self {
        Self { payload, endpoints, ttl }
    }

    /// Returns the version nibble.
    #[must_use]
    pub fn version(&self) -> Option<u8> {
        self.octet(field::VERSION_TYPE).map(|octet| octet >> 4)
    }

    /// Returns the type nibble; 1 is the advertisement.
    #[must_use]
    pub fn kind(&self) -> Option<u8> {
        self.octet(field::VERSION_TYPE).map(|octet| octet & 0x0f)
    }

    /// Returns the version whose fields these are; `None` for versions that do not exist. Version 2 over IPv6 has no RFC (AMB-32), but
    /// keepalived sends it.
    #[must_use]
    pub fn layout(&self) -> Option<Version> {
        match self.version() {
            Some(2) => Some(Version::V2),
            Some(3) => Some(Version::V3),
            _ => None,
        }
    }

    /// Tells whether it is an advertisement of CARP, which has the same protocol number. Then the id is its VHID, the priority
    /// its advskew, and no other field has the meaning that it has in VRRP.
    #[must_use]
    pub fn is_carp(&self) -> bool {
        is_carp(self.payload)
    }

    /// Returns the virtual router id, 0 included.
    #[must_use]
    pub fn vrid(&self) -> Option<u8> {
        self.field(field::VRID)
    }

    /// Returns the priority, 0 (the release) included.
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        self.field(field::PRIORITY)
    }

    /// Returns the number of addresses that the message should carry.
    #[must_use]
    pub fn address_count(&self) -> Option<u8> {
        self.field(field::COUNT)
    }

    /// Returns the authentication type; `None` in version 3, which has none.
    #[must_use]
    pub fn auth_type(&self) -> Option<u8> {
        self.field(field::AUTH_TYPE).filter(|_| self.layout() == Some(Version::V2))
    }

    /// Returns the interval in centiseconds, 0 included.
    #[must_use]
    pub fn interval_centis(&self) -> Option<u16> {
        let low = self.field(field::INTERVAL)?;
        match self.layout()? {
            Version::V2 => Some(u16::from(low) * 100),
            Version::V3 => Some(u16::from_be_bytes([self.field(field::AUTH_TYPE)? & 0x0f, low])),
        }
    }

    /// Returns the addresses whose octets are all there, in order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let list = self.payload.get(field::ADDRESSES..).unwrap_or_default();
        let (family, count) = (self.endpoints.family(), usize::from(self.address_count().unwrap_or(0)));
        list.chunks_exact(family.address_len()).take(count).filter_map(|octets| match octets.len() {
            4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
            _ => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
        })
    }

    /// Returns the checksum field.
    #[must_use]
    pub fn checksum(&self) -> Option<u16> {
        let field = self.layout().and_then(|_| self.payload.get(field::CHECKSUM))?;
        <[u8; 2]>::try_from(field).ok().map(u16::from_be_bytes)
    }

    /// Returns the form in which the checksum is right; `None` when it is wrong in every form of the version, or cannot be
    /// told because octets are missing.
    #[must_use]
    pub fn checksum_form(&self) -> Option<ChecksumForm> {
        let (version, message) = (self.layout()?, self.message()?);
        let found = checksum::verify(version, message, &self.endpoints).ok();
        // Nothing says whether version 2 has a pseudo-header over IPv6; and MD5 of another make covers what follows (EXT-08).
        let covered = if self.auth_type() == Some(AUTH_TYPE_MD5) { self.payload } else { message };
        let is_plain = || version == Version::V2 && checksum::is_plain(covered);
        found.or_else(|| is_plain().then_some(ChecksumForm::Message))
    }

    /// Returns how many octets the message should have; `None` where that cannot be told.
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        let (version, family) = (self.layout()?, self.endpoints.family());
        let needed = message_len(version, family, usize::from(self.address_count()?));
        // keepalived's version 2 over IPv6 ends with the addresses.
        let ends_early = version == Version::V2 && family == Family::Ipv6 && self.payload.len() < needed;
        Some(if ends_early { needed.saturating_sub(field::AUTH_DATA_LEN) } else { needed })
    }

    /// The whole message, if it is there.
    fn message(&self) -> Option<&'a [u8]> {
        self.payload.get(..self.needed()?)
    }

    /// An octet whose meaning the layout gives.
    fn field(&self, offset: usize) -> Option<u8> {
        self.layout().and_then(|_| self.octet(offset))
    }

    fn octet(&self, offset: usize) -> Option<u8> {
        self.payload.get(offset).copied()
    }

    fn write_checksum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(version), Some(found)) = (self.layout(), self.checksum()) else { return Ok(()) };
        write!(f, ", checksum {found:#06x} ")?;
        let Some(message) = self.message() else { return f.write_str("unknown") };
        let expected = |form| expected(found, checksum::compute(version, form, message, &self.endpoints));
        match (self.checksum_form(), version, self.endpoints.family()) {
            (Some(ChecksumForm::Message), ..) => f.write_str("right"),
            (Some(ChecksumForm::PseudoHeader), ..) if checksum::names_the_group(message, &self.endpoints) => {
                f.write_str("right with the pseudo-header of the group, as keepalived up to 1.3.6 has it")
            }
            (Some(ChecksumForm::PseudoHeader), ..) => f.write_str("right with pseudo-header"),
            (None, Version::V3, Family::Ipv4) => {
                let (message, pseudo) = (expected(ChecksumForm::Message), expected(ChecksumForm::PseudoHeader));
                write!(f, "wrong: {message:#06x} expected, or {pseudo:#06x} with pseudo-header")
            }
            (None, ..) => write!(f, "wrong: {:#06x} expected", expected(ChecksumForm::PseudoHeader)),
        }
    }

    fn write_length(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let had = self.payload.len();
        match self.needed() {
            Some(needed) if had < needed => write!(f, ", {} of {needed} octets missing", needed - had),
            Some(needed) if had > needed => write!(f, ", {} octets follow", had - needed),
            Some(_) => Ok(()),
            None if had < field::ADDRESSES => write!(f, ", ends after {had} octets"),
            None => write!(f, ", {had} octets of an unknown layout"),
        }
    }
}

/// The checksum that belongs where `found` is. `residue` was computed over a message that still had `found` in it.
const fn expected(found: u16, residue: u16) -> u16 {
    let (sum, carry) = found.overflowing_add(residue);
    sum + carry as u16
}

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {} ttl {}: ", self.endpoints.source(), self.endpoints.destination(), self.ttl)?;
        if let (true, [_, vhid, skew, ..]) = (self.is_carp(), self.payload) {
            return write!(f, "CARP advertisement, vhid {vhid}, advskew {skew}");
        }
        f.write_str("VRRP")?;
        if let (Some(version), Some(kind)) = (self.version(), self.kind()) {
            match kind {
                TYPE_ADVERTISEMENT => write!(f, "v{version} advertisement")?,
                other => write!(f, "v{version} type {other}")?,
            }
        }
        if let Some(vrid) = self.vrid() {
            write!(f, ", vrid {vrid}")?;
        }
        match self.priority() {
            Some(0) => f.write_str(", priority 0 (release)")?,
            Some(priority) => write!(f, ", priority {priority}")?,
            None => {}
        }
        match self.interval_centis().map(AdvertInterval::from_centis) {
            Some(Ok(interval)) => write!(f, ", interval {interval}")?,
            Some(Err(_)) => f.write_str(", interval 0")?,
            None => {}
        }
        if let Some(kind) = self.auth_type() {
            write!(f, ", auth type {kind}")?;
        }
        if self.address_count() == Some(0) {
            f.write_str(", no address")?;
        }
        for (at, address) in self.addresses().enumerate() {
            f.write_str(if at == 0 { ", addresses " } else { " " })?;
            write!(f, "{address}")?;
        }
        self.write_checksum(f)?;
        self.write_length(f)
    }
}

impl fmt::Debug for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dump({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AddressList, Message, Packet};
    use super::*;
    use crate::types::{Password, Priority, Vrid};
    use std::string::{String, ToString};
    use std::vec::Vec;

    const V4: Endpoints =
        Endpoints::V4 { source: Ipv4Addr::new(192, 0, 2, 251), destination: Ipv4Addr::new(224, 0, 0, 18) };
    const V6: Endpoints = Endpoints::V6 {
        source: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x251),
        destination: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12),
    };

    fn message(version: Version, endpoints: Endpoints, checksum: ChecksumForm) -> Vec<u8> {
        let addresses: &[IpAddr] = match endpoints.family() {
            Family::Ipv4 => &["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()],
            Family::Ipv6 => &["fe80::1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        };
        let message = Message {
            version,
            vrid: Vrid::new(7).unwrap(),
            priority: Some(Priority::new(200).unwrap()),
            interval: AdvertInterval::from_centis(300).unwrap(),
            password: (version == Version::V2).then(|| Password::new(b"secret").unwrap()),
            addresses: AddressList::new(addresses).unwrap(),
            checksum,
        };
        let mut octets = std::vec![0; message.len()];
        message.write(endpoints, &mut octets).unwrap();
        octets
    }

    fn print(octets: &[u8], endpoints: Endpoints) -> String {
        Dump::new(octets, endpoints, 255).to_string()
    }

    #[test]
    fn a_message_is_printed_without_its_password() {
        let v2 = message(Version::V2, V4, ChecksumForm::Message);
        let sum = u16::from_be_bytes([v2[6], v2[7]]);
        assert_eq!(
            print(&v2, V4),
            std::format!(
                "192.0.2.251 > 224.0.0.18 ttl 255: VRRPv2 advertisement, vrid 7, priority 200, interval 3 s, auth type 1, \
                 addresses 192.0.2.1 192.0.2.2, checksum {sum:#06x} right"
            )
        );
        let v3 = message(Version::V3, V6, ChecksumForm::PseudoHeader);
        let sum = u16::from_be_bytes([v3[6], v3[7]]);
        assert_eq!(
            print(&v3, V6),
            std::format!(
                "fe80::251 > ff02::12 ttl 255: VRRPv3 advertisement, vrid 7, priority 200, interval 3 s, \
                 addresses fe80::1 2001:db8::1, checksum {sum:#06x} right with pseudo-header"
            )
        );
    }

    #[test]
    fn a_wrong_checksum_names_the_right_ones() {
        let mut v3 = message(Version::V3, V4, ChecksumForm::Message);
        let plain = u16::from_be_bytes([v3[6], v3[7]]);
        let pseudo = message(Version::V3, V4, ChecksumForm::PseudoHeader);
        let pseudo = u16::from_be_bytes([pseudo[6], pseudo[7]]);
        (v3[6], v3[7]) = (0xab, 0xcd);
        let line = print(&v3, V4);
        let expected =
            std::format!("checksum 0xabcd wrong: {plain:#06x} expected, or {pseudo:#06x} with pseudo-header");
        assert!(line.ends_with(&expected), "{line}, not {expected}");
    }

    #[test]
    fn what_no_receiver_takes_is_printed_too() {
        assert!(print(&[], V4).ends_with("VRRP, ends after 0 octets"));
        assert!(print(&[0x41; 40], V6).ends_with("VRRPv4 advertisement, 40 octets of an unknown layout"));
        assert!(print(&[0x75, 1, 1, 1, 1, 1, 1, 1], V4).contains("VRRPv7 type 5, 8 octets"));
        let line = print(&[0x31, 0, 0, 0, 0, 0, 0xce, 0xff, 9, 9], V4);
        assert!(line.contains("vrid 0, priority 0 (release), interval 0, no address"), "{line}");
        assert!(line.ends_with("checksum 0xceff right, 2 octets follow"), "{line}");
    }

    /// Uses the form of keepalived: no authentication data, and the kernel puts a pseudo-header into the checksum.
    #[test]
    fn version_2_over_ipv6_is_printed_with_and_without_authentication_data() {
        let mut octets = message(Version::V3, V6, ChecksumForm::PseudoHeader);
        (octets[0], octets[4], octets[5]) = (0x21, 0, 3);
        let says =
            "VRRPv2 advertisement, vrid 7, priority 200, interval 3 s, auth type 0, addresses fe80::1 2001:db8::1, ";
        for trailer in [0, 8] {
            octets.resize(40 + trailer, 0);
            for form in [ChecksumForm::PseudoHeader, ChecksumForm::Message] {
                octets[6..8].fill(0);
                let plain = Endpoints::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                let (endpoints, right) = match form {
                    ChecksumForm::PseudoHeader => (V6, "right with pseudo-header"),
                    ChecksumForm::Message => (plain.unwrap(), "right"),
                };
                let sum = checksum::compute(Version::V2, form, &octets, &endpoints);
                octets[6..8].copy_from_slice(&sum.to_be_bytes());
                let line = print(&octets, V6);
                assert!(line.contains(says), "{line}");
                assert!(line.ends_with(&std::format!("checksum {sum:#06x} {right}")), "{line}");
                assert_eq!(Dump::new(&octets, V6, 255).checksum_form(), Some(form));
            }
        }
        let line = print(&octets[..39], V6);
        assert!(line.contains("addresses fe80::1, ") && line.ends_with("unknown, 1 of 40 octets missing"), "{line}");
    }

    #[test]
    fn what_others_make_of_the_protocol_is_named() {
        let mut carp = [0xc5; 36];
        carp[..6].copy_from_slice(&[0x21, 9, 100, 7, 0, 1]);
        assert_eq!(print(&carp, V4), "192.0.2.251 > 224.0.0.18 ttl 255: CARP advertisement, vhid 9, advskew 100");
        assert!(Dump::new(&carp, V4, 255).is_carp() && !Dump::new(&carp[..35], V4, 255).is_carp());

        let mut cisco = message(Version::V2, V4, ChecksumForm::Message);
        cisco[4] = 254;
        cisco.extend([0x5c; 30]);
        cisco[6..8].fill(0);
        let sum = checksum::compute(Version::V2, ChecksumForm::Message, &cisco, &V4);
        cisco[6..8].copy_from_slice(&sum.to_be_bytes());
        assert!(print(&cisco, V4).ends_with(&std::format!("checksum {sum:#06x} right, 30 octets follow")));

        let source = V4.source();
        let to_one = Endpoints::new(source, "192.0.2.252".parse().unwrap()).unwrap();
        let of_the_group = message(Version::V3, V4, ChecksumForm::PseudoHeader);
        let line = print(&of_the_group, to_one);
        assert!(
            line.ends_with("right with the pseudo-header of the group, as keepalived up to 1.3.6 has it"),
            "{line}"
        );
        assert!(print(&of_the_group, V4).ends_with("right with pseudo-header"));
    }

    #[test]
    fn every_prefix_says_what_is_missing_and_nothing_else() {
        for (version, endpoints, form) in
            [(Version::V2, V4, ChecksumForm::Message), (Version::V3, V6, ChecksumForm::PseudoHeader)]
        {
            let whole = message(version, endpoints, form);
            let full = Dump::new(&whole, endpoints, 255);
            for len in 0..whole.len() {
                let cut = Dump::new(&whole[..len], endpoints, 255);
                assert!(cut.vrid().is_none() || cut.vrid() == full.vrid());
                assert!(cut.interval_centis().is_none() || cut.interval_centis() == full.interval_centis());
                assert!(full.addresses().collect::<Vec<_>>().starts_with(&cut.addresses().collect::<Vec<_>>()));
                assert_eq!(cut.checksum_form(), None);
                let line = cut.to_string();
                assert!(line.contains(" missing") || line.contains("ends after"), "{len}: {line}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_octets_print_in_bounds_and_as_the_parser_reads_them(
            octets in proptest::collection::vec(proptest::num::u8::ANY, 0..5000), version in 0x20_u8..0x40, v6: bool
        ) {
            let endpoints = if v6 { V6 } else { V4 };
            let mut octets = octets;
            if let Some(first) = octets.first_mut() {
                *first = version;
            }
            let dump = Dump::new(&octets, endpoints, 255);
            proptest::prop_assert!(dump.to_string().len() < 12_000);
            let Some(layout) = dump.layout() else { return Ok(()) };
            if let Ok(packet) = Packet::parse(layout, &octets, endpoints) {
                proptest::prop_assert_eq!(dump.checksum_form(), Some(packet.checksum()));
                proptest::prop_assert_eq!(dump.addresses().collect::<Vec<_>>(), packet.addresses().collect::<Vec<_>>());
            }
        }
    }
}
