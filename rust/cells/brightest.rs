//! The brightest pixel of every cell.

use super::pixel::Pixel;
use super::scan::Outline;
use crate::{Error, Result};

/// The largest value within each region, in the order of the outline; `image` is row-major with
/// `columns` columns.
///
/// # Errors
/// A NaN pixel.
pub fn brightest<P: Pixel + Into<f64>>(outline: &Outline, image: &[P], columns: usize) -> Result<Vec<f64>> {
    if P::any_nan(image) {
        return Err(Error::Value("image: found NaN pixels; none of them is the brightest".into()));
    }
    let mut found = vec![f64::NEG_INFINITY; outline.regions.len()];
    for run in &outline.runs {
        let row = run.row as usize * columns;
        let pixels = &image[row + run.start as usize..row + run.end as usize];
        let peak = pixels.iter().fold(pixels[0], |peak, &pixel| if pixel > peak { pixel } else { peak });
        let most = &mut found[run.region as usize];
        *most = most.max(peak.into());
    }
    Ok(found)
}
