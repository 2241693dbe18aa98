//! How many pixels of a cell are strictly above the threshold.

use super::{Cell, Family, Light, Values};
use crate::cells::ahead;
use crate::cells::grid::Grid;
use crate::cells::pixel::{Above, Pixel};
use crate::cells::scan::Run;
use crate::level::{Level, at_level};

pub(super) const COLUMNS: &[&str] = &["area_above"];

/// `area_above`; 0 where the threshold is NaN.
pub(super) struct AreaAbove<'a, P> {
    image: Grid<'a, P>,
    above: Above<P>,
    level: Level,
    counts: Vec<i64>,
}

impl<'a, P: Pixel> AreaAbove<'a, P> {
    pub(super) fn new(image: Grid<'a, P>, light: Light, level: Level) -> Self {
        AreaAbove { image, above: P::above(light.threshold), level, counts: Vec::new() }
    }
}

impl<P: Pixel> Family for AreaAbove<'_, P> {
    fn add(&mut self, cell: &Cell<'_>) {
        self.counts.push(match self.above {
            Above::None => 0,
            Above::All => cell.area() as i64,
            Above::Than(limit) => count_runs(self.level, cell.runs, self.image, limit),
        });
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Integers(self.counts)]
    }
}

at_level! {
    /// The number of pixels of the runs that are above `limit`.
    fn count_runs<P: Pixel>(runs: &[Run], image: Grid<'_, P>, limit: P) -> i64 = count_runs_body
}

#[inline(always)]
fn count_runs_body<P: Pixel>(runs: &[Run], image: Grid<'_, P>, limit: P) -> i64 {
    let mut total = 0;
    // Not by `sum`, whose loop would not be part of this function.
    for pixels in ahead::pixels(runs, image) {
        total += count(pixels, limit);
    }
    total
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
