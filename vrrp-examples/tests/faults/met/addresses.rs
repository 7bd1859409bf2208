//! Virtual addresses: which are on a host, and what becomes of the router where one is not.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Host, Lan, Vrrpd, throughout, until, until_stable, until_within};
use crate::{Pair, instance, on_hosts, router, router_v6};

const BOTH_FAMILIES: &str = "virtual_ipaddress {\n192.0.2.100/24\n}\nvirtual_ipaddress_excluded {\n2001:db8::100/64\n}";

/// Returns how often a router entered a state.
pub(super) fn entered(daemon: &Vrrpd, state: &str) -> usize {
    daemon.logged(&format!("-> {state}"))
}

/// Where no host can set an address that is not even advertised, the best one serves the others, says what is missing and
/// why, and nothing flaps.
#[test]
fn a1_an_address_that_no_host_can_set_takes_no_other_away() {
    on_hosts(|| {
        let pair = Pair::prepared(|priority| router(priority, BOTH_FAMILIES), no_ipv6);
        until("the best one serves", || pair.first.has("192.0.2.100"));
        pair.better.until_logged("IPv6 is disabled on eth0");
        // Each may find out by a try, and says so with its priority.
        until_stable(Duration::from_secs(8), Duration::from_secs(30), "it goes on serving, alone", || {
            pair.first.has("192.0.2.100") && !pair.second.has("192.0.2.100")
        });
        assert!(pair.better.is("VI_1", "Master") && pair.worse.is("VI_1", "Backup"));
        assert_eq!((entered(&pair.better, "Fault"), entered(&pair.worse, "Fault")), (0, 0));
        let tries = (entered(&pair.better, "Master"), entered(&pair.worse, "Master"));
        assert!(tries.0 <= 2 && tries.1 <= 1, "{tries:?} takeovers");
        let status = String::from_utf8(pair.first.vrrpctl(&["status"]).stdout).unwrap();
        assert!(status.contains("2001:db8::100/64 not here"), "{status}");
    });
}

fn no_ipv6(host: &Host) {
    host.set("ipv6/conf/eth0/disable_ipv6", "1");
}

/// Where one host can set every address, that host serves.
#[test]
fn a1_the_host_that_can_set_every_address_serves() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        no_ipv6(&first);
        let better = first.vrrpd(&router(200, BOTH_FAMILIES));
        let worse = second.vrrpd(&router(100, BOTH_FAMILIES));
        until("the second serves everything", || second.has("192.0.2.100") && second.has("2001:db8::100"));
        until("it alone", || !first.has("192.0.2.100"));
        throughout(Duration::from_secs(6), "nothing flaps", || {
            second.has("192.0.2.100") && second.has("2001:db8::100") && !first.has("192.0.2.100")
        });
        assert!(worse.is("VI_1", "Master") && !better.is("VI_1", "Master"));

        // The reason is gone: the better one takes all of it.
        first.set("ipv6/conf/eth0/disable_ipv6", "0");
        until("the first serves everything", || first.has("192.0.2.100") && first.has("2001:db8::100"));
        until("it alone", || !second.has("192.0.2.100") && !second.has("2001:db8::100"));
    });
}

/// The same at run time: an address that goes and cannot come back.
#[test]
fn a1_a_master_that_loses_an_address_gives_way_to_a_host_that_can_set_it() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router(priority, BOTH_FAMILIES));
        until("all are there", || pair.first.has("192.0.2.100") && pair.first.has("2001:db8::100"));
        no_ipv6(&pair.first);
        until("the second serves everything", || pair.second.has("192.0.2.100") && pair.second.has("2001:db8::100"));
        until("it alone", || !pair.first.has("192.0.2.100"));
        throughout(Duration::from_secs(4), "nothing flaps", || {
            pair.second.has("192.0.2.100") && pair.second.has("2001:db8::100")
        });
    });
}

/// The same where it is lost on both hosts: what can be served is served.
#[test]
fn a1_an_address_that_goes_from_every_host_takes_no_other_away() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router(priority, BOTH_FAMILIES));
        until("all are there", || pair.first.has("192.0.2.100") && pair.first.has("2001:db8::100"));
        no_ipv6(&pair.first);
        no_ipv6(&pair.second);
        until_stable(Duration::from_secs(8), Duration::from_secs(30), "the best one serves", || {
            pair.first.has("192.0.2.100") && !pair.second.has("192.0.2.100")
        });
        assert_eq!((entered(&pair.better, "Fault"), entered(&pair.worse, "Fault")), (0, 0));
    });
}

