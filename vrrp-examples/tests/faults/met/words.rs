//! What is said of a fault, in the log, in events and in the status: the right name, the whole truth, and true advice.

use crate::common::{Host, Lan, Vrrpd, until};
use crate::{instance, on_hosts, router, router_v6};

/// The text that `vrrpctl status` prints.
fn text(host: &Host) -> String {
    String::from_utf8(host.vrrpctl(&["status"]).stdout).unwrap()
}

/// Waits until log, JSON and text say `expected`.
#[track_caller]
fn until_said(host: &Host, daemon: &Vrrpd, expected: &str) {
    daemon.until_logged(expected);
    until(&format!("JSON: {expected}"), || daemon.ask().unwrap().to_string().contains(expected));
    until(&format!("text: {expected}"), || text(host).contains(expected));
}

#[test]
fn s1_an_address_on_another_interface_blames_that_one() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        lan.second_network(&[&host]);
        host.ip("link set eth1 down");
        let daemon = host.vrrpd(&router(100, "virtual_ipaddress {\n192.0.2.100/24 dev eth1\n}"));
        daemon.until_is("VI_1", "Fault");
        until_said(&host, &daemon, "interface eth1 is down");
        let said = [daemon.log().join("\n"), daemon.ask().unwrap().to_string(), text(&host)].concat();
        assert!(!said.contains("eth0 is down"), "{said}");

        // Without carrier it is up, and of no more use.
        host.ip("link set eth1 up");
        daemon.until_is("VI_1", "Master");
        crate::common::testing::ip("link set second1 down");
        daemon.until_is("VI_1", "Fault");
        until_said(&host, &daemon, "interface eth1 has no carrier");
        crate::common::testing::ip("link set second1 up");
        daemon.until_is("VI_1", "Master");
        daemon.until_logged("no fault any more, the last was: interface eth1 has no carrier");
    });
}

#[test]
fn s1_an_interface_that_is_not_there_is_not_called_down() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(
            &(instance("own", 1, 100, "interface eht0")
                + &instance("device", 2, 100, "virtual_ipaddress {\n192.0.2.102/24 dev eht1\n}")
                + &instance("tracked", 3, 100, "virtual_ipaddress {\n192.0.2.103\n}\ntrack_interface {\neht3\n}")
                + &instance(
                    "weighted",
                    4,
                    100,
                    "virtual_ipaddress {\n192.0.2.104\n}\ntrack_interface {\neht4 weight -20\n}",
                )),
        );
        for number in [0, 1, 3, 4] {
            until_said(&host, &daemon, &format!("there is no interface eht{number}"));
        }
        until("the faults are told", || {
            daemon.json("own")["faults"] == serde_json::json!(["there is no interface eht0"])
        });
        let said = [daemon.log().join("\n"), daemon.ask().unwrap().to_string(), text(&host)].concat();
        assert!(!said.contains("is down") && !said.contains("eht0 has no address"), "{said}");
    });
}

/// What was said stays right when the cause is another one, or gone.
#[test]
fn s1_an_interface_that_goes_down_and_is_deleted_is_told_both_times() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let both = "virtual_ipaddress {\n192.0.2.100/24\n}\nvirtual_ipaddress_excluded {\n2001:db8::100/64\n}";
        let daemon = host.vrrpd(&router(100, both));
        daemon.until_is("VI_1", "Master");
        host.ip("link set eth0 down");
        daemon.until_logged("Master -> Fault: interface eth0 is down");
        host.ip("link delete eth0");
        daemon.until_logged("still in Fault, now because: there is no interface eth0");
        until_said(&host, &daemon, "there is no interface eth0");
        // Its settings went with it.
        assert!(!text(&host).contains("IPv6 is disabled"), "{}", text(&host));
        lan.plug(&host);
        daemon.until_is("VI_1", "Master");
        let said = daemon.json("VI_1")["cause"].to_string();
        assert!(!said.contains("is up"), "{said}");
    });
}

