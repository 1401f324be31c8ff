/// Solves `a x = b` for a symmetric positive definite matrix `a`, given by rows; `None` if `a` is not positive definite.
///
/// Only the lower triangle of `a` is read.
///
/// # Panics
/// If `a` is not square or `b` does not fit it.
///
/// # Examples
/// ```
/// use wengert_examples::solve_positive_definite;
///
/// let a = [vec![4.0, 2.0], vec![2.0, 5.0]];
/// assert_eq!(solve_positive_definite(&a, &[8.0, 12.0]), Some(vec![1.0, 2.0]));
/// assert_eq!(solve_positive_definite(&[vec![-1.0]], &[1.0]), None);
/// ```
pub fn solve_positive_definite(a: &[Vec<f64>], b: &[f64]) -> Option<Vec<f64>> {
    let n = a.len();
    assert!(
        a.iter().all(|row| row.len() == n) && b.len() == n,
        "a system of {n} rows needs {n} columns and {n} right-hand sides",
    );
    // a = l l^T, then l y = b, then l^T x = y.
    let mut l = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i][j] - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            if i > j {
                l[i][j] = rest / l[j][j];
            } else if rest > 0.0 && rest.is_finite() {
                l[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut x = b.to_vec();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| l[i][k] * x[k]).sum();
        x[i] = (x[i] - known) / l[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| l[k][i] * x[k]).sum();
        x[i] = (x[i] - known) / l[i][i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_satisfies_the_system() {
        let n = 12;
        // The Gram matrix of cosines plus a diagonal is positive definite.
        let row = |i: usize| (0..n).map(move |j| ((i * n + j) as f64).cos());
        let a: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| row(i).zip(row(j)).map(|(x, y)| x * y).sum::<f64>())
                    .enumerate()
                    .map(|(j, dot)| if i == j { dot + 1.0 } else { dot })
                    .collect()
            })
            .collect();
        let b: Vec<f64> = (0..n).map(|i| 1.0 / (1.0 + i as f64)).collect();
        let x = solve_positive_definite(&a, &b).unwrap();
        for (row, b) in a.iter().zip(&b) {
            let product: f64 = row.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((product - b).abs() < 1e-13, "{product} {b}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        for a in [
            [vec![1.0, 2.0], vec![2.0, 1.0]],
            [vec![0.0, 0.0], vec![0.0, 1.0]],
            [vec![f64::NAN, 0.0], vec![0.0, 1.0]],
            [vec![f64::INFINITY, 0.0], vec![0.0, 1.0]],
        ] {
            assert_eq!(solve_positive_definite(&a, &[1.0, 1.0]), None);
        }
    }
}
