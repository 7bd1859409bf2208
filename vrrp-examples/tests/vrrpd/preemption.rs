//! Whether and when a better router takes over from a worse one.

use std::time::Duration;

use crate::common::{Lan, in_namespace, throughout};

fn configuration(priority: u8, [never, late]: [&str; 2]) -> String {
    format!(
        "vrrp_instance never {{
             state BACKUP
             interface eth0
             virtual_router_id 1
             priority {priority}
             {never}
             virtual_ipaddress {{
                 192.0.2.101/24
             }}
         }}
         vrrp_instance late {{
             state BACKUP
             interface eth0
             virtual_router_id 2
             priority {priority}
             {late}
             virtual_ipaddress {{
                 192.0.2.102/24
             }}
         }}
         vrrp_instance at_once {{
             interface eth0
             virtual_router_id 3
             priority {priority}
             virtual_ipaddress {{
                 192.0.2.103/24
             }}
         }}"
    )
}

#[test]
fn nopreempt_never_takes_from_a_living_master_and_preempt_delay_waits() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let worse = second.vrrpd(&configuration(200, ["", ""]));
        for name in ["never", "late", "at_once"] {
            worse.until_is(name, "Master");
        }
        let better = first.vrrpd(&configuration(254, ["nopreempt", "preempt_delay 3"]));

        better.until_is("at_once", "Master");
        assert!(better.is("late", "Backup"), "the delay of 3 s adds to what preemption takes");
        throughout(Duration::from_secs(1), "it waits", || better.is("late", "Backup"));
        better.until_is("late", "Master");
        let never = better.router("never");
        assert_eq!((never.state.as_str(), never.master.unwrap().address.as_str()), ("Backup", "192.0.2.2"));
        let taken = |vrid| lan.wire().adverts(1).into_iter().find(|advert| advert.vrid == vrid).unwrap().at;
        let later = taken(2) - taken(3);
        assert!(later >= Duration::from_millis(1500), "preempt_delay 3 made a difference of {later:?} only");

        // It serves when nobody else does.
        worse.terminate();
        better.until_is("never", "Master");
        better.until_logged("never: Backup -> Master at priority 254: the Master 192.0.2.2 released the addresses");
    });
}
