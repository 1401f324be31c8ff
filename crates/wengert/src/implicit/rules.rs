//! The two operations behind implicit functions: the answer, and the solution of a linear system with its matrix.

use std::rc::Rc;

use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::error::Error;
use crate::grad::recorded_tangents;
use crate::real::Real;
use crate::rules::custom::CustomOp;
use crate::rules::structural::CleanRegisters;
use crate::tensor::Tensor;
use crate::var::Var;

type Residuals<T> = dyn Fn(&[Var<T>], &[Var<T>]) -> Result<Vec<Var<T>>, Error>;

/// F(x, p), and the factors of A = F_x at the answer.
pub(super) struct System<T: Real> {
    op: &'static str,
    residuals: Box<Residuals<T>>,
    factors: Factors,
}

/// F recorded at copies of x and p, so that a derivative by them is not one through what x and p themselves depend on.
struct Recording<T: Real> {
    x: Vec<Var<T>>,
    p: Vec<Var<T>>,
    residuals: Vec<Var<T>>,
}

impl<T: Real> System<T> {
    pub(super) fn new(
        op: &'static str,
        residuals: impl Fn(&[Var<T>], &[Var<T>]) -> Result<Vec<Var<T>>, Error> + 'static,
        factors: Factors,
    ) -> Self {
        Self {
            op,
            residuals: Box::new(residuals),
            factors,
        }
    }

    #[track_caller]
    fn at(&self, x: Tensor<T>, p: Tensor<T>) -> Recording<T> {
        let (x, p) = (scalars(x), scalars(p));
        let residuals = crate::error::or_panic((self.residuals)(&x, &p));
        Recording { x, p, residuals }
    }

    /// A z, or A^T z, recorded as a function of x and p, which are given back too.
    #[track_caller]
    fn product(&self, transposed: bool, z: Tensor<T>, [x, p]: [Tensor<T>; 2]) -> [Vec<Var<T>>; 2] {
        let Recording { x, p, residuals } = self.at(x, p);
        let product = if transposed {
            inner(&residuals, z).grad(&x)
        } else {
            recorded_tangents(&x, &scalars(z), &residuals)
        };
        [[x, p].concat(), product]
    }
}

/// The answer x of F(x, p) = 0 as an operation on p: dx = -A^-1 F_p dp.
pub(super) fn implicit<T: Real>(system: &Rc<System<T>>, answer: &[T]) -> CustomOp<T> {
    let answer = array(answer.to_vec());
    let (backwards, forwards) = (system.clone(), system.clone());
    CustomOp::new(system.op, move |_| answer.clone())
        .only_here()
        .vjp(move |g, p, x| {
            let lambda = solve(&backwards, true).call(&[g, x, p[0]]);
            let at = backwards.at(x, p[0]);
            let pulled = inner(&at.residuals, -lambda).grad(&at.p);
            vec![Tensor::stack(&pulled)]
        })
        .jvp(move |dp, p, x| {
            let at = forwards.at(x, p[0]);
            let along = recorded_tangents(&at.p, &scalars(dp[0]), &at.residuals);
            solve(&forwards, false).call(&[-vector(x, &along), x, p[0]])
        })
}

/// z = A^-1 b, or A^-T b, as an operation on b, x and p: dz = A^-1 (db - dA z).
fn solve<T: Real>(system: &Rc<System<T>>, transposed: bool) -> CustomOp<T> {
    let [here, backwards, forwards] = std::array::from_fn(|_| system.clone());
    let value = move |inputs: &[ArrayViewD<'_, T>]| {
        let mut z: Vec<f64> = inputs[0].iter().map(|b| b.as_f64()).collect();
        here.factors.solve(transposed, &mut z);
        array(z.into_iter().map(T::of).collect())
    };
    CustomOp::new(format!("{}'s linear solve", system.op), value)
        .only_here()
        .vjp(move |g, inputs, z| {
            let (x, p) = (inputs[1], inputs[2]);
            let mu = solve(&backwards, !transposed).call(&[g, x, p]);
            let [by, product] = backwards.product(transposed, z, [x, p]);
            let pulled = inner(&product, -mu).grad(&by);
            let (by_x, by_p) = pulled.split_at(x.len());
            vec![mu, Tensor::stack(by_x), Tensor::stack(by_p)]
        })
        .jvp(move |tangents, inputs, z| {
            let (x, p) = (inputs[1], inputs[2]);
            let [by, product] = forwards.product(transposed, z, [x, p]);
            let direction = [scalars(tangents[1]), scalars(tangents[2])].concat();
            let along = recorded_tangents(&by, &direction, &product);
            solve(&forwards, transposed).call(&[tangents[0] - vector(x, &along), x, p])
        })
}

