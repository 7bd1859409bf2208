//! An instance for IPv6.

use crate::common::{Lan, in_namespace, until};

fn configuration(priority: u8) -> String {
    format!(
        "vrrp_instance VI_6 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             advert_int 0.2
             virtual_ipaddress {{
                 fe80::100/64
                 2001:db8::100/64
             }}
             virtual_ipaddress_excluded {{
                 192.0.2.100/24
             }}
         }}
         vrrp_instance VI_4 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             virtual_ipaddress {{
                 192.0.2.101/24
             }}
         }}"
    )
}

#[test]
fn the_addresses_of_both_families_fail_over_and_come_back() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let addresses = ["fe80::100", "2001:db8::100", "192.0.2.100"];
        let better = first.vrrpd(&configuration(254));
        better.until_is("VI_6", "Master");
        better.until_is("VI_4", "Master");
        let worse = second.vrrpd(&configuration(200));
        until("the Master is heard", || worse.router("VI_6").master.is_some());
        assert!(worse.is("VI_6", "Backup"));
        assert_eq!(worse.router("VI_6").family, "IPv6");
        addresses.iter().for_each(|address| until(address, || first.has(address) && !second.has(address)));

        better.terminate();
        worse.until_is("VI_6", "Master");
        addresses.iter().for_each(|address| until(address, || second.has(address) && !first.has(address)));

        let better = first.vrrpd(&configuration(254));
        worse.until_is("VI_6", "Backup");
        better.until_is("VI_6", "Master");
        addresses.iter().for_each(|address| until(address, || first.has(address) && !second.has(address)));
        better.until_logged("VI_6: sent 5 unsolicited neighbour advertisement for 2001:db8::100 on eth0");
    });
}
