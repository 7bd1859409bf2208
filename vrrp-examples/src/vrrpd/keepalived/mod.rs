//! Reads a keepalived.conf and lowers it to the daemon's [configuration](crate::vrrpd::config).
//!
//! The language is keepalived's: words, double quotes, braces, `#` and `!` comments, one statement a line. What the file
//! leaves open takes keepalived's defaults. Nothing is dropped without a word: a keyword by which nothing is lost here is
//! named in a notice, any other that is not acted upon is an error.

mod blocks;
mod lower;
mod print;
mod text;

use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};

pub(crate) use print::LISTS;
pub use print::{Setting, Subject, print, settings};

use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::Diagnostics;
use crate::vrrpd::report::places::Places;
pub use crate::vrrpd::soundness::Loaded;
use blocks::keywords;
use blocks::root::Root;
use lower::interface::FindInterface;
use text::include::Files;
use text::secrets;
use text::statement::Statement;

/// Reads a file and all that it includes, as this host.
///
/// # Errors
/// Everything found wrong with them, not only the first.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    load_with_places(path, &host_id()).map(|(loaded, _)| loaded)
}

/// Does the same as [`load`], and returns the places of the instances too. `id` is the name of this host in lines for some
/// hosts only (`@ID`).
///
/// # Errors
/// All errors of the files, not only the first.
pub fn load_with_places(path: &Path, id: &str) -> Result<(Loaded, Places), Diagnostics> {
    let mut report = Report::new(secrets::printable);
    let statements = Files::new(keywords::is_known, id).load(path, &mut report);
    finish(&statements, &interface_with, report)
}

/// Returns what this host is called where nobody says otherwise: its name up to the first dot. May block.
#[must_use]
pub fn host_id() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().split('.').next().unwrap_or_default().to_owned()
}

/// Reads a text that the messages call `name`. It has no place in the file system, so `include` is an error, and it is read as a
/// host without a name.
///
/// # Errors
/// Everything found wrong with it, not only the first.
pub fn parse_str(name: &str, text: &str) -> Result<Loaded, Diagnostics> {
    let mut report = Report::new(secrets::printable);
    let statements = Files::new(keywords::is_known, "").take_text(name, text, &mut report);
    finish(&statements, &|_| None, report).map(|(loaded, _)| loaded)
}

/// Returns the interface of this host that has an address.
fn interface_with(address: IpAddr) -> Option<String> {
    let is_it = |found: &InterfaceAddress| {
        let storage = found.address.as_ref();
        let v4 = storage.and_then(|storage| Some(IpAddr::V4(storage.as_sockaddr_in()?.ip())));
        let v6 = storage.and_then(|storage| Some(IpAddr::V6(storage.as_sockaddr_in6()?.ip())));
        v4.or(v6) == Some(address)
    };
    getifaddrs().ok()?.find(is_it).map(|found| found.interface_name)
}

fn finish(
    statements: &[Statement],
    find: FindInterface<'_>,
    mut report: Report,
) -> Result<(Loaded, Places), Diagnostics> {
    // A file that was cut off or emptied is no wish that nothing runs; one with nothing but comments is.
    let is_idle = statements.is_empty() && !report.text(0).trim().is_empty();
    let root = Root::read(statements, &mut report);
    let (daemon, instances) = lower::lower(root, is_idle, find, &mut report);
    let failed = report.failed();
    let found = report.take_found();
    match failed {
        true => Err(Diagnostics(found)),
        false => Ok((Loaded { daemon, notices: found }, Places::new(report, instances))),
    }
}
