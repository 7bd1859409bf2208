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

use crate::vrrpd::config::{Check, Daemon, Instance, SyncGroup};
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::root::Root;
use crate::vrrpd::keepalived::blocks::values::unique;
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;

/// Lowers a whole configuration, and says where its instances stand. What it returns counts only if `report` holds no
/// error afterwards.
pub(crate) fn lower(mut root: Root, report: &mut Report) -> (Daemon, Vec<Spans>) {
    check_between_sections(&root, report);
    let macvlans = vmac::name_rest(&mut root.instances);
    routing::number(root.instances.iter_mut().flat_map(|draft| &mut draft.rules), report);
    let (scripts, spans): (Vec<Check>, Vec<Span>) =
        root.scripts.into_iter().map(|draft| draft.meaning(&root.globals, report)).unzip();
    let places = root.instances.iter().map(InstanceDraft::spans).collect();
    let meaning = |draft: InstanceDraft| draft.meaning(&root.globals, &scripts, &macvlans, report);
    let mut instances: Vec<Instance> = root.instances.into_iter().filter_map(meaning).collect();
    // Collected where the larger drafts were.
    instances.shrink_to_fit();
    let meaning = |draft: GroupDraft| draft.meaning(&root.globals, &scripts, &macvlans, &mut instances, report);
    let sync_groups: Vec<SyncGroup> = root.groups.into_iter().map(meaning).collect();
    if instances.is_empty() && !report.failed() {
        report
            .error(Span { source: 0, start: 0, end: 0 }, "no virtual router is configured")
            .with_expected("a `vrrp_instance` block");
    }
    let scheduling = root.globals.process.scheduling();
    let checks = tracked(scripts, &spans, &instances, &sync_groups, report);
    let daemon = Daemon {
        checks,
        instances,
        sync_groups,
        scheduling,
        startup_delay: root.globals.startup_delay,
        interface_delays: root.delays.into_iter().map(|delay| delay.value).collect(),
        ..Daemon::default()
    };
    (daemon, places)
}

/// The scripts that some instance tracks; keepalived runs no others.
fn tracked(
    scripts: Vec<Check>,
    spans: &[Span],
    instances: &[Instance],
    groups: &[SyncGroup],
    report: &mut Report,
) -> Vec<Check> {
    let of_groups = groups.iter().flat_map(|group| &group.track_checks);
    let tracks = instances.iter().flat_map(|instance| &instance.track_checks).chain(of_groups);
    let tracks: BTreeSet<&str> = tracks.map(|track| track.name.as_str()).collect();
    let (tracked, idle): (Vec<_>, Vec<_>) =
        scripts.into_iter().zip(spans).partition(|(script, _)| tracks.contains(script.name.as_str()));
    // After an error this may be the consequence of a name that was wrong.
    if !report.failed() {
        for (script, span) in idle {
            report.notice(*span, format!("`{}` is not run: it counts for no instance", script.name));
        }
    }
    tracked.into_iter().map(|(script, _)| script).collect()
}

fn check_between_sections(root: &Root, report: &mut Report) {
    let names = root.scripts.iter().map(|draft| (&draft.name.text, draft.name.span));
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
