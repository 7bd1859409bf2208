//! `vrrp_startup_delay`, beside keepalived's: what is sent, and what is heard meanwhile.

use std::time::{Duration, Instant};

use vrrp_core::wire::ChecksumForm;

use crate::beside::Beside;
use crate::common::{Forged, Host, Lan, in_namespace, until};
use crate::instance;

const DELAY: Duration = Duration::from_secs(2);

/// Three routers: one that needs to hear nobody, and two that hear better ones.
fn configuration() -> String {
    let fast = |name, vrid| instance(name, vrid, 100, "version 3\nadvert_int 0.2");
    format!("global_defs {{\nvrrp_startup_delay {}\n}}\n", DELAY.as_secs())
        + &instance("owner", 1, 255, "")
        + &fast("forgets", 2)
        + &fast("yields", 3)
}

#[test]
fn nothing_is_sent_before_the_delay_is_over_and_what_is_heard_elects_nobody() {
    in_namespace(|| {
        let lan = Lan::new();
        let (beside, better) = (Beside::new(&lan, 1), lan.host(3));
        let hosts = [&beside.ours, &beside.theirs];
        let forged = |vrid: u8, interval: u16| {
            let address = format!("192.0.2.10{vrid}");
            let checksum = ChecksumForm::PseudoHeader;
            Forged { vrid, priority: 200, interval, checksum, ..Forged::new("192.0.2.3", &[&address]) }
        };
        // Who learns this one's interval waits for three of it.
        let interval = Duration::from_secs(1);
        let slow = forged(2, 100);
        let flood = better.flood(&[forged(3, 20)], Some(20));

        let begun = Instant::now();
        let (daemon, _keepalived) = beside.start(&configuration(), &[]);
        while begun.elapsed() < DELAY * 3 / 4 {
            better.forge(std::slice::from_ref(&slow));
            std::thread::sleep(Duration::from_millis(50));
        }
        let served = |host: &Host| [1, 2, 3].map(|vrid| host.has(&format!("192.0.2.10{vrid}")));
        until("both have taken over", || hosts.iter().all(|host| served(host) == [true, true, false]));
        let first = |host: u8, vrid: u8| lan.wire().adverts(host).iter().find(|it| it.vrid == vrid).map(|it| it.at);
        for number in [1, 2] {
            until("they have advertised", || first(number, 1).is_some() && first(number, 2).is_some());
            let (owner, forgets) = (first(number, 1).unwrap(), first(number, 2).unwrap());
            assert!(owner - begun >= DELAY, "host {number}: {:?}", owner - begun);
            // Its Master_Down_Interval begins with the end of the delay. Of what it heard meanwhile keepalived knows the interval.
            let waited = forgets - owner;
            assert!(waited >= Duration::from_millis(500), "host {number}: {waited:?}");
            assert_eq!(waited >= interval * 3, number == 2, "host {number}: {waited:?}");
            assert_eq!(first(number, 3), None, "host {number} hears the better one");
        }
        assert!(daemon.is("yields", "Backup"));
        drop(flood);
        until("it takes over from the silent one too", || hosts.iter().all(|host| served(host) == [true; 3]));
    });
}
