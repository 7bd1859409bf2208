//! Any IP packet: the parser takes its payload for what the RFCs say it is, and the printer says the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::Version;
use vrrp_core::wire::{AddressList, ChecksumForm, Dump, Endpoints, Message, Packet, ParseError};

use super::packet::{self, correct, message_len, sums_up};

pub fn run(input: &[u8]) {
    let Some((endpoints, ttl, payload)) = packet::ip(input) else { return };
    check(payload, endpoints, ttl);
    // Nobody guesses a checksum: with a right one the rest is reached.
    for pseudo_header in [None, Some(endpoints)] {
        let mut payload = payload.to_vec();
        let [first, _, _, count, ..] = payload[..] else { return };
        if let Some(message) = payload.get_mut(..message_len(first >> 4, endpoints, count)) {
            correct(message, pseudo_header);
            check(&payload, endpoints, ttl);
        }
    }
}

fn check(payload: &[u8], endpoints: Endpoints, ttl: u8) {
    for version in [Version::V2, Version::V3] {
        let found = Packet::parse(version, payload, endpoints);
        let refused = found.err().map(|error| match error {
            ParseError::TooShort { needed, had } => ("short", needed, had),
            ParseError::TooLong { trailing } => ("long", trailing, 0),
            ParseError::Version { found, .. } => ("version", found.into(), 0),
            ParseError::Carp { .. } => ("carp", 0, 0),
            ParseError::Type { found } => ("type", found.into(), 0),
            ParseError::Md5 => ("md5", 0, 0),
            ParseError::Checksum { found } => ("checksum", found.into(), 0),
            _ => ("unknown here", 0, 0),
        });
        assert_eq!(refused, refusal(version, payload, endpoints));
        if let Ok(packet) = found {
            reads_as_drawn(packet, payload, endpoints);
            prints_as_read(packet, &Dump::new(payload, endpoints, ttl));
            writes_as_read(packet, payload, endpoints);
        }
    }
    let line = Dump::new(payload, endpoints, ttl).to_string();
    assert!(line.len() < 12 << 10 && !line.contains('\n'), "{line}");
}

/// RX-03 to RX-07.
fn refusal(version: Version, payload: &[u8], endpoints: Endpoints) -> Option<(&'static str, usize, usize)> {
    let [first, _, _, count, auth, _, high, low, ..] = *payload else { return Some(("short", 8, payload.len())) };
    let number = if version == Version::V2 { 2 } else { 3 };
    let v6 = endpoints.source().is_ipv6();
    if (first, count, payload.len()) == (0x21, 7, 36) {
        return Some(("carp", 0, 0));
    }
    if first >> 4 != number || (number == 2 && v6) {
        return Some(("version", (first >> 4).into(), 0));
    }
    if first & 0x0f != 1 {
        return Some(("type", (first & 0x0f).into(), 0));
    }
    let needed = message_len(number, endpoints, count);
    if payload.len() < needed {
        return Some(("short", needed, payload.len()));
    }
    if payload.len() > needed + 64 {
        return Some(("long", payload.len() - needed, 0));
    }
    if (number, auth) == (2, 254) {
        return Some(("md5", 0, 0));
    }
    let message = &payload[..needed];
    let right = match (number, v6) {
        (2, _) => sums_up(message, None),
        (_, true) => sums_up(message, Some(endpoints)),
        (_, false) => {
            let as_to_group = packet::to_group(endpoints).is_some_and(|endpoints| sums_up(message, Some(endpoints)));
            sums_up(message, None) || sums_up(message, Some(endpoints)) || as_to_group
        }
    };
    (!right).then_some(("checksum", usize::from(high) << 8 | usize::from(low), 0))
}

fn reads_as_drawn(packet: Packet<'_>, payload: &[u8], endpoints: Endpoints) {
    let [_, vrid, priority, count, high, low, ..] = *payload else { panic!("no header") };
    assert_eq!(packet.vrid().map_or(0, |vrid| vrid.get()), vrid);
    assert_eq!(packet.priority().map_or(0, |priority| priority.get()), priority);
    let centis = match packet.version() {
        Version::V2 => u16::from(low) * 100,
        Version::V3 => u16::from(high & 0x0f) << 8 | u16::from(low),
    };
    assert_eq!(packet.interval().map_or(0, |interval| interval.centis()), centis);
    let size = if endpoints.source().is_ipv4() { 4 } else { 16 };
    let drawn = payload[8..].chunks(size).take(count.into()).map(|octets| match size {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap())),
        _ => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap())),
    });
    assert!(packet.addresses().eq(drawn));
    let end = 8 + usize::from(count) * size;
    match (packet.version(), packet.auth()) {
        (Version::V2, Some(auth)) => assert_eq!((auth.kind, &auth.data[..]), (high, &payload[end..end + 8])),
        (Version::V3, None) => {}
        _ => panic!("{packet:?}"),
    }
}

fn prints_as_read(packet: Packet<'_>, dump: &Dump<'_>) {
    assert_eq!(dump.layout(), Some(packet.version()), "{dump}");
    assert_eq!(dump.vrid(), Some(packet.vrid().map_or(0, |vrid| vrid.get())), "{dump}");
    assert_eq!(dump.priority(), Some(packet.priority().map_or(0, |priority| priority.get())), "{dump}");
    assert_eq!(dump.interval_centis(), Some(packet.interval().map_or(0, |interval| interval.centis())), "{dump}");
    assert_eq!(dump.auth_type(), packet.auth().map(|auth| auth.kind), "{dump}");
    assert_eq!(dump.checksum_form(), Some(packet.checksum()), "{dump}");
    assert!(dump.addresses().eq(packet.addresses()), "{dump}");
}

/// Said again it is the same octets, where they say nothing that no router of ours would.
fn writes_as_read(packet: Packet<'_>, payload: &[u8], endpoints: Endpoints) {
    let addresses: Vec<IpAddr> = packet.addresses().collect();
    let (Some(vrid), Some(interval), Ok(addresses)) = (packet.vrid(), packet.interval(), AddressList::new(&addresses))
    else {
        return;
    };
    let message = Message {
        version: packet.version(),
        vrid,
        priority: packet.priority(),
        interval,
        password: None,
        addresses,
        checksum: packet.checksum(),
    };
    let mut out = [0xaa; 4096];
    let len = message.write(endpoints, &mut out).unwrap();
    let again = Packet::parse(packet.version(), &out[..len], endpoints).unwrap();
    let said = |packet: Packet<'_>| (packet.vrid(), packet.priority(), packet.interval());
    assert_eq!(said(again), said(packet));
    assert!(again.addresses().eq(packet.addresses()));
    let plain = match packet.auth() {
        Some(auth) => auth.kind == 0 && *auth.data == [0; 8],
        None => payload[4] & 0xf0 == 0,
    };
    // Where both forms are right the first is meant; and a sum has two ways to be zero.
    if plain && out[6..8] != [0, 0] && again.checksum() == ChecksumForm::Message {
        assert_eq!(out[..len], payload[..len]);
    }
}
