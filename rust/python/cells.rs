//! Cells: label images and channels in, a table's columns out.

use super::dtypes::{with_file_labels, with_file_pixels, with_labels, with_pixels};
use crate::cells::{self, Convertible, Grid, Label, Pixel, Request, Threshold, measures::Values};
use crate::files::{self, Channel};
use crate::{Error, Result};
use numpy::{IntoPyArray, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// The cells of one image: an array per column, with one value per cell, by ascending label.
#[pyclass(frozen, module = "cellsieve._core")]
pub struct Cells {
    count: usize,
    #[pyo3(get)]
    columns: Py<PyDict>,
    #[pyo3(get)]
    threshold: f64,
    #[pyo3(get)]
    background_area: u64,
    #[pyo3(get)]
    shape: (usize, usize),
    #[pyo3(get)]
    warning: Option<String>,
    #[pyo3(get)]
    rle: Option<Vec<String>>,
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
        let count = found.len();
        let columns = PyDict::new(py);
        for (name, values) in found.columns {
            match values {
                Values::Integers(values) => columns.set_item(name, values.into_pyarray(py))?,
                Values::Reals(values) => columns.set_item(name, values.into_pyarray(py))?,
            }
        }
        Ok(Cells {
            count,
            columns: columns.unbind(),
            threshold: found.threshold,
            background_area: found.background_area,
            shape,
            warning: found.suspect.map(|suspect| suspect.to_string()),
            rle: found.rle,
        })
    }
}

/// The kernel, detached from the interpreter.
fn detached<L: Label, P: Pixel + Convertible>(
    py: Python<'_>,
    labels: Grid<'_, L>,
    image: Option<Grid<'_, P>>,
    request: &Request<'_>,
) -> PyResult<Cells> {
    let found = py.detach(|| cells::measure(labels, image, request))?;
    Cells::new(py, found, labels.shape())
}

/// Finds every cell of a mask; with measures, measures it in an image.
#[pyfunction]
#[pyo3(signature = (mask, image=None, measures=vec![], *, quantile=0.99, threshold=None, convention="cellsieve", rle=false, clip=None),
       text_signature = "(mask, image=None, measures=(), *, quantile=0.99, threshold=None, convention='cellsieve', rle=False, clip=None)")]
#[allow(clippy::too_many_arguments)]
pub fn measure(
    py: Python<'_>,
    mask: &Bound<'_, PyUntypedArray>,
    image: Option<&Bound<'_, PyUntypedArray>>,
    measures: Vec<String>,
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
    rle: bool,
    clip: Option<u64>,
) -> PyResult<Cells> {
    let measures: Vec<&str> = measures.iter().map(String::as_str).collect();
    let request = request(&measures, quantile, threshold, convention, rle, clip)?;
    with_labels!("mask", mask, |labels| match image {
        None => detached::<_, u8>(py, labels, None, &request),
        Some(image) => with_pixels!("image", image, |image| detached(py, labels, Some(image), &request)),
    })
}

/// The same of files. Reading, decoding and scanning are one detached call, so that threads scale.
#[pyfunction]
#[pyo3(signature = (mask_path, image_path=None, channel=None, measures=vec![], *, max_pixels, quantile=0.99, threshold=None, convention="cellsieve", rle=false, exact=false),
       text_signature = "(mask_path, image_path=None, channel=None, measures=(), *, max_pixels, quantile=0.99, threshold=None, convention='cellsieve', rle=False, exact=False)")]
#[allow(clippy::too_many_arguments)]
pub fn measure_file(
    py: Python<'_>,
    mask_path: PathBuf,
    image_path: Option<PathBuf>,
    channel: Option<&str>,
    measures: Vec<String>,
    max_pixels: u32,
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
    rle: bool,
    exact: bool,
) -> PyResult<Cells> {
    let measures: Vec<&str> = measures.iter().map(String::as_str).collect();
    let request = request(&measures, quantile, threshold, convention, rle, None)?;
    let channel = Channel::of(channel, exact);
    let (found, shape) = py.detach(|| {
        let image = image_path.as_deref();
        let image = image.map(|path| files::read_image(path, channel, max_pixels.into()));
        let image = image.transpose()?;
        let mask = files::read_mask(&mask_path, max_pixels.into())?;
        let shape = (mask.rows, mask.columns);
        let request = Request { clip: Some(mask.capacity), ..request };
        let found = with_file_labels!(&mask.labels, |labels| {
            let labels = Grid::new(labels, shape);
            match &image {
                None => cells::measure::<_, u8>(labels, None, &request),
                Some(image) => with_file_pixels!(&image.pixels, |pixels| {
                    cells::measure(labels, Some(Grid::new(pixels, (image.rows, image.columns))), &request)
                }),
            }
        });
        let found = found.map_err(|error| error.in_file(image_path.as_deref().unwrap_or(&mask_path)))?;
        Ok::<_, Error>((found, shape))
    })?;
    Cells::new(py, found, shape)
}

fn request<'a>(
    measures: &'a [&'a str],
    quantile: f64,
    threshold: Option<f64>,
    convention: &str,
    rle: bool,
    clip: Option<u64>,
) -> Result<Request<'a>> {
    let threshold = threshold.map_or(Threshold::Quantile(quantile), Threshold::Fixed);
    Ok(Request { measures, threshold, convention: convention.parse()?, rle, clip })
}
