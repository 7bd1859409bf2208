//! `notify_fifo` and `vrrp_notify_fifo`, and their readers.

use std::path::PathBuf;

use crate::vrrpd::config::Command;
use crate::vrrpd::keepalived::blocks::script;
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::{Report, Span};

/// A FIFO as written.
#[derive(Default)]
pub(crate) struct FifoDraft {
    pub(crate) path: Option<At<PathBuf>>,
    pub(crate) script: Option<(Command, Span)>,
}

/// Reads the path of a FIFO.
pub(crate) fn path(statement: &Statement, report: &mut Report) -> Option<At<PathBuf>> {
    if let Some(owner) = statement.values.get(1) {
        report
            .error(owner.span, "the owner of a FIFO cannot be set here")
            .with_expected("the end of the line")
            .with_help(
                "a FIFO that is there already keeps its owner; one that is made belongs to the user of its script",
            );
        return None;
    }
    let word = statement.value("the path of a FIFO", report)?;
    if !word.text.starts_with('/') {
        report.error(word.span, format!("`{}` is not a whole path", word.text)).with_expected("a path from `/` on");
        return None;
    }
    Some(At { value: word.text.clone().into(), span: word.span })
}

/// Reads the reader of a FIFO.
pub(crate) fn script(statement: &Statement, report: &mut Report) -> Option<(Command, Span)> {
    Some((script::command(statement, report)?, statement.keyword.span))
}
