//! Another configuration while the daemon runs: what stays the same is not touched.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::common::{Host, Lan, in_namespace, throughout, until};
use crate::instance;

/// Announcements once at the start and never again, so that any other is one too many.
const QUIET: &str = "garp_master_delay 0\n garp_lower_prio_delay 0";

/// Without a lease nothing is renewed: the kernel tells of real changes only.
const NO_LEASE: &[&str] = &["--no-lease"];

/// Returns what `vrrpctl reload` printed, which is to succeed.
#[track_caller]
fn reload(host: &Host, configuration: &str) -> String {
    host.reconfigure(configuration);
    let output = host.vrrpctl(&["reload"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    out
}

/// What the kernel tells of addresses, links, routes and rules of a host.
struct Monitor<'a> {
    host: &'a Host,
    process: Child,
}

impl<'a> Monitor<'a> {
    fn new(host: &'a Host) -> Self {
        let file = File::create(host.path("monitor")).unwrap();
        let mut command = Command::new("ip");
        command.args(["-oneline", "monitor", "address", "link", "route", "rule"]).stdin(Stdio::null()).stdout(file);
        let process = host.spawn(&mut command);
        let monitor = Self { host, process };
        // It listens when it tells of something.
        until("the monitor listens", || {
            host.ip("address add 203.0.113.1/32 dev lo");
            host.ip("address delete 203.0.113.1/32 dev lo");
            !host.lines("monitor").is_empty()
        });
        monitor
    }

    /// The lines but for those of the monitor's own test.
    fn lines(&self) -> Vec<String> {
        self.host.lines("monitor").into_iter().filter(|line| !line.contains("203.0.113.1")).collect()
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lives(pid: &str) -> bool {
    kill(Pid::from_raw(pid.parse().unwrap()), None).is_ok()
}

/// The moments at which a router of host 1 advertised.
fn advertised(lan: &Lan, vrid: u8) -> Vec<Instant> {
    lan.wire().adverts(1).into_iter().filter(|advert| advert.vrid == vrid).map(|advert| advert.at).collect()
}

/// The check's second run lasts until somebody says go.
const SLOW_SECOND_RUN: &str =
    "echo $$ >>$D/runs; [ $(wc -l <$D/runs) -lt 2 ] || until [ -e $D/go ]; do sleep 0.05; done";

#[test]
fn one_more_address_touches_nothing_else() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("check", SLOW_SECOND_RUN);
        host.script("told", "echo \"$@\" >>$D/news");
        let check =
            |interval: u8| format!("vrrp_script chk {{\n script $D/check\n interval {interval}\n timeout 60\n}}\n");
        let more = format!("{QUIET}\n notify $D/told\n track_script {{\n chk\n}}");
        let [a, b, c] = [1, 2, 3].map(|vrid| instance(&format!("VI_{vrid}"), vrid, 200, &more));
        let daemon = host.vrrpd_with(&(check(1) + &a + &b + &c), NO_LEASE);
        for name in ["VI_1", "VI_2", "VI_3"] {
            daemon.until_is(name, "Master");
        }
        until("the second run of the check", || host.lines("runs").len() == 2);
        until("all are told", || host.lines("news").len() == 6);
        let monitor = Monitor::new(&host);
        let begun = Instant::now();

        // The places in the file are others too.
        let b = b.replace("192.0.2.102/24", "192.0.2.102/24\n 192.0.2.150/24");
        let said = reload(&host, &(c + &check(2) + &b + &a));
        assert!(host.has("192.0.2.150"), "it is there with the answer");
        assert!(said.contains("virtual_ipaddress 192.0.2.150/24 added") && said.contains("VI_2"), "{said}");
        assert!(said.contains("2 virtual routers go on undisturbed"), "{said}");
        daemon.until_logged("vrrp_instance VI_2: virtual_ipaddress 192.0.2.150/24 added");
        daemon.until_logged("vrrp_script chk: interval 1 s -> 2 s");
        until("each advertises further", || (1..=3).all(|vrid| advertised(&lan, vrid).len() >= 5));

        let told = monitor.lines();
        assert!(told.iter().any(|line| line.contains("192.0.2.150")), "{told:?}");
        assert!(told.iter().all(|line| line.contains("192.0.2.150")), "{told:#?}");
        for vrid in 1..=3_u8 {
            let address = format!("192.0.2.{}", 100 + vrid);
            let announced = lan.wire().announcements(1, &address);
            assert!(announced.iter().all(|at| *at < begun), "{address} was announced again");
            let gaps: Vec<Duration> = advertised(&lan, vrid).windows(2).map(|pair| pair[1] - pair[0]).collect();
            let regular = |gap: &Duration| (500..2500).contains(&gap.as_millis());
            assert!(gaps.iter().all(regular), "router {vrid}: {gaps:?}");
        }
        assert!(!lan.wire().announcements(1, "192.0.2.150").is_empty());
        let adverts = lan.wire().adverts(1);
        assert!(
            adverts.iter().any(|advert| advert.vrid == 2 && advert.addresses.len() == 2),
            "the list is the new one"
        );

        let runs = host.lines("runs");
        assert!(runs.len() == 2 && lives(&runs[1]), "the run goes on: {runs:?}");
        assert_eq!(host.lines("news").len(), 6, "{:?}", host.lines("news"));
        assert_eq!((daemon.logged("check chk"), daemon.logged(" -> Backup")), (1, 3), "{:#?}", daemon.log());
        fs::write(host.path("go"), "").unwrap();
        until("a third run", || host.lines("runs").len() == 3);
        assert!(daemon.is("VI_2", "Master"));
    });
}

