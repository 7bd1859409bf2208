//! From drafts to the model: what it means together, keepalived's defaults, and what must hold between sections.

mod global;
mod group;
mod meaning;
mod protocol;
mod routing;
mod script;
mod track;
mod unicast;
mod vmac;

use std::collections::BTreeSet;

use crate::vrrpd::config::{Check, Daemon, InitialValue, Instance, SyncGroup};
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::root::Root;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::values::unique;
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;

/// Lowers a whole configuration, and says where its instances stand. What it returns counts only if `report` holds no
/// error afterwards.
pub(crate) fn lower(mut root: Root, report: &mut Report) -> (Daemon, Vec<Spans>) {
    check_between_sections(&root, report);
    let macvlans = vmac::name_rest(&mut root.instances);
    routing::number(root.instances.iter_mut().flat_map(|draft| &mut draft.rules), report);
    let meaning = |draft: CheckDraft| draft.meaning(&root.globals, report);
    let (checks, spans, initial) = root.checks.into_iter().map(meaning).fold(
        (Vec::new(), Vec::new(), Vec::new()),
        |(mut checks, mut spans, mut initial), (check, span, value)| {
            initial.extend(value.map(|value| (check.name.clone(), value)));
            checks.push(check);
            spans.push(span);
            (checks, spans, initial)
        },
    );
    let places = root.instances.iter().map(InstanceDraft::spans).collect();
    let meaning = |draft: InstanceDraft| draft.meaning(&root.globals, &checks, &macvlans, report);
    let mut instances: Vec<Instance> = root.instances.into_iter().filter_map(meaning).collect();
    // Collected where the larger drafts were.
    instances.shrink_to_fit();
    let meaning = |draft: GroupDraft| draft.meaning(&root.globals, &checks, &macvlans, &mut instances, report);
    let sync_groups: Vec<SyncGroup> = root.groups.into_iter().map(meaning).collect();
    if instances.is_empty() && !report.failed() {
        report
            .error(Span { source: 0, start: 0, end: 0 }, "no virtual router is configured")
            .with_code(Code::Missing)
            .with_expected("a `vrrp_instance` block");
    }
    let scheduling = root.globals.process.scheduling();
    let checks = tracked(checks, &spans, &instances, &sync_groups, report);
    let is_run = |(name, _): &(String, InitialValue)| checks.iter().any(|check| check.name == *name);
    let initial_values = initial.into_iter().filter(is_run).collect();
    let daemon = Daemon {
        checks,
        instances,
        sync_groups,
        scheduling,
        initial_values,
        startup_delay: root.globals.startup_delay,
        interface_delays: root.delays.into_iter().map(|delay| delay.value).collect(),
        ..Daemon::default()
    };
    (daemon, places)
}

/// The checks that some instance tracks; keepalived runs no others.
fn tracked(
    checks: Vec<Check>,
    spans: &[Span],
    instances: &[Instance],
    groups: &[SyncGroup],
    report: &mut Report,
) -> Vec<Check> {
    let of_groups = groups.iter().flat_map(|group| &group.track_checks);
    let tracks = instances.iter().flat_map(|instance| &instance.track_checks).chain(of_groups);
    let tracks: BTreeSet<&str> = tracks.map(|track| track.name.as_str()).collect();
    let (tracked, idle): (Vec<_>, Vec<_>) =
        checks.into_iter().zip(spans).partition(|(check, _)| tracks.contains(check.name.as_str()));
    // After an error this may be the consequence of a name that was wrong.
    if !report.failed() {
        for (check, span) in idle {
            report.notice(*span, format!("`{}` is not run: it counts for no instance", check.name));
        }
    }
    tracked.into_iter().map(|(check, _)| check).collect()
}

fn check_between_sections(root: &Root, report: &mut Report) {
    let names = root.checks.iter().map(|draft| (&draft.name.text, draft.name.span));
    unique(names, report, |name| format!("the script name `{name}` is taken"), "a name of its own");
    let names = root.instances.iter().map(|draft| (&draft.name.text, draft.name.span));
    unique(names, report, |name| format!("the instance name `{name}` is taken"), "a name of its own");
    let routers = root.instances.iter().filter_map(|draft| {
        let vrid = draft.vrid?;
        Some(((vrid.value, draft.family(), &draft.interface.as_ref()?.value), vrid.span))
    });
    let taken = |(vrid, family, interface): &(u8, Family, &String)| {
        format!("virtual router id {vrid} is taken on {interface} for {family}")
    };
    unique(routers, report, taken, "an id that no other instance on this interface has");
    let addresses = root.instances.iter().flat_map(InstanceDraft::installed);
    let taken = |(device, address): &_| format!("the address {address} is taken on {device}");
    unique(addresses, report, taken, "each address once on a device");
    let delays = root.delays.iter().map(|delay| (&delay.value.interface, delay.span));
    unique(delays, report, |interface| format!("the delays of `{interface}` are there already"), "each interface once");
    vmac::check_names(&root.instances, report);
    let instances: Vec<&str> = root.instances.iter().map(|draft| draft.name.text.as_str()).collect();
    group::check(&root.groups, &instances, report);
}
