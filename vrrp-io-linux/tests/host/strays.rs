//! Addresses that are on a host otherwise than its routers want: whose they are, what is done about them, and what is said.

use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{SocketAddr, protocols::NETLINK_ROUTE};
use vrrp_core::{AdvertInterval, AnnouncePolicy, Config, Priority, Profile, Role};
use vrrp_io_linux::{EventKind, OnHost, Router, RouterStatus, VirtualMac};

use crate::common::*;

const VIP: &str = "192.0.2.100";

/// Sets an address as a router does, and forgets about it.
pub(super) fn leave_behind(host: &Host, device: &'static str, address: IpAddr, prefix_len: u8) {
    const MARK: u8 = 112;
    host.run(move || {
        let mut message = AddressMessage::default();
        message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.prefix_len = prefix_len;
        message.header.index = nix::net::if_::if_nametoindex(device).unwrap();
        message.header.flags = AddressHeaderFlags::Nodad;
        let mark = AddressAttribute::Protocol(AddressProtocol::Other(MARK));
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address), mark];
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

fn router_of(id: u8, priority: u8, address: IpAddr) -> Router {
    let interval = AdvertInterval::from_centis(20).unwrap();
    let config = Config::new(Profile::Rfc9568Errata, vrid(id), &[address]).unwrap();
    router(config.with_priority(Priority::new(priority).unwrap()).with_interval(interval).unwrap())
}

fn all(node: &Node) -> Vec<RouterStatus> {
    node.driver_status().routers
}

fn on_host(node: &Node) -> OnHost {
    node.status().addresses[0].host
}

#[test]
fn what_others_left_is_removed_at_the_start_and_told() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, better) = (lan.host(1), lan.host(2));
        let mut master = better.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_announced();
        host.ip(&format!("address add {VIP}/24 dev eth0"));
        let mut node = host.start(vec![router(fast(100, &[address(VIP)]))]);
        node.until_role(Role::Backup);
        assert!(!host.has(address(VIP)));
        let told = "192.0.2.100/24 is on eth0 though this router is not Master, removing it";
        assert!(node.story().contains(told), "{}", node.story());
        assert_eq!(on_host(&node), OnHost::Absent);
        // One that is marked was left by a run before this one.
        node.stop();
        leave_behind(&host, "eth0", address(VIP), 24);
        let mut node = host.start(vec![router(fast(100, &[address(VIP)]))]);
        node.until_role(Role::Backup);
        assert!(node.story().contains("an earlier run left 192.0.2.100/24 on eth0, removing it"), "{}", node.story());
        assert!(!host.has(address(VIP)) && better.has(address(VIP)));
    });
}

#[test]
fn what_appears_on_a_backup_is_removed_and_what_comes_back_again_and_again_keeps_it_out() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, better) = (lan.host(1), lan.host(2));
        let mut master = better.start(vec![router(fast(200, &[address(VIP)]))]);
        master.until_announced();
        let mut node = host.start(vec![router(fast(100, &[address(VIP)]))]);
        node.until_role(Role::Backup);
        let stray =
            |kind: &EventKind, gone: bool| matches!(kind, EventKind::Stray { removing, .. } if *removing == gone);
        for _ in 0..3 {
            host.ip(&format!("address add {VIP}/32 dev eth0"));
            node.until("its removal", |kind| stray(kind, true));
            eventually("it is gone", || !host.has(address(VIP)));
        }
        host.ip(&format!("address add {VIP}/32 dev eth0"));
        node.until("that it stays", |kind| stray(kind, false));
        node.until_role(Role::Initialize);
        let status = node.status();
        assert!(status.faults[0].text.starts_with("192.0.2.100 is on this host though"), "{:?}", status.faults);
        assert_eq!((on_host(&node), status.addresses[0].installed), (OnHost::Here { ours: false }, false));
        // Who goes on with it is not told each time.
        node.forget();
        for _ in 0..20 {
            host.ip(&format!("address delete {VIP}/32 dev eth0"));
            host.ip(&format!("address add {VIP}/32 dev eth0"));
        }
        assert_eq!(node.status().role, Role::Initialize);
        assert!(node.log().is_empty(), "{}", node.story());
        // It is over when that has been over for a while.
        host.ip(&format!("address delete {VIP}/32 dev eth0"));
        node.until_role(Role::Backup);
        assert_eq!(on_host(&node), OnHost::Absent);
    });
}

