//! Programs as data, behind the feature `serde`.
//!
//! What is read is not trusted: it becomes a program only if every slot is where it may be.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::guards::Asked;
use crate::program::instructions::bits;
use crate::program::sums::Term;
use crate::program::{Code, Guarded, Kind, MAX_SLOTS, Program, Run};
use crate::real::Real;
use crate::rules::{OPS, Op};

const VERSION: u32 = 2;

/// A program in a form that any format can hold.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// Of which type the numbers are.
    numbers: String,
    /// For each input, whether an instruction works on it, for readers. A list and no number, so that a file that claims many
    /// inputs is long.
    inputs: Vec<bool>,
    /// The bits of the constants as `f64`, since not every format has a NaN.
    constants: Vec<u64>,
    runs: Vec<StoredRun>,
    outputs: Vec<u32>,
    guards: Vec<StoredGuard>,
}

/// A run of operations on slots, or of sums. Of a sum, each term is three numbers: 0 for a number, 2 for a product, 1 more if it
/// is subtracted; and two slots, the same for a number.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRun {
    op: String,
    stopped: bool,
    args: Vec<Vec<u32>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredGuard {
    asked: String,
    sides: [u32; 2],
    nodes: [Option<u32>; 2],
    line: String,
}

/// Derivatives of a higher order are not recorded by anybody.
const MAX_ORDER: f64 = 1000.0;

/// The name of a run of sums, which is that of no operation.
const SUM: &str = "sum of products";

fn stored(term: &Term) -> [u32; 3] {
    let first = term.first() as u32;
    let second = term.second().map(|slot| slot as u32);
    let kind = 2 * u32::from(second.is_some()) + u32::from(term.minus());
    [kind, first, second.unwrap_or(first)]
}

impl<T: Real> Serialize for Program<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored::of(self).serialize(serializer)
    }
}

impl<'de, T: Real> Deserialize<'de> for Program<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        stored
            .checked()
            .map_err(|what| D::Error::custom(format!("not a program of wengert's: {what}")))
    }
}

impl Stored {
    fn of<T: Real>(program: &Program<T>) -> Self {
        let code = &program.code;
        let mut inputs = vec![false; code.inputs];
        let runs = code.runs.iter().map(|run| {
            for args in code.args_of(run) {
                code.each_operand(run.kind, args, |slot| {
                    if let Some(used) = inputs.get_mut(slot) {
                        *used = true;
                    }
                });
            }
            let all = code.args_of(run).iter();
            let (op, args) = match run.kind {
                Kind::Rule(op) => {
                    let (a, p) = op.arity();
                    (op.name(), all.map(|args| args[..a + p].to_vec()).collect())
                }
                Kind::Sum => {
                    let terms = all.map(|args| code.terms_of(args).iter());
                    (
                        SUM,
                        terms
                            .map(|terms| terms.flat_map(stored).collect())
                            .collect(),
                    )
                }
            };
            StoredRun {
                op: op.to_owned(),
                stopped: run.stopped,
                args,
            }
        });
        Self {
            version: VERSION,
            numbers: T::NAME.to_owned(),
            constants: program.constants.iter().map(|&c| bits(c)).collect(),
            runs: runs.collect(),
            outputs: code.outputs.clone(),
            guards: code
                .guards
                .iter()
                .map(|guard| StoredGuard {
                    asked: guard.asked.name().to_owned(),
                    sides: guard.sides,
                    nodes: guard.nodes,
                    line: guard.line.to_string(),
                })
                .collect(),
            inputs,
        }
    }

