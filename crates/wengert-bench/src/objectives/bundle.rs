//! Bundle adjustment: where cameras see points.

use std::array;
use std::ops::Sub;

use super::{Number, constant, numbers};

/// Cameras that see points of a scene: a camera has a rotation, a centre, a focal length, a principal point and two
/// coefficients of distortion; a point has three coordinates; an observation a weight and a place in the image.
#[derive(Clone, Debug)]
pub struct BundleAdjustment {
    cameras: Vec<[f64; Self::CAMERA]>,
    points: Vec<[f64; Self::POINT]>,
    weights: Vec<f64>,
    features: Vec<[f64; 2]>,
}

impl BundleAdjustment {
    /// Numbers of a camera.
    pub const CAMERA: usize = 11;
    /// Numbers of a point.
    pub const POINT: usize = 3;
    /// What an observation depends on: a camera, a point and its weight.
    pub const INPUTS: usize = Self::CAMERA + Self::POINT + 1;

    /// Random cameras and random points before them, seen so many times.
    #[must_use]
    pub fn new(cameras: usize, points: usize, observations: usize) -> Self {
        let cameras = numbers(14, cameras * Self::CAMERA, -0.3, 0.3);
        let points = numbers(15, points * Self::POINT, -1.0, 1.0);
        let features = numbers(17, 2 * observations, -0.5, 0.5);
        Self::with_data(
            cameras.as_chunks().0.to_vec(),
            points
                .as_chunks()
                .0
                .iter()
                .map(|&[x, y, z]| [x, y, z + 5.0])
                .collect(),
            numbers(16, observations, 0.5, 1.0),
            features.as_chunks().0.to_vec(),
        )
    }

    /// Observation i is that of camera i and point i, each counted round and round.
    #[must_use]
    pub fn with_data(
        cameras: Vec<[f64; Self::CAMERA]>,
        points: Vec<[f64; Self::POINT]>,
        weights: Vec<f64>,
        features: Vec<[f64; 2]>,
    ) -> Self {
        Self {
            cameras,
            points,
            weights,
            features,
        }
    }

    /// The number of cameras.
    #[must_use]
    pub fn cameras(&self) -> usize {
        self.cameras.len()
    }

    /// The number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// The weight of each observation.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The camera and the point of an observation.
    #[must_use]
    pub fn sees(&self, observation: usize) -> (usize, usize) {
        (
            observation % self.cameras.len(),
            observation % self.points.len(),
        )
    }

    /// What an observation depends on: the camera's numbers, the point's, and the weight.
    #[must_use]
    pub fn inputs(&self, observation: usize) -> [f64; Self::INPUTS] {
        let (camera, point) = self.sees(observation);
        let mut inputs = [0.0; Self::INPUTS];
        inputs[..Self::CAMERA].copy_from_slice(&self.cameras[camera]);
        inputs[Self::CAMERA..Self::INPUTS - 1].copy_from_slice(&self.points[point]);
        inputs[Self::INPUTS - 1] = self.weights[observation];
        inputs
    }

    /// The two rows of each observation, one after another, as `rows_of` writes those of one.
    pub fn rows(&self, mut rows_of: impl FnMut(usize, &mut [f64])) -> Vec<f64> {
        let mut rows = vec![0.0; 2 * Self::INPUTS * self.weights.len()];
        for (i, rows) in rows.chunks_mut(2 * Self::INPUTS).enumerate() {
            rows_of(i, rows);
        }
        rows
    }

    /// [`Self::inputs`] and then [`Self::feature`], for programs of any observation.
    #[must_use]
    pub fn inputs_and_feature(&self, observation: usize) -> [f64; Self::INPUTS + 2] {
        let mut all = [0.0; Self::INPUTS + 2];
        all[..Self::INPUTS].copy_from_slice(&self.inputs(observation));
        all[Self::INPUTS..].copy_from_slice(&self.features[observation]);
        all
    }

    /// Where an observation lies in the image.
    #[must_use]
    pub fn feature(&self, observation: usize) -> [f64; 2] {
        self.features[observation]
    }

    /// Both reprojection errors of every observation.
    #[must_use]
    pub fn errors(&self) -> Vec<[f64; 2]> {
        let observations = 0..self.weights.len();
        let errors = observations.map(|i| {
            let (camera, point) = self.sees(i);
            let weight = self.weights[i];
            let (camera, point) = (&self.cameras[camera], &self.points[point]);
            project(camera, point, weight, self.features[i])
        });
        errors.collect()
    }
}

/// How far an observed point lies off its image in the camera, weighted; `x` holds the camera's numbers, the point's
/// and the weight.
pub fn reprojection_error<T, P>(x: &[T], feature: [P; 2]) -> [T; 2]
where
    T: Number + Sub<P, Output = T>,
    P: Copy,
{
    let (camera, rest) = x.split_at(BundleAdjustment::CAMERA);
    let (point, weight) = rest.split_at(BundleAdjustment::POINT);
    project(camera, point, weight[0], feature)
}

/// [`reprojection_error`] of what [`BundleAdjustment::inputs_and_feature`] gives.
pub fn reprojection_error_of_all<T: Number>(all: &[T]) -> [T; 2] {
    let (x, feature) = all.split_at(BundleAdjustment::INPUTS);
    reprojection_error(x, [feature[0], feature[1]])
}

/// How far a weight is from 1, by its square.
pub fn weight_error<T: Number>(weight: T) -> T {
    constant::<T>(1.0) - weight * weight
}

fn project<T, P>(camera: &[T], point: &[T], weight: T, feature: [P; 2]) -> [T; 2]
where
    T: Number + Sub<P, Output = T>,
    P: Copy,
{
    let (rotation, rest) = camera.split_at(3);
    let (centre, rest) = rest.split_at(3);
    let (focal, rest) = (rest[0], &rest[1..]);
    let (principal, radial) = rest.split_at(2);

    let [x, y, depth] = rotate(rotation, array::from_fn(|i| point[i] - centre[i]));
    let image = [x / depth, y / depth];
    let rho = image[0] * image[0] + image[1] * image[1];
    let distortion = radial[0] * rho + radial[1] * rho * rho + 1.0;
    array::from_fn(|i| (image[i] * distortion * focal + principal[i] - feature[i]) * weight)
}

/// Rotates by an axis whose length is the angle: the formula of Rodrigues.
fn rotate<T: Number>(rotation: &[T], x: [T; 3]) -> [T; 3] {
    let squared = dot(rotation, rotation);
    if squared.is_zero() {
        let turn = cross(rotation, &x);
        return array::from_fn(|i| x[i] + turn[i]);
    }
    let angle = squared.sqrt();
    let (sin, cos) = angle.sin_cos();
    let axis: [T; 3] = array::from_fn(|i| rotation[i] / angle);
    let turn = cross(&axis, &x);
    let along = dot(&axis, &x) * (-cos + 1.0);
    array::from_fn(|i| x[i] * cos + turn[i] * sin + axis[i] * along)
}

fn dot<T: Number>(a: &[T], b: &[T]) -> T {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross<T: Number>(a: &[T], b: &[T]) -> [T; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}
