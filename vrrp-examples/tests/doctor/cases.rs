//! What is planted, and what has to be found. On host 1 runs `vrrpd`, which is asked; on host 2 the other router.

use std::time::{Duration, Instant};

use crate::common::{Host, Keepalived, Vrrpd, until};
use crate::pair::{Pair, instance, vrrpctl};

const LIMIT: Duration = Duration::from_secs(25);

/// What somebody does to the hosts.
type Doing = fn(&Pair);

/// What runs on host 2.
enum Other {
    Vrrpd(String),
    Keepalived(String),
    Nobody,
}

/// One thing that is wrong between two hosts.
pub(crate) struct Case {
    /// Its number and what it is.
    pub(crate) name: &'static str,
    /// The configuration of host 1.
    a: String,
    b: Other,
    /// What is done to the hosts before anything runs there.
    before: Doing,
    /// What is done to them when both routers run.
    after: Doing,
    /// Whether the other router is Master before this one starts.
    b_first: bool,
    /// What `vrrpd` is started by.
    wrapper: &'static [&'static str],
    /// Whether doctor must be told to probe.
    probe: bool,
    /// What has to be found first of all.
    expected: &'static str,
    /// The other host; empty where it is about this host.
    peer: &'static str,
    /// A word of the fix.
    fix: &'static str,
    /// What may be found besides, for it follows.
    also: &'static [&'static str],
    /// Whether `explain` can know it too, without listening and asking.
    explained: bool,
}

/// A case in which host 1 is told apart by its configuration only.
fn case(name: &'static str, a: String, b: Other, expected: &'static str, fix: &'static str) -> Case {
    let peer = "192.0.2.2";
    let (before, after): (Doing, Doing) = (|_| {}, |_| {});
    Case {
        name,
        a,
        b,
        before,
        after,
        b_first: false,
        wrapper: &[],
        probe: false,
        expected,
        peer,
        fix,
        also: &[],
        explained: true,
    }
}

/// Runs on a host until it is dropped.
#[expect(dead_code, reason = "they are held until the case is over")]
enum Running {
    Vrrpd(Vrrpd),
    Keepalived(Keepalived),
    Nobody,
}

impl Other {
    fn start(&self, host: &Host) -> Running {
        match self {
            Self::Vrrpd(configuration) => Running::Vrrpd(host.vrrpd(configuration)),
            Self::Keepalived(configuration) => Running::Keepalived(host.keepalived(configuration)),
            Self::Nobody => Running::Nobody,
        }
    }
}

impl Case {
    /// Plants it and asks until it is found.
    pub(crate) fn run(&self) {
        let pair = Pair::new();
        (self.before)(&pair);
        let _other = self.b.start(&pair.b);
        if self.b_first {
            until("the other one is Master", || pair.b.has("192.0.2.100"));
        }
        let vrrpd = pair.a.vrrpd_under(self.wrapper, &self.a, &[]);
        if self.b_is_nobody() || self.probe {
            vrrpd.until_is("VI", "Master");
        }
        (self.after)(&pair);
        let doctor: &[&str] = if self.probe { &["doctor", "VI", "--probe"] } else { &["doctor", "VI"] };
        self.until_named(&pair, doctor);
        if self.explained {
            self.until_named(&pair, &["explain", "VI"]);
            let text = String::from_utf8(pair.a.vrrpctl(&["explain", "VI"]).stdout).unwrap();
            assert!(text.contains(self.expected) && text.contains(self.peer) && text.contains(self.fix), "{text}");
        }
    }

