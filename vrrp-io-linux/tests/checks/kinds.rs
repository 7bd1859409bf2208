//! What each kind of check sees of a server that is well, and of one that is not.

use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::channel;
use tokio::time::timeout;
use vrrp_io_linux::checks::{
    Check, Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Outcome, Ping, Probe, Process, Proxy, ProxyRequest,
    Reading, Record, Target, Tls, TlsOptions, ValueFile, spawn, who_has,
};

use super::certificates::Authority;
use super::local::{Folder, Program};
use super::testing::{ifindex, in_namespace, ip};
use super::{LONG, failed, http, passed, servers, tcp};

const PAGE: &str = "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 13\r\n\r\nall is well\r\n";

#[tokio::test]
async fn tcp_connects_from_where_it_is_told() {
    let server = servers::silent().await;
    assert_eq!(passed(&tcp(server).run(LONG).await), format!("{server}: connected"));
    let origin = |address: &str| Origin { address: Some(address.parse().unwrap()), interface: None };
    let from = |address| Probe::Tcp(vrrp_io_linux::checks::Tcp { target: server, origin: origin(address) });
    assert_eq!(passed(&from("127.0.0.9").run(LONG).await), format!("{server} from 127.0.0.9: connected"));
    let elsewhere = from("192.0.2.9").run(LONG).await;
    assert!(failed(&elsewhere).contains("come from 192.0.2.9: Cannot assign requested address"), "{elsewhere:?}");
}

#[tokio::test]
async fn a_page_is_compared_by_status_header_and_body() {
    let page = |request: &str| {
        assert!(request.starts_with("GET /health?deep HTTP/1.1\r\n"), "{request}");
        assert!(request.to_lowercase().contains("\r\nhost: www.example\r\n"), "{request}");
        PAGE.into()
    };
    let target = servers::answering(page).await;
    let with = |expect: Expect| {
        let (path, host) = ("/health?deep".to_owned(), Some("www.example".to_owned()));
        Probe::Http(Http { path, host, expect, ..http(target) })
    };
    let header =
        |name: &str, text: &str| Expect { header: Some((name.to_owned(), text.to_owned())), ..Expect::default() };
    let body = |text: &str| Expect { body: Some(text.to_owned()), ..Expect::default() };
    for good in
        [Expect::default(), header("server", "es"), body("all is"), Expect { status: (200, 200), ..body("well") }]
    {
        assert_eq!(passed(&with(good).run(LONG).await), format!("{target}: status 200"));
    }
    for (bad, why) in [
        (Expect { status: (204, 204), ..Expect::default() }, "answer: expected status 204, found status 200 OK"),
        (header("Server", "squid"), "answer: expected `squid` in the header Server, found `test`"),
        (header("Via", "squid"), "answer: expected `squid` in the header Via, found no such header"),
        (body("all is bad"), "body: expected `all is bad` in its first 262144 octets, found none"),
    ] {
        assert_eq!(failed(&with(bad).run(LONG).await), format!("{target}: {why}"));
    }
    let strange = Http { path: "not a path".to_owned(), ..http(target) };
    assert!(failed(&Probe::Http(strange).run(LONG).await).contains("request: `not a path` cannot be asked for"));
}

