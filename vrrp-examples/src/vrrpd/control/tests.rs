use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{FromArgMatches, Subcommand};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use vrrp_core::Priority;
use vrrp_io_linux::DriverStatus;

use super::order::{
    Changes, Checked, Drain, DrainEnded, DrainOutcome, DrainedRouter, NewPriority, Order, PriorityChanged, Reloaded,
    Routers, Touched, TouchedRouter, Upgraded,
};
use super::protocol::{self, Answer, Question};
use super::refused::Refused;
use super::server::serve_with;
use super::status::{
    AddressView, DrainView, MasterView, OtherMasterView, Place, RouterView, Since, Status, TrackerView,
};
use super::verb::Verb;
use super::*;
use crate::vrrpd::control::snapshot::{ByHand, Hand, Reasons, Snapshot};
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
        by_hand: vec![],
        drain: None,
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
        by_hand: vec![Hand::Priority { priority: Priority::DEFAULT }, Hand::Drained { priority: Priority::LOWEST }],
        drain: Some(DrainView::Reserve),
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
    Status { version: "0.1.0".to_owned(), routers: vec![proxy_ip1, proxy_ip2], checks: vec![] }
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
  by hand    priority 100, until the next reload
             drained, priority 1, until the next reload
  drain      in reserve: takes its addresses only where nobody else has them
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

/// A server whose daemon has no routers and does what the test asks for.
pub(super) struct Server {
    pub(super) path: PathBuf,
    orders: mpsc::Receiver<Order>,
    pub(super) lines: Lines,
    tasks: [JoinHandle<()>; 2],
    _dir: Dir,
}

impl Server {
    fn start(patience: Duration) -> Self {
        Self::with(idle(), patience)
    }

    /// With a daemon that knows this.
    pub(super) fn with(snapshot: Snapshot, patience: Duration) -> Self {
        let dir = Dir::new();
        let path = dir.path("sock");
        let (snapshots, mut queue) = mpsc::channel(1);
        let (ordered, orders) = mpsc::channel(1);
        let lines = Lines::default();
        let daemon = Daemon { snapshots, orders: ordered, lines: lines.clone() };
        let server = tokio::spawn(serve_with(ControlSocket::bind(&path).unwrap(), daemon, patience));
        let daemon = tokio::spawn(async move {
            while let Some(reply) = queue.recv().await {
                let _ = reply.send(Arc::new(snapshot.clone()));
            }
        });
        Self { path, orders, lines, tasks: [server, daemon], _dir: dir }
    }

