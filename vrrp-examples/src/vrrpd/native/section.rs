//! A table as it is read: every key against its shape, and what is wrong with it said at its place.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use vrrp_io_linux::is_interface_name;

use crate::vrrpd::native::shape::{Default, Key, Kind, Shape};
use crate::vrrpd::native::tree::{At, Node, Value, Word};
use crate::vrrpd::report::diagnostics::{Diagnostic, nearest, nearest_first};
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness::is_of_one;

/// A table with known keys.
pub(crate) struct Section<'a> {
    /// The place for messages about what is missing.
    pub(crate) span: Span,
    shapes: Vec<&'static Shape>,
    entries: &'a [(Word, Node)],
}

impl<'a> Section<'a> {
    /// Returns the table with the keys of any of these shapes; the first is what messages name.
    pub(crate) fn read(node: &'a Node, span: Span, shapes: &[&'static Shape], report: &mut Report) -> Option<Self> {
        let name = shapes.first().map_or("", |shape| shape.name);
        let Value::Table(entries) = &node.value else {
            mismatch(node, format!("a table {name}"), report);
            return None;
        };
        let section = Self { span, shapes: shapes.to_vec(), entries };
        let unknown = entries.iter().map(|(key, _)| key).filter(|key| section.key(&key.value).is_none());
        let meant: Vec<_> = unknown.map(|key| section.unknown(name, key, report)).collect();
        for key in section.keys() {
            let is_missing = matches!(key.default, Default::Required) && section.node(key.name).is_none();
            // What is there under a wrong name was told.
            if is_missing && !meant.contains(&Some(key.name)) {
                let message = format!("`{}` is missing", key.name);
                report.error(span, message).with_expected(format!("`{}` with {}", key.name, key.kind.expected()));
            }
        }
        Some(section)
    }

    /// Returns a table that is read for some of its keys only.
    pub(crate) fn quiet(entries: &'a [(Word, Node)], span: Span, shapes: Vec<&'static Shape>) -> Self {
        Self { span, shapes, entries }
    }

    /// Returns the value of a key.
    pub(crate) fn node(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.value == name).map(|(_, node)| node)
    }

    /// Returns the place of a key.
    pub(crate) fn key_span(&self, name: &str) -> Option<Span> {
        self.entries.iter().find(|(key, _)| key.value == name).map(|(key, _)| key.span)
    }

    /// Returns the tables of a table, each with its name.
    pub(crate) fn named(&self, name: &str, report: &mut Report) -> &'a [(Word, Node)] {
        let Some(node) = self.node(name) else { return &[] };
        match &node.value {
            Value::Table(entries) => entries,
            _ => {
                mismatch(node, self.expected(name), report);
                &[]
            }
        }
    }

    /// Returns the items of a list.
    pub(crate) fn list(&self, name: &str, report: &mut Report) -> &'a [Node] {
        let Some(node) = self.node(name) else { return &[] };
        match &node.value {
            Value::List(items) => items,
            _ => {
                mismatch(node, self.expected(name), report);
                &[]
            }
        }
    }

    /// Returns a table in this one.
    pub(crate) fn table(&self, name: &str, report: &mut Report) -> Option<Self> {
        let node = self.node(name)?;
        let Some(Kind::Table(shape)) = self.key(name).map(|key| key.kind) else { return None };
        Self::read(node, self.key_span(name)?, &[shape], report)
    }

    pub(crate) fn flag(&self, name: &str, report: &mut Report) -> Option<At<bool>> {
        let node = self.node(name)?;
        let Value::Flag(value) = node.value else {
            mismatch(node, self.expected(name), report);
            return None;
        };
        Some(At { value, span: node.span })
    }

    pub(crate) fn whole<N: TryFrom<i64>>(&self, name: &str, report: &mut Report) -> Option<At<N>> {
        let node = self.node(name)?;
        let Some(Kind::Whole(from, to)) = self.key(name).map(|key| key.kind) else { return None };
        let Value::Whole(number) = node.value else {
            mismatch(node, self.expected(name), report);
            return None;
        };
        let value = number.filter(|number| (from..=to).contains(number)).and_then(|number| N::try_from(number).ok());
        if value.is_none() {
            let message = format!("`{}` is out of range", report.slice(node.span));
            report.error(node.span, message).with_expected(self.expected(name));
        }
        value.map(|value| At { value, span: node.span })
    }

    pub(crate) fn time(&self, name: &str, report: &mut Report) -> Option<At<Duration>> {
        let node = self.node(name)?;
        let Some(Kind::Time(from, to)) = self.key(name).map(|key| key.kind) else { return None };
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Whole(Some(seconds @ 0..)) => {
                mismatch(node, self.expected(name), report).with_help(format!("seconds are \"{seconds}s\""));
                return None;
            }
            _ => {
                mismatch(node, self.expected(name), report);
                return None;
            }
        };
        let range = Duration::from_micros(from)..=Duration::from_micros(to);
        let wrong = match duration(text) {
            Some(value) if range.contains(&value) => return Some(At { value, span: node.span }),
            Some(_) => "out of range",
            None => "not a time",
        };
        report.error(node.span, format!("`{text}` is {wrong}")).with_expected(self.expected(name));
        None
    }

    pub(crate) fn text(&self, name: &str, report: &mut Report) -> Option<At<String>> {
        text(self.node(name)?, &self.expected(name), report)
    }

    pub(crate) fn path(&self, name: &str, report: &mut Report) -> Option<PathBuf> {
        let path = self.text(name, report)?;
        if path.value.is_empty() || path.value.contains('\0') {
            report.error(path.span, "this is not a path").with_expected(self.expected(name));
            return None;
        }
        Some(path.value.into())
    }

    pub(crate) fn interface(&self, name: &str, report: &mut Report) -> Option<At<String>> {
        interface(self.node(name)?, report)
    }

    pub(crate) fn host(&self, name: &str, report: &mut Report) -> Option<At<IpAddr>> {
        host(self.node(name)?, report)
    }

    pub(crate) fn socket(&self, name: &str, report: &mut Report) -> Option<SocketAddr> {
        let text = self.text(name, report)?;
        let is_server = |target: &SocketAddr| target.port() > 0 && is_of_one(target.ip());
        let target = text.value.parse().ok().filter(is_server);
        if target.is_none() {
            let found = report.error(text.span, format!("`{}` is not the address of one host with a port", text.value));
            found.with_expected(self.expected(name));
            if !text.value.starts_with(|c: char| c.is_ascii_digit() || c == '[') {
                found.with_help("names are not looked up here: that could take longer than a check may");
            }
        }
        target
    }

    /// Returns the name that was chosen, of those that there are.
    pub(crate) fn choice(&self, name: &str, report: &mut Report) -> Option<At<&'static str>> {
        let Some(Kind::Choice(names)) = self.key(name).map(|key| key.kind) else { return None };
        let text = self.text(name, report)?;
        let chosen = names.iter().find(|name| **name == text.value);
        if chosen.is_none() {
            report
                .error(text.span, format!("`{}` is not a value of `{name}`", text.value))
                .with_expected(self.expected(name))
                .with_nearest(&text.value, names.iter().copied());
        }
        chosen.map(|value| At { value: *value, span: text.span })
    }

    /// Returns the texts of a list.
    pub(crate) fn words(&self, name: &str, report: &mut Report) -> Option<At<Vec<At<String>>>> {
        let node = self.node(name)?;
        let items = self.list(name, report);
        let words = items.iter().filter_map(|item| text(item, "a text in quotes", report)).collect();
        Some(At { value: words, span: node.span })
    }

    /// Returns what is expected of a key.
    pub(crate) fn expected(&self, name: &str) -> String {
        self.key(name).map(|key| key.kind.expected()).unwrap_or_default()
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.shapes.iter().find_map(|shape| shape.key(name))
    }

    fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.shapes.clone().into_iter().flat_map(|shape| shape.keys)
    }

    /// Returns the key that was probably meant.
    fn unknown(&self, shape: &str, key: &Word, report: &mut Report) -> Option<&'static str> {
        let names: Vec<&'static str> = self.keys().map(|key| key.name).collect();
        let text = &key.value;
        let of_keepalived = self.keys().find(|known| known.keepalived.split(' ').any(|name| name == *text));
        let found = report.error(key.span, format!("`{text}` is not a key {}", of(shape)));
        found.with_expected(format!("one of {}", nearest_first(text, &names).join(", ")));
        let Some(known) = of_keepalived else {
            let nearest = nearest(text, names);
            if let Some(nearest) = nearest {
                found.with_help(format!("did you mean `{nearest}`?"));
            }
            return nearest;
        };
        found.with_help(format!("keepalived's `{text}` is `{}` here", known.name));
        Some(known.name)
    }
}