fn array<T: Real>(numbers: Vec<T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(IxDyn(&[numbers.len()]), numbers).expect("one axis holds all numbers")
}

/// The elements of a vector, each a new node.
#[track_caller]
pub(super) fn scalars<T: Real>(vector: Tensor<T>) -> Vec<Var<T>> {
    (0..vector.len()).map(|i| vector.get(&[i])).collect()
}

/// Scalars, which may all be constants, as a vector on the anchor's tape.
#[track_caller]
fn vector<T: Real>(anchor: Tensor<T>, scalars: &[Var<T>]) -> Tensor<T> {
    let node = |x: &Var<T>| match x.is_constant() {
        true => anchor.constant_like(x.value().as_f64()),
        false => Tensor::from(*x),
    };
    Tensor::stack_tensors(&scalars.iter().map(node).collect::<Vec<_>>(), 0)
}

#[track_caller]
fn inner<T: Real>(scalars_of: &[Var<T>], weights: Tensor<T>) -> Var<T> {
    let weights = scalars(weights);
    scalars_of.iter().zip(weights).map(|(&y, w)| y * w).sum()
}

/// A square matrix as factors: rows and columns scaled to a largest entry of 1, then L U with rows exchanged.
pub(super) struct Factors {
    lu: PartialPivLu<f64>,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Factors {
    /// Nothing if the matrix, whose entries are known to within `epsilon` of themselves, is singular as far as one can tell.
    pub(super) fn new(matrix: &[Vec<f64>], epsilon: f64) -> Option<Self> {
        let n = matrix.len();
        let largest = |numbers: &mut dyn Iterator<Item = f64>| {
            let scale = 1.0 / numbers.fold(0.0_f64, |max, x| max.max(x.abs()));
            scale.is_finite().then_some(scale)
        };
        let rows: Vec<f64> = matrix
            .iter()
            .map(|row| largest(&mut row.iter().copied()))
            .collect::<Option<_>>()?;
        let scaled = |i: usize, j: usize| matrix[i][j] * rows[i];
        let columns: Vec<f64> = (0..n)
            .map(|j| largest(&mut (0..n).map(|i| scaled(i, j))))
            .collect::<Option<_>>()?;
        let _clean = CleanRegisters;
        let lu = Mat::from_fn(n, n, |i, j| scaled(i, j) * columns[j]).partial_piv_lu();
        let smallest = (0..n).fold(f64::INFINITY, |min, k| min.min(lu.U()[(k, k)].abs()));
        (smallest > n as f64 * epsilon).then_some(Self { lu, rows, columns })
    }

    /// The solution in the place of the right-hand side.
    fn solve(&self, transposed: bool, b: &mut [f64]) {
        let (before, after) = match transposed {
            false => (&self.rows, &self.columns),
            true => (&self.columns, &self.rows),
        };
        let _clean = CleanRegisters;
        let mut z = Mat::from_fn(b.len(), 1, |i, _| b[i] * before[i]);
        match transposed {
            false => self.lu.solve_in_place(&mut z),
            true => self.lu.solve_transpose_in_place(&mut z),
        }
        for (i, (b, after)) in b.iter_mut().zip(after).enumerate() {
            *b = z[(i, 0)] * after;
        }
    }
}
