//! `vrrpctl doctor` and `vrrpctl explain` beside what somebody has planted between two hosts: each names the cause, the other
//! host and what to do. On pairs that are well they name nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod cases;
#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;
mod healthy;
mod pair;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::common::in_namespace;

/// Pairs of hosts side by side.
const AT_ONCE: usize = 10;

#[test]
fn each_planted_fault_is_named_with_the_peer_and_the_fix() {
    in_namespace(|| {
        side_by_side(&cases::all().iter().map(|case| case.name).collect::<Vec<_>>(), |index| cases::all()[index].run())
    });
}

#[test]
fn on_pairs_that_are_well_nothing_is_found() {
    let pairs = healthy::all();
    in_namespace(|| side_by_side(&pairs.iter().map(|pair| pair.name).collect::<Vec<_>>(), |index| pairs[index].run()));
}

/// Runs all of these, some at once; names every one that fails.
fn side_by_side(names: &[&str], run: impl Fn(usize) + Sync) {
    let only = std::env::var("VRRP_CASE").ok();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((index, name)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|it| Some((it, names.get(it)?)))
                {
                    if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
                        continue;
                    }
                    let begun = std::time::Instant::now();
                    if catch_unwind(AssertUnwindSafe(|| run(index))).is_err() {
                        failed.lock().unwrap().push(*name);
                    }
                    eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {failed:?}");
}
