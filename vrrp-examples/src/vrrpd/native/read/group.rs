//! `[group.NAME]`.

use crate::vrrpd::config::{Check, Notify, SyncGroup};
use crate::vrrpd::native::read::command::Scripts;
use crate::vrrpd::native::read::track;
use crate::vrrpd::native::section::Section;
use crate::vrrpd::native::tables::GROUP;
use crate::vrrpd::native::tree::{Node, Value, Word};
use crate::vrrpd::report::Report;

/// A group, with the places of its members and tracked interfaces.
pub(crate) struct GroupRead {
    pub(crate) group: SyncGroup,
    pub(crate) members: Vec<Word>,
    pub(crate) tracks: Vec<Word>,
}

/// Reads a group. Its members must be among `routers`.
pub(crate) fn read(
    (name, node): &(Word, Node),
    scripts: &Scripts,
    checks: (&[Check], &[(Word, Node)]),
    routers: &[(Word, Node)],
    report: &mut Report,
) -> Option<GroupRead> {
    let section = Section::read(node, name.span, &[&GROUP], report)?;
    let words = section.words("members", report);
    let tracks = track::interfaces(&section, report);
    let track_checks = track::checks(&section, checks, report);
    let notify = notify(&section, scripts, report);
    let members = words.as_ref().map(|words| words.value.clone()).unwrap_or_default();
    if let Some(words) = words.filter(|words| words.value.is_empty()) {
        report.error(words.span, "the group has no members").with_expected("the names of its routers");
    }
    let names = || routers.iter().map(|(name, _)| name.value.as_str());
    for member in members.iter().filter(|member| !names().any(|name| name == member.value)) {
        report
            .error(member.span, format!("no router is called `{}`", member.value))
            .with_expected("the name of a table [router.NAME]")
            .with_nearest(&member.value, names());
    }
    if let [only] = members.as_slice() {
        report.notice(only.span, format!("`{}` is alone in its group", only.value));
    }
    let group = SyncGroup {
        name: name.value.clone(),
        members: members.iter().map(|member| member.value.clone()).collect(),
        track_interfaces: tracks.iter().map(|track| track.value.clone()).collect(),
        track_checks: track_checks.into_iter().map(|track| track.value).collect(),
        notify,
    };
    let tracks = tracks.into_iter().map(|track| Word { value: track.value.name, span: track.span }).collect();
    Some(GroupRead { group, members, tracks })
}

/// Reads the scripts. A group has no priority of its own, and hears nobody.
fn notify(section: &Section<'_>, scripts: &Scripts, report: &mut Report) -> Notify {
    let notify = scripts.notify(section, report);
    let of_routers =
        [("lower_priority", notify.lower_priority.is_some()), ("priority_changes", notify.priority_changes)];
    if let Some(Node { value: Value::Table(entries), .. }) = section.node("notify") {
        for (key, _) in entries.iter().filter(|(key, _)| of_routers.contains(&(key.value.as_str(), true))) {
            report.notice(key.span, format!("`{}` has no effect in a group: it is for routers", key.value));
        }
    }
    Notify { lower_priority: None, priority_changes: false, ..notify }
}
