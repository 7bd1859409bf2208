//! A router that is written down and read again goes on as if nothing had happened.

use std::net::IpAddr;
use std::num::NonZeroI16;

use crate::common::{Bench, OWN, PROFILES, Random, config, families, host, millis, priority, secs, virtual_addresses};
use proptest::prelude::*;
use vrrp_core::{
    Action, AddressRequest, AnnouncePolicy, Config, Drain, Family, Fault, Input, Instant, InterfaceId, Priority,
    Profile, Reading, ReconfigureError, Role, RouterId, RouterSet, Suspended, Tracker, TrackerId, Version,
    VirtualRouter, Vrid, Weight,
};

/// Writes a router down, and reads it.
fn carried(router: &VirtualRouter) -> Suspended {
    let text = serde_json::to_string(&router.suspend().expect("there are actions")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same router in the next process.
fn resumed(router: &VirtualRouter) -> VirtualRouter {
    VirtualRouter::resume(router.config().clone(), carried(router)).unwrap()
}

/// One thing that happens, to both.
#[derive(Clone, Debug)]
enum Happening {
    Wait(u64),
    Deadline,
    Input(Input),
    Hear { sender: u8, rx: u8 },
    Answer(bool),
    SetPriority(u8),
    Suspend,
}

/// True, but for one in eight.
fn mostly() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.875)
}

fn happening() -> impl Strategy<Value = Happening> {
    let own = |there: bool| there.then(|| host(Family::Ipv4, OWN));
    let input = prop_oneof![
        4 => Just(Input::Startup),
        1 => Just(Input::Shutdown),
        1 => Just(Input::Timeout),
        4 => mostly().prop_map(Input::InterfaceUp),
        4 => mostly().prop_map(move |there| Input::PrimaryAddress(own(there))),
        4 => mostly().prop_map(|gone| Input::Stray((!gone).then(|| virtual_addresses(Family::Ipv4)[0]))),
        4 => (0..2_usize, mostly()).prop_map(|(index, available)| Input::AddressAvailable(index, available)),
        1 => Just(Input::LinkAddressChanged),
        2 => (1..=255_u8, prop::option::of(0..5_000_u64))
            .prop_map(|(n, limit)| Input::Drain(Drain { priority: priority(n), limit: limit.map(millis) })),
        2 => Just(Input::Undrain),
    ];
    let senders = prop::sample::select(vec![OWN - 1, OWN, OWN + 1]);
    let priorities = prop::sample::select(vec![0, 1, 90, 100, 110, 254, 255]);
    prop_oneof![
        3 => (0_u64..1_200).prop_map(Happening::Wait),
        1 => (1_200_u64..10_000).prop_map(Happening::Wait),
        8 => Just(Happening::Deadline),
        2 => input.prop_map(Happening::Input),
        3 => (senders, priorities).prop_map(|(sender, rx)| Happening::Hear { sender, rx }),
        6 => prop::bool::weighted(0.9).prop_map(Happening::Answer),
        1 => (1..=255_u8).prop_map(Happening::SetPriority),
        4 => Just(Happening::Suspend),
    ]
}

fn any_config() -> impl Strategy<Value = Config> {
    let policy = (0_u8..3, prop::option::of(0_u64..3_000), prop::option::of(500_u64..3_000));
    (prop::sample::select(PROFILES.to_vec()), 1..=255_u8, any::<bool>(), 0_u64..5_000, any::<[bool; 3]>(), policy)
        .prop_map(|(profile, own, preempt, hold, [yield_advertisement, both, lease], (repeat, delay, refresh))| {
            let both = both && profile.version() == Version::V3;
            let announce = AnnouncePolicy {
                repeat,
                delay: delay.map(millis),
                refresh: refresh.map(millis),
                ..AnnouncePolicy::default()
            };
            let mut config = config(profile, Family::Ipv4)
                .with_priority(priority(own))
                .with_preempt(preempt, millis(hold))
                .with_yield_advertisement(yield_advertisement)
                .with_lease(lease)
                .with_announce(announce)
                .with_also_version2(both)
                .unwrap();
            for (name, weight) in [("a", Weight::Fault), ("b", Weight::Adjust(NonZeroI16::new(20).unwrap()))] {
                config.add_tracker(Tracker { name: name.into(), weight, reverse: false }).unwrap();
            }
            config
        })
}

/// A router that is suspended at times, and one that is not.
struct Both {
    plain: Bench,
    carried: Bench,
    requests: Vec<AddressRequest>,
}