#[test]
fn a_bad_file_changes_nothing_and_says_where_to_whoever_asked_and_to_the_log() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let good = instance("VI_1", 1, 200, QUIET);
        let daemon = host.vrrpd_with(&good, NO_LEASE);
        daemon.until_is("VI_1", "Master");
        let monitor = Monitor::new(&host);
        let path = host.path("vrrpd.conf").display().to_string();

        let bad = good.replace("priority 200", "prority 200") + &instance("VI_2", 2, 100, "");
        host.reconfigure(&bad);
        let (line, text) = bad.lines().enumerate().find(|(_, text)| text.contains("prority")).unwrap();
        let place = format!("{path}:{}:{}: error: ", line + 1, text.find("prority").unwrap() + 1);
        for verb in [&["reload"][..], &["diff", path.as_str()]] {
            let output = host.vrrpctl(verb);
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{err}");
            assert!(err.contains(&place) && err.contains("prority 200\n") && err.contains("^^^^^^^"), "{err}");
            assert!(err.contains("did you mean `priority`?"), "{err}");
        }
        daemon.until_logged(&place);
        daemon.until_logged(&format!("{path} would not run: nothing was changed"));
        assert_eq!(daemon.logged(&place), 1, "a diff is for who asked");
        daemon.hang_up();
        daemon.until("the signal is heeded", || daemon.logged(&place) == 2);

        // An interface that can never carry it.
        host.reconfigure(&(good.clone() + &instance("VI_2", 2, 100, "").replace("eth0", "lo")));
        let output = host.vrrpctl(&["reload"]);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(":12:24: error: interface lo is a loopback interface"), "{err}");

        assert_eq!(monitor.lines(), [""; 0]);
        assert_eq!(daemon.status().routers.len(), 1);
        assert!(daemon.is("VI_1", "Master"));
        assert!(lan.wire().adverts(1).iter().all(|advert| advert.priority == 200));
        let said = reload(&host, &good);
        assert!(said.contains("no changes; 1 virtual router goes on undisturbed"), "{said}");
        daemon.until_logged("no change");
        assert_eq!(monitor.lines(), [""; 0]);
    });
}

#[test]
fn what_cannot_be_carried_out_leaves_everything_as_it_was() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let good = instance("VI_1", 1, 200, QUIET);
        let daemon = host.vrrpd_with(&good, NO_LEASE);
        daemon.until_is("VI_1", "Master");
        // Another process has this one.
        let other = host.again();
        let _owner = other.vrrpd_with(&instance("VI_2", 2, 100, QUIET), NO_LEASE);
        let more = "192.0.2.101/24\n 192.0.2.150/24";
        host.reconfigure(&(good.replace("192.0.2.101/24", more) + &instance("VI_2", 2, 100, QUIET)));
        let output = host.vrrpctl(&["reload"]);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{err}");
        assert!(err.contains("VI_2"), "{err}");
        daemon.until_logged(": nothing was changed");
        assert!(!host.has("192.0.2.150") && daemon.is("VI_1", "Master"));
        assert_eq!(daemon.status().routers.len(), 1);
        // It can be asked again, and goes on as before.
        assert!(reload(&host, &good.replace("192.0.2.101/24", more)).contains("192.0.2.150/24 added"));
        assert!(host.has("192.0.2.150"));
    });
}

