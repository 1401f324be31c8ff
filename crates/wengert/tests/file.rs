//! Programs written and read, and files that are none.

use proptest::prelude::*;
use wengert::{Program, Var};

fn example() -> Program {
    Program::record(
        |x| {
            let y = if x[0] > 0.0 {
                x[0].powi(3) * x[1]
            } else {
                x[1]
            };
            [
                y.mul_add(x[1], 0.1),
                y.clamp(-1.0, f64::INFINITY) + x[2].detach(),
                Var::constant(f64::NAN),
            ]
        },
        &[0.5, 0.7, 0.2, 9.0],
    )
    .unwrap()
}

#[test]
fn what_is_written_is_read_back_bit_for_bit() {
    let program = example();
    let text = serde_json::to_string(&program).unwrap();
    let read: Program = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    for x in [[0.5, 0.7, 0.2, 1.0], [2.0, -3.0, 0.0, 1.0]] {
        let bits = |y: Vec<f64>| y.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(
            bits(read.value(&x).unwrap()),
            bits(program.value(&x).unwrap())
        );
        let jacobian = |p: &Program| bits(p.jacobian(&x).unwrap().into_iter().collect());
        assert_eq!(jacobian(&read), jacobian(&program));
    }
    let error = read.value(&[-1.0, 1.0, 1.0, 1.0]).unwrap_err().to_string();
    assert_eq!(
        error,
        program
            .value(&[-1.0, 1.0, 1.0, 1.0])
            .unwrap_err()
            .to_string()
    );
    assert!(error.contains("tests/file.rs"), "{error}");
}

