//! Cells: label images and channels in, a table's columns out.

use super::dtypes::{ChannelArray, plane, with_file_labels, with_labels};
use crate::cells::{
    self, Grid, Outline, Plane, Request, Threshold, measures::Column, measures::Values, scan,
};
use crate::files::{self, Channel, Image, Mask};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::{Path, PathBuf};

/// The cells of one image: an array per column, with one value per cell, by ascending label.
#[pyclass(frozen, module = "cellsieve._core")]
pub struct Cells {
    count: usize,
    #[pyo3(get)]
    columns: Py<PyDict>,
    #[pyo3(get)]
    channels: Vec<Py<OfChannel>>,
    #[pyo3(get)]
    background_area: u64,
    #[pyo3(get, name = "cells_at_border")]
    at_border: u64,
    #[pyo3(get)]
    shape: (usize, usize),
    #[pyo3(get)]
    warning: Option<String>,
    #[pyo3(get)]
    rle: Option<Vec<String>>,
}

/// What was measured in one channel.
#[pyclass(frozen, module = "cellsieve._core")]
pub struct OfChannel {
    #[pyo3(get)]
    threshold: f64,
    #[pyo3(get)]
    image: Py<PyDict>,
    #[pyo3(get)]
    columns: Py<PyDict>,
    #[pyo3(get)]
    compartments: Option<(Py<PyDict>, Py<PyDict>)>,
}

#[pymethods]
impl Cells {
    /// How many cells there are.
    fn __len__(&self) -> usize {
        self.count
    }
}

impl Cells {
    fn new(py: Python<'_>, found: cells::Cells, shape: (usize, usize)) -> PyResult<Self> {
        let channels = found.channels.into_iter().map(|channel| {
            let image = PyDict::new(py);
            for (name, value) in channel.image {
                image.set_item(name, value)?;
            }
            let compartments = match channel.compartments {
                Some([nucleus, cytoplasm]) => Some((arrays(py, nucleus)?, arrays(py, cytoplasm)?)),
                None => None,
            };
            let columns = arrays(py, channel.columns)?;
            Py::new(
                py,
                OfChannel { threshold: channel.threshold, image: image.unbind(), columns, compartments },
            )
        });
        Ok(Cells {
            channels: channels.collect::<PyResult<_>>()?,
            count: found.columns.first().map_or(0, |(_, values)| values.len()),
            columns: arrays(py, found.columns)?,
            background_area: found.background_area,
            at_border: found.at_border,
            shape,
            warning: found.suspect.map(|suspect| suspect.to_string()),
            rle: found.rle,
        })
    }
}

fn arrays(py: Python<'_>, columns: Vec<Column>) -> PyResult<Py<PyDict>> {
    let arrays = PyDict::new(py);
    for (name, values) in columns {
        match values {
            Values::Integers(values) => arrays.set_item(name, values.into_pyarray(py))?,
            Values::Reals(values) => arrays.set_item(name, values.into_pyarray(py))?,
        }
    }
    Ok(arrays.unbind())
}

/// Finds every cell of a mask; with measures, measures it in some channels.
#[pyfunction]
#[pyo3(signature = (mask, channels=vec![], measures=vec![], *, nuclei=None, compartments=vec![], quantile=0.99, threshold=None, saturation=None, convention="cellsieve", rle=false, clip=None),
       text_signature = "(mask, channels=(), measures=(), *, nuclei=None, compartments=(), quantile=0.99, threshold=None, saturation=None, convention='cellsieve', rle=False, clip=None)")]
#[allow(clippy::too_many_arguments)]
pub fn measure(
    py: Python<'_>,
    mask: &Bound<'_, PyUntypedArray>,
    channels: Vec<Bound<'_, PyUntypedArray>>,
    measures: Vec<String>,
    nuclei: Option<&Bound<'_, PyUntypedArray>>,
    compartments: Vec<String>,
    quantile: f64,
    threshold: Option<f64>,
    saturation: Option<f64>,
    convention: &str,
    rle: bool,
    clip: Option<u64>,
) -> PyResult<Cells> {
    let (measures, compartments) = (as_texts(&measures), as_texts(&compartments));
    let request = Request {
        measures: &measures,
        threshold: threshold.map_or(Threshold::Quantile(quantile), Threshold::Fixed),
        convention: convention.parse()?,
        saturation,
        compartments: &compartments,
        rle,
        clip,
    };
    let channels = channels.iter().map(ChannelArray::new).collect::<PyResult<Vec<_>>>()?;
    let planes = channels.iter().map(ChannelArray::plane).collect::<PyResult<Vec<_>>>()?;
    let nuclei: Option<Outline> = match nuclei {
        Some(nuclei) => Some(with_labels!("nuclei", nuclei, |labels| py.detach(|| of_nuclei(labels)))?),
        None => None,
    };
    with_labels!("mask", mask, |labels| {
        let found = py.detach(|| {
            same_field(labels.shape(), nuclei.as_ref())?;
            cells::measure(labels, &planes, nuclei.as_ref(), &request)
        })?;
        Cells::new(py, found, labels.shape())
    })
}

