//! Keywords that few files have: what each means, and what is wrong about it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use vrrp_core::{Family, Weight};
use vrrp_examples::vrrpd::config::{Check, Daemon, InitialValue, Instance, InterfaceDelay, Probe, Track, TrackWeight};
use vrrp_examples::vrrpd::keepalived::{Loaded, parse_str, print};
use vrrp_io_linux::checks::{
    Arguments, Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Ping, Probe as Native, Process, Proxy,
    ProxyRequest, Record, Tcp, Tls, TlsOptions,
};

fn loaded(text: &str) -> Loaded {
    parse_str("t", text).unwrap_or_else(|why| panic!("{text}\n{why}"))
}

/// Returns what a text means, which printed means the same.
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
    assert!(strict.contains("strict mode cannot be used with an instance without addresses"), "{strict}");
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

/// The check that the lines of a `vrrp_script` define.
fn check(lines: &str) -> Check {
    tracked(&format!("vrrp_script c {{\n{lines}\n}}\n"), "track_script { c }")
}

/// The one check of a configuration.
fn tracked(definition: &str, track: &str) -> Check {
    let text = definition.to_owned() + &instance(&format!("virtual_ipaddress {{ 192.0.2.1 }}\n{track}"));
    let mut checks = daemon(&text).checks;
    assert_eq!(checks.len(), 1, "{text}");
    checks.remove(0)
}

fn native(lines: &str) -> Native {
    match check(lines).probe {
        Probe::Native(native) => native,
        other => panic!("{other:?}"),
    }
}

fn wrong(text: &str) -> String {
    parse_str("t", text).map(|loaded| panic!("{loaded:?}")).unwrap_err().to_string()
}

#[test]
fn a_check_looks_at_every_kind_of_service() {
    let at = |text: &str| text.parse().unwrap();
    let origin = |address: Option<&str>, interface: Option<&str>| Origin {
        address: address.map(|address| address.parse().unwrap()),
        interface: interface.map(str::to_owned),
    };
    let none = || origin(None, None);
    let tls = |name: &str| TlsOptions {
        server_name: name.to_owned(),
        authorities: None,
        verify: true,
        min_validity: Duration::ZERO,
    };
    let file = |expect| Native::File(File { path: "/run/x y".into(), expect });
    let web = |tls, host: Option<&str>, path: &str, expect| {
        let (target, host) = (at("192.0.2.1:80"), host.map(str::to_owned));
        Native::Http(Http { target, origin: none(), tls, host, path: path.to_owned(), expect })
    };
    let proxy = |request, expect| Native::Proxy(Proxy { proxy: at("127.0.0.1:3128"), origin: none(), request, expect });
    let dns = |server: &str, record, answer: Option<&str>| {
        let (server, answer) = (at(server), answer.map(|answer| answer.parse().unwrap()));
        Native::Dns(Dns { server, origin: none(), name: "www.example".to_owned(), record, answer })
    };
    let demanding = Expect {
        status: (200, 299),
        header: Some(("Via".to_owned(), "squid: 6".to_owned())),
        body: Some("all is well".to_owned()),
    };
    for (line, expected) in [
        ("tcp 192.0.2.1:80", Native::Tcp(Tcp { target: at("192.0.2.1:80"), origin: none() })),
        (
            "tcp [2001:db8::1]:80 from 2001:db8::2 dev eth0",
            Native::Tcp(Tcp { target: at("[2001:db8::1]:80"), origin: origin(Some("2001:db8::2"), Some("eth0")) }),
        ),
        ("http 192.0.2.1:80", web(None, None, "/", Expect::default())),
        (
            "http 192.0.2.1:80 path /x?y=1 host h:80 status 200-299 header \"Via: squid: 6\" body \"all is well\"",
            web(None, Some("h:80"), "/x?y=1", demanding.clone()),
        ),
        ("https 192.0.2.1:80", web(Some(tls("192.0.2.1")), None, "/", Expect::default())),
        ("https 192.0.2.1:80 host h:443", web(Some(tls("h")), Some("h:443"), "/", Expect::default())),
        (
            "https 192.0.2.1:80 server_name n ca /etc/ca no_verify valid_for 86400 status 204",
            web(
                Some(TlsOptions {
                    server_name: "n".to_owned(),
                    authorities: Some("/etc/ca".into()),
                    verify: false,
                    min_validity: Duration::from_secs(86_400),
                }),
                None,
                "/",
                Expect { status: (204, 204), ..Expect::default() },
            ),
        ),
        (
            "proxy 127.0.0.1:3128 get http://www.example/ status 200",
            proxy(
                ProxyRequest::Get("http://www.example/".to_owned()),
                Expect { status: (200, 200), ..Expect::default() },
            ),
        ),
        (
            "proxy 127.0.0.1:3128 connect www.example:443",
            proxy(ProxyRequest::Connect("www.example:443".to_owned()), Expect::default()),
        ),
        (
            "tls 192.0.2.1:443 server_name n",
            Native::Tls(Tls { target: at("192.0.2.1:443"), origin: none(), options: tls("n") }),
        ),
        ("dns 192.0.2.1 name www.example", dns("192.0.2.1:53", Record::A, None)),
        (
            "dns [2001:db8::1]:5353 type aaaa answer 2001:db8::9 name www.example",
            dns("[2001:db8::1]:5353", Record::Aaaa, Some("2001:db8::9")),
        ),
        (
            "ping 192.0.2.1 from 192.0.2.2",
            Native::Ping(Ping { target: "192.0.2.1".parse().unwrap(), origin: origin(Some("192.0.2.2"), None) }),
        ),
        (
            "neighbour 192.0.2.1 dev eth1",
            Native::Neighbour(Neighbour { target: "192.0.2.1".parse().unwrap(), interface: "eth1".to_owned() }),
        ),
        ("file \"/run/x y\"", file(FileExpect::Present)),
        ("file \"/run/x y\" absent", file(FileExpect::Absent)),
        ("file \"/run/x y\" contains \"a # b\"", file(FileExpect::Contains("a # b".to_owned()))),
    ] {
        assert_eq!(native(&format!("check {line}")), expected, "{line}");
        // Whatever its schedule.
        assert_eq!(native(&format!("check {line}\ninterval 0.5\nfall 2")), expected, "{line}");
    }
    let process = |full_command, most, least| Process {
        program: "squid".to_owned(),
        arguments: None,
        full_command,
        least,
        most,
        delay_up: Duration::ZERO,
        delay_down: Duration::ZERO,
    };
    assert_eq!(native("check process squid"), Native::Process(process(false, None, 1)));
    assert_eq!(
        native("check process squid least 2 most 3 full_command\ninterval 5"),
        Native::Process(process(true, Some(3), 2))
    );
    let unusual = check("check tcp 192.0.2.1:80\ninterval 0.1\ntimeout 2\nrise 2\nfall 3\nweight -5 reverse");
    assert_eq!((unusual.interval, unusual.timeout), (Duration::from_millis(100), Duration::from_secs(2)));
    assert_eq!((unusual.rise.get(), unusual.fall.get()), (2, 3));
    assert_eq!(unusual.weight, TrackWeight { weight: Weight::Adjust((-5).try_into().unwrap()), reverse: true });
}