#[test]
fn a_file_that_is_no_program_is_refused() {
    let text =
        serde_json::to_string(&Program::record(|x| x[0].powi(3) * x[1], &[0.5, 0.7]).unwrap())
            .unwrap();
    assert!(
        text.starts_with(r#"{"version":2,"numbers":"f64","inputs":[true,true],"constants":["#),
        "{text}"
    );
    for (from, to, says) in [
        (r#""version":2"#, r#""version":1"#, "its version is 1"),
        (
            r#""numbers":"f64""#,
            r#""numbers":"f32""#,
            "its numbers are f32, and these are f64",
        ),
        (r#""op":"powi""#, r#""op":"pow_""#, "no operation is called"),
        (r#""op":"powi""#, r#""op":"pair""#, "no operation is called"),
        (
            r#""op":"powi""#,
            r#""op":"sin""#,
            "sin takes 1 arguments, not 2",
        ),
        (
            r#""args":[[0,2]]"#,
            r#""args":[[0,1]]"#,
            "a parameter of powi in slot 1 is no constant",
        ),
        (
            r#""args":[[0,2]]"#,
            r#""args":[[3,2]]"#,
            "powi works on slot 3, which comes later",
        ),
        (
            r#""args":[[0,2]]"#,
            r#""args":[[0,4294967295]]"#,
            "which comes later",
        ),
        (
            r#""args":[[0,2]]"#,
            r#""args":[]"#,
            "a run of powi is empty",
        ),
        (
            r#""outputs":[4]"#,
            r#""outputs":[5]"#,
            "an output in slot 5 of 5",
        ),
        (
            r#""guards":[]"#,
            r#""guards":[{"asked":"less","sides":[0,9],"nodes":[null,null],"line":""}]"#,
            "a question about slot 9 of 5",
        ),
        (
            r#""guards":[]"#,
            r#""guards":[{"asked":"why","sides":[0,0],"nodes":[null,null],"line":""}]"#,
            "no question is called",
        ),
        (r#""guards":[]"#, r#""guards":[],"more":1"#, "unknown field"),
        (r#""stopped":false"#, r#""stopped":0"#, "invalid type"),
        (r#""outputs":[4],"#, "", "missing field `outputs`"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let error = serde_json::from_str::<Program>(&text.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{to}: {error}");
    }
}

#[test]
fn single_precision_comes_back_and_is_not_mixed_with_double() {
    let program = Program::record_f32(|x| x[0].powf(0.1) * x[1] / 3.0, &[0.5, 0.7]).unwrap();
    let text = serde_json::to_string(&program).unwrap();
    let read: Program<f32> = serde_json::from_str(&text).unwrap();
    let x = [0.3, -1.5];
    assert_eq!(read.value(&x).unwrap(), program.value(&x).unwrap());
    assert_eq!(read.gradient(&x).unwrap(), program.gradient(&x).unwrap());
    let error = serde_json::from_str::<Program>(&text).unwrap_err();
    assert!(
        error.to_string().contains("are f32, and these are f64"),
        "{error}"
    );
    // 0.1, which no f32 is.
    let bits = 0.1_f64.to_bits();
    let given = (3.0_f64).to_bits().to_string();
    assert!(text.contains(&given), "{text}");
    let error =
        serde_json::from_str::<Program<f32>>(&text.replace(&given, &bits.to_string())).unwrap_err();
    assert!(error.to_string().contains("are those of no f32"), "{error}");
}

#[test]
fn sums_and_orders_that_do_not_fit_are_refused() {
    let sum = |args: &str| {
        format!(
            r#"{{"version":2,"numbers":"f64","inputs":[true,true],"constants":[],"runs":[{{"op":"sum of products","stopped":false,"args":{args}}}],"outputs":[2],"guards":[]}}"#
        )
    };
    let good: Program = serde_json::from_str(&sum("[[0,0,0,3,0,1]]")).unwrap();
    assert_eq!(good.value(&[2.0, 5.0]).unwrap(), [2.0 - 10.0]);
    let order = r#"{"version":2,"numbers":"f64","inputs":[true],"constants":[4751297606873776128],"runs":[{"op":"sinc_derivative","stopped":false,"args":[[0,1]]}],"outputs":[2],"guards":[]}"#;
    for (text, says) in [
        (sum("[]"), "a run of sum of products is empty"),
        (sum("[[0,0]]"), "a sum of 2 numbers, not of threes"),
        (
            sum("[[0,0,1]]"),
            "no term of a sum is of the kind 0 on 0 and 1",
        ),
        (sum("[[4,0,0]]"), "no term of a sum is of the kind 4"),
        (sum("[[2,0,2]]"), "a sum works on slot 2, which comes later"),
        (sum("[[0,4294967295,4294967295]]"), "which comes later"),
        (
            sum("[[0,0,0]]").replace("false", "true"),
            "a run of sums is stopped",
        ),
        (
            order.to_owned(),
            "the order of sinc_derivative is more than 1000",
        ),
    ] {
        let error = serde_json::from_str::<Program>(&text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    /// What is accepted runs; nothing panics.
    #[test]
    fn damaged_files(damage in prop::collection::vec((0..10_000_usize, 0..=255_u8), 1..4)) {
        let mut bytes = serde_json::to_vec(&example()).unwrap();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = use_it(serde_json::from_slice(&bytes));
    }

    /// Numbers that are others, in files that are whole.
    #[test]
    fn damaged_numbers(damage in prop::collection::vec((0..1000_usize, 0..20_u32, any::<bool>()), 1..4)) {
        for program in [example(), one_output()] {
            let mut file = serde_json::to_value(&program).unwrap();
            for &(at, number, small) in &damage {
                let mut numbers = Vec::new();
                collect(&mut file, &mut numbers);
                let at = at % numbers.len();
                *numbers[at] = if small { number.into() } else { (u32::MAX - number).into() };
            }
            let _ = use_it(serde_json::from_value(file));
        }
    }
}

#[test]
fn other_numbers_that_fit_are_accepted() {
    for program in [example(), one_output()] {
        let file = serde_json::to_value(&program).unwrap();
        for (place, number) in [
            ("/constants/0", 2.5_f64.to_bits()),
            ("/outputs/0", 1),
            ("/guards/0/sides/0", 2),
        ] {
            let mut file = file.clone();
            *file.pointer_mut(place).expect(place) = number.into();
            assert!(use_it(serde_json::from_value(file)), "{place}");
        }
    }
}

fn collect<'a>(value: &'a mut serde_json::Value, numbers: &mut Vec<&'a mut serde_json::Value>) {
    match value {
        serde_json::Value::Number(_) => numbers.push(value),
        serde_json::Value::Array(all) => all.iter_mut().for_each(|one| collect(one, numbers)),
        serde_json::Value::Object(all) => all.values_mut().for_each(|one| collect(one, numbers)),
        _ => {}
    }
}

fn one_output() -> Program {
    let f = |x: &[Var]| {
        let sum = x[0] * x[1] - x[2] * 2.0 + x[0].powi(3);
        if sum > 0.0 {
            sum.sin() * x[2] + x[1]
        } else {
            sum
        }
    };
    Program::record(f, &[1.0, 2.0, 0.5]).unwrap()
}

/// What was accepted answers everything; whether it was.
fn use_it(read: Result<Program, serde_json::Error>) -> bool {
    let Ok(program) = read else { return false };
    let x = vec![0.5; program.inputs()];
    let _ = program.value(&x);
    let _ = program.jacobian(&x);
    let _ = program.hessian(&x);
    let mut workspace = program.workspace();
    let _ = workspace.sparse(&program.jacobian_pattern(), &x);
    if let Ok(pattern) = program.hessian_pattern() {
        let _ = workspace.sparse(&pattern, &x);
    }
    for shared in 0..program.inputs() {
        let columns = x[shared..].iter().map(std::slice::from_ref);
        let lanes = program.lanes(shared);
        let over = lanes.over(&x[..shared], columns).unwrap();
        let _ = over.jacobians();
        let _ = over.sum_and_jacobian();
        let _ = over.sum_hessian();
    }
    true
}
