//! The normal equations (J^T J + lambda D) step = -J^T r, solved block by block.
//!
//! An observation knows one camera and one point, so J^T J has a 9 x 9 block for each camera, a 3 x 3 block for each point, and a 9 x 3
//! block for each observation. Eliminating the points, whose blocks are small and stand alone, leaves the Schur complement: a system
//! in the cameras only.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::Array3;
use wengert_examples::bal::{CAMERA, POINT, Problem};

type Matrix<const M: usize, const N: usize> = [[f64; N]; M];

/// What is added to the diagonal is in proportion to it, and to no less or more than this.
const SCALES: (f64, f64) = (1e-6, 1e32);

/// J^T J and J^T r by blocks.
pub struct Normal {
    cameras: Vec<Block<CAMERA>>,
    points: Vec<Block<POINT>>,
    /// For each point its observations: the camera, and the block of the two.
    sights: Vec<Vec<(usize, Matrix<CAMERA, POINT>)>>,
}

/// A camera's or a point's part of J^T J and J^T r.
#[derive(Clone, Copy)]
struct Block<const N: usize> {
    matrix: Matrix<N, N>,
    gradient: [f64; N],
}

/// A step of every camera and every point.
pub struct Step {
    /// What to add to each camera.
    pub cameras: Vec<[f64; CAMERA]>,
    /// What to add to each point.
    pub points: Vec<[f64; POINT]>,
    /// How much the linearised residuals promise to take off half the sum of squares.
    pub promise: f64,
}

impl Normal {
    /// From the residuals (x and y of each observation) and their derivatives (observations, x and y, the camera's numbers and then the
    /// point's).
    pub fn new(problem: &Problem, residuals: &[[f64; 2]], jacobians: &Array3<f64>) -> Normal {
        let mut normal = Normal {
            cameras: vec![Block::ZERO; problem.cameras.len()],
            points: vec![Block::ZERO; problem.points.len()],
            sights: vec![Vec::new(); problem.points.len()],
        };
        let rows = jacobians.outer_iter();
        for ((seen, r), jacobian) in problem.observations.iter().zip(residuals).zip(rows) {
            let (camera, point) = (seen.camera as usize, seen.point as usize);
            let by_camera: Matrix<2, CAMERA> =
                std::array::from_fn(|i| std::array::from_fn(|j| jacobian[[i, j]]));
            let by_point: Matrix<2, POINT> =
                std::array::from_fn(|i| std::array::from_fn(|j| jacobian[[i, CAMERA + j]]));
            normal.cameras[camera].add(&by_camera, r);
            normal.points[point].add(&by_point, r);
            let both = transposed_times(&by_camera, &by_point);
            normal.sights[point].push((camera, both));
        }
        normal
    }

    /// The largest derivative of half the sum of squares.
    pub fn steepest(&self) -> f64 {
        let cameras = self.cameras.iter().flat_map(|block| block.gradient);
        let points = self.points.iter().flat_map(|block| block.gradient);
        cameras.chain(points).fold(0.0, |max, g| max.max(g.abs()))
    }

    /// The step with `lambda` times the diagonal added; nothing if the matrix is not positive definite for rounding.
    pub fn solve(&self, lambda: f64) -> Option<Step> {
        let size = CAMERA * self.cameras.len();
        let mut matrix = Mat::<f64>::zeros(size, size);
        let mut right = Mat::<f64>::zeros(size, 1);
        for (at, block) in (0..).step_by(CAMERA).zip(&self.cameras) {
            let damped = block.damped(lambda);
            for i in 0..CAMERA {
                right[(at + i, 0)] = -block.gradient[i];
                for j in 0..CAMERA {
                    matrix[(at + i, at + j)] = damped[i][j];
                }
            }
        }
        let mut inverses = Vec::with_capacity(self.points.len());
        for (block, sights) in self.points.iter().zip(&self.sights) {
            let inverse = inverse(&block.damped(lambda))?;
            eliminate(&inverse, &block.gradient, sights, &mut matrix, &mut right);
            inverses.push(inverse);
        }
        let solution = matrix.llt(Side::Lower).ok()?.solve(&right);
        let camera = |k: usize| std::array::from_fn(|i| solution[(CAMERA * k + i, 0)]);
        let cameras: Vec<[f64; CAMERA]> = (0..self.cameras.len()).map(camera).collect();
        let points = inverses.iter().zip(&self.points).zip(&self.sights);
        let points = points.map(|((inverse, block), sights)| {
            let mut right = block.gradient.map(|g| -g);
            for (camera, both) in sights {
                for (row, step) in both.iter().zip(&cameras[*camera]) {
                    for (right, entry) in right.iter_mut().zip(row) {
                        *right -= entry * step;
                    }
                }
            }
            times(inverse, &right)
        });
        let points: Vec<[f64; POINT]> = points.collect();
        let promise =
            promised(&self.cameras, &cameras, lambda) + promised(&self.points, &points, lambda);
        Some(Step {
            cameras,
            points,
            promise,
        })
    }
}

