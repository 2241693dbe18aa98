//! What several of these modules need, between numpy's arrays and the kernels' slices.

use crate::cells::Grid;
use crate::files::{Image, Labels, Pixels};
use crate::level::Level;
use crate::plates::Score;
use crate::plates::sweep::{Matrix, Means};
use crate::python::dtypes::{with_file_labels, with_file_pixels};
use crate::{Error, Result};
use numpy::ndarray::{Array2, ArrayView2};
use numpy::{
    Element, IntoPyArray, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

/// What to say of a dtype that is not supported.
pub fn wrong_dtype(argument: &str, array: &Bound<'_, PyUntypedArray>, expected: &str) -> Error {
    // An array of one of these types that is not two-dimensional does not come as one either.
    if array.ndim() != 2 {
        return Error::Value(format!(
            "{argument}: shape {:?}; expected two dimensions (rows, columns)",
            array.shape()
        ));
    }
    Error::Type(format!("{argument}: dtype {} is not supported; expected {expected}", array.dtype()))
}

/// A C-contiguous array as the kernels see it.
pub fn grid<'a, T: Element>(array: &'a PyReadonlyArray2<'_, T>) -> PyResult<Grid<'a, T>> {
    Ok(Grid::new(array.as_slice()?, array.as_array().dim()))
}

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

/// Pixels as an array: of shape (rows, columns) if `channels` is `None`, else (rows, columns, channels).
pub fn pixel_array(
    py: Python<'_>,
    pixels: Pixels,
    (rows, columns): (usize, usize),
    channels: Option<usize>,
) -> PyResult<Bound<'_, PyAny>> {
    with_file_pixels!(pixels, |values| {
        let array = values.into_pyarray(py);
        Ok(match channels {
            None => array.reshape([rows, columns])?.into_any(),
            Some(channels) => array.reshape([rows, columns, channels])?.into_any(),
        })
    })
}

/// Ids as an array.
pub fn label_array(
    py: Python<'_>,
    labels: Labels,
    (rows, columns): (usize, usize),
) -> PyResult<Bound<'_, PyAny>> {
    with_file_labels!(labels, |values| Ok(values.into_pyarray(py).reshape([rows, columns])?.into_any()))
}

/// An image as an array, that of a single channel without an axis for it.
pub fn image_array(py: Python<'_>, image: Image) -> PyResult<Bound<'_, PyAny>> {
    let channels = (image.channels > 1).then_some(image.channels);
    pixel_array(py, image.pixels, (image.rows, image.columns), channels)
}

/// Refuses scores that can't be read where they lie.
pub fn check_scores(scores: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    if scores.ndim() != 2 {
        return Err(Error::Value(format!(
            "scores: shape {:?}; expected two dimensions, one row per well and one column per class",
            scores.shape()
        ))
        .into());
    }
    let size = scores.dtype().itemsize() as isize;
    let aligned: bool = scores.getattr("flags")?.get_item("ALIGNED")?.extract()?;
    let strides = scores.strides();
    if !aligned || strides.iter().any(|stride| size == 0 || stride % size != 0) {
        return Err(Error::Value(
            "scores: not aligned to its dtype; expected an aligned array, for example scores.copy()".into(),
        )
        .into());
    }
    if scores.len() > 0 && scores.shape()[1] > 1 && strides[1] != size {
        return Err(Error::Value(
            "scores: the numbers of a row do not lie side by side (Fortran order or a column stride); \
             expected C order, for example numpy.ascontiguousarray(scores)"
                .into(),
        )
        .into());
    }
    Ok(())
}

impl<T: Score> Matrix for ArrayView2<'_, T> {
    type Score = T;

    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn row(&self, row: usize) -> &[T] {
        let row = self.index_axis(numpy::ndarray::Axis(0), row);
        row.to_slice().unwrap_or_default() // side by side, as `check_scores` has made sure
    }
}

/// How to go through a matrix.
pub fn means(level: Option<&str>, threads: usize) -> Result<Means> {
    Ok(Means { level: Level::named(level)?, threads })
}
