//! Any octets from a raw IPv4 socket: the adapter finds the advertisement that the decoder of captures finds.

use serde_json::Value;
use vrrp_core::Version;
use vrrp_core::wire::{Dump, Packet};
use vrrp_examples::decode::{self, Format};
use vrrp_io_linux::fuzzing::ipv4_datagram;

pub fn run(packet: &[u8]) {
    let found = ipv4_datagram(packet);
    if let Some((endpoints, ttl, payload)) = found {
        let _ = (Packet::parse(Version::V2, payload, endpoints), Packet::parse(Version::V3, payload, endpoints));
        assert!(!Dump::new(payload, endpoints, ttl).to_string().is_empty());
    }
    // The kernel gives such a socket nothing else.
    if packet.len() < 20 || packet[0] >> 4 != 4 || packet[9] != 112 || packet.len() > 0xffff {
        return;
    }
    let decoded = decoded(packet);
    let damaged = decoded["error"].as_str().is_some_and(|error| error.contains("IP packet"));
    assert_eq!(found.is_none(), damaged, "{decoded}");
    if let (Some((endpoints, ttl, payload)), Value::Null) = (found, &decoded["error"]) {
        let expected = (endpoints.source().to_string(), endpoints.destination().to_string(), u64::from(ttl));
        let text = |key: &str| decoded[key].as_str().unwrap().to_owned();
        assert_eq!((text("src"), text("dst"), decoded["ttl"].as_u64().unwrap()), expected);
        assert_eq!(decoded["vrid"], serde_json::json!(payload.get(1)));
    }
}

/// Returns what `vrrp-decode` says about a capture of this packet alone.
fn decoded(packet: &[u8]) -> Value {
    let mut capture = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 101];
    let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
    capture.extend([[0; 4], [0; 4], length, length].concat());
    capture.extend(packet);
    let mut line = Vec::new();
    decode::decode(&capture[..], &mut line, Format::Json).unwrap();
    serde_json::from_slice(&line).unwrap()
}
