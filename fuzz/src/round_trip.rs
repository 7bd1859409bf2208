//! Whatever an advertisement can say, it says to whoever reads it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp_core::wire::{AddressList, BufferTooSmall, ChecksumForm, Dump, Endpoints, Message, Packet};
use vrrp_core::{AdvertInterval, Password, Priority, Version, Vrid};

use super::packet;

/// Octets choose: family and version, form of the checksum, id, priority, interval, length of the password and that
/// many octets, then addresses: source, destination and those of the router.
pub fn run(input: &[u8]) {
    let Some(([kind, form, vrid, priority, high, low, length], rest)) = input.split_first_chunk() else { return };
    let (v6, version) = match kind % 3 {
        0 => (false, Version::V2),
        1 => (false, Version::V3),
        _ => (true, Version::V3),
    };
    let Some((password, rest)) = rest.split_at_checked(usize::from(length % 9)) else { return };
    let mut addresses: Vec<IpAddr> = match v6 {
        false => rest.chunks_exact(4).map(|o| Ipv4Addr::from(<[u8; 4]>::try_from(o).unwrap()).into()).collect(),
        true => rest.chunks_exact(16).map(|o| Ipv6Addr::from(<[u8; 16]>::try_from(o).unwrap()).into()).collect(),
    };
    let (Some(source), Some(destination)) = (addresses.pop(), addresses.pop()) else { return };
    let endpoints = Endpoints::new(source, destination).unwrap();
    let interval = AdvertInterval::from_centis(u16::from_be_bytes([*high, *low]));
    let (Ok(vrid), Ok(interval), Ok(list)) = (Vrid::new(*vrid), interval, AddressList::new(&addresses)) else { return };
    let message = Message {
        version,
        vrid,
        priority: Priority::from_wire(*priority),
        interval,
        password: Password::new(password).ok(),
        addresses: list,
        checksum: if form % 2 == 0 { ChecksumForm::Message } else { ChecksumForm::PseudoHeader },
    };

    let mut out = [0xaa; 4096];
    let len = message.write(endpoints, &mut out).unwrap();
    assert_eq!(len, message.len());
    assert!(out[len..].iter().all(|octet| *octet == 0xaa), "nothing is written behind the message");
    let mut small = vec![0xaa; len - 1];
    assert_eq!(message.write(endpoints, &mut small), Err(BufferTooSmall { needed: len, had: len - 1 }));

    let packet = Packet::parse(version, &out[..len], endpoints).unwrap();
    let carried = match version {
        Version::V2 => interval.centis().div_ceil(100) * 100,
        Version::V3 => interval.centis().min(0x0fff),
    };
    assert_eq!((packet.vrid(), packet.priority()), (Some(vrid), message.priority));
    assert_eq!(packet.interval().map(|interval| interval.centis()), Some(carried));
    assert!(packet.addresses().eq(addresses.iter().copied()));
    assert_eq!(packet.trailing(), 0);
    let sent = packet.checksum();
    match (version, packet.auth(), message.password) {
        (Version::V2, Some(auth), Some(password)) => assert!(auth.kind == 1 && password.matches(auth.data)),
        (Version::V2, Some(auth), None) => assert!(auth.kind == 0 && *auth.data == [0; 8]),
        (Version::V3, None, _) => {}
        _ => panic!("{packet:?}"),
    }
    assert!(Dump::new(&out[..len], endpoints, 255).checksum_form().is_some());

    // Every single octet counts. Where several forms of the checksum are accepted a change may turn the one into the other; and
    // another count makes another message, with octets behind it.
    let at = usize::from(*form) % len;
    let change = 1 << (kind % 8);
    out[at] ^= change;
    let changed = Packet::parse(version, &out[..len], endpoints);
    let as_to_group =
        packet::to_group(endpoints).is_some_and(|endpoints| packet::sums_up(&out[..len], Some(endpoints)));
    let passes = changed.is_ok_and(|packet| packet.checksum() == sent && packet.trailing() == 0 && !as_to_group);
    assert!(!passes, "octet {at} changed by {change}");
}
