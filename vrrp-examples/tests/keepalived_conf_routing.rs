//! `virtual_routes` and `virtual_rules` of keepalived.conf.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use vrrp_core::Family;
use vrrp_examples::vrrpd::config::{Instance, Mark, Prefix, Route, RouteKind, Rule};
use vrrp_examples::vrrpd::keepalived::parse_str;

fn instance(lines: &str) -> (Instance, usize) {
    let text = format!(
        "vrrp_instance a {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 }}\n{lines}\n}}\n"
    );
    let mut loaded = parse_str("t", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    (loaded.daemon.instances.remove(0), loaded.notices.len())
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
}

fn route(destination: &str) -> Route {
    Route {
        kind: RouteKind::Unicast,
        destination: prefix(destination),
        via: None,
        device: None,
        source: None,
        table: Route::MAIN,
        metric: None,
        scope: None,
        onlink: false,
        mtu: None,
    }
}

#[test]
fn routes_are_read_as_ip_route_reads_them() {
    let (via, device) = (Some("192.0.2.254".parse().unwrap()), Some("eth0".to_owned()));
    let device = || device.clone();
    for (line, expected) in [
        ("198.51.100.0/24 via 192.0.2.254", Route { via, ..route("198.51.100.0/24") }),
        ("198.51.100.0/24 gw 192.0.2.254", Route { via, ..route("198.51.100.0/24") }),
        ("198.51.100.1 via inet 192.0.2.254", Route { via, ..route("198.51.100.1/32") }),
        ("default dev eth0", Route { device: device(), ..route("0.0.0.0/0") }),
        ("inet6 default dev eth0", Route { device: device(), ..route("::/0") }),
        ("default via 192.0.2.254", Route { via, ..route("0.0.0.0/0") }),
        ("0.0.0.0/0 gw 192.0.2.254 table 100", Route { via, table: 100, ..route("0.0.0.0/0") }),
        (
            "src 192.0.2.1 to 198.51.100.0/24 via 192.0.2.254 dev eth0 metric 5 scope link onlink mtu 1400",
            Route {
                via,
                device: device(),
                source: Some("192.0.2.1".parse().unwrap()),
                metric: Some(5),
                scope: Some(253),
                onlink: true,
                mtu: Some(1400),
                ..route("198.51.100.0/24")
            },
        ),
        ("blackhole 198.51.100.0/24", Route { kind: RouteKind::Blackhole, ..route("198.51.100.0/24") }),
        ("unreachable default", Route { kind: RouteKind::Unreachable, ..route("0.0.0.0/0") }),
        ("prohibit 2001:db8::/32", Route { kind: RouteKind::Prohibit, ..route("2001:db8::/32") }),
        ("throw 198.51.100.0/24 table local", Route { kind: RouteKind::Throw, table: 255, ..route("198.51.100.0/24") }),
        ("2001:db8::/32 dev eth0 table default", Route { device: device(), table: 253, ..route("2001:db8::/32") }),
    ] {
        let (instance, notices) = instance(&format!("virtual_routes {{\n{line}\n}}"));
        assert_eq!((instance.routes, notices), (vec![expected], 0), "{line}");
    }
    let (instance, notices) = instance("virtual_routes {\n198.51.100.0/24 dev eth0 protocol static\n}");
    assert_eq!((instance.routes.len(), notices), (1, 1));
}

#[test]
fn the_interface_of_a_route_is_tracked_as_that_of_an_address_is() {
    let routes = "virtual_routes {\n198.51.100.0/24 dev eth1\n203.0.113.0/24 dev eth2 no_track\ndefault dev eth0\n}";
    let (instance, notices) = instance(&format!("{routes}\ntrack_interface {{\neth2 weight 5\n}}"));
    let names: Vec<&str> = instance.track_interfaces.iter().map(|track| track.name.as_str()).collect();
    assert_eq!((names, notices), (vec!["eth2", "eth1"], 0));
}

#[test]
fn rules_are_read_as_ip_rule_reads_them() {
    let plain = Rule {
        family: Family::Ipv4,
        invert: false,
        from: None,
        to: None,
        input: None,
        output: None,
        mark: None,
        priority: 5,
        table: 100,
    };
    let mark = |value, mask| Some(Mark { value, mask });
    for (line, expected) in [
        ("priority 5 table 100", plain.clone()),
        ("preference 5 lookup 100", plain.clone()),
        (
            "from 192.0.2.1 priority 5 table main",
            Rule { from: Some(prefix("192.0.2.1/32")), table: 254, ..plain.clone() },
        ),
        (
            "not from 192.0.2.0/24 to 198.51.100.0/24 order 5 table 100 no_track",
            Rule {
                invert: true,
                from: Some(prefix("192.0.2.0/24")),
                to: Some(prefix("198.51.100.0/24")),
                ..plain.clone()
            },
        ),
        (
            "iif eth0 oif eth1 fwmark 0x10/0xf0 priority 5 table 100",
            Rule {
                input: Some("eth0".to_owned()),
                output: Some("eth1".to_owned()),
                mark: mark(16, Some(0xf0)),
                ..plain.clone()
            },
        ),
        ("fwmark 7 priority 5 table 100", Rule { mark: mark(7, None), ..plain.clone() }),
        (
            "from all to 2001:db8::/32 priority 5 table 100",
            Rule {
                family: Family::Ipv6,
                from: Some(prefix("::/0")),
                to: Some(prefix("2001:db8::/32")),
                ..plain.clone()
            },
        ),
    ] {
        let (instance, notices) = instance(&format!("virtual_rules {{\n{line}\n}}"));
        assert_eq!((instance.rules, notices), (vec![expected], 0), "{line}");
    }
}

#[test]
fn rules_without_a_priority_get_keepaliveds_downwards_for_each_family() {
    let lines = "to 198.51.100.0/24 table 1\nto 2001:db8::/32 table 1\npriority 7 table 1\nto 203.0.113.0/24 table 1";
    let (instance, notices) = instance(&format!("virtual_rules {{\n{lines}\n}}"));
    let priorities: Vec<u32> = instance.rules.iter().map(|rule| rule.priority).collect();
    assert_eq!((priorities, notices), (vec![16384, 16384, 7, 16383], 3));
}
