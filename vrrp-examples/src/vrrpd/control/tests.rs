use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use vrrp_io_linux::DriverStatus;

use super::protocol::{self, Answer, Question};
use super::server::serve_with;
use super::status::{AddressView, MasterView, OtherMasterView, Place, RouterView, Since, Status, TrackerView};
use super::verb::Verb;
use super::*;
use crate::vrrpd::control::snapshot::{Reasons, Snapshot};
use crate::vrrpd::exec::testing::{Dir, SOON};

fn sample() -> Status {
    let since = |seconds| Some(Since { seconds, at: "2026-03-01T03:00:05Z".to_owned() });
    let tracker = |says: &str, passing, weight: Option<i32>, priority| TrackerView {
        name: says.split(' ').take(2).collect::<Vec<_>>().join(" "),
        passing,
        says: says.to_owned(),
        fault: weight.is_none() && passing != Some(true),
        priority,
        weight,
    };
    let address = |address: &str, host| {
        let installed = host == Place::Ours;
        let obstacle = (host == Place::Absent).then(|| "interface eth1 is down".to_owned());
        AddressView { address: address.to_owned(), installed, host, obstacle }
    };
    let proxy_ip1 = RouterView {
        name: "proxy_ip1".to_owned(),
        interface: "eth0".to_owned(),
        family: "IPv4".to_owned(),
        vrid: 1,
        state: "Master".to_owned(),
        priority: 255,
        configured_priority: 255,
        addresses: vec![address("192.168.2.101/24", Place::Ours)],
        faults: vec![],
        trackers: vec![],
        other_master: Some(OtherMasterView {
            address: "192.168.2.252".to_owned(),
            priority: Some(200),
            why: Some("it is ignored: wrong password".to_owned()),
        }),
        master: Some(MasterView { address: "192.168.2.251".to_owned(), priority: Some(255), us: true }),
        since: since(93_784.25),
        cause: "address owner at startup".to_owned(),
        counters: BTreeMap::from([("became Master".to_owned(), 1), ("checksum errors".to_owned(), 0)]),
    };
    let proxy_ip2 = RouterView {
        name: "proxy_ip2".to_owned(),
        vrid: 2,
        state: "Fault".to_owned(),
        priority: 80,
        configured_priority: 100,
        addresses: vec![
            address("192.168.2.102/24", Place::Absent),
            address("192.168.2.103/24", Place::Foreign),
            address("2001:db8::1/64", Place::Duplicate),
        ],
        faults: vec![
            "interface eth1: no carrier".to_owned(),
            "script chk_squid_service: exit status 1: no running copy".to_owned(),
        ],
        trackers: vec![
            tracker("check chk_squid failed: exit status 1", Some(false), Some(-20), -20),
            tracker("check chk_well passes", Some(true), Some(-20), 0),
            tracker("check chk_bonus failed: exit status 2", Some(false), Some(2), 0),
            tracker("check chk_extra passes", Some(true), Some(3), 3),
            tracker("interface eth3 is up", Some(true), Some(-5), -5),
            tracker("check chk_new has no result yet", None, Some(-5), 0),
            tracker("there is no interface eth1", Some(false), None, 0),
        ],
        master: None,
        other_master: None,
        since: since(0.5),
        cause: "interface eth1 lost its carrier".to_owned(),
        counters: BTreeMap::new(),
        ..proxy_ip1.clone()
    };
    Status { version: "0.1.0".to_owned(), routers: vec![proxy_ip1, proxy_ip2] }
}

#[test]
fn the_status_reads_as_where_and_why() {
    let expected = "\
vrrpd 0.1.0, 2 virtual routers

proxy_ip1: Master on eth0, IPv4, VRID 1
  since      2026-03-01T03:00:05Z (1day 2h 3m 4s ago)
  because    address owner at startup
  master     this router, 192.168.2.251, priority 255
             192.168.2.252, priority 200, says that it is Master too: it is ignored: wrong password
  priority   255
  addresses  192.168.2.101/24 here
  counters   1 became Master

proxy_ip2: Fault on eth0, IPv4, VRID 2
  since      2026-03-01T03:00:05Z (0s ago)
  because    interface eth1 lost its carrier
  faults     interface eth1: no carrier
             script chk_squid_service: exit status 1: no running copy
  master     none known
  priority   80, configured 100: not every address can be set here
  tracking   check chk_squid failed: exit status 1: -20 priority
             check chk_bonus failed: exit status 2: without its +2 priority
             check chk_extra passes: +3 priority
             interface eth3 is up: -5 priority
             check chk_new has no result yet: no change yet
  addresses  192.168.2.102/24 not here: interface eth1 is down
             192.168.2.103/24 here, though this router is not Master
             2001:db8::1/64 duplicate address (DAD failed)
";
    assert_eq!(status::Request {}.text(&sample()), expected);

    let mut new = sample();
    new.routers.truncate(1);
    (new.routers[0].since, new.routers[0].state) = (None, "Initialize".to_owned());
    let text = status::Request {}.text(&new);
    assert!(text.contains("Initialize on eth0") && !text.contains("ago"), "no time that is not known: {text}");
}

