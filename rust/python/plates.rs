//! Plates: score matrices in, choices and sums out.
//!
//! A matrix is taken as it lies: any row stride, memory-mapped or not, never copied. This is also
//! the one place where rows are shared out among threads.

use super::arrays::wrong_dtype;
use crate::plates::{self, Candidates, Flaw, Groups, Level, Ranked, Scale, Score, Scratch};
use crate::{Error, Result};
use half::f16;
use numpy::ndarray::ArrayView2;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1,
    PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use std::ops::Range;

/// The names of the instruction sets that kernels can use here, the widest last.
#[pyfunction]
pub fn instruction_sets() -> Vec<&'static str> {
    Level::available().into_iter().map(Level::name).collect()
}

fn level(name: Option<&str>) -> Result<Level> {
    let Some(name) = name else { return Ok(Level::best()) };
    Level::available().into_iter().find(|level| level.name() == name).ok_or_else(|| {
        Error::Value(format!("level: found {name:?}; this processor has {}", instruction_sets().join(", ")))
    })
}

/// A score matrix of one dtype, whose rows are slices.
struct Matrix<'a, T> {
    view: ArrayView2<'a, T>,
    /// Which row of the matrix stands where; all in order if `None`.
    order: Option<&'a [i64]>,
}

impl<'a, T> Matrix<'a, T> {
    fn rows(&self) -> usize {
        self.order.map_or(self.view.nrows(), <[i64]>::len)
    }

    /// The row of the matrix at this place of the order.
    fn place(&self, row: usize) -> usize {
        self.order.map_or(row, |order| order[row] as usize)
    }

    fn row(&self, row: usize) -> &'a [T] {
        let row = self.view.index_axis_move(numpy::ndarray::Axis(0), self.place(row));
        row.to_slice().unwrap_or_default() // contiguous, as `matrix` has made sure
    }
}

/// The matrix, if its rows can be read as they lie.
fn matrix<'a, T: Element>(
    array: &'a numpy::PyReadonlyArray2<'_, T>,
    order: Option<&'a [i64]>,
) -> Result<Matrix<'a, T>> {
    let view = array.as_array();
    if view.ncols() > 1 && view.nrows() > 0 && view.strides()[1] != 1 {
        return Err(Error::Value(
            "scores: the numbers of a row do not lie side by side (Fortran order or a column stride); \
             expected C order, for example numpy.ascontiguousarray(scores)"
                .into(),
        ));
    }
    if let Some(bad) = order.unwrap_or_default().iter().find(|&&row| !(0..view.nrows() as i64).contains(&row))
    {
        return Err(Error::Value(format!("rows: found {bad}; scores has {} rows", view.nrows())));
    }
    Ok(Matrix { view, order })
}

/// Refuses what would make reading the array in place wrong.
fn check_scores(scores: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    if scores.ndim() != 2 {
        return Err(Error::Value(format!(
            "scores: shape {:?}; expected two dimensions, a row a well and a column a class",
            scores.shape()
        ))
        .into());
    }
    let size = scores.dtype().itemsize() as isize;
    let aligned: bool = scores.getattr("flags")?.get_item("ALIGNED")?.extract()?;
    if !aligned || scores.strides().iter().any(|stride| size == 0 || stride % size != 0) {
        return Err(Error::Value(
            "scores: not aligned to its dtype; expected an aligned array, for example scores.copy()".into(),
        )
        .into());
    }
    Ok(())
}

/// Runs the body on the matrix, instantiated for every dtype that scores may have.
macro_rules! with_scores {
    ($scores:expr, $order:expr, |$matrix:ident| $body:expr) => {{
        check_scores($scores)?;
        with_scores!(@ $scores, $order, $matrix, $body, [f32, f64, f16])
    }};
    (@ $scores:expr, $order:expr, $matrix:ident, $body:expr, [$($type:ty),*]) => {
        $(if let Ok(array) = $scores.cast::<PyArray2<$type>>() {
            let array = array.try_readonly()?;
            let $matrix = matrix(&array, $order)?;
            $body
        } else)* {
            Err(wrong_dtype("scores", $scores, "float16, float32 or float64 of native byte order").into())
        }
    };
}

