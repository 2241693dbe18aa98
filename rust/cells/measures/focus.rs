//! How sharp a cell is: differences between neighbouring pixels, only where all of them lie in the cell.

use super::{Cell, Family, Values};
use crate::cells::grid::Grid;
use crate::cells::neighbourhood::{Neighbourhood, Span};
use crate::cells::pixel::Pixel;
use crate::cells::scan::Run;
use crate::cells::total::{Total, sums};
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
    fn add(&mut self, cell: &Cell<'_>) {
        let Cell { runs, around, .. } = *cell;
        let row = [
            brenner(self.level, runs, self.image),
            laplacian(self.level, &around.inside, self.image),
            tenengrad(self.level, &around.deep, self.image),
            correlation(self.level, runs, around, self.image),
        ];
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
    }

    fn finish(self: Box<Self>) -> Vec<Values> {
        self.columns.into_iter().map(Values::Reals).collect()
    }
}

/// The variance of the Laplacian of a whole image; NaN below 3 x 3 pixels.
pub(in crate::cells) fn laplacian_variance<P: Pixel>(image: Grid<'_, P>) -> f64 {
    let (rows, columns) = (image.rows as u32, image.columns as u32);
    let span = |row| Span { row, start: 1, end: columns.saturating_sub(1) };
    let inside: Vec<Span> = (1..rows.saturating_sub(1)).map(span).filter(|span| span.start < span.end).collect();
    laplacian(Level::best(), &inside, image)
}

/// Pixels whose sums of squares stay below 2^31 where they are computed in 32 bits.
const TOGETHER: usize = 512;

/// The pixels beside those of a span: up to one row above and below, and one column to either side.
struct Beside<'a, P> {
    image: Grid<'a, P>,
    first: usize,
    length: usize,
}

impl<'a, P> Beside<'a, P> {
    #[inline(always)]
    fn shifted(&self, rows: isize, columns: isize) -> &'a [P] {
        let first = self.first as isize + rows * self.image.columns as isize + columns;
        &self.image.values[first as usize..][..self.length]
    }
}

/// The pixels of some spans, a limited number at a time.
#[inline(always)]
fn parts<'a, P: Pixel>(spans: &'a [Span], image: Grid<'a, P>) -> impl Iterator<Item = Beside<'a, P>> {
    spans.iter().flat_map(move |span| {
        let places = span.places(image.columns);
        places.clone().step_by(TOGETHER).map(move |first| Beside {
            image,
            first,
            length: TOGETHER.min(places.end - first),
        })
    })
}

at_level! {
    /// The mean square of the difference of pixels two columns apart.
    fn brenner<P: Pixel>(runs: &[Run], image: Grid<'_, P>) -> f64 = brenner_body
}

#[inline(always)]
fn brenner_body<P: Pixel>(runs: &[Run], image: Grid<'_, P>) -> f64 {
    let (mut n, mut squares) = (0, P::Total::default());
    for run in runs {
        let pixels = run.of(image);
        let Some(ends) = pixels.get(2..) else { continue };
        n += ends.len() as u64;
        for (left, right) in pixels.chunks(TOGETHER).zip(ends.chunks(TOGETHER)) {
            let left = &left[..right.len()];
            let [part] = sums(right.len(), |place| {
                let difference = right[place].wide() - left[place].wide();
                [difference * difference]
            });
            squares += P::Total::of(part);
        }
    }
    squares.number() / n as f64
}

at_level! {
    /// The variance of the Laplacian: four times a pixel less its four neighbours.
    fn laplacian<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 = laplacian_body
}

#[inline(always)]
fn laplacian_body<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 {
    let (mut n, mut sum, mut squares) = (0, P::Total::default(), P::Total::default());
    for here in parts(spans, image) {
        let (up, down) = (here.shifted(-1, 0), here.shifted(1, 0));
        let (left, centre, right) = (here.shifted(0, -1), here.shifted(0, 0), here.shifted(0, 1));
        n += here.length as u64;
        let part = sums(here.length, |place| {
            let twice = centre[place].wide() + centre[place].wide();
            let value = (twice - up[place].wide() - down[place].wide())
                + (twice - left[place].wide() - right[place].wide());
            [value, value * value]
        });
        sum += P::Total::of(part[0]);
        squares += P::Total::of(part[1]);
    }
    P::Total::scatter(n, squares, sum, sum) / (n as f64 * n as f64)
}

at_level! {
    /// The mean squared length of the gradient, by Sobel's operator.
    fn tenengrad<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 = tenengrad_body
}

#[inline(always)]
fn tenengrad_body<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 {
    let (mut n, mut squares) = (0, P::Total::default());
    for here in parts(spans, image) {
        let [north_west, north, north_east] = [-1, 0, 1].map(|column| here.shifted(-1, column));
        let [west, east] = [-1, 1].map(|column| here.shifted(0, column));
        let [south_west, south, south_east] = [-1, 0, 1].map(|column| here.shifted(1, column));
        n += here.length as u64;
        let [part] = sums(here.length, |place| {
            let falling = south_east[place].wide() - north_west[place].wide();
            let rising = north_east[place].wide() - south_west[place].wide();
            let across = east[place].wide() - west[place].wide();
            let along = south[place].wide() - north[place].wide();
            let x = (falling + rising) + (across + across);
            let y = (falling - rising) + (along + along);
            [x * x + y * y]
        });
        squares += P::Total::of(part);
    }
    squares.number() / n as f64
}

at_level! {
    /// Pearson's correlation of the pixels with their right, left, upper and lower neighbours.
    fn correlation<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> f64 = correlation_body
}

#[inline(always)]
fn correlation_body<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> f64 {
    let Some(first) = runs.first() else { return f64::NAN };
    // Differences from any pixel of the cell keep the sums small.
    let origin = first.of(image)[0].wide();
    let (mut n, mut sum) = (0, P::Total::default());
    let (mut squares, mut products) = (P::Total::default(), P::Total::default());
    let mut add = |one: &[P], other: &[P]| {
        for (one, other) in one.chunks(TOGETHER).zip(other.chunks(TOGETHER)) {
            let other = &other[..one.len()];
            n += one.len() as u64;
            let part = sums(one.len(), |place| {
                let (a, b) = (one[place].wide() - origin, other[place].wide() - origin);
                [a + b, a * a + b * b, a * b]
            });
            sum += P::Total::of(part[0]);
            squares += P::Total::of(part[1]);
            products += P::Total::of(part[2]);
        }
    };
    for run in runs {
        let pixels = run.of(image);
        add(&pixels[..pixels.len() - 1], &pixels[1..]);
    }
    for span in &around.down {
        let places = span.places(image.columns);
        let below = places.start + image.columns..places.end + image.columns;
        add(&image.values[places], &image.values[below]);
    }
    // Each pair is taken both ways, so that either side has the same mean and variance.
    let mut twice = products;
    twice += products;
    let scatter = P::Total::scatter(2 * n, squares, sum, sum);
    if scatter == 0.0 { f64::NAN } else { P::Total::scatter(2 * n, twice, sum, sum) / scatter }
}
