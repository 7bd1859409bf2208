//! `track_interface`, `track_script`, and weights.

use std::collections::BTreeSet;
use std::num::NonZeroI16;

use crate::vrrpd::config::{Script, Track, TrackWeight};
use crate::vrrpd::keepalived::blocks::values::{At, number, unique};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::Report;
use vrrp_core::Weight;

/// A tracked thing as written.
pub(crate) struct TrackDraft {
    pub(crate) name: Word,
    pub(crate) weight: Option<WeightDraft>,
}

impl TrackDraft {
    /// As a tracked interface.
    pub(crate) fn interface(&self) -> Track {
        Track { name: self.name.text.clone(), weight: WeightDraft::over(self.weight, TrackWeight::default()) }
    }

    /// As a tracked script, which must be one of `scripts`.
    pub(crate) fn script(&self, scripts: &[Script], report: &mut Report) -> Option<Track> {
        let name = &self.name.text;
        let Some(script) = scripts.iter().find(|script| script.name == *name) else {
            // What may have defined it was told.
            if report.is_doubtful(name) {
                return None;
            }
            report
                .error(self.name.span, format!("no `vrrp_script` is called `{name}`"))
                .with_expected("the name of a `vrrp_script` block")
                .with_nearest(name, scripts.iter().map(|script| script.name.as_str()));
            return None;
        };
        Some(Track { name: name.clone(), weight: WeightDraft::over(self.weight, script.weight) })
    }
}

/// Reports the interface of a virtual MAC address.
pub(crate) fn check_no_macvlan(name: &Word, macvlans: &BTreeSet<String>, report: &mut Report) {
    if macvlans.contains(&name.text) {
        report
            .error(name.span, format!("`{}` is down whenever its router is not Master", name.text))
            .with_expected("an interface that is no virtual MAC address's");
    }
}

/// Reports what is tracked twice in one block.
pub(crate) fn check_once(drafts: &[TrackDraft], report: &mut Report) {
    let names = drafts.iter().map(|draft| (&draft.name.text, draft.name.span));
    unique(names, report, |name| format!("`{name}` is tracked twice"), "each name once");
}

/// A weight as written.
#[derive(Clone, Copy)]
pub(crate) struct WeightDraft {
    weight: Weight,
    /// `None`: neither `reverse` nor `noreverse`.
    reverse: Option<bool>,
}

impl WeightDraft {
    /// What is left open is taken from `default`, where a script says how it is to be tracked.
    pub(crate) fn over(draft: Option<Self>, default: TrackWeight) -> TrackWeight {
        draft.map_or(default, |Self { weight, reverse }| TrackWeight {
            weight,
            reverse: reverse.unwrap_or(default.reverse),
        })
    }
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
