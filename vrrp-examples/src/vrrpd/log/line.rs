//! A line of the log: its kind, its subject, and its words.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use super::id::Id;
use super::level::Level;

/// A line that is to be logged.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::vrrpd) struct Line {
    pub(super) id: Id,
    pub(super) level: Level,
    pub(super) router: Option<String>,
    pub(super) fields: Map<String, Value>,
    pub(super) message: String,
}

impl Line {
    /// Makes one, with the first level of its id.
    pub(in crate::vrrpd) fn new(id: Id, message: impl Into<String>) -> Self {
        let level = id.levels().first().copied().unwrap_or(Level::Info);
        Self { id, level, router: None, fields: Map::new(), message: message.into() }
    }

    /// Gives it another level.
    pub(in crate::vrrpd) fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Says which virtual router it is about.
    pub(in crate::vrrpd) fn of<'a>(self, router: impl Into<Option<&'a str>>) -> Self {
        Self { router: router.into().map(str::to_owned), ..self }
    }

    /// Gives it a field for programs.
    pub(in crate::vrrpd) fn with(mut self, field: &str, value: impl Serialize) -> Self {
        // What cannot be JSON, as an infinite number, is null.
        self.fields.insert(field.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }
}

/// A line that was logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number, from 1 on in each process; none if it is not a line of the running daemon.
    pub(super) sequence: Option<u64>,
    pub(super) at: SystemTime,
    pub(super) line: Line,
}

impl Record {
    /// Returns the number of the line.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// Returns the virtual router that it is about.
    #[must_use]
    pub fn router(&self) -> Option<&str> {
        self.line.router.as_deref()
    }

    /// Returns it as it is written in JSON.
    pub(super) fn as_written(&self) -> Written<'_> {
        let Line { id, level, router, fields, message } = &self.line;
        let (router, time) = (router.as_deref(), time(self.at));
        Written { sequence: self.sequence, time, level: *level, id: id.name(), router, message, fields }
    }

    /// Returns it as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::to_value(self.as_written()).unwrap_or_default()
    }
}

/// A record as it is written in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    time: String,
    level: Level,
    id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    router: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: &'a Map<String, Value>,
}

impl Written<'_> {
    pub(super) fn text(&self) -> String {
        // These always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns a moment in the form of RFC 3339, in UTC.
pub(super) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// Makes a line: `line!(CheckFailed, router = name, reason = why, "check {name} failed: {why}")`. A field that the table of
/// ids does not have is refused when this is compiled.
macro_rules! line {
    ($id:ident, router = $router:expr, $($field:ident = $value:expr,)* $text:literal $($more:tt)*) => {
        $crate::vrrpd::log::line::line!($id, $($field = $value,)* $text $($more)*).of($router)
    };
    ($id:ident, $($field:ident = $value:expr,)* $text:literal $($more:tt)*) => {
        $crate::vrrpd::log::line::Line::new($crate::vrrpd::log::id::Id::$id, format!($text $($more)*))
            $(.with({
                const { assert!($crate::vrrpd::log::id::Id::$id.has(stringify!($field))) };
                stringify!($field)
            }, &$value))*
    };
}

/// Logs a line, which `line!` makes.
macro_rules! log {
    ($($words:tt)*) => {
        $crate::vrrpd::log::line::line!($($words)*).emit()
    };
}

pub(in crate::vrrpd) use {line, log};
