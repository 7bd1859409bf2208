//! Two routers, and a client that tells one from the other by what they announce.

use std::io::Read;
use std::net::{IpAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL};
use vrrp_core::{AdvertKind, Role, UnicastPeer, VirtualRouter};
use vrrp_io_linux::{EventKind, Router};

use super::*;

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
        // Entries that are good for hours: the client has no reason to ask anybody.
        client.write("/proc/sys/net/ipv6/neigh/eth0/base_reachable_time_ms", "7200000");
        client.write("/proc/sys/net/ipv6/neigh/eth0/delay_first_probe_time", "7200");
        for virtual_ip in virtual_ips() {
            eventually("an answer", || answers(&client, virtual_ip));
        }
        let mut tap = client.tap();
        let mut moved_to = |server: &Host| {
            let there = || virtual_ips().iter().all(|virtual_ip| neighbour(&client, *virtual_ip) == Some(server.mac()));
            eventually("the client turns to the new Master", there);
            let asked = |frame: &Frame| matches!(frame, Frame::Neighbour(ns) if ns.flags.is_none() && virtual_ips().contains(&ns.target));
            assert!(!tap.so_far().iter().any(asked), "the client has asked");
            assert!(virtual_ips().iter().all(|virtual_ip| within(LIMIT, || answers(&client, *virtual_ip))));
        };
        moved_to(&better);

        // The Master's cable is cut: it cannot say anything.
        lan.carrier(&better, false);
        backup.until_role(Role::Master);
        moved_to(&worse);
        // It comes back, and takes over by preemption.
        lan.carrier(&better, true);
        backup.until_role(Role::Backup);
        moved_to(&better);
    });
}

/// Returns whether an address answers an echo request of a host.
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

fn unicast(priority: u8, peer: IpAddr) -> Router {
    let peer = UnicastPeer { address: peer, min_ttl: 64 };
    router(fast(priority, &virtual_ips()).with_unicast_peers(&[peer]).unwrap()).with_unicast_ttl(64)
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
        let config = fast(100, &virtual_ips());
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
    let len = VirtualRouter::new(fast(200, &virtual_ips())).encode(AdvertKind::Regular, ends, &mut octets).unwrap();
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
