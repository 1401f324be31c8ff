//! Gradient descent with momentum.

use std::f64::consts::PI;
use std::sync::RwLock;
use std::thread;

use indicatif::ProgressBar;
use ndarray::ArrayD;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use slotmap::SecondaryMap;
use wengert::Tape;
use wengert_examples::options::bar_style;
use wengert_examples::{Batch, Crew, Epoch, Error, Images, Param, Params};

use super::network::{Network, Pass};
use super::options::Options;

/// Images that a thread works on at a time. It does not depend on the number of threads, and so neither does any sum.
const SHARD: usize = 16;
/// How much of its speed the descent keeps from step to step.
const MOMENTUM: f64 = 0.9;
/// How many lines are printed on the way.
const LINES: usize = 6;
const LOCK: &str = "a thread that panics takes the others with it";

/// Trains the network on `images`; those that are held out only measure the progress.
///
/// # Errors
/// If the loss is no longer finite.
pub fn train(
    options: &Options,
    network: Network,
    images: &Images,
    held_out: &Images,
    rng: &mut ChaCha8Rng,
) -> Result<(Network, Vec<Epoch>), Error> {
    let steps = options.epochs * images.len().div_ceil(options.batch.get());
    let bar = ProgressBar::new(steps as u64).with_style(bar_style());
    let mut momentum = Momentum::new(&network.params);
    let mut order: Vec<usize> = (0..images.len()).collect();
    let mut history = Vec::new();

    let shared = RwLock::new(network);
    thread::scope(|scope| {
        let network = &shared;
        // Each thread keeps a tape of its own, whose memory every step uses again.
        let mut crew = Crew::start(scope, options.threads(), move || {
            let mut tape = Tape::new();
            move |shard: Batch| network.read().expect(LOCK).pass(&mut tape, &shard)
        });
        for epoch in 1..=options.epochs {
            let (mut loss, mut correct) = (0.0, 0);
            order.shuffle(rng);
            for batch in order.chunks(options.batch.get()) {
                let passes = crew.run(images.jittered_batch(batch, rng).shards(SHARD));
                loss += passes.iter().map(|pass| pass.loss).sum::<f64>();
                correct += passes.iter().map(|pass| pass.correct).sum::<usize>();
                let done = bar.position() as f64 / steps as f64;
                let rate = options.learning_rate * (1.0 + (PI * done).cos()) / 2.0;
                let mut network = network.write().expect(LOCK);
                momentum.step(&mut network.params, &passes, rate / batch.len() as f64);
                bar.inc(1);
            }
            let (test_loss, confusion) = network.read().expect(LOCK).test(held_out);
            let reached = Epoch {
                train_loss: loss / images.len() as f64,
                test_loss,
                train_accuracy: correct as f64 / images.len() as f64,
                test_accuracy: confusion.accuracy(),
            };
            history.push(reached);
            if !reached.train_loss.is_finite() {
                return Err(Error::Option(format!(
                    "the loss is {} in epoch {epoch}; try a smaller --learning-rate than {}",
                    reached.train_loss, options.learning_rate,
                )));
            }
            let line = format!(
                "loss {:.4}  accuracy {:5.1} %  held out {:5.1} %",
                reached.train_loss,
                100.0 * reached.train_accuracy,
                100.0 * reached.test_accuracy,
            );
            if epoch % options.epochs.div_ceil(LINES) == 0 || epoch == 1 {
                bar.suspend(|| println!("epoch {epoch:>4}  {line}"));
            }
            bar.set_message(line);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok((shared.into_inner().expect(LOCK), history))
}

/// The running direction of the descent, one array for each parameter.
struct Momentum(SecondaryMap<Param, ArrayD<f64>>);

impl Momentum {
    fn new(params: &Params) -> Momentum {
        let zeros = params
            .iter()
            .map(|(key, p)| (key, ArrayD::zeros(p.shape())));
        Momentum(zeros.collect())
    }

    /// Turns towards the sum of the gradients, and takes a step.
    fn step(&mut self, params: &mut Params, passes: &[Pass], rate: f64) {
        for (key, velocity) in &mut self.0 {
            *velocity *= MOMENTUM;
            for pass in passes {
                velocity.scaled_add(-rate, &pass.gradients[key]);
            }
            params[key] += &*velocity;
        }
    }
}
