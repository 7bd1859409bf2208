//! Whether the interfaces of this host can carry what the configuration asks for, said where the configuration says it.

use vrrp_io_linux::{Preflight, Router, Unsuitable, preflight};

use crate::keepalived::{Diagnostic, Keyword, Places, Severity};

/// Prints what can never work here, and, where `all` is asked for, what there is besides: the start itself warns of that.
/// Returns whether the configuration would run.
pub(super) fn passes(routers: &[Router], places: &Places, all: bool) -> bool {
    let found = match preflight(routers) {
        Ok(found) => found,
        Err(why) => {
            // The start says it too.
            if all {
                eprintln!("vrrpd: warning: whether the interfaces can carry VRRP is not known: {why}");
            }
            return true;
        }
    };
    let findings: Vec<Diagnostic> =
        found.iter().enumerate().flat_map(|(instance, found)| findings(instance, found, places)).collect();
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    for finding in findings.iter().filter(|finding| all || is_error(finding)) {
        eprintln!("{finding}");
    }
    !findings.iter().any(|finding| is_error(&finding))
}

fn findings(instance: usize, found: &Preflight, places: &Places) -> Vec<Diagnostic> {
    let unsuitable = found.unsuitable.iter().map(|why| {
        let keyword = match why {
            Unsuitable::NoMac { .. } => Keyword::UseVmac,
            _ => Keyword::Interface,
        };
        places.finding(Severity::Error, (instance, keyword), why.to_string(), Some(why.remedy()))
    });
    let concerns = found
        .concerns
        .iter()
        .map(|concern| places.finding(Severity::Warning, (instance, Keyword::Interface), concern.to_string(), None));
    unsuitable.chain(concerns).collect()
}
