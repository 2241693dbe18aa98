//! Plates: score matrices in, choices and sums out. A matrix is taken as it lies: any row stride,
//! memory-mapped or not, never copied.

use super::dtypes::with_scores;
use super::shared::{means, table};
use crate::level::Level;
use crate::plates::sweep::{self, Rows};
use crate::plates::{self, Scale};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The names of the instruction sets that kernels can use here, the widest last.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}

/// What is summed beside a masked argmax.
#[derive(Clone, Copy, FromPyObject)]
pub enum Total {
    /// The scores (if true), or nothing.
    Linear(bool),
    /// The exponentials of the scores times this.
    Logarithmic(f64),
}

impl Total {
    fn scale(self) -> crate::Result<Option<Scale>> {
        match self {
            Total::Linear(false) => Ok(None),
            Total::Linear(true) => Scale::new(None).map(Some),
            Total::Logarithmic(sharpness) => Scale::new(Some(sharpness)).map(Some),
        }
    }
}

/// The best `k` classes of each row among those allowed to its group.
#[pyfunction]
#[pyo3(signature = (scores, group, allowed, rows=None, k=1, total=Total::Linear(false), threads=1, level=None),
       text_signature = "(scores, group, allowed, rows=None, k=1, total=False, threads=1, level=None)")]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub fn masked_argmax<'py>(
    py: Python<'py>,
    scores: &Bound<'py, PyUntypedArray>,
    group: PyReadonlyArray1<'py, i64>,
    allowed: PyReadonlyArray2<'py, bool>,
    rows: Option<PyReadonlyArray1<'py, i64>>,
    k: usize,
    total: Total,
    threads: usize,
    level: Option<&str>,
) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f64>>)> {
    let (means, total) = (means(level, threads)?, total.scale()?);
    let order = rows.as_ref().map(|rows| rows.as_slice()).transpose()?;
    let group = group.as_slice()?;
    let allowed = allowed.as_array();
    with_scores!(scores, |matrix| {
        let (classes, values) = py.detach(|| {
            let allowed: Vec<Vec<bool>> = allowed.rows().into_iter().map(|row| row.to_vec()).collect();
            sweep::masked_argmax(&Rows::new(&matrix, order)?, group, &allowed, k, total, means)
        })?;
        let (n, width) = (group.len(), k + usize::from(total.is_some()));
        Ok((table(py, classes, (n, k))?, table(py, values, (n, width))?))
    })
}

/// The logarithm of each group's sum, and the vote, of each row.
#[pyfunction]
#[pyo3(signature = (scores, column_group, groups, sharpness=None, rows=None, threads=1, level=None))]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub fn log_sums<'py>(
    py: Python<'py>,
    scores: &Bound<'py, PyUntypedArray>,
    column_group: PyReadonlyArray1<'py, i64>,
    groups: usize,
    sharpness: Option<f64>,
    rows: Option<PyReadonlyArray1<'py, i64>>,
    threads: usize,
    level: Option<&str>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<i64>>)> {
    let (means, scale) = (means(level, threads)?, Scale::new(sharpness)?);
    let order = rows.as_ref().map(|rows| rows.as_slice()).transpose()?;
    let column_group = column_group.as_slice()?;
    with_scores!(scores, |matrix| {
        let (sums, votes) =
            py.detach(|| sweep::log_sums(&Rows::new(&matrix, order)?, column_group, groups, scale, means))?;
        let sums = table(py, sums, (votes.len(), groups))?;
        Ok((sums, votes.into_pyarray(py)))
    })
}

/// Marginals of one-to-one matchings of the wells and classes of one plate.
#[pyfunction]
#[pyo3(signature = (log_scores, level=None))]
#[allow(clippy::type_complexity)]
pub fn marginals<'py>(
    py: Python<'py>,
    log_scores: PyReadonlyArray2<'py, f64>,
    level: Option<&str>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64, f64)> {
    let level = Level::named(level)?;
    let (logs, shape) = (row_major(&log_scores)?, log_scores.as_array().dim());
    let found = py.detach(|| plates::marginals(level, logs, shape.1))?;
    Ok((table(py, found.values, shape)?, found.log_permanent, found.error))
}

/// Sinkhorn's free energy of one plate: the logarithm of the mean weight of its matchings, about.
#[pyfunction]
#[pyo3(signature = (log_scores, iterations, tolerance, level=None))]
pub fn free_energy(
    py: Python<'_>,
    log_scores: PyReadonlyArray2<'_, f64>,
    iterations: usize,
    tolerance: f64,
    level: Option<&str>,
) -> PyResult<(f64, usize, bool)> {
    let level = Level::named(level)?;
    let (logs, columns) = (row_major(&log_scores)?, log_scores.as_array().ncols());
    let found = py.detach(|| plates::free_energy(level, logs, columns, iterations, tolerance))?;
    Ok((found.log_mean, found.iterations, found.converged))
}

/// The numbers row by row. (numpy's own `as_slice` takes Fortran order too, as it lies.)
fn row_major<'a>(matrix: &'a PyReadonlyArray2<'_, f64>) -> PyResult<&'a [f64]> {
    let slice = matrix.as_array().to_slice();
    slice.ok_or_else(|| PyValueError::new_err("log_scores: rows are not one after the other"))
}
