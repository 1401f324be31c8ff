//! Training steps on tensors, for whoever tunes the engine.

use criterion::{Criterion, criterion_group, criterion_main};
use wengert::Tape;
use wengert_bench::training::{Chain, Kind, Perceptron, Training, step};

fn tensors(criterion: &mut Criterion) {
    let sample = Perceptron::new(&[2, 16, 16, 1], 1, Kind::Tanh);
    bench(criterion, "one sample, 2-16-16-1", sample);
    let batch = Perceptron::new(&[784, 128, 10], 32, Kind::Relu);
    bench(criterion, "784-128-10, batch 32", batch);
    bench(
        criterion,
        "a chain of 1000 on vectors of 1000",
        Chain::new(1000, 1000),
    );
}

fn bench(criterion: &mut Criterion, name: &str, mut training: impl Training<f32>) {
    let mut tape = Tape::new_f32();
    training.record_data(&tape);
    let start = tape.mark();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| step(&mut training, &mut tape, start));
    });
}

criterion_group!(benches, tensors);
criterion_main!(benches);
