//! Tracked interfaces and checks, with their weights.

use std::collections::BTreeSet;

use crate::vrrpd::config::{Check, Probe, Track, TrackWeight};
use crate::vrrpd::keepalived::blocks::track::{Kind, TrackDraft, WeightDraft};
use crate::vrrpd::keepalived::text::statement::Word;
use crate::vrrpd::report::Report;
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::soundness;
use vrrp_io_linux::checks as native;

impl TrackDraft {
    /// Returns the tracked interface that it means.
    pub(crate) fn interface(&self) -> Track {
        Track { name: self.name.text.clone(), weight: WeightDraft::over(self.weight, TrackWeight::default()) }
    }

    /// Returns the tracked check that it means: one of `checks`, and of a kind that is tracked this way.
    pub(crate) fn check(&self, checks: &[Check], report: &mut Report) -> Option<Track> {
        let name = &self.name.text;
        let Some(check) = checks.iter().find(|check| check.name == *name) else {
            // What may have defined it was told.
            if report.is_doubtful(name) {
                return None;
            }
            let fitting: Vec<&str> =
                checks.iter().filter(|check| self.fits(check)).map(|check| check.name.as_str()).collect();
            let block = self.kind.block();
            report
                .error(self.name.span, format!("no `{block}` is called `{name}`"))
                .with_code(Code::Undefined)
                .with_expected(format!("the name of a `{block}` block"))
                .with_help(defined(&fitting))
                .with_nearest(name, fitting);
            return None;
        };
        if !self.fits(check) {
            let (wrong, right) = (self.kind.track(), Kind::of(check).track());
            report
                .error(self.name.span, format!("`{name}` in `{wrong}` is a check of another kind"))
                .with_expected(format!("`{name}` in `{right}`"));
            return None;
        }
        Some(Track { name: name.clone(), weight: WeightDraft::over(self.weight, check.weight) })
    }

    /// Processes are tracked as such, and as the script that they may be written as.
    fn fits(&self, check: &Check) -> bool {
        let is_process = matches!(check.probe, Probe::Native(native::Probe::Process(_)));
        match self.kind {
            Kind::Process => is_process,
            Kind::Script => is_process || Kind::of(check) == Kind::Script,
            kind => Kind::of(check) == kind,
        }
    }
}

/// Tracked checks in one order, whatever the order of their blocks: scripts, files, processes.
pub(crate) fn in_order(mut tracks: Vec<Track>, checks: &[Check]) -> Vec<Track> {
    tracks.sort_by_key(|track| checks.iter().find(|check| check.name == track.name).map(Kind::of));
    tracks
}

/// Returns which names there are to choose from.
pub(crate) fn defined(names: &[&str]) -> String {
    const MANY: usize = 5;
    let quoted: Vec<String> = names.iter().take(MANY).map(|name| format!("`{name}`")).collect();
    match quoted.join(", ") {
        none if none.is_empty() => "the file defines none".to_owned(),
        some if names.len() > MANY => format!("the file defines {some} and more"),
        some => format!("the file defines {some}"),
    }
}

impl WeightDraft {
    /// Returns the weight, with the parts left out taken from `default`: a script can say how it is tracked.
    pub(crate) fn over(draft: Option<Self>, default: TrackWeight) -> TrackWeight {
        draft.map_or(default, |Self { weight, reverse }| TrackWeight {
            weight,
            reverse: reverse.unwrap_or(default.reverse),
        })
    }
}

/// Reports the interface of a virtual MAC address.
pub(crate) fn check_no_macvlan(name: &Word, macvlans: &BTreeSet<String>, report: &mut Report) {
    soundness::no_mac_interface(&name.text, name.span, macvlans, report);
}

/// Reports what is tracked twice in one block.
pub(crate) fn check_once(drafts: &[TrackDraft], report: &mut Report) {
    soundness::tracked_once(drafts.iter().map(|draft| (&draft.name.text, draft.name.span)), report);
}
