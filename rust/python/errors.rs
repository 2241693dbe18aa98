//! The one place that names Python's exceptions.

use crate::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Value(_) | Error::File { .. } => PyValueError::new_err(text),
            Error::Type(_) => PyTypeError::new_err(text),
            // With its number, so that Python picks FileNotFoundError, PermissionError and so on.
            Error::Io { path, source } => match source.raw_os_error() {
                Some(number) => {
                    let reason = source.to_string();
                    let reason = reason.split(" (os error").next().unwrap_or_default().to_owned();
                    PyOSError::new_err((number, reason, path))
                }
                None => PyOSError::new_err(text),
            },
        }
    }
}