/// A virtual router that another process runs by the time its interface comes.
#[test]
fn s1_a_claim_that_is_refused_later_is_named() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("link delete eth0");
        let first = host.vrrpd(&router(100, ""));
        first.until_logged("there is no interface eth0");
        // Another process of the same network, with files of its own.
        let other = host.again();
        let second = other.vrrpd(&router(100, ""));
        lan.plug(&host);
        until("one of them serves", || first.is("VI_1", "Master") || second.is("VI_1", "Master"));
        let (refused, on) = if first.is("VI_1", "Master") { (&second, &other) } else { (&first, &host) };
        until_said(on, refused, "virtual router 1 on eth0 is already run by process");
        until("the fault is named", || {
            refused.json("VI_1")["faults"].to_string().contains("is already run by process")
        });
        assert!(!text(on).contains("interface eth0 is down"), "{}", text(on));
    });
}

#[test]
fn s2_each_failing_tracker_is_named_with_its_effect() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        let fails = host.script("fails", "echo no running copy >&2; exit 1");
        let passes = host.script("passes", "exit 0");
        let check = |name: &str, script: &str, weight: &str| {
            format!("vrrp_script {name} {{\nscript {script}\ninterval 1\nweight {weight}\n}}\n")
        };
        let lines = "track_script {\nchk_squid\nchk_bonus\nchk_well\nchk_turned\nchk_fault\n}
            track_interface {\neth1 weight 30 reverse\neth7 weight -5\n}";
        let configuration = check("chk_squid", &fails, "-20")
            + &check("chk_bonus", &fails, "2")
            + &check("chk_well", &passes, "-7")
            + &check("chk_turned", &passes, "11 reverse")
            + &check("chk_fault", &fails, "0")
            + &router(150, lines);
        let daemon = host.vrrpd(&configuration);
        until("all checks have run", || daemon.json("VI_1")["priority"] == 150 - 20 - 11 - 30 - 5);
        until("the fault is there", || text(&host).contains("check chk_fault failed: exit status 1: no running copy"));
        let text = text(&host);
        for line in [
            "priority   84, configured 150",
            "check chk_squid failed: exit status 1: no running copy: -20 priority",
            "check chk_bonus failed: exit status 1: no running copy: without its +2 priority",
            "check chk_turned passes: -11 priority",
            "interface eth1 is up: -30 priority",
            "there is no interface eth7: -5 priority",
            "faults     check chk_fault failed: exit status 1: no running copy",
        ] {
            assert!(text.lines().any(|found| found.trim_start().ends_with(line)), "no {line:?} in\n{text}");
        }
        let (router, checks) = text.split_once("\nchecks\n").unwrap_or_else(|| panic!("no list of checks in\n{text}"));
        assert!(!router.contains("chk_well"), "what is as it should be is no news:\n{text}");
        assert!(checks.contains("chk_well (script) passes: exit status 0"), "{text}");
        let trackers = daemon.json("VI_1")["trackers"].clone();
        let of = |name: &str| {
            let trackers = trackers.as_array().unwrap();
            trackers.iter().find(|tracker| tracker["name"] == name).unwrap_or_else(|| panic!("{name} in {trackers:?}"))
        };
        for (name, passing, fault, priority) in [
            ("check chk_squid", false, false, -20),
            ("check chk_bonus", false, false, 0),
            ("check chk_well", true, false, 0),
            ("check chk_turned", true, false, -11),
            ("check chk_fault", false, true, 0),
            ("interface eth1", true, false, -30),
            ("interface eth7", false, false, -5),
        ] {
            let it = of(name);
            assert_eq!(
                (&it["passing"], &it["fault"], &it["priority"]),
                (&passing.into(), &fault.into(), &priority.into()),
                "{it}"
            );
        }
        assert!(of("check chk_squid")["says"] == "check chk_squid failed: exit status 1: no running copy");
    });
}

