//! It stands in for vrrpd and for keepalived, and they for it.

use std::time::{Duration, Instant};

use crate::common::{Board, Firmware, Forged, Host, Keepalived, Lan, Vrrpd, in_namespace, testing, throughout, until};

/// The board's number, and the last octet of its address.
const BOARD: u8 = 9;
const VIRTUAL_ADDRESS: &str = "192.0.2.100";
const VIRTUAL_MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
/// The most that a busy machine may add to the protocol's time, and the error of time stamps before it.
const LATE: Duration = Duration::from_millis(50);
const EARLY: Duration = Duration::from_millis(3);
const INTERVAL: Duration = Duration::from_millis(200);
/// The board's Skew_Time: (256 - 100) / 256 of the interval.
const BOARD_SKEW: Duration = Duration::from_micros(121_875);
/// That of a peer with priority 50.
const WORSE_SKEW: Duration = Duration::from_micros(160_938);

#[derive(Clone, Copy)]
enum Peer {
    Vrrpd,
    Keepalived,
}

enum Running {
    Vrrpd(Vrrpd),
    Keepalived(Keepalived),
}

impl Peer {
    fn start(self, host: &Host, priority: u8) -> Running {
        let configuration = format!(
            "vrrp_instance VI_51 {{
                 interface eth0
                 virtual_router_id 51
                 version 3
                 advert_int 0.2
                 priority {priority}
                 virtual_ipaddress {{
                     {VIRTUAL_ADDRESS}/24
                     192.0.2.101/24
                 }}
             }}"
        );
        match self {
            Self::Vrrpd => Running::Vrrpd(host.vrrpd(&configuration)),
            Self::Keepalived => Running::Keepalived(host.keepalived(&configuration)),
        }
    }
}

impl Running {
    /// Ends it in order: it releases its addresses.
    fn stop(self) {
        match self {
            Self::Vrrpd(daemon) => assert!(daemon.terminate().success()),
            Self::Keepalived(daemon) => daemon.terminate(),
        }
    }

    /// Ends it unheard, as when its host loses power.
    fn die(self, host: &Host) {
        host.set_carrier(false);
        self.stop();
        host.set_carrier(true);
    }
}

#[test]
fn with_a_heap_beside_vrrpd() {
    in_namespace(|| fails_over("heap", Peer::Vrrpd));
}

#[test]
fn with_a_heap_beside_keepalived() {
    in_namespace(|| fails_over("heap", Peer::Keepalived));
}

#[test]
fn without_a_heap_beside_vrrpd() {
    in_namespace(|| fails_over("no-heap", Peer::Vrrpd));
}

#[test]
fn without_a_heap_beside_keepalived() {
    in_namespace(|| fails_over("no-heap", Peer::Keepalived));
}

#[test]
fn its_size_is_the_documented_one() {
    for program in ["heap", "no-heap"] {
        match Firmware::find(program) {
            Ok(firmware) => {
                let loaded = u32::try_from(loaded(&std::fs::read(firmware.path()).unwrap())).unwrap();
                let documented = documented(program, "flash");
                assert!(
                    loaded.abs_diff(documented) < documented / 10,
                    "{program} takes {loaded}, documented {documented}"
                );
            }
            Err(why) => testing::skip("its_size_is_the_documented_one", &why),
        }
    }
}

