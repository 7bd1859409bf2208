//! Random histories of one router and of a set: whatever happens in whatever order, the host ends up with the addresses
//! that the state asks for.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroI16;

use crate::common::{Bench, OWN, PROFILES, config, families, host, millis, priority, virtual_addresses};
use proptest::prelude::*;
use vrrp_core::{
    Action, AddressRequest, AdvertKind, Cause, Config, DrainStatus, Family, Fault, Input, Priority, Reading, Role,
    Tracker, TrackerId, Version, Weight,
};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    Wait(u64),
    /// The time is exactly that of the deadline, and the driver wakes up.
    Deadline,
    /// The driver wakes up for nothing, or late.
    Timeout,
    Startup,
    Shutdown,
    Interface(bool),
    Address(bool),
    Tracker(usize, bool),
    Hear {
        sender: u8,
        rx: u8,
    },
    /// The driver carries out everything that is due.
    Drain,
    /// The host answers the oldest request, and the answer says that it worked.
    Answer(bool),
    /// The host knows that it can or cannot set one of the addresses.
    Available(usize, bool),
    Installing,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let senders = prop::sample::select(vec![OWN - 1, OWN, OWN + 1]);
    let priorities = prop::sample::select(vec![0, 1, 90, 100, 110, 254, 255]);
    prop_oneof![
        3 => (0_u64..1_200).prop_map(Wait),
        // A process that hung.
        1 => (1_200_u64..10_000).prop_map(Wait),
        4 => Just(Deadline),
        1 => Just(Timeout),
        2 => Just(Startup),
        1 => Just(Shutdown),
        1 => any::<bool>().prop_map(Interface),
        1 => any::<bool>().prop_map(Address),
        1 => (0_usize..2, any::<bool>()).prop_map(|(tracker, passing)| Tracker(tracker, passing)),
        5 => (senders, priorities).prop_map(|(sender, rx)| Hear { sender, rx }),
        4 => Just(Drain),
        5 => prop::bool::weighted(0.95).prop_map(Answer),
        1 => (0_usize..3, prop::bool::weighted(0.7)).prop_map(|(index, available)| Available(index, available)),
        1 => Just(Installing),
    ]
}

/// A configuration with a tracker of each kind.
fn any_config() -> impl Strategy<Value = (Config, [TrackerId; 2])> {
    let kinds = PROFILES.into_iter().flat_map(|profile| families(profile).iter().map(move |family| (profile, *family)));
    let kinds: Vec<_> = kinds.collect();
    let priorities = prop::sample::select(vec![priority(1), priority(100), Priority::OWNER]);
    // Mostly addresses that are advertised; else others, or none.
    let lists = (prop::bool::weighted(0.6), any::<bool>());
    (prop::sample::select(kinds), priorities, any::<bool>(), 0_u64..5_000, any::<[bool; 3]>(), lists).prop_map(
        |((profile, family), priority, preempt, hold, [yield_advertisement, both, lease], (advertises, has_some))| {
            let both = both && profile.version() == Version::V3 && family == Family::Ipv4;
            let mut config = config(profile, family)
                .with_priority(priority)
                .with_preempt(preempt, millis(hold))
                .with_yield_advertisement(yield_advertisement)
                .with_lease(lease)
                .with_also_version2(both)
                .unwrap();
            if !advertises {
                let excluded = &virtual_addresses(family)[..if has_some { 2 } else { 0 }];
                config = config.with_no_addresses().with_excluded(excluded).unwrap();
            }
            let weights = [Weight::Fault, Weight::Adjust(NonZeroI16::new(20).unwrap())];
            let trackers = weights
                .map(|weight| config.add_tracker(Tracker { name: String::new(), weight, reverse: false }).unwrap());
            (config, trackers)
        },
    )
}

/// A router and its host: what the host holds, and which requests it has yet to answer.
struct World {
    bench: Bench,
    trackers: [TrackerId; 2],
    /// Each address held, and whether that was confirmed.
    held: BTreeMap<IpAddr, bool>,
    requests: VecDeque<AddressRequest>,
    /// The last request for each address, and whether it failed: then it may be asked again.
    last: BTreeMap<IpAddr, (AddressRequest, bool)>,
    /// Advertisements beyond priority 0 that left while not every address was confirmed.
    early: u64,
    /// The priority, and what is wrong, as last told.
    priority: Priority,
    wrong: Vec<Fault>,
    started: bool,
}

