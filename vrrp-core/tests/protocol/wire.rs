//! Octets: the worked vectors, what keepalived really sends, and everything that is no advertisement.

use std::net::IpAddr;

use crate::common::{PROFILES, Raw, centis, families, host, priority, virtual_addresses};
use proptest::prelude::*;
use vrrp_core::wire::{
    AddressList, AddressListError, BufferTooSmall, ChecksumForm, Endpoints, Message, Packet, ParseError,
};
use vrrp_core::{AdvertInterval, Family, Password, Priority, Version, Vrid};

/// A datagram's payload and all that it says.
struct Vector {
    what: &'static str,
    octets: &'static str,
    version: Version,
    source: &'static str,
    vrid: u8,
    /// 0 is the release.
    priority: u8,
    centis: u16,
    password: Option<&'static [u8]>,
    addresses: &'static [&'static str],
    checksum: ChecksumForm,
}

const PLAIN: Vector = Vector {
    what: "",
    octets: "",
    version: Version::V2,
    source: "192.0.2.2",
    vrid: 1,
    priority: 100,
    centis: 100,
    password: None,
    addresses: &["192.0.2.1"],
    checksum: ChecksumForm::Message,
};

const VECTORS: &[Vector] = &[
    Vector { what: "A: version 2", octets: "210164010001b8fa c0000201 0000000000000000", ..PLAIN },
    Vector {
        what: "B: version 2 with password",
        octets: "2101640101017bae c0000201 7365637265740000",
        password: Some(b"secret"),
        ..PLAIN
    },
    Vector {
        what: "C: version 3 over IPv4, RFC 9568",
        octets: "310164010064a897 c0000201",
        version: Version::V3,
        ..PLAIN
    },
    Vector {
        what: "D: version 3 over IPv4, RFC 5798 as deployed",
        octets: "3101640100640606 c0000201",
        version: Version::V3,
        checksum: ChecksumForm::PseudoHeader,
        ..PLAIN
    },
    Vector {
        what: "E: IPv6",
        octets: "310164020064df2c fe8000000000000002005efffe000201 20010db8000000000000000000000001",
        version: Version::V3,
        source: "fe80::1",
        addresses: &["fe80::200:5eff:fe00:201", "2001:db8::1"],
        checksum: ChecksumForm::PseudoHeader,
        ..PLAIN
    },
    Vector {
        what: "F: the largest values, and the release",
        octets: "31ff00020fff38ff c0000201 c00002fe",
        version: Version::V3,
        vrid: 255,
        priority: 0,
        centis: 4095,
        addresses: &["192.0.2.1", "192.0.2.254"],
        ..PLAIN
    },
    // Payloads captured from keepalived 2.2.7 (Debian 1:2.2.7-1+b2) on a virtual Ethernet pair.
    Vector {
        what: "keepalived, version 2",
        octets: "21339601000186c8 c0000201 0000000000000000",
        vrid: 51,
        priority: 150,
        ..PLAIN
    },
    Vector {
        what: "keepalived, version 2, release",
        octets: "2133000100011cc9 c0000201 0000000000000000",
        vrid: 51,
        priority: 0,
        ..PLAIN
    },
    Vector {
        what: "keepalived, version 2, auth_type PASS",
        octets: "213464020102b96e c0000205 c0000206 7365637265740000",
        vrid: 52,
        centis: 200,
        password: Some(b"secret"),
        addresses: &["192.0.2.5", "192.0.2.6"],
        ..PLAIN
    },
    Vector {
        what: "keepalived, version 2, auth_type PASS, release",
        octets: "2134000201021d6f c0000205 c0000206 7365637265740000",
        vrid: 52,
        priority: 0,
        centis: 200,
        password: Some(b"secret"),
        addresses: &["192.0.2.5", "192.0.2.6"],
        ..PLAIN
    },
    Vector {
        what: "keepalived, version 3 over IPv4: the checksum of RFC 5798",
        octets: "3135c8010032a1fd c0000207",
        version: Version::V3,
        vrid: 53,
        priority: 200,
        centis: 50,
        addresses: &["192.0.2.7"],
        checksum: ChecksumForm::PseudoHeader,
        ..PLAIN
    },
    Vector {
        what: "keepalived, version 3 over IPv4, 0.1 s",
        octets: "3137fe01000a6c22 c0000208",
        version: Version::V3,
        vrid: 55,
        priority: 254,
        centis: 10,
        addresses: &["192.0.2.8"],
        checksum: ChecksumForm::PseudoHeader,
        ..PLAIN
    },
    Vector {
        what: "keepalived, IPv6",
        octets: "3136c8020064db51 fe800000000000000000000000000054 20010db8000000000000000000000054",
        version: Version::V3,
        source: "fe80::1",
        vrid: 54,
        priority: 200,
        addresses: &["fe80::54", "2001:db8::54"],
        checksum: ChecksumForm::PseudoHeader,
        ..PLAIN
    },
];