/// Shares `rows` out among threads: `work` gets a range and the parts of the outputs that belong to
/// it, each `outputs` entry being so many numbers a row.
fn in_blocks<A: Send, B: Send>(
    rows: usize,
    threads: usize,
    first: (&mut [A], usize),
    second: (&mut [B], usize),
    work: impl Fn(Range<usize>, &mut [A], &mut [B]) -> Result<()> + Sync,
) -> Result<()> {
    let block = rows.div_ceil(threads.max(1)).max(1);
    if block >= rows {
        return work(0..rows, first.0, second.0);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let firsts = first.0.chunks_mut((block * first.1).max(1));
        let seconds = second.0.chunks_mut((block * second.1).max(1));
        let running: Vec<_> = firsts
            .zip(seconds)
            .enumerate()
            .map(|(number, (first, second))| {
                let range = number * block..((number + 1) * block).min(rows);
                scope.spawn(move || work(range, first, second))
            })
            .collect();
        // The first block's error is the one that one thread would have met.
        let mut results = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        results.try_for_each(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn nan(row: usize, column: u32) -> Error {
    Error::Value(format!("scores: row {row}, column {column} is NaN; expected a number"))
}

fn flaw(row: usize, flaw: Flaw, scale: Scale) -> Error {
    match flaw {
        Flaw::Nan(column) => nan(row, column),
        Flaw::OutOfRange(column) => Error::Value(format!(
            "scores: row {row}, column {column} is {}",
            if scale == Scale::Linear {
                "negative or infinite; expected probabilities (for logits, logarithms or \
                 similarities, say so by `kind`)"
            } else {
                "infinite; expected numbers below infinity"
            }
        )),
    }
}

/// `None` is a linear scale, a number the sharpness of a logarithmic one.
fn scale(sharpness: Option<f64>) -> Result<Scale> {
    match sharpness {
        None => Ok(Scale::Linear),
        Some(sharpness) if sharpness > 0.0 && sharpness.is_finite() => Ok(Scale::Logarithmic { sharpness }),
        Some(other) => Err(Error::Value(format!("sharpness: found {other}; expected a positive number"))),
    }
}

/// Rows that are read twice: the first time in one stream, which the processor can foresee, the
/// second time from its cache.
const BLOCK: usize = 32;

fn in_steps(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(BLOCK).map(|start| start..(start + BLOCK).min(range.end))
}

/// What is summed beside a masked argmax.
#[derive(Clone, Copy, FromPyObject)]
pub enum Total {
    /// The scores (if true), or nothing.
    Linear(bool),
    /// The exponentials of the scores times this.
    Logarithmic(f64),
}

/// The best `k` classes of each row among those allowed to its group.
#[pyfunction]
#[pyo3(signature = (scores, row_group, allowed, rows=None, k=1, total=Total::Linear(false), threads=1, level=None), text_signature = "(scores, row_group, allowed, rows=None, k=1, total=False, threads=1, level=None)")]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
pub fn masked_argmax<'py>(
    py: Python<'py>,
    scores: &Bound<'py, PyUntypedArray>,
    row_group: PyReadonlyArray1<'py, i64>,
    allowed: PyReadonlyArray2<'py, bool>,
    rows: Option<PyReadonlyArray1<'py, i64>>,
    k: usize,
    total: Total,
    threads: usize,
    level: Option<&str>,
) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f64>>)> {
    let level = self::level(level)?;
    if k == 0 {
        return Err(Error::Value("k: found 0; expected 1 or more".into()).into());
    }
    let scale = match total {
        Total::Linear(false) => None,
        Total::Linear(true) => Some(scale(None)?),
        Total::Logarithmic(sharpness) => Some(scale(Some(sharpness))?),
    };
    let order = rows.as_ref().map(|rows| rows.as_slice()).transpose()?;
    let groups = row_group.as_slice()?;
    let allowed = allowed.as_array();
    with_scores!(scores, order, |matrix| {
        let n = matrix.rows();
        let width = k + usize::from(scale.is_some());
        let (mut classes, mut values) = (vec![-1i64; n * k], vec![f64::NAN; n * width]);
        py.detach(|| {
            let masks: Vec<Vec<bool>> = allowed.rows().into_iter().map(|row| row.to_vec()).collect();
            let candidates = candidates(&matrix, groups, &masks)?;
            let sums: Vec<_> = masks.iter().map(|mask| Groups::new(mask.len(), [mask.as_slice()])).collect();
            in_blocks(n, threads, (&mut classes, k), (&mut values, width), |range, classes, values| {
                let mut ranked = vec![Ranked { class: 0, score: 0.0 }; k];
                let mut scratch = Scratch::default();
                for block in in_steps(&range) {
                    for row in block.clone() {
                        let place = row - range.start;
                        let found = candidates[groups[row] as usize]
                            .best(level, matrix.row(row), &mut ranked)
                            .map_err(|column| nan(matrix.place(row), column))?;
                        for (rank, best) in ranked[..found].iter().enumerate() {
                            classes[place * k + rank] = i64::from(best.class);
                            values[place * width + rank] = best.score;
                        }
                    }
                    let Some(scale) = scale else { continue };
                    for row in block {
                        let place = row - range.start;
                        let best = Ranked { class: classes[place * k] as u32, score: values[place * width] };
                        let out = &mut values[place * width + k..][..1];
                        sums[groups[row] as usize]
                            .log_sums(level, matrix.row(row), best, scale, &mut scratch, out)
                            .map_err(|found| flaw(matrix.place(row), found, scale))?;
                    }
                }
                Ok(())
            })
        })?;
        Ok((table(classes, n, k)?.into_pyarray(py), table(values, n, width)?.into_pyarray(py)))
    })
}

/// Numbers as rows of so many.
fn table<T>(numbers: Vec<T>, rows: usize, columns: usize) -> Result<numpy::ndarray::Array2<T>> {
    numpy::ndarray::Array2::from_shape_vec((rows, columns), numbers)
        .map_err(|error| Error::Value(format!("{rows} x {columns} numbers: {error}")))
}

/// The candidates of each group, once rows, groups and masks are known to fit each other.
fn candidates<T: Score>(
    matrix: &Matrix<'_, T>,
    groups: &[i64],
    masks: &[Vec<bool>],
) -> Result<Vec<Candidates<T>>> {
    if groups.len() != matrix.rows() {
        return Err(Error::Value(format!(
            "row_group: {} groups for {} rows; expected one a row",
            groups.len(),
            matrix.rows()
        )));
    }
    let columns = matrix.view.ncols();
    if let Some(mask) = masks.iter().find(|mask| mask.len() != columns) {
        return Err(Error::Value(format!(
            "allowed: {} columns, but scores has {columns}; expected one a class",
            mask.len()
        )));
    }
    let candidates: Vec<_> = masks.iter().map(|mask| Candidates::new(mask)).collect();
    let mut seen = vec![false; masks.len()];
    for (row, &group) in groups.iter().enumerate() {
        let Some(seen) = usize::try_from(group).ok().and_then(|group| seen.get_mut(group)) else {
            return Err(Error::Value(format!(
                "row_group: row {row} is in group {group}; allowed has groups 0 to {}",
                masks.len() as i64 - 1
            )));
        };
        if !*seen && candidates[group as usize].classes().is_empty() {
            return Err(Error::Value(format!(
                "allowed: group {group} of row {row} allows no class; expected at least one"
            )));
        }
        *seen = true;
    }
    Ok(candidates)
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
    let level = self::level(level)?;
    let scale = scale(sharpness)?;
    let order = rows.as_ref().map(|rows| rows.as_slice()).transpose()?;
    let column_group = column_group.as_slice()?;
    with_scores!(scores, order, |matrix| {
        let n = matrix.rows();
        if column_group.len() != matrix.view.ncols() {
            return Err(Error::Value(format!(
                "column_group: {} groups for {} columns; expected one a column",
                column_group.len(),
                matrix.view.ncols()
            ))
            .into());
        }
        let (mut sums, mut votes) = (vec![0.0f64; n * groups], vec![0i64; n]);
        py.detach(|| {
            let columns = matrix.view.ncols();
            let flags: Vec<Vec<bool>> = (0..groups as i64)
                .map(|group| column_group.iter().map(|&of_column| of_column == group).collect())
                .collect();
            let all = Groups::new(columns, flags.iter().map(Vec::as_slice));
            in_blocks(n, threads, (&mut sums, groups), (&mut votes, 1), |range, sums, votes| {
                let mut scratch = Scratch::default();
                let blame = |row, found| flaw(matrix.place(row), found, scale);
                let mut ranked = Vec::with_capacity(BLOCK);
                for block in in_steps(&range) {
                    ranked.clear();
                    for row in block.clone() {
                        let vote = all.vote(level, matrix.row(row));
                        ranked.push(vote.map_err(|found| blame(row, found))?);
                    }
                    for (row, &vote) in block.zip(&ranked) {
                        let place = row - range.start;
                        let sums = &mut sums[place * groups..(place + 1) * groups];
                        all.log_sums(level, matrix.row(row), vote, scale, &mut scratch, sums)
                            .map_err(|found| blame(row, found))?;
                        votes[place] = i64::from(vote.class);
                    }
                }
                Ok(())
            })
        })?;
        Ok((table(sums, n, groups)?.into_pyarray(py), votes.into_pyarray(py)))
    })
}

/// The logarithms of one plate's weights as a slice.
macro_rules! plate {
    ($scores:expr) => {
        ($scores.as_slice()?, $scores.as_array().ncols())
    };
}

/// Marginals of one-to-one matchings of the wells and classes of one plate.
#[pyfunction]
#[pyo3(signature = (log_scores, iterations, tolerance, damping=0.0, level=None))]
#[allow(clippy::type_complexity)]
pub fn marginals<'py>(
    py: Python<'py>,
    log_scores: PyReadonlyArray2<'py, f64>,
    iterations: usize,
    tolerance: f64,
    damping: f64,
    level: Option<&str>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64, usize, f64, bool)> {
    let level = self::level(level)?;
    if !(0.0..1.0).contains(&damping) {
        return Err(
            Error::Value(format!("damping: found {damping}; expected 0 or more and less than 1")).into()
        );
    }
    let (logs, columns) = plate!(log_scores);
    let rows = log_scores.as_array().nrows();
    let found = py.detach(|| plates::marginals(level, logs, columns, iterations, tolerance, damping))?;
    let values = table(found.values, rows, columns)?;
    Ok((values.into_pyarray(py), found.log_permanent, found.iterations, found.residual, found.converged))
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
    let level = self::level(level)?;
    let (logs, columns) = plate!(log_scores);
    let found = py.detach(|| plates::free_energy(level, logs, columns, iterations, tolerance))?;
    Ok((found.log_mean, found.iterations, found.converged))
}
