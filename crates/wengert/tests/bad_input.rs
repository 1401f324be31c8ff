//! Bad input: one sentence that names the operation, what clashes and the way out; at the caller's
//! line; the same as an `Error`; and the tape as it was.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use ndarray::{Array2, arr0, array, s};
use wengert::{CustomOp, Error, Tape, Tensor, Var};

/// What the cases work on, fresh for each.
struct World {
    tape: Tape,
    other: Tape,
    x: Var,
    /// Shape [2, 3].
    w: Tensor,
    /// Shape [4].
    v: Tensor,
    /// Shape [2, 1].
    column: Tensor,
    /// Shape [0, 3].
    empty: Tensor,
    constant: Var,
    stranger: Var,
    foreign: Tensor,
    stale: Var,
    stale_tensor: Tensor,
    /// Without rules.
    bare: CustomOp,
}

impl World {
    fn new() -> Self {
        let (mut tape, other) = (Tape::new(), Tape::new());
        let x = tape.var(2.0).named("x");
        let w = tape.tensor(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let v = tape.tensor(array![1.0, 2.0, 3.0, 4.0]);
        let column = tape.tensor(array![[1.0], [2.0]]);
        let empty = tape.tensor(Array2::<f64>::zeros((0, 3)));
        let mark = tape.mark();
        let (stale, stale_tensor) = (x * x, w * x);
        tape.rewind(mark);
        Self {
            x,
            w,
            v,
            column,
            empty,
            constant: Var::constant(3.0),
            stranger: other.var(1.0),
            foreign: other.tensor(array![1.0, 2.0, 3.0]),
            stale,
            stale_tensor,
            bare: CustomOp::new("bare", |x| x[0].to_owned()),
            tape,
            other,
        }
    }
}

struct Case {
    line: u32,
    name: &'static str,
    /// The form that panics.
    run: fn(&World),
    /// The form that returns the error, if there is one.
    attempt: Option<fn(&World) -> Result<(), Error>>,
    /// What the sentence must contain.
    says: &'static [&'static str],
    /// Whether the panic points at the case; not if it comes through a closure or an iterator,
    /// which cannot pass the caller's line on.
    pointed: bool,
}

macro_rules! case {
    ($name:literal, |$w:ident| $run:expr, says $says:expr) => {
        case!(@ $name, |$w| $run, None, $says, true)
    };
    ($name:literal, |$w:ident| $run:expr, or $attempt:expr, says $says:expr) => {
        case!(@ $name, |$w| $run, Some(|$w| $attempt.map(|_| ())), $says, true)
    };
    ($name:literal, |$w:ident| $run:expr, elsewhere says $says:expr) => {
        case!(@ $name, |$w| $run, None, $says, false)
    };
    (@ $name:literal, |$w:ident| $run:expr, $attempt:expr, $says:expr, $pointed:literal) => {
        Case {
            line: line!(),
            name: $name,
            run: |$w| {
                let _ = $run;
            },
            attempt: $attempt,
            says: &$says,
            pointed: $pointed,
        }
    };
}

