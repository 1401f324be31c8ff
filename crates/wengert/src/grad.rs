//! Derivatives of recorded nodes: as numbers, or as handles that can be differentiated again.

use ndarray::{Array2, ArrayD, ArrayView, Dimension};

use crate::error::{Error, Shapes, or_panic};
use crate::gradients::{Gradients, no_adjoint};
use crate::list::List;
use crate::real::Real;
use crate::rules::structural::{Array, Way};
use crate::sweep_numeric::Numbers;
use crate::sweep_recorded::{Recorded, Value};
use crate::tensor::Tensor;
use crate::var::Var;

/// The numeric reverse sweep from `root` with the seed that `seed` plants.
fn adjoints<T: Real>(
    list: &'static List<T>,
    root: u32,
    seed: impl FnOnce(&mut Numbers<T>),
) -> Result<Gradients<T>, Error> {
    let mut numbers = Numbers::new(list, root);
    seed(&mut numbers);
    T::reverse_numbers(&mut numbers, root, 0)?;
    Ok(Gradients::new(numbers, Way::Reverse))
}

impl<T: Real> Var<T> {
    /// The derivatives of this scalar with respect to every node before it, as numbers.
    ///
    /// The tape is untouched, so this can be called any number of times.
    ///
    /// # Panics
    ///
    /// As [`Var::try_backward`] fails.
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        or_panic(self.try_backward())
    }

    /// The derivatives of this scalar with respect to every node before it, as numbers.
    ///
    /// # Errors
    ///
    /// If this is a constant or stale, a custom operation lacks its rule, a checkpoint's closure does something else than
    /// at first, or the watch is on and finds a number that is not finite.
    ///
    /// # Panics
    ///
    /// Where the rule of a custom operation or the closure of a checkpoint does.
    pub fn try_backward(self) -> Result<Gradients<T>, Error> {
        self.try_check("backward")?;
        adjoints(self.list(), self.id(), |numbers| {
            numbers.seed_scalar(self.id(), T::one())
        })
    }

    /// The derivatives of this scalar with respect to `wrt`, as recorded scalars: they can be differentiated again.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.var(2.0);
    /// let y = x.powi(4);
    /// let dy = y.grad(&[x])[0];
    /// let d2y = dy.grad(&[x])[0];
    /// assert_eq!(dy.value(), 32.0);
    /// assert_eq!(d2y.value(), 48.0);
    /// assert_eq!(d2y.backward()[x], 48.0);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Var::try_grad`] fails.
    #[track_caller]
    pub fn grad(self, wrt: &[Var<T>]) -> Vec<Var<T>> {
        or_panic(self.try_grad(wrt))
    }

    /// The derivatives of this scalar with respect to `wrt`, as recorded scalars.
    ///
    /// # Errors
    ///
    /// If a handle is a constant, stale or foreign, or a custom operation lacks its rule.
    ///
    /// # Panics
    ///
    /// If the tape fills up on the way; it is then as it was before.
    pub fn try_grad(self, wrt: &[Var<T>]) -> Result<Vec<Var<T>>, Error> {
        self.try_check("grad")?;
        let ids = ids_of("grad", self.list(), wrt)?;
        let attempt = self.list().attempt();
        let seed = Value::Scalar(Var::constant(T::one()));
        let sweep = recorded_reverse("grad", self.list(), self.id(), seed, &ids)?;
        let derivatives = ids.iter().map(|&id| {
            let derivative = sweep.scalar(id).unwrap_or_default();
            if !derivative.is_constant() {
                return Ok(derivative);
            }
            // A node, so that it can be differentiated again, to zero.
            let value = derivative.value();
            let leaf = self.list().try_push_leaf(value)?;
            Ok(Var::at(self.list().place(leaf)))
        });
        attempt.settle(derivatives.collect())
    }

    /// The derivatives of this scalar with respect to tensors, as recorded tensors of the same shapes.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let w = tape.tensor(array![1.0, 2.0]);
    /// let loss = w.powi(3).sum();
    /// let penalty = loss.grad_tensors(&[w])[0].square().sum(); // sum of 9 w^4
    /// assert_eq!(penalty.backward()[w], array![36.0, 288.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// If a handle is a constant, stale or foreign, or a custom operation lacks its rule.
    #[track_caller]
    pub fn grad_tensors(self, wrt: &[Tensor<T>]) -> Vec<Tensor<T>> {
        self.check("grad_tensors");
        or_panic(cotangents(
            "grad_tensors",
            self.list(),
            self.id(),
            Value::Scalar(Var::constant(T::one())),
            wrt,
        ))
    }

    /// The Hessian's product with the vector `v`, by a tangent through the recorded gradient.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.vars(&[2.0, 3.0]);
    /// let y = x[0] * x[0] * x[1];
    /// assert_eq!(y.hvp(&x, &[1.0, 0.0]), [6.0, 4.0]);
    /// ```
    ///
    /// # Panics
    ///
    /// If the lengths differ, or as [`Var::grad`] panics.
    #[track_caller]
    pub fn hvp(self, wrt: &[Var<T>], v: &[T]) -> Vec<T> {
        self.check("hvp");
        let _taken_back = self.list().attempt();
        let gradient = self.grad(wrt);
        or_panic(tangents(self.list(), wrt, v, &gradient))
    }

    /// The matrix of second derivatives with respect to `wrt`.
    ///
    /// ```
    /// use ndarray::array;
    /// use wengert::{Tape, Tensor};
    ///
    /// let tape = Tape::new();
    /// let x = tape.vars(&[2.0, 3.0]);
    /// let w = Tensor::stack(&x);
    /// let y = tape.constant(array![[1.0, 1.0]]).matmul(w).square().sum(); // (x0 + x1)^2
    /// assert_eq!(y.hessian(&x), array![[2.0, 2.0], [2.0, 2.0]]);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Var::grad`] panics.
    #[track_caller]
    pub fn hessian(self, wrt: &[Var<T>]) -> Array2<T> {
        self.check("hessian");
        let _taken_back = self.list().attempt();
        let gradient = self.grad(wrt);
        or_panic(jacobian(&gradient, wrt))
    }
}