/// A router that waits for the first result of a check has entered no state.
#[test]
fn s2_no_time_is_shown_that_is_not_known() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let slow = host.script("slow", "sleep 60");
        let check = format!("vrrp_script chk {{\nscript {slow}\ninterval 60\n}}\n");
        let daemon = host.vrrpd(&(check + &router(100, "track_script {\nchk\n}")));
        assert!(daemon.json("VI_1")["since"].is_null(), "{}", daemon.json("VI_1"));
        let text = text(&host);
        assert!(text.contains("check chk has no result yet") && !text.contains("since"), "{text}");
    });
}

/// Each kind of message on stderr ends where the next one begins.
#[test]
fn s4_every_message_ends_its_line() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let notices = format!("global_defs {{\nrouter_id a\nlvs_flush\n}}\n{}", router(100, ""));
        let daemon = host.vrrpd(&notices);
        daemon.until_logged("started with");
        let whole = |said: &str, kind: &str| {
            assert!(said.ends_with('\n'), "{kind}: {said:?}");
            for line in said.lines() {
                let begins = [": notice: ", ": warning: ", ": error: ", "  INFO ", "  WARN "];
                let messages: usize = begins.iter().map(|begin| line.matches(begin).count()).sum();
                assert!(messages <= 1, "{kind}: two messages on one line: {line:?}");
            }
        };
        whole(&(daemon.log().join("\n") + "\n"), "notices, then the log");

        let ended = |configuration: &str, arguments: &[&str]| {
            host.vrrpd_ends(configuration, &[], arguments).expect("it ends").said
        };
        for (kind, expected, said) in [
            ("notice and result", "would run", ended(&notices, &["--check"])),
            ("warning", "there is no interface eht0", ended(&router(100, "interface eht0"), &["--check"])),
            ("error", "is out of range", ended(&router(100, "advert_int 999"), &[])),
            ("errors", "`b` is not a keyword", ended(&router(100, "a\nb"), &["--check"])),
            ("error of a file", "cannot be included", ended(&(router(100, "") + "include none\n"), &[])),
            ("finding of the start", "is a loopback", ended(&router(100, "interface lo"), &[])),
            ("print", "vrrp_instance", ended(&notices, &["--print"])),
            ("arguments", "unexpected argument", ended(&notices, &["--no-such"])),
            ("help", "Usage", ended(&notices, &["--help"])),
            ("error of the start", "stop that one, or take another id", ended(&router(100, ""), &[])),
        ] {
            assert!(said.contains(expected), "{kind}: {said}");
            whole(&said, kind);
        }
        let nobody = host.again().vrrpctl(&["status"]).stderr;
        whole(&String::from_utf8(nobody).unwrap(), "vrrpctl");
    });
}

/// An address that the host has and cannot use is not said to be missing.
#[test]
fn s6_a_source_that_failed_duplicate_detection_is_said_to_have_failed() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, client) = (lan.host(1), lan.host(3));
        client.ip("address add fe80::5/64 dev eth0 nodad");
        until("the client's links are ready", || !client.ip("-6 address show dev eth0").contains("tentative"));
        host.ip("address add fe80::5/64 dev eth0");
        until("it fails", || host.ip("-6 address show dev eth0").contains("dadfailed"));
        let daemon = host.vrrpd(&router_v6(100, "mcast_src_ip fe80::5"));
        daemon.until_is("VI_1", "Fault");
        until_said(&host, &daemon, "the source address fe80::5 does not work: another host of the link has it too");
        assert!(!text(&host).contains("is not on this host"), "{}", text(&host));
    });
}

/// Priority 255 is for the one host that owns the address. Where a host has its own on `lo`, and the virtual one alone is
/// where routers speak, other advice is right.
#[test]
fn s6_a_host_with_its_own_address_on_lo_is_told_what_is_missing() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("address add 198.51.100.1/32 dev lo");
        host.ip("address flush dev eth0");
        host.ip("address add 192.0.2.100/24 dev eth0");
        let daemon = host.vrrpd(&router(100, ""));
        daemon.until_is("VI_1", "Fault");
        until_said(&host, &daemon, "there is no other address to send from: give eth0 another address");
        host.ip("address add 192.0.2.1/24 dev eth0");
        daemon.until_is("VI_1", "Master");
    });
}

