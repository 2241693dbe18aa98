//! The convention of the notebook that this package grew from, to the last bit.
//!
//! All that sets it apart stands in this file:
//!
//! * a 16-bit image with a value above 255 is divided by 255 and wrapped to 8 bits;
//! * the pixels of cells take part in the quantile as zeros;
//! * boxes are inclusive, and the last row and column of each are left out of every count;
//! * where no pixel has label 0, the cell of the lowest id is taken for the background and left out.

use super::background::Background;
use super::grid::Grid;
use super::label::Label;
use super::measure::{Cells, Read, Request};
use super::pixel::Pixel;
use super::scan::Outline;
use crate::{Error, Result};

/// A pixel type as the notebook's reader took it.
pub trait Convertible: Sized {
    /// The pixels wrapped to 8 bits; `None` where they stay as they are.
    ///
    /// # Errors
    /// A type that the notebook could not read.
    fn wrapped_to_8_bits(pixels: &[Self]) -> Result<Option<Vec<u8>>>;
}

impl Convertible for u8 {
    fn wrapped_to_8_bits(_: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

impl Convertible for u16 {
    fn wrapped_to_8_bits(pixels: &[u16]) -> Result<Option<Vec<u8>>> {
        let wraps = pixels.iter().any(|&pixel| pixel > 255);
        Ok(wraps.then(|| pixels.iter().map(|&pixel| (pixel / 255) as u8).collect()))
    }
}

impl Convertible for f32 {
    fn wrapped_to_8_bits(_: &[f32]) -> Result<Option<Vec<u8>>> {
        Err(Error::Value("the image is float32; the notebook's convention is for 8 and 16 bits".into()))
    }
}

/// What [`super::measure`] does, by this convention.
pub(super) fn measure<L: Label, P: Pixel + Convertible>(
    labels: Grid<'_, L>,
    image: Grid<'_, P>,
    request: &Request<'_>,
) -> Result<Cells> {
    match P::wrapped_to_8_bits(image.values)? {
        Some(wrapped) => measure_as_it_is(labels, Grid::new(&wrapped, image.shape()), request),
        None => measure_as_it_is(labels, image, request),
    }
}

fn measure_as_it_is<L: Label, P: Pixel>(
    labels: Grid<'_, L>,
    image: Grid<'_, P>,
    request: &Request<'_>,
) -> Result<Cells> {
    let mut read = Read::new(labels, Some(image), request)?;
    let pixels = image.values.len() as u64;
    read.background.add_equal(P::default(), pixels - read.background_area);
    make_inclusive(&mut read.outline);
    let mut cells = read.measure(Some(image), request)?;
    if cells.background_area == 0 {
        cells.remove_first();
    }
    Ok(cells)
}

/// Cuts the last row and column off every region, and says where the box ends as the notebook does.
fn make_inclusive(outline: &mut Outline) {
    for region in &mut outline.regions {
        region.max_row -= 1;
        region.max_col -= 1;
        region.area = 0;
    }
    let regions = &mut outline.regions;
    outline.runs.retain_mut(|run| {
        let region = &mut regions[run.region as usize];
        run.end = run.end.min(region.max_col);
        let stays = run.row < region.max_row && run.start < run.end;
        if stays {
            region.area += u64::from(run.end - run.start);
        }
        stays
    });
}
