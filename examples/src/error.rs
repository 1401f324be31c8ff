use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with the files and options that an example is given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to open, read or write a file.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried: `open`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could be read, but its contents are not what was asked for.
    #[error("{path}: {what}")]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the way out where there is one.
        what: String,
    },
    /// An option does not fit the data or the other options.
    #[error("{0}")]
    Option(String),
    /// A picture could not be drawn.
    #[error("cannot draw {path}: {what}")]
    Drawing {
        /// The picture's file.
        path: PathBuf,
        /// The drawing library's reason.
        what: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn contents(path: &Path, what: impl Into<String>) -> Error {
        Error::Contents {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
