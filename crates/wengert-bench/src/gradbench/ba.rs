//! Bundle adjustment: where cameras see points, and the sparse Jacobian of the errors.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wengert::Tape;

use super::input::{self, Refusal, within};
use super::runs::Evaluation;
use crate::gradient::record;
use crate::objectives::{BundleAdjustment, reprojection_error, weight_error};

const CAMERA: usize = BundleAdjustment::CAMERA;
const POINT: usize = BundleAdjustment::POINT;

/// Cameras, points and observations, a little above the largest problems of the suite; their Jacobian
/// then takes four gigabytes, and 32 bits hold its columns.
const LARGEST: [usize; 3] = [100_000, 10_000_000, 10_000_000];

#[derive(Deserialize)]
struct Input {
    n: usize,
    m: usize,
    p: usize,
    cam: [f64; CAMERA],
    x: [f64; POINT],
    w: f64,
    feat: [f64; 2],
}

impl input::Input for Input {
    fn check(&self) -> Result<(), Refusal> {
        within("n", self.n, 1, LARGEST[0])?;
        within("m", self.m, 1, LARGEST[1])?;
        within("p", self.p, 1, LARGEST[2])
    }
}

impl Input {
    /// The problem in full: what the message says once, repeated.
    fn bundle(&self) -> BundleAdjustment {
        BundleAdjustment::with_data(
            vec![self.cam; self.n],
            vec![self.x; self.m],
            vec![self.w; self.p],
            vec![self.feat; self.p],
        )
    }
}

fn errors(bundle: &BundleAdjustment) -> Errors {
    let weights = bundle.weights().iter();
    Errors {
        reprojection: bundle.errors(),
        weight: weights.map(|&w| weight_error(w)).collect(),
    }
}

/// The rows of the reprojection errors, an observation at a time, then those of the weights.
fn sparse_jacobian(bundle: &BundleAdjustment, tape: &mut Tape) -> Sparse {
    let first_point = CAMERA * bundle.cameras();
    let first_weight = first_point + POINT * bundle.points();
    let observations = bundle.weights().len();
    let mut jacobian = Sparse::with_room_for(observations);
    for i in 0..observations {
        let (camera, point) = bundle.sees(i);
        let (x, errors) = record(tape, &bundle.inputs(i), |x| {
            reprojection_error(x, bundle.feature(i))
        });
        for error in errors {
            let g = error.backward();
            let camera = (0..CAMERA).map(|j| CAMERA * camera + j);
            let point = (0..POINT).map(|j| first_point + POINT * point + j);
            let columns = camera.chain(point).chain([first_weight + i]);
            jacobian.push_row(columns.zip(x.iter().map(|&x| g[x])));
        }
    }
    for (i, &weight) in bundle.weights().iter().enumerate() {
        let (x, error) = record(tape, &[weight], |x| weight_error(x[0]));
        let g = error.backward();
        jacobian.push_row([(first_weight + i, g[x[0]])].into_iter());
    }
    jacobian
}

struct Errors {
    reprojection: Vec<[f64; 2]>,
    weight: Vec<f64>,
}

/// Only the first observation's are sent: all are the same.
impl Serialize for Errors {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Sent {
            reproj_error: Pairs,
            w_err: Numbers,
        }
        #[derive(Serialize)]
        struct Pairs {
            elements: [f64; 2],
            repeated: usize,
        }
        #[derive(Serialize)]
        struct Numbers {
            element: f64,
            repeated: usize,
        }
        Sent {
            reproj_error: Pairs {
                elements: self.reprojection[0],
                repeated: self.reprojection.len(),
            },
            w_err: Numbers {
                element: self.weight[0],
                repeated: self.weight.len(),
            },
        }
        .serialize(serializer)
    }
}

/// A sparse matrix by rows: where each begins, and the columns and values of its entries.
struct Sparse {
    rows: Vec<u32>,
    cols: Vec<u32>,
    vals: Vec<f64>,
}

impl Sparse {
    fn with_room_for(observations: usize) -> Self {
        let entries = (2 * BundleAdjustment::INPUTS + 1) * observations;
        let mut rows = Vec::with_capacity(3 * observations + 1);
        rows.push(0);
        Self {
            rows,
            cols: Vec::with_capacity(entries),
            vals: Vec::with_capacity(entries),
        }
    }

    fn push_row(&mut self, entries: impl Iterator<Item = (usize, f64)>) {
        for (column, value) in entries {
            self.cols.push(column as u32);
            self.vals.push(value);
        }
        self.rows.push(self.cols.len() as u32);
    }
}

/// Of each list only the beginning and the end are sent: the whole would be far too long.
impl Serialize for Sparse {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Sent {
            rows: Vec<u32>,
            cols: Vec<u32>,
            vals: Vec<f64>,
        }
        fn ends<T: Copy>(list: &[T]) -> Vec<T> {
            list.iter().take(30).chain(list.last()).copied().collect()
        }
        Sent {
            rows: ends(&self.rows),
            cols: ends(&self.cols),
            vals: ends(&self.vals),
        }
        .serialize(serializer)
    }
}

pub(super) fn objective(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let bundle = input.bundle();
    runs.measure(|| errors(&bundle))
}

pub(super) fn jacobian(input: &RawValue) -> Result<Evaluation, Refusal> {
    let (input, runs) = input::read::<Input>(input)?;
    let bundle = input.bundle();
    let mut tape = Tape::new();
    runs.measure(|| sparse_jacobian(&bundle, &mut tape))
}
