//! What is said on the wire, and what a stranger can make a router say.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Forged, Host, Lan, Vrrpd, throughout, until};
use crate::{on_hosts, router};

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

/// A lower Master that keeps to an interval of 1 s.
pub(super) fn slow_rogue(source: &str) -> Forged {
    Forged { priority: 50, interval: 100, ..Forged::new(source, &["192.0.2.100"]) }
}
