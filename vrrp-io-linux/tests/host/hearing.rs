//! An advertisement that arrives at the interface is heard, whatever the kernel's IP layer thinks of it; and nothing else is.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::{Config, Profile, Role, UnicastPeer};
use vrrp_io_linux::{Disagreement, EventKind, ListDifference, Router, VirtualMac};

use crate::common::*;
use crate::ipv6;
use crate::peers::forge;

const VIP: &str = "192.0.2.100";

/// One that stands in for the owner, and holds the address when that comes back, and the owner: it has the address itself
/// and sends from it.
fn owner_comes_back(stand_in: impl Fn(Config) -> Router, owner: impl Fn(Config) -> Router) {
    let lan = Lan::new();
    let (first, second) = (lan.host(1), lan.host(2));
    let owned = [first.address()];
    // They need not find each other by the address that both have.
    let (mac_1, mac_2) = (first.mac(), second.mac());
    for (host, neighbour, mac) in [(&first, second.address(), mac_2), (&second, first.address(), mac_1)] {
        let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
        host.ip(&format!("neighbour replace {neighbour} lladdr {mac} dev eth0"));
    }
    let mut worse = second.start(vec![stand_in(fast(100, &owned))]);
    worse.until_announced();
    assert!(second.has(first.address()));
    let mut better = first.start(vec![owner(fast(255, &owned))]);
    better.until_role(Role::Master);
    worse.until_role(Role::Backup);
    eventually("the address is the owner's alone", || !second.has(first.address()));
    assert!(first.has(first.address()));
    thread::sleep(Duration::from_secs(1));
    assert_eq!((better.status().role, worse.status().role), (Role::Master, Role::Backup), "{}", worse.story());
    better.stop();
    worse.stop();
}

#[test]
fn an_owner_that_comes_back_is_heard_by_the_one_who_holds_its_address() {
    in_namespace(|| owner_comes_back(router, router));
}

#[test]
fn an_owner_that_comes_back_is_heard_where_the_stand_in_has_a_virtual_mac() {
    in_namespace(|| owner_comes_back(|config| router(config).with_virtual_mac(VirtualMac::new()), router));
}

/// What the owner sends to its peer is for that peer's own address; what that sends goes nowhere.
#[test]
fn an_owner_that_comes_back_is_heard_by_unicast() {
    in_namespace(|| {
        let unicast = |peer: u8| {
            move |config: Config| {
                let peer = UnicastPeer { address: Ipv4Addr::new(192, 0, 2, peer).into(), min_ttl: 255 };
                router(config.with_unicast_peers(&[peer]).unwrap())
            }
        };
        owner_comes_back(unicast(1), unicast(2));
    });
}

/// The way back to the Master leads elsewhere, and the source is checked strictly.
#[test]
fn a_master_is_heard_although_the_reverse_path_filter_would_drop_it() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        second.ip("link add eth1 type veth peer name far");
        second.ip("link set eth1 up");
        second.ip(&format!("route add {}/32 dev eth1", first.address()));
        for name in ["all", "eth0"] {
            second.write(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "1");
        }
        one_master(&first, &second);
    });
}

fn one_master(first: &Host, second: &Host) {
    let mut master = first.start(vec![router(fast(200, &[address(VIP)]))]);
    master.until_announced();
    let mut backup = second.start(vec![router(fast(100, &[address(VIP)]))]);
    eventually("the Master is heard", || backup.status().master == Some(first.address()));
    thread::sleep(Duration::from_secs(1));
    assert_eq!(backup.status().role, Role::Backup, "{}", backup.story());
    assert!(!backup.log().iter().any(|event| entered(&event.kind) == Some(Role::Master)), "{}", backup.story());
    backup.stop();
    master.stop();
}

fn nft(host: &Host, rules: &'static str) {
    host.run(move || {
        let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "{rules}");
    });
}

