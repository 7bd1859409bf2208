//! `no_track` and `noprefixroute` of addresses, beside keepalived's.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::beside::Beside;
use crate::common::{Host, Lan, in_namespace, throughout, until};
use crate::instance;

fn configuration() -> String {
    let excluded = |lines: &str| format!("virtual_ipaddress_excluded {{\n{lines}\n}}");
    let untracked = "203.0.113.2/26 dev eth1 no_track noprefixroute\n2001:db8:2::2/64 dev eth1 no_track noprefixroute";
    instance("tracked", 1, 255, &excluded("203.0.113.65/26 dev eth1\n2001:db8:1::1/64 dev eth1"))
        + &instance("untracked", 2, 255, &excluded(untracked)).replace("192.0.2.102/24", "192.0.2.102/24 no_track")
}

fn json(host: &Host, arguments: &str) -> Vec<Value> {
    serde_json::from_str(&host.ip(&format!("-json {arguments}"))).unwrap()
}

/// The virtual addresses of eth1 in their order, and whether each is without a route for its prefix.
fn addresses(host: &Host) -> Vec<(String, bool)> {
    let shown = json(host, "address show dev eth1 scope global");
    let infos = shown.iter().filter_map(|it| it["addr_info"].as_array()).flatten();
    let read =
        |it: &Value| Some((format!("{}/{}", it["local"].as_str()?, it["prefixlen"]), it["noprefixroute"] == true));
    let mut all: Vec<_> = infos.filter_map(read).collect();
    all.sort();
    all
}

/// Returns what goes to eth1.
fn routes(host: &Host) -> Vec<String> {
    let shown = ["", "-6 "].map(|family| json(host, &format!("{family}route show dev eth1")));
    let destinations = shown.concat().into_iter().map(|route| route["dst"].as_str().unwrap().to_owned());
    destinations.filter(|destination| !destination.starts_with("fe80")).collect()
}

#[test]
fn an_address_has_no_route_for_its_prefix_and_its_interface_may_fail() {
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let hosts @ [host, other] = [&beside.ours, &beside.theirs];
        beside.both(Host::add_eth1);
        let _daemons = beside.start(&configuration(), &[]);
        let expected = [
            ("2001:db8:1::1/64", false),
            ("2001:db8:2::2/64", true),
            ("203.0.113.2/26", true),
            ("203.0.113.65/26", false),
        ];
        let expected = expected.map(|(address, flag)| (address.to_owned(), flag));
        for host in hosts {
            until("the addresses are there", || addresses(host) == expected);
            until("only their routes are there", || routes(host) == ["203.0.113.64/26", "2001:db8:1::/64"]);
        }

        let advertises = |host: &Host, vrid: u8, since: Instant| {
            lan.wire().adverts(host.number()).iter().any(|it| it.vrid == vrid && it.priority > 0 && it.at > since)
        };
        // vrrpd puts it back, keepalived does not; both stay Master.
        hosts.iter().for_each(|host| drop(host.ip("address del 192.0.2.102/24 dev eth0")));
        let deleted = Instant::now();
        until("it is put back", || host.has("192.0.2.102"));
        hosts.iter().for_each(|host| until("it advertises", || advertises(host, 2, deleted)));
        assert!(!other.has("192.0.2.102"));

        let begun = Instant::now();
        hosts.iter().for_each(|host| drop(host.ip("link set nowhere down")));
        for host in hosts {
            until("what is tracked is gone", || !host.has("203.0.113.65") && !host.has("192.0.2.101"));
        }
        let failed = Instant::now();
        throughout(Duration::from_millis(1_200), "what is not tracked stays", || {
            hosts.iter().all(|it| it.has("203.0.113.2"))
        });
        for host in hosts {
            until("the other advertises", || advertises(host, 2, failed));
            assert!(!advertises(host, 1, failed), "host {}", host.number());
            let last = lan.wire().adverts(host.number()).into_iter().rfind(|it| it.vrid == 1 && it.at > begun);
            assert_eq!(last.map(|it| it.priority), Some(0), "host {}", host.number());
        }
    });
}
