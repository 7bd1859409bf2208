//! The state of each sync group, from what happens to its members.

use vrrp_core::Role;

use crate::vrrpd::config::Daemon;
use crate::vrrpd::notify::NotifyState;

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// The last state of each instance.
    roles: Vec<Option<Role>>,
}

#[derive(Debug)]
struct Group {
    members: Vec<usize>,
    state: Option<NotifyState>,
}

impl Groups {
    pub(super) fn new(daemon: &Daemon) -> Self {
        let place = |name: &String| daemon.instances.iter().position(|instance| instance.name == *name);
        let members = |names: &[String]| names.iter().filter_map(place).collect();
        let groups = daemon.sync_groups.iter().map(|group| Group { members: members(&group.members), state: None });
        Self { groups: groups.collect(), roles: vec![None; daemon.instances.len()] }
    }

    /// An instance changed: the group that changed with it, and to what. None does while its members are on their way.
    pub(super) fn changed(&mut self, instance: usize, role: Role) -> Option<(usize, NotifyState)> {
        *self.roles.get_mut(instance)? = Some(role);
        let index = self.groups.iter().position(|group| group.members.contains(&instance))?;
        let group = self.groups.get_mut(index)?;
        let roles = group.members.iter().map(|member| self.roles.get(*member).copied().flatten());
        let state = whole(&roles.collect::<Option<Vec<Role>>>()?);
        (group.state.replace(state) != Some(state)).then_some((index, state))
    }
}

/// Master is who is it with all its members; a fault of one is a fault of all.
fn whole(roles: &[Role]) -> NotifyState {
    if roles.contains(&Role::Initialize) {
        NotifyState::Fault
    } else if roles.contains(&Role::Backup) {
        NotifyState::Backup
    } else {
        NotifyState::Master
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrpd::keepalived::parse_str;

    #[test]
    fn a_group_changes_when_its_last_member_does_and_fails_with_the_first() {
        let instance = |name: &str, vrid: u8| {
            format!(
                "vrrp_instance {name} {{\ninterface e\nvirtual_router_id {vrid}\nvirtual_ipaddress {{ 192.0.2.{vrid} }}\n}}\n"
            )
        };
        let text =
            instance("a", 1) + &instance("alone", 2) + &instance("b", 3) + "vrrp_sync_group g {\ngroup {\na\nb\n}\n}\n";
        let mut groups = Groups::new(&parse_str("t", &text).unwrap().daemon);
        let (a, alone, b) = (0, 1, 2);
        for (instance, role, expected) in [
            (alone, Role::Master, None),
            (a, Role::Backup, None),
            (b, Role::Backup, Some(NotifyState::Backup)),
            (b, Role::Master, None),
            (a, Role::Master, Some(NotifyState::Master)),
            (a, Role::Initialize, Some(NotifyState::Fault)),
            (b, Role::Initialize, None),
            (b, Role::Backup, None),
            (a, Role::Backup, Some(NotifyState::Backup)),
        ] {
            assert_eq!(groups.changed(instance, role), expected.map(|state| (0, state)));
        }
    }
}
