//! What a host, its neighbours and its peers see of the driver. Each test makes its own LAN.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;

mod accept;
mod addresses;
mod announcements;
mod change;
mod claims;
mod faults;
mod handle;
mod hearing;
mod interface;
mod ipv6;
mod keepalived;
mod lease;
mod link_state;
mod no_addresses;
mod peers;
mod record;
mod status;
mod strays;
mod suspend;
mod sync_group;
mod vmac;
