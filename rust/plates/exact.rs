//! Marginals of a plate of few wells, summed over all matchings.

use super::matching::Weights;

/// Up to so many wells, all matchings are summed: sets of them are counted one by one.
pub(super) const MOST_ROWS: usize = 8;

/// The share of each cell in the sum over all matchings of the product of their weights, row-major,
/// and the logarithm of that sum.
///
/// Columns are taken one after the other. `before[j]` holds, for each set of rows, the sum over the
/// ways to match just these with the columns before j; `after` the same for the columns from j on.
pub(super) fn shares(weights: &Weights) -> (Vec<f64>, f64) {
    let (rows, columns) = (weights.rows, weights.columns);
    let sets = 1usize << rows;
    let mut before = vec![0.0; (columns + 1) * sets];
    before[0] = 1.0;
    let mut column = vec![0.0; rows];
    let take = |column: &mut [f64], number: usize| {
        for (weight, row) in column.iter_mut().zip(weights.values.chunks_exact(columns)) {
            *weight = row[number];
        }
    };
    for number in 0..columns {
        take(&mut column, number);
        let (done, next) = before.split_at_mut((number + 1) * sets);
        add_column(&done[number * sets..], &column, &mut next[..sets]);
    }
    let total = before[(columns + 1) * sets - 1];
    let mut values = vec![0.0; weights.values.len()];
    let mut after = vec![0.0; sets];
    after[0] = 1.0;
    let mut next = vec![0.0; sets];
    for number in (0..columns).rev() {
        take(&mut column, number);
        let before = &before[number * sets..][..sets];
        for (row, weight) in column.iter().enumerate() {
            let others = sets - 1 - (1 << row);
            let ways = (0..sets).filter(|set| set & (1 << row) == 0);
            let sum: f64 = ways.map(|set| before[set] * after[others - set]).sum();
            values[row * columns + number] = weight * sum / total;
        }
        add_column(&after, &column, &mut next);
        std::mem::swap(&mut after, &mut next);
    }
    (values, weights.log_scale + total.ln())
}

/// The sums with one more column, which is in any one row of a set, or in none.
fn add_column(sums: &[f64], column: &[f64], with: &mut [f64]) {
    for (set, sum) in with.iter_mut().enumerate() {
        let rows = column.iter().enumerate().filter(|(row, _)| set & (1 << row) != 0);
        *sum = sums[set] + rows.map(|(row, weight)| weight * sums[set - (1 << row)]).sum::<f64>();
    }
}
