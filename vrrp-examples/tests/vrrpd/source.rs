//! `mcast_src_ip`: advertisements from another address of the interface.

use crate::common::{Lan, in_namespace, until};

#[test]
fn advertisements_to_the_group_come_from_the_address_that_is_configured() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        host.ip("address add 192.0.2.77/24 dev eth0");
        let _daemon = host.vrrpd(
            "vrrp_instance VI_1 {
                 interface eth0
                 virtual_router_id 1
                 priority 255
                 mcast_src_ip 192.0.2.77
                 virtual_ipaddress {
                     192.0.2.100/24
                 }
             }",
        );
        let adverts = || lan.wire().adverts(1);
        until("three advertisements", || adverts().len() >= 3);
        for advert in adverts() {
            assert_eq!((advert.source, advert.destination), ([192, 0, 2, 77].into(), [224, 0, 0, 18].into()));
        }
    });
}
