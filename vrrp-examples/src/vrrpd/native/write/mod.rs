//! A configuration written down in the native format: what is not the default, or all of it.

mod check;
mod command;
mod out;
mod router;
mod routing;
mod track;

use std::collections::BTreeSet;
use std::time::Duration;

use vrrp_io_linux::Scheduling;

use crate::vrrpd::config::{Daemon, Fifo, Fixed, InterfaceDelay, NOTHING_IS_SET, Options, SyncGroup};
use crate::vrrpd::native::write::command::Scripts;
use crate::vrrpd::native::write::out::{Out, text, time};

/// Returns the file. Read again it gives the same, passwords too: they are written. `in_full`: the keys of all tables are written,
/// and passwords are not.
pub(crate) fn write(daemon: &Daemon, in_full: bool) -> String {
    let Daemon { checks, instances, sync_groups, scheduling, fixed, startup_delay, fifos, interface_delays, .. } =
        daemon;
    let Daemon { initial_values, fifo_states_on_reload, options, .. } = daemon;
    let scripts = Scripts::of(daemon);
    let mut out = Out::new(in_full);
    write_options(options, *startup_delay, &mut out);
    out.flag("fifo_states_on_reload", *fifo_states_on_reload);
    write_process(scheduling, &mut out);
    scripts.write(&mut out);
    for InterfaceDelay { interface, up, down } in interface_delays {
        out.table(&["interface", interface]);
        out.unless("up_delay", up, &Duration::ZERO, time);
        out.unless("down_delay", down, &Duration::ZERO, time);
    }
    write_fixed(fixed, &mut out);
    for Fifo { path, script } in fifos {
        out.item("fifo");
        out.line("path", &check::path(path));
        out.some("script", script.as_ref().map(|script| scripts.value(script)));
    }
    for check in checks {
        let initial = initial_values.iter().find(|(name, _)| *name == check.name).map(|(_, value)| value);
        check::write(check, initial, &scripts, &mut out);
    }
    let macs = instances.iter().filter_map(|instance| instance.virtual_mac.as_ref());
    let mac_interfaces: BTreeSet<&str> = macs.map(|mac| mac.interface.as_str()).collect();
    for instance in instances {
        router::write(instance, daemon, (&scripts, &mac_interfaces), &mut out);
    }
    for SyncGroup { name, members, track_interfaces, track_checks, notify } in sync_groups {
        out.table(&["group", name]);
        out.list("members", members.iter().map(|name| text(name)).collect());
        out.list("track_interfaces", track::interfaces(track_interfaces));
        out.list("track_checks", track::checks(track_checks, daemon));
        scripts.notify(&["group", name, "notify"], notify, &mut out);
    }
    if *daemon == Daemon::default() { NOTHING_IS_SET.to_owned() } else { out.finish() }
}

fn write_options(options: &Options, startup_delay: Duration, out: &mut Out) {
    let Options { no_lease, notify_timeout, stop_timeout } = options;
    out.unless("lease", &!no_lease, &true, bool::to_string);
    out.some("notify_timeout", notify_timeout.as_ref().map(time));
    out.some("stop_timeout", stop_timeout.as_ref().map(time));
    out.unless("startup_delay", &startup_delay, &Duration::ZERO, time);
}

fn write_process(scheduling: &Scheduling, out: &mut Out) {
    if *scheduling == Scheduling::default() && !out.in_full {
        return;
    }
    out.table(&["process"]);
    out.some("real_time_priority", scheduling.real_time().map(|priority| priority.to_string()));
    out.some("real_time_limit", scheduling.real_time_limit().as_ref().map(time));
    out.some("nice", scheduling.nice().map(|nice| nice.to_string()));
    out.flag("lock_memory", scheduling.locked_memory());
}

fn write_fixed(fixed: &Fixed, out: &mut Out) {
    if *fixed == Fixed::default() {
        return;
    }
    let Fixed { addresses, routes, rules } = fixed;
    out.table(&["fixed"]);
    out.list("addresses", addresses.iter().map(|virtual_ip| routing::address(virtual_ip, false)).collect());
    out.list("routes", routes.iter().map(|route| routing::route(route, false)).collect());
    out.list("rules", rules.iter().map(routing::rule).collect());
}
