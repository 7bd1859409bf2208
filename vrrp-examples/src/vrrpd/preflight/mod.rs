//! Findings that are known before anything runs. Each points at the setting that it is about.

mod addresses;
mod interfaces;
mod scripts;

use vrrp_io_linux::Router;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::places::Places;

/// Finds what is not on this host as the configuration has it, errors and warnings. `check`: nothing is going to start, so
/// what the start itself would warn of is among it, and it is root who is going to start it. May block.
pub(super) fn findings(daemon: &Daemon, routers: &[Router], places: &Places, check: bool) -> Vec<Diagnostic> {
    let mut found = match interfaces::findings(routers, places) {
        Ok(found) => found,
        Err(why) => {
            let text = format!("cannot find out if the interfaces can carry VRRP: {why}");
            vec![Diagnostic::of_file(Severity::Warning, "vrrpd".to_owned(), text)]
        }
    };
    // A start says it too.
    found.retain(|finding| check || finding.severity == Severity::Error);
    found.extend(addresses::findings(daemon, places));
    found.extend(scripts::findings(daemon, places, check));
    found
}
