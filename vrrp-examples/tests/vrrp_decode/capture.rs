//! Captures made here: our own packets, in every link layer.

use std::net::IpAddr;

use vrrp_core::wire::{AddressList, ChecksumForm, Endpoints, Message};
use vrrp_core::{AdvertInterval, Password, Priority, Version, Vrid};

/// How a pcap file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) big_endian: bool,
    pub(crate) nanoseconds: bool,
}

pub(crate) const LITTLE: Style = Style { big_endian: false, nanoseconds: false };
pub(crate) const STYLES: [Style; 4] = [
    LITTLE,
    Style { big_endian: true, nanoseconds: false },
    Style { big_endian: false, nanoseconds: true },
    Style { big_endian: true, nanoseconds: true },
];

impl Style {
    fn word(self, word: u32) -> [u8; 4] {
        if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
    }

    fn half(self, half: u16) -> [u8; 2] {
        if self.big_endian { half.to_be_bytes() } else { half.to_le_bytes() }
    }

    pub(crate) fn pcap(self, link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
        let magic = if self.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let version = [self.half(2), self.half(4)].concat();
        let rest = [0, 0, 1 << 16, link].map(|word| self.word(word)).concat();
        let mut file = [&self.word(magic)[..], &version, &rest].concat();
        for (at, frame) in frames.iter().enumerate() {
            file.extend(self.record(at as u32, frame, frame.len()));
        }
        file
    }

    /// The record of a frame of which the first octets were captured.
    pub(crate) fn record(self, at: u32, captured: &[u8], length: usize) -> Vec<u8> {
        let header = [1_700_000_000 + at, 123_456 + at, captured.len() as u32, length as u32];
        [&header.map(|word| self.word(word)).concat()[..], captured].concat()
    }
}

