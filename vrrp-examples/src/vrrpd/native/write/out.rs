//! TOML as text: keys, values and tables.

use std::fmt::Write as _;
use std::time::Duration;

/// The greatest width of a list before each item has a line of its own.
const WIDTH: usize = 100;

/// A file as it grows.
pub(super) struct Out {
    text: String,
    /// Defaults are written, and passwords are not.
    pub(super) in_full: bool,
}

impl Out {
    pub(super) fn new(in_full: bool) -> Self {
        Self { text: String::new(), in_full }
    }

    /// Begins a table, an empty line before it.
    pub(super) fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|key| self::key(key)).collect();
        self.head(&format!("[{}]", path.join(".")));
    }

    /// Begins one more table of a list.
    pub(super) fn item(&mut self, key: &str) {
        self.head(&format!("[[{key}]]"));
    }

    fn head(&mut self, head: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{head}");
    }

    pub(super) fn line(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key} = {value}");
    }

    pub(super) fn comment(&mut self, text: &str) {
        let _ = writeln!(self.text, "# {text}");
    }

    /// Writes a key if there is something to say.
    pub(super) fn some(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.line(key, &value);
        }
    }

    /// Writes true and false, unless it is false by default.
    pub(super) fn flag(&mut self, key: &str, is: bool) {
        self.unless(key, &is, &false, bool::to_string);
    }

    /// Writes a value that is not the default, or all of them.
    pub(super) fn unless<T: PartialEq>(&mut self, key: &str, value: &T, default: &T, write: impl Fn(&T) -> String) {
        if self.in_full || value != default {
            self.line(key, &write(value));
        }
    }

    /// Writes a list that is not empty.
    pub(super) fn list(&mut self, key: &str, items: Vec<String>) {
        if !items.is_empty() {
            self.line(key, &list(&items, key.len()));
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Returns a key, in quotes where it has to have them.
pub(super) fn key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { text(key) }
}

/// Returns a text in quotes.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What cannot be seen, or turns the line round, is written by its number.
            c if c.is_control()
                || matches!(c, '\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}') =>
            {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns a list, on one line where that is not too long.
pub(super) fn list(items: &[String], before: usize) -> String {
    let width: usize = items.iter().map(|item| item.chars().count() + 2).sum();
    // A table that is an item is easier to read on a line of its own.
    let several_tables = items.len() > 1 && items.iter().any(|item| item.starts_with('{'));
    if width + before < WIDTH && !several_tables {
        return format!("[{}]", items.join(", "));
    }
    let lines: String = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("[\n{lines}]")
}

/// Returns a table on one line; what there is nothing to say of is left out.
pub(super) fn inline(entries: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let entries = entries.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Returns a time with its unit.
pub(super) fn time(time: &Duration) -> String {
    format!("\"{}\"", humantime::format_duration(*time))
}

/// Returns `true` where it is so, and nothing else.
pub(super) fn flag(is: bool) -> Option<String> {
    is.then(|| "true".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_back() {
        for text in ["", "a b", "\"\\\n\t\r\0\u{7f}\u{85}", "é\u{200b}\u{202e}\u{feff}'#", "ключ"] {
            let line = format!("{} = {}", key(text), self::text(text));
            let table = toml::de::DeTable::parse(&line).unwrap();
            let (name, value) = table.get_ref().iter().next().unwrap();
            assert_eq!((name.get_ref().as_ref(), value.get_ref().as_str()), (text, Some(text)), "{line}");
        }
    }
}
