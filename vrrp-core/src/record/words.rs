//! Descriptions of events.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use super::entry::Event;
use crate::action::{Action, AdvertKind, Input};
use crate::cause::PriorityCause;
use crate::config::Config;
use crate::health::Reading;
use crate::types::{Priority, TrackerId};

/// Octets as people write them.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Event {
    /// Returns a phrase for people, with the names that `config` gives to trackers.
    #[must_use]
    pub fn describe(&self, config: Option<&Config>) -> String {
        match (self, config) {
            (Self::Asked(Action::StateChanged(change)), Some(config)) => {
                format!("{} -> {}: {}", change.from, change.to, change.cause.describe(config))
            }
            (Self::Asked(Action::PriorityChanged { from, to, by }), _) => priority_said(*from, *to, *by, config),
            (Self::Input(Input::Tracker(id, reading)), _) => tracker_said(*id, *reading, config),
            _ => said(self),
        }
    }
}

/// The same without names.
pub(super) fn said(event: &Event) -> String {
    match event {
        Event::There(interface) => format!("is on interface {interface}"),
        Event::Inserted(interface) => format!("added on interface {interface}"),
        Event::Snapshot(snapshot) => format!("is {}, and is followed from here on", snapshot.state().role()),
        Event::GroupSnapshot(group) => format!("is in a sync group of {}", group.members().len()),
        Event::Cut => "too many packets: from here on it is not followed".into(),
        Event::Removed => "removed".into(),
        Event::Grouped(members) => match members.len() {
            0 | 1 => "a sync group ended".into(),
            members => format!("{members} routers are a sync group"),
        },
        Event::Ungrouped => "taken out of its sync group".into(),
        Event::Input(input) => input_said(input),
        Event::InputToAll(input) => format!("all: {}", input_said(input)),
        Event::Priority(priority) => format!("configured priority is now {priority}"),
        Event::Reconfigured(_) => "another configuration".into(),
        Event::TxError => "the advertisement could not be sent".into(),
        Event::Heard { packet, accepted } => {
            let source = packet.endpoints.source();
            let verdict = if *accepted { "accepted" } else { "ignored" };
            let priority = packet.octets.get(2).map_or_else(|| "?".to_string(), ToString::to_string);
            format!("heard {source} at priority {priority}: {verdict}")
        }
        Event::Asked(action) => action_said(action),
        Event::Drained => "nothing more to do".into(),
        Event::Encoded(message) => {
            format!("{} to {}: {}", kind_said(message.kind), message.endpoints.destination(), Hex(&message.octets))
        }
    }
}

fn input_said(input: &Input) -> String {
    match input {
        Input::Startup => "started".into(),
        Input::Shutdown => "told to stop".into(),
        Input::Timeout => "a timer".into(),
        Input::InterfaceUp(true) => "its interface is up".into(),
        Input::InterfaceUp(false) => "its interface is down".into(),
        Input::PrimaryAddress(Some(address)) => format!("it sends from {address}"),
        Input::PrimaryAddress(None) => "it has no address to send from".into(),
        Input::Tracker(id, reading) => tracker_said(*id, *reading, None),
        Input::AddressInstalled(request) => format!("the host has {}", request.address),
        Input::AddressFailed(request) => format!("the host cannot have {}", request.address),
        Input::AddressAvailable(index, true) => format!("the host can have address {index}"),
        Input::AddressAvailable(index, false) => format!("the host cannot have address {index}"),
        Input::Installing => "the host is still setting addresses".into(),
        Input::LinkAddressChanged => "its interface has another MAC address".into(),
        Input::Stray(Some(address)) => format!("{address} is on the host and cannot be removed"),
        Input::Stray(None) => "no address is on the host that should not be".into(),
        Input::Drain(drain) => format!("drained, at priority {}", drain.priority),
        Input::Undrain => "drained no more".into(),
    }
}

fn tracker_said(id: TrackerId, reading: Reading, config: Option<&Config>) -> String {
    let name = tracker_name(id, config);
    match reading {
        Reading::Passing => format!("{name} passes"),
        Reading::Failing => format!("{name} fails"),
        Reading::Value(value) => format!("{name} says {value}"),
    }
}

fn tracker_name(id: TrackerId, config: Option<&Config>) -> String {
    match config {
        Some(config) => format!("tracker {}", config.tracker(id).map_or("?", |tracker| &*tracker.name)),
        None => format!("tracker {}", id.index()),
    }
}

fn priority_said(from: Priority, to: Priority, by: PriorityCause, config: Option<&Config>) -> String {
    let why = match by {
        PriorityCause::Tracker(id) => tracker_name(id, config),
        PriorityCause::Addresses => "the addresses that the host can set".into(),
        PriorityCause::Group => "the addresses that the hosts of its sync group can set".into(),
        PriorityCause::Configuration => "another configuration".into(),
        PriorityCause::Command => "a command".into(),
        PriorityCause::Drain => "a drain, or its end".into(),
    };
    format!("priority {from} -> {to}: {why}")
}

fn action_said(action: &Action) -> String {
    match action {
        Action::SendAdvertisement(kind) => format!("send {}", kind_said(*kind)),
        Action::InstallAddress(request) => format!("set {}", request.address),
        Action::RemoveAddress(request) => format!("remove {}", request.address),
        Action::AnnounceAddress { request, count } => format!("announce {}, {count} times", request.address),
        Action::StateChanged(change) => format!("{} -> {} ({:?})", change.from, change.to, change.cause),
        Action::PriorityChanged { from, to, by } => priority_said(*from, *to, *by, None),
        Action::FaultsChanged => "other faults keep it out".into(),
        Action::NobodyTookOver => "nobody took over".into(),
        Action::LowerPriorityHeard { from, priority } => format!("{from} is Master too, at priority {priority}"),
    }
}

const fn kind_said(kind: AdvertKind) -> &'static str {
    match kind {
        AdvertKind::Regular => "an advertisement",
        AdvertKind::Release => "a release (priority 0)",
        AdvertKind::RegularVersion2 => "an advertisement in version 2",
        AdvertKind::ReleaseVersion2 => "a release (priority 0) in version 2",
        AdvertKind::Yield => "a yield advertisement",
        AdvertKind::YieldVersion2 => "a yield advertisement in version 2",
        AdvertKind::HandOver => "a call for another Master (priority 0)",
        AdvertKind::HandOverVersion2 => "a call for another Master (priority 0) in version 2",
    }
}