    pub(super) async fn connect(&self) -> UnixStream {
        loop {
            match UnixStream::connect(&self.path).await {
                // The queue of the socket is full.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => tokio::task::yield_now().await,
                connected => return connected.unwrap(),
            }
        }
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

    /// Ends it as SIGKILL would.
    pub(super) async fn kill(self) {
        let [server, daemon] = self.tasks;
        for task in [server, daemon] {
            task.abort();
            let _ = task.await;
        }
    }

    async fn status(&self) -> Result<Status, AskError> {
        ask(&self.path).await
    }

    /// Does what the command line `words` makes of it.
    fn ctl(&self, words: &str) -> JoinHandle<Result<Printed, AskError>> {
        let (path, request) = (self.path.clone(), request(words));
        spawn_blocking(move || super::print(&path, &request, false, SOON, |_| panic!("no part")))
    }

    /// Returns the next order.
    async fn order(&mut self) -> Order {
        timeout(SOON, self.orders.recv()).await.expect("an order comes").unwrap()
    }
}

/// Returns the request of a command line.
pub(super) fn request(words: &str) -> Request {
    let command = Request::augment_subcommands(clap::Command::new("vrrpctl").no_binary_name(true));
    let matches = command.try_get_matches_from(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"));
    Request::from_arg_matches(&matches).unwrap()
}

async fn ask(path: &Path) -> Result<Status, AskError> {
    let path = path.to_owned();
    spawn_blocking(move || super::ask(&path, status::Request {}, SOON)).await.unwrap()
}

fn idle() -> Snapshot {
    Snapshot {
        taken_at: SystemTime::now(),
        config: std::sync::Arc::default(),
        driver: DriverStatus::default(),
        checks: vec![],
        reasons: Reasons::default(),
        by_hand: vec![],
    }
}

#[tokio::test]
async fn the_status_arrives() {
    let server = Server::start(SOON);
    let expected = Status { version: env!("CARGO_PKG_VERSION").to_owned(), routers: vec![], checks: vec![] };
    assert_eq!(server.status().await.unwrap(), expected);
}

#[test]
fn a_request_and_its_answer_are_read_as_they_were_written() {
    let request = Request::from(status::Request {});
    let line = protocol::line(&Question::new(request.clone()));
    assert_eq!(String::from_utf8(line.clone()).unwrap(), "{\"v\":1,\"verb\":\"status\"}\n");
    let read = Ok(("status".to_owned(), request.clone()));
    assert_eq!(protocol::read(&line), read);
    let newer = br#"{"v":1,"verb":"status","more":[1]}"#;
    assert_eq!(protocol::read(newer), read, "what a newer client adds");

    let line = protocol::line(&Answer::new(Ok(serde_json::to_value(sample()).unwrap())));
    let line = std::str::from_utf8(&line).unwrap();
    assert_eq!(read_answer::<Status>(Path::new("socket"), line).unwrap(), sample());
    let json = request.print(serde_json::to_value(sample()).unwrap(), true).unwrap().text;
    assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), sample());
    assert!(json.starts_with("{\n  \"version\": \"0.1.0\",\n  \"routers\": ["), "{json}");
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_an_error_and_the_daemon_lives_on() {
    let server = Server::start(SOON);
    let example = r#"expected one like {\"v\":1,\"verb\":\"status\"}"#;
    let no_request =
        |why: &str| format!(r#"{{"v":1,"error":"{why}","refused":{{"kind":"not-a-request","why":"{why}"}}}}"#);
    let known = Request::names();
    let (listed, array) = (known.join(", "), serde_json::to_string(&known).unwrap());
    for (request, answer) in [
        ("hello\n", no_request(&format!("not a request: expected value at line 1 column 1; {example}"))),
        ("{\"v\":1}\n", no_request(&format!("not a request: missing field `verb` at line 1 column 7; {example}"))),
        (
            "{\"v\":2,\"verb\":\"status\"}\n",
            r#"{"v":1,"error":"version 2 of the control protocol is not supported; expected version 1","refused":{"kind":"version","supported":1,"asked":2}}"#
                .to_owned(),
        ),
        (
            "{\"v\":1,\"verb\":\"explode\"}\n",
            format!(r#"{{"v":1,"error":"unknown verb \"explode\"; known: {listed}","refused":{{"kind":"unknown-verb","verb":"explode","known":{array}}}}}"#),
        ),
    ] {
        assert_eq!(server.say(request.as_bytes()).await, answer + "\n");
    }
    assert!(listed.starts_with("status, explain, doctor, reload, diff, drain, "), "{listed}");
    assert!(server.say(b"\xff\xfe\0\n").await.contains("not a request"));
    assert!(server.say(&[b"[".repeat(60_000), b"\n".to_vec()].concat()).await.contains("not a request"));
    assert!(server.status().await.is_ok());
}

#[tokio::test]
async fn a_request_without_end_is_cut_off() {
    let server = Server::start(SOON);
    let answer = server.say(&b"x".repeat(10_000_000)).await;
    let expected = r#"{"v":1,"error":"the request is longer than 65536 octets","refused":{"kind":"not-a-request","#;
    assert!(answer.starts_with(expected), "{answer}");
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
    let answer = server.say(b"").await;
    assert!(answer.starts_with(r#"{"v":1,"error":"no request within 0.5 s","refused":{"#), "{answer}");

    // Every place is taken, some by clients that never read their answers; a place comes free all the same.
    let mut clients = Vec::new();
    for number in 0..64 {
        let client = server.connect().await;
        client.writable().await.unwrap();
        let requests = if number % 8 == 0 { 1000 } else { 1 };
        let _ = client.try_write(&b"{\"v\":1,\"verb\":\"status\"}\n".repeat(requests));
        clients.push(client);
    }
    let served = async {
        while server.status().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, served).await.expect("a place comes free");
}

#[tokio::test]
async fn who_asks_for_nothing_gives_way_and_who_waits_for_an_answer_does_not() {
    let mut server = Server::start(SOON);
    let mut waiting = server.connect().await;
    waiting.write_all(b"{\"v\":1,\"verb\":\"reload\"}\n").await.unwrap();
    let Order::Reload(reply) = server.order().await else { panic!() };
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(server.connect().await);
    }
    assert!(server.status().await.is_ok(), "hundreds that say nothing keep nobody out");
    reply.send(Err(Refused::Stopping)).unwrap();
    let mut answer = String::new();
    timeout(SOON, waiting.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("stopping"), "{answer}");
    let open = async {
        let mut octet = [0];
        let mut open = 0;
        for client in &mut idle {
            open += usize::from(timeout(Duration::from_millis(1), client.read(&mut octet)).await.is_err());
        }
        open
    };
    let open = open.await;
    assert!(open > 0 && open <= 64, "{open}");
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_all_at_once_are_taken_in_one_after_another() {
    let server = Server::start(SOON);
    let begun = tokio::time::Instant::now();
    for _ in 0..60 {
        server.say(b"{}\n").await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(50), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn where_all_wait_for_an_answer_one_more_is_refused_with_a_word() {
    let mut server = Server::start(SOON);
    let mut replies = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut client = server.connect().await;
        client.write_all(b"{\"v\":1,\"verb\":\"reload\"}\n").await.unwrap();
        replies.push(server.order().await);
        waiting.push(client);
    }
    let error = server.status().await.unwrap_err();
    assert!(
        matches!(&error, AskError::Refused { why: Some(why), .. } if matches!(**why, Refused::Busy { .. })),
        "{error}"
    );
    replies.pop().unwrap().refuse(Refused::Stopping);
    waiting.pop();
    let served = async { while server.status().await.is_err() {} };
    timeout(SOON, served).await.expect("there is a place again");
}

#[tokio::test]
async fn a_daemon_about_to_stop_says_so() {
    let dir = Dir::new();
    let (snapshots, asked) = mpsc::channel(1);
    let (orders, ordered) = mpsc::channel(1);
    drop((asked, ordered));
    let path = dir.path("sock");
    let _server =
        tokio::spawn(serve(ControlSocket::bind(&path).unwrap(), Daemon { snapshots, orders, lines: Lines::default() }));
    for verb in ["status", "reload"] {
        let (path, request) = (path.clone(), request(verb));
        let error = spawn_blocking(move || super::print(&path, &request, false, SOON, |_| panic!("no part")))
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(error.to_string(), "vrrpd says: vrrpd is about to stop");
        assert!(matches!(error, AskError::Refused { why: Some(why), .. } if *why == Refused::Stopping));
    }
}

#[test]
fn each_verb_has_a_command_line_and_a_json_line() {
    for (words, line) in [
        ("status", r#"{"v":1,"verb":"status"}"#),
        ("reload", r#"{"v":1,"verb":"reload"}"#),
        ("diff /a/b.conf", r#"{"v":1,"verb":"diff","file":"/a/b.conf"}"#),
        ("drain --all", r#"{"v":1,"verb":"drain","all":true}"#),
        (
            "drain a b --priority 7 --seconds 2.5",
            r#"{"v":1,"verb":"drain","routers":["a","b"],"priority":7,"seconds":2.5}"#,
        ),
        ("undrain a", r#"{"v":1,"verb":"undrain","routers":["a"]}"#),
        ("priority a 120", r#"{"v":1,"verb":"priority","router":"a","priority":120}"#),
        ("check chk", r#"{"v":1,"verb":"check","check":"chk"}"#),
        ("stop a", r#"{"v":1,"verb":"stop","routers":["a"]}"#),
        ("start --all", r#"{"v":1,"verb":"start","all":true}"#),
        ("upgrade", r#"{"v":1,"verb":"upgrade"}"#),
    ] {
        let written = protocol::line(&Question::new(request(words)));
        assert_eq!(String::from_utf8(written.clone()).unwrap(), format!("{line}\n"));
        let verb = words.split(' ').next().unwrap().to_owned();
        assert_eq!(protocol::read(&written), Ok((verb, request(words))));
    }
    let Request::Diff(diff::Request { file }) = request("diff b.conf") else { panic!() };
    assert_eq!(Path::new(&file), std::env::current_dir().unwrap().join("b.conf"));
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_before_it_is_sent() {
    let command = Request::augment_subcommands(clap::Command::new("vrrpctl").no_binary_name(true));
    for words in [
        "drain",
        "drain a --all",
        "stop",
        "drain a --priority 0",
        "drain a --priority 255",
        "drain a --seconds -1",
        "drain a --seconds soon",
        "drain a --seconds 86401",
        "priority a",
        "priority a 0",
        "priority a 256",
        "check",
        "diff",
        "explode",
    ] {
        assert!(command.clone().try_get_matches_from(words.split(' ')).is_err(), "{words}");
    }
}

#[tokio::test]
async fn an_order_that_makes_no_sense_does_not_reach_the_daemon() {
    let mut server = Server::start(SOON);
    for request in [
        r#"{"v":1,"verb":"drain"}"#,
        r#"{"v":1,"verb":"drain","all":true,"routers":["a"]}"#,
        r#"{"v":1,"verb":"drain","all":true,"priority":255}"#,
        r#"{"v":1,"verb":"drain","all":true,"priority":0}"#,
        r#"{"v":1,"verb":"drain","all":true,"seconds":-1}"#,
        r#"{"v":1,"verb":"drain","all":true,"seconds":1e300}"#,
        r#"{"v":1,"verb":"stop","routers":[]}"#,
        r#"{"v":1,"verb":"priority","router":"a","priority":256}"#,
        r#"{"v":1,"verb":"diff","file":"relative.conf"}"#,
        r#"{"v":1,"verb":"check"}"#,
    ] {
        let answer = server.say(format!("{request}\n").as_bytes()).await;
        assert!(answer.contains(r#""refused":{"kind":"not-a-request""#), "{request}: {answer}");
    }
    assert!(server.orders.try_recv().is_err());
}

#[tokio::test]
async fn orders_arrive_whole_and_what_was_done_is_printed() {
    let mut server = Server::start(SOON);
    let changes = Changes { file: "/a.conf".to_owned(), changes: vec![], undisturbed: 2, notices: vec![] };
    let named = |names: &[&str]| Routers::Named(names.iter().map(|&name| name.to_owned()).collect());
    let (master, lowest) = ("192.0.2.252".parse().unwrap(), Priority::LOWEST);

    let asked = server.ctl("reload");
    let Order::Reload(reply) = server.order().await else { panic!() };
    let ended = vec![ByHand { router: "a".to_owned(), change: Hand::Stopped }];
    reply.send(Ok(Reloaded { changes: changes.clone(), ended })).unwrap();
    let expected = "\
/a.conf: no changes; 2 virtual routers go on undisturbed
changes made by hand that ended:
  a: stopped
";
    assert_eq!(asked.await.unwrap().unwrap(), good(expected));

    let asked = server.ctl("diff /a.conf");
    let Order::Diff(file, reply) = server.order().await else { panic!() };
    assert_eq!(file, Path::new("/a.conf"));
    reply.send(Ok(changes)).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("/a.conf: no changes; 2 virtual routers go on undisturbed\n"));

    let asked = server.ctl("drain b a --priority 7 --seconds 2.5");
    let Order::Drain(drain, reply) = server.order().await else { panic!() };
    let (priority, limit) = (Some(Priority::new(7).unwrap()), Some(Duration::from_millis(2500)));
    assert_eq!(drain, Drain { routers: named(&["b", "a"]), priority, limit });
    let drained = |router: &str, outcome| DrainedRouter { router: router.to_owned(), outcome };
    let away = vec![drained("a", DrainOutcome::HandedOver { to: master }), drained("b", DrainOutcome::NotMaster)];
    reply.send(Ok(DrainEnded { routers: away })).unwrap();
    assert_eq!(
        asked.await.unwrap().unwrap(),
        good("a: 192.0.2.252 has taken over\nb: not Master, nothing to hand over\n")
    );

    let asked = server.ctl("undrain --all");
    let Order::Undrain(Routers::All, reply) = server.order().await else { panic!() };
    let touched = |router: &str, changed| TouchedRouter { router: router.to_owned(), changed };
    reply.send(Ok(Touched { routers: vec![touched("a", true), touched("b", false)] })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("a: no longer drained\nb: was not drained\n"));

    let asked = server.ctl("priority a 1");
    let Order::Priority(NewPriority { router, priority }, reply) = server.order().await else { panic!() };
    assert_eq!((router.as_str(), priority), ("a", lowest));
    reply.send(Ok(PriorityChanged { router, priority, configured: Priority::DEFAULT })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("a: priority 1 until the next reload, configured 100\n"));

    let asked = server.ctl("stop a");
    let Order::Stop(routers, reply) = server.order().await else { panic!() };
    assert_eq!(routers, named(&["a"]));
    reply.send(Ok(Touched { routers: vec![touched("a", true)] })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("a: stopped\n"));

    let asked = server.ctl("start a");
    let Order::Start(_, reply) = server.order().await else { panic!() };
    reply.send(Ok(Touched { routers: vec![touched("a", false)] })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("a: was not stopped\n"));

    let asked = server.ctl("upgrade");
    let Order::Upgrade(reply) = server.order().await else { panic!() };
    reply.send(Ok(Upgraded { from: "1.0.0".to_owned(), to: "1.0.1".to_owned() })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("vrrpd 1.0.1 goes on, was 1.0.0\n"));
}

fn good(text: &str) -> Printed {
    Printed { text: text.to_owned(), succeeded: true }
}

fn bad(text: &str) -> Printed {
    Printed { text: text.to_owned(), succeeded: false }
}

#[tokio::test]
async fn a_drain_that_leaves_addresses_here_and_a_check_that_fails_are_no_success() {
    let mut server = Server::start(SOON);
    let asked = server.ctl("drain --all");
    let Order::Drain(Drain { routers: Routers::All, priority: None, limit: None }, reply) = server.order().await else {
        panic!()
    };
    let outcomes = [
        DrainOutcome::NotMaster,
        DrainOutcome::NobodyTookOver,
        DrainOutcome::Undone,
        DrainOutcome::Impossible { why: "192.0.2.1 is this host's own address".to_owned() },
    ];
    let router = |(n, outcome)| DrainedRouter { router: format!("r{n}"), outcome };
    reply.send(Ok(DrainEnded { routers: outcomes.into_iter().enumerate().map(router).collect() })).unwrap();
    let expected = "\
r0: not Master, nothing to hand over
r1: nobody took over; still Master here, at the lowered priority
r2: something else ended the drain; see vrrpctl status
r3: cannot be drained: 192.0.2.1 is this host's own address
";
    assert_eq!(asked.await.unwrap().unwrap(), bad(expected));

    for (passed, verdict, expected) in [
        (true, Some(true), good("chk: passed: exit status 0\n")),
        (true, Some(false), good("chk: passed: exit status 0; the check still counts as failed (rise)\n")),
        (false, Some(true), bad("chk: failed: exit status 1; the check still counts as passing (fall)\n")),
        (false, None, bad("chk: failed: exit status 1; the check has no verdict yet\n")),
    ] {
        let asked = server.ctl("check chk");
        let Order::Check(check, reply) = server.order().await else { panic!() };
        let result = format!("exit status {}", u8::from(!passed));
        reply.send(Ok(Checked { check, passed, result, verdict })).unwrap();
        assert_eq!(asked.await.unwrap().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_refusal_arrives_in_words_and_typed() {
    let mut server = Server::start(SOON);
    let asked = server.ctl("stop mial");
    let Order::Stop(routers, reply) = server.order().await else { panic!() };
    reply.send(Err(routers.places(&["proxy", "mail"]).unwrap_err())).unwrap();
    let error = asked.await.unwrap().unwrap_err();
    let text = r#"no virtual router is called "mial"; there are mail, proxy"#;
    assert_eq!(error.to_string(), format!("vrrpd says: {text}"));
    let json: serde_json::Value = serde_json::from_str(&error.json(&request("status"))).unwrap();
    let refused = serde_json::json!({"kind": "no-such-router", "name": "mial", "known": ["mail", "proxy"]});
    assert_eq!(json, serde_json::json!({"error": text, "refused": refused}));

    // A supervisor that ends without a word is about to stop.
    let asked = server.ctl("reload");
    drop(server.order().await);
    assert_eq!(asked.await.unwrap().unwrap_err().to_string(), "vrrpd says: vrrpd is about to stop");
}

#[test]
fn answers_of_older_and_newer_releases_are_understood() {
    let read = |line| read_answer::<Status>(Path::new("socket"), line).unwrap_err();
    let older = read(r#"{"v":1,"error":"unknown verb \"drain\"; known: status"}"#);
    assert_eq!(older.to_string(), r#"vrrpd says: unknown verb "drain"; known: status"#);
    assert_eq!(older.json(&request("status")), "{\n  \"error\": \"unknown verb \\\"drain\\\"; known: status\"\n}\n");
    let newer = read(r#"{"v":1,"error":"out of tea","refused":{"kind":"out-of-tea","cups":0},"more":[1]}"#);
    assert_eq!(newer.to_string(), "vrrpd says: out of tea");
    assert!(matches!(newer, AskError::Refused { why: Some(why), .. } if *why == Refused::Other));
}

#[tokio::test]
async fn an_order_that_takes_long_holds_up_nobody_and_shows_signs_of_life() {
    let mut server = Server::start(SOON);
    let mut waiting = server.connect().await;
    waiting.write_all(b"{\"v\":1,\"verb\":\"drain\",\"all\":true}\n").await.unwrap();
    let Order::Drain(_, drain) = server.order().await else { panic!() };

    assert!(server.status().await.is_ok());
    let asked = server.ctl("stop --all");
    let Order::Stop(_, stop) = server.order().await else { panic!() };
    stop.send(Ok(Touched { routers: vec![] })).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), good("there is no virtual router\n"));

    let mut lines = BufReader::new(&mut waiting).lines();
    for _ in 0..2 {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap();
        assert_eq!(line.as_deref(), Some(r#"{"v":1,"pending":"drain"}"#));
    }
    drain.send(Ok(DrainEnded { routers: vec![] })).unwrap();
    // One more line may be under way.
    let line = loop {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        if !line.contains("pending") {
            break line;
        }
    };
    assert_eq!(line, r#"{"v":1,"ok":{"routers":[]}}"#);
}

#[test]
fn a_daemon_that_ends_without_an_answer_is_told_from_one_that_is_not_understood() {
    let dir = Dir::new();
    let path = dir.path("sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let daemon = std::thread::spawn(move || {
        for _ in 0..2 {
            let (client, _) = listener.accept().unwrap();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(client), &mut String::new()).unwrap();
        }
    });
    let asked = super::ask(&path, status::Request {}, SOON).unwrap_err();
    let printed = super::print(&path, &request("status"), false, SOON, |_| panic!("no part")).unwrap_err();
    assert!(matches!((&asked, &printed), (AskError::Ended(_), AskError::Ended(_))), "{asked} {printed}");
    daemon.join().unwrap();
}

#[tokio::test]
async fn a_sign_of_life_is_no_answer() {
    use std::io::Write;
    let dir = Dir::new();
    let path = dir.path("sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let slow = spawn_blocking(move || {
        let (mut client, _) = listener.accept().unwrap();
        let pending = "{\"v\":1,\"pending\":\"reload\"}\n".repeat(3);
        client.write_all(format!("{pending}{{\"v\":1,\"error\":\"at last\"}}\n").as_bytes()).unwrap();
        // Closed before it was read, the connection would be reset.
        let _ = std::io::Read::read(&mut client, &mut [0; 100]);
    });
    let asked = spawn_blocking(move || super::print(&path, &request("reload"), false, SOON, |_| panic!("no part")));
    assert_eq!(asked.await.unwrap().unwrap_err().to_string(), "vrrpd says: at last");
    slow.await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing_and_gives_its_place_up() {
    let mut server = Server::start(SOON);
    let mut waiting = server.connect().await;
    waiting.write_all(b"{\"v\":1,\"verb\":\"reload\"}\n").await.unwrap();
    let Order::Reload(mut reply) = server.order().await else { panic!() };
    drop(waiting);
    // The order is in the supervisor's hands; that nobody waits any more is all that it could notice.
    timeout(SOON, reply.closed()).await.expect("the server notices that its client has gone");
    assert!(server.status().await.is_ok());
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
