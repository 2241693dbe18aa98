//! Cells by what they are made of: boxes, areas, run-length encodings; and back.

use super::arrays::{shape2, with_labels, with_pixels};
use super::cells::same_shape;
use super::files::{read_channel, with_file_labels, with_file_pixels};
use crate::cells::{self, Label, Pixel, Region, rle};
use crate::files::{self, Image, Labels, Pixels};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;
use std::path::PathBuf;

/// The cells of one mask: a column an attribute, a row a cell, by ascending label.
#[pyclass(frozen, get_all, module = "cellsieve._core")]
pub struct Outline {
    label: Py<PyArray1<i64>>,
    min_row: Py<PyArray1<i64>>,
    min_col: Py<PyArray1<i64>>,
    max_row: Py<PyArray1<i64>>,
    max_col: Py<PyArray1<i64>>,
    area: Py<PyArray1<i64>>,
    rle: Option<Vec<String>>,
    brightest: Option<Py<PyArray1<f64>>>,
    shape: (usize, usize),
}

/// The same while detached from the interpreter.
struct Found {
    regions: Vec<Region>,
    rle: Option<Vec<String>>,
    brightest: Option<Vec<f64>>,
    shape: (usize, usize),
}

/// The encodings of the outline, by ascending label.
pub(super) fn encodings(outline: &cells::Outline, (rows, columns): (usize, usize)) -> Vec<(i64, String)> {
    let encoded = rle::encode(outline, rows, columns);
    encoded.into_iter().map(|rle| (rle.label, rle::to_text(&rle.counts))).collect()
}

fn find<L: Label, P: Pixel + Into<f64>>(
    labels: &[L],
    image: Option<&[P]>,
    shape: (usize, usize),
    encode: bool,
) -> Result<Found> {
    let outline = cells::outline(labels, shape.1, |_| ())?;
    let rle = encode.then(|| encodings(&outline, shape).into_iter().map(|(_, text)| text).collect());
    let peaks = image.map(|image| cells::brightest(&outline, image, shape.1)).transpose()?;
    let mut order: Vec<usize> = (0..outline.regions.len()).collect();
    order.sort_unstable_by_key(|&place| outline.regions[place].label);
    Ok(Found {
        regions: order.iter().map(|&place| outline.regions[place]).collect(),
        rle,
        brightest: peaks.map(|peaks| order.iter().map(|&place| peaks[place]).collect()),
        shape,
    })
}

impl Found {
    fn into_outline(self, py: Python<'_>) -> Outline {
        let column =
            |value: fn(&Region) -> i64| PyArray1::from_iter(py, self.regions.iter().map(value)).unbind();
        Outline {
            label: column(|region| region.label),
            min_row: column(|region| region.min_row.into()),
            min_col: column(|region| region.min_col.into()),
            max_row: column(|region| region.max_row.into()),
            max_col: column(|region| region.max_col.into()),
            area: column(|region| region.area as i64),
            rle: self.rle,
            brightest: self.brightest.map(|values| values.into_pyarray(py).unbind()),
            shape: self.shape,
        }
    }
}

/// Finds every cell of a mask; with an image, also its brightest pixel.
#[pyfunction]
#[pyo3(signature = (mask, image, rle))]
pub fn outline(
    py: Python<'_>,
    mask: &Bound<'_, PyUntypedArray>,
    image: Option<&Bound<'_, PyUntypedArray>>,
    rle: bool,
) -> PyResult<Outline> {
    let shape = shape2("mask", mask)?;
    let found: Found = with_labels!("mask", mask, |labels| match image {
        None => Ok::<_, PyErr>(py.detach(|| find::<_, u8>(labels, None, shape, rle))?),
        Some(image) => {
            same_shape(shape2("image", image)?, shape)?;
            with_pixels!("image", image, |pixels| {
                Ok(py.detach(|| find(labels, Some(pixels), shape, rle))?)
            })
        }
    })?;
    Ok(found.into_outline(py))
}

/// Finds every cell of a mask on disk; with an image, also its brightest pixel.
#[pyfunction]
#[pyo3(signature = (mask_path, image_path, channel, rle, max_pixels))]
pub fn outline_file(
    py: Python<'_>,
    mask_path: PathBuf,
    image_path: Option<PathBuf>,
    channel: Option<&str>,
    rle: bool,
    max_pixels: u32,
) -> PyResult<Outline> {
    let found = py.detach(|| {
        let mask = files::read_mask(&mask_path, max_pixels.into())?;
        let shape = (mask.rows, mask.columns);
        match image_path {
            None => with_file_labels!(&mask.labels, |labels| find::<_, u8>(labels, None, shape, rle)),
            Some(path) => {
                let Image { rows, columns, pixels, .. } = read_channel(&path, channel, max_pixels)?;
                same_shape((rows, columns), shape)?;
                with_file_labels!(&mask.labels, |labels| with_file_pixels!(&pixels, |pixels| find(
                    labels,
                    Some(&pixels[..]),
                    shape,
                    rle
                )
                .map_err(|error| error.in_file(&path))))
            }
        }
    })?;
    Ok(found.into_outline(py))
}

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
    let most = labels.iter().copied().max().unwrap_or(0);
    macro_rules! painted {
        ($kind:ty) => {{
            let mask = py.detach(|| {
                let mut mask = Vec::new();
                mask.try_reserve_exact(rows * columns).map_err(|error| {
                    Error::Value(format!("size: no memory for {rows} x {columns} pixels: {error}"))
                })?;
                mask.resize(rows * columns, 0);
                for (text, &label) in texts.iter().zip(&labels) {
                    rle::paint(&rle::from_text(text)?, label as $kind, &mut mask, rows)?;
                }
                Ok::<_, Error>(mask)
            })?;
            mask.into_pyarray(py).reshape([rows, columns])?.into_any()
        }};
    }
    Ok(match most {
        0..=0xFF => painted!(u8),
        0x100..=0xFFFF => painted!(u16),
        0x1_0000..=0xFFFF_FFFF => painted!(u32),
        _ => painted!(u64),
    })
}