thread_local! {
    static PANICKED_AT: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// The sentence of a panic, and the file and line that it points at.
fn refusal(run: impl FnOnce()) -> Option<(String, String, u32)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let at = info.location().map(|at| (at.file().to_owned(), at.line()));
            PANICKED_AT.set(at);
            before(info);
        }));
    });
    let payload = catch_unwind(AssertUnwindSafe(run)).err()?;
    let sentence = match payload.downcast::<String>() {
        Ok(sentence) => *sentence,
        Err(other) => (*other.downcast::<&str>().expect("a sentence")).to_owned(),
    };
    let (file, line) = PANICKED_AT.take().expect("a location");
    Some((sentence, file, line))
}

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (k, case) in cases.iter().enumerate() {
        let end = cases.get(k + 1).map_or(case.line + 6, |next| next.line);
        if let Err(what) = examine(case, end) {
            wrong.push(format!("{}: {what}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is wrong with how a case is refused, whose lines end before `end`.
fn examine(case: &Case, end: u32) -> Result<(), String> {
    let ensure = |holds: bool, what: &dyn Fn() -> String| if holds { Ok(()) } else { Err(what()) };
    let world = World::new();
    let state = |world: &World| {
        let (tape, other) = (&world.tape, &world.other);
        (tape.len(), tape.bytes(), other.len(), other.bytes())
    };
    let before = state(&world);
    let unchanged = || {
        let after = state(&world);
        ensure(after == before, &|| {
            format!("the tape was {before:?} and is {after:?}")
        })
    };
    let (sentence, file, line) = refusal(|| (case.run)(&world)).ok_or("was accepted")?;
    for part in case.says {
        ensure(sentence.contains(part), &|| {
            format!("no {part:?} in: {sentence}")
        })?;
    }
    let here = file == file!() && (case.line..end).contains(&line);
    ensure(here == case.pointed, &|| format!("points at {file}:{line}"))?;
    unchanged()?;
    if let Some(attempt) = case.attempt {
        let error = attempt(&world).err().ok_or("the try_ form accepts it")?;
        ensure(error.to_string() == sentence, &|| {
            format!("{sentence}, but {error}")
        })?;
        unchanged()?;
    }
    // And it works on.
    world.tape.limit_nodes(usize::MAX);
    let slope = (world.x * world.x).backward()[world.x];
    ensure(slope == 4.0, &|| format!("afterwards, a slope of {slope}"))
}

#[test]
#[rustfmt::skip] // One line or two for a case, as a table.
fn shapes_ranks_and_indices() {
    check(&[
        case!("sum of shapes that do not broadcast", |w| w.w + w.v,
            or w.w.try_add(w.v), says ["add: shapes [2, 3] and [4] do not broadcast", "aligned from the right", "reshape or unsqueeze one of them"]),
        case!("in place", |w| { let mut a = w.w; a *= w.v; },
            or w.w.try_mul(w.v), says ["mul: shapes [2, 3] and [4]"]),
        case!("borrowed", |w| { let (a, b) = (&w.w, &w.v); a - b },
            or w.w.try_sub(w.v), says ["sub: shapes [2, 3] and [4]"]),
        case!("by method", |w| w.w.maximum(w.v),
            or w.w.try_maximum(w.v), says ["maximum: shapes [2, 3] and [4]"]),
        case!("of three", |w| w.w.lerp(w.w, w.v),
            or w.w.try_lerp(w.w, w.v), says ["lerp: shapes [2, 3] and [2, 3] and [4]"]),
        case!("in a closure", |w| [w.v].iter().map(|&v| w.w / v).next(),
            or w.w.try_div(w.v), says ["div: shapes [2, 3] and [4]"]),
        case!("broadcast_to", |w| w.w.broadcast_to(&[2, 4]),
            or w.w.try_broadcast_to(&[2, 4]), says ["broadcast_to: shapes [2, 3] and [2, 4]"]),
        case!("broadcast_to more than there is memory for", |w| w.w.broadcast_to(&[1 << 50, 2, 3]),
            or w.w.try_broadcast_to(&[1 << 50, 2, 3]), says ["broadcast_to: there is no memory for a result of shape [1125899906842624, 2, 3]"]),
        case!("reshape", |w| w.w.reshape(&[4]),
            or w.w.try_reshape(&[4]), says ["reshape: 6 elements do not fit shape [4], which holds 4", "[2, 3]"]),
        case!("reshape beyond all numbers", |w| w.w.reshape(&[usize::MAX, 3]),
            or w.w.try_reshape(&[usize::MAX, 3]), says ["reshape: 6 elements do not fit"]),
        case!("matmul", |w| w.w.matmul(w.w),
            or w.w.try_matmul(w.w), says ["matmul: the first factor has 3 columns but the second 2 rows", "transpose one with .t()", "[2, 3] and [2, 3]"]),
        case!("matmul with a vector", |w| w.w.matmul(w.v),
            or w.w.try_matmul(w.v), says ["matmul: the first factor has 3 columns but the second 4 rows"]),
        case!("matmul of a scalar", |w| w.w.matmul(w.x.into()),
            or w.w.try_matmul(w.x.into()), says ["matmul: both factors need rank 1 or more", "multiply by a scalar with *"]),
        case!("transpose of a vector", |w| w.v.t(),
            or w.v.try_t(), says ["t: a transpose needs two axes; unsqueeze a vector first; got [4]"]),
        case!("dot of matrices", |w| w.w.dot(w.w),
            or w.w.try_dot(w.w), says ["dot: both factors must be vectors of one length; use matmul", "[2, 3]"]),
        case!("outer of matrices", |w| w.w.outer(w.v),
            or w.w.try_outer(w.v), says ["outer: both factors must be vectors; reshape them first; got [2, 3] and [4]"]),
        case!("item of a matrix", |w| w.w.item(),
            or w.w.try_item(), says ["item: only a tensor of rank 0 is a scalar; use get(index), sum() or mean(); got [2, 3]"]),
        case!("an axis that is not there", |w| w.w.sum_axes(&[2], false),
            or w.w.try_sum_axes(&[2], false), says ["axis 2 is out of range for shape [2, 3], which has 2 axes counted from 0"]),
        case!("an axis twice", |w| w.w.sum_axes(&[1, 1], true),
            or w.w.try_sum_axes(&[1, 1], true), says ["axis 1 is named twice; name each axis once"]),
        case!("mean over no axis of theirs", |w| w.w.mean_axes(&[5], true),
            or w.w.try_mean_axes(&[5], true), says ["axis 5 is out of range for shape [2, 3]"]),
        case!("too few axes to permute", |w| w.w.permute(&[0]),
            or w.w.try_permute(&[0]), says ["permute: 1 axes for a tensor of rank 2; name each axis once", "[2, 3]"]),
        case!("an axis permuted twice", |w| w.w.permute(&[0, 0]),
            or w.w.try_permute(&[0, 0]), says ["permute: axis 0 is named twice"]),
        case!("unsqueeze", |w| w.v.unsqueeze(3),
            or w.v.try_unsqueeze(3), says ["unsqueeze: axis 3 is out of range for shape [4]"]),
        case!("squeeze of an axis that is not there", |w| w.v.squeeze(1),
            or w.v.try_squeeze(1), says ["squeeze: axis 1 is out of range for shape [4], which has 1 axes"]),
        case!("squeeze of a long axis", |w| w.w.squeeze(1),
            or w.w.try_squeeze(1), says ["squeeze: axis 1 does not have length 1; sum over it or index it; got [2, 3]"]),
        case!("index of the wrong length", |w| w.w.get(&[1]),
            or w.w.try_get(&[1]), says ["get: an index of 1 numbers for a tensor of rank 2", "[2, 3]"]),
        case!("index out of range", |w| w.w.get(&[1, 3]),
            or w.w.try_get(&[1, 3]), says ["get: index 3 is out of range for axis 1 of length 3"]),
        case!("concat of other axes", |w| Tensor::concat(&[w.w, w.column], 0),
            or Tensor::try_concat(&[w.w, w.column], 0), says ["concat: all axes but axis 0 must agree; got [2, 3] and [2, 1]"]),
        case!("concat along no axis", |w| Tensor::concat(&[w.w, w.w], 2),
            or Tensor::try_concat(&[w.w, w.w], 2), says ["concat: axis 2 is out of range for shape [2, 3]"]),
        case!("stack of two shapes", |w| Tensor::stack_tensors(&[w.w, w.v], 0),
            or Tensor::try_stack_tensors(&[w.w, w.v], 0), says ["stack: all shapes must be the same; broadcast or reshape them first; got [2, 3] and [4]"]),
        case!("stack along no axis", |w| Tensor::stack_tensors(&[w.v, w.v], 2),
            or Tensor::try_stack_tensors(&[w.v, w.v], 2), says ["stack: axis 2 is out of range for shape [4]"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn nothing_and_too_much() {
    check(&[
        case!("concat of nothing", |_w| Tensor::<f64>::concat(&[], 0),
            or { let _ = _w; Tensor::<f64>::try_concat(&[], 0) }, says ["concat: there is nothing to join; give at least one tensor"]),
        case!("stack of nothing", |_w| Tensor::<f64>::stack_tensors(&[], 0),
            or { let _ = _w; Tensor::<f64>::try_stack_tensors(&[], 0) }, says ["stack: there is nothing to join"]),
        case!("stack of no scalars", |_w| Tensor::<f64>::stack(&[]),
            or { let _ = _w; Tensor::<f64>::try_stack(&[]) }, says ["stack: there is nothing to join"]),
        case!("mean of nothing", |w| w.empty.mean(),
            or w.empty.try_mean(), says ["mean: there is no element; give at least one"]),
        case!("mean over an empty axis", |w| w.empty.mean_axes(&[0], false),
            or w.empty.try_mean_axes(&[0], false), says ["mean: there is no element"]),
        case!("a custom operation on nothing", |w| w.bare.call(&[]),
            or w.bare.try_call(&[]), says ["custom: `bare` was called without inputs; give at least one"]),
        case!("too few numbers", |w| w.tape.tensor_from(&[2, 3], [1.0; 5]),
            or w.tape.try_tensor_from(&[2, 3], [1.0; 5]), says ["tensor_from: shape [2, 3] holds 6 numbers but 5 were given"]),
        case!("too many numbers", |w| w.tape.tensor_from(&[2], [1.0; 5]),
            or w.tape.try_tensor_from(&[2], [1.0; 5]), says ["tensor_from: shape [2] holds 2 numbers but 5 were given"]),
        case!("a shape beyond all numbers", |w| w.tape.tensor_from(&[usize::MAX, 2], [1.0; 5]),
            or w.tape.try_tensor_from(&[usize::MAX, 2], [1.0; 5]), says ["tensor_from: shape", "but 5 were given"]),
        case!("full, by an operator", |w| { w.tape.limit_nodes(w.tape.len()); w.x + 1.0 },
            says ["add: the tape is full: it holds 5 nodes, its limit; clear() or rewind(mark) it between steps, or split the computation"]),
        case!("full, by an operation of two nodes", |w| { w.tape.limit_nodes(w.tape.len() + 1); w.x.lerp(w.x, w.x) },
            says ["lerp: the tape is full"]),
        case!("full, by an input", |w| { w.tape.limit_nodes(w.tape.len()); w.tape.var(1.0) },
            says ["leaf: the tape is full"]),
        case!("full, by several inputs", |w| { w.tape.limit_nodes(w.tape.len() + 1); w.tape.vars(&[1.0, 2.0]) },
            says ["leaf: the tape is full"]),
        case!("full, by a tensor", |w| { w.tape.limit_nodes(w.tape.len()); w.w * 2.0 },
            or w.w.try_mul(2.0), says ["mul: the tape is full"]),
        case!("full, by a tensor input", |w| { w.tape.limit_nodes(w.tape.len()); w.tape.tensor(array![1.0]) },
            or w.tape.try_tensor_from(&[1], [1.0]), says ["the tape is full"]),
        case!("full, halfway through", |w| { w.tape.limit_nodes(w.tape.len() + 1); w.w.get(&[0, 0]) },
            or w.w.try_get(&[0, 0]), says ["the tape is full"]),
        case!("full, by a recorded gradient", |w| { w.tape.limit_nodes(w.tape.len()); w.x.grad(&[w.x]) },
            or w.x.try_grad(&[w.x]), says ["leaf: the tape is full"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn stale_and_foreign_handles() {
    const STALE: [&str; 3] = ["was recorded in generation", "has since been rewound", "record it again"];
    const FOREIGN: [&str; 2] = ["recorded on two different tapes", "record both on one tape, or take the number of one: x.value()"];
    check(&[
        case!("stale, by an operator", |w| w.stale + w.x, says ["add: stale Var: node 5", STALE[0], STALE[1], STALE[2]]),
        case!("stale, on the right", |w| 2.0 / w.stale, says ["div: stale Var: node 5", STALE[1]]),
        case!("stale, in place", |w| { let mut x = w.x; x -= w.stale; }, says ["sub: stale Var", STALE[1]]),
        case!("stale, by a method", |w| w.stale.sin(), says ["sin: stale Var", STALE[1]]),
        case!("stale, of three", |w| w.x.lerp(w.x, w.stale), says ["lerp: stale Var", STALE[1]]),
        case!("stale, negated", |w| -w.stale, says ["neg: stale Var", STALE[1]]),
        case!("stale, compared", |w| w.stale < w.x, says ["stale Var", STALE[1]]),
        case!("stale, read", |w| w.stale.value(), says ["value: stale Var", STALE[1]]),
        case!("stale, in a sum", |w| [w.x, w.stale].iter().sum::<Var>(), elsewhere says ["add: stale Var", STALE[1]]),
        case!("stale, differentiated", |w| w.stale.backward(), or w.stale.try_backward(), says ["backward: stale Var", STALE[1]]),
        case!("stale, in a recorded gradient", |w| w.x.grad(&[w.stale]), or w.x.try_grad(&[w.stale]), says ["grad: stale Var", STALE[1]]),
        case!("stale, hessian", |w| w.stale.hessian(&[w.x]), says ["hessian: stale Var", STALE[1]]),
        case!("stale, hvp", |w| w.stale.hvp(&[w.x], &[1.0]), says ["hvp: stale Var", STALE[1]]),
        case!("stale, jvp", |w| w.tape.jvp(&[(w.stale, 1.0)]), says ["jvp: stale Var", STALE[1]]),
        case!("stale, jacobian", |w| w.tape.jacobian(&[w.stale], &[w.x]), says ["stale Var", STALE[1]]),
        case!("stale, gradient of", |w| w.x.backward()[w.stale], says ["Gradients: stale Var", STALE[1]]),
        case!("stale, named", |w| w.stale.named("y"), says ["named: stale Var", STALE[1]]),
        case!("stale, detached", |w| w.stale.detach(), says ["copy: stale Var", STALE[1]]),
        case!("stale, made a tensor", |w| Tensor::from(w.stale), says ["stale Var", STALE[1]]),
        case!("stale, beside a tensor", |w| w.w * w.stale, says ["stale Var", STALE[1]]),
        case!("stale, stacked", |w| Tensor::stack(&[w.x, w.stale]), or Tensor::try_stack(&[w.x, w.stale]), says ["stack: stale Var", STALE[1]]),
        case!("stale tensor", |w| w.w + w.stale_tensor, or w.w.try_add(w.stale_tensor), says ["add: stale Tensor: node 6", STALE[0], STALE[1], STALE[2]]),
        case!("stale tensor, unary", |w| w.stale_tensor.exp(), says ["exp: stale Tensor", STALE[1]]),
        case!("stale tensor, matmul", |w| w.w.matmul(w.stale_tensor), or w.w.try_matmul(w.stale_tensor), says ["matmul: stale Tensor", STALE[1]]),
        case!("stale tensor, sum", |w| w.stale_tensor.sum(), or w.stale_tensor.try_sum(), says ["sum: stale Tensor", STALE[1]]),
        case!("stale tensor, read", |w| w.stale_tensor.value(), says ["value: stale Tensor", STALE[1]]),
        case!("stale tensor, shape", |w| w.stale_tensor.shape(), says ["shape: stale Tensor", STALE[1]]),
        case!("stale tensor, viewed", |w| w.tape.view(w.stale_tensor).sum(), says ["view: stale Tensor", STALE[1]]),
        case!("stale tensor, concat", |w| Tensor::concat(&[w.w, w.stale_tensor], 0), or Tensor::try_concat(&[w.w, w.stale_tensor], 0), says ["concat: stale Tensor", STALE[1]]),
        case!("stale tensor, custom", |w| w.bare.call(&[w.stale_tensor]), or w.bare.try_call(&[w.stale_tensor]), says ["custom: stale Tensor", STALE[1]]),
        case!("stale tensor, seeded", |w| w.stale_tensor.backward_with(array![1.0].view()), or w.stale_tensor.try_backward_with(array![1.0].view()), says ["backward_with: stale Tensor", STALE[1]]),
        case!("foreign", |w| w.x + w.stranger, says ["add: the operands", FOREIGN[0], FOREIGN[1]]),
        case!("foreign, of three", |w| w.x.lerp(1.0, w.stranger), says ["lerp: the operands", FOREIGN[0]]),
        case!("foreign, in place", |w| { let mut x = w.x; x *= w.stranger; }, says ["mul: the operands", FOREIGN[0]]),
        case!("foreign, by a method", |w| w.x.atan2(w.stranger), says ["atan2: the operands", FOREIGN[0]]),
        case!("foreign tensors", |w| w.w + w.foreign, or w.w.try_add(w.foreign), says ["add: the operands", FOREIGN[0]]),
        case!("foreign scalar beside a tensor", |w| w.stranger * w.w, says ["mul: the operands", FOREIGN[0]]),
        case!("foreign, matmul", |w| w.w.matmul(w.foreign), or w.w.try_matmul(w.foreign), says ["matmul: the operands", FOREIGN[0]]),
        case!("foreign, stacked", |w| Tensor::stack(&[w.x, w.stranger]), or Tensor::try_stack(&[w.x, w.stranger]), says ["stack: the operands", FOREIGN[0]]),
        case!("foreign, concat", |w| Tensor::concat(&[w.v, w.foreign], 0), or Tensor::try_concat(&[w.v, w.foreign], 0), says ["concat: the operands", FOREIGN[0]]),
        case!("foreign, viewed", |w| w.tape.view(w.foreign).sum(), says ["view: the operands", FOREIGN[0]]),
        case!("foreign, gradient of", |w| w.x.backward()[w.stranger], says ["Gradients: the operands", FOREIGN[0]]),
        case!("foreign, recorded gradient", |w| w.x.grad(&[w.stranger]), or w.x.try_grad(&[w.stranger]), says ["grad: the operands", FOREIGN[0]]),
        case!("foreign, jvp", |w| w.tape.jvp(&[(w.stranger, 1.0)]), says ["jvp: the operands", FOREIGN[0]]),
        case!("foreign, jacobian", |w| w.tape.jacobian(&[w.stranger], &[w.stranger]), says ["jacobian: the operands", FOREIGN[0]]),
        case!("foreign, custom", |w| w.bare.call(&[w.w, w.foreign]), or w.bare.try_call(&[w.w, w.foreign]), says ["custom: the operands", FOREIGN[0]]),
    ]);
}

#[test]
#[rustfmt::skip]
fn derivatives_that_make_no_sense() {
    check(&[
        case!("of a constant", |w| w.constant.backward(),
            or w.constant.try_backward(), says ["backward: the Var is a constant", "make its inputs with tape.var(..) or tape.tensor(..)"]),
        case!("recorded, of a constant", |w| w.constant.grad(&[w.x]),
            or w.constant.try_grad(&[w.x]), says ["grad: the Var is a constant"]),
        case!("with respect to a constant", |w| w.x.grad(&[w.constant]),
            or w.x.try_grad(&[w.constant]), says ["grad: the Var is a constant"]),
        case!("gradient of a constant", |w| w.x.backward()[w.constant], says ["Gradients: the Var is a constant"]),
        case!("hessian of a constant", |w| w.constant.hessian(&[w.x]), says ["hessian: the Var is a constant"]),
        case!("a constant as a tensor", |w| Tensor::from(w.constant), says ["the Var is a constant"]),
        case!("constants alone, stacked", |w| Tensor::stack(&[w.constant, w.constant]),
            or Tensor::try_stack(&[w.constant]), says ["stack: the Var is a constant"]),
        case!("a seed of the wrong shape", |w| w.w.backward_with(array![[1.0, 2.0]].view()),
            or w.w.try_backward_with(array![[1.0, 2.0]].view()), says ["backward_with: the cotangent must have the shape of the tensor; got [1, 2] and [2, 3]"]),
        case!("a seed of rank 0", |w| w.w.backward_with(arr0(1.0).view()),
            or w.w.try_backward_with(arr0(1.0).view()), says ["backward_with", "got [] and [2, 3]"]),
        case!("a recorded seed of the wrong shape", |w| w.w.vjp(w.v, &[w.w]),
            or w.w.try_vjp(w.v, &[w.w]), says ["vjp: the cotangent must have the shape of the tensor; got [4] and [2, 3]"]),
        case!("a tangent of the wrong shape", |w| w.w.jvp(&[(w.w, w.v)]),
            or w.w.try_jvp(&[(w.w, w.v)]), says ["jvp: a tangent must have the shape of its input; got [4] and [2, 3]"]),
        case!("a numeric tangent of the wrong shape", |w| w.tape.jvp_tensors(&[(w.w, array![1.0].into_dyn())]),
            says ["jvp_tensors: a tangent must have the shape of its tensor; got [1] and [2, 3]"]),
        case!("a direction of the wrong length", |w| w.x.hvp(&[w.x], &[1.0, 2.0]), says ["hvp: 2 directions for 1 variables; give one for each"]),
        case!("directions for a function", |_w| wengert::jvp(|x: &[Var]| x.to_vec())(&[1.0, 2.0], &[1.0]), elsewhere says ["jvp: a direction of length 1 at a point of length 2"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_catalogue() {
    check(&[
        case!("slice of another rank", |w| w.w.slice(s![0..1]), or w.w.try_slice(s![0..1]), says ["slice: 1 ranges for a tensor of rank 2; write .. for a whole axis; got [2, 3]"]),
        case!("slice beyond the end", |w| w.v.slice(s![2..9]), or w.v.try_slice(s![2..9]), says ["slice: index 9 is out of range for axis 0 of length 4"]),
        case!("slice before the start", |w| w.v.slice(s![-5]), or w.v.try_slice(s![-5]), says ["slice: index -5 is out of range for axis 0 of length 4"]),
        case!("flip", |w| w.w.flip(&[2]), or w.w.try_flip(&[2]), says ["flip: axis 2 is out of range for shape [2, 3]"]),
        case!("split", |w| w.v.split(0, &[1, 2]), or w.v.try_split(0, &[1, 2]), says ["split: lengths [1, 2] must add up to 4, the length of axis 0"]),
        case!("split beyond all numbers", |w| w.v.split(0, &[usize::MAX, 5]), or w.v.try_split(0, &[usize::MAX, 5]), says ["split: lengths", "must add up to 4"]),
        case!("pad", |w| w.w.pad(&[1], &[1], 0.0), or w.w.try_pad(&[1], &[1], 0.0), says ["pad: 1 paddings before and 1 after for a tensor of rank 2; give one for each axis"]),
        case!("pad beyond all numbers", |w| w.v.pad(&[usize::MAX], &[1], 0.0), or w.v.try_pad(&[usize::MAX], &[1], 0.0), says ["pad: the result would not fit in memory; pad less"]),
        case!("index_select", |w| w.w.index_select(1, &[0, 3]), or w.w.try_index_select(1, &[0, 3]), says ["index_select: index 3 is out of range for axis 1 of length 3"]),
        case!("index_select along no axis", |w| w.w.index_select(2, &[0]), or w.w.try_index_select(2, &[0]), says ["index_select: axis 2 is out of range for shape [2, 3]"]),
        case!("index_add", |w| w.w.index_add(0, &[0, 0], w.v), or w.w.try_index_add(0, &[0, 0], w.v), says ["index_add: ", "[4]"]),
        case!("gather", |w| w.w.gather(1, array![[0], [3]].view()), or w.w.try_gather(1, array![[0], [3]].view()), says ["gather: index 3 is out of range for axis 1 of length 3"]),
        case!("gather by another rank", |w| w.w.gather(1, array![0].view()), or w.w.try_gather(1, array![0].view()), says ["gather: the indices need the rank of the tensor", "[2, 3]"]),
        case!("scatter_add", |w| w.w.scatter_add(1, array![[0]].view(), w.v), or w.w.try_scatter_add(1, array![[0]].view(), w.v), says ["scatter_add: ", "[4]"]),
        case!("scatter_add from another tape", |w| w.w.scatter_add(1, array![[0]].view(), w.foreign), or w.w.try_scatter_add(1, array![[0]].view(), w.foreign), says ["scatter_add: the operands were recorded on two different tapes"]),
        case!("cumsum", |w| w.v.cumsum(1), or w.v.try_cumsum(1), says ["cumsum: axis 1 is out of range for shape [4]"]),
        case!("diag of a scalar", |w| Tensor::from(w.x).diag(), or Tensor::from(w.x).try_diag(), says ["diag: only vectors and matrices have a diagonal"]),
        case!("trace of a vector", |w| w.v.trace(), or w.v.try_trace(), says ["trace: only a matrix has a trace; index or reshape the tensor first; got [4]"]),
        case!("triangle of a vector", |w| w.v.tril(0), or w.v.try_tril(0), says ["tril: the tensor needs 2 axes or more; reshape it first; got [4]"]),
        case!("max of nothing", |w| w.empty.max(), or w.empty.try_max(), says ["max: there is no element along the reduced axes of shape [0, 3]; give at least one"]),
        case!("min over an empty axis", |w| w.empty.min_axes(&[0], true), or w.empty.try_min_axes(&[0], true), says ["min: there is no element along the reduced axes of shape [0, 3]"]),
        case!("argmax of nothing", |w| w.empty.argmax(0), or w.empty.try_argmax(0), says ["argmax: there is no element"]),
        case!("argmin along no axis", |w| w.w.argmin(2), or w.w.try_argmin(2), says ["argmin: axis 2 is out of range for shape [2, 3]"]),
        case!("softmax", |w| w.v.softmax(1), or w.v.try_softmax(1), says ["softmax: axis 1 is out of range for shape [4]"]),
        case!("logsumexp", |w| w.w.logsumexp_axes(&[0, 0], true), or w.w.try_logsumexp_axes(&[0, 0], true), says ["logsumexp: axis 0 is named twice"]),
        case!("prod", |w| w.w.prod_axes(&[3], true), or w.w.try_prod_axes(&[3], true), says ["prod: axis 3 is out of range for shape [2, 3]"]),
        case!("variance without freedom", |w| w.v.var(4), or w.v.try_var(4), says ["var: 4 elements less 4 leave no degree of freedom"]),
        case!("norm along no axis", |w| w.w.norm_axes(&[2], false), or w.w.try_norm_axes(&[2], false), says ["axis 2 is out of range for shape [2, 3]"]),
        case!("mse", |w| w.w.mse(w.v), or w.w.try_mse(w.v), says ["mse: prediction and target must have the same shape; reshape one of them; got [2, 3] and [4]"]),
        case!("hinge from another tape", |w| w.w.hinge(w.foreign), or w.w.try_hinge(w.foreign), says ["hinge: the operands were recorded on two different tapes"]),
        case!("mse of nothing", |w| w.empty.mse(w.empty), or w.empty.try_mse(w.empty), says ["there is no element"]),
        case!("too few labels", |w| w.w.cross_entropy(&[0]), or w.w.try_cross_entropy(&[0]), says ["cross_entropy: 1 labels need logits of shape [1, classes]; got [2, 3]"]),
        case!("a label that is no class", |w| w.w.cross_entropy(&[0, 3]), or w.w.try_cross_entropy(&[0, 3]), says ["cross_entropy: label 3, but there are 3 classes"]),
        case!("huber", |w| w.w.huber(w.w, -1.0), or w.w.try_huber(w.w, -1.0), says ["huber: delta is -1; it must be positive"]),
    ]);
}

/// A recorded derivative that does not fit leaves nothing behind.
#[test]
fn full_in_the_middle_of_a_recorded_gradient() {
    let tape = Tape::new();
    let x = tape.var(0.5);
    let w = tape.tensor(array![1.0, 2.0]);
    let y = ((w * x).sin().sum() * x).exp();
    let before = (tape.len(), tape.bytes());
    for room in 0..4 {
        tape.limit_nodes(before.0 + room);
        for run in [&(|| drop(y.grad(&[x]))) as &dyn Fn(), &|| {
            drop(y.grad_tensors(&[w]))
        }] {
            let (sentence, ..) = refusal(run).expect("no room");
            assert!(sentence.contains("the tape is full"), "{sentence}");
            assert_eq!((tape.len(), tape.bytes()), before);
        }
    }
    tape.limit_nodes(usize::MAX);
    assert_eq!(y.grad(&[x])[0].value(), y.backward()[x]);
}

/// Where nothing makes sense, it is no error.
#[test]
fn empty_tensors_that_make_sense() {
    let w = World::new();
    let (empty, x) = (w.empty, w.x);
    assert_eq!(empty.sum().value(), 0.0);
    assert_eq!(
        empty.sum_axes(&[0], false).value(),
        array![0.0, 0.0, 0.0].into_dyn()
    );
    assert_eq!(empty.mean_axes(&[1], false).shape().as_slice(), [0]);
    assert_eq!((empty * x).exp().shape().as_slice(), [0, 3]);
    assert_eq!(
        empty.t().matmul(empty).value(),
        Array2::<f64>::zeros((3, 3)).into_dyn()
    );
    assert_eq!(w.w.matmul(empty.t()).shape().as_slice(), [2, 0]);
    assert_eq!(Tensor::concat(&[empty, w.w, empty], 0).value(), w.w.value());
    assert_eq!(empty.reshape(&[3, 0, 7]).shape().as_slice(), [3, 0, 7]);
    assert_eq!(empty.broadcast_to(&[5, 0, 3]).shape().as_slice(), [5, 0, 3]);
    let y = (empty * x).sum() + empty.t().matmul(empty * x).sum() + x;
    let g = y.backward();
    assert_eq!(g[x], 1.0);
    assert_eq!(g[empty].shape(), [0, 3]);
    assert_eq!(y.grad_tensors(&[empty])[0].shape().as_slice(), [0, 3]);
    assert!(w.tape.vars(&[]).is_empty());
}

#[test]
fn the_watch_names_all_three_operands() {
    let tape = Tape::new();
    tape.watch_non_finite(true);
    let [x, y, z] = [f64::MAX, 2.0, 0.5].map(|x| tape.var(x));
    let [x, y, z] = [x.named("x"), y.named("y"), z.named("z")];
    let (sentence, ..) = refusal(|| _ = x.mul_add(y, z)).expect("too large");
    assert!(
        sentence.contains("mul_add")
            && sentence.contains("`x` = ")
            && sentence.contains("`y` = 2, `z` = 0.5"),
        "{sentence}"
    );
    let [x, y, z] = [1e-200, 1e200, 0.5].map(|x| tape.var(x));
    let steep = x.named("x").mul_add(y.named("y"), z.named("z")) * 1e200;
    let (sentence, ..) = refusal(|| drop(steep.backward())).expect("too large");
    assert!(
        sentence.starts_with("backward: node 7, mul_add, made inf"),
        "{sentence}"
    );
    assert!(
        sentence.contains("`x` = 1e-200, `y` = 1e200, `z` = 0.5"),
        "{sentence}"
    );
}

#[test]
fn nan_and_infinity_pass_through_and_the_watch_stops_them() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let tape = Tape::new();
        let x = tape.var(bad);
        let w = tape.tensor(array![1.0, bad]);
        assert!(!(x * 2.0 + 1.0).value().is_finite());
        assert!(!(w * 2.0).sum().value().is_finite());
        assert!(!w.matmul(w).value().sum().is_finite());
        assert!(!(x * x).backward()[x].is_finite());
        assert!(!w.square().sum().backward()[w][[1]].is_finite());
        // What is clean stays clean.
        assert_eq!(w.square().sum().backward()[w][[0]], 2.0);

        let before = (tape.len(), tape.bytes());
        tape.watch_non_finite(true);
        let x = x.named("rate");
        for run in [
            &(|| assert!(!(x + 1.0).value().is_finite())) as &dyn Fn(),
            &|| assert!((w * 1.0).sum().value().is_finite()),
            &|| assert!(tape.var(bad).value().is_finite()),
            &|| assert!(tape.tensor(array![1.0, bad]).sum().value().is_finite()),
        ] {
            let (sentence, file, _) = refusal(run).expect("stopped by the watch");
            assert!(sentence.starts_with("forward: node"), "{sentence}");
            assert!(
                sentence.contains(file!()) && file == file!(),
                "{sentence} {file}"
            );
            assert_eq!((tape.len(), tape.bytes()), before);
        }
    }
}