/// A pcapng file: a section, an interface, and blocks of any type with a right length and any content.
pub(crate) fn pcapng(big_endian: bool, link: u16, resolution: u8, blocks: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let word = |word: u32| if big_endian { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if big_endian { half.to_be_bytes() } else { half.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let length = word(12 + body.len() as u32);
        [&word(kind)[..], &length, body, &length].concat()
    };
    let section = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
    let options = [&half(9)[..], &half(1), &[resolution, 0, 0, 0], &half(14), &half(8), &[0x7f; 8], &[0; 4]].concat();
    let interface = [&half(link)[..], &half(0), &word(0), &options].concat();
    let mut file = [block(0x0a0d_0d0a, &section), block(1, &interface)].concat();
    blocks.iter().for_each(|(kind, body)| file.extend(block(*kind, body)));
    file
}

/// Octets before the IP packet: for one link type, by EtherType and length of the packet.
pub(crate) struct Link {
    pub(crate) number: u32,
    header: fn(u16, usize) -> Vec<u8>,
    /// Families that it carries.
    versions: &'static [u8],
}

impl Link {
    /// Frames of those packets that the link type can carry.
    pub(crate) fn frames(&self, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let carried = packets.iter().filter(|packet| self.versions.contains(&(packet[0] >> 4)));
        let frame = |packet: &Vec<u8>| {
            let ethertype = if packet[0] >> 4 == 4 { 0x0800 } else { 0x86dd };
            [(self.header)(ethertype, packet.len()), packet.clone()].concat()
        };
        carried.map(frame).collect()
    }
}

pub(crate) fn ethernet(tags: &[u8], ethertype: u16) -> Vec<u8> {
    [&[1, 0, 0x5e, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 7], tags, &ethertype.to_be_bytes()].concat()
}

fn family(ethertype: u16) -> u32 {
    if ethertype == 0x0800 { 2 } else { 24 }
}

const BOTH: &[u8] = &[4, 6];
/// Every link layer that is read.
pub(crate) const LINKS: [Link; 26] = [
    Link { number: 1, header: |kind, _| ethernet(&[], kind), versions: BOTH },
    Link { number: 1, header: |kind, _| ethernet(&[0x81, 0, 0, 5], kind), versions: BOTH },
    Link { number: 1, header: |kind, _| ethernet(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5], kind), versions: BOTH },
    Link {
        number: 113,
        header: |kind, _| [&[0, 2, 0, 1, 0, 6, 0, 0, 0x5e, 0, 1, 7, 0, 0], &kind.to_be_bytes()[..]].concat(),
        versions: BOTH,
    },
    Link {
        number: 276,
        header: |kind, _| {
            [&kind.to_be_bytes()[..], &[0, 0, 0, 0, 0, 3, 0, 1, 2, 6, 0, 0, 0x5e, 0, 1, 7, 0, 0]].concat()
        },
        versions: BOTH,
    },
    Link { number: 101, header: |_, _| vec![], versions: BOTH },
    Link { number: 12, header: |_, _| vec![], versions: BOTH },
    Link { number: 14, header: |_, _| vec![], versions: BOTH },
    Link { number: 228, header: |_, _| vec![], versions: &[4] },
    Link { number: 229, header: |_, _| vec![], versions: &[6] },
    Link { number: 0, header: |kind, _| family(kind).to_le_bytes().to_vec(), versions: BOTH },
    Link { number: 108, header: |kind, _| family(kind).to_be_bytes().to_vec(), versions: BOTH },
    Link { number: 1, header: |kind, len| length_and(8 + len, &SNAP, kind), versions: BOTH },
    Link {
        number: 1,
        header: |kind, len| {
            let mut frame = length_and(8 + len, &SNAP, kind);
            frame.splice(12..12, [0x81, 0, 0, 5]);
            frame
        },
        versions: BOTH,
    },
    Link { number: 1, header: |_, len| [&ethernet(&[], (3 + len) as u16)[..], &[6, 6, 3]].concat(), versions: &[4] },
    Link { number: 1, header: |kind, len| [ethernet(&[], 0x8864), session(kind, len)].concat(), versions: BOTH },
    Link {
        number: 1,
        header: |kind, len| [ethernet(&[0x81, 0, 0, 5], 0x8864), session(kind, len)].concat(),
        versions: BOTH,
    },
    Link {
        number: 1,
        header: |_, _| [&ethernet(&[], 0x8847)[..], &[0, 1, 0, 255, 0, 2, 1, 255]].concat(),
        versions: BOTH,
    },
    Link {
        number: 113,
        header: |kind, _| {
            [&[0, 2, 0, 1, 0, 6, 0, 0, 0x5e, 0, 1, 7, 0, 0, 0, 4][..], &SNAP, &kind.to_be_bytes()].concat()
        },
        versions: BOTH,
    },
    Link { number: 9, header: |kind, _| [&[0xff, 3], &ppp(kind)[..]].concat(), versions: BOTH },
    Link { number: 50, header: |kind, _| [&[0xff, 3], &ppp(kind)[..]].concat(), versions: BOTH },
    Link { number: 51, header: session, versions: BOTH },
    Link { number: 100, header: |kind, _| [&SNAP[..], &kind.to_be_bytes()].concat(), versions: BOTH },
    Link { number: 104, header: |kind, _| [&[0x0f, 0], &kind.to_be_bytes()[..]].concat(), versions: BOTH },
    Link {
        number: 107,
        header: |kind, _| vec![0x18, 0x41, 3, if kind == 0x0800 { 0xcc } else { 0x8e }],
        versions: BOTH,
    },
    Link {
        number: 107,
        header: |kind, _| [&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0][..], &kind.to_be_bytes()].concat(),
        versions: BOTH,
    },
];

const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// Ethernet with a length in place of the type.
fn length_and(length: usize, llc: &[u8], ethertype: u16) -> Vec<u8> {
    [&ethernet(&[], length as u16)[..], llc, &ethertype.to_be_bytes()].concat()
}

fn ppp(ethertype: u16) -> [u8; 2] {
    if ethertype == 0x0800 { [0, 0x21] } else { [0, 0x57] }
}

/// Of PPPoE.
fn session(ethertype: u16, len: usize) -> Vec<u8> {
    [&[0x11, 0, 0, 1][..], &(2 + len as u16).to_be_bytes(), &ppp(ethertype)].concat()
}

/// Our own packets: every version, family and form, 1 to 20 addresses.
pub(crate) fn packets() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for count in [1, 2, 20] {
        for (version, password, priority, form) in [
            (Version::V2, None, Some(100), ChecksumForm::Message),
            (Version::V2, Some("secret"), Some(255), ChecksumForm::Message),
            (Version::V2, Some("eight888"), None, ChecksumForm::Message),
            (Version::V3, None, Some(1), ChecksumForm::Message),
            (Version::V3, None, Some(200), ChecksumForm::PseudoHeader),
        ] {
            let v4 = (1..=count).map(|n| IpAddr::from([192, 0, 2, n])).collect::<Vec<_>>();
            all.push(packet("192.0.2.251", "224.0.0.18", version, password, priority, form, &v4));
        }
        for priority in [Some(150), None] {
            let mut v6: Vec<IpAddr> = vec!["fe80::1".parse().unwrap()];
            v6.extend((1..count).map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)])));
            let form = ChecksumForm::PseudoHeader;
            all.push(packet("fe80::251", "ff02::12", Version::V3, None, priority, form, &v6));
            all.push(packet("2001:db8::251", "2001:db8::252", Version::V3, None, priority, form, &v6));
        }
    }
    all
}

