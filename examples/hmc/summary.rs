//! What chains say, and how far it can be trusted.

use ndarray::{ArrayView1, s};

use super::sampler::Chain;

/// What some chains say about one coordinate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The mean of the draws.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// How many independent draws would tell the mean as well.
    pub effective: f64,
    /// The potential scale reduction: near 1 if the chains, and their halves, agree.
    pub r_hat: f64,
}

/// The summary of a coordinate over all chains.
pub fn of_coordinate(chains: &[Chain], coordinate: usize) -> Summary {
    let columns: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| chain.draws.column(coordinate).to_vec())
        .collect();
    summarise(&columns)
}

/// The summary of chains of equal length, one list of draws each.
///
/// Every chain is cut in two, so that a drift within a chain shows as well as a difference between chains. R-hat is that of A. Gelman
/// et al. (2013), *Bayesian Data Analysis*, section 11.4. The effective number divides the number of draws by 1 + 2 (rho_1 + rho_2 + ..),
/// whose sum C. J. Geyer (1992), *Practical Markov Chain Monte Carlo*, ends: sums of two neighbours are positive and fall, so what
/// is not is noise.
///
/// # Panics
/// If there is no chain, or one has fewer than four draws.
pub fn summarise(chains: &[Vec<f64>]) -> Summary {
    let length = chains[0].len() / 2;
    assert!(
        length > 1,
        "a chain of {} draws says nothing",
        chains[0].len()
    );
    let halves: Vec<ArrayView1<f64>> = chains
        .iter()
        .flat_map(|chain| {
            let chain = ArrayView1::from(chain.as_slice());
            [
                chain.slice_move(s![..length]),
                chain.slice_move(s![chain.len() - length..]),
            ]
        })
        .collect();
    let (n, m) = (length as f64, halves.len() as f64);
    let means: Vec<f64> = halves.iter().map(|half| half.sum() / n).collect();
    let mean = means.iter().sum::<f64>() / m;
    let between = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (m - 1.0);
    // The mean over the halves of their autocovariances.
    let covariance = |lag: usize| {
        let of_half = |(half, mean): (&ArrayView1<f64>, &f64)| {
            let later = half.iter().skip(lag);
            let pairs = half.iter().zip(later);
            pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n
        };
        halves.iter().zip(&means).map(of_half).sum::<f64>() / m
    };
    let within = covariance(0) * n / (n - 1.0);
    let variance = within * (n - 1.0) / n + between;
    // Chains that stand still repeat themselves.
    let correlation = |lag: usize| match variance {
        0.0 => 1.0,
        _ => 1.0 - (within - covariance(lag)) / variance,
    };

    let (mut sum, mut last) = (0.0, f64::INFINITY);
    for lag in (0..length - 1).step_by(2) {
        let first = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = (first + correlation(lag + 1)).min(last);
        if pair <= 0.0 {
            break;
        }
        (sum, last) = (sum + pair, pair);
    }
    // Draws that avoid each other tell more than independent ones; noise must not make that without bound.
    let draws = n * m;
    let time = (2.0 * sum - 1.0).max(1.0 / draws.log10());
    Summary {
        mean,
        deviation: variance.sqrt(),
        effective: draws / time,
        r_hat: (variance / within).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// Chains x' = rho x + noise, whose variance is 1.
    fn chains(rho: f64) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let noise = (1.0 - rho * rho).sqrt();
        (0..4)
            .map(|_| {
                let mut x = normal();
                (0..5000)
                    .map(|_| {
                        x = rho * x + noise * normal();
                        x
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_effective_number_is_that_of_an_autoregression() {
        for rho in [0.0, 0.5, 0.9, -0.3] {
            let summary = summarise(&chains(rho));
            // The autocorrelations rho^t add up.
            let expected = 20_000.0 * (1.0 - rho) / (1.0 + rho);
            assert!(
                (summary.effective / expected - 1.0).abs() < 0.1,
                "{rho} {summary:?}"
            );
            assert!((summary.r_hat - 1.0).abs() < 0.005, "{summary:?}");
            assert!((summary.deviation - 1.0).abs() < 0.05, "{summary:?}");
            assert!(
                summary.mean.abs() < 4.0 / summary.effective.sqrt(),
                "{summary:?}"
            );
        }
    }

    #[test]
    fn chains_that_disagree_and_chains_that_drift_are_noticed() {
        let mut apart = chains(0.0);
        apart[2].iter_mut().for_each(|x| *x += 1.0);
        let mut drifting = chains(0.0);
        for chain in &mut drifting {
            for (x, t) in chain.iter_mut().zip(0..) {
                *x += f64::from(t) / 2500.0;
            }
        }
        for chains in [apart, drifting] {
            let summary = summarise(&chains);
            assert!(
                summary.r_hat > 1.05 && summary.effective < 200.0,
                "{summary:?}"
            );
        }
    }

    #[test]
    fn chains_that_stand_still_tell_next_to_nothing() {
        for chains in [
            vec![vec![1.0; 1000]; 4],
            vec![vec![1.0; 1000], vec![2.0; 1000]],
        ] {
            let summary = summarise(&chains);
            assert!(summary.effective < 10.0, "{summary:?}");
            assert!(
                summary.r_hat.is_nan() || summary.r_hat > 1.01,
                "{summary:?}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a chain of 3 draws says nothing")]
    fn too_short_a_chain_is_refused() {
        let _ = summarise(&[vec![1.0, 2.0, 3.0]]);
    }
}
