//! `cargo bench -p vrrp-benches --bench core`: packets, decisions, one router, many routers, in time.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

mod cases;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use vrrp_core::Instant;

fn steps(c: &mut Criterion) {
    for (name, case) in cases::ALL {
        c.bench_function(name, |b| b.iter_custom(case));
    }
}

fn mass_takeover(c: &mut Criterion) {
    let mut group = c.benchmark_group("set/mass takeover");
    for routers in [1, 255, 4096, 65_000] {
        let set = cases::set_of(routers);
        group.bench_function(BenchmarkId::from_parameter(routers), |b| {
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

criterion_group!(benches, steps, mass_takeover);
criterion_main!(benches);
