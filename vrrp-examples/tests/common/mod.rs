//! Hosts on a LAN, each a network namespace of its own, with real daemons on them and a listener on the wire.
//!
//! A test calls [`on_a_lan`], which needs no privilege, and gets a [`Lan`] to plug hosts into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod board;
mod daemon;
mod forge;
mod host;
mod keepalived;
mod smoltcp;
#[path = "../../../vrrp-io-linux/src/testing.rs"]
pub(crate) mod testing;
mod wire;

use std::time::{Duration, Instant};

pub(crate) use board::{Board, Firmware};
pub(crate) use daemon::{Ended, Vrrpd, program};
pub(crate) use forge::{Flood, Forged};
pub(crate) use host::{Host, Lan};
pub(crate) use keepalived::Keepalived;
pub(crate) use smoltcp::Smoltcp;
pub(crate) use testing::in_namespace;
pub(crate) use wire::{Advert, Wire};

/// The time that anything that must happen may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for `condition`; panics when it takes 20 seconds.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    until_within(LIMIT, what, condition);
}

/// Waits for `condition`; panics when it takes longer than `limit`.
#[track_caller]
pub(crate) fn until_within(limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `condition` has held for as long as `period` without a break; panics when that takes longer than `limit`.
#[track_caller]
pub(crate) fn until_stable(period: Duration, limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    let mut since = None;
    while since.is_none_or(|since: Instant| since.elapsed() < period) {
        since = condition().then(|| since.unwrap_or_else(Instant::now));
        assert!(start.elapsed() < limit, "not for {period:?} within {limit:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Watches that `condition` holds for as long as `period`.
#[track_caller]
pub(crate) fn throughout(period: Duration, what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while start.elapsed() < period {
        assert!(condition(), "after {:?} no longer: {what}", start.elapsed());
        std::thread::sleep(PAUSE);
    }
}
