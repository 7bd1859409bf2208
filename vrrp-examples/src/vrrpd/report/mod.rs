//! Collects what is found in the sources of one configuration.

pub mod diagnostics;
pub mod places;
pub mod rendering;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

use crate::vrrpd::report::diagnostics::{Code, Diagnostic, Excerpt, Severity};

/// A stretch of one source, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) source: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// Returns the span from the start of `self` to the end of `last`, which is later in the same source.
    pub(crate) fn to(self, last: Self) -> Self {
        Self { end: last.end, ..self }
    }
}

struct Source {
    name: String,
    /// The text of the file.
    file: Rc<str>,
    /// The text that is read: that of the file, unless lines were put in or left out.
    text: Rc<str>,
    /// The places of the stretches of `text` in the file, one after the other. Empty if `text` is that of the file.
    pieces: Vec<Piece>,
    /// The offset at which each line of the file starts.
    lines: Vec<usize>,
}

/// A stretch of a text that was made of a file.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The offset at which it begins in the text.
    pub(crate) at: usize,
    /// The part of the file that it comes from.
    pub(crate) file: Range<usize>,
    /// True if it replaces a text of the file, and is a different one.
    pub(crate) is_use: bool,
}

impl Source {
    /// Returns the stretch of the file for a stretch of the text, and true if the file has another text there.
    fn in_file(&self, start: usize, end: usize) -> (usize, usize, bool) {
        let piece = |at: usize| {
            self.pieces.partition_point(|piece| piece.at <= at).checked_sub(1).and_then(|index| self.pieces.get(index))
        };
        if end == 0 {
            // The file as a whole.
            return (0, 0, false);
        }
        let (Some(first), Some(last)) = (piece(start), piece(end.saturating_sub(1).max(start))) else {
            return (start, end, false);
        };
        let from =
            if first.is_use { first.file.start } else { (first.file.start + start - first.at).min(first.file.end) };
        let to = if last.is_use {
            last.file.end
        } else {
            (last.file.start + end.saturating_sub(last.at)).min(last.file.end)
        };
        (from, to.max(from), first.is_use || last.is_use)
    }
}

/// Returns what may be shown of a line, every character one column wide; its first argument is the text before it.
pub(crate) type Printable = fn(&str, &str) -> String;

/// The sources read so far and everything found in them.
pub(crate) struct Report {
    printable: Printable,
    sources: Vec<Source>,
    found: Vec<Diagnostic>,
    named: BTreeSet<String>,
    /// Each command line, split into words, with its place.
    commands: Vec<(Vec<String>, Span)>,
    /// Each address of a host, with its first place.
    addresses: BTreeMap<IpAddr, Span>,
    /// Words of statements that were refused: what they may have named is not missed.
    doubtful: BTreeSet<String>,
}

impl Report {
    /// `printable` knows what a file of this format keeps secret.
    pub(crate) fn new(printable: Printable) -> Self {
        Self {
            printable,
            sources: Vec::new(),
            found: Vec::new(),
            named: BTreeSet::new(),
            commands: Vec::new(),
            addresses: BTreeMap::new(),
            doubtful: BTreeSet::new(),
        }
    }

    /// Takes in a text; returns its number for spans.
    pub(crate) fn add_source(&mut self, name: String, text: &str) -> usize {
        // The byte order mark that editors of Windows put before a text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = [0].into_iter().chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        let text: Rc<str> = text.into();
        self.sources.push(Source { name, file: Rc::clone(&text), text, pieces: Vec::new(), lines });
        self.sources.len() - 1
    }

    /// Replaces the text that is read of a source; `pieces` give its places in the file.
    pub(crate) fn set_text(&mut self, source: usize, text: &str, pieces: &[Piece]) {
        if let Some(source) = self.sources.get_mut(source) {
            (source.text, source.pieces) = (text.into(), pieces.to_vec());
        }
    }

    /// Says something by the places of the file, whatever its text was made into.
    pub(crate) fn of_file(&mut self, source: usize, say: impl FnOnce(&mut Self)) {
        let pieces = self.sources.get_mut(source).map(|source| std::mem::take(&mut source.pieces));
        say(self);
        if let (Some(source), Some(pieces)) = (self.sources.get_mut(source), pieces) {
            source.pieces = pieces;
        }
    }

