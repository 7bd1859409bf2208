//! Virtual addresses: given, announced, guarded, taken away, and nobody else's touched.

use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use vrrp_core::{Profile, Role};
use vrrp_io_linux::{EventKind, Scope, Warning};

use crate::common::*;

#[test]
fn a_takeover_advertises_then_installs_then_announces_with_the_mac_of_the_interface() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let virtual_address = address("192.0.2.100");
        let mut tap = client.tap();
        let mut node = host.start(vec![router(fast(254, &[virtual_address]))]);

        let first = tap.until("anything from the host", |frame| {
            frame.advert().is_some() || frame.announced().is_some_and(|(ip, _)| ip == virtual_address)
        });
        assert_eq!(first.advert().map(|advert| advert.source), Some(host.address()), "{first:?}");
        let frame = tap.until("gratuitous ARP", |frame| frame.announced().is_some());
        let Frame::Arp(arp) = frame else { panic!("{frame:?}") };
        assert_eq!((arp.sender, arp.sender_mac, arp.source_mac), (virtual_address, host.mac(), host.mac()));

        node.until_announced();
        let order: Vec<&str> = node
            .log()
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::AddressInstalled { foreign: false, .. } => Some("installed"),
                EventKind::Announced { .. } => Some("announced"),
                _ => None,
            })
            .collect();
        assert_eq!(order, ["installed", "announced"]);

        // What is sent to the announced MAC gets its answer.
        let mac = arp.sender_mac.map(|octet| format!("{octet:02x}")).join(":");
        client.ip(&format!("neighbour replace {virtual_address} lladdr {mac} nud permanent dev eth0"));
        assert_eq!(echo(&client, &host, virtual_address), b"is anybody there?");
    });
}

#[test]
fn an_address_that_cannot_be_installed_is_advertised_once_and_never_announced() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut tap = client.tap();
        // The kernel takes no IPv4 address on an interface whose packets are this short.
        host.ip("link set lo mtu 60");
        let virtual_address = address("198.51.100.1");
        let virtual_ip = with_device(virtual_ip("198.51.100.1/32"), "lo");
        let router = router(fast(254, &[virtual_address]).with_lease(true)).with_address(virtual_ip).unwrap();
        let mut node = host.start(vec![router]);

        node.until("a fault", |kind| entered(kind) == Some(Role::Initialize));
        assert!(node.story().contains("198.51.100.1 could not be installed"), "{}", node.story());
        let faults = node.faults();
        let why = "198.51.100.1 could not be installed: cannot install it: No buffer space available";
        assert!(faults.len() == 1 && faults[0].starts_with(why), "{faults:?}");
        let tries = node.log().iter().filter(|event| matches!(event.kind, EventKind::AddressFailed { .. })).count();
        assert_eq!(tries, 1, "{}", node.story());

        tap.until("a release", Frame::is_release);
        let frames = tap.during(Duration::from_secs(1));
        assert!(!frames.iter().any(|(_, frame)| frame.announced().is_some() || frame.advert().is_some()));
    });
}

#[test]
fn prefix_device_label_scope_and_broadcast_are_as_configured() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link add eth1 type veth peer name far1");
        host.ip("link set far1 up");
        host.ip("link set eth1 up");
        let addresses = ["192.0.2.100", "203.0.113.7", "198.51.100.7"].map(address);
        let mut labelled = virtual_ip("192.0.2.100/24");
        labelled.label = Some("eth0:virtual_ip".into());
        labelled.broadcast = Some("192.0.2.255".parse().unwrap());
        let mut elsewhere = with_device(virtual_ip("203.0.113.7/25"), "eth1");
        elsewhere.scope = Scope::Link;
        let router = router(fast(254, &addresses));
        let router = router.with_address(labelled).and_then(|router| router.with_address(elsewhere)).unwrap();
        let mut node = host.start(vec![router]);
        node.until(
            "the last address",
            |kind| matches!(kind, EventKind::Announced { address: ip, .. } if *ip == addresses[2]),
        );

        let (eth0, eth1) = (host.ip("-oneline address show dev eth0"), host.ip("-oneline address show dev eth1"));
        assert!(eth0.contains("inet 192.0.2.100/24 brd 192.0.2.255 scope global secondary eth0:virtual_ip"), "{eth0}");
        assert!(eth0.contains("inet 198.51.100.7/32 scope global eth0"), "{eth0}");
        assert!(eth1.contains("inet 203.0.113.7/25 scope link eth1"), "{eth1}");
        node.stop();
        assert!(!addresses.iter().any(|address| host.has(*address)));
    });
}