impl<T: Real> Tensor<T> {
    /// The product of a cotangent with the Jacobian of this tensor, for every node before it, as numbers.
    ///
    /// `cotangent` has this tensor's shape. For the plain gradient reduce to a scalar first: `y.sum().backward()`.
    ///
    /// ```
    /// use ndarray::array;
    ///
    /// let tape = wengert::Tape::new();
    /// let x = tape.tensor(array![1.0, 2.0]);
    /// let g = x.square().backward_with(array![1.0, 10.0].view());
    /// assert_eq!(g[x], array![2.0, 40.0].into_dyn());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_backward_with`] fails.
    #[track_caller]
    pub fn backward_with<D: Dimension>(self, cotangent: ArrayView<'_, T, D>) -> Gradients<T> {
        or_panic(self.try_backward_with(cotangent))
    }

    /// The product of a cotangent with the Jacobian of this tensor, for every node before it, as numbers.
    ///
    /// # Errors
    ///
    /// If the cotangent has another shape than this tensor, the handle is stale, or a custom
    /// operation lacks its rule.
    pub fn try_backward_with<D: Dimension>(
        self,
        cotangent: ArrayView<'_, T, D>,
    ) -> Result<Gradients<T>, Error> {
        self.try_check("backward_with")?;
        let shape = self.list.shape_of(self.id);
        if cotangent.shape() != shape.as_slice() {
            return Err(Error::Shape {
                op: "backward_with",
                detail: "the cotangent must have the shape of the tensor".to_owned(),
                shapes: Shapes(vec![cotangent.shape().into(), shape]),
            });
        }
        let numbers: Vec<T> = cotangent.iter().copied().collect();
        adjoints(self.list, self.id, |sweep| {
            sweep.seed_tensor(self.id, &numbers)
        })
    }

    /// The product of a recorded cotangent with the Jacobian, as recorded tensors of the shapes of `wrt`.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_vjp`] fails.
    #[track_caller]
    pub fn vjp(self, cotangent: Tensor<T>, wrt: &[Tensor<T>]) -> Vec<Tensor<T>> {
        or_panic(self.try_vjp(cotangent, wrt))
    }

