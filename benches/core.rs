//! `cargo bench -p vrrp-benches`: packets, decisions, one router, many routers.
//!
//! `floor/*` is a straight-line function that does the same checks and nothing else: what is past it is ours.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use vrrp_core::fsm::{self, Advert, Event, Params, State};
use vrrp_core::wire::{Endpoints, Packet};
use vrrp_core::{
    AdvertInterval, AdvertKind, Config, Input, Instant, Priority, Profile, RouterSet, RxPacket, Version, VirtualRouter,
    Vrid,
};

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 251);
const THEIRS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 252);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ENDS: Endpoints = Endpoints::V4 { source: THEIRS, destination: Ipv4Addr::new(224, 0, 0, 18) };

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

fn wire(c: &mut Criterion) {
    let octets = advert(1);
    c.bench_function("floor/parse", |b| b.iter(|| parse_floor(black_box(&octets)).unwrap()));
    c.bench_function("wire/parse", |b| {
        b.iter(|| Packet::parse(Version::V2, black_box(&octets), black_box(ENDS)).unwrap())
    });
    let router = backup(config(1, 100));
    let mut out = [0; 20];
    c.bench_function("floor/encode", |b| b.iter(|| encode_floor(black_box(&mut out), black_box(100))));
    c.bench_function("wire/encode", |b| {
        b.iter(|| router.encode(AdvertKind::Regular, black_box(ENDS), black_box(&mut out)))
    });
}

fn decide(c: &mut Criterion) {
    let params = Params {
        profile: Profile::Rfc3768,
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        preempt: true,
        preempt_hold: std::time::Duration::ZERO,
        answer_lower: false,
        last_word: false,
        learned_interval_cap: None,
        coordinated: false,
        primary: OURS.into(),
    };
    let (state, _) = fsm::step(&params, State::Initialize, Instant::ZERO, Event::Startup);
    let higher = Advert { source: THEIRS.into(), priority: Priority::new(200).ok(), interval: AdvertInterval::DEFAULT };
    c.bench_function("fsm/step", |b| {
        b.iter(|| fsm::step(black_box(&params), black_box(state), Instant::ZERO, Event::Advert(black_box(higher))))
    });
    let octets = advert(1);
    let rx = RxPacket { ends: ENDS, ttl: 255, payload: &octets };
    let mut router = backup(config(1, 100));
    c.bench_function("router/advert to deadline", |b| {
        b.iter(|| {
            router.handle_packet(Instant::ZERO, black_box(rx)).unwrap();
            drain(&mut router);
            router.deadline()
        })
    });
}

/// `routers` Backups, 255 on each interface.
fn set_of(routers: u32) -> RouterSet {
    let mut set = RouterSet::new();
    for n in 0..routers {
        let id = set.insert(n / 255, config((n % 255) as u8 + 1, 100)).unwrap();
        set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some(OURS.into())));
        set.handle(Instant::ZERO, id, Input::Startup);
    }
    while set.poll_action().is_some() {}
    set
}

fn many(c: &mut Criterion) {
    let mut group = c.benchmark_group("set");
    for routers in [1, 255, 4096, 65_000] {
        let octets = advert(1);
        let rx = RxPacket { ends: ENDS, ttl: 255, payload: &octets };
        let mut set = set_of(routers);
        let mut now = 0;
        group.bench_function(BenchmarkId::new("advert", routers), |b| {
            b.iter(|| {
                now += 1;
                set.handle_packet(Instant::from_nanos(now), 0, black_box(rx)).unwrap();
                while set.poll_action().is_some() {}
                set.deadline()
            })
        });
        let set = set_of(routers);
        group.bench_function(BenchmarkId::new("mass takeover", routers), |b| {
            b.iter_batched(
                || set.clone(),
                |mut set| {
                    set.handle_timeout(Instant::MAX);
                    while let Some(action) = set.poll_action() {
                        black_box(action);
                    }
                    set
                },
                BatchSize::LargeInput,
            )
        });
    }
}

criterion_group!(benches, wire, decide, many);
criterion_main!(benches);
