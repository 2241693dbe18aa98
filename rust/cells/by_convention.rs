//! The one place that knows that there are two conventions.

use super::grid::Grid;
use super::label::Label;
use super::measure::{Cells, Convention, Read, Request};
use super::notebook::{self, Convertible};
use super::pixel::Pixel;
use crate::Result;

/// Measures every cell of a mask; without an image, what the mask alone can tell.
///
/// # Errors
/// As [`super::scan`]; an image of another shape; a measure that is not known or needs the image that is
/// missing; a NaN pixel; infinite pixels that leave the quantile without a value; a quantile outside
/// 0 to 1; a floating-point image where the convention is the notebook's.
pub fn measure<L: Label, P: Pixel + Convertible>(
    labels: Grid<'_, L>,
    image: Option<Grid<'_, P>>,
    request: &Request<'_>,
) -> Result<Cells> {
    match (request.convention, image) {
        (Convention::Notebook, Some(image)) => notebook::measure(labels, image, request),
        _ => Read::new(labels, image, request)?.measure(image, request),
    }
}