/// A server whose daemon has no routers.
struct Server {
    path: PathBuf,
    _tasks: [JoinHandle<()>; 2],
    _dir: Dir,
}

impl Server {
    fn start(patience: Duration) -> Self {
        let dir = Dir::new();
        let path = dir.path("sock");
        let (requests, mut queue) = mpsc::channel(1);
        let server = tokio::spawn(serve_with(ControlSocket::bind(&path).unwrap(), requests, patience));
        let daemon = tokio::spawn(async move {
            while let Some(reply) = queue.recv().await {
                let _ = reply.send(idle());
            }
        });
        Self { path, _tasks: [server, daemon], _dir: dir }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.path).await.unwrap()
    }

    /// Sends octets on a connection of their own and reads until the server closes it.
    async fn say(&self, octets: &[u8]) -> String {
        let (mut reader, mut writer) = self.connect().await.into_split();
        let octets = octets.to_owned();
        // Beside the reading, and its end unseen: the server may close before it has read everything.
        let writing = tokio::spawn(async move {
            let _ = writer.write_all(&octets).await;
            writer
        });
        let mut answer = Vec::new();
        let _ = timeout(SOON, reader.read_to_end(&mut answer)).await.expect("the server closes the connection");
        drop(writing);
        String::from_utf8(answer).unwrap()
    }

    async fn status(&self) -> Result<Status, AskError> {
        ask(&self.path).await
    }
}

async fn ask(path: &Path) -> Result<Status, AskError> {
    let path = path.to_owned();
    spawn_blocking(move || super::ask(&path, status::Request {}, SOON)).await.unwrap()
}

fn idle() -> Snapshot {
    Snapshot {
        taken_at: SystemTime::now(),
        driver: DriverStatus::default(),
        reasons: Reasons::default(),
        by_hand: vec![],
    }
}

#[tokio::test]
async fn the_status_arrives() {
    let server = Server::start(SOON);
    let expected = Status { version: env!("CARGO_PKG_VERSION").to_owned(), routers: vec![] };
    assert_eq!(server.status().await.unwrap(), expected);
}