impl Vector {
    fn octets(&self) -> Vec<u8> {
        let digits: String = self.octets.split_whitespace().collect();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    fn endpoints(&self) -> Endpoints {
        let source: IpAddr = self.source.parse().unwrap();
        Endpoints::new(source, Family::of(source).group()).unwrap()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.iter().map(|address| address.parse().unwrap()).collect()
    }
}

#[test]
fn vectors_are_read() {
    for vector in VECTORS {
        let octets = vector.octets();
        let packet = Packet::parse(vector.version, &octets, vector.endpoints()).expect(vector.what);
        assert_eq!(packet.version(), vector.version, "{}", vector.what);
        assert_eq!(packet.vrid(), Vrid::new(vector.vrid).ok());
        assert_eq!(packet.priority(), Priority::from_wire(vector.priority), "{}", vector.what);
        assert_eq!(packet.interval(), Some(centis(vector.centis)), "{}", vector.what);
        assert_eq!(packet.addresses().collect::<Vec<_>>(), vector.addresses());
        assert_eq!(usize::from(packet.address_count()), vector.addresses.len());
        assert_eq!((packet.checksum(), packet.trailing()), (vector.checksum, 0), "{}", vector.what);
        match (vector.version, vector.password) {
            (Version::V3, _) => assert!(packet.auth().is_none()),
            (Version::V2, None) => assert!(packet.auth().is_some_and(|auth| auth.kind == 0 && *auth.data == [0; 8])),
            (Version::V2, Some(text)) => {
                let auth = packet.auth().unwrap();
                assert!(auth.kind == 1 && Password::new(text).unwrap().matches(auth.data), "{}", vector.what);
            }
        }
    }
}

#[test]
fn vectors_are_written() {
    for vector in VECTORS {
        let addresses = vector.addresses();
        let message = Message {
            version: vector.version,
            vrid: Vrid::new(vector.vrid).unwrap(),
            priority: Priority::from_wire(vector.priority),
            interval: centis(vector.centis),
            password: vector.password.map(|text| Password::new(text).unwrap()),
            addresses: AddressList::new(&addresses).unwrap(),
            checksum: vector.checksum,
        };
        let expected = vector.octets();
        let mut out = [0xaa; 64];
        assert_eq!(message.write(vector.endpoints(), &mut out), Ok(expected.len()), "{}", vector.what);
        assert_eq!(out[..expected.len()], expected, "{}", vector.what);
        assert!(out[expected.len()..].iter().all(|octet| *octet == 0xaa), "nothing is written behind the message");

        let needed = message.len();
        let mut small = vec![0xaa; needed - 1];
        assert_eq!(message.write(vector.endpoints(), &mut small), Err(BufferTooSmall { needed, had: needed - 1 }));
        assert!(small.iter().all(|octet| *octet == 0xaa), "nothing is written at all");
    }
}

/// PKT-15, RX-03, RX-06.
#[test]
fn every_truncation_is_too_short_and_says_by_how_much() {
    for vector in VECTORS {
        let octets = vector.octets();
        for had in 0..octets.len() {
            let needed = if had < 8 { 8 } else { octets.len() };
            let error = Packet::parse(vector.version, &octets[..had], vector.endpoints()).unwrap_err();
            assert_eq!(error, ParseError::TooShort { needed, had }, "{}", vector.what);
        }
    }
}

/// PKT-25, AMB-08, EXT-07: the trailer that keepalived's auth_hmac adds has 28 octets.
#[test]
fn what_follows_the_message_is_counted_but_never_summed() {
    for vector in VECTORS {
        let message = vector.octets();
        for trailing in [1, 28, 64] {
            let octets = [&message[..], &vec![0xa5; trailing]].concat();
            let packet = Packet::parse(vector.version, &octets, vector.endpoints()).expect(vector.what);
            assert_eq!((packet.trailing(), packet.addresses().count()), (trailing, vector.addresses.len()));
        }
        let octets = [&message[..], &[0; 65]].concat();
        let error = Packet::parse(vector.version, &octets, vector.endpoints()).unwrap_err();
        assert_eq!(error, ParseError::TooLong { trailing: 65 });
    }
}

/// PKT-05, PKT-11: every count, with as many addresses and with one too few.
#[test]
fn every_count_takes_exactly_its_addresses() {
    for profile in PROFILES {
        for &family in families(profile) {
            for count in 0..=255 {
                let addresses = vec![virtual_addresses(family)[1]; usize::from(count)];
                let raw = Raw { count, addresses, ..Raw::new(profile, family, 9, 100) };
                let octets = raw.octets();
                let packet = Packet::parse(profile.version(), &octets, raw.endpoints()).unwrap();
                assert_eq!(packet.address_count(), count);
                assert_eq!(packet.addresses().len(), usize::from(count));
                assert!(packet.addresses().all(|address| address == virtual_addresses(family)[1]));
                if let Some(auth) = packet.auth() {
                    assert_eq!(*auth.data, [0; 8], "behind the addresses");
                }

                let short = &octets[..octets.len() - 1];
                let error = Packet::parse(profile.version(), short, raw.endpoints()).unwrap_err();
                assert_eq!(error, ParseError::TooShort { needed: octets.len(), had: short.len() });
            }
        }
    }
}

#[test]
fn the_longest_message_is_written_and_read() {
    let addresses: Vec<IpAddr> = (0..=255).map(|n| host(Family::Ipv6, n)).collect();
    assert_eq!(AddressList::new(&addresses), Err(AddressListError::TooMany(256)));
    assert_eq!(AddressList::new(&[]), Err(AddressListError::Empty));
    let mixed = [host(Family::Ipv6, 1), host(Family::Ipv4, 1)];
    assert_eq!(AddressList::new(&mixed), Err(AddressListError::MixedFamilies(mixed[1])));

    let endpoints = Endpoints::new(host(Family::Ipv6, 1), Family::Ipv6.group()).unwrap();
    let message = message(&addresses[1..], Version::V3);
    let mut out = [0; 4088];
    assert_eq!((message.write(endpoints, &mut out), message.len(), message.is_empty()), (Ok(4088), 4088, false));
    let packet = Packet::parse(Version::V3, &out, endpoints).unwrap();
    assert!(packet.addresses().eq(addresses[1..].iter().copied()));
}

fn message(addresses: &[IpAddr], version: Version) -> Message<'_> {
    Message {
        version,
        vrid: Vrid::new(1).unwrap(),
        priority: Some(priority(100)),
        interval: AdvertInterval::DEFAULT,
        password: None,
        addresses: AddressList::new(addresses).unwrap(),
        checksum: ChecksumForm::Message,
    }
}

