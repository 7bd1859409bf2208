//! The difference between the routers that run and those that are wanted, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vrrp_core::RouterId;

use crate::difference::{differences, identity};
use crate::driver::command::Change;
use crate::error::ChangeError;
use crate::router::Router;

/// The number of a new router's addresses that are shown.
const SHOWN: usize = 4;

/// The changes that are needed so that exactly the wanted routers run. [`Vrrp::plan`](crate::Vrrp::plan) makes a plan,
/// [`Vrrp::carry_out`](crate::Vrrp::carry_out) does what it says.
///
/// Its text has one line for each change.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The routers that ran when it was made.
    base: Vec<(RouterId, Router)>,
    /// First what goes, then one step for each wanted router, in their order.
    steps: Vec<Step>,
}

/// The effect of a plan on one router.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// It runs as it is wanted, and is not touched.
    Keep {
        /// The router.
        id: RouterId,
        /// Its name.
        name: String,
    },
    /// It is started.
    Add {
        /// The wanted router.
        router: Router,
    },
    /// It is released and forgotten.
    Remove {
        /// The router.
        id: RouterId,
        /// Its name.
        name: String,
    },
    /// It gets another configuration, and stays in its state.
    Reconfigure {
        /// The router.
        id: RouterId,
        /// The wanted router.
        router: Router,
        /// The differences in words: `priority 100 -> 150`.
        differences: Vec<String>,
    },
    /// It is removed, and another one with its name is added: one on another interface, or with another address family or
    /// virtual router id.
    Replace {
        /// The router.
        id: RouterId,
        /// The wanted router.
        router: Router,
        /// The differences in words: `interface eth0 -> eth1`.
        differences: Vec<String>,
    },
}

/// The ids of the wanted routers, of which some are given only when the changes are carried out.
#[derive(Debug)]
pub(crate) struct Ids(Vec<Source>);

#[derive(Debug)]
enum Source {
    Known(RouterId),
    /// The router that this one of the changes makes.
    Change(usize),
}

impl Plan {
    pub(crate) fn new(base: Vec<(RouterId, Router)>, mut wanted: Vec<Router>) -> Result<Self, ChangeError> {
        // The first where several have a name: the others go.
        let by_name: BTreeMap<&str, &(RouterId, Router)> =
            base.iter().rev().map(|known| (known.1.name.as_str(), known)).collect();
        rank_after(&mut wanted, |router| by_name.get(router.name.as_str()).map(|(_, now)| now));
        let mut names = BTreeSet::new();
        if let Some(twice) = wanted.iter().find(|router| !names.insert(router.name.as_str())) {
            return Err(ChangeError::NameTaken { name: twice.name.clone() });
        }
        let stays = |id: RouterId, now: &Router| {
            names.contains(now.name.as_str()) && by_name.get(now.name.as_str()).is_some_and(|(first, _)| *first == id)
        };
        let goes = base.iter().filter(|(id, now)| !stays(*id, now));
        let mut steps: Vec<Step> = goes.map(|(id, now)| Step::Remove { id: *id, name: now.name.clone() }).collect();
        let becomes: Vec<Step> =
            wanted.iter().map(|router| Step::new(by_name.get(router.name.as_str()).copied(), router)).collect();
        steps.extend(becomes);
        Ok(Self { base, steps })
    }

    /// Returns what becomes of every router: first those that go, then the wanted ones, in their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the steps that change something.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !matches!(step, Step::Keep { .. }))
    }

    /// Tells whether nothing has to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// Tells whether it was made for the routers that run now.
    pub(crate) fn is_of(&self, running: &[(RouterId, Router)]) -> bool {
        self.base == running
    }

    /// Returns the changes for the driver: routers that go, then those with another configuration, then those that come.
    pub(crate) fn into_changes(self) -> (Vec<Change>, Ids) {
        let (mut removed, mut reconfigured, mut added) = (Vec::new(), Vec::new(), Vec::new());
        // Where the id of each wanted router is in one of these.
        let mut places = Vec::new();
        for step in self.steps {
            match step {
                Step::Keep { id, .. } => places.push(Err(id)),
                Step::Remove { id, .. } => removed.push(Change::Remove(id)),
                Step::Reconfigure { id, router, .. } => {
                    places.push(Err(id));
                    reconfigured.push(Change::Reconfigure(id, router));
                }
                Step::Add { router } => {
                    places.push(Ok(added.len()));
                    added.push(Change::Add(router));
                }
                Step::Replace { id, router, .. } => {
                    removed.push(Change::Remove(id));
                    places.push(Ok(added.len()));
                    added.push(Change::Add(router));
                }
            }
        }
        let before = removed.len() + reconfigured.len();
        let ids = places.into_iter().map(|place| match place {
            Ok(added) => Source::Change(before + added),
            Err(id) => Source::Known(id),
        });
        let ids = Ids(ids.collect());
        removed.append(&mut reconfigured);
        removed.append(&mut added);
        (removed, ids)
    }
}

