//! What a router with defaults makes of a packet.

use std::fs;

use super::capture::{LITTLE, packets, refused, wrapped};
use super::{lines, peers};

const RAW: u32 = 101;
const AUTHENTICATED: &str =
    "in an IP Authentication Header (AH), which is not supported: turn it off on the other router";

fn verdicts(packets: &[Vec<u8>]) -> Vec<String> {
    lines(&LITTLE.pcap(RAW, packets)).iter().map(|line| line["verdict"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_wrong_is_named_as_the_router_names_it() {
    let expected = [
        "TTL 254, at least 255 expected",
        "TTL 1, at least 255 expected",
        "packet type 2, expected 1",
        "checksum 0x",
        "checksum 0x",
        "checksum 0x",
        "checksum 0x",
        "packet type 2, expected 1",
        "checksum 0x",
        "checksum 0x",
        "checksum 0x",
        "checksum 0x",
    ];
    let found = verdicts(&refused());
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}, not {expected}");
    }
}

#[test]
fn what_is_right_is_accepted_whatever_its_id_and_interval() {
    for packet in [packets(), wrapped()].concat() {
        let (line, expected) = (&lines(&LITTLE.pcap(RAW, &[packet]))[0], |text: &str| text.to_owned());
        let behind_ah = line["within"] == serde_json::json!(["AH"]);
        let expected = match (line["auth_type"].as_u64(), line["dst"].as_str()) {
            _ if behind_ah => expected(AUTHENTICATED),
            (Some(1), _) => {
                expected("authentication type 1, 0 expected: configure the same password on every router, or none")
            }
            (_, Some("2001:db8::252")) => expected("sent to 2001:db8::252, which is not where this router listens"),
            _ => expected("accept"),
        };
        assert_eq!(line["verdict"], expected, "{line}");
    }
}

/// An IPv4 packet from 192.0.2.251 to a destination.
fn packet(destination: [u8; 4], message: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + message.len() as u16).to_be_bytes();
    let header = [0x45, 0xc0, high, low, 0, 1, 0x40, 0, 255, 112, 0, 0, 192, 0, 2, 251];
    [&header[..], &destination, message].concat()
}

const GROUP: [u8; 4] = [224, 0, 0, 18];

#[test]
fn what_other_makes_send_is_named() {
    let mut cisco = vec![0x21, 7, 100, 1, 254, 1, 0xde, 0xad, 192, 0, 2, 1];
    cisco.resize(20 + 30, 0x5c);
    let mut extreme = packets()[0][20..].to_vec();
    extreme[0] = 0x27;
    let found = verdicts(&[packet(GROUP, &cisco), packet(GROUP, &extreme)]);
    assert!(found[0].starts_with("authentication type 254 is the MD5 authentication of another make"), "{found:?}");
    assert!(found[1].starts_with("packet type 7, expected 1: Extreme"), "{found:?}");

    let mut carp = vec![0x21, 9, 100, 7, 0, 1, 0x12, 0x34];
    carp.resize(36, 0xc5);
    let found = lines(&LITTLE.pcap(RAW, &[packet(GROUP, &carp)]));
    let expected = "this is CARP, not VRRP: VHID 9, advskew 100, from 192.0.2.251";
    assert_eq!(found, [serde_json::json!({ "frame": 1, "error": expected })]);
}

/// As keepalived up to 1.3.6 sends it.
#[test]
fn a_pseudo_header_of_the_group_is_right_in_unicast() {
    let to_group = packets().into_iter().find(|packet| packet[20] == 0x31 && packet[22] == 200).unwrap();
    let line = &lines(&LITTLE.pcap(RAW, &[packet([192, 0, 2, 252], &to_group[20..])]))[0];
    assert_eq!(line["checksum"], "ok-pseudo-header", "{line}");
}

#[test]
fn of_the_peers() {
    for path in peers() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        for line in lines(&fs::read(&path).unwrap()) {
            let expected = match (name, line["src"].as_str().unwrap().contains(':')) {
                ("keepalived-ah", _) => AUTHENTICATED,
                ("keepalived-v2-ipv6", _) => "version 2, expected 3: configure the same version on every router",
                ("keepalived-v2-password", _) => "authentication type 1, 0 expected",
                ("keepalived-unicast", _) => "sent to ",
                // Its list holds what is configured, and begins with that.
                ("frr-v3", true) => "the first IPv6 address 2001:db8::1 is not link-local",
                _ => "accept",
            };
            assert!(line["verdict"].as_str().unwrap().starts_with(expected), "{name}: {line}");
        }
    }
}
