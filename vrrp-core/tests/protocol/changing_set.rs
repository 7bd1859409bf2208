//! Routers that come and go while others run, and sync groups that change with them.

use crate::common::{OWN, Raw, VRID, config, host, millis, priority, secs, show};
use vrrp_core::{
    Action, Cause, Drain, DrainStatus, Family, Fault, Input, Instant, InterfaceId, Profile, Reading, Role, RouterId,
    RouterSet, RxPacket, Tracker, Weight,
};

const START: Instant = Instant::from_nanos(1_000_000_000_000);

/// A set, the time, and a host that confirms everything at once.
struct Host {
    set: RouterSet,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        Self { set: RouterSet::new(), now: START }
    }

    /// A healthy router on an interface of its own.
    fn add(&mut self, interface: u32) -> RouterId {
        let id = self.set.insert(InterfaceId(interface), config(Profile::Rfc9568, Family::Ipv4)).unwrap();
        self.set.handle(self.now, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        id
    }

    fn start(&mut self, interface: u32) -> RouterId {
        let id = self.add(interface);
        self.set.handle(self.now, id, Input::Startup);
        id
    }

    fn masters(&mut self, count: u32) -> Vec<RouterId> {
        let ids = (0..count).map(|interface| self.start(interface)).collect();
        self.run(secs(4));
        assert!(self.set.iter().all(|(_, router)| router.role() == Role::Master));
        ids
    }

    fn run(&mut self, span: std::time::Duration) -> Vec<String> {
        let end = self.now + span;
        let mut done = self.carry_out_all();
        while let Some((at, _)) = self.set.deadline().filter(|(at, _)| *at <= end) {
            self.now = at;
            self.set.handle_timeout(at);
            done.extend(self.carry_out_all());
        }
        self.now = end;
        done
    }

    /// Returns what was done that the neighbours or an operator learn of.
    fn carry_out_all(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some((id, action)) = self.set.poll_action() {
            match action {
                Action::InstallAddress(request) => self.set.handle(self.now, id, Input::AddressInstalled(request)),
                Action::RemoveAddress(_) | Action::AnnounceAddress { .. } => {}
                other => done.push(format!("{} {}", id.index(), show(&other))),
            }
        }
        done
    }

    fn hear(&mut self, interface: u32, sender: u8, priority: u8) {
        let raw = Raw::new(Profile::Rfc9568, Family::Ipv4, sender, priority);
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() };
        let _ = self.set.handle_packet(self.now, InterfaceId(interface), rx);
    }

    fn role(&self, id: RouterId) -> Role {
        self.set.get(id).unwrap().role()
    }
}

#[test]
fn a_place_is_used_again_and_an_id_never() {
    let mut host = Host::new();
    let [first, second] = [0, 1].map(|interface| host.start(interface));
    host.run(secs(4));
    assert_eq!(host.set.len(), 2);
    let router = host.set.remove(host.now, first).unwrap();
    assert_eq!((router.role(), host.set.len(), host.set.interface_count()), (Role::Master, 1, 1));
    assert!(host.set.remove(host.now, first).is_none() && host.set.get(first).is_none());

    // The same once more: another router, with nothing of the first one.
    let again = host.start(0);
    assert_eq!((again.index(), again == first), (first.index(), false));
    assert_ne!(u64::from(again), u64::from(first));
    assert_eq!([first, again].map(|id| RouterId::from(u64::from(id))), [first, again]);
    let before = host.set.get(again).unwrap().deadline();
    host.set.handle(host.now, first, Input::Shutdown);
    host.set.set_priority(host.now, first, priority(1));
    host.set.count_tx_error(first);
    let reached = host.set.get(again).unwrap();
    assert_eq!((reached.deadline(), reached.priority().get(), reached.stats().tx_errors), (before, 100, 0));
    assert!(host.set.reconfigure(host.now, first, config(Profile::Rfc9568, Family::Ipv4)).is_err());
    assert!(host.set.group(host.now, &[first, second]).is_err());
    host.set.ungroup(host.now, first);
    host.hear(0, OWN + 1, 250);
    assert_eq!(host.set.get(again).unwrap().stats().advert_rcvd, 1);
}

