//! `vrrp_sync_group`.

use crate::vrrpd::config::Notify;
use crate::vrrpd::keepalived::blocks::keywords::{self, SYNC_GROUP};
use crate::vrrpd::keepalived::blocks::track::{self, Kind, TrackDraft};
use crate::vrrpd::keepalived::blocks::values::{At, interface as interface_name};
use crate::vrrpd::keepalived::text::statement::{Statement, Word};
use crate::vrrpd::report::{Report, Span};

/// A group as written.
pub(crate) struct GroupDraft {
    pub(crate) name: Word,
    pub(crate) members: Vec<Word>,
    pub(crate) notify: Notify,
    pub(crate) priority_changes: Option<At<bool>>,
    pub(crate) tracking_weight: Option<Span>,
    pub(crate) track_interfaces: Vec<TrackDraft>,
    pub(crate) track_checks: Vec<TrackDraft>,
}

impl GroupDraft {
    pub(crate) fn read(statement: &Statement, report: &mut Report) -> Option<Self> {
        let (name, body) = statement.named_block("the name of the group", report)?;
        let mut draft = Self {
            name: name.clone(),
            members: Vec::new(),
            notify: Notify::default(),
            priority_changes: None,
            tracking_weight: None,
            track_interfaces: Vec::new(),
            track_checks: Vec::new(),
        };
        let (bare, rest): (Vec<Statement>, Vec<Statement>) = body.iter().cloned().partition(is_bare_name);
        SYNC_GROUP.read(Some(&rest), &mut draft, report);
        if let Some(first) = bare.first() {
            let name =
                if report.hides(first.keyword.span) { "this name" } else { &format!("`{}`", first.keyword.text) };
            report
                .error(first.keyword.span, format!("{name} is outside `group {{ }}`"))
                .with_expected("the names of the instances in a block of their own")
                .with_help("put `group {` before the first name and `}` behind the last one");
            draft.members.extend(bare.into_iter().map(|statement| statement.keyword));
        } else if !SYNC_GROUP.has("group", body.iter().map(|statement| statement.keyword.text.as_str())) {
            report
                .error(name.span, format!("the group `{}` has no `group`", name.text))
                .with_expected("`group` with the name of an instance on each line");
        }
        Some(draft)
    }

    pub(crate) fn group(&mut self, statement: &Statement, report: &mut Report) {
        for entry in statement.some_entries("the names of instances", report) {
            self.members.extend([&entry.keyword].into_iter().chain(&entry.values).cloned());
        }
    }

    pub(crate) fn track_interfaces(&mut self, statement: &Statement, report: &mut Report) {
        let tracks = track::read(Kind::Interface, statement, report);
        self.track_interfaces.extend(tracks.into_iter().filter(|track| interface_name(&track.name, report).is_some()));
    }

    pub(crate) fn track_checks(&mut self, kind: Kind, statement: &Statement, report: &mut Report) {
        self.track_checks.extend(track::read(kind, statement, report));
    }
}

/// Returns true if a line is one word alone, and not a keyword of keepalived: then it is the name of an instance.
fn is_bare_name(statement: &Statement) -> bool {
    let word = statement.keyword.text.as_str();
    statement.values.is_empty() && statement.block.is_none() && !keywords::is_known(word) && !SYNC_GROUP.knows(word)
}