impl Both {
    fn new(config: Config, is_master: bool) -> Self {
        let mut plain = Bench::idle(config);
        let trackers: Vec<TrackerId> = plain.router.trackers().map(|(id, ..)| id).collect();
        trackers.into_iter().for_each(|id| plain.input(Input::Tracker(id, Reading::Passing)));
        plain.input(Input::Startup);
        if is_master && plain.router.role() == Role::Backup {
            plain.actions();
            plain.next_deadline();
        }
        let requests = crate::common::installs(&plain.actions());
        Self { carried: plain.clone(), plain, requests }
    }

    fn happen(&mut self, happening: &Happening) {
        if let Happening::Answer(worked) = happening {
            let Some(request) = self.requests.pop() else { return };
            let input = if *worked { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
            self.each(|bench| bench.input(input));
        } else if matches!(happening, Happening::Suspend) {
            // A driver waits for what it asked for.
            if self.requests.is_empty() {
                self.carried.router = resumed(&self.carried.router);
            }
        } else {
            self.each(|bench| match happening {
                Happening::Wait(span) => bench.after(millis(*span)),
                Happening::Deadline => {
                    bench.now = bench.router.deadline().unwrap_or(bench.now).max(bench.now);
                    bench.input(Input::Timeout);
                }
                Happening::Input(input) => bench.input(*input),
                Happening::Hear { sender, rx } => drop(bench.hear(*sender, *rx)),
                Happening::SetPriority(n) => bench.router.set_priority(bench.now, priority(*n)),
                Happening::Answer(_) | Happening::Suspend => {}
            });
        }
        let actions = [&mut self.plain, &mut self.carried].map(Bench::actions);
        assert_eq!(actions[0], actions[1]);
        self.requests.extend(crate::common::installs(&actions[0]));
    }

    fn each(&mut self, act: impl Fn(&mut Bench)) {
        act(&mut self.plain);
        act(&mut self.carried);
    }

    /// Everything that can be asked.
    fn assert_equal(&self) {
        let (plain, carried) = (&self.plain.router, &self.carried.router);
        assert_eq!(plain.deadline(), carried.deadline());
        assert_eq!((plain.state(), plain.status()), (carried.state(), carried.status()));
        assert_eq!((plain.stats(), plain.drain_status()), (carried.stats(), carried.drain_status()));
        assert_eq!(plain.faults().collect::<Vec<_>>(), carried.faults().collect::<Vec<_>>());
        assert_eq!(plain.missing().collect::<Vec<_>>(), carried.missing().collect::<Vec<_>>());
        assert_eq!(plain.requests().collect::<Vec<_>>(), carried.requests().collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn whatever_happened_and_happens_a_router_that_was_carried_does_the_same(
        config in any_config(),
        is_master in any::<bool>(),
        history in prop::collection::vec(happening(), 0..120),
    ) {
        let mut both = Both::new(config, is_master);
        for happening in &history {
            both.happen(happening);
            both.assert_equal();
        }
    }
}

#[test]
fn a_master_advertises_when_it_would_have_and_nothing_else_comes_of_it() {
    for profile in PROFILES {
        for family in families(profile) {
            let mut bench = Bench::master(config(profile, *family));
            bench.after(millis(300));
            let (deadline, mut next) =
                (bench.router.deadline(), Bench { router: resumed(&bench.router), now: bench.now });
            assert_eq!(next.actions(), [], "it has nothing to do");
            assert_eq!(next.router.deadline(), deadline);
            next.next_deadline();
            assert_eq!(next.carry_out_all(), ["advertise"]);
        }
    }
}

#[test]
fn what_is_begun_is_carried_out_first_and_what_has_no_answer_is_asked_for_again() {
    let mut bench = Bench::started(config(Profile::Rfc3768, Family::Ipv4));
    bench.next_deadline();
    assert!(bench.router.suspend().is_none(), "it has to advertise");
    let asked = crate::common::installs(&bench.actions());
    bench.input(Input::AddressInstalled(asked[0]));
    bench.actions();
    let mut next = Bench { router: resumed(&bench.router), now: bench.now };
    assert_eq!(next.router.requests().map(|request| request.address).collect::<Vec<_>>(), [asked[0].address]);
    let again = next.actions();
    assert!(matches!(again[..], [Action::InstallAddress(request)] if request.address == asked[1].address), "{again:?}");
}

#[test]
fn another_configuration_has_the_consequences_of_a_change() {
    let before = config(Profile::Rfc3768, Family::Ipv4);
    let bench = Bench::master(before.clone());
    let [first, second] = virtual_addresses(Family::Ipv4);
    let other: IpAddr = [192, 0, 2, 103].into();
    let after = before.clone().with_addresses(&[other, second]).unwrap().with_priority(priority(90));
    let router = VirtualRouter::resume(after, carried(&bench.router)).unwrap();
    let mut next = Bench { router, now: bench.now };
    let done = next.carry_out_all();
    assert_eq!(done[0], format!("remove {first}"));
    assert_eq!(done[1..], [format!("install {other}"), format!("announce {other} x1"), "priority 100 > 90".into()]);
    assert_eq!(next.router.installed(), 2);

    let another = Config::new(Profile::Rfc3768, Vrid::new(9).unwrap(), &[first]).unwrap();
    let refused = VirtualRouter::resume(another, carried(&bench.router)).unwrap_err();
    assert!(matches!(refused, ReconfigureError::Vrid { .. }));
    let another = config(Profile::Rfc9568, Family::Ipv6);
    assert!(matches!(VirtualRouter::resume(another, carried(&bench.router)), Err(ReconfigureError::Family { .. })));
}

#[test]
fn verdicts_go_by_name() {
    let tracker = |name: &str| Tracker { name: name.into(), weight: Weight::Fault, reverse: false };
    let with = |names: &[&str]| {
        let mut config = config(Profile::Rfc3768, Family::Ipv4);
        names.iter().for_each(|name| assert!(config.add_tracker(tracker(name)).is_ok()));
        config
    };
    let mut bench = Bench::idle(with(&["a", "b"]));
    let ids: Vec<TrackerId> = bench.router.trackers().map(|(id, ..)| id).collect();
    bench.input(Input::Tracker(ids[0], Reading::Failing));
    bench.input(Input::Tracker(ids[1], Reading::Passing));
    bench.input(Input::Startup);
    bench.carry_out_all();
    let suspended = carried(&bench.router);
    assert_eq!(
        (suspended.reading("a"), suspended.reading("b"), suspended.reading("c")),
        (Some(Reading::Failing), Some(Reading::Passing), None)
    );
    assert_eq!((suspended.role(), suspended.is_started(), suspended.at()), (Role::Initialize, true, bench.now));
    let mut next = VirtualRouter::resume(with(&["b", "a"]), suspended).unwrap();
    assert_eq!(next.poll_action(), None);
    assert_eq!(next.faults().collect::<Vec<_>>(), [Fault::Tracker(ids[1])], "`a` is the second now");
}

/// Two members of a sync group, both Master.
fn group() -> (RouterSet, [RouterId; 2], Instant) {
    let mut set = RouterSet::new();
    let ids = [1, 2].map(|n| set.insert(InterfaceId(n), config(Profile::Rfc3768, Family::Ipv4)).unwrap());
    let mut now = Instant::from_nanos(1_000_000_000_000);
    set.group(now, &ids).unwrap();
    for id in ids {
        set.handle(now, id, Input::PrimaryAddress(Some(host(Family::Ipv4, OWN))));
        set.handle(now, id, Input::Startup);
    }
    now = now + secs(10);
    set.handle_timeout(now);
    carry_out_all(&mut set, now);
    (set, ids, now)
}

fn carry_out_all(set: &mut RouterSet, now: Instant) -> usize {
    let mut done = 0;
    while let Some((id, action)) = set.poll_action() {
        done += 1;
        if let Action::InstallAddress(request) = action {
            set.handle(now, id, Input::AddressInstalled(request));
        }
    }
    done
}

#[test]
fn a_sync_group_goes_on_together_and_who_is_in_none_any_more_goes_on_alone() {
    for faulty in [false, true] {
        let (mut set, ids, now) = group();
        if faulty {
            set.handle(now, ids[1], Input::InterfaceUp(false));
            carry_out_all(&mut set, now);
        }
        let role = if faulty { Role::Initialize } else { Role::Master };
        // In the next process they have other ids.
        let mut next = RouterSet::new().with_stats(*set.stats());
        let other = Config::new(Profile::Rfc3768, Vrid::new(99).unwrap(), &virtual_addresses(Family::Ipv4)).unwrap();
        next.insert(InterfaceId(7), other).unwrap();
        let new_ids = [1_usize, 0].map(|n| {
            let mut suspended = carried(set.get(ids[n]).unwrap());
            suspended.rename_routers(|id| if id == ids[0] { RouterId::from(2_u64) } else { RouterId::from(1_u64) });
            let router = VirtualRouter::resume(set.get(ids[n]).unwrap().config().clone(), suspended).unwrap();
            next.insert_router(InterfaceId(n as u32), router).unwrap()
        });
        let mut alone = next.clone();
        next.group(now, &[new_ids[1], new_ids[0]]).unwrap();
        assert_eq!(carry_out_all(&mut next, now), 0, "nothing is done, nothing is told");
        assert!(new_ids.iter().all(|id| next.get(*id).unwrap().role() == role));
        if faulty {
            assert_eq!(next.get(new_ids[1]).unwrap().faults().collect::<Vec<_>>(), [Fault::GroupMember(new_ids[0])]);
            new_ids.iter().for_each(|id| alone.ungroup(now, *id));
            assert_eq!(alone.get(new_ids[1]).unwrap().role(), Role::Backup, "only the group kept it out");
        } else {
            next.handle(now, new_ids[0], Input::InterfaceUp(false));
            assert!(new_ids.iter().all(|id| next.get(*id).unwrap().role() == Role::Initialize), "they are together");
            new_ids.iter().for_each(|id| alone.ungroup(now, *id));
            alone.handle(now, new_ids[0], Input::InterfaceUp(false));
            assert_eq!(alone.get(new_ids[1]).unwrap().role(), Role::Master);
        }
    }
}

const MAY_BE_NONE: [&str; 9] =
    ["source", "retry_at", "winner", "drain", "hand_over", "last_fault", "not_installed", "stray", "group_fault"];

#[test]
fn what_this_version_does_not_write_it_does_not_read() {
    let bench = Bench::master(config(Profile::Rfc9568, Family::Ipv4).with_priority(Priority::OWNER));
    let text = serde_json::to_string(&bench.router.suspend().unwrap()).unwrap();
    let known: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields: Vec<String> = known.as_object().unwrap().keys().cloned().collect();
    let is_read = |value: &serde_json::Value| serde_json::from_value::<Suspended>(value.clone()).is_ok();
    assert!(is_read(&known));
    for field in fields {
        let mut without = known.clone();
        without.as_object_mut().unwrap().remove(&field).unwrap();
        assert_eq!(is_read(&without), MAY_BE_NONE.contains(&&*field), "{field}");
    }
    for pointer in ["", "/params", "/schedule", "/learned", "/answers/all", "/past", "/evidence"] {
        let mut with = known.clone();
        with.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert("new".into(), 1.into());
        assert!(!is_read(&with), "{pointer}");
    }
}

/// Puts numbers of all sizes, and values that are none, in the place of others.
fn damage(value: &mut serde_json::Value, random: &mut Random) {
    match value {
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| damage(value, random)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| damage(value, random)),
        other if random.below(64) == 0 => {
            let numbers = [0, 1, 2, 255, 1 << 31, u64::MAX - 1, u64::MAX, 1_000_000_000_000];
            *other = match random.below(12) {
                n @ 0..8 => numbers[n].into(),
                8 => true.into(),
                9 => false.into(),
                10 => serde_json::Value::Null,
                _ => "192.0.2.101".into(),
            };
        }
        _ => {}
    }
}

#[test]
fn no_damage_makes_it_panic() {
    let mut random = Random(7);
    let mut read = 0;
    for round in 0..20_000 {
        let config = config(PROFILES[round % PROFILES.len()], Family::Ipv4);
        let mut bench = if round % 2 == 0 { Bench::master(config) } else { Bench::started(config) };
        let _ = bench.hear(OWN + 1, 90);
        bench.carry_out_all();
        let mut value = serde_json::to_value(bench.router.suspend().unwrap()).unwrap();
        damage(&mut value, &mut random);
        let Ok(suspended) = serde_json::from_value::<Suspended>(value) else { continue };
        let Ok(router) = VirtualRouter::resume(bench.router.config().clone(), suspended) else { continue };
        read += 1;
        let mut next = Bench { router, now: bench.now };
        for _ in 0..20 {
            for _ in 0..20 {
                let Some(action) = next.router.poll_action() else { break };
                if let Action::InstallAddress(request) = action {
                    next.input(Input::AddressInstalled(request));
                }
            }
            let _ = next.hear(OWN + 1, 200);
            next.now = next.router.deadline().unwrap_or(next.now).max(next.now);
            next.input(Input::Timeout);
        }
        let _ = (next.router.status(), next.router.suspend());
    }
    assert!(read > 100, "{read}");
}
