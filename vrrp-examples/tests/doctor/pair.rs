//! Two hosts on a switch of their own, so that many pairs stand side by side; and what `vrrpctl` says on one of them.

use std::process::Output;

use serde_json::Value;

use crate::common::Host;

/// Host 1 and host 2 with `eth0` at 192.0.2.1 and 192.0.2.2, on a switch.
pub(crate) struct Pair {
    pub(crate) switch: Host,
    pub(crate) a: Host,
    pub(crate) b: Host,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { switch: Host::new(0), a: Host::new(1), b: Host::new(2) };
        pair.switch.ip("link add switch type bridge mcast_snooping 0");
        pair.switch.ip("link set switch up");
        for host in [&pair.a, &pair.b] {
            host.ip("link set lo up");
            host.set("ipv6/conf/default/accept_dad", "0");
            pair.plug(host, "eth0");
            host.ip(&format!("address add {}/24 dev eth0", host.address()));
            host.ip(&format!("address add 2001:db8::{}/64 dev eth0", host.number()));
        }
        pair
    }

    /// Gives a host one more network card on the switch.
    pub(crate) fn plug(&self, host: &Host, card: &str) {
        let port = format!("{card}-{}", host.number());
        host.ip(&format!("link add {card} type veth peer name {port} netns {}", self.switch.namespace()));
        self.switch.ip(&format!("link set {port} master switch up"));
        host.ip(&format!("link set {card} up"));
    }
}

/// What `vrrpctl` answers on a host.
pub(crate) struct Answer {
    pub(crate) status: Option<i32>,
    pub(crate) json: Value,
}

impl Answer {
    /// Returns what was found of one kind.
    pub(crate) fn finding(&self, id: &str) -> Option<&Value> {
        self.json["findings"].as_array()?.iter().find(|finding| finding["id"] == id)
    }

    /// The kinds of all that was found.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.json["findings"].as_array().into_iter().flatten().filter_map(|finding| finding["id"].as_str()).collect()
    }
}

/// Asks for JSON.
pub(crate) fn vrrpctl(host: &Host, words: &[&str]) -> Answer {
    let Output { status, stdout, stderr } = host.vrrpctl(&[words, &["--json"]].concat());
    let json = serde_json::from_slice(&stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&stderr)));
    Answer { status: status.code(), json }
}

/// An instance `VI` on `eth0` with virtual router id 51 and 192.0.2.100, unless `lines` say otherwise.
pub(crate) fn instance(priority: u8, interval: &str, lines: &str) -> String {
    let mut text = format!("vrrp_instance VI {{\n priority {priority}\n advert_int {interval}\n{lines}\n");
    for (word, line) in [
        ("interface", "interface eth0"),
        ("virtual_router_id", "virtual_router_id 51"),
        ("virtual_ipaddress", "virtual_ipaddress {\n 192.0.2.100/24\n}"),
        ("version", "version 3"),
    ] {
        if !lines.lines().any(|it| it.trim_start().starts_with(&format!("{word} "))) {
            text.push_str(&format!(" {line}\n"));
        }
    }
    text + "}\n"
}
