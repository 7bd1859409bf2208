//! The keepalived.conf reader: the article's files, files as found in the field, and files with one mistake each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use vrrp_core::{AdvertInterval, Family, Password, Priority, Profile, Vrid, Weight};
use vrrp_examples::vrrpd::config::{
    Announce, Check, Command, Daemon, Instance, Notify, Peer, Probe, Protocol, Track, TrackWeight, Unicast, User,
};
use vrrp_examples::vrrpd::keepalived::{Loaded, load, load_with_places, parse_str};
use vrrp_examples::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Severity};
use vrrp_io_linux::{Scope, VirtualIp};

fn command(words: &[&str]) -> Command {
    Command { words: words.iter().map(|word| (*word).to_owned()).collect(), user: None, secure: false }
}

fn track(name: &str) -> Track {
    Track { name: name.to_owned(), weight: TrackWeight::default() }
}

fn weighted(name: &str, weight: i16) -> Track {
    let weight = TrackWeight { weight: Weight::Adjust(weight.try_into().unwrap()), reverse: false };
    Track { name: name.to_owned(), weight }
}

fn peer(address: &str, min_ttl: u8) -> Peer {
    Peer { address: address.parse().unwrap(), min_ttl }
}

fn virtual_ip(text: &str) -> VirtualIp {
    text.parse().unwrap()
}

/// Returns what a version is to keepalived, where nothing more is said.
fn protocol(profile: Profile) -> Protocol {
    Protocol {
        profile,
        accept: true,
        answer_lower: true,
        yield_advertisement: true,
        owner_listens: true,
        strict_list: false,
        pseudo_header: true,
    }
}

/// Returns what every keyword that is left out comes to.
fn instance(name: &str, vrid: u8, address: &str) -> Instance {
    Instance {
        name: name.to_owned(),
        interface: "eth0".to_owned(),
        track_own_interface: true,
        family: Family::of(virtual_ip(address).address),
        vrid: Vrid::new(vrid).unwrap(),
        protocol: protocol(Profile::Rfc2338),
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        preempt: true,
        preempt_delay: Duration::ZERO,
        password: None,
        source: None,
        unicast: None,
        virtual_mac: None,
        addresses: vec![virtual_ip(address)],
        excluded: Vec::new(),
        routes: Vec::new(),
        rules: Vec::new(),
        track_interfaces: Vec::new(),
        track_checks: Vec::new(),
        notify: Notify::default(),
        announce: Announce::default(),
    }
}

fn script(name: &str, words: &[&str]) -> Check {
    let second = Duration::from_secs(1);
    let (name, command, once) = (name.to_owned(), command(words), NonZeroU32::MIN);
    Check {
        name,
        probe: Probe::Script(command),
        interval: second,
        timeout: second,
        rise: once,
        fall: once,
        weight: TrackWeight::default(),
    }
}

