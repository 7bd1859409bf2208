//! Twenty addresses, and twenty virtual routers on one interface.

use std::net::Ipv4Addr;

use crate::common::{Lan, in_namespace, until};

#[test]
fn twenty_addresses_come_are_advertised_in_their_order_and_go() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let addresses: Vec<Ipv4Addr> = (101..=120).rev().map(|last| Ipv4Addr::new(192, 0, 2, last)).collect();
        let lines: String = addresses.iter().map(|address| format!("{address}/24\n")).collect();
        let configuration = format!(
            "vrrp_instance VI_1 {{
                 interface eth0
                 virtual_router_id 1
                 priority 255
                 virtual_ipaddress {{
                     {lines}
                 }}
             }}"
        );
        let daemon = host.vrrpd(&configuration);
        let held = || addresses.iter().filter(|address| host.has(&address.to_string())).count();
        until("all are there", || held() == 20);
        until("an advertisement", || !lan.wire().adverts(1).is_empty());
        assert_eq!(lan.wire().adverts(1)[0].addresses, addresses);
        for address in &addresses {
            until("it is announced", || lan.wire().announcements(1, &address.to_string()).len() >= 5);
        }
        assert!(daemon.terminate().success());
        assert_eq!(held(), 0);
        assert!(host.has("192.0.2.1"), "its own address stays");
    });
}

#[test]
fn twenty_routers_on_one_interface_fail_over_together() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let configuration = |priority: u8| -> String {
            let instance = |vrid: u8| {
                format!(
                    "vrrp_instance VI_{vrid} {{
                         interface eth0
                         virtual_router_id {vrid}
                         priority {priority}
                         virtual_ipaddress {{
                             192.0.2.{}/24
                         }}
                     }}\n",
                    100 + vrid
                )
            };
            (1..=20).map(instance).collect()
        };
        let better = first.vrrpd(&configuration(255));
        let worse = second.vrrpd(&configuration(254));
        let all =
            |daemon: &crate::common::Vrrpd, state| daemon.status().routers.iter().all(|router| router.state == state);
        until("all are Master", || all(&better, "Master"));
        until("all know the Master", || worse.status().routers.iter().all(|router| router.master.is_some()));
        assert!(all(&worse, "Backup"));

        better.kill();
        until("all have taken over", || all(&worse, "Master"));
        until("all addresses", || (101..=120).all(|last| second.has(&format!("192.0.2.{last}"))));

        let better = first.vrrpd(&configuration(255));
        until("all are back", || all(&better, "Master") && all(&worse, "Backup"));
        until("no address is left", || (101..=120).all(|last| !second.has(&format!("192.0.2.{last}"))));
        assert!((101..=120).all(|last| first.has(&format!("192.0.2.{last}"))));
    });
}
