//! What is said on the wire, and what a stranger can make a router say.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Flood, Forged, Host, Lan, Vrrpd, throughout, until};
use crate::{on_hosts, on_hosts_alone, router, router_v6};

/// The virtual MAC address of VRID 1 over IPv4.
const VIRTUAL_MAC: &str = "00:00:5e:00:01:01";

/// Three routers of version 3 in the order of their priorities: the best takes over from the second. What the second says as it
/// yields must not make the third believe that the new Master speaks as often as the old one did.
fn nobody_else_takes_over(best: &str, owner: bool) {
    let lan = Lan::new();
    let (first, second, third) = (lan.host(1), lan.host(2), lan.host(3));
    let start = |host: &Host, priority, lines: &str| {
        host.vrrpd(&router(priority, &format!("version 3\nlower_prio_no_advert\n{lines}")))
    };
    let middle = start(&second, 150, "advert_int 0.2");
    middle.until_is("VI_1", "Master");
    let last = start(&third, 100, "advert_int 0.2");
    until("the Master is heard", || last.json("VI_1")["master"]["us"] == false);

    let best = start(&first, if owner { 255 } else { 200 }, best);
    best.until_is("VI_1", "Master");
    middle.until_is("VI_1", "Backup");
    throughout(Duration::from_secs(4), "the new Master is alone", || {
        assert_eq!(lan.wire().adverts(3).len(), 0, "the third became Master: {:?}", last.json("VI_1")["cause"]);
        true
    });
    assert!(best.is("VI_1", "Master") && middle.is("VI_1", "Backup") && last.is("VI_1", "Backup"));
}

/// A router that yields teaches nobody an interval that the new Master does not keep.
#[test]
fn p1_a_router_that_yields_teaches_nobody_its_interval() {
    on_hosts(|| nobody_else_takes_over("advert_int 1", false));
}

/// The same where the new Master is an owner that speaks every 40.95 s and does not answer.
#[test]
fn p1_a_router_that_yields_to_a_slow_owner_teaches_nobody_its_interval() {
    on_hosts(|| nobody_else_takes_over("advert_int 40.95\nowner_ignore_adverts", true));
}

/// A router that yields a virtual MAC says nothing from it after the new Master did: the switch sends to the new one.
#[test]
fn p1_a_router_that_yields_leaves_the_virtual_mac_at_the_port_of_the_new_master() {
    on_hosts(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let lines = "version 3\nlower_prio_no_advert\nuse_vmac\ngarp_master_delay 0\ngarp_lower_prio_repeat 0";
        let worse = second.vrrpd(&router(150, &format!("{lines}\nadvert_int 0.1")));
        worse.until_is("VI_1", "Master");
        until("the switch has learned", || lan.port_of(VIRTUAL_MAC) == Some(2));
        let better = first.vrrpd(&router(200, &format!("{lines}\nadvert_int 1")));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Backup");
        throughout(Duration::from_secs(4), "the switch sends to the new Master", || {
            assert_eq!(lan.port_of(VIRTUAL_MAC), Some(1), "port of the virtual MAC");
            true
        });
        let octets = [0, 0, 0x5e, 0, 1, 1];
        let (old, new) = (lan.wire().sent_from(2, octets), lan.wire().sent_from(1, octets));
        assert!(old.last() < new.last(), "the new Master has the last word");
    });
}

/// The same where the new Master speaks once and neither answers nor announces anything again.
#[test]
fn p1_a_router_that_yields_says_nothing_more_from_the_virtual_mac() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, better) = (lan.host(1), lan.host(3));
        let daemon = host.vrrpd(&router(200, "version 3\nuse_vmac\ngarp_master_delay 0"));
        daemon.until_is("VI_1", "Master");
        until("the switch has learned", || lan.port_of(VIRTUAL_MAC) == Some(1));
        let said = lan.wire().adverts(1).len();
        until("the next advertisement is a second away", || lan.wire().adverts(1).len() > said);
        better.forge(&[Forged { priority: 250, ..slow_rogue("192.0.2.3") }]);
        daemon.until_is("VI_1", "Backup");
        thread::sleep(Duration::from_millis(500));
        let yielded = lan.wire().adverts(3)[0].at;
        let after = lan.wire().sent_from(1, [0, 0, 0x5e, 0, 1, 1]).iter().filter(|at| **at > yielded).count();
        assert_eq!(after, 0, "frames from the virtual MAC after the new Master spoke");
    });
}

/// A Master answers each lower Master (RFC 9568 section 6.4.3), whoever else sends.
#[test]
fn p2_each_lower_master_gets_its_answer() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        let master = host.vrrpd(&router(254, "version 3"));
        master.until_is("VI_1", "Master");
        let forged = ["192.0.2.3", "192.0.2.4", "192.0.2.5"].map(slow_rogue);
        let flood = rogue.flood(&forged, Some(3));
        until("ten of each", || flood.sent() >= 30);
        thread::sleep(Duration::from_millis(300));
        drop(flood);
        let (asked, said) = (lan.wire().adverts(3), lan.wire().adverts(1));
        let at_once = |asked: Instant, said: Instant| said >= asked && said - asked < Duration::from_millis(150);
        let answered = asked.iter().filter(|advert| said.iter().any(|answer| at_once(advert.at, answer.at))).count();
        assert!(answered * 10 >= asked.len() * 9, "{answered} of {} advertisements got an answer", asked.len());
        // Its own, one a second, are beside them.
        assert!(said.len() <= asked.len() + 20, "{} answers to {} advertisements", said.len(), asked.len());
    });
}

