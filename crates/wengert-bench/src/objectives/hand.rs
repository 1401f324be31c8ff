//! Hand tracking: how far observed points are from the skin of a posed hand.

use std::collections::HashMap;
use std::ops::{Mul, Range};

use serde::{Deserialize, Serialize};
use wengert::Var;

use super::{Number, constant, numbers};

/// The parameters of a pose.
pub(crate) const PARAMETERS: usize = 26;
/// The wrist, the forearm, and four for each of five fingers.
pub(crate) const BONES: usize = 22;

type Matrix<T> = [[T; 4]; 4];

/// What a hand is described by: numbers as they are, or a program's inputs.
pub(crate) trait Data<T>: Number {
    /// The number among those that depend on the pose.
    fn lifted(self) -> T;
}

impl<T: Number> Data<T> for f64 {
    fn lifted(self) -> T {
        constant(self)
    }
}

impl Data<Var> for Var {
    fn lifted(self) -> Var {
        self
    }
}

/// A hand, and points that were seen on its skin.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Hand<P = f64> {
    pub(crate) model: Model<P>,
    pub(crate) correspondences: Vec<usize>,
    pub(crate) points: Vec<[P; 3]>,
}

/// The bones of a hand, and how they pull its skin.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Model<P = f64> {
    pub(crate) parents: Vec<i64>,
    pub(crate) base_relatives: Vec<Matrix<P>>,
    pub(crate) inverse_base_absolutes: Vec<Matrix<P>>,
    pub(crate) base_positions: Vec<[P; 4]>,
    pub(crate) weights: Vec<Vec<P>>,
    pub(crate) triangles: Vec<[usize; 3]>,
    pub(crate) is_mirrored: bool,
}

/// A hand in a pose: what takes each bone from where it rests, and then the whole hand.
pub(crate) struct Posed<'m, T, P = f64> {
    model: &'m Model<P>,
    bones: Vec<Matrix<T>>,
    rotation: [[T; 3]; 3],
    translation: [T; 3],
}

impl<'m, T: Number + Mul<P, Output = T>, P: Data<T>> Posed<'m, T, P> {
    pub(crate) fn new(model: &'m Model<P>, theta: &[T]) -> Self {
        let mut absolutes: Vec<Matrix<T>> = Vec::with_capacity(model.parents.len());
        for (bone, &parent) in model.parents.iter().enumerate() {
            let turn = euler_rotation(euler_angles(theta, bone));
            let relative = product(&lifted(&model.base_relatives[bone]), &turn);
            // The root's parent is -1, which is no index.
            let parent = usize::try_from(parent).ok();
            absolutes.push(match parent {
                Some(parent) => product(&absolutes[parent], &relative),
                None => relative,
            });
        }
        let inverses = model.inverse_base_absolutes.iter();
        Self {
            model,
            bones: absolutes
                .iter()
                .zip(inverses)
                .map(|(absolute, inverse)| product(absolute, &lifted(inverse)))
                .collect(),
            rotation: axis_rotation([theta[0], theta[1], theta[2]]),
            translation: [theta[3], theta[4], theta[5]],
        }
    }

    /// A point of the skin: each bone pulls it along by its weight.
    fn vertex(&self, vertex: usize) -> [T; 3] {
        let at_rest = &self.model.base_positions[vertex];
        let mut place = [T::zero(); 3];
        for (bone, &weight) in self.bones.iter().zip(&self.model.weights[vertex]) {
            // Few bones have a share in a point.
            if weight.is_zero() {
                continue;
            }
            for (x, row) in place.iter_mut().zip(bone) {
                for (&entry, &rest) in row.iter().zip(at_rest) {
                    *x += entry * (weight * rest);
                }
            }
        }
        if self.model.is_mirrored {
            place[0] = -place[0];
        }
        [0, 1, 2].map(|i| {
            let row = &self.rotation[i];
            row[0] * place[0] + row[1] * place[1] + row[2] * place[2] + self.translation[i]
        })
    }
}

