//! The keywords of keepalived.conf that choose version and variant of the protocol, and those of sync groups.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::{Profile, Weight};
use vrrp_examples::vrrpd::config::{Daemon, Instance, Notify, Peer, Protocol, SyncGroup, Track, Unicast, VirtualMac};
use vrrp_examples::vrrpd::keepalived::{Loaded, parse_str};
use vrrp_io_linux::Scheduling;

fn load(text: &str) -> Loaded {
    parse_str("t", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// An instance with more lines, and lines for all instances.
fn text(globals: &str, lines: &str, address: &str) -> String {
    format!(
        "global_defs {{\n{globals}\n}}\nvrrp_instance a {{\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {{\n{address}\n}}\n{lines}\n}}\n"
    )
}

/// The instance, and how many notices it is worth.
fn one(globals: &str, lines: &str, address: &str) -> (Instance, usize) {
    let mut loaded = load(&text(globals, lines, address));
    (loaded.daemon.instances.remove(0), loaded.notices.len())
}

const V4: &str = "192.0.2.1";
const V6: &str = "fe80::1";

/// What keepalived does where nothing is said.
const PLAIN: Protocol = Protocol {
    profile: Profile::Rfc2338,
    accept: true,
    answer_lower: true,
    yield_advertisement: true,
    owner_listens: true,
    strict_list: false,
    pseudo_header: true,
};
const V3: Protocol = Protocol { profile: Profile::Rfc9568, ..PLAIN };
const STRICT: Protocol = Protocol {
    profile: Profile::Rfc3768,
    accept: false,
    answer_lower: false,
    yield_advertisement: false,
    strict_list: true,
    ..PLAIN
};
const STRICT_V3: Protocol = Protocol { profile: Profile::Rfc9568Errata, ..STRICT };
const STRICT_OWNER: Protocol = Protocol { accept: true, owner_listens: false, ..STRICT };

#[test]
fn the_process_is_scheduled_as_keepalived_s_vrrp_process_would_be() {
    let scheduling = |globals: &str| {
        let loaded = load(&text(globals, "", V4));
        (loaded.daemon.scheduling, loaded.notices.len())
    };
    assert_eq!(scheduling(""), (Scheduling::new(), 0));
    let globals = "vrrp_rt_priority 50\nvrrp_rlimit_rttime 300000\nvrrp_priority -5\nvrrp_no_swap";
    let expected = Scheduling::new()
        .with_real_time(50)
        .with_real_time_limit(Duration::from_millis(300))
        .with_nice(-5)
        .with_locked_memory(true);
    assert_eq!(scheduling(globals), (expected, 0));
    let short = Scheduling::new().with_real_time_limit(Duration::from_millis(10));
    assert_eq!(scheduling("vrrp_rlimit_rttime 10000"), (short, 1), "it is told that this is too short");
}

#[test]
fn each_switch_means_what_it_means_to_keepalived() {
    for (globals, lines, address, expected, notices) in [
        ("", "", V4, PLAIN, 0),
        ("", "", V6, V3, 0),
        ("", "version 2", V4, PLAIN, 0),
        ("", "version 3", V4, V3, 0),
        ("", "version 3", V6, V3, 0),
        ("", "native_ipv6", V6, V3, 0),
        ("", "", "2001:db8::1", V3, 1),
        ("vrrp_version 3", "", V4, V3, 0),
        ("vrrp_version 3", "version 2", V4, PLAIN, 0),
        ("vrrp_version 2", "", V6, V3, 0),
        ("", "accept", V4, PLAIN, 0),
        ("", "no_accept", V4, Protocol { accept: false, ..PLAIN }, 0),
        ("", "no_accept\npriority 255", V4, PLAIN, 1),
        ("", "lower_prio_no_advert", V4, Protocol { answer_lower: false, ..PLAIN }, 0),
        ("vrrp_lower_prio_no_advert yes", "", V4, Protocol { answer_lower: false, ..PLAIN }, 0),
        ("vrrp_lower_prio_no_advert", "lower_prio_no_advert off", V4, PLAIN, 0),
        ("", "higher_prio_send_advert", V4, PLAIN, 0),
        ("", "higher_prio_send_advert no", V4, Protocol { yield_advertisement: false, ..PLAIN }, 0),
        ("vrrp_higher_prio_send_advert false", "", V4, Protocol { yield_advertisement: false, ..PLAIN }, 0),
        ("", "owner_ignore_adverts\npriority 255", V4, Protocol { owner_listens: false, ..PLAIN }, 0),
        ("", "owner_ignore_adverts", V4, PLAIN, 1),
        ("vrrp_owner_ignore_adverts on", "", V4, PLAIN, 0),
        ("vrrp_owner_ignore_adverts on", "priority 255", V4, Protocol { owner_listens: false, ..PLAIN }, 0),
        ("vrrp_owner_ignore_adverts", "priority 255\nowner_ignore_adverts off", V4, PLAIN, 0),
        ("", "skip_check_adv_addr", V4, PLAIN, 1),
        ("vrrp_skip_check_adv_addr true", "skip_check_adv_addr off", V4, PLAIN, 0),
        ("", "v3_checksum_as_v2\nversion 3", V4, Protocol { pseudo_header: false, ..V3 }, 0),
        ("v3_checksum_as_v2", "version 3", V4, Protocol { pseudo_header: false, ..V3 }, 0),
        ("v3_checksum_as_v2", "v3_checksum_as_v2 off\nversion 3", V4, V3, 0),
        ("", "v3_checksum_as_v2 on", V6, Protocol { pseudo_header: false, ..V3 }, 1),
        // Strict mode.
        ("", "strict_mode", V4, STRICT, 0),
        ("vrrp_strict", "", V4, STRICT, 0),
        ("vrrp_strict yes", "strict_mode off", V4, PLAIN, 0),
        ("vrrp_strict no", "strict_mode on", V4, STRICT, 0),
        ("", "strict_mode", V6, STRICT_V3, 0),
        ("", "strict_mode\nversion 3\naccept", V4, Protocol { accept: true, ..STRICT_V3 }, 0),
        ("", "strict_mode\npriority 255", V4, STRICT_OWNER, 0),
        ("", "strict_mode\nstate MASTER\naccept", V4, STRICT_OWNER, 0),
        ("", "strict_mode\nskip_check_adv_addr", V4, Protocol { strict_list: false, ..STRICT }, 0),
        // What strict mode decides, nothing global changes.
        ("vrrp_strict\nvrrp_lower_prio_no_advert off\nvrrp_higher_prio_send_advert", "", V4, STRICT, 0),
        ("vrrp_strict\nvrrp_owner_ignore_adverts off", "priority 255", V4, STRICT_OWNER, 0),
    ] {
        let (instance, noticed) = one(globals, lines, address);
        assert_eq!((instance.protocol, noticed), (expected, notices), "{globals} / {lines} / {address}");
    }
}

#[test]
fn strict_mode_announces_nothing_again() {
    let (instance, _) = one("vrrp_garp_lower_prio_repeat 3", "strict_mode", V4);
    assert_eq!((instance.announce.repeat, instance.announce.lower_prio_repeat), (5, 0));
    assert_eq!(instance.announce.lower_prio_delay, None);
}

#[test]
fn intervals_are_rounded_to_what_the_version_carries() {
    for (lines, centis, notices) in [
        ("advert_int 1", 100, 0),
        ("advert_int 0.01", 100, 1),
        ("advert_int 1.5", 200, 1),
        ("advert_int 1.4999", 100, 1),
        ("advert_int 255", 25_500, 0),
        ("version 3\nadvert_int 0.01", 1, 0),
        ("version 3\nadvert_int 0.1", 10, 0),
        ("version 3\nadvert_int 0.014", 1, 1),
        ("version 3\nadvert_int 0.015", 2, 1),
        ("version 3\nadvert_int 40.95", 4095, 0),
        ("version 3\nadvert_int 40.954", 4095, 1),
    ] {
        let (instance, noticed) = one("", lines, V4);
        assert_eq!((instance.interval.centis(), noticed), (centis, notices), "{lines}");
    }
}

#[test]
fn addresses_of_either_family_and_excluded_ones_of_both() {
    let (instance, notices) = one(
        "",
        "virtual_ipaddress_excluded {\n192.0.2.9/24 label eth0:9\n2001:db8::9/64\n}",
        "fe80::1/64 dev eth1 scope link\n2001:db8::1/128",
    );
    let shown: Vec<String> = instance.addresses.iter().chain(&instance.excluded).map(ToString::to_string).collect();
    assert_eq!(shown, ["fe80::1/64", "2001:db8::1/128", "192.0.2.9/24", "2001:db8::9/64"]);
    assert_eq!(instance.addresses[0].device.as_deref(), Some("eth1"));
    assert_eq!(notices, 0);
}

#[test]
fn one_id_serves_two_families_on_one_interface() {
    let router = |name: &str, address: &str| {
        format!("vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress {{ {address} }}\n}}\n")
    };
    assert_eq!(load(&(router("a", V4) + &router("b", V6))).daemon.instances.len(), 2);
}

#[test]
fn sources_and_peers() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let peer = |text, min_ttl| Peer { address: address(text), min_ttl };
    let unicast = |peers, ttl| Some(Unicast { peers, ttl });
    for (lines, virtual_address, source, expected, notices) in [
        ("mcast_src_ip 192.0.2.9", V4, Some("192.0.2.9"), None, 0),
        ("mcast_src_ip fe80::9", V6, Some("fe80::9"), None, 0),
        ("unicast_src_ip 192.0.2.9", V4, Some("192.0.2.9"), None, 1),
        (
            "mcast_src_ip 192.0.2.9\nunicast_src_ip 192.0.2.9\nunicast_peer {\n192.0.2.8\n}",
            V4,
            Some("192.0.2.9"),
            unicast(vec![peer("192.0.2.8", 0)], 255),
            0,
        ),
        (
            "unicast_ttl 10\nunicast_peer {\n192.0.2.8 min_ttl 254\n192.0.2.7 min_ttl 5 max_ttl 255\n}",
            V4,
            None,
            unicast(vec![peer("192.0.2.8", 254), peer("192.0.2.7", 5)], 10),
            0,
        ),
        ("unicast_peer {\n2001:db8::8\n}", V6, None, unicast(vec![peer("2001:db8::8", 0)], 64), 0),
    ] {
        let (instance, noticed) = one("", lines, virtual_address);
        assert_eq!((instance.source, instance.unicast), (source.map(address), expected), "{lines}");
        assert_eq!(noticed, notices, "{lines}");
    }
}

#[test]
fn an_instance_that_is_never_to_send_to_the_group_needs_peers_where_it_is_meant_for_unicast() {
    let never = "unicast_fault_no_peer\n";
    for (lines, noticed) in [("", 1), ("unicast_src_ip 192.0.2.9\nunicast_peer {\n192.0.2.8\n}", 1)] {
        assert_eq!(one("", &(never.to_owned() + lines), V4).1, noticed, "{lines}");
    }
    let found = parse_str("t", &text("", &format!("{never}unicast_src_ip 192.0.2.9"), V4)).unwrap_err().to_string();
    assert!(found.contains("`unicast_fault_no_peer` without `unicast_peer`"), "{found}");
}

#[test]
fn a_virtual_mac_has_the_name_that_is_written_or_the_first_that_is_free() {
    for (lines, interface, transmit_base, notices) in [
        ("use_vmac", "vrrp.5", false, 0),
        ("use_vmac mine", "mine", false, 0),
        ("use_vmac name mine netlink_notify_msg", "mine", false, 1),
        ("use_vmac\nvmac_xmit_base", "vrrp.5", true, 0),
        ("use_vmac\nunicast_peer {\n192.0.2.8\n}", "vrrp.5", true, 1),
        ("use_vmac\nvmac_xmit_base\nunicast_peer {\n192.0.2.8\n}", "vrrp.5", true, 0),
    ] {
        let (instance, noticed) = one("", lines, V4);
        let expected = VirtualMac { interface: interface.to_owned(), address: None, transmit_base };
        assert_eq!((instance.virtual_mac, noticed), (Some(expected), notices), "{lines}");
    }
    let (instance, noticed) = one("", "vmac_xmit_base", V4);
    assert_eq!((instance.virtual_mac, noticed), (None, 1));

    // It is down while it is Backup: what is on it is not tracked.
    let (instance, noticed) = one(
        "",
        "use_vmac\nvirtual_routes {\ndefault via 192.0.2.254 dev vrrp.5\n}\nvirtual_ipaddress_excluded {\n192.0.2.2 dev vrrp.5\n}",
        V4,
    );
    assert_eq!((instance.track_interfaces, noticed), (Vec::new(), 0));

    let router = |name: &str, interface: &str, vmac: &str, address: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface {interface}\nvirtual_router_id 5\n{vmac}\nvirtual_ipaddress {{ {address} }}\n}}\n"
        )
    };
    let all = [
        router("a", "eth0", "use_vmac", V4),
        router("b", "eth1", "use_vmac", "192.0.2.2"),
        router("c", "eth0", "use_vmac", V6),
        router("d", "eth1", "use_vmac", "fe80::2"),
        router("e", "eth2", "use_vmac vrrp.5", "192.0.2.3"),
    ];
    let names = load(&all.concat()).daemon.instances.into_iter().map(|router| router.virtual_mac.unwrap().interface);
    assert_eq!(names.collect::<Vec<_>>(), ["vrrp1.5", "vrrp2.5", "vrrp6.5", "vrrp3.5", "vrrp.5"]);
}