#[tokio::test]
async fn a_proxy_gets_a_page_or_connects() {
    let answer = |request: &str| match request.lines().next() {
        Some("GET http://www.example/ HTTP/1.1") => PAGE.into(),
        Some("CONNECT www.example:443 HTTP/1.1") => "HTTP/1.1 200 Connection established\r\n\r\n".into(),
        _ => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".into(),
    };
    let proxy = servers::answering(answer).await;
    let ask = |request, expect| {
        let probe = Probe::Proxy(Proxy { proxy, origin: Origin::default(), request, expect });
        async move { probe.run(LONG).await }
    };
    let get = |url: &str| ProxyRequest::Get(url.to_owned());
    let connect = |to: &str| ProxyRequest::Connect(to.to_owned());
    let body = Expect { body: Some("well".to_owned()), ..Expect::default() };
    assert!(passed(&ask(get("http://www.example/"), body).await).ends_with(": status 200"));
    let connected = ask(connect("www.example:443"), Expect::default()).await;
    assert_eq!(passed(&connected), format!("a connection to www.example:443 by the proxy {proxy}: status 200"));
    for (request, why) in [
        (get("http://other.example/"), "found status 503 Service Unavailable"),
        (connect("other.example:443"), "found status 503 Service Unavailable"),
        (get("www.example"), "expected a URL that begins with http://, found www.example"),
        (get("https://www.example/"), "expected a URL that begins with http://, found https://www.example/"),
        (connect("www.example"), "expected HOST:PORT, found www.example"),
        (connect("http://www.example:80/"), "expected HOST:PORT, found http://www.example:80/"),
    ] {
        let outcome = ask(request, Expect::default()).await;
        assert!(failed(&outcome).ends_with(why), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_of_the_authority_for_the_name_and_long_enough() {
    let folder = Folder::new();
    let (authority, others) = (Authority::new(&folder), Folder::new());
    let other = Authority::new(&others);
    let target = servers::encrypted(authority.server("www.example", -1..10), PAGE).await;
    let options = |name: &str, file: &std::path::Path| TlsOptions {
        server_name: name.to_owned(),
        authorities: Some(file.to_owned()),
        verify: true,
        min_validity: Duration::ZERO,
    };
    let good = options("www.example", &authority.file);
    let tls = |options: TlsOptions| {
        let probe = Probe::Tls(Tls { target, origin: Origin::default(), options });
        async move { probe.run(LONG).await }
    };
    assert!(passed(&tls(good.clone()).await).contains("its certificate is valid for "));
    let page = Expect { body: Some("all is well".to_owned()), ..Expect::default() };
    let page = Http { tls: Some(good.clone()), expect: page, ..http(target) };
    assert!(passed(&Probe::Http(page).run(LONG).await).ends_with("status 200"));

    let anybody = TlsOptions { verify: false, ..options("other.example", &other.file) };
    assert!(tls(anybody).await.success());
    let long = TlsOptions { min_validity: Duration::from_secs(30 * 86_400), ..good.clone() };
    let short = tls(long).await;
    assert!(failed(&short).contains("certificate: expected one that is valid for 30.0 days, found "), "{short:?}");
    for (bad, why) in [
        (
            options("other.example", &authority.file),
            "TLS handshake: invalid peer certificate: certificate not valid for",
        ),
        (options("www.example", &other.file), "TLS handshake: invalid peer certificate: "),
        (options("www.example", &folder.path("nothing")), "nothing: No such file or directory"),
        (options("no name", &authority.file), "server name: `no name`"),
    ] {
        let outcome = tls(bad).await;
        assert!(failed(&outcome).contains(why), "{outcome:?}");
    }
    let plain = servers::listen(|mut stream| async move {
        let _ = stream.write_all(PAGE.as_bytes()).await;
    });
    let plain = plain.await;
    let spoken = Probe::Tls(Tls { target: plain, origin: Origin::default(), options: good }).run(LONG).await;
    assert!(failed(&spoken).contains("TLS handshake: "), "{spoken:?}");
}

#[tokio::test]
async fn a_name_server_answers_with_a_record() {
    let server = servers::name_server(ResponseCode::NXDomain, None).await;
    let ask = |name: &str, record, answer: Option<&str>| {
        let answer = answer.map(|address| address.parse().unwrap());
        let probe = Probe::Dns(Dns { server, origin: Origin::default(), name: name.to_owned(), record, answer });
        async move { probe.run(LONG).await }
    };
    assert_eq!(passed(&ask("www.example", Record::A, None).await), format!("www.example A of {server}: 1 records A"));
    assert!(passed(&ask("WWW.example.", Record::A, Some("192.0.2.80")).await).ends_with(": 192.0.2.80"));
    for (name, record, answer, why) in [
        ("www.example", Record::A, Some("192.0.2.81"), "expected 192.0.2.81, found 192.0.2.80"),
        ("www.example", Record::Aaaa, None, "expected a record AAAA, found none"),
        ("other.example", Record::A, None, "expected No Error, found Non-Existent Domain"),
        ("a..b", Record::A, None, "`a..b` is no name that can be asked for"),
    ] {
        let outcome = ask(name, record, answer).await;
        assert!(failed(&outcome).contains(why), "{outcome:?}");
    }
}

#[test]
fn a_gateway_answers_icmp_and_arp() {
    in_namespace(|| {
        ip("link set lo up");
        ip("link add v0 type veth peer name v1");
        // The other end is a host of its own as far as ARP goes: a macvlan would do, and this needs less.
        ip("link set v0 up");
        ip("link set v1 up");
        ip("address add 192.0.2.1/24 dev v0");
        ip("address add 2001:db8::1/64 dev v0 nodad");
        ip("address add 198.51.100.1/24 dev v1");
        ip("address add 2001:db8:1::2/64 dev v1 nodad");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = |probe: Probe, limit: u64| runtime.block_on(probe.run(Duration::from_millis(limit)));
        let ping = |target: &str, interface: Option<&str>| {
            let origin = Origin { address: None, interface: interface.map(str::to_owned) };
            Probe::Ping(Ping { target: target.parse().unwrap(), origin })
        };
        let neighbour = |target: &str, interface: &str| {
            Probe::Neighbour(Neighbour { target: target.parse().unwrap(), interface: interface.to_owned() })
        };
        for good in ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"] {
            let outcome = until(|| run(ping(good, None), 1000));
            assert!(passed(&outcome).starts_with(&format!("{good}: answered in ")), "{outcome:?}");
        }
        // Nobody is there.
        for (gone, limit) in [("192.0.2.77", 300), ("2001:db8::77", 300)] {
            let outcome = run(ping(gone, None), limit);
            assert_eq!(failed(&outcome), format!("{gone}: answer: nothing within 0.3 s"));
        }
        let missing = run(ping("192.0.2.1", Some("v9")), 10_000);
        assert_eq!(failed(&missing), "192.0.2.1 through v9: go through v9: No such device (os error 19)");

        let mac = ip("-oneline link show dev v1");
        let mac = mac.split_once("link/ether ").unwrap().1.split(' ').next().unwrap().to_owned();
        for good in ["198.51.100.1", "2001:db8:1::2"] {
            let outcome = until(|| run(neighbour(good, "v0"), 1000));
            assert_eq!(passed(&outcome), format!("{good} through v0: is at {mac}"));
        }
        for gone in ["198.51.100.77", "2001:db8:1::77"] {
            assert_eq!(
                failed(&run(neighbour(gone, "v0"), 300)),
                format!("{gone} through v0: answer: nothing within 0.3 s")
            );
        }
        // Every answer, with one question for each address.
        let asked = ["198.51.100.1", "198.51.100.77", "2001:db8:1::2", "2001:db8:1::77"].map(|it| it.parse().unwrap());
        let answers = runtime.block_on(who_has("v0", &asked, Duration::from_millis(500))).unwrap();
        let text = |mac: [u8; 6]| mac.map(|octet| format!("{octet:02x}")).join(":");
        let answers: Vec<_> = answers.into_iter().map(|(address, at)| (address, text(at))).collect();
        assert_eq!(answers, [(asked[0], mac.clone()), (asked[2], mac)]);
        assert!(runtime.block_on(who_has("v9", &asked, Duration::ZERO)).is_err());
        let missing = run(neighbour("192.0.2.1", "v9"), 10_000);
        assert_eq!(failed(&missing), "192.0.2.1 through v9: interface v9: No such device (os error 19)");
        ip("link set v0 down");
        for down in ["198.51.100.1", "2001:db8:1::2"] {
            let outcome = run(neighbour(down, "v0"), 500);
            assert!(
                failed(&outcome).contains("Network is down") || failed(&outcome).contains("unreachable"),
                "{outcome:?}"
            );
        }
    });
}

/// Two links may have the same link-local addresses.
#[test]
fn an_answer_on_another_link_is_none() {
    in_namespace(|| {
        for (one, other) in [("v0", "v1"), ("v2", "v3")] {
            ip(&format!("link add {one} type veth peer name {other}"));
            ip(&format!("link set {one} up"));
            ip(&format!("link set {other} up"));
        }
        for (host, interface) in [(2, "v0"), (3, "v2"), (4, "v3")] {
            ip(&format!("address add fe80::{host}/64 dev {interface} nodad"));
        }
        let target: Ipv6Addr = "fe80::1".parse().unwrap();
        let (mac, text) = ([2, 0, 0, 0, 0, 7], "02:00:00:00:00:07");
        // Whoever is behind v2 says again and again that it has the address.
        let link = ifindex("v3");
        let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap();
        socket.set_multicast_if_v6(link).unwrap();
        socket.set_multicast_hops_v6(255).unwrap();
        let advert = [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &target.octets(), &[2, 1], &mac].concat();
        let everybody = SocketAddrV6::new("ff02::1".parse().unwrap(), 0, 0, link).into();
        let say = async move {
            loop {
                // Right after the start there may be no route yet.
                let _ = socket.send_to(&advert, &everybody);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ask = |interface: &'static str, limit: Duration| async move {
            let probe = Probe::Neighbour(Neighbour { target: target.into(), interface: interface.to_owned() });
            (probe.run(limit).await, who_has(interface, &[target.into()], Duration::from_millis(300)).await.unwrap())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let said = tokio::spawn(say);
            let (outcome, answers) = ask("v2", LONG).await;
            assert_eq!(passed(&outcome), format!("{target} through v2: is at {text}"));
            assert_eq!(answers, [(target.into(), mac)]);
            let (outcome, answers) = ask("v0", Duration::from_millis(300)).await;
            assert_eq!(failed(&outcome), format!("{target} through v0: answer: nothing within 0.3 s"));
            assert_eq!(answers, []);
            assert!(!said.is_finished());
        });
    });
}

/// The kernel may lose a packet while an interface comes up.
fn until(look: impl Fn() -> Outcome) -> Outcome {
    let began = Instant::now();
    loop {
        let outcome = look();
        if outcome.success() || began.elapsed() > LONG {
            return outcome;
        }
    }
}

#[tokio::test]
async fn a_file_is_there_or_not_or_says_something() {
    let folder = Folder::new();
    let path = folder.path("state");
    let look = |expect: FileExpect| {
        let probe = Probe::File(File { path: path.clone(), expect });
        async move { probe.run(LONG).await }
    };
    let name = path.display();
    let text = || FileExpect::Contains("ready".to_owned());
    assert_eq!(passed(&look(FileExpect::Absent).await), format!("{name}: is not there"));
    for expect in [FileExpect::Present, text()] {
        let gone = format!("{name}: read: No such file or directory (os error 2)");
        assert_eq!(failed(&look(expect).await), gone);
    }
    std::fs::write(&path, "state: ready\n").unwrap();
    assert_eq!(passed(&look(FileExpect::Present).await), format!("{name}: is there"));
    assert_eq!(passed(&look(text()).await), format!("{name}: has `ready` in it"));
    assert_eq!(failed(&look(FileExpect::Absent).await), format!("{name}: read: expected no file, found one"));
    std::fs::write(&path, "state: busy\n").unwrap();
    assert_eq!(failed(&look(text()).await), format!("{name}: read: expected `ready` in its first MiB, found none"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(failed(&look(text()).await), format!("{name}: read: Is a directory (os error 21)"));
}

/// Of a check that looks once an hour.
async fn hourly<T: Target>(target: T) -> (vrrp_io_linux::checks::Checks<T>, impl AsyncFnMut() -> (Reading, String)) {
    let (results, mut verdicts) = channel(16);
    let one = std::num::NonZeroU32::MIN;
    let interval = Duration::from_secs(3600);
    let check = Check { name: "chk".to_owned(), target, interval, timeout: LONG, rise: one, fall: one };
    let checks = spawn(vec![check], results);
    let next = async move || {
        let verdict = timeout(LONG, verdicts.recv()).await.unwrap().unwrap();
        (verdict.reading, verdict.reason)
    };
    (checks, next)
}

#[tokio::test]
async fn a_change_of_a_file_is_seen_at_once() {
    let folder = Folder::new();
    let path = folder.path("state");
    let probe = Probe::File(File { path: path.clone(), expect: FileExpect::Contains("ready".to_owned()) });
    let (_checks, mut next) = hourly(probe).await;
    assert_eq!(next().await.0, Reading::Failing);
    std::fs::write(&path, "ready").unwrap();
    assert_eq!(next().await.0, Reading::Passing);
    std::fs::write(folder.path("new"), "busy").unwrap();
    std::fs::rename(folder.path("new"), &path).unwrap();
    assert_eq!(next().await.0, Reading::Failing, "replaced");
    std::fs::write(&path, "ready again").unwrap();
    assert_eq!(next().await.0, Reading::Passing, "the new file");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(next().await.0, Reading::Failing);
}

#[tokio::test]
async fn a_number_in_a_file_is_a_verdict_and_without_one_it_fails() {
    let folder = Folder::new();
    let path = folder.path("load");
    std::fs::write(&path, "12\n").unwrap();
    let (_checks, mut next) = hourly(ValueFile { path: path.clone() }).await;
    assert_eq!(next().await, (Reading::Value(12), format!("{}: 12", path.display())));
    for (text, value) in [("-3 free\n", -3), ("7", 7)] {
        std::fs::write(folder.path("new"), text).unwrap();
        std::fs::rename(folder.path("new"), &path).unwrap();
        assert_eq!(next().await.0, Reading::Value(value));
    }
    std::fs::remove_file(&path).unwrap();
    let (reading, reason) = next().await;
    assert!(reading == Reading::Failing && reason.contains("read: No such file"), "{reason}");
}

fn process(program: &str) -> Process {
    Process {
        program: program.to_owned(),
        arguments: None,
        full_command: false,
        least: 1,
        most: None,
        delay_up: Duration::ZERO,
        delay_down: Duration::ZERO,
    }
}

#[tokio::test]
async fn processes_are_counted_by_name_or_command_line() {
    let folder = Folder::new();
    let program = Program::new(&folder);
    let by_name = process(&program.name);
    let whole = Process { full_command: true, ..process(program.path.to_str().unwrap()) };
    let look = |process: &Process| {
        let probe = Probe::Process(process.clone());
        async move { probe.run(LONG).await }
    };
    let none = look(&by_name).await;
    assert_eq!(failed(&none), format!("process {}: processes: expected at least 1, found 0", program.name));
    let one = program.start();
    let started = Instant::now();
    while !look(&by_name).await.success() {
        assert!(started.elapsed() < LONG);
    }
    assert!(passed(&look(&by_name).await).ends_with(": 1 of them"));
    assert!(passed(&look(&whole).await).ends_with(": 1 of them"));
    let two = Process { least: 2, ..by_name.clone() };
    assert!(failed(&look(&two).await).ends_with("expected at least 2, found 1"));
    drop(one);
    assert!(!look(&whole).await.success());
}

#[tokio::test]
async fn the_end_of_a_process_is_seen_at_once() {
    let folder = Folder::new();
    let program = Program::new(&folder);
    let running = program.start();
    let (checks, mut next) = hourly(Probe::Process(process(&program.name))).await;
    // The first look may find a process that has not got its name yet; then nothing but an event, or the next look, says more.
    if next().await.0 == Reading::Failing {
        drop(checks.run_now("chk").unwrap().await);
        assert_eq!(next().await.0, Reading::Passing);
    }
    drop(running);
    let (reading, reason) = next().await;
    assert!(reading == Reading::Failing && reason.ends_with("expected at least 1, found 0"), "{reason}");
}

#[tokio::test]
async fn the_begin_of_a_process_is_seen_at_once_where_the_kernel_tells_it() {
    // Its process connector is for who has the privilege, in the first namespaces of the host, whose numbers the kernel fixes.
    let is = |link: &str, first: &str| std::fs::read_link(link).is_ok_and(|it| it.as_os_str() == first);
    let first = is("/proc/self/ns/user", "user:[4026531837]") && is("/proc/self/ns/pid", "pid:[4026531836]");
    let told = first && nix::unistd::geteuid().is_root();
    let folder = Folder::new();
    let program = Program::new(&folder);
    let (checks, mut next) = hourly(Probe::Process(process(&program.name))).await;
    assert_eq!(next().await.0, Reading::Failing);
    let _running = program.start();
    if !told {
        let began = Instant::now();
        while !checks.run_now("chk").unwrap().await.unwrap().success {
            assert!(began.elapsed() < LONG);
        }
    }
    assert_eq!(next().await.0, Reading::Passing);
}
