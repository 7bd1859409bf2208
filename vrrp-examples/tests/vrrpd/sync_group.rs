//! `vrrp_sync_group`: routers that are Master together or not at all.

use std::fs;
use std::time::Duration;

use crate::common::{Host, Lan, Vrrpd, in_namespace, throughout, until};

const MEMBERS: [&str; 3] = ["first", "second", "outside"];

/// Three routers, two on the LAN and one on the other side; the failures of the article are tracked by the group.
fn configuration(priority: u8) -> String {
    let instance = |name: &str, interface: &str, vrid: u8, address: &str| {
        format!(
            "vrrp_instance {name} {{
                 interface {interface}
                 virtual_router_id {vrid}
                 version 3
                 advert_int 0.2
                 priority {priority}
                 virtual_ipaddress {{
                     {address}
                 }}
             }}\n"
        )
    };
    let group = "vrrp_script chk_well {
             script \"/usr/bin/test ! -e $D/broken\"
             interval 0.2
             timeout 5
         }
         vrrp_sync_group all {
             group {
                 first
                 second
                 outside
             }
             track_interface {
                 eth1
             }
             track_script {
                 chk_well
             }
             notify \"/bin/sh -c 'echo $* >>$D/notified' notify\"
         }\n";
    group.to_owned()
        + &instance("first", "eth0", 1, "192.0.2.101/24")
        + &instance("second", "eth0", 2, "192.0.2.102/24")
        + &instance("outside", "eth1", 1, "198.51.100.100/24")
}

const ADDRESSES: [&str; 3] = ["192.0.2.101", "192.0.2.102", "198.51.100.100"];

/// Returns how often each member became Master, and how often it ceased to be.
fn moves(daemon: &Vrrpd) -> [(usize, usize); 3] {
    MEMBERS.map(|name| {
        let count = |from: &str, to: &str| daemon.logged(&format!("{name}: {from} -> {to}"));
        let to_master = ["Initialize", "Backup", "Fault"].map(|from| count(from, "Master")).iter().sum();
        (to_master, count("Master", "Backup") + count("Master", "Fault"))
    })
}

#[track_caller]
fn until_all(daemon: &Vrrpd, host: &Host, state: &str) {
    MEMBERS.iter().for_each(|name| daemon.until_is(name, state));
    let master = state == "Master";
    until(&format!("addresses of a {state}"), || ADDRESSES.iter().all(|address| host.has(address) == master));
}

#[test]
fn each_failure_of_the_article_moves_all_of_a_group_once_and_brings_all_of_it_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (one, two) = (lan.host(1), lan.host(2));
        lan.second_network(&[&one, &two]);
        let better = one.vrrpd(&configuration(200));
        until_all(&better, &one, "Master");
        let worse = two.vrrpd(&configuration(100));
        until_all(&worse, &two, "Backup");
        until("the Masters are heard", || MEMBERS.iter().all(|name| worse.router(name).master.is_some()));

        let link = |name: &str, state: &str| {
            one.ip(&format!("link set {name} {state}"));
        };
        let check = |well: bool| match well {
            true => fs::remove_file(one.path("broken")).unwrap(),
            false => fs::write(one.path("broken"), "").unwrap(),
        };
        let failures: [(&str, &dyn Fn(bool)); 3] = [
            ("interface eth0 is down", &|up| link("eth0", if up { "up" } else { "down" })),
            ("interface eth1 is down", &|up| link("eth1", if up { "up" } else { "down" })),
            ("check chk_well failed", &check),
        ];
        for (round, (cause, set)) in (1..).zip(failures) {
            set(false);
            until_all(&worse, &two, "Master");
            until_all(&better, &one, "Fault");
            better.until_logged(&format!(": Master -> Fault: {cause}"));
            throughout(Duration::from_secs(1), "it stays so", || {
                moves(&better) == [(round, round); 3] && moves(&worse) == [(round, round - 1); 3]
            });

            set(true);
            until_all(&better, &one, "Master");
            until_all(&worse, &two, "Backup");
            throughout(Duration::from_secs(1), "and then so", || {
                moves(&better) == [(round + 1, round); 3] && moves(&worse) == [(round, round); 3]
            });
        }

        // The scripts are told about the whole, once for each change of it.
        let told = |host: &Host| -> Vec<String> {
            let all = host.lines("notified").into_iter();
            let mut states: Vec<String> =
                all.map(|line| line.strip_prefix("GROUP all ").unwrap_or(&line).to_owned()).collect();
            states.retain(|state| state == "MASTER 0");
            states
        };
        until("all is told", || told(&one).len() == 4 && told(&two).len() == 3);
        assert!(one.lines("notified").contains(&"GROUP all FAULT 0".to_owned()));
    });
}