fn good(name: &str) -> Loaded {
    load(&Path::new("tests/conf/good").join(name)).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn shown(notices: &[Diagnostic]) -> Vec<String> {
    let place = |notice: &Diagnostic| format!("{}:{} {}", notice.line, notice.column, notice.message);
    notices.iter().map(place).collect()
}

#[test]
fn the_articles_two_files_mean_what_the_article_says() {
    for (file, priorities) in [("proxy-serv01.conf", [255, 100]), ("proxy-serv02.conf", [100, 255])] {
        let loaded = load(&Path::new("article").join(file)).unwrap();
        let router = |n: u8, priority| {
            let mut address = virtual_ip(&format!("192.168.2.10{n}/24"));
            address.device = Some("eth0".to_owned());
            address.label = Some(format!("eth0:{n}"));
            Instance {
                priority: Priority::new(priority).unwrap(),
                addresses: vec![address],
                track_interfaces: vec![track("eth1")],
                track_checks: vec![track("chk_squid_service")],
                ..instance(&format!("proxy_ip{n}"), n, "0.0.0.0")
            }
        };
        let three = Duration::from_secs(3);
        let squid = script("chk_squid_service", &["/usr/sbin/squid", "-k", "check"]);
        let expected = Daemon {
            checks: vec![Check { interval: three, timeout: three, ..squid }],
            instances: vec![router(1, priorities[0]), router(2, priorities[1])],
            ..Daemon::default()
        };
        assert_eq!(loaded, Loaded { daemon: expected, notices: Vec::new() });
    }
}

#[test]
fn a_haproxy_pair_as_tutorials_write_it() {
    let loaded = good("haproxy.conf");
    let mut check = script("chk_haproxy", &["/usr/bin/killall", "-0", "haproxy"]);
    check.interval = Duration::from_secs(2);
    check.timeout = Duration::from_secs(2);
    check.weight = weighted("", 2).weight;
    check.fall = NonZeroU32::new(3).unwrap();
    check.rise = NonZeroU32::new(2).unwrap();
    let mut router = instance("VI_1", 51, "192.0.2.100");
    router.priority = Priority::new(101).unwrap();
    router.password = Password::new(b"k8s-ha-p").ok();
    router.track_checks = vec![weighted("chk_haproxy", 2)];
    let script_path = |state| Some(command(&["/etc/keepalived/notify.sh", state]));
    router.notify.master = script_path("master");
    router.notify.backup = script_path("backup");
    router.notify.fault = script_path("fault");
    assert_eq!(loaded.daemon, Daemon { checks: vec![check], instances: vec![router], ..Daemon::default() });
    let mail = |place: &str, keyword: &str| {
        format!("{place} `{keyword}` is ignored: vrrpd sends no mail; a `notify` script can")
    };
    let expected = [
        mail("4:5", "notification_email"),
        mail("7:5", "notification_email_from"),
        mail("8:5", "smtp_server"),
        mail("9:5", "smtp_connect_timeout"),
        "10:5 `router_id` is ignored: it names this host in mails and in SNMP, and vrrpd has neither".to_owned(),
        "11:5 this has no effect: it is always on, except in strict mode".to_owned(),
        "33:19 the password is 11 octets long; the first 8 are used, as in keepalived".to_owned(),
        mail("44:5", "smtp_alert"),
        "47:1 `virtual_server` is not part of VRRP; the whole block is skipped".to_owned(),
    ];
    assert_eq!(shown(&loaded.notices), expected);
}

#[test]
fn unicast_in_a_cloud_with_every_keyword() {
    let loaded = good("unicast.conf");
    let user =
        |user: &str, group: Option<&str>| Some(User { user: user.to_owned(), group: group.map(ToOwned::to_owned) });
    let mut check = script("chk", &["/bin/sh", "-c", "curl -sf http://127.0.0.1:8080/ # health"]);
    let words = check.command().map(|command| command.words.clone()).unwrap();
    check.probe = Probe::Script(Command { words, user: user("nobody", Some("nogroup")), secure: true });
    check.interval = Duration::from_millis(500);
    check.timeout = Duration::from_millis(250);
    check.weight = TrackWeight { reverse: true, ..weighted("", -20).weight };
    let mut router = instance("VI_1", 7, "203.0.113.10/24");
    router.priority = Priority::new(150).unwrap();
    router.interval = AdvertInterval::from_secs(2).unwrap();
    router.preempt_delay = Duration::from_millis(1500);
    router.password = Password::new(b"ab#c d").ok();
    router.source = Some("192.0.2.1".parse::<IpAddr>().unwrap());
    router.unicast = Some(Unicast { peers: vec![peer("192.0.2.2", 0), peer("192.0.2.3", 0)], ttl: 255 });
    router.addresses[0].broadcast = Some([203, 0, 113, 255].into());
    router.addresses[0].scope = Scope::Link;
    let mut second = virtual_ip("203.0.113.11");
    second.device = Some("eth1".to_owned());
    second.label = Some("eth1:v".to_owned());
    router.addresses.push(second);
    let mut excluded = virtual_ip("198.51.100.1/25");
    excluded.device = Some("eth2".to_owned());
    excluded.broadcast = Some([198, 51, 100, 127].into());
    router.excluded = vec![excluded];
    // The script is reversed, so tracking it is too.
    let reversed = |weight| TrackWeight { reverse: true, ..weighted("", weight).weight };
    router.track_checks = vec![Track { name: "chk".to_owned(), weight: reversed(10) }];
    // eth1 carries an address, so its weight gives way to a fault; eth2 carries one too and is tracked unnamed.
    let eth3 = Track { name: "eth3".to_owned(), weight: reversed(5) };
    router.track_interfaces = vec![track("eth1"), eth3, track("eth2")];
    let mut any = command(&["/usr/local/bin/notify.sh", "two words"]);
    any.user = user("admin", None);
    any.secure = true;
    let mut stop = command(&["/usr/local/bin/stop.sh"]);
    stop.user = user("keepalived_script", None);
    stop.secure = true;
    router.notify = Notify { any: Some(any), stop: Some(stop), ..Notify::default() };
    router.announce = Announce {
        repeat: 3,
        delay: None,
        refresh: Some(Duration::from_secs(60)),
        refresh_repeat: 2,
        lower_prio_repeat: 4,
        lower_prio_delay: Some(Duration::from_secs(10)),
        gap: Duration::ZERO,
    };
    assert_eq!(loaded.daemon, Daemon { checks: vec![check], instances: vec![router], ..Daemon::default() });
    let expected = [
        "25:16 version 2 advertises in whole seconds; 2 s are used, as in keepalived",
        "48:9 `eth1` carries a virtual address or route: without it the instance is in fault",
    ];
    assert_eq!(shown(&loaded.notices), expected);
}

#[test]
fn state_and_priority_decide_about_preemption_as_in_keepalived() {
    for (lines, priority, preempt, delay, notices) in [
        ("state MASTER", 255, true, 0, 0),
        ("state BACKUP", 100, true, 0, 0),
        ("state MASTER\npriority 150\nnopreempt\npreempt_delay 5", 150, true, 0, 2),
        ("priority 255\nnopreempt", 255, true, 0, 1),
        ("nopreempt", 100, false, 0, 0),
        ("nopreempt\npreempt_delay 5", 100, false, 0, 1),
        ("preempt\npreempt_delay 5", 100, true, 5, 0),
        ("priority 255\ntrack_interface {\nf weight 5\n}", 255, true, 0, 1),
    ] {
        let text = format!(
            "vrrp_instance a {{\ninterface e\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 }}\n{lines}\n}}"
        );
        let loaded = parse_str("t", &text).unwrap();
        let router = &loaded.daemon.instances[0];
        let got = (router.priority.get(), router.preempt, router.preempt_delay.as_secs(), loaded.notices.len());
        assert_eq!(got, (priority, preempt, delay, notices), "{lines}");
    }
}

#[test]
fn a_comment_that_cuts_a_password_is_noticed_as_it_cuts_it_in_keepalived() {
    let text = "vrrp_instance a {
    interface eth0
    virtual_router_id 1
    authentication {
        auth_type PASS
        auth_pass ab#cd
    }
    virtual_ipaddress { 192.0.2.1 }\n}";
    let loaded = parse_str("t", text).unwrap();
    assert_eq!(loaded.daemon.instances[0].password, Password::new(b"ab").ok());
    assert_eq!(shown(&loaded.notices), ["6:21 a comment starts here, inside a word; the word ends before it"]);
}

