//! `vrrpd --http` of a living daemon: what it serves, to a real Prometheus too, and what it does not let clients do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

mod answers;
#[allow(dead_code, reason = "helpers of two tests")]
#[path = "../report_page/browser.rs"]
mod browser;
mod client;
mod documents;
mod limits;
mod live;
mod prometheus;

use std::path::PathBuf;

use common::{Host, Vrrpd};

/// Serves on the loopback address.
const HTTP: [&str; 2] = ["--http", "127.0.0.1:9112"];

/// A router at 192.0.2.101 that advertises twice a second; `more` is before it.
fn configuration(priority: u8, more: &str) -> String {
    format!(
        "global_defs {{
             vrrp_version 3
         }}
         {more}
         vrrp_instance VI_1 {{
             interface eth0
             virtual_router_id 1
             priority {priority}
             advert_int 0.5
             virtual_ipaddress {{
                 192.0.2.101/24
             }}
         }}"
    )
}

fn start(host: &Host, priority: u8) -> Vrrpd {
    host.vrrpd_with(&configuration(priority, ""), &HTTP)
}

/// A file of the repository.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}
