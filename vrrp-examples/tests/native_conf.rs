//! The native format: every key of it, files with mistakes, what keepalived.conf converts to, and any text.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[allow(clippy::panic, unreachable_pub, missing_docs, reason = "a library elsewhere")]
#[path = "../../fuzz/src/vrrpd_toml.rs"]
mod property;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vrrp_core::{Family, Password, Profile, Weight};
use vrrp_examples::vrrpd::config::{Command, Daemon, InitialValue, Options, Probe, RouteKind, TrackWeight, User};
use vrrp_examples::vrrpd::keepalived;
use vrrp_examples::vrrpd::native::{self, load, parse_str};
use vrrp_io_linux::checks::{Arguments, FileExpect, Probe as Native, ProxyRequest, Record};
use vrrp_io_linux::{Scheduling, Scope};

fn everything() -> Daemon {
    load(Path::new("tests/conf/native/everything.toml")).unwrap_or_else(|why| panic!("{why}")).daemon
}

fn command(words: &[&str], user: &str, group: Option<&str>) -> Command {
    let user = User { user: user.to_owned(), group: group.map(str::to_owned) };
    Command { words: words.iter().map(|word| (*word).to_owned()).collect(), user: Some(user), secure: true }
}

#[test]
fn the_keys_of_the_daemon_mean_what_they_say() {
    let daemon = everything();
    let seconds = Duration::from_secs;
    let options = Options { no_lease: true, notify_timeout: Some(seconds(10)), stop_timeout: Some(Duration::ZERO) };
    assert_eq!((daemon.options, daemon.startup_delay), (options, Duration::from_millis(2500)));
    let limit = Duration::from_millis(500);
    let scheduling = Scheduling::new().with_real_time(50).with_real_time_limit(limit).with_nice(-5);
    assert_eq!(daemon.scheduling, scheduling.with_locked_memory(true));
    let [delay] = &daemon.interface_delays[..] else { panic!("{daemon:#?}") };
    assert_eq!((delay.interface.as_str(), delay.up, delay.down), ("eth0", seconds(3), Duration::from_millis(100)));
    assert!(daemon.fifo_states_on_reload);
    let [fifo] = &daemon.fifos[..] else { panic!("{daemon:#?}") };
    assert_eq!(fifo.path, Path::new("/run/vrrpd.fifo"));
    assert_eq!(fifo.script, Some(command(&["/usr/bin/reader", "--from"], "nobody", Some("nogroup"))));
    let fixed = &daemon.fixed;
    assert_eq!((fixed.addresses.len(), fixed.routes[0].table, fixed.rules[0].table), (1, 255, 99));
    assert_eq!(fixed.addresses[0].device.as_deref(), Some("eth3"));
    let [group] = &daemon.sync_groups[..] else { panic!("{daemon:#?}") };
    assert_eq!(group.members, ["one", "two"]);
    assert_eq!((group.track_interfaces[0].name.as_str(), group.track_checks[0].name.as_str()), ("eth6", "ping"));
    assert_eq!(group.track_checks[0].weight.weight, Weight::Adjust((-5).try_into().unwrap()));
    assert!(group.notify.any.is_some());
}