#[test]
fn included_files_count_as_if_they_stood_there_executable_or_not() {
    let loaded = good("include.conf");
    let names: Vec<&str> = loaded.daemon.instances.iter().map(|instance| instance.name.as_str()).collect();
    assert_eq!(names, ["VI_10", "VI_20"]);
    assert_eq!(loaded.daemon.instances[1].priority, Priority::new(42).unwrap());
    assert_eq!(shown(&loaded.notices), ["2:9 no file matches this pattern; nothing is included"]);
    let both = Path::new("tests/conf/good/braces.conf");
    let names: Vec<String> = load(both).unwrap().daemon.instances.into_iter().map(|instance| instance.name).collect();
    assert_eq!(names, ["VI_20", "VI_10"]);

    use std::os::unix::fs::PermissionsExt;
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("executable.conf");
    fs::copy("article/proxy-serv01.conf", &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(load(&copy).unwrap().daemon.instances.len(), 2);
}

/// One file for a pair, as the manual has it: `@id` lines, definitions, and an include that defines and uses them.
#[test]
fn one_file_serves_each_host_that_it_has_lines_for() {
    let read = |id: &str| {
        load_with_places(Path::new("tests/conf/good/pair.conf"), id).unwrap_or_else(|found| panic!("{found}")).0
    };
    let (first, second) = (read("node1"), read("node2"));
    let routers = |loaded: &Loaded| {
        let routers = loaded.daemon.instances.iter();
        let one = |router: &Instance| {
            let virtual_ips: Vec<String> = router.addresses.iter().map(ToString::to_string).collect();
            format!(
                "{} {} {} {} {}",
                router.name,
                router.interface,
                router.vrid,
                router.priority,
                virtual_ips.join(" ")
            )
        };
        routers.map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        routers(&first),
        ["VI_1 eth0.1 11 200 192.0.2.101/24", "VI_2 eth0.2 12 100 192.0.2.102/24", "inside eth1 33 90 198.51.100.7/32"]
    );
    assert_eq!(routers(&second)[1], "VI_2 eth0.2 12 200 192.0.2.102/24");
    let peers = |loaded: &Loaded| loaded.daemon.instances[0].unicast.clone().unwrap().peers;
    assert_eq!((peers(&first), peers(&second)), (vec![peer("198.51.100.2", 0)], vec![peer("198.51.100.1", 0)]));
    assert_eq!(
        first.daemon.instances[0].notify.master.clone().unwrap().words,
        ["/usr/local/bin/told", "VI_1 of node1", "#1"]
    );
    assert_eq!(first.daemon.instances[0].password, Password::new(b"s3cret").ok());
    assert_eq!(shown(&first.notices), Vec::<String>::new());
    let other = load_with_places(Path::new("tests/conf/good/pair.conf"), "node9").map(|_| ()).unwrap_err().to_string();
    assert!(other.contains("no line is for this host, `node9`; there are lines for node1, node2"), "{other}");
    assert!(!other.contains("s3cret"), "{other}");
}

#[test]
fn a_byte_order_mark_and_the_line_ends_of_windows_are_taken_for_what_they_are() {
    let text = fs::read_to_string("article/proxy-serv01.conf").unwrap();
    let written_there = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse_str("t", &written_there).unwrap(), parse_str("t", &text).unwrap());
    let both = Path::new(env!("CARGO_TARGET_TMPDIR")).join("windows.conf");
    fs::write(&both, &written_there).unwrap();
    let outer = both.with_file_name("outer.conf");
    fs::write(&outer, "\u{feff}include windows.conf\r\n").unwrap();
    assert_eq!(load(&outer).unwrap().daemon, load(&both).unwrap().daemon);

    let utf_16 = both.with_file_name("utf-16.conf");
    fs::write(&utf_16, b"\xff\xfea\0").unwrap();
    assert!(load(&utf_16).unwrap_err().to_string().contains("it is in UTF-16; save it in UTF-8"));
}

