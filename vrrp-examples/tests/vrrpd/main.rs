//! `vrrpd` from outside: real daemons on hosts that are network namespaces, without privileges.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod authentication;
mod configuration;
mod contest;
mod embed_minimal;
mod lifecycle;
mod notify;
mod preemption;
mod scale;
mod status;
mod tracking;
mod unicast;
