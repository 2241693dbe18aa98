//! Windows around cells, cut out of all channels in one call.

use super::arrays::{shape2, with_labels, with_pixels, wrong_dtype};
use super::cells::same_shape;
use crate::cells::{Keep, Window, crop};
use crate::files::{Image, Pixels, encode_png};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

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

/// First row, first column, rows and columns.
type Rectangle = (i64, i64, usize, usize);

/// Hands the crop of each cell to `$then`, detached, and gives back the results: one dispatch over
/// dtypes for both ways of leaving.
macro_rules! for_each_crop {
    ($py:expr, $mask:expr, $channels:expr, $labels:expr, $windows:expr, $keep:expr, $then:expr) => {{
        let keep = kept($keep)?;
        let shape = shape2("mask", $mask)?;
        for channel in &$channels {
            same_shape(shape2("channels", channel)?, shape)?;
        }
        let Some(first) = $channels.first() else {
            return Err(Error::Value("channels: found none; expected at least one".into()).into());
        };
        with_labels!("mask", $mask, |ids| with_pixels!("channels", first, |pixels| {
            let guards =
                $channels.iter().map(|channel| alike(pixels, channel)).collect::<PyResult<Vec<_>>>()?;
            let images =
                guards.iter().map(|guard| guard.as_slice()).collect::<std::result::Result<Vec<_>, _>>()?;
            let cells = $labels.iter().zip(&$windows);
            let cut = $py.detach(|| {
                let cut = cells.map(|(&label, &(row, column, rows, columns)): (&i64, &Rectangle)| {
                    let window = Window { row, column, rows, columns };
                    let pixels = crop(ids, &images, shape.1, window, label, keep);
                    $then(pixels.into(), [rows, columns, images.len()])
                });
                cut.collect::<Result<Vec<_>>>()
            })?;
            Ok(cut)
        }))
    }};
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
    windows: Vec<Rectangle>,
    keep: &str,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let as_it_is = |pixels: Pixels, shape: [usize; 3]| Ok((pixels, shape));
    let cut: PyResult<Vec<(Pixels, [usize; 3])>> =
        for_each_crop!(py, mask, channels, labels, windows, keep, as_it_is);
    let arrays = cut?.into_iter().map(|(pixels, shape)| {
        Ok(match pixels {
            Pixels::U8(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
            Pixels::U16(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
            Pixels::F32(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
        })
    });
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
    let encode = |pixels: Pixels, [rows, columns, channels]: [usize; 3]| {
        encode_png(&Image { rows, columns, channels, pixels })
    };
    let files: PyResult<Vec<Vec<u8>>> = for_each_crop!(py, mask, channels, labels, windows, keep, encode);
    Ok(files?.iter().map(|file| PyBytes::new(py, file)).collect())
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