/// Each keyword that is not acted upon says why, and so does each that is refused.
#[test]
fn no_keyword_is_said_to_do_what_it_does_not() {
    for (keyword, expected) in [
        ("dynamic_interfaces", "has no effect: this is always on"),
        ("startup_script /bin/s", "the script would not be run"),
        ("vmac_prefix v", "the interface of a virtual MAC address is called"),
        ("vrrp_min_garp", "say the same"),
        ("lvs_flush", "not a load balancer"),
        ("enable_snmp_vrrp", "neither SNMP nor D-Bus"),
    ] {
        let text = format!(
            "global_defs {{\n{keyword}\n}}\nvrrp_instance a {{\ninterface e\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 }}\n}}"
        );
        let said = match parse_str("t", &text) {
            Ok(loaded) => loaded.notices.iter().map(ToString::to_string).collect(),
            Err(diagnostics) => diagnostics.to_string(),
        };
        assert!(said.contains(expected) && !said.contains("takes part in"), "{keyword}: {said}");
    }
}

/// A script that an instance tracks and its group drops is tracked, and does not count.
#[test]
fn a_script_that_is_not_run_is_not_said_to_be_tracked_by_nobody() {
    let instance = |name: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface {name}\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 dev {name} }}\ntrack_script {{ s }}\n}}\n"
        )
    };
    let text = "vrrp_script s {\nscript /bin/s\nweight 5\n}\n".to_owned()
        + &instance("a")
        + &instance("b")
        + "vrrp_sync_group g {\ngroup { a b }\n}\n";
    let said = shown(&parse_str("t", &text).unwrap().notices);
    assert!(said.contains(&"1:13 `s` is not run: it counts for no instance".to_owned()), "{said:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let diagnostics = load(Path::new("tests/conf/none.conf")).unwrap_err();
    assert_eq!(
        diagnostics.to_string(),
        "tests/conf/none.conf: error: cannot be read: No such file or directory (os error 2)"
    );
    assert!(parse_str("t", "include a.conf").unwrap_err().to_string().contains("not a file"));
}

