//! A scene that is made up: cameras around a barrel of points, what they see of it, and a start that is off.

use std::array;
use std::f64::consts::PI;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use wengert_examples::bal::{Observation, Problem};

use super::camera::Projection;

/// How far the cameras stand from the middle.
const DISTANCE: f64 = 5.0;
/// The barrel's radius.
const RADIUS: f64 = 2.0;
/// The least cosine between a point's normal and the way to a camera that sees it.
const FACING: f64 = 0.35;

/// What a scene is made of.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The number of cameras, at least 8: fewer do not see every side twice.
    pub cameras: usize,
    /// The number of points.
    pub points: usize,
    /// Standard deviation of the error of each coordinate of a pixel.
    pub noise: f64,
    /// Seed of everything random.
    pub seed: u64,
}

impl Recipe {
    /// The scene: pixels as they are seen, with noise, and cameras and points as they might have been guessed.
    ///
    /// # Errors
    /// If the projection cannot be run.
    pub fn scene(self, projection: &Projection) -> Result<Problem, wengert::Error> {
        let mut random = Random(ChaCha8Rng::seed_from_u64(self.seed));
        let mut scene = self.truth(&mut random);
        let pixels = projection.pixels(&scene)?;
        for (observation, pixel) in scene.observations.iter_mut().zip(pixels.rows()) {
            observation.pixel =
                array::from_fn(|i| rounded(pixel[i] + self.noise * random.normal(), 1e3));
        }
        for camera in &mut scene.cameras {
            let deviations = [0.01, 0.01, 0.01, 0.05, 0.05, 0.05, 20.0, 0.0, 0.0];
            *camera = array::from_fn(|i| rounded(random.around(camera[i], deviations[i]), 1e6));
            camera[7..].fill(0.0);
        }
        for point in &mut scene.points {
            *point = point.map(|x| rounded(random.around(x, 0.05), 1e6));
        }
        Ok(scene)
    }

    /// Cameras and points as they are, and who sees whom; pixels are not known yet.
    fn truth(self, random: &mut Random) -> Problem {
        let mut scene = Problem::default();
        let mut eyes = Vec::new();
        for i in 0..self.cameras {
            // A camera that looks inwards from here is turned by this angle about the vertical axis.
            let angle = 2.0 * PI * ((i as f64 + 0.25) / self.cameras as f64 - 0.5);
            eyes.push([DISTANCE * angle.sin(), 0.0, DISTANCE * angle.cos()]);
            let middle = [0.0, -angle, 0.0, 0.0, 0.0, -DISTANCE, 800.0, -0.2, 0.1];
            let deviations = [0.05, 0.05, 0.05, 0.2, 0.2, 0.2, 10.0, 0.02, 0.01];
            let camera = array::from_fn(|k| random.around(middle[k], deviations[k]));
            scene.cameras.push(camera);
        }
        while scene.points.len() < self.points {
            let (angle, height) = (random.between(-PI, PI), random.between(-0.5, 0.5));
            let across = (1.0 - height * height).sqrt();
            let normal = [across * angle.sin(), height, across * angle.cos()];
            let radius = random.around(RADIUS, 0.1);
            let point = normal.map(|n| radius * n);
            let sees = |eye: &[f64; 3]| {
                let way: [f64; 3] = array::from_fn(|i| eye[i] - point[i]);
                dot(normal, way) > FACING * dot(way, way).sqrt()
            };
            let cameras: Vec<u32> = (0..)
                .zip(&eyes)
                .filter_map(|(camera, eye)| sees(eye).then_some(camera))
                .collect();
            // A single image does not tell how far a point is.
            if cameras.len() < 2 {
                continue;
            }
            let index = scene.points.len() as u32;
            scene.points.push(point);
            scene
                .observations
                .extend(cameras.into_iter().map(|camera| Observation {
                    camera,
                    point: index,
                    pixel: [0.0; 2],
                }));
        }
        scene
    }
}

/// A number with few digits, so that files are short.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Random(ChaCha8Rng);

impl Random {
    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    fn around(&mut self, middle: f64, deviation: f64) -> f64 {
        middle + deviation * self.normal()
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0.random_range(low..high)
    }
}
