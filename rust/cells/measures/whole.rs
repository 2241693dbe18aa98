//! What is measured of a channel as a whole, each row once.

use super::above::count;
use super::focus::{FOUR, beside, curvature, each_part, variance};
use crate::cells::grid::Grid;
use crate::cells::neighbourhood::Span;
use crate::cells::pixel::{Above, Pixel};
use crate::cells::total::{Product, sums};
use crate::level::{Level, at_level};

pub(in crate::cells) const COLUMNS: &[&str] = &["image_saturated", "image_laplacian_variance"];

/// The columns: the share of the pixels that are at least `limit`, by default the largest of their
/// type (NaN where there is none), and the variance of the Laplacian (NaN below 3 x 3 pixels).
pub(in crate::cells) fn columns<P: Pixel>(image: Grid<'_, P>, limit: Option<f64>) -> [f64; 2] {
    let limit = limit.or(P::LARGEST);
    let above = P::above(limit.map_or(f64::NAN, f64::next_down));
    let (saturated, laplacian) = rows(Level::best(), image, above);
    [limit.map_or(f64::NAN, |_| saturated as f64 / image.values.len() as f64), laplacian]
}

at_level! {
    fn rows<P: Pixel>(image: Grid<'_, P>, above: Above<P>) -> (i64, f64) = rows_body
}

#[inline(always)]
fn rows_body<P: Pixel>(image: Grid<'_, P>, above: Above<P>) -> (i64, f64) {
    let (rows, columns) = image.shape();
    let mut saturated = 0;
    let (mut n, mut sum, mut squares) = (0, P::Total::default(), P::Total::default());
    for row in 0..rows {
        saturated += match above {
            Above::None => 0,
            Above::All => columns as i64,
            Above::Than(below) => count(&image.values[row * columns..(row + 1) * columns], below),
        };
        if row == 0 || row + 1 == rows || columns < 3 {
            continue;
        }
        let inside = Span { row: row as u32, start: 1, end: columns as u32 - 1 };
        each_part(
            &[inside],
            #[inline(always)]
            |span| {
                let parts = sums(beside(image, span, FOUR), |_, pixels| {
                    let value = curvature::<P>(pixels);
                    [value, value * value]
                });
                n += span.length();
                sum += parts[0].part();
                squares += parts[1].part();
            },
        );
    }
    (saturated, variance(n, sum, squares))
}