#[test]
fn an_address_without_a_prefix_route_has_none_when_it_was_put_back_and_renewed() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let virtual_address = address("198.51.100.7");
        let virtual_ip = vrrp_io_linux::VirtualIp { no_prefix_route: true, ..virtual_ip("198.51.100.7/24") };
        let config = fast(254, &[virtual_address]).with_lease(true);
        let mut node = host.start(vec![router(config).with_address(virtual_ip).unwrap()]);
        node.until_announced();
        let check = |node: &mut Node| {
            let shown = host.ip("-oneline address show dev eth0");
            let line = shown.lines().find(|line| line.contains("198.51.100.7/24")).unwrap_or_default();
            assert!(line.contains("noprefixroute"), "{shown}{}", node.story());
            assert!(!host.ip("route show").contains("198.51.100.0/24"), "{}", host.ip("route show"));
        };
        check(&mut node);
        host.ip("address delete 198.51.100.7/24 dev eth0");
        node.until_announced();
        check(&mut node);
        // Some renewals later: the lease is of some seconds.
        thread::sleep(Duration::from_secs(2));
        check(&mut node);
        node.stop();
    });
}

#[test]
fn what_an_owner_had_before_stays() {
    in_namespace(|| {
        let lan = Lan::new();
        let (owner, other) = (lan.host(1), lan.host(2));
        // The owner's is its only address, so it is the source of its advertisements too.
        let mut tap = other.tap();
        for _ in 0..2 {
            let mut node = owner.start(vec![router(config(Profile::Rfc3768, 255, &[owner.address()]))]);
            node.until("the address", |kind| matches!(kind, EventKind::AddressInstalled { foreign: true, .. }));
            tap.until("the owner", |frame| frame.advert().is_some_and(|advert| advert.source == owner.address()));
            node.stop();
            assert!(owner.has(owner.address()));
        }
    });
}

#[test]
fn who_claims_to_own_what_it_has_not_is_told() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let (virtual_address, real) = (address("192.0.2.100"), host.address());
        let warning = |priority, addresses: &[IpAddr]| {
            let mut node = host.start(vec![router(config(Profile::Rfc3768, priority, addresses))]);
            node.until_announced();
            let warning = node.log().iter().find_map(|event| match &event.kind {
                EventKind::Warning(warning) => Some(warning.clone()),
                _ => None,
            });
            node.stop();
            warning
        };
        assert_eq!(warning(255, &[real, virtual_address]), Some(Warning::NotOwner { address: virtual_address }));
        assert_eq!(warning(254, &[virtual_address]), None);
        assert_eq!(warning(255, &[real]), None);
        // A source besides: then the virtual one is one that others set.
        host.ip("address add 192.0.2.21/24 dev eth0");
        assert_eq!(warning(254, &[virtual_address, real]), None);
        assert!(!host.has(real) && host.has(address("192.0.2.21")));
    });
}

#[test]
fn an_address_that_somebody_removes_is_put_back_but_not_without_end() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let virtual_address = address("192.0.2.100");
        let mut node = host.start(vec![router(fast(254, &[virtual_address]))]);
        node.until_announced();
        node.forget();

        for _ in 0..3 {
            host.ip("address delete 192.0.2.100/32 dev eth0");
            assert!(within(Duration::from_secs(1), || host.has(virtual_address)), "{}", node.story());
            node.until_announced();
        }
        // As fast as one can: whoever does that is stronger, and another host may have it meanwhile.
        let mut tap = host.tap();
        host.run(|| {
            let mut ip = Command::new("ip");
            let ip = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
            let mut ip = ip.spawn().unwrap();
            let deletion = "address delete 192.0.2.100/32 dev eth0\n";
            ip.stdin.take().unwrap().write_all(deletion.repeat(2000).as_bytes()).unwrap();
            ip.wait().unwrap();
        });
        node.until("the end of it", |kind| matches!(kind, EventKind::AddressFailed { .. }));
        let story = node.story();
        assert!(story.contains("192.0.2.100/32 on eth0: somebody keeps removing it"), "{story}");
        let lost = |event: &&vrrp_io_linux::Event| matches!(event.kind, EventKind::AddressLost { .. });
        assert_eq!(node.log().iter().filter(lost).count(), 3, "{story}");
        let frames = tap.during(Duration::from_millis(500));
        assert!(frames.iter().filter(|(_, frame)| frame.announced().is_some()).count() <= 3, "{story}");
        assert!(!host.has(virtual_address));
        node.stop();
        assert!(!host.has(virtual_address));
    });
}

