//! `vrrpd` from outside: real daemons on hosts that are network namespaces, without privileges.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

mod accept;
mod addresses;
mod authentication;
mod configuration;
mod contest;
mod embed_minimal;
mod ipv6;
mod lifecycle;
mod notify;
mod preemption;
mod routing;
mod scale;
mod source;
mod status;
mod sync_group;
mod tracking;
mod unicast;
mod version_3;
mod virtual_mac;
