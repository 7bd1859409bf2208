//! Scripts, and what holds for all of them.

use crate::vrrpd::config::{Command, Daemon, Notify, User};
use crate::vrrpd::native::write::out::{Out, inline, list, text};

/// The settings for every script.
pub(super) struct Scripts<'a> {
    /// The user of all of them.
    user: Option<&'a User>,
    secure: bool,
}

impl<'a> Scripts<'a> {
    pub(super) fn of(daemon: &'a Daemon) -> Self {
        let mut users = daemon.commands().map(|command| command.user.as_ref());
        let first = users.next().flatten();
        Self {
            user: first.filter(|first| users.all(|user| user == Some(first))),
            secure: daemon.commands().any(|command| command.secure),
        }
    }

    pub(super) fn write(&self, out: &mut Out) {
        if self.user.is_none() && !self.secure {
            return;
        }
        out.table(&["scripts"]);
        out.some("user", self.user.map(|user| text(&user.user)));
        out.some("group", self.user.and_then(|user| user.group.as_deref()).map(text));
        out.flag("secure", self.secure);
    }

    /// Writes a script as keys of a table.
    pub(super) fn keys(&self, command: &Command, out: &mut Out) {
        let (words, user) = self.parts(command);
        out.line("command", &words);
        out.some("user", user.map(|user| text(&user.user)));
        out.some("group", user.and_then(|user| user.group.as_deref()).map(text));
    }

    /// Returns a script as a value.
    pub(super) fn value(&self, command: &Command) -> String {
        let (words, user) = self.parts(command);
        match user {
            None => words,
            Some(User { user, group }) => {
                inline([("command", Some(words)), ("user", Some(text(user))), ("group", group.as_deref().map(text))])
            }
        }
    }

    /// Writes a table of scripts, if there is anything to write.
    pub(super) fn notify(&self, path: &[&str], notify: &Notify, out: &mut Out) {
        if *notify == Notify::default() {
            return;
        }
        out.table(path);
        let Notify { master, backup, fault, stop, lower_priority, any, priority_changes } = notify;
        for (key, command) in [
            ("master", master),
            ("backup", backup),
            ("fault", fault),
            ("stop", stop),
            ("lower_priority", lower_priority),
            ("any", any),
        ] {
            out.some(key, command.as_ref().map(|command| self.value(command)));
        }
        out.flag("priority_changes", *priority_changes);
    }

    /// Returns the words, and the user where it is another one than everybody's.
    fn parts<'c>(&self, command: &'c Command) -> (String, Option<&'c User>) {
        let is_plain = |word: &String| {
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'))
        };
        let words = match command.words.iter().all(is_plain) {
            true => text(&command.words.join(" ")),
            false => list(&command.words.iter().map(|word| text(word)).collect::<Vec<_>>(), 16),
        };
        (words, command.user.as_ref().filter(|user| self.user != Some(user)))
    }
}
