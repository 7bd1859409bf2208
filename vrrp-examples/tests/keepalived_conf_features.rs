//! Keywords that few files have: what each means, and what is wrong about it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use vrrp_core::Family;
use vrrp_examples::vrrpd::config::{Daemon, Instance, InterfaceDelay};
use vrrp_examples::vrrpd::keepalived::{Loaded, parse_str, print};

fn loaded(text: &str) -> Loaded {
    parse_str("t", text).unwrap_or_else(|why| panic!("{text}\n{why}"))
}

/// What a text means, which printed means the same.
fn daemon(text: &str) -> Daemon {
    let daemon = loaded(text).daemon;
    let printed = print(&daemon);
    assert_eq!(loaded(&printed).daemon, daemon, "{printed}");
    daemon
}

fn instance(more: &str) -> String {
    format!("vrrp_instance a {{\ninterface eth0\nvirtual_router_id 7\n{more}\n}}\n")
}

fn only(text: &str) -> Instance {
    let mut instances = daemon(text).instances;
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

fn notices(text: &str) -> Vec<String> {
    loaded(text).notices.into_iter().map(|notice| notice.message).collect()
}

#[test]
fn an_instance_may_have_no_address_and_speaks_the_family_of_its_peers() {
    let none = "`a` has no virtual address: it is elected, and advertises none";
    for (text, family, told) in [
        ("", Family::Ipv4, true),
        ("virtual_ipaddress {\n}", Family::Ipv4, true),
        ("no_virtual_ipaddress", Family::Ipv4, false),
        ("native_ipv6", Family::Ipv6, true),
        ("no_virtual_ipaddress\nvirtual_ipaddress_excluded { 2001:db8::1 }", Family::Ipv4, false),
        ("unicast_src_ip 2001:db8::1\nunicast_peer { 2001:db8::2 }", Family::Ipv6, true),
        ("unicast_peer { 2001:db8::2 }", Family::Ipv6, true),
        ("unicast_peer { 192.0.2.2 }", Family::Ipv4, true),
    ] {
        let text = instance(text);
        let router = only(&text);
        assert_eq!((router.family, router.addresses.len()), (family, 0), "{text}");
        assert_eq!(notices(&text).contains(&none.to_owned()), told, "{text}");
    }
    let both = parse_str("t", &instance("native_ipv6\nunicast_peer { 192.0.2.2 }")).unwrap_err().to_string();
    assert!(both.contains("the peer 192.0.2.2 of a router for IPv6"), "{both}");
    let strict = parse_str("t", &instance("strict_mode")).unwrap_err().to_string();
    assert!(strict.contains("strict mode does not go with an instance without addresses"), "{strict}");
}

#[test]
fn an_address_may_leave_its_interface_untracked() {
    let tracked = |text: &str| {
        let names = only(&instance(text)).track_interfaces.into_iter().map(|track| track.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(tracked("virtual_ipaddress { 192.0.2.1/24 dev eth1 }"), ["eth1"]);
    assert_eq!(tracked("virtual_ipaddress { 192.0.2.1/24 dev eth1 no_track }"), [""; 0]);
    assert_eq!(tracked("virtual_ipaddress { 192.0.2.1 no_track dev eth1\n192.0.2.2 dev eth1 }"), ["eth1"]);
    assert_eq!(
        tracked("virtual_ipaddress_excluded { fe80::1/64 dev eth1 no_track }\ntrack_interface { eth1 weight 5 }"),
        ["eth1"]
    );
    let text = instance("virtual_ipaddress {\n192.0.2.1 no_track\n192.0.2.2 no_track\n}");
    assert_eq!(
        notices(&text),
        ["`no_track`: the interface is not tracked; the address is put back all the same if somebody removes it"]
    );
}

#[test]
fn the_own_interface_may_be_down() {
    assert!(only(&instance("virtual_ipaddress { 192.0.2.1 }")).track_own_interface);
    assert!(!only(&instance("dont_track_primary\nvirtual_ipaddress { 192.0.2.1 }")).track_own_interface);
}

#[test]
fn a_virtual_mac_address_may_be_any_and_ends_with_the_virtual_router_id_if_nothing_is_said() {
    let address = |words: &str| {
        let router = only(&instance(&format!("use_vmac {words}\nvirtual_ipaddress {{ 192.0.2.1 }}")));
        let mac = router.virtual_mac.unwrap();
        (mac.interface, mac.address)
    };
    let name = || "vrrp.7".to_owned();
    assert_eq!(address(""), (name(), None));
    assert_eq!(address("02:00:5E:00:01:2"), (name(), Some([2, 0, 0x5e, 0, 1, 2])));
    assert_eq!(address("02:00:5E:00:01"), (name(), Some([2, 0, 0x5e, 0, 1, 7])));
    assert_eq!(address("v0 02:00:5E:00:01:2"), ("v0".to_owned(), Some([2, 0, 0x5e, 0, 1, 2])));
}

#[test]
fn pauses_and_delays_are_read() {
    let text = "global_defs {\nvrrp_startup_delay 5.5\nvrrp_garp_interval 0.001\nvrrp_gna_interval 0.000001\n}\n\
        interface_up_down_delays {\neth0 1.5\neth1 0 2\n}\n"
        .to_owned()
        + &instance("virtual_ipaddress { 192.0.2.1 }")
        + &instance("virtual_ipaddress { fe80::1 }").replace(" a {", " b {");
    let daemon = daemon(&text);
    assert_eq!(daemon.startup_delay, Duration::from_millis(5500));
    let gaps: Vec<Duration> = daemon.instances.iter().map(|instance| instance.announce.gap).collect();
    assert_eq!(gaps, [Duration::from_millis(1), Duration::from_micros(1)]);
    let delay = |interface: &str, up, down| InterfaceDelay {
        interface: interface.to_owned(),
        up: Duration::from_millis(up),
        down: Duration::from_millis(down),
    };
    assert_eq!(daemon.interface_delays, [delay("eth0", 1500, 1500), delay("eth1", 2000, 0)]);
}
