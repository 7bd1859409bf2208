//! What may stand in a block, and what is said about the rest.

use super::keywords::home_of;
use super::parser::Statement;
use super::report::Report;
use super::values::unique;

/// The keywords of one kind of block that is read into a `T`.
pub(super) struct Grammar<T: 'static> {
    /// The block, as messages name it.
    pub(super) block: &'static str,
    /// Acted upon.
    pub(super) understood: &'static [Keyword<T>],
    /// Change neither packets nor addresses nor the election: named once, then forgotten.
    pub(super) harmless: &'static [&'static str],
    /// Ask for what is always so here: named once.
    pub(super) granted: &'static [&'static str],
    /// Sections for other programs: skipped whole, with a notice each.
    pub(super) skipped: &'static [&'static str],
    /// Would change packets, addresses or the election: an error.
    pub(super) unsupported: &'static [&'static str],
}

/// A keyword that is acted upon.
pub(super) struct Keyword<T> {
    name: &'static str,
    repeats: bool,
    read: fn(&mut T, &Statement, &mut Report),
}

/// May stand once in its block.
pub(super) const fn once<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: false, read }
}

/// May stand in its block any number of times.
pub(super) const fn many<T>(name: &'static str, read: fn(&mut T, &Statement, &mut Report)) -> Keyword<T> {
    Keyword { name, repeats: true, read }
}

impl<T> Grammar<T> {
    /// Reads a block, statement by statement.
    pub(super) fn read(&self, body: Option<&[Statement]>, into: &mut T, report: &mut Report) {
        let mut seen = Vec::new();
        for statement in body.unwrap_or_default() {
            let word = statement.keyword.text.as_str();
            match self.understood.iter().find(|keyword| keyword.name == word) {
                Some(keyword) => {
                    (keyword.read)(into, statement, report);
                    if !keyword.repeats {
                        seen.push((word, statement.keyword.span));
                    }
                }
                None => self.not_understood(statement, report),
            }
        }
        let again = |word: &&str| format!("`{word}` stands twice in {}", self.block);
        unique(seen, report, again, "one of the two");
    }

    fn not_understood(&self, statement: &Statement, report: &mut Report) {
        let (word, span) = (statement.keyword.text.as_str(), statement.keyword.span);
        if self.harmless.contains(&word) {
            let why = "it changes neither packets nor addresses nor the election";
            report.notice_once(word, span, format!("`{word}` is not acted upon; {why}"));
        } else if self.granted.contains(&word) {
            report.notice_once(word, span, format!("`{word}` asks for what is always so here"));
        } else if self.skipped.contains(&word) {
            report.notice(span, format!("`{word}` is no part of VRRP; the whole block is skipped"));
        } else if self.unsupported.contains(&word) {
            report
                .error(span, format!("`{word}` is known to keepalived but not supported here"))
                .with_expected("a configuration without it")
                .with_help("it cannot be ignored: it takes part in packets, addresses or the election");
        } else {
            let names = || self.understood.iter().map(|keyword| keyword.name);
            let error = report.error(span, format!("`{word}` is not a keyword of {}", self.block));
            error.with_nearest(word, names());
            if let Some(home) = home_of(word) {
                error.with_help(format!("`{word}` belongs in {home}"));
            }
            match error.help {
                Some(_) => error.with_expected(format!("a keyword of {}", self.block)),
                None => error.with_expected(format!("one of {}", names().collect::<Vec<_>>().join(", "))),
            };
        }
    }

    pub(super) fn knows(&self, word: &str) -> Option<&'static str> {
        let understood = self.understood.iter().any(|keyword| keyword.name == word);
        let known = [self.harmless, self.granted, self.skipped, self.unsupported];
        (understood || known.iter().any(|names| names.contains(&word))).then_some(self.block)
    }
}
