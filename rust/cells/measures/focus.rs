//! How sharp a cell is: differences between neighbouring pixels, only where all of them lie in the cell.

use super::{Cell, Family, Values};
use crate::cells::grid::Grid;
use crate::cells::neighbourhood::{Neighbourhood, Span};
use crate::cells::pixel::Pixel;
use crate::cells::scan::Run;
use crate::cells::total::{Product, Total, sums};
use crate::level::{Level, at_level};

pub(super) const COLUMNS: &[&str] = &["brenner", "laplacian_variance", "tenengrad", "neighbour_correlation"];

/// Each is NaN where no place of the cell has all the neighbours that it takes; the correlation also
/// where the pixels are all the same.
pub(super) struct Focus<'a, P> {
    image: Grid<'a, P>,
    level: Level,
    columns: [Vec<f64>; 4],
}

impl<'a, P: Pixel> Focus<'a, P> {
    pub(super) fn new(image: Grid<'a, P>, level: Level) -> Self {
        Focus { image, level, columns: Default::default() }
    }
}

impl<P: Pixel> Family for Focus<'_, P> {
    fn looks_around(&self) -> bool {
        true
    }

    fn add(&mut self, cell: &Cell<'_>) {
        let row = sharpness(self.level, cell.runs, cell.around, self.image);
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        self.columns.into_iter().map(Values::Reals).collect()
    }
}

at_level! {
    /// The columns of one cell.
    fn sharpness<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> [f64; 4] = sharpness_body
}

/// Where a pixel's neighbours lie: so many rows further down, so many columns further right.
const EIGHT: [(isize, isize); 9] =
    [(0, 0), (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

/// A pixel and its upper, lower, left and right neighbours.
pub(super) const FOUR: [(isize, isize); 5] = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)];

/// The Laplacian: four times a pixel less its four neighbours.
#[inline(always)]
pub(super) fn curvature<P: Pixel>([centre, up, down, left, right]: [P::Wide; 5]) -> P::Product {
    P::product((centre + centre - up - down) + (centre + centre - left - right))
}

#[inline(always)]
fn sharpness_body<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> [f64; 4] {
    let Some(first) = runs.first() else { return [f64::NAN; 4] };
    let mut found = Sharpness::<P> { origin: first.of(image)[0].wide(), ..Sharpness::default() };
    // Where all eight neighbours lie in the cell, everything is computed in one go.
    each_part(
        &around.deep,
        #[inline(always)]
        |span| found.whole(beside(image, span, EIGHT)),
    );
    // Then the pixels along the outline, each with those of its neighbours that lie in the cell.
    let (mut inside, mut down) = (Members::of(&around.inside), Members::of(&around.down));
    each_other(
        runs,
        &around.deep,
        #[inline(always)]
        |run, column| {
            let place = run.row as usize * image.columns + column as usize;
            if column + 1 < run.end {
                found.pair(image, place, (0, 1));
                if column > run.start {
                    found.brenner(image, place);
                }
            }
            if inside.has(run.row, column) {
                found.laplacian(image, place);
            }
            if down.has(run.row, column) {
                found.pair(image, place, (1, 0));
            }
        },
    );
    found.columns()
}

/// What is added up over a cell. Each sum has a number of its own of places that it is over.
#[derive(Default)]
struct Sharpness<P: Pixel> {
    /// Differences from any pixel of the cell keep sums over pairs small.
    origin: P::Wide,
    centres: u64,
    brenner: P::Total,
    fours: u64,
    laplacian: P::Total,
    laplacian_squares: P::Total,
    eights: u64,
    gradient: P::Total,
    pairs: u64,
    pair_sums: P::Total,
    pair_squares: P::Total,
    pair_products: P::Total,
}

impl<P: Pixel> Sharpness<P> {
    /// Takes in pixels and their eight neighbours.
    #[inline(always)]
    fn whole(&mut self, pixels: [&[P]; 9]) {
        let n = pixels[0].len() as u64;
        let origin = self.origin;
        let parts = sums(
            pixels,
            |_, [centre, north_west, north, north_east, west, east, south_west, south, south_east]| {
                let curvature = curvature::<P>([centre, north, south, west, east]);
                let (falling, rising) = (south_east - north_west, north_east - south_west);
                let (across, along) = (east - west, south - north);
                let x = P::product((falling + rising) + (across + across));
                let y = P::product((falling - rising) + (along + along));
                let across = P::product(across);
                let (a, right, below) =
                    (P::product(centre - origin), P::product(east - origin), P::product(south - origin));
                [
                    curvature,
                    curvature * curvature,
                    x * x + y * y,
                    across * across,
                    a + a + right + below,
                    a * a + a * a + right * right + below * below,
                    a * (right + below),
                ]
            },
        );
        self.laplacian += parts[0].part();
        self.laplacian_squares += parts[1].part();
        self.gradient += parts[2].part();
        self.brenner += parts[3].part();
        self.pair_sums += parts[4].part();
        self.pair_squares += parts[5].part();
        self.pair_products += parts[6].part();
        self.centres += n;
        self.fours += n;
        self.eights += n;
        self.pairs += 2 * n;
    }

    #[inline(always)]
    fn laplacian(&mut self, image: Grid<'_, P>, place: usize) {
        let value = curvature::<P>(FOUR.map(|shift| neighbour(image, place, shift).wide()));
        self.laplacian += value.part();
        self.laplacian_squares += (value * value).part();
        self.fours += 1;
    }

