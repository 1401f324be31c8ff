//! Bundle adjustment problems in the text format of Bundle Adjustment in the Large (BAL), gzipped or not.
//!
//! The format is that of S. Agarwal, N. Snavely, S. Seitz and R. Szeliski (2010), *Bundle Adjustment in the Large*,
//! <https://grail.cs.washington.edu/projects/bal/>. A file is numbers with white space between them:
//!
//! ```text
//! <cameras> <points> <observations>
//! <camera> <point> <x> <y>               for each observation: who sees what where, in pixels
//! <r1> <r2> <r3> <t1> <t2> <t3> <f> <k1> <k2>   for each camera, one number a line
//! <X> <Y> <Z>                            for each point, one number a line
//! ```
//!
//! Cameras and points are counted from 0. No number in a file is believed: memory grows with the lines that arrive.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::str::FromStr;

use crate::Error;
use crate::unpack::{unpacked, unreadable};

/// The numbers of a camera: rotation (3), translation (3), focal length, radial distortion (2).
pub const CAMERA: usize = 9;
/// The numbers of a point.
pub const POINT: usize = 3;

/// The most cameras, points and observations that are read; the largest published problem has 13,682, 4,456,117 and 28,987,644.
pub const LARGEST: [usize; 3] = [100_000, 10_000_000, 50_000_000];

const FILE: &str = "examples/data/scene.txt";
const SCENE: &str = include_str!("../data/scene.txt");
/// A line of the format has four numbers; one of more bytes than this is not of the format.
const LONGEST_LINE: u64 = 1000;

/// Where a camera saw a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The index of the camera.
    pub camera: u32,
    /// The index of the point.
    pub point: u32,
    /// The place in the image, in pixels from its centre; x to the right, y upwards.
    pub pixel: [f64; 2],
}

/// Cameras, points, and which camera saw which point where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// For each camera the rotation as an axis times the angle in radians, the translation, the focal length in pixels and two
    /// coefficients of radial distortion.
    pub cameras: Vec<[f64; CAMERA]>,
    /// For each point its coordinates.
    pub points: Vec<[f64; POINT]>,
    /// What was seen; every camera and point that is named here is there.
    pub observations: Vec<Observation>,
}

/// The bundled scene, made by the example `bundle_adjustment` itself; `examples/data/README.md` tells how.
///
/// # Errors
/// If the bundled file was damaged before it was compiled in.
///
/// # Examples
/// ```
/// let scene = wengert_examples::bal::bundled()?;
/// assert_eq!((scene.cameras.len(), scene.points.len()), (16, 500));
/// # Ok::<(), wengert_examples::Error>(())
/// ```
pub fn bundled() -> Result<Problem, Error> {
    parse(SCENE.as_bytes()).map_err(|what| Error::contents(Path::new(FILE), what))
}

/// Reads a problem from a file.
///
/// # Errors
/// If the file cannot be read, is not of the format, names a camera or point that it does not have, holds a number that is not finite,
/// or is larger than [`LARGEST`]. The error names the file and the line.
pub fn read(path: &Path) -> Result<Problem, Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let read = unpacked(file).map_err(|e| unreadable(&e)).and_then(parse);
    read.map_err(|what| Error::contents(path, what))
}

impl Problem {
    /// Writes the problem to a file in the same format, every number with all its digits.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        std::fs::write(path, self.text()).map_err(|e| Error::io("write", path, e))
    }

    fn text(&self) -> Vec<u8> {
        const MEMORY: &str = "memory takes every byte";
        let counts = [
            self.cameras.len(),
            self.points.len(),
            self.observations.len(),
        ];
        let mut text = Vec::new();
        writeln!(text, "{} {} {}", counts[0], counts[1], counts[2]).expect(MEMORY);
        for Observation {
            camera,
            point,
            pixel: [x, y],
        } in &self.observations
        {
            writeln!(text, "{camera} {point} {x} {y}").expect(MEMORY);
        }
        let numbers = self.cameras.as_flattened().iter();
        for number in numbers.chain(self.points.as_flattened()) {
            writeln!(text, "{number}").expect(MEMORY);
        }
        text
    }
}

