//! A set of routers that come, go and change their sync groups, beside the simplest list of them that could be.

use std::collections::BTreeSet;

use crate::common::{OWN, Raw, host, millis, virtual_addresses};
use proptest::prelude::*;
use vrrp_core::{
    Action, Config, Family, Input, Instant, InterfaceId, Profile, Role, RouterId, RouterSet, RxPacket, Vrid,
};

/// Interface, family, VRID.
type Key = (u32, Family, u8);

#[derive(Clone, Debug)]
enum Operation {
    Insert(Key),
    /// By their place among all that there ever were.
    Remove(usize),
    Group(Vec<usize>),
    Ungroup(usize),
    Start(usize),
    Stop(usize),
    Hear(Key, u8),
    Pass(u64),
}

fn key() -> impl Strategy<Value = Key> {
    (0..3u32, prop::sample::select(vec![Family::Ipv4, Family::Ipv6]), 1..4u8)
}

fn operation() -> impl Strategy<Value = Operation> {
    let one = 0..12usize;
    prop_oneof![
        4 => key().prop_map(Operation::Insert),
        2 => one.clone().prop_map(Operation::Remove),
        3 => prop::collection::vec(one.clone(), 0..4).prop_map(Operation::Group),
        1 => one.clone().prop_map(Operation::Ungroup),
        4 => one.clone().prop_map(Operation::Start),
        1 => one.prop_map(Operation::Stop),
        3 => (key(), prop::sample::select(vec![0, 50, 200])).prop_map(|(key, theirs)| Operation::Hear(key, theirs)),
        4 => (0..5_000u64).prop_map(Operation::Pass),
    ]
}

