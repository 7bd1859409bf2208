//! The status for people: where is each address, and why.

use std::fmt::Write as _;
use std::time::Duration;

use super::answer::{
    AddressView, CheckView, DrainView, LookView, MasterView, OtherMasterView, Place, RouterView, Since, Status,
    TrackerView,
};

/// One paragraph for each virtual router.
#[must_use]
pub(super) fn render(status: &Status) -> String {
    let count = match status.routers.len() {
        1 => "1 virtual router".to_owned(),
        n => format!("{n} virtual routers"),
    };
    let head = format!("vrrpd {}, {count}\n", status.version);
    let mut text = status.routers.iter().fold(head, |text, router| text + "\n" + &paragraph(router));
    if !status.checks.is_empty() {
        text.push_str("\nchecks\n");
    }
    for check in &status.checks {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", self::check(check));
    }
    text
}

fn check(CheckView { name, kind, passing, value, last }: &CheckView) -> String {
    let stands = match (passing, value) {
        (None, _) => "has no result yet".to_owned(),
        (_, Some(value)) => format!("says {value}"),
        (Some(true), None) => "passes".to_owned(),
        (Some(false), None) => "failed".to_owned(),
    };
    let last = match last {
        None => String::new(),
        Some(LookView { passed, result }) if Some(*passed) == *passing => format!(": {result}"),
        Some(LookView { passed: true, result }) => format!(", but its last run succeeded: {result}"),
        Some(LookView { passed: false, result }) => format!(", but its last run failed: {result}"),
    };
    format!("{name} ({kind}) {stands}{last}")
}

fn paragraph(router: &RouterView) -> String {
    let mut text = head(router) + "\n";
    field(&mut text, "since", router.since.iter().map(since));
    field(&mut text, "because", [router.cause.clone()]);
    field(&mut text, "faults", router.faults.iter().cloned());
    let masters = std::iter::once(master(router.master.as_ref())).chain(router.other_master.iter().map(other_master));
    field(&mut text, "master", masters);
    field(&mut text, "priority", [priority(router)]);
    field(&mut text, "by hand", router.by_hand.iter().map(|hand| format!("{hand}, until the next reload")));
    field(&mut text, "drain", router.drain.map(|drain| self::drain(drain).to_owned()));
    field(&mut text, "tracking", router.trackers.iter().filter_map(tracking));
    field(&mut text, "addresses", addresses(router));
    field(&mut text, "counters", counters(router));
    text
}

/// Returns the same in one line, without the parts that have their own place.
pub(super) fn sentence(router: &RouterView) -> String {
    let since = router.since.iter().map(|at| format!("since {}: {}", since(at), router.cause));
    let faults = router.faults.iter().map(|fault| format!("fault: {fault}"));
    let masters = [format!("master: {}", master(router.master.as_ref()))];
    let priority = [format!("priority {}", priority(router))];
    let by_hand = router.by_hand.iter().map(|hand| format!("by hand: {hand}"));
    let drain = router.drain.map(|drain| self::drain(drain).to_owned());
    let parts = since.chain(faults).chain(masters).chain(priority).chain(by_hand).chain(drain).chain(addresses(router));
    parts.fold(head(router), |text, part| text + "; " + &part)
}

fn head(RouterView { name, state, interface, family, vrid, .. }: &RouterView) -> String {
    format!("{name}: {state} on {interface}, {family}, VRID {vrid}")
}

fn addresses(router: &RouterView) -> impl Iterator<Item = String> + '_ {
    router.addresses.iter().map(|address| location(&router.state, address))
}

/// Returns the counters that are not zero.
pub(super) fn counters(router: &RouterView) -> impl Iterator<Item = String> + '_ {
    router.counters.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}"))
}

/// Writes lines with a label before the first one. Without lines it writes nothing.
fn field(text: &mut String, label: &str, lines: impl IntoIterator<Item = String>) {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    for (label, line) in labels.zip(lines) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {label:<9}  {line}");
    }
}

const fn drain(drain: DrainView) -> &'static str {
    match drain {
        DrainView::HandingOver => "handing over: Master until another one is heard",
        DrainView::LastResort => "the last resort: nobody took over",
        DrainView::Reserve => "in reserve: takes its addresses only where nobody else has them",
    }
}

fn since(since: &Since) -> String {
    let ago = Duration::try_from_secs_f64(since.seconds.trunc()).unwrap_or_default();
    format!("{} ({} ago)", since.at, humantime::format_duration(ago))
}

fn other_master(OtherMasterView { address, priority, why }: &OtherMasterView) -> String {
    let priority = priority.map(|priority| format!(", priority {priority}")).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{address}{priority}, says that it is Master too{why}")
}

/// Returns the effect of a weight on the priority, where there is anything to tell.
fn tracking(tracker: &TrackerView) -> Option<String> {
    let says = &tracker.says;
    match tracker {
        // Told among the faults.
        TrackerView { weight: None, .. } => None,
        TrackerView { priority, .. } if *priority != 0 => Some(format!("{says}: {priority:+} priority")),
        TrackerView { passing: None, .. } => Some(format!("{says}: no change yet")),
        TrackerView { weight: Some(weight), .. } if *weight > 0 => {
            Some(format!("{says}: without its {weight:+} priority"))
        }
        _ => None,
    }
}

fn master(master: Option<&MasterView>) -> String {
    let Some(MasterView { address, priority, us }) = master else {
        return "none known".to_owned();
    };
    let address = if *us { format!("this router, {address}") } else { address.clone() };
    match priority {
        Some(priority) => format!("{address}, priority {priority}"),
        None => address,
    }
}

fn priority(router: &RouterView) -> String {
    match (router.priority, router.configured_priority) {
        (used, configured) if used == configured => used.to_string(),
        (used, configured) if used < configured && router.addresses.iter().any(|it| it.obstacle.is_some()) => {
            format!("{used}, configured {configured}: not every address can be set here")
        }
        (used, configured) => format!("{used}, configured {configured}"),
    }
}

fn location(state: &str, AddressView { address, host, obstacle, .. }: &AddressView) -> String {
    let place = match (host, state) {
        (Place::Ours | Place::Foreign, "Master") => "here",
        (Place::Ours | Place::Foreign, _) => "here, though this router is not Master",
        (Place::Tentative, _) => "here, but not in use yet (DAD runs)",
        (Place::Duplicate, _) => "duplicate address (DAD failed)",
        (Place::Absent, "Master") => "not here, though Master",
        (Place::Absent, _) => "not here",
    };
    match obstacle {
        Some(why) => format!("{address} {place}: {why}"),
        None => format!("{address} {place}"),
    }
}
