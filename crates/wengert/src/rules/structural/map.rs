//! Elementwise operations on whole tensors: the table's rules in loops.

use crate::broadcast::{broadcast_shapes, for_each_run};
use crate::error::Error;
use crate::num::N;
use crate::real::Real;
use crate::rules::Op;
use crate::rules::expand::{Elementwise, Visitor};
use crate::rules::structural::{View, Way};
use crate::tensor::Shape;

/// An elementwise operation of the table, with those of its inputs that are constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    pub(crate) op: Op,
    /// For each input of the rule, the constant that stands there, if one does.
    pub(crate) constants: [Option<f64>; 3],
    pub(crate) params: [f64; 2],
}

impl Map {
    pub(crate) fn of(op: Op) -> Self {
        Self {
            op,
            constants: [None; 3],
            params: [0.0; 2],
        }
    }

    /// Which input of the rule the tape's operand `k` is.
    pub(crate) fn input_of(&self, k: usize) -> usize {
        (0..3)
            .filter(|&input| self.constants[input].is_none())
            .nth(k)
            .expect("an operand of the operation")
    }

    pub(crate) fn shape(&self, inputs: &[&[usize]]) -> Result<Shape, Error> {
        broadcast_shapes(self.op.name(), inputs)
    }

    pub(crate) fn evaluate<T: Real>(&self, inputs: &[View<'_, T>], shape: &[usize], to: &mut [T]) {
        let constants = self.constants.map(|c| [T::of(c.unwrap_or(0.0))]);
        let all = self.all_inputs(inputs, &constants);
        self.op.visit(Value {
            map: self,
            inputs: all,
            shape,
            to,
        });
    }

    /// `g` times the partial in operand `k`, for every element of the output's shape.
    pub(crate) fn evaluate_chain<T: Real>(
        &self,
        k: usize,
        g: View<'_, T>,
        inputs: &[View<'_, T>],
        output: View<'_, T>,
        way: Way,
        to: &mut [T],
    ) {
        let constants = self.constants.map(|c| [T::of(c.unwrap_or(0.0))]);
        let all = self.all_inputs(inputs, &constants);
        self.op.visit(Chain {
            map: self,
            k: self.input_of(k),
            g,
            inputs: all,
            output,
            way,
            to,
        });
    }

    /// The rule's inputs, with constants as scalars in their places.
    fn all_inputs<'a, T: Real>(
        &self,
        inputs: &[View<'a, T>],
        constants: &'a [[T; 1]; 3],
    ) -> [View<'a, T>; 3] {
        let mut next = inputs.iter();
        std::array::from_fn(|k| match self.constants[k] {
            None => next.next().copied().unwrap_or(View {
                data: &constants[k],
                shape: &[],
            }),
            Some(_) => View {
                data: &constants[k],
                shape: &[],
            },
        })
    }
}

struct Value<'a, T> {
    map: &'a Map,
    inputs: [View<'a, T>; 3],
    shape: &'a [usize],
    to: &'a mut [T],
}

impl<T: Real> Visitor for Value<'_, T> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        let p: [f64; P] = std::array::from_fn(|i| self.map.params[i]);
        let shapes: [&[usize]; A] = std::array::from_fn(|k| self.inputs[k].shape);
        for_each_run(self.shape, shapes, &mut |start, len, offsets, strides| {
            let to = &mut self.to[start..start + len];
            let from: [&[T]; A] = std::array::from_fn(|k| {
                let extent = if strides[k] == 0 { 1 } else { len };
                &self.inputs[k].data[offsets[k]..offsets[k] + extent]
            });
            if const { A == 1 } || strides == [1; A] {
                // Slices of one length that the compiler can see: then the loop is vectorised.
                let from: [&[T]; A] = std::array::from_fn(|k| &from[k][..len]);
                for (i, z) in to[..len].iter_mut().enumerate() {
                    *z = E::value(std::array::from_fn(|k| N(from[k][i])), p).0;
                }
            } else if const { A == 2 } {
                let (x, y) = (from[0], from[A - 1]);
                let at = |x: T, y: T| E::value(std::array::from_fn(|k| N([x, y][k])), p).0;
                if strides[0] == 1 {
                    to.iter_mut().zip(x).for_each(|(z, &x)| *z = at(x, y[0]));
                } else {
                    to.iter_mut().zip(y).for_each(|(z, &y)| *z = at(x[0], y));
                }
            } else {
                for (i, z) in to.iter_mut().enumerate() {
                    *z = E::value(std::array::from_fn(|k| N(from[k][i * strides[k]])), p).0;
                }
            }
        });
    }
}

