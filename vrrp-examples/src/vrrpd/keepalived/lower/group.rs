//! The meaning of a sync group, for itself and for its members.

use std::collections::BTreeSet;

use crate::vrrpd::config::{Check, Instance, SyncGroup, Track, TrackWeight};
use crate::vrrpd::keepalived::blocks::global::Globals;
use crate::vrrpd::keepalived::blocks::group::GroupDraft;
use crate::vrrpd::keepalived::blocks::track::TrackDraft;
use crate::vrrpd::keepalived::blocks::values::unique;
use crate::vrrpd::keepalived::lower::script::with_globals;
use crate::vrrpd::keepalived::lower::track::{check_no_macvlan, check_once, defined, in_order};
use crate::vrrpd::report::diagnostics::Code;
use crate::vrrpd::report::{Report, Span};
use crate::vrrpd::soundness;
use vrrp_core::Weight;

impl GroupDraft {
    /// Returns the group. The weights of its members do not count unless it says so.
    pub(crate) fn meaning(
        self,
        globals: &Globals,
        checks: &[Check],
        macvlans: &BTreeSet<String>,
        instances: &mut [Instance],
        report: &mut Report,
    ) -> SyncGroup {
        check_once(&self.track_interfaces, report);
        check_once(&self.track_checks, report);
        for draft in &self.track_interfaces {
            check_no_macvlan(&draft.name, macvlans, report);
        }
        let track_interfaces = self.track_interfaces.iter().map(TrackDraft::interface).collect();
        let track_checks = self.track_checks.iter().filter_map(|draft| draft.check(checks, report)).collect();
        let track_checks = in_order(track_checks, checks);
        for member in &self.members {
            let Some(instance) = instances.iter_mut().find(|instance| instance.name == member.text) else { continue };
            if self.tracking_weight.is_none() {
                drop_weights(instance, member.span, report);
            }
        }
        if let [only] = self.members.as_slice() {
            report.notice(only.span, format!("`{}` is alone in its group", only.text));
        }
        if let Some(told) = self.priority_changes.filter(|told| told.value) {
            report.notice(told.span, "`notify_priority_changes` has no effect: a group has no priority");
        }
        let notify = self.notify.map(|command| with_globals(command, globals));
        let members = self.members.into_iter().map(|word| word.text).collect();
        SyncGroup { name: self.name.text, members, track_interfaces, track_checks, notify }
    }
}

/// Each group has a name of its own, and each instance is in one group at most.
pub(crate) fn check(groups: &[GroupDraft], instances: &[&str], report: &mut Report) {
    let names = groups.iter().map(|group| (&group.name.text, group.name.span));
    unique(names, report, |name| format!("the group name `{name}` is taken"), "a name of its own");
    let members = || groups.iter().flat_map(|group| &group.members);
    soundness::members(members().map(|member| (&member.text, member.span)), report);
    // What may have defined one was told.
    let is_known = |name: &str, report: &Report| instances.contains(&name) || report.is_doubtful(name);
    for member in members() {
        if is_known(&member.text, report) {
            continue;
        }
        report
            .error(member.span, format!("no `vrrp_instance` is called `{}`", member.text))
            .with_code(Code::Undefined)
            .with_expected("the name of a `vrrp_instance` block")
            .with_help(defined(instances))
            .with_nearest(&member.text, instances.iter().copied());
    }
}

/// keepalived: an interface with a weight counts as one without, and a check with a weight is not tracked.
fn drop_weights(instance: &mut Instance, span: Span, report: &mut Report) {
    let weighted = |track: &Track| track.weight.weight != Weight::Fault;
    for track in instance.track_interfaces.iter_mut().filter(|track| weighted(track)) {
        let message =
            format!("in a group the interface `{}` of `{}` is tracked without weight", track.name, instance.name);
        report.notice(span, message);
        track.weight = TrackWeight::default();
    }
    let (dropped, kept): (Vec<Track>, _) = std::mem::take(&mut instance.track_checks).into_iter().partition(weighted);
    instance.track_checks = kept;
    for track in dropped {
        let message = format!(
            "in a group the check `{}`, which has a weight, does not count for `{}`",
            track.name, instance.name
        );
        report.notice(span, message);
    }
}