#[test]
fn the_keys_of_checks_mean_what_they_say() {
    let daemon = everything();
    let check = |name: &str| daemon.checks.iter().find(|check| check.name == name).unwrap();
    let native = |name: &str| match &check(name).probe {
        Probe::Native(native) => native.clone(),
        other => panic!("{other:?}"),
    };
    let script = check("script");
    assert_eq!(script.command(), Some(&command(&["/bin/sh", "-c", "exit 0"], "daemon", Some("bin"))));
    assert_eq!((script.interval, script.timeout), (Duration::from_millis(500), Duration::from_millis(250)));
    assert_eq!((script.rise.get(), script.fall.get()), (2, 3));
    assert_eq!(script.weight, TrackWeight { weight: Weight::Adjust((-20).try_into().unwrap()), reverse: true });
    assert_eq!((check("tcp").interval, check("tcp").timeout), (Duration::from_secs(1), Duration::from_secs(1)));
    let Native::Tcp(tcp) = native("tcp") else { panic!() };
    assert_eq!((tcp.target, tcp.origin.address), ("[2001:db8::1]:443".parse().unwrap(), "2001:db8::2".parse().ok()));
    assert_eq!(tcp.origin.interface.as_deref(), Some("eth1"));
    let Native::Http(http) = native("http") else { panic!() };
    assert_eq!((http.path.as_str(), http.host.as_deref()), ("/health?deep=1", Some("www.example.org")));
    assert_eq!((http.expect.status, http.expect.body.as_deref()), ((204, 204), Some("ok")));
    assert_eq!(http.expect.header, Some(("X-State".to_owned(), "ready".to_owned())));
    let tls = http.tls.unwrap();
    assert_eq!((tls.verify, tls.min_validity), (false, Duration::from_secs(7 * 86_400)));
    assert_eq!(tls.authorities.as_deref(), Some(Path::new("/etc/ssl/ours.pem")));
    let Native::Proxy(get) = native("get") else { panic!() };
    assert_eq!(get.request, ProxyRequest::Get("http://www.example.org/".to_owned()));
    assert_eq!((get.expect.status, get.proxy), ((200, 299), "192.0.2.10:3128".parse().unwrap()));
    let Native::Proxy(connect) = native("connect") else { panic!() };
    assert_eq!(connect.request, ProxyRequest::Connect("www.example.org:443".to_owned()));
    assert_eq!(connect.expect.status, (200, 399));
    let Native::Tls(tls) = native("tls") else { panic!() };
    assert_eq!((tls.options.server_name.as_str(), tls.options.verify), ("www.example.org", false));
    let Native::Dns(dns) = native("dns") else { panic!() };
    assert_eq!((dns.record, dns.answer), (Record::Aaaa, "2001:db8::80".parse().ok()));
    let Native::Ping(ping) = native("ping") else { panic!() };
    assert_eq!(ping.target, "192.0.2.254".parse::<std::net::IpAddr>().unwrap());
    let Native::Neighbour(gateway) = native("gateway") else { panic!() };
    assert_eq!(gateway.interface, "eth0");
    let Native::File(flag) = native("flag") else { panic!() };
    assert_eq!(flag.expect, FileExpect::Absent);
    let Native::File(state) = native("state") else { panic!() };
    assert_eq!(state.expect, FileExpect::Contains("ready".to_owned()));
    let Native::Process(process) = native("squid") else { panic!() };
    assert!(process.full_command && matches!(process.arguments, Some(Arguments::Initial(words)) if words.len() == 2));
    assert_eq!((process.least, process.most, process.delay_up), (2, Some(9), Duration::from_secs(1)));
    assert_eq!(check("load").probe, Probe::Value(PathBuf::from("/run/load")));
    assert_eq!(daemon.initial_values, [("load".to_owned(), InitialValue { value: -3, overwrite: true })]);
}

