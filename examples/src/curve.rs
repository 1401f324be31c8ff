use std::path::Path;

use plotters::prelude::*;

use crate::Error;
use crate::picture::{self, Area, Drawn};

/// How well a network did after one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Mean loss over the training images, as they were seen during the epoch.
    pub train_loss: f64,
    /// Mean loss over the held-out images, after the epoch.
    pub test_loss: f64,
    /// Share of the training images that were recognised during the epoch.
    pub train_accuracy: f64,
    /// Share of the held-out images that were recognised after the epoch.
    pub test_accuracy: f64,
}

const SIZE: (u32, u32) = (800, 640);
const TRAIN: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const TEST: RGBColor = RGBColor(0xd6, 0x5f, 0x00);
const LABELS: (&str, u32) = ("sans-serif", 15);
const MARGIN: u32 = 14;

/// Draws loss (on a logarithmic axis) and accuracy over the epochs as an SVG picture.
///
/// Values that are not finite are left out.
///
/// # Errors
/// If the picture cannot be written.
pub fn write_curve(path: &Path, title: &str, history: &[Epoch]) -> Result<(), Error> {
    picture::write(path, SIZE, |root| draw_panels(root, title, history))
}

fn draw_panels<'a>(root: &Area<'a>, title: &str, history: &[Epoch]) -> Drawn<'a> {
    let area = root.margin(10, 0, 0, 0).titled(title, ("sans-serif", 22))?;
    let (upper, lower) = area.split_vertically(area.dim_in_pixel().1 / 2);
    draw_loss(&upper, history)?;
    draw_accuracy(&lower, history)
}

fn draw_loss<'a>(area: &Area<'a>, history: &[Epoch]) -> Drawn<'a> {
    let mut train = points(history, |epoch| epoch.train_loss);
    let mut test = points(history, |epoch| epoch.test_loss);
    // A logarithmic axis has no place for zero.
    train.retain(|&(_, loss)| loss > 0.0);
    test.retain(|&(_, loss)| loss > 0.0);
    let losses = train.iter().chain(&test).map(|&(_, loss)| loss);
    let (low, high) = losses.fold((1.0f64, 1.0f64), |(low, high), loss| {
        (low.min(loss), high.max(loss))
    });
    let mut chart =
        builder(area).build_cartesian_2d(epochs(history), (low / 1.3..high * 1.3).log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .light_line_style(BLACK.mix(0.05))
        .x_labels(x_labels(history))
        .x_max_light_lines(1)
        .x_label_formatter(&|_| String::new())
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y}"))
        .label_style(LABELS)
        .y_desc("cross-entropy (nats)")
        .draw()?;
    chart.draw_series(LineSeries::new(train, TRAIN.stroke_width(2)))?;
    chart.draw_series(LineSeries::new(test, TEST.stroke_width(2)))?;
    Ok(())
}

fn draw_accuracy<'a>(area: &Area<'a>, history: &[Epoch]) -> Drawn<'a> {
    let train = points(history, |epoch| 100.0 * epoch.train_accuracy);
    let test = points(history, |epoch| 100.0 * epoch.test_accuracy);
    let lowest = train
        .iter()
        .chain(&test)
        .fold(90.0f64, |low, &(_, y)| low.min(y));
    let bottom = (lowest / 10.0).floor() * 10.0;
    let mut chart = builder(area).build_cartesian_2d(epochs(history), bottom..100.0)?;
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .light_line_style(BLACK.mix(0.05))
        .x_labels(x_labels(history))
        .x_max_light_lines(1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_labels(6)
        .y_max_light_lines(5)
        .y_label_formatter(&|y| format!("{y:.0} %"))
        .label_style(LABELS)
        .x_desc("epoch")
        .y_desc("accuracy")
        .draw()?;
    for (name, colour, points) in [("training", TRAIN, train), ("held out", TEST, test)] {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(12)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font(LABELS)
        .draw()
}

fn builder<'a, 'b>(area: &'b Area<'a>) -> ChartBuilder<'b, 'b, SVGBackend<'a>> {
    let mut builder = ChartBuilder::on(area);
    builder
        .margin(MARGIN)
        .x_label_area_size(44)
        .y_label_area_size(72);
    builder
}

/// Few enough that none falls between two epochs.
fn x_labels(history: &[Epoch]) -> usize {
    (history.len() + 1).min(13)
}

/// The axis: from before the first epoch to the last.
fn epochs(history: &[Epoch]) -> std::ops::Range<f64> {
    0.0..history.len().max(1) as f64
}

fn points(history: &[Epoch], value: impl Fn(&Epoch) -> f64) -> Vec<(f64, f64)> {
    (1..)
        .map(f64::from)
        .zip(history.iter().map(value))
        .filter(|&(_, y)| y.is_finite())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(title: &str, history: &[Epoch]) -> Result<String, String> {
        picture::drawn(SIZE, |root| draw_panels(root, title, history))
    }

    fn falling(epochs: u32) -> Vec<Epoch> {
        (1..=epochs)
            .map(f64::from)
            .map(|t| Epoch {
                train_loss: 2.3 / (t * t),
                test_loss: 2.3 / t,
                train_accuracy: 1.0 - 0.8 / (t * t),
                test_accuracy: 1.0 - 0.9 / t,
            })
            .collect()
    }

    #[test]
    fn the_picture_has_two_labelled_panels_and_four_lines() {
        let svg = draw("digits", &falling(30)).unwrap();
        for text in [
            "digits",
            "epoch",
            "cross-entropy (nats)",
            "accuracy",
            "training",
            "held out",
        ] {
            assert!(svg.contains(&format!("\n{text}\n")), "no {text:?}");
        }
        let lines = |colour: &str| svg.matches(&format!("stroke=\"{colour}\"")).count();
        // Two curves and the legend.
        assert_eq!((lines("#1F77B4"), lines("#D65F00")), (3, 3));
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn odd_histories_are_drawn_too() {
        let mut broken = falling(3);
        broken[1].train_loss = f64::NAN;
        broken[1].test_loss = 0.0;
        broken[2].test_loss = f64::INFINITY;
        for history in [falling(0), falling(1), falling(2), broken] {
            let svg = draw("digits", &history).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let error = write_curve(Path::new("no/such/folder/loss.svg"), "", &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write no/such/folder/loss.svg: ")
        );
    }
}
