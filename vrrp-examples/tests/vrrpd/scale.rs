//! Many addresses, and many virtual routers on one interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::common::{Lan, in_namespace, until};
use crate::instance;

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
            (1..=20).map(|vrid| instance(&format!("VI_{vrid}"), vrid, priority, "")).collect()
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

/// Each takeover is told in 150 lines, of which nobody reads one.
#[test]
fn a_takeover_of_fifty_waits_for_no_reader_of_the_log() {
    const ROUTERS: usize = 50;
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let configuration = |priority: u8| {
            let mut text = "global_defs {\n vrrp_version 3\n vrrp_garp_master_repeat 1\n}\n".to_owned();
            for vrid in 1..=ROUTERS {
                write!(
                    text,
                    "vrrp_instance VI_{vrid} {{
                         interface eth0
                         virtual_router_id {vrid}
                         priority {priority}
                         advert_int 0.1
                         virtual_ipaddress {{
                             198.51.100.{vrid}/32
                         }}
                     }}\n"
                )
                .unwrap();
            }
            text
        };
        let all =
            |daemon: &crate::common::Vrrpd, state| daemon.status().routers.iter().all(|router| router.state == state);
        let mut better = first.vrrpd(&configuration(200));
        until("all are Master", || all(&better, "Master"));
        let (worse, _stderr) = second.vrrpd_unread(&configuration(100));
        for _ in 0..3 {
            until("all are Backup", || all(&worse, "Backup"));
            let before = lan.wire().adverts(2).len();
            assert!(better.terminate().success());
            let adverts = || {
                let mut by_vrid = BTreeMap::<u8, Vec<Instant>>::new();
                for advert in lan.wire().adverts(2).split_off(before) {
                    by_vrid.entry(advert.vrid).or_default().push(advert.at);
                }
                by_vrid
            };
            let thrice = |all: BTreeMap<_, Vec<_>>| all.len() == ROUTERS && all.values().all(|sent| sent.len() >= 3);
            until("each has advertised three times", || thrice(adverts()));
            let adverts = adverts();
            let first_of_all = adverts.values().map(|sent| sent[0]).min().unwrap();
            for (vrid, sent) in adverts {
                assert!(sent[0] - first_of_all < Duration::from_secs(3), "the takeover of {vrid}");
                // A log that holds it up does so for ever; a busy machine for some tenths of a second.
                let on_time = |pair: &[Instant]| pair[1] - pair[0] < Duration::from_secs(1);
                assert!(sent[..3].windows(2).all(on_time), "{vrid}: {:?}", &sent[..3]);
            }
            better = first.vrrpd(&configuration(200));
        }
        assert_eq!(worse.terminate().code(), Some(0));
    });
}
