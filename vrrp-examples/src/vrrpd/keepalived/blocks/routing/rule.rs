//! One line of `virtual_rules`.

use crate::vrrpd::config::{Mark, Rule};
use crate::vrrpd::keepalived::blocks::routing::words::{Words, Written, whole};
use crate::vrrpd::keepalived::blocks::values::interface;
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::{Report, Span};
use vrrp_core::Family;

/// A rule as written.
pub(crate) struct RuleDraft {
    pub(crate) rule: Rule,
    /// The place where one would expect the priority that is missing.
    pub(crate) unnumbered: Option<Span>,
}

const SYNTAX: &str = "[not] [from NETWORK] [to NETWORK] [iif INTERFACE] [oif INTERFACE] [fwmark MARK[/MASK]] [priority N] table TABLE, one on a line";

const NAMES: [&str; 10] = ["from", "fwmark", "iif", "lookup", "not", "oif", "preference", "priority", "table", "to"];

/// Words that keepalived knows and vrrpd does not.
const UNSUPPORTED: [&str; 19] = [
    "blackhole",
    "dport",
    "dsfield",
    "goto",
    "ipproto",
    "l3mdev",
    "nop",
    "prohibit",
    "protocol",
    "realms",
    "sport",
    "sup_group",
    "sup_pl",
    "suppress_ifgroup",
    "suppress_prefixlength",
    "tos",
    "tunnel-id",
    "uidrange",
    "unreachable",
];

pub(crate) fn read(entry: &Statement, report: &mut Report) -> Option<RuleDraft> {
    let mut words = Words::of(entry, "rule", SYNTAX, &NAMES, &UNSUPPORTED);
    let mut rule = RuleWords::default();
    while let Some(word) = words.next(report) {
        rule.take(word, &mut words, report)?;
    }
    rule.finish(&entry.keyword, words.family, report)
}

/// The line so far.
#[derive(Default)]
struct RuleWords {
    invert: bool,
    from: Option<Written>,
    to: Option<Written>,
    input: Option<String>,
    output: Option<String>,
    mark: Option<Mark>,
    priority: Option<u32>,
    table: Option<u32>,
}

impl RuleWords {
    fn take(&mut self, word: &Word, words: &mut Words<'_>, report: &mut Report) -> Option<()> {
        match word.text.as_str() {
            "not" => self.invert = true,
            "from" => {
                let value = words.value(word, report)?;
                self.from = Some(words.prefix(value, report)?);
            }
            "to" => {
                let value = words.value(word, report)?;
                self.to = Some(words.prefix(value, report)?);
            }
            "iif" | "dev" => self.input = Some(interface(words.value(word, report)?, report)?),
            "oif" => self.output = Some(interface(words.value(word, report)?, report)?),
            "fwmark" => self.mark = Some(mark(words.value(word, report)?, report)?),
            "priority" | "preference" | "order" => self.priority = Some(words.number(word, report)?),
            "table" | "lookup" => self.table = Some(words.table(word, report)?),
            // Nobody watches a rule.
            "no_track" => {}
            _ => {
                words.refuse(word, report);
                return None;
            }
        }
        Some(())
    }

    fn finish(self, first: &Word, family: Option<Family>, report: &mut Report) -> Option<RuleDraft> {
        let Some(table) = self.table else {
            report.error(first.span, "this rule names no table").with_expected(SYNTAX);
            return None;
        };
        let family = family.unwrap_or(Family::Ipv4);
        let rule = Rule {
            family,
            invert: self.invert,
            from: self.from.map(|from| from.of(family)),
            to: self.to.map(|to| to.of(family)),
            input: self.input,
            output: self.output,
            mark: self.mark,
            priority: self.priority.unwrap_or_default(),
            table,
        };
        Some(RuleDraft { rule, unnumbered: self.priority.is_none().then_some(first.span) })
    }
}

fn mark(word: &Word, report: &mut Report) -> Option<Mark> {
    let (value, mask) = match word.text.split_once('/') {
        Some((value, mask)) => (whole(value), Some(whole(mask))),
        None => (whole(&word.text), None),
    };
    let mark = match (value, mask) {
        (Some(value), None) => Some(Mark { value, mask: None }),
        (Some(value), Some(Some(mask))) => Some(Mark { value, mask: Some(mask) }),
        _ => None,
    };
    if mark.is_none() {
        report
            .error(word.span, format!("`{}` is not a mark", word.text))
            .with_expected("MARK or MARK/MASK, each a number below 2^32, like 0x1/0xff");
    }
    mark
}
