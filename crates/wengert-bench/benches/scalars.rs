//! Recording and sweeping scalars, for whoever tunes the engine.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wengert::{Tape, Var};
use wengert_bench::objectives::{Lstm, Objective as _};

/// A million multiplications and additions, one after the other.
fn chain(tape: &Tape) -> Var {
    let (a, b) = (tape.var(0.999_999), tape.var(1e-6));
    let mut y = a;
    for _ in 0..500_000 {
        y = y * a + b;
    }
    y
}

fn scalars(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scalars");
    group.sample_size(20);

    let mut tape = Tape::new();
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("record a chain", |bencher| {
        bencher.iter(|| {
            tape.clear();
            chain(&tape)
        });
    });
    let tape = Tape::new();
    let y = chain(&tape);
    group.bench_function("sweep a chain", |bencher| bencher.iter(|| y.backward()));

    let lstm = Lstm::new(2, 200, 14);
    let x = lstm.point();
    let mut tape = Tape::new();
    let y = lstm.evaluate(&tape.vars(&x));
    group.throughput(Throughput::Elements((tape.len() - x.len()) as u64));
    group.bench_function("sweep an LSTM", |bencher| bencher.iter(|| y.backward()));
    group.bench_function("record an LSTM", |bencher| {
        bencher.iter(|| {
            tape.clear();
            lstm.evaluate(&tape.vars(&x))
        });
    });
    group.finish();
}

criterion_group!(benches, scalars);
criterion_main!(benches);
