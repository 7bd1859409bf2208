//! Every table and key in words, for the documentation: made of the tables that the reader goes by.

use std::fmt::Write as _;

use crate::vrrpd::native::shape::{Default, Key, Shape};
use crate::vrrpd::native::tables::{
    ADDRESS, ANNOUNCE, ANY_CHECK, CHECKS, COMMAND, FIFO, FILE, FIXED, GROUP, INTERFACE, NOTIFY, PEER, PROCESS, ROUTE,
    ROUTER, RULE, SCRIPTS, TLS_OPTIONS, TRACK, UNICAST, VIRTUAL_MAC,
};

/// Returns the tables of all keys in Markdown.
pub(crate) fn reference() -> String {
    let mut out = String::new();
    let first =
        [&FILE, &PROCESS, &SCRIPTS, &INTERFACE, &FIXED, &FIFO, &ROUTER, &UNICAST, &VIRTUAL_MAC, &NOTIFY, &ANNOUNCE];
    first.iter().for_each(|shape| section(shape, &mut out));
    section(&GROUP, &mut out);
    section(&ANY_CHECK, &mut out);
    CHECKS.iter().for_each(|(_, shape)| section(shape, &mut out));
    [&TLS_OPTIONS, &ADDRESS, &PEER, &ROUTE, &RULE, &TRACK, &COMMAND].iter().for_each(|shape| section(shape, &mut out));
    out
}

fn section(shape: &Shape, out: &mut String) {
    let title = match shape.name.strip_prefix("of ") {
        Some(_) => "Before the first table".to_owned(),
        None => match shape.name.split_once(" of kind ") {
            Some((table, kind)) => format!("`{table}` of kind `{kind}`"),
            None => format!("`{}`", shape.name),
        },
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "### {title}\n\n{}\n\n| key | value | default | |\n|---|---|---|---|", shape.about);
    shape.keys.iter().for_each(|key| row(key, out));
    out.push('\n');
}

fn row(key: &Key, out: &mut String) {
    let default = match key.default {
        Default::Required => "must be there",
        Default::Is(default) => default,
    };
    let _ = writeln!(out, "| `{}` | {} | {default} | {} |", key.name, key.kind.expected(), key.about);
}
