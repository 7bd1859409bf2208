//! The driver's status in the control protocol's words.

use std::collections::BTreeMap;
use std::time::SystemTime;

use vrrp_core::{Priority, Role, Weight};
use vrrp_io_linux as io;

use super::answer::{
    AddressStatus, MasterStatus, OnHost, OtherMasterStatus, RouterStatus, Since, Status, TrackerStatus,
};

/// Faults get the reason that `reasons` has for them: a check's last result.
pub(in crate::vrrpd) fn status(driver: &io::DriverStatus, reasons: &BTreeMap<String, String>) -> Status {
    let routers = driver.routers.iter().map(|status| router(status, driver.events_lost, reasons)).collect();
    Status { version: env!("CARGO_PKG_VERSION").to_owned(), routers }
}

fn router(status: &io::RouterStatus, events_lost: u64, reasons: &BTreeMap<String, String>) -> RouterStatus {
    let state = match status.role {
        Role::Initialize if !status.faults.is_empty() => "Fault".to_owned(),
        role => role.to_string(),
    };
    RouterStatus {
        name: status.name.clone(),
        interface: status.interface.clone(),
        family: status.family.to_string(),
        vrid: status.vrid.get(),
        state,
        priority: status.priority.get(),
        configured_priority: status.configured_priority.get(),
        addresses: status
            .addresses
            .iter()
            .map(|address| AddressStatus {
                address: address.vip.to_string(),
                installed: address.installed,
                host: on_host(address.host),
                obstacle: address.obstacle.as_ref().map(ToString::to_string),
            })
            .collect(),
        faults: status.faults.iter().map(|fault| explain(&fault.text, reasons)).collect(),
        trackers: status.trackers.iter().map(|it| tracker(it, status.configured_priority, reasons)).collect(),
        master: status.master.map(|address| MasterStatus {
            address: address.to_string(),
            priority: status.master_priority.map(|priority| priority.get()),
            us: status.role == Role::Master,
        }),
        other_master: status.other_master.as_ref().map(|other| OtherMasterStatus {
            address: other.address.to_string(),
            priority: other.priority.map(|priority| priority.get()),
            why: other.why.clone(),
        }),
        since: status.in_state_for.map(|ago| Since::new(ago, SystemTime::now())),
        cause: status.why.clone(),
        counters: counters(status, events_lost),
    }
}

fn tracker(tracker: &io::TrackerStatus, configured: Priority, reasons: &BTreeMap<String, String>) -> TrackerStatus {
    let weight = match tracker.weight {
        Weight::Fault => None,
        // Nothing changes the owner's.
        Weight::Adjust(_) if configured.is_owner() => Some(0),
        Weight::Adjust(weight) if tracker.reverse => Some(-i32::from(weight.get())),
        Weight::Adjust(weight) => Some(weight.get().into()),
    };
    TrackerStatus {
        name: tracker.name.clone(),
        passing: tracker.passing,
        says: explain(&tracker.says, reasons),
        fault: tracker.is_fault(),
        priority: if configured.is_owner() { 0 } else { tracker.adjustment },
        weight,
    }
}

fn on_host(host: io::OnHost) -> OnHost {
    match host {
        io::OnHost::Absent => OnHost::Absent,
        io::OnHost::Tentative => OnHost::Tentative,
        io::OnHost::Duplicate => OnHost::Duplicate,
        io::OnHost::Here { ours: true } => OnHost::Ours,
        io::OnHost::Here { ours: false } => OnHost::Foreign,
    }
}

fn explain(fault: &str, reasons: &BTreeMap<String, String>) -> String {
    match reasons.get(fault) {
        Some(reason) => format!("{fault}: {reason}"),
        None => fault.to_owned(),
    }
}

/// The counters by their names in the core, those of the driver with them.
fn counters(status: &io::RouterStatus, events_lost: u64) -> BTreeMap<String, u64> {
    let stats = serde_json::to_value(status.stats).unwrap_or_default();
    let named = stats.as_object().into_iter().flatten();
    let mut counters: BTreeMap<String, u64> =
        named.filter_map(|(name, value)| Some((name.clone(), value.as_u64()?))).collect();
    counters.insert("events_lost".to_owned(), events_lost);
    counters
}