/// The angles about x, z and y of a bone; the global pose has the first six parameters.
fn euler_angles<T: Number>(theta: &[T], bone: usize) -> [T; 3] {
    let rest = [T::zero(); 3];
    // Two bones before the fingers do not turn, nor does the last of each finger.
    let Some(place) = bone.checked_sub(2).filter(|&place| place < BONES - 2) else {
        return rest;
    };
    let finger = &theta[6 + 4 * (place / 4)..][..4];
    match place % 4 {
        0 => [finger[0], finger[1], rest[2]],
        1 => [finger[2], rest[1], rest[2]],
        2 => [finger[3], rest[1], rest[2]],
        _ => rest,
    }
}

/// A rotation about x, then y, then z.
fn euler_rotation<T: Number>([x, z, y]: [T; 3]) -> Matrix<T> {
    let (zero, one) = (T::zero(), T::one());
    let ([sx, cx], [sy, cy], [sz, cz]) = (turn(x), turn(y), turn(z));
    let rx = [
        [one, zero, zero, zero],
        [zero, cx, -sx, zero],
        [zero, sx, cx, zero],
        [zero, zero, zero, one],
    ];
    let ry = [
        [cy, zero, sy, zero],
        [zero, one, zero, zero],
        [-sy, zero, cy, zero],
        [zero, zero, zero, one],
    ];
    let rz = [
        [cz, -sz, zero, zero],
        [sz, cz, zero, zero],
        [zero, zero, one, zero],
        [zero, zero, zero, one],
    ];
    product(&product(&rz, &ry), &rx)
}

fn turn<T: Number>(angle: T) -> [T; 2] {
    [angle.sin(), angle.cos()]
}

/// A rotation about an axis whose length is the angle.
fn axis_rotation<T: Number>(axis: [T; 3]) -> [[T; 3]; 3] {
    let (zero, one) = (T::zero(), T::one());
    let angle = (axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]).sqrt();
    if angle < constant(1e-4) {
        return [[one, zero, zero], [zero, one, zero], [zero, zero, one]];
    }
    let [x, y, z] = axis.map(|x| x / angle);
    let [s, c] = turn(angle);
    let rest = one - c;
    [
        [x * x * rest + c, x * y * rest - z * s, x * z * rest + y * s],
        [x * y * rest + z * s, y * y * rest + c, y * z * rest - x * s],
        [x * z * rest - y * s, y * z * rest + x * s, z * z * rest + c],
    ]
}

fn lifted<T, P: Data<T>>(matrix: &Matrix<P>) -> Matrix<T> {
    matrix.map(|row| row.map(P::lifted))
}

fn product<T: Number>(a: &Matrix<T>, b: &Matrix<T>) -> Matrix<T> {
    a.map(|row| {
        [0, 1, 2, 3]
            .map(|j| row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j] + row[3] * b[3][j])
    })
}

impl Hand {
    /// A random hand with so many corners of its skin, each pulled by three bones, seen at so many of them.
    #[must_use]
    pub fn new(vertices: usize, observations: usize) -> Self {
        let parent = |bone: usize| match bone {
            0 => -1,
            1 => 0,
            _ if bone % 4 == 2 => 1,
            _ => bone as i64 - 1,
        };
        let matrices = |seed| {
            let entries = numbers(seed, 12 * BONES, -0.6, 0.6);
            let rows = entries.as_chunks::<4>().0.as_chunks::<3>().0;
            let matrix = |&[x, y, z]: &[[f64; 4]; 3]| [x, y, z, [0.0, 0.0, 0.0, 1.0]];
            rows.iter().map(matrix).collect()
        };
        let pulls = numbers(20, 3 * vertices, 0.1, 0.6);
        let weights = pulls
            .as_chunks::<3>()
            .0
            .iter()
            .enumerate()
            .map(|(vertex, pulls)| {
                let mut weights = vec![0.0; BONES];
                for (k, &pull) in pulls.iter().enumerate() {
                    weights[(vertex + k) % BONES] = pull;
                }
                weights
            });
        let places = numbers(21, 3 * vertices, -1.0, 1.0);
        let places = places.as_chunks().0.iter();
        Self {
            model: Model {
                parents: (0..BONES).map(parent).collect(),
                base_relatives: matrices(18),
                inverse_base_absolutes: matrices(19),
                base_positions: places.map(|&[x, y, z]| [x, y, z, 1.0]).collect(),
                weights: weights.collect(),
                triangles: Vec::new(),
                is_mirrored: true,
            },
            correspondences: (0..observations).map(|i| 7919 * i % vertices).collect(),
            points: numbers(22, 3 * observations, -1.0, 1.0)
                .as_chunks()
                .0
                .to_vec(),
        }
    }

