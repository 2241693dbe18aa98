//! The one error type. Every message says which argument or file, what was found, what was expected.

use std::path::{Path, PathBuf};

/// What can go wrong, by the kind of mistake that it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that breaks a contract: a negative label, a NaN pixel, shapes that differ.
    #[error("{0}")]
    Value(String),
    /// A type that is not supported.
    #[error("{0}")]
    Type(String),
    /// A file that could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that was read and found wanting.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
}

/// The result of a kernel.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The same error with the file that it was found in.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        match self {
            Error::Value(reason) | Error::Type(reason) => Error::File { path: path.to_owned(), reason },
            other => other,
        }
    }
}
