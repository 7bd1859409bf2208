//! Each kind of check against a real server, and every way to break one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod breaking;
mod certificates;
mod kinds;
mod local;
mod servers;
#[path = "../../src/testing.rs"]
mod testing;

use std::net::SocketAddr;
use std::time::Duration;

use vrrp_io_linux::checks::{Expect, Http, Origin, Outcome, Probe, Tcp};

/// Far beyond what anything here takes, on a machine that has time.
const LONG: Duration = Duration::from_secs(20);

fn tcp(target: SocketAddr) -> Probe {
    Probe::Tcp(Tcp { target, origin: Origin::default() })
}

fn http(target: SocketAddr) -> Http {
    let (origin, expect) = (Origin::default(), Expect::default());
    Http { target, origin, tls: None, host: None, path: "/".to_owned(), expect }
}

/// The reason of a look that succeeded.
fn passed(outcome: &Outcome) -> &str {
    assert!(outcome.success(), "{outcome:?}");
    &outcome.reason
}

/// The reason of a look that failed.
fn failed(outcome: &Outcome) -> &str {
    assert!(!outcome.success(), "{outcome:?}");
    &outcome.reason
}