/// What the documentation says of a host's firewall.
#[test]
fn rules_for_the_input_of_the_ip_layer_stop_nothing_and_those_at_the_interface_do() {
    in_namespace(|| {
        if missing(&["nft"]).is_some() {
            return skip("rules_for_the_input_of_the_ip_layer", "nft is not installed");
        }
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        nft(&second, "table ip deaf {\nchain in {\ntype filter hook input priority 0; policy drop;\n}\n}\n");
        one_master(&first, &second);

        let mut master = first.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_announced();
        let rules = "table netdev deaf {\nchain in {\ntype filter hook ingress device eth0 priority 0;\n\
                     ip protocol 112 drop\n}\n}\n";
        nft(&second, rules);
        let mut other = second.start(vec![router(fast(100, &[address(VIP)]))]);
        other.until_role(Role::Master);
        nft(&second, "delete table netdev deaf\n");
        other.until_role(Role::Backup);
        other.stop();
        master.stop();
    });
}

/// The host forwards a packet between others: it came to its MAC address, but is for another IP address.
#[test]
fn what_only_passes_through_the_host_is_nothing_to_talk_about() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, one) = (lan.host(1), lan.host(9));
        let mac = host.mac().map(|octet| format!("{octet:02x}")).join(":");
        one.ip(&format!("neighbour replace 192.0.2.77 lladdr {mac} dev eth0"));
        let mut node = host.start(vec![router(fast(200, &[address(VIP)]))]);
        node.until_announced();
        node.forget();
        forge(&one, address("192.0.2.77"), 255, fast(254, &[address(VIP)]));
        // To the host itself it is worth a word, and comes after the other.
        forge(&one, host.address(), 255, fast(254, &[address(VIP)]));
        let kind = node.until("a word", |kind| matches!(kind, EventKind::Ignored { .. }));
        assert!(kind.to_string().contains("sent to 192.0.2.1, "), "{}", node.story());
        assert_eq!(node.log().len(), 1, "{}", node.story());

        let unknown = Config::new(Profile::Rfc9568Errata, vrid(60), &[address(VIP)]).unwrap();
        forge(&one, address("192.0.2.77"), 255, unknown.clone());
        forge(&one, host.address(), 255, unknown);
        eventually("the one to the host itself is noted", || !node.driver_status().strangers.is_empty());
        assert_eq!(node.driver_status().strangers[0].count, 1);
        node.stop();
    });
}

/// RFC 2338 section 5.3.6.3: what it protects is named, not believed.
#[test]
fn an_authentication_header_is_named_and_not_believed() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![router(config(vrrp_core::Profile::Rfc2338, 100, &[address(VIP)]))]);
        node.until_announced();
        let authenticated = |kind: u8| {
            other.run(move || {
                let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(51))).unwrap();
                socket.set_multicast_ttl_v4(255).unwrap();
                socket.set_multicast_if_v4(&Ipv4Addr::new(192, 0, 2, 9)).unwrap();
                let mut packet = vec![112, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
                packet.extend([0x55; 12]);
                let mut message = vec![0x21, 51, 254, 1, kind, 1, 0, 0, 192, 0, 2, 100, 0, 0, 0, 0, 0, 0, 0, 0];
                let sum: u32 = message.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
                let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
                message[6..8].copy_from_slice(&sum.to_be_bytes());
                packet.extend(message);
                socket.send_to(&packet, &SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 18), 0).into()).unwrap();
            });
        };
        // Says it needs none: whatever that is, it is no advertisement.
        authenticated(0);
        authenticated(2);
        let named = |kind: &EventKind| matches!(kind, EventKind::Authenticated { .. });
        let kind = node.until("it is named", named);
        assert!(kind.to_string().contains("192.0.2.9"), "{kind}");
        for _ in 0..100 {
            authenticated(2);
        }
        eventually("all are counted", || node.status().stats.auth_type_mismatch >= 101);
        assert_eq!(node.log().iter().filter(|event| named(&event.kind)).count(), 1, "{}", node.story());
        assert_eq!(node.status().role, Role::Master, "{}", node.story());
        node.stop();
    });
}

