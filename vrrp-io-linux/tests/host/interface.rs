//! An interface that goes down, loses its carrier, disappears, comes back.

use std::time::Duration;

use vrrp_core::Role;
use vrrp_io_linux::{AddressError, Router};

use crate::common::*;

const VIP: &str = "192.0.2.100";

fn is_advert(frame: &Frame) -> bool {
    frame.advert().is_some_and(|advert| advert.priority.is_some())
}

/// The fault is named, nothing of the address remains, and all is well again when the cause is gone.
fn trouble_and_recovery(fault: &str, trouble: impl Fn(&Lan, &Host), remedy: impl Fn(&Lan, &Host)) {
    let lan = Lan::new();
    let (host, client) = (lan.host(1), lan.host(9));
    let mut node = host.start(vec![router(fast(254, &[address(VIP)]))]);
    node.until_announced();
    for _ in 0..2 {
        node.forget();
        trouble(&lan, &host);
        node.until_role(Role::Initialize);
        // An interface that is deleted is down before that.
        eventually("the fault is told", || node.faults().contains(&fault.to_owned()));
        let told = [format!("Master -> Fault: {fault}"), format!("still in Fault, now because: {fault}")];
        eventually("in an event too", || told.iter().any(|told| node.story().contains(told)));
        eventually("no address", || !host.has(address(VIP)));

        let mut tap = client.tap();
        remedy(&lan, &host);
        // At once, or as a Backup first: that depends on how long it was gone.
        node.until_role(Role::Master);
        tap.until("an advertisement", is_advert);
        // What the host did to the address meanwhile is not mixed up with what others do now.
        host.ip("address delete 192.0.2.100/32 dev eth0");
        assert!(within(Duration::from_secs(1), || host.has(address(VIP))), "{}", node.story());
        // What was announced before may have been lost in a switch whose port had just come up.
        tap.until("gratuitous ARP", |frame| frame.announced() == Some((address(VIP), host.mac())));
    }
    // It hears as well as it speaks: an owner takes over.
    let better = lan.host(2).start(vec![router(fast(255, &[address(VIP)]))]);
    node.until_role(Role::Backup);
    better.stop();
}

#[test]
fn down_and_up() {
    in_namespace(|| {
        trouble_and_recovery(
            "interface eth0 is down",
            |_, host| drop(host.ip("link set eth0 down")),
            |_, host| drop(host.ip("link set eth0 up")),
        );
    });
}

#[test]
fn carrier_lost_and_back() {
    in_namespace(|| {
        let fault = "interface eth0 has no carrier";
        trouble_and_recovery(fault, |lan, host| lan.carrier(host, false), |lan, host| lan.carrier(host, true));
    });
}

#[test]
fn deleted_and_made_anew() {
    in_namespace(|| {
        trouble_and_recovery("there is no interface eth0", Lan::unplug, |lan, host| {
            lan.plug(host);
            host.ip(&format!("address add {}/24 dev eth0", host.address()));
        });
    });
}

#[test]
fn an_interface_that_is_not_there_yet_is_waited_for() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(9));
        lan.unplug(&host);
        let mut node = host.start(vec![router(fast(254, &[address(VIP)]))]);
        node.until_role(Role::Initialize);
        assert_eq!(node.faults(), ["there is no interface eth0"]);

        let mut tap = client.tap();
        lan.plug(&host);
        eventually("the next fault", || node.faults() == ["interface eth0 has no address to send from"]);
        host.ip(&format!("address add {}/24 dev eth0", host.address()));
        node.until_role(Role::Master);
        tap.until("an advertisement", is_advert);
        node.until_announced();
        node.stop();
        assert!(!host.has(address(VIP)));
    });
}

#[test]
fn a_missing_device_of_one_address_hands_all_to_the_peer() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, peer) = (lan.host(1), lan.host(2));
        let addresses = [address(VIP), address("198.51.100.1")];
        host.ip("link add eth1 type veth peer name far1");
        host.ip("link set far1 up");
        host.ip("link set eth1 up");
        let mut elsewhere = virtual_ip("198.51.100.1/24");
        elsewhere.device = Some("eth1".into());
        let mut node = host.start(vec![router(fast(200, &addresses)).with_address(elsewhere).unwrap()]);
        node.until_role(Role::Master);
        eventually("both addresses", || addresses.iter().all(|address| host.has(*address)));
        let mut other = peer.start(vec![router(fast(100, &addresses))]);
        other.until_role(Role::Backup);

        host.ip("link delete eth1");
        node.until_role(Role::Backup);
        let status = node.status();
        assert_eq!((status.priority.get(), status.faults), (25, vec![]), "handicapped, not at fault");
        let obstacle = status.addresses[1].obstacle.clone().unwrap();
        let is_eth1 = |name: &str| name == "eth1";
        assert!(
            matches!(&obstacle, AddressError::NoInterface { interface } | AddressError::InterfaceDown { interface } if is_eth1(interface)),
            "{obstacle}"
        );
        other.until_role(Role::Master);
        eventually("both there", || addresses.iter().all(|address| peer.has(*address) && !host.has(*address)));
    });
}

#[test]
fn two_routers_share_an_interface_and_its_trouble() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let second = vrrp_core::Config::new(vrrp_core::Profile::Rfc3768, vrid(52), &[address("192.0.2.101")]).unwrap();
        let second = Router::new("eth0", second.with_priority(vrrp_core::Priority::OWNER));
        let mut node = host.start(vec![router(fast(254, &[address(VIP)])), second]);
        eventually("both", || host.has(address(VIP)) && host.has(address("192.0.2.101")));
        host.ip("link set eth0 down");
        node.until_role(Role::Initialize);
        node.until_role(Role::Initialize);
        eventually("none", || !host.has(address(VIP)) && !host.has(address("192.0.2.101")));
        host.ip("link set eth0 up");
        eventually("both", || host.has(address(VIP)) && host.has(address("192.0.2.101")));
    });
}