/// The set, and what it should be.
struct Pair {
    set: RouterSet,
    now: Instant,
    /// Every id that was ever given, and whose.
    ever: Vec<(RouterId, Key)>,
    live: BTreeSet<RouterId>,
    most: usize,
    groups: Vec<Vec<RouterId>>,
    /// Who joined Masters, and is none yet.
    joining: BTreeSet<RouterId>,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::from_nanos(1_000_000_000_000);
        let (ever, live, groups, joining) = Default::default();
        Self { set: RouterSet::new(), now, ever, live, most: 0, groups, joining }
    }

    /// Some id that was given, of a router that is there or not.
    fn id(&self, which: usize) -> Option<RouterId> {
        // Mostly of the last ones.
        let position = self.ever.len().checked_sub(1 + which)?;
        Some(self.ever[position].0)
    }

    fn holder(&self, key: Key) -> Option<RouterId> {
        self.ever.iter().find(|(id, its)| *its == key && self.live.contains(id)).map(|(id, _)| *id)
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Insert(key) => {
                let (interface, family, vrid) = *key;
                let config =
                    Config::new(Profile::Rfc9568, Vrid::new(vrid).unwrap(), &virtual_addresses(family)).unwrap();
                let free = self.holder(*key).is_none();
                let given = self.set.insert(InterfaceId(interface), config);
                assert_eq!(given.is_ok(), free);
                if let Ok(id) = given {
                    assert!(!self.ever.iter().any(|(known, _)| *known == id), "{id:?} was given before");
                    assert!(!self.live.iter().any(|known| known.index() == id.index()), "the place is taken");
                    self.ever.push((id, *key));
                    self.live.insert(id);
                    self.most = self.most.max(self.live.len());
                    assert!(id.index() < self.most, "a place is used again");
                    self.set.handle(self.now, id, Input::PrimaryAddress(Some(host(family, OWN))));
                }
            }
            Operation::Remove(which) => {
                let Some(id) = self.id(*which) else { return };
                assert_eq!(self.set.remove(self.now, id).is_some(), self.live.remove(&id));
                self.leave(id);
            }
            Operation::Group(which) => {
                let ids: Vec<RouterId> = which.iter().filter_map(|which| self.id(*which)).collect();
                let known = ids.iter().all(|id| self.live.contains(id));
                let once = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
                let concerned = self.groups.iter().filter(|group| group.iter().any(|member| ids.contains(member)));
                let allowed = known && once && concerned.count() <= 1;
                let masters = self.masters();
                let grouped = self.set.group(self.now, &ids);
                assert_eq!(grouped.is_ok(), allowed, "{grouped:?}");
                if allowed {
                    self.regroup(&ids, &masters);
                }
            }
            Operation::Ungroup(which) => {
                let Some(id) = self.id(*which) else { return };
                self.set.ungroup(self.now, id);
                self.leave(id);
            }
            Operation::Start(which) | Operation::Stop(which) => {
                let Some(id) = self.id(*which) else { return };
                let starts = matches!(operation, Operation::Start(_));
                self.set.handle(self.now, id, if starts { Input::Startup } else { Input::Shutdown });
            }
            Operation::Hear(key, theirs) => self.hear(*key, *theirs),
            Operation::Pass(span) => {
                // Until then nobody asks what is to be done, and some of it is that of routers that go.
                self.carry_out_all();
                let end = self.now + millis(*span);
                while let Some((at, _)) = self.set.deadline().filter(|(at, _)| *at <= end) {
                    self.now = self.now.max(at);
                    self.set.handle_timeout(self.now);
                    self.carry_out_all();
                }
                self.now = end;
            }
        }
    }

    fn masters(&self) -> BTreeSet<RouterId> {
        self.set.iter().filter(|(_, router)| router.role() == Role::Master).map(|(id, _)| id).collect()
    }

    /// Who is new among Masters joins; who was joining goes on to.
    fn regroup(&mut self, ids: &[RouterId], masters: &BTreeSet<RouterId>) {
        let (ended, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.groups)
            .into_iter()
            .partition(|group: &Vec<RouterId>| group.iter().any(|member| ids.contains(member)));
        self.groups = rest;
        let before: Vec<RouterId> = ended.into_iter().flatten().collect();
        self.joining.retain(|id| !before.contains(id) || ids.contains(id));
        if ids.len() > 1 {
            let counted = |id: &RouterId| before.contains(id) && !self.joining.contains(id);
            let new: Vec<RouterId> = ids.iter().copied().filter(|id| !counted(id) && !masters.contains(id)).collect();
            self.joining.extend(new);
            self.groups.push(ids.to_vec());
        } else {
            self.joining.retain(|id| !ids.contains(id));
        }
    }

    fn leave(&mut self, id: RouterId) {
        if let Some(group) = self.groups.iter().find(|group| group.contains(&id)).cloned() {
            let others: Vec<RouterId> = group.into_iter().filter(|member| *member != id).collect();
            self.groups.retain(|group| !group.contains(&id));
            self.joining.remove(&id);
            if others.len() > 1 {
                self.groups.push(others);
            } else {
                self.joining.retain(|id| !others.contains(id));
            }
        }
    }

    fn hear(&mut self, key: Key, theirs: u8) {
        let (interface, family, vrid) = key;
        let raw = Raw { vrid, ..Raw::new(Profile::Rfc9568, family, OWN + 1, theirs) };
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() };
        let addressee = match self.set.handle_packet(self.now, InterfaceId(interface), rx) {
            Ok((id, _)) => {
                // A better Master there is one for the whole group.
                if theirs > 100 {
                    self.joining.remove(&id);
                }
                Some(id)
            }
            Err(rejected) => rejected.router,
        };
        assert_eq!(addressee, self.holder(key));
    }

    fn carry_out_all(&mut self) {
        while let Some((id, action)) = self.set.poll_action() {
            assert!(self.live.contains(&id), "{action:?} of a router that is gone");
            if let Action::InstallAddress(request) = action {
                self.set.handle(self.now, id, Input::AddressInstalled(request));
            }
        }
    }

    fn agree(&mut self) {
        let ids: BTreeSet<RouterId> = self.set.iter().map(|(id, _)| id).collect();
        assert_eq!((&ids, self.set.len()), (&self.live, self.live.len()));
        let there = |id: &RouterId| self.set.get(*id).is_some();
        assert!(self.ever.iter().all(|(id, _)| there(id) == self.live.contains(id)));
        let interfaces: BTreeSet<u32> =
            self.ever.iter().filter(|(id, _)| self.live.contains(id)).map(|(_, key)| key.0).collect();
        assert_eq!(self.set.interface_count(), interfaces.len());

        let first = self.set.iter().filter_map(|(_, router)| router.deadline()).min();
        let at = self.set.deadline().map(|(at, _)| at);
        assert!(at == first || (!self.groups.is_empty() && at.is_some_and(|at| first.is_none_or(|first| at < first))));

        let masters = self.masters();
        for group in &self.groups {
            let disturbable = group.iter().any(|id| !self.joining.contains(id) && masters.contains(id));
            self.joining.retain(|id| !group.contains(id) || (disturbable && !masters.contains(id)));
            let counting: Vec<&RouterId> = group.iter().filter(|id| !self.joining.contains(id)).collect();
            let of_them = counting.iter().filter(|id| masters.contains(id)).count();
            assert!(of_them == 0 || of_them == counting.len(), "{of_them} of {counting:?} are Master");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn a_set_is_what_a_list_of_its_routers_would_be(history in prop::collection::vec(operation(), 0..80)) {
        let mut pair = Pair::new();
        for operation in &history {
            pair.perform(operation);
            pair.agree();
        }
    }
}
