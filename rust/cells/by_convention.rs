//! The one place that knows that there are two conventions.

use super::grid::Grid;
use super::label::Label;
use super::measure::{Cells, Convention, Read, Request};
use super::notebook;
use super::plane::Plane;
use super::scan::Outline;
use crate::Result;

/// Measures every cell of a mask; without a channel, what the mask alone can tell.
///
/// # Errors
/// As [`super::scan`]; a channel of another shape; a measure that is not known or needs the channel or the
/// nuclei that are missing; a NaN pixel; infinite pixels that leave the quantile without a value; a
/// quantile outside 0 to 1; where the convention is the notebook's, a floating-point channel,
/// several channels, or a measure that the notebook does not have.
pub fn measure<L: Label>(
    labels: Grid<'_, L>,
    channels: &[Plane<'_>],
    nuclei: Option<&Outline>,
    request: &Request<'_>,
) -> Result<Cells> {
    match (request.convention, channels) {
        (Convention::Notebook, [_, ..]) => notebook::measure(labels, channels, request),
        _ => Read::new(labels, channels, request)?.measure(channels, nuclei, request),
    }
}