/// PKT-06: not examined when received, zero when sent.
#[test]
fn the_reserved_nibble_is_ignored() {
    for family in [Family::Ipv4, Family::Ipv6] {
        for reserved in 0..16 {
            let raw = Raw {
                reserved_or_auth: reserved,
                interval: 0x0f_ff,
                ..Raw::new(vrrp_core::Profile::Rfc9568, family, 9, 100)
            };
            let octets = raw.octets();
            assert_eq!(Packet::parse(Version::V3, &octets, raw.endpoints()).unwrap().interval(), Some(centis(4095)));
        }
    }
    let addresses = virtual_addresses(Family::Ipv4);
    let endpoints = Endpoints::new(host(Family::Ipv4, 9), Family::Ipv4.group()).unwrap();
    let mut out = [0; 16];
    Message { interval: centis(25_500), ..message(&addresses, Version::V3) }.write(endpoints, &mut out).unwrap();
    assert_eq!(out[4..6], [0x0f, 0xff], "the nearest that fits, never cut off to something small");
}

/// PKT-08, INT-06: whole seconds, rounded up and so never zero.
#[test]
fn version_2_sends_whole_seconds_rounded_up() {
    let addresses = virtual_addresses(Family::Ipv4);
    let endpoints = Endpoints::new(host(Family::Ipv4, 9), Family::Ipv4.group()).unwrap();
    for (interval, octet) in [(1, 1), (99, 1), (100, 1), (101, 2), (199, 2), (200, 2), (25_500, 255)] {
        let mut out = [0; 24];
        Message { interval: centis(interval), ..message(&addresses, Version::V2) }.write(endpoints, &mut out).unwrap();
        assert_eq!(out[4..6], [0, octet], "{interval} cs");
    }
}

