//! Runs by rows, and which of them touch; they come row by row, and from left to right.

use super::scan::Run;

/// Calls the function with the runs of each row, between those of the row above and the row below.
pub(super) fn each_row<'a>(runs: &'a [Run], mut call: impl FnMut(&'a [Run], &'a [Run], &'a [Run])) {
    let row_from = |start: usize| {
        let row = runs.get(start).map(|run| run.row);
        let length = runs[start..].iter().take_while(|run| Some(run.row) == row).count();
        &runs[start..start + length]
    };
    let next_to = |row: u32, runs: &'a [Run]| match runs.first() {
        Some(run) if run.row.abs_diff(row) == 1 => runs,
        _ => &runs[..0],
    };
    let mut above: &[Run] = &[];
    let mut here = row_from(0);
    let mut seen = here.len();
    while let Some(first) = here.first() {
        let below = row_from(seen);
        seen += below.len();
        call(next_to(first.row, above), here, next_to(first.row, below));
        (above, here) = (here, below);
    }
}

/// Calls the function with the places of every two runs of consecutive rows that touch, if only at a
/// corner: the upper one, then the lower.
pub(super) fn each_touching(runs: &[Run], mut call: impl FnMut(usize, usize)) {
    let mut above = 0;
    for (here, run) in runs.iter().enumerate() {
        // Runs above that end left of this one touch nothing further right either.
        while runs[above].row + 1 < run.row || (runs[above].row + 1 == run.row && runs[above].end < run.start)
        {
            above += 1;
        }
        for (other, neighbour) in runs.iter().enumerate().skip(above) {
            if neighbour.row + 1 != run.row || neighbour.start > run.end {
                break;
            }
            call(other, here);
        }
    }
}

/// The number of pixels of each region, and the mean row and column of its runs; NaN where it has none.
pub(super) fn centroids(runs: &[Run], regions: usize) -> (Vec<i64>, Vec<(f64, f64)>) {
    let mut areas = vec![0; regions];
    let mut sums = vec![(0_i128, 0_i128); regions];
    for run in runs {
        let sum = &mut sums[run.region as usize];
        areas[run.region as usize] += run.length();
        sum.0 += i128::from(run.row) * i128::from(run.length());
        // Twice the sum of the columns.
        sum.1 += i128::from(u64::from(run.start) + u64::from(run.end) - 1) * i128::from(run.length());
    }
    let mean = |((row, twice), area): ((i128, i128), &i64)| {
        (row as f64 / *area as f64, twice as f64 / 2.0 / *area as f64)
    };
    let means = sums.into_iter().zip(&areas).map(mean).collect();
    (areas, means)
}
