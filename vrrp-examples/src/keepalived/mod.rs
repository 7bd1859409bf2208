//! Reads a keepalived.conf and lowers it to the daemon's [configuration](crate::config).
//!
//! The language is keepalived's: words, double quotes, braces, `#` and `!` comments, one statement a line. What the file
//! leaves open takes keepalived's defaults. Nothing is dropped without a word: a keyword that changes neither packets
//! nor addresses nor the election is named in a notice, any other that is not acted upon is an error.

mod command;
mod diagnostics;
mod grammar;
mod include;
mod keywords;
mod lexer;
mod lower;
mod parser;
mod print;
mod report;
mod values;

use std::path::Path;

pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use print::print;

use crate::config::Daemon;
use include::Files;
use parser::Statement;
use report::Report;

/// A configuration that would run.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What to run.
    pub daemon: Daemon,
    /// What the reader should know about it, in the order of the text; all are notices.
    pub notices: Vec<Diagnostic>,
}

/// Reads a file and all that it includes.
///
/// # Errors
/// Everything found wrong with them, not only the first.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    let mut report = Report::default();
    let statements = Files::default().load(path, &mut report);
    finish(&statements, report)
}

/// Reads a text that the messages call `name`. It has no place in the file system, so `include` is an error.
///
/// # Errors
/// Everything found wrong with it, not only the first.
pub fn parse_str(name: &str, text: &str) -> Result<Loaded, Diagnostics> {
    let mut report = Report::default();
    let source = report.add_source(name.to_owned(), text);
    let statements = parser::parse(source, &mut Files::default(), &mut report);
    finish(&statements, report)
}

fn finish(statements: &[Statement], mut report: Report) -> Result<Loaded, Diagnostics> {
    let daemon = lower::lower(statements, &mut report);
    match report.failed() {
        true => Err(Diagnostics(report.into_found())),
        false => Ok(Loaded { daemon, notices: report.into_found() }),
    }
}
