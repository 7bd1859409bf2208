//! `cargo bench -p vrrp-benches --bench core`: packets, decisions, one router, many routers, a configuration, the simulator,
//! in time.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]
#![expect(missing_docs, reason = "criterion_group! makes a public function")]

mod cases;
mod floor;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vrrp_core::sim::{Invariants, Link, Sim};
use vrrp_core::{Config, Instant, Priority, Profile, Vrid};
use vrrp_examples::vrrpd::keepalived;

fn steps(c: &mut Criterion) {
    for mut case in cases::all() {
        (case.run)(1);
        assert_eq!(measure(|| _ = (case.run)(1_000)).count_total, 0, "{} allocates", case.name);
        c.bench_function(&case.name, |b| b.iter_custom(&mut case.run));
    }
}

/// Every Master of a set of Backups is gone: all take over, and their hosts confirm the addresses.
fn mass_failure(c: &mut Criterion) {
    let mut group = c.benchmark_group("set/mass failure");
    group.sample_size(10);
    let fail = |set: &mut _| {
        let now = Instant::from_nanos(10_000_000_000);
        vrrp_core::RouterSet::handle_timeout(set, now);
        cases::carry_out(set, now);
    };
    for routers in cases::SIZES {
        // Built, not cloned: a clone has not kept the room for all to be busy at once.
        let set = || cases::set_of(routers, 100);
        let mut failed = set();
        assert_eq!(measure(|| fail(&mut failed)).count_total, 0, "a takeover allocates");
        assert!(failed.iter().all(|(_, router)| router.installed() == 1));
        group.bench_function(BenchmarkId::from_parameter(routers), |b| {
            b.iter_batched_ref(set, fail, BatchSize::PerIteration)
        });
    }
}

fn configuration(c: &mut Criterion) {
    let mut text = String::new();
    for n in 0..10_000 {
        let (interface, vrid) = (n / 250, n % 250 + 1);
        write!(
            text,
            "vrrp_instance VI_{n} {{\n    state BACKUP\n    interface vlan{interface}\n    virtual_router_id {vrid}\n    \
             priority 100\n    advert_int 1\n    virtual_ipaddress {{\n        10.{interface}.{vrid}.1/24\n    }}\n}}\n"
        )
        .unwrap();
    }
    assert_eq!(keepalived::parse_str("bench.conf", &text).unwrap().daemon.instances.len(), 10_000);
    let mut group = c.benchmark_group("configuration");
    group.sample_size(10);
    group.bench_function("10000 instances", |b| b.iter(|| keepalived::parse_str("bench.conf", black_box(&text))));
}

/// A quiet LAN, every step checked. An element is one second of one router.
fn simulator(c: &mut Criterion) {
    const ROUTERS: u8 = 5;
    const SPAN: Duration = Duration::from_secs(10_000);
    let lan = || {
        let mut sim = Sim::new(1);
        let lan = sim.add_lan(Link::GOOD);
        for number in 0..ROUTERS {
            let config = Config::new(Profile::Rfc3768, Vrid::new(1).unwrap(), &["192.0.2.1".parse().unwrap()]).unwrap();
            let host = sim.add_host();
            sim.add_router(host, lan, config.with_priority(Priority::new(100 + number).unwrap())).unwrap();
        }
        sim.add_check(Invariants::new());
        sim
    };
    let mut group = c.benchmark_group("simulator");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(ROUTERS) * SPAN.as_secs()));
    group.bench_function("five routers every second", |b| {
        b.iter_batched_ref(lan, |sim| sim.run_until(Instant::ZERO + SPAN).unwrap(), BatchSize::PerIteration)
    });
}

criterion_group!(benches, steps, mass_failure, configuration, simulator);
criterion_main!(benches);