#[test]
fn processes_and_files_are_tracked_with_keepalived_s_defaults() {
    let one = TrackWeight { weight: Weight::Adjust(1.try_into().unwrap()), reverse: false };
    let process = |lines: &str| {
        let check = tracked(&format!("vrrp_track_process p {{\n{lines}\n}}\n"), "track_process { p }");
        assert_eq!(check.weight, one);
        match check.probe {
            Probe::Native(Native::Process(process)) => process,
            other => panic!("{other:?}"),
        }
    };
    let simple = process("process haproxy");
    assert_eq!((simple.program.as_str(), simple.full_command, simple.arguments), ("haproxy", false, None));
    assert_eq!((simple.least, simple.most), (1, None));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let with = process("process \"/tmp/a b\" -x \"y z\"\nquorum 2\nquorum_max 4\nfork_delay 0.5\nterminate_delay 2");
    assert_eq!(with.arguments, Some(Arguments::Exact(words(&["-x", "y z"]))));
    assert_eq!((with.full_command, with.least, with.most), (true, 2, Some(4)));
    assert_eq!((with.delay_up, with.delay_down), (Duration::from_millis(500), Duration::from_secs(2)));
    assert_eq!(process("process a b\nparam_match partial").arguments, Some(Arguments::Initial(words(&["b"]))));
    assert_eq!(process("process a b\nparam_match initial").arguments, Some(Arguments::Partial(words(&["b"]))));
    assert_eq!(process("process a\nparam_match initial").arguments, Some(Arguments::Exact(Vec::new())));
    assert_eq!(process("process a\nquorum_max 0\ndelay 1").least, 0);
    assert!(process("process a\nfull_command").full_command);

    let value = |lines: &str| tracked(&format!("track_file f {{\n{lines}\n}}\n"), "track_file { f }");
    let file = value("file \"/run/value\"");
    assert_eq!((file.probe, file.weight), (Probe::Value("/run/value".into()), one));
    assert_eq!(value("file /run/value\nweight 0 reverse").weight, TrackWeight { weight: Weight::Fault, reverse: true });
    let text = "vrrp_track_file f {\nfile /run/v\ninit_file 5 overwrite\n}\ntrack_file idle {\nfile /x\ninit_file\n}\n"
        .to_owned()
        + &instance("no_virtual_ipaddress\ntrack_file {\nf weight -254\n}");
    let daemon = daemon(&text);
    assert_eq!(daemon.initial_values, [("f".to_owned(), InitialValue { value: 5, overwrite: true })]);
    assert_eq!(daemon.instances[0].track_checks[0].weight.weight, Weight::Adjust((-254).try_into().unwrap()));
}

