//! The weights of one plate, which both kernels on one-to-one matchings work on.

use crate::{Error, Result};

/// A weight below this share of its row's best is raised to it: no class is quite impossible, so that
/// a plate whose scores contradict each other still has a matching.
const LEAST: f64 = 1e-30;

/// The weights of one plate, one row per well, relative to each row's best.
pub(super) struct Weights {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Row-major; the best of each row is 1.
    pub(super) values: Vec<f64>,
    /// What was taken out: the sum of the rows' best logarithms.
    pub(super) log_scale: f64,
}

impl Weights {
    /// Weights from their logarithms.
    pub(super) fn new(logs: &[f64], columns: usize) -> Result<Self> {
        let rows = logs.len().checked_div(columns).unwrap_or(0);
        if rows * columns != logs.len() {
            return Err(Error::Value(format!(
                "log_scores: {} numbers do not fill rows of {columns}",
                logs.len()
            )));
        }
        if rows > columns {
            return Err(Error::Value(format!(
                "log_scores: {rows} wells but only {columns} classes; each well needs a class of its own"
            )));
        }
        let mut values = Vec::with_capacity(logs.len());
        let mut log_scale = 0.0;
        for (number, row) in logs.chunks_exact(columns.max(1)).enumerate() {
            if let Some(class) = row.iter().position(|&log| log.is_nan() || log == f64::INFINITY) {
                return Err(Error::Value(format!(
                    "log_scores: row {number}, column {class} is {}; expected numbers below infinity",
                    row[class]
                )));
            }
            let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if best == f64::NEG_INFINITY {
                return Err(Error::Value(format!(
                    "log_scores: row {number} is negative infinity throughout, which leaves no class for this well"
                )));
            }
            values.extend(row.iter().map(|&log| (log - best).exp().max(LEAST)));
            log_scale += best;
        }
        Ok(Weights { rows, columns, values, log_scale })
    }
}
