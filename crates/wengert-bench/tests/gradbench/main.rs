//! The GradBench tool, by the conversations beside this file.

mod derivatives;
mod formulas;
mod refusals;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wengert_bench::gradbench::serve;

/// The answers to some lines.
fn answers(lines: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    serve(lines, &mut output).expect("neither reading nor writing fails in memory");
    let output = String::from_utf8(output).expect("JSON is UTF-8");
    output.lines().map(parsed).collect()
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("every line is JSON")
}

fn answers_to(messages: &[Value]) -> Vec<Value> {
    let lines: String = messages.iter().map(|m| format!("{m}\n")).collect();
    answers(lines.as_bytes())
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradbench/conversations");
    fs::read_to_string(folder.join(name).with_extension("jsonl")).expect("the fixture is there")
}

/// The messages of a fixture that ask for a function.
fn evaluations(name: &str) -> Vec<Value> {
    let messages = fixture(name);
    let messages = messages.lines().map(parsed);
    messages.filter(|m| m["kind"] == "evaluate").collect()
}

fn output(answer: &Value) -> &Value {
    assert_eq!(answer["success"], true, "{}", answer["error"]);
    &answer["output"]
}

fn evaluated(module: &str, function: &str, input: Value) -> Value {
    let message = json!({
        "id": 7, "kind": "evaluate", "module": module, "function": function, "input": input,
    });
    output(&answers_to(&[message])[0]).clone()
}

/// All numbers in a value, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

/// The numbers in a value, to be changed.
fn flat_mut(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(entries) => entries.iter_mut().flat_map(flat_mut).collect(),
        number => vec![number],
    }
}

fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (x, y)) in got.iter().zip(expected).enumerate() {
        assert!(
            (x - y).abs() <= tolerance * (x.abs() + y.abs()).max(1.0),
            "{what}: entry {i} is {x}, expected {y}"
        );
    }
}

fn rows_of(matrix: &Value) -> Vec<Vec<f64>> {
    let rows = matrix.as_array().expect("rows");
    rows.iter().map(flat).collect()
}

/// Holds the conversation of a fixture, whose answers must have the protocol's form; gives the outputs.
fn converse(name: &str) -> Vec<Value> {
    let messages = fixture(name);
    let answers = answers(messages.as_bytes());
    let messages: Vec<Value> = messages.lines().map(parsed).collect();
    assert_eq!(answers.len(), messages.len());
    let mut outputs = Vec::new();
    for (message, answer) in messages.iter().zip(&answers) {
        let id = message["id"].clone();
        let expected = match message["kind"].as_str().expect("a kind") {
            "start" => json!({"id": id, "tool": "wengert"}),
            "define" => json!({"id": id, "success": true}),
            "evaluate" => {
                outputs.push(output(answer).clone());
                let timings = answer["timings"].as_array().expect("timings");
                assert!(timings.iter().all(|time| time["nanoseconds"].is_u64()));
                let names: Vec<&Value> = timings.iter().map(|time| &time["name"]).collect();
                assert_eq!(names, expected_timings(message));
                json!({"id": id, "success": true, "output": output(answer), "timings": timings})
            }
            _ => json!({"id": id}),
        };
        assert_eq!(*answer, expected);
    }
    outputs
}

/// What the timings of an evaluation are called: a derivative by a program that the lengths of the input alone decide
/// is prepared.
fn expected_timings(message: &Value) -> &'static [&'static str] {
    let of = |key: &str| message[key].as_str().expect("a name");
    let program = ["gmm", "llsq", "lstm", "det", "ode", "ht"].contains(&of("module"));
    let derivative = ["jacobian", "gradient"].contains(&of("function"));
    match program && derivative {
        true => &["prepare", "evaluate"],
        false => &["evaluate"],
    }
}

#[test]
fn conversations_are_answered_line_by_line() {
    for name in [
        "ba", "ba_many", "det", "gmm", "hello", "ht", "ht_full", "kmeans", "llsq", "lse", "lstm",
        "ode",
    ] {
        assert_eq!(converse(name).len(), 2, "{name}");
    }
}

#[test]
fn functions_run_as_often_as_asked() {
    let timings = |input: Value| {
        let message = json!({
            "id": 1, "kind": "evaluate", "module": "lse", "function": "gradient", "input": input,
        });
        let answer = &answers_to(&[message])[0];
        output(answer);
        let timings = answer["timings"].as_array().expect("timings").clone();
        let nanoseconds = timings
            .iter()
            .map(|t| t["nanoseconds"].as_u64().expect("a time"));
        nanoseconds.collect::<Vec<_>>()
    };
    assert_eq!(timings(json!({"x": [1, 2]})).len(), 1);
    assert_eq!(
        timings(json!({"x": [1, 2], "min_runs": 5, "min_seconds": 0})).len(),
        5
    );
    let long = timings(json!({"x": [1, 2], "min_runs": 1, "min_seconds": 0.02}));
    assert!(long.iter().sum::<u64>() >= 20_000_000);
    let all_but_last = &long[..long.len() - 1];
    assert!(all_but_last.iter().sum::<u64>() < 20_000_000);
}

#[test]
fn the_binary_answers_each_message_before_the_next_and_tells_of_the_cold_call() {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_gradbench-wengert"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut input = tool.stdin.take().expect("a pipe");
    let mut output = BufReader::new(tool.stdout.take().expect("a pipe"));
    for message in fixture("det").lines() {
        writeln!(input, "{message}").expect("the tool reads");
        let mut answer = String::new();
        output.read_line(&mut answer).expect("the tool writes");
        assert_eq!(parsed(&answer)["id"], parsed(message)["id"]);
    }
    drop(input);
    let told = tool.wait_with_output().expect("the tool ends");
    assert!(told.status.success());
    let told = String::from_utf8(told.stderr).expect("words");
    let told: Vec<&str> = told.lines().collect();
    let [line] = &told[..] else {
        panic!("one call is prepared, but standard error tells {told:?}");
    };
    let cold = "det gradient: a cold call, recording included, took ";
    assert!(
        line.starts_with(cold) && line.ends_with(" nanoseconds"),
        "{line}"
    );
}
