//! From octets to a tree: every key and value with its place, in the order of the text.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::vrrpd::report::{Report, Span};

/// A value and where it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A key, or a text.
pub(crate) type Word = At<String>;

/// A value of any type.
pub(crate) type Node = At<Value>;

/// A value of the file.
#[derive(Debug)]
pub(crate) enum Value {
    Text(String),
    /// `None`: more than 64 bits hold.
    Whole(Option<i64>),
    Flag(bool),
    List(Vec<Node>),
    Table(Vec<(Word, Node)>),
    /// A fraction, or a date: nothing here is one.
    Other(&'static str),
}

impl Value {
    /// Returns what it is, for a message.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// The message of `toml` for a value that is not quoted.
const UNQUOTED: &str = "string values must be quoted";
/// More errors than anybody reads.
const MAX_ERRORS: usize = 100;
const VALUE: &str = "a text in quotes, a number, true, false, a list or a table";

/// Reads a source of `report`; `None` where it is not TOML, which is told then.
pub(crate) fn read(source: usize, report: &mut Report) -> Option<Node> {
    let text = report.text(source);
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut last_line = None;
    for error in errors.iter().take(MAX_ERRORS) {
        let range = error.span().unwrap_or_default();
        let line = text.get(..range.start).map(|before| before.matches('\n').count());
        // What follows from the first error of a line is not told.
        if line.is_some() && line == last_line {
            continue;
        }
        last_line = line;
        let span = within(&text, Span { source, start: range.start, end: range.end });
        let (message, expected) =
            match error.message().split_once(", expected ").unwrap_or((error.message(), "valid TOML")) {
                (UNQUOTED, _) if range.is_empty() => ("there is no value", VALUE),
                (UNQUOTED, _) => ("a text without quotes", VALUE),
                ("duplicate key", _) => ("this key is there already", "each key once in its table"),
                other => other,
            };
        report.syntax(span, message).with_expected(expected);
    }
    let span = table.span();
    let root = DeValue::Table(table.into_inner());
    errors
        .is_empty()
        .then(|| At { value: plain(root, source), span: Span { source, start: span.start, end: span.end } })
}

/// Moves a span that begins at the end of a line back to its last character: at the end there is nothing to point at.
fn within(text: &str, span: Span) -> Span {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let (before, after) = text.split_at_checked(start).unwrap_or((text, ""));
    let last = before.chars().next_back().filter(|last| *last != '\n');
    let is_end = after.is_empty() || after.starts_with('\n');
    let start = start - last.filter(|_| is_end).map_or(0, char::len_utf8);
    Span { start, end: span.end.max(start), ..span }
}

fn node(spanned: Spanned<DeValue<'_>>, source: usize) -> Node {
    let span = spanned.span();
    At { value: plain(spanned.into_inner(), source), span: Span { source, start: span.start, end: span.end } }
}

fn plain(value: DeValue<'_>, source: usize) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Whole(whole(&number)),
        DeValue::Boolean(is) => Value::Flag(is),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        DeValue::Table(table) => {
            let mut entries: Vec<(Word, Node)> = table
                .into_iter()
                .map(|(key, item)| {
                    let span = key.span();
                    let span = Span { source, start: span.start, end: span.end };
                    (At { value: key.into_inner().into_owned(), span }, node(item, source))
                })
                .collect();
            entries.sort_by_key(|(key, _)| key.span);
            Value::Table(entries)
        }
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
