//! The state of each sync group, from what happens to its members.

use std::collections::BTreeMap;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::notify::NotifyState;

/// All groups, and the last state of each instance, by name.
#[derive(Debug)]
pub(super) struct Groups {
    groups: BTreeMap<String, Group>,
    instances: BTreeMap<String, NotifyState>,
}

#[derive(Debug)]
struct Group {
    members: Vec<String>,
    state: Option<NotifyState>,
}

impl Groups {
    pub(super) fn new(daemon: &Daemon) -> Self {
        let mut groups = Self { groups: BTreeMap::new(), instances: BTreeMap::new() };
        // Nothing has a state yet.
        let _ = groups.replace(daemon);
        groups
    }

    /// Takes in a change of an instance. Returns the group that changed with it, and its new state; none while its members are
    /// on their way.
    pub(super) fn changed(&mut self, instance: &str, state: NotifyState) -> Option<(&str, NotifyState)> {
        match self.instances.get_mut(instance) {
            Some(known) => *known = state,
            None => drop(self.instances.insert(instance.to_owned(), state)),
        }
        let Self { groups, instances } = self;
        let (name, group) = groups.iter_mut().find(|(_, group)| group.members.iter().any(|name| name == instance))?;
        let state = whole(&group.members, instances)?;
        (group.state.replace(state) != Some(state)).then_some((name, state))
    }

    /// Replaces the groups. One that stays keeps its state, even with other members. Returns those that are new and have a
    /// state already.
    pub(super) fn replace(&mut self, daemon: &Daemon) -> Vec<(String, NotifyState)> {
        let is_there = |name: &str| daemon.instances.iter().any(|instance| instance.name == name);
        self.instances.retain(|name, _| is_there(name));
        let mut before = std::mem::take(&mut self.groups);
        let mut begun = Vec::new();
        for group in &daemon.sync_groups {
            let members = group.members.clone();
            let mut state = before.remove(&group.name).and_then(|known| known.state);
            if state.is_none() {
                state = whole(&members, &self.instances);
                begun.extend(state.map(|state| (group.name.clone(), state)));
            }
            self.groups.insert(group.name.clone(), Group { members, state });
        }
        begun
    }
}

/// A group is Master if all its members are. A fault of one is a fault of all, and so is a stop of some.
fn whole(members: &[String], instances: &BTreeMap<String, NotifyState>) -> Option<NotifyState> {
    let states = members.iter().map(|member| instances.get(member).copied());
    let states: Vec<NotifyState> = states.collect::<Option<_>>()?;
    Some(if states.iter().all(|state| *state == NotifyState::Stop) {
        NotifyState::Stop
    } else if states.iter().any(|state| matches!(state, NotifyState::Fault | NotifyState::Stop)) {
        NotifyState::Fault
    } else if states.contains(&NotifyState::Backup) {
        NotifyState::Backup
    } else {
        NotifyState::Master
    })
}

#[cfg(test)]
mod tests {
    use super::NotifyState::{Backup, Fault, Master, Stop};
    use super::*;
    use crate::vrrpd::keepalived::parse_str;

    fn daemon(groups: &str) -> Daemon {
        let instance = |name: &str, vrid: u8| {
            format!(
                "vrrp_instance {name} {{\ninterface e\nvirtual_router_id {vrid}\nvirtual_ipaddress {{ 192.0.2.{vrid} }}\n}}\n"
            )
        };
        let text = instance("a", 1) + &instance("alone", 2) + &instance("b", 3) + groups;
        parse_str("t", &text).unwrap().daemon
    }

    #[test]
    fn a_group_changes_when_its_last_member_does_and_fails_with_the_first() {
        let mut groups = Groups::new(&daemon("vrrp_sync_group g {\ngroup {\na\nb\n}\n}\n"));
        for (instance, state, expected) in [
            ("alone", Master, None),
            ("a", Backup, None),
            ("b", Backup, Some(Backup)),
            ("b", Master, None),
            ("a", Master, Some(Master)),
            ("a", Fault, Some(Fault)),
            ("b", Fault, None),
            ("b", Backup, None),
            ("a", Backup, Some(Backup)),
            ("a", Stop, Some(Fault)),
            ("b", Stop, Some(Stop)),
        ] {
            assert_eq!(groups.changed(instance, state), expected.map(|state| ("g", state)));
        }
    }

    #[test]
    fn a_group_that_stays_keeps_its_state_and_a_new_one_begins_with_that_of_its_members() {
        let mut groups = Groups::new(&daemon("vrrp_sync_group g {\ngroup { a alone }\n}\n"));
        for instance in ["a", "alone", "b"] {
            groups.changed(instance, Master);
        }
        groups.changed("b", Backup);
        let begun =
            groups.replace(&daemon("vrrp_sync_group h {\ngroup { b }\n}\nvrrp_sync_group g {\ngroup { a }\n}\n"));
        assert_eq!(begun, [("h".to_owned(), Backup)]);
        assert_eq!(groups.changed("a", Master), None, "it was Master with another member");
        assert_eq!(groups.changed("alone", Fault), None, "a member no more");
        assert_eq!(groups.changed("b", Master), Some(("h", Master)));
        assert_eq!(groups.replace(&daemon("vrrp_sync_group g {\ngroup { a b }\n}\n")), []);
        assert_eq!(groups.changed("b", Fault), Some(("g", Fault)));
    }
}
