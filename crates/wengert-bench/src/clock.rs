//! Time that this thread has computed, and how contenders are timed in turn.
#![allow(unsafe_code)]

/// Seconds of processor time that the calling thread has used.
///
/// Unlike wall-clock time, it stands still while other processes have the core.
///
/// # Panics
///
/// If the operating system has no such clock.
#[must_use]
pub fn thread_seconds() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for the call to write.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "no clock of the thread's processor time");
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// What one contender took for one call, in seconds.
#[derive(Clone, Debug)]
pub struct Timing {
    samples: Vec<f64>,
}

impl Timing {
    /// The fastest sample: what the code takes when nothing disturbs it.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.samples.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The middle sample.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.samples.clone())
    }

    /// The middle of the ratios to another contender, round by round.
    #[must_use]
    pub fn ratio(&self, other: &Timing) -> f64 {
        let ratios = self.samples.iter().zip(&other.samples);
        median(ratios.map(|(a, b)| a / b).collect())
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// A piece of code to be timed.
pub type Contender<'a> = Box<dyn FnMut() + 'a>;

/// Times contenders in turn, `rounds` times each, so that a disturbance meets all of them.
///
/// A sample is the mean of as many calls as take about a millisecond.
#[must_use]
pub fn in_turn(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<Timing> {
    let calls: Vec<usize> = contenders
        .iter_mut()
        .map(|run| {
            let once = sample(run, 1).max(1e-9);
            (1e-3 / once).clamp(1.0, 1e5) as usize
        })
        .collect();
    let mut timings = vec![
        Timing {
            samples: Vec::with_capacity(rounds)
        };
        contenders.len()
    ];
    for _ in 0..rounds {
        for ((run, &calls), timing) in contenders.iter_mut().zip(&calls).zip(&mut timings) {
            timing.samples.push(sample(run, calls));
        }
    }
    timings
}

fn sample(run: &mut Contender<'_>, calls: usize) -> f64 {
    let start = thread_seconds();
    for _ in 0..calls {
        run();
    }
    (thread_seconds() - start) / calls as f64
}