#[test]
fn what_a_removed_router_had_still_to_do_is_not_done_by_the_next_one_there() {
    let mut host = Host::new();
    let first = host.start(0);
    let (at, _) = host.set.deadline().unwrap();
    host.now = at;
    host.set.handle_timeout(at);
    // It is Master, and nothing of that was fetched.
    let mut removed = host.set.remove(host.now, first).unwrap();
    assert_eq!((host.set.deadline(), host.set.poll_action()), (None, None));
    assert_eq!(removed.poll_action().as_ref().map(show).as_deref(), Some("advertise"), "it may be asked itself");
    let second = host.add(0);
    assert_eq!((second.index(), host.set.poll_action()), (first.index(), None));
    host.set.handle(host.now, second, Input::Startup);
    assert_eq!(host.carry_out_all(), ["0 Initialize > Backup"]);
}

#[test]
fn another_router_may_have_the_interface_and_id_of_one_that_is_gone() {
    let mut host = Host::new();
    let id = host.start(3);
    assert!(host.set.insert(InterfaceId(3), config(Profile::Rfc9568, Family::Ipv4)).is_err());
    let other = host.set.insert(InterfaceId(3), config(Profile::Rfc9568, Family::Ipv6)).unwrap();
    host.set.remove(host.now, id);
    assert_eq!(host.set.interface_count(), 1);
    host.set.remove(host.now, other);
    assert_eq!((host.set.interface_count(), host.set.is_empty()), (0, true));
    host.hear(3, OWN + 1, 100);
    assert_eq!(host.set.stats().vrid_errors, 1, "VRID {VRID} is unknown there");
    assert!(host.set.insert(InterfaceId(3), config(Profile::Rfc9568, Family::Ipv4)).is_ok());
}

#[test]
fn masters_that_become_a_group_are_not_disturbed() {
    let mut host = Host::new();
    let ids = host.masters(3);
    let deadline = host.set.deadline();
    host.set.group(host.now, &ids).unwrap();
    assert_eq!((host.carry_out_all(), host.set.deadline()), (vec![], deadline));
    // It is one.
    host.hear(1, OWN + 1, 200);
    assert!(host.carry_out_all().iter().filter(|done| done.ends_with("Master > Backup")).count() == 3);
    // And is none any more: each is Master where nobody else is.
    host.set.group(host.now, &[ids[0]]).unwrap();
    host.set.ungroup(host.now, ids[1]);
    for _ in 0..4 {
        host.run(secs(1));
        host.hear(1, OWN + 1, 200);
    }
    assert_eq!(ids.iter().map(|id| host.role(*id)).collect::<Vec<_>>(), [Role::Master, Role::Backup, Role::Master]);
}

#[test]
fn who_joins_masters_disturbs_nobody_and_is_master_too_before_long() {
    let mut host = Host::new();
    let mut ids = host.masters(2);
    host.set.group(host.now, &ids).unwrap();
    // Not even before it is started, or while it is unchecked.
    let mut unchecked = config(Profile::Rfc9568, Family::Ipv4);
    let tracker = Tracker { name: "service".into(), weight: Weight::Fault, reverse: false };
    let tracker = unchecked.add_tracker(tracker).unwrap();
    let new = host.set.insert(InterfaceId(2), unchecked).unwrap();
    ids.push(new);
    host.set.group(host.now, &ids).unwrap();
    host.set.handle(host.now, new, Input::PrimaryAddress(Some(crate::common::host(Family::Ipv4, OWN))));
    host.set.handle(host.now, new, Input::Startup);
    let quiet = |done: Vec<String>| done.iter().all(|done| done.ends_with("advertise"));
    assert!(quiet(host.run(secs(10))));
    host.set.handle(host.now, new, Input::Tracker(tracker, Reading::Passing));
    assert_eq!(host.carry_out_all(), ["2 Initialize > Backup"]);
    let done = host.run(secs(4));
    assert_eq!(done.iter().filter(|done| done.contains(" > ")).collect::<Vec<_>>(), ["2 Backup > Master"]);
    // From now on it is one of them.
    host.set.handle(host.now, new, Input::Tracker(tracker, Reading::Failing));
    host.carry_out_all();
    assert!(ids.iter().all(|id| host.role(*id) == Role::Initialize));
}

#[test]
fn who_joins_masters_and_hears_a_better_one_or_fails_takes_them_along() {
    for fails in [false, true] {
        let mut host = Host::new();
        let mut ids = host.masters(2);
        host.set.group(host.now, &ids).unwrap();
        ids.push(host.start(2));
        host.set.group(host.now, &ids).unwrap();
        host.run(millis(100));
        assert_eq!(host.role(ids[0]), Role::Master);
        match fails {
            true => host.set.handle(host.now, ids[2], Input::InterfaceUp(false)),
            false => host.hear(2, OWN + 1, 200),
        }
        host.carry_out_all();
        assert_ne!(host.role(ids[0]), Role::Master);
        let cause = *host.set.get(ids[0]).unwrap().cause();
        let expected = if fails { Cause::Fault(Fault::GroupMember(ids[2])) } else { Cause::GroupYielded(ids[2]) };
        assert_eq!(cause, expected);
    }
}

