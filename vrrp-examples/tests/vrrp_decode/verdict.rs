//! What a router with defaults makes of a packet.

use std::fs;

use super::capture::{LITTLE, packets, refused, wrapped};
use super::{lines, peers};

const RAW: u32 = 101;

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
        let expected = match (line["auth_type"].as_u64(), line["dst"].as_str()) {
            (Some(1), _) => {
                expected("authentication type 1, 0 expected: configure the same password on every router, or none")
            }
            (_, Some("2001:db8::252")) => expected("sent to 2001:db8::252, which is not where this router listens"),
            _ => expected("accept"),
        };
        assert_eq!(line["verdict"], expected, "{line}");
    }
}

#[test]
fn of_the_peers() {
    for path in peers() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        for line in lines(&fs::read(&path).unwrap()) {
            let expected = match (name, line["src"].as_str().unwrap().contains(':')) {
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
