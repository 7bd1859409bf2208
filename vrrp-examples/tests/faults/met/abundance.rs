//! Floods, and thousands of addresses. Each of these tests keeps the processors busy, so it runs alone. The harness starts tests in
//! the order of their names: these come first and wait for no other test.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::addresses::entered;
use super::protocol::slow_rogue;
use crate::common::{Flood, Forged, Host, Lan, Vrrpd, until, until_within};
use crate::{instance, on_hosts_alone, router, router_v6};

/// A host that makes progress is never at fault for being large.
#[test]
fn a9_a_takeover_of_many_addresses_takes_longer_and_faults_nobody() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let (routers, each) = (200_u16, 40_u16);
        let text: String = (1..=routers)
            .map(|vrid| {
                let addresses: String = (0..each).map(|number| format!("10.{number}.{vrid}.1/24\n")).collect();
                instance(
                    &format!("VI_{vrid}"),
                    vrid.try_into().unwrap(),
                    200,
                    &format!("virtual_ipaddress {{\n{addresses}}}"),
                )
            })
            .collect();
        let daemon = host.vrrpd(&text);
        served_without_a_fault(&host, &daemon, routers, each);
    });
}

/// The same for IPv6, whose addresses take the kernel longer.
#[test]
fn a9_a_takeover_of_many_ipv6_addresses_takes_longer_and_faults_nobody() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let own = || host.ip("-6 address show dev eth0");
        until("the host's own address is ready", || own().contains("fe80") && !own().contains("tentative"));
        let (routers, each) = (250_u16, 20_u16);
        let text: String = (1..=routers)
            .map(|vrid| {
                let addresses: String = (1..each).map(|number| format!("2001:db8::{vrid:x}:{number:x}/64\n")).collect();
                let lines = format!("virtual_ipaddress {{\nfe80::100:{vrid:x}/64\n{addresses}}}");
                instance(&format!("VI_{vrid}"), vrid.try_into().unwrap(), 200, &lines)
            })
            .collect();
        let daemon = host.vrrpd(&text);
        served_without_a_fault(&host, &daemon, routers, each);
    });
}

fn served_without_a_fault(host: &Host, daemon: &Vrrpd, routers: u16, each: u16) {
    let wanted = usize::from(routers * each);
    let own = 2;
    until_within(Duration::from_secs(60), "every address is there", || {
        assert_eq!(entered(daemon, "Fault"), 0, "no router is at fault");
        thread::sleep(Duration::from_millis(200));
        let all = host.ip("-oneline address show dev eth0");
        all.lines().filter(|line| !line.contains("tentative")).count() >= wanted + own
    });
    assert_eq!(entered(daemon, "Fault"), 0);
    assert_eq!(entered(daemon, "Master"), usize::from(routers));
}

/// Checks that the answers of a Master to releases (priority 0, RFC 9568 section 6.4.3) have a bound in its own interval, and that
/// the log names the sender.
fn releases_get_a_bounded_number_of_answers(lan: &Lan, flood: Flood, master: &Vrrpd, peers: usize, told: &str) {
    let (start, lines) = (Instant::now(), master.log().len());
    thread::sleep(Duration::from_secs(3));
    let sent = flood.sent();
    drop(flood);
    let (answers, logged) = (lan.wire().adverts(1), master.log().len() - lines);
    let answers = answers.iter().filter(|advert| advert.at >= start).count();
    assert!(sent > 100, "{sent} packets are no flood");
    // Its own three or four, four answers at once, and four in each interval; and what was sent while this was counted.
    assert!(answers <= 28 * peers, "{answers} answers to {sent} releases in 3 s");
    assert!(logged <= 30, "{logged} lines of log for {sent} releases");
    assert!(master.is("VI_1", "Master"));
    master.until_logged(told);
}

#[test]
fn p8_forged_releases_get_a_bounded_number_of_answers() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        let master = host.vrrpd(&router(254, "version 3"));
        master.until_is("VI_1", "Master");
        let flood = rogue.flood(&[Forged { priority: 0, ..slow_rogue("192.0.2.77") }], None);
        releases_get_a_bounded_number_of_answers(&lan, flood, &master, 1, "192.0.2.77");
    });
}