const GROUP: &str = "
vrrp_script well {
    script /bin/true
}
vrrp_script light {
    script /bin/true
    weight -10
}
vrrp_instance a {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 192.0.2.1 }
    track_interface {
        eth2 weight 5
    }
    track_script { light }
}
vrrp_instance b {
    interface eth1
    virtual_router_id 1
    virtual_ipaddress { 198.51.100.1 }
}
vrrp_sync_group both {
    group {
        a
        b
    }
    track_interface {
        eth1
        eth3 weight 7
    }
    track_script { well }
    notify_master /bin/m
    notify_stop \"/bin/s x\" nobody
    notify /bin/n
    EXTRA
}";

/// Returns what each instance tracks, and after these each group: name and weight; 0 is a fault.
fn tracked(daemon: &Daemon) -> Vec<Vec<(String, i16)>> {
    let weight = |weight| match weight {
        Weight::Fault => 0,
        Weight::Adjust(weight) => weight.get(),
    };
    let of = |(interfaces, scripts): (&[Track], &[Track])| {
        let tracks = interfaces.iter().chain(scripts);
        tracks.map(|track| (track.name.clone(), weight(track.weight.weight))).collect()
    };
    let instances = daemon.instances.iter().map(|i| (&i.track_interfaces[..], &i.track_checks[..]));
    instances.chain(daemon.sync_groups.iter().map(|g| (&g.track_interfaces[..], &g.track_checks[..]))).map(of).collect()
}

