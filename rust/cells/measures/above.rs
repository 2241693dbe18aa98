//! How many pixels of a cell are strictly above the threshold.

use super::{Column, Values};
use crate::cells::grid::Grid;
use crate::cells::pixel::{Above, Pixel};
use crate::cells::scan::Run;
use crate::level::{Level, at_level};

pub(in crate::cells) const COLUMNS: &[&str] = &["area_above"];

/// The column of all regions at once, row by row, which is faster than cell by cell where these are
/// many; 0 where the threshold is NaN.
pub(in crate::cells) fn columns<P: Pixel>(
    runs: &[Run],
    regions: usize,
    image: Grid<'_, P>,
    threshold: f64,
) -> Vec<Column> {
    let mut counts = vec![0; regions];
    match P::above(threshold) {
        Above::None => {}
        Above::All => runs.iter().for_each(|run| counts[run.region as usize] += run.length()),
        Above::Than(limit) => count_runs(Level::best(), runs, image, limit, &mut counts),
    }
    vec![("area_above", Values::Integers(counts))]
}

at_level! {
    /// Adds the number of pixels above `limit` of each run to its region's.
    fn count_runs<P: Pixel>(runs: &[Run], image: Grid<'_, P>, limit: P, counts: &mut [i64]) = count_runs_body
}

#[inline(always)]
fn count_runs_body<P: Pixel>(runs: &[Run], image: Grid<'_, P>, limit: P, counts: &mut [i64]) {
    for run in runs {
        counts[run.region as usize] += count(run.of(image), limit);
    }
}

/// Counts in blocks short enough for byte counters, so that the compiler compares a whole vector
/// at a time and never widens inside the loop.
#[inline(always)]
pub(super) fn count<P: Pixel>(pixels: &[P], limit: P) -> i64 {
    const LANES: usize = 32;
    let mut total = 0;
    for block in pixels.chunks(LANES * 255) {
        let mut counters = [0u8; LANES];
        let lanes = block.chunks_exact(LANES);
        for &pixel in lanes.remainder() {
            total += i64::from(pixel > limit);
        }
        for lane in lanes {
            for (counter, &pixel) in counters.iter_mut().zip(lane) {
                *counter += u8::from(pixel > limit);
            }
        }
        total += counters.iter().map(|&c| i64::from(c)).sum::<i64>();
    }
    total
}