#[test]
fn what_a_master_could_not_keep_and_somebody_else_sets_stays_as_long_as_it_is_master() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, better) = (lan.host(1), lan.host(2));
        let other = "198.51.100.7";
        let config = || fast(100, &[address(VIP)]).with_excluded(&[address(other)]).unwrap();
        let mut node = host.start(vec![router(config())]);
        node.until(
            "the last",
            |kind| matches!(kind, EventKind::Announced { address: ip, .. } if *ip == address(other)),
        );
        for _ in 0..3 {
            host.ip(&format!("address delete {other}/32 dev eth0"));
            assert!(within(Duration::from_secs(1), || host.has(address(other))), "{}", node.story());
        }
        host.ip(&format!("address delete {other}/32 dev eth0"));
        node.until("the end of it", |kind| matches!(kind, EventKind::AddressFailed { .. }));
        assert_eq!(node.status().addresses[1].host, OnHost::Absent);
        host.ip(&format!("address add {other}/32 dev eth0"));
        thread::sleep(Duration::from_millis(500));
        assert_eq!((node.status().role, node.status().addresses[1].host), (Role::Master, OnHost::Here { ours: false }));
        assert!(!node.story().contains("not Master"), "{}", node.story());
        let mut master = better.start(vec![router(config().with_priority(Priority::new(200).unwrap()))]);
        master.until_announced();
        eventually("all are gone", || !host.has(address(other)) && !host.has(address(VIP)));
        assert!(better.has(address(other)) && node.status().role == Role::Backup, "{}", node.story());
    });
}

#[test]
fn a_host_s_own_address_by_mistake_faults_that_router_alone() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = host.start(vec![router_of(51, 100, host.address()), router_of(52, 100, address(VIP))]);
        node.until_announced();
        let [wrong, right] = &all(&node)[..] else { panic!() };
        let fault = "192.0.2.1 is on eth0 though the router is not Master, and stays, since there is no other address to send from";
        assert_eq!((wrong.faults.len(), wrong.role), (1, Role::Initialize));
        assert!(wrong.faults[0].text.starts_with(fault), "{:?}", wrong.faults);
        assert_eq!((right.faults.len(), right.role, right.master), (0, Role::Master, Some(host.address())));
        assert_eq!(wrong.addresses[0].host, OnHost::Here { ours: false });
        assert!(host.has(host.address()) && host.has(address(VIP)), "{}", node.story());
        assert!(node.story().contains(fault), "{}", node.story());
        node.stop();
        assert!(host.has(host.address()) && !host.has(address(VIP)));
    });
}

/// RFC 9568 section 4.2: each owns one address, and stands in for the other's.
#[test]
fn two_hosts_that_own_an_address_each_stand_in_for_each_other() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two) = (lan.host(1), lan.host(2));
        let start = |host: &Host, first, second| {
            host.start(vec![router_of(1, first, one.address()), router_of(2, second, two.address())])
        };
        let first = start(&one, 255, 100);
        let second = start(&two, 100, 255);
        let roles = |node: &Node| all(node).into_iter().map(|status| status.role).collect::<Vec<_>>();
        eventually("each has its own", || {
            roles(&first) == [Role::Master, Role::Backup] && roles(&second) == [Role::Backup, Role::Master]
        });
        second.stop();
        eventually("the first stands in", || roles(&first) == [Role::Master, Role::Master] && one.has(two.address()));
        assert!(all(&first).iter().all(|status| status.master == Some(one.address())));
        first.stop();
        assert!(one.has(one.address()) && !one.has(two.address()) && two.has(two.address()));
    });
}