#[test]
fn a_group_tracks_for_its_members_whose_own_weights_go_unless_it_wants_them() {
    let pairs = |pairs: &[(&str, i16)]| pairs.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    let Loaded { daemon, notices } = load(&GROUP.replace("EXTRA", ""));
    let of_group = pairs(&[("eth1", 0), ("eth3", 7), ("well", 0)]);
    let expected: [Vec<(String, i16)>; 3] = [pairs(&[("eth2", 0)]), pairs(&[]), of_group];
    assert_eq!(tracked(&daemon), expected);
    let [SyncGroup { name, members, notify, .. }] = daemon.sync_groups.as_slice() else { panic!("{daemon:?}") };
    assert_eq!((name.as_str(), members.as_slice()), ("both", &["a".to_owned(), "b".to_owned()][..]));
    let program =
        |command: &Option<_>| command.as_ref().map(|c: &vrrp_examples::vrrpd::config::Command| c.words.join(" "));
    let Notify { master, backup, fault, stop, any, .. } = notify;
    assert_eq!(
        [master, backup, fault, stop, any].map(program),
        [Some("/bin/m"), None, None, Some("/bin/s x"), Some("/bin/n")].map(|text| text.map(str::to_owned))
    );
    // The weights that went, and the script that nobody tracks any more.
    assert_eq!(notices.len(), 3, "{notices:?}");

    let Loaded { daemon, notices } = load(&GROUP.replace("EXTRA", "sync_group_tracking_weight"));
    let expected: [Vec<(String, i16)>; 3] = [pairs(&[("eth2", 5), ("light", -10)]), pairs(&[]), expected[2].clone()];
    assert_eq!((tracked(&daemon), notices.len()), (expected.to_vec(), 0));
}