/// Subtracts W V^-1 W^T from the cameras' matrix (its lower triangle) and -W V^-1 g from their right-hand side, where V is a point's
/// block, g its gradient, and W what it has in common with the cameras that see it.
fn eliminate(
    inverse: &Matrix<POINT, POINT>,
    gradient: &[f64; POINT],
    sights: &[(usize, Matrix<CAMERA, POINT>)],
    matrix: &mut Mat<f64>,
    right: &mut Mat<f64>,
) {
    for (camera, both) in sights {
        let weighted: Matrix<CAMERA, POINT> = both.map(|row| times(inverse, &row));
        for (i, row) in weighted.iter().enumerate() {
            right[(CAMERA * camera + i, 0)] += dot(row, gradient);
        }
        for (other, their) in sights.iter().filter(|(other, _)| other <= camera) {
            for (i, row) in weighted.iter().enumerate() {
                for (j, column) in their.iter().enumerate() {
                    matrix[(CAMERA * camera + i, CAMERA * other + j)] -= dot(row, column);
                }
            }
        }
    }
}

/// The part of some blocks in what the linearised residuals promise: step . (lambda D step - gradient) / 2.
fn promised<const N: usize>(blocks: &[Block<N>], steps: &[[f64; N]], lambda: f64) -> f64 {
    let parts = blocks.iter().zip(steps).map(|(block, step)| {
        let entries = (0..N)
            .map(|i| step[i] * (lambda * scale(block.matrix[i][i]) * step[i] - block.gradient[i]));
        entries.sum::<f64>()
    });
    0.5 * parts.sum::<f64>()
}

fn scale(diagonal: f64) -> f64 {
    diagonal.clamp(SCALES.0, SCALES.1)
}

impl<const N: usize> Block<N> {
    const ZERO: Self = Block {
        matrix: [[0.0; N]; N],
        gradient: [0.0; N],
    };

    /// Adds the part of one observation.
    fn add(&mut self, jacobian: &Matrix<2, N>, residual: &[f64; 2]) {
        let square = transposed_times(jacobian, jacobian);
        for (row, more) in self.matrix.iter_mut().zip(square) {
            for (entry, more) in row.iter_mut().zip(more) {
                *entry += more;
            }
        }
        for (row, r) in jacobian.iter().zip(residual) {
            for (entry, derivative) in self.gradient.iter_mut().zip(row) {
                *entry += derivative * r;
            }
        }
    }

    fn damped(&self, lambda: f64) -> Matrix<N, N> {
        let mut damped = self.matrix;
        for (i, row) in damped.iter_mut().enumerate() {
            row[i] += lambda * scale(row[i]);
        }
        damped
    }
}

fn transposed_times<const M: usize, const N: usize>(
    a: &Matrix<2, M>,
    b: &Matrix<2, N>,
) -> Matrix<M, N> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[0][i] * b[0][j] + a[1][i] * b[1][j]))
}

fn times(matrix: &Matrix<POINT, POINT>, x: &[f64; POINT]) -> [f64; POINT] {
    std::array::from_fn(|i| dot(&matrix[i], x))
}

