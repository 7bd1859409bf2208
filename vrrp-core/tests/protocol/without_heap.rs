//! A driver of `Criteria` and `Contest` does what one of `VirtualRouter` does: the same checks, steps, order and bounds.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use vrrp_core::fsm::{Effects, Event, Params, State};
use vrrp_core::wire::AddressList;
use vrrp_core::{
    Action, AdvertKind, AnnouncePolicy, Config, Contest, Criteria, Discard, Input, Instant, Password, Profile, Role,
    RxPacket, Stats, UnicastPeer, VirtualRouter, Vrid,
};

use crate::common::{OWN, PROFILES, Raw, VRID, centis, config, families, host, priority, virtual_addresses};

/// One step: its effects in order, and how often each address was announced.
type Done = (Vec<Effects>, u8);

/// A driver without a heap.
struct Bare<'a> {
    params: Params,
    addresses: &'a [IpAddr],
    policy: AnnouncePolicy,
    contest: Contest,
    state: State,
    stats: Stats,
}

impl<'a> Bare<'a> {
    fn new(config: &Config, addresses: &'a [IpAddr]) -> Self {
        let own = host(config.family(), OWN);
        let params = Params::new(config.profile(), config.priority(), config.interval(), own)
            .with_preempt(config.preempt(), config.preempt_hold())
            .with_yield_advertisement(true);
        let (contest, stats) = (Contest::default(), Stats::default());
        Self { params, addresses, policy: *config.announce(), contest, state: State::Initialize, stats }
    }

    fn criteria(&self) -> Criteria<'_> {
        Criteria::new(&self.params, Vrid::new(VRID).unwrap(), AddressList::new(self.addresses).unwrap())
    }

    fn step(&mut self, now: Instant, event: Event) -> Done {
        let reaction = self.contest.step(&self.params, &self.policy, &mut self.state, now, event);
        let is_task = |effect: &Effects| *effect != Effects::DISCARD && *effect != Effects::DUPLICATE;
        (reaction.effects.in_order().filter(is_task).collect(), reaction.announce)
    }

    fn hear(&mut self, now: Instant, rx: &RxPacket<'_>) -> Result<Done, Discard> {
        if self.state == State::Initialize {
            return Err(Discard::NotStarted);
        }
        let accepted = self.criteria().accept(rx, &mut self.stats.clone())?;
        Ok(self.step(now, Event::Advert(accepted.advert())))
    }
}

/// Carries out what the router asks for, and says in the words of the state machine what it was.
fn carry_out(router: &mut VirtualRouter, now: Instant) -> Done {
    let (mut effects, mut announced) = (Vec::new(), 0);
    while let Some(action) = router.poll_action() {
        let effect = match action {
            Action::SendAdvertisement(AdvertKind::Regular) => Effects::ADVERTISE,
            Action::SendAdvertisement(AdvertKind::Release) => Effects::RELEASE,
            Action::SendAdvertisement(AdvertKind::Yield) => Effects::YIELD,
            Action::InstallAddress(request) => {
                router.handle(now, Input::AddressInstalled(request));
                Effects::INSTALL
            }
            Action::RemoveAddress(_) => Effects::REMOVE,
            Action::AnnounceAddress { count, .. } => {
                announced = announced.max(count);
                continue;
            }
            _ => continue,
        };
        // Each address has an action of its own.
        if effects.last() != Some(&effect) {
            effects.push(effect);
        }
    }
    (effects, announced)
}

/// An event that both get.
#[derive(Clone, Debug)]
enum Happening {
    Startup,
    Shutdown,
    /// At the deadline.
    Timer,
    /// An advertisement of a host, this long after what was before.
    Advert {
        host: u8,
        priority: u8,
        after: Duration,
    },
    /// The process hung this long.
    Pause(Duration),
}

fn happenings() -> impl Strategy<Value = Happening> {
    let hosts = prop_oneof![Just(9_u8), Just(OWN), Just(11), Just(12)];
    let priorities = prop_oneof![Just(0_u8), Just(50), Just(100), Just(200), Just(255)];
    prop_oneof![
        2 => Just(Happening::Startup),
        1 => Just(Happening::Shutdown),
        6 => Just(Happening::Timer),
        8 => (hosts, priorities, 0_u64..1_500).prop_map(|(host, priority, after)| {
            Happening::Advert { host, priority, after: Duration::from_millis(after) }
        }),
        1 => (0_u64..9_000).prop_map(|millis| Happening::Pause(Duration::from_millis(millis))),
    ]
}

