//! echidna: its pooled eager tape, and its recorded tape replayed.

use wengert_bench::objectives::{
    BundleAdjustment, Hand, Objective, reprojection_error, reprojection_error_of_all,
};

pub(super) fn gradient<O: Objective>(objective: &O, x: &[f64]) -> Vec<f64> {
    echidna::grad(|x| objective.evaluate(x), x)
}

/// A row for each error, and a recording for each row: that is what its eager tape has.
pub(super) fn jacobian(bundle: &BundleAdjustment, i: usize, rows: &mut [f64]) {
    let errors = |x: &[_]| reprojection_error(x, bundle.feature(i)).to_vec();
    for (row, unit) in rows
        .chunks_mut(BundleAdjustment::INPUTS)
        .zip([[1.0, 0.0], [0.0, 1.0]])
    {
        let (_, product) = echidna::vjp(errors, &bundle.inputs(i), &unit);
        row.copy_from_slice(&product);
    }
}

pub(super) struct Replay {
    tape: echidna::BytecodeTape<f64>,
    adjoints: Vec<f64>,
}

impl Replay {
    pub(super) fn new<O: Objective>(objective: &O, x: &[f64]) -> Self {
        let (tape, _) = echidna::record(|x| objective.evaluate(x), x);
        Self {
            tape,
            adjoints: Vec::new(),
        }
    }

    pub(super) fn gradient(&mut self, x: &[f64]) -> Vec<f64> {
        self.tape.gradient_with_buf(x, &mut self.adjoints)
    }

    /// The errors of an observation, with its place in the image among the inputs.
    pub(super) fn of_errors(bundle: &BundleAdjustment) -> Self {
        let errors = |all: &[_]| reprojection_error_of_all(all).to_vec();
        let (tape, _) = echidna::record_multi(errors, &bundle.inputs_and_feature(0));
        Self {
            tape,
            adjoints: Vec::new(),
        }
    }

    pub(super) fn jacobian(&mut self, bundle: &BundleAdjustment, i: usize, rows: &mut [f64]) {
        let jacobian = self.tape.jacobian(&bundle.inputs_and_feature(i));
        for (row, found) in rows.chunks_mut(BundleAdjustment::INPUTS).zip(&jacobian) {
            row.copy_from_slice(&found[..BundleAdjustment::INPUTS]);
        }
    }

    pub(super) fn of_hand(hand: &Hand, x: &[f64]) -> Self {
        let (tape, _) = echidna::record_multi(|x| hand.all_residuals(x), x);
        Self {
            tape,
            adjoints: Vec::new(),
        }
    }

    /// The Jacobian column by column.
    pub(super) fn columns(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.tape.jacobian_forward(x);
        (0..x.len())
            .flat_map(|k| rows.iter().map(move |row| row[k]))
            .collect()
    }
}