#[test]
fn a_group_and_an_instance_track_each_kind_in_its_list() {
    let text = "vrrp_script s {\nscript /bin/s\n}\nvrrp_track_process p {\nprocess p\n}\ntrack_file f {\nfile /f\n}\n"
        .to_owned()
        + &instance("no_virtual_ipaddress\ntrack_process { p }\ntrack_file { f weight 0 }\ntrack_script { s }")
        + "vrrp_sync_group g {\ngroup { a }\nsync_group_tracking_weight\ntrack_process { p weight 3 }\ntrack_file { f }\n}\n";
    let daemon = daemon(&text);
    let names = |tracks: &[Track]| tracks.iter().map(|track| track.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&daemon.instances[0].track_checks), ["s", "f", "p"]);
    assert_eq!(names(&daemon.sync_groups[0].track_checks), ["f", "p"]);
    let mixed = wrong(&text.replace("track_file { f weight 0 }", "track_script { f }"));
    assert!(mixed.contains("`f` in `track_script` is a check of another kind"), "{mixed}");
    assert!(mixed.contains("expected: `f` in `track_file`"), "{mixed}");
    let taken = wrong(&text.replace("track_file f {", "track_file p {"));
    assert!(taken.contains("name `p` is taken"), "{taken}");
}

#[test]
fn a_check_that_cannot_be_is_explained() {
    for (line, told) in [
        ("check", "`check` says nothing to look at"),
        ("check tcpp 192.0.2.1:80", "did you mean `tcp`"),
        ("check tcp", "`tcp` has no value"),
        ("check tcp localhost:80", "names are not looked up"),
        ("check tcp 192.0.2.1", "is not an address with a port"),
        ("check tcp 192.0.2.1:0", "is not an address with a port"),
        ("check tcp 192.0.2.1:80 path /", "`path` does not belong into a check of `tcp`"),
        ("check tcp 192.0.2.1:80 from 2001:db8::1", "192.0.2.1 cannot be reached from 2001:db8::1"),
        ("check tcp 224.0.0.1:80", "is not an address with a port"),
        ("check http 192.0.2.1:80 path x", "`x` is not a path"),
        ("check http 192.0.2.1:80 path /é", "`/é` is not a path"),
        ("check http 192.0.2.1:80 header \"X A: b\"", "`X A: b` does not belong"),
        ("check proxy 192.0.2.1:80 get http://é", "`http://é` does not belong"),
        ("check tls 192.0.2.1:443 valid_for 3155760001", "`3155760001` is out of range"),
        ("check http 192.0.2.1:80 status 299-200", "`299-200` is not a status"),
        ("check http 192.0.2.1:80 header Via", "`Via` does not belong"),
        ("check http 192.0.2.1:80 server_name x", "`server_name` does not belong"),
        ("check proxy 192.0.2.1:80", "does not say what the proxy is asked for"),
        ("check proxy 192.0.2.1:80 get https://x", "`https://x` does not belong"),
        ("check proxy 192.0.2.1:80 connect x", "`x` does not belong"),
        ("check dns 192.0.2.1", "does not say the `name` that is asked for"),
        ("check dns 192.0.2.1 name x type PTR", "`PTR` does not belong"),
        ("check dns 192.0.2.1 name x answer 2001:db8::1", "answers another type of question"),
        ("check neighbour 192.0.2.1", "does not say the interface"),
        ("check file x", "`x` is not a whole path"),
        ("check file /x absent contains y", "`contains` does not belong"),
        ("check process x least 2 most 1", "no number of processes is at most 1 and at least 2"),
        ("check tcp 192.0.2.1:80\nscript /bin/x", "`script` and `check` in one block"),
    ] {
        let text = format!("vrrp_script c {{\n{line}\n}}\n") + &instance("track_script { c }");
        let found = wrong(&text);
        assert!(found.contains(told), "{line}: {found}");
    }
    for (block, told) in [
        ("vrrp_track_process c {\nquorum 1\n}", "`c` has no `process`"),
        ("vrrp_track_process c {\nprocess x\nquorum 3\nquorum_max 2\n}", "no number of processes is at most 2"),
        ("vrrp_track_process c {\nprocess x\nparam_match parital\n}", "did you mean `partial`"),
        ("vrrp_track_process c {\nprocess x\nweight 255\n}", "`255` is out of range"),
        ("track_file c {\nweight 1\n}", "`c` has no `file`"),
        ("track_file c {\nfile x\n}", "`x` is not a whole path"),
        ("track_file c {\nfile /x\ninit_file 1 2\n}", "`2` is unexpected after a value"),
    ] {
        let found = wrong(&(block.to_owned() + "\n" + &instance("")));
        assert!(found.contains(told), "{block}: {found}");
    }
}

