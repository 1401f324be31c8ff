//! Bundle adjustment: where cameras see points, and the sparse Jacobian of the errors.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wengert::Program;

use super::input::{self, Refusal, within};
use super::runs::Evaluation;
use crate::objectives::{BundleAdjustment, reprojection_error_of_all, weight_error};

const CAMERA: usize = BundleAdjustment::CAMERA;
const POINT: usize = BundleAdjustment::POINT;
/// Observations whose rows are found together: so few that they stay in a cache, where no two columns are a power of
/// two apart.
const BLOCK: usize = 960;

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

/// The rows of the reprojection errors, then those of the weights: a program of each, over blocks of observations.
///
/// Every camera is the same, so the branch for one that is not turned goes one way for all.
fn sparse_jacobian(bundle: &BundleAdjustment) -> Sparse {
    const ALIKE: &str = "all observations take the same branch";
    let first_point = CAMERA * bundle.cameras();
    let first_weight = first_point + POINT * bundle.points();
    let weights = bundle.weights();
    let mut jacobian = Sparse::with_room_for(weights.len());

    let example = bundle.inputs_and_feature(0);
    let errors = Program::record(reprojection_error_of_all, &example).expect(ALIKE);
    let errors = errors
        .lanes(0)
        .with_data(example.len() - BundleAdjustment::INPUTS);
    let mut columns = vec![vec![0.0; BLOCK]; example.len()];
    for start in (0..weights.len()).step_by(BLOCK) {
        let block = start..weights.len().min(start + BLOCK);
        for (place, i) in block.clone().enumerate() {
            let all = bundle.inputs_and_feature(i);
            columns
                .iter_mut()
                .zip(all)
                .for_each(|(to, x)| to[place] = x);
        }
        let columns: Vec<&[f64]> = columns
            .iter()
            .map(|column| &column[..block.len()])
            .collect();
        let over = errors.over(&[], &columns).expect(ALIKE);
        let found = over.jacobians().expect(ALIKE);
        let found = found.as_slice().expect("in C order");
        for (i, of_both) in block.zip(found.chunks(2 * BundleAdjustment::INPUTS)) {
            let (camera, point) = bundle.sees(i);
            for of_one in of_both.chunks(BundleAdjustment::INPUTS) {
                let camera = (0..CAMERA).map(|j| CAMERA * camera + j);
                let point = (0..POINT).map(|j| first_point + POINT * point + j);
                let columns = camera.chain(point).chain([first_weight + i]);
                jacobian.push_row(columns, of_one);
            }
        }
    }

    let errors = Program::record(|x| weight_error(x[0]), &weights[..1]).expect(ALIKE);
    let columns = [weights];
    let errors = errors.lanes(0);
    let over = errors.over(&[], &columns).expect(ALIKE);
    for (i, &g) in over.point_gradients().expect(ALIKE).iter().enumerate() {
        jacobian.push_row([first_weight + i].into_iter(), &[g]);
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

    fn push_row(&mut self, columns: impl Iterator<Item = usize>, values: &[f64]) {
        self.cols.extend(columns.map(|column| column as u32));
        self.vals.extend_from_slice(values);
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
    runs.measure(|| sparse_jacobian(&bundle))
}

#[cfg(test)]
mod tests {
    use wengert::Tape;

    use super::*;
    use crate::gradient::record;
    use crate::objectives::reprojection_error;

    #[test]
    fn blocks_hold_each_observation_at_its_camera_and_its_point() {
        let (cameras, points, observations) = (3, 7, 2 * BLOCK + 5);
        let bundle = BundleAdjustment::new(cameras, points, observations);
        let jacobian = sparse_jacobian(&bundle);
        assert_eq!(jacobian.rows.len(), 3 * observations + 1);
        let row = |row: usize| {
            let entries = jacobian.rows[row] as usize..jacobian.rows[row + 1] as usize;
            (&jacobian.cols[entries.clone()], &jacobian.vals[entries])
        };
        let mut tape = Tape::new();
        for i in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 4] {
            let weight = (11 * cameras + 3 * points + i) as u32;
            let (camera, point) = ((i % cameras) as u32, (i % points) as u32);
            let (x, errors) = record(&mut tape, &bundle.inputs(i), |x| {
                reprojection_error(x, bundle.feature(i))
            });
            for (error, row_of) in errors.iter().zip([2 * i, 2 * i + 1]) {
                let (columns, values) = row(row_of);
                assert_eq!(
                    columns[..11],
                    (11 * camera..11 * camera + 11).collect::<Vec<_>>()
                );
                assert_eq!(columns[11], 33 + 3 * point);
                assert_eq!(columns[14], weight);
                let g = error.backward();
                for (&x, value) in x.iter().zip(values) {
                    assert!((g[x] - value).abs() < 1e-12, "{} is not {value}", g[x]);
                }
            }
            let of_weight = [-2.0 * bundle.weights()[i]];
            assert_eq!(row(2 * observations + i), (&[weight][..], &of_weight[..]));
        }
    }
}