#[test]
fn routers_come_go_and_get_other_names() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.script("told", "echo \"$@\" >>$D/news");
        let router = |name: &str, vrid: u8| instance(name, vrid, 200, &format!("{QUIET}\n notify $D/told"));
        let daemon = host.vrrpd_with(&(router("stays", 1) + &router("goes", 2) + &router("renamed", 3)), NO_LEASE);
        for name in ["stays", "goes", "renamed"] {
            daemon.until_is(name, "Master");
        }
        until("all are told", || host.lines("news").len() == 6);
        let monitor = Monitor::new(&host);
        let said = reload(&host, &(router("new", 4) + &router("other_name", 3) + &router("stays", 1)));
        assert!(!host.has("192.0.2.102"), "it is gone with the answer");
        for part in ["router new", "router other_name", "removed   router goes", "removed   router renamed"] {
            assert!(said.contains(part), "{said}");
        }
        let released = |vrid| lan.wire().adverts(1).iter().any(|advert| (advert.vrid, advert.priority) == (vrid, 0));
        until("the release is seen", || released(2));
        assert!(!released(1));
        for name in ["new", "other_name", "stays"] {
            daemon.until_is(name, "Master");
        }
        let names: Vec<String> = daemon.status().routers.into_iter().map(|router| router.name).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(host.has("192.0.2.104") && host.has("192.0.2.103"));
        assert!(!monitor.lines().iter().any(|line| line.contains("192.0.2.101")), "{:?}", monitor.lines());
        until("all are told", || host.lines("news").len() == 12);
        let told = |name: &str| -> Vec<String> {
            let lines = host.lines("news").into_iter();
            lines
                .filter(|line| line.contains(&format!(" {name} ")))
                .map(|line| line.split(' ').nth(2).unwrap().to_owned())
                .collect()
        };
        assert_eq!(told("stays"), ["BACKUP", "MASTER"]);
        assert_eq!(told("goes"), ["BACKUP", "MASTER", "STOP"]);
        assert_eq!(told("renamed"), ["BACKUP", "MASTER", "STOP"]);
        assert_eq!(told("other_name"), ["BACKUP", "MASTER"]);
        assert_eq!(told("new"), ["BACKUP", "MASTER"]);
        assert!(daemon.terminate().success());
        assert_eq!(told("goes").len() + told("new").len(), 6, "{:?}", host.lines("news"));
    });
}

#[test]
fn another_interface_makes_another_router_of_the_same_name() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        host.script("told", "echo \"$@\" >>$D/news");
        let router = instance("VI_1", 1, 200, &format!("{QUIET}\n notify $D/told"));
        let daemon = host.vrrpd(&router);
        daemon.until_is("VI_1", "Master");
        until("it is told", || host.lines("news").len() == 2);
        host.ip("address add 198.51.100.1/24 dev eth1");
        let said = reload(&host, &router.replace("interface eth0", "interface eth1"));
        assert!(said.contains("replaced  router VI_1: interface eth0 -> eth1"), "{said}");
        until("it serves there", || host.line_of("192.0.2.101").is_some_and(|line| line.contains("eth1")));
        daemon.until_is("VI_1", "Master");
        daemon.until_logged("(another virtual router: the old one ends)");
        assert_eq!(daemon.router("VI_1").interface, "eth1");
        until("all is told", || host.lines("news").len() >= 5);
        let states: Vec<String> =
            host.lines("news").iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect();
        assert_eq!(states, ["BACKUP", "MASTER", "STOP", "BACKUP", "MASTER"]);
    });
}

/// A check that passes while there is a file of its name.
fn checked(host: &Host, name: &str) -> String {
    host.script(name, &format!("[ -e $D/{name}.ok ]"));
    format!("vrrp_script {name} {{\n script $D/{name}\n interval 1\n}}\n")
}