#[test]
fn a_request_and_its_answer_are_read_as_they_were_written() {
    let request = Request::from(status::Request {});
    let line = protocol::line(&Question::new(request.clone()));
    assert_eq!(String::from_utf8(line.clone()).unwrap(), "{\"v\":1,\"verb\":\"status\"}\n");
    assert_eq!(protocol::read(&line), Ok(request.clone()));
    let newer = br#"{"v":1,"verb":"status","more":[1]}"#;
    assert_eq!(protocol::read(newer), Ok(request.clone()), "what a newer client adds");

    let line = protocol::line(&Answer::new(Ok(serde_json::to_value(sample()).unwrap())));
    let line = std::str::from_utf8(&line).unwrap();
    assert_eq!(read_answer::<Status>(Path::new("socket"), line).unwrap(), sample());
    let json = request.print(serde_json::to_value(sample()).unwrap(), true).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), sample());
    assert!(json.starts_with("{\n  \"version\": \"0.1.0\",\n  \"routers\": ["), "{json}");
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_an_error_and_the_daemon_lives_on() {
    let server = Server::start(SOON);
    let example = r#"expected one like {\"v\":1,\"verb\":\"status\"}"#;
    for (request, answer) in [
        ("hello\n", format!(r#"{{"v":1,"error":"not a request: expected value at line 1 column 1; {example}"}}"#)),
        (
            "{\"v\":1}\n",
            format!(r#"{{"v":1,"error":"not a request: missing field `verb` at line 1 column 7; {example}"}}"#),
        ),
        (
            "{\"v\":2,\"verb\":\"status\"}\n",
            r#"{"v":1,"error":"version 2 of the control protocol is not supported; expected version 1"}"#.to_owned(),
        ),
        ("{\"v\":1,\"verb\":\"explode\"}\n", r#"{"v":1,"error":"unknown verb \"explode\"; known: status"}"#.to_owned()),
    ] {
        assert_eq!(server.say(request.as_bytes()).await, answer + "\n");
    }
    assert!(server.say(b"\xff\xfe\0\n").await.contains("not a request"));
    assert!(server.say(&[b"[".repeat(60_000), b"\n".to_vec()].concat()).await.contains("not a request"));
    assert!(server.status().await.is_ok());
}

#[tokio::test]
async fn a_request_without_end_is_cut_off() {
    let server = Server::start(SOON);
    let answer = server.say(&b"x".repeat(10_000_000)).await;
    assert_eq!(answer, "{\"v\":1,\"error\":\"the request is longer than 65536 octets\"}\n");
    assert!(server.status().await.is_ok());
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_many_connections_stand_side_by_side() {
    let server = Server::start(SOON);
    let silent = server.connect().await;
    let mut halfway = server.connect().await;
    halfway.write_all(b"{\"v\":1,").await.unwrap();

    let mut talkative = server.connect().await;
    talkative.write_all(&b"{\"v\":1,\"verb\":\"status\"}\n".repeat(3)).await.unwrap();
    talkative.shutdown().await.unwrap();
    let mut answers = String::new();
    timeout(SOON, talkative.read_to_string(&mut answers)).await.unwrap().unwrap();
    assert_eq!(answers.lines().filter(|line| line.starts_with(r#"{"v":1,"ok":{"#)).count(), 3);

    assert!(server.status().await.is_ok());
    drop((silent, halfway));
}

#[tokio::test]
async fn clients_that_say_or_read_nothing_are_given_up() {
    let server = Server::start(Duration::from_millis(500));
    assert_eq!(server.say(b"").await, "{\"v\":1,\"error\":\"no request within 0.5 s\"}\n");

    // Every place is taken by one that never reads its answers; a place comes free all the same.
    let mut clients = Vec::new();
    for _ in 0..64 {
        let client = server.connect().await;
        client.writable().await.unwrap();
        let _ = client.try_write(&b"{\"v\":1,\"verb\":\"status\"}\n".repeat(1000));
        clients.push(client);
    }
    assert!(server.status().await.is_ok());
}

#[tokio::test]
async fn a_daemon_about_to_stop_says_so() {
    let dir = Dir::new();
    let (requests, queue) = mpsc::channel(1);
    drop(queue);
    let _server = tokio::spawn(serve(ControlSocket::bind(&dir.path("sock")).unwrap(), requests));
    assert_eq!(ask(&dir.path("sock")).await.unwrap_err().to_string(), "vrrpd says: vrrpd is about to stop");
}

#[tokio::test]
async fn the_socket_is_ours_alone_and_goes_with_the_daemon() {
    let dir = Dir::new();
    let path = dir.path("sock");
    let socket = ControlSocket::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_live_socket_is_refused_and_a_stale_one_replaced() {
    let dir = Dir::new();
    let path = dir.path("sock");
    let first = ControlSocket::bind(&path).unwrap();
    let error = ControlSocket::bind(&path).unwrap_err().to_string();
    let expected = "stop it, or name another socket with --control";
    assert_eq!(error, format!("another vrrpd answers on {}; {expected}", path.display()));
    drop(first);

    // The standard library leaves its file behind, as a killed daemon does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = ask(&path).await.unwrap_err().to_string();
    let expected = "the socket is there but nobody listens; vrrpd died, start it again";
    assert_eq!(error, format!("no vrrpd on {}: {expected}", path.display()));
    let second = ControlSocket::bind(&path).unwrap();

    // A file that is not its own any more is left alone.
    fs::remove_file(&path).unwrap();
    let third = ControlSocket::bind(&path).unwrap();
    drop(second);
    assert!(path.exists());
    drop(third);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_not_touched() {
    let dir = Dir::new();
    let path = dir.path("precious");
    fs::write(&path, "data").unwrap();
    let error = ControlSocket::bind(&path).unwrap_err().to_string();
    let expected = "exists and is not a socket; remove it, or name another path with --control";
    assert_eq!(error, format!("{} {expected}", path.display()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");

    let error = ControlSocket::bind(Path::new("/no/such/directory/sock")).unwrap_err().to_string();
    assert_eq!(error, "cannot listen on /no/such/directory/sock: No such file or directory");
}

#[tokio::test]
async fn no_daemon_or_a_strange_one_is_told_apart() {
    let dir = Dir::new();
    let path = dir.path("sock");
    let error = ask(&path).await.unwrap_err().to_string();
    let expected = "there is no such socket; is vrrpd running, and with this --control?";
    assert_eq!(error, format!("no vrrpd on {}: {expected}", path.display()));

    let plain = dir.path("plain");
    fs::write(&plain, "").unwrap();
    assert!(matches!(ask(&plain).await, Err(AskError::NoSocket(_))));

    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let mute = super::ask(&path, status::Request {}, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(mute, AskError::NoAnswer(..)), "{mute}");
    let (strange, _) = listener.accept().unwrap();
    drop(strange);

    let strange = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read(&mut [0; 100]).unwrap();
        client.write_all(b"{\"v\":2,\"ok\":{}}\n").unwrap();
    });
    let error = ask(&path).await.unwrap_err();
    assert!(matches!(error, AskError::Unintelligible { .. }), "{error}");
    strange.join().unwrap();
}
