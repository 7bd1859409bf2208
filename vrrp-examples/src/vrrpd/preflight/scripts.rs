//! Checks that the scripts can be run, and that only root can change the scripts that root runs.
//!
//! None of this keeps vrrpd from starting: a check that cannot run fails, and its program may be installed by then; a missing
//! notify script is not a reason to serve nothing. But the user learns of it now, and not only when an address moves.

use std::collections::BTreeSet;
use std::iter::repeat;

use crate::vrrpd::config::{Command, Daemon};
use crate::vrrpd::exec::{Obstacle, can_run, is_secure, needs_no_shell};
use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::places::Places;

/// Returns warnings for each command line. `as_root` is true if root starts vrrpd.
pub(super) fn findings(daemon: &Daemon, places: &Places, as_root: bool) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    // Checks come first.
    let names = daemon
        .checks
        .iter()
        .filter(|check| check.command().is_some())
        .map(|check| Some(check.name.as_str()))
        .chain(repeat(None));
    let new = |(command, _): &(&Command, _)| {
        let user = command.user.clone().map(|user| (user.user, user.group));
        seen.insert((command.words.clone(), user))
    };
    let commands = daemon.commands().zip(names).filter(new);
    commands.flat_map(|(command, check)| of_command(command, check, as_root, places)).collect()
}

/// `check`: its name, where it is one.
fn of_command(command: &Command, check: Option<&str>, as_root: bool, places: &Places) -> Vec<Diagnostic> {
    let cannot_run = can_run(command, as_root).err().map(|Obstacle { problem, help }| {
        let then = check.map_or("nobody is told".to_owned(), |name| format!("the check {name} fails"));
        (format!("{problem}; {then}"), help)
    });
    let insecure = is_secure(command, as_root).err().map(|Obstacle { problem, help }| {
        let then = if command.secure { "; `enable_script_security` refuses to run it" } else { "" };
        (format!("{problem}{then}"), help)
    });
    let warning = |(message, help)| places.command(Severity::Warning, &command.words, message, help);
    let shell = needs_no_shell(command).err().map(|Obstacle { problem, help }| (problem, help));
    cannot_run.into_iter().chain(insecure).chain(shell).map(warning).collect()
}