/// The same for other reasons than that: an MTU too small for IPv6, and no IPv6 on new interfaces such as a macvlan.
#[test]
fn a1_an_mtu_too_small_for_one_address_takes_no_other_away() {
    on_hosts(|| served_without_ipv6("", |host| drop(host.ip("link set eth0 mtu 1200"))));
}

#[test]
fn a1_a_macvlan_without_ipv6_takes_no_other_address_away() {
    on_hosts(|| served_without_ipv6("use_vmac", |host| host.set("ipv6/conf/default/disable_ipv6", "1")));
}

fn served_without_ipv6(lines: &str, prepare: impl Fn(&Host)) {
    let pair = Pair::prepared(|priority| router(priority, &format!("{lines}\n{BOTH_FAMILIES}")), prepare);
    until_stable(Duration::from_secs(6), Duration::from_secs(30), "the best one serves", || {
        pair.first.has("192.0.2.100") && !pair.second.has("192.0.2.100")
    });
    assert_eq!((entered(&pair.better, "Fault"), entered(&pair.worse, "Fault")), (0, 0));
    assert!(!pair.first.has("2001:db8::100"), "the other one cannot be set");
}

/// An IPv6 address that was found in use by another host (`dadfailed`) answers nobody: it is no address of a Master.
#[test]
fn a2_an_ipv6_address_that_failed_duplicate_detection_is_set_anew() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(3));
        client.ip("address add 2001:db8::100/64 dev eth0 nodad");
        until("the client's links are ready", || !client.ip("-6 address show dev eth0").contains("tentative"));
        host.ip("address add 2001:db8::100/64 dev eth0");
        until("it fails", || host.ip("-6 address show dev eth0").contains("dadfailed"));
        client.ip("address delete 2001:db8::100/64 dev eth0");
        client.ip("address add 2001:db8::3/64 dev eth0 nodad");

        let daemon = host.vrrpd(&router_v6(200, ""));
        daemon.until_is("VI_1", "Master");
        until("it answers", || client.reaches("2001:db8::100"));
        assert!(!host.ip("-6 address show dev eth0").contains("dadfailed"));
    });
}

/// An address that stands on a host before the start, whoever put it there, is on one host when both run.
#[test]
fn a3_what_was_on_both_hosts_before_the_start_is_on_the_master_alone() {
    on_hosts(|| {
        let left = |host: &Host| drop(host.ip("address add 192.0.2.100/24 dev eth0"));
        let pair = Pair::prepared(|priority| router(priority, ""), left);
        until("the Backup has removed it, or says that it may not", || {
            !pair.second.has("192.0.2.100")
                || (pair.worse.is("VI_1", "Fault")
                    && pair.worse.json("VI_1")["cause"].to_string().contains("192.0.2.100"))
        });
        assert!(pair.first.has("192.0.2.100"));
    });
}

/// The same with another prefix length, or on another device than this router would use.
#[test]
fn a3_what_was_there_in_another_form_is_on_the_master_alone() {
    on_hosts(|| {
        for (lines, left) in [("", "192.0.2.100/32"), ("use_vmac", "192.0.2.100/24")] {
            let lan = Lan::new();
            let (first, second) = (lan.host(1), lan.host(2));
            second.ip(&format!("address add {left} dev eth0"));
            let better = first.vrrpd(&router(200, lines));
            better.until_is("VI_1", "Master");
            let worse = second.vrrpd(&router(100, lines));
            until("it is gone, or the status tells", || {
                let status = String::from_utf8(second.vrrpctl(&["status"]).stdout).unwrap();
                !second.has("192.0.2.100") || !status.contains("192.0.2.100/24 not here")
            });
            until("it is gone, or the log tells", || !second.has("192.0.2.100") || worse.logged("192.0.2.100") > 0);
            crate::common::testing::ip("link delete switch");
            crate::common::testing::ip("link delete port1");
            crate::common::testing::ip("link delete port2");
        }
    });
}

