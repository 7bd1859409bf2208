//! The steps on the path of a packet: measured in time by `core`, in instructions by `instructions`.
//!
//! `floor/*` is a straight-line function that does the same checks and nothing else: what is past it is ours.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use vrrp_core::fsm::{self, Advert, Event, Params, State};
use vrrp_core::wire::{Endpoints, Packet};
use vrrp_core::{
    AdvertInterval, AdvertKind, Config, Input, Instant, Priority, Profile, RouterSet, RxPacket, Version, VirtualRouter,
    Vrid,
};

/// Takes the step so many times, and tells how long that took; what prepares it does not count.
type Case = fn(u64) -> Duration;

/// Every case by its name.
pub(crate) const ALL: [(&str, Case); 9] = [
    ("floor/parse", |rounds| {
        let octets = advert(1);
        timed(rounds, || parse_floor(black_box(&octets)).unwrap())
    }),
    ("wire/parse", |rounds| {
        let octets = advert(1);
        timed(rounds, || Packet::parse(Version::V2, black_box(&octets), black_box(ENDS)).unwrap())
    }),
    ("floor/encode", |rounds| {
        let mut out = [0; 20];
        timed(rounds, || encode_floor(black_box(&mut out), black_box(100)))
    }),
    ("wire/encode", |rounds| {
        let router = backup(config(1, 100));
        let mut out = [0; 20];
        timed(rounds, || router.encode(AdvertKind::Regular, black_box(ENDS), black_box(&mut out)).unwrap())
    }),
    ("fsm/step", step),
    ("router/advert to deadline", |rounds| {
        let octets = advert(1);
        let rx = RxPacket { ends: ENDS, ttl: 255, payload: &octets };
        let mut router = backup(config(1, 100));
        timed(rounds, || {
            router.handle_packet(Instant::ZERO, black_box(rx)).unwrap();
            drain(&mut router);
            router.deadline()
        })
    }),
    ("set/advert/1", |rounds| set_hears(1, rounds)),
    ("set/advert/255", |rounds| set_hears(255, rounds)),
    ("set/advert/65000", |rounds| set_hears(65_000, rounds)),
];

/// `routers` Backups, 255 on each interface.
pub(crate) fn set_of(routers: u32) -> RouterSet {
    let mut set = RouterSet::new();
    for n in 0..routers {
        let id = set.insert(n / 255, config((n % 255) as u8 + 1, 100)).unwrap();
        set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some(OURS.into())));
        set.handle(Instant::ZERO, id, Input::Startup);
    }
    while set.poll_action().is_some() {}
    set
}

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 251);
const THEIRS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 252);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ENDS: Endpoints = Endpoints::V4 { source: THEIRS, destination: Ipv4Addr::new(224, 0, 0, 18) };

fn timed<T>(rounds: u64, mut step: impl FnMut() -> T) -> Duration {
    let start = std::time::Instant::now();
    (0..rounds).for_each(|_| drop(black_box(step())));
    start.elapsed()
}

fn config(vrid: u8, priority: u8) -> Config {
    let config = Config::new(Profile::Rfc3768, Vrid::new(vrid).unwrap(), &[VIP]).unwrap();
    config.with_priority(Priority::new(priority).unwrap())
}

fn backup(config: Config) -> VirtualRouter {
    let mut router = VirtualRouter::new(config);
    router.handle(Instant::ZERO, Input::PrimaryAddress(Some(OURS.into())));
    router.handle(Instant::ZERO, Input::Startup);
    drain(&mut router);
    router
}

fn drain(router: &mut VirtualRouter) {
    while let Some(action) = router.poll_action() {
        black_box(action);
    }
}

/// What a Master at priority 200 sends.
fn advert(vrid: u8) -> Vec<u8> {
    let mut octets = vec![0; 64];
    let len = backup(config(vrid, 200)).encode(AdvertKind::Regular, ENDS, &mut octets).unwrap();
    octets.truncate(len);
    octets
}

/// Checks version, type, length and checksum of a message with one address and returns its priority.
fn parse_floor(octets: &[u8]) -> Option<u8> {
    let octets: &[u8; 20] = octets.try_into().ok()?;
    let words = octets.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (octets[0] == 0x21 && octets[3] == 1 && sum == 0xffff).then_some(octets[2])
}

fn encode_floor(out: &mut [u8; 20], priority: u8) {
    *out = [0x21, 1, priority, 1, 0, 1, 0, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let sum: u32 = out.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    out[6..8].copy_from_slice(&sum.to_be_bytes());
}

fn step(rounds: u64) -> Duration {
    let params = Params {
        profile: Profile::Rfc3768,
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        preempt: true,
        preempt_hold: Duration::ZERO,
        answer_lower: false,
        last_word: false,
        learned_interval_cap: None,
        coordinated: false,
        primary: OURS.into(),
    };
    let (state, _) = fsm::step(&params, State::Initialize, Instant::ZERO, Event::Startup);
    let higher = Advert { source: THEIRS.into(), priority: Priority::new(200).ok(), interval: AdvertInterval::DEFAULT };
    timed(rounds, || fsm::step(black_box(&params), black_box(state), Instant::ZERO, Event::Advert(black_box(higher))))
}

fn set_hears(routers: u32, rounds: u64) -> Duration {
    let octets = advert(1);
    let rx = RxPacket { ends: ENDS, ttl: 255, payload: &octets };
    let mut set = set_of(routers);
    let mut now = 0;
    timed(rounds, || {
        now += 1;
        set.handle_packet(Instant::from_nanos(now), 0, black_box(rx)).unwrap();
        while set.poll_action().is_some() {}
        set.deadline()
    })
}
