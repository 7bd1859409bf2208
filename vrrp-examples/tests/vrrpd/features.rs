//! Keywords that few files have, on real hosts, where it can be beside keepalived.

use std::time::{Duration, Instant};

use vrrp_core::Version;

use crate::common::{Forged, Host, Lan, in_namespace, throughout, until};
use crate::instance;

/// A `vrrp_instance` on eth0 without any address.
fn without_addresses(vrid: u8, priority: u8, more: &str) -> String {
    format!("vrrp_instance VI_{vrid} {{\ninterface eth0\nvirtual_router_id {vrid}\npriority {priority}\n{more}\n}}\n")
}

#[test]
fn without_addresses_it_advertises_as_keepalived_does_and_runs_its_scripts() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let script = host.script("master", "echo master >>$D/told");
        let daemon = host.vrrpd(&without_addresses(7, 100, &format!("notify_master {script}")));
        daemon.until_is("VI_7", "Master");
        until("the script has run", || !host.lines("told").is_empty());
        // keepalived takes it for the better one.
        let keepalived = other.keepalived(&without_addresses(7, 90, ""));
        until("keepalived runs", || other.lines("keepalived.log").iter().any(|line| line.contains("BACKUP")));
        throughout(Duration::from_secs(5), "keepalived hears vrrpd", || lan.wire().adverts(2).is_empty());
        assert!(daemon.terminate().success());
        until("keepalived takes over", || !lan.wire().adverts(2).is_empty());
        keepalived.terminate();
        let message = |host: u8, priority: u8| {
            let adverts = lan.wire().adverts(host);
            adverts.iter().find(|advert| advert.priority == priority).unwrap().message.clone()
        };
        let (ours, theirs) = (message(1, 100), message(2, 90));
        assert_eq!(ours[3], 0, "no addresses");
        assert_eq!((ours.len(), &ours[..2], &ours[3..6]), (theirs.len(), &theirs[..2], &theirs[3..6]));
    });
}

#[test]
fn interfaces_that_are_not_tracked_may_be_down() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.add_eth1();
        let excluded = |name: &str| format!("virtual_ipaddress_excluded {{\n203.0.113.{name}\n}}");
        let daemon = host.vrrpd(
            &(instance("own", 1, 255, "dont_track_primary")
                + &instance("tracked", 2, 255, &excluded("1/24 dev eth1"))
                + &instance("untracked", 3, 255, &excluded("2/24 dev eth1 no_track noprefixroute"))),
        );
        ["own", "tracked", "untracked"].iter().for_each(|name| daemon.until_is(name, "Master"));
        until("the address is there", || host.has("203.0.113.2"));
        let line = host.line_of("203.0.113.2").unwrap();
        assert!(line.contains("noprefixroute"), "{line}");
        host.ip("link set eth1 down");
        daemon.until_is("tracked", "Fault");
        assert!(daemon.is("untracked", "Master") && daemon.is("own", "Master"));
        host.set_carrier(false);
        daemon.until_is("untracked", "Fault");
        assert!(daemon.is("own", "Master"));
    });
}

#[test]
fn the_routers_take_part_when_the_delay_after_the_start_is_over() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let delayed = |seconds: u8| format!("global_defs {{\nvrrp_startup_delay {seconds}\n}}\n");
        let begun = Instant::now();
        let daemon = host.vrrpd(&(delayed(3) + &instance("VI_1", 1, 255, "")));
        daemon.until_logged("the routers take part in 3 s (vrrp_startup_delay)");
        let shown = daemon.ask().unwrap().to_string();
        if begun.elapsed() < Duration::from_secs(3) {
            assert!(shown.contains("the delay after the start has no result yet"), "{shown}");
        }
        daemon.until_is("VI_1", "Master");
        until("an advertisement", || !lan.wire().adverts(1).is_empty());
        let first = lan.wire().adverts(1)[0].at;
        assert!(first - begun >= Duration::from_secs(3), "{:?}", first - begun);
        // What comes with a reload waits no more.
        host.reconfigure(&(delayed(3) + &instance("VI_1", 1, 255, "") + &instance("VI_2", 2, 255, "")));
        daemon.hang_up();
        daemon.until_logged("vrrp_instance VI_2: added");
        daemon.until_is("VI_2", "Master");
        assert!(daemon.is("VI_1", "Master"));
    });
}

/// Returns what is there of the static things: addresses, routes and rules.
fn fixed(host: &Host) -> [bool; 4] {
    let addresses = host.ip("-oneline address show");
    let routes = host.ip("route show");
    let table = host.output("ip route show table 77").stdout;
    let rules = host.ip("rule show");
    [
        addresses.contains("203.0.113.1/24 brd 203.0.113.255 scope global eth0"),
        routes.contains("203.0.113.128/25 via 192.0.2.254 dev eth0"),
        String::from_utf8_lossy(&table).contains("default via 192.0.2.254 dev eth0"),
        rules.contains("500:\tfrom 203.0.113.1 lookup 77"),
    ]
}

