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

#[test]
fn what_somebody_removes_or_changes_while_the_router_is_master_comes_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(255));
        until("routes and rules are there", || are_there(&host));
        for (away, named) in [
            ("route delete 198.51.100.0/24", "route 198.51.100.0/24 via 192.0.2.254 src 192.0.2.100 was removed"),
            (
                "route delete blackhole 203.0.113.128/25 table 100",
                "route blackhole 203.0.113.128/25 table 100 was removed",
            ),
            ("-6 route delete 2001:db8:1::/48", "route 2001:db8:1::/48 dev eth0 metric 5 was removed"),
            ("rule delete priority 501", "rule 501: from all iif eth0 fwmark 0x1/0xf lookup 100 was removed"),
            ("-6 rule delete priority 502", "rule 502: from 2001:db8::/32 lookup 100 was removed"),
            (
                "route change 203.0.113.0/24 dev eth0 table 100 metric 7 mtu 1300 proto 112",
                "route 203.0.113.0/24 dev eth0 table 100 metric 7 was changed",
            ),
        ] {
            host.ip(away);
            daemon.until_logged(&format!("VI_1: {named}, put it back"));
            until(&format!("it is back after {away}"), || are_there(&host));
        }
        host.ip("route flush table 100");
        until("all of a table are back", || are_there(&host));
        assert!(daemon.is("VI_1", "Master"));
        assert!(daemon.terminate().success());
        assert_eq!(shown(&host), [""; 0]);
    });
}

#[test]
fn who_removes_again_and_again_is_given_time_and_the_log_says_so() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(255));
        until("routes and rules are there", || are_there(&host));
        let rule = || host.ip("rule show").contains("501:");
        let named = "VI_1: somebody removes rule 501: from all iif eth0 fwmark 0x1/0xf lookup 100 again and again; it is put back in 30 s";
        until("the log says that somebody does it again and again", || {
            if rule() {
                host.ip("rule delete priority 501");
            }
            daemon.logged(named) > 0
        });
        assert!(daemon.logged("lookup 100 was removed, put it back") >= 3, "the first three at once");
        assert!(!rule());
        host.ip("route delete 198.51.100.0/24");
        until("another one is back at once", || host.ip("route show").contains("198.51.100.0/24"));
        assert!(!rule());
        let removed = daemon.logged("removed rule 501");
        assert!(daemon.terminate().success());
        assert_eq!(daemon.logged("removed rule 501"), removed, "it was not there to be removed");
        assert_eq!((daemon.logged("VI_1: removed rule 500"), daemon.logged("VI_1: removed rule 502")), (1, 1));
    });
}

#[test]
fn what_goes_with_an_interface_comes_back_with_it_and_is_no_removal_of_ours() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        host.ip("address add 198.51.100.1/24 dev eth1");
        let routes = "203.0.113.0/24 via 198.51.100.9 no_track\n2001:db8:2::/48 dev eth1 no_track\n192.0.2.192/32 dev eth0 mtu 1400";
        let daemon = host.vrrpd(&format!(
            "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 1\npriority 255\nvirtual_ipaddress {{\n192.0.2.100/24\n}}\nvirtual_routes {{\n{routes}\n}}\n}}"
        ));
        let there = || shown(&host).len();
        until("all are there", || there() == 3);
        for _ in 0..2 {
            host.ip("link set eth1 down");
            daemon.until_logged("VI_1: route 203.0.113.0/24 via 198.51.100.9 was removed");
            until("the kernel has dropped two", || there() == 1);
            host.ip("link set eth1 up");
            until("all are there again", || there() == 3);
        }
        host.ip("link set eth1 down");
        until("the kernel has dropped two", || there() == 1);
        assert!(daemon.is("VI_1", "Master"));
        assert!(daemon.terminate().success());
        assert_eq!(shown(&host), [""; 0]);
        let removed: Vec<String> = daemon.log().into_iter().filter(|line| line.contains(": removed route")).collect();
        assert_eq!(removed, ["VI_1: removed route 192.0.2.192/32 dev eth0"]);
    });
}

#[test]
fn what_two_routers_share_stays_as_long_as_one_of_them_is_master() {
    let instance = |name: &str, vrid: u8, priority: u8, route: &str, rule: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\npriority {priority}\nvirtual_ipaddress {{\n192.0.2.{vrid}/24\n}}\n\
             virtual_routes {{\n{route}\n}}\nvirtual_rules {{\n{rule}\n}}\n}}\n"
        )
    };
    let with = |first: u8, second: u8| {
        instance("VI_1", 101, first, "203.0.113.0/24 via 192.0.2.254", "fwmark 1 priority 500 table 100")
            + &instance(
                "VI_2",
                102,
                second,
                "203.0.113.0/24 via 192.0.2.254 dev eth0",
                "from all fwmark 0x1/0xffffffff priority 500 table 100",
            )
    };
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let daemon = first.vrrpd(&with(200, 200));
        ["VI_1", "VI_2"].iter().for_each(|name| daemon.until_is(name, "Master"));
        until("one route and one rule are there", || shown(&first).len() == 2);
        let all = shown(&first);

        let better = second.vrrpd(&with(254, 100));
        daemon.until_is("VI_1", "Backup");
        until("they are on the other host too", || shown(&second) == all);
        daemon.until_logged("VI_1: removed 192.0.2.101/24");
        assert!(better.terminate().success());
        daemon.until_is("VI_1", "Master");
        assert_eq!(shown(&first), all);
        assert_eq!((daemon.logged("removed route"), daemon.logged("removed rule")), (0, 0));

        let better = second.vrrpd(&with(254, 254));
        ["VI_1", "VI_2"].iter().for_each(|name| daemon.until_is(name, "Backup"));
        until("they have moved", || shown(&first).is_empty() && shown(&second) == all);
        assert_eq!((daemon.logged("removed route"), daemon.logged("removed rule")), (1, 1));
        drop(better);
    });
}

/// The kernel keeps an IPv6 route whose preferred source goes, and sends from another address then.
#[test]
fn an_ipv6_route_has_its_source_again_when_the_address_is_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(
            "vrrp_instance VI_1 {
                 interface eth0
                 virtual_router_id 1
                 priority 255
                 virtual_ipaddress {
                     192.0.2.100/24
                 }
                 virtual_ipaddress_excluded {
                     2001:db8::100/64
                 }
                 virtual_routes {
                     2001:db8:9::/48 dev eth0 src 2001:db8::100
                 }
             }",
        );
        let there =
            || shown(&host).iter().any(|line| line.starts_with("2001:db8:9::/48 dev eth0 proto 112 src 2001:db8::100"));
        until("the route is there with its source", there);
        for times in 1..=2 {
            host.ip("address delete 2001:db8::100/64 dev eth0");
            until(&format!("the address is lost {times} times"), || {
                daemon.logged("somebody removed 2001:db8::100/64") == times
            });
            until("the route is there with its source again", there);
        }
        assert!(daemon.terminate().success());
        assert_eq!(shown(&host), [""; 0]);
    });
}
