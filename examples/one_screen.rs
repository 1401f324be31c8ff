//! The whole idea of a tape, on one screen.
//!
//! Every operation appends one node to a list: its value, and for each operand the partial derivative by it. An operand stands in
//! the list before what is computed from it, so a loop from the end to the start meets every node after all its consumers: that
//! loop is backpropagation.
//!
//! This is the idea only. wengert adds tensors, a table of rules, higher derivatives and checks, and is as fast as it can be made;
//! a test pins its gradients to these, bit for bit.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Sub};

/// One line of the list.
struct Node {
    op: &'static str,
    value: f64,
    /// The operands, each with the partial derivative of this node by it.
    operands: Vec<(usize, f64)>,
}

/// The list.
#[derive(Default)]
pub struct Tape(RefCell<Vec<Node>>);

/// A handle to a node: where it stands in which list.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    id: usize,
}

impl Tape {
    /// An input: it depends on nothing.
    pub fn var(&self, value: f64) -> Var<'_> {
        self.push("var", value, vec![])
    }

    fn push(&self, op: &'static str, value: f64, operands: Vec<(usize, f64)>) -> Var<'_> {
        let mut nodes = self.0.borrow_mut();
        nodes.push(Node {
            op,
            value,
            operands,
        });
        Var {
            tape: self,
            id: nodes.len() - 1,
        }
    }
}

impl<'t> Var<'t> {
    /// The number.
    pub fn value(self) -> f64 {
        self.tape.0.borrow()[self.id].value
    }

    /// The node's place in the list, and in the list of adjoints.
    pub fn index(self) -> usize {
        self.id
    }

    /// Sine.
    pub fn sin(self) -> Var<'t> {
        let x = self.value();
        self.unary("sin", x.sin(), x.cos())
    }

    /// Exponential; its partial is its value.
    pub fn exp(self) -> Var<'t> {
        let y = self.value().exp();
        self.unary("exp", y, y)
    }

    /// Natural logarithm.
    pub fn ln(self) -> Var<'t> {
        let x = self.value();
        self.unary("ln", x.ln(), 1.0 / x)
    }

    fn unary(self, op: &'static str, value: f64, partial: f64) -> Var<'t> {
        self.tape.push(op, value, vec![(self.id, partial)])
    }

    fn binary(self, op: &'static str, y: Var<'t>, value: f64, partials: [f64; 2]) -> Var<'t> {
        let operands = vec![(self.id, partials[0]), (y.id, partials[1])];
        self.tape.push(op, value, operands)
    }

    /// The adjoint of every node: the derivative of this node by it.
    pub fn backward(self) -> Vec<f64> {
        let nodes = self.tape.0.borrow();
        let mut adjoint = vec![0.0; nodes.len()];
        adjoint[self.id] = 1.0;
        for id in (0..=self.id).rev() {
            for &(operand, partial) in &nodes[id].operands {
                // Along a path partials multiply; where paths meet, they add.
                adjoint[operand] += adjoint[id] * partial;
            }
        }
        adjoint
    }
}

impl<'t> Add for Var<'t> {
    type Output = Var<'t>;
    fn add(self, y: Var<'t>) -> Var<'t> {
        self.binary("add", y, self.value() + y.value(), [1.0, 1.0])
    }
}

impl<'t> Sub for Var<'t> {
    type Output = Var<'t>;
    fn sub(self, y: Var<'t>) -> Var<'t> {
        self.binary("sub", y, self.value() - y.value(), [1.0, -1.0])
    }
}

impl<'t> Mul for Var<'t> {
    type Output = Var<'t>;
    fn mul(self, y: Var<'t>) -> Var<'t> {
        let (x_value, y_value) = (self.value(), y.value());
        self.binary("mul", y, x_value * y_value, [y_value, x_value])
    }
}

impl<'t> Div for Var<'t> {
    type Output = Var<'t>;
    fn div(self, y: Var<'t>) -> Var<'t> {
        let (z, r) = (self.value() / y.value(), 1.0 / y.value());
        self.binary("div", y, z, [r, -z * r])
    }
}

fn main() {
    let tape = Tape::default();
    let (x, y) = (tape.var(2.0), tape.var(5.0));
    let f = x.ln() + x * y - y.sin();
    let adjoint = f.backward();

    println!("f(x, y) = ln x + x y - sin y  at x = 2, y = 5\n");
    println!("node  op        value   adjoint  operands (partial)");
    for (id, node) in tape.0.borrow().iter().enumerate() {
        let (op, value, adjoint) = (node.op, node.value, adjoint[id]);
        print!("{id:>4}  {op:<4} {value:>10.4} {adjoint:>9.4}  ");
        for (operand, partial) in &node.operands {
            print!("{operand} ({partial:.4})  ");
        }
        println!();
    }
    println!("\ndf/dx = {}", adjoint[x.index()]);
    println!("df/dy = {}", adjoint[y.index()]);
}
