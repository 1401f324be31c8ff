//! The bundled handwritten digits.

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::{Error, Images};

const FILE: &str = "examples/data/digits.csv.gz";
const CSV: &[u8] = include_bytes!("../data/digits.csv.gz");
const SIDE: usize = 8;
const BRIGHTEST: u8 = 16;

/// The 1,797 bundled digits, enlarged from 8 x 8 to 16 x 16 pixels.
///
/// They are compiled in, so no path has to be found. Their origin and licence stand in `examples/data/README.md`.
///
/// # Errors
/// If the bundled file was damaged before it was compiled in.
///
/// # Examples
/// ```
/// let digits = wengert_examples::digits::bundled()?;
/// assert_eq!((digits.len(), digits.inputs(), digits.classes()), (1797, 256, 10));
/// # Ok::<(), wengert_examples::Error>(())
/// ```
pub fn bundled() -> Result<Images, Error> {
    let path = Path::new(FILE);
    let mut csv = String::new();
    GzDecoder::new(CSV)
        .read_to_string(&mut csv)
        .map_err(|e| Error::io("unpack", path, e))?;
    parse(&csv).map_err(|what| Error::contents(path, what))
}

fn parse(csv: &str) -> Result<Images, String> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(csv.lines()) {
        let row = text
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<u8>, _>>()
            .map_err(|e| format!("line {line}: {e}"))?;
        let [image @ .., label] = row.as_slice() else {
            return Err(format!("line {line} is empty"));
        };
        if image.len() != SIDE * SIDE {
            return Err(format!("line {line} has {} columns, not 65", row.len()));
        }
        if image.iter().any(|&pixel| pixel > BRIGHTEST) || *label > 9 {
            return Err(format!(
                "line {line} has a pixel above {BRIGHTEST} or a label above 9"
            ));
        }
        pixels.extend(enlarge(image));
        labels.push(*label);
    }
    Ok(Images::new(2 * SIDE, 2 * SIDE, pixels, labels))
}

/// Doubles height and width by bilinear interpolation between pixel centres, and scales 0..16 to 0..255.
fn enlarge(image: &[u8]) -> impl Iterator<Item = u8> {
    // A new centre lies a quarter of an old pixel from the nearest old centre: three parts of that one, one part of the next.
    let neighbours = |i: usize| {
        let near = i / 2;
        let next = if i.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(SIDE - 1)
        };
        [(near, 3), (next, 1)]
    };
    (0..2 * SIDE).flat_map(move |y| {
        (0..2 * SIDE).map(move |x| {
            let sixteenths: u32 = neighbours(y)
                .iter()
                .flat_map(|&(row, down)| {
                    neighbours(x)
                        .map(|(column, right)| down * right * u32::from(image[row * SIDE + column]))
                })
                .sum();
            let full = 16 * u32::from(BRIGHTEST);
            ((sixteenths * 255 + full / 2) / full) as u8
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_digits_are_complete() {
        let digits = bundled().unwrap();
        assert_eq!((digits.height(), digits.width()), (16, 16));
        let mut counts = [0; 10];
        for &label in digits.labels() {
            counts[usize::from(label)] += 1;
        }
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn enlarging_keeps_what_is_even_and_blends_what_is_not() {
        assert!(enlarge(&[BRIGHTEST; 64]).all(|pixel| pixel == 255));
        assert!(enlarge(&[0; 64]).all(|pixel| pixel == 0));

        let mut corner = [0; 64];
        corner[0] = BRIGHTEST;
        let large: Vec<u8> = enlarge(&corner).collect();
        // 255 times 1, 3/4, 1/4, 0 along the edge, and their products inside.
        assert_eq!(large[..4], [255, 191, 64, 0]);
        assert_eq!(large[16..20], [191, 143, 48, 0]);
        assert_eq!(large[32..36], [64, 48, 16, 0]);
    }

    #[test]
    fn a_damaged_line_is_named() {
        let line = |cells: usize, last: &str| format!("{}{last}\n", "3,".repeat(cells));
        let good = line(64, "9");
        assert_eq!(parse(&good).unwrap().len(), 1);
        for (csv, expected) in [
            (good.clone() + &line(63, "9"), "line 2 has 64 columns"),
            (good.clone() + &line(64, "x"), "line 2: invalid digit"),
            (good.clone() + &line(64, "10"), "line 2 has a pixel above"),
            (line(63, "17,9"), "line 1 has a pixel above"),
            ("\n".into(), "line 1: cannot parse"),
        ] {
            let error = parse(&csv).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