fn parse(stream: impl Read) -> Result<Problem, String> {
    let mut words = Words::new(stream);
    let names = ["cameras", "points", "observations"];
    let mut counts = [0; 3];
    for ((count, name), largest) in counts.iter_mut().zip(names).zip(LARGEST) {
        *count = words.count(name, largest)?;
    }
    let mut problem = Problem::default();
    for i in 0..counts[2] {
        let of = |part: &str| format!("the {part} of observation {i}");
        problem.observations.push(Observation {
            camera: words.index("camera", counts[0], &of)?,
            point: words.index("point", counts[1], &of)?,
            pixel: words.finite(|k| of(["x", "y"][k]))?,
        });
    }
    for i in 0..counts[0] {
        let camera = words.finite(|k| format!("number {k} of camera {i}"))?;
        problem.cameras.push(camera);
    }
    for i in 0..counts[1] {
        let point = words.finite(|k| format!("coordinate {k} of point {i}"))?;
        problem.points.push(point);
    }
    match words.next()? {
        Some(_) => Err(words.at("more follows after the last point".into())),
        None => Ok(problem),
    }
}

/// The words of a stream, one after another, and the number of the line.
struct Words<R> {
    stream: BufReader<R>,
    line: Vec<u8>,
    /// Where the rest of the line begins.
    rest: usize,
    number: usize,
}

impl<R: Read> Words<R> {
    fn new(stream: R) -> Self {
        Words {
            stream: BufReader::new(stream),
            line: Vec::new(),
            rest: 0,
            number: 0,
        }
    }

    fn at(&self, what: String) -> String {
        format!("line {}: {what}", self.number)
    }

    /// The next word; nothing at the end.
    fn next(&mut self) -> Result<Option<&str>, String> {
        let (start, end) = loop {
            let rest = &self.line[self.rest..];
            let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let word = rest[blank..]
                .iter()
                .take_while(|b| !b.is_ascii_whitespace())
                .count();
            if word > 0 {
                break (self.rest + blank, self.rest + blank + word);
            }
            if !self.next_line()? {
                return Ok(None);
            }
        };
        self.rest = end;
        let word = str::from_utf8(&self.line[start..end])
            .map_err(|_| format!("line {}: is not text", self.number))?;
        Ok(Some(word))
    }

    fn next_line(&mut self) -> Result<bool, String> {
        self.line.clear();
        self.rest = 0;
        let mut start = (&mut self.stream).take(LONGEST_LINE + 1);
        let length = start
            .read_until(b'\n', &mut self.line)
            .map_err(|e| unreadable(&e))?;
        self.number += usize::from(length > 0);
        if length as u64 > LONGEST_LINE {
            return Err(self.at(format!(
                "is longer than {LONGEST_LINE} bytes, so this is no BAL file"
            )));
        }
        Ok(length > 0)
    }

    fn number<T: FromStr>(&mut self, kind: &str, what: impl Fn() -> String) -> Result<T, String> {
        let Some(word) = self.next()? else {
            return Err(format!(
                "ends after line {}, where {} is due",
                self.number,
                what()
            ));
        };
        let number = word.parse().map_err(|_| {
            let shown: String = word.chars().take(40).collect();
            format!("`{shown}` is not {kind}: {} is due", what())
        });
        number.map_err(|error| self.at(error))
    }

    fn count(&mut self, name: &str, largest: usize) -> Result<usize, String> {
        let count = self.number("a whole number", || format!("the number of {name}"))?;
        match count {
            0 => Err(self.at(format!("there are no {name}"))),
            count if count > largest => {
                Err(self.at(format!("{count} {name} are above the limit of {largest}")))
            }
            count => Ok(count),
        }
    }

