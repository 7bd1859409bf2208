//! What stands in `virtual_ipaddress` comes to stand on the interface.

use std::net::Ipv4Addr;

use crate::common::{Lan, in_namespace, until};

const CONFIGURATION: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 1
    priority 255
    virtual_ipaddress {
        192.0.2.101/24 dev eth0 label eth0:1
        192.0.2.102/25 brd + scope link
        192.0.2.103
        198.51.100.1/28 dev eth1 brd 198.51.100.15
    }
    virtual_ipaddress_excluded {
        192.0.2.104/24
        203.0.113.1/28 dev eth1 scope host label eth1:x
    }
}";

#[test]
fn prefix_device_label_broadcast_and_scope_are_as_configured_and_excluded_ones_are_not_advertised() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        let before = host.ip("-4 -oneline address show");
        let daemon = host.vrrpd(CONFIGURATION);
        until("the last address is there", || host.has("203.0.113.1"));
        let line = |address: &str| host.line_of(address).map(|line| line.split_once(": ").unwrap().1.replace("  ", ""));
        for (address, expected) in [
            ("192.0.2.101", "eth0inet 192.0.2.101/24 scope global secondary dynamic eth0:1"),
            ("192.0.2.102", "eth0inet 192.0.2.102/25 brd 192.0.2.127 scope link dynamic eth0"),
            ("192.0.2.103", "eth0inet 192.0.2.103/32 scope global dynamic eth0"),
            ("192.0.2.104", "eth0inet 192.0.2.104/24 scope global secondary dynamic eth0"),
            ("198.51.100.1", "eth1inet 198.51.100.1/28 brd 198.51.100.15 scope global dynamic eth1"),
            ("203.0.113.1", "eth1inet 203.0.113.1/28 scope host dynamic eth1:x"),
        ] {
            assert_eq!(line(address).as_deref(), Some(expected));
        }
        let adverts = || lan.wire().adverts(1);
        until("an advertisement", || !adverts().is_empty());
        let advertised: Vec<Ipv4Addr> = ["192.0.2.101", "192.0.2.102", "192.0.2.103", "198.51.100.1"]
            .map(|address| address.parse().unwrap())
            .into();
        assert_eq!(adverts()[0].addresses, advertised);
        for address in ["192.0.2.101", "192.0.2.104"] {
            until("it is announced", || lan.wire().announcements(1, address).len() >= 5);
        }
        assert!(daemon.terminate().success());
        assert_eq!(host.ip("-4 -oneline address show"), before);
    });
}