/// An address that somebody sets on a Backup is noticed, and the status does not deny it.
#[test]
fn a3_an_address_that_appears_on_a_backup_is_noticed() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router(priority, ""));
        let before = pair.worse.logged("192.0.2.100");
        pair.second.ip("address add 192.0.2.100/24 dev eth0");
        until("the log names it", || pair.worse.logged("192.0.2.100") > before);
        until("it is gone, or the status tells", || {
            let status = String::from_utf8(pair.second.vrrpctl(&["status"]).stdout).unwrap();
            !pair.second.has("192.0.2.100") || !status.contains("192.0.2.100/24 not here")
        });
    });
}

/// An address that was there when the router became Master is gone when it is Backup again.
#[test]
fn a3_what_a_master_found_there_does_not_outlive_its_rule() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        second.ip("address add 192.0.2.100/24 dev eth0");
        let worse = second.vrrpd(&router(100, ""));
        worse.until_is("VI_1", "Master");
        let better = first.vrrpd(&router(200, ""));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Backup");
        until("the Backup has removed it, or says that it may not", || {
            !second.has("192.0.2.100") || worse.logged("192.0.2.100/24 stays") + worse.logged("is on this host") > 0
        });
        let status = String::from_utf8(second.vrrpctl(&["status"]).stdout).unwrap();
        assert!(!second.has("192.0.2.100") || !status.contains("192.0.2.100/24 not here"), "{status}");
    });
}

/// A process that may not set addresses says so at the start, and takes nothing from anybody.
#[test]
fn a4_without_the_capability_to_set_addresses_there_is_no_start() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let drop = ["--inh-caps=-net_admin", "--ambient-caps=-net_admin", "--bounding-set=-net_admin"];
        let wrapper = [&["setpriv"][..], &drop].concat();
        let ended = host.vrrpd_ends(&router(200, ""), &wrapper, &[]).expect("it runs without CAP_NET_ADMIN");
        assert!(!ended.success && ended.said.contains("CAP_NET_ADMIN"), "{ended:?}");
        assert!(lan.wire().adverts(1).is_empty(), "it became Master");
    });
}

/// Two routers cannot have one address: neither would know whose it is.
#[test]
fn a5_one_address_in_two_routers_is_refused() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let of = |block: &str, address: &str| format!("{block} {{\n{address}\n}}");
        let second = [
            of("virtual_ipaddress", "192.0.2.100/24"),
            of("virtual_ipaddress", "192.0.2.100/32"),
            of("virtual_ipaddress", "192.0.2.101/24") + "\n" + &of("virtual_ipaddress_excluded", "192.0.2.100/24"),
        ];
        for lines in second {
            let text = router(200, "") + &instance("VI_2", 2, 200, &lines);
            let ended = host.vrrpd_ends(&text, &[], &[]).unwrap_or_else(|| panic!("it runs with {lines}"));
            assert!(!ended.success && ended.said.contains("192.0.2.100"), "{lines}: {ended:?}");
        }
    });
}

/// One interface, family and VRID belongs to one process of a network namespace.
#[test]
fn a6_a_second_process_for_the_same_router_is_refused_and_disturbs_nothing() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&router(200, ""));
        daemon.until_is("VI_1", "Master");
        until("the address is there", || host.has("192.0.2.100"));
        let ended = host.vrrpd_ends(&router(150, ""), &[], &[]).expect("the second one runs");
        assert!(!ended.success && ended.said.contains("eth0"), "{ended:?}");
        throughout(Duration::from_secs(3), "the first one serves", || host.has("192.0.2.100"));
        assert!(daemon.is("VI_1", "Master"));
        assert!(lan.wire().adverts(1).iter().all(|advert| advert.priority == 200), "one router speaks, and goes on");
        assert_eq!(daemon.logged("somebody removed"), 0, "the address was never touched");

        // Another VRID, or another family, is another router.
        let other = instance("VI_2", 2, 200, "virtual_ipaddress {\n192.0.2.102/24\n}") + &router_v6(200, "");
        let ended = host.vrrpd_ends(&other, &[], &[]);
        assert!(ended.is_none(), "a second process for another VRID and another family may run: {ended:?}");

        // What is dead holds nothing.
        daemon.kill();
        let next = host.vrrpd(&router(200, ""));
        next.until_is("VI_1", "Master");
    });
}

