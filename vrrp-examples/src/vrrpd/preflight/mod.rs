//! What is known before anything runs: said where the configuration says it.

mod interfaces;
mod scripts;

use tracing::Level;
use vrrp_io_linux::Router;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::log;
use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::places::Places;

/// Prints what is not on this host as the configuration has it, errors and warnings. `check`: nothing is going to start, so
/// what the start itself would warn of is printed too, and it is root who is going to start it.
///
/// Returns how many warnings there were; `None` where the configuration would not run.
pub(super) fn warnings(daemon: &Daemon, routers: &[Router], places: &Places, check: bool) -> Option<usize> {
    let interfaces = match interfaces::findings(routers, places) {
        Ok(found) => found,
        Err(why) => {
            // The start says it too.
            if check {
                let text = format!("vrrpd: warning: whether the interfaces can carry VRRP is not known: {why}");
                log::say(Level::WARN, &text);
            }
            Vec::new()
        }
    };
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    let scripts = scripts::findings(daemon, places, check);
    let findings: Vec<_> = interfaces.iter().filter(|finding| check || is_error(finding)).chain(&scripts).collect();
    for finding in &findings {
        log::say(if is_error(finding) { Level::ERROR } else { Level::WARN }, &finding.to_string());
    }
    let would_run = !interfaces.iter().any(|finding| is_error(&finding));
    would_run.then_some(findings.len())
}