/// PKT-20 to PKT-23.
#[test]
fn every_flipped_bit_is_detected() {
    for vector in VECTORS {
        let octets = vector.octets();
        for bit in 0..8 * octets.len() {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Packet::parse(vector.version, &flipped, vector.endpoints()).is_err(), "{} bit {bit}", vector.what);
        }
    }
}

/// PKT-01, PKT-02, RX-04, RX-05.
#[test]
fn other_versions_and_types_are_named() {
    let vector = &VECTORS[0];
    for (first, expected, error) in [
        (0x31, Version::V2, ParseError::Version { found: 3, expected: Version::V2 }),
        (0x21, Version::V3, ParseError::Version { found: 2, expected: Version::V3 }),
        (0xf1, Version::V3, ParseError::Version { found: 15, expected: Version::V3 }),
        (0x20, Version::V2, ParseError::Type { found: 0 }),
        (0x27, Version::V2, ParseError::Type { found: 7 }),
    ] {
        let mut octets = vector.octets();
        octets[0] = first;
        assert_eq!(Packet::parse(expected, &octets, vector.endpoints()), Err(error));
    }
    // AMB-32
    let v6 = Endpoints::new(host(Family::Ipv6, 1), Family::Ipv6.group()).unwrap();
    let error = Packet::parse(Version::V2, &vector.octets(), v6).unwrap_err();
    assert_eq!(error.to_string(), "version 2, expected 3: configure the same version on every router");
}

/// An advertisement of CARP: VHID, advskew, four octets of lengths and intervals, counter and HMAC.
fn carp(octets: usize) -> Vec<u8> {
    let mut message = vec![0x21, 1, 100, 7, 0, 1, 0x12, 0x34];
    message.resize(octets, 0xc5);
    message
}

/// RX-04, RX-06: for version 2 its length is wrong, for version 3 its version; either way it is named.
#[test]
fn carp_is_named_and_nothing_else_is_taken_for_it() {
    let v4 = VECTORS[0].endpoints();
    let v6 = Endpoints::new(host(Family::Ipv6, 1), Family::Ipv6.group()).unwrap();
    for (version, endpoints, expected) in
        [(Version::V2, v4, Version::V2), (Version::V3, v4, Version::V3), (Version::V3, v6, Version::V3)]
    {
        let error = Packet::parse(version, &carp(36), endpoints).unwrap_err();
        assert_eq!(error, ParseError::Carp { expected });
        assert!(error.to_string().starts_with("this is CARP, not VRRP: "), "{error}");
    }
    assert_eq!(Packet::parse(Version::V2, &carp(35), v4), Err(ParseError::TooShort { needed: 44, had: 35 }));
    assert!(matches!(Packet::parse(Version::V2, &carp(44), v4), Err(ParseError::Checksum { .. })));
    let mut six_addresses = carp(36);
    six_addresses[3] = 6;
    assert!(matches!(Packet::parse(Version::V2, &six_addresses, v4), Err(ParseError::TooShort { needed: 40, .. })));
}

