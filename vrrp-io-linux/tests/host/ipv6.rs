//! Routers for IPv6.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddrV6};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{SocketAddr, protocols::NETLINK_ROUTE};
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL};
use vrrp_core::{AdvertKind, Role, UnicastPeer, VirtualRouter};
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

#[test]
fn both_families_share_an_interface_and_an_id_and_each_other_s_addresses() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (host(&lan, 1), lan.host(9));
        let mut tap = client.tap();
        let (excluded, excluded6) = (address("198.51.100.1"), address("2001:db8:1::1"));
        let v4 = fast(254, &[address("192.0.2.100")]).with_excluded(&[excluded6]).unwrap();
        let v6 = fast(254, &vips()).with_excluded(&[excluded]).unwrap();
        let mut node = host.start(vec![router(v4), router(v6)]);
        for vip in [excluded6, excluded, vips()[1]] {
            node.until("each", |kind| matches!(kind, EventKind::Announced { address, .. } if *address == vip));
        }
        for source in [host.address(), link_local(&host)] {
            tap.until("both", |frame| frame.advert().is_some_and(|advert| advert.source == source));
        }
        assert!(
            node.story().contains("eth0/51: sent") && node.story().contains("eth0/51/ipv6: sent"),
            "{}",
            node.story()
        );
        node.stop();
        let all = ["192.0.2.100", "198.51.100.1", "fe80::100", "2001:db8::100", "2001:db8:1::1"].map(address);
        assert!(!all.iter().any(|vip| host.has(*vip)));
    });
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_others_set_stays() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = host(&lan, 1);
        leave_behind(&host, vips()[0], 64);
        host.ip("address add 2001:db8::100/64 dev eth0 nodad");
        let mut node = host.start(vec![ipv6(254)]);
        node.until_role(Role::Backup);
        let story = node.story();
        assert!(story.contains("an earlier run left fe80::100/64 on eth0, removing it"), "{story}");
        assert!(!host.has(vips()[0]) && host.has(vips()[1]), "{story}");

        until_both_announced(&mut node);
        let story = node.story();
        assert!(story.contains("2001:db8::100/64 was already on eth0 and stays there"), "{story}");
        assert!(host.has(vips()[0]));
        node.stop();
        assert!(!host.has(vips()[0]) && host.has(vips()[1]));
    });
}

#[test]
fn an_address_that_somebody_removes_is_put_back_each_time() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = host(&lan, 1);
        let mut node = host.start(vec![ipv6(254)]);
        until_both_announced(&mut node);
        let removal = "address delete fe80::100/128 dev eth0";
        for _ in 0..3 {
            host.ip(removal);
            assert!(within(Duration::from_secs(1), || host.has(vips()[0])), "{}", node.story());
        }
        // As fast as one can: some are removed again before the kernel has told of them.
        host.run(move || {
            let mut ip = Command::new("ip");
            let ip = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
            let mut ip = ip.spawn().unwrap();
            ip.stdin.take().unwrap().write_all(format!("{removal}\n").repeat(2000).as_bytes()).unwrap();
            ip.wait().unwrap();
        });
        assert!(within(Duration::from_secs(1), || host.has(vips()[0])), "{}", node.story());
        let status = node.status();
        assert_eq!((status.role, status.faults.len()), (Role::Master, 0));
        eventually("both in use", || node.status().addresses.iter().all(|address| address.installed));
        node.stop();
        assert!(!host.has(vips()[0]));
    });
}

#[test]
fn an_interface_that_goes_down_loses_all_and_comes_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (host(&lan, 1), lan.host(9));
        let mut node = host.start(vec![ipv6(254)]);
        until_both_announced(&mut node);
        for _ in 0..2 {
            node.forget();
            host.ip("link set eth0 down");
            node.until_role(Role::Initialize);
            assert!(node.story().contains("Master -> Fault: interface eth0 is down"), "{}", node.story());
            eventually("no address", || !vips().iter().any(|vip| host.has(*vip)));

            let mut tap = client.tap();
            host.ip("link set eth0 up");
            // The kernel makes the link-local address anew; until it is known to be unique, nothing comes from it.
            node.until_role(Role::Master);
            let source = link_local(&host);
            tap.until("an advertisement", |frame| frame.advert().is_some_and(|advert| advert.source == source));
            until_both_announced(&mut node);
            host.ip("address delete fe80::100/128 dev eth0");
            assert!(within(Duration::from_secs(1), || host.has(vips()[0])), "{}", node.story());
        }
    });
}

