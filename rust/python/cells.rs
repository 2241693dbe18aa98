//! Cells: label images and channels in, a table's columns out.

use super::arrays::{shape2, with_labels, with_pixels};
use super::outlines::encodings;
use crate::cells::{self, Convention, Label, Threshold};
use crate::{Error, Result};
use numpy::{PyArray1, PyUntypedArray};
use pyo3::prelude::*;

/// The numbers of one image: a column an attribute, a row a cell, by ascending label.
#[pyclass(frozen, get_all, module = "cellsieve._core")]
pub struct Measurement {
    label: Py<PyArray1<i64>>,
    min_row: Py<PyArray1<i64>>,
    min_col: Py<PyArray1<i64>>,
    max_row: Py<PyArray1<i64>>,
    max_col: Py<PyArray1<i64>>,
    area: Py<PyArray1<i64>>,
    area_above: Py<PyArray1<i64>>,
    threshold: f64,
    background_area: u64,
    shape: (usize, usize),
    warning: Option<String>,
    rle: Option<Vec<String>>,
}

impl Measurement {
    /// `encodings` are those of the measured outline: the notebook's convention may leave out a cell.
    pub(super) fn new(
        py: Python<'_>,
        measured: cells::Measurement,
        encodings: Option<Vec<(i64, String)>>,
        shape: (usize, usize),
    ) -> Self {
        let regions = &measured.regions;
        let measured_too = |label: &i64| regions.binary_search_by_key(label, |region| region.label).is_ok();
        let column =
            |value: fn(&cells::Region) -> i64| PyArray1::from_iter(py, regions.iter().map(value)).unbind();
        Measurement {
            label: column(|region| region.label),
            min_row: column(|region| region.min_row.into()),
            min_col: column(|region| region.min_col.into()),
            max_row: column(|region| region.max_row.into()),
            max_col: column(|region| region.max_col.into()),
            area: column(|region| region.area as i64),
            area_above: column(|region| region.area_above as i64),
            threshold: measured.threshold,
            background_area: measured.background_area,
            shape,
            rle: encodings.map(|encodings| {
                let kept = encodings.into_iter().filter(|(label, _)| measured_too(label));
                kept.map(|(_, text)| text).collect()
            }),
            warning: measured.suspect.map(|found| {
                format!(
                    "mask: label {} lies in {} separate {}: ids may have been clipped to it, \
                     or this is a foreground mask and not a label image",
                    found.label,
                    found.pieces,
                    if found.pieces == 1 { "piece" } else { "pieces" }
                )
            }),
        }
    }
}

/// The rule that the Python side spells out as three arguments.
pub(super) fn rule(
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
) -> Result<(Threshold, Convention)> {
    let convention = match convention {
        "cellsieve" => Convention::Cellsieve,
        "notebook" => Convention::Notebook,
        other => {
            return Err(Error::Value(format!(
                "convention: found {other:?}; expected \"cellsieve\" or \"notebook\""
            )));
        }
    };
    Ok((threshold.map_or(Threshold::Quantile(quantile), Threshold::Fixed), convention))
}

/// Refuses an image that shows another field than its mask.
pub(super) fn same_shape(image: (usize, usize), mask: (usize, usize)) -> Result<()> {
    if image == mask {
        return Ok(());
    }
    Err(Error::Value(format!(
        "the image has {} x {} pixels, its mask {} x {}; both must show the same field",
        image.0, image.1, mask.0, mask.1
    )))
}

/// The largest id that labels of this type can hold.
fn capacity<L: Label>(_labels: &[L]) -> u64 {
    u64::MAX >> (64 - 8 * size_of::<L>())
}

/// Measures every cell of one image.
#[pyfunction]
#[pyo3(signature = (mask, image, quantile, threshold, convention, rle=false, clip=None))]
#[allow(clippy::too_many_arguments)]
pub fn measure(
    py: Python<'_>,
    mask: &Bound<'_, PyUntypedArray>,
    image: &Bound<'_, PyUntypedArray>,
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
    rle: bool,
    clip: Option<u64>,
) -> PyResult<Measurement> {
    let (threshold, convention) = rule(quantile, threshold, convention)?;
    let shape = shape2("mask", mask)?;
    same_shape(shape2("image", image)?, shape)?;
    with_labels!("mask", mask, |labels| with_pixels!("image", image, |pixels| {
        let clip = clip.unwrap_or(capacity(labels));
        let (measured, encodings) = py.detach(|| {
            let measured = cells::measure(labels, pixels, shape.1, threshold, convention, clip)?;
            let encodings = rle.then(|| encodings(&measured.outline, shape));
            Ok::<_, Error>((measured, encodings))
        })?;
        Ok(Measurement::new(py, measured, encodings, shape))
    }))
}
