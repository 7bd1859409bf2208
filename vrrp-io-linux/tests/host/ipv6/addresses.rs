//! Virtual IPv6 addresses: given, announced, guarded, taken away, and nobody else's touched.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use vrrp_core::Role;
use vrrp_io_linux::EventKind;

use super::*;
use crate::strays::leave_behind;

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
            frame.advert().is_some() || frame.announced().is_some_and(|(ip, _)| virtual_ips().contains(&ip))
        });
        let Frame::Advert(advert) = first else { panic!("{first:?}") };
        assert_eq!((advert.source, advert.source_mac), (link_local(&host), host.mac()));
        assert_eq!((advert.destination, advert.ttl), (address("ff02::12"), 255));
        for virtual_ip in virtual_ips() {
            let frame = tap.until("an announcement", |frame| frame.announced().is_some());
            let Frame::Neighbour(na) = frame else { panic!("{frame:?}") };
            assert_eq!((na.target, na.source, na.destination), (virtual_ip, virtual_ip, address("ff02::1")));
            assert_eq!((na.source_mac, na.mac), (host.mac(), Some(host.mac())));
        }
        assert!(groups(&host).contains(SOLICITED_NODE), "{}", groups(&host));

        until_both_announced(&mut node);
        let story = node.story();
        assert!(story.contains("set 2001:db8::100/128 on eth0"), "{story}");
        assert!(story.contains("sent 1 unsolicited neighbour advertisement for fe80::100 on eth0"), "{story}");
        let shown = host.ip("-oneline address show dev eth0");
        for virtual_ip in VIPS {
            let line = shown.lines().find(|line| line.contains(&format!(" {virtual_ip}/128 "))).unwrap();
            assert!(line.contains(" deprecated ") && line.contains(" nodad "), "{line}");
            assert!(line.contains("valid_lft forever preferred_lft 0sec"), "{line}");
        }
        // What the host itself begins does not come from an address that may leave it.
        for (to, source) in [("2001:db8::9", global(1)), ("ff02::1", link_local(&host))] {
            let route = host.ip(&format!("-6 route get {to} oif eth0"));
            assert!(route.contains(&format!(" src {source} ")), "{route}");
        }
        node.stop();
        assert!(!virtual_ips().iter().any(|virtual_ip| host.has(*virtual_ip)));
        assert!(!groups(&host).contains(SOLICITED_NODE));
        tap.until("a release", Frame::is_release);
    });
}

#[test]
fn none_of_many_is_announced_before_neighbours_can_ask_for_it() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = host(&lan, 1);
        let excluded: Vec<_> = (1..=200).map(|n| address(&format!("2001:db8:1::{n:x}"))).collect();
        let config = fast(254, &virtual_ips()).with_excluded(&excluded).unwrap();
        let addresses = config.addresses().to_vec();
        let mut node = host.start(vec![router(config)]);
        for virtual_ip in &addresses {
            node.until("each", |kind| matches!(kind, EventKind::Announced { address, .. } if address == virtual_ip));
            let IpAddr::V6(virtual_ip) = virtual_ip else { panic!("{virtual_ip}") };
            let [.., b, c, d] = virtual_ip.octets();
            let group = format!("ff0200000000000000000001ff{b:02x}{c:02x}{d:02x}");
            let groups = host.run(|| fs::read_to_string("/proc/thread-self/net/igmp6").unwrap());
            assert!(
                groups.lines().any(|line| line.contains("eth0") && line.contains(&group)),
                "{virtual_ip}: {groups}"
            );
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
        let v6 = fast(254, &virtual_ips()).with_excluded(&[excluded]).unwrap();
        let mut node = host.start(vec![router(v4), router(v6)]);
        for virtual_ip in [excluded6, excluded, virtual_ips()[1]] {
            node.until("each", |kind| matches!(kind, EventKind::Announced { address, .. } if *address == virtual_ip));
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
        assert!(!all.iter().any(|virtual_ip| host.has(*virtual_ip)));
    });
}

