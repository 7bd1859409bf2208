//! Any configuration is told apart from what is none, and printed it means the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[allow(clippy::panic, unreachable_pub, missing_docs, reason = "a library elsewhere")]
#[path = "../../fuzz/src/keepalived_conf.rs"]
mod property;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vrrp_examples::vrrpd::keepalived::{load, parse_str, print};

#[test]
fn a_printed_configuration_says_all_that_was_left_open() {
    let printed = print(&load(Path::new("article/proxy-serv02.conf")).unwrap().daemon);
    let expected = "\
vrrp_script chk_squid_service {
    script \"/usr/sbin/squid -k check\"
    interval 3
    timeout 3
    rise 1
    fall 1
    weight 0 noreverse
}

vrrp_instance proxy_ip1 {
    interface eth0
    virtual_router_id 1
    priority 100
    advert_int 1
    version 2
    strict_mode off
    accept
    lower_prio_no_advert off
    higher_prio_send_advert on
    preempt
    virtual_ipaddress {
        192.168.2.101/24 dev eth0 label eth0:1
    }
    track_interface {
        eth1
    }
    track_script {
        chk_squid_service
    }
    garp_master_repeat 5
    garp_master_delay 5
    garp_master_refresh 0
    garp_master_refresh_repeat 1
    garp_lower_prio_repeat 5
    garp_lower_prio_delay 5
}

vrrp_instance proxy_ip2 {";
    assert_eq!(printed.get(..expected.len()), Some(expected), "{printed}");
}

#[test]
fn a_printed_configuration_holds_no_password() {
    let printed = print(&load(Path::new("tests/conf/good/unicast.conf")).unwrap().daemon);
    assert!(!printed.contains("ab#c") && printed.contains("# authentication with a password"), "{printed}");
}

#[test]
fn what_is_said_about_the_process_is_printed() {
    let globals = "global_defs {\n    vrrp_rt_priority 50\n    vrrp_rlimit_rttime 500000\n    vrrp_priority -5\n    vrrp_no_swap\n}\n";
    let text = format!(
        "{globals}vrrp_instance a {{ interface eth0\n virtual_router_id 1\n virtual_ipaddress {{ 192.0.2.1 }} }}"
    );
    let printed = print(&parse_str("t", &text).unwrap().daemon);
    assert!(printed.starts_with(globals), "{printed}");
}

/// Words, commands and lists that take some care.
#[test]
fn what_is_hard_to_write_down_is_written_down() {
    let text = r#"
vrrp_script "two words" {
    script "/bin/x '' \\044_ '~\\SEQ' \\x01\\240\\255 \"a b\" # {"
}
vrrp_script a${b "c"} { script /bin/true
    weight 7 reverse }
vrrp_instance "" {
    interface vrrp_instance
    virtual_router_id 1
    use_vmac name group
    virtual_ipaddress { 192.0.2.1 dev @x label "a b" scope 7 }
    virtual_routes { default dev eth3 no_track
    blackhole 198.51.100.0/24 table 9
    inet6 default dev eth4 }
    virtual_rules { not inet6 fwmark 0x10/0xff table 9
    from 192.0.2.0/24 iif include lookup main }
    track_interface { eth3 weight -5
    eth5 }
    track_script { "two words" weight 0 reverse
    a${b "c"} weight 3 }
    notify "/bin/n '~'" "a \"b" "\\x07"
}
vrrp_instance b { interface eth9
    virtual_router_id 1
    version 3
    virtual_ipaddress { 192.0.2.2 } }
vrrp_sync_group "g{" { group { "" b }
    track_interface { eth3
    eth9 }
    track_script { "two words" } }"#;
    parse_str("t", text).unwrap_or_else(|why| panic!("{why}"));
    property::run(text.as_bytes());
}

/// The article's files, those from the field, and those with a mistake each.
fn files() -> Vec<String> {
    let mut paths: Vec<PathBuf> = ["article", "tests/conf/good", "tests/conf/broken"]
        .iter()
        .flat_map(|directory| fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
}

#[test]
fn real_files_are_explained_or_say_the_same_again() {
    let files = files();
    assert!(files.len() > 100);
    files.iter().for_each(|text| property::run(text.as_bytes()));
}

/// A file in which lines were left out, moved, taken from another file, or had a word exchanged.
fn mutated() -> impl Strategy<Value = String> {
    let files = files();
    let lines: Vec<String> = files.iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
    let words: Vec<String> = lines.iter().flat_map(|line| line.split_whitespace().map(str::to_owned)).collect();
    let change = (0..4_usize, any::<prop::sample::Index>(), select(lines), select(words));
    (select(files), vec(change, 0..6)).prop_map(|(text, changes)| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (kind, at, line, word) in changes {
            if lines.is_empty() {
                break;
            }
            let at = at.index(lines.len());
            match kind {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, line),
                2 => lines.swap(0, at),
                _ => {
                    let last = lines[at].rsplit_once(' ').map_or("", |(before, _)| before);
                    lines[at] = format!("{last} {word}");
                }
            }
        }
        lines.join("\n")
    })
}

/// One of the texts; a `%` in it is a small number.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(texts), 1..5_u8).prop_map(|(text, number)| text.replace('%', &number.to_string()))
}

