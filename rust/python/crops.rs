//! Windows around cells, cut out of all channels in one call.

use super::arrays::{shape2, with_labels, with_pixels, wrong_dtype};
use super::cells::same_shape;
use crate::cells::{Keep, Window, crop};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;

fn kept(keep: &str) -> Result<Keep> {
    match keep {
        "cell" => Ok(Keep::Cell),
        "cell_and_outside" => Ok(Keep::CellAndOutside),
        "all" => Ok(Keep::All),
        other => Err(Error::Value(format!(
            "keep: found {other:?}; expected \"cell\", \"cell_and_outside\" or \"all\""
        ))),
    }
}

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
    windows: Vec<(i64, i64, usize, usize)>,
    keep: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let keep = kept(keep)?;
    let shape = shape2("mask", mask)?;
    for channel in &channels {
        same_shape(shape2("channels", channel)?, shape)?;
    }
    let Some(first) = channels.first() else {
        return Err(Error::Value("channels: found none; expected at least one".into()).into());
    };
    with_labels!("mask", mask, |ids| with_pixels!("channels", first, |pixels| {
        let guards = channels.iter().map(|channel| alike(pixels, channel)).collect::<PyResult<Vec<_>>>()?;
        let images =
            guards.iter().map(|guard| guard.as_slice()).collect::<std::result::Result<Vec<_>, _>>()?;
        let cut = py.detach(|| {
            let cells = labels.iter().zip(&windows);
            let cut = cells.map(|(&label, &(row, column, rows, columns))| {
                let window = Window { row, column, rows, columns };
                let pixels = crop(ids, &images, shape.1, window, label, keep);
                (pixels, [rows, columns, images.len()])
            });
            cut.collect::<Vec<_>>()
        });
        cut.into_iter()
            .map(|(pixels, shape)| Ok(pixels.into_pyarray(py).reshape(shape)?.into_any()))
            .collect()
    }))
}

/// A channel of the same dtype as the first.
fn alike<'py, T: numpy::Element>(
    _first: &[T],
    channel: &Bound<'py, PyUntypedArray>,
) -> PyResult<numpy::PyReadonlyArray2<'py, T>> {
    let array = channel.cast::<PyArray2<T>>().map_err(|_| {
        wrong_dtype("channels", channel, "the dtype of the first channel: all channels of a crop have one")
    })?;
    Ok(array.try_readonly()?)
}
