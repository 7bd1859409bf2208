//! Two routers: who hears whom, and who is Master after a split.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::{Endpoints, IP_PROTOCOL};
use vrrp_core::{AdvertKind, Config, Profile, Role, UnicastPeer, VirtualRouter};
use vrrp_io_linux::{EventKind, Router};

use crate::common::*;

/// Sends one advertisement of `config` from the host `from`, as a router there would, but with this TTL.
pub(crate) fn forge(from: &Host, to: IpAddr, ttl: u32, config: Config) {
    let source = from.address();
    let ends = Endpoints::new(source, to).unwrap();
    let mut octets = [0; 1500];
    let len = VirtualRouter::new(config).encode(AdvertKind::Regular, ends, &mut octets).unwrap();
    let IpAddr::V4(to) = to else { panic!("{to}") };
    let sent = from.run(move || {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(i32::from(IP_PROTOCOL)))).unwrap();
        socket.set_ttl_v4(ttl).unwrap();
        socket.set_multicast_ttl_v4(ttl).unwrap();
        if to.is_multicast() {
            let IpAddr::V4(source) = source else { panic!("{source}") };
            socket.set_multicast_if_v4(&source).unwrap();
        }
        socket.send_to(&octets[..len], &SocketAddrV4::new(to, 0).into())
    });
    sent.unwrap();
}

#[test]
fn after_a_split_there_is_one_master_and_the_client_knows_which() {
    // Each started at another moment: ten phases.
    const ROUTERS: u8 = 10;
    in_namespace(|| {
        let lan = Lan::new();
        let (better, worse, client) = (lan.host(1), lan.host(2), lan.host(9));
        let virtual_address = |number: u8| IpAddr::from(Ipv4Addr::new(192, 0, 2, 100 + number));
        let config = |number, priority| {
            let config = Config::new(Profile::Rfc3768, vrid(number), &[virtual_address(number)]).unwrap();
            router(config.with_priority(vrrp_core::Priority::new(priority).unwrap()))
        };
        let mut nodes = Vec::new();
        for number in 0..ROUTERS {
            let number = number + 1;
            nodes.push((better.start(vec![config(number, 220)]), worse.start(vec![config(number, 210 - 10 * number)])));
            thread::sleep(Duration::from_millis(97));
        }
        for (better, worse) in &mut nodes {
            better.until_role(Role::Master);
            worse.until_role(Role::Backup);
        }

        let (better_mac, worse_mac) = (better.mac(), worse.mac());
        for number in 1..=ROUTERS {
            // The client talks to each, so it has an entry for each.
            client.run(move || {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.send_to(b"hello", (virtual_address(number), 9)).unwrap();
            });
        }
        lan.split(&[&better, &worse], true);
        eventually("the client goes to the new Masters", || neighbours(&client) == [worse_mac; ROUTERS as usize]);
        lan.split(&[&better, &worse], false);
        let healed = Instant::now();
        eventually("the client comes back", || neighbours(&client) == [better_mac; ROUTERS as usize]);
        let took = healed.elapsed();
        // A second is the interval, and the rest is the machine's. Who has to be announced twice takes more than three.
        let stories =
            nodes.iter_mut().map(|(better, worse)| format!("better:\n{}worse:\n{}", better.story(), worse.story()));
        assert!(took < Duration::from_millis(2500), "{took:?}\n{}", stories.collect::<String>());
        for (better, worse) in &nodes {
            assert_eq!(better.status().role, Role::Master);
            eventually("the other yields", || worse.status().role == Role::Backup);
        }
        assert!((1..=ROUTERS).all(|number| better.has(virtual_address(number))));
        eventually("no address twice", || !(1..=ROUTERS).any(|number| worse.has(virtual_address(number))));
    });
}

/// The MAC addresses that a host has for the virtual addresses.
fn neighbours(host: &Host) -> Vec<Mac> {
    let table = host.ip("neighbour show dev eth0");
    let lines = table.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let octet: u8 = words.next()?.strip_prefix("192.0.2.")?.parse().ok()?;
        let mac = words.skip_while(|word| *word != "lladdr").nth(1)?;
        (101..=110).contains(&octet).then(|| tap::mac(mac))
    });
    lines.collect()
}

