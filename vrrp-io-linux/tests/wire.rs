//! What somebody else's dissector finds in our packets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod common;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use vrrp_core::{Config, Password, Priority, Profile, SendChecksum, UnicastPeer};
use vrrp_io_linux::{Router, VirtualMac};

use common::*;

/// What is asked of each packet.
const FIELDS: [&str; 13] = [
    "vrrp.virt_rtr_id",
    "vrrp.version",
    "vrrp.prio",
    "vrrp.addr_count",
    "vrrp.auth_type",
    "vrrp.checksum.status",
    "ip.checksum.status",
    "ip.ttl",
    "ip.dsfield",
    "ip.dst",
    "eth.src",
    "eth.dst",
    "_ws.expert.message",
];

fn owner(number: u8, profile: Profile, count: u8) -> Config {
    let addresses: Vec<IpAddr> = (0..count).map(|n| address(&format!("198.51.{number}.{}", n + 1))).collect();
    Config::new(profile, vrid(number), &addresses).unwrap().with_priority(Priority::OWNER)
}

#[test]
fn tshark_finds_nothing_to_complain_about() {
    if missing(&["tshark"]).is_some() {
        return skip("tshark_finds_nothing_to_complain_about", "tshark is not installed");
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let password = Password::new(b"secret").unwrap();
        let peer = UnicastPeer { address: client.address(), min_ttl: 255 };
        let configs = [
            owner(1, Profile::Rfc3768, 1),
            owner(2, Profile::Rfc3768, 20),
            owner(3, Profile::Rfc2338, 1).with_password(password).unwrap(),
            owner(4, Profile::Rfc2338, 20).with_password(password).unwrap(),
            // Over IPv4 tshark knows the checksum of RFC 5798 alone, not that of RFC 9568.
            owner(5, Profile::Rfc5798, 20).with_checksum(SendChecksum::PseudoHeader),
            owner(6, Profile::Rfc3768, 1).with_unicast_peers(&[peer]).unwrap(),
            owner(7, Profile::Rfc3768, 20),
        ];
        let routers = configs.map(|config| match config.vrid().get() {
            // Unicast comes from the interface all the same.
            6 | 7 => Router::new("eth0", config).with_virtual_mac(VirtualMac::new()),
            _ => Router::new("eth0", config),
        });
        let mac = host.mac().map(|octet| format!("{octet:02x}")).join(":");
        let mut tap = client.tap();
        let node = host.start(routers.to_vec());
        let mut frames = capture(&mut tap, Duration::from_millis(1500));
        node.stop();
        frames.extend(capture(&mut tap, Duration::from_millis(200)));

        // The client, no router, answers unicast by ICMP, with the packet inside.
        let lines = dissect(&frames, "vrrp and not icmp", &FIELDS);
        // VRID, version, priority, addresses, authentication type; the rest is the same for all.
        let mut seen = BTreeSet::new();
        for line in &lines {
            let values: Vec<&str> = line.split('\t').collect();
            let [vrid, version, priority, count, auth, sum, ip_sum, ttl, tos, to, from_mac, to_mac, expert] =
                values[..]
            else {
                panic!("{line}");
            };
            assert_eq!((sum, ip_sum, ttl, tos, expert), ("1", "1", "255", "0xc0", ""), "{line}");
            if vrid == "6" {
                assert_eq!(to, client.address().to_string(), "{line}");
            } else {
                assert_eq!((to, to_mac), ("224.0.0.18", "01:00:5e:00:00:12"), "{line}");
            }
            assert_eq!(from_mac, if vrid == "7" { "00:00:5e:00:01:07" } else { &mac }, "{line}");
            seen.insert([vrid, version, priority, count, auth].join(" "));
        }
        let expected = ["1 2 P 1 0", "2 2 P 20 0", "3 2 P 1 1", "4 2 P 20 1", "5 3 P 20 ", "6 2 P 1 0", "7 2 P 20 0"];
        let expected: BTreeSet<String> =
            expected.iter().flat_map(|line| ["255", "0"].map(|priority| line.replace('P', priority))).collect();
        assert_eq!(seen, expected, "{lines:#?}");
    });
}