impl World {
    fn new((config, trackers): (Config, [TrackerId; 2])) -> Self {
        let priority = config.priority();
        let mut bench = Bench::idle(config);
        trackers.iter().for_each(|id| bench.input(Input::Tracker(*id, Reading::Passing)));
        bench.input(Input::Startup);
        Self {
            bench,
            trackers,
            held: BTreeMap::new(),
            requests: VecDeque::new(),
            last: BTreeMap::new(),
            early: 0,
            priority,
            wrong: Vec::new(),
            started: true,
        }
    }

    fn happen(&mut self, happening: &Happening) {
        let own = host(self.bench.router.config().family(), OWN);
        match *happening {
            Happening::Wait(span) => self.bench.after(millis(span)),
            Happening::Deadline => {
                self.bench.now = self.bench.router.deadline().unwrap_or(self.bench.now).max(self.bench.now);
                self.time_out();
            }
            Happening::Timeout => self.time_out(),
            Happening::Startup | Happening::Shutdown => {
                self.started = matches!(happening, Happening::Startup);
                self.bench.input(if self.started { Input::Startup } else { Input::Shutdown });
            }
            Happening::Interface(up) => self.bench.input(Input::InterfaceUp(up)),
            Happening::Address(there) => self.bench.input(Input::PrimaryAddress(there.then_some(own))),
            Happening::Tracker(which, passing) => {
                self.bench.input(Input::Tracker(self.trackers[which], passing.into()))
            }
            Happening::Hear { sender, rx } => {
                let _ = self.bench.hear(sender, rx);
            }
            Happening::Drain => self.drain(),
            Happening::Answer(worked) => self.answer(worked),
            Happening::Available(index, available) => {
                let address = self.bench.router.config().addresses().get(index);
                if let (Some(address), false) = (address, available) {
                    self.held.entry(*address).and_modify(|held| *held = false);
                    self.last.entry(*address).and_modify(|(_, failed)| *failed = true);
                }
                self.bench.input(Input::AddressAvailable(index, available));
            }
            Happening::Installing => self.bench.input(Input::Installing),
        }
    }

    /// After a timeout there is none in the past any more: a driver never spins.
    fn time_out(&mut self) {
        self.bench.input(Input::Timeout);
        let deadline = self.bench.router.deadline();
        assert!(deadline.is_none_or(|at| at > self.bench.now), "{deadline:?} at {:?}", self.bench.now);
    }

    fn drain(&mut self) {
        while let Some(action) = self.bench.router.poll_action() {
            self.carry_out(action);
        }
        assert_eq!(self.priority, self.bench.router.priority(), "each change is told");
        let wrong = self.wrong_now();
        let is_out = self.started && matches!(self.bench.router.cause(), Cause::Fault(_)) && !wrong.is_empty();
        assert!(!is_out || wrong == self.wrong, "{wrong:?} of which was told {:?}", self.wrong);
        let held: Vec<IpAddr> = self.held.keys().copied().collect();
        let missing: Vec<IpAddr> = self.bench.router.missing().collect();
        let mut asked = self.wanted();
        asked.retain(|address| held.contains(address) || !missing.contains(address));
        assert_eq!(held, asked, "asked for, answered or not");
    }

