//! Checks that the interfaces of this host can carry what the configuration asks for.

use std::io;

use vrrp_io_linux::{Preflight, Router, Unsuitable, preflight};

use crate::vrrpd::report::diagnostics::{Diagnostic, Severity};
use crate::vrrpd::report::places::{Places, Setting};

/// Returns an error for what can never work here, and a warning for all else.
pub(super) fn findings(routers: &[Router], places: &Places) -> io::Result<Vec<Diagnostic>> {
    let found = preflight(routers)?;
    Ok(found.iter().enumerate().flat_map(|(instance, found)| of_instance(instance, found, places)).collect())
}

fn of_instance(instance: usize, found: &Preflight, places: &Places) -> Vec<Diagnostic> {
    let unsuitable = found.unsuitable.iter().map(|why| {
        let setting = match why {
            Unsuitable::NoMac { .. } => Setting::VirtualMac,
            _ => Setting::Interface,
        };
        places.finding(Severity::Error, (instance, setting), why.to_string(), Some(why.remedy()))
    });
    let concerns = found
        .concerns
        .iter()
        .map(|concern| places.finding(Severity::Warning, (instance, Setting::Interface), concern.to_string(), None));
    unsuitable.chain(concerns).collect()
}