#[test]
fn an_address_that_failed_detection_of_duplicates_is_made_anew_unless_it_is_the_owner_s() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let (link_local, global) = (address("fe80::100"), address("2001:db8::100"));
        let shown = |host: &Host| host.ip("-6 address show dev eth0");
        let failed = || {
            client.ip("address add fe80::100/64 dev eth0 nodad");
            client.ip("address add 2001:db8::100/64 dev eth0 nodad");
            host.ip("address add 2001:db8::100/64 dev eth0");
            eventually("the duplicate is detected", || shown(&host).contains("dadfailed"));
            client.ip("address delete fe80::100/64 dev eth0");
            client.ip("address delete 2001:db8::100/64 dev eth0");
        };
        host.ip("address add 2001:db8::1/64 dev eth0 nodad");
        client.ip("address add 2001:db8::9/64 dev eth0 nodad");
        eventually("a link-local address", || !shown(&host).contains("tentative"));
        failed();
        // The owner has it nowhere else.
        let mut owner = host.start(vec![router(fast(255, &[link_local, global]))]);
        let refused = owner.until("a refusal", |kind| matches!(kind, EventKind::AddressFailed { .. }));
        assert!(refused.to_string().contains("duplicate address detection failed"), "{refused}");
        assert_eq!(owner.status().addresses[1].host, OnHost::Duplicate);
        owner.stop();
        assert!(host.has(global));

        let mut node = host.start(vec![router(fast(254, &[link_local, global]))]);
        node.until("it serves", |kind| matches!(kind, EventKind::Announced { address, .. } if *address == global));
        assert!(!shown(&host).contains("dadfailed"), "{}", shown(&host));
        assert_eq!(node.status().addresses[1].host, OnHost::Here { ours: true });
        let ping = client
            .run(|| Command::new("ping").args(["-6", "-n", "-c", "1", "-W", "5", "2001:db8::100"]).output().unwrap());
        assert!(ping.status.success(), "{ping:?}");
    });
}

#[test]
fn an_address_of_two_routers_stays_as_long_as_one_of_them_is_master() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let node = host.start(vec![router_of(51, 200, address(VIP)), router_of(52, 200, address(VIP))]);
        let roles = || all(&node).into_iter().map(|status| status.role).collect::<Vec<_>>();
        let here = || all(&node).iter().all(|status| status.addresses[0].host == OnHost::Here { ours: true });
        eventually("both are Master", || roles() == [Role::Master, Role::Master] && here());
        // A better one takes the first one's place.
        let mut better = other.start(vec![router_of(51, 255, address(VIP))]);
        better.until_role(Role::Master);
        eventually("one yields", || roles() == [Role::Backup, Role::Master]);
        thread::sleep(Duration::from_millis(300));
        assert!(host.has(address(VIP)) && here());
        assert_eq!(all(&node).iter().map(|status| status.addresses[0].installed).collect::<Vec<_>>(), [false, true]);
        // Somebody else's removal concerns who wants it.
        host.ip(&format!("address delete {VIP}/32 dev eth0"));
        assert!(within(Duration::from_secs(1), || host.has(address(VIP))));
        node.stop();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn an_interface_that_is_renamed_and_named_back_keeps_nobody_blind() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut labelled = virtual_ip("192.0.2.100/24");
        labelled.label = Some("eth0:1".into());
        let mut node = host.start(vec![router(fast(254, &[address(VIP)])).with_address(labelled).unwrap()]);
        node.until_announced();
        let rename = |from: &str, to: &str| {
            host.ip(&format!("link set {from} down"));
            host.ip(&format!("link set {from} name {to}"));
            host.ip(&format!("link set {to} up"));
        };
        for _ in 0..2 {
            node.forget();
            rename("eth0", "lan0");
            node.until_role(Role::Initialize);
            assert!(node.story().contains("Master -> Fault: interface eth0 is down"), "{}", node.story());
            eventually("the address is gone", || !host.has(address(VIP)));
            rename("lan0", "eth0");
            node.until_announced();
            host.ip(&format!("address delete {VIP}/24 dev eth0"));
            assert!(within(Duration::from_secs(1), || host.has(address(VIP))), "{}", node.story());
        }
        node.stop();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn an_interface_that_is_renamed_while_it_is_up_is_to_blame_itself() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let mut node = host.start(vec![router(fast(254, &[address(VIP)]))]);
        node.until_announced();
        let renamed = host.run(|| Command::new("ip").args(["link", "set", "eth0", "name", "lan0"]).status().unwrap());
        if !renamed.success() {
            return skip("an_interface_that_is_renamed_while_it_is_up", "this kernel renames no interface that is up");
        }
        node.until_role(Role::Initialize);
        assert!(node.story().contains("Master -> Fault: there is no interface eth0"), "{}", node.story());
        eventually("the address is gone", || !host.has(address(VIP)));
        eventually("it says from where", || node.story().contains("removed 192.0.2.100/32 from lan0"));
    });
}

