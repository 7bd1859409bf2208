//! Any octets on the control socket, of either end: each line has its answer, and what is read is understood again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use vrrp_examples::vrrpd::control::order::Order;
use vrrp_examples::vrrpd::control::refused::Refused;
use vrrp_examples::vrrpd::control::snapshot::{Reasons, Snapshot};
use vrrp_examples::vrrpd::control::status::{self, Status};
use vrrp_examples::vrrpd::control::verb::Verb;
use vrrp_examples::vrrpd::control::{self, Daemon, Lines};
use vrrp_io_linux::DriverStatus;

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
        let (snapshots, mut queue) = mpsc::channel::<oneshot::Sender<Arc<Snapshot>>>(1);
        let (orders, mut ordered) = mpsc::channel::<Order>(1);
        let refusing = async {
            while let Some(order) = ordered.recv().await {
                order.refuse(Refused::Stopping);
            }
        };
        let daemon = async {
            let mut asked = 0;
            while let Some(reply) = queue.recv().await {
                let (driver, reasons) = (DriverStatus::default(), Reasons::default());
                reply
                    .send(Arc::new(Snapshot {
                        taken_at: SystemTime::UNIX_EPOCH,
                        config: std::sync::Arc::default(),
                        driver,
                        checks: vec![],
                        reasons,
                        by_hand: vec![],
                    }))
                    .unwrap();
                asked += 1;
            }
            asked
        };
        let conversation = async {
            let lines = Lines::default();
            // Nobody may watch: that would never end.
            let _readers: Vec<_> = std::iter::from_fn(|| lines.read_along()).collect();
            let daemon = Daemon { snapshots, orders, lines };
            control::converse(input, &mut answers, &daemon, Duration::from_secs(3600)).await;
        };
        tokio::join!(conversation, daemon, refusing).1
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
    assert!(lines.iter().all(|line| line["v"] == 1 && line["ok"]["routers"].is_array()), "{lines:?}");
    // A question about a router that does not exist is refused after a look.
    assert!(lines.len() == asked || (refused && lines.len() + 1 == asked));
    let said = input.split_inclusive(|octet| *octet == b'\n').count();
    assert!(if refused { asked < said } else { asked == said }, "{asked} of {said}, refused: {refused}");
}

fn client(line: &str) {
    let socket = Path::new("socket");
    let Ok(status) = control::read_answer::<Status>(socket, line) else { return };
    assert!(status::Request {}.text(&status).lines().count() >= status.routers.len());
    let again = format!("{{\"v\":1,\"ok\":{}}}", serde_json::to_string(&status).unwrap());
    assert_eq!(control::read_answer::<Status>(socket, &again).unwrap(), status);
}