#[test]
fn a_new_check_keeps_out_who_is_out_and_counts_for_who_is_in_with_its_first_result() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let (old, new) = (checked(&host, "old"), checked(&host, "new"));
        fs::write(host.path("old.ok"), "").unwrap();
        host.script("hangs", "until [ -e $D/go ]; do sleep 0.05; done");
        let hangs = "vrrp_script hangs {\n script $D/hangs\n interval 1\n timeout 60\n}\n".to_owned();
        let tracking =
            |name: &str, vrid: u8, checks: &str| instance(name, vrid, 200, &format!("track_script {{\n{checks}\n}}"));
        let daemon = host.vrrpd(&(old.clone() + &tracking("runs", 1, "old")));
        daemon.until_is("runs", "Master");

        // A router that is added gets the verdict that there is already; a new check has none.
        reload(
            &host,
            &(hangs.clone()
                + &old
                + &tracking("added", 2, "old")
                + &tracking("waits", 3, "hangs")
                + &tracking("runs", 1, "old\nhangs")),
        );
        daemon.until_is("added", "Master");
        throughout(Duration::from_millis(1500), "one goes on and the other stays out", || {
            daemon.is("runs", "Master") && daemon.is("waits", "Fault")
        });
        fs::write(host.path("go"), "").unwrap();
        daemon.until_is("waits", "Master");

        // One that fails: who runs goes with its first result. One that is taken away holds nobody any more.
        reload(&host, &(new + &old + &tracking("added", 2, "old") + &tracking("runs", 1, "old\nnew")));
        daemon.until_is("runs", "Fault");
        daemon.until_logged("check new failed: exit status 1");
        assert!(daemon.is("added", "Master"));
        reload(&host, &(old + &tracking("added", 2, "old") + &tracking("runs", 1, "old")));
        daemon.until_is("runs", "Master");
        fs::remove_file(host.path("old.ok")).unwrap();
        daemon.until_is("runs", "Fault");
        daemon.until_is("added", "Fault");
    });
}

#[test]
fn a_script_that_is_removed_is_killed_and_one_with_another_command_begins_anew() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        for name in ["one", "two", "three"] {
            host.script(name, &format!("sleep 300 & echo $! >>$D/{name}.pid; wait"));
        }
        let check = |name: &str, command: &str| {
            format!("vrrp_script {name} {{\n script $D/{command}\n interval 1\n timeout 300\n}}\n")
        };
        let router = |checks: &str| instance("VI_1", 1, 200, &format!("track_script {{\n{checks}\n}}"));
        let _daemon = host.vrrpd(&(check("goes", "one") + &check("changes", "two") + &router("goes\nchanges")));
        let pid = |name: &str| host.lines(&format!("{name}.pid")).first().cloned();
        until("both run", || pid("one").is_some() && pid("two").is_some());
        reload(&host, &(check("changes", "three") + &router("changes")));
        until("both are dead", || !lives(&pid("one").unwrap()) && !lives(&pid("two").unwrap()));
        until("the new command runs", || pid("three").is_some_and(|pid| lives(&pid)));
    });
}

#[test]
fn a_sync_group_is_made_changed_and_ended_while_its_members_serve() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        host.ip("address add 198.51.100.1/24 dev eth1");
        host.script("told", "echo \"$@\" >>$D/news");
        let [a, b] = [1, 2].map(|vrid| instance(&format!("VI_{vrid}"), vrid, 200, QUIET));
        let c = instance("VI_3", 3, 200, QUIET).replace("interface eth0", "interface eth1");
        let group = |members: &str| format!("vrrp_sync_group VG {{\n group {{\n{members}\n}}\n notify $D/told\n}}\n");
        let routers = a + &b + &c;
        let daemon = host.vrrpd_with(&routers, NO_LEASE);
        let all_masters = || ["VI_1", "VI_2", "VI_3"].iter().all(|name| daemon.is(name, "Master"));
        until("all serve", all_masters);
        let monitor = Monitor::new(&host);
        reload(&host, &(routers.clone() + &group("VI_1\nVI_2")));
        until("the group is told what it is", || host.lines("news") == ["GROUP VG MASTER 0"]);
        reload(&host, &(routers.clone() + &group("VI_1\nVI_2\nVI_3")));
        assert!(all_masters());
        assert_eq!(monitor.lines(), [""; 0]);
        host.ip("link set eth1 down");
        until("a fault of one is a fault of all", || {
            ["VI_1", "VI_2", "VI_3"].iter().all(|name| daemon.is(name, "Fault"))
        });
        until("the group is told", || host.lines("news").last().is_some_and(|line| line == "GROUP VG FAULT 0"));
        reload(&host, &(routers.clone() + &group("VI_1\nVI_2")));
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        assert!(daemon.is("VI_3", "Fault"));
        until("the group is told", || host.lines("news").last().is_some_and(|line| line == "GROUP VG MASTER 0"));
        let told = host.lines("news").len();
        let without = routers.split("vrrp_instance ").filter(|block| !block.starts_with("VI_2"));
        let without = without.collect::<Vec<_>>().join("vrrp_instance ");
        reload(&host, &(without + &group("VI_1")));
        assert!(daemon.is("VI_1", "Master"));
        reload(&host, &(routers.clone() + &group("VI_1")));
        assert_eq!(host.lines("news").len(), told, "who goes takes nobody along: {:?}", host.lines("news"));
        reload(&host, &routers);
        until("the group is told", || host.lines("news").last().is_some_and(|line| line == "GROUP VG STOP 0"));
        assert!(daemon.is("VI_1", "Master"));
    });
}