#[test]
fn who_joins_backups_waits_with_them() {
    let mut host = Host::new();
    let ids: Vec<RouterId> = (0..3).map(|interface| host.start(interface)).collect();
    host.set.group(host.now, &ids[..2]).unwrap();
    for second in 0..8 {
        host.run(secs(1));
        (0..2).for_each(|interface| host.hear(interface, OWN + 1, 200));
        if second == 4 {
            assert_eq!(host.role(ids[2]), Role::Master, "alone");
            host.set.group(host.now, &ids).unwrap();
            assert_eq!(host.carry_out_all(), ["2 release", "2 Master > Backup"], "all or none");
        }
    }
    assert!(ids.iter().all(|id| host.role(*id) == Role::Backup));
}

#[test]
fn who_leaves_a_group_that_waits_goes_on_alone() {
    let mut host = Host::new();
    let ids: Vec<RouterId> = (0..3).map(|interface| host.start(interface)).collect();
    host.set.group(host.now, &ids).unwrap();
    for _ in 0..5 {
        host.run(secs(1));
        host.hear(2, OWN + 1, 200);
    }
    // Two are due, and the third keeps them waiting.
    assert!(ids.iter().all(|id| host.role(*id) == Role::Backup));
    host.set.ungroup(host.now, ids[0]);
    host.run(millis(1));
    assert_eq!([0, 1, 2].map(|n| host.role(ids[n])), [Role::Master, Role::Backup, Role::Backup]);
    // The last obstacle is gone with its router.
    host.set.remove(host.now, ids[2]);
    host.run(millis(1));
    assert_eq!(host.role(ids[1]), Role::Master);
}

#[test]
fn a_member_that_is_removed_takes_nobody_along() {
    let mut host = Host::new();
    let ids = host.masters(3);
    host.set.group(host.now, &ids).unwrap();
    host.set.ungroup(host.now, ids[1]);
    host.set.handle(host.now, ids[1], Input::Shutdown);
    assert_eq!(host.carry_out_all(), ["1 release", "1 Master > Initialize"]);
    host.set.remove(host.now, ids[1]);
    assert!([ids[0], ids[2]].iter().all(|id| host.role(*id) == Role::Master));
    host.set.handle(host.now, ids[0], Input::InterfaceUp(false));
    host.carry_out_all();
    assert_eq!(host.role(ids[2]), Role::Initialize, "the others are together");
}

/// A group is drained as one, and each member serves until its own stand-in is there.
#[test]
fn a_group_is_drained_with_each_of_its_members() {
    let mut host = Host::new();
    let ids = host.masters(2);
    host.set.group(host.now, &ids).unwrap();
    host.set.handle(host.now, ids[1], Input::Drain(Drain::default()));
    assert_eq!(host.carry_out_all(), ["0 hand over", "0 priority 100 > 1", "1 hand over", "1 priority 100 > 1"],);
    host.run(millis(500));
    host.hear(0, OWN + 1, 50);
    host.run(millis(60));
    assert_eq!([host.role(ids[0]), host.role(ids[1])], [Role::Backup, Role::Master]);
    host.hear(1, OWN + 1, 50);
    host.run(millis(60));
    assert_eq!([host.role(ids[0]), host.role(ids[1])], [Role::Backup, Role::Backup]);
    for id in &ids {
        assert!(matches!(host.set.get(*id).unwrap().cause(), Cause::HandedOver { .. }));
    }
    host.set.handle(host.now, ids[0], Input::Undrain);
    assert!(ids.iter().all(|id| host.set.get(*id).unwrap().drain_status().is_none()));
}

/// Where the other host took over in one member only, all go in the end: all Master or none.
#[test]
fn a_drain_that_half_succeeded_is_over_for_all() {
    let mut host = Host::new();
    let ids = host.masters(2);
    host.set.group(host.now, &ids).unwrap();
    host.set.handle(host.now, ids[0], Input::Drain(Drain::default()));
    for _ in 0..40 {
        host.run(millis(100));
        host.hear(0, OWN + 1, 50);
    }
    assert_eq!([host.role(ids[0]), host.role(ids[1])], [Role::Backup, Role::Backup]);
    assert_eq!(host.set.get(ids[1]).unwrap().drain_status(), Some(DrainStatus::Reserve));
}
