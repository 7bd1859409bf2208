//! `track_interface`, `track_script`, and weights.

use std::num::NonZeroI16;
use std::ops::RangeInclusive;

use crate::vrrpd::keepalived::blocks::values::{At, number};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use vrrp_core::Weight;

/// The kind of thing that is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Interface,
    Script,
    File,
    Process,
}

impl Kind {
    /// Returns the keyword that tracks it.
    pub(crate) const fn track(self) -> &'static str {
        match self {
            Self::Interface => "track_interface",
            Self::Script => "track_script",
            Self::File => "track_file",
            Self::Process => "track_process",
        }
    }

    /// Returns the block that defines it.
    pub(crate) const fn block(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
        }
    }

    /// Returns the greatest weight.
    const fn max(self) -> i64 {
        match self {
            Self::Interface | Self::Script => 253,
            Self::File | Self::Process => 254,
        }
    }
}

/// A tracked thing as written.
pub(crate) struct TrackDraft {
    pub(crate) kind: Kind,
    pub(crate) name: Word,
    pub(crate) weight: Option<WeightDraft>,
}

/// A weight as written.
#[derive(Clone, Copy)]
pub(crate) struct WeightDraft {
    pub(crate) weight: Weight,
    /// `None`: neither `reverse` nor `noreverse`.
    pub(crate) reverse: Option<bool>,
}

/// Reads the lines `NAME [weight N [reverse]]` of a block.
pub(crate) fn read(kind: Kind, statement: &Statement, report: &mut Report) -> Vec<TrackDraft> {
    let mut tracks = Vec::new();
    for entry in statement.entries(report) {
        let weight = match entry.values.as_slice() {
            [] => None,
            [keyword, values @ ..] if keyword.text == "weight" => {
                let max = kind.max();
                weight(keyword, values, -max..=max, report)
            }
            [other, ..] => {
                report
                    .error(other.span, format!("`{}` is unexpected after a tracked name", other.text))
                    .with_expected("NAME [weight N [reverse]], one on a line")
                    .with_nearest(&other.text, ["weight"]);
                None
            }
        };
        tracks.push(TrackDraft { kind, name: entry.keyword.clone(), weight });
    }
    tracks
}

/// Reads the words after `weight`.
pub(crate) fn weight(
    keyword: &Word,
    values: &[Word],
    range: RangeInclusive<i64>,
    report: &mut Report,
) -> Option<WeightDraft> {
    let (value, rest) = match values {
        [value, rest @ ..] => (value, rest),
        [] => {
            report.error(keyword.span, "`weight` has no value").with_expected(format!(
                "a whole number from {} to {}, perhaps followed by `reverse`",
                range.start(),
                range.end()
            ));
            return None;
        }
    };
    let reverse = match rest {
        [] => None,
        [word] if word.text == "reverse" => Some(true),
        [word] if word.text == "noreverse" => Some(false),
        [word, ..] => {
            report
                .error(word.span, format!("`{}` is unexpected after a weight", word.text))
                .with_expected("reverse, noreverse or the end of the line")
                .with_nearest(&word.text, ["reverse", "noreverse"]);
            None
        }
    };
    let value: At<i16> = number(value, range, report)?;
    let weight = NonZeroI16::new(value.value).map_or(Weight::Fault, Weight::Adjust);
    Some(WeightDraft { weight, reverse })
}
