//! What the library says can be written down, and read back (feature `serde`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod common;

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use vrrp_core::{Role, RouterId, Tracker, TrackerId, Weight};
use vrrp_io_linux::{
    AddressError, ChangeError, DrainError, Drained, DriverStatus, Event, EventKind, Gone, NoSuchRouter, OsError,
    StartError, Stopped, TrackError, Warning,
};

use crate::common::*;

fn and_back<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn a_status_and_every_event_of_a_run_are_read_back_as_they_were() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let mut config = fast(200, &[address("192.0.2.100"), address("192.0.2.101")]);
        let mut tracker =
            |name: &str, weight| config.add_tracker(Tracker { name: name.to_owned(), weight, reverse: false }).unwrap();
        let service = tracker("the service", Weight::Fault);
        let load = tracker("the load", Weight::Adjust((-20).try_into().unwrap()));
        let mut node = host.start(vec![router(config)]);
        node.track(0, service, true);
        node.until_announced();
        node.track(0, load, false);
        node.until("a lower priority", |kind| kind.to_string() == "priority 200 -> 180: the load failed");
        let master = node.driver_status();
        node.track(0, service, false);
        node.until_role(Role::Initialize);
        let fault = node.driver_status();

        for status in [&master, &fault] {
            assert_eq!(and_back(status), *status);
        }
        assert!(node.log().iter().all(|event| and_back(event) == *event));
        let installed = |event: &&Event| matches!(event.kind, EventKind::AddressInstalled { .. });
        let value = serde_json::to_value(node.log().iter().find(installed).unwrap()).unwrap();
        assert_eq!(value["kind"]["AddressInstalled"]["vip"]["address"], "192.0.2.100");
        let value = serde_json::to_value(&fault).unwrap();
        let router = &value["routers"][0];
        assert_eq!(router["addresses"][0]["vip"]["address"], "192.0.2.100");
        assert_eq!((&router["name"], &router["role"]), (&json!("eth0/51"), &json!("Initialize")));
        assert_eq!(router["faults"], json!([{"fault": {"Tracker": 0}, "text": "the service failed"}]));
    });
}

#[test]
fn events_and_errors_are_read_by_their_names() {
    let event = json!({
        "router": 0,
        "name": "eth0/51",
        "kind": {"PriorityChanged": {"from": 200, "to": 180, "by": {"Tracker": 1}, "why": "the load failed"}},
    });
    let read: Event = serde_json::from_value(event.clone()).unwrap();
    assert_eq!(read.to_string(), "eth0/51: priority 200 -> 180: the load failed");
    assert_eq!(serde_json::to_value(&read).unwrap(), event);

    let refused = || OsError::from(io::Error::from_raw_os_error(1));
    let os_error = json!({"errno": 1, "text": "Operation not permitted (os error 1)"});
    assert_eq!(serde_json::to_value(Warning::Nice(refused())).unwrap(), json!({"Nice": os_error}));
    assert_eq!(serde_json::to_value(AddressError::NotInstalled(refused())).unwrap(), json!({"NotInstalled": os_error}));
    assert_eq!(
        serde_json::to_value(error_of_a_timer()).unwrap(),
        json!({"Os": {"what": "cannot make a timer", "error": os_error}})
    );
    let tracker: TrackerId = serde_json::from_value(json!(3)).unwrap();
    let error = TrackError::UnknownTracker { name: "eth0/51".to_owned(), tracker };
    assert_eq!(and_back(&error), error);
    let (id, died): (RouterId, _) = (serde_json::from_value(json!(3)).unwrap(), Stopped::Died);
    let gone = Gone::Router(NoSuchRouter(id));
    assert_eq!(serde_json::to_value(gone).unwrap(), json!({"Router": 3}));
    assert_eq!((and_back(&gone), and_back(&died)), (gone, died));
    let own = DrainError::OwnAddress { name: "eth0/51".to_owned(), address: address("192.0.2.1") };
    let drained = Drained::HandedOver { to: address("192.0.2.2") };
    assert_eq!((and_back(&own), and_back(&drained)), (own, drained));
    let change = ChangeError::Start(error_of_a_timer());
    assert_eq!(
        serde_json::to_value(&change).unwrap(),
        json!({"Start": {"Os": {"what": "cannot make a timer", "error": os_error}}})
    );
    let lost = json!({"router": 0, "name": "eth0/51", "kind": {"Lost": {"count": 7}}});
    let read: Event = serde_json::from_value(lost.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), lost);
}

fn error_of_a_timer() -> StartError {
    StartError::Os { what: "cannot make a timer", error: io::Error::from_raw_os_error(1) }
}

#[test]
fn a_driver_without_routers_has_a_status() {
    let status = DriverStatus::default();
    assert_eq!(and_back(&status), status);
}
