//! Every table and key in words, for the documentation: made of the tables that the reader goes by.

use std::fmt::Write as _;

use crate::vrrpd::native::shape::{Default, Key, Shape};
use crate::vrrpd::native::tables::{
    ADDRESS, ANNOUNCE, ANY_CHECK, CHECKS, COMMAND, FIFO, FILE, FIXED, GROUP, INTERFACE, NOTIFY, PEER, PROCESS, ROUTE,
    ROUTER, RULE, SCRIPTS, TLS_OPTIONS, TRACK, UNICAST, VIRTUAL_MAC,
};

/// A table of the file, in words.
#[derive(Clone, Debug)]
pub struct Section {
    /// The place of its keys.
    pub place: Place,
    /// The purpose of the table.
    pub about: &'static str,
    /// Its keys.
    pub rows: Vec<Row>,
}

/// The place of the keys of a [`Section`] in the file.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Before the first table.
    First,
    /// In a table, which is written like this.
    Table(&'static str),
    /// In a table of a kind, which stands there in quotes.
    Kind(&'static str, &'static str),
}

/// A key of a table, in words.
#[derive(Clone, Debug)]
pub struct Row {
    /// The key.
    pub key: &'static str,
    /// The values that it takes.
    pub value: String,
    /// The value where it is left out; none where it must be there.
    pub default: Option<&'static str>,
    /// The meaning of the value.
    pub about: &'static str,
    /// The name in keepalived.conf, if there is one; several are separated by spaces.
    pub keepalived: &'static str,
}

/// Returns all tables, in the order of the documentation.
pub(crate) fn sections() -> Vec<Section> {
    let first =
        [&FILE, &PROCESS, &SCRIPTS, &INTERFACE, &FIXED, &FIFO, &ROUTER, &UNICAST, &VIRTUAL_MAC, &NOTIFY, &ANNOUNCE];
    let checks = CHECKS.iter().map(|(_, shape)| *shape);
    let last = [&TLS_OPTIONS, &ADDRESS, &PEER, &ROUTE, &RULE, &TRACK, &COMMAND];
    first.into_iter().chain([&GROUP, &ANY_CHECK]).chain(checks).chain(last).map(section).collect()
}

/// Returns the tables of all keys in Markdown.
pub(crate) fn reference() -> String {
    let mut out = String::new();
    sections().iter().for_each(|section| in_markdown(section, &mut out));
    out
}

fn section(shape: &'static Shape) -> Section {
    let place = match (shape.name.strip_prefix("of "), shape.name.split_once(" of kind ")) {
        (Some(_), _) => Place::First,
        (None, Some((table, kind))) => Place::Kind(table, kind),
        (None, None) => Place::Table(shape.name),
    };
    Section { place, about: shape.about, rows: shape.keys.iter().map(row).collect() }
}

fn row(key: &'static Key) -> Row {
    let default = match key.default {
        Default::Required => None,
        Default::Is(default) => Some(default),
    };
    Row { key: key.name, value: key.kind.expected(), default, about: key.about, keepalived: key.keepalived }
}

fn in_markdown(section: &Section, out: &mut String) {
    let title = match section.place {
        Place::First => "Before the first table".to_owned(),
        Place::Table(name) => format!("`{name}`"),
        Place::Kind(name, kind) => format!("`{name}` of kind `{kind}`"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "### {title}\n\n{}\n\n| key | value | default | |\n|---|---|---|---|", section.about);
    for row in &section.rows {
        let default = row.default.unwrap_or("must be there");
        let _ = writeln!(out, "| `{}` | {} | {default} | {} |", row.key, row.value, row.about);
    }
    out.push('\n');
}
