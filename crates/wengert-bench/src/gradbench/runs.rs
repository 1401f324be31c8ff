//! How often a function runs, and how long each run takes.

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::input::{Refusal, parse, refuse};

/// No answer holds more timings: a gigabyte is enough.
const MOST_RUNS: u64 = 10_000_000;
const MOST_SECONDS: f64 = 86_400.0;

/// At least so many runs, and at least so many seconds of them.
#[derive(Deserialize)]
pub(super) struct Runs {
    #[serde(default)]
    min_runs: u64,
    #[serde(default)]
    min_seconds: f64,
}

impl Runs {
    /// What an input that says nothing of it asks for.
    pub(super) const ONCE: Self = Self {
        min_runs: 1,
        min_seconds: 0.0,
    };

    /// What the input asks for, whatever else it holds.
    pub(super) fn of(input: &RawValue) -> Result<Self, Refusal> {
        let runs: Self = parse(input)?;
        if runs.min_runs > MOST_RUNS {
            return refuse(format!(
                "\"min_runs\" must not exceed {MOST_RUNS}, but is {}",
                runs.min_runs
            ));
        }
        if !(0.0..=MOST_SECONDS).contains(&runs.min_seconds) {
            return refuse(format!(
                "\"min_seconds\" must lie between 0 and {MOST_SECONDS}, but is {}",
                runs.min_seconds
            ));
        }
        Ok(runs)
    }

    /// Runs the function as often as asked for, and at least once; gives the last output and all the times.
    pub(super) fn measure<T: Serialize>(
        &self,
        run: impl FnMut() -> T,
    ) -> Result<Evaluation, Refusal> {
        self.measure_after(None, run)
    }

    /// As [`Runs::measure`], of a function that has been prepared; the preparation ends here. What a first call
    /// takes with it is told on standard error.
    pub(super) fn measure_prepared<T: Serialize>(
        &self,
        preparation: Preparation,
        run: impl FnMut() -> T,
    ) -> Result<Evaluation, Refusal> {
        let prepare = nanoseconds(preparation.start);
        let evaluation = self.measure_after(Some(prepare), run)?;
        eprintln!(
            "{}: a cold call, recording included, took {} nanoseconds",
            preparation.of,
            prepare + evaluation.timings.evaluate[0]
        );
        Ok(evaluation)
    }

    fn measure_after<T: Serialize>(
        &self,
        prepare: Option<u64>,
        mut run: impl FnMut() -> T,
    ) -> Result<Evaluation, Refusal> {
        let mut timings = Vec::new();
        let mut seconds = 0.0;
        loop {
            let start = Instant::now();
            let output = black_box(run());
            let time = nanoseconds(start);
            timings.push(time);
            seconds += 1e-9 * time as f64;
            let runs = timings.len() as u64;
            let enough = runs >= self.min_runs && seconds >= self.min_seconds;
            if enough || runs >= MOST_RUNS {
                let output = to_raw_value(&output)
                    .map_err(|error| Refusal::new(format!("the output is not JSON: {error}")))?;
                return Ok(Evaluation {
                    output,
                    timings: Timings {
                        prepare,
                        evaluate: timings,
                    },
                });
            }
        }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What is done once, such as recording a program that depends on the shape of the input alone.
pub(super) struct Preparation {
    of: &'static str,
    start: Instant,
}

impl Preparation {
    /// The preparation of a function begins now.
    pub(super) fn begin(of: &'static str) -> Self {
        Self {
            of,
            start: Instant::now(),
        }
    }
}

/// What a function has found, and how long it took each time.
#[derive(Serialize)]
pub(super) struct Evaluation {
    output: Box<RawValue>,
    timings: Timings,
}

/// Nanoseconds of each run, and of what came before them; they grow names only on their way out.
struct Timings {
    prepare: Option<u64>,
    evaluate: Vec<u64>,
}

impl Serialize for Timings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Timing {
            name: &'static str,
            nanoseconds: u64,
        }
        let timing = |name| move |&nanoseconds: &u64| Timing { name, nanoseconds };
        let prepare = self.prepare.iter().map(timing("prepare"));
        let evaluate = self.evaluate.iter().map(timing("evaluate"));
        serializer.collect_seq(prepare.chain(evaluate))
    }
}