/// As a host of this name, whatever that of the test is.
fn load_as_node1(conf: &Path) -> Result<Loaded, Diagnostics> {
    load_with_places(conf, "node1").map(|(loaded, _)| loaded)
}

/// Compares what is said about each file of a folder with the `.expected` file beside it. `VRRP_BLESS=1` writes these anew, for
/// reading.
fn compare(folder: &str, at_least: usize, said: impl Fn(&Path) -> String) {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    assert!(files.len() >= at_least, "{} files", files.len());
    let mut wrong = Vec::new();
    for conf in files {
        let (got, path) = (said(&conf), conf.with_extension("expected"));
        if std::env::var_os("VRRP_BLESS").is_some() {
            fs::write(&path, &got).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if got != expected {
            wrong.push(format!("{}:\n{got}\ninstead of\n{expected}", conf.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_mistake_is_named_with_its_place_and_what_was_expected() {
    compare("tests/conf/broken", 118, |conf| {
        let diagnostics = load_as_node1(conf).map(|_| ()).expect_err(&conf.to_string_lossy());
        for error in diagnostics.0.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
            assert!(error.line > 0 && error.expected.is_some(), "{error}");
        }
        format!("{diagnostics}\n")
    });
}

/// What keepalived is lenient about and nothing is lost by: it runs, and a notice says what happens instead.
#[test]
fn what_does_no_harm_is_a_notice() {
    compare("tests/conf/tolerated", 15, |conf| {
        let notices = load_as_node1(conf).unwrap_or_else(|diagnostics| panic!("{diagnostics}")).notices;
        assert!(!notices.is_empty(), "{}", conf.display());
        format!("{}\n", Diagnostics(notices))
    });
}

/// The configuration of the Debian package runs nothing, and the example in its comments runs.
#[test]
fn a_file_with_nothing_but_comments_runs_nothing_and_an_emptied_one_is_an_error() {
    let conf = include_str!("../debian/vrrpd.conf");
    let idle = parse_str("vrrpd.conf", conf).unwrap();
    assert_eq!(idle.daemon.instances, []);
    assert_eq!(shown(&idle.notices), ["1:1 no virtual router is configured"]);
    assert!(parse_str("vrrpd.conf", "\n").is_err(), "cut off or emptied by mistake");

    let lines = conf.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if example.starts_with(['v', '}', ' ']) => example,
        _ => line,
    });
    let uncommented = parse_str("vrrpd.conf", &lines.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(uncommented.daemon.instances.len(), 1);
    assert_eq!(shown(&uncommented.notices), [""; 0]);
}

/// `docs/check.md` describes it.
#[test]
fn a_check_for_programs_prints_one_object_and_nothing_else() {
    let check = |file: &str| {
        let mut vrrpd = std::process::Command::new(env!("CARGO_BIN_EXE_vrrpd"));
        let output = vrrpd.args(["--config", file, "--check", "--json"]).output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), object)
    };
    let (status, object) = check("tests/conf/tolerated/wild-local-address-group.conf");
    assert_eq!((status, &object["runs"]), (Some(0), &true.into()), "{object}");
    assert_eq!(object["summary"]["skipped"]["virtual_server"], 1);
    assert!(object["text"].as_str().unwrap().ends_with("; 1 virtual_server block is served by nobody"), "{object}");
    let (status, object) = check("tests/conf/broken/wild-sections-inside-global-defs.conf");
    assert_eq!((status, &object["runs"]), (Some(78), &false.into()), "{object}");
    let first = &object["findings"][0];
    assert_eq!((&first["code"], &first["severity"], &first["line"]), (&"syntax".into(), &"error".into(), &1.into()));
    let (status, object) = check("tests/conf/none.conf");
    assert_eq!((status, &object["findings"][0]["code"]), (Some(78), &"file".into()), "{object}");
    let documented = fs::read_to_string("../docs/check.md").unwrap();
    for field in object.as_object().unwrap().keys().chain(object["summary"].as_object().unwrap().keys()) {
        assert!(documented.contains(&format!("`{field}`")), "{field}");
    }
}

/// What the notices say is so.
#[test]
fn what_is_tolerated_means_what_keepalived_makes_of_it() {
    let router = |lines: &str| {
        let text = format!(
            "vrrp_instance a {{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {{ 192.0.2.1 }}\n{lines}\n}}"
        );
        parse_str("t", &text).unwrap_or_else(|found| panic!("{found}")).daemon.instances.remove(0)
    };
    let plain = router("");
    assert_eq!(router("track_interface {\neth0 weight -20\n}"), plain);
    assert_eq!(router("state SLAVE"), plain);
    assert_eq!(router("version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}"), router("version 3"));
    assert_eq!(router("nopreempt 1"), router("nopreempt"));
    assert_eq!(router("nopreempt\nnopreempt"), router("nopreempt"));
    assert_eq!(router("notify /bin/a\nnotify /bin/b").notify.any, Some(command(&["/bin/a"])));
    let unicast = router("unicast_src_ip 192.0.2.7/24\nunicast_peer {\n192.0.2.7\n192.0.2.8/24\n}");
    assert_eq!(unicast.source, Some(IpAddr::from([192, 0, 2, 7])));
    assert_eq!(unicast.unicast.map(|unicast| unicast.peers), Some(vec![peer("192.0.2.8", 0)]));
}

/// 127.0.0.1 is on every host.
#[test]
fn a_check_knows_the_addresses_of_this_host() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("addresses.conf");
    let text = "vrrp_instance a {
interface lo
virtual_router_id 1
unicast_src_ip 192.0.2.250
unicast_peer {
198.51.100.7
127.0.0.1
}
virtual_ipaddress {
127.0.0.1/8
192.0.2.255/24
}
}
";
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut vrrpd = std::process::Command::new(env!("CARGO_BIN_EXE_vrrpd"));
        let output = vrrpd.arg("--check").arg("--config").arg(&path).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let said = check(text);
    let own = ":10:1: warning: 127.0.0.1 is this host's own address: it stays here when another host becomes Master";
    for expected in [
        ":11:1: warning: 192.0.2.255 is the broadcast address of its network /24",
        own,
        ":4:16: warning: no interface of this host has the source address 192.0.2.250",
        ":7:1: warning: the peer 127.0.0.1 is this host itself",
    ] {
        // The address stands twice; the first place is named.
        let expected = expected.replace(":10:1:", ":7:1:");
        assert!(said.contains(&expected), "{expected}\n{said}");
    }
    assert!(
        !check(&text.replace("interface lo", "interface lo\npriority 255")).contains("host's own address"),
        "{said}"
    );
}

