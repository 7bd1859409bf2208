//! The words of one `check`.

use std::net::IpAddr;
use std::slice::Iter;

use crate::vrrpd::keepalived::blocks::values::{At, host, interface};
use crate::vrrpd::keepalived::text::statement::Word;
use crate::vrrpd::report::Report;
use crate::vrrpd::soundness;
use vrrp_io_linux::checks::{Origin, Record};

/// Records that can be asked for.
pub(super) const RECORDS: [(&str, Record); 6] = [
    ("A", Record::A),
    ("AAAA", Record::Aaaa),
    ("NS", Record::Ns),
    ("SOA", Record::Soa),
    ("MX", Record::Mx),
    ("TXT", Record::Txt),
];

/// The words after the kind, one after the other.
pub(super) struct Options<'a> {
    kind: &'a Word,
    rest: Iter<'a, Word>,
    syntax: &'static str,
}

impl<'a> Options<'a> {
    pub(super) fn new(kind: &'a Word, rest: &'a [Word], syntax: &'static str) -> Self {
        Self { kind, rest: rest.iter(), syntax }
    }

    /// Reads the target of the check.
    pub(super) fn target(&mut self, report: &mut Report) -> Option<&'a Word> {
        self.value(self.kind, report)
    }

    pub(super) fn next(&mut self) -> Option<&'a Word> {
        self.rest.next()
    }

    /// Reads the value of an option.
    pub(super) fn value(&mut self, option: &Word, report: &mut Report) -> Option<&'a Word> {
        let value = self.rest.next().filter(|value| !value.text.is_empty() && !value.text.contains('"'));
        if value.is_none() {
            report.error(option.span, format!("`{}` has no value", option.text)).with_expected(self.syntax);
        }
        value
    }

    /// Refuses a word that does not belong here.
    pub(super) fn refuse(&self, word: &Word, report: &mut Report) {
        report
            .error(word.span, format!("`{}` does not belong into a check of `{}`", word.text, self.kind.text))
            .with_expected(self.syntax);
    }

    /// Something that it cannot do without.
    pub(super) fn missing(&self, what: &str, report: &mut Report) {
        report
            .error(self.kind.span, format!("this check of `{}` does not say {what}", self.kind.text))
            .with_expected(self.syntax);
    }

    pub(super) fn syntax(&self) -> &'static str {
        self.syntax
    }
}

/// The settings of every check over the network.
#[derive(Default)]
pub(super) struct Common {
    from: Option<At<IpAddr>>,
    device: Option<String>,
}

impl Common {
    pub(super) fn take(&mut self, word: &Word, options: &mut Options<'_>, report: &mut Report) -> Option<()> {
        match word.text.as_str() {
            "from" => {
                let value = options.value(word, report)?;
                self.from = Some(At { value: host(value, &value.text, report)?, span: value.span });
            }
            "dev" => self.device = Some(interface(options.value(word, report)?, report)?),
            _ => {
                options.refuse(word, report);
                return None;
            }
        }
        Some(())
    }

    pub(super) fn origin(self, target: IpAddr, report: &mut Report) -> Origin {
        if let Some(At { value, span }) = self.from {
            soundness::source_of_check((value, span), target, report);
        }
        Origin { address: self.from.map(|from| from.value), interface: self.device }
    }
}

/// Reads a status, or the least and the greatest with a `-` between them.
pub(super) fn status(word: &Word, report: &mut Report) -> Option<(u16, u16)> {
    let (least, most) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
    let status = |text: &str| text.parse::<u16>().ok().filter(|status| (100..=999).contains(status));
    let range = status(least).zip(status(most)).filter(|(least, most)| least <= most);
    if range.is_none() {
        report
            .error(word.span, format!("`{}` is not a status", word.text))
            .with_expected("a number from 100 to 999, or two of them like 200-299");
    }
    range
}
