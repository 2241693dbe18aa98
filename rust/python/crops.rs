//! Windows around cells, cut out of all channels in one call.

use super::dtypes::{grid, pixel_array, with_labels, with_pixels, wrong_dtype};
use crate::cells::{self, Cuts, Window};
use crate::files::{Image, Pixels, encode_png};
use crate::{Error, Result};
use numpy::{Element, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// First row, first column, rows and columns.
type Rectangle = (i64, i64, usize, usize);

/// Cuts a window (row, column, rows, columns) around each of some cells.
///
/// Every crop is of shape (rows, columns, channels), scaled to `size` (rows, columns) if that is
/// given; channels must have one dtype.
#[pyfunction]
#[pyo3(signature = (mask, channels, labels, windows, keep, size=None))]
#[allow(clippy::too_many_arguments)]
pub fn crops<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: Vec<Bound<'py, PyUntypedArray>>,
    labels: Vec<i64>,
    windows: Vec<Rectangle>,
    keep: &str,
    size: Option<(usize, usize)>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let (cuts, depth) = (cuts(labels, windows, keep, size)?, channels.len());
    let cut = cut(py, mask, &channels, &cuts, |pixels, shape| Ok((pixels, shape)))?;
    cut.into_iter().map(|(pixels, shape)| pixel_array(py, pixels, shape, Some(depth))).collect()
}

/// The same crops as the bytes of PNG files; one crop at a time is in memory.
#[pyfunction]
#[pyo3(signature = (mask, channels, labels, windows, keep, size=None))]
#[allow(clippy::too_many_arguments)]
pub fn crop_pngs<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: Vec<Bound<'py, PyUntypedArray>>,
    labels: Vec<i64>,
    windows: Vec<Rectangle>,
    keep: &str,
    size: Option<(usize, usize)>,
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let (cuts, depth) = (cuts(labels, windows, keep, size)?, channels.len());
    let files = cut(py, mask, &channels, &cuts, |pixels, (rows, columns)| {
        encode_png(&Image { rows, columns, channels: depth, pixels })
    })?;
    Ok(files.iter().map(|file| PyBytes::new(py, file)).collect())
}

fn cuts(labels: Vec<i64>, windows: Vec<Rectangle>, keep: &str, size: Option<(usize, usize)>) -> Result<Cuts> {
    let window = |(row, column, rows, columns)| Window { row, column, rows, columns };
    Ok(Cuts { labels, windows: windows.into_iter().map(window).collect(), keep: keep.parse()?, size })
}

/// What `then` makes of each crop, detached from the interpreter.
fn cut<'py, R: Send>(
    py: Python<'py>,
    mask: &Bound<'py, PyUntypedArray>,
    channels: &[Bound<'py, PyUntypedArray>],
    cuts: &Cuts,
    then: impl Fn(Pixels, (usize, usize)) -> Result<R> + Sync,
) -> PyResult<Vec<R>> {
    let Some(first) = channels.first() else {
        return Err(Error::Value("channels: found none; expected at least one".into()).into());
    };
    with_labels!("mask", mask, |mask| with_pixels!("channels", first, |like| {
        let arrays =
            channels.iter().map(|channel| alike(like.values, channel)).collect::<PyResult<Vec<_>>>()?;
        let channels = arrays.iter().map(grid).collect::<PyResult<Vec<_>>>()?;
        let then = |pixels: Vec<_>, shape| then(pixels.into(), shape);
        Ok(py.detach(|| cells::crops(mask, &channels, cuts, then))?)
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
