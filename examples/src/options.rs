//! What the examples' command lines have in common.

/// Parses a number above 0 that is finite.
///
/// # Errors
/// If the text is no such number.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && f64::is_finite(number) => Ok(number),
        _ => Err("it must be a number above 0".into()),
    }
}