    /// A pose.
    #[must_use]
    pub fn pose(&self) -> Vec<f64> {
        numbers(23, PARAMETERS, -0.7, 0.7)
    }

    /// The number of points that were seen.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.points.len()
    }

    /// What all points lack to the hand in a pose: three numbers for each.
    pub fn all_residuals<T: Number>(&self, theta: &[T]) -> Vec<T> {
        let hand = Posed::new(&self.model, theta);
        self.residuals(&hand, 0..self.observations(), &[]).concat()
    }
}

impl<P: Copy> Hand<P> {
    /// The same hand and points, with what `number` makes of each number.
    pub(crate) fn map<Q>(&self, mut number: impl FnMut(P) -> Q) -> Hand<Q> {
        let model = &self.model;
        let mut matrices = |matrices: &[Matrix<P>]| -> Vec<Matrix<Q>> {
            let matrices = matrices.iter();
            matrices
                .map(|rows| rows.map(|row| row.map(&mut number)))
                .collect()
        };
        let [base_relatives, inverse_base_absolutes] =
            [&model.base_relatives, &model.inverse_base_absolutes].map(|all| matrices(all));
        let places = model.base_positions.iter();
        let base_positions = places.map(|place| place.map(&mut number)).collect();
        let weights = model.weights.iter();
        let weights = weights
            .map(|weights| weights.iter().map(|&weight| number(weight)).collect())
            .collect();
        Hand {
            model: Model {
                parents: model.parents.clone(),
                base_relatives,
                inverse_base_absolutes,
                base_positions,
                weights,
                triangles: model.triangles.clone(),
                is_mirrored: model.is_mirrored,
            },
            correspondences: self.correspondences.clone(),
            points: self
                .points
                .iter()
                .map(|point| point.map(&mut number))
                .collect(),
        }
    }

    /// What each of some observations lacks to the hand, which it touches at a point of the skin, or
    /// in a triangle at its `us`.
    pub(crate) fn residuals<T: Number + Mul<P, Output = T>>(
        &self,
        hand: &Posed<'_, T, P>,
        observations: Range<usize>,
        us: &[[T; 2]],
    ) -> Vec<[T; 3]>
    where
        P: Data<T>,
    {
        let mut vertices = HashMap::new();
        let mut vertex = |index| *vertices.entry(index).or_insert_with(|| hand.vertex(index));
        let mut residuals = Vec::with_capacity(observations.len());
        for (place, i) in observations.enumerate() {
            let target = self.correspondences[i];
            let touched = match us.get(place) {
                None => vertex(target),
                Some(&[u, v]) => {
                    let [a, b, c] = self.model.triangles[target].map(&mut vertex);
                    let w = constant::<T>(1.0) - u - v;
                    [0, 1, 2].map(|j| a[j] * u + b[j] * v + c[j] * w)
                }
            };
            residuals.push([0, 1, 2].map(|j| self.points[i][j].lifted() - touched[j]));
        }
        residuals
    }
}