    /// The product of a recorded cotangent with the Jacobian, as recorded tensors of the shapes of `wrt`.
    ///
    /// # Errors
    ///
    /// If the cotangent has another shape than this tensor, a handle is a constant, stale or foreign, or
    /// a custom operation lacks its rule.
    ///
    /// # Panics
    ///
    /// If the tape fills up on the way; it is then as it was before.
    pub fn try_vjp(self, cotangent: Tensor<T>, wrt: &[Tensor<T>]) -> Result<Vec<Tensor<T>>, Error> {
        self.try_check("vjp")?;
        cotangent.try_check("vjp")?;
        if !std::ptr::eq(cotangent.list, self.list) {
            return Err(Error::Foreign { op: "vjp" });
        }
        if cotangent.shape() != self.shape() {
            return Err(Error::Shape {
                op: "vjp",
                detail: "the cotangent must have the shape of the tensor".to_owned(),
                shapes: Shapes(vec![cotangent.shape(), self.shape()]),
            });
        }
        cotangents("vjp", self.list, self.id, Value::Tensor(cotangent), wrt)
    }

    /// The tangent of this tensor along recorded tangents of inputs, as a recorded tensor.
    ///
    /// Each pair is an input and its tangent, of the same shape.
    ///
    /// # Panics
    ///
    /// As [`Tensor::try_jvp`] fails.
    #[track_caller]
    pub fn jvp(self, seeds: &[(Tensor<T>, Tensor<T>)]) -> Tensor<T> {
        or_panic(self.try_jvp(seeds))
    }

    /// The tangent of this tensor along recorded tangents of inputs, as a recorded tensor.
    ///
    /// # Errors
    ///
    /// If shapes differ, a handle is stale or foreign, or a custom operation lacks its rule.
    ///
    /// # Panics
    ///
    /// If the tape fills up on the way; it is then as it was before.
    pub fn try_jvp(self, seeds: &[(Tensor<T>, Tensor<T>)]) -> Result<Tensor<T>, Error> {
        self.try_check("jvp")?;
        let ids = ids_of("jvp", self.list, seeds.iter().map(|(x, _)| x))?;
        ids_of("jvp", self.list, seeds.iter().map(|(_, tangent)| tangent))?;
        for (x, tangent) in seeds {
            if x.shape() != tangent.shape() {
                return Err(Error::Shape {
                    op: "jvp",
                    detail: "a tangent must have the shape of its input".to_owned(),
                    shapes: Shapes(vec![tangent.shape(), x.shape()]),
                });
            }
        }
        let mut sweep = Recorded::new(self.list, self.id, &ids);
        for (&id, (_, tangent)) in ids.iter().zip(seeds) {
            if id <= self.id {
                sweep.seed(id, Value::Tensor(*tangent));
            }
        }
        let first = ids.iter().copied().min().unwrap_or(self.id);
        let attempt = self.list.attempt();
        T::forward_recorded(&mut sweep, first, self.id)?;
        let tangent = crate::sweep::Algebra::get(&sweep, self.id);
        attempt.settle(Ok(
            tangent.unwrap_or_else(|| self.full(&Tensor::shape(self), 0.0))
        ))
    }
}

impl<T: Real> crate::Tape<T> {
    /// Tangents of all nodes along directions of scalar inputs, as numbers: one forward sweep.
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let (x, y) = (tape.var(2.0), tape.var(5.0));
    /// let z = x * y;
    /// let t = tape.jvp(&[(x, 1.0), (y, 10.0)]);
    /// assert_eq!(t[z], 5.0 + 20.0);
    /// ```
    ///
    /// # Panics
    ///
    /// If a handle is a constant, stale or foreign, or a custom operation lacks its rule.
    #[track_caller]
    pub fn jvp(&self, seeds: &[(Var<T>, T)]) -> Gradients<T> {
        let ids = or_panic(ids_of("jvp", self.list(), seeds.iter().map(|(x, _)| x)));
        or_panic(self.tangents_of(&ids, |numbers| {
            for &(x, tangent) in seeds {
                numbers.seed_scalar(x.id(), tangent);
            }
        }))
    }

