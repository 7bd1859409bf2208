//! Pairs that are well.

use std::time::Duration;

use crate::common::{Vrrpd, until};
use crate::pair::{Pair, instance, vrrpctl};

/// Rules of a packet filter that keep no advertisement of ours away.
const HARMLESS: &str = "table inet sensible { chain output { type filter hook output priority filter; \
    oifname \"wan0\" ip protocol vrrp drop; oifname \"eth0\" ip protocol vrrp accept; ip protocol vrrp drop; }; }";

/// Two routers that agree.
pub(crate) struct Healthy {
    pub(crate) name: &'static str,
    a: String,
    b: String,
    with_keepalived: bool,
}

impl Healthy {
    /// Asks on each host where `vrrpd` runs, when one is Master and the other Backup for some intervals.
    pub(crate) fn run(&self) {
        let pair = Pair::new();
        pair.a.sh(&format!("nft '{HARMLESS}'"));
        let a = pair.a.vrrpd(&self.a);
        if self.with_keepalived {
            let _keepalived = pair.b.keepalived(&self.b);
            self.examine(&pair, &[&a]);
            return;
        }
        let b = pair.b.vrrpd(&self.b);
        self.examine(&pair, &[&a, &b]);
    }

    fn examine(&self, pair: &Pair, daemons: &[&Vrrpd]) {
        let roles = |daemon: &Vrrpd| daemon.json("VI")["state"].as_str().unwrap_or_default().to_owned();
        let first = if self.a.contains("priority 150") { "Master" } else { "Backup" };
        let heard = || first == "Master" || daemons[0].json("VI")["master"].is_object();
        until(self.name, || {
            roles(daemons[0]) == first && heard() && daemons.get(1).is_none_or(|it| roles(it) == "Backup")
        });
        // What was on its way has come.
        std::thread::sleep(Duration::from_millis(1500));
        for host in [&pair.a, &pair.b].into_iter().take(daemons.len()) {
            for words in [&["doctor"][..], &["doctor", "VI", "--probe"]] {
                let answer = vrrpctl(host, words);
                assert_eq!(
                    (answer.status, answer.ids().len()),
                    (Some(0), 0),
                    "{}: {words:?}: {:#}",
                    self.name,
                    answer.json
                );
                let sent = answer.json["sent"].as_array().map_or(0, Vec::len);
                assert_eq!(
                    sent,
                    usize::from(words.contains(&"--probe")),
                    "it says what it sent, and sends nothing unasked"
                );
            }
            let text = String::from_utf8(host.vrrpctl(&["doctor"]).stdout).unwrap();
            assert!(text.starts_with("nothing found (1 virtual router examined)\n"), "{text}");
            let is_told = text.contains(
                "note: a rule of the packet filter drops some advertisements, perhaps none of ours: oifname \"wan0\"",
            );
            assert_eq!(is_told, host.number() == 1, "{text}");
            let answer = vrrpctl(host, &["explain", "VI"]);
            assert_eq!((answer.status, answer.ids().len()), (Some(0), 0), "{}: {:#}", self.name, answer.json);
        }
    }
}

pub(crate) fn all() -> Vec<Healthy> {
    const IPV6: &str = "virtual_ipaddress {\n fe80::100/64\n 2001:db8::100/64\n}";
    const PASSWORD: &str = "version 2\nauthentication {\n auth_type PASS\n auth_pass good\n}";
    const A_UNICAST: &str = "unicast_src_ip 192.0.2.1\nunicast_peer {\n 192.0.2.2\n}";
    const B_UNICAST: &str = "unicast_src_ip 192.0.2.2\nunicast_peer {\n 192.0.2.1\n}";
    let pair = |name, interval: &str, [a, b]: [&str; 2], with_keepalived, first| Healthy {
        name,
        a: instance(first, interval, a),
        b: instance(250 - first, interval, b),
        with_keepalived,
    };
    vec![
        pair("vrrpd and vrrpd", "0.2", ["", ""], false, 150),
        pair("vrrpd and vrrpd, version 2", "1", [PASSWORD, PASSWORD], false, 150),
        pair("vrrpd and vrrpd, IPv6", "0.2", [IPV6, IPV6], false, 150),
        pair("vrrpd and vrrpd, unicast", "0.2", [A_UNICAST, B_UNICAST], false, 150),
        pair("vrrpd and vrrpd, virtual MAC address", "0.2", ["use_vmac", "use_vmac"], false, 150),
        pair("vrrpd before keepalived", "0.2", ["", ""], true, 150),
        pair("vrrpd behind keepalived", "0.2", ["", ""], true, 100),
        pair("vrrpd behind keepalived, version 2", "1", [PASSWORD, PASSWORD], true, 100),
        pair("vrrpd behind keepalived, IPv6", "0.2", [IPV6, IPV6], true, 100),
        pair("vrrpd behind keepalived, unicast", "0.2", [A_UNICAST, B_UNICAST], true, 100),
    ]
}