#[test]
fn fifos_have_their_readers_and_every_instance_may_tell_of_its_priority() {
    let text = "global_defs {\nscript_user nobody\nnotify_fifo /run/all\nvrrp_notify_fifo \"/run/of vrrp\"\n\
        vrrp_notify_fifo_script \"/bin/read -x\" root\nfifo_write_vrrp_states_on_reload\nvrrp_notify_priority_changes\n}\n"
        .to_owned()
        + &instance("no_virtual_ipaddress\nnotify_master_rx_lower_pri \"/bin/l x\"")
        + &instance("no_virtual_ipaddress\nnotify_priority_changes off").replace("e a {", "e b {").replace('7', "8");
    let daemon = daemon(&text);
    let paths: Vec<_> = daemon.fifos.iter().map(|fifo| fifo.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["/run/of vrrp", "/run/all"]);
    let reader = daemon.fifos[0].script.as_ref().unwrap();
    assert_eq!(
        (reader.words.join(" "), &reader.user.as_ref().unwrap().user),
        ("/bin/read -x".to_owned(), &"root".to_owned())
    );
    assert!(daemon.fifos[1].script.is_none() && daemon.fifo_states_on_reload);
    let notify = |n: usize| &daemon.instances[n].notify;
    assert_eq!([notify(0).priority_changes, notify(1).priority_changes], [true, false]);
    assert_eq!(notify(0).lower_priority.as_ref().unwrap().words, ["/bin/l", "x"]);

    let global = |lines: &str| format!("global_defs {{\n{lines}\n}}\n") + &instance("no_virtual_ipaddress");
    assert_eq!(notices(&global("notify_fifo_script /bin/x")), ["this script has no FIFO to read, so it is not run"]);
    for (lines, told) in [
        ("notify_fifo x", "`x` is not a whole path"),
        ("notify_fifo /x nobody", "the owner of a FIFO cannot be set here"),
        ("notify_fifo /x\nvrrp_notify_fifo /x", "two FIFOs with one path"),
    ] {
        let found = wrong(&global(lines));
        assert!(found.contains(told), "{lines}: {found}");
    }
}

#[test]
fn what_is_static_has_the_default_interface_and_so_has_an_instance_that_names_none() {
    let fixed = "static_ipaddress {\n203.0.113.1/24 brd +\n203.0.113.2 dev eth5 noprefixroute\n}\n\
        static_routes {\ndefault via 192.0.2.1 table 7\nblackhole 198.51.100.0/24\n}\n\
        static_rules {\nfrom 203.0.113.0/24 table 7\nto 198.51.100.0/24 table 7 priority 9\n}\n";
    let own = daemon(&(fixed.to_owned() + &instance("no_virtual_ipaddress"))).fixed;
    let device = |n: usize| own.addresses[n].device.as_deref();
    assert_eq!((device(0), device(1)), (Some("eth0"), Some("eth5")));
    assert_eq!((own.routes.len(), own.rules[0].priority, own.rules[1].priority), (2, 16384, 9));
    let unnamed = instance("no_virtual_ipaddress").replace("interface eth0", "");
    let text = "global_defs {\ndefault_interface wan\n}\n".to_owned() + fixed + &unnamed;
    let daemon = daemon(&text);
    assert_eq!(daemon.fixed.addresses[0].device.as_deref(), Some("wan"));
    assert_eq!(daemon.instances[0].interface, "wan");
    assert!(notices(&text).contains(&"`a` runs on wan: it names no interface".to_owned()));
    let unicast = unnamed.replace("no_virtual", "unicast_src_ip 192.0.2.9\nunicast_peer { 192.0.2.2 }\nno_virtual");
    for (text, told) in [
        (unnamed, "the instance `a` has no `interface`"),
        (unicast, "`a` has no `interface`, and no interface has 192.0.2.9"),
        ("static_ipaddress {\n192.0.2.1 track_group g\n}\n".to_owned(), "`track_group` is unexpected"),
        (
            "static_ipaddress {\n192.0.2.1\n}\n".to_owned() + &instance("virtual_ipaddress { 192.0.2.1 }"),
            "the address 192.0.2.1 is taken on eth0",
        ),
        (
            instance("virtual_ipaddress { 192.0.2.1 }\nvirtual_ipaddress_excluded {\n192.0.2.1 dev eth1\n}"),
            "this router has the address 192.0.2.1 on another device too",
        ),
    ] {
        let found = wrong(&text);
        assert!(found.contains(told), "{text}: {found}");
    }
}
