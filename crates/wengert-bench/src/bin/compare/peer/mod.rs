//! Other libraries, each behind a feature: what they find is compared with ours before they are timed.

mod echidna;
#[cfg(feature = "xad")]
mod xad;

use wengert_bench::objectives::{BundleAdjustment, Hand, Objective};

use crate::contest::{EAGER_PEERS, REPLAYED_PEERS};

/// Something that computes all derivatives once.
pub(crate) type Run<'a> = Box<dyn FnMut() -> Vec<f64> + 'a>;

/// The peers' ways to the gradient; what they prepare once is prepared at the first call.
pub(crate) fn gradients<'a, O: Objective>(
    objective: &'a O,
    x: &'a [f64],
) -> Vec<(&'static str, Run<'a>)> {
    let mut replay = None;
    Vec::from([
        (
            EAGER_PEERS[0],
            Box::new(|| echidna::gradient(objective, x)) as Run<'a>,
        ),
        (
            REPLAYED_PEERS[0],
            Box::new(move || {
                let replay = replay.get_or_insert_with(|| echidna::Replay::new(objective, x));
                replay.gradient(x)
            }),
        ),
        #[cfg(feature = "xad")]
        (EAGER_PEERS[1], {
            let mut tape = xad::Reused::new();
            Box::new(move || tape.gradient(objective, x))
        }),
    ])
}

/// The peers' ways to the rows of all reprojection errors.
pub(crate) fn jacobians(bundle: &BundleAdjustment) -> Vec<(&'static str, Run<'_>)> {
    let mut replay = echidna::Replay::of_errors(bundle);
    Vec::from([
        (
            EAGER_PEERS[0],
            Box::new(|| bundle.rows(|i, rows| echidna::jacobian(bundle, i, rows))) as Run<'_>,
        ),
        (
            REPLAYED_PEERS[0],
            Box::new(move || bundle.rows(|i, rows| replay.jacobian(bundle, i, rows))),
        ),
        #[cfg(feature = "xad")]
        (EAGER_PEERS[1], {
            let mut tape = xad::Reused::new();
            Box::new(move || bundle.rows(|i, rows| tape.jacobian(bundle, i, rows)))
        }),
    ])
}

/// The peers' ways to the columns of all residuals of a hand.
pub(crate) fn hand_jacobians<'a>(hand: &'a Hand, x: &'a [f64]) -> Vec<(&'static str, Run<'a>)> {
    let replay = echidna::Replay::of_hand(hand, x);
    vec![(
        REPLAYED_PEERS[0],
        Box::new(move || replay.columns(x)) as Run<'_>,
    )]
}
