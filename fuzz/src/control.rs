//! Any octets on the control socket, of either end: each line has its answer, and what is read is understood again.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use vrrp_examples::vrrpd::control::{self, Request, Status};

pub fn run(input: &[u8]) {
    server(input);
    if let Ok(line) = std::str::from_utf8(input) {
        client(line);
    }
}

fn server(input: &[u8]) {
    let mut answers = Vec::new();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let asked = runtime.block_on(async {
        let (requests, mut queue) = mpsc::channel(1);
        let daemon = async {
            let mut asked = 0;
            while let Some(Request::Status(reply)) = queue.recv().await {
                reply.send(Status { version: "0".to_owned(), routers: Vec::new() }).unwrap();
                asked += 1;
            }
            asked
        };
        let conversation = async {
            control::converse(input, &mut answers, &requests, Duration::from_secs(3600)).await;
            drop(requests);
        };
        tokio::join!(conversation, daemon).1
    });
    let mut lines: Vec<Value> = answers
        .split_inclusive(|octet| *octet == b'\n')
        .map(|line| {
            assert!(line.ends_with(b"\n"));
            serde_json::from_slice(line).unwrap()
        })
        .collect();
    // An error is the last answer.
    let refused = lines.last().is_some_and(|line| line.get("error").is_some());
    lines.truncate(lines.len() - usize::from(refused));
    assert!(lines.iter().all(|line| line["v"] == 1 && line["ok"]["version"] == "0"), "{lines:?}");
    assert_eq!(lines.len(), asked);
    let said = input.split_inclusive(|octet| *octet == b'\n').count();
    assert!(if refused { asked < said } else { asked == said }, "{asked} of {said}, refused: {refused}");
}

fn client(line: &str) {
    let socket = Path::new("socket");
    let Ok(status) = control::read_answer(socket, line) else { return };
    assert!(control::render(&status).lines().count() >= status.routers.len());
    let again = format!("{{\"v\":1,\"ok\":{}}}", serde_json::to_string(&status).unwrap());
    assert_eq!(control::read_answer(socket, &again).unwrap(), status);
}
