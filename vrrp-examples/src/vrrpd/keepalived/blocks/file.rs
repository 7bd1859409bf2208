//! `track_file`: the number in a file.

use crate::vrrpd::config::{InitialValue, Probe};
use crate::vrrpd::keepalived::blocks::keywords::TRACK_FILE;
use crate::vrrpd::keepalived::blocks::script::CheckDraft;
use crate::vrrpd::keepalived::blocks::track::Kind;
use crate::vrrpd::keepalived::blocks::values::number;
use crate::vrrpd::keepalived::text::statement::Statement;
use crate::vrrpd::report::Report;

/// Reads a whole block.
pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<CheckDraft> {
    let (name, body) = statement.named_block("the name of the file in `track_file`", report)?;
    let mut draft = CheckDraft::new(name, Kind::File);
    TRACK_FILE.read(Some(body), &mut draft, report);
    draft.require(&TRACK_FILE, body, "file", "`file` with the path of a file", report);
    Some(draft)
}

/// `file`.
pub(crate) fn path(statement: &Statement, report: &mut Report) -> Option<Probe> {
    let word = statement.value("the path of a file", report)?;
    if !word.text.starts_with('/') {
        report.error(word.span, format!("`{}` is not a whole path", word.text)).with_expected("a path from `/` on");
        return None;
    }
    Some(Probe::Value(word.text.clone().into()))
}

/// `init_file`: what is written at the start.
pub(crate) fn initial(statement: &Statement, report: &mut Report) -> Option<InitialValue> {
    statement.no_block(report);
    let (words, overwrite) = match statement.values.as_slice() {
        [words @ .., last] if last.text == "overwrite" => (words, true),
        words => (words, false),
    };
    let value = match words {
        [] => 0,
        [value] => number(value, i64::from(i32::MIN)..=i64::from(i32::MAX), report)?.value,
        [_, extra, ..] => {
            report
                .error(extra.span, format!("`{}` is unexpected after a value", extra.text))
                .with_expected("[VALUE] [overwrite]");
            return None;
        }
    };
    Some(InitialValue { value, overwrite })
}