#[test]
fn s8_a_second_master_with_another_list_is_called_a_master() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let ours = first.vrrpd(&router(200, "virtual_ipaddress {\n192.0.2.100/24\n192.0.2.101/24\n}"));
        ours.until_is("VI_1", "Master");
        // It hears nobody, so it does not yield.
        second.sh("nft add table netdev deaf
             nft add chain netdev deaf in '{ type filter hook ingress device eth0 priority -500; }'
             nft add rule netdev deaf in ip protocol 112 drop");
        let theirs = second.vrrpd(&router(100, "virtual_ipaddress {\n192.0.2.100/24\n192.0.2.102/24\n}"));
        theirs.until_is("VI_1", "Master");
        until_said(&first, &ours, "another list of addresses (192.0.2.102 only there; 192.0.2.101 only here)");
        ours.until_logged(
            "192.0.2.2 is Master too, at priority 100, and must yield to this router; it advertises another list",
        );
        until("the status names it", || ours.json("VI_1")["other_master"]["address"] == "192.0.2.2");
        assert!(text(&first).contains("192.0.2.2, priority 100, says that it is Master too"), "{}", text(&first));
        assert!(ours.is("VI_1", "Master"), "it changes nothing");

        // One that is silent is none any more.
        theirs.kill();
        until("it is forgotten", || ours.json("VI_1")["other_master"].is_null());
    });
}

/// The same where its advertisements are ignored: that changes no state, and is told.
#[test]
fn s8_a_second_master_that_is_ignored_is_called_a_master() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let password = |password: &str| format!("authentication {{\nauth_type PASS\nauth_pass {password}\n}}");
        let ours = first.vrrpd(&router(100, &password("one")));
        ours.until_is("VI_1", "Master");
        let theirs = second.vrrpd(&router(200, &password("two")));
        theirs.until_is("VI_1", "Master");
        ours.until_logged("192.0.2.2 says that it is Master too, and is ignored: wrong password");
        until("the status names it", || ours.json("VI_1")["other_master"]["priority"] == 200);
        assert!(ours.is("VI_1", "Master"), "it changes nothing");
        let said = [ours.log().join("\n"), text(&first), theirs.log().join("\n")].concat();
        assert!(!said.contains("one\n") && !said.contains(" two"), "{said}");
    });
}

/// A Backup follows it, and says what differs.
#[test]
fn s8_a_backup_says_how_the_list_differs() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let master = first.vrrpd(&router(200, "virtual_ipaddress {\n192.0.2.100/24\n192.0.2.102/24\n}"));
        master.until_is("VI_1", "Master");
        let backup = second.vrrpd(&router(100, ""));
        backup.until_logged(
            "192.0.2.1 advertises another list of addresses (192.0.2.102 only there): configure the same",
        );
        assert!(backup.is("VI_1", "Backup"));
    });
}

/// No password is in anything that a daemon prints: its log, its status, the configuration that it understood.
#[test]
fn s7_no_password_is_printed() {
    on_hosts(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let configuration = router(100, "authentication {\nauth_type PASS\nauth_pass s3cret\n}");
        let daemon = host.vrrpd(&configuration);
        daemon.until_is("VI_1", "Master");
        let printed = host.vrrpd_ends(&configuration, &[], &["--print"]).unwrap().said;
        let refused = host.vrrpd_ends(&format!("$PASS=s3cret\n{configuration}"), &[], &[]).unwrap().said;
        let said = [daemon.log().join("\n"), text(&host), daemon.ask().unwrap().to_string(), printed, refused].concat();
        assert!(!said.contains("s3cret"), "{said}");
    });
}
