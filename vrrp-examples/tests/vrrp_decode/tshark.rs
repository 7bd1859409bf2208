//! Every field that tshark decodes is the same here.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::capture::{LINKS, LITTLE, STYLES, packets, refused, wrapped};
use super::common::testing::{missing, skip};
use super::{lines, peers};

#[test]
fn on_the_captures_of_every_peer() {
    if missing(&["tshark"]).is_some() {
        return skip("on_the_captures_of_every_peer", "tshark is not installed");
    }
    for path in peers() {
        let found = lines(&fs::read(&path).unwrap());
        assert!(found.len() >= 4, "{}: {found:?}", path.display());
        assert_agree(&path, &found);
    }
}

#[test]
fn on_our_own_packets_in_every_link_layer() {
    if missing(&["tshark"]).is_some() {
        return skip("on_our_own_packets_in_every_link_layer", "tshark is not installed");
    }
    let packets = [packets(), refused(), wrapped()].concat();
    for (at, link) in LINKS.iter().enumerate() {
        let frames = link.frames(&packets);
        let found = compare(&format!("link{at}.pcap"), &LITTLE.pcap(link.number, &frames));
        assert_eq!(found.len(), frames.len(), "link type {}", link.number);
    }
}

#[test]
fn in_both_byte_orders_and_resolutions() {
    if missing(&["tshark", "editcap"]).is_some() {
        return skip("in_both_byte_orders_and_resolutions", "tshark is not installed");
    }
    let frames = LINKS[0].frames(&packets());
    for (at, style) in STYLES.iter().enumerate() {
        let name = format!("style{at}.pcap");
        let found = compare(&name, &style.pcap(1, &frames));
        let time = if style.nanoseconds { "1700000003.000123459" } else { "1700000003.123459000" };
        assert_eq!(found[3]["time"], serde_json::from_str::<Value>(time).unwrap(), "{style:?}");

        let pcapng = directory().join(format!("style{at}.pcapng"));
        let mut editcap = Command::new("editcap");
        editcap.args(["-F", "pcapng"]).arg(directory().join(&name)).arg(&pcapng);
        assert!(editcap.status().unwrap().success());
        assert_eq!(lines(&fs::read(&pcapng).unwrap()), found, "{style:?} as pcapng");
        assert_agree(&pcapng, &found);
    }
}

fn directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The lines about a capture, after tshark said the same.
pub(crate) fn compare(name: &str, capture: &[u8]) -> Vec<Value> {
    let path = directory().join(name);
    fs::write(&path, capture).unwrap();
    let found = lines(capture);
    assert_agree(&path, &found);
    found
}

/// `found` are the packets that tshark finds in a capture, and every field of each is the same.
pub(crate) fn assert_agree(path: &Path, found: &[Value]) {
    let theirs = dissect(path);
    assert_eq!(found.len(), theirs.len(), "{}: {found:#?}", path.display());
    for (ours, theirs) in found.iter().zip(&theirs) {
        assert_same(ours, &theirs["_source"]["layers"], &path.display().to_string());
    }
}

fn dissect(path: &Path) -> Vec<Value> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(path).args(["-Y", "vrrp", "-T", "json", "--no-duplicate-keys"]);
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_same(ours: &Value, theirs: &Value, path: &str) {
    let context = format!("{path}: {ours:#} but {theirs:#}");
    // Of headers of one kind, as tunnels have them, the innermost.
    let innermost = |layer: &str| match &theirs[layer] {
        Value::Array(all) => all.last().cloned().unwrap_or_default(),
        one => one.clone(),
    };
    let [frame, ip4, ip6, vrrp] = ["frame", "ip", "ipv6", "vrrp"].map(innermost);
    let is_ip4 = ours["src"].as_str().is_some_and(|source| !source.contains(':'));
    let ip = |v4: &str, v6: &str| if is_ip4 { &ip4[v4] } else { &ip6[v6] }.clone();
    let number = |value: &Value| value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);

    assert_eq!(ours["frame"], number(&frame["frame.number"]), "{context}");
    // As text: both have nine decimals, more than a float holds.
    assert_eq!(ours["time"], number(&frame["frame.time_epoch"]), "{context}");
    assert_eq!(ours["src"], ip("ip.src", "ipv6.src"), "{context}");
    assert_eq!(ours["dst"], ip("ip.dst", "ipv6.dst"), "{context}");
    assert_eq!(ours["ttl"], number(&ip("ip.ttl", "ipv6.hlim")), "{context}");

    let first = &vrrp["vrrp.typever_tree"];
    assert_eq!(ours["version"], number(&first["vrrp.version"]), "{context}");
    assert_eq!(ours["type"], number(&first["vrrp.type"]), "{context}");
    assert_eq!(ours["vrid"], number(&vrrp["vrrp.virt_rtr_id"]), "{context}");
    assert_eq!(ours["priority"], number(&vrrp["vrrp.prio"]), "{context}");
    assert_eq!(ours["auth_type"], number(&vrrp["vrrp.auth_type"]), "{context}");
    let interval = match number(&vrrp["vrrp.adver_int"]).as_u64() {
        Some(seconds) => json!(seconds * 100),
        None => number(&vrrp["vrrp.short_adver_int"]),
    };
    assert_eq!(ours["adver_int_cs"], interval, "{context}");

    let addresses = match (&vrrp["vrrp.ip_addr"], &vrrp["vrrp.ipv6_addr"]) {
        (Value::Null, Value::Null) => json!([]),
        (Value::Null, addresses) | (addresses, _) if addresses.is_array() => addresses.clone(),
        (Value::Null, address) | (address, _) => json!([address]),
    };
    assert_eq!(ours["addresses"], addresses, "{context}");
    let count = ours["addresses"].as_array().map(Vec::len);
    assert_eq!(json!(count), number(&vrrp["vrrp.addr_count"]), "{context}");

    let wraps = |name: &str| ours["within"].as_array().is_some_and(|all| all.iter().any(|within| within == name));
    // Over IPv6 it is part of the header.
    assert_eq!(wraps("AH"), !(theirs["ah"].is_null() && ip6.get("ah").is_none()), "{context}");

    // tshark knows one form: of version 3 over IPv4 that with a pseudo-header, of version 2 over IPv6 that without.
    let unknown_to_tshark = match (is_ip4, ours["version"].as_u64()) {
        (true, Some(3)) => ours["checksum"] == "ok",
        (false, Some(2)) => ours["checksum"] == "ok-pseudo-header",
        _ => false,
    };
    if !unknown_to_tshark {
        let good = vrrp["vrrp.checksum.status"] == "1";
        assert_eq!(ours["checksum"] != "bad", good, "{context}");
    }
}