    fn checked<T: Real>(self) -> Result<Program<T>, String> {
        if self.version != VERSION {
            return Err(format!(
                "its version is {}, and this is {VERSION}",
                self.version
            ));
        }
        if self.numbers != T::NAME {
            return Err(format!(
                "its numbers are {}, and these are {}",
                self.numbers,
                T::NAME
            ));
        }
        let constant = |&given: &u64| match T::of(f64::from_bits(given)) {
            constant if bits(constant) == given => Ok(constant),
            _ => Err(format!("the bits {given} are those of no {}", T::NAME)),
        };
        let constants: Vec<T> = self
            .constants
            .iter()
            .map(constant)
            .collect::<Result<_, _>>()?;
        let count: usize = self.runs.iter().map(|run| run.args.len()).sum();
        let sums = self.runs.iter().filter(|run| run.op == SUM);
        let terms: usize = sums
            .flat_map(|run| &run.args)
            .map(|args| args.len() / 3)
            .sum();
        let first = self.inputs.len() + constants.len();
        let slots = first + count;
        if slots >= MAX_SLOTS as usize {
            return Err(format!("{slots} numbers are more than a program may have"));
        }
        let mut code = Code {
            inputs: self.inputs.len(),
            constants: constants.len(),
            args: Vec::with_capacity(count),
            terms: Vec::with_capacity(terms),
            runs: Vec::with_capacity(self.runs.len()),
            outputs: self.outputs,
            guards: Vec::with_capacity(self.guards.len()),
        };
        for run in &self.runs {
            let kind = run.checked(&mut code, &constants)?;
            let start = code.args.len() - run.args.len();
            code.runs.push(Run {
                kind,
                stopped: run.stopped,
                start: start as u32,
                end: code.args.len() as u32,
            });
        }
        if let Some(slot) = code.outputs.iter().find(|&&slot| slot as usize >= slots) {
            return Err(format!("an output in slot {slot} of {slots}"));
        }
        for guard in self.guards {
            let Some(asked) = Asked::from_name(&guard.asked) else {
                return Err(format!("no question is called {:?}", guard.asked));
            };
            if let Some(slot) = guard.sides.iter().find(|&&slot| slot as usize >= slots) {
                return Err(format!("a question about slot {slot} of {slots}"));
            }
            code.guards.push(Guarded {
                sides: guard.sides,
                nodes: guard.nodes,
                asked,
                line: guard.line.into(),
            });
        }
        Ok(Program {
            code: Arc::new(code),
            constants: constants.into(),
            workspaces: Arc::default(),
        })
    }
}

impl StoredRun {
    /// What the run does, if the arguments, which are appended to the code, fit it.
    fn checked<T: Real>(&self, code: &mut Code, numbers: &[T]) -> Result<Kind, String> {
        if self.args.is_empty() {
            return Err(format!("a run of {} is empty", self.op));
        }
        if self.op == SUM {
            self.checked_sums(code)?;
            return Ok(Kind::Sum);
        }
        let Some(info) = OPS.iter().find(|info| info.name == self.op) else {
            return Err(format!("no operation is called {:?}", self.op));
        };
        let (inputs, params) = (info.inputs.len(), info.params.len());
        let before = code.first() + code.args.len();
        let constants = code.inputs..code.first();
        for given in &self.args {
            if given.len() != inputs + params {
                return Err(format!(
                    "{} takes {} arguments, not {}",
                    self.op,
                    inputs + params,
                    given.len()
                ));
            }
            if let Some(slot) = given.iter().find(|&&slot| slot as usize >= before) {
                return Err(format!(
                    "{} works on slot {slot}, which comes later",
                    self.op
                ));
            }
            if let Some(slot) = given[inputs..]
                .iter()
                .find(|&&slot| !constants.contains(&(slot as usize)))
            {
                return Err(format!(
                    "a parameter of {} in slot {slot} is no constant",
                    self.op
                ));
            }
            // Its order is the length of a loop.
            if info.op == Op::sinc_derivative
                && numbers[given[1] as usize - code.inputs].as_f64().abs() > MAX_ORDER
            {
                return Err(format!("the order of {} is more than {MAX_ORDER}", self.op));
            }
            let mut args = [0; 3];
            args[..given.len()].copy_from_slice(given);
            code.args.push(args);
        }
        Ok(Kind::Rule(info.op))
    }

    fn checked_sums(&self, code: &mut Code) -> Result<(), String> {
        if self.stopped {
            return Err("a run of sums is stopped".to_owned());
        }
        let before = (code.first() + code.args.len()) as u32;
        for given in &self.args {
            let start = code.terms.len() as u32;
            let (terms, []) = given.as_chunks::<3>() else {
                return Err(format!("a sum of {} numbers, not of threes", given.len()));
            };
            for &[kind, x, y] in terms {
                let (product, minus) = match kind {
                    0 | 1 if x == y => (false, kind == 1),
                    2 | 3 => (true, kind == 3),
                    _ => {
                        return Err(format!(
                            "no term of a sum is of the kind {kind} on {x} and {y}"
                        ));
                    }
                };
                if x.max(y) >= before {
                    return Err(format!(
                        "a sum works on slot {}, which comes later",
                        x.max(y)
                    ));
                }
                code.terms.push(Term::new(x, product.then_some(y), minus));
            }
            code.args.push([start, code.terms.len() as u32, 0]);
        }
        Ok(())
    }
}
