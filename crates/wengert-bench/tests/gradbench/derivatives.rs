//! Every derivative beside differences of the tool's own objective.

use serde_json::{Value, json};

use super::{answers_to, assert_close, evaluated, evaluations, flat, flat_mut, output, rows_of};

/// The message's input with the numbers at the pointers moved, one after the other, up and down.
fn moved(message: &Value, pointers: &[&str], step: f64) -> Vec<[Value; 2]> {
    let mut all = Vec::new();
    for pointer in pointers {
        let place = format!("/input{pointer}");
        let at = |message: &Value| flat(message.pointer(&place).expect("a parameter"));
        for i in 0..at(message).len() {
            all.push([step, -step].map(|step| {
                let mut message = message.clone();
                let x = at(&message)[i] + step;
                let mut numbers = flat_mut(message.pointer_mut(&place).expect("a parameter"));
                *numbers[i] = json!(x);
                message
            }));
        }
    }
    all
}

/// Rows of central differences of a vector of values, one column for each parameter.
fn differences(
    message: &Value,
    pointers: &[&str],
    step: f64,
    values: fn(&Value) -> Vec<f64>,
) -> Vec<Vec<f64>> {
    let moved = moved(message, pointers, step);
    let answers = answers_to(moved.as_flattened());
    let columns: Vec<Vec<f64>> = answers
        .chunks(2)
        .map(|pair| {
            let (up, down) = (values(output(&pair[0])), values(output(&pair[1])));
            let slopes = up
                .iter()
                .zip(down)
                .map(|(up, down)| (up - down) / (2.0 * step));
            slopes.collect()
        })
        .collect();
    let rows = columns.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| columns.iter().map(|column| column[row]).collect())
        .collect()
}

/// A derivative of the suite as rows of partials, beside differences of the tool's own objective.
struct Case {
    fixture: &'static str,
    parameters: &'static [&'static str],
    values: fn(&Value) -> Vec<f64>,
    rows: fn(&Value) -> Vec<Vec<f64>>,
}

const CASES: &[Case] = &[
    Case {
        fixture: "gmm",
        parameters: &["/alpha", "/mu", "/q", "/l"],
        values: flat,
        rows: |g| {
            vec![
                ["alpha", "mu", "q", "l"]
                    .map(|part| flat(&g[part]))
                    .concat(),
            ]
        },
    },
    Case {
        fixture: "ba",
        parameters: &["/cam", "/x", "/w"],
        values: |errors| {
            let mut values = flat(&errors["reproj_error"]["elements"]);
            values.extend(flat(&errors["w_err"]["element"]));
            values
        },
        rows: |jacobian| {
            let entries = flat(&jacobian["vals"]);
            let mut weight = vec![0.0; 15];
            weight[14] = entries[30];
            vec![entries[..15].to_vec(), entries[15..30].to_vec(), weight]
        },
    },
    Case {
        fixture: "ht",
        parameters: &["/theta"],
        values: flat,
        rows: rows_of,
    },
    Case {
        fixture: "ht_full",
        parameters: &["/us", "/theta"],
        values: flat,
        rows: |jacobian| {
            let mut rows = rows_of(jacobian);
            let observations = rows.len() / 3;
            for (i, row) in rows.iter_mut().enumerate() {
                let mut us = vec![0.0; 2 * observations];
                us[2 * (i / 3)..][..2].copy_from_slice(&row[..2]);
                row.splice(..2, us);
            }
            rows
        },
    },
    Case {
        fixture: "lstm",
        parameters: &["/main_params", "/extra_params"],
        values: flat,
        rows: |g| vec![flat(g)],
    },
    Case {
        fixture: "det",
        parameters: &["/A"],
        values: flat,
        rows: |g| vec![flat(g)],
    },
    Case {
        fixture: "llsq",
        parameters: &["/x"],
        values: flat,
        rows: |g| vec![flat(g)],
    },
    Case {
        fixture: "lse",
        parameters: &["/x"],
        values: flat,
        rows: |g| vec![flat(g)],
    },
    Case {
        fixture: "ode",
        parameters: &["/x"],
        values: |y| vec![*flat(y).last().expect("a component")],
        rows: |g| vec![flat(g)],
    },
    Case {
        fixture: "hello",
        parameters: &[""],
        values: flat,
        rows: |g| vec![flat(g)],
    },
];

