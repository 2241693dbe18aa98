//! Windows around cells, cut out of all channels in one call.

use super::dtypes::{grid, pixel_array, with_labels, with_pixels, wrong_dtype};
use crate::Result;
use crate::cells::{self, Window};
use crate::files::{Image, Pixels, encode_png};
use numpy::{Element, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// First row, first column, rows and columns.
type Rectangle = (i64, i64, usize, usize);

/// Cuts a window (row, column, rows, columns) around each of some cells.
///
/// Every crop is of shape (rows, columns, channels); channels must have one dtype.
#[pyfunction]
#[pyo3(signature = (mask, channels, labels, windows, keep))]
pub fn crops<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: Vec<Bound<'py, PyUntypedArray>>,
    labels: Vec<i64>,
    windows: Vec<Rectangle>,
    keep: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let depth = channels.len();
    let cut = cut(py, mask, &channels, &labels, &windows, keep, |pixels, window| Ok((pixels, window)))?;
    let arrays = cut
        .into_iter()
        .map(|(pixels, Window { rows, columns, .. })| pixel_array(py, pixels, (rows, columns), Some(depth)));
    arrays.collect()
}

/// The same crops as the bytes of PNG files; one crop at a time is in memory.
#[pyfunction]
#[pyo3(signature = (mask, channels, labels, windows, keep))]
pub fn crop_pngs<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: Vec<Bound<'py, PyUntypedArray>>,
    labels: Vec<i64>,
    windows: Vec<Rectangle>,
    keep: &str,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let depth = channels.len();
    let files = cut(py, mask, &channels, &labels, &windows, keep, |pixels, Window { rows, columns, .. }| {
        encode_png(&Image { rows, columns, channels: depth, pixels })
    })?;
    Ok(files.iter().map(|file| PyBytes::new(py, file)).collect())
}

/// What `then` makes of each crop, detached from the interpreter.
fn cut<'py, R: Send>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: &[Bound<'py, PyUntypedArray>],
    labels: &[i64],
    windows: &[Rectangle],
    keep: &str,
    then: impl Fn(Pixels, Window) -> Result<R> + Sync,
) -> PyResult<Vec<R>> {
    let keep = keep.parse()?;
    let windows: Vec<Window> =
        windows.iter().map(|&(row, column, rows, columns)| Window { row, column, rows, columns }).collect();
    let Some(first) = channels.first() else {
        return Err(crate::Error::Value("channels: found none; expected at least one".into()).into());
    };
    with_labels!("mask", mask, |mask| with_pixels!("channels", first, |like| {
        let arrays =
            channels.iter().map(|channel| alike(like.values, channel)).collect::<PyResult<Vec<_>>>()?;
        let channels = arrays.iter().map(grid).collect::<PyResult<Vec<_>>>()?;
        Ok(py.detach(|| {
            let then = |pixels: Vec<_>, window| then(pixels.into(), window);
            cells::crops(mask, &channels, labels, &windows, keep, then)
        })?)
    }))
}

/// A channel of the same dtype as the first.
fn alike<'py, T: Element>(
    _first: &[T],
    channel: &Bound<'py, PyUntypedArray>,
) -> PyResult<PyReadonlyArray2<'py, T>> {
    let array = channel.cast::<PyArray2<T>>().map_err(|_| {
        wrong_dtype("channels", channel, "the dtype of the first channel: all channels of a crop have one")
    })?;
    Ok(array.try_readonly()?)
}
