//! Functions in, derivative functions out: for plain slices, nested to any depth.

use crate::tape::Tape;
use crate::var::Var;

/// What a derivative can be taken at: plain numbers, or scalars of an outer derivative.
///
/// Sealed; implemented for `f64` and [`Var`].
#[diagnostic::on_unimplemented(
    message = "derivatives of a function are taken at `f64` or `Var`, not at `{Self}`",
    note = "for `f32`, record on a tape of `Tape::new_f32()`, or use `Program::record_f32`"
)]
pub trait Point: Copy + sealed::Sealed {
    /// Inputs that are nodes of their own and stand at `x`; `beside` are other handles that the
    /// derivative meets, and `f` tells what handles the function has captured.
    #[doc(hidden)]
    fn inputs(x: &[Self], beside: &[Self], f: impl FnOnce(&[Var]) -> Vec<Var>) -> Inputs;
    /// A result as a point.
    #[doc(hidden)]
    fn result(y: Var, inputs: &Inputs) -> Self;
    /// The gradient at the inputs.
    #[doc(hidden)]
    fn gradient(y: Var, inputs: &Inputs) -> Vec<Self>;
    /// The tangents of `ys` along `v`.
    #[doc(hidden)]
    fn tangents(ys: &[Var], inputs: &Inputs, v: &[Self]) -> Vec<Self>;
}

/// The inputs of a function, and the tape that was made for them alone, if none was there.
#[doc(hidden)]
#[derive(Debug)]
pub struct Inputs {
    vars: Vec<Var>,
    own_tape: Option<Tape>,
}

impl Inputs {
    fn on_own_tape(x: &[f64]) -> Self {
        let tape = Tape::new();
        Self {
            vars: tape.vars(x),
            own_tape: Some(tape),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for crate::Var {}
}

impl Point for f64 {
    fn inputs(x: &[Self], _: &[Self], _: impl FnOnce(&[Var]) -> Vec<Var>) -> Inputs {
        Inputs::on_own_tape(x)
    }
    #[track_caller]
    fn result(y: Var, _: &Inputs) -> Self {
        y.value()
    }
    #[track_caller]
    fn gradient(y: Var, inputs: &Inputs) -> Vec<Self> {
        if y.is_constant() {
            return vec![0.0; inputs.vars.len()];
        }
        let gradients = y.backward();
        inputs.vars.iter().map(|&input| gradients[input]).collect()
    }
    #[track_caller]
    fn tangents(ys: &[Var], inputs: &Inputs, v: &[Self]) -> Vec<Self> {
        crate::grad::numeric_tangents(&inputs.vars, v, ys)
    }
}

impl Point for Var {
    fn inputs(x: &[Self], beside: &[Self], f: impl FnOnce(&[Var]) -> Vec<Var>) -> Inputs {
        let recorded = |handles: &[Var]| handles.iter().copied().find(|x| !x.is_constant());
        // At a constant point the outer tape shows only in what the function has captured, and
        // that shows in its result.
        let Some(anchor) = recorded(x)
            .or_else(|| recorded(beside))
            .or_else(|| recorded(&f(x)))
        else {
            let numbers: Vec<f64> = x.iter().map(|x| x.value()).collect();
            return Inputs::on_own_tape(&numbers);
        };
        // Copies, so that a function that also uses `x` from outside is not differentiated
        // through that use.
        let vars = x.iter().map(|x| {
            if x.is_constant() {
                anchor.leaf_beside(x.value())
            } else {
                x.copied()
            }
        });
        Inputs {
            vars: vars.collect(),
            own_tape: None,
        }
    }
    #[track_caller]
    fn result(y: Var, inputs: &Inputs) -> Self {
        match inputs.own_tape {
            Some(_) => Var::constant(y.value()),
            None => y,
        }
    }
    #[track_caller]
    fn gradient(y: Var, inputs: &Inputs) -> Vec<Self> {
        match inputs.own_tape {
            Some(_) => constants(<f64 as Point>::gradient(y, inputs)),
            None => recorded_gradient(y, &inputs.vars),
        }
    }
    #[track_caller]
    fn tangents(ys: &[Var], inputs: &Inputs, v: &[Self]) -> Vec<Self> {
        match inputs.own_tape {
            Some(_) => {
                let v: Vec<f64> = v.iter().map(|v| v.value()).collect();
                constants(<f64 as Point>::tangents(ys, inputs, &v))
            }
            None => crate::grad::recorded_tangents(&inputs.vars, v, ys),
        }
    }
}

/// Numbers of a tape that ends here: nothing outside depends on them.
fn constants(numbers: Vec<f64>) -> Vec<Var> {
    numbers.into_iter().map(Var::constant).collect()
}

#[track_caller]
fn recorded_gradient(y: Var, inputs: &[Var]) -> Vec<Var> {
    if y.is_constant() {
        return vec![Var::constant(0.0); inputs.len()];
    }
    y.grad(inputs)
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
    move |x| {
        let inputs = P::inputs(x, &[], |x| vec![f(x)]);
        P::gradient(f(&inputs.vars), &inputs)
    }
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
        let inputs = P::inputs(x, &[], |x| vec![f(x)]);
        let y = f(&inputs.vars);
        (P::result(y, &inputs), P::gradient(y, &inputs))
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
        let inputs = P::inputs(x, &[], &f);
        rows(&f(&inputs.vars), &inputs)
    }
}

#[track_caller]
fn rows<P: Point>(ys: &[Var], inputs: &Inputs) -> Vec<Vec<P>> {
    ys.iter().map(|&y| P::gradient(y, inputs)).collect()
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
    move |x| {
        let inputs = P::inputs(x, &[], |x| vec![f(x)]);
        rows(&recorded_gradient(f(&inputs.vars), &inputs.vars), &inputs)
    }
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
        check_direction("jvp", x.len(), v.len());
        let inputs = P::inputs(x, v, &f);
        P::tangents(&f(&inputs.vars), &inputs, v)
    }
}

#[track_caller]
fn check_direction(op: &str, point: usize, direction: usize) {
    assert!(
        point == direction,
        "{op}: a direction of length {direction} at a point of length {point}; give one number for each input"
    );
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
    move |x, v| {
        check_direction("hvp", x.len(), v.len());
        let inputs = P::inputs(x, v, |x| vec![f(x)]);
        let gradient = recorded_gradient(f(&inputs.vars), &inputs.vars);
        P::tangents(&gradient, &inputs, v)
    }
}
