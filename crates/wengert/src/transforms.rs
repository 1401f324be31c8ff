//! Functions in, derivative functions out: for plain slices, nested to any depth.

use crate::tape::Tape;
use crate::var::Var;

/// What a derivative can be taken at: plain numbers, or scalars of an outer derivative.
///
/// Sealed; implemented for `f64` and [`Var`].
pub trait Point: Copy + sealed::Sealed {
    /// Runs `work` with inputs that are nodes of their own and stand at `x`.
    #[doc(hidden)]
    fn with_inputs<R>(x: &[Self], work: impl FnOnce(&[Var]) -> R) -> R;
    /// The number of a result.
    #[doc(hidden)]
    fn from_result(result: Var) -> Self;
    /// The gradient at the inputs.
    #[doc(hidden)]
    fn gradient(y: Var, inputs: &[Var]) -> Vec<Self>;
    /// The tangents of `ys` along `v`.
    #[doc(hidden)]
    fn tangents(ys: &[Var], inputs: &[Var], v: &[Self]) -> Vec<Self>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for crate::Var {}
}

impl Point for f64 {
    fn with_inputs<R>(x: &[Self], work: impl FnOnce(&[Var]) -> R) -> R {
        let tape = Tape::new();
        work(&tape.vars(x))
    }
    #[track_caller]
    fn from_result(result: Var) -> Self {
        result.value()
    }
    #[track_caller]
    fn gradient(y: Var, inputs: &[Var]) -> Vec<Self> {
        if y.is_constant() {
            return vec![0.0; inputs.len()];
        }
        let gradients = y.backward();
        inputs.iter().map(|&input| gradients[input]).collect()
    }
    #[track_caller]
    fn tangents(ys: &[Var], inputs: &[Var], v: &[Self]) -> Vec<Self> {
        crate::grad::numeric_tangents(inputs, v, ys)
    }
}

impl Point for Var {
    fn with_inputs<R>(x: &[Self], work: impl FnOnce(&[Var]) -> R) -> R {
        if x.iter().all(|x| x.is_constant()) {
            let tape = Tape::new();
            let values: Vec<f64> = x.iter().map(|x| x.raw()).collect();
            return work(&tape.vars(&values));
        }
        let anchor = *x
            .iter()
            .find(|x| !x.is_constant())
            .expect("not all are constant");
        // Copies, so that a function that also uses `x` from outside is not differentiated
        // through that use.
        let inputs: Vec<Var> = x
            .iter()
            .map(|x| {
                if x.is_constant() {
                    anchor.leaf_beside(x.raw())
                } else {
                    x.copied()
                }
            })
            .collect();
        work(&inputs)
    }
    fn from_result(result: Var) -> Self {
        result
    }
    #[track_caller]
    fn gradient(y: Var, inputs: &[Var]) -> Vec<Self> {
        if y.is_constant() {
            return vec![Var::constant(0.0); inputs.len()];
        }
        y.grad(inputs)
    }
    #[track_caller]
    fn tangents(ys: &[Var], inputs: &[Var], v: &[Self]) -> Vec<Self> {
        crate::grad::recorded_tangents(inputs, v, ys)
    }
}

/// The gradient of a scalar function of a slice.
///
/// The result takes a point, `&[f64]`, and gives the gradient there. Inside another derivative it
/// also takes `&[Var]`, so derivatives nest:
///
/// ```
/// use wengert::{Var, grad};
///
/// let df = grad(|x: &[Var]| x[0] * x[1].sin());
/// assert_eq!(df(&[2.0, 0.0]), vec![0.0, 2.0]);
///
/// // d/dx (x d/dy (x + y)) = 1: the inner derivative does not see the outer x.
/// let nested = grad(|x: &[Var]| x[0] * grad(|y: &[Var]| x[0] + y[0])(&[x[0]])[0]);
/// assert_eq!(nested(&[1.0]), vec![1.0]);
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, and if `f` mixes tapes.
pub fn grad<P: Point>(f: impl Fn(&[Var]) -> Var) -> impl Fn(&[P]) -> Vec<P> {
    move |x| P::with_inputs(x, |inputs| P::gradient(f(inputs), inputs))
}

/// The value and the gradient of a scalar function of a slice.
///
/// ```
/// let f = wengert::value_and_grad(|x: &[wengert::Var]| x[0] * x[0]);
/// assert_eq!(f(&[3.0]), (9.0, vec![6.0]));
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, and if `f` mixes tapes.
pub fn value_and_grad<P: Point>(f: impl Fn(&[Var]) -> Var) -> impl Fn(&[P]) -> (P, Vec<P>) {
    move |x| {
        P::with_inputs(x, |inputs| {
            let y = f(inputs);
            (P::from_result(y), P::gradient(y, inputs))
        })
    }
}

/// The Jacobian of a function from a slice to a vector: one row for each output.
///
/// ```
/// let j = wengert::jacobian(|x: &[wengert::Var]| vec![x[0] * x[1], x[0] + x[1]]);
/// assert_eq!(j(&[2.0, 3.0]), vec![vec![3.0, 2.0], vec![1.0, 1.0]]);
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, and if `f` mixes tapes.
pub fn jacobian<P: Point>(f: impl Fn(&[Var]) -> Vec<Var>) -> impl Fn(&[P]) -> Vec<Vec<P>> {
    move |x| {
        P::with_inputs(x, |inputs| {
            let ys = f(inputs);
            ys.iter().map(|&y| P::gradient(y, inputs)).collect()
        })
    }
}

/// The Hessian of a scalar function of a slice: the Jacobian of its gradient.
///
/// ```
/// let h = wengert::hessian(|x: &[wengert::Var]| x[0] * x[0] * x[1]);
/// assert_eq!(h(&[2.0, 3.0]), vec![vec![6.0, 4.0], vec![4.0, 0.0]]);
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, and if `f` mixes tapes.
pub fn hessian<P: Point>(f: impl Fn(&[Var]) -> Var) -> impl Fn(&[P]) -> Vec<Vec<P>> {
    jacobian(move |x: &[Var]| <Var as Point>::gradient(f(x), x))
}

/// The tangent of a function from a slice to a vector, along a direction of the same length as the point.
///
/// ```
/// let t = wengert::jvp(|x: &[wengert::Var]| vec![x[0] * x[1]]);
/// assert_eq!(t(&[2.0, 3.0], &[1.0, 10.0]), vec![23.0]);
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, if `f` mixes tapes, or if the lengths differ.
pub fn jvp<P: Point>(f: impl Fn(&[Var]) -> Vec<Var>) -> impl Fn(&[P], &[P]) -> Vec<P> {
    move |x, v| {
        assert_eq!(
            x.len(),
            v.len(),
            "jvp: the direction must be as long as the point"
        );
        P::with_inputs(x, |inputs| P::tangents(&f(inputs), inputs, v))
    }
}

/// The Hessian's product with a direction: the tangent of the gradient, forward over reverse.
///
/// ```
/// let h = wengert::hvp(|x: &[wengert::Var]| x[0] * x[0] * x[1]);
/// assert_eq!(h(&[2.0, 3.0], &[1.0, 0.0]), vec![6.0, 4.0]);
/// ```
///
/// # Panics
///
/// The returned function panics where `f` does, if `f` mixes tapes, or if the lengths differ.
pub fn hvp<P: Point>(f: impl Fn(&[Var]) -> Var) -> impl Fn(&[P], &[P]) -> Vec<P> {
    jvp(move |x: &[Var]| <Var as Point>::gradient(f(x), x))
}
