//! Sync groups on one host: together Master or not at all, whatever happens in whatever order (EXT-06).

use std::num::NonZeroI16;

use crate::common::{OWN, Raw, host, millis, priority, secs, show, virtual_addresses};
use vrrp_core::{
    Action, AddressRequest, Cause, Config, Family, Fault, GroupError, Input, Instant, InterfaceId, Priority, Profile,
    Reading, Role, RouterId, RouterSet, RxPacket, Tracker, TrackerId, Vrid, Weight,
};

const START: Instant = Instant::from_nanos(1_000_000_000_000);
const DOWN: u64 = 3_609_375_000;

/// A set with one group; each member on an interface of its own, every second one IPv6.
struct Host {
    set: RouterSet,
    members: Vec<RouterId>,
    trackers: Vec<[TrackerId; 2]>,
    now: Instant,
}

fn member(index: usize, own: Priority) -> (Config, [TrackerId; 2]) {
    let family = if index % 2 == 0 { Family::Ipv4 } else { Family::Ipv6 };
    let vrid = Vrid::new(crate::common::VRID).unwrap();
    let mut config = Config::new(Profile::Rfc9568, vrid, &virtual_addresses(family)).unwrap().with_priority(own);
    let trackers = [Weight::Fault, Weight::Adjust(NonZeroI16::new(20).unwrap())];
    let ids = trackers.map(|weight| config.add_tracker(Tracker { name: "t".into(), weight, reverse: false }).unwrap());
    (config, ids)
}

impl Host {
    /// Healthy, not started.
    fn idle(priorities: &[u8]) -> Self {
        let mut set = RouterSet::new();
        let (mut members, mut trackers) = (Vec::new(), Vec::new());
        for (index, own) in priorities.iter().enumerate() {
            let (config, ids) = member(index, priority(*own));
            members.push(set.insert(InterfaceId(index as u32), config).unwrap());
            trackers.push(ids);
        }
        set.group(Instant::ZERO, &members).unwrap();
        let mut host = Self { set, members, trackers, now: START };
        for index in 0..priorities.len() {
            host.input(index, Input::PrimaryAddress(Some(host.address(index))));
            host.input(index, Input::Tracker(host.trackers[index][0], Reading::Passing));
        }
        host
    }

    fn started(priorities: &[u8]) -> Self {
        let mut host = Self::idle(priorities);
        host.set.handle_all(host.now, Input::Startup);
        host.carry_out_all();
        host
    }

    fn master(priorities: &[u8]) -> Self {
        let mut host = Self::started(priorities);
        host.after(secs(4));
        host.carry_out_all();
        assert_eq!(host.roles(), vec![Role::Master; priorities.len()]);
        host
    }

    fn address(&self, index: usize) -> std::net::IpAddr {
        host(self.set.get(self.members[index]).unwrap().config().family(), OWN)
    }

    fn input(&mut self, index: usize, input: Input) {
        self.set.handle(self.now, self.members[index], input);
    }

    fn hear(&mut self, index: usize, sender: u8, rx: u8) {
        let family = self.set.get(self.members[index]).unwrap().config().family();
        let raw = Raw::new(Profile::Rfc9568, family, sender, rx);
        let rx = RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() };
        let _ = self.set.handle_packet(self.now, InterfaceId(index as u32), rx);
    }

    fn after(&mut self, span: std::time::Duration) {
        self.now = self.now + span;
        self.time_out();
    }

    /// After a timeout there is no deadline in the past: a driver never spins.
    fn time_out(&mut self) {
        self.set.handle_timeout(self.now);
        let deadline = self.set.deadline();
        assert!(deadline.is_none_or(|(at, _)| at > self.now), "{deadline:?} at {:?}", self.now);
    }

    /// Carries out and confirms everything; tells what was done, by member.
    fn carry_out_all(&mut self) -> Vec<String> {
        let mut done = Vec::new();
        while let Some((id, action)) = self.set.poll_action() {
            done.push(format!("{} {}", id.index(), show(&action)));
            assert!(done.len() < 1_000, "actions without end: {:?}", &done[..20]);
            if let Action::InstallAddress(request) = action {
                self.set.handle(self.now, id, Input::AddressInstalled(request));
            }
        }
        done
    }

    /// Carries out everything as `carry_out_all` does, except what concerns addresses.
    fn protocol(&mut self) -> Vec<String> {
        let addresses = ["install", "remove", "announce"];
        self.carry_out_all().into_iter().filter(|done| !addresses.iter().any(|word| done.contains(word))).collect()
    }

    fn roles(&self) -> Vec<Role> {
        self.set.iter().map(|(_, router)| router.role()).collect()
    }

    fn causes(&self) -> Vec<Cause> {
        self.set.iter().map(|(_, router)| router.status().cause).collect()
    }
}

