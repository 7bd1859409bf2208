//! A router whose packets are written down octet for octet, checksum included, whatever this library thinks of them.
//!
//! None of the peers knows the checksum over the message alone.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::IP_PROTOCOL;
use vrrp_core::{AdvertInterval, Profile, Role, SendChecksum, Stats};

use crate::common::*;

/// Far more often than it needs to be heard.
const PAUSE: Duration = Duration::from_millis(100);
const IPV4_HEADER: usize = 20;
const ETHERNET_HEADER: usize = 14;

/// Version 3, VRID 51, 100 cs, 192.0.2.100.
struct Packets {
    /// Priority 200, from 192.0.2.12.
    regular: [u8; 12],
    /// Priority 0, from 192.0.2.12.
    release: [u8; 12],
    /// Priority 100, from 192.0.2.11: what we are to say after them.
    ours: [u8; 12],
    counted: fn(&Stats) -> u64,
}

const MESSAGE_ONLY: Packets = Packets {
    regular: [0x31, 51, 200, 1, 0, 100, 0x44, 0x02, 192, 0, 2, 100],
    release: [0x31, 51, 0, 1, 0, 100, 0x0c, 0x03, 192, 0, 2, 100],
    ours: [0x31, 51, 100, 1, 0, 100, 0xa8, 0x02, 192, 0, 2, 100],
    counted: |stats| stats.checksum_message,
};

const PSEUDO_HEADER: Packets = Packets {
    regular: [0x31, 51, 200, 1, 0, 100, 0xa1, 0x66, 192, 0, 2, 100],
    release: [0x31, 51, 0, 1, 0, 100, 0x69, 0x67, 192, 0, 2, 100],
    ours: [0x31, 51, 100, 1, 0, 100, 0x05, 0x68, 192, 0, 2, 100],
    counted: |stats| stats.checksum_pseudo_header,
};

/// PKT-23.
#[test]
fn the_message_alone() {
    in_namespace(|| understood_and_learned(&MESSAGE_ONLY));
}

/// PKT-24.
#[test]
fn with_a_pseudo_header() {
    in_namespace(|| understood_and_learned(&PSEUDO_HEADER));
}

fn understood_and_learned(packets: &Packets) {
    let lan = Lan::new();
    let (host, other) = (lan.host(11), lan.host(12));
    let mut tap = other.tap();
    let interval = AdvertInterval::from_centis(100).unwrap();
    let config = config(Profile::Rfc9568Errata, 100, &[address("192.0.2.100")]);
    let config = config.with_interval(interval).unwrap().with_checksum(SendChecksum::AsHeard);
    let mut node = host.start(vec![router(config)]);
    node.until_role(Role::Backup);

    for _ in 0..10 {
        send(&other, packets.regular);
        thread::sleep(PAUSE);
    }
    let status = node.status();
    assert_eq!((status.role, status.master), (Role::Backup, Some(other.address())), "{}", node.story());
    assert_eq!((packets.counted)(&status.stats), 10);
    assert_eq!(
        (status.stats.checksum_errors, status.stats.interval_errors, status.stats.address_list_errors),
        (0, 0, 0)
    );

    send(&other, packets.release);
    node.until_role(Role::Master);
    let heard = || tap.octets(LIMIT).expect("an advertisement of ours");
    let ours = std::iter::repeat_with(heard)
        .find(|frame| matches!(Frame::from(&frame[..]), Frame::Advert(advert) if advert.source == host.address()));
    assert_eq!(ours.unwrap()[ETHERNET_HEADER + IPV4_HEADER..][..12], packets.ours);
    node.stop();
}

fn send(from: &Host, message: [u8; 12]) {
    let sent = from.run(move || {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(IP_PROTOCOL)))).unwrap();
        socket.set_multicast_ttl_v4(255).unwrap();
        socket.set_multicast_if_v4(&Ipv4Addr::new(192, 0, 2, 12)).unwrap();
        socket.send_to(&message, &SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 18), 0).into())
    });
    sent.unwrap();
}
