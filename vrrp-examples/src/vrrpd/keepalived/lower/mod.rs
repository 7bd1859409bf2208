//! From drafts to the model: what it means together, keepalived's defaults, and what must hold between sections.

mod global;
mod group;
pub(super) mod interface;
mod meaning;
mod protocol;
mod routing;
mod script;
mod track;
mod unicast;
mod vmac;

use crate::vrrpd::config::{Daemon, Fixed, InitialValue, Instance, SyncGroup};
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::instance::InstanceDraft;
use crate::vrrpd::keepalived::blocks::root::Root;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::values::unique;
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness;
use interface::FindInterface;

/// Lowers a whole configuration. Returns it with the places of its instances; both are valid only if `report` then holds no
/// error. `is_idle`: the file says on purpose that nothing runs.
pub(crate) fn lower(
    mut root: Root,
    is_idle: bool,
    find: FindInterface<'_>,
    report: &mut Report,
) -> (Daemon, Vec<Spans>) {
    interface::fill_in_defaults(&mut root, find, report);
    check_between_sections(&root, report);
    let macvlans = vmac::name_rest(&mut root.instances);
    let of_instances = root.instances.iter_mut().flat_map(|draft| &mut draft.rules);
    routing::number(root.rules.iter_mut().chain(of_instances), report);
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
    let lowered = |draft: InstanceDraft| draft.meaning(&root.globals, &checks, &macvlans, report);
    let mut instances: Vec<Instance> = root.instances.into_iter().filter_map(lowered).collect();
    // Collected where the larger drafts were.
    instances.shrink_to_fit();
    let lowered = |draft: GroupDraft| draft.meaning(&root.globals, &checks, &macvlans, &mut instances, report);
    let sync_groups: Vec<SyncGroup> = root.groups.into_iter().map(lowered).collect();
    if instances.is_empty() && !report.failed() {
        let (file, message) = (Span { source: 0, start: 0, end: 0 }, "no virtual router is configured");
        let found = if is_idle { report.notice(file, message) } else { report.error(file, message) };
        found.with_code(Code::Missing).with_expected("a `vrrp_instance` block");
    }
    let scheduling = root.globals.process.scheduling();
    let fifos = root.globals.fifos(report);
    let checks = soundness::that_count(checks, &spans, &instances, &sync_groups, report);
    let is_run = |(name, _): &(String, InitialValue)| checks.iter().any(|check| check.name == *name);
    let initial_values = initial.into_iter().filter(is_run).collect();
    let daemon = Daemon {
        checks,
        instances,
        sync_groups,
        scheduling,
        initial_values,
        fifo_states_on_reload: root.globals.fifo_states_on_reload && !fifos.is_empty(),
        fifos,
        startup_delay: root.globals.startup_delay,
        interface_delays: root.delays.into_iter().map(|delay| delay.value).collect(),
        fixed: Fixed {
            addresses: root.addresses.into_iter().map(|draft| draft.virtual_ip).collect(),
            routes: root.routes.into_iter().map(|draft| draft.route).collect(),
            rules: root.rules.into_iter().map(|draft| draft.rule).collect(),
        },
        ..Daemon::default()
    };
    (daemon, places)
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
    soundness::router_ids(routers, report);
    let fixed = root
        .addresses
        .iter()
        .filter_map(|it| Some(((it.virtual_ip.device.as_deref()?, it.virtual_ip.address), it.span)));
    soundness::addresses(root.instances.iter().map(|draft| draft.installed().collect()), fixed, report);
    let delays = root.delays.iter().map(|delay| (&delay.value.interface, delay.span));
    unique(delays, report, |interface| format!("the delays of `{interface}` are there already"), "each interface once");
    vmac::check_names(&root.instances, report);
    let instances: Vec<&str> = root.instances.iter().map(|draft| draft.name.text.as_str()).collect();
    group::check(&root.groups, &instances, report);
}
