//! Tunnels: a mirror port shows what is inside.

use serde_json::json;

use super::capture::{LITTLE, ethernet, packets};
use super::common::testing::{missing, skip};
use super::tshark::compare;
use super::{cut::assert_is_error, lines};

/// A packet in another one.
pub(crate) struct Tunnel {
    pub(crate) name: &'static str,
    pub(crate) wrap: fn(&[u8]) -> Vec<u8>,
    /// Whether tshark opens it without being told.
    tshark: bool,
}

const fn tunnel(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Tunnel {
    Tunnel { name, wrap, tshark: true }
}

/// Every tunnel that is opened.
pub(crate) const TUNNELS: [Tunnel; 17] = [
    tunnel("VXLAN", |packet| udp(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame(packet)])),
    Tunnel { tshark: false, ..tunnel("VXLAN", |packet| udp(8472, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame(packet)])) },
    tunnel("VXLAN", |packet| over_ipv6(17, &udp(4789, &[&[8, 0, 0, 0, 0, 0, 42, 0], &frame(packet)])[20..])),
    tunnel("VXLAN-GPE", |packet| udp(4790, &[&[0x0c, 0, 0, if is_ipv4(packet) { 1 } else { 2 }, 0, 0, 42, 0], packet])),
    tunnel("Geneve", |packet| udp(6081, &[&[0, 0, 0x65, 0x58, 0, 0, 42, 0], &frame(packet)])),
    tunnel("Geneve", |packet| {
        udp(6081, &[&[2, 0, 0x65, 0x58, 0, 0, 42, 0], &[1, 2, 3, 1, 9, 9, 9, 9], &frame(packet)])
    }),
    tunnel("GRE", |packet| gre(0, ethertype(packet), &[packet])),
    tunnel("GRE", |packet| gre(0x3000, ethertype(packet), &[&[9; 8], packet])),
    tunnel("GRE", |packet| gre(0x2000, 0x6558, &[&[9; 4], &frame(packet)])),
    tunnel("GRE", |packet| over_ipv6(47, &gre(0, ethertype(packet), &[packet])[20..])),
    tunnel("ERSPAN I", |packet| gre(0, 0x88be, &[&frame(packet)])),
    tunnel("ERSPAN II", |packet| gre(0x1000, 0x88be, &[&[0, 0, 0, 1, 0x10, 5, 0, 7, 0, 0, 0, 0], &frame(packet)])),
    tunnel("ERSPAN II", |packet| {
        let tagged = [&ethernet(&[0x81, 0, 0, 5], ethertype(packet)), packet].concat();
        gre(0x1000, 0x88be, &[&[0, 0, 0, 1, 0x10, 5, 0, 7, 0, 0, 0, 0], &tagged])
    }),
    tunnel("ERSPAN III", |packet| gre(0x1000, 0x22eb, &[&erspan_3(0), &frame(packet)])),
    tunnel("ERSPAN III", |packet| gre(0x1000, 0x22eb, &[&erspan_3(1), &[0; 8], &frame(packet)])),
    tunnel("IP in IP", |packet| match is_ipv4(packet) {
        true => ipv4(4, packet),
        false => ipv4(4, &ipv4(41, packet)),
    }),
    tunnel("IPv6 in IP", |packet| match is_ipv4(packet) {
        true => ipv4(41, &over_ipv6(4, packet)),
        false => ipv4(41, packet),
    }),
];

fn is_ipv4(packet: &[u8]) -> bool {
    packet.first().is_none_or(|first| first >> 4 == 4)
}

fn ethertype(packet: &[u8]) -> u16 {
    if is_ipv4(packet) { 0x0800 } else { 0x86dd }
}

fn frame(packet: &[u8]) -> Vec<u8> {
    [&ethernet(&[], ethertype(packet)), packet].concat()
}

fn ipv4(protocol: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + rest.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&header[..], rest].concat()
}

