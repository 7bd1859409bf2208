//! Reads a keepalived.conf and lowers it to the daemon's [configuration](crate::vrrpd::config).
//!
//! The language is keepalived's: words, double quotes, braces, `#` and `!` comments, one statement a line. What the file
//! leaves open takes keepalived's defaults. Nothing is dropped without a word: a keyword by which nothing is lost here is
//! named in a notice, any other that is not acted upon is an error.

pub(crate) mod blocks;
mod lower;
mod print;
pub(crate) mod text;

use std::path::Path;

pub use print::print;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::{Diagnostic, Diagnostics, Severity};
use lower::Spans;
use text::include::Files;
use text::parser::{self, Statement};

/// A configuration that would run.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What to run.
    pub daemon: Daemon,
    /// What the reader should know about it, in the order of the text; all are notices.
    pub notices: Vec<Diagnostic>,
}

/// A keyword of an instance that something can be wrong with on one host and not on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// `interface`.
    Interface,
    /// `use_vmac`.
    UseVmac,
}

/// Where the instances of a configuration stand in its files: for what is found out about them only after they were read.
pub struct Places {
    report: Report,
    /// One for each instance.
    instances: Vec<Spans>,
}

impl Places {
    /// Points at a keyword of the instance at this position among [`Daemon::instances`]; at the first word of the
    /// configuration where there is no such instance.
    #[must_use]
    pub fn finding(
        &self,
        severity: Severity,
        (instance, keyword): (usize, Keyword),
        message: String,
        expected: Option<String>,
    ) -> Diagnostic {
        let spans = self.instances.get(instance).copied().unwrap_or_default();
        let span = match keyword {
            Keyword::Interface => spans.interface,
            Keyword::UseVmac => spans.use_vmac.unwrap_or(spans.interface),
        };
        Diagnostic { expected, ..self.report.diagnostic(severity, span, message) }
    }

    /// Points at the first line that has this command, with its arguments.
    #[must_use]
    pub fn command(&self, severity: Severity, words: &[String], message: String, help: String) -> Diagnostic {
        let span = self.report.command(words).unwrap_or_default();
        Diagnostic { help: Some(help), ..self.report.diagnostic(severity, span, message) }
    }
}

/// Reads a file and all that it includes.
///
/// # Errors
/// Everything found wrong with them, not only the first.
pub fn load(path: &Path) -> Result<Loaded, Diagnostics> {
    load_with_places(path).map(|(loaded, _)| loaded)
}

/// As [`load`], and says where the instances stand.
///
/// # Errors
/// Everything found wrong with them, not only the first.
pub fn load_with_places(path: &Path) -> Result<(Loaded, Places), Diagnostics> {
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
    finish(&statements, report).map(|(loaded, _)| loaded)
}

fn finish(statements: &[Statement], mut report: Report) -> Result<(Loaded, Places), Diagnostics> {
    let (daemon, instances) = lower::lower(statements, &mut report);
    let failed = report.failed();
    let found = report.take_found();
    match failed {
        true => Err(Diagnostics(found)),
        false => Ok((Loaded { daemon, notices: found }, Places { report, instances })),
    }
}
