//! Plans that are saved, read, and printed as Rust.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_core::sim::{
    Attack, Disturbance, DisturbanceKind, HostId, Installs, LanId, Link, Mix, Planned, Step, World, plan_to_rust,
    random_plan, run_plan,
};
use vrrp_core::{
    AdvertInterval, AnnouncePolicy, Config, Drain, Family, Instant, Password, Profile, RouterId, SendChecksum, Tracker,
    TrackerId, UnicastPeer, Vrid, Weight,
};

use crate::lans::{any_world, at, config, millis, priority};

/// The text of `every_disturbance`, compiled.
mod printed {
    include!("every_disturbance.rs");

    pub fn every_disturbance() -> Vec<vrrp_core::sim::Planned> {
        plan().unwrap()
    }
}

/// Each of them once, and configurations with every setting.
fn every_disturbance() -> Vec<Planned> {
    let (host, other, lan, router) = (HostId::new(0), HostId::new(7), LanId::new(1), RouterId::from((3 << 32) | 2));
    let address = IpAddr::from([192, 0, 2, 1]);
    let bad = Link {
        latency: Duration::new(1_234, 5_678),
        jitter: millis(1),
        loss: 1,
        duplication: 2,
        reordering: 3,
        held_up: Duration::from_secs(4),
        corruption: 5,
    };
    let attack = Attack {
        about: (host, router),
        pace: millis(20),
        span: Duration::from_secs(5),
        priorities: 0..=255,
        intervals: 1..=300,
        senders: 40,
        spoofs: true,
    };
    let configs = configs();
    let mut all = vec![
        Disturbance::PowerOff(host),
        Disturbance::Kill(host),
        Disturbance::Stop(host),
        Disturbance::Start(host),
        Disturbance::Stall(host, millis(1_500)),
        Disturbance::Drift(host, -300),
        Disturbance::FalseStamps(host, -1_000_000),
        Disturbance::Link(lan, None, Link::GOOD),
        Disturbance::Link(lan, Some((host, other)), bad),
        Disturbance::Cut(lan, host, other),
        Disturbance::Mend(lan, host, other),
        Disturbance::Partition(lan, vec![]),
        Disturbance::Partition(lan, vec![host, other]),
        Disturbance::Interface(host, lan, false),
        Disturbance::Addresses(host, lan, true),
        Disturbance::Tracker(host, router, TrackerId::new(3), false),
        Disturbance::Installs(host, Installs::AtOnce),
        Disturbance::Installs(host, Installs::After(millis(3))),
        Disturbance::Installs(host, Installs::OneByOne(millis(3))),
        Disturbance::Installs(host, Installs::Refused),
        Disturbance::Installs(host, Installs::Ignored),
        Disturbance::Refuses { host, address, refuses: true, known: false },
        Disturbance::Remove { host, router, releases: true },
        Disturbance::Group(host, vec![]),
        Disturbance::Group(host, vec![router, RouterId::from(0)]),
        Disturbance::SetPriority(host, router, priority(99)),
        Disturbance::Drain(host, router, Drain::default()),
        Disturbance::Drain(host, router, Drain { priority: priority(7), limit: Some(Duration::ZERO) }),
        Disturbance::Undrain(host, router),
        Disturbance::Attack(lan, attack),
        Disturbance::Inject {
            lan,
            from: Some(other),
            source: address,
            destination: Family::Ipv4.group(),
            ttl: 254,
            payload: vec![0, 255],
        },
        Disturbance::Inject {
            lan,
            from: None,
            source: "fe80::9".parse().unwrap(),
            destination: Family::Ipv6.group(),
            ttl: 255,
            payload: vec![],
        },
        Disturbance::Calm,
    ];
    all.extend(configs.iter().map(|config| Disturbance::Reconfigure(host, router, Box::new(config.clone()))));
    all.push(Disturbance::Add(host, lan, Box::new(configs[0].clone())));
    let moment = |n: usize| Instant::from_nanos(n as u64 * 1_000_000_001);
    all.into_iter().enumerate().map(|(n, what)| Planned { at: moment(n), what }).collect()
}

