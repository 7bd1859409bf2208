//! `use_vmac`: advertisements and addresses of a MAC address that moves.

use crate::common::{Lan, in_namespace, until};

const VIRTUAL: [u8; 6] = [0, 0, 0x5e, 0, 1, 7];

fn configuration(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 7
             priority {priority}
             {lines}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}"
    )
}

#[test]
fn the_virtual_mac_is_on_an_interface_of_its_own_and_moves() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second, client) = (lan.host(1), lan.host(2), lan.host(3));
        let route = "virtual_routes {\n198.51.100.0/24 dev vrrp.7\n}";
        let better = first.vrrpd(&configuration(254, &format!("use_vmac\n{route}")));
        better.until_is("VI_1", "Master");
        better.until_logged("VI_1: set 192.0.2.100/24 on vrrp.7");
        better.until_logged("VI_1: set route 198.51.100.0/24 dev vrrp.7");
        let worse = second.vrrpd(&configuration(200, "use_vmac mine"));
        until("the Master is heard", || worse.router("VI_1").master.is_some());
        client.ip("neighbour replace 192.0.2.100 lladdr 00:00:5e:00:01:07 dev eth0");

        for (host, device) in [(&first, "vrrp.7"), (&second, "mine")] {
            let line = host.ip(&format!("-oneline link show {device}"));
            assert!(line.contains("00:00:5e:00:01:07"), "{line}");
        }
        better.terminate();
        worse.until_logged("VI_1: set 192.0.2.100/24 on mine");
        assert!(!first.ip("-oneline link show").contains("vrrp.7"), "it goes with the daemon");
        for host in [1, 2] {
            let adverts = lan.wire().adverts(host);
            assert!(!adverts.is_empty() && adverts.iter().all(|advert| advert.mac == VIRTUAL), "{adverts:?}");
        }
    });
}

#[test]
fn with_vmac_xmit_base_advertisements_come_from_the_interface() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        let daemon = host.vrrpd(&configuration(255, "use_vmac\nvmac_xmit_base"));
        daemon.until_logged("VI_1: set 192.0.2.100/24 on vrrp.7");
        until("an advertisement", || !lan.wire().adverts(1).is_empty());
        assert!(lan.wire().adverts(1).iter().all(|advert| advert.mac != VIRTUAL));
    });
}