/// In which groups the kernel has `eth0` of a host.
fn is_member(host: &Host) -> bool {
    let groups = host.run(|| std::fs::read_to_string("/proc/thread-self/net/igmp6").unwrap());
    groups.lines().any(|line| line.contains("eth0") && line.contains("ff020000000000000000000000000012"))
}

/// Each takes the membership away, or looks as if it did. An IPv6 address of a LAN is heard again after all of them.
#[test]
fn a_membership_that_the_kernel_dropped_is_there_again() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (ipv6::host(&lan, 1), ipv6::host(&lan, 2));
        ipv6::link_local(&first);
        let source = ipv6::link_local(&second);
        let mut master = second.start(vec![ipv6::ipv6(200)]);
        ipv6::until_both_announced(&mut master);
        let mut backup = first.start(vec![ipv6::ipv6(100)]);
        backup.until_role(Role::Backup);
        let disable = "/proc/sys/net/ipv6/conf/eth0/disable_ipv6";
        for round in ["mtu", "mtu at once", "disable_ipv6", "down"] {
            eventually("both are members", || is_member(&first) && is_member(&second));
            match round {
                "mtu" => {
                    first.ip("link set eth0 mtu 1200");
                    eventually("the membership is gone", || !is_member(&first));
                    backup.until_role(Role::Initialize);
                    first.ip("link set eth0 mtu 1500");
                }
                "mtu at once" => {
                    // Before anybody can have looked.
                    first.run(|| {
                        for mtu in ["1200", "1500"] {
                            assert!(
                                Command::new("ip")
                                    .args(["link", "set", "eth0", "mtu", mtu])
                                    .status()
                                    .unwrap()
                                    .success()
                            );
                        }
                    });
                }
                "disable_ipv6" => {
                    first.write(disable, "1");
                    backup.until_role(Role::Initialize);
                    first.write(disable, "0");
                }
                _ => {
                    first.ip("link set eth0 down");
                    backup.until_role(Role::Initialize);
                    first.ip("link set eth0 up");
                }
            }
            backup.until_role(Role::Backup);
            eventually(round, || is_member(&first) && backup.status().master == Some(source));
            // More than the time after which a Backup that hears nobody takes over.
            thread::sleep(Duration::from_secs(1));
            assert_eq!(
                (backup.status().role, master.status().role),
                (Role::Backup, Role::Master),
                "{}",
                backup.story()
            );
        }
        assert!(!backup.log().iter().any(|event| entered(&event.kind) == Some(Role::Master)), "{}", backup.story());
        backup.stop();
        master.stop();
    });
}

/// An interface that is gone has no members; when it is back, the address is as before.
#[test]
fn a_group_is_joined_on_the_interface_that_came_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = host.start(vec![router(fast(200, &[address(VIP)]))]);
        node.until_announced();
        let group = format!("{:08X}", u32::from_ne_bytes([224, 0, 0, 18]));
        let is_member = || {
            let groups = host.run(|| std::fs::read_to_string("/proc/thread-self/net/igmp").unwrap());
            groups.contains(&group)
        };
        assert!(is_member());
        lan.unplug(&host);
        node.until_role(Role::Initialize);
        assert!(!is_member());
        lan.plug(&host);
        let IpAddr::V4(own) = host.address() else { panic!("IPv4") };
        host.ip(&format!("address add {own}/24 dev eth0"));
        node.until_announced();
        assert!(is_member());
        node.stop();
    });
}

/// To everybody else it would be one more Master.
#[test]
fn the_yield_advertisement_of_one_that_yields_reaches_the_winner_alone() {
    in_namespace(|| {
        let lan = Lan::new();
        let (better, worse) = (lan.host(1), lan.host(2));
        let mut loser = worse.start(vec![router(fast(100, &[address(VIP)]))]);
        loser.until_announced();
        let mut tap = worse.tap();
        let mut winner = better.start(vec![router(fast(200, &[address(VIP)]))]);
        loser.until_role(Role::Backup);
        winner.until(
            "the yield advertisement",
            |kind| matches!(kind, EventKind::OtherMaster { source, .. } if *source == worse.address()),
        );

        let frames: Vec<Vec<u8>> = std::iter::from_fn(|| tap.octets(Duration::from_millis(50))).collect();
        let source = |frame: &[u8]| Frame::from(frame).advert().map(|advert| advert.source);
        let first = frames.iter().position(|frame| source(frame) == Some(better.address())).unwrap();
        let yields: Vec<_> = frames[first..].iter().filter(|frame| source(frame) == Some(worse.address())).collect();
        assert_eq!(yields.len(), 1);
        assert_eq!((&yields[0][..6], &yields[0][6..12]), (&better.mac()[..], &worse.mac()[..]));
        winner.stop();
        loser.stop();
    });
}

