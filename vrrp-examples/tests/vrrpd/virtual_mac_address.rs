//! `use_vmac` with a MAC address of its own, beside keepalived's.

use crate::beside::Beside;
use crate::common::{Host, Lan, in_namespace, until};
use crate::instance;

/// All six octets, and five before the virtual router id.
const WRITTEN: [&str; 2] = ["02:00:00:00:00:17", "02:00:00:00:01"];
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 0x17], [2, 0, 0, 0, 1, 2]];

fn configuration() -> String {
    instance("VI_1", 1, 255, &format!("use_vmac six {}", WRITTEN[0]))
        + &instance("VI_2", 2, 255, &format!("use_vmac five {}", WRITTEN[1]))
}

/// An interface: its MAC address, its kind, and the IPv4 addresses on it.
fn interface(host: &Host, name: &str) -> Option<[String; 3]> {
    let output = host.output(&format!("ip -json -details address show dev {name}"));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let addresses = shown[0]["addr_info"].as_array()?.iter().filter(|it| it["family"] == "inet");
    let addresses: Vec<_> = addresses.map(|it| format!("{}/{}", it["local"], it["prefixlen"])).collect();
    let (mac, kind) = (&shown[0]["address"], &shown[0]["linkinfo"]["info_kind"]);
    Some([mac.to_string(), kind.to_string(), addresses.join(" ")])
}

#[test]
fn a_mac_address_is_that_of_the_interface_of_advertisements_and_of_answers() {
    in_namespace(|| {
        let lan = Lan::new();
        let (beside, client) = (Beside::new(&lan, 1), lan.host(3));
        let (host, other) = (&beside.ours, &beside.theirs);
        let (daemon, keepalived) = beside.start(&configuration(), &[]);
        let of_both = |vrid: u8| [1, 2].map(|host| lan.wire().adverts(host).into_iter().find(|it| it.vrid == vrid));
        until("both are Master", || {
            let announced =
                |vrid| [1, 2].iter().all(|host| !lan.wire().claims(*host, &format!("192.0.2.10{vrid}")).is_empty());
            [1, 2].iter().all(|vrid| announced(*vrid) && of_both(*vrid).iter().all(Option::is_some))
        });
        for (vrid, mac, name) in [(1, MACS[0], "six"), (2, MACS[1], "five")] {
            let [ours, theirs] = of_both(vrid).map(Option::unwrap);
            assert_eq!((ours.mac, &ours.message), (mac, &theirs.message));
            assert_eq!(theirs.mac, mac);
            let address = format!("192.0.2.10{vrid}");
            for host in [1, 2] {
                until("an answer", || {
                    client.ip("neighbour flush all");
                    client.output(&format!("ping -c 1 -W 0.1 {address}"));
                    !lan.wire().answers(host, &address).is_empty()
                });
                let answers = lan.wire().answers(host, &address);
                assert!(answers.iter().all(|answer| answer.mac == mac), "host {host}: {answers:?}");
            }
            // keepalived's host asks for the client in the name of the address, with its own MAC address.
            let claims = lan.wire().claims(1, &address);
            assert!(claims.iter().all(|claim| claim.mac == mac), "{claims:?}");
            let ours = interface(host, name).unwrap();
            assert_eq!(Some(&ours), interface(other, name).as_ref());
            assert_eq!(ours[2], format!("\"{address}\"/24"));
        }
        assert!(daemon.terminate().success());
        keepalived.terminate();
        for (host, vrid) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let last = || lan.wire().adverts(host).into_iter().rfind(|advert| advert.vrid == vrid).unwrap();
            until("the release", || last().priority == 0);
            assert_eq!(last().mac, MACS[usize::from(vrid) - 1], "host {host}");
        }
        for name in ["six", "five"] {
            assert_eq!([interface(host, name), interface(other, name)], [None, None], "it goes with the daemon");
        }
    });
}
