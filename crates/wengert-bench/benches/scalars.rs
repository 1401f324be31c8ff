//! Recording and sweeping scalars, for whoever tunes the engine.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wengert::{Program, Tape, Var};
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

    // A sum of products: of fresh handles, of handles older than the last rewind, and of constants as generic
    // code makes them.
    let numbers: Vec<f64> = (0..1000).map(|i| f64::from(i % 17) + 0.5).collect();
    group.throughput(Throughput::Elements(2000));
    let mut tape = Tape::new();
    let weights = tape.vars(&numbers);
    let mark = tape.mark();
    let dot = |w: &[Var], x: Var| w.iter().fold(x, |sum, &w| sum + w * x);
    group.bench_function("record with handles older than a rewind", |bencher| {
        bencher.iter(|| {
            tape.rewind(mark);
            dot(&weights, tape.var(0.5))
        });
    });
    let constants: Vec<Var> = numbers.iter().map(|&c| Var::constant(c)).collect();
    group.bench_function("record with constants", |bencher| {
        bencher.iter(|| {
            tape.rewind(mark);
            dot(&constants, tape.var(0.5))
        });
    });
    group.bench_function("record with fresh handles", |bencher| {
        bencher.iter(|| {
            tape.rewind(mark);
            let x = tape.var(0.5);
            weights.iter().fold(x, |sum, _| sum + x * x)
        });
    });

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

/// A logistic regression's loss over points, by one program in lanes.
fn points(criterion: &mut Criterion) {
    const INPUTS: usize = 16;
    const POINTS: usize = 10_000;

    let mut group = criterion.benchmark_group("points");
    group.throughput(Throughput::Elements(POINTS as u64));
    macro_rules! gradient {
        ($name:literal, $t:ty, $record:path) => {
            let number = |k: usize| ((k * 7919 + 1) % 1009) as $t / 1009.0 - 0.5;
            let weights: Vec<$t> = (0..INPUTS).map(number).collect();
            let column = |k: usize| (0..POINTS).map(|i| number(i * INPUTS + k)).collect();
            let columns: Vec<Vec<$t>> = (0..INPUTS).map(column).collect();
            let loss = |x: &[Var<$t>]| {
                let (w, point) = x.split_at(INPUTS);
                let terms = w.iter().zip(point).map(|(&w, &x)| w * x);
                terms.sum::<Var<$t>>().softplus()
            };
            let program = $record(loss, &[0.5; 2 * INPUTS]).expect("no branches");
            let lanes = program.lanes(INPUTS);
            let over = lanes.over(&weights, &columns).expect("a column each");
            group.bench_function($name, |bencher| bencher.iter(|| over.sum_and_gradient()));
        };
    }
    gradient!("gradient, f64", f64, Program::record);
    gradient!("gradient, f32", f32, Program::record_f32);
    group.finish();
}

criterion_group!(benches, scalars, points);
criterion_main!(benches);
