//! The camera: where it sees a point, and the derivatives of that for all observations at once.

use std::array;

use ndarray::{Array2, Array3, Axis};
use wengert::{Error, Lanes, Program, Var};
use wengert_check::{Check, Report};
use wengert_examples::bal::{CAMERA, Observation, POINT, Problem};

const INPUTS: usize = CAMERA + POINT;

/// Records where a camera sees a point, in pixels, as Bundle Adjustment in the Large defines it.
///
/// P = R X + t, p = -P / P.z, and the pixel is f (1 + k1 |p|^2 + k2 |p|^4) p: the camera looks along its negative z axis.
fn project(camera: &[Var], point: &[Var]) -> [Var; 2] {
    let (rotation, rest) = camera.split_at(3);
    let (translation, lens) = rest.split_at(3);
    let turned = rotate(rotation, point);
    let [x, y, z]: [Var; 3] = array::from_fn(|i| turned[i] + translation[i]);
    let image = [-x / z, -y / z];
    let r2 = image[0].square() + image[1].square();
    let distortion = 1.0 + r2 * (lens[1] + lens[2] * r2);
    image.map(|p| lens[0] * distortion * p)
}

/// Rotates by the formula of Rodrigues: with w the axis times the angle a,
/// R x = x + (sin a / a) w x x + ((1 - cos a) / a^2) w x (w x x).
///
/// Both factors are written by `sinc`, which is sin(pi x) / (pi x), so nothing is divided by an angle of zero and no branch is taken:
/// one recording holds for every rotation.
fn rotate(w: &[Var], x: &[Var]) -> [Var; 3] {
    use std::f64::consts::PI;
    let angle = (w[0].square() + w[1].square() + w[2].square()).sqrt();
    let sine = (angle / PI).sinc();
    let versine = 0.5 * (angle / (2.0 * PI)).sinc().square();
    let once = cross(w, x);
    let twice = cross(w, &once);
    array::from_fn(|i| x[i] + sine * once[i] + versine * twice[i])
}

fn cross(a: &[Var], b: &[Var]) -> [Var; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// The projection of one observation, recorded once, to be run over all.
pub struct Projection {
    lanes: Lanes,
}

impl Projection {
    /// Records the projection.
    ///
    /// # Errors
    /// If it cannot be frozen.
    pub fn record() -> Result<Projection, Error> {
        let program = Program::record(
            |all| project(&all[..CAMERA], &all[CAMERA..]),
            &[1.0; INPUTS],
        )?;
        Ok(Projection {
            lanes: program.lanes(0),
        })
    }

    /// Where each observation's point is seen: observations, x and y.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn pixels(&self, problem: &Problem) -> Result<Array2<f64>, Error> {
        self.lanes.over(&[], &columns(problem))?.parallel().values()
    }

    /// The derivatives of what [`Projection::pixels`] gives: observations, x and y, the camera's numbers and then the point's.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn jacobians(&self, problem: &Problem) -> Result<Array3<f64>, Error> {
        self.lanes
            .over(&[], &columns(problem))?
            .parallel()
            .jacobians()
    }

    /// How far off each observation is: where its point is seen, less where it was seen; x and y.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn residuals(&self, problem: &Problem) -> Result<Vec<[f64; 2]>, Error> {
        let pixels = self.pixels(problem)?;
        let seen = pixels.rows().into_iter().zip(&problem.observations);
        Ok(seen
            .map(|(pixel, observation)| array::from_fn(|i| pixel[i] - observation.pixel[i]))
            .collect())
    }

    /// Compares the derivatives of an observation's residuals with differences of the residuals.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn check(&self, problem: &Problem, observation: Observation) -> Report {
        const RUNS: &str = "the program has no branch";
        let at = |x: &[f64]| Problem {
            cameras: vec![array::from_fn(|i| x[i])],
            points: vec![array::from_fn(|i| x[CAMERA + i])],
            observations: vec![Observation {
                camera: 0,
                point: 0,
                ..observation
            }],
        };
        let jacobian = |x: &[f64]| {
            let all = self.jacobians(&at(x)).expect(RUNS);
            let only = all.index_axis(Axis(0), 0);
            only.rows().into_iter().map(|row| row.to_vec()).collect()
        };
        let x = inputs(problem, observation);
        Check::new()
            .named("an observation's residuals")
            .inputs(&[("camera", &[CAMERA]), ("point", &[POINT])])
            .jacobian(
                |x| self.residuals(&at(x)).expect(RUNS).concat(),
                jacobian,
                &x,
            )
    }
}

fn inputs(problem: &Problem, observation: Observation) -> [f64; INPUTS] {
    let camera = &problem.cameras[observation.camera as usize];
    let point = &problem.points[observation.point as usize];
    array::from_fn(|i| {
        if i < CAMERA {
            camera[i]
        } else {
            point[i - CAMERA]
        }
    })
}

/// For each input of the projection, its number at each observation.
fn columns(problem: &Problem) -> Vec<Vec<f64>> {
    (0..INPUTS)
        .map(|i| {
            let observations = problem.observations.iter();
            observations.map(|&seen| inputs(problem, seen)[i]).collect()
        })
        .collect()
}
