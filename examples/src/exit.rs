//! How an example ends.

use std::error::Error;
use std::process::ExitCode;

/// Success, whatever was found; or failure, after the error is told on standard error.
pub fn exit_code<T>(outcome: Result<T, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