#[test]
fn tshark_finds_nothing_to_complain_about_in_ipv6() {
    if missing(&["tshark"]).is_some() {
        return skip("tshark_finds_nothing_to_complain_about_in_ipv6", "tshark is not installed");
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        host.ip("address add fe80::1/64 dev eth0 nodad");
        client.ip("address add fe80::9/64 dev eth0 nodad");
        let virtual_ips = ["fe80::100", "2001:db8::100", "2001:db8::101"].map(address);
        let peer = UnicastPeer { address: address("fe80::9"), min_ttl: 255 };
        let router = |number, config: Config| {
            let config = config.with_priority(Priority::OWNER);
            Router::new("eth0", config).with_source(address("fe80::1")).with_name(format!("{number}"))
        };
        let new = |number, profile, addresses| Config::new(profile, vrid(number), addresses).unwrap();
        let routers = vec![
            router(1, new(1, Profile::Rfc9568Errata, &virtual_ips)),
            router(2, new(2, Profile::Rfc5798, &virtual_ips[..1])),
            router(3, new(3, Profile::Rfc9568, &virtual_ips[..1]).with_unicast_peers(&[peer]).unwrap()),
        ];
        let mut tap = client.tap();
        let node = host.start(routers);
        let mut frames = capture(&mut tap, Duration::from_millis(1500));
        node.stop();
        frames.extend(capture(&mut tap, Duration::from_millis(200)));

        let addressing = ["ipv6.src", "ipv6.dst", "eth.dst", "ipv6.hlim", "ipv6.tclass"];
        let vrrp = ["vrrp.virt_rtr_id", "vrrp.version", "vrrp.prio", "vrrp.addr_count", "vrrp.checksum.status"];
        let fields = [&addressing[..], &vrrp, &["_ws.expert.message"]].concat();
        let adverts = dissect(&frames, "vrrp and not icmpv6", &fields);
        let client_mac = client.mac().map(|octet| format!("{octet:02x}")).join(":");
        let adverts: BTreeSet<&str> = adverts.iter().map(String::as_str).collect();
        let group = "ff02::12 33:33:00:00:00:12".to_owned();
        let expected = [(1, 3, group.clone()), (2, 1, group), (3, 1, format!("fe80::9 {client_mac}"))];
        let expected: BTreeSet<String> = expected
            .iter()
            .flat_map(|(vrid, count, to)| {
                [255, 0].map(|priority| format!("fe80::1 {to} 255 0x000000c0 {vrid} 3 {priority} {count} 1 "))
            })
            .map(|line| line.replace(' ', "\t"))
            .collect();
        assert_eq!(adverts, expected.iter().map(String::as_str).collect(), "{adverts:#?}");

        let flags = ["r", "s", "o"].map(|flag| format!("icmpv6.nd.na.flag.{flag}"));
        let na = ["icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr", "icmpv6.checksum.status", "_ws.expert.message"];
        let fields: Vec<&str> = addressing.into_iter().chain(flags.iter().map(String::as_str)).chain(na).collect();
        let announcements =
            dissect(&frames, "icmpv6.type == 136 and ipv6.dst == ff02::1 and !(ipv6.src == fe80::1)", &fields);
        let announcements: BTreeSet<&str> = announcements.iter().map(String::as_str).collect();
        let mac = host.mac().map(|octet| format!("{octet:02x}")).join(":");
        let line = |virtual_ip: &IpAddr| {
            format!("{virtual_ip} ff02::1 33:33:00:00:00:01 255 0x00000000 1 0 1 {virtual_ip} {mac} 1 ")
        };
        let expected: BTreeSet<String> =
            virtual_ips.iter().map(|virtual_ip| line(virtual_ip).replace(' ', "\t")).collect();
        assert_eq!(announcements, expected.iter().map(String::as_str).collect(), "{announcements:#?}");
    });
}

/// The frames of the time to come.
fn capture(tap: &mut Tap, span: Duration) -> Vec<Vec<u8>> {
    let end = Instant::now() + span;
    std::iter::from_fn(|| tap.octets(end.saturating_duration_since(Instant::now()))).collect()
}

/// Returns what tshark says of the frames that pass a filter: a line each.
fn dissect(frames: &[Vec<u8>], filter: &str, fields: &[&str]) -> Vec<String> {
    // Each test runs in a process of its own.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wire-{}.pcap", std::process::id()));
    fs::write(&path, pcap(frames)).unwrap();
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&path).args(["-o", "ip.check_checksum:TRUE", "-Y", filter, "-T", "fields"]);
    let output = tshark.args(fields.iter().flat_map(|field| ["-e", field])).output().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A capture file of Ethernet frames; the times do not matter.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    const MAGIC: u32 = 0xa1b2_c3d4;
    const VERSION: u32 = 2 | 4 << 16;
    const LONGEST: u32 = 1 << 16;
    const ETHERNET: u32 = 1;
    let mut file: Vec<u8> = [MAGIC, VERSION, 0, 0, LONGEST, ETHERNET].into_iter().flat_map(u32::to_ne_bytes).collect();
    for frame in frames {
        let len = frame.len() as u32;
        file.extend([0, 0, len, len].into_iter().flat_map(u32::to_ne_bytes));
        file.extend(frame);
    }
    file
}