/// However many lower Masters there are, the answers that leave at one instant have a bound.
#[test]
fn p2_many_lower_masters_at_one_instant_get_a_bounded_number_of_answers() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        let master = host.vrrpd(&router(254, "version 3"));
        master.until_is("VI_1", "Master");
        let forged: Vec<Forged> = (1_u16..=20)
            .map(|number| Forged { interval: 100 * number, ..slow_rogue(&format!("192.0.2.{}", 200 + number)) })
            .collect();
        for _ in 0..3 {
            let start = Instant::now();
            rogue.forge(&forged);
            thread::sleep(Duration::from_millis(300));
            let answers = lan.wire().adverts(1).iter().filter(|advert| advert.at >= start).count();
            // Its own advertisement may be among them.
            assert!(answers <= 5, "{answers} answers to 20 lower Masters at one instant");
            thread::sleep(Duration::from_millis(700));
        }
    });
}

/// Nothing that a stranger puts into a packet raises how much is sent or logged: what a Master does about lower ones has a
/// bound in its own interval.
fn lower_masters_are_not_amplified(host: &Host, rogue: &Host, lan: &Lan, master: &Vrrpd, forged: &[Forged], rate: u32) {
    master.until_is("VI_1", "Master");
    // The takeover is announced twice, 5 s apart.
    thread::sleep(Duration::from_secs(6));
    let (start, lines) = (Instant::now(), master.log().len());
    let flood = rogue.flood(forged, Some(rate));
    thread::sleep(Duration::from_secs(4));
    let sent = flood.sent();
    drop(flood);
    let frames = lan.wire().frames_since(host.number(), start);
    let logged = master.log().len() - lines;
    // In 4 s: four advertisements and four answers a second, and two rounds of five announcements of 20 addresses, once more
    // for the end of the contest.
    assert!(frames <= 400, "{frames} frames in 4 s, for {sent} forged packets");
    assert!(logged <= 120, "{logged} lines of log in 4 s, for {sent} forged packets");
    assert!(master.is("VI_1", "Master"));
}

fn twenty(prefix: &str) -> String {
    let addresses: String = (101..=120).map(|last| format!("{prefix}{last}/24\n")).collect();
    format!("virtual_ipaddress {{\n{addresses}}}")
}

#[test]
fn p7_forged_lower_advertisements_are_not_amplified() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        let master = host.vrrpd(&router(254, &format!("version 3\n{}", twenty("192.0.2."))));
        let forged = [Forged::new("192.0.2.3", &["192.0.2.101"])];
        lower_masters_are_not_amplified(&host, &rogue, &lan, &master, &forged, 28);
    });
}

/// The same from 50 addresses, a thousand times a second.
#[test]
fn p7_forged_lower_advertisements_from_many_sources_are_not_amplified() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        let master = host.vrrpd(&router(254, &format!("version 3\n{}", twenty("192.0.2."))));
        let forged: Vec<Forged> = (0_u16..50)
            .map(|number| Forged {
                interval: 1 + 7 * number,
                ..Forged::new(&format!("192.0.2.{}", 200 + number), &["192.0.2.101"])
            })
            .collect();
        lower_masters_are_not_amplified(&host, &rogue, &lan, &master, &forged, 1000);
    });
}

/// The same over IPv6.
#[test]
fn p7_forged_lower_advertisements_over_ipv6_are_not_amplified() {
    on_hosts(|| {
        let lan = Lan::new();
        let (host, rogue) = (lan.host(1), lan.host(3));
        rogue.ip("address add fe80::bad/64 dev eth0 nodad");
        let addresses: String = (101..=119).map(|last| format!("2001:db8::{last}/64\n")).collect();
        let lines = format!("advert_int 1\nvirtual_ipaddress {{\nfe80::100/64\n{addresses}}}");
        let master = host.vrrpd(&router(254, &lines));
        let forged = [Forged::new("fe80::bad", &["fe80::100"])];
        lower_masters_are_not_amplified(&host, &rogue, &lan, &master, &forged, 28);
    });
}

/// What a Master answers to releases (priority 0, RFC 9568 section 6.4.3) has a bound in its own interval, and the log names
/// who sent them.
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
            let now = work(&master);
            if now.pauses > last.pauses {
                last = now;
            }
            let busy = now.ticks.saturating_sub(last.ticks);
            assert!(busy < 100, "the daemon worked for {busy} hundredths of a second without a pause");
        }
        assert!(flood.0.sent() + flood.1.sent() > 1000);
        drop(flood);
        assert!(master.is("VI_1", "Master") && host.has("192.0.2.100"));
        assert_eq!(master.terminate().code(), Some(0));
    });
}

/// What the busiest thread of a daemon has done, by hundredths of a second and by how often it blocked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    ticks: u64,
    pauses: u64,
}

fn work(daemon: &Vrrpd) -> Work {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let task = |entry: fs::DirEntry| {
        let stat = read(entry.path().join("stat"));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let used = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
        let status = read(entry.path().join("status"));
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        Work { ticks: used(11) + used(12), pauses: line.trim().parse().unwrap() }
    };
    tasks.map_while(Result::ok).map(task).max().unwrap()
}

/// A lower Master that keeps to an interval of 1 s.
fn slow_rogue(source: &str) -> Forged {
    Forged { priority: 50, interval: 100, ..Forged::new(source, &["192.0.2.100"]) }
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
