//! Files: bytes or paths in, arrays out; and back.

use super::dtypes::{image_array, label_array, with_dtypes};
use crate::Error;
use crate::files::{self, Channel, Image, Mask, Pixels};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

/// Decodes an image from the bytes of a file: one channel, or all of them as a third dimension.
#[pyfunction]
#[pyo3(signature = (data, suffix, channel, max_pixels))]
pub fn decode_image<'py>(
    py: Python<'py>,
    data: &[u8],
    suffix: &str,
    channel: Option<&str>,
    max_pixels: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let format = suffix.parse()?;
    let image = py.detach(|| files::decode_image(data, format, named(channel), max_pixels.into()))?;
    image_array(py, image)
}

/// The same of a file.
#[pyfunction]
#[pyo3(signature = (path, channel, max_pixels, exact=false))]
pub fn read_image<'py>(
    py: Python<'py>,
    path: PathBuf,
    channel: Option<&str>,
    max_pixels: u32,
    exact: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let channel = channel.map_or(Channel::All, |name| Channel::of(Some(name), exact));
    let image = py.detach(|| files::read_image(&path, channel, max_pixels.into()))?;
    image_array(py, image)
}

/// Decodes a label image from the bytes of a file, in the narrowest unsigned type that holds its
/// ids; and the largest id that the file's type can hold.
#[pyfunction]
#[pyo3(signature = (data, suffix, max_pixels))]
pub fn decode_mask<'py>(
    py: Python<'py>,
    data: &[u8],
    suffix: &str,
    max_pixels: u32,
) -> PyResult<(Bound<'py, PyAny>, u64)> {
    let format = suffix.parse()?;
    let mask = py.detach(|| files::decode_mask(data, format, max_pixels.into()))?;
    with_capacity(py, mask)
}

/// The same of a file.
#[pyfunction]
#[pyo3(signature = (path, max_pixels))]
pub fn read_mask(py: Python<'_>, path: PathBuf, max_pixels: u32) -> PyResult<(Bound<'_, PyAny>, u64)> {
    let mask = py.detach(|| files::read_mask(&path, max_pixels.into()))?;
    with_capacity(py, mask)
}

/// Writes an image of shape (rows, columns) or (rows, columns, channels).
#[pyfunction]
#[pyo3(signature = (path, image))]
pub fn write_png(py: Python<'_>, path: PathBuf, image: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    let image = to_encode(image)?;
    Ok(py.detach(|| files::write_png(&path, &image))?)
}

/// The bytes of the same file.
#[pyfunction]
#[pyo3(signature = (image))]
pub fn encode_png<'py>(py: Python<'py>, image: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyBytes>> {
    let image = to_encode(image)?;
    let file = py.detach(|| files::encode_png(&image))?;
    Ok(PyBytes::new(py, &file))
}

fn named(channel: Option<&str>) -> Channel<'_> {
    channel.map_or(Channel::All, |name| Channel::One(Some(name)))
}

fn with_capacity(py: Python<'_>, mask: Mask) -> PyResult<(Bound<'_, PyAny>, u64)> {
    Ok((label_array(py, mask.labels, (mask.rows, mask.columns))?, mask.capacity))
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
    let pixels: PyResult<Pixels> = with_dtypes!("image", flat, "uint8 or uint16", [u8, u16], |values| {
        Ok(Pixels::from(values.as_slice()?.to_vec()))
    });
    Ok(Image { rows, columns, channels, pixels: pixels? })
}