proptest! {
    #[test]
    fn it_does_in_the_same_order_what_a_router_does(
        profile in prop::sample::select(&PROFILES[..]),
        (own, preempt) in (prop::sample::select(vec![50_u8, 100, 254, 255]), any::<bool>()),
        policy in prop_oneof![
            Just(AnnouncePolicy::default()),
            Just(AnnouncePolicy {
                repeat: 3,
                delay: Some(Duration::from_secs(2)),
                refresh: Some(Duration::from_secs(7)),
                refresh_repeat: 2,
                contest_repeat: 2,
                contest_holdoff: Duration::from_secs(1),
            }),
        ],
        story in prop::collection::vec(happenings(), 1..60),
    ) {
        for family in families(profile) {
            let hold = Duration::from_millis(if preempt { 1_700 } else { 0 });
            let config = config(profile, *family)
                .with_priority(priority(own))
                .with_preempt(preempt, hold)
                .with_announce(policy)
                .with_lease(false);
            let addresses = virtual_addresses(*family);
            let mut bare = Bare::new(&config, &addresses);
            let mut router = VirtualRouter::new(config);
            let mut now = Instant::from_nanos(1_000_000_000_000);
            router.handle(now, Input::PrimaryAddress(Some(host(*family, OWN))));
            for happening in &story {
                let (did, expected) = match happening {
                    Happening::Startup => {
                        router.handle(now, Input::Startup);
                        (bare.step(now, Event::Startup), carry_out(&mut router, now))
                    }
                    Happening::Shutdown => {
                        router.handle(now, Input::Shutdown);
                        (bare.step(now, Event::Shutdown), carry_out(&mut router, now))
                    }
                    Happening::Timer => {
                        now = now.max(router.deadline().unwrap_or(now));
                        router.handle(now, Input::Timeout);
                        (bare.step(now, Event::Timer), carry_out(&mut router, now))
                    }
                    Happening::Pause(pause) => {
                        now = now + *pause;
                        router.handle(now, Input::Timeout);
                        (bare.step(now, Event::Timer), carry_out(&mut router, now))
                    }
                    Happening::Advert { host, priority, after } => {
                        now = now + *after;
                        let raw = Raw::new(profile, *family, *host, *priority);
                        let (payload, endpoints) = (raw.octets(), raw.endpoints());
                        let rx = RxPacket { endpoints, ttl: 255, payload: &payload };
                        let heard = bare.hear(now, &rx);
                        let accepted = router.handle_packet(now, rx);
                        prop_assert_eq!(heard.as_ref().err(), accepted.as_ref().err());
                        (heard.unwrap_or_default(), carry_out(&mut router, now))
                    }
                };
                prop_assert_eq!(&did, &expected, "{:?} at {:?}", happening, bare.state);
                prop_assert_eq!(bare.state.role(), router.role());
                prop_assert_eq!(bare.contest.deadline(&bare.state), router.deadline(), "after {:?}", happening);
            }
        }
    }

    #[test]
    fn it_checks_what_a_router_checks(
        profile in prop::sample::select(&PROFILES[..]),
        settings in any::<[bool; 5]>(),
        (own, theirs) in (prop::sample::select(vec![100_u8, 255]), prop::sample::select(vec![0_u8, 100, 255])),
        flaws in prop::collection::vec(0_u8..16, 0..3),
        ttl in prop::sample::select(vec![255_u8, 254, 200]),
    ) {
        for family in families(profile) {
            let [unicast, strict, listens, password, exact] = settings;
            let peers = [UnicastPeer { address: host(*family, 9), min_ttl: 254 }];
            let secret = Password::new(b"secret").unwrap();
            let mut config = config(profile, *family)
                .with_priority(priority(own))
                .with_owner_listens(listens)
                .with_strict_list(strict)
                .with_exact_checksum(exact);
            if unicast {
                config = config.with_unicast_peers(&peers).unwrap();
            }
            if password && profile == Profile::Rfc2338 {
                config = config.with_password(secret).unwrap();
            }
            let mut raw = Raw::new(profile, *family, 9, theirs);
            if unicast {
                raw.destination = host(*family, OWN);
            }
            for flaw in &flaws {
                match flaw {
                    0 => raw.version ^= 1,
                    1 => raw.kind = 7,
                    2 => raw.vrid += 1,
                    3 => raw.interval = 0,
                    4 => raw.interval = 200,
                    5 => raw.addresses.reverse(),
                    6 => raw.addresses.iter_mut().skip(1).for_each(|other| *other = host(*family, 77)),
                    7 => raw.addresses = vec![host(*family, 77), host(*family, 78)],
                    8 => (raw.addresses, raw.count) = (Vec::new(), 0),
                    9 => raw.source = host(*family, OWN),
                    10 => raw.source = host(*family, 12),
                    11 => raw.destination = host(*family, 99),
                    12 => raw.pseudo_header = true,
                    13 => raw.count += 1,
                    14 => raw.reserved_or_auth = 1,
                    _ => raw.auth = raw.auth.map(|_| *b"secret\0\0"),
                }
            }
            let addresses = virtual_addresses(*family);
            let (mut router, mut bare) = (VirtualRouter::new(config.clone()), Bare::new(&config, &addresses));
            let now = Instant::from_nanos(1_000_000_000_000);
            router.handle(now, Input::PrimaryAddress(Some(host(*family, OWN))));
            router.handle(now, Input::Startup);
            carry_out(&mut router, now);
            bare.step(now, Event::Startup);
            let mut criteria = bare.criteria().with_owner_listens(listens).with_strict_list(strict);
            if unicast {
                criteria = criteria.with_unicast_peers(&peers);
            }
            if let Some(password) = config.password() {
                criteria = criteria.with_password(password);
            }
            if exact {
                criteria = criteria.with_checksum(match profile {
                    Profile::Rfc5798 => vrrp_core::wire::ChecksumForm::PseudoHeader,
                    _ => vrrp_core::wire::ChecksumForm::Message,
                });
            }
            let payload = raw.octets();
            let rx = RxPacket { endpoints: raw.endpoints(), ttl, payload: &payload };
            let mut stats = *router.stats();
            let checked = criteria.accept(&rx, &mut stats);
            prop_assert_eq!(checked.map(|accepted| accepted.advert()), criteria.check(&rx).map(|accepted| accepted.advert()));
            let by_router = router.handle_packet(now, rx);
            let all = |accepted: vrrp_core::Accepted<'_>| {
                let flags = (accepted.other_addresses, accepted.other_interval);
                (accepted.advert(), flags, accepted.version(), accepted.checksum(), accepted.addresses().collect::<Vec<_>>())
            };
            prop_assert_eq!(checked.map(all), by_router.map(all));
            if checked.is_err() {
                prop_assert_eq!(stats, *router.stats());
            }
        }
    }
}