#[test]
fn all_take_over_when_the_last_is_due() {
    let mut host = Host::started(&[200, 100, 150]);
    let mut woken = 0;
    while host.roles() == [Role::Backup; 3] {
        host.carry_out_all();
        host.now = host.set.deadline().unwrap().0;
        host.time_out();
        woken += 1;
    }
    assert_eq!((woken, host.now.since(START).as_nanos()), (3, DOWN.into()), "when the slowest timer fires");
    let takeover = [0, 1, 2].map(|member| [format!("{member} advertise"), format!("{member} Backup > Master")]);
    assert_eq!(host.protocol(), takeover.concat(), "in the order of the group");
    let nobody = Cause::MasterDown { master: None, silence: host.now.since(START) };
    assert_eq!(host.causes(), [nobody; 3]);
}

#[test]
fn an_advertisement_that_a_due_member_accepts_starts_its_timer_again() {
    let mut host = Host::started(&[100, 100]);
    host.after(secs(2));
    host.hear(1, OWN + 1, 100);
    host.after(secs(3));
    assert_eq!(host.roles(), [Role::Backup; 2], "0 is due, 1 has a Master");
    host.hear(0, OWN + 1, 50);
    let before = host.set.deadline();
    host.hear(0, OWN + 1, 0);
    assert_ne!(host.set.deadline(), before, "a release gives better routers their Skew_Time");
    host.hear(0, OWN + 1, 200);
    host.after(secs(1));
    assert_eq!(host.roles(), [Role::Backup; 2], "1 is due, 0 has a Master");
    host.after(secs(3));
    assert_eq!(host.roles(), [Role::Master; 2]);
    let peer = |family| Some(crate::common::host(family, OWN + 1));
    let silence = |ms| millis(ms);
    let causes = [
        Cause::MasterDown { master: peer(Family::Ipv4), silence: silence(4_000) },
        Cause::MasterDown { master: peer(Family::Ipv6), silence: silence(7_000) },
    ];
    assert_eq!(host.causes(), causes);
}

/// OWN-02 within a group.
#[test]
fn an_owner_goes_with_the_others() {
    let mut host = Host::started(&[255, 100]);
    assert_eq!((host.roles(), host.causes()[0]), (vec![Role::Backup; 2], Cause::OwnerStartup));
    host.after(secs(4));
    assert_eq!((host.roles(), host.causes()[0]), (vec![Role::Master; 2], Cause::OwnerStartup));

    let owners = Host::started(&[255, 255]);
    assert_eq!(owners.roles(), [Role::Master; 2], "at once");
    assert_eq!(owners.causes(), [Cause::OwnerStartup; 2]);
}

#[test]
fn a_fault_of_one_is_a_fault_of_all_until_the_last_is_gone() {
    let mut host = Host::master(&[200, 100, 100]);
    let [first, second, third] = host.members[..] else { panic!() };
    host.input(1, Input::InterfaceUp(false));
    let done = host.protocol();
    let released: Vec<_> = done.iter().filter(|done| done.ends_with("release")).collect();
    assert_eq!(released, ["0 release", "2 release"], "nothing can be sent on the interface that is down");
    let (own, others) = (Cause::Fault(Fault::InterfaceDown), Cause::Fault(Fault::GroupMember(second)));
    assert_eq!((host.roles(), host.causes()), (vec![Role::Initialize; 3], vec![others, own, others]));
    assert_eq!(host.set.deadline(), None);

    host.input(2, Input::PrimaryAddress(None));
    host.input(1, Input::InterfaceUp(true));
    assert_eq!(host.roles(), [Role::Initialize; 3], "one is left");
    let faults = |id| host.set.get(id).unwrap().faults().collect::<Vec<_>>();
    assert_eq!(faults(first), [Fault::GroupMember(third)]);
    assert_eq!(faults(third), [Fault::NoPrimaryAddress]);
    assert_eq!(host.protocol(), ["1 faults", "2 faults", "0 faults"], "the state is told once");
    host.input(2, Input::PrimaryAddress(Some(host.address(2))));
    assert_eq!(host.roles(), [Role::Backup; 3]);
    let recovered = |fault| Cause::Recovered(fault);
    let last = [Fault::GroupMember(third), Fault::GroupMember(third), Fault::NoPrimaryAddress].map(recovered);
    assert_eq!(host.causes(), last);
    host.after(secs(4));
    assert_eq!(host.roles(), [Role::Master; 3]);
}