/// Each of the two is to be mended: neither hides the other.
#[test]
fn another_master_with_another_list_is_told_as_both() {
    in_namespace(|| {
        let lan = Lan::new();
        let (better, worse) = (lan.host(1), lan.host(2));
        let mut loser = worse.start(vec![router(fast(100, &[address(VIP), address("192.0.2.101")]))]);
        loser.until_announced();
        let mut winner = better.start(vec![router(fast(200, &[address(VIP)]))]);
        // What it says as it yields reaches a Master.
        let expected = || ListDifference::Addresses { there: vec![address("192.0.2.101")], here: vec![] };
        winner.until("another Master, and its list", |kind| {
            matches!(kind, EventKind::OtherMaster { source, difference: Some(difference), .. }
                if *source == worse.address() && *difference == expected())
        });
        let told = winner.status().other_master.unwrap();
        assert_eq!(told.address, worse.address());
        assert_eq!(told.why, Some(Disagreement::Addresses(expected())));
        winner.stop();
        loser.stop();
    });
}

/// Over IPv6 1280 octets are the least MTU, and hold 77 addresses.
#[test]
fn an_advertisement_larger_than_the_mtu_is_sent_and_heard() {
    in_namespace(|| {
        let lan = Lan::new();
        ip("link set lan mtu 1280");
        let hosts = [1, 2].map(|number| {
            let host = ipv6::host(&lan, number);
            ip(&format!("link set port{number} mtu 1280"));
            host.ip("link set eth0 mtu 1280");
            ipv6::link_local(&host);
            host
        });
        let mut addresses = vec![address("fe80::100")];
        addresses.extend((1..84).map(|n| address(&format!("2001:db8::1:{n:x}"))));
        for virtual_mac in [false, true] {
            let start = |host: &Host, priority| {
                let router = router(fast(priority, &addresses));
                let router = if virtual_mac { router.with_virtual_mac(VirtualMac::new()) } else { router };
                host.start(vec![router])
            };
            let mut master = start(&hosts[1], 200);
            master.until_announced();
            let mut backup = start(&hosts[0], 100);
            eventually("the Master is heard", || backup.status().master.is_some());
            let before = backup.status().stats.advert_rcvd;
            thread::sleep(Duration::from_secs(2));
            assert_eq!(
                (master.status().role, backup.status().role),
                (Role::Master, Role::Backup),
                "{}",
                backup.story()
            );
            let heard = backup.status().stats.advert_rcvd - before;
            assert!((5..=13).contains(&heard), "each once, five a second: {heard}");
            let status = master.status();
            assert!(status.addresses.iter().all(|address| address.installed), "{}", master.story());
            assert_eq!(status.stats.tx_errors, 0, "{}", master.story());
            backup.stop();
            master.stop();
        }
    });
}

/// The MTU of the link has no room for IPv6 yet: that is a fault until it has, and no reason not to start.
#[test]
fn a_link_that_has_no_ipv6_at_the_start_is_waited_for() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link set eth0 mtu 1200");
        let mut node = host.start(vec![ipv6::ipv6(100)]);
        let warned = |kind: &EventKind| matches!(kind, EventKind::Warning(warning) if warning.to_string().starts_with("eth0: cannot join the group ff02::12"));
        node.until("a warning", warned);
        node.until_role(Role::Initialize);
        host.ip("link set eth0 mtu 1500");
        ipv6::until_both_announced(&mut node);
        assert!(is_member(&host));
        node.stop();
    });
}
