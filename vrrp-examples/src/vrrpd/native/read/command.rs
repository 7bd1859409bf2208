//! Scripts: their commands and users.

use crate::vrrpd::config::{Command, Notify, User};
use crate::vrrpd::native::section::{Section, mismatch, text};
use crate::vrrpd::native::shape::Kind;
use crate::vrrpd::native::tables::COMMAND;
use crate::vrrpd::native::tree::{At, Node, Value};
use crate::vrrpd::report::Report;

/// The settings for every script that has none of its own.
#[derive(Default)]
pub(crate) struct Scripts {
    user: Option<User>,
    secure: bool,
}

impl Scripts {
    /// Reads `[scripts]`.
    pub(crate) fn read(section: &Section<'_>, report: &mut Report) -> Self {
        Self { user: user(section, report), secure: section.flag("secure", report).is_some_and(|secure| secure.value) }
    }

    /// Reads the `command`, `user` and `group` of a table.
    pub(crate) fn of_table(&self, section: &Section<'_>, report: &mut Report) -> Option<Command> {
        let user = user(section, report);
        let words = words(section.node("command")?, report)?;
        Some(Command { words, user: user.or_else(|| self.user.clone()), secure: self.secure })
    }

    /// Reads a script in any form.
    pub(crate) fn command(&self, section: &Section<'_>, name: &str, report: &mut Report) -> Option<Command> {
        let node = section.node(name)?;
        if matches!(node.value, Value::Table(_)) {
            let span = section.key_span(name)?;
            return self.of_table(&Section::read(node, span, &[&COMMAND], report)?, report);
        }
        Some(Command { words: words(node, report)?, user: self.user.clone(), secure: self.secure })
    }

    /// Reads a table of scripts.
    pub(crate) fn notify(&self, section: &Section<'_>, report: &mut Report) -> Notify {
        let Some(section) = section.table("notify", report) else { return Notify::default() };
        let mut command = |name| self.command(&section, name, report);
        let [master, backup, fault, stop] = ["master", "backup", "fault", "stop"].map(&mut command);
        let [lower_priority, any] = ["lower_priority", "any"].map(command);
        let priority_changes = section.flag("priority_changes", report).is_some_and(|told| told.value);
        Notify { master, backup, fault, stop, lower_priority, any, priority_changes }
    }
}

fn user(section: &Section<'_>, report: &mut Report) -> Option<User> {
    let user = section.text("user", report);
    let group = section.text("group", report);
    match (user, group) {
        (Some(user), group) => Some(User { user: user.value, group: group.map(|group| group.value) }),
        (None, Some(group)) => {
            report.error(group.span, "a `group` without a `user`").with_expected("a `user` beside it");
            None
        }
        (None, None) => None,
    }
}

fn words(node: &Node, report: &mut Report) -> Option<Vec<String>> {
    let expected = Kind::CommandLine.expected();
    let words: Vec<String> = match &node.value {
        Value::Text(text) if text.contains(['"', '\'', '\\']) => {
            report
                .error(node.span, "a text is split at spaces, whatever quotes are in it")
                .with_expected(expected)
                .with_help("a list takes each word as it stands");
            return None;
        }
        Value::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::List(items) => {
            let words: Vec<At<String>> = items.iter().filter_map(|item| text(item, &expected, report)).collect();
            if words.len() < items.len() {
                return None;
            }
            words.into_iter().map(|word| word.value).collect()
        }
        _ => {
            mismatch(node, expected, report);
            return None;
        }
    };
    if words.first().is_none_or(String::is_empty) {
        report.error(node.span, "there is nothing to run").with_expected(expected);
        return None;
    }
    report.add_command(words.clone(), node.span);
    Some(words)
}