/// EXT-08: Cisco's checksum covers 30 octets behind the message. It is not asked whether it is right.
#[test]
fn md5_of_another_make_is_named_before_its_checksum() {
    for (trailing, checksum) in [(30, [0xde, 0xad]), (16, [0, 0]), (0, [0xff, 0xff])] {
        let mut octets = VECTORS[0].octets();
        octets[4] = 254;
        octets[6..8].copy_from_slice(&checksum);
        octets.resize(octets.len() + trailing, 0x5c);
        let error = Packet::parse(Version::V2, &octets, VECTORS[0].endpoints()).unwrap_err();
        assert_eq!(error, ParseError::Md5);
        assert!(error.to_string().contains("MD5"), "{error}");
    }
    // In version 3 the octet says something else, and the checksum counts.
    let vector = VECTORS.iter().find(|vector| vector.version == Version::V3).unwrap();
    let mut octets = vector.octets();
    octets[4] = 254;
    assert!(matches!(Packet::parse(Version::V3, &octets, vector.endpoints()), Err(ParseError::Checksum { .. })));
}

/// EXT-03.
#[test]
fn the_packet_type_of_another_make_is_named() {
    assert_eq!(ParseError::Type { found: 2 }.to_string(), "packet type 2, expected 1");
    let extreme = ParseError::Type { found: 7 }.to_string();
    assert!(extreme.starts_with("packet type 7, expected 1: Extreme "), "{extreme}");
}

/// PKT-22: over IPv6 the destination of the header counts, whichever it is; over IPv4 it may (PKT-24).
#[test]
fn the_pseudo_header_covers_the_real_destination() {
    let form = ChecksumForm::PseudoHeader;
    for family in [Family::Ipv4, Family::Ipv6] {
        let (source, peer, other) = (host(family, 1), host(family, 2), host(family, 3));
        let addresses = virtual_addresses(family);
        let endpoints = |destination| Endpoints::new(source, destination).unwrap();
        let message = Message { checksum: form, ..message(&addresses, Version::V3) };
        let mut out = [0; 64];
        let len = message.write(endpoints(peer), &mut out).unwrap();
        let parse = |destination| Packet::parse(Version::V3, &out[..len], endpoints(destination));
        assert_eq!(parse(peer).unwrap().checksum(), form);
        assert!(matches!(parse(other), Err(ParseError::Checksum { .. })));
        assert!(matches!(parse(family.group()), Err(ParseError::Checksum { .. })));
    }
}

/// PKT-24: as keepalived up to 1.3.6 sends version 3 over IPv4 to one router.
#[test]
fn a_pseudo_header_may_name_the_group_where_one_router_is_meant() {
    let form = ChecksumForm::PseudoHeader;
    for family in [Family::Ipv4, Family::Ipv6] {
        let (source, group) = (host(family, 1), family.group());
        let addresses = virtual_addresses(family);
        let endpoints = |destination| Endpoints::new(source, destination).unwrap();
        let mut out = [0; 64];
        let message = Message { checksum: form, ..message(&addresses, Version::V3) };
        let len = message.write(endpoints(group), &mut out).unwrap();
        let parse =
            |destination| Packet::parse(Version::V3, &out[..len], endpoints(destination)).map(|found| found.checksum());
        assert_eq!(parse(group), Ok(form));
        match family {
            Family::Ipv4 => assert_eq!(parse(host(family, 2)), Ok(form)),
            Family::Ipv6 => assert!(matches!(parse(host(family, 2)), Err(ParseError::Checksum { .. }))),
        }
        let other_group = if family == Family::Ipv4 { "224.0.0.1" } else { "ff02::1" }.parse().unwrap();
        assert!(matches!(parse(other_group), Err(ParseError::Checksum { .. })));
    }
}

/// Everything that a message can say.
#[derive(Clone, Debug)]
struct Said {
    version: Version,
    family: Family,
    vrid: u8,
    priority: u8,
    centis: u16,
    password: Option<Vec<u8>>,
    hosts: Vec<u16>,
    pseudo_header: bool,
}

