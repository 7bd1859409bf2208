//! The driver under more than its host can handle: floods, a real-time thread that never sleeps, interfaces by the hundred.
//!
//! These tests take the processors from whatever runs beside them, and no namespace prevents that. So they stand in a test
//! binary of their own, and run one after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;

mod load;
mod real_time;

use std::sync::{Mutex, PoisonError};

/// Held by the test that runs.
static MACHINE: Mutex<()> = Mutex::new(());

/// Runs the body of a test in a fresh network namespace, and no other test of this binary meanwhile.
fn alone_in_namespace<F: FnOnce()>(test: F) {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    common::in_namespace(test);
}