fn configs() -> Vec<Config> {
    let announce = AnnouncePolicy {
        repeat: 2,
        delay: Some(millis(900)),
        refresh: Some(Duration::from_secs(60)),
        refresh_repeat: 3,
        contest_repeat: 4,
        contest_holdoff: Duration::from_secs(6),
    };
    let everything = config(Profile::Rfc9568, Family::Ipv4, 200)
        .with_interval(AdvertInterval::from_centis(25).unwrap())
        .unwrap()
        .with_preempt(false, millis(1_500))
        .with_excluded(&["2001:db8::1".parse().unwrap()])
        .unwrap()
        .with_answer_lower(false)
        .with_owner_listens(true)
        .with_yield_advertisement(false)
        .with_strict_list(true)
        .with_checksum(SendChecksum::AsHeard)
        .with_exact_checksum(true)
        .with_learned_interval_cap(Some(AdvertInterval::from_centis(500).unwrap()))
        .with_also_version2(true)
        .unwrap()
        .with_lease(false)
        .with_announce(announce);
    let peers = [UnicastPeer { address: "10.0.0.2".parse().unwrap(), min_ttl: 250 }];
    let password = Password::new(b"a\"\\\x01b").unwrap();
    let mut tracked = config(Profile::Rfc2338, Family::Ipv4, 100).with_password(password).unwrap();
    tracked.add_tracker(Tracker { name: "say \"up\"".into(), weight: Weight::Fault, reverse: true }).unwrap();
    let weight = Weight::Adjust((-20).try_into().unwrap());
    tracked.add_tracker(Tracker { name: "load".into(), weight, reverse: false }).unwrap();
    let vrid = Vrid::new(9).unwrap();
    vec![
        config(Profile::Rfc5798, Family::Ipv6, 100),
        everything,
        config(Profile::Rfc3768, Family::Ipv4, 1).with_unicast_peers(&peers).unwrap(),
        tracked,
        Config::without_addresses(Profile::Rfc9568Errata, Family::Ipv6, vrid).unwrap(),
    ]
}

#[test]
fn what_is_printed_compiles_and_means_the_same() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim/every_disturbance.rs");
    let text = plan_to_rust(&every_disturbance());
    if std::env::var_os("VRRP_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, include_str!("every_disturbance.rs"), "write it anew with VRRP_BLESS=1");
    assert_eq!(printed::every_disturbance(), every_disturbance());
}

/// Every variant is in the list above: the compiler asks for a line here when there is a new one, if only by a warning.
#[test]
fn the_list_has_every_disturbance() {
    let names: std::collections::BTreeSet<String> = every_disturbance()
        .iter()
        .map(|planned| format!("{:?}", planned.what).split(['(', ' ']).next().unwrap_or_default().to_owned())
        .collect();
    let source = include_str!("../../src/sim/disturbance.rs");
    let (_, source) = source.split_once("pub enum Disturbance {").unwrap();
    let (source, _) = source.split_once("\n}").unwrap();
    let variants = source.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let variants = variants.map(str::trim).filter(|line| line.starts_with(char::is_uppercase));
    let variants: std::collections::BTreeSet<String> =
        variants.map(|line| line.split(['(', ' ', ',']).next().unwrap_or_default().to_owned()).collect();
    assert_eq!(names, variants);
}

#[test]
fn a_plan_is_read_back_as_it_was_saved() {
    let every = every_disturbance();
    let text = serde_json::to_string(&every).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Planned>>(&text).unwrap(), every);
    for seed in 0..300 {
        let plan = random_plan(any_world(seed).world(), seed, 12, Duration::from_secs(30));
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Planned>>(&text).unwrap(), plan, "{seed}");
    }
    let unknown = text.replacen("\"at\"", "\"when\"", 1);
    assert!(serde_json::from_str::<Vec<Planned>>(&unknown).is_err());
}