#[test]
fn the_interfaces_first_address_takes_no_virtual_one_along() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        host.write("/proc/sys/net/ipv4/conf/eth0/promote_secondaries", "0");
        host.ip("address add 192.0.2.11/24 dev eth0");
        let addresses = ["192.0.2.100", "192.0.2.101"].map(address);
        let router = router(fast(254, &addresses));
        let router = router
            .with_address(virtual_ip("192.0.2.100/24"))
            .and_then(|r| r.with_address(virtual_ip("192.0.2.101/24")));
        let mut node = host.start(vec![router.unwrap()]);
        node.until(
            "both addresses",
            |kind| matches!(kind, EventKind::Announced { address: ip, .. } if *ip == addresses[1]),
        );
        node.forget();

        let mut tap = client.tap();
        host.ip("address delete 192.0.2.1/24 dev eth0");
        let from_second = |frame: &Frame| frame.advert().is_some_and(|advert| advert.source == address("192.0.2.11"));
        tap.until("advertisements from the address that is left", from_second);
        assert!(addresses.iter().all(|address| host.has(*address)));
        assert!(node.log().is_empty(), "{}", node.story());

        host.ip("address delete 192.0.2.11/24 dev eth0");
        node.until_role(Role::Initialize);
        assert_eq!(node.faults(), ["interface eth0 has no address to send from"]);
        tap.until("a release", Frame::is_release);
        eventually("no virtual address", || !addresses.iter().any(|address| host.has(*address)));

        host.ip("address add 192.0.2.1/24 dev eth0");
        node.until_role(Role::Master);
        tap.until("advertisements", |frame| frame.advert().is_some_and(|advert| advert.source == host.address()));
        eventually("both again", || addresses.iter().all(|address| host.has(*address)));
    });
}

#[test]
fn stopping_releases_and_takes_the_addresses_away() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let addresses: Vec<IpAddr> = (100..220).map(|n| address(&format!("192.0.2.{n}"))).collect();
        let last = addresses[addresses.len() - 1];
        for stop in [true, false] {
            let mut node = host.start(vec![router(fast(254, &addresses))]);
            node.until("all addresses", |kind| matches!(kind, EventKind::Announced { address: ip, .. } if *ip == last));
            let mut tap = client.tap();
            if stop {
                node.stop();
                assert_eq!(host.ip("-oneline -4 address show dev eth0").lines().count(), 1);
            } else {
                drop(node);
                eventually("no address", || host.ip("-oneline -4 address show dev eth0").lines().count() == 1);
            }
            tap.until("a release", Frame::is_release);
            let after = tap.during(Duration::from_millis(500));
            assert!(!after.iter().any(|(_, frame)| frame.advert().is_some()), "{after:?}");
        }
    });
}

fn with_device(mut virtual_ip: vrrp_io_linux::VirtualIp, device: &str) -> vrrp_io_linux::VirtualIp {
    virtual_ip.device = Some(device.to_owned());
    virtual_ip
}

/// Sends from one host to an address of another, and back again; what arrived.
fn echo(from: &Host, to: &Host, address: IpAddr) -> Vec<u8> {
    let server = to.run(move || UdpSocket::bind((address, 7))).unwrap();
    let client = from.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
    }
    client.connect((address, 7)).unwrap();
    client.send(b"is anybody there?").unwrap();
    let mut buffer = [0; 100];
    let (len, sender) = server.recv_from(&mut buffer).unwrap();
    server.send_to(&buffer[..len], sender).unwrap();
    let len = client.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}
