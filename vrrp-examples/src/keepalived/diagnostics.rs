//! What the reader has to say about a file: where, what is wrong, what was expected.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// How much a [`Diagnostic`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file loads; something in it has no effect or another one than it seems.
    Notice,
    /// The file does not load.
    Error,
}

/// One finding, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or notice.
    pub severity: Severity,
    /// File it was found in.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected instead.
    pub expected: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    excerpt: Option<Excerpt>,
    order: (usize, usize),
}

/// The line a finding points into.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    line: String,
    width: usize,
}

/// Every finding of a file that does not load, in the order of the text. At least one is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            write!(f, "{}{diagnostic}", if index == 0 { "" } else { "\n\n" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Notice => "notice",
            Severity::Error => "error",
        };
        write!(f, ": {severity}: {}", self.message)?;
        let gutter = self.line.to_string().len();
        if let Some(Excerpt { line, width }) = &self.excerpt {
            let (before, marks) = (self.column.saturating_sub(1), "^".repeat(*width));
            write!(f, "\n{:gutter$} |\n{} | {line}\n{:gutter$} | {:before$}{marks}", "", self.line, "", "")?;
        }
        for (what, text) in [("expected", &self.expected), ("help", &self.help)] {
            if let Some(text) = text {
                write!(f, "\n{:gutter$} = {what}: {text}", "")?;
            }
        }
        Ok(())
    }
}

impl Diagnostic {
    pub(super) fn with_expected(&mut self, expected: impl Into<String>) -> &mut Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn with_help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Offers the candidate that `word` was probably meant to be, if there is one.
    pub(super) fn with_nearest<'a>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> &mut Self {
        if let Some(nearest) = nearest(word, candidates) {
            self.help = Some(format!("did you mean `{nearest}`?"));
        }
        self
    }
}

/// A stretch of one source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) source: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of `self` to the end of `last`, which stands later in the same source.
    pub(super) fn to(self, last: Self) -> Self {
        Self { end: last.end, ..self }
    }
}

struct Source {
    name: String,
    text: Rc<str>,
}

/// The sources read so far and everything found in them.
#[derive(Default)]
pub(super) struct Report {
    sources: Vec<Source>,
    found: Vec<Diagnostic>,
    named: BTreeSet<String>,
}

impl Report {
    /// Takes in a text; returns its number for spans.
    pub(super) fn add_source(&mut self, name: String, text: &str) -> usize {
        self.sources.push(Source { name, text: text.into() });
        self.sources.len() - 1
    }

    pub(super) fn text(&self, source: usize) -> Rc<str> {
        self.sources.get(source).map_or_else(|| "".into(), |source| Rc::clone(&source.text))
    }

    pub(super) fn slice(&self, span: Span) -> &str {
        self.sources.get(span.source).and_then(|source| source.text.get(span.start..span.end)).unwrap_or_default()
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.find(Severity::Error, span, message.into())
    }

    pub(super) fn notice(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.find(Severity::Notice, span, message.into())
    }

    /// A notice that is worth giving once however often `keyword` occurs.
    pub(super) fn notice_once(&mut self, keyword: &str, span: Span, message: impl Into<String>) {
        if self.named.insert(keyword.to_owned()) {
            self.notice(span, message);
        }
    }

    /// An error of a file as a whole, before there is a text to point into.
    pub(super) fn file_error(&mut self, file: String, message: String) {
        let order = (self.sources.len(), 0);
        let (severity, expected) = (Severity::Error, None);
        self.found.push(Diagnostic {
            severity,
            file,
            line: 0,
            column: 0,
            message,
            expected,
            help: None,
            excerpt: None,
            order,
        });
    }

    /// Whether anything found so far is an error.
    pub(super) fn failed(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Where something stands, for a message that points elsewhere.
    pub(super) fn place(&self, span: Span) -> String {
        let (line, _) = self.line_and_start(span);
        match self.sources.get(span.source) {
            Some(source) => format!("{}:{line}", source.name),
            None => format!("line {line}"),
        }
    }

    /// All findings in the order of the text.
    pub(super) fn into_found(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.order);
        self.found
    }

    fn find(&mut self, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let (line, line_start) = self.line_and_start(span);
        let text = self.text(span.source);
        let rest = text.get(line_start..).unwrap_or_default();
        let full = rest.lines().next().unwrap_or_default();
        let chars = |from: usize, to: usize| text.get(from..to).map_or(0, |text| text.chars().count());
        let end = span.end.min(line_start + full.len());
        let excerpt = Excerpt { line: printable(full), width: chars(span.start, end).max(1) };
        let index = self.found.len();
        self.found.push(Diagnostic {
            severity,
            file: self.sources.get(span.source).map(|source| source.name.clone()).unwrap_or_default(),
            line,
            column: chars(line_start, span.start) + 1,
            message,
            expected: None,
            help: None,
            excerpt: Some(excerpt),
            order: (span.source, span.start),
        });
        &mut self.found[index]
    }

    fn line_and_start(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.source);
        let before = text.get(..span.start).unwrap_or_default();
        (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |newline| newline + 1))
    }
}

/// The line with every character one column wide, and without the password if it holds one: it goes to logs.
fn printable(line: &str) -> String {
    let secret = line.find("auth_pass").map_or(line.len(), |keyword| keyword + "auth_pass".len());
    let show = |(at, c): (usize, char)| match c {
        c if c.is_control() => ' ',
        ' ' | '{' | '}' | '"' => c,
        _ if at >= secret => '*',
        c => c,
    };
    line.char_indices().map(show).collect()
}

/// The candidate closest to `word`, if it is close enough to have been meant.
fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(a != *b)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("raise", "rise"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", ""), distance("", "")), (3, 3, 0));
    }

    #[test]
    fn only_near_words_are_offered() {
        assert_eq!(nearest("raise", ["fall", "rise"]), Some("rise"));
        assert_eq!(nearest("Priority", ["priority"]), Some("priority"));
        assert_eq!(nearest("cheese", ["fall", "rise"]), None);
    }

    #[test]
    fn the_caret_stands_under_the_word_and_passwords_stay_unprinted() {
        let mut report = Report::default();
        let source = report.add_source("é.conf".to_owned(), "a\n\tauth_pass \"gehéim\" x\n");
        report.error(Span { source, start: 22, end: 23 }, "m").with_expected("e").with_help("h");
        let shown = report.into_found()[0].to_string();
        let lines = [
            "é.conf:2:20: error: m",
            "  |",
            "2 |  auth_pass \"******\" *",
            "  |                    ^",
            "  = expected: e",
        ];
        assert_eq!(shown, lines.join("\n") + "\n  = help: h");
    }
}