/// Routes and rules of a Master come back when somebody removes them.
#[test]
fn a7_routes_and_rules_that_somebody_removes_come_back() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let lines = "virtual_routes {\n198.51.100.0/24 via 192.0.2.254\n}
                     virtual_rules {\nfrom 192.0.2.100 to 203.0.113.0/24 priority 500 table 100\n}";
        let daemon = host.vrrpd(&router(255, lines));
        let route = || host.ip("route show").contains("198.51.100.0/24");
        let rule = || host.ip("rule show").contains("from 192.0.2.100 to 203.0.113.0/24");
        until("both are there", || route() && rule());
        host.ip("route delete 198.51.100.0/24");
        until("the route is back", route);
        host.ip("rule delete priority 500");
        until("the rule is back", rule);

        // Ten times in a row, as a script would that knows better.
        for _ in 0..10 {
            let _ = host.output("ip route delete 198.51.100.0/24; ip rule delete priority 500");
        }
        until_within(Duration::from_secs(60), "both are back", || route() && rule());
        assert!(daemon.terminate().success());
        assert!(!route() && !rule());
    });
}

/// The log of the stop names what was removed, and nothing else.
#[test]
fn a7_the_log_of_a_stop_does_not_name_a_route_that_was_not_there() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        host.ip("address add 203.0.113.1/24 dev eth1");
        let daemon = host.vrrpd(&router(255, "virtual_routes {\n198.51.100.0/24 via 203.0.113.254\n}"));
        let route = || host.ip("route show").contains("198.51.100.0/24");
        until("the route is there", route);
        // Nobody can put it back.
        host.sh("ip route delete 198.51.100.0/24; ip address flush dev eth1; ip link set eth1 down");
        thread::sleep(Duration::from_secs(3));
        assert!(!route() && daemon.is("VI_1", "Master"));
        assert!(daemon.terminate().success());
        assert_eq!(daemon.logged("removed route"), 0);
    });
}

/// What can never carry the protocol is refused, with the reason.
#[test]
fn a8_an_interface_that_cannot_carry_the_protocol_is_refused() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let ended = host.vrrpd_ends(&router(200, "interface lo"), &[], &[]).expect("it runs on lo");
        assert!(!ended.success && ended.said.contains("lo"), "{ended:?}");
    });
}

/// What the kernel takes away with a small MTU is put right when it is gone: the Backup hears again.
#[test]
fn a10_ipv6_is_heard_again_after_a_small_mtu_on_the_backup() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router_v6(priority, ""));
        small_mtu_for_a_moment(&pair.second);
        heard_again(&pair);
    });
}

/// The same on the Master.
#[test]
fn a10_ipv6_is_heard_again_after_a_small_mtu_on_the_master() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router_v6(priority, ""));
        small_mtu_for_a_moment(&pair.first);
        heard_again(&pair);
    });
}

/// The same with a virtual MAC: the kernel makes the macvlan's MTU small with that of its interface, and leaves it so.
#[test]
fn a10_a_virtual_mac_serves_again_after_a_small_mtu() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router_v6(priority, "use_vmac"));
        small_mtu_for_a_moment(&pair.first);
        small_mtu_for_a_moment(&pair.second);
        until_stable(Duration::from_secs(3), Duration::from_secs(20), "one Master", || {
            pair.better.is("VI_1", "Master")
                && pair.worse.is("VI_1", "Backup")
                && pair.first.has("2001:db8::100")
                && !pair.second.has("2001:db8::100")
        });
        pair.better.kill();
        pair.worse.until_is("VI_1", "Master");
        until("the second serves", || pair.second.has("2001:db8::100"));
    });
}

fn small_mtu_for_a_moment(host: &Host) {
    host.ip("link set eth0 mtu 1200");
    thread::sleep(Duration::from_millis(1500));
    host.ip("link set eth0 mtu 1500");
}

/// The first is Master and the second hears it, and stays so; the other way round after the first one's end.
fn heard_again(pair: &Pair) {
    let Pair { first, second, better, worse, .. } = pair;
    let order = || {
        better.is("VI_1", "Master")
            && worse.is("VI_1", "Backup")
            && first.has("2001:db8::100")
            && !second.has("2001:db8::100")
    };
    until("one Master", order);
    throughout(Duration::from_secs(3), "one Master", order);
    assert!(better.terminate().success());
    worse.until_is("VI_1", "Master");
    let back = first.vrrpd(&router_v6(200, ""));
    back.until_is("VI_1", "Master");
    worse.until_is("VI_1", "Backup");
}

