//! Reads vrrpd's own configuration, in TOML, and lowers it to the daemon's [configuration](crate::vrrpd::config).
//!
//! It can express everything in the model, even if keepalived.conf cannot. Keys that are left out have the same defaults. One
//! table lists all tables and keys; the schema and the reference are made of it too.

mod defaults;
mod read;
mod reference;
mod schema;
mod secrets;
mod section;
mod shape;
mod tables;
mod tree;
mod write;

use std::path::Path;

pub use crate::vrrpd::native::reference::{Place, Row, Section};

use crate::vrrpd::config::Daemon;
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::Diagnostics;
use crate::vrrpd::report::places::{Places, Spans};
use crate::vrrpd::soundness::Loaded;

/// More than any configuration; what is larger is something else.
const MAX_OCTETS: u64 = 16 << 20;

/// Reads a file.
///
/// # Errors
/// Everything found wrong with it, not only the first.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    load_with_places(path).map(|(loaded, _)| loaded)
}

/// Does the same as [`load`], and returns the places of the routers too.
///
/// # Errors
/// All errors of the file, not only the first.
pub fn load_with_places(path: &Path) -> Result<(Loaded, Places), Diagnostics> {
    let name = path.display().to_string();
    let mut report = Report::new(secrets::printable);
    match text(path) {
        Ok(text) => finish(name, &text, report),
        Err(why) => {
            report.file_error(name, why);
            Err(Diagnostics(report.take_found()))
        }
    }
}

/// Reads a text that the messages call `name`.
///
/// # Errors
/// Everything found wrong with it, not only the first.
pub fn parse_str(name: &str, text: &str) -> Result<Loaded, Diagnostics> {
    finish(name.to_owned(), text, Report::new(secrets::printable)).map(|(loaded, _)| loaded)
}

/// Returns a configuration as a file of this format: what is not the default, passwords too. Read again it gives the same.
#[must_use]
pub fn print(daemon: &Daemon) -> String {
    write::write(daemon, false)
}

/// Returns a configuration as a file of this format: the keys of all its tables, with their defaults too. Read again it gives the
/// same, but for passwords: they are not printed.
#[must_use]
pub fn print_in_full(daemon: &Daemon) -> String {
    write::write(daemon, true)
}

/// Returns the JSON schema of the format.
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::schema()
}

/// Returns all tables and keys in words.
#[must_use]
pub fn sections() -> Vec<Section> {
    reference::sections()
}

/// Returns the same in Markdown.
#[must_use]
pub fn reference() -> String {
    reference::reference()
}

fn text(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let mut octets = Vec::new();
    let file = std::fs::File::open(path).map_err(|why| format!("cannot be read: {why}"))?;
    file.take(MAX_OCTETS + 1).read_to_end(&mut octets).map_err(|why| format!("cannot be read: {why}"))?;
    if octets.len() as u64 > MAX_OCTETS {
        return Err(format!("is larger than {MAX_OCTETS} octets"));
    }
    String::from_utf8(octets).map_err(|why| {
        let before = why.as_bytes().get(..why.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|octet| **octet == b'\n').count() + 1;
        format!("line {line} is not UTF-8, which TOML has to be")
    })
}

fn finish(name: String, text: &str, mut report: Report) -> Result<(Loaded, Places), Diagnostics> {
    let source = report.add_source(name, text);
    let read: Option<(Daemon, Vec<Spans>)> = tree::read(source, &mut report).map(|file| read::read(&file, &mut report));
    let failed = report.failed();
    let found = report.take_found();
    match read.filter(|_| !failed) {
        Some((daemon, instances)) => Ok((Loaded { daemon, notices: found }, Places::new(report, instances))),
        None => Err(Diagnostics(found)),
    }
}