#[test]
fn what_a_killed_run_left_is_removed_and_what_others_set_too() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = host(&lan, 1);
        leave_behind(&host, "eth0", virtual_ips()[0], 64);
        host.ip("address add 2001:db8::100/64 dev eth0 nodad");
        let mut node = host.start(vec![ipv6(254)]);
        node.until_role(Role::Backup);
        let story = node.story();
        assert!(story.contains("an earlier run left fe80::100/64 on eth0, removing it"), "{story}");
        assert!(story.contains("2001:db8::100/64 is on eth0 though this router is not Master, removing it"), "{story}");
        assert!(!virtual_ips().iter().any(|virtual_ip| host.has(*virtual_ip)), "{story}");

        until_both_announced(&mut node);
        node.stop();
        assert!(!virtual_ips().iter().any(|virtual_ip| host.has(*virtual_ip)));
    });
}

#[test]
fn an_address_that_somebody_removes_is_put_back_but_not_without_end() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = host(&lan, 1);
        let mut node = host.start(vec![ipv6(254)]);
        until_both_announced(&mut node);
        let removal = "address delete fe80::100/128 dev eth0";
        for _ in 0..3 {
            host.ip(removal);
            assert!(within(Duration::from_secs(1), || host.has(virtual_ips()[0])), "{}", node.story());
        }
        // As fast as one can: some are removed again before the kernel has told of them.
        host.run(move || {
            let mut ip = Command::new("ip");
            let ip = ip.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
            let mut ip = ip.spawn().unwrap();
            ip.stdin.take().unwrap().write_all(format!("{removal}\n").repeat(2000).as_bytes()).unwrap();
            ip.wait().unwrap();
        });
        node.until("the end of it", |kind| matches!(kind, EventKind::AddressFailed { .. }));
        assert!(node.story().contains("fe80::100/128 on eth0: somebody keeps removing it"), "{}", node.story());
        let lost = |event: &&vrrp_io_linux::Event| matches!(event.kind, EventKind::AddressLost { .. });
        assert_eq!(node.log().iter().filter(lost).count(), 3, "{}", node.story());
        node.stop();
        assert!(!host.has(virtual_ips()[0]));
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
            eventually("no address", || !virtual_ips().iter().any(|virtual_ip| host.has(*virtual_ip)));

            let mut tap = client.tap();
            host.ip("link set eth0 up");
            // The kernel makes the link-local address anew; until it is known to be unique, nothing comes from it.
            node.until_role(Role::Master);
            let source = link_local(&host);
            tap.until("an advertisement", |frame| frame.advert().is_some_and(|advert| advert.source == source));
            until_both_announced(&mut node);
            host.ip("address delete fe80::100/128 dev eth0");
            assert!(within(Duration::from_secs(1), || host.has(virtual_ips()[0])), "{}", node.story());
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
        assert_eq!(node.faults(), ["interface eth0 has no address to send from"]);
        let release = tap.until("a release", Frame::is_release);
        assert_eq!(release.advert().map(|advert| advert.source), Some(own));
        eventually("no address", || !virtual_ips().iter().any(|virtual_ip| host.has(*virtual_ip)));

        // One that somebody else on the link has is of no use.
        client.ip("address add fe80::5/64 dev eth0 nodad");
        host.ip("address add fe80::5/64 dev eth0");
        eventually("the duplicate is detected", || host.ip("address show dev eth0").contains("dadfailed"));
        let duplicate =
            "the only address of eth0 to send from, fe80::5, does not work: another host of the link has it too";
        eventually("the duplicate is told", || node.faults()[0].starts_with(duplicate));
        host.ip("address add fe80::6/64 dev eth0");
        node.until_role(Role::Master);
        tap.until("an advertisement", |frame| frame.advert().is_some_and(|advert| advert.source == address("fe80::6")));
    });
}