#[test]
fn derivatives_agree_with_differences() {
    for case in CASES {
        let [primal, derivative] = &evaluations(case.fixture)[..] else {
            panic!("{} asks for two functions", case.fixture);
        };
        let mut derivative = derivative.clone();
        // hello's second function is asked for at the first one's output.
        derivative["input"] = primal["input"].clone();
        let answer = &answers_to(&[derivative])[0];
        let rows = (case.rows)(output(answer));
        let expected = differences(primal, case.parameters, 1e-5, case.values);
        assert_eq!(rows.len(), expected.len(), "{}", case.fixture);
        for (row, expected) in rows.iter().zip(&expected) {
            assert_close(case.fixture, row, expected, 1e-7);
        }
    }
}

#[test]
fn kmeans_divides_the_gradient_by_the_diagonal() {
    let [cost, dir] = &evaluations("kmeans")[..] else {
        panic!("two functions");
    };
    let answers = answers_to(&[cost.clone(), dir.clone()]);
    let (middle, direction) = (flat(output(&answers[0]))[0], flat(output(&answers[1])));

    // The cost is quadratic as long as no point changes its centroid, so these differences are exact.
    let step = 1e-3;
    let slopes = &differences(cost, &["/centroids"], step, flat)[0];
    let moved = answers_to(moved(cost, &["/centroids"], step).as_flattened());
    let curvatures = moved.chunks(2).map(|pair| {
        let [up, down] = [0, 1].map(|side| flat(output(&pair[side]))[0]);
        (up - 2.0 * middle + down) / (step * step)
    });
    let expected: Vec<f64> = slopes.iter().zip(curvatures).map(|(g, h)| g / h).collect();
    assert_close("by differences", &direction, &expected, 1e-6);

    // A centroid's way to the mean of its points.
    let input = json!({
        "points": [[0.0, 0.0], [2.0, 1.0], [9.0, 9.0]],
        "centroids": [[1.0, 2.0], [8.0, 9.0], [50.0, 50.0]],
    });
    let direction = evaluated("kmeans", "dir", input.clone());
    assert_eq!(direction, json!([[0.0, 1.5], [-1.0, 0.0], [null, null]]));
    assert_eq!(
        evaluated("kmeans", "cost", input),
        json!(1.0 + 4.0 + 1.0 + 1.0 + 1.0)
    );
}

/// A list that many times over.
fn repeated<T: Clone>(list: &[T], times: usize) -> Vec<T> {
    let entries = list.iter().cloned().cycle();
    entries.take(times * list.len()).collect()
}

/// More observations or points than are on the tape at a time.
#[test]
fn blocks_add_up() {
    const REPEATS: usize = 420;
    for fixture in ["ht", "ht_full"] {
        let message = &evaluations(fixture)[1];
        let once = rows_of(output(&answers_to(std::slice::from_ref(message))[0]));
        let mut many = message.clone();
        for list in ["/data/correspondences", "/data/points", "/us"] {
            let list = many["input"]
                .pointer_mut(list)
                .and_then(Value::as_array_mut);
            let list = list.expect("a list");
            *list = repeated(list, REPEATS);
        }
        let rows = rows_of(output(&answers_to(&[many])[0]));
        assert_eq!(rows.len(), REPEATS * once.len());
        // The sums over a pose's parts may add in another order.
        for (row, expected) in rows.iter().zip(once.iter().cycle()) {
            assert_eq!(row.len(), expected.len());
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
            assert!(
                row.iter().zip(expected).all(near),
                "{row:?}, not {expected:?}"
            );
        }
    }

    let [objective, jacobian] = &evaluations("gmm")[..] else {
        panic!("two functions");
    };
    let points = 4000;
    let [mut objective, mut jacobian] = [objective.clone(), jacobian.clone()];
    let rows = objective["input"]["x"].as_array().expect("points").clone();
    let rows: Vec<Value> = rows.into_iter().cycle().take(points).collect();
    for message in [&mut objective, &mut jacobian] {
        message["input"]["x"] = json!(rows);
        message["input"]["n"] = json!(points);
    }
    let gradient = answers_to(&[jacobian])[0].clone();
    let expected = differences(&objective, &["/alpha", "/q"], 1e-5, flat);
    let gradient = [
        flat(&output(&gradient)["alpha"]),
        flat(&output(&gradient)["q"]),
    ];
    assert_close("gmm", &gradient.concat(), &expected[0], 1e-6);
}
