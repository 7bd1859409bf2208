//! Routers for IPv6.

use std::io::Read;
use std::net::{IpAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::Role;
use vrrp_io_linux::{EventKind, Router};

use crate::common::*;

const VIPS: [&str; 2] = ["fe80::100", "2001:db8::100"];
/// By which neighbours ask for either.
const SOLICITED_NODE: &str = "ff02::1:ff00:100";

fn vips() -> [IpAddr; 2] {
    VIPS.map(address)
}

fn ipv6(priority: u8) -> Router {
    router(fast(priority, &vips()))
}

/// A host with a global IPv6 address, 2001:db8::`number`, and a link-local one that is ready.
fn host(lan: &Lan, number: u8) -> Host {
    let host = lan.host(number);
    host.ip(&format!("address add {}/64 dev eth0 nodad", global(number)));
    host
}

fn global(number: u8) -> IpAddr {
    address(&format!("2001:db8::{number}"))
}

/// The link-local address that the kernel gave a host.
fn link_local(host: &Host) -> IpAddr {
    let own = |line: &str| -> Option<IpAddr> {
        let address = line.split_once("inet6 ")?.1.split_once('/')?.0.parse().ok()?;
        (!vips().contains(&address)).then_some(address)
    };
    let addresses = || host.ip("-oneline -6 address show dev eth0 scope link -tentative");
    eventually("a link-local address", || addresses().lines().any(|line| own(line).is_some()));
    addresses().lines().find_map(own).unwrap()
}

fn until_both_announced(node: &mut Node) {
    node.until(
        "the last address",
        |kind| matches!(kind, EventKind::Announced { address, .. } if *address == vips()[1]),
    );
}

#[test]
fn a_takeover_advertises_then_joins_then_announces() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (host(&lan, 1), host(&lan, 9));
        let mut tap = client.tap();
        let groups = |host: &Host| host.ip("maddress show dev eth0");
        assert!(!groups(&host).contains(SOLICITED_NODE));
        let mut node = host.start(vec![ipv6(254)]);

        let first = tap.until("anything from the router", |frame| {
            frame.advert().is_some() || frame.announced().is_some_and(|(ip, _)| vips().contains(&ip))
        });
        let Frame::Advert(advert) = first else { panic!("{first:?}") };
        assert_eq!((advert.source, advert.source_mac), (link_local(&host), host.mac()));
        assert_eq!((advert.destination, advert.ttl), (address("ff02::12"), 255));
        for vip in vips() {
            let frame = tap.until("an announcement", |frame| frame.announced().is_some());
            let Frame::Neighbour(na) = frame else { panic!("{frame:?}") };
            assert_eq!((na.target, na.source, na.destination), (vip, vip, address("ff02::1")));
            assert_eq!((na.source_mac, na.mac), (host.mac(), Some(host.mac())));
        }
        assert!(groups(&host).contains(SOLICITED_NODE), "{}", groups(&host));

        until_both_announced(&mut node);
        let story = node.story();
        assert!(story.contains("set 2001:db8::100/128 on eth0"), "{story}");
        assert!(story.contains("sent 1 unsolicited neighbour advertisement for fe80::100 on eth0"), "{story}");
        let shown = host.ip("-oneline address show dev eth0");
        for vip in VIPS {
            let line = shown.lines().find(|line| line.contains(&format!(" {vip}/128 "))).unwrap();
            assert!(line.contains(" deprecated ") && line.contains(" nodad "), "{line}");
            assert!(line.contains("valid_lft forever preferred_lft 0sec"), "{line}");
        }
        // What the host itself begins does not come from an address that may leave it.
        for (to, source) in [("2001:db8::9", global(1)), ("ff02::1", link_local(&host))] {
            let route = host.ip(&format!("-6 route get {to} oif eth0"));
            assert!(route.contains(&format!(" src {source} ")), "{route}");
        }
        node.stop();
        assert!(!vips().iter().any(|vip| host.has(*vip)));
        assert!(!groups(&host).contains(SOLICITED_NODE));
        tap.until("a release", Frame::is_release);
    });
}

#[test]
fn the_client_follows_our_announcements_alone() {
    in_namespace(|| {
        let lan = Lan::new();
        let (better, worse, client) = (host(&lan, 1), host(&lan, 2), host(&lan, 9));
        let mut master = better.start(vec![ipv6(200)]);
        master.until_role(Role::Master);
        until_both_announced(&mut master);
        let mut backup = worse.start(vec![ipv6(100)]);
        backup.until_role(Role::Backup);
        // An entry that is good for an hour: the client has no reason to ask anybody.
        client.write("/proc/sys/net/ipv6/neigh/eth0/base_reachable_time_ms", "7200000");
        for vip in vips() {
            eventually("an answer", || answers(&client, vip));
            assert_eq!(neighbour(&client, vip), Some(better.mac()));
        }
        let mut tap = client.tap();
        let asked = |frames: &[Frame]| {
            frames
                .iter()
                .any(|frame| matches!(frame, Frame::Neighbour(ns) if ns.flags.is_none() && vips().contains(&ns.target)))
        };

        // The Master's cable is cut: it cannot say anything.
        lan.carrier(&better, false);
        let cut = Instant::now();
        backup.until_role(Role::Master);
        until_both_announced(&mut backup);
        for vip in vips() {
            eventually("the client turns to the new Master", || neighbour(&client, vip) == Some(worse.mac()));
            assert!(!asked(&tap.so_far()), "the client moved by asking");
            eventually("an answer", || answers(&client, vip));
        }
        println!("IPv6 takeover seen by the client after {:?}", cut.elapsed());

        // The better one comes back and takes over by preemption.
        tap.so_far();
        lan.carrier(&better, true);
        backup.until_role(Role::Backup);
        for vip in vips() {
            eventually("the client turns back", || neighbour(&client, vip) == Some(better.mac()));
            eventually("an answer", || answers(&client, vip));
        }
    });
}

/// Whether an address answers an echo request of a host.
fn answers(from: &Host, address: IpAddr) -> bool {
    const ICMPV6: i32 = 58;
    const ECHO_REPLY: u8 = 129;
    from.run(move || {
        let IpAddr::V6(address) = address else { panic!("{address}") };
        let mut socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(ICMPV6))).unwrap();
        socket.bind_device(Some(b"eth0")).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket.send_to(&[128, 0, 0, 0, 0, 1, 0, 1], &SocketAddrV6::new(address, 0, 0, 0).into()).unwrap();
        let mut reply = [0; 100];
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            if socket.read(&mut reply).is_ok() && reply[0] == ECHO_REPLY {
                return true;
            }
        }
        false
    })
}

/// The MAC address that a host has for an address.
fn neighbour(host: &Host, address: IpAddr) -> Option<Mac> {
    let table = host.ip(&format!("-6 neighbour show {address} dev eth0"));
    let (_, mac) = table.split_once("lladdr ")?;
    mac.split(' ').next().map(tap::mac)
}
