//! `unicast_peer`: the configured peers, nobody else, and no multicast.

use crate::common::{Lan, in_namespace, until};

fn configuration(priority: u8, peers: &[u8]) -> String {
    let peers: String = peers.iter().map(|peer| format!("192.0.2.{peer}\n")).collect();
    format!(
        "vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             unicast_peer {{
                 {peers}
             }}
             virtual_ipaddress {{
                 192.0.2.100/24
             }}
         }}"
    )
}

#[test]
fn a_pair_fails_over_by_unicast_alone_and_ignores_a_stranger() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second, stranger) = (lan.host(1), lan.host(2), lan.host(3));
        let better = first.vrrpd(&configuration(254, &[2]));
        better.until_is("VI_1", "Master");
        let worse = second.vrrpd(&configuration(250, &[1]));

        // It is better than both, and is listened to by neither.
        let rogue = stranger.vrrpd(&configuration(255, &[1, 2]));
        rogue.until_is("VI_1", "Master");
        let ignored = "ignored an advertisement from 192.0.2.3: sent by 192.0.2.3, which is no configured peer";
        better.until_logged(ignored);
        worse.until_logged(ignored);
        until("the Master is heard", || {
            worse.router("VI_1").master.is_some_and(|master| master.address == "192.0.2.1")
        });
        assert!(better.is("VI_1", "Master") && worse.is("VI_1", "Backup"));

        assert!(better.kill().code().is_none());
        worse.until_is("VI_1", "Master");
        worse.until_logged("the Master 192.0.2.1 was silent for 3");
        assert!(second.has("192.0.2.100"));

        let better = first.vrrpd(&configuration(254, &[2]));
        better.until_is("VI_1", "Master");
        worse.until_is("VI_1", "Backup");
        better.terminate();
        worse.until_is("VI_1", "Master");

        for (host, peer) in [(&first, second.address()), (&second, first.address())] {
            let adverts = lan.wire().adverts(host.number());
            assert!(adverts.len() > 1 && adverts.iter().all(|advert| advert.destination == peer), "{adverts:?}");
            // Not even IGMP: the group is not joined.
            assert_eq!(lan.wire().multicasts(host.number()), 0);
        }
    });
}

/// A pair whose advertisements have that TTL, and which asks for that much at least.
fn with_ttl(priority: u8, peer: u8, unicast_ttl: u8, min_ttl: u8) -> String {
    let peers = format!("192.0.2.{peer}\n");
    let wanted = format!("192.0.2.{peer} min_ttl {min_ttl}\n");
    configuration(priority, &[peer])
        .replace(&peers, &wanted)
        .replace("unicast_peer", &format!("unicast_ttl {unicast_ttl}\nunicast_peer"))
}

#[test]
fn a_peer_from_too_far_away_is_not_listened_to() {
    in_namespace(|| {
        let lan = Lan::new();
        let (first, second) = (lan.host(1), lan.host(2));
        let better = first.vrrpd(&with_ttl(254, 2, 200, 200));
        let worse = second.vrrpd(&with_ttl(250, 1, 199, 200));
        better.until_is("VI_1", "Master");
        until("the Master is heard", || worse.router("VI_1").master.is_some());
        worse.until_is("VI_1", "Backup");
        assert!(lan.wire().adverts(1).iter().all(|advert| advert.ttl == 200));

        // Nothing is heard from the second: its 199 are less than 200.
        let nearer = with_ttl(255, 1, 199, 200);
        worse.terminate();
        let owner = second.vrrpd(&nearer);
        owner.until_is("VI_1", "Master");
        better.until_logged("ignored an advertisement from 192.0.2.2: ");
        assert!(better.is("VI_1", "Master"));
        owner.terminate();

        // With 200 it is.
        let owner = second.vrrpd(&with_ttl(255, 1, 200, 200));
        owner.until_is("VI_1", "Master");
        better.until_is("VI_1", "Backup");
    });
}