/// The same of files: each channel is a path and its name in it. Reading, decoding and scanning are
/// one detached call, so that threads scale.
#[pyfunction]
#[pyo3(signature = (mask_path, channels=vec![], measures=vec![], *, max_pixels, nuclei_path=None, compartments=vec![], quantile=0.99, threshold=None, saturation=None, convention="cellsieve", rle=false, exact=false),
       text_signature = "(mask_path, channels=(), measures=(), *, max_pixels, nuclei_path=None, compartments=(), quantile=0.99, threshold=None, saturation=None, convention='cellsieve', rle=False, exact=False)")]
#[allow(clippy::too_many_arguments)]
pub fn measure_file(
    py: Python<'_>,
    mask_path: PathBuf,
    channels: Vec<(PathBuf, Option<String>)>,
    measures: Vec<String>,
    max_pixels: u32,
    nuclei_path: Option<PathBuf>,
    compartments: Vec<String>,
    quantile: f64,
    threshold: Option<f64>,
    saturation: Option<f64>,
    convention: &str,
    rle: bool,
    exact: bool,
) -> PyResult<Cells> {
    let (measures, compartments) = (as_texts(&measures), as_texts(&compartments));
    let request = Request {
        measures: &measures,
        threshold: threshold.map_or(Threshold::Quantile(quantile), Threshold::Fixed),
        convention: convention.parse()?,
        saturation,
        compartments: &compartments,
        rle,
        clip: None,
    };
    let (found, shape) = py.detach(|| {
        let images = read_channels(&channels, exact, max_pixels.into())?;
        let nuclei = nuclei_path.as_deref().map(|path| {
            let mask = files::read_mask(path, max_pixels.into())?;
            with_file_labels!(&mask.labels, |labels| of_nuclei(Grid::new(labels, (mask.rows, mask.columns))))
                .map_err(|error| error.in_file(path))
        });
        let nuclei = nuclei.transpose()?;
        let mask = files::read_mask(&mask_path, max_pixels.into())?;
        let Mask { rows, columns, capacity, labels } = &mask;
        let shape = (*rows, *columns);
        let request = Request { clip: Some(*capacity), ..request };
        let planes: Vec<Plane<'_>> = images.iter().map(plane).collect();
        if let Err(error) = same_field(shape, nuclei.as_ref()) {
            return Err(error.in_file(nuclei_path.as_deref().unwrap_or(&mask_path)));
        }
        let found = with_file_labels!(labels, |labels| {
            let labels = Grid::new(labels, shape);
            cells::measure(labels, &planes, nuclei.as_ref(), &request).map_err(|error| {
                let wrong = planes.iter().position(|plane| plane.check(&labels).is_err()).unwrap_or(0);
                error.in_file(channels.get(wrong).map_or(&mask_path, |(path, _)| path))
            })
        });
        Ok::<_, Error>((found?, shape))
    })?;
    Cells::new(py, found, shape)
}

fn as_texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Reads channels; those that lie in one file, side by side in the list, are decoded once.
fn read_channels(channels: &[(PathBuf, Option<String>)], exact: bool, max_pixels: u64) -> Result<Vec<Image>> {
    let mut images = Vec::with_capacity(channels.len());
    for of_file in channels.chunk_by(|one, next| one.0 == next.0) {
        let path: &Path = &of_file[0].0;
        let image = files::read_image(path, Channel::All, max_pixels)?;
        let wanted: Vec<_> = of_file.iter().map(|(_, name)| Channel::of(name.as_deref(), exact)).collect();
        images.extend(image.split(&wanted).map_err(|error| error.in_file(path))?);
    }
    Ok(images)
}

/// The regions of a label image of nuclei.
fn of_nuclei<L: cells::Label>(labels: Grid<'_, L>) -> Result<Outline> {
    scan(labels, |_| ()).map_err(|error| match error {
        Error::Value(text) => Error::Value(format!("nuclei: {}", text.trim_start_matches("mask: "))),
        other => other,
    })
}

/// Refuses nuclei of another field.
fn same_field(shape: (usize, usize), nuclei: Option<&Outline>) -> Result<()> {
    match nuclei {
        Some(nuclei) if nuclei.shape != shape => Err(Error::Value(format!(
            "the mask of the nuclei has {} x {} pixels, that of the cells {} x {}; both must show the same field",
            nuclei.shape.0, nuclei.shape.1, shape.0, shape.1
        ))),
        _ => Ok(()),
    }
}