/// Packets that no receiver accepts, each whole, and each wrong in one way.
pub(crate) fn refused() -> Vec<Vec<u8>> {
    let v4 = [IpAddr::from([192, 0, 2, 1])];
    let make = |version| packet("192.0.2.251", "224.0.0.18", version, None, Some(100), ChecksumForm::PseudoHeader, &v4);
    let wrong = |version, at: usize, octet: u8| {
        let mut packet = make(version);
        packet[at] = octet;
        packet
    };
    const MESSAGE: usize = 20;
    let mut all = vec![wrong(Version::V2, 8, 254), wrong(Version::V3, 8, 1)];
    for version in [Version::V2, Version::V3] {
        let nibble = if version == Version::V2 { 0x20 } else { 0x30 };
        all.push(wrong(version, MESSAGE, nibble | 2));
        all.push(wrong(version, MESSAGE + 1, 0));
        all.push(wrong(version, MESSAGE + 4, 2));
        all.push(wrong(version, MESSAGE + 5, 0));
        all.push(wrong(version, MESSAGE + 6, 0xee));
    }
    all
}

/// The first packet of ours of each family behind whatever may stand between the IP header and the message.
pub(crate) fn wrapped() -> Vec<Vec<u8>> {
    /// An authentication header, with 112 next.
    const AUTHENTICATION: [u8; 24] = [112, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    let all = packets();
    let first = |version: u8| all.iter().find(|packet| packet[0] >> 4 == version).unwrap();
    let insert = |packet: &[u8], at: usize, protocol: u8, headers: &[u8]| {
        let mut packet = [&packet[..at], headers, &packet[at..]].concat();
        let (length, next) = if at == 20 { (3, 9) } else { (5, 6) };
        packet[length] += headers.len() as u8;
        packet[next] = protocol;
        packet
    };
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let mut router_alert = insert(first(4), 20, 112, &[0x94, 4, 0, 0]);
    router_alert[0] = 0x46;
    vec![
        router_alert,
        insert(first(4), 20, 51, &AUTHENTICATION),
        insert(first(6), 40, 51, &AUTHENTICATION),
        insert(first(6), 40, 0, &options(112)),
        insert(first(6), 40, 0, &[&options(60)[..], &options(51), &AUTHENTICATION].concat()),
        // As a network card pads it.
        [&first(4)[..], &[0xa5; 30]].concat(),
        [&first(6)[..], &[0xa5; 3]].concat(),
    ]
}

#[allow(clippy::too_many_arguments, reason = "one for each field")]
fn packet(
    source: &str,
    destination: &str,
    version: Version,
    password: Option<&str>,
    priority: Option<u8>,
    checksum: ChecksumForm,
    addresses: &[IpAddr],
) -> Vec<u8> {
    let ends = Endpoints::new(source.parse().unwrap(), destination.parse().unwrap()).unwrap();
    let message = Message {
        version,
        vrid: Vrid::new(7).unwrap(),
        priority: priority.map(|priority| Priority::new(priority).unwrap()),
        interval: AdvertInterval::from_centis(if version == Version::V2 { 300 } else { 1234 }).unwrap(),
        password: password.map(|password| Password::new(password.as_bytes()).unwrap()),
        addresses: AddressList::new(addresses).unwrap(),
        checksum,
    };
    let mut octets = vec![0; message.len()];
    message.write(ends, &mut octets).unwrap();
    let len = octets.len() as u16;
    let header = match ends {
        Endpoints::V4 { source, destination } => {
            let [high, low] = (20 + len).to_be_bytes();
            let first = [0x45, 0xc0, high, low, 0, 1, 0x40, 0, 255, 112, 0, 0];
            [&first[..], &source.octets(), &destination.octets()].concat()
        }
        Endpoints::V6 { source, destination } => {
            let [high, low] = len.to_be_bytes();
            [&[0x60, 0, 0, 0, high, low, 112, 255][..], &source.octets(), &destination.octets()].concat()
        }
    };
    [header, octets].concat()
}