fn any_message() -> impl Strategy<Value = Said> {
    let kinds = vec![(Version::V2, Family::Ipv4), (Version::V3, Family::Ipv4), (Version::V3, Family::Ipv6)];
    let password = prop::option::of(prop::collection::vec(1_u8.., 1..=8));
    let hosts = prop::collection::vec(any::<u16>(), 1..=255);
    (prop::sample::select(kinds), 1_u8.., any::<u8>(), 1_u16..=255, password, hosts, any::<bool>()).prop_map(
        |((version, family), vrid, priority, interval, password, hosts, pseudo_header)| Said {
            version,
            family,
            vrid,
            priority,
            centis: if version == Version::V2 { interval * 100 } else { interval * 16 },
            password: password.filter(|_| version == Version::V2),
            hosts,
            pseudo_header: family == Family::Ipv6 || (pseudo_header && version == Version::V3),
        },
    )
}

fn address(family: Family, n: u16) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::from([10, 1, (n >> 8) as u8, n as u8]),
        Family::Ipv6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]),
    }
}

proptest! {
    /// PKT-16, both ways: what is written is read, and what is read is written to the same octets.
    #[test]
    fn written_and_read_agree(said in any_message()) {
        let Said { version, family, .. } = said;
        let addresses: Vec<IpAddr> = said.hosts.iter().map(|n| address(family, *n)).collect();
        let message = Message {
            version,
            vrid: Vrid::new(said.vrid).unwrap(),
            priority: Priority::from_wire(said.priority),
            interval: centis(said.centis),
            password: said.password.map(|text| Password::new(&text).unwrap()),
            addresses: AddressList::new(&addresses).unwrap(),
            checksum: if said.pseudo_header { ChecksumForm::PseudoHeader } else { ChecksumForm::Message },
        };
        let endpoints = Endpoints::new(host(family, 1), family.group()).unwrap();
        let mut out = [0; 4088];
        let len = message.write(endpoints, &mut out).unwrap();
        let packet = Packet::parse(version, &out[..len], endpoints).unwrap();

        let read: Vec<IpAddr> = packet.addresses().collect();
        let password = packet.auth().filter(|auth| auth.kind == 1).map(|auth| {
            let text = auth.data.iter().position(|octet| *octet == 0).unwrap_or(8);
            Password::new(&auth.data[..text]).unwrap()
        });
        let again = Message {
            version: packet.version(),
            vrid: packet.vrid().unwrap(),
            priority: packet.priority(),
            interval: packet.interval().unwrap(),
            password,
            addresses: AddressList::new(&read).unwrap(),
            checksum: packet.checksum(),
        };
        prop_assert_eq!(again, message);
        let mut rewritten = [0; 4088];
        let relen = again.write(endpoints, &mut rewritten).unwrap();
        prop_assert_eq!(&rewritten[..relen], &out[..len]);
    }

    /// PKT-15.
    #[test]
    fn no_octets_make_the_parser_panic(octets: Vec<u8>, version in 0_u8..4, kind in 0_u8..3) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = version << 4 | kind;
        }
        for version in [Version::V2, Version::V3] {
            for family in [Family::Ipv4, Family::Ipv6] {
                let endpoints = Endpoints::new(host(family, 1), family.group()).unwrap();
                if let Ok(packet) = Packet::parse(version, &octets, endpoints) {
                    prop_assert_eq!(packet.addresses().count(), usize::from(packet.address_count()));
                }
            }
        }
    }
}

#[test]
fn a_packet_that_is_printed_keeps_its_password() {
    for vector in VECTORS.iter().filter(|vector| vector.password.is_some()) {
        let octets = vector.octets();
        let printed = format!("{:?}", Packet::parse(vector.version, &octets, vector.endpoints()).unwrap());
        assert!(printed.contains("auth_type: Some(1)"), "{printed}");
        let password = octets.last_chunk::<8>().map(|octets| format!("{octets:?}")).unwrap();
        assert!(!printed.contains(password.trim_matches(['[', ']'])), "{printed}");
    }
}
