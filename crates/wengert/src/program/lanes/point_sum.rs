//! A sum over data points, recorded on a tape.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn, arr0};

use crate::error::{Error, or_panic};
use crate::program::{Lanes, Over, Program};
use crate::real::Real;
use crate::rules::custom::CustomOp;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// A function's sum over data points, to be recorded on a tape as two nodes, however many points there are: [`Lanes`] with the points' numbers.
///
/// Make it once and call it with the shared inputs of every step; [`Tape::sum_over`] does both for a single use.
/// Gradients, tangents, Hessians and products with them are computed over the points again, so memory does not
/// depend on their number; third derivatives are refused.
///
/// ```
/// use wengert::{PointSum, Program, Tape};
///
/// let error = Program::record(|p| (p[0] * p[2] + p[1] - p[3]).square(), &[1.0; 4])?;
/// let (x, y) = ([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]);
/// let loss = PointSum::new(error.lanes(2), &[&x, &y])?;
/// let mut tape = Tape::new();
/// let mut line = [0.0, 0.0];
/// for _ in 0..500 {
///     tape.clear();
///     let p = tape.vars(&line);
///     let penalty = p[0].square() * 1e-6;
///     let g = (loss.call(&p) + penalty).backward();
///     line = [line[0] - 0.05 * g[p[0]], line[1] - 0.05 * g[p[1]]];
/// }
/// assert!((line[0] - 2.0).abs() < 1e-3 && (line[1] - 1.0).abs() < 1e-3);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub struct PointSum<T: Real = f64> {
    lanes: Arc<Lanes<T>>,
    columns: Arc<[Vec<T>]>,
    parallel: bool,
}

impl<T: Real> fmt::Debug for PointSum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointSum")
            .field("lanes", &self.lanes)
            .field("points", &self.columns.first().map_or(0, Vec::len))
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

impl<T: Real> PointSum<T> {
    /// The sum of a program's only output over points, with a column for each input that they do not share; the columns are copied.
    ///
    /// # Errors
    ///
    /// If there is not one output, or as [`Lanes::over`] fails.
    pub fn new<'a, C: AsRef<[T]> + ?Sized + 'a>(
        lanes: Lanes<T>,
        columns: impl IntoIterator<Item = &'a C>,
    ) -> Result<Self, Error> {
        let columns = columns.into_iter().map(|column| column.as_ref().to_vec());
        let columns: Arc<[Vec<T>]> = columns.collect();
        let none = vec![T::zero(); lanes.shared_inputs()];
        lanes.over(&none, &*columns)?.only_output("PointSum")?;
        Ok(Self {
            lanes: Arc::new(lanes),
            columns,
            parallel: false,
        })
    }

    /// Uses rayon's threads; every result has the same bits as without them.
    #[must_use]
    pub fn parallel(mut self) -> Self {
        self.parallel = true;
        self
    }

    /// Records the sum at the shared inputs.
    ///
    /// # Panics
    ///
    /// As [`PointSum::try_call`] fails.
    #[track_caller]
    pub fn call(&self, shared: &[Var<T>]) -> Var<T> {
        or_panic(self.try_call(shared))
    }

    /// Records the sum at the shared inputs.
    ///
    /// # Errors
    ///
    /// If there are more or fewer shared inputs than the program has, a handle is stale or foreign, or a branch would go another way
    /// at a point.
    #[track_caller]
    pub fn try_call(&self, shared: &[Var<T>]) -> Result<Var<T>, Error> {
        for input in shared.iter().filter(|input| !input.is_constant()) {
            input.try_check("PointSum")?;
        }
        let x: Vec<T> = shared.iter().map(|input| input.value()).collect();
        let value = self.at(&x, |over| over.sum())?[0];
        if shared.iter().all(|input| input.is_constant()) {
            return Ok(Var::constant(value));
        }
        let (of_value, by_vjp, by_jvp) = (self.clone(), self.clone(), self.clone());
        let known = (x, value);
        let sum = CustomOp::new("sum over points", move |x| {
            let same = |(x, known): (&T, &T)| x.as_f64().to_bits() == known.as_f64().to_bits();
            match x[0].iter().zip(&known.0).all(same) {
                true => arr0(known.1).into_dyn(),
                // Somebody repeats the operation elsewhere.
                false => of_value
                    .array(&x[0], |over| over.sum())
                    .into_shape_with_order(IxDyn(&[]))
                    .expect("one sum"),
            }
        })
        .vjp(move |g, x, _| vec![by_vjp.gradient(x[0]) * g])
        .jvp(move |t, x, _| (by_jvp.gradient(x[0]) * t[0]).sum().into());
        Ok(sum.try_call(&[Tensor::try_stack(shared)?])?.item())
    }

