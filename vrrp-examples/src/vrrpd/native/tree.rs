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

/// What a value is.
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

/// Reads a source of `report`; `None` where it is not TOML, which is told then.
pub(crate) fn read(source: usize, report: &mut Report) -> Option<Node> {
    let text = report.text(source);
    let (table, errors) = DeTable::parse_recoverable(&text);
    let mut last_line = None;
    for error in &errors {
        let range = error.span().unwrap_or_default();
        let line = text.get(..range.start).map(|before| before.matches('\n').count());
        // What follows from the first error of a line is not told.
        if line.is_some() && line == last_line {
            continue;
        }
        last_line = line;
        let span = within(&text, Span { source, start: range.start, end: range.end });
        let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), "valid TOML"));
        report.error(span, message).with_expected(expected);
    }
    errors.is_empty().then(|| node(&table, DeValue::Table(table.get_ref().clone()), source))
}

/// Moves a span that is past the end, or on a line's end, back to something that can be pointed at.
fn within(text: &str, span: Span) -> Span {
    let mut start = span.start.min(text.len());
    while start > 0 && (start == text.len() || !text.is_char_boundary(start)) {
        start -= 1;
    }
    // An empty last line is no place.
    let before = text.get(..start).unwrap_or_default();
    if text.get(start..).is_some_and(|rest| rest.trim().is_empty()) {
        start = before.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
    }
    Span { start, end: span.end.max(start), ..span }
}

fn node<T>(at: &Spanned<T>, value: DeValue<'_>, source: usize) -> Node {
    let range = at.span();
    At { value: plain(value, source), span: Span { source, start: range.start, end: range.end } }
}

fn plain(value: DeValue<'_>, source: usize) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Whole(whole(&number)),
        DeValue::Boolean(is) => Value::Flag(is),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| {
                let span = item.span();
                At { value: plain(item.into_inner(), source), span: Span { source, start: span.start, end: span.end } }
            });
            Value::List(items.collect())
        }
        DeValue::Table(table) => {
            let entry = |(key, item): (Spanned<_>, Spanned<DeValue<'_>>)| {
                let span = |range: std::ops::Range<usize>| Span { source, start: range.start, end: range.end };
                let key: Spanned<std::borrow::Cow<'_, str>> = key;
                let (key_span, item_span) = (span(key.span()), span(item.span()));
                let word = At { value: key.into_inner().into_owned(), span: key_span };
                (word, At { value: plain(item.into_inner(), source), span: item_span })
            };
            let mut entries: Vec<(Word, Node)> = table.into_iter().map(entry).collect();
            entries.sort_by_key(|(key, _)| key.span);
            Value::Table(entries)
        }
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
