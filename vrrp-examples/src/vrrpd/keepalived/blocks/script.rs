//! `vrrp_script`, and every command line.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::vrrpd::config::{Command, User};
use crate::vrrpd::keepalived::blocks::keywords::SCRIPT;
use crate::vrrpd::keepalived::blocks::track::{self, WeightDraft};
use crate::vrrpd::keepalived::blocks::values::At;
use crate::vrrpd::keepalived::text::command::split_values;
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;

/// A health check as written.
pub(crate) struct ScriptDraft {
    pub(crate) name: Word,
    pub(crate) command: Option<Command>,
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) weight: Option<WeightDraft>,
    pub(crate) rise: Option<NonZeroU32>,
    pub(crate) fall: Option<NonZeroU32>,
    pub(crate) user: Option<User>,
    /// Whether there is a `script` line, right or wrong.
    pub(crate) has_command: bool,
}

impl ScriptDraft {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        let (name, body) = statement.named_block("the name of the script", report)?;
        let mut draft = Self {
            name: name.clone(),
            command: None,
            interval: None,
            timeout: None,
            weight: None,
            rise: None,
            fall: None,
            user: None,
            has_command: body.iter().any(|statement| statement.keyword.text == "script"),
        };
        SCRIPT.read(Some(body), &mut draft, report);
        Some(draft)
    }
}

/// A command line, with the user and the group to run it as.
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

/// A command line alone.
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

/// `weight`.
pub(crate) fn weight(statement: &Statement, report: &mut Report) -> Option<WeightDraft> {
    statement.no_block(report);
    track::weight(&statement.keyword, &statement.values, report)
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
        .error(span, "keepalived drops what follows here")
        .with_expected("the end of the line")
        .with_help("double quotes around the program with its arguments make them one command");
}
