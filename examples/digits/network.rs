//! The network, its loss, and its gradients.

use ndarray::{Array1, Array2, ArrayD};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use wengert::{Tape, Tensor, Var};
use wengert_check::{Check, Report};
use wengert_examples::{Batch, Confusion, Images, Params};

use super::options::Activation;

/// A network of layers `activation(x w + b)`; the last one has no activation.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// A weight `[inputs, outputs]` and a bias `[outputs]` for each layer, from the first to the last.
    pub params: Params,
    /// What stands between the layers.
    pub activation: Activation,
}

/// What some images say about a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// Sum of the images' losses.
    pub loss: f64,
    /// How many of the images were recognised.
    pub correct: usize,
    /// The gradient of `loss` by each parameter.
    pub gradients: Vec<ArrayD<f64>>,
}

impl Network {
    /// A network with layers of these widths and random weights.
    pub fn new(layers: &[usize], activation: Activation, rng: &mut ChaCha8Rng) -> Network {
        let mut params = Params::new();
        for (k, width) in layers.windows(2).enumerate() {
            let scale = (activation.gain() / width[0] as f64).sqrt();
            let weight = Array2::from_shape_simple_fn((width[0], width[1]), || {
                let normal: f64 = StandardNormal.sample(rng);
                scale * normal
            });
            params.push(format!("layer{k}.weight"), weight.into_dyn());
            params.push(format!("layer{k}.bias"), Array1::zeros(width[1]).into_dyn());
        }
        Network { params, activation }
    }

    /// Records the network: from images, one a row, to the score of each class, one row for each image.
    pub fn scores(&self, params: &[Tensor], images: Tensor) -> Tensor {
        let mut x = images;
        for (k, layer) in params.chunks(2).enumerate() {
            if k > 0 {
                x = self.activation.apply(x);
            }
            x = x.matmul(layer[0]) + layer[1];
        }
        x
    }

    /// Records the network on the tape and asks the loss for its gradients.
    pub fn pass(&self, tape: &mut Tape, batch: &Batch) -> Pass {
        tape.clear();
        let arrays = self.params.arrays();
        let params: Vec<Tensor> = arrays.iter().map(|p| tape.tensor(p)).collect();
        let scores = self.scores(&params, tape.constant(&batch.pixels));
        let loss = summed_loss(scores, batch);
        let gradients = loss.backward();

        let guesses = scores.argmax(1);
        let pairs = guesses.iter().zip(&batch.labels);
        Pass {
            loss: loss.value(),
            correct: pairs.filter(|(guess, label)| guess == label).count(),
            gradients: params.iter().map(|&p| gradients[p].clone()).collect(),
        }
    }

    /// The mean loss over images that are not trained on, and which of them are taken for which.
    pub fn test(&self, images: &Images) -> (f64, Confusion) {
        let (mut tape, arrays) = (Tape::new(), self.params.arrays());
        let mut loss = 0.0;
        let mut confusion = Confusion::new(self.classes());
        let order: Vec<usize> = (0..images.len()).collect();
        for some in order.chunks(256) {
            let batch = images.batch(some);
            tape.clear();
            let params: Vec<Tensor> = arrays.iter().map(|p| tape.constant(p)).collect();
            let scores = self.scores(&params, tape.constant(&batch.pixels));
            loss += summed_loss(scores, &batch).value();
            for (&label, &guess) in batch.labels.iter().zip(&scores.argmax(1)) {
                confusion.count(label, guess);
            }
        }
        (loss / images.len() as f64, confusion)
    }

    /// Compares the gradient of some images' loss with differences of that loss, for random parameters and random directions.
    pub fn check_gradient(&self, batch: &Batch) -> Report {
        let pass_at = |point: &[f64]| {
            let mut network = self.clone();
            network.params.set_flat(point);
            network.pass(&mut Tape::new(), batch)
        };
        let value = |point: &[f64]| pass_at(point).loss;
        let gradient = |point: &[f64]| pass_at(point).gradients.iter().flatten().copied().collect();
        Check::new()
            .named("the loss")
            .inputs(&self.params.shapes())
            .gradient(value, gradient, &self.params.flat())
    }

    fn classes(&self) -> usize {
        self.params.arrays().last().map_or(0, |bias| bias.len())
    }
}

/// The cross-entropy, summed over the images.
fn summed_loss(scores: Tensor, batch: &Batch) -> Var {
    scores.cross_entropy(&batch.labels) * batch.len() as f64
}
