//! The picture of the draws.

use std::path::Path;

use plotters::prelude::*;
use wengert_examples::Error;
use wengert_examples::picture::{self, Area, Drawn};

use super::sampler::Chain;

const COLOURS: [RGBColor; 4] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x5f, 0x00),
    RGBColor(0x2c, 0x8a, 0x2c),
    RGBColor(0x94, 0x4c, 0xb8),
];
const WIDTH: u32 = 900;
const PANEL: u32 = 170;
const TITLE: u32 = 50;
const BOTTOM: u32 = 40;
/// Of more draws than the picture has room for, only every second, or third, or .. is drawn.
const MOST_POINTS: usize = 2000;
const LABELS: (&str, u32) = ("sans-serif", 15);

/// Draws the draws of some coordinates, each with its name, in the order in which they were drawn.
///
/// # Errors
/// If the picture cannot be written.
pub fn write(
    path: &Path,
    title: &str,
    chains: &[Chain],
    coordinates: &[(usize, String)],
) -> Result<(), Error> {
    let size = (WIDTH, TITLE + PANEL * coordinates.len() as u32 + BOTTOM);
    picture::write(path, size, |root| draw(root, title, chains, coordinates))
}

fn draw<'a>(
    root: &Area<'a>,
    title: &str,
    chains: &[Chain],
    coordinates: &[(usize, String)],
) -> Drawn<'a> {
    let area = root.margin(10, 0, 0, 0).titled(title, ("sans-serif", 22))?;
    let mut rest = area;
    for (k, (coordinate, name)) in coordinates.iter().enumerate() {
        let last = k + 1 == coordinates.len();
        let (panel, below) = rest.split_vertically(PANEL + if last { BOTTOM } else { 0 });
        draw_panel(&panel, chains, *coordinate, name, last)?;
        rest = below;
    }
    Ok(())
}

/// One coordinate; only the last panel names the axis that all share.
fn draw_panel<'a>(
    area: &Area<'a>,
    chains: &[Chain],
    coordinate: usize,
    name: &str,
    last: bool,
) -> Drawn<'a> {
    let columns = || chains.iter().map(|chain| chain.draws.column(coordinate));
    let all = columns().flatten().copied().filter(|x| x.is_finite());
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    let margin = (0.05 * (high - low)).max(1e-9);
    let draws = chains[0].draws.nrows() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(20)
        .x_label_area_size(if last { BOTTOM } else { 6 })
        .y_label_area_size(76)
        .build_cartesian_2d(0.0..draws, low - margin..high + margin)?;
    let (number, description) = if last {
        ((|x| format!("{x:.0}")) as fn(&f64) -> String, "draw")
    } else {
        ((|_| String::new()) as fn(&f64) -> String, "")
    };
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .max_light_lines(1)
        .x_label_formatter(&number)
        .x_desc(description)
        .y_labels(5)
        .y_label_formatter(&|y| format!("{y:.1}"))
        .y_desc(name)
        .label_style(LABELS)
        .draw()?;
    for (column, colour) in columns().zip(COLOURS.iter().cycle()) {
        let points = (0..).map(f64::from).zip(column.iter().copied());
        let points = points.step_by(column.len().div_ceil(MOST_POINTS));
        chart.draw_series(LineSeries::new(points, colour.mix(0.7).stroke_width(1)))?;
    }
    Ok(())
}
