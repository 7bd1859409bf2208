//! A router on a microcontroller without an operating system: `vrrp-examples/firmware` in QEMU, and how large it is.
//!
//! `.ci/targets` builds its two programs. Where they are not there these tests are skipped, and fail with `VRRP_NO_SKIP`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;
mod four_makes;
mod on_a_board;
