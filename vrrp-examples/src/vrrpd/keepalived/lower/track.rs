//! What is tracked: interfaces and scripts, and with which weight.

use std::collections::BTreeSet;

use crate::vrrpd::config::{Check, Track, TrackWeight};
use crate::vrrpd::keepalived::blocks::track::{TrackDraft, WeightDraft};
use crate::vrrpd::keepalived::blocks::values::unique;
use crate::vrrpd::keepalived::text::statement::Word;
use crate::vrrpd::report::Report;

impl TrackDraft {
    /// As a tracked interface.
    pub(crate) fn interface(&self) -> Track {
        Track { name: self.name.text.clone(), weight: WeightDraft::over(self.weight, TrackWeight::default()) }
    }

    /// As a tracked script, which must be one of `scripts`.
    pub(crate) fn script(&self, scripts: &[Check], report: &mut Report) -> Option<Track> {
        let name = &self.name.text;
        let Some(script) = scripts.iter().find(|script| script.name == *name) else {
            // What may have defined it was told.
            if report.is_doubtful(name) {
                return None;
            }
            let names: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
            report
                .error(self.name.span, format!("no `vrrp_script` is called `{name}`"))
                .with_expected("the name of a `vrrp_script` block")
                .with_help(defined(&names))
                .with_nearest(name, names);
            return None;
        };
        Some(Track { name: name.clone(), weight: WeightDraft::over(self.weight, script.weight) })
    }
}

/// Which names there are to choose from.
fn defined(names: &[&str]) -> String {
    const MANY: usize = 5;
    let quoted: Vec<String> = names.iter().take(MANY).map(|name| format!("`{name}`")).collect();
    match quoted.join(", ") {
        none if none.is_empty() => "the file defines none".to_owned(),
        some if names.len() > MANY => format!("the file defines {some} and more"),
        some => format!("the file defines {some}"),
    }
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

/// Reports the interface of a virtual MAC address.
pub(crate) fn check_no_macvlan(name: &Word, macvlans: &BTreeSet<String>, report: &mut Report) {
    if macvlans.contains(&name.text) {
        report
            .error(name.span, format!("`{}` is down whenever its router is not Master", name.text))
            .with_expected("an interface that is not that of a virtual MAC address");
    }
}

/// Reports what is tracked twice in one block.
pub(crate) fn check_once(drafts: &[TrackDraft], report: &mut Report) {
    let names = drafts.iter().map(|draft| (&draft.name.text, draft.name.span));
    unique(names, report, |name| format!("`{name}` is tracked twice"), "each name once");
}
