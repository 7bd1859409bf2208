//! `track_interface`, `track_script`, and weights.

use std::num::NonZeroI16;

use crate::vrrpd::keepalived::blocks::values::{At, number};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use vrrp_core::Weight;

/// A tracked thing as written.
pub(crate) struct TrackDraft {
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

/// The lines `NAME [weight N [reverse]]` of a block.
pub(crate) fn read(statement: &Statement, report: &mut Report) -> Vec<TrackDraft> {
    let mut tracks = Vec::new();
    for entry in statement.entries(report) {
        let weight = match entry.values.as_slice() {
            [] => None,
            [keyword, values @ ..] if keyword.text == "weight" => weight(keyword, values, report),
            [other, ..] => {
                report
                    .error(other.span, format!("`{}` is unexpected after a tracked name", other.text))
                    .with_expected("NAME [weight N [reverse]], one on a line")
                    .with_nearest(&other.text, ["weight"]);
                None
            }
        };
        tracks.push(TrackDraft { name: entry.keyword.clone(), weight });
    }
    tracks
}

/// What follows the word `weight`.
pub(crate) fn weight(keyword: &Word, values: &[Word], report: &mut Report) -> Option<WeightDraft> {
    let (value, rest) = match values {
        [value, rest @ ..] => (value, rest),
        [] => {
            report
                .error(keyword.span, "`weight` has no value")
                .with_expected("a whole number from -253 to 253, perhaps followed by `reverse`");
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
    let value: At<i16> = number(value, -253..=253, report)?;
    let weight = NonZeroI16::new(value.value).map_or(Weight::Fault, Weight::Adjust);
    Some(WeightDraft { weight, reverse })
}
