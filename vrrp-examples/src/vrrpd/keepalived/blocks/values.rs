//! The values of a statement: one value, a number, a time, a block. Each error says what was expected.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness::is_of_one;
pub(crate) use crate::vrrpd::soundness::unique;
use vrrp_io_linux::is_interface_name;

/// A value and where it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl Statement {
    /// Reads the only value.
    pub(crate) fn value(&self, expected: &str, report: &mut Report) -> Option<&Word> {
        // One that has no value has it in the block.
        if !self.values.is_empty() {
            self.no_block(report);
        }
        let word = self.only_value(expected, report)?;
        if word.text.is_empty() || word.text.contains("\\\"") {
            report.error(word.span, "an empty word, or one with an escaped quote").with_expected(expected);
            return None;
        }
        Some(word)
    }

    /// Reads a keyword without a value. keepalived reads nothing behind it: the line switches it on, whatever is there.
    pub(crate) fn flag(&self, report: &mut Report) -> Span {
        self.no_block(report);
        match self.values.as_slice() {
            [word] if ON.contains(&word.text.as_str()) || word.text == "1" => {
                report.notice(word.span, format!("`{}` takes no value; the line switches it on", self.keyword.text));
            }
            [word] if OFF.contains(&word.text.as_str()) || word.text == "0" => {
                report
                    .error(word.span, format!("`{}` takes no value: keepalived switches it on here", self.keyword.text))
                    .with_expected("the keyword alone, or no such line to leave it off");
            }
            _ => self.no_values(report),
        }
        self.keyword.span
    }

    /// Reads a keyword that is on alone, and on or off with a value.
    pub(crate) fn switch(&self, report: &mut Report) -> Option<At<bool>> {
        const EXPECTED: &str = "on, off, or nothing, which is on";
        if self.values.is_empty() {
            return Some(At { value: true, span: self.flag(report) });
        }
        let word = self.value(EXPECTED, report)?;
        let value = match word.text.as_str() {
            text if ON.contains(&text) => true,
            text if OFF.contains(&text) => false,
            text => {
                report.error(word.span, format!("`{text}` is neither on nor off")).with_expected(EXPECTED);
                return None;
            }
        };
        Some(At { value, span: self.keyword.span.to(word.span) })
    }

    /// Reads the only value, an address of a host.
    pub(crate) fn host(&self, report: &mut Report) -> Option<At<IpAddr>> {
        let word = self.value(HOST, report)?;
        host_only(word, report).map(|value| At { value, span: word.span })
    }

    /// Reads a block with a name before it.
    pub(crate) fn named_block(&self, expected: &str, report: &mut Report) -> Option<(&Word, &[Statement])> {
        let name = self.only_value(expected, report);
        let body = self.body(report)?;
        Some((name?, body))
    }

    /// Reads a block and nothing else.
    pub(crate) fn block(&self, report: &mut Report) -> Option<&[Statement]> {
        self.no_values(report);
        self.body(report)
    }

    /// Reads the lines of a block that is a list.
    pub(crate) fn entries(&self, report: &mut Report) -> &[Statement] {
        let entries = self.block(report).unwrap_or_default();
        for entry in entries {
            entry.no_block(report);
        }
        entries
    }

    /// Reads the lines of a list that must not be empty.
    pub(crate) fn some_entries(&self, expected: &str, report: &mut Report) -> &[Statement] {
        let entries = self.entries(report);
        if entries.is_empty() && self.block.is_some() {
            report.error(self.keyword.span, format!("`{}` is empty", self.keyword.text)).with_expected(expected);
        }
        entries
    }

    /// Reads a whole number.
    pub(crate) fn number<N: TryFrom<i64>>(&self, range: RangeInclusive<i64>, report: &mut Report) -> Option<At<N>> {
        let word = self.value(&whole_number(&range), report)?;
        number(word, range, report)
    }

    /// Seconds, with decimals down to the microsecond; `from` and `to` are microseconds.
    pub(crate) fn seconds(&self, range: RangeInclusive<u64>, report: &mut Report) -> Option<At<Duration>> {
        let word = self.value(&in_seconds(&range), report)?;
        seconds(word, range, report)
    }

    /// Returns the place of the values in the file.
    pub(crate) fn values_span(&self) -> Option<Span> {
        Some(self.values.first()?.span.to(self.values.last()?.span))
    }

    pub(crate) fn no_block(&self, report: &mut Report) {
        if let Some(block) = &self.block {
            report
                .error(block.open, format!("`{}` takes no block", self.keyword.text))
                .with_expected("the end of the line");
        }
    }

    fn no_values(&self, report: &mut Report) {
        if let Some(extra) = self.values.first() {
            // The word itself is not repeated: it may be part of a password.
            report
                .error(extra.span, format!("`{}` takes no value", self.keyword.text))
                .with_expected(if self.block.is_some() { "`{`" } else { "the end of the line" });
        }
    }

    fn only_value(&self, expected: &str, report: &mut Report) -> Option<&Word> {
        match self.values.as_slice() {
            [value] => return Some(value),
            [] => report
                .error(self.keyword.span, format!("`{}` has no value", self.keyword.text))
                .with_code(Code::Missing),
            [_, extra, ..] => report.error(extra.span, format!("`{}` takes one value only", self.keyword.text)),
        }
        .with_expected(expected);
        None
    }

    fn body(&self, report: &mut Report) -> Option<&[Statement]> {
        if self.block.is_none() {
            let error = report.error(self.keyword.span, format!("`{}` has no block", self.keyword.text));
            error.with_code(Code::Missing).with_expected("`{`");
        }
        self.block.as_ref().map(|block| block.body.as_slice())
    }
}

