//! `vrrp_garp_interval` and `vrrp_gna_interval`: how far announcements are apart, beside keepalived's.

use std::time::{Duration, Instant};

use crate::beside::Beside;
use crate::common::{Lan, Wire, in_namespace, until};

const ADDRESSES: [&str; 3] = ["192.0.2.101", "192.0.2.102", "192.0.2.103"];
const ADDRESSES_V6: [&str; 3] = ["fe80::101", "2001:db8::102", "2001:db8::103"];
const GAP: Duration = Duration::from_millis(300);
const GAP_V6: Duration = Duration::from_millis(400);

/// An instance for each family, both on eth0.
fn configuration() -> String {
    let gaps = (GAP.as_secs_f64(), GAP_V6.as_secs_f64());
    let mut text = format!("global_defs {{\nvrrp_garp_interval {}\nvrrp_gna_interval {}\n}}\n", gaps.0, gaps.1);
    for (name, addresses, prefix) in [("VI_4", ADDRESSES, 24), ("VI_6", ADDRESSES_V6, 64)] {
        let addresses = addresses.map(|address| format!("{address}/{prefix}")).join("\n");
        text += &format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id 1\npriority 255\ngarp_master_repeat 2\n\
             garp_master_delay 0\nvirtual_ipaddress {{\n{addresses}\n}}\n}}\n"
        );
    }
    text
}

/// Returns when a host announced which of the addresses, by its place among them.
fn announced(wire: &Wire, host: u8, addresses: [&str; 3]) -> Vec<(Instant, usize)> {
    let of = |(place, address): (usize, &str)| wire.claims(host, address).into_iter().map(move |it| (it.at, place));
    let mut all: Vec<_> = addresses.into_iter().enumerate().flat_map(of).collect();
    all.sort();
    all
}

/// The places in the order in which each came first.
fn firsts(announced: &[(Instant, usize)]) -> Vec<usize> {
    let mut firsts = Vec::new();
    announced.iter().for_each(|(_, place)| {
        if !firsts.contains(place) {
            firsts.push(*place);
        }
    });
    firsts
}

#[test]
fn the_addresses_of_a_takeover_are_announced_one_after_another_each_family_on_its_own() {
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        // The kernel looks for duplicates of its own address for a second or two.
        beside.both(|host| drop(host.ip("address add fe80::99/64 dev eth0 nodad")));
        let _daemons = beside.start(&configuration(), &[]);
        let families = [(ADDRESSES, GAP), (ADDRESSES_V6, GAP_V6)];
        for (addresses, _) in families {
            until("vrrpd has announced each twice", || announced(lan.wire(), 1, addresses).len() == 6);
            until("keepalived has announced each", || firsts(&announced(lan.wire(), 2, addresses)).len() == 3);
        }
        for host in [1, 2] {
            for (addresses, gap) in families {
                let announced = announced(lan.wire(), host, addresses);
                let told = format!("host {host}: {announced:?}");
                let gaps = || announced.windows(2).map(|pair| pair[1].0 - pair[0].0);
                assert!(gaps().all(|between| between >= gap.mul_f64(0.75)), "{told}");
                assert_eq!(firsts(&announced), [0, 1, 2], "{told}");
            }
            // The first goes at once, behind the advertisement, and waits for none of the other family.
            let begun = [lan.wire().adverts(host)[0].at, lan.wire().adverts_v6(host)[0].0];
            for ((addresses, _), begun) in families.into_iter().zip(begun) {
                let first = announced(lan.wire(), host, addresses)[0].0;
                assert!(first > begun, "host {host}");
            }
            let first_v6 = announced(lan.wire(), host, ADDRESSES_V6)[0].0;
            let last_v4 = announced(lan.wire(), host, ADDRESSES).into_iter().find(|(_, place)| *place == 2).unwrap().0;
            assert!(first_v6 < last_v4, "host {host}: the families wait for each other");
        }
        // keepalived repeats the first one alone, for what waits is not repeated there.
        let order = |host| announced(lan.wire(), host, ADDRESSES).iter().map(|(_, place)| *place).collect::<Vec<_>>();
        assert_eq!(order(1), [0, 1, 2, 0, 1, 2]);
        assert_eq!(order(2), [0, 0, 1, 2]);
    });
}
