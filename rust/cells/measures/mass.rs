//! Where in a cell its brightness lies.

use super::{Cell, Family, Values};
use crate::cells::grid::Grid;
use crate::cells::pixel::Pixel;
use crate::cells::scan::Run;
use crate::cells::total::{Product, sums};
use crate::level::{Level, at_level};

pub(super) const COLUMNS: &[&str] = &["intensity_edge_mean", "mass_displacement"];

/// The mean of the outline, and the distance from the centroid to the centre of mass; NaN where no
/// pixel of the cell lies on an outline, and where its pixels add up to 0.
pub(super) struct Mass<'a, P> {
    image: Grid<'a, P>,
    level: Level,
    edge_mean: Vec<f64>,
    displacement: Vec<f64>,
}

impl<'a, P: Pixel> Mass<'a, P> {
    pub(super) fn new(image: Grid<'a, P>, level: Level) -> Self {
        Mass { image, level, edge_mean: Vec::new(), displacement: Vec::new() }
    }
}

impl<P: Pixel> Family for Mass<'_, P> {
    fn looks_around(&self) -> bool {
        true
    }

    fn add(&mut self, cell: &Cell<'_>) {
        let (mut n, mut sum) = (0, 0.0);
        for span in cell.around.outline() {
            n += span.length();
            for &pixel in &self.image.values[span.places(self.image.columns)] {
                sum += pixel.into();
            }
        }
        self.edge_mean.push(sum / n as f64);
        self.displacement.push(displacement(self.level, cell.runs, self.image));
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        vec![Values::Reals(self.edge_mean), Values::Reals(self.displacement)]
    }
}

/// Pixels whose weighted sums stay below 2^31 where they are computed in 32 bits.
const TOGETHER: usize = 2048;

at_level! {
    fn displacement<P: Pixel>(runs: &[Run], image: Grid<'_, P>) -> f64 = displacement_body
}

#[inline(always)]
fn displacement_body<P: Pixel>(runs: &[Run], image: Grid<'_, P>) -> f64 {
    let Some(first) = runs.first() else { return f64::NAN };
    // Places are counted from the first row and the first run's column, so that numbers stay small.
    let left = runs.iter().map(|run| run.start).min().unwrap_or(0);
    let (mut area, mut rows, mut columns) = (0, 0, 0);
    let (mut mass, mut mass_rows, mut mass_columns) = (0.0, 0.0, 0.0);
    for run in runs {
        let n = run.length();
        area += n;
        rows += i64::from(run.row - first.row) * n;
        columns += (i64::from(run.start - left) * 2 + n - 1) * n / 2;
        for (number, pixels) in run.of(image).chunks(TOGETHER).enumerate() {
            let [sum, places] = sums([pixels], |place, [pixel]| {
                let pixel = P::product(pixel);
                [pixel, pixel * P::Product::at(place)]
            });
            let (sum, places) = (sum.number(), places.number());
            let start = f64::from(run.start - left) + (number * TOGETHER) as f64;
            mass += sum;
            mass_rows += sum * f64::from(run.row - first.row);
            mass_columns += places + sum * start;
        }
    }
    let area = area as f64;
    let row = mass_rows / mass - rows as f64 / area;
    let column = mass_columns / mass - columns as f64 / area;
    if mass == 0.0 { f64::NAN } else { row.hypot(column) }
}