    /// Tangents of all nodes along directions of tensors, as numbers: one forward sweep.
    ///
    /// Each tangent has the shape of its tensor.
    ///
    /// # Panics
    ///
    /// If shapes differ, a handle is stale or foreign, or a custom operation lacks its rule.
    #[track_caller]
    pub fn jvp_tensors(&self, seeds: &[(Tensor<T>, ArrayD<T>)]) -> Gradients<T> {
        let inputs = seeds.iter().map(|(x, _)| x);
        let ids = or_panic(ids_of("jvp_tensors", self.list(), inputs));
        for (x, tangent) in seeds {
            if tangent.shape() != x.shape().as_slice() {
                crate::error::fail(Error::Shape {
                    op: "jvp_tensors",
                    detail: "a tangent must have the shape of its tensor".to_owned(),
                    shapes: Shapes(vec![tangent.shape().into(), x.shape()]),
                });
            }
        }
        or_panic(self.tangents_of(&ids, |numbers| {
            for (x, tangent) in seeds {
                numbers.seed_tensor(x.id, &tangent.iter().copied().collect::<Vec<_>>());
            }
        }))
    }

    fn tangents_of(
        &self,
        seeded: &[u32],
        seed: impl FnOnce(&mut Numbers<T>),
    ) -> Result<Gradients<T>, Error> {
        let list = self.list();
        let Some(last) = list.len().checked_sub(1) else {
            return Err(Error::Empty {
                op: "jvp",
                detail: "the tape is empty; record something first".to_owned(),
            });
        };
        let mut numbers = Numbers::new(list, last);
        seed(&mut numbers);
        let first = seeded.iter().copied().min().unwrap_or(last);
        T::forward_numbers(&mut numbers, first, last)?;
        Ok(Gradients::new(numbers, Way::Forward))
    }

    /// The matrix of derivatives of each of `ys` (rows) with respect to each of `xs` (columns).
    ///
    /// ```
    /// let tape = wengert::Tape::new();
    /// let x = tape.vars(&[2.0, 3.0]);
    /// let j = tape.jacobian(&[x[0] * x[1], x[0] + x[1]], &x);
    /// assert_eq!(j, ndarray::array![[3.0, 2.0], [1.0, 1.0]]);
    /// ```
    ///
    /// # Panics
    ///
    /// If a handle is a constant, stale or foreign, or a custom operation lacks its rule.
    #[track_caller]
    pub fn jacobian(&self, ys: &[Var<T>], xs: &[Var<T>]) -> Array2<T> {
        or_panic(ids_of("jacobian", self.list(), ys.iter().chain(xs)));
        or_panic(jacobian(ys, xs))
    }
}

/// A handle of either kind.
trait Handle<T: Real> {
    fn list(&self) -> &'static List<T>;
    fn id(&self) -> u32;
    fn try_check(&self, op: &'static str) -> Result<(), Error>;
}

macro_rules! handles {
    ($($handle:ident $($call:tt)?);*) => {$(
        impl<T: Real> Handle<T> for $handle<T> {
            fn list(&self) -> &'static List<T> {
                (*self).list $($call)?
            }
            fn id(&self) -> u32 {
                (*self).id $($call)?
            }
            fn try_check(&self, op: &'static str) -> Result<(), Error> {
                $handle::try_check(*self, op)
            }
        }
    )*};
}

handles!(Var (); Tensor);

/// The nodes of live handles of one list.
fn ids_of<'a, T: Real, H: Handle<T> + 'a>(
    op: &'static str,
    list: &'static List<T>,
    handles: impl IntoIterator<Item = &'a H>,
) -> Result<Vec<u32>, Error> {
    handles
        .into_iter()
        .map(|handle| {
            handle.try_check(op)?;
            match std::ptr::eq(handle.list(), list) {
                true => Ok(handle.id()),
                false => Err(Error::Foreign { op }),
            }
        })
        .collect()
}

fn recorded_reverse<T: Real>(
    op: &'static str,
    list: &'static List<T>,
    root: u32,
    seed: Value<T>,
    wrt: &[u32],
) -> Result<Recorded<T>, Error> {
    let is_constant =
        |&&id: &&u32| list.state().stopped_range(id).is_some() || !list.is_differentiable(id);
    if let Some(&constant) = wrt.iter().find(is_constant) {
        return Err(no_adjoint(op, constant));
    }
    let mut sweep = Recorded::new(list, root, wrt);
    sweep.seed(root, seed);
    let end = wrt.iter().copied().min().unwrap_or(root);
    T::reverse_recorded(&mut sweep, root, end.min(root))?;
    Ok(sweep)
}

