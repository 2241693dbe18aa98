//! Sinkhorn's free energy: evidence that a plate holds a group, if each class is used once.

use super::matching::Weights;
use crate::Result;
use crate::level::{Level, at_level};

/// The free energy of the doubly stochastic matrix nearest to the weights.
#[derive(Clone, Copy, Debug)]
pub struct FreeEnergy {
    /// Approximately the logarithm of the mean, over all ways to give each well a class of its own, of
    /// the product of the weights. 0 where every weight is 1.
    pub log_mean: f64,
    /// How many times rows and columns were scaled.
    pub iterations: usize,
    /// Whether rows and columns sum to 1 within the tolerance.
    pub converged: bool,
}

/// Scales `exp(log_scores)`, one row per well and one column per class, until every row and column
/// sums to 1 (where classes outnumber wells, wells that may hold anything make up the difference), and
/// returns the maximum over doubly stochastic D of the sum of D (log A - log D), less the same of a matrix
/// of ones.
///
/// Sinkhorn and Knopp (1967) for the scaling; the free energy is the mean-field one, with which
/// e.g. Huang and Jebara (arXiv:0908.1769) compare Bethe's.
///
/// # Errors
/// More rows than columns; NaN or positive infinity; a row of negative infinities.
pub fn free_energy(
    level: Level,
    log_scores: &[f64],
    columns: usize,
    iterations: usize,
    tolerance: f64,
) -> Result<FreeEnergy> {
    let weights = Weights::new(log_scores, columns)?;
    if weights.rows == 0 {
        return Ok(FreeEnergy { log_mean: 0.0, iterations: 0, converged: true });
    }
    let spare = (weights.columns - weights.rows) as f64;
    let Scaling { rows, spare_row, columns: scales, iterations, converged } =
        scale(level, &weights, iterations, tolerance);
    let logs = |numbers: &[f64]| numbers.iter().map(|number| number.ln()).sum::<f64>();
    let free_energy = -logs(&rows) - logs(&scales) - if spare > 0.0 { spare * spare_row.ln() } else { 0.0 };
    let of_ones = weights.columns as f64 * (weights.columns as f64).ln();
    Ok(FreeEnergy { log_mean: weights.log_scale + free_energy - of_ones, iterations, converged })
}

/// What rows and columns are multiplied by.
pub(super) struct Scaling {
    pub(super) rows: Vec<f64>,
    /// The factor of the wells that may hold anything.
    pub(super) spare_row: f64,
    pub(super) columns: Vec<f64>,
    iterations: usize,
    converged: bool,
}

/// Scales rows and columns in turn until they sum to 1.
pub(super) fn scale(level: Level, weights: &Weights, iterations: usize, tolerance: f64) -> Scaling {
    let spare = (weights.columns - weights.rows) as f64;
    let mut rows = vec![1.0; weights.rows];
    let mut spare_row = 1.0;
    let mut scales = vec![1.0; weights.columns];
    let mut sums = vec![0.0; weights.columns];
    let mut taken = 0;
    let mut converged = false;
    while taken < iterations && !converged {
        taken += 1;
        spare_row = 1.0 / scales.iter().sum::<f64>();
        sums.fill(spare * spare_row);
        scale_rows(level, &weights.values, &scales, &mut rows, &mut sums);
        // How far the columns' sums are from 1 before they are scaled is how far there is to go.
        let off =
            scales.iter().zip(&sums).fold(0.0, |off: f64, (scale, sum)| off.max((scale * sum - 1.0).abs()));
        converged = off <= tolerance;
        for (scale, sum) in scales.iter_mut().zip(&sums) {
            *scale = 1.0 / sum;
        }
    }
    Scaling { rows, spare_row, columns: scales, iterations: taken, converged }
}

at_level! {
    /// Scales every row to 1 and adds the scaled rows, before the column scales, to `sums`.
    fn scale_rows(weights: &[f64], scales: &[f64], rows: &mut [f64], sums: &mut [f64]) = scale_rows_body
}

#[inline(always)]
fn scale_rows_body(weights: &[f64], scales: &[f64], rows: &mut [f64], sums: &mut [f64]) {
    const LANES: usize = 16;
    for (row, scale) in weights.chunks_exact(scales.len()).zip(rows) {
        let mut totals = [0.0; LANES];
        let (blocks, rest) = row.as_chunks::<LANES>();
        let (scale_blocks, scale_rest) = scales.as_chunks::<LANES>();
        for (block, scales) in blocks.iter().zip(scale_blocks) {
            for lane in 0..LANES {
                totals[lane] += block[lane] * scales[lane];
            }
        }
        for (lane, (weight, scale)) in rest.iter().zip(scale_rest).enumerate() {
            totals[lane] += weight * scale;
        }
        *scale = 1.0 / totals.iter().sum::<f64>();
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += *scale * weight;
        }
    }
}
