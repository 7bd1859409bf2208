//! `vrrpd` from outside: real daemons on hosts that are network namespaces, without privileges.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[allow(dead_code, unused_imports, reason = "helpers of several tests")]
#[path = "../common/mod.rs"]
mod common;

mod accept;
mod address_options;
mod addresses;
mod announcement_gaps;
mod authentication;
mod beside;
mod by_hand;
mod checks;
mod configuration;
mod contest;
mod definitions;
mod embed_minimal;
mod embed_smoltcp;
mod excluded;
mod features;
mod fifo;
mod interface_faults;
mod ipv6;
mod lifecycle;
mod lower_priority;
mod no_interface;
mod notify;
mod preemption;
mod record;
mod reload;
mod routing;
mod routing_words;
mod scale;
mod service_manager;
mod source;
mod startup_delay;
mod status;
mod strict;
mod sync_group;
mod top;
mod track_file;
mod track_process;
mod tracking;
mod unicast;
mod upgrade;
mod version_3;
mod virtual_mac;
mod virtual_mac_address;
mod watch;

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
