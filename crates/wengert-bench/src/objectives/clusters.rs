//! The cost of a clustering.

use std::ops::Sub;

use super::{Number, Objective, OverPoints, columns, numbers, sum};

/// The sum of the squared distances of points from their nearest centroids, which are the variables.
#[derive(Clone, Debug)]
pub struct Clusters {
    d: usize,
    k: usize,
    points: Vec<f64>,
}

impl Clusters {
    /// `k` centroids of `n` random points in `d` dimensions.
    #[must_use]
    pub fn new(d: usize, k: usize, n: usize) -> Self {
        Self {
            d,
            k,
            points: numbers(11, n * d, -1.0, 1.0),
        }
    }

    fn nearest<T: Number + Sub<P, Output = T>, P: Copy>(&self, centroids: &[T], point: &[P]) -> T {
        let distances = centroids.chunks(self.d).map(|centroid| {
            sum(centroid.iter().zip(point).map(|(&c, &x)| {
                let gap = c - x;
                gap * gap
            }))
        });
        distances.reduce(T::min).expect("at least one centroid")
    }
}

impl Objective for Clusters {
    fn describe(&self) -> String {
        format!(
            "the cost of a clustering, d {}, k {}, n {}",
            self.d,
            self.k,
            self.points.len() / self.d
        )
    }
    fn point(&self) -> Vec<f64> {
        numbers(12, self.k * self.d, -1.0, 1.0)
    }
    fn evaluate<T: Number>(&self, x: &[T]) -> T {
        self.over_points(x)
    }
}

impl OverPoints for Clusters {
    fn columns(&self) -> Vec<Vec<f64>> {
        columns(&self.points, self.d)
    }
    fn at_point<T: Number>(&self, x: &[T], point: &[T]) -> T {
        self.nearest(x, point)
    }
    fn over_points<T: Number>(&self, x: &[T]) -> T {
        sum(self
            .points
            .chunks(self.d)
            .map(|point| self.nearest(x, point)))
    }
}
