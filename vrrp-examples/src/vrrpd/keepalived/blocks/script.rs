//! `vrrp_script`, and every command line.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::vrrpd::config::{Command, InitialValue, Probe, User};
use crate::vrrpd::keepalived::blocks::grammar::Grammar;
use crate::vrrpd::keepalived::blocks::keywords::SCRIPT;
use crate::vrrpd::keepalived::blocks::process::ProcessDraft;
use crate::vrrpd::keepalived::blocks::track::{self, Kind, WeightDraft};
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::command::split_values;
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;

/// A check as written, of whatever kind.
pub(crate) struct CheckDraft {
    pub(crate) name: Word,
    pub(crate) kind: Kind,
    pub(crate) probe: Option<Probe>,
    pub(crate) process: ProcessDraft,
    pub(crate) initial: Option<InitialValue>,
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) weight: Option<WeightDraft>,
    pub(crate) rise: Option<NonZeroU32>,
    pub(crate) fall: Option<NonZeroU32>,
    pub(crate) user: Option<At<User>>,
}

impl CheckDraft {
    pub(crate) fn new(name: &Word, kind: Kind) -> Self {
        Self {
            name: name.clone(),
            kind,
            probe: None,
            process: ProcessDraft::default(),
            initial: None,
            interval: None,
            timeout: None,
            weight: None,
            rise: None,
            fall: None,
            user: None,
        }
    }

    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        let (name, body) = statement.named_block("the name of the script", report)?;
        let mut draft = Self::new(name, Kind::Script);
        SCRIPT.read(Some(body), &mut draft, report);
        let written = |keyword: &str| body.iter().find(|statement| statement.keyword.text == keyword);
        match (written("script"), written("check")) {
            (None, None) => {
                let message = format!("the script `{}` says nothing to run", name.text);
                report.error(name.span, message).with_expected("a `script` line in its block");
            }
            (Some(_), Some(check)) => {
                report.error(check.keyword.span, "`script` and `check` in one block").with_expected("one of the two");
            }
            _ => {}
        }
        Some(draft)
    }

    /// Reports a keyword that the block cannot do without.
    pub(crate) fn require(
        &self,
        grammar: &Grammar<Self>,
        body: &[Statement],
        keyword: &str,
        expected: &str,
        report: &mut Report,
    ) {
        if !grammar.has(keyword, body.iter().map(|statement| statement.keyword.text.as_str())) {
            report.error(self.name.span, format!("`{}` has no `{keyword}`", self.name.text)).with_expected(expected);
        }
    }
}

/// Reads a command line, with the user and the group to run it as.
pub(crate) fn command(statement: &Statement, report: &mut Report) -> Option<Command> {
    let (words, rest) = split(statement, "\"PROGRAM ARGUMENTS\" [USER [GROUP]]", report)?;
    let user = match <[String; 2]>::try_from(rest) {
        Ok([user, group]) => Some(User { user, group: Some(group) }),
        Err(rest) if rest.len() > 2 => {
            extra_words(statement, report);
            None
        }
        Err(rest) => rest.into_iter().next().map(|user| User { user, group: None }),
    };
    Some(Command { words, user, secure: false })
}

/// Reads a command line alone.
pub(crate) fn only_command(statement: &Statement, report: &mut Report) -> Option<Command> {
    let (words, rest) = split(statement, "\"PROGRAM ARGUMENTS\"", report)?;
    if !rest.is_empty() {
        extra_words(statement, report);
    }
    Some(Command { words, user: None, secure: false })
}

/// `user` and `script_user`.
pub(crate) fn user(statement: &Statement, report: &mut Report) -> Option<User> {
    statement.no_block(report);
    match statement.values.as_slice() {
        [user] => Some(User { user: user.text.clone(), group: None }),
        [user, group] => Some(User { user: user.text.clone(), group: Some(group.text.clone()) }),
        _ => {
            report
                .error(statement.keyword.span, format!("`{}` takes one or two names", statement.keyword.text))
                .with_expected("USER [GROUP]");
            None
        }
    }
}

/// `interval` and `timeout`: from a millisecond to a day.
pub(crate) fn period(statement: &Statement, report: &mut Report) -> Option<Duration> {
    statement.seconds(1_000..=86_400_000_000, report).map(|period| period.value)
}

/// `rise` and `fall`.
pub(crate) fn count(statement: &Statement, report: &mut Report) -> Option<NonZeroU32> {
    let count: At<u32> = statement.number(1..=i64::from(i32::MAX), report)?;
    NonZeroU32::new(count.value)
}

/// `weight`, from `-max` to `max`.
pub(crate) fn weight(statement: &Statement, max: i64, report: &mut Report) -> Option<WeightDraft> {
    statement.no_block(report);
    track::weight(&statement.keyword, &statement.values, -max..=max, report)
}

fn split(statement: &Statement, expected: &str, report: &mut Report) -> Option<(Vec<String>, Vec<String>)> {
    statement.no_block(report);
    let keyword = &statement.keyword;
    let Some(span) = statement.values_span() else {
        report.error(keyword.span, format!("`{}` has no command", keyword.text)).with_expected(expected);
        return None;
    };
    match split_values(report.slice(span)) {
        Ok((words, rest)) => match words.first().map(String::as_str) {
            None | Some("") => report.error(span, format!("`{}` has an empty command", keyword.text)),
            Some(program) if program.starts_with('<') => {
                report.error(span, "a command that begins with `<` runs nothing; it is not supported")
            }
            Some(_) => {
                report.add_command(words.clone(), span);
                return Some((words, rest));
            }
        },
        Err(_) if report.failed_in(span) => return None,
        Err(quote) => report.error(span, format!("a `{quote}` in this command is not closed")),
    }
    .with_expected(expected);
    None
}

fn extra_words(statement: &Statement, report: &mut Report) {
    let span = statement.values.get(1).map_or(statement.keyword.span, |word| word.span);
    report
        .error(span, "keepalived ignores the words from here on")
        .with_expected("the end of the line")
        .with_help("double quotes around the program with its arguments make them one command");
}