#[test]
fn what_a_run_without_a_virtual_mac_left_blinds_nobody() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        leave_behind(&host, "eth0", address(VIP), 32);
        let mut node = host.start(vec![router(fast(254, &[address(VIP)])).with_virtual_mac(VirtualMac::new())]);
        node.until_announced();
        assert!(node.story().contains("an earlier run left 192.0.2.100/32 on eth0"), "{}", node.story());
        host.ip(&format!("address delete {VIP}/32 dev vrrp.51"));
        assert!(within(Duration::from_secs(1), || host.has(address(VIP))), "{}", node.story());
        node.until("the loss", |kind| matches!(kind, EventKind::AddressLost { .. }));
        node.stop();
    });
}

#[test]
fn a_new_mac_address_of_the_interface_is_announced() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut node = host.start(vec![router(fast(254, &[address(VIP)]))]);
        node.until_announced();
        let mut tap = client.tap();
        host.ip("link set eth0 address 02:00:00:00:00:99");
        let new = [2, 0, 0, 0, 0, 0x99];
        tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIP), new)));
        assert_eq!(node.status().role, Role::Master);
        node.stop();
    });
}

/// The control: without the filter the same Master announces its address again and again.
#[test]
fn a_master_that_is_not_heard_announces_nothing_until_it_is() {
    in_namespace(|| {
        if missing(&["nft"]).is_some() {
            return skip("a_master_that_is_not_heard_announces_nothing", "nft is not installed");
        }
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let policy = AnnouncePolicy { refresh: Some(Duration::from_millis(100)), ..AnnouncePolicy::default() };
        for lease in [false, true] {
            let interval = AdvertInterval::from_centis(70).unwrap();
            let config = config(Profile::Rfc9568Errata, 254, &[address(VIP)]).with_interval(interval).unwrap();
            let mut node = host.start(vec![router(config.with_lease(lease).with_announce(policy))]);
            node.until_announced();
            let mut tap = client.tap();
            let announced = |frames: &[(std::time::Instant, Frame)]| {
                frames.iter().filter(|(_, frame)| frame.announced().is_some()).count()
            };
            assert!(announced(&tap.during(Duration::from_secs(1))) > 3);
            nft(
                &host,
                "add table ip mute; add chain ip mute out { type filter hook output priority 0; }; \
                        add rule ip mute out ip protocol 112 drop",
            );
            node.until("a refusal", |kind| matches!(kind, EventKind::SendFailed { .. }));
            // What is young by its lease may still be announced.
            thread::sleep(Duration::from_millis(500));
            tap.so_far();
            assert_eq!(announced(&tap.during(Duration::from_secs(1))), 0, "{}", node.story());
            if lease {
                eventually("the status says so", || on_host(&node) == OnHost::Absent);
            }
            nft(&host, "delete table ip mute");
            tap.until("an advertisement", |frame| frame.advert().is_some());
            tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIP), host.mac())));
            node.stop();
        }
    });
}

fn nft(host: &Host, commands: &'static str) {
    host.run(move || assert!(Command::new("nft").arg(commands).status().unwrap().success()));
}

#[test]
fn a_source_that_works_is_kept_when_another_address_becomes_the_first() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        let mut tap = client.tap();
        let mut node = host.start(vec![router(fast(254, &[address(VIP)]))]);
        node.until_announced();
        // A narrower scope comes first.
        host.ip("address add 203.0.113.1/24 dev eth0 scope link");
        thread::sleep(Duration::from_millis(500));
        tap.so_far();
        let sources: Vec<IpAddr> = tap
            .during(Duration::from_secs(1))
            .iter()
            .filter_map(|(_, frame)| frame.advert().map(|advert| advert.source))
            .collect();
        assert!(!sources.is_empty() && sources.iter().all(|source| *source == host.address()), "{sources:?}");
        host.ip(&format!("address delete {}/24 dev eth0", host.address()));
        tap.until("the other one", |frame| {
            frame.advert().is_some_and(|advert| advert.source == address("203.0.113.1"))
        });
        assert_eq!(node.status().role, Role::Master);
    });
}