struct Chain<'a, T> {
    map: &'a Map,
    k: usize,
    g: View<'a, T>,
    inputs: [View<'a, T>; 3],
    output: View<'a, T>,
    way: Way,
    to: &'a mut [T],
}

impl<T: Real> Visitor for Chain<'_, T> {
    type Output = ();
    fn visit<E: Elementwise<A, P>, const A: usize, const P: usize>(self) {
        // The constant conditions keep loops that cannot run from being compiled.
        if const { A == 1 } || self.k == 0 {
            self.run::<E, A, P, 0>();
        } else if const { A == 2 } || self.k == 1 {
            if const { A >= 2 } {
                self.run::<E, A, P, 1>();
            }
        } else if const { A >= 3 } {
            self.run::<E, A, P, 2>();
        }
    }
}

impl<T: Real> Chain<'_, T> {
    fn run<E: Elementwise<A, P>, const A: usize, const P: usize, const K: usize>(self) {
        let p: [f64; P] = std::array::from_fn(|i| self.map.params[i]);
        let operands = [
            self.g,
            self.output,
            self.inputs[0],
            self.inputs[1],
            self.inputs[2],
        ];
        let used = A + 2;
        let way = self.way;
        let shapes = std::array::from_fn(|k| if k < used { operands[k].shape } else { &[] });
        for_each_run(
            self.output.shape,
            shapes,
            &mut |start, len, offsets, strides: [usize; 5]| {
                let to = &mut self.to[start..start + len];
                let from: [&[T]; 5] = std::array::from_fn(|k| {
                    let extent = if strides[k] == 0 { 1 } else { len };
                    let offset = if k < used { offsets[k] } else { 0 };
                    &operands[k].data[offset..offset + extent]
                });
                // By value, so that the loops below need not ask memory for it.
                let dead_partials = way == Way::Forward;
                let product = move |g: T, partial: T| match dead_partials && partial == T::zero() {
                    true => T::zero(),
                    false => absorb(g, partial),
                };
                let [g, z, x @ ..] = from;
                if const { A == 1 } || strides[..used].iter().all(|&stride| stride == 1) {
                    // Slices of one length that the compiler can see: then the loop is vectorised.
                    let (g, z) = (&g[..len], &z[..len]);
                    let x: [&[T]; A] = std::array::from_fn(|k| &x[k][..len]);
                    for (i, to) in to[..len].iter_mut().enumerate() {
                        let partials = E::partials(std::array::from_fn(|k| N(x[k][i])), p, N(z[i]));
                        *to = product(g[i], partials[K].0);
                    }
                } else {
                    for i in 0..len {
                        let inputs = std::array::from_fn(|k| N(x[k][i * strides[k + 2]]));
                        let partials = E::partials(inputs, p, N(z[i * strides[1]]));
                        to[i] = product(g[i * strides[0]], partials[K].0);
                    }
                }
            },
        );
    }
}

/// The product in which an adjoint of zero absorbs everything, even an infinite partial.
#[inline(always)]
pub(crate) fn absorb<T: Real>(g: T, partial: T) -> T {
    if g == T::zero() {
        T::zero()
    } else {
        g * partial
    }
}
