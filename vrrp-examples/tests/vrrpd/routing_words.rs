//! What the words of `virtual_routes` and `virtual_rules` make of the kernel's tables, beside keepalived.

use serde_json::Value;

use crate::beside::Beside;
use crate::common::{Host, Lan, in_namespace, until};
use crate::instance;

const ROUTES: [&str; 13] = [
    "198.51.100.0/24 via 192.0.2.254",
    "src 192.0.2.101 to 198.51.101.0/24 via inet 192.0.2.254 dev eth0 metric 5 scope global mtu 1400",
    "198.51.102.1 dev eth0 scope link no_track",
    "198.51.103.0/24 gw 203.0.113.9 dev eth0 onlink",
    "unicast 198.51.104.0/24 oif eth0 table 100",
    "default via 192.0.2.254 dev eth0 table 100",
    "0.0.0.0/0 gw 192.0.2.254 table 0x65 preference 7",
    "blackhole 198.51.105.0/24",
    "unreachable 198.51.106.0/24 metric 9",
    "prohibit 198.51.107.0/24 table 100",
    "throw 198.51.108.0/24 table 100",
    "2001:db8:1::/48 dev eth0 metric 5 mtu 1300",
    "blackhole 2001:db8:2::/48 table 100",
];

const RULES: [&str; 9] = [
    "from 192.0.2.101 priority 500 table 100",
    "from 192.0.2.101/32 to 198.51.100.0/24 preference 501 lookup 100",
    "not from 192.0.2.0/24 order 502 table main",
    "to 198.51.100.0/24 iif eth0 fwmark 0x10/0xf0 priority 503 table 100",
    "dev eth0 oif eth0 fwmark 7 priority 504 table 0x65",
    "from all priority 505 table default no_track",
    "from 2001:db8::/32 priority 506 table 100",
    "iif eth0 priority 507 table 100 inet6",
    "from 192.0.2.101 table 101",
];

/// Returns what the kernel's tables have that the kernel has not put there, without who has.
fn tables(host: &Host) -> Vec<String> {
    let mut lines = Vec::new();
    for list in ["-4 route show table all", "-6 route show table all", "-4 rule show", "-6 rule show"] {
        let entries: Value = serde_json::from_str(&host.ip(&format!("-json -details {list}"))).unwrap();
        for entry in entries.as_array().unwrap() {
            let mut entry = entry.as_object().unwrap().clone();
            if entry.remove("protocol").is_some_and(|protocol| protocol != "kernel") {
                lines.push(format!("{list}: {}", Value::from(entry)));
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn each_word_makes_the_route_or_rule_that_keepalived_makes_of_it() {
    let block = |name: &str, lines: &[&str]| format!("{name} {{\n{}\n}}\n", lines.join("\n"));
    let more = format!("{}{}", block("virtual_routes", &ROUTES), block("virtual_rules", &RULES));
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        let (daemon, keepalived) = beside.start(&instance("VI_1", 1, 255, &more), &[]);
        beside.until_both_say(1, 255);
        beside.both(|host| until("all are there", || tables(host).len() == ROUTES.len() + RULES.len()));
        let (ours, theirs) = (tables(&beside.ours), tables(&beside.theirs));
        let mut different = ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs);
        // On the link, and without a word about its scope.
        let (here, there) = different.next().unwrap();
        assert!(here.contains("198.51.104.0/24"), "{here}");
        assert_eq!(&here.replace("link", "global"), there);
        assert_eq!(different.next(), None);
        assert!(daemon.terminate().success());
        keepalived.terminate();
        beside.both(|host| assert_eq!(tables(host), [""; 0]));
    });
}
