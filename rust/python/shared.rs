//! What several of these modules need besides the dispatch over dtypes.

use crate::level::Level;
use crate::plates::sweep::Means;
use crate::{Error, Result};
use numpy::ndarray::Array2;
use numpy::{Element, IntoPyArray, PyArray2};
use pyo3::prelude::*;

/// Numbers as an array with so many columns.
pub fn table<T: Element>(
    py: Python<'_>,
    numbers: Vec<T>,
    shape: (usize, usize),
) -> PyResult<Bound<'_, PyArray2<T>>> {
    let rows = Array2::from_shape_vec(shape, numbers)
        .map_err(|error| Error::Value(format!("{} x {} numbers: {error}", shape.0, shape.1)))?;
    Ok(rows.into_pyarray(py))
}

/// How to go through a matrix.
pub fn means(level: Option<&str>, threads: usize) -> Result<Means> {
    Ok(Means { level: Level::named(level)?, threads })
}
