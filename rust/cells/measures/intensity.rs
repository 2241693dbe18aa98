//! How bright the pixels of a cell are.

use super::{Family, Values};
use crate::cells::grid::Grid;
use crate::cells::pixel::Pixel;
use crate::cells::scan::Run;
use crate::level::Level;

/// `intensity_max`: the brightest pixel; NaN where there is none.
pub(super) struct Intensity {
    max: Vec<f64>,
}

impl Intensity {
    pub(super) fn new(regions: usize) -> Self {
        Intensity { max: vec![f64::NAN; regions] }
    }
}

impl<P: Pixel> Family<P> for Intensity {
    fn add(&mut self, _: Level, runs: &[Run], image: Grid<'_, P>) {
        for run in runs {
            let pixels = run.of(image);
            let peak = pixels.iter().fold(pixels[0], |peak, &pixel| if pixel > peak { pixel } else { peak });
            let max = &mut self.max[run.region as usize];
            *max = max.max(peak.into());
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Reals(self.max)]
    }
}
