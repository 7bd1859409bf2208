//! The words of one line.

use std::iter::{Chain, Once, once};
use std::net::IpAddr;
use std::slice::Iter;

use crate::vrrpd::config::Prefix;
use crate::vrrpd::keepalived::blocks::values::{host, prefix_len};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use vrrp_core::Family;

/// The words of one line, one after the other.
pub(super) struct Words<'a> {
    rest: Chain<Once<&'a Word>, Iter<'a, Word>>,
    /// `route` or `rule`.
    what: &'static str,
    syntax: &'static str,
    /// The words that are understood, offered to a user who misspells one.
    names: &'static [&'static str],
    /// Words that keepalived knows and vrrpd does not.
    unsupported: &'static [&'static str],
    /// The family of the first address, or the one that is written.
    pub(super) family: Option<Family>,
}

impl<'a> Words<'a> {
    /// All of the line.
    pub(super) fn of(
        entry: &'a Statement,
        what: &'static str,
        syntax: &'static str,
        names: &'static [&'static str],
        unsupported: &'static [&'static str],
    ) -> Self {
        Self { rest: once(&entry.keyword).chain(&entry.values), what, syntax, names, unsupported, family: None }
    }

    /// Returns the next word that is not about the family of the line.
    pub(super) fn next(&mut self, report: &mut Report) -> Option<&'a Word> {
        loop {
            let word = self.rest.next()?;
            let family = match word.text.as_str() {
                "inet" => Family::Ipv4,
                "inet6" => Family::Ipv6,
                _ => return Some(word),
            };
            self.agree(word, family, report);
        }
    }

    /// Refuses a word that is not understood.
    pub(super) fn refuse(&self, word: &Word, report: &mut Report) {
        let (text, what) = (word.text.as_str(), self.what);
        if self.unsupported.contains(&text) {
            report
                .error(word.span, format!("`{text}` in a {what} is not supported by vrrpd"))
                .with_expected(self.syntax)
                .with_help(format!("without it the {what} would not be the one that is written"));
        } else {
            report
                .error(word.span, format!("`{text}` is not a keyword of a {what}"))
                .with_expected(self.syntax)
                .with_nearest(text, self.names.iter().chain(self.unsupported).copied());
        }
    }

    /// Reads the value of an option.
    pub(super) fn value(&mut self, option: &Word, report: &mut Report) -> Option<&'a Word> {
        let value = self.rest.next();
        if value.is_none() {
            report.error(option.span, format!("`{}` has no value", option.text)).with_expected(self.syntax);
        }
        value
    }

    /// Reads a whole number, decimal, or hexadecimal after `0x`.
    pub(super) fn number<N: TryFrom<u32>>(&mut self, option: &Word, report: &mut Report) -> Option<N> {
        let word = self.value(option, report)?;
        let number = whole(&word.text).and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            report
                .error(word.span, format!("`{}` is not a number for `{}`", word.text, option.text))
                .with_expected(self.syntax);
        }
        number
    }

    /// Reads a table by its number, or by one of the names that every host has.
    pub(super) fn table(&mut self, option: &Word, report: &mut Report) -> Option<u32> {
        let word = self.value(option, report)?;
        match word.text.as_str() {
            "default" => Some(253),
            "main" => Some(254),
            "local" => Some(255),
            text => {
                let number = whole(text).filter(|number| *number > 0);
                if number.is_none() {
                    report
                        .error(word.span, format!("`{text}` is not a routing table"))
                        .with_expected("a number from 1, or main, local or default; names of rt_tables are not read");
                }
                number
            }
        }
    }

    /// Reads the address of a host.
    pub(super) fn host(&mut self, word: &Word, report: &mut Report) -> Option<IpAddr> {
        let address = host(word, &word.text, report)?;
        self.agree(word, Family::of(address), report).then_some(address)
    }

    /// Reads a network, or `default`, which waits for the family of the line.
    pub(super) fn prefix(&mut self, word: &Word, report: &mut Report) -> Option<Written> {
        if matches!(word.text.as_str(), "default" | "all" | "any") {
            return Some(Written::Default);
        }
        let (text, length) = match word.text.split_once('/') {
            Some((text, length)) => (text, Some(length)),
            None => (word.text.as_str(), None),
        };
        let Ok(address) = text.parse::<IpAddr>() else {
            self.refuse(word, report);
            return None;
        };
        let max = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(max), |length| prefix_len(word, length, max, report))?;
        if network(address, length) != address {
            report
                .error(word.span, format!("{address} has bits beyond its first {length}"))
                .with_expected(format!("{}/{length}", network(address, length)));
            return None;
        }
        self.agree(word, Family::of(address), report).then_some(Written::Prefix(Prefix { address, length }))
    }

    /// One line is of one family.
    pub(super) fn agree(&mut self, word: &Word, family: Family, report: &mut Report) -> bool {
        let first = *self.family.get_or_insert(family);
        if first != family {
            report
                .error(word.span, format!("`{}` in a {} for {first}", word.text, self.what))
                .with_expected(format!("{first} only, as earlier on the line"));
        }
        first == family
    }
}

/// A network as written.
#[derive(Clone, Copy)]
pub(super) enum Written {
    Default,
    Prefix(Prefix),
}

impl Written {
    pub(super) fn of(self, family: Family) -> Prefix {
        match self {
            Self::Default => Prefix::all(family),
            Self::Prefix(prefix) => prefix,
        }
    }
}

fn network(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !u32::MAX.checked_shr(length).unwrap_or(0)).into()),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::MAX.checked_shr(length).unwrap_or(0)).into()),
    }
}

pub(super) fn whole(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