impl Step {
    /// Compares a wanted router with the one that has its name now.
    fn new(now: Option<&(RouterId, Router)>, wanted: &Router) -> Self {
        let Some((id, now)) = now else { return Self::Add { router: wanted.clone() } };
        let (id, router, differences) = (*id, wanted.clone(), differences(now, wanted));
        if !identity(now, wanted).is_empty() {
            Self::Replace { id, router, differences }
        } else if now == wanted {
            Self::Keep { id, name: router.name }
        } else {
            Self::Reconfigure { id, router, differences }
        }
    }
}

impl Ids {
    /// Returns the ids of all wanted routers, given those of the changes.
    pub(crate) fn resolve(self, changed: &[RouterId]) -> Vec<RouterId> {
        let id = |source| match source {
            Source::Known(id) => Some(id),
            Source::Change(position) => changed.get(position).copied(),
        };
        self.0.into_iter().filter_map(id).collect()
    }
}

/// Gives the members of each sync group their places, in the order of the routers.
pub(crate) fn rank(routers: &mut [Router]) {
    rank_after(routers, |_| None);
}

/// Gives a router that comes later the last place in its sync group.
pub(crate) fn rank_last(router: &mut Router, running: &[(RouterId, Router)]) {
    let others = running.iter().map(|(_, other)| other).filter(|other| other.sync_group == router.sync_group);
    router.rank = match router.sync_group {
        Some(_) => others.map(|other| other.rank.saturating_add(1)).max().unwrap_or_default(),
        None => 0,
    };
}