#[test]
fn what_is_static_is_there_whoever_is_master_and_goes_with_the_daemon() {
    const STATIC: &str = "static_ipaddress {\n203.0.113.1/24 brd +\n}\n\
        static_routes {\n203.0.113.128/25 via 192.0.2.254 dev eth0\ndefault via 192.0.2.254 dev eth0 table 77\n}\n\
        static_rules {\nfrom 203.0.113.1 table 77 priority 500\n}\n";
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let router = instance("VI_1", 1, 1, "advert_int 50");
        let daemon = host.vrrpd(&(STATIC.to_owned() + &router));
        until("all is there", || fixed(&host) == [true; 4]);
        assert!(!daemon.is("VI_1", "Master"));
        let keepalived = other.keepalived(&(STATIC.to_owned() + &router));
        until("all of keepalived's is there", || fixed(&other) == [true; 4]);
        host.ip("address del 203.0.113.1/24 dev eth0");
        until("it is put back", || fixed(&host) == [true; 4]);

        let without_rules = STATIC.split("static_rules").next().unwrap().to_owned();
        host.reconfigure(&(without_rules + &router));
        daemon.hang_up();
        until("the rule is gone", || fixed(&host) == [true, true, true, false]);
        daemon.until_logged("static_rules inet from 203.0.113.1/32 priority 500 table 77 removed");
        assert!(daemon.terminate().success());
        assert_eq!(fixed(&host), [false; 4]);
        keepalived.terminate();
        assert_eq!(fixed(&other), [false; 4]);
    });
}

#[test]
fn an_instance_without_interface_runs_where_its_source_is_or_on_the_default_one() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let unnamed = |more: &str| instance("VI_1", 1, 255, more).replace("interface eth0", "");
        let unicast = "unicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.2\n}";
        let daemon = host.vrrpd(&unnamed(unicast));
        daemon.until_logged("`VI_1` runs on eth0: it names no interface");
        daemon.until_is("VI_1", "Master");
        assert!(daemon.terminate().success());
        let nowhere = host.vrrpd_ends(&unnamed(&unicast.replace("192.0.2.1", "192.0.2.9")), &[], &[]).unwrap();
        assert!(nowhere.said.contains("no interface has 192.0.2.9"), "{}", nowhere.said);
        let daemon = host.vrrpd(&("global_defs {\ndefault_interface eth0\n}\n".to_owned() + &unnamed("")));
        daemon.until_is("VI_1", "Master");
    });
}

#[test]
fn a_number_in_a_file_and_a_native_check_decide_as_scripts_do() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let checks = "track_file value {\nfile $D/value\nweight 2\ninit_file 5 overwrite\n}\n\
            vrrp_script here {\ncheck tcp 192.0.2.1:8080\ninterval 0.1\n}\n";
        let tracks = "track_file {\nvalue\n}\ntrack_script {\nhere\n}";
        let daemon = host.vrrpd(&(checks.to_owned() + &instance("VI_1", 1, 100, tracks)));
        daemon.until_is("VI_1", "Fault");
        assert_eq!(host.lines("value"), ["5"]);
        let _listener = {
            let mut command = std::process::Command::new("python3");
            command.args(["-m", "http.server", "8080", "--bind", "192.0.2.1"]);
            Killed(host.spawn(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null())))
        };
        daemon.until_is("VI_1", "Master");
        until("the priority follows the file", || lan.wire().adverts(1).iter().any(|advert| advert.priority == 110));
        std::fs::write(host.path("value"), "-10\n").unwrap();
        until("and down again", || lan.wire().adverts(1).iter().any(|advert| advert.priority == 80));
        // 2 times this is below -253.
        std::fs::write(host.path("value"), "-127\n").unwrap();
        daemon.until_is("VI_1", "Fault");
    });
}

#[test]
fn a_master_that_hears_a_lower_one_says_so_to_its_script() {
    in_namespace(|| {
        let lan = Lan::new();
        let (host, other) = (lan.host(1), lan.host(2));
        let script = host.script("lower", "echo \"lower $*\" >>$D/told");
        let fifo = "global_defs {\nvrrp_notify_fifo $D/fifo\n}\n".to_owned();
        let notify = format!("notify_master_rx_lower_pri {script}\nnotify {script}");
        let daemon = host.vrrpd(&(fifo + &instance("VI_1", 1, 200, &notify)));
        daemon.until_is("VI_1", "Master");
        let heard = Instant::now();
        let forged = Forged { version: Version::V2, interval: 100, ..Forged::new("192.0.2.2", &["192.0.2.101"]) };
        until("the script is told", || {
            if heard.elapsed() < Duration::from_secs(1) {
                other.forge(std::slice::from_ref(&forged));
            }
            host.lines("told").contains(&"lower ".to_owned())
        });
        let told = host.lines("told");
        assert!(told.contains(&"lower INSTANCE VI_1 MASTER 200".to_owned()), "{told:?}");
        assert!(!told.iter().any(|line| line.contains("RX_LOWER")), "`notify` is for states: {told:?}");
        assert!(daemon.is("VI_1", "Master"));
    });
}

/// A process that ends with the test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