/// The same where each answer goes to three peers, from any distance.
#[test]
fn p8_forged_releases_get_a_bounded_number_of_answers_from_each_peer() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let (host, _peers, rogue) = (lan.host(1), [lan.host(2), lan.host(4), lan.host(5)], lan.host(3));
        let peers = "unicast_peer {\n192.0.2.2\n192.0.2.4\n192.0.2.5\n}";
        let master = host.vrrpd(&router(254, &format!("version 3\n{peers}")));
        master.until_is("VI_1", "Master");
        let forged =
            |source| Forged { priority: 0, ttl: 7, destination: IpAddr::from([192, 0, 2, 1]), ..slow_rogue(source) };
        let forged = ["192.0.2.2", "192.0.2.4", "192.0.2.5"].map(forged);
        releases_get_a_bounded_number_of_answers(&lan, rogue.flood(&forged, None), &master, 3, "192.0.2.2");
    });
}

/// A daemon that packets flood still pauses: a limit on real-time processes (RLIMIT_RTTIME) ends only those that never do.
#[test]
fn p9_a_flood_leaves_the_daemon_its_pauses_and_its_life() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let (host, rogue, second_rogue) = (lan.host(1), lan.host(3), lan.host(4));
        let master = host.vrrpd(&router(254, "version 3"));
        master.until_is("VI_1", "Master");
        let forged = |source| [Forged { priority: 0, ..slow_rogue(source) }];
        let flood = (rogue.flood(&forged("192.0.2.3"), None), second_rogue.flood(&forged("192.0.2.4"), None));
        let start = Instant::now();
        let mut last = work(&master);
        while start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(50));
            for (which, now) in work(&master) {
                let last = last.entry(which.clone()).or_insert(now);
                if now.pauses > last.pauses {
                    *last = now;
                }
                let busy = now.ticks.saturating_sub(last.ticks);
                assert!(busy < 100, "thread {which} worked for {busy} hundredths of a second without a pause");
            }
        }
        assert!(flood.0.sent() + flood.1.sent() > 1000);
        drop(flood);
        assert!(master.is("VI_1", "Master") && host.has("192.0.2.100"));
        assert_eq!(master.terminate().code(), Some(0));
    });
}

/// The work of a thread: hundredths of a second that it used, and how often it blocked.
#[derive(Clone, Copy)]
struct Work {
    ticks: u64,
    pauses: u64,
}

/// Returns the work of each thread of a daemon, by its number and name.
fn work(daemon: &Vrrpd) -> BTreeMap<String, Work> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let task = |entry: fs::DirEntry| {
        let stat = read(entry.path().join("stat"));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let used = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
        let status = read(entry.path().join("status"));
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        let which = format!("{} {}", entry.file_name().to_string_lossy(), read(entry.path().join("comm")).trim());
        (which, Work { ticks: used(11) + used(12), pauses: line.trim().parse().unwrap() })
    };
    tasks.map_while(Result::ok).map(task).collect()
}

/// Releases of somebody who is not the Master move no Backup, and the Master answers within its bound, over IPv6 too.
#[test]
fn p8_a_backup_over_ipv6_is_not_moved_by_releases_of_a_router_that_is_not_its_master() {
    on_hosts_alone(|| {
        let lan = Lan::new();
        let (host, second, rogue) = (lan.host(1), lan.host(2), lan.host(3));
        rogue.ip("address add fe80::bad/64 dev eth0 nodad");
        let master = host.vrrpd(&router_v6(200, ""));
        master.until_is("VI_1", "Master");
        let backup = second.vrrpd(&router_v6(100, ""));
        until("the Master is heard", || backup.json("VI_1")["master"]["us"] == false);
        let start = Instant::now();
        let release = Forged { priority: 0, ..Forged::new("fe80::bad", &["fe80::100", "2001:db8::100"]) };
        let flood = rogue.flood(&[release], Some(2000));
        thread::sleep(Duration::from_secs(3));
        drop(flood);
        let of = |host: u8| lan.wire().adverts_v6(host).iter().filter(|(at, _)| *at >= start).count();
        assert!(of(1) <= 15 + 15 * 5, "{} advertisements of the Master in 3 s", of(1));
        assert!(of(2) <= 15 + 15 * 5, "{} advertisements of the Backup in 3 s", of(2));
        master.until_is("VI_1", "Master");
        backup.until_is("VI_1", "Backup");
    });
}
