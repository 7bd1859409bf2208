//! `virtual_routes` and `virtual_rules` come and go with the addresses.

use crate::common::{Host, Lan, in_namespace, until};

fn configuration(priority: u8) -> String {
    format!(
        "vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
             virtual_routes {{
                 198.51.100.0/24 via 192.0.2.254 src 192.0.2.100
                 203.0.113.0/24 dev eth0 table 100 metric 7 mtu 1400
                 blackhole 203.0.113.128/25 table 100
                 2001:db8:1::/48 dev eth0 metric 5
             }}
             virtual_rules {{
                 from 192.0.2.100 to 203.0.113.0/24 priority 500 table 100
                 iif eth0 fwmark 0x1/0xf priority 501 table 100
                 inet6 from 2001:db8::/32 priority 502 table 100
             }}
         }}"
    )
}

/// What ip shows of ours, in the order of the configuration.
const ROUTES: [&str; 4] = [
    "198.51.100.0/24 via 192.0.2.254 dev eth0 proto 112 src 192.0.2.100",
    "203.0.113.0/24 dev eth0 proto 112 scope link metric 7 mtu 1400",
    "blackhole 203.0.113.128/25 proto 112",
    "2001:db8:1::/48 dev eth0 proto 112 metric 5",
];
const RULES: [&str; 3] = [
    "500:\tfrom 192.0.2.100 to 203.0.113.0/24 lookup 100 proto 112",
    "501:\tfrom all fwmark 0x1/0xf iif eth0 lookup 100 proto 112",
    "502:\tfrom 2001:db8::/32 lookup 100 proto 112",
];

fn shown(host: &Host) -> Vec<String> {
    let of = |arguments: &str| host.ip(arguments);
    let all = ["-4 route show table all", "-6 route show table all", "-4 rule show", "-6 rule show"].map(of).concat();
    let ours = all.lines().filter(|line| line.contains("proto 112"));
    ours.map(|line| line.trim().to_owned()).collect()
}

fn are_there(host: &Host) -> bool {
    let shown = shown(host);
    let there = |expected: &str| shown.iter().any(|line| line.replace("table 100 ", "").starts_with(expected));
    ROUTES.iter().chain(&RULES).all(|expected| there(expected))
}

#[track_caller]
fn until_moved(from: &Host, to: &Host) {
    until("routes and rules are there", || are_there(to));
    until("nothing is left where they were", || shown(from).is_empty());
}

#[test]
fn they_are_where_the_address_is_and_a_start_sweeps_what_a_killed_one_left() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let better = first.vrrpd(&configuration(254));
        until("routes and rules are there", || are_there(&first));
        assert_eq!(shown(&first).len(), ROUTES.len() + RULES.len(), "{:?}", shown(&first));
        let worse = second.vrrpd(&configuration(200));
        until("the Master is heard", || worse.router("VI_1").master.is_some());
        assert_eq!(shown(&second), [""; 0]);

        assert!(better.terminate().success());
        assert_eq!(shown(&first), [""; 0], "a stop removes them");
        until_moved(&first, &second);
        worse.until_logged("VI_1: set route 198.51.100.0/24 via 192.0.2.254 src 192.0.2.100");
        worse.until_logged("VI_1: set rule 500: from 192.0.2.100/32 to 203.0.113.0/24 lookup 100");

        let better = first.vrrpd(&configuration(254));
        until_moved(&second, &first);
        worse.until_logged("VI_1: removed rule 500: from 192.0.2.100/32 to 203.0.113.0/24 lookup 100");

        // There and away and there again, faster than anybody would.
        for _ in 0..5 {
            first.ip("link set eth0 down");
            first.ip("link set eth0 up");
        }
        better.until_is("VI_1", "Master");
        until_moved(&second, &first);

        better.kill();
        assert!(are_there(&first));
        let backup = first.vrrpd(&configuration(100));
        backup.until_logged("VI_1: an earlier run left route 203.0.113.0/24 dev eth0 table 100 metric 7, removed it");
        backup.until_is("VI_1", "Backup");
        until_moved(&first, &second);
    });
}

#[test]
fn a_route_that_the_kernel_dropped_with_its_address_comes_back_with_it() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(255));
        until("routes and rules are there", || are_there(&host));
        host.ip("address delete 192.0.2.100/24 dev eth0");
        daemon.until_logged("somebody removed 192.0.2.100/24 from eth0, putting it back");
        until("the route is back", || are_there(&host));
    });
}

#[test]
fn what_the_kernel_refuses_is_told_and_what_others_have_set_stays() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("route add 198.51.100.0/24 via 192.0.2.253");
        host.ip("rule add from 192.0.2.100 to 203.0.113.0/24 priority 500 table 100");
        let daemon = host.vrrpd(&configuration(255).replace("203.0.113.0/24 dev eth0", "203.0.113.0/24 via 10.0.0.1"));
        daemon.until_logged("VI_1: cannot set route 198.51.100.0/24 via 192.0.2.254 src 192.0.2.100: File exists");
        daemon
            .until_logged("VI_1: cannot set route 203.0.113.0/24 via 10.0.0.1 table 100 metric 7: Network is unreach");
        daemon.until_logged("VI_1: set rule 502: from 2001:db8::/32 lookup 100");
        assert_eq!(host.ip("rule show").matches("from 192.0.2.100 to 203.0.113.0/24").count(), 2, "theirs and ours");
        assert!(daemon.is("VI_1", "Master"));
        assert!(daemon.terminate().success());
        assert!(host.ip("route show").contains("198.51.100.0/24 via 192.0.2.253"));
        assert!(host.ip("rule show").contains("from 192.0.2.100 to 203.0.113.0/24 lookup 100"));
        assert_eq!(shown(&host), [""; 0]);
    });
}
