//! GradBench's evals, asked of the tool as the suite asks: how many times its value a derivative takes.

use serde_json::{Value, json};
use wengert_bench::gradbench::serve;
use wengert_bench::objectives::Hand;

/// An eval at one size.
pub(crate) struct Eval {
    pub(crate) name: &'static str,
    module: &'static str,
    /// The function and its derivative.
    functions: [&'static str; 2],
    input: fn() -> Value,
    /// What the derivative is to take, in times of the function.
    pub(crate) limit: f64,
}

const OBJECTIVE: [&str; 2] = ["objective", "jacobian"];
const PRIMAL: [&str; 2] = ["primal", "gradient"];

/// The limits are what the fastest of the tools that take any function, CoDiPack, reaches in C++.
const EVALS: &[Eval] = &[
    Eval {
        name: "gmm, d 10, k 5, n 1000",
        module: "gmm",
        functions: OBJECTIVE,
        input: || mixture(10, 5),
        limit: 7.1,
    },
    Eval {
        name: "gmm, d 20, k 25, n 1000",
        module: "gmm",
        functions: OBJECTIVE,
        input: || mixture(20, 25),
        limit: 12.9,
    },
    Eval {
        name: "gmm, d 32, k 50, n 1000",
        module: "gmm",
        functions: OBJECTIVE,
        input: || mixture(32, 50),
        limit: 18.0,
    },
    Eval {
        name: "ba, n 49, m 7776, p 31843",
        module: "ba",
        functions: OBJECTIVE,
        input: || {
            json!({
                "n": 49, "m": 7776, "p": 31843, "w": 0.8,
                "cam": [0.01, -0.12, -0.004, -0.03, -0.1, 1.12, 399.7, 0.25, -0.5, -0.03, 0.05],
                "x": [-0.61, 0.57, -1.84], "feat": [-33.2, 26.2],
            })
        },
        limit: 29.0,
    },
    Eval {
        name: "ht, 544 vertices, 1000 points",
        module: "ht",
        functions: OBJECTIVE,
        input: || {
            let hand = Hand::new(544, 1000);
            json!({"theta": hand.pose(), "data": hand, "us": []})
        },
        limit: 44.0,
    },
    Eval {
        name: "lstm, l 2, c 1024",
        module: "lstm",
        functions: OBJECTIVE,
        input: || {
            json!({
                "main_params": table(4, 56), "extra_params": table(3, 14),
                "state": table(4, 14), "sequence": table(1024, 14),
            })
        },
        limit: 2.8,
    },
    Eval {
        name: "det, ell 8",
        module: "det",
        functions: PRIMAL,
        input: || json!({"A": numbers(64), "ell": 8}),
        limit: 2.2,
    },
    Eval {
        name: "kmeans, d 8, k 10, n 10000",
        module: "kmeans",
        functions: ["cost", "dir"],
        input: || json!({"points": table(10_000, 8), "centroids": table(10, 8)}),
        limit: 30.0,
    },
    Eval {
        name: "llsq, m 128, n 4096",
        module: "llsq",
        functions: PRIMAL,
        input: || json!({"x": numbers(128), "n": 4096}),
        limit: 10.7,
    },
    Eval {
        name: "lse, n 100000",
        module: "lse",
        functions: PRIMAL,
        input: || json!({"x": numbers(100_000)}),
        limit: 2.4,
    },
    Eval {
        name: "ode, n 10000, s 10",
        module: "ode",
        functions: PRIMAL,
        input: || json!({"x": numbers(10_000), "s": 10}),
        limit: 8.0,
    },
];

fn mixture(d: usize, k: usize) -> Value {
    json!({
        "d": d, "k": k, "n": 1000, "m": 0, "gamma": 1,
        "alpha": numbers(k), "mu": table(k, d), "q": table(k, d),
        "l": table(k, d * (d - 1) / 2), "x": table(1000, d),
    })
}

/// Numbers that look random, between -0.7 and 0.7.
fn numbers(count: usize) -> Vec<f64> {
    let number = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 720.0 - 0.7;
    (0..count).map(number).collect()
}

fn table(rows: usize, columns: usize) -> Vec<Vec<f64>> {
    let rows_of = |numbers: Vec<f64>| numbers.chunks(columns).map(<[f64]>::to_vec).collect();
    rows_of(numbers(rows * columns))
}

/// Asks for the function and its derivative in turn; gives for each eval the median of their ratios.
pub(crate) fn ratios(reps: usize) -> Vec<(&'static Eval, f64)> {
    println!("\nGradBench's evals, by the clock on the wall");
    println!(
        "{:<32} {:>14} {:>14} {:>14} {:>10}",
        "", "value us", "derivative us", "cold us", "x value"
    );
    EVALS.iter().map(|eval| (eval, eval.ratio(reps))).collect()
}

impl Eval {
    fn ratio(&self, reps: usize) -> f64 {
        let messages = self.functions.map(|function| {
            let mut input = (self.input)();
            input["min_runs"] = json!(5);
            let message = json!({
                "id": 0, "kind": "evaluate", "module": self.module, "function": function, "input": input,
            });
            format!("{message}\n")
        });
        // Each question is a conversation, and in each the first evaluations warm the heap.
        let mut rounds: Vec<[Asked; 2]> = (0..reps.div_ceil(5))
            .map(|_| messages.each_ref().map(|message| Asked::of(message)))
            .collect();
        let ratio = |[value, derivative]: &[Asked; 2]| derivative.evaluate / value.evaluate;
        rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let middle = &rounds[rounds.len() / 2];
        println!(
            "{:<32} {:>14.1} {:>14.1} {:>14.1} {:>10.2}",
            self.name,
            middle[0].evaluate / 1e3,
            middle[1].evaluate / 1e3,
            middle[1].cold / 1e3,
            ratio(middle)
        );
        ratio(middle)
    }
}

/// What an answer says of its time, in nanoseconds.
struct Asked {
    /// The fastest evaluation.
    evaluate: f64,
    /// The preparation and the first evaluation.
    cold: f64,
}

impl Asked {
    fn of(message: &str) -> Self {
        let mut answer = Vec::new();
        serve(message.as_bytes(), &mut answer)
            .expect("neither reading nor writing fails in memory");
        let answer: Value = serde_json::from_slice(&answer).expect("the tool answers in JSON");
        assert_eq!(answer["success"], true, "{}", answer["error"]);
        let timings = answer["timings"].as_array().expect("timings");
        let named = |name: &str| -> Vec<f64> {
            let timings = timings.iter().filter(|timing| timing["name"] == name);
            let times = timings.map(|timing| timing["nanoseconds"].as_f64().expect("a time"));
            times.collect()
        };
        let evaluate = named("evaluate");
        Self {
            evaluate: evaluate.iter().copied().fold(f64::INFINITY, f64::min),
            cold: named("prepare").iter().sum::<f64>() + evaluate[0],
        }
    }
}