    fn index(
        &mut self,
        name: &str,
        count: usize,
        of: &impl Fn(&str) -> String,
    ) -> Result<u32, String> {
        let index: u32 = self.number("a whole number", || of(name))?;
        if index as usize >= count {
            return Err(self.at(format!(
                "{} is {index}, but there are {count}, counted from 0",
                of(name)
            )));
        }
        Ok(index)
    }

    fn finite<const N: usize>(
        &mut self,
        what: impl Fn(usize) -> String,
    ) -> Result<[f64; N], String> {
        let mut numbers = [0.0_f64; N];
        for (k, number) in numbers.iter_mut().enumerate() {
            *number = self.number("a number", || what(k))?;
            if !number.is_finite() {
                return Err(self.at(format!("{} is {number}, which is not finite", what(k))));
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str =
        "1 2 2\n0 0 1.5 -2\n0 1 3e1 0.25\n.1\n.2\n.3\n4\n5\n6\n700\n-.01\n0\n1\n2\n3\n4\n5\n6\n";

    #[test]
    fn what_is_written_is_read_again() {
        let small = parse(SMALL.as_bytes()).unwrap();
        assert_eq!(
            small.cameras,
            [[0.1, 0.2, 0.3, 4., 5., 6., 700., -0.01, 0.]]
        );
        assert_eq!(small.points, [[1., 2., 3.], [4., 5., 6.]]);
        assert_eq!(small.observations[1].point, 1);
        assert_eq!(small.observations[1].pixel, [30.0, 0.25]);
        // White space is all the same.
        assert_eq!(
            parse(SMALL.replace('\n', " \r\n\n\t").as_bytes()).unwrap(),
            small
        );
        for problem in [small, bundled().unwrap()] {
            assert_eq!(parse(problem.text().as_slice()).unwrap(), problem);
        }
    }

    #[test]
    fn every_damage_is_named_with_its_line() {
        let with = |from: &str, to: &str| SMALL.replacen(from, to, 1);
        for (text, expected) in [
            (
                String::new(),
                "ends after line 0, where the number of cameras is due",
            ),
            (
                "1 2".into(),
                "ends after line 1, where the number of observations",
            ),
            (
                with("1 2 2", "1 -2 2"),
                "line 1: `-2` is not a whole number: the number of points",
            ),
            (with("1 2 2", "0 2 2"), "line 1: there are no cameras"),
            (
                with("1 2 2", "1 2 99999999999"),
                "line 1: 99999999999 observations are above the limit",
            ),
            (
                with("1 2 2", "1 2 99999999999999999999999"),
                "is not a whole number",
            ),
            (
                with("0 1 3e1", "1 1 3e1"),
                "line 3: the camera of observation 1 is 1, but there are 1",
            ),
            (
                with("0 1 3e1", "0 2 3e1"),
                "line 3: the point of observation 1 is 2, but there are 2",
            ),
            (
                with("3e1", "thirty"),
                "line 3: `thirty` is not a number: the x of observation 1",
            ),
            (
                with("0.25", "NaN"),
                "line 3: the y of observation 1 is NaN, which is not finite",
            ),
            (
                with("700", "1e999"),
                "line 10: number 6 of camera 0 is inf, which is not finite",
            ),
            (
                with("4\n5\n6\n", ""),
                "ends after line 15, where coordinate 0 of point 1 is due",
            ),
            (
                with("4\n5\n6\n7", "7"),
                "ends after line 15, where coordinate 0 of point 1 is due",
            ),
            (SMALL.to_owned() + "7", "line 19: more follows"),
            ("1 ".repeat(600), "line 1: is longer than 1000 bytes"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
        let error = parse(&b"\xff\xfe"[..]).unwrap_err();
        assert_eq!(error, "line 1: is not text");
    }

    #[test]
    fn a_stream_without_end_is_refused() {
        let error = parse(std::io::repeat(b'1')).unwrap_err();
        assert!(error.contains("is longer than"), "{error}");
        let error = parse("1 1 1\n".as_bytes().chain(std::io::repeat(b' '))).unwrap_err();
        assert!(error.starts_with("line 2: is longer than"), "{error}");
    }
}
