//! Unicast without `interface`, beside keepalived, which is told it.

use crate::beside::Beside;
use crate::common::{Advert, Lan, in_namespace, until};
use crate::instance;

#[test]
fn the_source_address_tells_the_interface_that_keepalived_must_be_told() {
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let (host, other) = (&beside.ours, &beside.theirs);
        let told = |source: u8| {
            instance("VI_1", 1, 255, &format!("unicast_src_ip 192.0.2.{source}\nunicast_peer {{\n192.0.2.9\n}}"))
        };
        let untold = |source| told(source).replace("interface eth0\n", "");
        // Whom they send to is nobody.
        beside.both(|host| drop(host.ip("neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0")));
        let _daemon = host.vrrpd(&untold(1));
        let refused = other.keepalived(&untold(2));
        until("keepalived refuses it", || {
            other.lines("keepalived.log").iter().any(|it| it.ends_with("Unknown interface!"))
        });
        drop(refused);
        assert!(!other.has("192.0.2.101") && lan.wire().adverts(2).is_empty());

        let _keepalived = other.keepalived(&told(2));
        let first = |host| lan.wire().adverts(host).into_iter().next();
        until("both advertise", || first(1).is_some() && first(2).is_some());
        until("both serve", || host.has("192.0.2.101") && other.has("192.0.2.101"));
        let (ours, theirs) = (first(1).unwrap(), first(2).unwrap());
        assert_eq!((ours.source, theirs.source), (host.address(), other.address()));
        let packet = |advert: &Advert| (advert.destination, advert.ttl, advert.message.clone());
        assert_eq!(packet(&ours), packet(&theirs));
        assert_eq!(ours.destination.octets(), [192, 0, 2, 9]);
        assert_eq!([1, 2].map(|host| lan.wire().multicasts(host)), [0, 0]);
    });
}
