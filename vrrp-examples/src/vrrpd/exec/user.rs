//! From a configured user to the numbers to switch to.

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid};

use crate::vrrpd::config;

/// The user that a command runs as. Supplementary groups are dropped with the switch, not replaced by the user's own:
/// setting those between fork and exec is not to be had in safe Rust.
#[derive(Debug)]
pub(super) struct Ids {
    /// The name in messages: `user nobody`.
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

impl Ids {
    /// Looks the names up. May block (directory services).
    pub(super) fn of(wanted: &config::User) -> Result<Self, String> {
        let name = match &wanted.group {
            Some(group) => format!("user {}, group {group}", wanted.user),
            None => format!("user {}", wanted.user),
        };
        let cannot = |why: &str| format!("cannot switch to {name}: {why}");
        let number = wanted.user.parse().ok().map(Uid::from_raw);
        let entry = match number {
            Some(uid) => User::from_uid(uid),
            None => User::from_name(&wanted.user),
        }
        .map_err(|errno| cannot(errno.desc()))?;
        let uid = number.or(entry.as_ref().map(|user| user.uid)).ok_or_else(|| cannot("there is no such user"))?;
        let gid = match &wanted.group {
            None => entry.map(|user| user.gid).ok_or_else(|| cannot("a user number without a name needs a group"))?,
            Some(group) => match group.parse() {
                Ok(number) => Gid::from_raw(number),
                Err(_) => Group::from_name(group)
                    .map_err(|errno| cannot(errno.desc()))?
                    .map(|group| group.gid)
                    .ok_or_else(|| cannot("there is no such group"))?,
            },
        };
        Ok(Self { name, uid, gid })
    }

    /// Returns true if we run as this user already: switching would only ask for privileges that it does not need.
    pub(super) fn are_ours(&self) -> bool {
        self.uid == geteuid() && self.gid == getegid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(user: &str, group: Option<&str>) -> Result<(u32, u32), String> {
        Ids::of(&config::User { user: user.to_owned(), group: group.map(str::to_owned) })
            .map(|ids| (ids.uid.as_raw(), ids.gid.as_raw()))
    }

    #[test]
    fn names_and_numbers_become_ids() {
        assert_eq!(ids("root", None), Ok((0, 0)));
        assert_eq!(ids("0", None), Ok((0, 0)));
        assert_eq!(ids("root", Some("7")), Ok((0, 7)));
        assert_eq!(ids("4123456789", Some("root")), Ok((4_123_456_789, 0)));
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let error = |user, group| ids(user, group).unwrap_err();
        assert_eq!(error("no-such-user", None), "cannot switch to user no-such-user: there is no such user");
        assert_eq!(
            error("root", Some("no-such-group")),
            "cannot switch to user root, group no-such-group: there is no such group"
        );
        assert_eq!(
            error("4123456789", None),
            "cannot switch to user 4123456789: a user number without a name needs a group"
        );
    }
}