    fn gradient(&self, x: Tensor<T>) -> Tensor<T> {
        let (of_value, by_vjp, by_jvp) = (self.clone(), self.clone(), self.clone());
        CustomOp::new("gradient of a sum over points", move |x| {
            of_value.array(&x[0], |over| Ok(over.sum_and_gradient()?.1))
        })
        .vjp(move |g, x, _| vec![by_vjp.product(x[0], g)])
        .jvp(move |t, x, _| by_jvp.product(x[0], t[0]))
        .call(&[x])
    }

    /// The Hessian times a direction; it has no derivatives itself.
    fn product(&self, x: Tensor<T>, v: Tensor<T>) -> Tensor<T> {
        let of_value = self.clone();
        CustomOp::new(
            "Hessian of a sum over points, times a direction (a sum over points has two derivatives, not three)",
            move |x| {
                let v: Vec<T> = x[1].iter().copied().collect();
                of_value.array(&x[0], |over| over.sum_hvp(&v))
            },
        )
        .call(&[x, v])
    }

    fn array(
        &self,
        x: &ArrayViewD<'_, T>,
        ask: impl FnOnce(Over<'_, T>) -> Result<Vec<T>, Error>,
    ) -> ArrayD<T> {
        let x: Vec<T> = x.iter().copied().collect();
        let answer = self.at(&x, ask);
        // At other inputs, by `Tape::repeat`, a branch may go another way.
        Array1::from(or_panic(answer)).into_dyn()
    }

    fn at<R>(
        &self,
        x: &[T],
        ask: impl FnOnce(Over<'_, T>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let over = self.lanes.over(x, &*self.columns)?;
        ask(if self.parallel { over.parallel() } else { over })
    }
}

impl<T: Real> Tape<T> {
    /// The sum over data points of a function of what they share and of each point's own numbers, in two nodes, however many points there are.
    ///
    /// The function is recorded at the first point, on a tape of its own, and run over all of them in the processor's widest registers; `columns` has
    /// the points' numbers, one column for each.
    /// For many steps over the same points, keep a [`PointSum`]. Handles of this tape that the function needs go among `shared`. It cannot be
    /// frozen into a [`Program`], whose own sums over points are [`Program::lanes`].
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let (slope, offset) = (tape.var(2.0), tape.var(0.0));
    /// let (x, y) = ([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]);
    /// let loss = tape.sum_over(&[slope, offset], &[&x, &y], |line, point| {
    ///     (line[0] * point[0] + line[1] - point[1]).square()
    /// });
    /// assert_eq!(loss.value(), 3.0);
    /// let g = loss.backward();
    /// assert_eq!((g[slope], g[offset]), (-6.0, -6.0));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tape::try_sum_over`] fails, and where the function does.
    #[track_caller]
    pub fn sum_over<'a, C: AsRef<[T]> + ?Sized + 'a>(
        &self,
        shared: &[Var<T>],
        columns: impl IntoIterator<Item = &'a C>,
        f: impl FnOnce(&[Var<T>], &[Var<T>]) -> Var<T>,
    ) -> Var<T> {
        or_panic(self.try_sum_over(shared, columns, f))
    }

    /// [`Tape::sum_over`], or why not.
    ///
    /// # Errors
    ///
    /// If there is no point, columns differ in length, a handle is stale or foreign, also one that the function has captured and
    /// gives back, or a branch would go another way at another point.
    #[track_caller]
    pub fn try_sum_over<'a, C: AsRef<[T]> + ?Sized + 'a>(
        &self,
        shared: &[Var<T>],
        columns: impl IntoIterator<Item = &'a C>,
        f: impl FnOnce(&[Var<T>], &[Var<T>]) -> Var<T>,
    ) -> Result<Var<T>, Error> {
        let op = "sum_over";
        for input in shared.iter().filter(|input| !input.is_constant()) {
            input.try_check(op)?;
            if !std::ptr::eq(input.list(), self.list()) {
                return Err(Error::Foreign { op });
            }
        }
        let columns: Vec<&[T]> = columns.into_iter().map(AsRef::as_ref).collect();
        let first: Option<Vec<T>> = columns
            .iter()
            .map(|column| column.first().copied())
            .collect();
        let Some(first) = first.filter(|first| !first.is_empty()) else {
            return Err(Error::Empty {
                op,
                detail: "there is no point to record the function at; give at least one column with a number".to_owned(),
            });
        };
        let example: Vec<T> = shared.iter().map(|x| x.value()).chain(first).collect();
        let program = Program::of(
            |inputs| {
                let (shared, point) = inputs.split_at(shared.len());
                f(shared, point)
            },
            &example,
        )?;
        PointSum::new(program.lanes(shared.len()), columns)?.try_call(shared)
    }
}