#[test]
fn the_keys_of_a_router_mean_what_they_say() {
    let daemon = everything();
    let [one, two, three, four] = &daemon.instances[..] else { panic!("{daemon:#?}") };
    assert_eq!((one.vrid.get(), one.priority.get(), one.interval.centis()), (10, 150, 25));
    let protocol = &one.protocol;
    assert_eq!(protocol.profile, Profile::Rfc9568);
    assert!(!(protocol.accept || protocol.answer_lower || protocol.yield_advertisement || protocol.pseudo_header));
    assert!(one.preempt && one.preempt_delay == Duration::from_secs(30) && !one.track_own_interface);
    let [_, virtual_ip] = &one.addresses[..] else { panic!("{one:#?}") };
    assert_eq!(
        (virtual_ip.device.as_deref(), virtual_ip.label.as_deref(), virtual_ip.scope),
        (Some("eth4"), Some("eth4:1"), Scope::Link)
    );
    assert_eq!(virtual_ip.broadcast, "192.0.2.255".parse().ok());
    assert_eq!((one.excluded.len(), one.excluded[1].scope), (2, Scope::Other(7)));
    assert!(one.excluded[1].no_prefix_route && !one.excluded[0].no_prefix_route);
    let names: Vec<&str> = one.track_interfaces.iter().map(|track| track.name.as_str()).collect();
    assert_eq!(names, ["eth1", "eth2"], "eth4 and eth5 are not tracked");
    assert_eq!(one.track_checks[1].weight, TrackWeight::default());
    assert_eq!((one.routes[0].table, one.routes[0].metric, one.routes[0].onlink), (100, Some(5), true));
    assert_eq!((one.routes[1].scope, one.routes[2].kind), (Some(200), RouteKind::Blackhole));
    assert_eq!((one.rules[0].table, one.rules[0].mark.unwrap().mask), (254, Some(0xff)));
    assert_eq!((one.rules[1].family, one.rules[1].mark.unwrap().value), (Family::Ipv6, 3));
    let unicast = one.unicast.as_ref().unwrap();
    assert_eq!((unicast.ttl, unicast.peers[1].min_ttl), (64, 254));
    let mac = one.virtual_mac.as_ref().unwrap();
    assert_eq!((mac.interface.as_str(), mac.address), ("vmac10", Some([2, 0, 0x5e, 0, 1, 10])));
    assert_eq!(one.notify.backup, Some(command(&["/usr/bin/tell", "backup"], "root", None)));
    assert_eq!(one.notify.fault, Some(command(&["/usr/bin/tell", "a fault"], "root", Some("adm"))));
    assert!(one.notify.lower_priority.is_some() && one.notify.priority_changes);
    let announce = &one.announce;
    assert_eq!((announce.repeat, announce.delay, announce.refresh_repeat), (3, None, 2));
    assert_eq!((announce.refresh, announce.gap), (Some(Duration::from_secs(60)), Duration::from_millis(1)));
    assert_eq!((two.family, two.preempt, two.addresses.len()), (Family::Ipv6, false, 0));
    assert_eq!(two.protocol.profile, Profile::Rfc9568, "IPv6 has version 3 only");
    assert_eq!(two.virtual_mac.as_ref().map(|mac| mac.interface.as_str()), Some("vrrp6.10"));
    assert_eq!(three.protocol.profile, Profile::Rfc3768);
    assert!(three.protocol.owner_listens && !three.protocol.strict_list && three.protocol.accept);
    assert_eq!(three.announce.lower_prio_repeat, 0);
    assert_eq!(four.password, Password::new(b"s3cret").ok());
    assert_eq!(four.protocol.profile, Profile::Rfc2338);
}