fn of(shape: &str) -> String {
    if shape.starts_with("of ") { shape.to_owned() } else { format!("of {shape}") }
}

/// Says that a value is of another type.
pub(crate) fn mismatch<'r>(node: &Node, expected: String, report: &'r mut Report) -> &'r mut Diagnostic {
    report.error(node.span, format!("this is {}", node.value.name())).with_expected(expected)
}

/// Returns a text.
pub(crate) fn text(node: &Node, expected: &str, report: &mut Report) -> Option<At<String>> {
    let Value::Text(text) = &node.value else {
        mismatch(node, expected.to_owned(), report);
        return None;
    };
    Some(At { value: text.clone(), span: node.span })
}

/// Returns the name of an interface.
pub(crate) fn interface(node: &Node, report: &mut Report) -> Option<At<String>> {
    let name = text(node, &Kind::Interface.expected(), report)?;
    if !is_interface_name(&name.value) {
        let message = format!("`{}` cannot be the name of an interface", name.value);
        report.error(name.span, message).with_expected(Kind::Interface.expected());
        return None;
    }
    Some(name)
}

/// Returns the address of a host.
pub(crate) fn host(node: &Node, report: &mut Report) -> Option<At<IpAddr>> {
    let text = text(node, &Kind::Host.expected(), report)?;
    let wrong = match text.value.parse::<IpAddr>() {
        Ok(value) if is_of_one(value) => return Some(At { value, span: text.span }),
        Ok(_) => "is not the address of one host",
        Err(_) => "is not an IP address",
    };
    report.error(text.span, format!("`{}` {wrong}", text.value)).with_expected(Kind::Host.expected());
    None
}

