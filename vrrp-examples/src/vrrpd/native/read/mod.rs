//! From the tree to the model: what each table says, and what must hold between them.

mod address;
mod announce;
mod check;
mod command;
mod group;
mod router;
mod routing;
mod track;

use std::collections::BTreeSet;

use vrrp_core::Family;
use vrrp_io_linux::Scheduling;

use crate::vrrpd::config::{Check, Daemon, Fifo, Fixed, Instance, InterfaceDelay, Options, SyncGroup};
use crate::vrrpd::native::read::command::Scripts;
use crate::vrrpd::native::read::group::GroupRead;
use crate::vrrpd::native::read::router::RouterRead;
use crate::vrrpd::native::section::Section;
use crate::vrrpd::native::tables;
use crate::vrrpd::native::tree::{Node, Value, Word};
use crate::vrrpd::report::places::Spans;
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness;
use vrrp_io_linux::{VirtualIp, is_interface_name};

/// Reads a whole file. Returns it with the places of its routers; both are valid only if `report` then holds no error.
pub(crate) fn read(file: &Node, report: &mut Report) -> (Daemon, Vec<Spans>) {
    let start = Span { end: file.span.start, ..file.span };
    // A file that was cut off or emptied is no wish that nothing runs; one with nothing but comments is.
    let nothing_set = matches!(&file.value, Value::Table(keys) if keys.is_empty());
    let is_idle = nothing_set && !report.text(file.span.source).trim().is_empty();
    let Some(section) = Section::read(file, start, &[&tables::FILE], report) else {
        return (Daemon::default(), Vec::new());
    };
    let scripts = section.table("scripts", report).map_or_else(Scripts::default, |table| Scripts::read(&table, report));
    let written = section.named("check", report);
    let (checks, spans): (Vec<Check>, Vec<Span>) =
        written.iter().filter_map(|entry| Some((check::read(entry, &scripts, report)?, entry.0.span))).unzip();
    let names = section.named("router", report);
    let mut routers: Vec<RouterRead> =
        names.iter().map(|entry| router::read(entry, &scripts, (&checks, written), report)).collect();
    if names.is_empty() && !report.failed() {
        let message = "no virtual router is configured";
        let found = if is_idle { report.notice(start, message) } else { report.error(start, message) };
        found.with_expected("a table [router.NAME]");
    }
    let groups: Vec<GroupRead> = section
        .named("group", report)
        .iter()
        .filter_map(|entry| group::read(entry, &scripts, (&checks, written), names, report))
        .collect();
    let (fixed, fixed_spans) = fixed(&section, report);
    let fixed_addresses = fixed.addresses.iter().zip(fixed_spans);
    let mac_interfaces = between(&routers, &groups, fixed_addresses, report);
    routers.iter_mut().for_each(|router| router.track_devices(&mac_interfaces, report));
    let (instances, places): (Vec<Instance>, Vec<Spans>) =
        routers.into_iter().filter_map(|router| Some((router.instance?, router.spans))).unzip();
    let sync_groups: Vec<SyncGroup> = groups.into_iter().map(|read| read.group).collect();
    let startup_delay = section.time("startup_delay", report).map(|time| time.value).unwrap_or_default();
    let (options, scheduling) = (options(&section, report), scheduling(&section, report));
    let fifos = fifos(&section, &scripts, report);
    let interface_delays = interface_delays(&section, report);
    let checks = soundness::that_count(checks, &spans, &instances, &sync_groups, report);
    let initial = written.iter().filter_map(|entry| check::initial_value(entry, report));
    let initial_values = initial.filter(|(name, _)| checks.iter().any(|check| check.name == *name)).collect();
    let fifo_states_on_reload = fifo_states_on_reload(&section, &fifos, report);
    let daemon = Daemon {
        checks,
        instances,
        sync_groups,
        scheduling,
        fixed,
        startup_delay,
        fifos,
        fifo_states_on_reload,
        interface_delays,
        initial_values,
        options,
    };
    (daemon, places)
}

/// Checks the rules between routers, groups and fixed addresses. Returns the interfaces of all virtual MAC addresses.
fn between<'a>(
    routers: &[RouterRead],
    groups: &[GroupRead],
    fixed: impl Iterator<Item = (&'a VirtualIp, Span)>,
    report: &mut Report,
) -> BTreeSet<String> {
    let read = || routers.iter().filter_map(|router| Some((router, router.instance.as_ref()?)));
    let ids = read().map(|(router, instance)| {
        ((instance.vrid.get(), Family::clone(&instance.family), &instance.interface), router.vrid)
    });
    soundness::router_ids(ids, report);
    let addresses = read().map(|(router, instance)| {
        let virtual_ips = instance.addresses.iter().chain(&instance.excluded).zip(&router.addresses);
        let on_device = virtual_ips.map(|(virtual_ip, span)| {
            ((virtual_ip.device.as_deref().unwrap_or(&instance.interface), virtual_ip.address), *span)
        });
        on_device.collect()
    });
    let fixed =
        fixed.filter_map(|(virtual_ip, span)| Some(((virtual_ip.device.as_deref()?, virtual_ip.address), span)));
    soundness::addresses(addresses, fixed, report);
    let macs = || read().filter_map(|(router, instance)| Some((&instance.virtual_mac.as_ref()?.interface, router.mac)));
    soundness::mac_interfaces(macs(), report);
    let members = groups.iter().flat_map(|group| &group.members);
    soundness::members(members.map(|member| (&member.value, member.span)), report);
    let mac_interfaces: BTreeSet<String> = macs().map(|(name, _)| name.clone()).collect();
    for track in groups.iter().flat_map(|group| &group.tracks) {
        soundness::no_mac_interface(&track.value, track.span, &mac_interfaces, report);
    }
    mac_interfaces
}

