//! `vrrpd` from outside: real daemons on hosts that are network namespaces, without privileges.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

mod accept;
mod addresses;
mod authentication;
mod by_hand;
mod checks;
mod configuration;
mod contest;
mod embed_minimal;
mod features;
mod fifo;
mod ipv6;
mod lifecycle;
mod notify;
mod preemption;
mod reload;
mod routing;
mod scale;
mod service_manager;
mod source;
mod status;
mod sync_group;
mod tracking;
mod unicast;
mod upgrade;
mod version_3;
mod virtual_mac;

/// A `vrrp_instance` on eth0 with the address 192.0.2.(100 + `vrid`); `more` are further lines.
fn instance(name: &str, vrid: u8, priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{
             interface eth0
             virtual_router_id {vrid}
             priority {priority}
             virtual_ipaddress {{
                 192.0.2.{}/24
             }}
             {more}
         }}\n",
        100 + vrid
    )
}