    fn carry_out(&mut self, action: Action) {
        let role = self.bench.router.role();
        match action {
            Action::SendAdvertisement(AdvertKind::Regular) => {
                let confirmed = self.held.values().filter(|confirmed| **confirmed).count();
                let all = self.bench.router.config().addresses().len();
                let missing = self.bench.router.missing().count();
                self.early += u64::from(confirmed + missing < all || (confirmed == 0 && all > 0));
                assert_eq!(role, Role::Master);
                assert!(self.early <= self.bench.router.stats().master_transitions, "one for each takeover");
            }
            // The same once more.
            Action::SendAdvertisement(AdvertKind::RegularVersion2) => assert_eq!(role, Role::Master),
            Action::SendAdvertisement(AdvertKind::Yield | AdvertKind::YieldVersion2) => {
                assert!(role == Role::Backup && self.held.is_empty(), "a yield advertisement");
            }
            Action::SendAdvertisement(AdvertKind::Release | AdvertKind::ReleaseVersion2) => {}
            Action::SendAdvertisement(AdvertKind::HandOver | AdvertKind::HandOverVersion2) => {
                assert!(self.bench.router.drain_status().is_some(), "nobody asked for it");
            }
            Action::LowerPriorityHeard { .. } => assert_eq!(role, Role::Master),
            Action::NobodyTookOver => assert_eq!(self.bench.router.drain_status(), Some(DrainStatus::LastResort)),
            Action::InstallAddress(request) => {
                assert_eq!(role, Role::Master);
                let failed = self.last.insert(request.address, (request, false)).is_some_and(|(_, failed)| failed);
                let missing = self.bench.router.missing().any(|address| address == request.address);
                // What was not confirmed may have failed by time.
                let confirmed = self.held.insert(request.address, false) == Some(true);
                assert!(!confirmed || failed || missing, "asked for twice");
                self.requests.push_back(request);
            }
            Action::RemoveAddress(request) => {
                let anew = matches!(self.bench.router.cause(), Cause::Lapsed { .. });
                assert!(role != Role::Master || anew, "a Master keeps its addresses");
                assert!(self.held.remove(&request.address).is_some(), "never asked for");
            }
            Action::AnnounceAddress { request, count } => {
                assert!(role == Role::Master && count > 0);
                assert_eq!(self.held.get(&request.address), Some(&true), "announced before it was confirmed");
            }
            Action::StateChanged(change) => {
                assert_eq!((change.to, change.cause), (role, *self.bench.router.cause()));
                self.wrong = self.wrong_now();
            }
            Action::PriorityChanged { from, to, .. } => {
                assert!(from == self.priority && from != to, "{from} > {to} after {}", self.priority);
                self.priority = to;
            }
            Action::FaultsChanged => {
                let wrong = self.wrong_now();
                assert!(!wrong.is_empty() && wrong != self.wrong, "{wrong:?} is told already");
                assert!(self.started && matches!(self.bench.router.cause(), Cause::Fault(_)));
                self.wrong = wrong;
            }
        }
    }

    fn wrong_now(&self) -> Vec<Fault> {
        self.bench.router.faults().filter(|fault| !fault.is_pending()).collect()
    }

    /// Also to requests that were cancelled meanwhile.
    fn answer(&mut self, worked: bool) {
        let Some(request) = self.requests.pop_front() else { return };
        let before = self.bench.router.installed();
        self.bench.input(if worked { Input::AddressInstalled(request) } else { Input::AddressFailed(request) });
        if let Some((last, failed)) = self.last.get_mut(&request.address) {
            *failed |= !worked && *last == request;
        }
        if self.bench.router.installed() > before {
            self.held.insert(request.address, true);
        }
    }

    fn wanted(&self) -> Vec<IpAddr> {
        let mut all = match self.bench.router.role() {
            Role::Master => self.bench.router.config().addresses().to_vec(),
            _ => vec![],
        };
        all.sort();
        all
    }

    /// Returns what the host has.
    fn confirmed(&self) -> Vec<IpAddr> {
        self.held.iter().filter(|(_, confirmed)| **confirmed).map(|(address, _)| *address).collect()
    }

    /// The host catches up.
    fn catch_up(&mut self) {
        self.drain();
        while !self.requests.is_empty() {
            self.answer(true);
            self.drain();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_host_ends_up_with_what_the_state_asks_for(
        config in any_config(),
        history in prop::collection::vec(happening(), 0..80),
    ) {
        for at_once in [false, true] {
            let mut world = World::new(config.clone());
            for happening in &history {
                world.happen(happening);
                if at_once {
                    world.drain();
                }
            }
            world.catch_up();
            let confirmed = world.confirmed();
            let missing: Vec<IpAddr> = world.bench.router.missing().collect();
            let mut served = world.wanted();
            served.retain(|address| !missing.contains(address));
            prop_assert_eq!(&confirmed, &served);
            prop_assert_eq!(world.bench.router.installed(), served.len());
        }
    }

    /// Where the host answers at once, it does not matter when the actions are fetched, as long as the time is the same.
    #[test]
    fn late_or_at_once_the_host_ends_up_the_same(
        config in any_config(),
        history in prop::collection::vec(happening(), 0..80),
    ) {
        let mut late = World::new(config.clone());
        let mut at_once = World::new(config);
        at_once.catch_up();
        let timeless = |happening: &&Happening| {
            !matches!(happening, Happening::Wait(_) | Happening::Deadline | Happening::Answer(_) | Happening::Drain)
        };
        for happening in history.iter().filter(timeless) {
            late.happen(happening);
            at_once.happen(happening);
            at_once.catch_up();
        }
        late.catch_up();
        prop_assert_eq!(late.confirmed(), at_once.confirmed());
        prop_assert_eq!(late.bench.router.state(), at_once.bench.router.state());
    }
}
