//! Two Masters after a split, and what the neighbours are told.

use std::time::{Duration, Instant};

use crate::common::{Lan, in_namespace, throughout, until};
use crate::instance;

fn configuration(priority: u8) -> String {
    let scheduled = |name: &str, vrid: u8, schedule: &str| {
        instance(name, vrid, priority, &format!("garp_master_repeat 2\n garp_master_delay 0\n {schedule}"))
    };
    scheduled("contest", 1, "garp_lower_prio_repeat 3\n garp_lower_prio_delay 1")
        + &scheduled("silent", 2, "garp_lower_prio_repeat 0")
        + &scheduled("refresh", 3, "garp_lower_prio_repeat 0\n garp_master_refresh 2\n garp_master_refresh_repeat 3")
}

#[test]
fn after_a_split_one_master_is_left_and_announces_its_addresses_again() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let better = first.vrrpd(&configuration(254));
        let names = ["contest", "silent", "refresh"];
        names.iter().for_each(|name| better.until_is(name, "Master"));
        let worse = second.vrrpd(&configuration(250));
        until("the Master is heard", || worse.router("contest").master.is_some());

        let announced = |address: &str| lan.wire().announcements(1, address);
        assert_eq!((announced("192.0.2.101").len(), announced("192.0.2.102").len()), (2, 2), "garp_master_repeat");

        lan.split(&[&first, &second], true);
        names.iter().for_each(|name| worse.until_is(name, "Master"));
        assert!(better.is("contest", "Master"), "a split has two Masters");
        assert_eq!(announced("192.0.2.101").len(), 2, "nobody was heard");

        let healed = Instant::now();
        lan.split(&[&first, &second], false);
        names.iter().for_each(|name| worse.until_is(name, "Backup"));
        until("announced when the other was heard", || announced("192.0.2.101").len() == 5);
        assert!(healed.elapsed() < Duration::from_secs(5), "{:?}", healed.elapsed());
        better.until_logged("contest: 192.0.2.2 is Master too, at priority 1, and must yield to this router");
        worse.until_logged("contest: Master -> Backup at priority 250: 192.0.2.1 is Master with higher priority 254");
        until("announced when it fell silent", || announced("192.0.2.101").len() == 8);
        assert!(announced("192.0.2.101")[5] - announced("192.0.2.101")[4] >= Duration::from_secs(2));
        throughout(Duration::from_secs(2), "no more than that", || announced("192.0.2.101").len() == 8);

        assert_eq!(announced("192.0.2.102").len(), 2, "garp_lower_prio_repeat 0");
        names.iter().for_each(|name| assert!(better.is(name, "Master") && worse.is(name, "Backup")));
        assert!(first.has("192.0.2.101") && !second.has("192.0.2.101"));

        // Two at first, then three every two seconds, whatever happened meanwhile.
        let rounds = announced("192.0.2.103").split_off(2);
        assert!(rounds.len() >= 9, "{}", rounds.len());
        for pair in rounds.chunks_exact(3).map(|round| round[0]).collect::<Vec<_>>().windows(2) {
            assert!((pair[1] - pair[0]).as_millis().abs_diff(2000) < 500, "{:?}", pair[1] - pair[0]);
        }
    });
}