fn options(section: &Section<'_>, report: &mut Report) -> Options {
    Options {
        no_lease: section.flag("lease", report).is_some_and(|lease| !lease.value),
        notify_timeout: section.time("notify_timeout", report).map(|time| time.value),
        stop_timeout: section.time("stop_timeout", report).map(|time| time.value),
    }
}

fn scheduling(section: &Section<'_>, report: &mut Report) -> Scheduling {
    let Some(section) = section.table("process", report) else { return Scheduling::default() };
    let mut scheduling = Scheduling::new();
    if let Some(priority) = section.whole("real_time_priority", report) {
        scheduling = scheduling.with_real_time(priority.value);
    }
    if let Some(limit) = section.time("real_time_limit", report) {
        soundness::real_time_limit(limit.value, ("real_time_limit", "\"200ms\""), limit.span, report);
        scheduling = scheduling.with_real_time_limit(limit.value);
    }
    if let Some(nice) = section.whole("nice", report) {
        scheduling = scheduling.with_nice(nice.value);
    }
    scheduling.with_locked_memory(section.flag("lock_memory", report).is_some_and(|locked| locked.value))
}

/// Returns what is fixed, with the places of the addresses.
fn fixed(section: &Section<'_>, report: &mut Report) -> (Fixed, Vec<Span>) {
    let Some(section) = section.table("fixed", report) else { return (Fixed::default(), Vec::new()) };
    let addresses = address::list(&section, "addresses", report);
    for address in addresses.iter().filter(|address| address.virtual_ip.value.device.is_none()) {
        report
            .error(address.virtual_ip.span, format!("{} has no device", address.virtual_ip.value.address))
            .with_expected("{ address = \"192.0.2.1/24\", device = \"eth0\" }: it belongs to no router");
    }
    let spans = addresses.iter().map(|address| address.virtual_ip.span).collect();
    let fixed = Fixed {
        addresses: addresses.into_iter().map(|address| address.virtual_ip.value).collect(),
        routes: routing::routes(&section, report).into_iter().map(|read| read.route).collect(),
        rules: routing::rules(&section, report),
    };
    (fixed, spans)
}

fn fifos(section: &Section<'_>, scripts: &Scripts, report: &mut Report) -> Vec<Fifo> {
    let (mut fifos, mut spans) = (Vec::new(), Vec::new());
    for node in section.list("fifo", report) {
        let Some(section) = Section::read(node, node.span, &[&tables::FIFO], report) else { continue };
        let script = scripts.command(&section, "script", report);
        spans.extend(section.node("path").map(|path| path.span));
        fifos.extend(section.path("path", report).map(|path| Fifo { path, script }));
    }
    // Where a path is missing there was an error, and they are not compared.
    if fifos.len() == spans.len() {
        soundness::fifos(fifos.iter().map(|fifo| fifo.path.as_path()).zip(spans), report);
    }
    fifos
}

fn fifo_states_on_reload(section: &Section<'_>, fifos: &[Fifo], report: &mut Report) -> bool {
    let Some(told) = section.flag("fifo_states_on_reload", report).filter(|told| told.value) else { return false };
    if fifos.is_empty() {
        report.notice(told.span, "`fifo_states_on_reload` has no effect: there is no [[fifo]]");
    }
    !fifos.is_empty()
}

fn interface_delays(section: &Section<'_>, report: &mut Report) -> Vec<InterfaceDelay> {
    let mut delays = Vec::new();
    for (name, node) in section.named("interface", report) {
        check_interface(name, report);
        let Some(section) = Section::read(node, name.span, &[&tables::INTERFACE], report) else { continue };
        let mut delay = |name| section.time(name, report).map(|time| time.value).unwrap_or_default();
        delays.push(InterfaceDelay { interface: name.value.clone(), up: delay("up_delay"), down: delay("down_delay") });
    }
    delays
}

fn check_interface(name: &Word, report: &mut Report) {
    if !is_interface_name(&name.value) {
        report
            .error(name.span, format!("`{}` cannot be the name of an interface", name.value))
            .with_expected(crate::vrrpd::native::shape::Kind::Interface.expected());
    }
}
