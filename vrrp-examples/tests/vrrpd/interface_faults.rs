//! An interface that loses its carrier: with `dont_track_primary`, and with `interface_up_down_delays`, beside keepalived.

use std::time::{Duration, Instant};

use crate::beside::Beside;
use crate::common::{Host, Lan, in_namespace, throughout, until};
use crate::instance;

const DOWN: Duration = Duration::from_millis(1_000);
const UP: Duration = Duration::from_millis(1_500);
/// How much shorter a delay may look: the test learns of a moment later than the daemons.
const SLACK: Duration = Duration::from_millis(100);

fn configuration() -> String {
    let delays = format!("interface_up_down_delays {{\neth0 {} {}\n}}\n", DOWN.as_secs_f64(), UP.as_secs_f64());
    delays + &instance("tracked", 1, 255, "") + &instance("untracked", 2, 255, "dont_track_primary")
}

#[test]
fn a_fault_and_its_end_come_after_their_delays_and_none_where_the_interface_is_not_tracked() {
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let hosts = [&beside.ours, &beside.theirs];
        let _daemons = beside.start(&configuration(), &[]);
        let is_master = |host: &Host, vrid: u8| host.has(&format!("192.0.2.10{vrid}"));
        let are_masters = || hosts.iter().all(|host| is_master(host, 1) && is_master(host, 2));
        let advertises = |host: &Host, vrid: u8, since: Instant| {
            let adverts = lan.wire().adverts(host.number());
            adverts.iter().find(|it| it.vrid == vrid && it.priority > 0 && it.at > since).map(|it| it.at)
        };
        let set_carrier = |carrier| {
            hosts.iter().for_each(|host| host.set_carrier(carrier));
            Instant::now()
        };
        until("both are Master", are_masters);

        // Shorter than the delay.
        set_carrier(false);
        set_carrier(true);
        throughout(DOWN + Duration::from_millis(300), "no fault", are_masters);
        let released = |host: &Host| lan.wire().adverts(host.number()).iter().any(|it| it.priority == 0);
        assert!(!hosts.iter().any(|host| released(host)));

        let begun = Instant::now();
        set_carrier(false);
        until("a fault", || hosts.iter().any(|host| !is_master(host, 1)));
        assert!(begun.elapsed() >= DOWN - SLACK, "{:?}", begun.elapsed());
        until("both have it", || hosts.iter().all(|host| !is_master(host, 1)));
        assert!(hosts.iter().all(|host| is_master(host, 2)));

        let begun = Instant::now();
        let up = set_carrier(true);
        for host in hosts {
            let (name, untracked) = (host.number(), || advertises(host, 2, begun));
            until("what is not tracked advertises", || untracked().is_some());
            until("the fault is over", || advertises(host, 1, begun).is_some());
            let tracked = advertises(host, 1, begun).unwrap();
            assert!(tracked - begun >= UP - SLACK, "host {name}: {:?}", tracked - begun);
            assert!(untracked().unwrap() < tracked, "host {name} was no Master meanwhile");
            // keepalived becomes a Backup first, at any priority.
            assert!(name == 2 || tracked - up < UP + Duration::from_millis(2_500), "{:?}", tracked - up);
        }
        assert!(are_masters());
    });
}
