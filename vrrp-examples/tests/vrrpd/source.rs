//! `mcast_src_ip`: advertisements from another address of the interface.

use std::net::Ipv4Addr;
use std::time::Instant;

use crate::beside::Beside;
use crate::common::{Lan, in_namespace, until};
use crate::instance;

#[test]
fn advertisements_to_the_group_come_from_the_address_that_is_configured() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("address add 192.0.2.77/24 dev eth0");
        let _daemon = host.vrrpd(
            "vrrp_instance VI_1 {
                 interface eth0
                 virtual_router_id 1
                 priority 255
                 mcast_src_ip 192.0.2.77
                 virtual_ipaddress {
                     192.0.2.100/24
                 }
             }",
        );
        let adverts = || lan.wire().adverts(1);
        until("three advertisements", || adverts().len() >= 3);
        for advert in adverts() {
            assert_eq!((advert.source, advert.destination), ([192, 0, 2, 77].into(), [224, 0, 0, 18].into()));
        }
    });
}

/// keepalived 2.2.7 goes on with an address that the host no longer has, with `track_src_ip` too.
#[test]
fn a_router_whose_source_goes_is_at_fault_until_it_is_back_where_keepalived_goes_on() {
    let configuration = instance("VI_1", 1, 100, "version 3\nadvert_int 0.2\nmcast_src_ip 192.0.2.77\ntrack_src_ip");
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        beside.both(|host| drop(host.ip("address add 192.0.2.77/24 dev eth0")));
        let (daemon, _keepalived) = beside.start(&configuration, &[]);
        beside.until_both_say(1, 100);

        beside.both(|host| drop(host.ip("address delete 192.0.2.77/24 dev eth0")));
        beside.until_left(&beside.ours, 1, "192.0.2.101");
        daemon.until_logged("VI_1: Master -> Fault: the source address 192.0.2.77 is not on this host");
        let gone = Instant::now();
        until("keepalived goes on", || lan.wire().adverts(2).last().unwrap().at > gone);
        assert_eq!(lan.wire().adverts(1).last().unwrap().priority, 0, "vrrpd says no more");

        beside.both(|host| drop(host.ip("address add 192.0.2.77/24 dev eth0")));
        beside.until_both_say(1, 100);
        for host in [1, 2] {
            assert!(lan.wire().adverts(host).iter().all(|advert| advert.source == Ipv4Addr::new(192, 0, 2, 77)));
        }
    });
}