fn over_ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
    let [high, low] = (rest.len() as u16).to_be_bytes();
    let address = |last: u8| [0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&[0x60, 0, 0, 0, high, low, next, 64], &address(1)[..], &address(2), rest].concat()
}

fn udp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    let rest = parts.concat();
    let [high, low] = (8 + rest.len() as u16).to_be_bytes();
    let [a, b] = port.to_be_bytes();
    ipv4(17, &[&[0xc0, 1, a, b, high, low, 0, 0], &rest[..]].concat())
}

fn gre(flags: u16, kind: u16, parts: &[&[u8]]) -> Vec<u8> {
    ipv4(47, &[&flags.to_be_bytes()[..], &kind.to_be_bytes(), &parts.concat()].concat())
}

/// Sequence number and header, the last octet of which says whether another header follows.
fn erspan_3(last: u8) -> [u8; 16] {
    [0, 0, 0, 1, 0x20, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, last]
}

#[test]
fn what_is_in_a_tunnel_is_read_as_outside_it() {
    let outside = lines(&LITTLE.pcap(101, &packets()));
    for tunnel in TUNNELS {
        let wrapped: Vec<_> = packets().iter().map(|packet| (tunnel.wrap)(packet)).collect();
        let found = lines(&LITTLE.pcap(101, &wrapped));
        assert_eq!(found.len(), outside.len(), "{}", tunnel.name);
        for (mut found, expected) in found.into_iter().zip(&outside) {
            let within = found.as_object_mut().unwrap().remove("within").unwrap();
            assert!(within.as_array().unwrap().contains(&json!(tunnel.name)), "{}: {within}", tunnel.name);
            assert_eq!(&found, expected, "{}", tunnel.name);
        }
    }
}

#[test]
fn tshark_sees_the_same_in_tunnels() {
    if missing(&["tshark"]).is_some() {
        return skip("tshark_sees_the_same_in_tunnels", "tshark is not installed");
    }
    for (at, tunnel) in TUNNELS.iter().enumerate().filter(|(_, tunnel)| tunnel.tshark) {
        let wrapped: Vec<_> = packets().iter().map(|packet| (tunnel.wrap)(packet)).collect();
        let found = compare(&format!("tunnel{at}.pcap"), &LITTLE.pcap(101, &wrapped));
        assert_eq!(found.len(), wrapped.len(), "{}", tunnel.name);
    }
}

#[test]
fn tunnels_in_tunnels_are_opened_and_not_without_end() {
    let mut packet = packets()[0].clone();
    for depth in 1..=8 {
        packet = (TUNNELS[0].wrap)(&packet);
        assert_eq!(lines(&LITTLE.pcap(101, &[packet.clone()]))[0]["within"], json!(vec!["VXLAN"; depth]));
    }
    packet = (TUNNELS[0].wrap)(&packet);
    let found = lines(&LITTLE.pcap(101, &[packet]));
    assert_is_error(&found[0], 1);
    assert!(found[0]["error"].as_str().unwrap().contains("tunnels"), "{found:?}");
}

#[test]
fn a_tunnel_cut_by_the_capture_is_an_error() {
    for tunnel in TUNNELS {
        let packet = (tunnel.wrap)(&packets()[0]);
        for len in 1..packet.len() {
            let record = [&LITTLE.pcap(101, &[])[..], &LITTLE.record(0, &packet[..len], packet.len())].concat();
            let found = lines(&record);
            assert_eq!(found.len(), 1, "{} cut to {len}", tunnel.name);
            assert_is_error(&found[0], 1);
        }
    }
}

#[test]
fn what_is_in_the_tunnel_is_said_in_text_too() {
    let mut out = Vec::new();
    let capture = LITTLE.pcap(101, &[(TUNNELS[0].wrap)(&packets()[0])]);
    vrrp_examples::decode::decode(&capture[..], &mut out, vrrp_examples::decode::Format::Text).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(" in VXLAN: 192.0.2.251 > 224.0.0.18 ttl 255: VRRPv2 advertisement"), "{text}");
}
