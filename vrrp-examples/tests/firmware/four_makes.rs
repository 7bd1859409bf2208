//! Four makes on one LAN: smoltcp in a process, vrrpd on Linux, keepalived, and the firmware. Each is Master in turn, and
//! is killed.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::common::{Firmware, Host, Lan, Smoltcp, in_namespace, testing, throughout, until};

/// Last octets of their addresses.
const SMOLTCP: u8 = 3;
const VRRPD: u8 = 1;
const KEEPALIVED: u8 = 2;
const BOARD: u8 = 9;
const CLIENT: u8 = 4;
const VIRTUAL_ADDRESSES: [&str; 2] = ["192.0.2.100", "192.0.2.101"];
/// The firmware has these built in, and priority 100.
const VRID: u8 = 51;
const INTERVAL: Duration = Duration::from_millis(200);
/// Beyond the time of the protocol, for a machine that does other things as well.
const LATE: Duration = Duration::from_millis(50);
/// The error that time stamps of the wire may have.
const EARLY: Duration = Duration::from_millis(3);

fn configuration(priority: u8) -> String {
    let [first, second] = VIRTUAL_ADDRESSES;
    format!(
        "vrrp_instance VI_51 {{
             interface eth0
             virtual_router_id {VRID}
             version 3
             advert_int 0.2
             priority {priority}
             virtual_ipaddress {{
                 {first}/24
                 {second}/24
             }}
         }}"
    )
}

#[test]
fn each_takes_over_from_the_next_better_one_that_dies() {
    in_namespace(|| {
        let firmware = match Firmware::find("heap") {
            Ok(firmware) => firmware,
            Err(why) => return testing::skip("four makes", &why),
        };
        let lan = Lan::new();
        let hosts = [VRRPD, KEEPALIVED, CLIENT].map(|number| lan.host(number));
        lan.tap(SMOLTCP);
        // A machine that is busy with other things may be late, but not each time.
        let late: Vec<_> =
            (0..3).map(|_| late_takeovers(&lan, &hosts, &firmware)).take_while(|late| !late.is_empty()).collect();
        assert!(late.len() < 3, "{late:?}");
    });
}

/// Kills one Master after the other, each of the four makes once. Returns who took over later than it should, and how long after the last advertisement.
fn late_takeovers(lan: &Lan, [linux, other, client]: &[Host; 3], firmware: &Firmware) -> Vec<(u8, Duration)> {
    let start = Instant::now();
    let adverts = |host| {
        let all = lan.wire().adverts(host).into_iter().map(|advert| advert.at);
        all.filter(|at| *at > start).collect::<Vec<_>>()
    };
    let smoltcp = Smoltcp::start(SMOLTCP, VRID, 250, INTERVAL, &VIRTUAL_ADDRESSES);
    until("smoltcp is Master", || !adverts(SMOLTCP).is_empty());
    let board = lan.board(BOARD, firmware);
    let keepalived = other.keepalived(&configuration(150));
    let vrrpd = linux.vrrpd(&configuration(200));
    vrrpd.until_is("VI_51", "Backup");
    board.until_said("Initialize -> Backup", 1);
    // keepalived says nothing when it begins to listen.
    throughout(INTERVAL * 10, "there is one Master", || {
        [VRRPD, KEEPALIVED, BOARD].iter().all(|host| adverts(*host).is_empty())
    });

    let mut late = Vec::new();
    // The next one has advertised `before` times when the Master dies.
    let mut follows = |from: u8, to: u8, priority: u32, before: usize| {
        until("the next one is Master", || adverts(to).len() > before);
        let taken = adverts(to)[before];
        let last = *adverts(from).iter().rfind(|at| **at < taken).unwrap();
        let (gap, expected) = (taken - last, INTERVAL * 3 + INTERVAL * (256 - priority) / 256);
        assert!(gap + EARLY >= expected, "host {to} after {gap:?}, not {expected:?}");
        println!(
            "host {to} is Master {:.1} ms after the protocol's time",
            (gap - expected.min(gap)).as_secs_f64() * 1e3
        );
        if gap > expected + LATE {
            late.push((to, gap));
        }
        for address in VIRTUAL_ADDRESSES {
            until("the client reaches it", || client.reaches(address));
        }
    };
    assert!(!smoltcp.end(Signal::SIGKILL).success());
    follows(SMOLTCP, VRRPD, 200, 0);
    // A host that dies: what it did not take back stays on it, and nobody hears it any more.
    assert!(!vrrpd.kill().success());
    linux.set_carrier(false);
    follows(VRRPD, KEEPALIVED, 150, 0);
    keepalived.kill();
    other.set_carrier(false);
    follows(KEEPALIVED, BOARD, 100, 0);
    drop((vrrpd, keepalived));
    [linux, other].into_iter().for_each(|host| host.set_carrier(true));

    // One of the others comes back, worse than the board.
    let _keepalived = other.keepalived(&configuration(50));
    until("keepalived is a Backup", || other.lines("keepalived.log").iter().any(|line| line.contains("BACKUP STATE")));
    let heard = adverts(BOARD).len() + 2;
    until("keepalived hears the board", || adverts(BOARD).len() >= heard);
    let before = adverts(KEEPALIVED).len();
    board.assert_runs();
    board.turn_off();
    follows(BOARD, KEEPALIVED, 50, before);
    late
}
