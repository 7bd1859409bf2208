//! The answer, from what the daemon knows.

use std::collections::BTreeMap;

use vrrp_core::{Fault, Priority, Role, Weight};
use vrrp_io_linux::{AddressStatus, FaultStatus, OnHost, RouterStatus, TrackerStatus};

use super::answer::{AddressView, MasterView, OtherMasterView, Place, RouterView, Since, Status, TrackerView};
use crate::vrrpd::control::snapshot::{Reasons, Snapshot};

/// Says how everything stands. What a failing check is to blame for has its last result behind it.
pub(super) fn status(daemon: &Snapshot) -> Status {
    let routers = daemon.driver.routers.iter().map(|status| router(status, daemon)).collect();
    Status { version: env!("CARGO_PKG_VERSION").to_owned(), routers }
}

fn router(status: &RouterStatus, daemon: &Snapshot) -> RouterView {
    let state = match status.role {
        Role::Initialize if !status.faults.is_empty() => "Fault".to_owned(),
        role => role.to_string(),
    };
    RouterView {
        name: status.name.clone(),
        interface: status.interface.clone(),
        family: status.family.to_string(),
        vrid: status.vrid.get(),
        state,
        priority: status.priority.get(),
        configured_priority: status.configured_priority.get(),
        addresses: status.addresses.iter().map(address).collect(),
        faults: status.faults.iter().map(|it| fault(it, status, &daemon.reasons)).collect(),
        trackers: status.trackers.iter().map(|it| tracker(it, status, &daemon.reasons)).collect(),
        master: status.master.map(|address| MasterView {
            address: address.to_string(),
            priority: status.master_priority.map(Priority::get),
            us: status.role == Role::Master,
        }),
        other_master: status.other_master.as_ref().map(|other| OtherMasterView {
            address: other.address.to_string(),
            priority: other.priority.map(Priority::get),
            why: other.why.clone(),
        }),
        since: status.in_state_for.map(|ago| Since::new(ago, daemon.taken_at)),
        cause: status.why.clone(),
        counters: counters(status, daemon.driver.events_lost),
    }
}

fn address(address: &AddressStatus) -> AddressView {
    AddressView {
        address: address.vip.to_string(),
        installed: address.installed,
        host: place(address.host),
        obstacle: address.obstacle.as_ref().map(ToString::to_string),
    }
}

fn fault(fault: &FaultStatus, of: &RouterStatus, reasons: &Reasons) -> String {
    match fault.fault {
        Fault::Tracker(tracker) => reasons.explain(of.id, tracker, &fault.text),
        _ => fault.text.clone(),
    }
}

fn tracker(tracker: &TrackerStatus, of: &RouterStatus, reasons: &Reasons) -> TrackerView {
    let is_owner = of.configured_priority.is_owner();
    let weight = match tracker.weight {
        Weight::Fault => None,
        // Nothing changes the owner's.
        Weight::Adjust(_) if is_owner => Some(0),
        Weight::Adjust(weight) if tracker.reverse => Some(-i32::from(weight.get())),
        Weight::Adjust(weight) => Some(weight.get().into()),
    };
    TrackerView {
        name: tracker.name.clone(),
        passing: tracker.passing,
        says: reasons.explain(of.id, tracker.id, &tracker.says),
        fault: tracker.is_fault(),
        priority: if is_owner { 0 } else { tracker.adjustment },
        weight,
    }
}

const fn place(host: OnHost) -> Place {
    match host {
        OnHost::Absent => Place::Absent,
        OnHost::Tentative => Place::Tentative,
        OnHost::Duplicate => Place::Duplicate,
        OnHost::Here { ours: true } => Place::Ours,
        OnHost::Here { ours: false } => Place::Foreign,
    }
}

/// The counters by their names in the core, those of the driver with them.
fn counters(status: &RouterStatus, events_lost: u64) -> BTreeMap<String, u64> {
    let stats = serde_json::to_value(status.stats).unwrap_or_default();
    let named = stats.as_object().into_iter().flatten();
    let mut counters: BTreeMap<String, u64> =
        named.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect();
    counters.insert("events_lost".to_owned(), events_lost);
    counters
}
