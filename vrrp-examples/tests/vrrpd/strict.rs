//! `vrrp_strict`: whose addresses answer, beside keepalived.

use crate::beside::Beside;
use crate::common::{Host, Lan, in_namespace, until};
use crate::instance;

#[test]
fn in_strict_mode_only_an_owner_and_who_accepts_answers_as_keepalived() {
    let fast = |name, vrid, priority, more: &str| {
        instance(name, vrid, priority, &format!("version 3\nadvert_int 0.2\n{more}"))
    };
    let configuration = "global_defs {\nvrrp_strict\n}\n".to_owned()
        + &fast("silent", 1, 100, "")
        + &fast("accepts", 2, 100, "accept")
        + &fast("owner", 3, 255, "")
        + &fast("not_strict", 4, 100, "strict_mode off");
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let client = lan.host(3);
        let _daemons = beside.start(&configuration, &[]);
        [(1, 100), (2, 100), (3, 255), (4, 100)].iter().for_each(|it| beside.until_both_say(it.0, it.1));
        // Both hosts have every address: one after the other is asked for it.
        for (address, expected) in
            [("192.0.2.101", false), ("192.0.2.102", true), ("192.0.2.103", true), ("192.0.2.104", true)]
        {
            beside.both(|host| {
                until("the address is there", || host.has(address));
                client.ip(&format!("neighbour replace {address} lladdr {} dev eth0", mac(host)));
                assert_eq!(client.reaches(address), expected, "{address} on host {}", host.number());
            });
        }
    });
}

/// The MAC address of `eth0`.
fn mac(host: &Host) -> String {
    let line = host.ip("-oneline link show dev eth0");
    let mac = line.split_once("link/ether ").and_then(|(_, rest)| rest.split(' ').next());
    mac.unwrap_or_else(|| panic!("no MAC address in {line}")).to_owned()
}