fn cotangents<T: Real>(
    op: &'static str,
    list: &'static List<T>,
    root: u32,
    seed: Value<T>,
    wrt: &[Tensor<T>],
) -> Result<Vec<Tensor<T>>, Error> {
    let ids = ids_of(op, list, wrt)?;
    let attempt = list.attempt();
    let sweep = recorded_reverse(op, list, root, seed, &ids)?;
    let found = wrt
        .iter()
        .map(|x| {
            let found = (x.id <= root)
                .then(|| crate::sweep::Algebra::get(&sweep, x.id))
                .flatten();
            found.unwrap_or_else(|| x.full(&Tensor::shape(*x), 0.0))
        })
        .collect();
    attempt.settle(Ok(found))
}

fn tangents<T: Real>(
    list: &'static List<T>,
    xs: &[Var<T>],
    v: &[T],
    ys: &[Var<T>],
) -> Result<Vec<T>, Error> {
    if xs.len() != v.len() {
        return Err(Error::Argument {
            op: "hvp",
            detail: format!(
                "{} directions for {} variables; give one for each",
                v.len(),
                xs.len()
            ),
        });
    }
    let last = list.len() - 1;
    let mut numbers = Numbers::new(list, last);
    for (x, &tangent) in xs.iter().zip(v) {
        numbers.seed_scalar(x.id(), tangent);
    }
    let first = xs.iter().map(|x| x.id()).min().unwrap_or(last);
    T::forward_numbers(&mut numbers, first, last)?;
    let found = Gradients::new(numbers, Way::Forward);
    ys.iter()
        .map(|&y| {
            if y.is_constant() {
                Ok(T::zero())
            } else {
                found.scalar(y).copied()
            }
        })
        .collect()
}

/// Tangents of `ys` along `v`, as numbers; a constant's is zero.
#[track_caller]
pub(crate) fn numeric_tangents(xs: &[Var], v: &[f64], ys: &[Var]) -> Vec<f64> {
    match xs.first() {
        Some(x) => or_panic(tangents(x.list(), xs, v, ys)),
        None => vec![0.0; ys.len()],
    }
}

/// Tangents of `ys` along `v`, recorded; a constant's is zero.
#[track_caller]
pub(crate) fn recorded_tangents<T: Real>(
    xs: &[Var<T>],
    v: &[Var<T>],
    ys: &[Var<T>],
) -> Vec<Var<T>> {
    let Some(x) = xs.first() else {
        return vec![Var::default(); ys.len()];
    };
    let ids: Vec<u32> = xs.iter().map(|x| x.id()).collect();
    for y in ys.iter().chain(v).filter(|y| !y.is_constant()) {
        y.check("jvp");
        if !std::ptr::eq(y.list(), x.list()) {
            crate::error::fail(Error::Foreign { op: "jvp" });
        }
    }
    let last = x.list().len() - 1;
    let mut sweep = Recorded::new(x.list(), last, &ids);
    for (&id, &tangent) in ids.iter().zip(v) {
        sweep.seed(id, Value::Scalar(tangent));
    }
    let first = ids.iter().copied().min().unwrap_or(0);
    let attempt = x.list().attempt();
    or_panic(attempt.settle(T::forward_recorded(&mut sweep, first, last)));
    ys.iter()
        .map(|y| {
            if y.is_constant() {
                None
            } else {
                sweep.scalar(y.id())
            }
            .unwrap_or_default()
        })
        .collect()
}

fn jacobian<T: Real>(ys: &[Var<T>], xs: &[Var<T>]) -> Result<Array2<T>, Error> {
    let mut matrix = Array2::zeros((ys.len(), xs.len()));
    for (mut row, y) in matrix.rows_mut().into_iter().zip(ys) {
        let gradients = y.try_backward()?;
        for (entry, &x) in row.iter_mut().zip(xs) {
            *entry = *gradients.scalar(x)?;
        }
    }
    Ok(matrix)
}
