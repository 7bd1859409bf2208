//! One router, a set and a sync group by the protocol: packets, timers and the host's answers in; actions, octets and
//! counters out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../model/mod.rs"]
mod model;

mod both_versions;
mod changing_set;
mod checksum_forms;
mod drain;
mod election;
mod frames;
mod fsm_table;
mod histories;
mod lease;
mod management;
mod no_addresses;
mod random_packets;
mod receive;
mod reconfigure;
mod record;
mod reference_model;
mod router;
mod serde;
mod set;
mod set_model;
mod suspended;
mod sync_group;
mod sync_groups_meet;
mod transition_table;
mod unicast;
mod wire;
mod without_heap;
