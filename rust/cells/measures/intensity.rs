//! Statistics of the values of a cell's pixels, wherever they lie.

use super::{Cell, Family, Light, Values};
use crate::cells::grid::Grid;
use crate::cells::pixel::Pixel;
use crate::cells::tally::{Scratch, Tally};

pub(super) const COLUMNS: &[&str] = &[
    "intensity_min",
    "intensity_max",
    "intensity_mean",
    "intensity_std",
    "intensity_median",
    "intensity_p05",
    "intensity_p25",
    "intensity_p75",
    "intensity_p95",
    "intensity_mad",
    "intensity_sum",
    "saturated",
    "entropy",
];

/// All of them are NaN for a cell without pixels; `saturated` where no value is known to be the largest.
pub(super) struct Intensity<'a, P> {
    image: Grid<'a, P>,
    light: Light,
    above: Vec<i64>,
    scratch: Scratch,
    tally: Tally,
    columns: [Vec<f64>; 13],
}

impl<'a, P: Pixel> Intensity<'a, P> {
    pub(super) fn new(image: Grid<'a, P>, light: Light) -> Self {
        Intensity {
            image,
            light,
            above: Vec::new(),
            scratch: Scratch::default(),
            tally: Tally::default(),
            columns: Default::default(),
        }
    }
}

impl<P: Pixel> Family for Intensity<'_, P> {
    fn add(&mut self, cell: &Cell<'_>) {
        P::tally(cell.runs, self.image, &mut self.scratch, &mut self.tally);
        let tally = &self.tally;
        let area = tally.len() as f64;
        let (min, max) = tally.ends();
        let (sum, median) = (tally.sum(), tally.quantile(0.5, P::between));
        let mean = sum / area;
        let saturation = self.light.saturation.or(P::LARGEST);
        let saturated = saturation.map_or(f64::NAN, |limit| tally.at_least(limit) as f64 / area);
        self.above.push(tally.above(self.light.threshold) as i64);
        let row = [
            min,
            max,
            mean,
            tally.variance(mean).sqrt(),
            median,
            tally.quantile(0.05, P::between),
            tally.quantile(0.25, P::between),
            tally.quantile(0.75, P::between),
            tally.quantile(0.95, P::between),
            tally.median_distance(median),
            if area == 0.0 { f64::NAN } else { sum },
            saturated,
            tally.entropy(),
        ];
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        let above = Values::Integers(self.above);
        self.columns.into_iter().map(Values::Reals).chain([above]).collect()
    }
}