#[test]
fn without_a_link_local_address_of_its_own_a_router_is_at_fault() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (host(&lan, 1), host(&lan, 9));
        let own = link_local(&host);
        let mut node = host.start(vec![ipv6(254)]);
        until_both_announced(&mut node);
        let mut tap = client.tap();
        host.ip(&format!("address delete {own}/64 dev eth0"));
        node.until_role(Role::Initialize);
        assert_eq!(node.status().faults, ["interface eth0 has no address to send from"]);
        let release = tap.until("a release", Frame::is_release);
        assert_eq!(release.advert().map(|advert| advert.source), Some(own));
        eventually("no address", || !vips().iter().any(|vip| host.has(*vip)));

        // One that somebody else on the link has is of no use.
        client.ip("address add fe80::5/64 dev eth0 nodad");
        host.ip("address add fe80::5/64 dev eth0");
        eventually("the duplicate is detected", || host.ip("address show dev eth0").contains("dadfailed"));
        assert_eq!(node.status().faults, ["interface eth0 has no address to send from"]);
        host.ip("address add fe80::6/64 dev eth0");
        node.until_role(Role::Master);
        tap.until("an advertisement", |frame| frame.advert().is_some_and(|advert| advert.source == address("fe80::6")));
    });
}

fn unicast(priority: u8, peer: IpAddr) -> Router {
    let peer = UnicastPeer { address: peer, min_ttl: 64 };
    router(fast(priority, &vips()).with_unicast_peers(&[peer]).unwrap()).with_unicast_ttl(64)
}

#[test]
fn unicast_comes_from_an_address_that_its_peers_can_know() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two) = (host(&lan, 1), host(&lan, 2));
        let mut tap = two.tap();
        let on_link = [&one, &two].map(link_local);
        for addresses in [[global(1), global(2)], on_link] {
            let mut master = one.start(vec![unicast(200, addresses[1])]);
            let mut backup = two.start(vec![unicast(100, addresses[0])]);
            master.until_role(Role::Master);
            until_both_announced(&mut master);
            let frame = tap.until("an advertisement", |frame| frame.advert().is_some());
            let Frame::Advert(advert) = frame else { panic!("{frame:?}") };
            assert_eq!((advert.source, advert.destination, advert.ttl), (addresses[0], addresses[1], 64));
            eventually("the Master is heard", || backup.status().stats.advert_rcvd > 2);
            assert_eq!(backup.status().master, Some(addresses[0]));
            master.stop();
            backup.until_role(Role::Master);
            backup.stop();
            tap.so_far();
        }
        let config = fast(100, &vips());
        let refused =
            one.run(move || vrrp_io_linux::start([router(config).with_source(address("192.0.2.1"))]).is_err());
        assert!(refused, "an IPv4 source");
    });
}

#[test]
fn hop_limit_and_destination_are_those_of_the_packet() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (host(&lan, 1), host(&lan, 2));
        let mut node = host.start(vec![ipv6(100)]);
        until_both_announced(&mut node);
        let (source, group) = (link_local(&other), address("ff02::12"));
        for (to, hop_limit, reason) in [
            (group, 254, "TTL 254, at least 255 expected"),
            (global(1), 255, "sent to 2001:db8::1, which is not where this router listens"),
        ] {
            let source = if to == group { source } else { global(2) };
            forge(&other, source, to, hop_limit);
            node.until(reason, |kind| matches!(kind, EventKind::Ignored { .. }) && kind.to_string().contains(reason));
        }
        assert_eq!(node.status().role, Role::Master);
        forge(&other, source, group, 255);
        node.until_role(Role::Backup);
        assert_eq!(node.status().master, Some(source));
    });
}

/// Sends one advertisement of a better router from the host `from`.
fn forge(from: &Host, source: IpAddr, to: IpAddr, hop_limit: u32) {
    let mut octets = [0; 1500];
    let ends = Endpoints::new(source, to).unwrap();
    let len = VirtualRouter::new(fast(200, &vips())).encode(AdvertKind::Regular, ends, &mut octets).unwrap();
    from.run(move || {
        let (IpAddr::V6(source), IpAddr::V6(to)) = (source, to) else { panic!("{source} {to}") };
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(i32::from(IP_PROTOCOL)))).unwrap();
        socket.bind_device(Some(b"eth0")).unwrap();
        let scope = nix::net::if_::if_nametoindex("eth0").unwrap();
        socket.bind(&SocketAddrV6::new(source, 0, 0, scope).into()).unwrap();
        socket.set_unicast_hops_v6(hop_limit).unwrap();
        socket.set_multicast_hops_v6(hop_limit).unwrap();
        socket.send_to(&octets[..len], &SocketAddrV6::new(to, 0, 0, scope).into()).unwrap();
    });
}

/// Sets an address as a router does, and forgets about it.
fn leave_behind(host: &Host, address: IpAddr, prefix_len: u8) {
    const MARK: u8 = 112;
    host.run(move || {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet6;
        message.header.prefix_len = prefix_len;
        message.header.index = nix::net::if_::if_nametoindex("eth0").unwrap();
        message.header.flags = AddressHeaderFlags::Nodad;
        let mark = AddressAttribute::Protocol(AddressProtocol::Other(MARK));
        message.attributes = vec![AddressAttribute::Local(address), mark];
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_CREATE;
        let mut request = NetlinkMessage::new(header, RouteNetlinkMessage::NewAddress(message).into());
        request.finalize();
        let mut octets = vec![0; request.buffer_len()];
        request.serialize(&mut octets);
        netlink_sys::Socket::new(NETLINK_ROUTE).unwrap().send_to(&octets, &SocketAddr::new(0, 0), 0).unwrap();
    });
    assert!(host.has(address));
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
