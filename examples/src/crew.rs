//! Threads that share the work of each training step.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

/// Worker threads that keep their state (such as a tape) from job to job.
///
/// The results come back in the order of the jobs, and a job is cut without regard to the number of threads, so whatever is summed
/// over the results has the same bits on one thread and on many.
///
/// # Examples
/// ```
/// use wengert_examples::Crew;
///
/// let squares = std::thread::scope(|scope| {
///     let mut crew = Crew::start(scope, 2, || |x: u32| x * x);
///     crew.run([1, 2, 3])
/// });
/// assert_eq!(squares, [1, 4, 9]);
/// ```
#[derive(Debug)]
pub struct Crew<Job, Answer> {
    workers: Vec<(Sender<Job>, Receiver<Answer>)>,
}

impl<Job: Send, Answer: Send> Crew<Job, Answer> {
    /// Starts `threads` workers; each calls `make` once, on its own thread, and what that returns does its jobs.
    ///
    /// # Panics
    /// If `threads` is zero.
    pub fn start<'scope, Make, Work>(
        scope: &'scope Scope<'scope, '_>,
        threads: usize,
        make: Make,
    ) -> Self
    where
        Make: Fn() -> Work + Clone + Send + 'scope,
        Work: FnMut(Job) -> Answer,
        Job: 'scope,
        Answer: 'scope,
    {
        assert!(threads > 0, "a crew needs at least one thread");
        let workers = (0..threads)
            .map(|_| {
                let (job_sender, jobs) = channel();
                let (answers, answer_receiver) = channel();
                let make = make.clone();
                scope.spawn(move || {
                    let mut work = make();
                    for job in jobs {
                        if answers.send(work(job)).is_err() {
                            break;
                        }
                    }
                });
                (job_sender, answer_receiver)
            })
            .collect();
        Crew { workers }
    }

    /// Does all jobs and returns their answers in the same order.
    ///
    /// # Panics
    /// If a worker panicked.
    pub fn run(&mut self, jobs: impl IntoIterator<Item = Job>) -> Vec<Answer> {
        const PANICKED: &str = "a worker panicked; its own message stands above";
        let mut count = 0;
        for (job, (sender, _)) in jobs.into_iter().zip(self.workers.iter().cycle()) {
            sender.send(job).expect(PANICKED);
            count += 1;
        }
        self.workers
            .iter()
            .cycle()
            .take(count)
            .map(|(_, receiver)| receiver.recv().expect(PANICKED))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn answers_keep_the_order_of_the_jobs_on_any_number_of_threads() {
        for threads in 1..=5 {
            thread::scope(|scope| {
                let mut crew = Crew::start(scope, threads, || |job: usize| 10 * job);
                for jobs in [0, 1, 4, 17] {
                    let expected: Vec<usize> = (0..jobs).map(|job| 10 * job).collect();
                    assert_eq!(crew.run(0..jobs), expected);
                }
            });
        }
    }

    #[test]
    fn a_worker_keeps_its_state() {
        thread::scope(|scope| {
            let mut crew = Crew::start(scope, 1, || {
                let mut total = 0;
                move |job: u32| {
                    total += job;
                    total
                }
            });
            assert_eq!(crew.run([1, 2]), [1, 3]);
            assert_eq!(crew.run([10]), [13]);
        });
    }
}