/// Reads a time to the microsecond; what is finer is none.
fn duration(text: &str) -> Option<Duration> {
    let fraction = || {
        let seconds = text.strip_suffix('s').filter(|text| text.bytes().all(|b| b.is_ascii_digit() || b == b'.'))?;
        let (whole, fraction) = seconds.split_once('.')?;
        if fraction.is_empty() || fraction.len() > 6 {
            return None;
        }
        let micros: u64 = format!("{fraction:0<6}").parse().ok()?;
        Duration::from_secs(whole.parse().ok()?).checked_add(Duration::from_micros(micros))
    };
    let time = humantime::parse_duration(text).ok().or_else(fraction)?;
    (time.subsec_nanos() % 1_000 == 0).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, micros) in [
            ("3s", Some(3_000_000)),
            ("100ms", Some(100_000)),
            ("1s 500ms", Some(1_500_000)),
            ("0.25s", Some(250_000)),
            ("40.95s", Some(40_950_000)),
            ("0s", Some(0)),
            ("3", None),
            ("1.0000001s", None),
            ("1.s", None),
            ("1ns", None),
            ("-1s", None),
            ("18446744073709551615.9s", Some(u64::MAX)),
        ] {
            let found = duration(text).map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
            assert_eq!(found, micros, "{text}");
        }
    }
}