/// Reads a whole number.
pub(crate) fn number<N: TryFrom<i64>>(word: &Word, range: RangeInclusive<i64>, report: &mut Report) -> Option<At<N>> {
    let number =
        word.text.parse().ok().filter(|number| range.contains(number)).and_then(|number| number.try_into().ok());
    if number.is_none() && !report.failed_in(word.span) {
        let wrong = if word.text.parse::<i64>().is_ok() { "out of range" } else { "not a whole number" };
        let error = report.error(word.span, format!("`{}` is {wrong}", word.text));
        error.with_expected(whole_number(&range));
        if word.text.starts_with('$') {
            error.with_help("no line above it defines this name (`$NAME=VALUE`)");
        }
    }
    number.map(|value| At { value, span: word.span })
}

/// Seconds, with decimals down to the microsecond; `from` and `to` are microseconds.
pub(crate) fn seconds(word: &Word, range: RangeInclusive<u64>, report: &mut Report) -> Option<At<Duration>> {
    match micros(&word.text).filter(|micros| range.contains(micros)) {
        Some(micros) => Some(At { value: Duration::from_micros(micros), span: word.span }),
        None => {
            let wrong = if micros(&word.text).is_some() { "out of range" } else { "not a time in seconds" };
            report.error(word.span, format!("`{}` is {wrong}", word.text)).with_expected(in_seconds(&range));
            None
        }
    }
}

fn in_seconds(range: &RangeInclusive<u64>) -> String {
    let shown = |micros: &u64| Duration::from_micros(*micros).as_secs_f64().to_string();
    format!("seconds from {} to {}", shown(range.start()), shown(range.end()))
}

fn whole_number(range: &RangeInclusive<i64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

fn micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)
}

const ON: [&str; 3] = ["on", "true", "yes"];
const OFF: [&str; 3] = ["off", "false", "no"];

const HOST: &str = "the IP address of one host, like 192.0.2.1 or 2001:db8::1";

/// Reads an address that one host can have.
pub(crate) fn host(word: &Word, text: &str, report: &mut Report) -> Option<IpAddr> {
    let wrong = match text.parse::<IpAddr>() {
        Ok(address) if is_of_one(address) => {
            report.add_address(address, word.span);
            return Some(address);
        }
        Ok(_) => "is not the address of one host",
        Err(_) => "is not an IP address",
    };
    report.error(word.span, format!("`{text}` {wrong}")).with_expected(HOST);
    None
}

/// Reads the same where keepalived takes a prefix length too, and ignores it.
pub(crate) fn host_only(word: &Word, report: &mut Report) -> Option<IpAddr> {
    let Some((address, length)) = word.text.split_once('/') else { return host(word, &word.text, report) };
    let address = host(word, address, report)?;
    prefix_len(word, length, if address.is_ipv4() { 32 } else { 128 }, report)?;
    report.notice(word.span, format!("`/{length}` is ignored: this is the address of one host"));
    Some(address)
}

/// Reads a prefix length.
pub(crate) fn prefix_len(word: &Word, prefix: &str, max: u8, report: &mut Report) -> Option<u8> {
    let length = prefix.parse().ok().filter(|length| *length <= max);
    if length.is_none() {
        report
            .error(word.span, format!("`{prefix}` is not a prefix length"))
            .with_expected(format!("a whole number from 0 to {max} after the `/`"));
    }
    length
}

/// Reads a name that the kernel takes for an interface.
pub(crate) fn interface(word: &Word, report: &mut Report) -> Option<String> {
    let name = &word.text;
    if !is_interface_name(name) {
        report
            .error(word.span, format!("`{name}` cannot be the name of an interface"))
            .with_expected("1 to 15 octets without `/`, `:` and spaces");
        return None;
    }
    Some(name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_to_the_microsecond() {
        for (text, expected) in [
            ("1", Some(1_000_000)),
            ("0.25", Some(250_000)),
            ("1.000001", Some(1_000_001)),
            ("1.0000001", None),
            ("1.", None),
            (".5", None),
            ("-1", None),
            ("1s", None),
            ("18446744073709551615", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }
}