/// A macvlan that somebody deletes under a Master comes back, or another host serves.
#[test]
fn a10_a_macvlan_that_is_deleted_leaves_no_master_without_its_address() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router(priority, "use_vmac"));
        let client = pair.lan.host(3);
        until("it serves", || client.reaches("192.0.2.100"));
        pair.first.ip("link delete vrrp.1");
        until_stable(Duration::from_secs(3), Duration::from_secs(30), "one Master, which has the address", || {
            let masters = (pair.better.is("VI_1", "Master"), pair.worse.is("VI_1", "Master"));
            masters.0 != masters.1 && masters == (pair.first.has("192.0.2.100"), pair.second.has("192.0.2.100"))
        });
        until("it serves", || client.reaches("192.0.2.100"));
    });
}

/// A filter for Masters that accept no packets comes back when somebody flushes all rules, or the router is at fault.
#[test]
fn a10_a_filter_that_is_flushed_leaves_no_master_that_accepts_packets() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(3));
        let daemon = host.vrrpd(&router(254, "no_accept"));
        daemon.until_is("VI_1", "Master");
        until("the address is there", || host.has("192.0.2.100"));
        assert!(!client.reaches("192.0.2.100"));
        host.sh("nft flush ruleset");
        let refuses = || !daemon.is("VI_1", "Master") || !client.reaches("192.0.2.100");
        until_stable(Duration::from_secs(3), Duration::from_secs(30), "it accepts nothing again", refuses);
    });
}

/// A fault whose reason is gone ends at once.
#[test]
fn a11_ipv6_off_for_a_moment_costs_no_waiting_time() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router_v6(priority, ""));
        pair.first.set("ipv6/conf/eth0/disable_ipv6", "1");
        thread::sleep(Duration::from_millis(50));
        pair.first.set("ipv6/conf/eth0/disable_ipv6", "0");
        until_within(Duration::from_secs(12), "the first serves again", || {
            pair.better.is("VI_1", "Master") && pair.first.has("2001:db8::100") && pair.first.has("fe80::100")
        });
        until("it alone", || pair.worse.is("VI_1", "Backup") && !pair.second.has("2001:db8::100"));
    });
}

/// An interface that was away under another name is watched as before: without a lease too, what somebody deletes comes back.
#[test]
fn a12_after_a_rename_and_back_a_deleted_address_is_put_back() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd_with(&router(254, ""), &["--no-lease"]);
        until("the address is there", || host.has("192.0.2.100"));
        rename(&host, "eth0", "lan0");
        daemon.until_is("VI_1", "Fault");
        rename(&host, "lan0", "eth0");
        daemon.until_is("VI_1", "Master");
        until("the address is there", || host.has("192.0.2.100"));
        for _ in 0..2 {
            host.ip("address delete 192.0.2.100/24 dev eth0");
            until("it is back", || host.has("192.0.2.100"));
        }
    });
}

/// The same after a start with a virtual MAC where a killed run had none.
#[test]
fn a12_after_a_start_with_another_device_a_deleted_address_is_put_back() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let killed = host.vrrpd_with(&router(254, ""), &["--no-lease"]);
        until("the address is there", || host.has("192.0.2.100"));
        killed.kill();
        let daemon = host.vrrpd_with(&router(254, "use_vmac"), &["--no-lease"]);
        daemon.until_is("VI_1", "Master");
        let there = || host.line_of("192.0.2.100").is_some_and(|line| line.contains("vrrp.1"));
        until("the address is on the macvlan", there);
        for _ in 0..2 {
            host.ip("address delete 192.0.2.100/24 dev vrrp.1");
            until("it is back", there);
        }
    });
}

/// Another interface that takes the name is another interface: what stood on the first one goes.
#[test]
fn a12_an_address_does_not_stay_on_an_interface_whose_name_another_one_took() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        lan.second_network(&[&host]);
        let daemon = host.vrrpd_with(&router(254, ""), &["--no-lease"]);
        until("the address is there", || host.has("192.0.2.100"));
        host.sh("ip link set eth0 name lan0 && ip link set eth1 name eth0");
        let on = |device: &str| host.ip(&format!("address show dev {device}")).contains("192.0.2.100/");
        until("it has moved", || on("eth0") && !on("lan0"));
        for _ in 0..2 {
            host.ip("address delete 192.0.2.100/24 dev eth0");
            until("it is back", || on("eth0"));
        }
        assert!(daemon.terminate().success());
        assert!(!host.has("192.0.2.100"));
    });
}

