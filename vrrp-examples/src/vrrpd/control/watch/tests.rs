use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines as Texts};
use tokio::net::unix::OwnedReadHalf;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::*;
use crate::vrrpd::control::snapshot::{Reasons, Snapshot as All};
use crate::vrrpd::control::testing::{driver, router};
use crate::vrrpd::control::tests::Server;
use crate::vrrpd::control::{AskError, Printed};
use crate::vrrpd::exec::testing::SOON;
use crate::vrrpd::log::{End, Id, Level, Line};

/// Returns a daemon with the routers `a` and `b`.
fn server() -> Server {
    patient(SOON)
}

fn patient(patience: Duration) -> Server {
    let driver = driver(&[router("a", json!({})), router("b", json!({"role": "Master", "why": "preempted"}))]);
    let (checks, reasons, by_hand) = (vec![], Reasons::default(), vec![]);
    Server::with(
        All { taken_at: SystemTime::UNIX_EPOCH, driver, config: std::sync::Arc::default(), checks, reasons, by_hand },
        patience,
    )
}

fn changed(router: &str) -> Line {
    Line::new(Id::StateChanged, format!("{router}: Backup -> Master")).of(router).with("to", "Master")
}

/// Connects a client that sends `request`, and returns the lines that it gets.
async fn client(server: &Server, request: &str) -> Texts<BufReader<OwnedReadHalf>> {
    let (reader, mut writer) = server.connect().await.into_split();
    writer.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    writer.forget();
    BufReader::new(reader).lines()
}

/// Returns the next line that is more than a sign of life.
async fn line(texts: &mut Texts<BufReader<OwnedReadHalf>>) -> Option<Value> {
    loop {
        let line = timeout(SOON, texts.next_line()).await.expect("a line comes").unwrap()?;
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["pending"].is_null() {
            return Some(line);
        }
    }
}

/// Returns all that `vrrpctl` prints of it, until the end.
fn printed(server: &Server, words: &str, json: bool) -> tokio::task::JoinHandle<(String, Result<Printed, AskError>)> {
    let (path, request) = (server.path.clone(), crate::vrrpd::control::tests::request(words));
    spawn_blocking(move || {
        let mut text = String::new();
        let result = crate::vrrpd::control::print(&path, &request, json, SOON, |part| {
            text += part;
            true
        });
        (text, result)
    })
}