    pub(crate) fn text(&self, source: usize) -> Rc<str> {
        self.sources.get(source).map_or_else(|| "".into(), |source| Rc::clone(&source.text))
    }

    pub(crate) fn slice(&self, span: Span) -> &str {
        self.sources.get(span.source).and_then(|source| source.text.get(span.start..span.end)).unwrap_or_default()
    }

    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.record(Severity::Error, span, message.into())
    }

    /// Adds an error in the shape of the text. After it the rest may be read in another way than it was meant.
    pub(crate) fn syntax(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.error(span, message).with_code(Code::Syntax)
    }

    /// Adds a notice that explains findings about other lines.
    pub(crate) fn aside(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.notice(span, message).with_code(Code::Syntax)
    }

    pub(crate) fn notice(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.record(Severity::Notice, span, message.into())
    }

    /// Adds a notice once, however often `keyword` occurs.
    pub(crate) fn notice_once(&mut self, keyword: &str, span: Span, message: impl Into<String>) {
        if self.named.insert(keyword.to_owned()) {
            self.notice(span, message);
        }
    }

    /// Does the same for a keyword that has no effect.
    pub(crate) fn ignored_once(&mut self, keyword: &str, span: Span, message: impl Into<String>) {
        if self.named.insert(keyword.to_owned()) {
            self.notice(span, message).with_code(Code::Ignored).with_keyword(keyword);
        }
    }

    /// Adds a help to what was said at this place, if something was and it has none.
    pub(crate) fn add_help(&mut self, span: Span, help: String) {
        let place = (span.source, span.start);
        if let Some(found) = self.found.iter_mut().find(|found| found.order == place) {
            found.help.get_or_insert(help);
        }
    }

    /// Remembers what a refused statement may have named.
    pub(crate) fn doubt<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) {
        self.doubtful.extend(words.into_iter().map(str::to_owned));
    }

    /// Returns true if a refused statement may have named this.
    pub(crate) fn is_doubtful(&self, name: &str) -> bool {
        self.doubtful.contains(name)
    }

    /// Adds an error of a file as a whole, before there is a text to point into.
    pub(crate) fn file_error(&mut self, file: String, message: String) {
        let order = (self.sources.len(), 0);
        self.found.push(Diagnostic { order, ..Diagnostic::of_file(Severity::Error, file, message) });
    }

    /// Remembers the place of a command line.
    pub(crate) fn add_command(&mut self, words: Vec<String>, span: Span) {
        self.commands.push((words, span));
    }

    /// Remembers the place of an address of a host.
    pub(crate) fn add_address(&mut self, address: IpAddr, span: Span) {
        self.addresses.entry(address).or_insert(span);
    }

    /// Returns the first place of an address.
    pub(crate) fn address(&self, address: IpAddr) -> Option<Span> {
        self.addresses.get(&address).copied()
    }

    /// Returns the first place of a command line.
    pub(crate) fn command(&self, words: &[String]) -> Option<Span> {
        self.commands.iter().find(|(known, _)| known == words).map(|(_, span)| *span)
    }

    /// Returns true if any finding so far is an error.
    pub(crate) fn failed(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns true if there is already an error in this stretch.
    pub(crate) fn failed_in(&self, span: Span) -> bool {
        let inside = (span.source, span.start)..=(span.source, span.end);
        self.found.iter().any(|found| found.severity == Severity::Error && inside.contains(&found.order))
    }

    /// Returns the place of `span`, for a message about `from`.
    pub(crate) fn place(&self, span: Span, from: Span) -> String {
        let (line, _) = self.line_and_start(span);
        match self.sources.get(span.source) {
            Some(source) if span.source != from.source => format!("{}:{line}", source.name),
            _ => format!("line {line}"),
        }
    }

    /// Takes all findings, in the order of the text; where something is an error, what may be the cause of others first: the
    /// shape of the text, then its other errors.
    pub(crate) fn take_found(&mut self) -> Vec<Diagnostic> {
        let failed = self.failed();
        let mut found = std::mem::take(&mut self.found);
        let rank = |found: &Diagnostic| match (found.severity, found.code) {
            _ if !failed => 0,
            (_, Code::Syntax) => 1,
            (Severity::Error, _) => 2,
            _ => 3,
        };
        found.sort_by_key(|found| (rank(found), found.order));
        found
    }

    fn record(&mut self, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let (diagnostic, index) = (self.diagnostic(severity, span, message), self.found.len());
        self.found.push(diagnostic);
        &mut self.found[index]
    }

    /// Returns true if the word that begins here is hidden, or is on a line that is hidden.
    pub(crate) fn hides(&self, span: Span) -> bool {
        // A definition may be a password.
        if self.sources.get(span.source).is_some_and(|source| source.in_file(span.start, span.end).2) {
            return true;
        }
        let found = self.diagnostic(Severity::Notice, span, String::new());
        let Some(excerpt) = found.excerpt else { return true };
        let shown = excerpt.line.chars().nth(found.column.saturating_sub(1));
        shown == Some('*') && !self.slice(span).starts_with('*')
    }

    /// Makes a finding that is not kept here.
    pub(crate) fn diagnostic(&self, severity: Severity, span: Span, message: String) -> Diagnostic {
        let order = (span.source, span.start);
        let (line, line_start) = self.line_and_start(span);
        let (text, span) = match self.sources.get(span.source) {
            Some(source) => {
                let (start, end, _) = source.in_file(span.start, span.end);
                (Rc::clone(&source.file), Span { start, end, ..span })
            }
            None => ("".into(), span),
        };
        let rest = text.get(line_start..).unwrap_or_default();
        let full = rest.lines().next().unwrap_or_default();
        let chars = |from: usize, to: usize| text.get(from..to).map_or(0, |text| text.chars().count());
        let end = span.end.min(line_start + full.len());
        let excerpt = Excerpt {
            line: (self.printable)(text.get(..line_start).unwrap_or_default(), full),
            width: chars(span.start, end).max(1),
        };
        // A line longer than keepalived itself reads is useless on a screen.
        let excerpt = (full.len() <= 1024).then_some(excerpt);
        let file = self.sources.get(span.source).map(|source| source.name.clone()).unwrap_or_default();
        let place = (file, line, chars(line_start, span.start) + 1);
        Diagnostic::of_line(severity, place, message, excerpt, order)
    }

    fn line_and_start(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.sources.get(span.source) else { return (0, 0) };
        let (lines, (at, ..)) = (&source.lines, source.in_file(span.start, span.end));
        let line = lines.partition_point(|start| *start <= at);
        (line, line.checked_sub(1).and_then(|before| lines.get(before)).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_word_and_passwords_stay_unprinted() {
        let mut report = Report::new(|_, line| line.replace('\t', " ").replace("gehéim", "******"));
        let source = report.add_source("é.conf".to_owned(), "a\n\tauth_pass \"gehéim\" x\n");
        report.error(Span { source, start: 23, end: 24 }, "m").with_expected("e").with_help("h");
        let shown = report.take_found()[0].to_string();
        let lines = [
            "é.conf:2:21: error: m",
            "  |",
            "2 |  auth_pass \"******\" x",
            "  |                     ^",
            "  |",
            "  = expected: e",
        ];
        assert_eq!(shown, lines.join("\n") + "\n  = help: h");
    }

    /// Tests an invisible character before or behind the start of a line that is too long to be shown whole.
    #[test]
    fn a_mark_under_what_cannot_be_seen_stands_under_a_dot() {
        for indentation in [1, 12, 13, 33, 160, 400] {
            for column in [0, indentation / 2, indentation - 1] {
                let mut report = Report::new(|_, line| line.replace('\0', " "));
                let source = report.add_source("x.conf".to_owned(), &("\0".repeat(indentation) + &"é".repeat(100)));
                report.error(Span { source, start: column, end: column + 1 }, "m");
                let shown = report.take_found()[0].to_string();
                let columns = |of| shown.lines().find_map(|line| Some(line.split_once(of)?.0.chars().count()));
                assert_eq!(columns('^'), columns('·'), "{indentation} {column}\n{shown}");
                assert!(columns('^').is_some(), "{shown}");
            }
        }
    }
}
