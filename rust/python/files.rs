//! Files: paths in, arrays or a table's columns out. Reading, decoding and scanning one image is
//! one detached call, so that threads scale.

use super::arrays::with_dtypes;
use super::cells::{Measurement, rule, same_shape};
use super::outlines::encodings;
use crate::cells;
use crate::files::{self, Image, Labels, Mask, Pixels};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

/// Runs the body on a decoded mask's slice.
macro_rules! with_file_labels {
    ($labels:expr, |$slice:ident| $body:expr) => {
        match $labels {
            Labels::U8($slice) => $body,
            Labels::U16($slice) => $body,
            Labels::U32($slice) => $body,
            Labels::U64($slice) => $body,
        }
    };
}

/// Runs the body on a decoded channel's slice.
macro_rules! with_file_pixels {
    ($pixels:expr, |$slice:ident| $body:expr) => {
        match $pixels {
            Pixels::U8($slice) => $body,
            Pixels::U16($slice) => $body,
            Pixels::F32($slice) => $body,
        }
    };
}

pub(super) use {with_file_labels, with_file_pixels};

/// Measures every cell of one image on disk; with `rle`, encodes it too.
#[pyfunction]
#[pyo3(signature = (mask_path, image_path, channel, quantile, threshold, convention, max_pixels, rle=false))]
#[allow(clippy::too_many_arguments)]
pub fn measure_file(
    py: Python<'_>,
    mask_path: PathBuf,
    image_path: PathBuf,
    channel: Option<&str>,
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
    max_pixels: u32,
    rle: bool,
) -> PyResult<Measurement> {
    let (threshold, convention) = rule(quantile, threshold, convention)?;
    let (measured, encodings, shape) = py.detach(|| {
        let Image { rows, columns, pixels, .. } = read_channel(&image_path, channel, max_pixels)?;
        let mask = files::read_mask(&mask_path, max_pixels.into())?;
        let shape = (mask.rows, mask.columns);
        same_shape((rows, columns), shape)?;
        let measured = with_file_labels!(&mask.labels, |labels| with_file_pixels!(&pixels, |pixels| {
            cells::measure(labels, pixels, columns, threshold, convention, mask.capacity)
        }))?;
        let encodings = rle.then(|| encodings(&measured.outline, shape));
        Ok::<_, Error>((measured, encodings, shape))
    })?;
    Ok(Measurement::new(py, measured, encodings, shape))
}

pub(super) fn read_channel(path: &std::path::Path, channel: Option<&str>, max_pixels: u32) -> Result<Image> {
    let image = files::read_image(path, max_pixels.into())?;
    image.channel(channel).map_err(|error| error.in_file(path))
}

/// Reads an image: one channel, or all of them as a third dimension.
#[pyfunction]
#[pyo3(signature = (path, channel, max_pixels))]
pub fn read_image<'py>(
    py: Python<'py>,
    path: PathBuf,
    channel: Option<&str>,
    max_pixels: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let image = py.detach(|| match channel {
        Some(_) => read_channel(&path, channel, max_pixels),
        None => files::read_image(&path, max_pixels.into()),
    })?;
    let Image { rows, columns, channels, pixels } = image;
    macro_rules! shaped {
        ($values:expr) => {{
            let array = $values.into_pyarray(py);
            match channels {
                1 => array.reshape([rows, columns])?.into_any(),
                _ => array.reshape([rows, columns, channels])?.into_any(),
            }
        }};
    }
    Ok(match pixels {
        Pixels::U8(values) => shaped!(values),
        Pixels::U16(values) => shaped!(values),
        Pixels::F32(values) => shaped!(values),
    })
}

/// Reads a label image, in the narrowest unsigned type that holds its ids; and the largest id that
/// the file's type can hold.
#[pyfunction]
#[pyo3(signature = (path, max_pixels))]
pub fn read_mask(py: Python<'_>, path: PathBuf, max_pixels: u32) -> PyResult<(Bound<'_, PyAny>, u64)> {
    let Mask { rows, columns, labels, capacity } =
        py.detach(|| files::read_mask(&path, max_pixels.into()))?;
    let shape = [rows, columns];
    let array = match labels {
        Labels::U8(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U16(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U32(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U64(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
    };
    Ok((array, capacity))
}

/// Writes an image of shape (rows, columns) or (rows, columns, channels).
#[pyfunction]
#[pyo3(signature = (path, image))]
pub fn write_png(py: Python<'_>, path: PathBuf, image: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    let image = to_encode(image)?;
    py.detach(|| {
        let file = files::encode_png(&image)?;
        std::fs::write(&path, file).map_err(|source| Error::Io { path, source })
    })?;
    Ok(())
}

/// The bytes of the same file.
#[pyfunction]
#[pyo3(signature = (image))]
pub fn encode_png<'py>(py: Python<'py>, image: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyBytes>> {
    let image = to_encode(image)?;
    let file = py.detach(|| files::encode_png(&image))?;
    Ok(PyBytes::new(py, &file))
}

fn to_encode(image: &Bound<'_, PyUntypedArray>) -> PyResult<Image> {
    let (rows, columns, channels) = match *image.shape() {
        [rows, columns] => (rows, columns, 1),
        [rows, columns, channels] => (rows, columns, channels),
        ref other => {
            let found =
                format!("image: shape {other:?}; expected (rows, columns) or (rows, columns, channels)");
            return Err(Error::Value(found).into());
        }
    };
    // One dtype dispatch serves both shapes: a row of a colour image is a longer row.
    let flat = image.call_method1("reshape", (rows, columns * channels))?;
    let flat = flat.cast::<PyUntypedArray>()?;
    let pixels = with_dtypes!("image", flat, "uint8 or uint16", [u8, u16], |values| {
        Ok::<_, PyErr>(Pixels::from(values.to_vec()))
    })?;
    Ok(Image { rows, columns, channels, pixels })
}