fn fails_over(program: &str, peer: Peer) {
    let firmware = match Firmware::find(program) {
        Ok(firmware) => firmware,
        Err(why) => return testing::skip(program, &why),
    };
    let lan = Lan::new();
    let (host, client) = (lan.host(1), lan.host(3));
    let adverts = |number| lan.wire().adverts(number);
    let last = |number| adverts(number).last().unwrap().at;

    // It is a Backup of the better router, and silent.
    let better = peer.start(&host, 150);
    until("the peer is Master", || !adverts(1).is_empty());
    let board = lan.board(BOARD, &firmware);
    board.until_said("Initialize -> Backup", 1);
    assert!(client.reaches("192.0.2.9"), "the board's own address");
    throughout(INTERVAL * 4, "it is a Backup", || adverts(BOARD).is_empty());
    better.stop();
    until("the board is Master", || adverts(BOARD).len() > 3);
    serves(&lan, &client);

    // What another host may not say changes nothing.
    let forged =
        Forged { vrid: 51, priority: 254, interval: 20, ..Forged::new("192.0.2.3", &[VIRTUAL_ADDRESS, "192.0.2.101"]) };
    let routed = Forged { ttl: 254, ..forged.clone() };
    let ours = Forged { source: "192.0.2.9".parse().unwrap(), ..forged.clone() };
    let other_router = Forged { vrid: 52, ..forged };
    client.forge(&[routed, ours, other_router]);
    let count = adverts(BOARD).len();
    until("it advertises on", || adverts(BOARD).len() >= count + 3);
    assert_eq!(board.has_said("Master -> Backup"), 0);

    // A better peer comes, and the board yields to its first advertisement.
    let yields = || {
        let (before, yielded) = (adverts(1).len(), board.has_said("Master -> Backup"));
        let better = peer.start(&host, 150);
        board.until_said("Master -> Backup", yielded + 1);
        let preempted = adverts(1)[before].at;
        throughout(INTERVAL * 2, "it is silent", || last(BOARD) < preempted + INTERVAL);
        until("the peer answers", || client.reaches(VIRTUAL_ADDRESS));
        assert!(lan.wire().answers(BOARD, VIRTUAL_ADDRESS).iter().all(|answer| answer.at < preempted + INTERVAL));
        better
    };
    let first_after = |before: usize| {
        until("the board advertises again", || adverts(BOARD).len() > before);
        let first = adverts(BOARD).swap_remove(before);
        assert_eq!((first.mac, first.priority, first.ttl), (VIRTUAL_MAC, 100, 255));
        first.at
    };
    in_time("the board takes over from a peer that died", INTERVAL * 3 + BOARD_SKEW, || {
        let better = yields();
        let before = adverts(BOARD).len();
        better.die(&host);
        first_after(before) - last(1)
    });
    serves(&lan, &client);
    in_time("the board takes over from a peer that released", BOARD_SKEW, || {
        let better = yields();
        let before = adverts(BOARD).len();
        better.stop();
        assert_eq!(adverts(1).last().unwrap().priority, 0);
        first_after(before) - last(1)
    });
    serves(&lan, &client);
    // Not one allocation after the start: it would have been a panic, which ends the program.
    board.assert_runs();
    board.turn_off();
    assert_eq!((board.has_said("heap"), board.has_said("panicked")), (1, 0), "{:?}", board.said());
    for figure in ["heap", "allocations", "router", "stack"] {
        let (found, documented) = (figure_of(&board, figure), documented(program, figure));
        println!("{program}: {figure} {found}");
        assert!(found <= documented + documented / 10, "{program}: {figure} {found}, documented {documented}");
    }

    // A worse peer waits until the board is turned off.
    in_time("the peer takes over from a board that is turned off", INTERVAL * 3 + WORSE_SKEW, || {
        let board = lan.board(BOARD, &firmware);
        board.until_said("Backup -> Master", 1);
        let before = adverts(1).len();
        let worse = peer.start(&host, 50);
        throughout(INTERVAL * 5, "the board stays Master", || adverts(1).len() == before);
        board.turn_off();
        until("the peer takes over", || adverts(1).len() > before);
        until("the peer answers", || client.reaches(VIRTUAL_ADDRESS));
        let took = adverts(1)[before].at - last(BOARD);
        worse.stop();
        took
    });
}

/// The client's ping is answered, by ARP under the virtual MAC address.
#[track_caller]
fn serves(lan: &Lan, client: &Host) {
    client.ip("neighbour flush all");
    let asked = Instant::now();
    assert!(client.reaches(VIRTUAL_ADDRESS), "the virtual address");
    let answers = || lan.wire().answers(BOARD, VIRTUAL_ADDRESS).into_iter().filter(|answer| answer.at > asked);
    until("the answer is on the wire", || answers().next().is_some());
    assert!(answers().all(|answer| answer.mac == VIRTUAL_MAC));
    assert!(client.ip("neighbour show").contains("192.0.2.100 dev eth0 lladdr 00:00:5e:00:01:33"));
}

/// Measures a takeover: never before its time, and once in five times soon after it. On a machine that is busy with other things the
/// emulator may get its turn late.
#[track_caller]
fn in_time(what: &str, expected: Duration, takeover: impl Fn() -> Duration) {
    let mut all = Vec::new();
    while all.len() < 5 {
        let took = takeover();
        all.push(took);
        assert!(took + EARLY >= expected, "{what} after {took:?}, expected {expected:?}");
        if took <= expected + LATE {
            return;
        }
    }
    panic!("{what} after {all:?}, expected {expected:?}");
}

/// The largest number that the board has said behind a word.
fn figure_of(board: &Board, word: &str) -> u32 {
    let number = |line: &String| line.split_once(&format!("{word} "))?.1.split(' ').next()?.parse().ok();
    board.said().iter().filter_map(number).max().unwrap_or_else(|| panic!("no {word} in {:?}", board.said()))
}

/// A figure of a program in the table of `docs/embedding.md`.
fn documented(program: &str, figure: &str) -> u32 {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/embedding.md")).unwrap();
    let row = |name: &str| {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} |")));
        row.unwrap_or_else(|| panic!("no row {name}")).split('|').map(str::trim).map(str::to_owned).collect::<Vec<_>>()
    };
    let column = row("figure").iter().position(|cell| *cell == format!("`{program}`")).unwrap();
    row(figure)[column].replace(',', "").parse().unwrap()
}

/// Octets that a 32-bit ELF program takes of the flash.
fn loaded(elf: &[u8]) -> usize {
    let half = |at: usize| usize::from(u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()));
    let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()) as usize;
    let (table, length, count) = (word(28), half(42), half(44));
    let segments = (0..count).map(|index| table + index * length);
    segments.filter(|at| word(*at) == 1).map(|at| word(at + 16)).sum()
}