/// A network card that is taken out and put in again is a new interface of the old name.
#[test]
fn a12_an_interface_that_is_made_anew_serves_as_the_old_one_did() {
    on_hosts(|| {
        let pair = Pair::new(|priority| router(priority, ""));
        for host in [&pair.first, &pair.second] {
            host.ip("link delete eth0");
            thread::sleep(Duration::from_millis(500));
            pair.lan.plug(host);
            until("one Master", || {
                pair.better.is("VI_1", "Master")
                    && pair.worse.is("VI_1", "Backup")
                    && pair.first.has("192.0.2.100")
                    && !pair.second.has("192.0.2.100")
            });
        }
        let heard = pair.worse.json("VI_1")["counters"]["advert_rcvd"].as_u64();
        until("the Backup hears", || pair.worse.json("VI_1")["counters"]["advert_rcvd"].as_u64() > heard);
    });
}

fn rename(host: &Host, from: &str, to: &str) {
    host.sh(&format!("ip link set {from} name {to} || {{ ip link set {from} down; ip link set {from} name {to}; ip link set {to} up; }}"));
}

/// What the kernel calls by another name with its interface is still removed, and the log says what is gone.
#[test]
fn a13_an_address_with_a_label_does_not_stay_behind_when_its_interface_is_renamed() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let lines = "virtual_ipaddress {\n192.0.2.101/24 dev eth0 label eth0:1\n}";
        let daemon = host.vrrpd_with(&router(254, lines), &["--no-lease"]);
        until("the address is there", || host.has("192.0.2.101"));
        rename(&host, "eth0", "lan0");
        daemon.until_is("VI_1", "Fault");
        until("it is gone", || !host.has("192.0.2.101"));
        let cause = daemon.json("VI_1")["cause"].to_string();
        assert!(
            cause.contains("interface eth0") && !cause.contains("address"),
            "the interface is what is missing: {cause}"
        );

        rename(&host, "lan0", "eth0");
        daemon.until_is("VI_1", "Master");
        until("it is there, with its label", || {
            host.line_of("192.0.2.101").is_some_and(|line| line.contains("eth0:1"))
        });
        assert!(daemon.terminate().success());
        assert!(!host.has("192.0.2.101"));
    });
}

/// Putting back what somebody removes again and again has a back-off.
#[test]
fn a14_a_fight_over_an_address_is_slow_and_ends_with_its_cause() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&router(254, ""));
        until("the address is there", || host.has("192.0.2.100"));
        thread::sleep(Duration::from_secs(6));
        let (start, lines) = (Instant::now(), daemon.log().len());
        fight(&host, Duration::from_secs(4));
        let claims = lan.wire().claims(1, "192.0.2.100").iter().filter(|claim| claim.at >= start).count();
        let logged = daemon.log().len() - lines;
        assert!(logged > 0, "it says something");
        assert!(logged <= 60, "{logged} lines of log in 4 s");
        assert!(claims <= 120, "{claims} times gratuitous ARP in 4 s");
        until_within(Duration::from_secs(45), "it is there when the fight is over", || host.has("192.0.2.100"));
    });
}

/// Removes 192.0.2.100 as soon as it appears: two programs that do nothing else.
fn fight(host: &Host, period: Duration) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let line = "i=0; while [ $i -lt 50 ]; do echo address delete 192.0.2.100/24 dev eth0; i=$((i+1)); done | ip -force -batch -";
                    let mut command = Command::new("/bin/sh");
                    command.args(["-c", line]).stderr(std::process::Stdio::null());
                    let _ = host.spawn(&mut command).wait();
                }
            });
        }
        thread::sleep(period);
        over.store(true, Ordering::Relaxed);
    });
}

/// The host's own address as a virtual one of a router that does not own it concerns that router alone.
#[test]
fn a15_the_hosts_own_address_in_one_router_leaves_the_others_alone() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let own = router(100, "virtual_ipaddress {\n192.0.2.1/24\n}");
        let other = instance("VI_2", 2, 100, "virtual_ipaddress {\n192.0.2.102/24\n}");
        let daemon = host.vrrpd(&(own + &other));
        daemon.until_is("VI_2", "Master");
        until("its address is there", || host.has("192.0.2.102"));
        throughout(Duration::from_secs(3), "the host keeps its own", || host.has("192.0.2.1"));
        assert!(daemon.terminate().success());
        assert!(host.has("192.0.2.1") && !host.has("192.0.2.102"));
    });
}