    #[inline(always)]
    fn brenner(&mut self, image: Grid<'_, P>, centre: usize) {
        let across = P::product(image.values[centre + 1].wide() - image.values[centre - 1].wide());
        self.brenner += (across * across).part();
        self.centres += 1;
    }

    #[inline(always)]
    fn pair(&mut self, image: Grid<'_, P>, place: usize, shift: (isize, isize)) {
        let a = P::product(image.values[place].wide() - self.origin);
        let b = P::product(neighbour(image, place, shift).wide() - self.origin);
        self.pair_sums += (a + b).part();
        self.pair_squares += (a * a + b * b).part();
        self.pair_products += (a * b).part();
        self.pairs += 1;
    }

    /// Of the places that there are; NaN where there is none.
    fn columns(&self) -> [f64; 4] {
        // Each pair is taken both ways, so that either side has the same mean and variance.
        let (sum, n) = (self.pair_sums, 2 * self.pairs);
        let scatter = P::Total::scatter(n, self.pair_squares, sum, sum);
        let together = P::Total::scatter(n, self.pair_products.twice(), sum, sum);
        [
            self.brenner.number() / self.centres as f64,
            variance(self.fours, self.laplacian, self.laplacian_squares),
            self.gradient.number() / self.eights as f64,
            if scatter == 0.0 { f64::NAN } else { together / scatter },
        ]
    }
}

pub(super) fn variance<Part, T: Total<Part>>(n: u64, sum: T, squares: T) -> f64 {
    T::scatter(n, squares, sum, sum) / (n as f64 * n as f64)
}

// Places and what is beside them.

#[inline(always)]
fn neighbour<P: Pixel>(image: Grid<'_, P>, place: usize, (rows, columns): (isize, isize)) -> P {
    image.values[place.wrapping_add_signed(rows * image.columns as isize + columns)]
}

/// The pixels of a span and those beside them.
#[inline(always)]
pub(super) fn beside<P, const N: usize>(
    image: Grid<'_, P>,
    span: Span,
    shifts: [(isize, isize); N],
) -> [&[P]; N] {
    let places = span.places(image.columns);
    let mut slices = [&image.values[..0]; N];
    for (slice, (rows, columns)) in slices.iter_mut().zip(shifts) {
        let shift = rows * image.columns as isize + columns;
        *slice =
            &image.values[places.start.wrapping_add_signed(shift)..places.end.wrapping_add_signed(shift)];
    }
    slices
}

/// Pixels whose sums of squares stay below 2^31 where they are computed in 32 bits.
const TOGETHER: u32 = 512;

/// Spans, cut where they are too long to be added up in one go.
#[inline(always)]
pub(super) fn each_part(spans: &[Span], mut call: impl FnMut(Span)) {
    for &span in spans {
        let mut start = span.start;
        while start < span.end {
            let end = span.end.min(start + TOGETHER);
            call(Span { start, end, ..span });
            start = end;
        }
    }
}

/// The pixels of runs that are in none of these spans, which lie within them.
#[inline(always)]
fn each_other(runs: &[Run], spans: &[Span], mut call: impl FnMut(Run, u32)) {
    let mut spans = spans.iter().peekable();
    for &run in runs {
        let mut start = run.start;
        while let Some(span) = spans.next_if(|span| (span.row, span.start) < (run.row, run.end)) {
            (start..span.start).for_each(|column| call(run, column));
            start = span.end;
        }
        (start..run.end).for_each(|column| call(run, column));
    }
}

/// Spans that are asked which pixels they hold, in the order of the pixels.
struct Members<'a>(&'a [Span]);

impl<'a> Members<'a> {
    fn of(spans: &'a [Span]) -> Self {
        Members(spans)
    }

    #[inline(always)]
    fn has(&mut self, row: u32, column: u32) -> bool {
        while let [first, rest @ ..] = self.0
            && (first.row, first.end) <= (row, column)
        {
            self.0 = rest;
        }
        self.0.first().is_some_and(|first| (first.row, first.start) <= (row, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same_at_all_levels<P: Pixel>(pixels: &[P], columns: usize, seed: u64) {
        let image = Grid::new(pixels, (pixels.len() / columns, columns));
        let mut runs: Vec<Run> = Vec::new();
        for row in 0..image.rows as u32 {
            let left = (seed >> (row % 40)) as u32 % columns as u32;
            let right = left + 1 + (seed >> (row % 23)) as u32 % (columns as u32 - left);
            runs.push(Run { row, start: left, end: right, region: 0 });
        }
        let mut around = Neighbourhood::default();
        around.find(&runs, image.shape());
        let found = Level::available().into_iter().map(|level| sharpness(level, &runs, &around, image));
        let bits: Vec<_> = found.map(|row| row.map(f64::to_bits)).collect();
        assert!(bits.iter().all(|one| *one == bits[0]));
    }

    proptest! {
        #[test]
        fn a_level_changes_no_bit(columns in 1..90_usize, rows in 1..20_usize, seed: u64) {
            let bytes: Vec<u8> = (0..rows * columns)
                .map(|place| ((place as u64 + 1).wrapping_mul(seed | 1) >> 27) as u8)
                .collect();
            same_at_all_levels(&bytes, columns, seed);
            let words: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte) * 257).collect();
            same_at_all_levels(&words, columns, seed);
            let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) * 0.1).collect();
            same_at_all_levels(&floats, columns, seed);
        }
    }
}