fn unicast(priority: u8, peers: &[(IpAddr, u8)]) -> Router {
    let peers: Vec<_> =
        peers.iter().map(|(address, min_ttl)| UnicastPeer { address: *address, min_ttl: *min_ttl }).collect();
    let config = fast(priority, &[address("192.0.2.100")]).with_unicast_peers(&peers).unwrap();
    router(config)
}

#[test]
fn unicast_speaks_to_and_hears_its_peers_alone() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two, stranger) = (lan.host(1), lan.host(2), lan.host(3));
        let mut taps = [one.tap(), two.tap(), stranger.tap()];
        let mut master = one.start(vec![unicast(200, &[(two.address(), 255)])]);
        let mut backup = two.start(vec![unicast(100, &[(one.address(), 0)])]);
        master.until_role(Role::Master);
        master.until_announced();
        let group = vrrp_core::Family::Ipv4.group();

        // A better router that nobody listed, by unicast and to the group; then one that was listed, from too far away.
        forge(&stranger, one.address(), 255, fast(254, &[address("192.0.2.100")]));
        forge(&two, one.address(), 254, fast(254, &[address("192.0.2.100")]));
        for reason in ["sent by 192.0.2.3, which is no configured peer", "TTL 254, at least 255 expected"] {
            master.until(reason, |kind| matches!(kind, EventKind::Ignored { .. }) && kind.to_string().contains(reason));
        }
        taps[2].so_far();
        forge(&stranger, group, 255, fast(254, &[address("192.0.2.100")]));
        taps[0].until("the packet to the group", |frame| {
            frame.advert().is_some_and(|advert| advert.destination == group && advert.source == stranger.address())
        });
        assert_eq!(master.status().role, Role::Master);

        // The peer's own configuration lets advertisements come from any distance.
        let before = backup.status().stats.advert_rcvd;
        forge(&one, two.address(), 1, fast(200, &[address("192.0.2.100")]));
        eventually("the far peer is heard", || backup.status().stats.advert_rcvd > before);
        assert!(
            !backup.log().iter().any(|event| matches!(event.kind, EventKind::Ignored { .. })),
            "{}",
            backup.story()
        );
        assert_eq!(backup.status().role, Role::Backup);

        let adverts = taps[1].so_far();
        let adverts: Vec<_> = adverts.iter().filter_map(Frame::advert).collect();
        assert!(adverts.iter().any(|advert| advert.destination == two.address() && advert.ttl == 255));
        for tap in &mut taps {
            let frames = tap.so_far();
            let strays = frames.iter().filter_map(Frame::advert).filter(|advert| advert.source != stranger.address());
            assert_eq!(strays.filter(|advert| advert.destination == group).count(), 0);
        }
        backup.stop();
        master.stop();
    });
}

#[test]
fn a_master_that_hears_a_lower_one_says_so_each_time_but_not_to_a_flood() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let virtual_ips = [address("192.0.2.100")];
        let mut node = host.start(vec![router(fast(200, &virtual_ips))]);
        node.until_announced();
        let group = IpAddr::from([224, 0, 0, 18]);
        let from = other.address();
        let heard = |kind: &EventKind| matches!(kind, EventKind::LowerPriorityHeard { from: it, priority } if *it == from && priority.get() == 90);
        for _ in 0..2 {
            forge(&other, group, 255, fast(90, &virtual_ips));
            node.until("a lower Master", heard);
        }
        let begun = Instant::now();
        for _ in 0..300 {
            forge(&other, group, 255, fast(90, &virtual_ips));
        }
        thread::sleep(Duration::from_millis(500));
        let told = node.log().iter().filter(|event| heard(&event.kind)).count();
        let most = 2 + 4 + begun.elapsed().as_secs() as usize + 1;
        assert!((3..=most).contains(&told), "{told} of at most {most}");
        // A higher one is no lower one.
        node.forget();
        forge(&other, group, 255, fast(210, &virtual_ips));
        node.until_role(Role::Backup);
        assert!(!node.log().iter().any(|event| heard(&event.kind)), "{}", node.story());
        node.stop();
    });
}
