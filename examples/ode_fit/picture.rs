//! The observations, the runs before and after the fit, and the way down.

use std::path::Path;

use plotters::prelude::*;
use wengert_examples::Error;
use wengert_examples::picture::{self, Area, Drawn};

use super::model::{Experiment, INTERVAL, run};

const SIZE: (u32, u32) = (900, 680);
const PREY: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const PREDATORS: RGBColor = RGBColor(0xd6, 0x5f, 0x00);
const LABELS: (&str, u32) = ("sans-serif", 15);
/// Points of a drawn line between two observations, and steps between two points.
const DETAIL: [usize; 2] = [10, 10];

/// Draws the observations with the runs at the rates before and after the fit, and below them the misfit after each step.
///
/// # Errors
/// If the picture cannot be written.
pub fn write(
    path: &Path,
    experiment: &Experiment,
    rates: [&[f64; 4]; 2],
    history: &[f64],
) -> Result<(), Error> {
    picture::write(path, SIZE, |root| {
        let (upper, lower) = root.split_vertically(SIZE.1 * 2 / 3);
        draw_runs(&upper, experiment, rates)?;
        draw_history(&lower, history)
    })
}

fn draw_runs<'a>(area: &Area<'a>, experiment: &Experiment, rates: [&[f64; 4]; 2]) -> Drawn<'a> {
    let count = experiment.observed.len();
    let observed = |k: usize| {
        (1..).map(|i| f64::from(i) * INTERVAL).zip(
            experiment
                .observed
                .iter()
                .map(move |animals| animals[k].exp()),
        )
    };
    let [points, steps] = DETAIL;
    let apart = INTERVAL / points as f64;
    let runs = rates.map(|rates| run(rates, count * points, steps, apart / steps as f64));
    let highest = (0..2)
        .flat_map(&observed)
        .map(|(_, animals)| animals)
        .chain(runs.iter().flatten().flatten().copied())
        .fold(0.0, f64::max);
    let mut chart =
        builder(area).build_cartesian_2d(0.0..count as f64 * INTERVAL, 0.0..1.4 * highest)?;
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.12))
        .light_line_style(TRANSPARENT)
        .label_style(LABELS)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc("time")
        .y_desc("animals")
        .draw()?;
    for (k, name, colour) in [(0, "prey", PREY), (1, "predators", PREDATORS)] {
        let line = |run: &[[f64; 2]]| -> Vec<(f64, f64)> {
            let times = (0..).map(|i| f64::from(i) * apart);
            times.zip(run.iter().map(|animals| animals[k])).collect()
        };
        chart.draw_series(LineSeries::new(line(&runs[0]), colour.mix(0.35)))?;
        chart
            .draw_series(LineSeries::new(line(&runs[1]), colour.stroke_width(2)))?
            .label(format!("{name}: fitted; faint: the guess; dots: observed"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(observed(k).map(|at| Circle::new(at, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(LABELS)
        .draw()
}

fn draw_history<'a>(area: &Area<'a>, history: &[f64]) -> Drawn<'a> {
    let points: Vec<(f64, f64)> = (0..).map(f64::from).zip(history.iter().copied()).collect();
    let (low, high) = history.iter().fold((1.0_f64, 1.0_f64), |(low, high), &x| {
        (low.min(x), high.max(x))
    });
    let last = history.len().saturating_sub(1).max(1) as f64;
    let mut chart =
        builder(area).build_cartesian_2d(0.0..last, (low / 1.5..high * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.12))
        .light_line_style(TRANSPARENT)
        .label_style(LABELS)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .y_labels(5)
        .x_desc("step of the fit")
        .y_desc("misfit")
        .draw()?;
    chart.draw_series(LineSeries::new(points.clone(), BLACK.stroke_width(2)))?;
    chart.draw_series(
        points
            .into_iter()
            .map(|at| Circle::new(at, 3, BLACK.filled())),
    )?;
    Ok(())
}

fn builder<'a, 'b>(area: &'b Area<'a>) -> ChartBuilder<'b, 'b, SVGBackend<'a>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(72);
    builder
}
