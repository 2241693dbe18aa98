//! How many pixels of a cell are strictly above the threshold.

use super::{Family, Values};
use crate::cells::grid::Grid;
use crate::cells::pixel::{Above, Pixel};
use crate::cells::scan::Run;
use crate::level::{Level, at_level};

/// `area_above`; 0 where the threshold is NaN.
pub(super) struct AreaAbove<P> {
    above: Above<P>,
    counts: Vec<i64>,
}

impl<P: Pixel> AreaAbove<P> {
    pub(super) fn new(regions: usize, threshold: f64) -> Self {
        AreaAbove { above: P::above(threshold), counts: vec![0; regions] }
    }
}

impl<P: Pixel> Family<P> for AreaAbove<P> {
    fn add(&mut self, level: Level, runs: &[Run], image: Grid<'_, P>) {
        match self.above {
            Above::None => {}
            Above::All => runs.iter().for_each(|run| self.counts[run.region as usize] += run.length()),
            Above::Than(limit) => count_runs(level, runs, image, limit, &mut self.counts),
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Integers(self.counts)]
    }
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
fn count<P: Pixel>(pixels: &[P], limit: P) -> i64 {
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
