//! Bundle adjustment: from where points lie in many images, where the cameras stood and where the points are.
//!
//! `cargo run --release --example bundle_adjustment` adjusts the bundled scene, or a file of Bundle Adjustment in the Large that is named
//! behind `--`. What it shows: the projection of one point into one image is recorded once (`camera.rs`), and its derivatives for all
//! observations are computed at once, in the processor's widest registers and on all threads; they are the blocks of a sparse
//! Jacobian, and `normal.rs` solves its normal equations for the method of Levenberg and Marquardt (`descent.rs`).

pub mod camera;
pub mod descent;
pub mod normal;
pub mod options;
pub mod scene;

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use camera::Projection;
use clap::Parser;
use descent::descend;
use options::Options;
use wengert_examples::bal::{CAMERA, POINT, Problem};

/// Turning, moving and scaling the whole scene changes no image.
const FREE: usize = 7;

/// How well a problem's cameras and points explain its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The mean distance in pixels between where a point is seen and where it should be seen.
    pub mean: f64,
    /// The standard deviation of a coordinate's error in pixels, as the residuals tell it: their squares are divided by how many there
    /// are, less the numbers that were fitted to them. Nothing if these are not fewer.
    pub noise: Option<f64>,
}

fn main() -> ExitCode {
    wengert_examples::exit_code(run(&Options::parse()))
}

/// Reads or makes up a problem, checks the derivatives, adjusts, and tells what came of it; nothing if a scene was only written.
///
/// # Errors
/// If a file or an option does not fit, or the derivatives are wrong.
pub fn run(options: &Options) -> Result<Option<Quality>, Box<dyn Error>> {
    let projection = Projection::record()?;
    if let Some(path) = &options.generate {
        let scene = options.recipe().scene(&projection)?;
        scene.write(path)?;
        println!("{} written to {}", size(&scene), path.display());
        return Ok(None);
    }
    let mut problem = options.problem()?;
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot make {}: {e}", options.out.display()))?;
    println!("{}", size(&problem));

    let report = projection.check(&problem, problem.observations[0]);
    println!("derivative check at one observation: {report}");
    if !report.is_pass() {
        return Err("the derivatives are not right, so there is no point in following them".into());
    }

    let before = quality(&projection, &problem)?;
    let start = Instant::now();
    let fit = descend(&projection, &mut problem, options.steps)?;
    let after = quality(&projection, &problem)?;
    println!(
        "\n{} after {} steps in {:.2} s: cost {:.4e}, before {:.4e}",
        if fit.converged {
            "converged"
        } else {
            "stopped"
        },
        fit.tried,
        start.elapsed().as_secs_f64(),
        fit.after,
        fit.before,
    );
    println!(
        "mean reprojection error {:.3} pixels, before {:.3}",
        after.mean, before.mean
    );
    match after.noise {
        Some(noise) => {
            println!("the pixels' noise, by what is left: {noise:.3} in each coordinate");
        }
        None => {
            println!("there are no more pixels than unknowns, so they say nothing of their noise")
        }
    }
    let adjusted = options.out.join("adjusted.txt");
    problem.write(&adjusted)?;
    println!("adjusted problem  {}", adjusted.display());
    Ok(Some(after))
}

fn size(problem: &Problem) -> String {
    format!(
        "{} cameras, {} points, {} observations",
        problem.cameras.len(),
        problem.points.len(),
        problem.observations.len(),
    )
}

fn quality(projection: &Projection, problem: &Problem) -> Result<Quality, wengert::Error> {
    let residuals = projection.residuals(problem)?;
    let distances = residuals.iter().map(|[x, y]| x.hypot(*y));
    let squares: f64 = residuals.as_flattened().iter().map(|r| r * r).sum();
    let fitted = CAMERA * problem.cameras.len() + POINT * problem.points.len() - FREE;
    let spare = (2 * residuals.len())
        .checked_sub(fitted)
        .filter(|&spare| spare > 0);
    Ok(Quality {
        mean: distances.sum::<f64>() / residuals.len() as f64,
        noise: spare.map(|spare| (squares / spare as f64).sqrt()),
    })
}
