//! The status for people: where is each address, and why.

use std::fmt::Write as _;
use std::time::Duration;

use super::answer::{
    AddressStatus, MasterStatus, OnHost, OtherMasterStatus, RouterStatus, Since, Status, TrackerStatus,
};

/// One paragraph for each virtual router.
#[must_use]
pub fn render(status: &Status) -> String {
    let count = match status.routers.len() {
        1 => "1 virtual router".to_owned(),
        n => format!("{n} virtual routers"),
    };
    let head = format!("vrrpd {}, {count}\n", status.version);
    status.routers.iter().fold(head, |text, router| text + "\n" + &paragraph(router))
}

fn paragraph(router: &RouterStatus) -> String {
    let RouterStatus { name, state, interface, family, vrid, .. } = router;
    let mut text = format!("{name}: {state} on {interface}, {family}, VRID {vrid}\n");
    field(&mut text, "since", router.since.iter().map(since));
    field(&mut text, "because", [router.cause.clone()]);
    field(&mut text, "faults", router.faults.iter().cloned());
    let masters = std::iter::once(master(router.master.as_ref())).chain(router.other_master.iter().map(other_master));
    field(&mut text, "master", masters);
    field(&mut text, "priority", [priority(router)]);
    field(&mut text, "tracking", router.trackers.iter().filter_map(tracking));
    field(&mut text, "addresses", router.addresses.iter().map(|address| location(state, address)));
    let counted = router.counters.iter().filter(|(_, count)| **count > 0);
    field(&mut text, "counters", counted.map(|(name, count)| format!("{count} {name}")));
    text
}

/// The label stands before the first line only; without lines, not at all.
fn field(text: &mut String, label: &str, lines: impl IntoIterator<Item = String>) {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    for (label, line) in labels.zip(lines) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {label:<9}  {line}");
    }
}

fn since(since: &Since) -> String {
    let ago = Duration::try_from_secs_f64(since.seconds.trunc()).unwrap_or_default();
    format!("{} ({} ago)", since.at, humantime::format_duration(ago))
}

fn other_master(OtherMasterStatus { address, priority, why }: &OtherMasterStatus) -> String {
    let priority = priority.map(|priority| format!(", priority {priority}")).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{address}{priority}, says that it is Master too{why}")
}

/// What a weight does to the priority, or does not; the rest is as it should be.
fn tracking(tracker: &TrackerStatus) -> Option<String> {
    let says = &tracker.says;
    match tracker {
        // Told among the faults.
        TrackerStatus { weight: None, .. } => None,
        TrackerStatus { priority, .. } if *priority != 0 => Some(format!("{says}: {priority:+} priority")),
        TrackerStatus { passing: None, .. } => Some(format!("{says}: no change yet")),
        TrackerStatus { weight: Some(weight), .. } if *weight > 0 => {
            Some(format!("{says}: without its {weight:+} priority"))
        }
        _ => None,
    }
}

fn master(master: Option<&MasterStatus>) -> String {
    let Some(MasterStatus { address, priority, us }) = master else {
        return "none known".to_owned();
    };
    let address = if *us { format!("this router, {address}") } else { address.clone() };
    match priority {
        Some(priority) => format!("{address}, priority {priority}"),
        None => address,
    }
}

fn priority(router: &RouterStatus) -> String {
    match (router.priority, router.configured_priority) {
        (used, configured) if used == configured => used.to_string(),
        (used, configured) if used < configured && router.addresses.iter().any(|it| it.obstacle.is_some()) => {
            format!("{used}, configured {configured}: not every address can be set here")
        }
        (used, configured) => format!("{used}, configured {configured}"),
    }
}

fn location(state: &str, AddressStatus { address, host, obstacle, .. }: &AddressStatus) -> String {
    let place = match (host, state) {
        (OnHost::Ours | OnHost::Foreign, "Master") => "here",
        (OnHost::Ours | OnHost::Foreign, _) => "here, though this router is not Master",
        (OnHost::Tentative, _) => "here, but not in use yet (DAD runs)",
        (OnHost::Duplicate, _) => "duplicate address (DAD failed)",
        (OnHost::Absent, "Master") => "not here, though Master",
        (OnHost::Absent, _) => "not here",
    };
    match obstacle {
        Some(why) => format!("{address} {place}: {why}"),
        None => format!("{address} {place}"),
    }
}