#[test]
fn what_is_changed_by_hand_ends_with_the_next_reload_that_succeeds() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let both = instance("VI_1", 1, 100, QUIET) + &instance("VI_2", 2, 100, QUIET);
        let daemon = host.vrrpd(&both);
        daemon.until_is("VI_1", "Master");
        daemon.until_is("VI_2", "Master");
        assert!(host.vrrpctl(&["priority", "VI_1", "150"]).status.success());
        assert!(host.vrrpctl(&["stop", "VI_2"]).status.success());
        assert!(!host.has("192.0.2.102"), "it is gone with the answer");
        let priority = |expected| {
            lan.wire().adverts(1).iter().rfind(|advert| advert.vrid == 1).is_some_and(|it| it.priority == expected)
        };
        until("the priority is advertised", || priority(150));
        host.reconfigure("nonsense");
        assert_eq!(host.vrrpctl(&["reload"]).status.code(), Some(1));
        assert!(priority(150) && !host.has("192.0.2.102"));

        let said = reload(&host, &both);
        assert!(said.contains("VI_1: priority 150") && said.contains("VI_2: stopped"), "{said}");
        daemon.until_logged("VI_1: priority 150: by hand, ended with the reload");
        until("the priority is the configured one", || priority(100));
        daemon.until_is("VI_2", "Master");
        assert!(host.has("192.0.2.101"));
        let said = reload(&host, &both);
        assert!(!said.contains("by hand"), "{said}");
    });
}

#[test]
fn routes_that_change_are_replaced_and_the_rest_stays() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let with = |routes: &str| instance("VI_1", 1, 200, &format!("{QUIET}\n{routes}"));
        let daemon = host.vrrpd_with(&with(""), NO_LEASE);
        daemon.until_is("VI_1", "Master");
        until("the address is there", || host.has("192.0.2.101"));
        let ours = || host.ip("route show proto 112");
        let first = "virtual_routes {\n 198.51.100.0/24 via 192.0.2.254\n 203.0.113.128/25 via 192.0.2.254\n}";
        reload(&host, &with(first));
        until("both are there", || ours().lines().count() == 2);
        let monitor = Monitor::new(&host);
        let second = "virtual_routes {\n 198.51.100.0/24 via 192.0.2.253\n 203.0.113.128/25 via 192.0.2.254\n}\nvirtual_rules {\n from 192.0.2.101 priority 500 table 100\n}";
        reload(&host, &with(second));
        until("the route is the other one", || ours().contains("198.51.100.0/24 via 192.0.2.253"));
        until("the rule is there", || host.ip("rule show").contains("500:"));
        daemon.until_logged("VI_1: replaced route 198.51.100.0/24 via 192.0.2.254");
        let told = monitor.lines();
        assert!(!told.iter().any(|line| line.contains("203.0.113.128") || line.contains("Deleted")), "{told:#?}");
        reload(&host, &with(""));
        until("nothing is left", || ours().is_empty() && !host.ip("rule show").contains("500:"));
        assert!(daemon.is("VI_1", "Master"));
    });
}

#[test]
fn a_burst_of_signals_is_one_more_reload_and_a_stop_ends_one() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&instance("VI_1", 1, 200, ""));
        // A file that is not there yet holds up who reads it, and nobody else.
        let slow = |host: &Host| {
            fs::remove_file(host.path("vrrpd.conf")).unwrap();
            host.sh(&format!("mkfifo {}", host.path("vrrpd.conf").display()));
        };
        slow(&host);
        daemon.hang_up();
        daemon.until_logged("reloading ");
        (0..20).for_each(|_| daemon.hang_up());
        daemon.until_is("VI_1", "Master");
        let text = instance("VI_1", 1, 200, "") + &instance("VI_2", 2, 200, "");
        let give = |text: &str| fs::write(host.path("vrrpd.conf"), text).unwrap();
        give(&text);
        daemon.until_logged("vrrp_instance VI_2: added");
        daemon.until("it reads once more", || daemon.logged("reloading ") == 2);
        give(&text);
        daemon.until_logged("no change");
        daemon.hang_up();
        daemon.until("it reads a third time", || daemon.logged("reloading ") == 3);
        assert!(daemon.terminate().success());
        assert_eq!((daemon.logged("reloading "), host.has("192.0.2.101")), (3, false));
    });
}
