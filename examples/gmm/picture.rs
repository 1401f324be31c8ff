//! The picture of points and mixtures in two dimensions.

use std::f64::consts::TAU;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;
use wengert_examples::Error;
use wengert_examples::picture::{self, Area, Drawn};

use super::mixture::Mixture;

const SIZE: (u32, u32) = (800, 760);
/// Of more points than these only every second, or third, or .. is drawn.
const MOST_POINTS: usize = 4000;
/// The ellipses lie so many deviations from the mean; the outer one holds 86 % of a component.
const DEVIATIONS: [f64; 2] = [1.0, 2.0];
/// The part of the height that is kept free for the legend.
const LEGEND: f64 = 0.1;
const LABELS: (&str, u32) = ("sans-serif", 15);
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x5f, 0x00),
    RGBColor(0x2c, 0x8a, 0x2c),
    RGBColor(0x94, 0x4c, 0xb8),
    RGBColor(0xb8, 0x8a, 0x00),
    RGBColor(0x17, 0x9e, 0xa8),
    RGBColor(0xd1, 0x3b, 0x7b),
    RGBColor(0x7a, 0x5a, 0x4a),
];

/// Draws points, in the colour of the component that each most probably belongs to, and the ellipses of the true and the fitted mixture.
///
/// # Errors
/// If the picture cannot be written.
pub fn write(
    path: &Path,
    title: &str,
    points: [&[f64]; 2],
    members: &[usize],
    truth: &Mixture,
    fit: &Mixture,
) -> Result<(), Error> {
    picture::write(path, SIZE, |root| {
        draw(root, title, points, members, truth, fit)
    })
}

fn draw<'a>(
    root: &Area<'a>,
    title: &str,
    [x, y]: [&[f64]; 2],
    members: &[usize],
    truth: &Mixture,
    fit: &Mixture,
) -> Drawn<'a> {
    let area = root.margin(10, 0, 0, 0).titled(title, ("sans-serif", 22))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(range(x, 0.0), range(y, LEGEND))?;
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .max_light_lines(1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc("first coordinate")
        .y_desc("second coordinate")
        .label_style(LABELS)
        .draw()?;
    let dots = x.iter().zip(y).zip(members);
    let dots = dots.step_by(x.len().div_ceil(MOST_POINTS));
    chart.draw_series(dots.map(|((&x, &y), &member)| {
        let colour = COLOURS[member % COLOURS.len()];
        Circle::new((x, y), 1, colour.mix(0.5).filled())
    }))?;
    let styles = [
        ("true", truth, BLACK.mix(0.35).stroke_width(5)),
        ("fitted", fit, BLACK.stroke_width(1)),
    ];
    for (name, mixture, style) in styles {
        let components = 0..mixture.shape.components;
        let ellipses = components.flat_map(|k| DEVIATIONS.map(|radius| (k, radius)));
        chart
            .draw_series(
                ellipses.map(|(k, radius)| PathElement::new(ellipse(mixture, k, radius), style)),
            )?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(12)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font(LABELS)
        .draw()
}

/// Points of a component that lie `radius` deviations from its mean.
fn ellipse(mixture: &Mixture, component: usize, radius: f64) -> Vec<(f64, f64)> {
    const PARTS: u32 = 120;
    (0..=PARTS)
        .map(|part| {
            let (sin, cos) = (TAU * f64::from(part) / f64::from(PARTS)).sin_cos();
            let place = mixture.place(component, &[radius * cos, radius * sin]);
            (place[0], place[1])
        })
        .collect()
}

/// The axis: a little more than all numbers, and a part of that again above them.
fn range(x: &[f64], above: f64) -> Range<f64> {
    let (low, high) = x
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
            (low.min(x), high.max(x))
        });
    low - 0.3..high + 0.3 + above * (high - low)
}