#[test]
fn a_failure_prints_its_plan() {
    let build = || {
        let mut sim = any_world(1);
        sim.add_check(|world: &World, _: &Step| match world.now() > at(10) && !world.is_running(HostId::new(0)) {
            true => Err("the first host is off\nand nobody cares".to_owned()),
            false => Ok(()),
        });
        sim
    };
    let plan = [
        Planned { at: at(3), what: Disturbance::Start(HostId::new(1)) },
        Planned { at: at(4), what: Disturbance::PowerOff(HostId::new(0)) },
    ];
    let failure = run_plan(build, &plan, at(20)).unwrap_err();
    let expected = format!(
        "// Seed 1, at {:?}:\n// the first host is off\n// and nobody cares\n{}",
        failure.at,
        plan_to_rust(&plan[1..])
    );
    assert_eq!(failure.to_rust(), expected);
}

#[test]
fn a_mix_holds_its_kinds_its_weights_and_its_hosts() {
    let sim = (0..).map(any_world).find(|sim| sim.world().hosts().len() > 3).unwrap();
    let hosts: Vec<HostId> = sim.world().hosts().collect();
    let mix = Mix::none()
        .with(DisturbanceKind::PowerOff, 1)
        .with(DisturbanceKind::Start, 3)
        .with(DisturbanceKind::Attack, 9)
        .with(DisturbanceKind::Attack, 0)
        .only_hosts(&hosts[1..3]);
    let plan = mix.random_plan(sim.world(), 1, 4_000, Duration::from_secs(30));
    let (calm, plan) = plan.split_last().unwrap();
    assert_eq!((calm.at, &calm.what), (at(30), &Disturbance::Calm));
    assert!(plan.is_sorted_by_key(|planned| planned.at) && plan.iter().all(|planned| planned.at < at(30)));
    let of = |planned: &Planned| match planned.what {
        Disturbance::PowerOff(host) => (0, host),
        Disturbance::Start(host) => (1, host),
        _ => panic!("{planned:?}"),
    };
    let on = |kind, host| plan.iter().filter(|planned| of(planned) == (kind, hosts[host])).count();
    let counts = [on(0, 1), on(0, 2), on(1, 1), on(1, 2)];
    assert_eq!(counts.iter().sum::<usize>(), 4_000);
    assert!(counts[..2].iter().all(|count| (400..600).contains(count)), "{counts:?}");
    assert!(counts[2..].iter().all(|count| (1_350..1_650).contains(count)), "{counts:?}");
    assert_eq!(Mix::none().plan(sim.world(), &[1, 2], Duration::from_secs(1)).len(), 1);
}

#[test]
fn everything_comes_in_the_mix_of_everything() {
    let kinds = |mix: &Mix| -> std::collections::BTreeSet<String> {
        let of = |seed| {
            let plan = mix.random_plan(any_world(seed).world(), seed, 20, Duration::from_secs(30));
            plan.into_iter().map(|planned| format!("{:?}", planned.what).split(['(', ' ']).next().unwrap().to_owned())
        };
        (0..50).flat_map(of).collect()
    };
    let every: std::collections::BTreeSet<String> = every_disturbance()
        .iter()
        .map(|planned| format!("{:?}", planned.what).split(['(', ' ']).next().unwrap().to_owned())
        .filter(|name| name != "Inject")
        .collect();
    assert_eq!(kinds(&Mix::default()), every);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// A plan made of numbers keeps the rules, and leaving one number out leaves the other disturbances.
    #[test]
    fn numbers_are_plans(seed in 0..1_000_u64, choices in proptest::collection::vec(proptest::prelude::any::<u64>(), 0..8)) {
        let (sim, span) = (any_world(seed), Duration::from_secs(20));
        let mix = Mix::all().with(DisturbanceKind::Reconfigure, 0).with(DisturbanceKind::SetPriority, 0);
        let mix = mix.with(DisturbanceKind::ReconfigureAll, 0);
        let plan = mix.plan(sim.world(), &choices, span);
        run_plan(|| any_world(seed), &plan, at(80)).unwrap_or_else(|failure| panic!("{failure}"));
        if let Some((_, others)) = choices.split_first() {
            let fewer = mix.plan(sim.world(), others, span);
            proptest::prop_assert!(fewer.iter().all(|planned| plan.contains(planned)));
        }
    }
}