fn dot(a: &[f64; POINT], b: &[f64; POINT]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The inverse of a symmetric matrix, by cofactors; nothing if its determinant is not positive.
fn inverse(a: &Matrix<POINT, POINT>) -> Option<Matrix<POINT, POINT>> {
    let cofactors: Matrix<POINT, POINT> = std::array::from_fn(|i| {
        let (b, c) = (&a[(i + 1) % 3], &a[(i + 2) % 3]);
        std::array::from_fn(|j| {
            let (k, l) = ((j + 1) % 3, (j + 2) % 3);
            b[k] * c[l] - b[l] * c[k]
        })
    });
    let determinant = dot(&a[0], &cofactors[0]);
    (determinant > 0.0 && determinant.is_finite())
        .then(|| cofactors.map(|row| row.map(|c| c / determinant)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wengert_examples::bal::Observation;

    /// The step solves the whole system, made without blocks and without elimination.
    #[test]
    fn elimination_solves_the_whole_system() {
        let sights = [
            (0, 0),
            (1, 0),
            (0, 1),
            (1, 1),
            (0, 2),
            (1, 2),
            (0, 3),
            (1, 3),
            (1, 4),
        ];
        let problem = Problem {
            cameras: vec![[0.0; CAMERA]; 2],
            points: vec![[0.0; POINT]; 5],
            observations: sights
                .map(|(camera, point)| Observation {
                    camera,
                    point,
                    pixel: [0.0; 2],
                })
                .to_vec(),
        };
        let size = 2 * CAMERA + 5 * POINT;
        let jacobians = Array3::from_shape_fn((sights.len(), 2, CAMERA + POINT), |(o, i, j)| {
            ((31 * o + 17 * i + 7 * j) as f64).sin()
        });
        let residuals: Vec<[f64; 2]> = (0..sights.len())
            .map(|o| [(o as f64).cos(), (2.0 * o as f64).cos()])
            .collect();
        let mut dense = Mat::<f64>::zeros(2 * sights.len(), size);
        for (o, &(camera, point)) in sights.iter().enumerate() {
            for i in 0..2 {
                for j in 0..CAMERA {
                    dense[(2 * o + i, CAMERA * camera as usize + j)] = jacobians[[o, i, j]];
                }
                for j in 0..POINT {
                    let column = 2 * CAMERA + POINT * point as usize + j;
                    dense[(2 * o + i, column)] = jacobians[[o, i, CAMERA + j]];
                }
            }
        }
        let r = Mat::from_fn(2 * sights.len(), 1, |k, _| residuals[k / 2][k % 2]);
        let (square, gradient) = (dense.transpose() * &dense, dense.transpose() * &r);

        let lambda = 0.1;
        let normal = Normal::new(&problem, &residuals, &jacobians);
        let step = normal.solve(lambda).unwrap();
        let flat = [step.cameras.concat(), step.points.concat()].concat();
        for i in 0..size {
            let damping = lambda * scale(square[(i, i)]) * flat[i];
            let left: f64 = (0..size).map(|j| square[(i, j)] * flat[j]).sum::<f64>() + damping;
            assert!((left + gradient[(i, 0)]).abs() < 1e-12, "row {i}");
        }
        // The promise is what half the sum of squares loses if the residuals are linear.
        let after = &r + &dense * Mat::from_fn(size, 1, |i, _| flat[i]);
        let lost = 0.5 * (r.squared_norm_l2() - after.squared_norm_l2());
        assert!(
            (step.promise - lost).abs() < 1e-12 * lost,
            "{} {lost}",
            step.promise
        );
        let steepest = (0..size).fold(0.0f64, |max, i| max.max(gradient[(i, 0)].abs()));
        assert!((normal.steepest() - steepest).abs() < 1e-14);
    }

    #[test]
    fn a_block_that_is_not_positive_definite_has_no_inverse() {
        let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_eq!(inverse(&identity), Some(identity));
        for entry in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut block = identity;
            block[1][1] = entry;
            assert_eq!(inverse(&block), None, "{entry}");
        }
    }
}
