//! A recurrent network.

use std::ops::Mul;

use super::{Number, Objective, constant, numbers, sum};

/// A stack of LSTM cells with diagonal weights, and the likelihood of a sequence under it.
#[derive(Clone, Debug)]
pub struct Lstm {
    layers: usize,
    width: usize,
    state: Vec<f64>,
    sequence: Vec<f64>,
}

impl Lstm {
    /// With `layers` cells of `width` numbers for a random sequence of `length`.
    #[must_use]
    pub fn new(layers: usize, length: usize, width: usize) -> Self {
        Self::with_data(
            layers,
            width,
            numbers(4, 2 * layers * width, -1.0, 1.0),
            numbers(5, length * width, 0.0, 1.0),
        )
    }

    /// With `layers` cells of `width` numbers that start in `state`, hidden and memory of each layer
    /// in turn, for a `sequence` of steps one after another.
    #[must_use]
    pub fn with_data(layers: usize, width: usize, state: Vec<f64>, sequence: Vec<f64>) -> Self {
        Self {
            layers,
            width,
            state,
            sequence,
        }
    }

    /// Where the cells start, and then the sequence.
    #[must_use]
    pub fn data(&self) -> Vec<f64> {
        [self.state.as_slice(), &self.sequence].concat()
    }

    /// The value at `x`, with [`Self::data`] among the variables.
    pub fn at_data<T: Number>(&self, x: &[T], data: &[T]) -> T {
        let (state, sequence) = data.split_at(self.state.len());
        self.loss(x, state.to_vec(), sequence)
    }

    fn loss<T, P>(&self, x: &[T], mut state: Vec<T>, sequence: &[P]) -> T
    where
        T: Number + Mul<P, Output = T>,
        P: Copy,
    {
        let b = self.width;
        let (main, extra) = x.split_at(8 * self.layers * b);
        let mut input: Vec<T> = Vec::with_capacity(b);
        let steps: Vec<&[P]> = sequence.chunks(b).collect();

        let mut loss: Option<T> = None;
        for (now, next) in steps.iter().zip(&steps[1..]) {
            input.clear();
            input.extend((0..b).map(|j| extra[j] * now[j]));
            for (cell, weights) in state.chunks_mut(2 * b).zip(main.chunks(8 * b)) {
                let (weights, biases) = weights.split_at(4 * b);
                let (hidden, memory) = cell.split_at_mut(b);
                for j in 0..b {
                    let gate = |g: usize, x: T| x * weights[g * b + j] + biases[g * b + j];
                    let forget = sigmoid(gate(0, input[j]));
                    let ingate = sigmoid(gate(1, hidden[j]));
                    let outgate = sigmoid(gate(2, input[j]));
                    let change = gate(3, hidden[j]).tanh();
                    memory[j] = memory[j] * forget + ingate * change;
                    hidden[j] = outgate * memory[j].tanh();
                    input[j] = hidden[j];
                }
            }
            let outputs: Vec<T> = (0..b)
                .map(|j| input[j] * extra[b + j] + extra[2 * b + j])
                .collect();
            let normaliser = (sum(outputs.iter().map(|y| y.exp())) + 2.0).ln();
            for (&y, &target) in outputs.iter().zip(*next) {
                let term = (y - normaliser) * target;
                loss = Some(loss.map_or(term, |loss| loss + term));
            }
        }
        -loss.expect("a sequence of two steps or more") / ((steps.len() - 1) * b) as f64
    }
}

fn sigmoid<T: Number>(x: T) -> T {
    ((-x).exp() + 1.0).recip()
}

impl Objective for Lstm {
    fn describe(&self) -> String {
        format!(
            "an LSTM's log likelihood, l {}, c {}, b {}",
            self.layers,
            self.sequence.len() / self.width,
            self.width
        )
    }
    fn point(&self) -> Vec<f64> {
        numbers(6, (8 * self.layers + 3) * self.width, -1.0, 1.0)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        let state = self.state.iter().map(|&s| constant(s)).collect();
        self.loss(x, state, &self.sequence)
    }
}