#[test]
fn passwords_are_in_no_message() {
    for text in [
        "auth_pass s3cret",
        "authentication { auth_pass s3cret s3cret\nauth_pass \"s3cret",
        "auth_pass { s3cret",
        "$PASS=s3cret",
        "  $PASS=\"s3cret",
        "$A=1 $PASS=s3cret",
        "$PASS=\\\n s3cret\\\n s3cret",
        "@one auth_pass s3cret",
        "auth_pas s3cret",
        "Auth_Pass s3cret",
        "auth-pass s3cret",
        "auth_pass\ns3cret",
        "authentication {\nauth_pass x\ns3cret x {\ns3cret\n}\n}",
        "$A=\"authentication {\\\nauth_pass s3cret\\\n}\"",
        "auth_pass \"s3cret x",
        "auth_pass=s3cret",
        "auth_pass:s3cret",
        "auth_pass: s3cret",
        "passwd s3cret",
        "authentication s3cret",
        "authentication PASS s3cret {",
        "authenticaton {\nauth_pass s3cret\n}",
        "authentication {\nauth_type s3cret\nauth_pass\ns3cret\n}",
        "authentication\n{\nauth_type PASS\ns3cret\n}",
        "authentication {\ns3cret\n}",
        "authentication\nauth_type PASS\nauth_pas s3cret\n}",
        "authentication {\nauth_pass \u{201c}s3cret\u{a0}x\u{201d} y",
    ] {
        let text = format!("vrrp_instance a {{\n{text}\n}}");
        assert!(!parse_str("t", &text).unwrap_err().to_string().contains("s3cret"), "{text}");
        let text = format!("{text}\nvrrp_instance b {{\n}}");
        assert!(!parse_str("t", &text).unwrap_err().to_string().contains("s3cret"), "{text}");
    }
}

