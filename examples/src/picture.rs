//! Pictures as SVG files.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Error;

/// Where a picture, or a part of it, is drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing gives: nothing, or the drawing library's reason.
pub type Drawn<'a> =
    Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// Draws a picture of `size` pixels (width, height) on white, and writes it to a file.
///
/// # Errors
/// If the picture cannot be drawn or written.
pub fn write(
    path: &Path,
    size: (u32, u32),
    draw: impl for<'a> FnOnce(&Area<'a>) -> Drawn<'a>,
) -> Result<(), Error> {
    // The drawing library writes what it has even when it fails, so it draws into memory first.
    let svg = drawn(size, draw).map_err(|what| Error::Drawing {
        path: path.to_owned(),
        what,
    })?;
    std::fs::write(path, svg).map_err(|e| Error::io("write", path, e))
}

/// The picture as text.
pub(crate) fn drawn(
    size: (u32, u32),
    draw: impl for<'a> FnOnce(&Area<'a>) -> Drawn<'a>,
) -> Result<String, String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    root.fill(&WHITE)
        .and_then(|()| draw(&root))
        .and_then(|()| root.present())
        .map_err(|e| e.to_string())?;
    drop(root);
    Ok(svg)
}
