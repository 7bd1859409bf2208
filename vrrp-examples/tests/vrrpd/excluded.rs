//! A router with only addresses that it does not advertise, beside keepalived.

use crate::beside::Beside;
use crate::common::{Lan, in_namespace, until};

#[test]
fn a_router_with_only_excluded_addresses_has_them_and_advertises_none_as_keepalived() {
    let configuration = "vrrp_instance VI_1 {
        interface eth0
        virtual_router_id 1
        priority 255
        virtual_ipaddress_excluded {
            192.0.2.101/24 label eth0:1
            203.0.113.1 scope link
            2001:db8::1/64
        }
    }";
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let (daemon, keepalived) = beside.start(configuration, &[]);
        beside.until_both_say(1, 255);
        assert_eq!(lan.wire().adverts(1)[0].message[3], 0, "no address is counted");
        for address in ["192.0.2.101", "203.0.113.1", "2001:db8::1"] {
            beside.both(|host| until(address, || host.has(address)));
            let [ours, theirs] = [&beside.ours, &beside.theirs].map(|host| host.line_of(address).unwrap());
            // Here it has a lifetime, and in IPv6 is never preferred.
            assert_eq!(ours.replace(" dynamic", "").replace(" deprecated", ""), theirs);
        }
        assert!(daemon.terminate().success());
        keepalived.terminate();
        for address in ["192.0.2.101", "203.0.113.1", "2001:db8::1"] {
            beside.both(|host| beside.until_left(host, 1, address));
        }
    });
}