/// The first column of each row of the reference.
fn keys() -> BTreeSet<String> {
    let reference = native::reference();
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn no_key_is_missing_in_the_file_with_every_key_and_it_is_written_again() {
    let text = fs::read_to_string("tests/conf/native/everything.toml").unwrap();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = text.split(|c| !is_word(c)).collect();
    let missing: Vec<String> = keys().into_iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(missing.is_empty() && keys().len() > 100, "{missing:?}");
    property::says_the_same_again(&everything());
}

/// A line that is left out changes something: no key is read for nothing.
#[test]
fn every_key_counts() {
    let text = fs::read_to_string("tests/conf/native/everything.toml").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let whole = everything();
    let mut counted = 0;
    for (at, line) in lines.iter().enumerate() {
        let is_entry = line.contains(" = ") && !line.starts_with([' ', '#']) && !line.ends_with('[');
        // An address of this name is the name of another one.
        if !is_entry {
            continue;
        }
        let rest: Vec<&str> = lines[..at].iter().chain(&lines[at + 1..]).copied().collect();
        let changed = parse_str("t", &rest.join("\n")).map_or(true, |loaded| loaded.daemon != whole);
        assert!(changed, "without `{line}` (line {}) it means the same", at + 1);
        counted += 1;
    }
    assert!(counted > 100, "{counted}");
}

fn held(path: &str, text: &str) {
    if std::env::var_os("VRRP_BLESS").is_some() {
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == text, "{path} is not what the sources say: VRRP_BLESS=1 writes it anew\n{text}");
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_reader() {
    held("../docs/vrrpd.schema.json", &format!("{:#}\n", native::schema()));
}

#[test]
fn the_reference_in_the_docs_is_that_of_the_reader() {
    let path = "../docs/configuration.md";
    let page = fs::read_to_string(path).unwrap();
    let mark = "<!-- What follows is written by a test: VRRP_BLESS=1 cargo test --test native_conf -->\n";
    let (before, _) = page.split_once(mark).unwrap();
    held(path, &format!("{before}{mark}\n{}", native::reference().trim_end_matches('\n').to_owned() + "\n"));
}

/// The examples in the docs load.
#[test]
fn the_examples_in_the_docs_would_run() {
    let page = fs::read_to_string("../docs/configuration.md").unwrap();
    let examples: Vec<&str> = page.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    assert!(!examples.is_empty());
    for example in examples {
        parse_str("docs/configuration.md", example).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// The article's proxies, with a check that asks Squid as a client does.
#[test]
fn the_proxies_of_the_article_ask_squid() {
    let loaded = load(Path::new("article/proxies.toml")).unwrap_or_else(|why| panic!("{why}"));
    assert!(loaded.notices.is_empty(), "{:?}", loaded.notices);
    let article = keepalived::load(Path::new("article/proxy-serv01.conf")).unwrap().daemon;
    let mut daemon = loaded.daemon;
    let squid = daemon.checks.pop().unwrap();
    let Probe::Native(Native::Proxy(proxy)) = &squid.probe else { panic!("{squid:?}") };
    assert_eq!(proxy.proxy, "127.0.0.1:3128".parse().unwrap());
    assert!(matches!(&proxy.request, ProxyRequest::Get(url) if url.starts_with("http://")));
    assert!(squid.interval * squid.fall.get() + squid.timeout <= Duration::from_secs(4), "as the file says");
    assert_eq!(squid.weight, TrackWeight::default(), "a Squid that does not answer is a fault");
    // Without that check it is the article's, but for priority 255, which no host of it should have.
    for (instance, article) in daemon.instances.iter_mut().zip(&article.instances) {
        assert_eq!(instance.track_checks.pop().unwrap().name, "squid_answers");
        assert_eq!(instance.priority > vrrp_core::Priority::DEFAULT, article.priority.is_owner());
        instance.priority = article.priority;
    }
    assert_eq!(daemon, article);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let mut paths: Vec<PathBuf> = fs::read_dir("tests/conf/native/broken")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{}", paths.len());
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let found = parse_str(&name, &text).map(|loaded| format!("{:#?}", loaded.daemon));
        let found = found.expect_err(&name).to_string();
        assert!(!found.contains("s3cret"), "a password is shown: {found}");
        held(&path.with_extension("expected").to_string_lossy(), &(found + "\n"));
    }
}

#[test]
fn a_file_with_nothing_but_comments_runs_nothing_as_a_keepalived_conf_does() {
    let idle = keepalived::parse_str("vrrpd.conf", include_str!("../debian/vrrpd.conf")).unwrap().daemon;
    let (native, printed) = (native::print(&idle), keepalived::print(&idle));
    assert_eq!(native, "# no virtual router is configured\n");
    let read = parse_str("vrrpd.toml", &native).unwrap();
    assert_eq!(read.daemon, idle);
    assert_eq!(
        read.notices.iter().map(|found| found.message.as_str()).collect::<Vec<_>>(),
        ["no virtual router is configured"]
    );
    assert_eq!(keepalived::parse_str("vrrpd.conf", &printed).unwrap().daemon, idle);
    assert!(parse_str("vrrpd.toml", "\n").is_err(), "cut off or emptied by mistake");
    assert!(parse_str("vrrpd.toml", "lease = false\n").is_err(), "something is set");
}

/// A file with one router, and more.
fn with(more: &str) -> String {
    format!("{more}\n[router.a]\ninterface = \"eth0\"\nvrid = 1\naddresses = [\"192.0.2.1/24\"]\n")
}

#[test]
fn the_rules_of_both_formats_hold_here_too() {
    let check = |lines: &str| with(&format!("[check.c]\n{lines}\n"));
    let found = |text: &str| match parse_str("t", text) {
        Ok(loaded) => loaded.notices.iter().map(|found| format!("notice: {}\n", found.message)).collect(),
        Err(found) => found.to_string(),
    };
    for (text, told) in [
        (
            with("[fixed]\naddresses = [{ address = \"192.0.2.1/24\", device = \"eth0\" }]"),
            "error: the address 192.0.2.1 is taken on eth0, first on line 2",
        ),
        (
            with("") + "excluded = [{ address = \"192.0.2.1/24\", device = \"eth1\" }]\n",
            "t:6:25: error: this router has the address 192.0.2.1 on another device too, first on line 5",
        ),
        (with("[[fifo]]\npath = \"/run/f\"\n[[fifo]]\npath = \"/run/f\""), "t:4:8: error: two FIFOs with one path"),
        (
            with("process.real_time_limit = \"100ms\""),
            "notice: `real_time_limit` is raised to \"200ms\": a takeover of many addresses can take that long",
        ),
        (
            check("kind = \"tcp\"\ntarget = \"192.0.2.9:80\"\nsource = \"2001:db8::1\""),
            "error: 192.0.2.9 cannot be reached from 2001:db8::1",
        ),
        (
            check("kind = \"ping\"\ntarget = \"2001:db8::9\"\nsource = \"192.0.2.9\""),
            "error: 2001:db8::9 cannot be reached from 192.0.2.9",
        ),
        (
            check("kind = \"tcp\"\ntarget = \"0.0.0.0:80\""),
            "error: `0.0.0.0:80` is not the address of one host with a port",
        ),
        (check("kind = \"tcp\"\ntarget = \"224.0.0.1:80\""), "error: `224.0.0.1:80` is not the address of one host"),
        (
            check("kind = \"value\"\npath = \"/run/v\"\noverwrite = true"),
            "notice: `overwrite` has no effect: there is no `initial`",
        ),
        (check("kind = \"value\"\npath = \"/run/v\"\noverwrite = \"yes\""), "error: this is a text"),
        (
            with("") + "[group.g]\nmembers = [\"a\"]\nnotify.lower_priority = \"/bin/l\"",
            "notice: `lower_priority` has no effect in a group",
        ),
        (
            with("") + "[group.g]\nmembers = [\"a\"]\nnotify.priority_changes = true",
            "notice: `priority_changes` has no effect in a group",
        ),
    ] {
        let found: String = found(&text);
        assert_eq!(found.matches(told).count(), 1, "{text}\n{told}\n{found}");
    }
}

#[test]
fn printed_in_full_it_says_every_default_and_no_password() {
    let router = native::print_in_full(&parse_str("t", &with("")).unwrap().daemon);
    for line in [
        "lease = true",
        "priority = 100",
        "interval = \"1s\"",
        "strict = false",
        "preempt_delay = \"0s\"",
        "repeat = 5",
    ] {
        assert!(router.lines().any(|found| found == line), "{line}: {router}");
    }
    for text in texts() {
        let Ok(mut loaded) = parse_str("t", &text) else { continue };
        let printed = native::print_in_full(&loaded.daemon);
        let again = parse_str("t", &printed).unwrap_or_else(|why| panic!("{printed}\n{why}"));
        for instance in &mut loaded.daemon.instances {
            if instance.password.take().is_some() {
                assert!(printed.contains("# password: there is one, which is not printed"), "{printed}");
            }
        }
        assert!(again.daemon == loaded.daemon, "{printed}\nis {:#?}\ninstead of {:#?}", again.daemon, loaded.daemon);
        assert!(!printed.contains("s3cret"), "{printed}");
    }
}

/// A check that keepalived.conf can ask for can be written in this format.
#[test]
fn both_formats_take_the_same_checks() {
    for line in [
        "tls 192.0.2.9:443 valid_for 3155760000",
        "https 192.0.2.9:443 path /a?b=c%20d host \"é x\" header \"X-A: é b\" body \"é \"",
        "proxy 192.0.2.9:3128 get http://www.example.org/",
        "proxy 192.0.2.9:3128 connect www.example.org:443",
        "dns 192.0.2.9 name \"é x\"",
    ] {
        let text = format!(
            "vrrp_script c {{\ncheck {line}\n}}\nvrrp_instance a {{\ninterface eth0\nvirtual_router_id 1\n\
             virtual_ipaddress {{ 192.0.2.1 }}\ntrack_script {{ c }}\n}}\n"
        );
        let daemon = keepalived::parse_str("t", &text).unwrap_or_else(|why| panic!("{why}")).daemon;
        property::says_the_same_again(&daemon);
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let missing = load(Path::new("tests/conf/native/nothing.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("tests/conf/native/nothing.toml: error: cannot be read: "), "{missing}");
    let path = std::env::temp_dir().join(format!("vrrpd-latin1-{}.toml", std::process::id()));
    fs::write(&path, b"lease = true\n# \xe9\n").unwrap();
    let found = load(&path).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    assert!(found.ends_with("error: line 2 is not UTF-8, which TOML has to be"), "{found}");
}

/// The files that are carried, those of the native format and what the others convert to.
fn texts() -> Vec<String> {
    let mut paths: Vec<PathBuf> = ["article", "tests/conf/good", "tests/conf/native", "tests/conf/native/broken"]
        .iter()
        .flat_map(|directory| fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    paths.sort();
    let text = |path: &PathBuf| match path.extension()?.to_str()? {
        "toml" => Some(fs::read_to_string(path).unwrap()),
        "conf" => Some(native::print(&keepalived::load(path).ok()?.daemon)),
        _ => None,
    };
    paths.iter().filter_map(text).collect()
}

#[test]
fn real_files_are_explained_or_say_the_same_again() {
    let texts = texts();
    assert!(texts.len() > 15, "{}", texts.len());
    texts.iter().for_each(|text| property::run(text.as_bytes()));
}

/// A file in which lines were left out, moved, taken from another file, or had a value exchanged.
fn mutated() -> impl Strategy<Value = String> {
    let texts = texts();
    let lines: Vec<String> = texts.iter().flat_map(|text| text.lines().map(str::to_owned)).collect();
    let values: Vec<String> = lines.iter().filter_map(|line| Some(line.split_once(" = ")?.1.to_owned())).collect();
    let change = (0..4_usize, any::<prop::sample::Index>(), select(lines), select(values));
    (select(texts), vec(change, 0..5)).prop_map(|(text, changes)| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (kind, at, line, value) in changes {
            if lines.is_empty() {
                break;
            }
            let at = at.index(lines.len());
            match (kind, lines[at].split_once(" = ")) {
                (0, _) => drop(lines.remove(at)),
                (1, _) => lines.insert(at, line),
                (_, Some((key, _))) => lines[at] = format!("{key} = {value}"),
                _ => lines.swap(0, at),
            }
        }
        lines.join("\n")
    })
}

/// Pieces of files, well put together or not.
fn pieces() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "[router.a]\ninterface = \"eth0\"\nvrid = 1\n",
        "[router.\"é \\u0000\"]\n",
        "[check.a]\nkind = \"tcp\"\ntarget = \"192.0.2.1:80\"\n",
        "[check.a]\n",
        "[[fifo]]\n",
        "[group.g]\nmembers = [\"a\"]\n",
        "[fixed]\n",
        "kind = ",
        "addresses = ",
        "virtual_mac = ",
        "unicast.peers = ",
        "track_interfaces = ",
        "routes = ",
        "password = ",
        "interval = ",
        "\"192.0.2.1/24\"",
        "{ address = \"192.0.2.1\", device = \"eth1\" }",
        "{ to = \"default\", via = \"192.0.2.254\" }",
        "{}",
        "9223372036854775808",
        "-1",
        "1979-05-27",
        "inf",
        "\"3s\"",
        "\"\"\"",
        "'''",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        ".",
        "#",
        "\n",
        "\r\n",
        " ",
        "\t",
        "\u{feff}",
        "é",
        "\0",
    ];
    vec(select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_files(text in pieces()) {
        property::run(text.as_bytes());
    }

    #[test]
    fn files_that_somebody_has_changed(text in mutated()) {
        property::run(text.as_bytes());
    }
}

/// The generator would prove little if it made mistakes only.
#[test]
fn enough_of_what_was_changed_loads() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let texts = (0..500).map(|_| mutated().new_tree(&mut runner).unwrap().current());
    let loaded = texts.filter(|text| parse_str("t", text).is_ok()).count();
    assert!(loaded > 50, "{loaded} of 500");
}