#[test]
fn a_timer_that_is_handed_in_early_uses_up_no_takeover() {
    let family = vrrp_core::Family::Ipv4;
    let addresses = virtual_addresses(family);
    let mut bare = Bare::new(&config(Profile::Rfc3768, family), &addresses);
    let now = Instant::ZERO + Duration::from_secs(1_000);
    assert_eq!(bare.step(now, Event::Startup), (vec![], 0));
    let deadline = bare.contest.deadline(&bare.state).unwrap();
    for millis in 0..50 {
        assert_eq!(bare.step(now + Duration::from_millis(millis), Event::Timer), (vec![], 0));
    }
    assert_eq!(bare.contest.deadline(&bare.state), Some(deadline));
    assert_eq!(bare.step(deadline, Event::Timer), (vec![Effects::ADVERTISE, Effects::INSTALL], 1));
}

/// The order that stands at `Effects`, in each of its cases.
#[test]
fn the_order_of_effects_is_that_of_a_router() {
    let family = vrrp_core::Family::Ipv4;
    let addresses = virtual_addresses(family);
    let config = config(Profile::Rfc3768, family).with_priority(priority(100));
    let mut router = VirtualRouter::new(config.clone());
    let mut bare = Bare::new(&config, &addresses);
    let mut now = Instant::ZERO + Duration::from_secs(1_000);
    router.handle(now, Input::PrimaryAddress(Some(host(family, OWN))));

    let mut both = |router: &mut VirtualRouter, now, event, expected: &[Effects]| {
        let (effects, _) = bare.step(now, event);
        assert_eq!(effects, expected, "{event:?}");
        assert_eq!(carry_out(router, now).0, expected, "{event:?}");
    };
    router.handle(now, Input::Startup);
    both(&mut router, now, Event::Startup, &[]);
    now = router.deadline().unwrap();
    router.handle(now, Input::Timeout);
    both(&mut router, now, Event::Timer, &[Effects::ADVERTISE, Effects::INSTALL]);

    // It hung for longer than its lease, and not so long that another one can have taken over.
    let lease = config.lease().unwrap();
    let silence = lease + Duration::from_millis(1);
    now = now + silence;
    router.handle(now, Input::Timeout);
    let lapsed = match silence < Duration::from_secs(3) {
        true => vec![Effects::REMOVE, Effects::ADVERTISE, Effects::INSTALL],
        false => vec![Effects::REMOVE],
    };
    both(&mut router, now, Event::Lapsed { silence }, &lapsed);
    if router.role() == Role::Backup {
        now = router.deadline().unwrap();
        router.handle(now, Input::Timeout);
        both(&mut router, now, Event::Timer, &[Effects::ADVERTISE, Effects::INSTALL]);
    }

    let raw = Raw::new(Profile::Rfc3768, family, 9, 200);
    router.handle_packet(now, RxPacket { endpoints: raw.endpoints(), ttl: 255, payload: &raw.octets() }).unwrap();
    let better =
        vrrp_core::fsm::Advert { source: host(family, 9), priority: Some(priority(200)), interval: centis(100) };
    both(&mut router, now, Event::Advert(better), &[Effects::REMOVE, Effects::YIELD]);

    now = router.deadline().unwrap();
    router.handle(now, Input::Timeout);
    both(&mut router, now, Event::Timer, &[Effects::ADVERTISE, Effects::INSTALL]);
    router.handle(now, Input::Shutdown);
    both(&mut router, now, Event::Shutdown, &[Effects::RELEASE, Effects::REMOVE]);
}
