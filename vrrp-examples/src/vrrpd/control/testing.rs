//! Statuses of a driver, for tests.

use serde_json::{Value, json};
use vrrp_io_linux::DriverStatus;

/// Returns the status of a driver with these routers.
pub(crate) fn driver(routers: &[Value]) -> DriverStatus {
    let driver = json!({"routers": routers, "global": {}, "events_lost": 3, "news_not_understood": 2});
    serde_json::from_value(driver).unwrap()
}

/// Returns a router, with `fields` as they are to be.
pub(crate) fn router(name: &str, fields: Value) -> Value {
    let second = json!({"secs": 1, "nanos": 0});
    let mut router = json!({
        "id": 0, "name": name, "interface": "eth0", "family": "Ipv4", "vrid": 1, "role": "Backup",
        "priority": 100, "configured_priority": 100, "master": null, "master_priority": null,
        "since": null, "in_state_for": second, "cause": "Startup", "why": "startup",
        "faults": [], "trackers": [], "other_master": null, "addresses": [],
        "up_since": null, "up_for": null, "last_event": "vrrp-event-shutdown", "new_master_reason": "not-master",
        "last_advertisement_from": null, "master_down_interval": second, "skew_time": second, "stats": {}, "drain": null, "interface_changes": [],
    });
    for (name, value) in fields.as_object().unwrap() {
        router[name] = value.clone();
    }
    router
}
