//! What the examples' command lines have in common, and their progress bars.

use std::num::NonZeroUsize;

use indicatif::ProgressStyle;

/// The number of threads to use: as asked for, or one for each core.
pub fn threads(asked: Option<NonZeroUsize>) -> usize {
    asked
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

/// Parses a number above 0 that is finite.
///
/// # Errors
/// If the text is no such number.
///
/// # Examples
/// ```
/// use wengert_examples::options::positive;
///
/// assert_eq!(positive("2.5"), Ok(2.5));
/// assert!(positive("-1").is_err() && positive("inf").is_err() && positive("x").is_err());
/// ```
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("it must be a number above 0".into()),
    }
}

/// The looks of a progress bar: how far it is, a message, how long it will take.
pub fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:32} {percent:>3} %  {msg}  {eta} left")
        .expect("the template is well formed")
        .progress_chars("=> ")
}