    fn until_named(&self, pair: &Pair, words: &[&str]) {
        let begun = Instant::now();
        loop {
            let answer = vrrpctl(&pair.a, words);
            let wrong = match answer.finding(self.expected) {
                None => format!(
                    "not found: {}\n{}",
                    answer.json,
                    String::from_utf8_lossy(&pair.a.vrrpctl(&["explain", "VI"]).stdout)
                ),
                Some(finding) => {
                    let text = finding.to_string();
                    let peer = finding["peer"].as_str().unwrap_or_default();
                    assert!(peer == self.peer && text.contains(self.fix), "{}: {finding:#}", self.name);
                    assert!(finding["evidence"].as_array().is_some_and(|it| !it.is_empty()), "{finding:#}");
                    let strange: Vec<&str> =
                        answer.ids().into_iter().filter(|id| *id != self.expected && !self.also.contains(id)).collect();
                    // That has to be the cause, and nothing else.
                    assert!(strange.is_empty(), "{}: {strange:?} besides: {:#}", self.name, answer.json);
                    assert_eq!(answer.status, Some(i32::from(words[0] == "doctor")), "{}", self.name);
                    return;
                }
            };
            assert!(begun.elapsed() < LIMIT, "{}: {words:?}: {wrong}", self.name);
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    const fn b_is_nobody(&self) -> bool {
        matches!(self.b, Other::Nobody)
    }
}

fn nft(host: &Host, table: &str, chain: &str, rule: &str) {
    host.sh(&format!("nft add table {table} guard && nft 'add chain {table} guard c {{ {chain} }}' && nft 'add rule {table} guard c {rule}'"));
}

fn vrrpd(priority: u8, interval: &str, lines: &str) -> Other {
    Other::Vrrpd(instance(priority, interval, lines))
}

fn keepalived(priority: u8, interval: &str, lines: &str) -> Other {
    Other::Keepalived(instance(priority, interval, lines))
}

const PASSWORD: &str = "version 2\nauthentication {\n auth_type PASS\n auth_pass good\n}";
const IPV6: &str = "virtual_ipaddress {\n fe80::100/64\n 2001:db8::100/64\n}";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn all() -> Vec<Case> {
    vec![
        case(
            "1: version 2, another interval, keepalived",
            instance(150, "1", "version 2"),
            keepalived(100, "2", "version 2"),
            "interval-mismatch",
            "advert_int",
        ),
        case(
            "2: version 3, another interval",
            instance(100, "0.2", ""),
            vrrpd(150, "0.3", ""),
            "interval-mismatch",
            "advert_int",
        ),
        case(
            "3: another password, keepalived",
            instance(150, "1", PASSWORD),
            keepalived(100, "1", &PASSWORD.replace("good", "bad")),
            "password-mismatch",
            "auth_pass",
        ),
        case(
            "4: a password on one host only",
            instance(150, "1", PASSWORD),
            vrrpd(100, "1", "version 2"),
            "password-mismatch",
            "remove it here",
        ),
        case(
            "5: one address more there, keepalived",
            instance(100, "0.2", ""),
            keepalived(150, "0.2", "virtual_ipaddress {\n 192.0.2.100/24\n 192.0.2.101/24\n}"),
            "address-list-mismatch",
            "same virtual addresses",
        ),
        case(
            "6: another cluster with the same id",
            instance(100, "0.2", ""),
            vrrpd(150, "0.2", "virtual_ipaddress {\n 192.0.2.200/24\n}"),
            "vrid-clash",
            "virtual_router_id",
        ),
        case(
            "7: another version, keepalived",
            instance(150, "1", "version 2"),
            keepalived(100, "1", ""),
            "version-mismatch",
            "vrrp_version",
        ),
        case(
            "8: another form of the checksum",
            instance(100, "0.2", ""),
            vrrpd(150, "0.2", "v3_checksum_as_v2"),
            "checksum-form",
            "v3_checksum_as_v2",
        ),
        Case {
            before: |pair| {
                nft(&pair.b, "ip", "type filter hook postrouting priority mangle;", "ip protocol vrrp @th,16,8 set 99");
            },
            ..case(
                "28: a device in between changes packets, keepalived",
                instance(100, "0.2", ""),
                keepalived(150, "0.2", ""),
                "checksum-wrong",
                "NAT",
            )
        },
        Case {
            before: |pair| {
                nft(&pair.b, "ip", "type filter hook postrouting priority mangle;", "ip protocol vrrp ip ttl set 64");
            },
            ..case(
                "9: something lowers the TTL",
                instance(100, "0.2", ""),
                vrrpd(150, "0.2", ""),
                "ttl-too-low",
                "lowers the TTL",
            )
        },
        Case {
            b_first: true,
            ..case("10: two owners", instance(255, "0.2", ""), vrrpd(255, "0.2", ""), "two-owners", "254 or less")
        },
        Case {
            b_first: true,
            ..case(
                "11: equal priorities, keepalived",
                instance(100, "0.2", ""),
                keepalived(100, "0.2", ""),
                "equal-priorities",
                "different priorities",
            )
        },
        case(
            "12: the peer is not in unicast_peer, keepalived",
            instance(150, "0.2", "unicast_peer {\n 192.0.2.3\n}"),
            keepalived(100, "0.2", "unicast_src_ip 192.0.2.2\nunicast_peer {\n 192.0.2.1\n}"),
            "unicast-peer-missing",
            "Add 192.0.2.2 to unicast_peer",
        )
        .and(&["unicast-peer-unreachable"]),
        case(
            "13: unicast there, multicast here, keepalived",
            instance(150, "0.2", ""),
            keepalived(100, "0.2", "unicast_src_ip 192.0.2.2\nunicast_peer {\n 192.0.2.1\n}"),
            "unicast-one-sided",
            "on both hosts, or on none",
        ),
        Case {
            explained: false,
            ..case(
                "14: unicast here, multicast there",
                instance(150, "0.2", "unicast_peer {\n 192.0.2.2\n}"),
                vrrpd(100, "0.2", ""),
                "unicast-one-sided",
                "on both hosts, or on none",
            )
        },
        case(
            "15: another id for the same addresses, keepalived",
            instance(150, "0.2", ""),
            keepalived(100, "0.2", "virtual_router_id 52"),
            "foreign-vrid",
            "same virtual_router_id",
        ),
        Case {
            peer: "2001:db8::2",
            ..case(
                "16: IPv6 from a global address",
                instance(100, "0.2", IPV6),
                vrrpd(150, "0.2", &format!("mcast_src_ip 2001:db8::2\n{IPV6}")),
                "ipv6-source",
                "mcast_src_ip",
            )
        },
        Case {
            before: |pair| {
                pair.a.add_eth1();
                pair.a.ip("address add 192.0.2.100/32 dev eth1");
            },
            peer: "",
            ..case(
                "17: the address is on another interface of this host",
                instance(100, "0.2", ""),
                vrrpd(150, "0.2", ""),
                "address-not-expected-here",
                "dev eth1",
            )
        },
        Case {
            after: |pair| {
                pair.b.ip("address add 192.0.2.101/24 dev eth0");
                assert!(pair.a.reaches("192.0.2.2"));
            },
            probe: true,
            explained: false,
            ..case(
                "18: the other host has one of the addresses, keepalived",
                instance(150, "0.2", "virtual_ipaddress {\n 192.0.2.100/24\n 192.0.2.101/24\n}"),
                keepalived(100, "0.2", "virtual_ipaddress {\n 192.0.2.100/24\n 192.0.2.101/24\n}"),
                "duplicate-address",
                "remove 192.0.2.101",
            )
        },
        Case {
            before: |pair| {
                for port in ["eth0-1", "eth0-2"] {
                    pair.switch.ip(&format!("link set {port} type bridge_slave mcast_flood off"));
                }
            },
            after: |pair| {
                assert!(pair.a.reaches("192.0.2.2"));
                until("the other one is Master too", || pair.b.has("192.0.2.100"));
            },
            probe: true,
            explained: false,
            ..case(
                "19: the switch passes no multicast, keepalived",
                instance(150, "0.2", ""),
                keepalived(100, "0.2", ""),
                "no-advertisement-heard",
                "IGMP snooping",
            )
        },
        Case {
            before: |pair| {
                nft(&pair.b, "ip", "type filter hook input priority filter;", "ip protocol vrrp drop");
            },
            ..case(
                "20: the other host's firewall, keepalived",
                instance(150, "0.2", ""),
                keepalived(100, "0.2", ""),
                "peer-does-not-yield",
                "firewall",
            )
        },
        Case {
            before: |pair| {
                nft(&pair.a, "ip", "type filter hook output priority filter;", "ip protocol vrrp drop");
            },
            peer: "",
            also: &["firewall-drops-vrrp", "peer-does-not-yield"],
            ..case(
                "21: this host's firewall stops what goes out",
                instance(150, "0.2", ""),
                vrrpd(100, "0.2", ""),
                "cannot-send",
                "let protocol 112 out",
            )
        },
        Case {
            before: |pair| {
                nft(
                    &pair.a,
                    "netdev",
                    "type filter hook ingress device eth0 priority filter;",
                    "ip protocol vrrp drop",
                );
            },
            peer: "",
            ..case(
                "22: this host's firewall stops what comes in",
                instance(100, "0.2", ""),
                vrrpd(150, "0.2", ""),
                "firewall-drops-vrrp",
                "netdev guard",
            )
        },
        Case {
            before: |pair| {
                pair.a.ip("link set eth0 name eth9");
                pair.a.ip("link add eth0 type veth peer name nowhere");
                for card in ["eth0", "nowhere", "eth9"] {
                    pair.a.ip(&format!("link set {card} up"));
                }
                pair.a.ip("address add 198.51.100.1/24 dev eth0");
            },
            explained: false,
            ..case(
                "23: the router runs on the wrong interface",
                instance(100, "0.2", ""),
                vrrpd(150, "0.2", ""),
                "wrong-interface",
                "to eth9",
            )
        },
        Case {
            peer: "192.0.2.9",
            ..case(
                "24: a unicast peer that is not there",
                instance(150, "0.2", "unicast_peer {\n 192.0.2.9\n}"),
                Other::Nobody,
                "unicast-peer-unreachable",
                "arping",
            )
        },
        Case {
            after: |pair| {
                for interface in ["all", "eth0"] {
                    pair.a.set(&format!("ipv4/conf/{interface}/promote_secondaries"), "0");
                }
            },
            peer: "",
            ..case(
                "25: promote_secondaries is off",
                instance(150, "0.2", ""),
                Other::Nobody,
                "promote-secondaries-off",
                "sysctl -w net.ipv4.conf.eth0.promote_secondaries=1",
            )
        },
        Case {
            after: |pair| pair.a.set("ipv4/conf/vrrp.51/rp_filter", "1"),
            peer: "",
            ..case(
                "26: rp_filter is strict on the virtual MAC address",
                instance(150, "0.2", "use_vmac"),
                Other::Nobody,
                "rp-filter-strict",
                "rp_filter=2",
            )
        },
        Case {
            wrapper: &["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice", "--ambient-caps=-sys_nice"],
            peer: "",
            ..case(
                "29: a capability is missing",
                format!("global_defs {{\n vrrp_rt_priority 50\n}}\n{}", instance(150, "0.2", "")),
                vrrpd(100, "0.2", ""),
                "capability-missing",
                "CAP_SYS_NICE",
            )
        },
        Case {
            before: |pair| {
                pair.a.ip("link set eth0 down");
            },
            peer: "",
            ..case(
                "27: the interface is down",
                instance(150, "0.2", ""),
                vrrpd(100, "0.2", ""),
                "at-fault",
                "link set dev eth0 up",
            )
        },
    ]
}

impl Case {
    fn and(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}
