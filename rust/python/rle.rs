//! Run-length encodings, to and fro.

use super::dtypes::with_narrowest;
use crate::cells::rle;
use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::prelude::*;

/// The counts of a compressed encoding.
#[pyfunction]
pub fn rle_counts(text: &str) -> PyResult<Vec<u32>> {
    Ok(rle::from_text(text)?)
}

/// The compressed form of counts.
#[pyfunction]
pub fn rle_text(counts: Vec<u32>) -> String {
    rle::to_text(&counts)
}

/// A label image, in the narrowest unsigned type, from the compressed encodings of its cells.
#[pyfunction]
#[pyo3(signature = (texts, labels, rows, columns))]
pub fn paint(
    py: Python<'_>,
    texts: Vec<String>,
    labels: Vec<u64>,
    rows: u32,
    columns: u32,
) -> PyResult<Bound<'_, PyAny>> {
    let (rows, columns) = (rows as usize, columns as usize);
    with_narrowest!(labels.iter().copied().max().unwrap_or(0), |Id| {
        let mask = py.detach(|| rle::painted::<Id>(&texts, &labels, rows, columns))?;
        Ok(mask.into_pyarray(py).reshape([rows, columns])?.into_any())
    })
}