/// Sections in any order mean the same; the lists keep the order of the file.
fn sorted(text: &str) -> Daemon {
    let mut daemon = parse_str("t", text).unwrap().daemon;
    daemon.checks.sort_by(|a, b| a.name.cmp(&b.name));
    daemon.instances.sort_by(|a, b| a.name.cmp(&b.name));
    daemon
}

const SECTIONS: [&str; 5] = [
    "global_defs {\n script_user nobody\n vrrp_garp_master_repeat 2\n}\n",
    "vrrp_script a {\n script \"/bin/a 1\"\n weight 5\n}\n",
    "vrrp_script b {\n script /bin/b\n user root\n}\n",
    "vrrp_instance x {\n interface e\n virtual_router_id 1\n track_script {\n a\n b\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance y {\n virtual_ipaddress {\n 192.0.2.2 brd +\n }\n virtual_router_id 2\n interface e\n notify /bin/n\n}\n",
];

/// Texts near enough to a configuration to reach every rule.
fn nearly_a_configuration() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "vrrp_instance",
        "vrrp_script",
        "global_defs",
        "virtual_server",
        "interface",
        "state",
        "MASTER",
        "priority",
        "virtual_router_id",
        "advert_int",
        "script",
        "interval",
        "weight",
        "track_interface",
        "track_script",
        "notify",
        "virtual_ipaddress",
        "192.0.2.1/24",
        "2001:db8::1",
        "label",
        "dev",
        "brd",
        "+",
        "eth0",
        "1",
        "255",
        "-254",
        "0.5",
        "unicast_peer",
        "unicast_src_ip",
        "authentication",
        "auth_type",
        "auth_pass",
        "PASS",
        "include",
        "user",
        "nopreempt",
        "version",
        "3",
        "strict_mode",
        "accept",
        "use_vmac",
        "unicast_ttl",
        "min_ttl",
        "mcast_src_ip",
        "vrrp_sync_group",
        "group",
        "virtual_routes",
        "virtual_rules",
        "fe80::1/64",
        "default",
        "via",
        "table",
        "from",
        "{",
        "{",
        "{",
        "}",
        "}",
        "}",
        "\n",
        "\n",
        "\n",
        "\n",
        "\"",
        "\\",
        "'",
        "#",
        "!",
        "@a",
        "$A=1",
        "${_A}",
        "$A",
        "${A}",
        "$A=${A} x",
        "$B=\\\n{ \\\n@a $A\n",
        "@^b",
        "${_HASH}",
        "include {a,b}",
        "é",
        "\u{fffd}",
        "\u{0}",
        "\r",
        "vrrp_instance a {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.9\n }\n",
    ]);
    let space = prop::sample::select(vec![" ", " ", " ", "\n", ""]);
    prop::collection::vec((word, space), 0..60)
        .prop_map(|words| words.into_iter().map(|(word, space)| format!("{word}{space}")).collect())
}

fn check_spans(text: &str) -> Result<(), TestCaseError> {
    let found = match parse_str("t", text) {
        Ok(loaded) => loaded.notices,
        Err(diagnostics) => {
            prop_assert!(diagnostics.0.iter().any(|found| found.severity == Severity::Error));
            diagnostics.0
        }
    };
    for found in found {
        prop_assert!(found.line >= 1 && found.column >= 1, "{found}");
        let line = text.split('\n').nth(found.line - 1);
        prop_assert!(line.is_some_and(|line| found.column <= line.chars().count().max(1)), "{found}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_loads_or_is_explained_inside_the_text(text in any::<String>()) {
        check_spans(&text)?;
    }

    #[test]
    fn so_does_nearly_a_configuration(text in nearly_a_configuration()) {
        check_spans(&text)?;
    }

    #[test]
    fn so_does_a_configuration_cut_anywhere(at in 0..700_usize) {
        let text = SECTIONS.concat();
        check_spans(text.get(..at).unwrap_or(&text))?;
    }

    #[test]
    fn sections_may_stand_in_any_order(order in Just(SECTIONS.to_vec()).prop_shuffle()) {
        prop_assert_eq!(sorted(&order.concat()), sorted(&SECTIONS.concat()));
    }
}