#[tokio::test]
async fn first_comes_how_everything_stands_then_each_event_and_at_the_end_a_word() {
    let server = server();
    let mut texts = client(&server, r#"{"v":1,"verb":"watch"}"#).await;
    let first = line(&mut texts).await.unwrap()["next"].clone();
    assert_eq!((&first["kind"], &first["time"]), (&json!("snapshot"), &json!("1970-01-01T00:00:00.000000Z")));
    let routers: Vec<_> = first["routers"].as_array().unwrap().iter().map(|it| (&it["router"], &it["state"])).collect();
    assert_eq!(routers, [(&json!("a"), &json!("Backup")), (&json!("b"), &json!("Master"))]);
    server.lines.say(1, changed("a"));
    server.lines.say(2, Line::new(Id::CheckFailed, "check squid failed: no"));
    let event = json!({"kind": "event", "sequence": 1, "time": "1970-01-01T00:00:00.000000Z", "level": "info",
        "id": "state-changed", "router": "a", "message": "a: Backup -> Master", "fields": {"to": "Master"}});
    assert_eq!(line(&mut texts).await.unwrap(), json!({"v": 1, "next": event}));
    let event = line(&mut texts).await.unwrap()["next"].clone();
    assert_eq!(
        (&event["level"], &event["id"], &event["router"]),
        (&json!("warning"), &json!("check-failed"), &json!(null))
    );
    server.lines.end(End::Upgraded);
    assert_eq!(line(&mut texts).await.unwrap(), json!({"v": 1, "ok": {"kind": "end", "why": "upgraded"}}));
    // Another request may follow.
}

#[tokio::test]
async fn of_one_router_only_its_own_events_come_and_an_unknown_one_is_refused_with_those_that_there_are() {
    let server = server();
    let mut texts = client(&server, r#"{"v":1,"verb":"watch","router":"b"}"#).await;
    let first = line(&mut texts).await.unwrap()["next"].clone();
    assert_eq!((first["routers"].as_array().unwrap().len(), &first["routers"][0]["router"]), (1, &json!("b")));
    server.lines.say(1, changed("a"));
    server.lines.say(2, changed("b"));
    server.lines.say(3, Line::new(Id::Reloading, "reloading"));
    server.lines.end(End::Stopped);
    assert_eq!(line(&mut texts).await.unwrap()["next"]["sequence"], 2);
    assert_eq!(line(&mut texts).await.unwrap()["ok"]["why"], "stopped");

    let refused = line(&mut client(&server, r#"{"v":1,"verb":"watch","router":"c"}"#).await).await.unwrap();
    assert_eq!(refused["refused"], json!({"kind": "no-such-router", "name": "c", "known": ["a", "b"]}));
    assert!(!server.lines.is_read(), "who was refused reads no more");
}

#[tokio::test]
async fn a_reader_that_stops_holds_nobody_up_is_told_what_it_lost_and_reads_on() {
    let server = server();
    let mut slow = client(&server, r#"{"v":1,"verb":"watch"}"#).await;
    line(&mut slow).await.unwrap();
    let all = 20_000;
    for sequence in 1..=all {
        server.lines.say(sequence, changed("a"));
        if sequence % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    server.lines.end(End::Stopped);
    let (mut next, mut gaps) = (1, 0);
    loop {
        let line = line(&mut slow).await.unwrap();
        let part = &line["next"];
        match part["kind"].as_str() {
            Some("event") => {
                assert_eq!(part["sequence"], next, "each event is there, or counted");
                next += 1;
            }
            Some("lost") => {
                gaps += 1;
                next += part["count"].as_u64().unwrap();
            }
            _ => {
                assert_eq!(line["ok"]["why"], "stopped");
                break;
            }
        }
    }
    // The word of the end takes the place of one more.
    assert!((all..=all + 2).contains(&next) && gaps > 0, "{next}, {gaps} gaps");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_for_long_is_let_go_and_so_is_one_that_is_gone() {
    let server = patient(Duration::from_millis(50));
    let stuck = client(&server, r#"{"v":1,"verb":"watch"}"#).await;
    let until_unread = async {
        let mut sequence = 0;
        while sequence == 0 || server.lines.is_read() {
            sequence += 1;
            server.lines.say(sequence, changed("a").with("priority", "x".repeat(1000)));
            tokio::task::yield_now().await;
        }
    };
    // It begins to read only later.
    while !server.lines.is_read() {
        tokio::task::yield_now().await;
    }
    timeout(SOON, until_unread).await.expect("the stuck one is let go");
    drop(stuck);

    let mut gone = client(&server, r#"{"v":1,"verb":"watch"}"#).await;
    line(&mut gone).await.unwrap();
    drop(gone);
    let gone = async {
        while server.lines.is_read() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, gone).await.expect("without an event, by the next sign of life");
}

#[tokio::test]
async fn only_so_many_watch_and_everybody_else_is_still_served() {
    let server = server();
    let mut watching = Vec::new();
    for _ in 0..READERS {
        let mut texts = client(&server, r#"{"v":1,"verb":"watch"}"#).await;
        line(&mut texts).await.unwrap();
        watching.push(texts);
    }
    let refused = line(&mut client(&server, r#"{"v":1,"verb":"watch"}"#).await).await.unwrap();
    assert_eq!(refused["refused"]["kind"], "busy", "{refused}");
    assert!(line(&mut client(&server, r#"{"v":1,"verb":"status"}"#).await).await.unwrap()["ok"].is_object());
}

#[tokio::test]
async fn it_is_printed_as_text_or_as_one_object_a_line() {
    let server = server();
    let (text, lines) = (printed(&server, "watch", false), printed(&server, "watch", true));
    let both = async {
        while server.lines.readers() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, both).await.unwrap();
    server.lines.say(7, changed("a").at(Level::Warning));
    server.lines.end(End::Stopped);
    let (text, result) = text.await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        text,
        format!(
            "vrrpd {version}, 2 virtual routers, at 1970-01-01T00:00:00.000000Z\n  \
             a: Backup since 1970-01-01T00:00:00Z at priority 100: startup\n  \
             b: Master since 1970-01-01T00:00:00Z at priority 100: preempted\n\
             7 1970-01-01T00:00:00.000000Z warning state-changed: a: Backup -> Master\n"
        )
    );
    assert_eq!(result.unwrap(), Printed { text: "vrrpd has stopped\n".to_owned(), succeeded: true });
    let (text, result) = lines.await.unwrap();
    let result = result.unwrap();
    assert!(result.succeeded);
    let all = text + &result.text;
    let kinds: Vec<Value> =
        all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect();
    assert_eq!(kinds, ["snapshot", "event", "end"]);
}

#[tokio::test]
async fn a_daemon_that_is_gone_without_a_word_is_an_error_and_a_client_may_stop() {
    let server = server();
    let (path, request) = (server.path.clone(), Request::default().into());
    let enough = spawn_blocking(move || crate::vrrpd::control::print(&path, &request, false, SOON, |_| false));
    assert_eq!(enough.await.unwrap().unwrap(), Printed { text: String::new(), succeeded: true });

    let server = self::server();
    let watching = printed(&server, "watch", false);
    while !server.lines.is_read() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.kill().await;
    let error = watching.await.unwrap().1.unwrap_err();
    assert!(matches!(error, AskError::Ended(_)), "{error}");
}