/// Configurations as people write them. Most load.
fn plausible() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "priority 25%",
        "priority 10%",
        "advert_int %",
        "version %",
        "version 3\nadvert_int 0.%",
        "state BACKUP",
        "state MASTER",
        "nopreempt",
        "preempt_delay %.5",
        "strict_mode",
        "accept",
        "no_accept",
        "lower_prio_no_advert",
        "higher_prio_send_advert off",
        "owner_ignore_adverts",
        "skip_check_adv_addr",
        "v3_checksum_as_v2 on",
        "authentication {\nauth_type PASS\nauth_pass secret%\n}",
        "mcast_src_ip 192.0.2.20%",
        "unicast_src_ip 192.0.2.20%\nunicast_peer {\n192.0.2.21%\n192.0.2.220 min_ttl 25%\n}",
        "unicast_peer {\n192.0.2.21%\n}\nunicast_ttl 6%",
        "use_vmac",
        "use_vmac v%\nvmac_xmit_base",
        "virtual_ipaddress_excluded {\n203.0.113.%/24 dev eth% brd +\n2001:db8:1::%/64\n}",
        "virtual_routes {\n198.51.100.0/24 via 192.0.2.254 dev eth%\ndefault via 192.0.2.253 metric % table 10%\n}",
        "virtual_routes {\nunreachable 10.%.0.0/16\n10.9.0.0/16 dev eth% no_track scope link mtu 140%\n}",
        "virtual_rules {\nfrom 198.51.100.0/24 table 10%\nnot to 10.%.0.0/16 fwmark 0x%/0xff priority 9% lookup main\n}",
        "track_interface {\neth%\nwan weight -%0\n}",
        "track_script {\na\nb weight %0 reverse\n}",
        "track_script {\nnative\n}\ntrack_process { process }",
        "track_file { value weight -% }\ntrack_script { a }",
        "notify \"/bin/n 'of %' x\" nobody nogroup\nnotify_stop /bin/s",
        "notify_master \"/bin/m \\\"a # b\\\" %\"",
        "dont_track_primary",
        "notify_priority_changes off\nnotify_master_rx_lower_pri /bin/l%",
        "native_ipv6",
        "use_vmac v% 02:00:5e:00:0%:1",
        "use_vmac 2:0:5e:0:%",
        "virtual_ipaddress_excluded {\n203.0.113.%/24 dev eth% no_track\n203.0.113.10% dev wan\n}",
        "garp_master_delay %\ngarp_lower_prio_repeat %\ngarp_master_refresh 6%",
    ];
    const GLOBALS: &[&str] = &[
        "vrrp_strict",
        "vrrp_version 3",
        "script_user nobody",
        "vrrp_garp_master_repeat %",
        "v3_checksum_as_v2",
        "vrrp_garp_interval 0.00%",
        "vrrp_gna_interval %",
        "vrrp_startup_delay %",
        "vrrp_notify_fifo /run/f%\nfifo_write_vrrp_states_on_reload",
        "notify_fifo /run/f%\nnotify_fifo_script \"/bin/r 'x y'\" nobody\nvrrp_notify_fifo \"/run/a b\"",
        "vrrp_notify_priority_changes on",
        "default_interface lan\n}\nstatic_ipaddress {\n198.51.100.%/24 brd + label a:%\n2001:db8:9::% dev wan",
        "}\nstatic_routes {\n10.%.0.0/16 via 192.0.2.1 onlink dev e\n}\nstatic_rules {\nfrom 10.%.0.0/16 table %",
        "}\ninterface_up_down_delays {\neth% % 0.5\nwan %",
    ];
    const VIPS: &[&str] = &[
        "192.0.2.10%",
        "192.0.2.10%/24 dev eth%",
        "192.0.2.10%/24 brd + label eth0:%",
        "192.0.2.11% scope link dev wan noprefixroute",
        "fe80::%/64\n2001:db8::%",
        "",
        "}\nno_virtual_ipaddress\nvirtual_ipaddress_excluded {",
    ];
    let instance = (one_of(VIPS), vec(one_of(LINES), 0..5));
    let group = prop_oneof![
        Just(String::new()),
        one_of(&[
            "vrrp_sync_group g {\ngroup {\nVI_0\nVI_1\n}\ntrack_script {\na weight %\n}\ntrack_interface {\neth%\n}\n}",
            "vrrp_sync_group g {\ngroup {\nVI_1 VI_0\n}\nglobal_tracking\nnotify /bin/g\n}",
        ]),
    ];
    let globals = vec(one_of(GLOBALS), 0..2);
    (globals, vec(instance, 1..4), group).prop_map(|(globals, instances, group)| {
        let mut text = format!("global_defs {{\n{}\n}}\n", globals.join("\n"));
        text +=
            "vrrp_script a {\nscript \"/bin/a -x\"\ninterval 0.5\nweight -5\n}\nvrrp_script b {\nscript /bin/b\n}\n";
        text += "vrrp_script native {\ncheck http 192.0.2.1:80 host \"a b\" body \"x # y\"\nfall 2\n}\n";
        text += "vrrp_track_process process {\nprocess \"a b\" \"\" c\nparam_match initial\n}\n";
        text += "track_file value {\nfile \"/run/a b\"\ninit_file -3\nweight 300\n}\n";
        for (n, (addresses, lines)) in instances.iter().enumerate() {
            text += &format!("vrrp_instance VI_{n} {{\ninterface eth0\nvirtual_router_id {}\n", n + 1);
            text += &format!("virtual_ipaddress {{\n{addresses}\n}}\n{}\n}}\n", lines.join("\n"));
        }
        text + &group
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn configurations_as_people_write_them(text in plausible()) {
        property::run(text.as_bytes());
    }

    #[test]
    fn files_that_somebody_has_changed(text in mutated()) {
        property::run(text.as_bytes());
    }
}

/// The generator would prove nothing if it made mistakes only.
#[test]
fn enough_of_what_people_write_loads() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let texts = (0..500).map(|_| plausible().new_tree(&mut runner).unwrap().current());
    let loaded = texts.filter(|text| parse_str("t", text).is_ok()).count();
    assert!(loaded > 100, "{loaded} of 500");
}