/// Gives the members of each sync group places in the order of the routers: the one that a member had before, where that is in
/// order, so that nobody changes who need not.
fn rank_after<'a>(routers: &mut [Router], before: impl Fn(&Router) -> Option<&'a Router>) {
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for router in routers {
        let Some(group) = router.sync_group.clone() else {
            router.rank = 0;
            continue;
        };
        let had = before(router).filter(|now| now.sync_group == router.sync_group).map(|now| now.rank);
        let next = next.entry(group).or_default();
        router.rank = had.unwrap_or_default().max(*next);
        *next = router.rank.saturating_add(1);
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes");
        }
        for (number, step) in self.changes().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { name, .. } => write!(f, "keep {name}"),
            Self::Add { router } => {
                let (name, config) = (&router.name, &router.config);
                let (vrid, family, priority) = (config.vrid(), config.family(), config.priority());
                write!(f, "add {name}: virtual router {vrid} on {} ({family}), priority {priority}", router.interface)?;
                for virtual_ip in router.addresses.iter().take(SHOWN) {
                    write!(f, ", {virtual_ip}")?;
                }
                match router.addresses.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Remove { name, .. } => write!(f, "remove {name}"),
            Self::Reconfigure { router, differences, .. } => {
                write!(f, "reconfigure {}: {}", router.name, differences.join(", "))
            }
            Self::Replace { router, differences, .. } => {
                write!(f, "replace {} (remove it, then add it anew): {}", router.name, differences.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vrrp_core::{Config, InterfaceId, Priority, Profile, RouterSet, Vrid};

    fn ids(count: u32) -> Vec<RouterId> {
        let config = |vrid| Config::new(Profile::Rfc3768, vrid, &["192.0.2.1".parse().unwrap()]).unwrap();
        let mut set = RouterSet::new();
        (0..count).map(|n| set.insert(InterfaceId(n), config(Vrid::new(1).unwrap())).unwrap()).collect()
    }

    fn router(name: u8, interface: u8, vrid: u8, priority: u8, group: Option<u8>) -> Router {
        let config = Config::new(Profile::Rfc3768, Vrid::new(vrid).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
        let config = config.with_priority(Priority::new(priority).unwrap());
        let router = Router::new(format!("eth{interface}"), config).with_name(format!("VI_{name}"));
        match group {
            Some(group) => router.with_sync_group(format!("group{group}")),
            None => router,
        }
    }

    /// Returns the routers that run after these changes, carried out by somebody who knows nothing of plans.
    fn obey(
        base: &[(RouterId, Router)],
        changes: Vec<Change>,
        new: &mut impl Iterator<Item = RouterId>,
    ) -> (Vec<(RouterId, Router)>, Vec<RouterId>) {
        let mut running = base.to_vec();
        let mut ids = Vec::new();
        for change in changes {
            ids.push(match change {
                Change::Add(router) => {
                    let id = new.next().unwrap();
                    running.push((id, router));
                    id
                }
                Change::Remove(id) => {
                    let before = running.len();
                    running.retain(|(other, _)| *other != id);
                    assert_eq!(running.len() + 1, before, "no router is removed twice");
                    id
                }
                Change::Reconfigure(id, router) => {
                    let now = &mut running.iter_mut().find(|(other, _)| *other == id).unwrap().1;
                    assert_ne!(*now, router, "what is the same is not touched");
                    let key =
                        |router: &Router| (router.interface.clone(), router.config.family(), router.config.vrid());
                    assert_eq!(key(now), key(&router), "another router is no reconfiguration");
                    *now = router;
                    id
                }
            });
        }
        (running, ids)
    }

    /// The members of each group, as a host puts them together.
    fn groups(running: &[(RouterId, Router)]) -> BTreeMap<String, Vec<String>> {
        let mut groups = BTreeMap::<String, Vec<(usize, String)>>::new();
        for (_, router) in running {
            if let Some(group) = &router.sync_group {
                groups.entry(group.clone()).or_default().push((router.rank, router.name.clone()));
            }
        }
        let names = |mut members: Vec<(usize, String)>| {
            members.sort_by_key(|(rank, _)| *rank);
            members.into_iter().map(|(_, name)| name).collect()
        };
        groups.into_iter().map(|(group, members)| (group, names(members))).collect()
    }

    fn routers() -> impl Strategy<Value = Vec<Router>> {
        let one = (0u8..3, 1u8..3, 99u8..102, proptest::option::of(0u8..2));
        proptest::collection::vec((0u8..12, one), 0..10).prop_map(|list| {
            let mut names = BTreeSet::new();
            let list = list.into_iter().filter(|(name, _)| names.insert(*name));
            list.map(|(name, (interface, vrid, priority, group))| router(name, interface, vrid, priority, group))
                .collect()
        })
    }

    proptest! {
        /// Whatever ran, whatever is wanted, and whatever is wanted after that.
        #[test]
        fn what_a_plan_says_gives_what_is_wanted(lists in proptest::collection::vec(routers(), 1..5)) {
            let mut new = ids(64).into_iter();
            let mut running = Vec::new();
            for wanted in lists {
                let plan = Plan::new(running.clone(), wanted.clone()).unwrap();
                prop_assert!(plan.is_of(&running));
                let lines = plan.changes().count();
                prop_assert_eq!(plan.to_string().lines().count(), lines.max(1));
                prop_assert!(!plan.to_string().contains(": \n") && !plan.to_string().ends_with(": "), "{}", plan);
                let (changes, ids) = plan.into_changes();
                let (after, changed) = obey(&running, changes, &mut new);
                // Each wanted router runs, under the id that is told.
                let told = ids.resolve(&changed);
                let by_id = |id: &RouterId| after.iter().find(|(other, _)| other == id).map(|(_, router)| router.clone());
                let unranked = |router: Router| Router { rank: 0, ..router };
                let there: Vec<_> = told.iter().map(|id| by_id(id).map(unranked).unwrap()).collect();
                prop_assert_eq!(&there, &wanted);
                prop_assert_eq!(after.len(), wanted.len(), "and nothing else does");
                // Its sync groups are as a start would make them.
                let mut fresh = wanted.clone();
                rank(&mut fresh);
                let fresh: Vec<_> = told.iter().copied().zip(fresh).collect();
                prop_assert_eq!(groups(&after), groups(&fresh));
                prop_assert!(Plan::new(after.clone(), wanted).unwrap().is_empty(), "and it is enough");
                running = after;
            }
        }
    }

    #[test]
    fn one_line_says_what_becomes_of_each() {
        let ids = ids(4);
        let base: Vec<_> = ids
            .iter()
            .copied()
            .zip([
                router(1, 0, 1, 100, None),
                router(2, 0, 2, 100, None),
                router(3, 0, 3, 100, None),
                router(4, 0, 4, 100, None),
            ])
            .collect();
        let wanted = vec![
            router(5, 1, 5, 100, None),
            router(1, 0, 1, 150, None),
            router(2, 0, 2, 100, None),
            router(3, 7, 3, 90, None),
        ];
        let plan = Plan::new(base.clone(), wanted).unwrap();
        assert_eq!(
            plan.to_string(),
            "remove VI_4\n\
             add VI_5: virtual router 5 on eth1 (IPv4), priority 100, 192.0.2.1/32\n\
             reconfigure VI_1: priority 100 -> 150\n\
             replace VI_3 (remove it, then add it anew): interface eth0 -> eth7, priority 100 -> 90"
        );
        assert_eq!(plan.steps().len(), 5);
        assert_eq!(plan.changes().count(), 4);
        let (changes, wanted) = plan.into_changes();
        let told: Vec<String> = changes
            .iter()
            .map(|change| match change {
                Change::Add(router) => format!("add {}", router.name),
                Change::Remove(id) => format!("remove {}", id.index()),
                Change::Reconfigure(id, _) => format!("reconfigure {}", id.index()),
            })
            .collect();
        assert_eq!(told, ["remove 3", "remove 2", "reconfigure 0", "add VI_5", "add VI_3"]);
        assert_eq!(wanted.resolve(&[ids[3], ids[2], ids[0], ids[1], ids[2]]), [ids[1], ids[0], ids[1], ids[2]]);
        let all = base.iter().map(|(_, router)| router.clone()).collect();
        assert_eq!(Plan::new(base, all).unwrap().to_string(), "nothing changes");
    }

    #[test]
    fn two_with_one_name_are_an_error_where_they_are_wanted_and_one_goes_where_they_run() {
        let twice = || vec![router(1, 0, 1, 100, None), router(1, 1, 1, 100, None)];
        let error = Plan::new(Vec::new(), twice()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "two of the wanted routers are called VI_1; give one of them another name (`Router::with_name`)"
        );
        let base: Vec<_> = ids(2).into_iter().zip(twice()).collect();
        let plan = Plan::new(base, vec![router(1, 0, 1, 100, None)]).unwrap();
        let told = plan.steps();
        assert!(matches!(told, [Step::Remove { id, .. }, Step::Keep { .. }] if id.index() == 1), "{told:?}");
    }

    #[test]
    fn a_member_that_comes_first_moves_the_others_and_one_that_goes_moves_nobody() {
        let member = |name| router(name, name, 1, 100, Some(0));
        let mut first = vec![member(1), member(2), member(3)];
        rank(&mut first);
        let base: Vec<_> = ids(3).into_iter().zip(first).collect();
        let plan = |wanted: Vec<Router>| Plan::new(base.clone(), wanted).unwrap().to_string();
        assert_eq!(plan(vec![member(1), member(3)]), "remove VI_2");
        assert_eq!(plan(vec![member(1), member(2), member(3), member(4)]).lines().count(), 1);
        assert!(
            plan(vec![member(2), member(1), member(3)]).contains("reconfigure VI_1: place in the sync group 1 -> 3")
        );
        let mut last = member(4);
        rank_last(&mut last, &base);
        assert_eq!(last.rank, 3);
    }
}
