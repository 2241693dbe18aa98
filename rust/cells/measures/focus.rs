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

/// The variance of the Laplacian of a whole image; NaN below 3 x 3 pixels.
pub(in crate::cells) fn laplacian_variance<P: Pixel>(image: Grid<'_, P>) -> f64 {
    let (rows, columns) = (image.rows as u32, image.columns as u32);
    let span = |row| Span { row, start: 1, end: columns.saturating_sub(1) };
    let inside: Vec<Span> =
        (1..rows.saturating_sub(1)).map(span).filter(|span| span.start < span.end).collect();
    laplacian(Level::best(), &inside, image)
}

/// Pixels whose sums of squares stay below 2^31 where they are computed in 32 bits.
const TOGETHER: usize = 512;

at_level! {
    /// The columns of one cell.
    fn sharpness<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> [f64; 4] = sharpness_body
}

#[inline(always)]
fn sharpness_body<P: Pixel>(runs: &[Run], around: &Neighbourhood, image: Grid<'_, P>) -> [f64; 4] {
    let mut pairs = Pairs::<P>::from(runs, image);
    let mut brenner = (0, P::Total::default());
    for run in runs {
        pairs.along(run.of(image), &mut brenner);
    }
    for span in &around.down {
        let places = span.places(image.columns);
        let below = places.start + image.columns..places.end + image.columns;
        pairs.across(&image.values[places], &image.values[below]);
    }
    let (brenner_n, brenner) = brenner;
    [
        brenner.number() / brenner_n as f64,
        laplacian_body(&around.inside, image),
        tenengrad_body(&around.deep, image),
        pairs.correlation(),
    ]
}

/// The pixels of a span and those beside them: so many rows below it, so many columns to its right.
#[inline(always)]
fn beside<P, const N: usize>(image: Grid<'_, P>, span: Span, shifts: [(isize, isize); N]) -> [&[P]; N] {
    let places = span.places(image.columns);
    let mut slices = [&image.values[..0]; N];
    for (slice, (rows, columns)) in slices.iter_mut().zip(shifts) {
        let shift = rows * image.columns as isize + columns;
        *slice =
            &image.values[places.start.wrapping_add_signed(shift)..places.end.wrapping_add_signed(shift)];
    }
    slices
}

/// Spans, cut where they are too long to be added up in one go.
#[inline(always)]
fn each_part(spans: &[Span], mut call: impl FnMut(Span)) {
    for &span in spans {
        let mut start = span.start;
        while start < span.end {
            let end = span.end.min(start + TOGETHER as u32);
            call(Span { start, end, ..span });
            start = end;
        }
    }
}

at_level! {
    /// The variance of the Laplacian: four times a pixel less its four neighbours.
    fn laplacian<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 = laplacian_body
}

#[inline(always)]
fn laplacian_body<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 {
    let (mut n, mut sum, mut squares) = (0, P::Total::default(), P::Total::default());
    each_part(
        spans,
        #[inline(always)]
        |span| {
            let pixels = beside(image, span, [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]);
            let parts = sums(pixels, |_, [centre, up, down, left, right]| {
                let value = P::product((centre + centre - up - down) + (centre + centre - left - right));
                [value, value * value]
            });
            n += span.length();
            sum += parts[0].part();
            squares += parts[1].part();
        },
    );
    P::Total::scatter(n, squares, sum, sum) / (n as f64 * n as f64)
}

/// The mean squared length of the gradient, by Sobel's operator.
#[inline(always)]
fn tenengrad_body<P: Pixel>(spans: &[Span], image: Grid<'_, P>) -> f64 {
    const SHIFTS: [(isize, isize); 8] =
        [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];
    let (mut n, mut squares) = (0, P::Total::default());
    each_part(
        spans,
        #[inline(always)]
        |span| {
            let pixels = beside(image, span, SHIFTS);
            let [part] = sums(
                pixels,
                |_, [north_west, north, north_east, west, east, south_west, south, south_east]| {
                    let (falling, rising) = (south_east - north_west, north_east - south_west);
                    let (across, along) = (east - west, south - north);
                    let x = P::product((falling + rising) + (across + across));
                    let y = P::product((falling - rising) + (along + along));
                    [x * x + y * y]
                },
            );
            n += span.length();
            squares += part.part();
        },
    );
    squares.number() / n as f64
}

/// Sums over pairs of neighbours (a, b): of a + b, a² + b² and ab.
struct Pairs<P: Pixel> {
    /// Differences from any pixel of the cell keep the sums small.
    origin: P::Wide,
    n: u64,
    sums: [P::Total; 3],
}

impl<P: Pixel> Pairs<P> {
    fn from(runs: &[Run], image: Grid<'_, P>) -> Self {
        let origin = runs.first().map_or(P::default(), |run| run.of(image)[0]).wide();
        Pairs { origin, n: 0, sums: [P::Total::default(); 3] }
    }

    /// Takes in the pixels of a run and, in the same go, the squared differences of those two apart.
    #[inline(always)]
    fn along(&mut self, pixels: &[P], brenner: &mut (u64, P::Total)) {
        let origin = self.origin;
        if let Some(ends) = pixels.get(2..) {
            brenner.0 += ends.len() as u64;
            let firsts = pixels.chunks(TOGETHER).zip(pixels[1..].chunks(TOGETHER));
            for ((first, second), third) in firsts.zip(ends.chunks(TOGETHER)) {
                let n = third.len();
                let parts = sums([&first[..n], &second[..n], third], |_, [a, b, c]| {
                    let difference = P::product(c - a);
                    let (a, b) = (P::product(a - origin), P::product(b - origin));
                    [a + b, a * a + b * b, a * b, difference * difference]
                });
                self.take(n, [parts[0], parts[1], parts[2]]);
                brenner.1 += parts[3].part();
            }
        }
        // The last two pixels begin no three.
        if let [.., a, b] = *pixels {
            let (a, b) = (P::product(a.wide() - origin), P::product(b.wide() - origin));
            self.take(1, [a + b, a * a + b * b, a * b]);
        }
    }

    /// Takes in pixels and their lower neighbours.
    #[inline(always)]
    fn across(&mut self, above: &[P], below: &[P]) {
        let origin = self.origin;
        for (above, below) in above.chunks(TOGETHER).zip(below.chunks(TOGETHER)) {
            let parts = sums([above, below], |_, [a, b]| {
                let (a, b) = (P::product(a - origin), P::product(b - origin));
                [a + b, a * a + b * b, a * b]
            });
            self.take(above.len(), parts);
        }
    }

    #[inline(always)]
    fn take(&mut self, n: usize, parts: [P::Product; 3]) {
        self.n += n as u64;
        for (sum, part) in self.sums.iter_mut().zip(parts) {
            *sum += part.part();
        }
    }

    /// Pearson's correlation. Each pair is taken both ways, so that either side has the same mean
    /// and variance.
    fn correlation(&self) -> f64 {
        let ([sum, squares, products], n) = (self.sums, 2 * self.n);
        let scatter = P::Total::scatter(n, squares, sum, sum);
        if scatter == 0.0 { f64::NAN } else { P::Total::scatter(n, products.twice(), sum, sum) / scatter }
    }
}