#[test]
fn a_member_without_any_address_takes_the_group_out_for_thirty_seconds() {
    let mut host = Host::started(&[100, 100]);
    host.after(secs(4));
    let asked = std::iter::from_fn(|| host.set.poll_action()).filter_map(|(id, action)| match action {
        Action::InstallAddress(request) if id == host.members[1] => Some(request),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    let [first, second] = asked[..] else { panic!("two addresses") };
    host.input(1, Input::AddressFailed(first));
    assert_eq!(host.roles(), [Role::Master; 2]);
    let priorities = host.members.iter().map(|id| host.set.get(*id).unwrap().priority());
    assert!(priorities.eq([priority(13); 2]), "the whole group is handicapped");
    host.input(1, Input::AddressFailed(second));
    assert_eq!(host.roles(), [Role::Initialize; 2]);
    host.carry_out_all();
    host.after(millis(29_999));
    assert_eq!(host.roles(), [Role::Initialize; 2]);
    host.after(millis(1));
    assert_eq!(host.roles(), [Role::Backup; 2]);
}

#[test]
fn who_yields_takes_the_others_along() {
    let mut host = Host::master(&[100, 100, 100]);
    host.after(secs(1));
    host.carry_out_all();
    host.hear(1, OWN + 1, 150);
    assert_eq!(host.roles(), [Role::Backup; 3]);
    let along = Cause::GroupYielded(host.members[1]);
    let better = Cause::HigherPriority { master: crate::common::host(Family::Ipv6, OWN + 1), priority: priority(150) };
    assert_eq!(host.causes(), [along, better, along]);
    let releases: Vec<_> = host.protocol().into_iter().filter(|done| !done.contains('>')).collect();
    assert_eq!(releases, ["0 release", "1 yield advertisement", "2 release"]);
    assert_eq!(host.set.deadline().unwrap().0, host.now + std::time::Duration::from_nanos(DOWN));
}

#[test]
fn who_is_not_started_is_waited_for_and_who_is_stopped_takes_the_others_along() {
    let mut host = Host::idle(&[100, 100]);
    host.input(0, Input::Startup);
    assert_eq!((host.roles(), host.protocol()), (vec![Role::Initialize; 2], vec![]), "in silence");
    host.input(1, Input::Startup);
    assert_eq!((host.roles(), host.causes()), (vec![Role::Backup; 2], vec![Cause::Startup; 2]));
    host.after(secs(4));
    host.carry_out_all();

    host.input(0, Input::Shutdown);
    let gone = Cause::Fault(Fault::GroupPending(host.members[0]));
    assert_eq!((host.roles(), host.causes()), (vec![Role::Initialize; 2], vec![Cause::Shutdown, gone]));
    host.input(0, Input::Startup);
    host.after(secs(4));
    host.carry_out_all();
    host.set.handle_all(host.now, Input::Shutdown);
    assert_eq!((host.roles(), host.causes()), (vec![Role::Initialize; 2], vec![Cause::Shutdown; 2]));
}

#[test]
fn what_is_unchecked_is_waited_for_in_silence() {
    let mut set = RouterSet::new();
    let ids = [0, 1].map(|index| set.insert(InterfaceId(index), member(0, priority(100)).0).unwrap());
    set.group(Instant::ZERO, &ids).unwrap();
    for id in ids {
        set.handle(START, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
    }
    set.handle_all(START, Input::Startup);
    assert_eq!(set.poll_action(), None);
    let tracker = member(0, priority(100)).1[0];
    set.handle(START, ids[0], Input::Tracker(tracker, Reading::Passing));
    let faults: Vec<_> = ids.iter().flat_map(|id| set.get(*id).unwrap().faults()).collect();
    assert_eq!(faults, [Fault::GroupPending(ids[1]), Fault::Unchecked(tracker)]);
    set.handle(START, ids[1], Input::Tracker(tracker, Reading::Passing));
    assert!(set.iter().all(|(_, router)| router.status().cause == Cause::Startup));
}

#[test]
fn what_cannot_be_a_group_changes_nothing() {
    let mut set = RouterSet::new();
    let ids = [0, 1, 2, 3].map(|index| set.insert(InterfaceId(index), member(0, Priority::OWNER).0).unwrap());
    let mut other = RouterSet::new();
    let unknown =
        (0..5).map(|index| other.insert(InterfaceId(index), member(0, Priority::OWNER).0).unwrap()).last().unwrap();
    assert_eq!(set.group(START, &[ids[0], unknown]), Err(GroupError::Unknown(unknown)));
    assert_eq!(set.group(START, &[ids[0], ids[1], ids[0]]), Err(GroupError::Taken(ids[0])));
    set.handle(START, ids[1], Input::Startup);
    assert!(set.iter().all(|(_, router)| !router.faults().any(|fault| matches!(fault, Fault::GroupPending(_)))));
    assert_eq!(set.group(START, &[ids[2], ids[3]]), Ok(()));
    assert_eq!(set.group(START, &[ids[0], ids[1]]), Ok(()));
    assert_eq!(set.group(START, &[ids[0], ids[3]]), Err(GroupError::Taken(ids[3])));
    set.ungroup(START, ids[1]);
    assert_eq!((set.group(START, &[]), set.group(START, &[ids[0]])), (Ok(()), Ok(())));

    // A group of one is none.
    let tracker = member(0, Priority::OWNER).1[0];
    for input in [Input::Tracker(tracker, Reading::Passing), Input::PrimaryAddress(Some(host(Family::Ipv4, OWN)))] {
        set.handle(START, ids[0], input);
    }
    set.handle(START, ids[0], Input::Startup);
    assert_eq!(set.get(ids[0]).unwrap().role(), Role::Master);
}

mod histories {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use vrrp_core::fsm::{Backup, State};

    /// One thing that happens, to a member where there is a number.
    #[derive(Clone, Debug)]
    enum Happening {
        Wait(u64),
        Deadline,
        Timeout,
        Hear {
            member: usize,
            sender: u8,
            rx: u8,
        },
        Input(usize, Input),
        Tracker(usize, usize, bool),
        Address(usize, bool),
        Drain,
        /// The host answers the oldest request, and the answer says that it worked.
        Answer(bool),
        All(Input),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        use Happening::*;
        let senders = prop::sample::select(vec![OWN - 1, OWN + 1]);
        let priorities = prop::sample::select(vec![0, 0, 1, 90, 100, 110, 254, 255]);
        // Mostly healthy: else there would be nothing but faults.
        let mostly = || prop::bool::weighted(0.8);
        prop_oneof![
            3 => (0_u64..1_200).prop_map(Wait),
            10 => Just(Deadline),
            1 => Just(Timeout),
            4 => (0_usize..4, senders, priorities).prop_map(|(member, sender, rx)| Hear { member, sender, rx }),
            1 => (0_usize..4, mostly()).prop_map(|(member, start)| {
                Input(member, if start { vrrp_core::Input::Startup } else { vrrp_core::Input::Shutdown })
            }),
            1 => (0_usize..4, mostly()).prop_map(|(member, up)| Input(member, vrrp_core::Input::InterfaceUp(up))),
            1 => (0_usize..4, mostly()).prop_map(|(member, there)| Address(member, there)),
            2 => (0_usize..4, 0_usize..2, mostly()).prop_map(|(member, which, pass)| Tracker(member, which, pass)),
            4 => Just(Drain),
            5 => prop::bool::weighted(0.97).prop_map(Answer),
            1 => Just(All(vrrp_core::Input::Startup)),
        ]
    }

    struct World {
        host: Host,
        started: Vec<bool>,
        requests: VecDeque<(RouterId, AddressRequest)>,
        takeovers: u32,
    }

    impl World {
        fn new(priorities: &[u8]) -> Self {
            let started = vec![true; priorities.len()];
            Self { host: Host::started(priorities), started, requests: VecDeque::new(), takeovers: 0 }
        }

        fn happen(&mut self, happening: &Happening) {
            let members = self.started.len();
            let host = &mut self.host;
            match happening.clone() {
                Happening::Wait(span) => host.now = host.now + millis(span),
                Happening::Deadline => {
                    host.now = host.set.deadline().map_or(host.now, |(at, _)| at.max(host.now));
                    host.time_out();
                }
                Happening::Timeout => host.time_out(),
                Happening::Hear { member, sender, rx } => host.hear(member % members, sender, rx),
                Happening::Input(member, input) => {
                    match input {
                        Input::Startup => self.started[member % members] = true,
                        Input::Shutdown => self.started[member % members] = false,
                        _ => {}
                    }
                    host.input(member % members, input);
                }
                Happening::Tracker(member, which, passing) => {
                    let member = member % members;
                    host.input(member, Input::Tracker(host.trackers[member][which], passing.into()));
                }
                Happening::Address(member, there) => {
                    let address = there.then_some(host.address(member % members));
                    host.input(member % members, Input::PrimaryAddress(address));
                }
                Happening::Drain => self.drain(),
                Happening::Answer(worked) => {
                    let Some((id, request)) = self.requests.pop_front() else { return };
                    let answer = if worked { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
                    host.set.handle(host.now, id, answer);
                }
                Happening::All(input) => {
                    self.started.fill(true);
                    host.set.handle_all(host.now, input);
                }
            }
        }

        /// What one happening asks for is little, whatever it was.
        fn drain(&mut self) {
            let mut sent = vec![0; self.started.len()];
            while let Some((id, action)) = self.host.set.poll_action() {
                match action {
                    Action::InstallAddress(request) => self.requests.push_back((id, request)),
                    Action::SendAdvertisement(_) => sent[id.index()] += 1,
                    _ => {}
                }
            }
            assert!(sent.iter().all(|sent| *sent <= 2), "{sent:?}");
        }

        /// Ready to be Master, as far as the member itself goes.
        fn ready(&self) -> Vec<bool> {
            let ready = |state: &State, owner| match *state {
                State::Backup(Backup { due, master_down, .. }) => due || master_down <= self.host.now,
                State::Initialize => owner,
                State::Master { .. } => true,
            };
            let owner = |config: &Config| config.priority().is_owner();
            self.host.set.iter().map(|(_, router)| ready(router.state(), owner(router.config()))).collect()
        }

        fn check(&mut self, before: &[Role], ready: &[bool]) {
            let roles = self.host.roles();
            let masters = roles.iter().filter(|role| **role == Role::Master).count();
            assert!(masters == 0 || masters == roles.len(), "{roles:?}");
            if masters > 0 && before[0] != Role::Master {
                self.takeovers += 1;
                assert!(ready.iter().all(|ready| *ready), "{ready:?}");
            }
            let others = |fault: &Fault| matches!(fault, Fault::GroupMember(_) | Fault::GroupPending(_));
            let own = |id: &RouterId| self.host.set.get(*id).unwrap().faults().any(|fault| !others(&fault));
            let out = self.started.contains(&false) || self.host.members.iter().any(own);
            let initial = roles.iter().filter(|role| **role == Role::Initialize).count();
            assert_eq!(initial, if out { roles.len() } else { 0 }, "{roles:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn all_are_master_or_none_and_a_fault_anywhere_is_one_everywhere(
            priorities in prop::collection::vec(prop::sample::select(vec![1_u8, 100, 100, 200, 255]), 2..5),
            history in prop::collection::vec(happening(), 0..120),
        ) {
            let mut world = World::new(&priorities);
            for happening in &history {
                let (before, at) = (world.host.roles(), world.host.now);
                let next = match happening {
                    Happening::Deadline => world.host.set.deadline().map_or(at, |(deadline, _)| deadline.max(at)),
                    _ => at,
                };
                world.host.now = next;
                let ready = world.ready();
                world.happen(happening);
                world.check(&before, &ready);
            }
            // Left in peace and in health, everything comes to an end as Master.
            world.host.set.handle_all(world.host.now, Input::Startup);
            world.started.fill(true);
            for index in 0..priorities.len() {
                world.host.input(index, Input::InterfaceUp(true));
                world.host.input(index, Input::PrimaryAddress(Some(world.host.address(index))));
                world.host.input(index, Input::Tracker(world.host.trackers[index][0], Reading::Passing));
            }
            // Attempts that failed before are 15 minutes apart at most.
            for _ in 0..1_000 {
                world.host.carry_out_all();
                world.host.after(secs(1));
            }
            prop_assert_eq!(world.host.roles(), vec![Role::Master; priorities.len()]);
            for id in &world.host.members {
                let router = world.host.set.get(*id).unwrap();
                prop_assert_eq!(router.installed(), router.config().addresses().len());
            }
        }
    }

    /// The histories reach what they are for.
    #[test]
    fn histories_take_over() {
        let mut world = World::new(&[100, 100]);
        for _ in 0..3 {
            let (before, ready) = (world.host.roles(), vec![true; 2]);
            world.happen(&Happening::Deadline);
            world.check(&before, &ready);
        }
        assert_eq!(world.takeovers, 1);
    }
}
