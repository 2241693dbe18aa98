//! Files: paths in, arrays or a table's columns out. Reading, decoding and scanning one image is
//! one detached call, so that threads scale.

use super::arrays::with_dtypes;
use super::cells::{Measurement, rule, same_shape};
use crate::cells;
use crate::files::{self, Image, Labels, Mask, Pixels};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use std::path::PathBuf;

/// Measures every cell of one image on disk.
#[pyfunction]
#[pyo3(signature = (mask_path, image_path, channel, quantile, threshold, convention, max_pixels))]
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
) -> PyResult<Measurement> {
    let (threshold, convention) = rule(quantile, threshold, convention)?;
    let (measured, shape) = py.detach(|| {
        let Image { rows, columns, pixels, .. } = read_channel(&image_path, channel, max_pixels)?;
        let mask = files::read_mask(&mask_path, max_pixels.into())?;
        let shape = (mask.rows, mask.columns);
        same_shape((rows, columns), shape)?;
        macro_rules! measure {
            ($labels:expr, $pixels:expr) => {
                cells::measure($labels, $pixels, columns, threshold, convention, mask.capacity)
            };
        }
        macro_rules! with_labels {
            ($pixels:expr) => {
                match &mask.labels {
                    Labels::U8(labels) => measure!(labels, $pixels),
                    Labels::U16(labels) => measure!(labels, $pixels),
                    Labels::U32(labels) => measure!(labels, $pixels),
                    Labels::U64(labels) => measure!(labels, $pixels),
                }
            };
        }
        let measured = match &pixels {
            Pixels::U8(pixels) => with_labels!(pixels),
            Pixels::U16(pixels) => with_labels!(pixels),
            Pixels::F32(pixels) => with_labels!(pixels),
        };
        Ok::<_, Error>((measured?, shape))
    })?;
    Ok(Measurement::new(py, measured, shape))
}

fn read_channel(path: &std::path::Path, channel: Option<&str>, max_pixels: u32) -> Result<Image> {
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

/// Reads a label image, in the narrowest unsigned type that holds its ids.
#[pyfunction]
#[pyo3(signature = (path, max_pixels))]
pub fn read_mask(py: Python<'_>, path: PathBuf, max_pixels: u32) -> PyResult<Bound<'_, PyAny>> {
    let Mask { rows, columns, labels, .. } = py.detach(|| files::read_mask(&path, max_pixels.into()))?;
    let shape = [rows, columns];
    Ok(match labels {
        Labels::U8(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U16(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U32(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
        Labels::U64(ids) => ids.into_pyarray(py).reshape(shape)?.into_any(),
    })
}

/// Writes an image of shape (rows, columns) or (rows, columns, channels).
#[pyfunction]
#[pyo3(signature = (path, image))]
pub fn write_png(py: Python<'_>, path: PathBuf, image: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
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
    py.detach(|| {
        let file = files::encode_png(&Image { rows, columns, channels, pixels })?;
        std::fs::write(&path, file).map_err(|source| Error::Io { path, source })
    })?;
    Ok(())
}
